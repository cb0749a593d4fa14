"""Detectors by what a file reaches: names, texts, assignments, code that it makes. Pure: the file is read, never run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from orchestrator.run.gates import folding
from orchestrator.run.gates.detectors import Detect, Facts, Hit, hit
from orchestrator.run.gates.scan_names import HARMLESS_ASSIGNMENTS, STREAMS, UNMISTAKABLE, detector_of, words
from orchestrator.run.gates.source import UNKNOWN, Source, is_main_guard, is_standard
from orchestrator.run.redaction import KEYS

# --- names -----------------------------------------------------------------------------------------------------------


def names(source: Source, facts: Facts) -> Iterator[Hit]:
    """Every mention of a name of the table, however it is reached."""
    for node in source.all(ast.Import):
        for alias in node.names:
            yield from _named(source, facts, node, alias.name)
    for from_ in source.all(ast.ImportFrom):
        for alias in from_.names:
            yield from _named(source, facts, from_, f"{from_.module}.{alias.name}" if from_.module and not from_.level else "")
    for reference in source.all(ast.Name, ast.Attribute, ast.Call, ast.Subscript):
        if isinstance(reference, (ast.Name, ast.Attribute)) and not isinstance(reference.ctx, ast.Load):
            continue
        for name in sorted(source.names(reference)):
            yield from _named(source, facts, reference, name)
    own = {node.name for node in source.all(ast.FunctionDef, ast.AsyncFunctionDef)}
    for attribute in source.all(ast.Attribute):
        if attribute.attr in UNMISTAKABLE and attribute.attr not in own and isinstance(attribute.ctx, ast.Load):
            yield hit(UNMISTAKABLE[attribute.attr], attribute, attribute.attr)
    for item in source.all(ast.Subscript):
        key = source.fold(item.slice)
        if isinstance(key, str) and key in UNMISTAKABLE:
            yield hit(UNMISTAKABLE[key], item, item)
    for call in source.all(ast.Call):
        key = source.fold(call.args[1]) if len(call.args) > 1 and "builtins.getattr" in source.names(call.func) else None
        if isinstance(key, str) and key in UNMISTAKABLE and key not in own:
            yield hit(UNMISTAKABLE[key], call, call)


def _named(source: Source, facts: Facts, node: ast.AST, name: str) -> Iterator[Hit]:
    detector = detector_of(name)
    if not detector or (name.endswith("()") and detector in ("exit", "frames", "hooks")):
        return
    if name.rpartition(".")[2] in ("SystemExit", "KeyboardInterrupt") and not any(isinstance(each, ast.Raise) for each in source.above(node)):
        return
    if detector == "exit":
        if _exits_at_import(source, facts, node):
            yield hit("exit at import", node, name)
        elif not (facts.program or source.in_main(node)):
            yield hit("exit", node, name)
        return
    if detector == "environment" and (facts.program or _is_own_module(source, node)):
        return
    if detector == "randomness" and _is_seeded(source, name):
        return
    if detector == "code swap" and name.startswith("types.") and not _is_called(source, node):
        return
    yield hit(detector, node, name)


def _is_called(source: Source, node: ast.AST) -> bool:
    parent = source.parent.get(node)
    return isinstance(parent, ast.Call) and parent.func is node


def _is_own_module(source: Source, node: ast.AST) -> bool:
    """`sys.modules[__name__]`."""
    around = source.parent.get(node)
    return isinstance(around, ast.Subscript) and isinstance(around.slice, ast.Name) and around.slice.id == "__name__"


def _exits_at_import(source: Source, facts: Facts, node: ast.AST) -> bool:
    if facts.program or not source.at_import(node) or isinstance(node, (ast.Import, ast.ImportFrom)):
        return False
    if not any(isinstance(each, (ast.Call, ast.Raise)) for each in [source.parent.get(node)]):
        return False
    above = list(source.above(node))
    guarded = any(isinstance(each, ast.ExceptHandler) or (isinstance(each, ast.If) and "sys.version" in ast.unparse(each.test)) for each in above)
    return not guarded and not any(isinstance(each, ast.ClassDef) for each in above)


def _is_seeded(source: Source, name: str) -> bool:
    if not name.startswith("random") or name.startswith("random.SystemRandom"):
        return False
    return name == "random" or any(
        call.args and any(each in ("random.seed", "random.Random", "random.Random().seed") for each in source.names(call.func))
        for call in source.all(ast.Call)
    )


# --- text: what a file says, folded ------------------------------------------------------------------------------------

_RUNNERS = re.compile(r"(?i)(^|[^a-z])(_?pytest|unittest|conftest)([^a-z]|$)|PYTEST")
_TEST_WORD = re.compile(r"(?i)^\W*(py\.?)?tests?\W*$|test_|_test\b")
_TEST_VARIABLE = re.compile(
    r"^(PYTEST\w*|CI|CONTINUOUS_INTEGRATION|TOX_\w+|NOX_\w+|GITHUB_ACTIONS|GITLAB_CI|COVERAGE_\w+|COV_CORE_\w+|UNITTEST\w*|TEST|TESTS|TESTING|TEST_MODE|IS_TEST|"
    r"UNDER_TEST|RUNNING_TESTS|TEST_ENV|SANDBOX|IN_SANDBOX|ORCHESTRATOR\w*|PYTHONPYCACHEPREFIX|BWRAP\w*)$"
)
_TEST_PATH = re.compile(r"(^|/)(tests(/|$)|test_[\w*?]*\.py|[\w*?]*_test\.py|conftest\.py|prds(/|$))")
_PROCESS_PATH = re.compile(r"^/proc/(self|thread-self|[0-9]+|[\[{%*?])|^/dev/fd\b|^/\.dockerenv|^/run/\.containerenv|^/sys/fs/cgroup")
_SANDBOX_PATH = re.compile(r"^/(graft|inside|variants|proc)(/\d*|$)$|^/(graft|inside|variants)/")
_PLACES = words("/ /root /home /root/ /home/ /inside /graft /variants")
_PRIVATE = re.compile(
    r"/etc/(g?shadow|sudoers)\b|\.ssh/(id_\w+|authorized_keys)|\.aws/credentials|\.docker/config\.json|\.kube/config|\.git-credentials"
)
_WHERE = words(
    "os.getcwd os.getcwdb pathlib.Path.cwd socket.gethostname platform.node os.uname sys.executable sys.prefix sys.base_prefix sys.argv "
    "sys.orig_argv getpass.getuser os.getlogin builtins.__file__ os.getpid os.getppid os.ctermid sys.modules sys.path os.environ os.getenv "
    "threading.current_thread threading.main_thread sys.flags sys.implementation.cache_tag sys.stdin.name sys.stdout.name"
)
_WHEREABOUTS = words(
    "os.getcwd pathlib.Path.cwd socket.gethostname socket.if_nameindex platform.node os.uname os.getppid os.getpid os.getlogin getpass.getuser "
    "os.ctermid sys.executable sys.orig_argv sys.flags.isolated sys.flags.safe_path sys.flags.dont_write_bytecode sys.flags.no_user_site"
)
_DESCRIBED = words(
    "os.write os.fdopen builtins.open io.open io.FileIO socket.fromfd os.dup os.closerange os.sendfile os.writev os.pwrite os.close os.read "
    "os.fstat os.dup2 os.lseek"
)
"""What takes a descriptor first."""
_READS = words(
    "read_text read_bytes glob rglob iglob iterdir listdir scandir walk exists is_file open import_module run_path getline getlines find_spec"
)


def texts(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Constant texts, docstrings aside, and the texts that constant expressions come to."""
    for node in source.all(ast.Constant):
        if isinstance(node.value, str) and not source.is_docstring(node):
            yield node, node.value
        elif isinstance(node.value, bytes):
            yield node, node.value.decode("latin-1")
    for made in source.all(ast.BinOp, ast.Call, ast.Subscript, ast.JoinedStr, ast.Name):
        value = source.fold(made)
        if isinstance(value, str):
            yield made, value
        elif isinstance(made, ast.JoinedStr):
            yield made, "".join(str(each.value) if isinstance(each, ast.Constant) else "{}" for each in made.values)


def tells(source: Source, facts: Facts) -> Iterator[Hit]:
    """Texts about tests, sandboxes and requirement documents, where something is asked or read with them."""
    for node, text in texts(source):
        if len(text) > 300:
            continue
        if detector := _telling(source, facts, node, text):
            yield hit(detector, node, text)


def _telling(source: Source, facts: Facts, node: ast.AST, text: str) -> str:
    """The detector that a text shows where it stands, or ''."""
    if _PROCESS_PATH.search(text) or (text in _PLACES and _asks_for_place(source, node)):
        return "sandbox tell"
    if _PRIVATE.search(text) and not any(isinstance(each, ast.Compare) for each in source.above(node)):
        return "private files"
    if _SANDBOX_PATH.search(text) and (_mentions(source, _whole(source, node), _WHERE) or _is_read(source, node)):
        return "sandbox tell"
    if _TEST_VARIABLE.match(text) and _mentions(source, _whole(source, node), words("os.environ os.getenv os.environb")):
        return "environment" if facts.program and not text.startswith(("PYTEST", "PYTHON", "ORCHESTRATOR")) else "test tell"
    if _RUNNERS.search(text) and (_is_asked(source, node) or _mentions(source, _whole(source, node), {"sys.modules"})):
        return "test tell"
    if _TEST_WORD.search(text) and _is_asked(source, node) and _asks_the_process(source, facts, _whole(source, node)):
        return "test tell"
    if _TEST_PATH.search(text) and _is_read(source, node):
        return "reads tests"
    return "source reading" if text.endswith("*.py") and _is_read(source, node) else ""


def _whole(source: Source, node: ast.AST) -> ast.AST:
    """The largest expression around, or the loop or comprehension it is asked in."""
    for each in source.above(node):
        if isinstance(each, (ast.For, ast.comprehension)):
            return each
        if isinstance(each, (ast.stmt, ast.Lambda)):
            break
        node = each
    return node


def _is_asked(source: Source, node: ast.AST) -> bool:
    """It stands in a comparison, is a key, or an argument of a method that asks: `startswith`, `get`, `find`, `find_spec`, `getenv`, …"""
    for each in source.above(node):
        if isinstance(each, ast.Compare) or (isinstance(each, ast.Subscript) and node is each.slice) or isinstance(each, ast.MatchValue):
            return True
        if isinstance(each, ast.Call) and node is not each.func:
            called = getattr(each.func, "attr", getattr(each.func, "id", ""))
            if called in (
                "startswith",
                "endswith",
                "get",
                "find",
                "index",
                "count",
                "getenv",
                "find_spec",
                "search",
                "match",
                "fullmatch",
                "pop",
                "intersection",
            ):
                return True
        if isinstance(each, ast.stmt):
            return False
        node = each
    return False


def _asks_the_process(source: Source, facts: Facts, expression: ast.AST) -> bool:
    asked = {"sys.modules", "sys.path", "builtins.__file__", "os.getcwd", "pathlib.Path.cwd", "sys.orig_argv", "sys.executable", "builtins.__name__"}
    if _mentions(source, expression, asked):
        return True
    return _mentions(source, expression, {"sys.argv"}) and (not facts.program or "argv[0]" in ast.unparse(expression))


def _is_read(source: Source, node: ast.AST) -> bool:
    """It is (part of) a path that is read, listed or imported. Written files do not count."""
    for each in source.above(node):
        if isinstance(each, ast.Call):
            called = getattr(each.func, "attr", getattr(each.func, "id", ""))
            if called == "open" and any(_is_writing(source, argument) for argument in (*each.args[:2], *(k.value for k in each.keywords))):
                return False
            if called in _READS:
                return True
        if isinstance(each, ast.stmt):
            return False
    return False


def _asks_for_place(source: Source, node: ast.AST) -> bool:
    """It is asked whether the place is there: `os.path.isdir("/root")`, `Path("/home").exists()`."""
    asked = ("exists", "isdir", "isfile", "access", "is_dir", "lexists", "listdir", "stat")
    return any(isinstance(each, ast.Call) and getattr(each.func, "attr", "") in asked for each in source.above(node))


def _is_writing(source: Source, node: ast.AST) -> bool:
    mode = source.fold(node)
    return isinstance(mode, str) and re.fullmatch(r"[rbt]*[wax+][wabtx+]*", mode) is not None


def _mentions(source: Source, expression: ast.AST, wanted: set[str] | frozenset[str]) -> bool:
    mentioned = source.mentioned(expression)
    return not wanted.isdisjoint(mentioned) or any(name.startswith(f"{each}.") for name in mentioned for each in wanted)


def whereabouts(source: Source, facts: Facts) -> Iterator[Hit]:
    """Comparisons of the working folder, the host, the process and the like with constants."""
    asked = _WHEREABOUTS if facts.program else _WHEREABOUTS | {"sys.argv[]"}
    for node in source.all(ast.Compare):
        sides = [node.left, *node.comparators]
        about = [side for side in sides if _mentions(source, side, asked)]
        if about and any(side not in about and _is_constant(source, side) for side in sides):
            yield hit("sandbox tell", node, node)
    for call in source.all(ast.Call):
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("startswith", "endswith") and _mentions(source, call.func.value, asked):
            yield hit("sandbox tell", call, call)
        if (
            not facts.program
            and source.names(call.func) & {"os.fstat", "os.ttyname", "os.isatty"}
            and call.args
            and source.fold(call.args[0]) in (0, 1, 2)
        ):
            yield hit("sandbox tell", call, call)
    for test in source.all(ast.Compare):
        if any(isinstance(each, ast.Name) and each.id == "__name__" for each in (test.left, *test.comparators)):
            around = source.parent.get(test)
            if not (around is not None and is_main_guard(around)) and not isinstance(around, ast.IfExp):
                yield hit("environment", test, test)


def _is_constant(source: Source, node: ast.AST) -> bool:
    value = source.fold(node)
    if isinstance(node, (ast.Set, ast.List, ast.Tuple)):
        return bool(node.elts) and all(_is_constant(source, each) for each in node.elts)
    return value is not UNKNOWN and value is not None and not (isinstance(value, str) and not re.search(r"\w|/.", value))


def secrets_and_length(source: Source, facts: Facts) -> Iterator[Hit]:
    """Keys, and long constants without blanks."""
    for node in source.all(ast.Constant):
        if isinstance(node.value, (str, bytes)) and len(node.value) >= 20:
            text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
            if match := KEYS.search(text):
                yield hit("secret", node, match[0][:8] + "…")
            if len(text) >= 1000 and max(map(len, text.split() or [""])) >= 1000:
                yield hit("long constant", node, f"{len(text)} characters")


# --- what it changes ---------------------------------------------------------------------------------------------------


def patches(source: Source, facts: Facts) -> Iterator[Hit]:
    """Assignments into modules, by statement, `setattr`, `update` and the like."""
    for statement in source.all(ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Delete):
        targets = statement.targets if isinstance(statement, (ast.Assign, ast.Delete)) else [statement.target]
        for target in _flat(targets):
            if isinstance(target, ast.Attribute):
                if target.attr in ("__code__", "__globals__", "__closure__", "cell_contents", "__class__") and not _is_state_change(target):
                    yield hit("code swap", target, target)
                yield from _patched(source, facts, target, source.names(target))
            elif isinstance(target, ast.Subscript):
                yield from _patched_item(source, facts, target)
    for loop in source.all(ast.For):
        for target in _flat([loop.target]):
            if isinstance(target, ast.Attribute):
                yield from _patched(source, facts, target, source.names(target))
    for call in source.all(ast.Call):
        yield from _patching_call(source, facts, call)


def _flat(targets: list[Any]) -> Iterator[ast.expr]:
    for target in targets:
        if isinstance(target, (ast.Tuple, ast.List)):
            yield from _flat(target.elts)
        else:
            yield target


def _is_state_change(target: ast.Attribute) -> bool:
    return target.attr == "__class__"


def _patched(source: Source, facts: Facts, node: ast.AST, targets: frozenset[str]) -> Iterator[Hit]:
    for name in sorted(targets):
        if "()" in name or name in HARMLESS_ASSIGNMENTS:
            continue
        if name.startswith("sys.modules[]"):
            yield hit("other modules", node, "sys.modules[…]")
            continue
        if name in STREAMS:
            yield hit("streams at import" if source.at_import(node) and not facts.program else "streams", node, name)
        elif name.startswith(("builtins.", "pytest.", "_pytest.", "pluggy.", "__main__.")) or is_standard(name):
            if name.startswith("builtins.") and not _reaches_builtins(source, node):
                continue
            yield hit("patches modules", node, name)
        else:
            yield hit("other modules", node, name)


def _reaches_builtins(source: Source, node: ast.AST) -> bool:
    """`builtins.len = …`, and not an attribute of something that is only called like a builtin."""
    return isinstance(node, ast.Call) or (isinstance(node, (ast.Attribute, ast.Subscript)) and "builtins" in source.names(node.value))


def _patched_item(source: Source, facts: Facts, target: ast.Subscript) -> Iterator[Hit]:
    held = source.names(target.value)
    if "sys.modules" in held:
        own = isinstance(target.slice, ast.Name) and target.slice.id == "__name__"
        yield hit("other modules" if own else "patches modules", target, "sys.modules")
    elif "builtins" in held:
        yield hit("patches modules", target, target)
    elif isinstance(target.value, ast.Attribute) and target.value.attr == "__dict__":
        yield from _patched(source, facts, target, frozenset(f"{name}.{source.fold(target.slice)}" for name in source.names(target.value.value)))
    elif isinstance(target.value, ast.Call) and "builtins.vars" in source.names(target.value.func):
        yield from _patched(source, facts, target, frozenset(f"{name}.{source.fold(target.slice)}" for name in held))
    elif isinstance(target.value, ast.Attribute) and target.value.attr == "__globals__":
        yield hit("code swap", target, target)


def _patching_call(source: Source, facts: Facts, call: ast.Call) -> Iterator[Hit]:
    called = source.names(call.func)
    if called & {"builtins.setattr", "builtins.delattr", "builtins.object.__setattr__", "builtins.type.__setattr__"} and len(call.args) > 1:
        owners = {name for name in source.names(call.args[0]) if "()" not in name}
        attribute = source.fold(call.args[1])
        if attribute in ("__code__", "cell_contents", "__globals__"):
            yield hit("code swap", call, call)
        yield from _patched(source, facts, call, frozenset(f"{name}.{attribute if isinstance(attribute, str) else '…'}" for name in owners))
    if called & {f"sys.modules.{verb}" for verb in ("update", "setdefault", "pop", "clear", "__setitem__", "__delitem__", "popitem")}:
        yield hit("patches modules", call, "sys.modules")
    if isinstance(call.func, ast.Attribute) and call.func.attr in ("update", "__setitem__", "setdefault", "pop"):
        owner = call.func.value
        holders = source.names(owner)
        inside = isinstance(owner, (ast.Attribute, ast.Call)) and (
            getattr(owner, "attr", "") == "__dict__" or (isinstance(owner, ast.Call) and "builtins.vars" in source.names(owner.func))
        )
        if "builtins" in holders or (inside and any(is_standard(name) and "()" not in name and "[]" not in name for name in holders)):
            yield hit("patches modules", call, call)
    if any(name.startswith("unittest.mock.patch") and name.endswith((").start", ").__enter__")) for name in called):
        yield hit("patches modules", call, call)
    if any(name.endswith((".__setattr__", ".__delattr__")) and not name.startswith("builtins.") for name in called):
        owner_names = source.names(call.func.value) if isinstance(call.func, ast.Attribute) else frozenset()
        yield from _patched(source, facts, call, frozenset(f"{name}.…" for name in owner_names))
    if called & {"ctypes.c_void_p.from_address", "ctypes.c_long.from_address", "ctypes.c_ssize_t.from_address"}:
        yield hit("native memory", call, call)


def descriptors(source: Source, facts: Facts) -> Iterator[Hit]:
    """Writing to descriptors by number, except the three that every process has."""
    for call in source.all(ast.Call):
        called = source.names(call.func)
        if not call.args or not called & _DESCRIBED:
            continue
        first = call.args[0]
        number = source.fold(first)
        if (isinstance(number, int) and not isinstance(number, bool) and number > 2) or _counts_descriptors(source, first):
            yield hit("descriptor", call, call)


def _counts_descriptors(source: Source, node: ast.AST) -> bool:
    """A loop variable over `range(…)`."""
    if not isinstance(node, ast.Name):
        return False
    for each in source.above(node):
        loops = [each] if isinstance(each, ast.For) else getattr(each, "generators", [])
        for loop in loops:
            if isinstance(loop.target, ast.Name) and loop.target.id == node.id and isinstance(loop.iter, ast.Call):
                return "builtins.range" in source.names(loop.iter.func)
    return False


# --- code that is made -------------------------------------------------------------------------------------------------


def made_code(source: Source, facts: Facts) -> Iterator[Hit]:
    """`exec`, `eval`, `compile`, imports and `getattr` with text that is decoded, put together, or constant (which is then scanned too)."""
    for call in source.all(ast.Call):
        called = source.names(call.func)
        if called & {"builtins.exec", "builtins.eval", "builtins.compile"} and call.args:
            if _decodes(source, call.args[0]):
                yield hit("decoded code", call, call)
        elif called & {"builtins.__import__", "importlib.import_module"} and call.args:
            if _decodes(source, call.args[0]) or _is_pieced(source, call.args[0]):
                yield hit("decoded code", call, call)
            elif source.fold(call.args[0]) is UNKNOWN:
                yield hit("dynamic name", call, call)
        elif called & {"builtins.getattr", "builtins.setattr", "builtins.delattr"} and len(call.args) > 1:
            owners = source.names(call.args[0])
            if owners and not any("()" in name for name in owners):
                if _is_pieced(source, call.args[1]) or _decodes(source, call.args[1]):
                    yield hit("hidden name", call, call)
                elif source.fold(call.args[1]) is UNKNOWN and any(_is_module(name) for name in owners):
                    yield hit("dynamic name", call, call)
    for space in source.all(ast.Attribute, ast.Call):
        is_space = space.attr == "__dict__" if isinstance(space, ast.Attribute) else "builtins.vars" in source.names(space.func)
        if is_space and any(_is_module(name) for name in source.names(space)) and not isinstance(source.parent.get(space), ast.Subscript):
            yield hit("dynamic name", space, space)
    for item in source.all(ast.Subscript):
        held = source.names(item.value)
        if (held & {"sys.modules", "builtins", "os.environ"} or getattr(item.value, "attr", "") == "__dict__") and (
            _is_pieced(source, item.slice) or _decodes(source, item.slice)
        ):
            yield hit("hidden name", item, item)


def _is_module(name: str) -> bool:
    return "." not in name and name != "builtins" and is_standard(name)


def constant_code(source: Source) -> Iterator[tuple[int, str]]:
    """(line, text) of each constant text that the file runs as code."""
    for call in source.all(ast.Call):
        if call.args and source.names(call.func) & {"builtins.exec", "builtins.eval", "builtins.compile"}:
            text = source.fold(call.args[0])
            if isinstance(text, (str, bytes)):
                yield call.lineno, text if isinstance(text, str) else text.decode("utf-8", "replace")


def _is_pieced(source: Source, node: ast.AST) -> bool:
    """A text that is put together from constants, or turned round: nobody writes a name so who means it to be read."""
    if isinstance(node, ast.Name):
        bindings = source.bindings(node)
        values = [value for value in bindings or () if isinstance(value, ast.expr)]
        return len(values) == 1 and not isinstance(values[0], ast.Name) and _is_pieced(source, values[0])
    return isinstance(node, (ast.BinOp, ast.Call, ast.Subscript, ast.JoinedStr)) and isinstance(source.fold(node), str)


_DECODERS = frozenset({*folding.DECODERS, "gzip.decompress", "marshal.loads", "builtins.chr"})


def _decodes(source: Source, node: ast.AST, depth: int = 3) -> bool:
    for each in source.walk(node):
        if source.names(each) & _DECODERS:
            return True
        if isinstance(each, ast.Call) and "builtins.bytes" in source.names(each.func) and isinstance(source.fold(each), bytes):
            return True
        if isinstance(each, ast.Name) and depth and any(
            isinstance(value, ast.expr) and value is not node and _decodes(source, value, depth - 1) for value in source.bindings(each) or ()
        ):  # fmt: skip
            return True
        if (
            isinstance(each, ast.Subscript)
            and isinstance(each.slice, ast.Slice)
            and each.slice.step is not None
            and source.fold(each.slice.step) == -1
        ):
            return True
        if isinstance(each, ast.Attribute) and each.attr == "translate":
            return True
    return False


REACH: tuple[Detect, ...] = (names, tells, whereabouts, secrets_and_length, patches, descriptors, made_code)
