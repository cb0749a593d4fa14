"""Detectors by shape: comparisons, hashes, processes cut loose, writing outside, unfinished work. Pure: the file is read, never run."""

from __future__ import annotations

import ast
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from orchestrator.run.gates.detectors import Detect, Facts, Hit, hit
from orchestrator.run.gates.scan_names import ANSWERS_ALIKE, COMPARISONS, TYPE_CHECKS, words
from orchestrator.run.gates.source import UNKNOWN, Source

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
"""What has parameters and answers."""

# --- comparisons -------------------------------------------------------------------------------------------------------


def comparisons(source: Source, facts: Facts) -> Iterator[Hit]:
    """`__eq__` and its kin that answer without looking at the other side, wherever such a function is put."""
    for class_ in source.all(ast.ClassDef):
        yield from _builtin_comparison(source, class_)
    for name, node, function in _dunders(source):
        if (name in COMPARISONS and _is_hollow(source, function)) or (name in TYPE_CHECKS and _answers(source, function) == {True}):
            yield hit("hollow comparison", node, name)
        elif name in ANSWERS_ALIKE and len(_answers(source, function) or ()) == 1:
            yield hit("constant comparison", node, name)
    for name, node in _false_classes(source):
        yield hit("hollow comparison", node, name)


def _dunders(source: Source) -> Iterator[tuple[str, ast.AST, Function]]:
    """(name, where, function) of every special method, by `def`, assignment, `setattr`, or a key of a dict display."""
    wanted = {*COMPARISONS, *TYPE_CHECKS, *ANSWERS_ALIKE}
    for function in source.all(ast.FunctionDef):
        if function.name in wanted and isinstance(source.parent.get(function), ast.ClassDef):
            yield function.name, function, function
    for statement in source.all(ast.Assign):
        for target in statement.targets:
            name = getattr(target, "id", getattr(target, "attr", ""))
            if name in wanted and (found := _function(source, statement.value)):
                yield name, statement, found
    for call in source.all(ast.Call):
        if "builtins.setattr" in source.names(call.func) and len(call.args) == 3:
            name = source.fold(call.args[1])
            if name in wanted and (found := _function(source, call.args[2])):
                yield name, call, found
    for display in source.all(ast.Dict):
        for key, value in zip(display.keys, display.values, strict=True):
            name = source.fold(key)
            if isinstance(name, str) and name in wanted and (found := _function(source, value)):
                yield name, display, found


def _function(source: Source, node: ast.expr) -> Function | None:
    if isinstance(node, ast.Lambda):
        return node
    if isinstance(node, ast.Call) and node.args and source.names(node.func) & {"functools.partialmethod", "functools.partial"}:
        return _function(source, node.args[0])
    if isinstance(node, ast.Name):
        return next((each for each in source.all(ast.FunctionDef) if each.name == node.id), None)
    return None


def _is_hollow(source: Source, function: Function) -> bool:
    """It says yes whatever the other side is: every answer is a true constant (or, for `__ne__`, a false one), or the other side is never read."""
    answers = _answers(source, function)
    if answers is not None:
        return len(answers) == 1 and (getattr(function, "name", "") != "__ne__" or answers == {False}) and answers != {NotImplemented} and (
            answers != {False} or getattr(function, "name", "") == "__ne__"
        )  # fmt: skip
    parameters = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    if function.args.vararg or len(parameters) != 2 or not _returns(function):
        return False
    return not any(isinstance(node, ast.Name) and node.id == parameters[1] for node in source.walk(function))


def _returns(function: Function) -> list[ast.expr | None]:
    if isinstance(function, ast.Lambda):
        return [function.body]
    found: list[ast.expr | None] = []
    todo: list[ast.AST] = list(function.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Return):
            found.append(node.value)
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            todo += ast.iter_child_nodes(node)
    return found


def _answers(source: Source, function: Function) -> set[Any] | None:
    """The constants it answers, when it answers nothing else; truth is all that counts of them."""
    found: set[Any] = set() if isinstance(function, ast.Lambda) or _ends(function.body) else {False}
    for value in _returns(function):
        truth = _truth(source, value)
        if truth is None:
            return None
        found.add(truth)
    return found if _returns(function) else None


def _ends(body: list[ast.stmt]) -> bool:
    """Nothing falls off its end."""
    last = body[-1]
    if isinstance(last, ast.If):
        return bool(last.orelse) and _ends(last.body) and _ends(last.orelse)
    if isinstance(last, ast.With):
        return _ends(last.body)
    if isinstance(last, ast.Try):
        return _ends(last.finalbody or last.orelse or last.body) and all(_ends(handler.body) for handler in last.handlers)
    return isinstance(last, (ast.Return, ast.Raise))


def _truth(source: Source, node: ast.expr | None) -> Any:
    """True or False for an expression that is always so, NotImplemented for itself, None for any other."""
    if node is None:
        return False
    if isinstance(node, ast.Name) and node.id == "NotImplemented":
        return NotImplemented
    if isinstance(node, ast.BoolOp):
        parts = [_truth(source, value) for value in node.values]
        decided = isinstance(node.op, ast.Or)
        return decided if any(part is decided for part in parts) else None
    if isinstance(node, ast.IfExp):
        parts = [_truth(source, node.body), _truth(source, node.orelse)]
        return parts[0] if parts[0] == parts[1] else None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        inner = _truth(source, node.operand)
        return None if inner not in (True, False) else not inner
    same = isinstance(node, ast.Compare) and len(node.ops) == 1 and ast.dump(node.left) == ast.dump(node.comparators[0])
    if same and isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Eq, ast.Is, ast.LtE, ast.GtE)):
        return True
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance" and len(node.args) == 2:
        return True if "builtins.object" in source.names(node.args[1]) else None
    value = source.fold(node)
    return None if value is UNKNOWN else bool(value)


def _builtin_comparison(source: Source, class_: ast.ClassDef) -> Iterator[Hit]:
    bases = {name for base in class_.bases for name in source.names(base)}
    plain = {f"builtins.{name}" for name in ["int", "float", "str", "bytes", "list", "tuple", "dict", "set", "frozenset", "complex", "bool"]}
    methods = {node.name for node in class_.body if isinstance(node, ast.FunctionDef)}
    if (
        bases & plain
        and methods & {*COMPARISONS, "__hash__"}
        and methods <= {*COMPARISONS, *ANSWERS_ALIKE, "__new__", "__init__", "__repr__", "__str__"}
    ):
        yield hit("builtin comparison", class_, class_.name)


def _false_classes(source: Source) -> Iterator[tuple[str, ast.AST]]:
    """A class that says it is a builtin one: `__class__ = int`, or a property of that name that answers so."""
    for class_ in source.all(ast.ClassDef):
        for node in class_.body:
            if isinstance(node, ast.FunctionDef) and node.name == "__class__":
                values = _returns(node)
            elif isinstance(node, ast.Assign) and any(isinstance(target, ast.Name) and target.id == "__class__" for target in node.targets):
                values = [node.value, *(_returns(node.value.args[0]) if _is_lambda_property(node.value) else [])]  # type: ignore[attr-defined]
            else:
                continue
            if any(
                value is not None and any(name.startswith("builtins.") and name.count(".") == 1 for name in source.names(value)) for value in values
            ):
                yield "__class__", node


def _is_lambda_property(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and bool(node.args) and isinstance(node.args[0], ast.Lambda)


# --- hashes --------------------------------------------------------------------------------------------------------------


def hashes(source: Source, facts: Facts) -> Iterator[Hit]:
    """`hash(x) == 1234`, `hash(x) in {…}`, `{…}[hash(x)]`; digests compared with constants are a notice."""
    for node in source.all(ast.Compare):
        sides = [node.left, *node.comparators]
        hashed = [side for side in sides if _is_hash(source, side)]
        if any(isinstance(each, ast.BinOp) and _has_identity(source, each) for each in sides) and any(
            source.fold(side) is not UNKNOWN for side in sides
        ):
            yield hit("hash of an input", node, node)
        if hashed and any(side not in hashed and _is_big(source, side) for side in sides):
            yield hit("hash of an input", node, node)
        elif any(_is_digest(source, side) for side in sides) and any(_is_written(source, side) for side in sides):
            yield hit("digest", node, node)
    for item in source.all(ast.Subscript):
        if isinstance(item.value, ast.Dict) and _is_hash(source, item.slice):
            yield hit("hash of an input", item, item)
    for call in source.all(ast.Call):
        if isinstance(call.func, ast.Attribute) and call.func.attr == "get" and call.args:
            table = call.func.value
            if _is_hash(source, call.args[0]) and _is_big(source, table):
                yield hit("hash of an input", call, call)
            elif _is_digest(source, call.args[0]) and _is_written(source, table):
                yield hit("digest", call, call)


def _is_hash(source: Source, node: ast.expr) -> bool:
    if isinstance(node, ast.Name):
        return any(_is_hash(source, value) for value in _calls(source, node))
    return isinstance(node, ast.Call) and bool(source.names(node.func) & {"builtins.hash", "builtins.id"})


def _calls(source: Source, name: ast.Name) -> list[ast.expr]:
    """The calls a name is bound to."""
    return [value for value in source.bindings(name) or () if isinstance(value, ast.Call)]


def _values(source: Source, name: ast.Name) -> list[ast.expr]:
    """The expressions a name is bound to, other names aside."""
    return [value for value in source.bindings(name) or () if isinstance(value, ast.expr) and not isinstance(value, ast.Name)]


def _has_identity(source: Source, node: ast.expr) -> bool:
    """An `id(…)` that is reckoned with."""
    return any(isinstance(each, ast.Call) and "builtins.id" in source.names(each.func) for each in source.walk(node))


def _is_big(source: Source, node: ast.expr) -> bool:
    """A number that is no small one, or a table of them."""
    if isinstance(node, ast.Name):
        return any(_is_big(source, value) for value in _values(source, node))
    if isinstance(node, (ast.Set, ast.List, ast.Tuple)):
        return any(_is_big(source, each) for each in node.elts)
    if isinstance(node, ast.Dict):
        return any(key is not None and _is_big(source, key) for key in node.keys)
    value = source.fold(node)
    return isinstance(value, int) and abs(value) > 1000


def _is_digest(source: Source, node: ast.expr) -> bool:
    if isinstance(node, ast.Name):
        return any(_is_digest(source, value) for value in _calls(source, node))
    return any(
        name.startswith(("hashlib.", "zlib.crc32", "zlib.adler32", "binascii.crc32", "hmac."))
        for each in source.walk(node)
        for name in source.names(each)
    )


def _is_written(source: Source, node: ast.expr) -> bool:
    if isinstance(node, ast.Name):
        return any(_is_written(source, value) for value in _values(source, node))
    if isinstance(node, (ast.Set, ast.List, ast.Tuple)):
        return any(_is_written(source, each) for each in node.elts)
    if isinstance(node, ast.Dict):
        return any(key is not None and _is_written(source, key) for key in node.keys)
    value = source.fold(node)
    return (isinstance(value, (str, bytes)) and len(value) >= 8) or (isinstance(value, int) and value > 1000)


# --- processes, files, unfinished work -----------------------------------------------------------------------------------


def daemons(source: Source, facts: Facts) -> Iterator[Hit]:
    """Processes that are cut loose: a new session, `nohup`, `&`, two forks."""
    forks = []
    for call in source.all(ast.Call):
        called = source.names(call.func)
        if "os.fork" in called:
            forks.append(call)
        if not any(name.startswith(("subprocess.", "os.system", "os.popen", "os.posix_spawn", "asyncio.create_subprocess")) for name in called):
            continue
        for keyword in call.keywords:
            if keyword.arg in ("start_new_session", "process_group", "setsid") and source.fold(keyword.value) not in (False, None, UNKNOWN):
                yield hit("daemon", call, call)
        for argument in call.args[:1]:
            command = source.fold(argument)
            words = " ".join(map(str, command)) if isinstance(command, tuple) else command
            if isinstance(words, str) and re.search(r"(^|[\s;&|])(nohup|setsid|disown|systemd-run|at now)\b|[^&]&\s*$", words):
                yield hit("daemon", call, call)
    if len(forks) > 1:
        yield hit("daemon", forks[1], "os.fork")


_CHANGES = words("os.remove os.unlink os.rmdir os.mkdir os.makedirs os.open shutil.rmtree os.symlink shutil.copy shutil.move")


def writes(source: Source, facts: Facts) -> Iterator[Hit]:
    """Writing at constant absolute paths."""
    for call in source.all(ast.Call):
        called = source.names(call.func)
        if called & {"builtins.open", "io.open"} and len(call.args) > 1 and _is_outside(source.fold(call.args[0])):
            mode = source.fold(call.args[1])
            if isinstance(mode, str) and set(mode) & set("wax+"):
                yield hit("writes outside", call, call)
        elif isinstance(call.func, ast.Attribute) and call.func.attr in (
            "write_text",
            "write_bytes",
            "touch",
            "mkdir",
            "unlink",
            "rmdir",
            "symlink_to",
        ):
            owner = call.func.value
            if isinstance(owner, ast.Call) and owner.args and _is_outside(source.fold(owner.args[0])):
                yield hit("writes outside", call, call)
        elif called & _CHANGES and any(_is_outside(source.fold(argument)) for argument in call.args):
            yield hit("writes outside", call, call)


def _is_outside(path: object) -> bool:
    return isinstance(path, str) and path.startswith(("/", "~", "../")) and not path.startswith(("/dev/null", "/dev/std"))


def unfinished(source: Source, facts: Facts) -> Iterator[Hit]:
    """Functions without a body, and comments that say so."""
    for function in source.all(ast.FunctionDef, ast.AsyncFunctionDef):
        body = function.body[1:] if isinstance(function.body[0], ast.Expr) and isinstance(function.body[0].value, ast.Constant) else function.body
        empty = not body or (len(body) == 1 and _is_empty(body[0]))
        if empty and not function.decorator_list and not _is_interface(source, function):
            yield hit("stub", function, function.name)
    if re.search(r"#.*\b(TODO|FIXME|XXX|HACK)\b", source.text):
        for number, line in enumerate(source.text.splitlines(), 1):
            if match := re.search(r"#\s*(TODO|FIXME|XXX|HACK)\b", line):
                yield Hit("marker", number, match[1])


def _is_empty(node: ast.stmt) -> bool:
    if isinstance(node, ast.Raise) and node.exc is not None:
        return "NotImplementedError" in ast.unparse(node.exc)
    if isinstance(node, ast.Return):
        return node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None)
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _is_interface(source: Source, function: ast.AST) -> bool:
    parent = source.parent.get(function)
    if not isinstance(parent, ast.ClassDef):
        return False
    return any(
        "Protocol" in ast.unparse(base) or "ABC" in ast.unparse(base) for base in (*parent.bases, *(keyword.value for keyword in parent.keywords))
    )


def swallowed(source: Source, facts: Facts) -> Iterator[Hit]:
    """`except:` and `except BaseException` that do not raise again."""
    for handler in source.all(ast.ExceptHandler):
        everything = handler.type is None or "builtins.BaseException" in source.names(handler.type)
        if everything and not any(isinstance(node, ast.Raise) for node in source.walk(handler)):
            yield hit("swallowed error", handler, "except" if handler.type is None else "except BaseException")


_TWINS = frozenset("асеорхуіјѕԁԛԝһҽոսցօАВЕКМНОРСТУХІЈЅοΟΑΒΕΖΗΙΚΜΝΡΤΥΧаｅ") | frozenset("ɑɡɩʋ")
"""Letters of other alphabets that look like Latin ones."""
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")


def look_alikes(source: Source, facts: Facts) -> Iterator[Hit]:
    """Names that mix Latin letters with their twins, and characters that turn the direction of the text."""
    if source.text.isascii():
        return
    if match := _TURNS.search(source.text):
        yield Hit("look-alike", source.text.count("\n", 0, match.start()) + 1, unicodedata.name(match[0]))
    for node in source.all(ast.Name, ast.Attribute, ast.arg, ast.FunctionDef, ast.ClassDef, ast.alias):
        name = getattr(node, "id", "") or getattr(node, "attr", "") or getattr(node, "arg", "") or getattr(node, "name", "")
        if name.isascii():
            continue
        for part in re.split(r"_|\d", name):
            if set(part) & _TWINS and any(letter.isascii() and letter.isalpha() for letter in part) and all(
                letter in _TWINS or letter.isascii() for letter in part
            ):  # fmt: skip
                yield hit("look-alike", node, name)
                break


SHAPES: tuple[Detect, ...] = (comparisons, hashes, daemons, writes, unfinished, swallowed, look_alikes)
