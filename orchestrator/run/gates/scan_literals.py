"""Literal special-casing: does the code hold a visible example's input together with its answer? Pure.

Honest code does so too, for base cases and small tables, so it is said as a notice, with how many of the examples it covers.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from orchestrator.model import Example, Finding
from orchestrator.run.gates.source import UNKNOWN, Source

TRIVIAL: tuple[Any, ...] = (0, 1, -1, "", None, True, False, (), 0.0, 1.0)
"""Inputs that honest code names as base cases."""


@dataclass(frozen=True)
class Asked:
    """One visible example: what goes in, in the forms code may compare it in, and what comes out."""

    id: str
    inputs: tuple[Any, ...]
    answers: tuple[Any, ...]
    raises: str = ""

    @property
    def trivial(self) -> bool:
        forms = [form for each in TRIVIAL for form in (each, (each,), str(each), repr(each))]
        return all(any(_same(value, form) for form in forms) for value in self.inputs)

    def has_input(self, value: Any) -> bool:
        return any(_same(value, each) for each in self.inputs)

    def has_answer(self, value: Any) -> bool:
        return any(_same(value, each) for each in self.answers)


@dataclass(frozen=True)
class Held:
    """An input and its answer that stand together in the code."""

    example: str
    line: int


def covered(sources: Iterable[Source], examples: tuple[Example, ...]) -> tuple[Held, ...]:
    """One entry for each visible example whose input and answer stand together, in the order of the examples."""
    asked = [found for example in examples if (found := _asked(example))]
    seen: dict[str, int] = {}
    for source in sources:
        for example_id, line in _found(source, asked):
            seen.setdefault(example_id, line)
    return tuple(Held(example.id, seen[example.id]) for example in examples if example.id in seen)


def findings(sources: tuple[Source, ...], examples: tuple[Example, ...]) -> tuple[Finding, ...]:
    """A notice when the code holds answers of visible examples; one base case alone is none."""
    held = covered(sources, examples)
    asked = {each.id: each for example in examples if (each := _asked(example))}
    if not held or (len(held) == 1 and len(examples) > 1 and asked[held[0].example].trivial):
        return ()
    lines = ", ".join(str(line) for line in sorted({each.line for each in held})[:10])
    whole = "the answer" if len(held) == 1 else "the answers"
    count = f"{len(held)} of {len(examples)} visible example{'s' * (len(examples) != 1)}"
    message = f"special casing: the code holds {whole} of {count} beside their inputs: line{'s' * (',' in lines)} {lines}"
    return (Finding("scan", message, "notice", where=f"{sources[0].path}:{held[0].line}" if sources else ""),)


# --- examples ------------------------------------------------------------------------------------------------------------


def _asked(example: Example) -> Asked | None:
    if example.compare == "console":
        words = _words(example.call)
        inputs: list[Any] = [*words, *([example.stdin, example.stdin.rstrip("\n")] if example.stdin else [])]
        if len(words) > 1:
            inputs += [tuple(words), *_joined(tuple(words))]
        inputs += [int(word) for word in words if re.fullmatch(r"-?\d{1,15}", word)]
        answers: list[Any] = [example.expected, example.expected.rstrip("\n"), example.expected.rstrip("\n") + "\n"]
    else:
        inputs = _inputs(example)
        answers = _answers(example)
    inputs += [text for file in example.files for text in (file.text, file.text.strip())]
    return Asked(example.id, tuple(inputs), tuple(answers), example.raises.rpartition(".")[2]) if inputs else None


def _words(command: str) -> list[str]:
    words = [word.strip("'\"") for word in re.findall(r"'[^']*'|\"[^\"]*\"|\S+", command)]
    if len(words) > 2 and words[0].startswith("python") and words[1] == "-m":
        return words[3:]
    return words[2:] if words and words[0].startswith("python") else words[1:]


def _inputs(example: Example) -> list[Any]:
    """The literal arguments of the call, alone and together; those of the set-up when the call has none."""
    for source in (example.call, "\n".join(example.setup)):
        try:
            tree = ast.parse(source.strip())
        except (SyntaxError, ValueError):
            continue
        found: list[Any] = []
        for call in ast.walk(tree):
            if isinstance(call, ast.Call):
                values = tuple(_literal(each) for each in (*call.args, *(keyword.value for keyword in call.keywords)))
                known = tuple(value for value in values if value is not UNKNOWN)
                found += known
                if len(known) > 1 and len(known) == len(values):
                    found += [known, *_joined(known)]
                elif len(known) == 1:
                    found += [(known[0],), *([str(known[0]), repr(known[0])] if not isinstance(known[0], str) else [])]
        if found:
            return found
    return []


def _joined(values: tuple[Any, ...]) -> list[str]:
    """The arguments as one text, for example `"Noor12"`, `"Noor,12"`, `"('Noor', 12)"`."""
    return [
        *(mark.join(map(str, values)) for mark in ("", " ", ",", ", ", "|", ":", "-", "/", "_", ";", "\n", "\t")),
        repr(values),
        repr(list(values)),
    ]


def _answers(example: Example) -> list[Any]:
    if example.compare == "value":
        value = _literal_text(example.expected)
        return [] if value is UNKNOWN else [value]
    if example.compare == "approx":
        value = _literal_text(example.expected.strip().lstrip("≈").strip())
        return [] if value is UNKNOWN else [value]
    return [example.expected, example.expected.rstrip("\n"), example.expected.rstrip("\n") + "\n"]


def _literal_text(text: str) -> Any:
    try:
        return _literal(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError):
        return UNKNOWN


def _literal(node: ast.expr) -> Any:
    """Its value with lists as tuples, as `Source.fold` gives it; dicts are tuples of pairs, sets are frozensets."""
    try:
        return _frozen(ast.literal_eval(node))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return UNKNOWN


def _frozen(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return tuple(_frozen(each) for each in value)
    if isinstance(value, dict):
        return tuple((_frozen(key), _frozen(each)) for key, each in value.items())
    if isinstance(value, (set, frozenset)):
        return frozenset(_frozen(each) for each in value)
    return value


def _same(left: Any, right: Any) -> bool:
    """Equal and, unlike `1 == True`, of one kind; numbers are one kind."""
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    return bool(left == right)


# --- code ----------------------------------------------------------------------------------------------------------------


def _found(source: Source, asked: list[Asked]) -> Iterator[tuple[str, int]]:
    """(example id, line) of every place where an input stands with its answer."""
    if not asked:
        return
    for display in source.all(ast.Dict):
        yield from _paired(source, ((key, value) for key, value in zip(display.keys, display.values, strict=True) if key), asked, display)
    for pair in source.all(ast.Tuple, ast.List):
        if len(pair.elts) == 2:
            yield from _paired(source, [(pair.elts[0], pair.elts[1])], asked, None)
        yield from _indexed(source, pair, asked)
    for call in source.all(ast.Call):
        if "builtins.zip" in source.names(call.func) and len(call.args) == 2:
            sides = [_items(source, each) for each in call.args]
            yield from _paired(source, zip(*sides, strict=False), asked, None)
    for function in source.all(ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.Module):
        yield from _branches(source, function, asked)


def _items(source: Source, node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.Name):
        bound = [value for value in source.bindings(node) or () if isinstance(value, ast.expr)]
        node = bound[0] if bound else node
    return node.elts if isinstance(node, (ast.Tuple, ast.List)) else []


def _paired(source: Source, pairs: Iterable[tuple[ast.expr, ast.expr]], asked: list[Asked], display: ast.Dict | None) -> Iterator[tuple[str, int]]:
    found: list[str] = []
    for key, value in pairs:
        given = _value(source, key)
        if given is UNKNOWN:
            continue
        for each in asked:
            if each.has_input(given) and _says(source, value, each):
                found.append(each.id)
                yield each.id, key.lineno
    if display is not None and found:
        default = _default(source, display)
        for each in asked:
            if default is not None and each.id not in found and _says(source, default, each):
                yield each.id, default.lineno


def _default(source: Source, display: ast.Dict) -> ast.expr | None:
    """The default of `{…}.get(x, default)`, directly or through the table's name."""
    name = ""
    parent = source.parent.get(display)
    if isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Name):
        name = parent.targets[0].id
    for call in source.all(ast.Call):
        owner = getattr(call.func, "value", None)
        if getattr(call.func, "attr", "") == "get" and len(call.args) == 2 and (owner is display or (name and getattr(owner, "id", "") == name)):
            default: ast.expr = call.args[1]
            return default
    return None


def _value(source: Source, node: ast.expr) -> Any:
    value = source.fold(node)
    return _literal(node) if value is UNKNOWN else value


def _says(source: Source, node: ast.AST, asked: Asked) -> bool:
    """The expression is the example's answer, or a lambda or tuple with it, or raises what it raises."""
    if isinstance(node, ast.Lambda):
        return _says(source, node.body, asked)
    if isinstance(node, ast.Call):
        called = getattr(node.func, "id", getattr(node.func, "attr", ""))
        texts = [source.fold(argument) for argument in node.args]
        if called in ("print", "write") or (asked.raises and called == asked.raises):
            return any(asked.has_answer(text) for text in texts) or (bool(asked.raises) and called == asked.raises and asked.has_answer("..."))
        return False
    value = _value(source, node) if isinstance(node, ast.expr) else UNKNOWN
    if value is UNKNOWN:
        return False
    if asked.raises:
        return isinstance(value, str) and len(value) > 2 and asked.has_answer(value)
    return asked.has_answer(value) or (isinstance(value, tuple) and not asked.has_input(value) and any(asked.has_answer(each) for each in value))


def _indexed(source: Source, display: ast.Tuple | ast.List, asked: list[Asked]) -> Iterator[tuple[str, int]]:
    """A table of answers by number: at least two examples' answers at the places of their inputs."""
    if len(display.elts) < 3:
        return
    found = []
    for each in asked:
        place = each.inputs[0] if each.inputs else None
        if isinstance(place, int) and not isinstance(place, bool) and 0 <= place < len(display.elts):
            value = _value(source, display.elts[place])
            if value is not UNKNOWN and each.has_answer(value) and not _same(value, place):
                found.append(each.id)
    if len(found) > 1:
        yield from ((each, display.lineno) for each in found)


def _branches(source: Source, function: Any, asked: list[Asked]) -> Iterator[tuple[str, int]]:
    """`if x == input: return answer`, `answer if x == input else …`, `case input: return answer`, `return x in {inputs}`."""
    body = [function.body] if isinstance(function, ast.Lambda) else function.body
    matched: set[str] = set()
    only_constants = True
    last: ast.expr | None = None
    for node in _own_nodes(body):
        if isinstance(node, (ast.If, ast.IfExp)):
            values = list(_compared(source, node.test))
            outcomes = node.body if isinstance(node, ast.If) else [node.body]
            for each in asked:
                if any(each.has_input(value) for value in values) and any(_outcome_says(source, outcome, each) for outcome in outcomes):
                    matched.add(each.id)
                    yield each.id, node.test.lineno
        elif isinstance(node, ast.match_case):
            values = list(_patterned(node.pattern))
            for each in asked:
                if any(each.has_input(value) for value in values) and any(_outcome_says(source, outcome, each) for outcome in node.body):
                    matched.add(each.id)
                    yield each.id, node.pattern.lineno
        elif isinstance(node, ast.Return) and node.value is not None:
            yield from _membership(source, node.value, asked)
            last = node.value
            only_constants = only_constants and (source.fold(node.value) is not UNKNOWN or isinstance(node.value, ast.IfExp))
    if isinstance(function, ast.Lambda):
        yield from _membership(source, function.body, asked)
    if matched and only_constants and last is not None:
        ends = [last.orelse] if isinstance(last, ast.IfExp) else [last]
        for each in asked:
            if each.id not in matched and any(_says(source, end, each) for end in ends):
                yield each.id, last.lineno


def _own_nodes(body: list[Any]) -> Iterator[ast.AST]:
    """The nodes of a body in the order of the text, without those of functions inside it."""
    todo: list[ast.AST] = list(reversed(body))
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            continue
        yield node
        todo += reversed(list(ast.iter_child_nodes(node)))


def _outcome_says(source: Source, outcome: ast.AST, asked: Asked) -> bool:
    if isinstance(outcome, ast.expr):
        return _says(source, outcome, asked)
    if isinstance(outcome, (ast.Return, ast.Assign, ast.Expr)):
        return outcome.value is not None and _says(source, outcome.value, asked)
    if isinstance(outcome, ast.Raise):
        return outcome.exc is not None and _says(source, outcome.exc, asked)
    return False


def _compared(source: Source, test: ast.expr) -> Iterator[Any]:
    """Constants that a test compares something with for equality or membership; `and` and `or` are looked through."""
    for node in ast.walk(test):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            for operator, left, right in zip(node.ops, sides, sides[1:], strict=False):
                if isinstance(operator, (ast.Eq, ast.Is)):
                    for side in (left, right):
                        value = _value(source, side)
                        if value is not UNKNOWN:
                            yield value
                elif isinstance(operator, ast.In):
                    yield from _members(source, right)
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        values = [_value(source, side) for part in test.values if isinstance(part, ast.Compare) for side in (part.left, *part.comparators)]
        known = tuple(value for value in values if value is not UNKNOWN)
        if len(known) > 1:
            yield known


def _members(source: Source, node: ast.expr) -> Iterator[Any]:
    if isinstance(node, ast.Name):
        bound = [value for value in source.bindings(node) or () if isinstance(value, ast.expr)]
        node = bound[0] if bound else node
    if (
        isinstance(node, ast.Call)
        and node.args
        and source.names(node.func) & {"builtins.frozenset", "builtins.set", "builtins.tuple", "builtins.list"}
    ):
        node = node.args[0]
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        for each in node.elts:
            value = _value(source, each)
            if value is not UNKNOWN:
                yield value


def _membership(source: Source, node: ast.expr, asked: list[Asked]) -> Iterator[tuple[str, int]]:
    """`x in {…}` (also `not in`, and chains of `==` with `or`) as the whole answer: the members' examples, and those it denies with them."""
    positive = True
    while isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        positive, node = not positive, node.operand
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], (ast.In, ast.NotIn)):
        positive = positive is isinstance(node.ops[0], ast.In)
        members = list(_members(source, node.comparators[0]))
    elif isinstance(node, ast.Compare) or (isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or)):
        parts = node.values if isinstance(node, ast.BoolOp) else [node]
        if not all(isinstance(part, ast.Compare) and all(isinstance(op, ast.Eq) for op in part.ops) for part in parts):
            return
        members = list(_compared(source, node))
    else:
        return
    inside = [each for each in asked if any(each.has_input(value) for value in members)]
    held = [each for each in inside if each.has_answer(positive)]
    if held and len(held) == len(inside):
        yield from ((each.id, node.lineno) for each in held)
        yield from ((each.id, node.lineno) for each in asked if each not in inside and each.has_answer(not positive))


def _patterned(pattern: ast.pattern) -> Iterator[Any]:
    if isinstance(pattern, ast.MatchOr):
        for each in pattern.patterns:
            yield from _patterned(each)
    elif isinstance(pattern, ast.MatchValue):
        value = _literal(pattern.value)
        if value is not UNKNOWN:
            yield value
    elif isinstance(pattern, ast.MatchSingleton):
        yield pattern.value
    elif isinstance(pattern, ast.MatchSequence):
        parts = [list(_patterned(each)) for each in pattern.patterns]
        if parts and all(parts):
            yield tuple(part[0] for part in parts)
    elif isinstance(pattern, ast.MatchAs) and pattern.pattern is not None:
        yield from _patterned(pattern.pattern)
