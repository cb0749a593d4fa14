"""A block of doctest lines → examples.

Each statement with an expected answer is one example; what stands before it in the block is its set-up. What an answer is compared
as is decided here: a traceback, a number after `≈`, a Python literal, or the text that would be printed.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass, field

from orchestrator.model import Compare

PRINTS = re.compile(r"\bprint(?:s|ed|ing)?\b|\bstandard output\b|\bstdout\b", re.IGNORECASE)
"""Prose that says an answer is printed: a literal then stands for text."""

MAX_DEPTH = 150
"""Levels of nesting in an example; beyond, Python's own tools for source run out of stack."""

MAX_STATEMENTS = 200
"""Statements or commands of one block; each example carries all that stand before it."""

_DIRECTIVE = re.compile(r"#\s*doctest:\s*([^\n'\"]*)$", re.MULTILINE)
_TRACEBACK = re.compile(r"Traceback \((?:most recent call|innermost) last\):[ \t]*\n(?:[ \t].*\n|\.\.\.[ \t]*\n|\n)*(?P<said>\w[\s\S]*)")
_RAISED = re.compile(r"(?P<type>[^\W\d]\w*(?:\.[^\W\d]\w*)*)(?::[ \t]*(?P<message>[\s\S]*))?")


@dataclass(frozen=True)
class Answer:
    """How an example ends: fields of `orchestrator.model.Example`."""

    compare: Compare
    expected: str
    raises: str = ""


@dataclass(frozen=True)
class Found:
    """An example of a block, before it has an identifier."""

    setup: tuple[str, ...]
    call: str
    answer: Answer
    line: int
    ellipsis: bool = False
    stdin: str = ""
    exit_code: int = 0


@dataclass(frozen=True)
class Remark:
    """A problem of a block, before it has a path."""

    line: int
    code: str
    message: str
    hint: str = ""
    error: bool = True


@dataclass
class _Statement:
    line: int
    source: list[str]
    expected: list[str] = field(default_factory=list)


def has_prompt(text: str) -> bool:
    return re.search(r"^[ \t]*>>>", text, re.MULTILINE) is not None


def read(text: str, line: int, printed: bool = False) -> tuple[list[Found], list[Remark]]:
    """The examples of a block that begins on `line`; `printed` when the prose around it says that answers are printed."""
    remarks: list[Remark] = []
    examples: list[Found] = []
    setup: list[str] = []
    skipped = False
    statements = _statements(text, line, remarks)
    if len(statements) > MAX_STATEMENTS:
        return [], [*remarks, too_long(line)]
    for statement in statements:
        source = "\n".join(statement.source)
        expected = "\n".join(statement.expected)
        source, options = _directives(source, statement.line, remarks)
        if "+SKIP" in options:
            skipped = True
            remarks.append(Remark(statement.line, "skipped-example", "marked `+SKIP`: not run, not proved", error=False))
            continue
        parts, remark = _parts(source, statement.line)
        if remark:
            remarks.append(remark)
            continue
        if not parts:
            continue
        setup.extend(parts[:-1])
        if expected:
            ellipsis = "+ELLIPSIS" in options
            answer = answer_of(expected, parts[-1], printed or (ellipsis and "..." in expected))
            if isinstance(answer, str):
                remarks.append(Remark(statement.line + len(statement.source), "bad-example", answer))
            else:
                examples.append(Found(tuple(setup), parts[-1], answer, statement.line, ellipsis))
        setup.append(parts[-1])
    if setup and not examples and not skipped and not any(remark.error for remark in remarks):
        hint = "write the expected answer on the line below the call"
        remarks.append(Remark(line, "example-without-answer", "this block calls something but expects no answer", hint, error=False))
    return examples, remarks


def too_long(line: int) -> Remark:
    return Remark(line, "block-too-long", f"more than {MAX_STATEMENTS} statements in one block", "part it into several blocks")


def compiles(source: str, mode: str = "exec") -> str:
    """Why the text is not valid Python; '' when it is. Nothing is run."""
    try:
        tree = parse(source, mode)
        if _depth(tree) > MAX_DEPTH:
            return "nested too deeply"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "<example>", mode, dont_inherit=True)
    except SyntaxError as error:
        return error.msg or "invalid syntax"
    except (ValueError, OverflowError, MemoryError, RecursionError) as error:
        return str(error) or type(error).__name__
    return ""


def parse(source: str, mode: str = "exec") -> ast.AST:
    """`ast.parse` without warnings about what the author wrote. Raises SyntaxError and its kin."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source, mode=mode)


def _depth(tree: ast.AST) -> int:
    level: list[ast.AST] = [tree]
    depth = 0
    while level:
        depth += 1
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return depth


def literal(source: str) -> bool:
    """Whether the text is one Python literal (`...` is none: it stands for any text)."""
    try:
        tree = parse(source.strip(), "eval")
        ast.literal_eval(tree)
    except (ValueError, TypeError, SyntaxError, OverflowError, MemoryError, RecursionError):
        return False
    return not any(isinstance(node, ast.Constant) and node.value is ... for node in ast.walk(tree))


def answer_of(expected: str, call: str, printed: bool) -> Answer | str:
    """What the text under a call stands for, or why it stands for nothing."""
    if expected.startswith("Traceback ("):
        return _raised(expected)
    if expected.startswith("≈"):
        return approximate(expected)
    if not printed and _may_be_value(call) and literal(expected):
        return Answer("value", expected)
    return Answer("text", re.sub(r"(?m)^<BLANKLINE>$", "", expected))


def approximate(expected: str) -> Answer | str:
    """The answer `≈ 3.14`, or why it is none."""
    number = expected.removeprefix("≈").strip()
    if not re.fullmatch(r"[-+]?(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][-+]?\d+)?", number) or not literal(number):
        return f"`≈` wants one number after it, found `{number}`"
    return Answer("approx", number)


def _raised(expected: str) -> Answer | str:
    match = _TRACEBACK.match(expected + "\n")
    raised = _RAISED.fullmatch(match["said"].rstrip("\n")) if match else None
    if raised is None:
        return "this traceback names no exception: end it with a line such as `ValueError: message`"
    return Answer("raises", (raised["message"] or "").rstrip(), raised["type"])


def _may_be_value(call: str) -> bool:
    tree = parse(call)
    if not isinstance(tree, ast.Module) or len(tree.body) != 1 or not isinstance(tree.body[0], ast.Expr):
        return False
    value = tree.body[0].value
    return not (isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "print")


def _parts(source: str, line: int) -> tuple[list[str], Remark | None]:
    """The statements of one prompt, each as source: usually one, more when they are parted by `;`."""
    wrong = compiles(source)
    if wrong:
        return [], Remark(line, "bad-example", f"not valid Python: {wrong}", f"found `{source.splitlines()[0].strip()}`")
    tree = parse(source)
    body = tree.body if isinstance(tree, ast.Module) else []
    if len(body) < 2:
        return ([source.strip("\n")] if body else []), None
    return [ast.get_source_segment(source, node) or ast.unparse(node) for node in body], None


def _directives(source: str, line: int, remarks: list[Remark]) -> tuple[str, set[str]]:
    options: set[str] = set()
    for match in _DIRECTIVE.finditer(source):
        options.update(match[1].replace(",", " ").split())
    for option in sorted(options - {"+ELLIPSIS", "+SKIP"}):
        if not option.startswith("-"):
            message = f"the doctest directive `{option}` is not supported and has no effect"
            remarks.append(Remark(line, "unsupported-directive", message, "`+ELLIPSIS` and `+SKIP` are", error=False))
    return re.sub(r"[ \t]+(?=\n|\Z)", "", _DIRECTIVE.sub("", source)) if options else source, options


def _statements(text: str, line: int, remarks: list[Remark]) -> list[_Statement]:
    """Prompts and what follows them; an answer ends at a blank line, as in doctest."""
    found: list[_Statement] = []
    indent = ""
    state = "outside"
    for number, raw in enumerate(text.split("\n"), line):
        stripped = raw.strip()
        if stripped.startswith(">>>"):
            indent = raw[: len(raw) - len(raw.lstrip())]
            if stripped != ">>>" and not stripped.startswith(">>> "):
                remarks.append(Remark(number, "bad-example", "a blank is missing after `>>>`", f"found `{stripped}`"))
                state = "broken"
                continue
            found.append(_Statement(number, [stripped[4:]]))
            state = "source"
        elif state == "source" and (stripped == "..." or raw.removeprefix(indent).startswith("... ")):
            found[-1].source.append(raw.removeprefix(indent)[4:])
        elif not stripped:
            state = "outside"
        elif state in ("source", "expected"):
            state = "expected"
            found[-1].expected.append(raw.removeprefix(indent).rstrip())
        elif state == "outside" and found and not stripped.startswith("#"):
            state = "stray"
            hint = "write an empty line of an answer as <BLANKLINE>"
            remarks.append(Remark(number, "text-after-blank-line", "not read: an answer ends at the first empty line", hint, error=False))
    return found
