"""Detectors of answers that change with time or with the number of calls. Pure: the file is read, never run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

from orchestrator.run.gates.detectors import Detect, Facts, Hit, hit
from orchestrator.run.gates.scan_names import CLOCKS, words
from orchestrator.run.gates.source import UNKNOWN, Scope, Source


def time_bombs(source: Source, facts: Facts) -> Iterator[Hit]:
    """Comparisons of the clock with a fixed date, and of anything with the age of the file's own text."""
    yield from _file_times(source)
    if not any(_has_clock(source, node, set()) for node in source.tree.body):
        return
    tainted = _tainted(source)
    for node in source.all(ast.Compare):
        sides = [node.left, *node.comparators]
        for left, right in pairwise(sides):
            for clock, other in ((left, right), (right, left)):
                if _has_clock(source, clock, tainted) and not _has_clock(source, other, tainted) and _is_date(source, other, clock):
                    yield hit("time bomb", node, node)
                    break
            else:
                if any(_has_clock(source, side, tainted) and _has_fixed_date(source, side) for side in (left, right)):
                    yield hit("time bomb", node, node)


def _file_times(source: Source) -> Iterator[Hit]:
    """A file's time compared with a fixed one, or the time of the code's own file compared at all."""
    for node in source.all(ast.Compare):
        below = list(source.walk(node))
        if any(getattr(each, "attr", "") in ("st_mtime", "st_ctime", "st_atime", "getmtime", "getctime", "getatime") for each in below):
            own = any("builtins.__file__" in source.names(each) for each in below)
            if own or any(_is_moment(source.fold(side)) for side in (node.left, *node.comparators)):
                yield hit("time bomb", node, node)


def _is_moment(value: object) -> bool:
    """Seconds since 1970, this century."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 1_000_000_000


Tainted = set[tuple[Scope | None, str]]
"""Names whose value comes from the clock, each with the scope that binds it; attributes of `self` with None."""


def _tainted(source: Source) -> Tainted:
    found: Tainted = set()
    for _ in range(3):
        before = len(found)
        for statement in source.all(ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.AugAssign):
            value = statement.value
            if value is None or not _has_clock(source, value, found):
                continue
            for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
                if isinstance(target, ast.Name):
                    found.add((source.home(target), target.id))
                elif isinstance(target, ast.Attribute) and getattr(target.value, "id", "") in ("self", "cls"):
                    found.add((None, target.attr))
        for function in source.all(ast.FunctionDef):
            if any(
                node.value is not None and _has_clock(source, node.value, found) for node in source.walk(function) if isinstance(node, ast.Return)
            ):
                found.add((source.module, function.name))
        if len(found) == before:
            break
    return found


def _is_clock(source: Source, node: ast.AST) -> bool:
    """A function that tells the time; `time.localtime(then)` and the like only put a given one in other words."""
    told = source.names(node) & CLOCKS
    parent = source.parent.get(node)
    given = isinstance(parent, ast.Call) and parent.func is node and bool(parent.args)
    return bool(told - {"time.localtime", "time.gmtime", "time.ctime", "time.asctime"} if given else told)


def _has_clock(source: Source, node: ast.AST, tainted: Tainted) -> bool:
    for each in source.walk(node):
        if isinstance(each, ast.Name):
            if _is_clock(source, each) or (tainted and (source.home(each), each.id) in tainted):
                return True
        elif isinstance(each, ast.Attribute) and (
            _is_clock(source, each) or ((None, each.attr) in tainted and getattr(each.value, "id", "") in ("self", "cls"))
        ):
            return True
    return False


_DATES = words(
    "datetime.datetime datetime.date datetime.date.fromisoformat datetime.datetime.fromisoformat datetime.datetime.strptime "
    "datetime.datetime.fromtimestamp datetime.date.fromtimestamp time.strptime time.mktime calendar.timegm datetime.date.fromordinal "
    "datetime.datetime.utcfromtimestamp"
)


def _is_date(source: Source, node: ast.expr, clock: ast.expr) -> bool:
    """A constant moment: a date, a number of seconds, a year where the clock's year is asked, or a name of one."""
    value = source.fold(node)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if 719_163 <= value <= 840_000 and any(getattr(each, "attr", "") == "toordinal" for each in source.walk(clock)):
            return True
        return _is_moment(value) or (1970 <= value <= 2300 and _asks_year(source, clock))
    if isinstance(value, str):
        return re.search(r"(19[7-9]|2[0-2])\d\d[-/.]?[01]\d|^(19[7-9]|2[0-2])\d\d$", value) is not None
    if isinstance(value, tuple):
        return bool(value) and isinstance(value[0], int) and 1970 <= value[0] <= 2300
    if isinstance(node, (ast.Set, ast.List, ast.Tuple)):
        return bool(node.elts) and all(_is_date(source, each, clock) for each in node.elts)
    return _has_fixed_date(source, node)


def _asks_year(source: Source, clock: ast.expr) -> bool:
    asks = ("year", "tm_year", "strftime", "isoformat", "timetuple", "isocalendar")
    return any(isinstance(node, (ast.Subscript, ast.Name)) or getattr(node, "attr", "") in asks for node in source.walk(clock))


def _has_fixed_date(source: Source, node: ast.expr, depth: int = 3) -> bool:
    for each in source.walk(node):
        if isinstance(each, ast.Call) and source.names(each.func) & _DATES and each.args:
            first = source.fold(each.args[0])
            if first is not UNKNOWN and not (isinstance(first, int) and first <= 1970):
                return True
            if isinstance(each.args[0], ast.Tuple) and source.fold(each.args[0].elts[0]) is not UNKNOWN:
                return True
        if (
            isinstance(each, ast.Name)
            and depth
            and any(isinstance(value, ast.Call) and _has_fixed_date(source, value, depth - 1) for value in source.bindings(each) or ())
        ):
            return True
    return False


def counters(source: Source, facts: Facts) -> Iterator[Hit]:
    """State of the module that functions count up and compare with a constant."""
    counted: set[str] = set()
    for node in source.all(ast.AugAssign):
        base = node.target
        while isinstance(base, (ast.Attribute, ast.Subscript)):
            base = base.value
        if isinstance(base, ast.Name) and _outlives(source, base):
            counted.add(ast.unparse(node.target))
    for call in source.all(ast.Call):
        owner = getattr(call.func, "value", None)
        if getattr(call.func, "attr", "") in ("append", "add") and isinstance(owner, ast.Name) and _outlives(source, owner):
            counted |= {f"len({owner.id})", f"{owner.id}.count"}
        if "builtins.next" in source.names(call.func) and call.args and "itertools.count()" in source.names(call.args[0]):
            counted.add(ast.unparse(call))
    if not counted:
        return
    for test in source.all(ast.Compare):
        sides = [test.left, *test.comparators]
        if any(isinstance(source.fold(side), int) for side in sides) and any(
            ast.unparse(each) in counted for side in sides for each in source.walk(side) if isinstance(each, ast.expr)
        ):
            yield hit("call counter", test, test)


def _outlives(source: Source, name: ast.Name) -> bool:
    """It lives longer than a call: a module's or a closure's name, a function itself, or a mutable default."""
    function = source.function(name)
    if function is None or name.id in ("self", "cls"):
        return False
    given = function.args
    parameters = [*given.posonlyargs, *given.args]
    defaults = [
        *zip(parameters[len(parameters) - len(given.defaults) :], given.defaults, strict=True),
        *zip(given.kwonlyargs, given.kw_defaults, strict=True),
    ]
    if any(argument.arg == name.id and isinstance(default, (ast.List, ast.Dict, ast.Set, ast.Call)) for argument, default in defaults):
        return True
    return source.is_shared(name)


TIME: tuple[Detect, ...] = (time_bombs, counters)
