"""A Python file as the scan reads it: nodes by type, what names stand for, what constant expressions come to. Pure; nothing of it is run.

Names are followed through imports, aliases, `getattr`, `vars(...)[...]`, `__dict__`, `sys.modules[...]` and `import_module`, so that
`import os as o; e = getattr(o, "_ex" + "it")` gives `os._exit`.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from orchestrator.run.gates import folding

UNKNOWN: Any = object()
"""What `fold` answers where an expression is no constant."""

LARGEST = 1_000_000
"""Characters; a larger file is not read."""

_NOTHING: frozenset[str] = frozenset()
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_BUILTINS = frozenset(dir(builtins)) | {"quit", "exit", "__builtins__", "__file__", "__spec__", "__cached__", "__loader__"}
_DEPTH = 25
"""How far names and constants are followed."""
_BINDINGS = 100
"""How many bindings of one name are kept."""


class Unreadable(ValueError):
    """The text cannot be read: no Python, too large, or nested too deeply."""


@dataclass(slots=True, eq=False)
class Scope:
    """Names bound in a module, class, function or comprehension: to a dotted name (an import), an expression, or something unknown (None)."""

    above: Scope | None
    is_class: bool = False
    bound: dict[str, list[str | ast.expr | None]] = field(default_factory=lambda: defaultdict(list))
    elsewhere: dict[str, Scope] = field(default_factory=dict)
    """Names declared `global` or `nonlocal`, and whose they are."""
    stars: list[str] = field(default_factory=list)


class Source:
    """One parsed file. Raises Unreadable."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        if len(text) > LARGEST:
            raise Unreadable(f"{len(text)} characters are too many to be read")
        try:
            self.tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise Unreadable(str(error)) from error
        self.nodes: dict[type[ast.AST], list[Any]] = defaultdict(list)
        self.parent: dict[ast.AST, ast.AST] = {}
        self.children: dict[ast.AST, list[ast.AST]] = {}
        self.module = Scope(None)
        self._scope: dict[ast.AST, Scope] = {}
        self._resolved: dict[ast.AST, frozenset[str]] = {}
        self._folded: dict[ast.AST, Any] = {}
        self._mentioned: dict[ast.AST, frozenset[str]] = {}
        self._busy: set[ast.AST] = set()
        self._depth = 0
        self._docstrings: set[ast.AST] = set()
        self._read()

    # --- reading, one walk -------------------------------------------------------------------------------------------

    def _read(self) -> None:
        todo: list[tuple[ast.AST, Scope]] = [(self.tree, self.module)]
        while todo:
            node, scope = todo.pop()
            self.nodes[type(node)].append(node)
            kind = type(node)
            if kind is ast.Name:
                self._scope[node] = scope
                continue
            inner = scope
            if isinstance(node, (*_FUNCTIONS, ast.ClassDef, *_COMPREHENSIONS)):
                inner = self._open(node, scope)
            elif isinstance(node, (ast.stmt, ast.NamedExpr, ast.comprehension, ast.ExceptHandler, ast.pattern, ast.withitem)):
                self._bind(node, scope)
            outside = self._outside(node) if inner is not scope else ()
            children = self.children[node] = _children(node)
            for child in reversed(children):
                self.parent[child] = node
                todo.append((child, scope if child in outside else inner))

    def _open(self, node: Any, scope: Scope) -> Scope:
        inner = Scope(scope, isinstance(node, ast.ClassDef))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            self._home(scope, node.name).bound[node.name].append(None)
            self._docstring(node)
        if isinstance(node, _FUNCTIONS):
            given = node.args
            for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg):
                if argument:
                    inner.bound[argument.arg].append(None)
        return inner

    @staticmethod
    def _outside(node: Any) -> set[ast.AST]:
        """Children that are evaluated in the scope around: decorators, defaults, bases."""
        found: list[ast.AST | None] = [*getattr(node, "decorator_list", ()), *getattr(node, "bases", ()), *getattr(node, "keywords", ())]
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found.append(node.returns)
        return {each for each in found if each is not None}

    def _docstring(self, node: Any) -> None:
        first = node.body[0] if node.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            self._docstrings.add(first.value)

    @staticmethod
    def _home(scope: Scope, name: str) -> Scope:
        return scope.elsewhere.get(name, scope)

    def _bind(self, node: ast.AST, scope: Scope) -> None:
        def put(name: str, value: str | ast.expr | None) -> None:
            known = self._home(scope, name).bound[name]
            if len(known) < _BINDINGS:
                known.append(value)

        if isinstance(node, ast.Import):
            for alias in node.names:
                put(alias.asname or alias.name.partition(".")[0], alias.name if alias.asname else alias.name.partition(".")[0])
        elif isinstance(node, ast.ImportFrom):
            stem = "." * node.level + (node.module or "")
            for alias in node.names:
                if alias.name == "*":
                    scope.stars.append(stem)
                else:
                    put(alias.asname or alias.name, f"{stem}.{alias.name}" if stem.strip(".") else f"{stem}{alias.name}")
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
            for target in node.targets if isinstance(node, ast.Assign) else (node.target,):
                self._assign(target, node.value, put)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            home = self.module if isinstance(node, ast.Global) else scope.above or self.module
            scope.elsewhere.update(dict.fromkeys(node.names, home))
        elif isinstance(node, (ast.AugAssign, ast.For, ast.AsyncFor, ast.comprehension)):
            self._assign(node.target, None, put)
        elif isinstance(node, ast.withitem):
            if node.optional_vars:
                self._assign(node.optional_vars, None, put)
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            put(node.name, None)

    def _assign(self, target: ast.AST, value: ast.expr | None, put: Any) -> None:
        if isinstance(target, ast.Name):
            put(target.id, value)
        elif isinstance(target, ast.Starred):
            self._assign(target.value, None, put)
        elif isinstance(target, (ast.Tuple, ast.List)):
            several = isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts)
            for position, each in enumerate(target.elts):
                self._assign(each, value.elts[position] if several else None, put)  # type: ignore[union-attr]

    # --- where ---------------------------------------------------------------------------------------------------------

    def all(self, *kinds: type[ast.AST]) -> Iterator[Any]:
        """The nodes of these types, those of one type in the order of the text."""
        for kind in kinds:
            yield from self.nodes.get(kind, ())

    def walk(self, node: ast.AST) -> Iterator[ast.AST]:
        """The node and all below it, in the order of the text."""
        todo = [node]
        while todo:
            each = todo.pop()
            yield each
            todo += reversed(self.children.get(each, ()))

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around it, the nearest first."""
        while (parent := self.parent.get(node)) is not None:
            yield parent
            node = parent

    def function(self, node: ast.AST) -> ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | None:
        """The function or lambda it stands in."""
        return next((each for each in self.above(node) if isinstance(each, _FUNCTIONS)), None)

    def statement(self, node: ast.AST) -> ast.AST:
        """The statement it stands in, or itself."""
        if isinstance(node, ast.stmt):
            return node
        return next((each for each in self.above(node) if isinstance(each, ast.stmt)), node)

    def in_main(self, node: ast.AST) -> bool:
        """Under `if __name__ == "__main__":`, or in a function called `main`."""
        return any(is_main_guard(each) or (isinstance(each, _FUNCTIONS) and getattr(each, "name", "") == "main") for each in self.above(node))

    def at_import(self, node: ast.AST) -> bool:
        """It is done when the module is imported."""
        return self.function(node) is None and not any(is_main_guard(each) for each in self.above(node))

    def is_docstring(self, node: ast.AST) -> bool:
        parent = self.parent.get(node)
        return node in self._docstrings or (isinstance(parent, ast.Expr) and isinstance(self.parent.get(parent), ast.Module))

    # --- what a name stands for ------------------------------------------------------------------------------------------

    def names(self, node: ast.AST | None) -> frozenset[str]:
        """The dotted names an expression may stand for, for example `{"os._exit"}`; builtins are `builtins.exec`."""
        if node is None:
            return _NOTHING
        known = self._resolved.get(node)
        if known is not None:
            return known
        if node in self._busy or self._depth > _DEPTH:
            return _NOTHING
        self._busy.add(node)
        self._depth += 1
        try:
            found = self._resolve(node)
        finally:
            self._busy.discard(node)
            self._depth -= 1
        if len(found) > 20:
            found = frozenset(sorted(found)[:20])
        self._resolved[node] = found
        return found

    def mentioned(self, node: ast.AST) -> frozenset[str]:
        """The dotted names of everything in an expression; a call `name()` is the name itself."""
        if node not in self._mentioned:
            self._mentioned[node] = frozenset(name.replace("()", "") for each in self.walk(node) for name in self.names(each))
        return self._mentioned[node]

    def _resolve(self, node: ast.AST) -> frozenset[str]:
        if isinstance(node, ast.Name):
            return self._lookup(node)
        if isinstance(node, ast.Attribute):
            if node.attr == "__dict__":
                return self.names(node.value)
            return _join(self.names(node.value), node.attr)
        if isinstance(node, ast.Call):
            return self._called(node)
        if isinstance(node, ast.Subscript):
            return self._subscript(node)
        if isinstance(node, ast.NamedExpr):
            return self.names(node.value)
        if isinstance(node, ast.IfExp):
            return self.names(node.body) | self.names(node.orelse)
        if isinstance(node, ast.BoolOp):
            return _NOTHING.union(*(self.names(value) for value in node.values))
        return _NOTHING

    def _lookup(self, node: ast.Name) -> frozenset[str]:
        bindings = self.bindings(node)
        if bindings is None:
            if node.id in _BUILTINS:
                return frozenset({"builtins" if node.id == "__builtins__" else f"builtins.{node.id}"})
            return frozenset(f"{star}.{node.id}" for star in self.module.stars)
        found: set[str] = set()
        for value in bindings[:20]:
            if isinstance(value, str):
                found.add(value)
            elif value is not None:
                found |= self.names(value)
        return frozenset(found)

    def bindings(self, node: ast.Name) -> list[str | ast.expr | None] | None:
        """What the name is bound to where it stands; None when the file binds it nowhere."""
        home = self.home(node)
        return None if home is None else home.bound[node.id]

    def home(self, node: ast.Name) -> Scope | None:
        """The scope that binds the name where it stands; None when the file binds it nowhere."""
        scope: Scope | None = self._scope[node]
        first = scope
        while scope is not None:
            scope = scope.elsewhere.get(node.id, scope)
            if node.id in scope.bound and (scope is first or not scope.is_class):
                return scope
            scope = scope.above
        return None

    def is_shared(self, node: ast.Name) -> bool:
        """The name belongs to a scope around the function it stands in."""
        return self.function(node) is not None and self.home(node) is not self._scope[node]

    def _called(self, node: ast.Call) -> frozenset[str]:
        target = self.names(node.func)
        first = node.args[0] if node.args else None
        if target & {"builtins.getattr", "inspect.getattr_static"} and len(node.args) > 1:
            return _join(self.names(first), self.fold(node.args[1]))
        if target & {"builtins.__import__", "importlib.import_module", "importlib.__import__"}:
            name = self.fold(first)
            return frozenset({name}) if isinstance(name, str) else _NOTHING
        if target & {"builtins.vars", "functools.partial", "builtins.staticmethod", "importlib.reload", "functools.wraps"}:
            return self.names(first)
        if "sys.modules.get" in target or "sys.modules.pop" in target:
            name = self.fold(first)
            return frozenset({name}) if isinstance(name, str) else _NOTHING
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("get", "__getitem__", "pop", "setdefault"):
            return _join(self._namespace(node.func.value), self.fold(first))
        if isinstance(node.func, ast.Attribute) and node.func.attr == "__getattribute__" and node.args:
            return _join(self.names(node.args[-2] if len(node.args) > 1 else node.func.value), self.fold(node.args[-1]))
        if isinstance(node.func, ast.Call) and "operator.attrgetter" in self.names(node.func.func) and node.func.args:
            return _join(self.names(first), self.fold(node.func.args[0]))
        return frozenset(f"{name}()" for name in target if not name.startswith("builtins."))

    def _namespace(self, node: ast.AST) -> frozenset[str]:
        """The dotted names whose attributes a mapping holds: `vars(os)`, `os.__dict__`, `globals()`."""
        if isinstance(node, ast.Attribute) and node.attr == "__dict__":
            return self.names(node.value)
        if isinstance(node, ast.Call) and "builtins.vars" in self.names(node.func):
            return self.names(node.args[0] if node.args else None)
        names = self.names(node)
        return names & {"builtins"}

    def _subscript(self, node: ast.Subscript) -> frozenset[str]:
        key = self.fold(node.slice)
        value = node.value
        if "sys.modules" in self.names(value):
            return frozenset({key}) if isinstance(key, str) else frozenset({"sys.modules[]"})
        if "sys.argv" in self.names(value):
            return frozenset({"sys.argv[]"}) if key == 0 else _NOTHING
        if isinstance(value, ast.Call) and self.names(value.func) & {"builtins.globals", "builtins.locals"} and isinstance(key, str):
            if key == "__builtins__":
                return frozenset({"builtins"})
            bindings = self.module.bound.get(key)
            found = {each for each in bindings or () if isinstance(each, str)}
            return frozenset(found).union(*(self.names(each) for each in bindings or () if isinstance(each, ast.expr)))
        if found_in := _join(self._namespace(value), key):
            return found_in
        if isinstance(value, (ast.Tuple, ast.List)):
            return _NOTHING.union(*(self.names(each) for each in value.elts[:20]))
        if isinstance(value, ast.Dict):
            return _NOTHING.union(*(self.names(each) for each in value.values[:20]))
        return _NOTHING

    # --- what a constant comes to ----------------------------------------------------------------------------------------

    def fold(self, node: ast.AST | None) -> Any:
        """The value of a constant expression (text, bytes, numbers, True, None, tuples of them), else UNKNOWN. Lists are tuples."""
        if node is None:
            return UNKNOWN
        if isinstance(node, ast.Constant):
            return node.value
        if node in self._folded:
            return self._folded[node]
        if self._depth > _DEPTH:
            return UNKNOWN
        self._folded[node] = UNKNOWN
        self._depth += 1
        try:
            value = self._fold(node)
        except Exception:  # whatever a constant expression raises, it is no constant
            value = UNKNOWN
        finally:
            self._depth -= 1
        self._folded[node] = value
        return value

    def _fold(self, node: ast.AST) -> Any:
        if isinstance(node, ast.Name):
            bindings = self.bindings(node)
            return self.fold(bindings[0]) if bindings and len(bindings) == 1 and isinstance(bindings[0], ast.expr) else UNKNOWN
        if isinstance(node, (ast.Tuple, ast.List)):
            return self._all(node.elts)
        if isinstance(node, ast.UnaryOp):
            value = self.fold(node.operand)
            if value is UNKNOWN:
                return UNKNOWN
            return -value if isinstance(node.op, ast.USub) else not value if isinstance(node.op, ast.Not) else UNKNOWN
        if isinstance(node, ast.BinOp):
            left, right = self.fold(node.left), self.fold(node.right)
            return UNKNOWN if left is UNKNOWN or right is UNKNOWN else folding.binary(type(node.op).__name__, left, right)
        if isinstance(node, ast.JoinedStr):
            parts = self._all([each.value if isinstance(each, ast.FormattedValue) and each.format_spec is None else each for each in node.values])
            return UNKNOWN if parts is UNKNOWN else "".join(map(str, parts))
        if isinstance(node, ast.Subscript):
            value = self.fold(node.value)
            return UNKNOWN if value is UNKNOWN else self._sliced(value, node.slice)
        if isinstance(node, ast.Call):
            return self._fold_call(node)
        if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
            return self._fold_comprehension(node)
        return UNKNOWN

    def _all(self, nodes: list[Any]) -> Any:
        if len(nodes) > folding.LIMIT:
            return UNKNOWN
        values = tuple(self.fold(each) for each in nodes)
        return UNKNOWN if any(value is UNKNOWN for value in values) else values

    def _sliced(self, value: Any, index: ast.expr) -> Any:
        if isinstance(index, ast.Slice):
            ends = [None if end is None else self.fold(end) for end in (index.lower, index.upper, index.step)]
            return UNKNOWN if UNKNOWN in ends else value[slice(*ends)]
        at = self.fold(index)
        return UNKNOWN if at is UNKNOWN else value[at]

    def _fold_call(self, node: ast.Call) -> Any:
        if node.keywords:
            return UNKNOWN
        if "builtins.map" in self.names(node.func) and len(node.args) == 2:
            values = self.fold(node.args[1])
            name = next(iter(self.names(node.args[0]) & folding.FUNCTIONS.keys()), "")
            return tuple(folding.call(name, (value,)) for value in values) if name and values is not UNKNOWN else UNKNOWN
        arguments = self._all(node.args)
        if arguments is UNKNOWN:
            return UNKNOWN
        if name := next(iter(self.names(node.func) & folding.FUNCTIONS.keys()), ""):
            return folding.call(name, arguments)
        if isinstance(node.func, ast.Attribute):
            value = self.fold(node.func.value)
            return UNKNOWN if value is UNKNOWN else folding.method(value, node.func.attr, arguments)
        return UNKNOWN

    def _fold_comprehension(self, node: ast.ListComp | ast.GeneratorExp) -> Any:
        """`chr(c) for c in [...]`, with an offset at most: `chr(c + 1)`."""
        loop = node.generators[0]
        values = self.fold(loop.iter)
        if len(node.generators) != 1 or loop.ifs or values is UNKNOWN or not isinstance(loop.target, ast.Name) or len(values) > 2000:
            return UNKNOWN
        return tuple(self._with(node.elt, loop.target.id, value) for value in values)

    def _with(self, node: ast.expr, name: str, value: Any) -> Any:
        if isinstance(node, ast.Name) and node.id == name:
            return value
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.BinOp):
            return folding.binary(type(node.op).__name__, self._with(node.left, name, value), self._with(node.right, name, value))
        if isinstance(node, ast.Call) and not node.keywords:
            function = next(iter(self.names(node.func) & folding.FUNCTIONS.keys()))
            return folding.call(function, tuple(self._with(each, name, value) for each in node.args))
        raise ValueError("not a constant")


def _children(node: ast.AST) -> list[ast.AST]:
    """Its children in the order of the text, without operators and contexts."""
    found: list[ast.AST] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, list):
            found += [each for each in value if isinstance(each, ast.AST) and not isinstance(each, ast.cmpop)]
        elif isinstance(value, ast.AST) and not isinstance(value, (ast.expr_context, ast.operator, ast.boolop, ast.unaryop)):
            found.append(value)
    return found


def _join(names: frozenset[str], attribute: Any) -> frozenset[str]:
    if not isinstance(attribute, str) or not names:
        return _NOTHING
    return frozenset(f"{name}.{attribute}" for name in names)


def is_main_guard(node: ast.AST) -> bool:
    """`if __name__ == "__main__":`."""
    if not isinstance(node, ast.If) or not isinstance(node.test, ast.Compare) or not isinstance(node.test.ops[0], ast.Eq):
        return False
    sides = [node.test.left, *node.test.comparators]
    return any(isinstance(each, ast.Name) and each.id == "__name__" for each in sides) and any(
        isinstance(each, ast.Constant) and each.value == "__main__" for each in sides
    )


def is_standard(name: str) -> bool:
    """A dotted name of the standard library."""
    return name.partition(".")[0] in sys.stdlib_module_names
