"""The scan of tests that an agent wrote: does each name its criterion, call the subject, and assert something that could fail? Pure.

Nothing is run. RED says afterwards whether the tests fail where they must; this says what RED could not see or would blame on the wrong thing.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator

from orchestrator.model import Change, Finding
from orchestrator.run.gates.assertions import Test, check, tests_of
from orchestrator.run.gates.detectors import DETECTORS, Facts, Hit, Severity, hit
from orchestrator.run.gates.scan_code import GATE, hits
from orchestrator.run.gates.scan_names import words
from orchestrator.run.gates.source import Source, Unreadable, is_main_guard, is_standard

TEST_DETECTORS: dict[str, tuple[Severity, str]] = {
    "syntax": ("error", "it is no valid Python"),
    "no test": ("error", "it has no test function"),
    "no key": ("error", "its docstring does not begin with the key of a criterion"),
    "same test": ("error", "it says the same as another test: each criterion needs a test of its own"),
    "same name": ("error", "another test has its name, so one of them never runs"),
    "not collected": ("error", "pytest does not run it"),
    "no assertion": ("error", "it asserts nothing"),
    "cannot fail": ("error", "an assertion that cannot fail"),
    "not reached": ("error", "an assertion that is not reached, or not always"),
    "swallowed": ("error", "an assertion whose failure is swallowed"),
    "skipped": ("error", "it is skipped, expected to fail, or ends early"),
    "subject not called": ("error", "it never calls the subject"),
    "result not asserted": ("error", "no assertion looks at what the subject did"),
    "own answer": ("error", "the expected value is computed by the subject itself"),
    "mocked": ("error", "it uses mocks, or replaces the subject"),
    "chance": ("error", "it depends on the clock, on chance, on the network or on sleeping"),
    "other process": ("error", "it starts a process that is not the subject"),
    "project files": ("error", "it reads files of the project"),
    "module level": ("error", "the file does more than import, name constants and define when it is imported"),
    "hooks": ("error", "it hooks into pytest"),
    "wrapped": ("error", "it has a decorator that could hide it"),
    "forbidden": ("error", "it does what no test needs"),
    "broad raise": ("error", "any exception satisfies it: name the one that the rule means"),
    "both sides": ("notice", "both sides of the comparison come from the subject"),
}
"""Detector of tests → its severity and what it says."""

_CHANCE = frozenset({"clock", "sleep", "randomness", "network"})
_FORBIDDEN = frozenset(name for name, (severity, _) in DETECTORS.items() if severity == "error") - {"reads tests", "unreadable"} | {
    "exit",
    "exit handler",
    "dynamic code",
    "import path",
}
"""Detectors of code whose hits refuse a test too."""
_MARKS_THAT_SKIP = re.compile(r"(^|\.)(skip|skipif|xfail|skipIf|skipUnless|expectedFailure|importorskip|SkipTest|skipTest|exit)$")
_KEY = re.compile(r"\s*(?:[\w.-]+#)?([A-Za-z]+[\w.-]*?\d[\w.-]*)")


def tests(changes: tuple[Change, ...], keys: tuple[str, ...], subjects: tuple[str, ...]) -> tuple[Finding, ...]:
    """What is wrong with an agent's tests. `keys`: criterion keys that need a test (`AC2`, `R1.AC2`); `subjects`: paths of the modules under test.

    Which keys have no test at all is for `named` to say.
    """
    found: list[Finding] = []
    for change in changes:
        if change.text is not None:
            found += _file(change, keys, subjects)
    return tuple(found)


def named(changes: tuple[Change, ...], keys: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Key → node names (`tests/test_a.py::TestB::test_c`) of the tests whose docstring begins with it, for every key."""
    found: dict[str, list[str]] = {key: [] for key in keys}
    for change in changes:
        if change.text is None or not change.path.endswith(".py"):
            continue
        try:
            source = Source(change.path, change.text)
        except Unreadable:
            continue
        for test in tests_of(source):
            for key in _keys_of(test, keys):
                found[key].append(test.node)
    return {key: tuple(nodes) for key, nodes in found.items()}


def _keys_of(test: Test, keys: tuple[str, ...]) -> list[str]:
    """The keys a docstring begins with, parted by commas or `and`; a short one (`AC2`) counts where only one key ends so."""
    rest = (ast.get_docstring(test.function) or "").strip()
    found: list[str] = []
    while match := _KEY.match(rest):
        key = match[1].rstrip(".-")
        ends = [each for each in keys if each == key or each.partition("#")[2] == key] or [
            each for each in keys if re.split(r"[.#]", each)[-1] == key
        ]
        if len(ends) != 1:
            break
        found += ends
        rest = rest[match.end() :]
        more = re.match(r"\s*(,|and\b|&)", rest)
        if not more:
            break
        rest = rest[more.end() :]
    return found


def _file(change: Change, keys: tuple[str, ...], subjects: tuple[str, ...]) -> list[Finding]:
    def say(each: Hit) -> Finding:
        severity, sentence = TEST_DETECTORS[each.detector]
        what = f": `{each.what}`" if each.what else ""
        return Finding(GATE, f"{each.detector}: {change.path}, line {each.line}: {sentence}{what}", severity, where=f"{change.path}:{each.line}")

    if not change.path.endswith(".py"):
        return []
    try:
        source = Source(change.path, change.text or "")
        modules = _modules(source, subjects)
        seen = [*_module_level(source), *_reach(source, modules)]
        all_tests = list(tests_of(source))
        if not all_tests:
            seen.append(Hit("no test", 1, ""))
        if re.search(r"(^|/)conftest\.py$", change.path):
            seen.append(Hit("hooks", 1, "conftest.py"))
        for test in all_tests:
            seen += _test(source, test, keys, modules)
        for node, count in Counter(test.node for test in all_tests).items():
            if count > 1:
                seen.append(Hit("same name", next(test.function.lineno for test in all_tests if test.node == node), node.rpartition("::")[2]))
        seen += _same(all_tests, keys)
    except Unreadable as error:
        return [Finding(GATE, f"syntax: {change.path}: {error}", where=change.path)]
    except RecursionError:
        return [Finding(GATE, f"syntax: {change.path}: nested too deeply to be read", where=change.path)]
    seen = [each for each in seen if not any(node.lineno <= each.line <= (node.end_lineno or 0) for node in source.tree.body if is_main_guard(node))]
    unique = dict.fromkeys(sorted(seen, key=lambda each: (each.line, each.detector)))
    return [say(each) for each in unique]


def _same(all_tests: list[Test], keys: tuple[str, ...]) -> Iterator[Hit]:
    """Tests that do the same and name different criteria."""
    said: dict[str, tuple[Test, list[str]]] = {}
    for test in all_tests:
        body = test.function.body[1:] if ast.get_docstring(test.function) is not None else test.function.body
        text, named_here = "\n".join(ast.dump(node) for node in body), _keys_of(test, keys)
        first = said.setdefault(text, (test, named_here))
        if first[0] is not test and first[1] != named_here:
            yield Hit("same test", test.function.lineno, f"{test.function.name}, {first[0].function.name}")


# --- the file ------------------------------------------------------------------------------------------------------------


def _module_level(source: Source) -> Iterator[Hit]:
    for number, node in enumerate(source.tree.body):
        if isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) or is_main_guard(node):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and number == 0:
            continue
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id in ("pytest_plugins", "__test__", "collect_ignore") for target in targets):
                yield hit("hooks", node, node)
            elif not all(isinstance(target, (ast.Name, ast.Tuple)) for target in targets) or (node.value and not _is_plain(source, node.value)):
                yield hit("module level", node, node)
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            continue
        yield hit("module level", node, ast.unparse(node).splitlines()[0])
    for function in source.all(ast.FunctionDef, ast.AsyncFunctionDef):
        if function.name.startswith("pytest_"):
            yield hit("hooks", function, function.name)
        for decorator in function.decorator_list:
            if isinstance(decorator, ast.Call) and any(k.arg == "autouse" and source.fold(k.value) is not False for k in decorator.keywords):
                yield hit("hooks", decorator, "autouse")
    for class_ in source.all(ast.ClassDef):
        if class_.name.startswith("Test"):
            for node in class_.body:
                if isinstance(node, ast.FunctionDef) and node.name in ("__init__", "__new__"):
                    yield hit("not collected", node, f"{class_.name}.{node.name}")
                elif isinstance(node, ast.Assign) and any(getattr(target, "id", "") in ("__test__", "__unittest_skip__") for target in node.targets):
                    yield hit("not collected", node, node)


_MAKERS = words(
    "builtins.range builtins.list builtins.tuple builtins.set builtins.dict builtins.frozenset builtins.str builtins.int builtins.float "
    "builtins.bytes builtins.len builtins.sorted builtins.zip builtins.enumerate builtins.chr builtins.object textwrap.dedent re.compile "
    "datetime.date datetime.datetime datetime.time datetime.timedelta decimal.Decimal fractions.Fraction pathlib.Path pathlib.PurePath "
    "pathlib.PurePosixPath pytest.param typing.TypeVar collections.namedtuple collections.OrderedDict collections.Counter"
)


def _is_plain(source: Source, value: ast.expr) -> bool:
    """A constant, or one made by functions that only make constants. `pytestmark` may hold marks that skip nothing."""
    for node in source.walk(value):
        if isinstance(node, ast.Call):
            names = source.names(node.func)
            text_method = isinstance(node.func, ast.Attribute) and isinstance(source.fold(node.func.value), (str, bytes))
            if not names & _MAKERS and not text_method and not any(name.startswith("pytest.mark.") for name in names):
                return False
        if isinstance(node, (ast.Await, ast.Yield, ast.NamedExpr)):
            return False
    return True


def _reach(source: Source, modules: tuple[str, ...]) -> Iterator[Hit]:
    """Names that a test has no business with."""
    for each in hits(source, Facts(program=False)):
        if each.detector in _CHANCE:
            yield Hit("chance", each.line, each.what)
        elif each.detector == "reads tests" or (each.detector == "environment" and "__file__" in each.what):
            yield Hit("project files", each.line, each.what)
        elif each.detector in _FORBIDDEN and "SystemExit" not in each.what and not each.what.startswith("runpy"):
            yield Hit("forbidden", each.line, each.what)
    for node in source.all(ast.Name, ast.Attribute, ast.Import, ast.ImportFrom):
        for name in _mentioned(source, node):
            if re.match(r"(unittest\.)?mock(\.|$)|pytest_mock|mocker$", name):
                yield hit("mocked", node, name)
            elif _MARKS_THAT_SKIP.search(name) and name.startswith(("pytest.", "unittest.")):
                yield hit("skipped", node, name)
            elif name == "builtins.__file__":
                yield hit("project files", node, "__file__")
            elif name.startswith("inspect.getsource"):
                yield hit("project files", node, name)
    for call in source.all(ast.Call):
        called = source.names(call.func)
        if any(
            name.startswith(
                ("subprocess.", "os.system", "os.popen", "os.fork", "os.spawn", "os.posix_spawn", "multiprocessing.", "runpy.", "pytest.main")
            )
            for name in called
        ):
            words = _texts(source, call)
            if not any(_names_module(words, module) for module in modules) or re.search(r"\b(py)?test\b", words):
                yield hit("other process", call, call)
        if getattr(call.func, "attr", "") == "setattr" and getattr(getattr(call.func, "value", None), "id", "") == "monkeypatch" and call.args:
            target = source.fold(call.args[0])
            names = {target} if isinstance(target, str) else source.names(call.args[0])
            if any(_is_below(name, module) for name in names for module in modules):
                yield hit("mocked", call, call)
    for statement in source.all(ast.Assign, ast.AugAssign, ast.Delete):
        for target in statement.targets if not isinstance(statement, ast.AugAssign) else [statement.target]:
            if isinstance(target, ast.Attribute) and any(
                "()" not in name and _is_below(name, module) for name in source.names(target) for module in modules
            ):
                yield hit("mocked", statement, statement)
    subject_names = {
        name
        for name, values in source.module.bound.items()
        if any(isinstance(value, str) and any(_is_below(value, m) for m in modules) for value in values)
    }
    for name in sorted(subject_names):
        if len(source.module.bound[name]) > 1 and any(not isinstance(value, str) for value in source.module.bound[name]):
            yield Hit("mocked", 1, f"{name} is bound again")
    for argument in source.all(ast.arg):
        if argument.arg in ("mocker", "class_mocker", "module_mocker", "session_mocker"):
            yield hit("mocked", argument, argument.arg)


def _mentioned(source: Source, node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module)
    else:
        yield from sorted(source.names(node))


def _texts(source: Source, node: ast.AST) -> str:
    """Every constant text in an expression, names looked up."""
    found = []
    for each in source.walk(node):
        value = source.fold(each)
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, tuple):
            found += [part for part in value if isinstance(part, str)]
    return " ".join(found)


def _names_module(words: str, module: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(module)}(?![\w])|{re.escape(module.replace('.', '/'))}(\.py|/__main__\.py)", words) is not None


def _modules(source: Source, subjects: tuple[str, ...]) -> tuple[str, ...]:
    """The modules under test, each with the package it is in, which may hand its names on; what the file imports of others when none is known."""
    if subjects:
        return tuple(dict.fromkeys(name for path in subjects for name in (_dotted(path), _dotted(path).partition(".")[0])))
    known = ("pytest", "_pytest", "hypothesis", "unittest", "mock")
    stems = {name.partition(".")[0] for node in source.all(ast.Import, ast.ImportFrom) for name in _mentioned(source, node)}
    return tuple(sorted(stem for stem in stems if not is_standard(stem) and stem not in known))


def _dotted(path: str) -> str:
    return path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").removesuffix("/__main__").replace("/", ".")


def _is_below(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


# --- one test ------------------------------------------------------------------------------------------------------------


def _test(source: Source, test: Test, keys: tuple[str, ...], modules: tuple[str, ...]) -> Iterator[Hit]:
    function = test.function
    if keys and not _keys_of(test, keys):
        yield hit("no key", function, f"{function.name}: begin its docstring with one of {', '.join(keys[:12])}")
    if isinstance(function, ast.AsyncFunctionDef) or any(
        isinstance(node, (ast.Yield, ast.YieldFrom)) and source.function(node) is function for node in source.walk(function)
    ):
        yield hit("not collected", function, f"{function.name} is asynchronous or a generator")
    for decorator in [*function.decorator_list, *(test.class_.decorator_list if test.class_ else [])]:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        names = source.names(called)
        if not any(name.startswith(("pytest.mark.", "hypothesis.")) or name in ("builtins.staticmethod", "builtins.classmethod") for name in names):
            yield hit("wrapped", decorator, decorator)
        if (
            "pytest.mark.parametrize" in names
            and isinstance(decorator, ast.Call)
            and len(decorator.args) > 1
            and source.fold(decorator.args[1]) == ()
        ):
            yield hit("skipped", decorator, decorator)
    yield from check(source, test, modules)
