"""Source before and after → mutants of the functions that changed. Pure.

A mutant is a stretch of the file and the text that takes its place: exactly what a report shows. Only bodies and defaults of functions are
mutated; docstrings, annotations, log calls and texts of `__repr__` are not, nor what is equivalent at first sight (`x * 1`).
"""

from __future__ import annotations

import ast
import copy
import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from orchestrator.model import Mutant, Mutation

Function = ast.FunctionDef | ast.AsyncFunctionDef
Span = tuple[int, int, int, int]
Change = tuple[str, ast.expr | ast.stmt, str]
"""Operator, what is replaced, its replacement."""

ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}
NEUTRAL: dict[type[ast.operator], int] = {ast.Add: 0, ast.Sub: 0, ast.Mult: 1, ast.Div: 1, ast.Pow: 1, ast.LShift: 0, ast.RShift: 0}
"""A right operand that makes the operator and its mutant the same."""
BOUNDARY: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
NEGATION: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
LOG_METHODS = {"debug", "info", "warning", "warn", "error", "exception", "critical", "log"}
LEVELS = ((ast.Add, ast.Sub), (ast.Mult, ast.Div, ast.FloorDiv, ast.Mod), (ast.LShift, ast.RShift))
"""Operators that bind alike: one takes another's place without parentheses."""
BINDING = (ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Await, ast.Attribute, ast.Subscript, ast.Starred)
"""Parents in which another operator needs parentheses."""
OPERATORS = (ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Lambda, ast.NamedExpr)


def generate(before: dict[str, str | None], after: dict[str, str]) -> tuple[Mutant, ...]:
    """Mutants of the functions that are new or changed: path → text before (None or absent: no such file) and after, in the order of the source.

    Each has the status `no coverage` until tests are run on it. A file that does not parse has none.
    """
    found: list[Mutant] = []
    for path in sorted(after):
        tree = parsed(after[path]) if path.endswith(".py") else None
        if tree is not None:
            found += _numbered(path, _lines(after[path]), changed_functions(tree, parsed(before.get(path) or "")))
    return tuple(found)


def changed_functions(tree: ast.Module, old: ast.Module | None) -> list[tuple[str, Function]]:
    """Outermost functions and methods of `tree` that are not in `old` as they are, with their qualified names."""
    known = Counter((name, _shape(node)) for name, node in _functions(old)) if old else Counter()
    return [(name, node) for name, node in _functions(tree) if not known[name, _shape(node)]]


def choose(mutants: tuple[Mutant, ...], cap: int) -> tuple[Mutant, ...]:
    """At most `cap` of them, spread over functions and operators, the same ones each time; the first say most when time runs out."""
    queues: dict[tuple[str, str], dict[str, list[Mutant]]] = defaultdict(lambda: defaultdict(list))
    for mutant in sorted(mutants, key=lambda item: item.id):
        queues[mutant.path, mutant.function][mutant.operator].append(mutant)
    return tuple(_in_turns([list(_in_turns(operators.values())) for operators in queues.values()]))[:cap]


def mutated(source: str, mutant: Mutant) -> str:
    """The file's text with the mutant in it."""
    lines = _lines(source)
    head = "".join(lines[: mutant.line - 1]) + lines[mutant.line - 1][: mutant.column]
    tail = lines[mutant.end_line - 1][mutant.end_column :] + "".join(lines[mutant.end_line :])
    return head + mutant.replacement + tail


def reach(source: str, mutants: Iterable[Mutant]) -> dict[str, tuple[int, int]]:
    """Mutant id → first and last line (inclusive) of which one runs when the mutant does: its statement, or the body for a default argument."""
    statements = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt)]
    found = {}
    for mutant in mutants:
        around = [node for node in statements if node.lineno <= mutant.line and mutant.end_line <= _end(node)]
        inner = max(around, key=lambda node: (node.lineno, -_end(node)))
        body = getattr(inner, "body", [])
        header = max(inner.lineno, body[0].lineno - 1) if body else _end(inner)
        if isinstance(inner, Function):
            found[mutant.id] = (body[0].lineno, _end(inner))
        elif mutant.line > header or isinstance(inner, ast.Match):
            found[mutant.id] = (mutant.line, mutant.end_line)
        else:
            found[mutant.id] = (inner.lineno, header)
    return found


def score(mutation: Mutation) -> float | None:
    """The share of mutants that the tests noticed (killed or endless), 0 to 1; None when none was run."""
    return share(mutant.status for mutant in mutation.mutants)


def share(statuses: Iterable[str]) -> float | None:
    """The same of the statuses of mutants."""
    counted = [status for status in statuses if status != "error"]
    return sum(status in ("killed", "timeout") for status in counted) / len(counted) if counted else None


def _in_turns(queues: Iterable[list[Mutant]]) -> Iterator[Mutant]:
    left = [list(queue) for queue in queues]
    while left := [queue for queue in left if queue]:
        for queue in left:
            yield queue.pop(0)


def parsed(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _functions(tree: ast.AST, within: str = "") -> Iterator[tuple[str, Function]]:
    """Outermost functions and methods with their qualified names; what is nested in one belongs to it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function):
            yield within + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{within}{node.name}.")
        elif not is_aside(node):
            yield from _functions(node, within)


def is_aside(node: ast.AST) -> bool:
    """A block for the type checker, or what runs only as a script."""
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING", "__name__ == '__main__'")


def _shape(function: Function) -> str:
    """What a function does: its tree without docstrings and annotations."""
    return ast.dump(_Bare().visit(copy.deepcopy(function)))


class _Bare(ast.NodeTransformer):
    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and _is_text(node.body[0]):
            node.body = node.body[1:]
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
        return super().generic_visit(node)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


# --- where -----------------------------------------------------------------------------------------------------------


def _lines(source: str) -> list[str]:
    """As the parser counts them: not at form feeds or other separators of `str.splitlines`."""
    return io.StringIO(source, newline="").readlines()


def _end(node: ast.stmt | ast.expr) -> int:
    return node.end_lineno or node.lineno


def _span(lines: list[str], node: ast.expr | ast.stmt) -> Span:
    """In characters; the parser counts bytes."""

    def column(line: int, offset: int) -> int:
        return len(lines[line - 1].encode("utf-8")[:offset].decode("utf-8"))

    return node.lineno, column(node.lineno, node.col_offset), _end(node), column(_end(node), node.end_col_offset or 0)


def _text(lines: list[str], span: Span) -> str:
    line, column, end_line, end_column = span
    if line == end_line:
        return lines[line - 1][column:end_column]
    return lines[line - 1][column:] + "".join(lines[line : end_line - 1]) + lines[end_line - 1][:end_column]


def _spaced(lines: list[str], span: Span, text: str) -> str:
    """With a space where it would run into a word beside it: `return-x`."""
    line, column, end_line, end_column = span
    before, after = lines[line - 1][:column][-1:], lines[end_line - 1][end_column:][:1]
    return " " * _meet(before, text[:1]) + text + " " * _meet(text[-1:], after)


def _meet(one: str, other: str) -> bool:
    return (one.isalnum() or one == "_") and (other.isalnum() or other in ("_", "'", '"'))


def _numbered(path: str, lines: list[str], functions: list[tuple[str, Function]]) -> list[Mutant]:
    found: dict[tuple[Span, str], Mutant] = {}
    for name, function in functions:
        for inner, (operator, node, replacement) in _bounded(_changes(function, name)):
            span = _span(lines, node)
            original, text = _text(lines, span), _spaced(lines, span, replacement)
            if original != text:
                found.setdefault((span, text), Mutant("", path, inner, *span, operator, original, text, "no coverage"))
    ordered = sorted(found.values(), key=lambda item: (item.line, item.column, item.end_line, item.end_column, item.operator, item.replacement))
    seen: Counter[str] = Counter()
    numbered = []
    for mutant in ordered:
        key = "\0".join((path, mutant.function, mutant.operator, mutant.original, mutant.replacement))
        seen[key] += 1
        numbered.append(replace(mutant, id=hashlib.sha256(f"{key}\0{seen[key]}".encode()).hexdigest()[:12]))
    return numbered


def _bounded(changes: Iterator[tuple[str, Change]]) -> Iterator[tuple[str, Change]]:
    """Up to what is nested too deep, or a number too long, to be written again."""
    try:
        yield from changes
    except (RecursionError, ValueError):
        return


# --- what ------------------------------------------------------------------------------------------------------------


def _changes(function: Function, name: str) -> Iterator[tuple[str, Change]]:
    """(qualified name of the innermost function, change) for its defaults and body, and those of functions nested in it."""
    for default in (*function.args.defaults, *function.args.kw_defaults):
        if default is not None:
            for _, node, text in _literal(default):
                yield name, ("default", node, text)
    body = function.body[1:] if _is_text(function.body[0]) else function.body
    for statement in body:
        yield from _walk(statement, function, name)


def _walk(node: ast.AST, parent: ast.AST, name: str) -> Iterator[tuple[str, Change]]:
    if isinstance(node, Function):
        yield from _changes(node, f"{name}.{node.name}")
        return
    if _is_text(node) or is_aside(node) or is_log(node):
        return
    if isinstance(node, ast.ClassDef):
        name = f"{name}.{node.name}"
    texts = name.rpartition(".")[2] != "__repr__"
    for change in _mutations(node, parent):
        if texts or not _is_string(change[1]):
            yield name, change
    if isinstance(node, ast.JoinedStr) or _is_number(node):
        return
    for child in ast.iter_child_nodes(node):
        if child is not getattr(node, "annotation", None):
            yield from _walk(child, node, name)


def _mutations(node: ast.AST, parent: ast.AST) -> Iterator[Change]:
    match node:
        case ast.BinOp():
            yield from _arithmetic(node, parent)
        case ast.Compare():
            yield from _comparison(node, parent)
        case ast.BoolOp():
            other: ast.boolop = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield "boolean", node, _fitting(ast.BoolOp(other, node.values), node, parent)
        case ast.UnaryOp(op=ast.Not()):
            yield "boolean", node, _fitting(node.operand, node, parent)
        case ast.UnaryOp(op=ast.USub() | ast.Invert()):
            yield "unary", node, _fitting(node.operand, node, parent)
            if _is_number(node):
                yield from _literal(node, parent)
        case ast.Constant() | ast.JoinedStr():
            yield from _literal(node, parent)
        case ast.Slice():
            for bound in (node.lower, node.upper):
                if bound is not None and not _is_number(bound):
                    yield "index", bound, ast.unparse(ast.BinOp(bound, ast.Add(), ast.Constant(1)))
        case ast.Return(value=ast.expr() as value) | ast.Yield(value=ast.expr() as value):
            if not (isinstance(value, ast.Constant) and value.value is None):
                yield "return", value, "None"
            if isinstance(value, ast.BoolOp):
                yield "return", value, ast.unparse(ast.UnaryOp(ast.Not(), value))
        case ast.If() | ast.IfExp():
            yield from _condition(node.test, ("True", "False"))
        case ast.While():
            yield from _condition(node.test, ("False",))
        case ast.comprehension():
            for test in node.ifs:
                yield from _condition(test, ("True", "False"))
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.Delete():
            yield "statement", node, "pass"
        case ast.AugAssign():
            yield from _augmented(node)
        case ast.Raise():
            yield "raise", node, "pass"
        case ast.Break():
            yield "loop", node, "continue"
        case ast.Continue():
            yield "loop", node, "break"


def _arithmetic(node: ast.BinOp, parent: ast.AST) -> Iterator[Change]:
    other = ARITHMETIC.get(type(node.op))
    if other is None or _is_sequence(node.left) or _is_sequence(node.right) or _same(node.op, node.right):
        return
    if isinstance(node.op, ast.Pow) and all(isinstance(side, ast.Constant) and side.value == 2 for side in (node.left, node.right)):
        return
    yield "arithmetic", node, _fitting(ast.BinOp(node.left, other(), node.right), node, parent)


def _augmented(node: ast.AugAssign) -> Iterator[Change]:
    other = ARITHMETIC.get(type(node.op))
    if _same(node.op, node.value):
        return
    if other is not None and not _is_sequence(node.value):
        yield "arithmetic", node, ast.unparse(ast.AugAssign(node.target, other(), node.value))
    yield "statement", node, "pass"


def _same(operator: ast.operator, right: ast.expr) -> bool:
    """`x + 0`, `x * 1`: the operator and its mutant agree."""
    neutral = NEUTRAL.get(type(operator))
    return neutral is not None and isinstance(right, ast.Constant) and type(right.value) is int and right.value == neutral


def _comparison(node: ast.Compare, parent: ast.AST) -> Iterator[Change]:
    for number, operator in enumerate(node.ops):
        for table in (BOUNDARY, NEGATION):
            other = table.get(type(operator))
            if other is not None and not (table is BOUNDARY and _is_tie(node, parent)):
                ops = [*node.ops[:number], other(), *node.ops[number + 1 :]]
                yield "comparison", node, _fitting(ast.Compare(node.left, ops, node.comparators), node, parent)


def _is_tie(node: ast.Compare, parent: ast.AST) -> bool:
    """`a if a < b else b`, `if a < b: b = a`: where both are the same it does not matter which is taken."""
    sides = {ast.dump(node.left), ast.dump(node.comparators[0])}
    if isinstance(parent, ast.IfExp) and parent.test is node:
        return {ast.dump(parent.body), ast.dump(parent.orelse)} == sides
    if isinstance(parent, ast.If) and parent.test is node and not parent.orelse and len(parent.body) == 1:
        inner = parent.body[0]
        if isinstance(inner, ast.Assign) and len(inner.targets) == 1:
            return {ast.dump(inner.value), ast.dump(inner.targets[0]).replace("Store()", "Load()")} == sides
    return False


def _condition(test: ast.expr, values: tuple[str, ...]) -> Iterator[Change]:
    if isinstance(test, ast.Constant) or any(isinstance(part, (ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)) for part in ast.walk(test)):
        return
    for value in values:
        yield "condition", test, value


def _literal(node: ast.expr, parent: ast.AST | None = None) -> Iterator[Change]:
    """A number plus one, the other truth, an empty text or another one."""
    operator = "index" if isinstance(parent, (ast.Subscript, ast.Slice)) and _is_number(node) else "constant"
    if isinstance(node, ast.JoinedStr):
        yield operator, node, "''"
    elif _is_number(node):
        value = ast.literal_eval(node)
        if value + 1 != value:
            yield operator, node, repr(value + 1)
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield operator, node, repr(not node.value)
        elif isinstance(node.value, (str, bytes)):
            prefix = "b" if isinstance(node.value, bytes) else ""
            yield operator, node, f"{prefix}''" if node.value else f"{prefix}'mutant'"


def _is_number(node: ast.AST) -> bool:
    """A literal int or float, with or without a minus."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return isinstance(node.operand, ast.Constant) and _is_number(node.operand)
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def _is_string(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _is_sequence(node: ast.AST) -> bool:
    """Text or a list: subtracting it is an error at once, which tells nothing of the tests."""
    return (
        _is_string(node)
        or isinstance(node, (ast.List, ast.ListComp, ast.Tuple))
        or (isinstance(node, ast.Constant) and isinstance(node.value, bytes))
    )


def is_log(node: ast.AST) -> bool:
    """`logger.info(…)` and its like."""
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute)):
        return False
    owner = ast.unparse(node.value.func.value).rpartition(".")[2].lower()
    return node.value.func.attr in LOG_METHODS and owner.strip("_") in ("log", "logger", "logging")


def _fitting(new: ast.expr, old: ast.expr, parent: ast.AST) -> str:
    """Its source, in parentheses where it would otherwise fall apart."""
    binds = isinstance(parent, BINDING) and not (isinstance(parent, ast.Subscript) and parent.slice is old)
    binds = binds or (isinstance(parent, ast.Call) and parent.func is old)
    return f"({ast.unparse(new)})" if binds and isinstance(new, OPERATORS) and not _alike(new, old) else ast.unparse(new)


def _alike(new: ast.expr, old: ast.expr) -> bool:
    if isinstance(new, ast.BinOp) and isinstance(old, ast.BinOp):
        return any(isinstance(new.op, level) and isinstance(old.op, level) for level in LEVELS)
    return isinstance(new, ast.Compare) and isinstance(old, ast.Compare)
