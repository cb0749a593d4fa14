"""Source before and after → the same source with a mark for every branch that changed, so that it can be seen which of them examples run. Pure.

Marks are inserted into the text, so that lines stay where they are. There is one for each statement (it counts when the statement gets to its
end), for the body of each lambda and comprehension, and two for each condition: it was true, it was false. Comparisons are conditions wherever
they stand. What does nothing but raise needs no example (a mark that is `idle`), nor does what was there before.
"""

from __future__ import annotations

import ast
import io
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from orchestrator.run.mutants import changed_functions, is_aside, is_log, parsed

Kind = Literal["runs", "true", "false"]
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Mark:
    """Something that an example should make happen."""

    path: str
    function: str
    """Qualified name of the outermost function, for example `Purse.pay`; '' for the module itself."""
    line: int
    end_line: int
    kind: Kind
    """`runs`: it gets to its end; `true`, `false`: the condition came out so."""
    text: str
    """The condition as it is written; '' for a statement."""
    idle: bool = False
    """Needs no example: it does nothing but raise, or it was there before."""
    leads: int = 0
    """First line of what a condition leads to when it comes out so; 0 when that is not known."""


@dataclass(frozen=True)
class Marked:
    """Changed files with marks in them. Mark n is byte n of the file that the environment variable `name` names."""

    name: str
    texts: dict[str, str]
    marks: tuple[Mark, ...]
    unmarked: tuple[str, ...]
    """Paths of files in which no marks could be set."""
    modules: tuple[str, ...]
    """Of the standard library that the files import."""
    alone: frozenset[tuple[str, str]]
    """(path, function) of new functions and methods that no code of these files names: nothing else depends on them."""


PRELUDE = """
def {name}():
    import mmap, os
    try:
        place = os.open(os.environ["{name}"], os.O_RDWR)
        try:
            return mmap.mmap(place, 0)
        finally:
            os.close(place)
    except (KeyError, OSError, ValueError):
        return bytearray({size})
{name} = {name}()
def {name}r(number, value):
    {name}[number] = 1
    return value
def {name}c(number, value):
    try:
        {name}[number + (not value)] = 1
    except Exception:
        {name}[number] = {name}[number + 1] = 1
    return value
"""

SAYS_WHETHER = frozenset({"bool", "any", "all", "isinstance", "issubclass", "callable", "hasattr", "startswith", "endswith"})
SAYS_WHETHER |= frozenset({"isatty", "isdigit", "isalpha", "isalnum", "isspace", "isupper", "islower", "isdecimal", "isnumeric", "is_file", "exists"})
SAYS_WHETHER |= frozenset({"lt", "le", "gt", "ge", "eq", "ne", "contains", "truth", "not_", "is_", "is_not"})
SAYS_WHETHER |= frozenset({"__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__", "__contains__", "__bool__", "isdisjoint", "issubset"})
"""Functions and methods that answer yes or no: conditions, wherever they are called."""
NOT_MARKED = (ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal, ast.Pass, ast.Assert, ast.Raise)
OUTCOMES: tuple[Kind, Kind] = ("true", "false")
SURE = (ast.Name, ast.Constant, ast.Lambda, ast.GeneratorExp)
"""Expressions that are no work, or do it later."""


def marked(before: dict[str, str | None], after: dict[str, str], name: str) -> Marked:
    """`before`, `after`: path → text (None or absent: no such file). `name`: a Python name that the code cannot know.

    A file that does not parse, or would not with marks in it, stays as it is.
    """
    found: list[_File] = []
    unmarked: list[str] = []
    count = 0
    for path in sorted(path for path in after if path.endswith(".py")):
        file = _File(path, after[path], name, count)
        try:
            _module(file, ast.parse(file.source), parsed(before.get(path) or "") or ast.Module([], []))
            ast.parse(file.text(0))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            unmarked.append(path)
            continue
        found.append(file)
        count += len(file.marks)
    alone = _alone(after, {(mark.path, mark.function) for file in found for mark in file.marks}, before)
    names = {name for path in after if path.endswith(".py") for name in _imported(parsed(after[path]))}
    modules = tuple(sorted(names & sys.stdlib_module_names - {"__future__"}))
    texts = {file.path: file.text(count) for file in found if file.marks}
    return Marked(name, texts, tuple(mark for file in found for mark in file.marks), tuple(unmarked), modules, alone)


def _imported(tree: ast.Module | None) -> Iterator[str]:
    for node in ast.walk(tree or ast.Module([], [])):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _alone(after: dict[str, str], functions: set[tuple[str, str]], before: dict[str, str | None]) -> frozenset[tuple[str, str]]:
    """Functions, and methods of classes without a base, that no code names, decorates or had before."""
    trees = [tree for path in after if path.endswith(".py") and (tree := parsed(after[path])) is not None]
    named = {node.id for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name)}
    named |= {node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    named |= {alias.name for tree in trees for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom)) for alias in node.names}
    named |= {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    named |= {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, Function) and node.decorator_list}
    plain = {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and not node.bases and not node.keywords}
    found = set()
    for path, function in functions:
        within, _, name = function.rpartition(".")
        free = not within or within in plain
        if function and free and name not in named and not name.startswith("__") and f"def {name}(" not in (before.get(path) or ""):
            found.add((path, function))
    return frozenset(found)


@dataclass
class _File:
    path: str
    source: str
    name: str
    first: int
    """Number of its first mark."""
    marks: list[Mark] = field(default_factory=list)
    inserts: list[tuple[int, int, int, str]] = field(default_factory=list)
    """(byte offset, rank there, number, text)."""
    prelude: tuple[int, str, str] = (0, "", "\n")
    """Where it goes (byte offset), and what stands before and after it."""
    known: Counter[str] = field(default_factory=Counter)
    """What the function at hand held before."""
    function: str = ""

    def __post_init__(self) -> None:
        self.raw = self.source.encode("utf-8")
        self.starts = [0]
        for line in io.StringIO(self.source, newline="").readlines():
            self.starts.append(self.starts[-1] + len(line.encode("utf-8")))

    def text(self, size: int) -> str:
        """The source with its marks, of `size` in all."""
        offset, head, tail = self.prelude
        prelude = f"exec({PRELUDE.format(name=self.name, size=size)!r})"
        inserts = [(offset, -1, 0, head + prelude + tail), *self.inserts]
        parts, last = [], 0
        for place, _, _, text in sorted(inserts, key=lambda item: item[:3]):
            parts += [self.raw[last:place], text.encode("utf-8")]
            last = place
        return b"".join([*parts, self.raw[last:]]).decode("utf-8")

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Bytes of the node."""
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
        return self.starts[node.lineno - 1] + node.col_offset, self.starts[end_line - 1] + end_column

    def add(self, node: ast.expr | ast.stmt, kind: Kind, text: str, idle: bool, leads: int = 0) -> int:
        self.marks.append(Mark(self.path, self.function, node.lineno, node.end_lineno or node.lineno, kind, text, idle, leads))
        return self.first + len(self.marks) - 1

    def was_there(self, node: ast.AST, kind: str) -> bool:
        key = f"{kind} {ast.dump(node)}"
        self.known[key] -= 1
        return self.known[key] >= 0

    def around(self, node: ast.expr, helper: str, number: int) -> None:
        """`value` → `helper(number,(value)) `. What begins at the same place goes around in the order of the calls, the outermost first."""
        start, end = self.span(node)
        order = len(self.inserts)
        gap = "" if self.raw[start - 1 : start] in (b"", b" ", b"\t", b"\n", b"\r", b"\f") else " "
        self.inserts += [(start, 1, order, f"{gap}{self.name}{helper}({number},("), (end, 0, -order, ")) ")]

    def runs(self, node: ast.stmt, idle: bool) -> None:
        """A mark for a simple statement: at the end of what it works out, or before it where it works nothing out."""
        if isinstance(node, NOT_MARKED) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            return
        number = self.add(node, "runs", "", self.was_there(node, "runs") or idle)
        value = _last_work(getattr(node, "value", None))
        if value is not None:
            self.around(value, "r", number)
        else:
            self.inserts.append((self.span(node)[0], 0, len(self.inserts), f"{self.name}[{number}]=1;"))

    def reached(self, node: ast.expr, idle: bool) -> None:
        self.around(node, "r", self.add(node, "runs", "", self.was_there(node, "reached") or idle))

    def whether(self, node: ast.expr, idle: frozenset[Kind], leads: tuple[int, int]) -> None:
        start, end = self.span(node)
        text, old = " ".join(self.raw[start:end].decode("utf-8").split()), self.was_there(node, "whether")
        number = self.add(node, "true", text, old or "true" in idle, leads[0])
        self.add(node, "false", text, old or "false" in idle, leads[1])
        self.around(node, "c", number)


def _last_work(value: ast.expr | None) -> ast.expr | None:
    """What of a statement's value is worked out last, before a call that may never return: `error(text + name)` → `text + name`."""
    while isinstance(value, (ast.Await, ast.Starred)):
        value = value.value
    if isinstance(value, ast.Call):
        arguments = [*value.args, *(keyword.value for keyword in value.keywords)]
        last = max(arguments, key=lambda node: (node.lineno, node.col_offset), default=None)
        value = last.value if isinstance(last, ast.Starred) else last
    if value is None or isinstance(value, (*SURE, ast.Yield, ast.YieldFrom)):
        return None
    return value


# --- statements ----------------------------------------------------------------------------------------------------------


def _module(file: _File, tree: ast.Module, old: ast.Module) -> None:
    file.prelude = _prelude(file, tree)
    fresh = {id(node) for _, node in changed_functions(tree, old)}
    _body(file, tree.body, "", fresh, _definitions(old), _statements(old))


def _prelude(file: _File, tree: ast.Module) -> tuple[int, str, str]:
    """After the docstring and `from __future__ import …`, on the same line where there is one."""
    last = None
    for node in tree.body:
        text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and last is None
        if not text and not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            break
        last = node
    if last is not None:
        return file.span(last)[1], ";", ""
    lines = [node.lineno for first in tree.body[:1] for node in (*getattr(first, "decorator_list", ()), first)]
    return file.starts[min(lines, default=1) - 1], "", "\n"


def _definitions(old: ast.AST, within: str = "") -> dict[str, Function]:
    found: dict[str, Function] = {}
    for node in ast.iter_child_nodes(old):
        if isinstance(node, Function):
            found[within + node.name] = node
        else:
            found |= _definitions(node, f"{within}{node.name}." if isinstance(node, ast.ClassDef) else within)
    return found


def _statements(old: ast.Module) -> Counter[str]:
    """What stood in the module outside of functions."""
    return Counter(key for node in _outside(old) for key in _keys(node))


def _outside(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, Function):
            yield child
            yield from _outside(child)


def _keys(node: ast.AST) -> Iterator[str]:
    if isinstance(node, (ast.stmt, ast.expr)):
        text = ast.dump(node)
        yield from (f"{kind} {text}" for kind in ("runs", "reached", "whether"))


def _body(file: _File, body: list[ast.stmt], within: str, fresh: set[int], old: dict[str, Function], outside: Counter[str]) -> None:
    """Of a module or a class: its functions, and what is decided there. What simply stands there always runs."""
    for node in body:
        if is_aside(node):
            continue
        if isinstance(node, ast.ClassDef):
            _body(file, node.body, f"{within}{node.name}.", fresh, old, outside)
        elif isinstance(node, Function):
            if id(node) in fresh:
                file.function = within + node.name
                before = old.get(file.function)
                file.known = Counter(key for inner in ast.walk(before) for key in _keys(inner)) if before else Counter()
                _definition(file, node, False)
                file.function = ""
        else:
            file.known = outside
            if isinstance(node, (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match)):
                _statement(file, node, [], False)
            else:
                _expressions(file, node)


def _definition(file: _File, node: Function, idle: bool) -> None:
    for value in (*node.args.defaults, *node.args.kw_defaults):
        if value is not None:
            _expression(file, value, idle)
    _block(file, node.body, idle)


def _block(file: _File, body: list[ast.stmt], idle: bool) -> None:
    for number, node in enumerate(body):
        rest = body[number + 1 :]
        _statement(file, node, rest, idle or _nothing(body[number:]))


def _statement(file: _File, node: ast.stmt, rest: list[ast.stmt], idle: bool) -> None:
    if is_aside(node):
        return
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            _definition(file, node, idle)
        case ast.ClassDef():
            _block(file, node.body, idle)
        case ast.If():
            leads = node.body[0].lineno, (node.orelse or rest or [node])[0].lineno
            otherwise = _nothing(node.orelse) if node.orelse else _nothing(rest)
            dull = {"true": idle or _nothing(node.body), "false": idle or otherwise}
            _condition(file, node.test, frozenset(kind for kind in OUTCOMES if dull[kind]), leads if node.orelse or rest else (leads[0], 0))
            _block(file, node.body, idle)
            _block(file, node.orelse, idle)
        case ast.While():
            _condition(file, node.test, _outcomes(idle), (node.body[0].lineno, 0))
            _block(file, node.body, idle)
            _block(file, node.orelse, idle)
        case ast.For() | ast.AsyncFor():
            _expression(file, node.iter, idle)
            _block(file, node.body, idle)
            _block(file, node.orelse, idle)
        case ast.With() | ast.AsyncWith():
            for item in node.items:
                _expression(file, item.context_expr, idle)
            _block(file, node.body, idle)
        case ast.Try() | ast.TryStar():
            for block in (node.body, *(handler.body for handler in node.handlers), node.orelse, node.finalbody):
                _block(file, block, idle)
        case ast.Match():
            _expression(file, node.subject, idle)
            for case in node.cases:
                if case.guard is not None:
                    _condition(file, case.guard, _outcomes(idle), (case.body[0].lineno, 0))
                _block(file, case.body, idle)
        case _:
            file.runs(node, idle)
            if not isinstance(node, (ast.Raise, ast.Assert)):
                _expressions(file, node, idle)


def _nothing(body: list[ast.stmt]) -> bool:
    """It only raises, or brings nothing about: then no example has to run it."""
    if not body:
        return False
    return all(_is_nothing(node) for node in body) or (
        isinstance(body[-1], ast.Raise) and all(_is_nothing(node) or is_log(node) or _is_note(node) for node in body[:-1])
    )


def _is_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.If):
        return _nothing(node.body) and (not node.orelse or _nothing(node.orelse))
    if isinstance(node, ast.Return):
        return isinstance(node.value, ast.Name) and node.value.id == "NotImplemented"
    return isinstance(node, NOT_MARKED) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _is_note(node: ast.stmt) -> bool:
    """`message = …`, before it is raised."""
    return isinstance(node, ast.Assign) and all(isinstance(target, ast.Name) for target in node.targets)


# --- expressions ---------------------------------------------------------------------------------------------------------


def _outcomes(idle: bool) -> frozenset[Kind]:
    """Those that need no example."""
    return frozenset(OUTCOMES) if idle else frozenset()


def _condition(file: _File, node: ast.expr, idle: frozenset[Kind], leads: tuple[int, int] = (0, 0)) -> None:
    """Both outcomes of each of its parts. Of the parts of a condition that leads to a raise it is enough that they were looked at."""
    match node:
        case ast.Constant():
            return
        case ast.BoolOp():
            for part in node.values:
                if idle and not isinstance(part, ast.BoolOp):
                    file.reached(part, len(idle) == 2)
                    _expression(file, part, True)
                else:
                    _condition(file, part, idle, leads)
        case ast.UnaryOp(op=ast.Not()):
            turned: dict[Kind, Kind] = {"true": "false", "false": "true"}
            _condition(file, node.operand, frozenset(turned[kind] for kind in idle), (leads[1], leads[0]))
        case _:
            file.whether(node, idle, leads)
            for child in ast.iter_child_nodes(node):
                _inner(file, child, len(idle) == 2)


def _expressions(file: _File, node: ast.AST, idle: bool = False) -> None:
    for child in ast.iter_child_nodes(node):
        if child is not getattr(node, "annotation", None):
            _inner(file, child, idle)


def _inner(file: _File, node: ast.AST, idle: bool) -> None:
    if isinstance(node, ast.expr):
        _expression(file, node, idle)
    else:
        _expressions(file, node, idle)


def _expression(file: _File, node: ast.expr, idle: bool) -> None:
    """Conditions anywhere in it, and what runs later or not at all."""
    both = _outcomes(idle)
    match node:
        case ast.BoolOp():
            for part in node.values[:-1]:
                _condition(file, part, both)
            _expression(file, node.values[-1], idle)
        case ast.IfExp():
            _condition(file, node.test, both)
            _expression(file, node.body, idle)
            _expression(file, node.orelse, idle)
        case ast.Compare() | ast.UnaryOp(op=ast.Not()):
            _condition(file, node, both)
        case ast.Call() if _says_whether(node):
            _condition(file, node, both)
        case ast.Lambda():
            file.reached(node.body, idle)
            _expression(file, node.body, idle)
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
            made = node.value if isinstance(node, ast.DictComp) else node.elt
            if not isinstance(made, (ast.Name, ast.Constant, ast.Compare)):
                file.reached(made, idle)
            for part in (made, *([node.key] if isinstance(node, ast.DictComp) else ())):
                _expression(file, part, idle)
            for loop in node.generators:
                _expression(file, loop.iter, idle)
                for test in loop.ifs:
                    _condition(file, test, both)
        case ast.JoinedStr():
            for value in ast.walk(node):
                if isinstance(value, ast.FormattedValue) and _is_there(file, value.value):
                    _expression(file, value.value, idle)
        case _:
            _expressions(file, node, idle)


def _says_whether(node: ast.Call) -> bool:
    name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""
    return name in SAYS_WHETHER


def _is_there(file: _File, node: ast.expr) -> bool:
    """Older parsers count columns wrongly within a formatted text, and `{x=}` shows its own source."""
    start, end = file.span(node)
    try:
        found = ast.parse(file.raw[start:end].decode("utf-8"), mode="eval").body
    except (SyntaxError, ValueError):
        return False
    return ast.dump(found) == ast.dump(node) and not file.raw[end:].lstrip().startswith(b"=")
