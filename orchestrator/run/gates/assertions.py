"""One test of an agent: what it asserts, whether that is reached and could fail, and whether it is about the subject. Pure."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.run.gates.detectors import Hit, hit
from orchestrator.run.gates.scan_names import words
from orchestrator.run.gates.source import UNKNOWN, Source

WITNESSES = words("capsys capfd capsysbinary capfdbinary caplog tmp_path recwarn")
"""Fixtures in which a call of the subject leaves something to look at."""

_SWALLOWS = frozenset({"builtins.Exception", "builtins.BaseException", "builtins.AssertionError"})


@dataclass(frozen=True)
class Test:
    __test__ = False

    function: ast.FunctionDef | ast.AsyncFunctionDef
    class_: ast.ClassDef | None
    node: str
    """`tests/test_a.py::TestB::test_c`."""


def tests_of(source: Source) -> Iterator[Test]:
    """Test functions of the module and of its `Test…` and TestCase classes, in the order of the text."""
    for node in source.tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test"):
            yield Test(node, None, f"{source.path}::{node.name}")
        elif isinstance(node, ast.ClassDef) and (node.name.startswith("Test") or any("TestCase" in ast.unparse(base) for base in node.bases)):
            for inner in node.body:
                if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)) and inner.name.startswith("test"):
                    yield Test(inner, node, f"{source.path}::{node.name}::{inner.name}")


@dataclass(frozen=True)
class Assertion:
    node: ast.AST
    """The statement or call."""
    about: tuple[ast.expr, ...]
    """What it looks at."""


def check(source: Source, test: Test, modules: tuple[str, ...]) -> Iterator[Hit]:
    """Everything that is wrong with one test. `modules`: dotted names of the modules under test."""
    function = test.function
    subject = Subject(source, function, modules)
    asserted = list(_assertions(source, function))
    helpers = [call for call in _own(source, function, ast.Call) if subject.helper_asserts(call)]
    if not asserted and not helpers:
        yield hit("no assertion", function, function.name)
    reached = []
    for each in asserted:
        problem = _not_reached(source, function, each.node)
        if problem:
            yield hit(problem, each.node, _short(each.node))
        elif isinstance(each.node, ast.Assert) and not subject.answers_itself(each.node.test) and _cannot_fail(source, each.node.test):
            yield hit("cannot fail", each.node, each.node.test)
        else:
            reached.append(each)
            yield from _weak(source, each, subject)
    if not subject.calls:
        yield hit("subject not called", function, function.name)
    elif (reached or helpers) and not any(subject.seen_by(each) for each in reached) and not any(subject.has(call) for call in helpers):
        yield hit("result not asserted", function, function.name)
    if reached and not helpers and all(_is_conditional(source, function, each.node) for each in reached):
        yield hit("not reached", reached[0].node, f"every assertion of {function.name} stands under a condition")
    for statement in _own(source, function, ast.Return):
        if asserted and statement.lineno < max(each.node.lineno for each in asserted):  # type: ignore[attr-defined]
            yield hit("skipped", statement, statement)


def _short(node: ast.AST) -> str:
    return ast.unparse(node).splitlines()[0]


def _own(source: Source, function: ast.AST, kind: type[ast.AST]) -> list[ast.AST]:
    """The nodes of a kind in the function, those of functions inside it aside unless they are called there."""
    called = {node.func.id for node in source.walk(function) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    found = []
    for node in source.walk(function):
        if isinstance(node, kind):
            inside = [each for each in source.above(node) if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))]
            between = inside[: inside.index(function)] if function in inside else []
            if all(each.name in called for each in between):
                found.append(node)
    return found


# --- assertions ----------------------------------------------------------------------------------------------------------


def _assertions(source: Source, function: ast.AST) -> Iterator[Assertion]:
    """`assert`, `pytest.raises` and `warns`, `self.assert…`, `pytest.fail`, `numpy.testing.assert_…`."""
    for node in _own(source, function, ast.stmt):
        if isinstance(node, ast.Assert):
            yield Assertion(node, (node.test,))
        elif isinstance(node, ast.With):
            for item in node.items:
                if isinstance(item.context_expr, ast.Call) and _is_raises(source, item.context_expr):
                    yield Assertion(node, tuple(each for statement in node.body for each in source.walk(statement) if isinstance(each, ast.expr)))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = getattr(node.value.func, "attr", getattr(node.value.func, "id", ""))
            owner = getattr(getattr(node.value.func, "value", None), "id", "")
            if (
                (owner == "self" and called.startswith("assert"))
                or (called.startswith("assert_") and source.names(node.value.func))
                or _is_raises(source, node.value)
            ):
                yield Assertion(node, tuple(node.value.args))


def _is_raises(source: Source, call: ast.Call) -> bool:
    attribute = getattr(call.func, "attr", "")
    return bool(source.names(call.func) & {"pytest.raises", "pytest.warns", "pytest.deprecated_call"}) or attribute in (
        "assertRaises",
        "assertRaisesRegex",
        "assertWarns",
    )


def _not_reached(source: Source, function: ast.AST, node: ast.AST) -> str:
    """The detector that says why an assertion is not reached or not heard, or ''."""
    child = node
    for each in source.above(node):
        if each is function:
            break
        if isinstance(each, (ast.If, ast.While)) and child is not each.test:
            truth = source.fold(each.test)
            if truth is not UNKNOWN and bool(truth) is (child in each.orelse):
                return "not reached"
        if isinstance(each, (ast.For, ast.AsyncFor)) and source.fold(each.iter) in ((), "", b""):
            return "not reached"
        if isinstance(each, ast.ExceptHandler):
            return "not reached" if not _fails_otherwise(source, source.parent[each]) else ""
        if isinstance(each, ast.Try) and child in each.body and any(_swallows(source, handler) for handler in each.handlers):
            return "swallowed"
        if isinstance(each, ast.With) and child in each.body:
            for item in each.items:
                if isinstance(item.context_expr, ast.Call) and _swallowing_context(source, item.context_expr):
                    return "swallowed"
        if child is not each and _after_end(source, each, child):
            return "not reached"
        child = each
    return "not reached" if _after_end(source, function, child) else ""


def _after_end(source: Source, around: ast.AST, child: ast.AST) -> bool:
    """A statement before it in the same block ends the block."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(around, name, None)
        if isinstance(block, list) and child in block:
            return any(isinstance(each, (ast.Return, ast.Raise, ast.Break, ast.Continue)) for each in block[: block.index(child)])
    return False


def _fails_otherwise(source: Source, attempt: ast.AST) -> bool:
    """A `try` that fails the test when nothing is raised: its body or `else` ends in `pytest.fail`, `assert False` or a raise."""
    blocks = [attempt.body, attempt.orelse] if isinstance(attempt, ast.Try) else []
    for block in blocks:
        last = block[-1] if block else None
        if isinstance(last, ast.Raise) or (isinstance(last, ast.Assert) and source.fold(last.test) in (False, 0)):
            return True
        if (
            isinstance(last, ast.Expr)
            and isinstance(last.value, ast.Call)
            and ("pytest.fail" in source.names(last.value.func) or getattr(last.value.func, "attr", "") == "fail")
        ):
            return True
    return False


def _swallows(source: Source, handler: ast.ExceptHandler) -> bool:
    names = source.names(handler.type)
    if isinstance(handler.type, ast.Tuple):
        names = frozenset().union(*(source.names(each) for each in handler.type.elts))
    if handler.type is not None and not names & _SWALLOWS:
        return False
    return not any(
        isinstance(node, ast.Raise) or (isinstance(node, ast.Call) and "pytest.fail" in source.names(node.func)) for node in source.walk(handler)
    )


def _swallowing_context(source: Source, call: ast.Call) -> bool:
    caught = frozenset[str]().union(*(source.names(each) for argument in call.args for each in source.walk(argument)))
    if "contextlib.suppress" in source.names(call.func):
        return bool(caught & _SWALLOWS)
    return _is_raises(source, call) and "builtins.AssertionError" in caught


def _is_conditional(source: Source, function: ast.AST, node: ast.AST) -> bool:
    """It stands under an `if`, `while`, `match` or in a handler, so that the test may pass without it."""
    for each in source.above(node):
        if each is function:
            return False
        if isinstance(each, ast.If):
            mine = [child for child in (*each.body, *each.orelse) if node in source.walk(child)]
            other = each.orelse if mine and mine[0] in each.body else each.body
            if source.fold(each.test) is UNKNOWN and not any(isinstance(below, ast.Assert) for child in other for below in source.walk(child)):
                return True
        if isinstance(each, (ast.While, ast.match_case)):
            return True
    return False


def _cannot_fail(source: Source, test: ast.expr) -> bool:
    """It holds whatever the subject does."""
    value = source.fold(test)
    if value is not UNKNOWN:
        return bool(value)
    if isinstance(test, (ast.Tuple, ast.List, ast.Set)):
        return bool(test.elts) and not any(isinstance(each, ast.Starred) for each in test.elts)
    if isinstance(test, ast.Dict):
        return bool(test.keys)
    if isinstance(test, (ast.Lambda, ast.GeneratorExp)):
        return True
    if isinstance(test, ast.JoinedStr):
        return any(isinstance(each, ast.Constant) and each.value for each in test.values)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = test.operand
        return (isinstance(inner, (ast.Tuple, ast.List, ast.Set)) and not inner.elts) or _cannot_hold(source, inner)
    if isinstance(test, ast.BoolOp):
        parts = [_cannot_fail(source, each) for each in test.values]
        if isinstance(test.op, ast.And):
            return all(parts)
        dumps = {ast.dump(each) for each in test.values}
        denied = {ast.dump(each.operand) for each in test.values if isinstance(each, ast.UnaryOp) and isinstance(each.op, ast.Not)}
        return any(parts) or bool(dumps & denied) or _covers_all(test.values)
    if isinstance(test, ast.Compare):
        return _compare_cannot_fail(source, test)
    if isinstance(test, ast.Call):
        return _call_cannot_fail(source, test)
    if isinstance(test, (ast.Name, ast.Attribute)):
        return any("()" not in name for name in source.names(test)) or _is_function(source, test)
    return False


def _is_function(source: Source, node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Name)
        and any(each.name == node.id for each in source.all(ast.FunctionDef, ast.ClassDef))
        and source.bindings(node) == [None]
    )


def _cannot_hold(source: Source, node: ast.expr) -> bool:
    if not isinstance(node, ast.Compare) or len(node.ops) != 1 or not isinstance(node.ops[0], (ast.NotEq, ast.IsNot, ast.Lt, ast.Gt)):
        return False
    return ast.dump(node.left) == ast.dump(node.comparators[0])


def _covers_all(values: list[ast.expr]) -> bool:
    """`x is None or x is not None`, `a == b or a != b`."""
    opposite = {ast.Is: ast.IsNot, ast.Eq: ast.NotEq, ast.In: ast.NotIn, ast.Lt: ast.GtE, ast.Gt: ast.LtE}
    simple = [each for each in values if isinstance(each, ast.Compare) and len(each.ops) == 1]
    for first in simple:
        for second in simple:
            same = ast.dump(first.left) == ast.dump(second.left) and ast.dump(first.comparators[0]) == ast.dump(second.comparators[0])
            if same and opposite.get(type(first.ops[0])) is type(second.ops[0]):
                return True
    return False


def _compare_cannot_fail(source: Source, test: ast.Compare) -> bool:
    if len(test.ops) != 1:
        return False
    left, right, operator = test.left, test.comparators[0], test.ops[0]
    if isinstance(operator, (ast.Eq, ast.Is, ast.LtE, ast.GtE)) and ast.dump(left) == ast.dump(right):
        return True
    if (
        isinstance(operator, ast.In)
        and isinstance(right, (ast.Tuple, ast.List, ast.Set))
        and any(ast.dump(left) == ast.dump(each) for each in right.elts)
    ):
        return True
    if isinstance(operator, ast.In) and isinstance(right, (ast.Tuple, ast.List, ast.Set)):
        return {source.fold(each) for each in right.elts if source.fold(each) is not UNKNOWN} >= {True, False}
    if isinstance(operator, ast.GtE) and isinstance(left, ast.Call) and source.names(left.func) & {"builtins.len", "builtins.abs"}:
        value = source.fold(right)
        return isinstance(value, (int, float)) and value <= 0
    if isinstance(operator, ast.In) and source.fold(left) == "":
        return True
    return any("unittest.mock.ANY" in source.names(side) for side in (left, right)) or any(_is_loose(source, side) for side in (left, right))


def _is_loose(source: Source, node: ast.expr) -> bool:
    """`pytest.approx` that takes anything for near."""
    if not (isinstance(node, ast.Call) and "pytest.approx" in source.names(node.func)):
        return False
    given = {keyword.arg: source.fold(keyword.value) for keyword in node.keywords}
    for name, limit in (("abs", 1e6), ("rel", 1.0)):
        value = given.get(name)
        if isinstance(value, (int, float)) and (value >= limit or math.isinf(value)):
            return True
    return any(
        isinstance(each, ast.Call) and "builtins.float" in source.names(each.func) for keyword in node.keywords for each in source.walk(keyword.value)
    )


def _call_cannot_fail(source: Source, call: ast.Call) -> bool:
    names = source.names(call.func)
    if "builtins.isinstance" in names and len(call.args) == 2:
        return any("builtins.object" in source.names(each) for each in source.walk(call.args[1]))
    if names & {"builtins.all"} and call.args:
        return bool(source.fold(call.args[0]) == ())
    if names & {"builtins.callable", "builtins.bool", "builtins.any"} and call.args:
        return _cannot_fail(source, call.args[0]) if not isinstance(call.args[0], ast.GeneratorExp) else False
    return bool(names & {"builtins.repr", "builtins.id", "builtins.type", "builtins.object", "builtins.iter"})


def _weak(source: Source, each: Assertion, subject: Subject) -> Iterator[Hit]:
    if isinstance(each.node, ast.Assert) and isinstance(each.node.test, ast.Compare) and len(each.node.test.ops) == 1:
        left, right = each.node.test.left, each.node.test.comparators[0]
        if isinstance(each.node.test.ops[0], (ast.Eq, ast.Is)) and subject.calls_in(left) and subject.calls_in(right):
            yield hit("own answer" if subject.answers_itself(each.node.test) else "both sides", each.node, each.node.test)
    if isinstance(each.node, ast.With):
        for item in each.node.items:
            if _is_broad(source, item.context_expr):
                yield hit("broad raise", each.node, item.context_expr)


def _is_broad(source: Source, node: ast.expr) -> bool:
    """`pytest.raises(Exception)` without a `match`."""
    if not isinstance(node, ast.Call) or not _is_raises(source, node) or not node.args or node.keywords:
        return False
    return bool(source.names(node.args[0]) & {"builtins.Exception", "builtins.BaseException"})


# --- what comes from the subject -------------------------------------------------------------------------------------------


class Subject:
    """Which expressions of a test come from the modules under test: their names, what is made with them, what was handed to them."""

    def __init__(self, source: Source, function: ast.FunctionDef | ast.AsyncFunctionDef, modules: tuple[str, ...]) -> None:
        self.source, self.function, self.modules = source, function, modules
        self.helpers = {each.name: each for each in source.all(ast.FunctionDef, ast.AsyncFunctionDef) if not each.name.startswith("test")}
        self.from_helpers = {name for name in self.helpers if self._reaches(name, set())}
        self.derived: set[str] = {argument.arg for argument in function.args.args if argument.arg in self.from_helpers}
        self.calls: list[ast.AST] = []
        for _ in range(3):
            before = (len(self.derived), len(self.calls))
            self._pass()
            if (len(self.derived), len(self.calls)) == before:
                break

    def _reaches(self, name: str, seen: set[str]) -> bool:
        """A helper or fixture that uses the subject, itself or through another one."""
        if name in seen or name not in self.helpers:
            return False
        helper = self.helpers[name]
        arguments = [argument.arg for argument in helper.args.args]
        return any(self._is_subject(node) for node in self.source.walk(helper)) or any(
            self._reaches(other, {*seen, name})
            for other in {*arguments, *(node.id for node in self.source.walk(helper) if isinstance(node, ast.Name))}
        )

    def _is_subject(self, node: ast.AST) -> bool:
        if isinstance(node, (ast.Name, ast.Attribute)):
            return any(name == module or name.startswith(f"{module}.") for name in self.source.names(node) for module in self.modules)
        if isinstance(node, ast.Call):
            called = self.source.names(node.func)
            if any(name.startswith(("subprocess.", "runpy.", "os.system", "os.popen", "importlib.")) for name in called):
                words = [self.source.fold(each) for each in self.source.walk(node)]
                flat = [word for value in words for word in (value if isinstance(value, tuple) else (value,)) if isinstance(word, str)]
                return any(module in word.replace("/", ".") for word in flat for module in self.modules)
        return False

    def has(self, node: ast.AST) -> bool:
        """Something in the expression comes from the subject."""
        return any(
            self._is_subject(each) or (isinstance(each, ast.Name) and (each.id in self.derived or each.id in self.from_helpers))
            for each in self.source.walk(node)
        )

    def _pass(self) -> None:
        source = self.source
        self.calls = [
            node
            for node in source.walk(self.function)
            if (isinstance(node, ast.Call) and (self.has(node.func) or self._is_subject(node)))
            or (isinstance(node, (ast.BinOp, ast.Compare, ast.Subscript, ast.UnaryOp, ast.Attribute, ast.For)) and self._uses_value(node))
        ]
        if self.calls:
            self.derived |= WITNESSES & {argument.arg for argument in self.function.args.args}
        for call in self.calls:
            if isinstance(call, ast.Call):
                for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
                    self.derived |= {each.id for each in source.walk(argument) if isinstance(each, ast.Name) and not source.names(each)}
        for node in source.walk(self.function):
            if isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.AugAssign)) and node.value is not None and self.has(node.value):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                self._taint(targets)
            elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)) and self.has(node.iter):
                self._taint([node.target])
            elif isinstance(node, ast.With):
                body_uses = any(self.has(statement) for statement in node.body)
                for item in node.items:
                    if item.optional_vars is not None and (body_uses or self.has(item.context_expr)):
                        self._taint([item.optional_vars])
            elif isinstance(node, ast.ExceptHandler) and node.name and self.calls:
                self.derived.add(node.name)

    def _uses_value(self, node: ast.AST) -> bool:
        """An operator, an index or an attribute of a value that came from the subject."""
        operands = [getattr(node, name, None) for name in ("left", "right", "value", "operand", "iter")] + list(getattr(node, "comparators", []))
        return any(isinstance(each, ast.Name) and each.id in self.derived and not self.source.names(each) for each in operands)

    def _taint(self, targets: Sequence[ast.expr]) -> None:
        for target in targets:
            for node in self.source.walk(target):
                if isinstance(node, ast.Name):
                    self.derived.add(node.id)

    def seen_by(self, assertion: Assertion) -> bool:
        return any(self.has(each) for each in assertion.about)

    def answers_itself(self, test: ast.expr) -> bool:
        """Both sides of an equation are the same calls of the subject."""
        if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not isinstance(test.ops[0], (ast.Eq, ast.Is)):
            return False
        sides = (test.left, test.comparators[0])
        left, right = ({ast.dump(call) for call in self.calls_in(side)} for side in sides)
        return bool(left) and left == right and any(isinstance(node, ast.Call) for side in sides for node in self.source.walk(side))

    def calls_in(self, node: ast.expr) -> list[ast.AST]:
        """The subject's calls in an expression, names bound once in the test replaced by what they are bound to."""
        found: list[ast.AST] = []
        for each in self.source.walk(node):
            if isinstance(each, ast.Call) and self._is_subject(each.func):
                found.append(each)
            elif isinstance(each, ast.Name):
                bound = self.source.bindings(each) or []
                if len(bound) == 1 and isinstance(bound[0], ast.Call) and self._is_subject(bound[0].func):
                    found.append(bound[0])
        return found

    def helper_asserts(self, call: ast.AST, depth: int = 3) -> bool:
        """A call of a helper of the file that asserts."""
        name = call.func.id if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) else ""
        helper = self.helpers.get(name)
        if helper is None or depth == 0:
            return False
        for each in _assertions(self.source, helper):
            if not _not_reached(self.source, helper, each.node) and not (
                isinstance(each.node, ast.Assert) and _cannot_fail(self.source, each.node.test)
            ):
                return True
        return any(self.helper_asserts(inner, depth - 1) for inner in self.source.walk(helper) if isinstance(inner, ast.Call))
