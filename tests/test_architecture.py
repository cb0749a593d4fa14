"""docs/design.md, "Data flow, which is also the folder order", as checks over the source. An exception stands here with its reason, or it is none."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, Workplace, clean_environment

PACKAGE = REPOSITORY / "orchestrator"
MODULES = sorted(str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py") if "_shipped" not in path.parts)

FLOW = ("inbox", "plan", "run", "save", "show")
VALUES = (
    "errors.py",
    "faults.py",
    "settings/__init__.py",
    "settings/agents.py",
    "settings/deliver.py",
    "settings/notify.py",
    "settings/telling.py",
    "cron.py",
    "settings/schedule.py",
    "settings/site.py",
    "settings/state.py",
    "config.py",
    "measures.py",
    "single_tests.py",
    "structure.py",
    "model.py",
    "telling.py",
    "__init__.py",
)
"""What every folder may import: values, errors, what a run tells, and the version."""

PURE = (
    *(
        name
        for name in MODULES
        if name.startswith("inbox/") and name not in ("inbox/folder.py", "inbox/targets.py", "inbox/watch.py", "inbox/committed.py")
    ),
    *(name for name in MODULES if name.startswith(("plan/", "run/gates/"))),
    *("run/lifecycle.py", "run/evidence.py", "run/limits.py", "run/breakers.py", "run/examples.py", "run/test_files.py", "run/stubs.py"),
    *("run/branches.py", "run/mutants.py", "run/people.py", "run/redaction.py", "run/search.py", "run/mentions.py"),
    *(f"run/agents/{name}.py" for name in ("complaints", "mending", "permissions", "presets", "told", "updates")),
    *("run/project.py", "run/dependencies.py", "run/layout.py"),
    *(name for name in MODULES if name.startswith(("show/figures/", "show/messages/", "show/pictures/"))),
    *(name for name in MODULES if name.startswith("show/console/") and name not in ("show/console/lines.py", "show/console/live.py")),
    *(name for name in MODULES if name.startswith("show/data_api/") and name != "show/data_api/data.py"),
    *(f"show/{name}.py" for name in ("addresses", "ansi", "colours", "forecasts", "history", "mutants", "pages", "public", "reasons")),
    *(f"show/{name}.py" for name in ("requirements", "schedule", "summary", "templates", "text", "words")),
    *(f"show/build/{name}.py" for name in ("bounded", "compiled", "found", "lists", "search")),
    *("show/federation/sources.py", "show/manual/commands.py", "show/manual/guide.py"),
    "cron.py",
    *(
        "save/mutation_report.py",
        "save/reports.py",
        "save/report.py",
        "save/told_line.py",
        "save/schedule_report.py",
        "save/inbox_reports.py",
        "save/edit_reports.py",
        "save/measure_reports.py",
        "save/wholes.py",
        "save/delivery_report.py",
        "save/limits_report.py",
    ),
    *("save/retention.py", "save/links.py"),
)
"""Parsing, planning, moves, gates, evidence, reports and pages: the same answer for the same arguments, and nothing touched."""

OUTSIDE = {
    "os",
    "shutil",
    "tempfile",
    "glob",
    "subprocess",
    "multiprocessing",
    "threading",
    "signal",
    "sqlite3",
    "socket",
    "select",
    "http",
    "httpx",
}
OUTSIDE |= {"asyncio", "time", "random", "secrets", "uuid", "platform", "logging", "getpass"}
CALLS = {
    "open",
    "input",
    "print",
    "now",
    "today",
    "utcnow",
    "cwd",
    "read_text",
    "read_bytes",
    "write_text",
    "write_bytes",
    "mkdir",
    "unlink",
    "iterdir",
    "rglob",
}
"""Names of functions and methods that reach outside without an import of the above: files, the terminal, clocks."""

IMPURE_IMPORTS = {
    ("run/agents/complaints.py", "run/agents/__init__.py"): "the errors an agent raises",
    ("run/examples.py", "run/oracle.py"): "`tolerance`, of the oracle's pure half: the digits that a test and the oracle must read alike",
    ("show/pages.py", "show/gather.py"): "the values `Shown` and `Unreadable`, which gathering returns",
    ("show/public.py", "show/gather.py"): "the value `Unreadable`, which gathering returns",
    ("show/schedule.py", "show/gather.py"): "the value `Unreadable`, which gathering returns",
    ("show/history.py", "show/gather.py"): "the value `Unreadable`, which gathering returns",
    ("show/figures/compare.py", "show/gather.py"): "the value `Unreadable`, which gathering returns",
    ("show/figures/limits.py", "show/gather.py"): "the value `Unreadable`, which gathering returns",
    ("show/figures/trends.py", "show/gather.py"): "the value `Unreadable`, which gathering returns",
    ("show/build/found.py", "show/gather.py"): "the value `Unreadable`, which gathering returns",
    ("show/summary.py", "show/gather.py"): "the value `Unreadable`, which gathering returns",
    ("show/data_api/api.py", "show/gather.py"): "the value `Unreadable`, which gathering returns",
    ("show/console/status.py", "save/overview.py"): "the value `Overview`, which looking returns",
    ("show/messages/markdown.py", "save/overview.py"): "the value `Overview`, which looking returns",
    ("show/console/verdicts.py", "run/reprove.py"): "the value `Flaw`, which verifying returns",
    ("show/messages/metrics.py", "save/figures.py"): "the value `Figures`, which counting returns",
    ("show/messages/metrics.py", "save/overview.py"): "the value `Account`, a part of it",
}
"""A pure module that imports one that is not, and what for."""

AGENTS_SHARED = (
    *("__init__", "answers", "choosing", "mending", "prices", "recording", "statuses", "workspace"),
    *("complaints", "permissions", "presets", "programs", "told", "updates", "wire"),
)
"""Of run/agents: the protocol, the choice, formats, and what agents that are programs share. Everything else there is an implementation."""

IN_THE_SANDBOX = (*(name for name in MODULES if name.startswith("run/inside/")), "run/agents/scripted_runner.py")
"""Programs of the sandbox, started by a project's interpreter or with `-I`: nothing of the orchestrator is there."""

PLATFORM_BOUND = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "posix", "msvcrt", "winreg", "winsound", "_winapi", "nt"}


@cache
def tree(module: str) -> ast.Module:
    return ast.parse((PACKAGE / module).read_text(encoding="utf-8"))


def imports(module: str, *, at_module_level: bool = False) -> Iterator[str]:
    """Dotted names a module imports, each as far as it is written: `from a import b` is `a.b`."""
    nodes = _module_level(tree(module)) if at_module_level else ast.walk(tree(module))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ["orchestrator", *Path(module).parts][: -node.level] if node.level else []
            stem = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{stem}.{name.name}" for name in node.names)


def _module_level(node: ast.AST) -> Iterator[ast.AST]:
    """What is executed when a module is imported: not what is inside functions, nor what only the type checker reads."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "__name__ == '__main__'"):
            continue
        yield child
        yield from _module_level(child)


def ours(module: str) -> set[str]:
    """The modules of the package that a module imports, as paths."""
    found = set()
    for name in imports(module):
        parts = name.split(".")
        if parts[0] != "orchestrator":
            continue
        candidates = [f"{'/'.join(parts[1:size])}.py" for size in range(len(parts), 1, -1)]
        packages = [f"{'/'.join(parts[1:size])}/__init__.py".lstrip("/") for size in range(len(parts), 0, -1)]
        found.add(next(path for pair in zip([*candidates, ""], packages, strict=True) for path in pair if path in MODULES))
    return found


def top(name: str) -> str:
    return name.split(".")[0]


def test_imports_are_read_whatever_their_form() -> None:
    assert {"config.py", "plan/graph.py", "run/sandboxes/__init__.py", "run/sandboxes/bubblewrap.py", "__init__.py"} <= ours("pipeline.py")
    assert "orchestrator.show.site" in imports("cli.py")
    assert "orchestrator.show.site" not in imports("cli.py", at_module_level=True)


def test_the_flow_is_the_folders_there_are() -> None:
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == {*FLOW, "settings"}


@pytest.mark.parametrize("module", [name for name in MODULES if name.split("/")[0] in FLOW])
def test_folders_import_leftwards_only(module: str) -> None:
    allowed = FLOW[: FLOW.index(module.split("/")[0]) + 1]
    rightwards = {name for name in ours(module) if name not in VALUES and name.split("/")[0] not in allowed}
    assert rightwards == set()


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("errors.py", set()),
        ("faults.py", {"errors.py"}),
        ("measures.py", set()),
        ("structure.py", set()),
        ("single_tests.py", set()),
        ("model.py", {"single_tests.py", "measures.py", "structure.py"}),
        ("settings/agents.py", set()),
        ("settings/deliver.py", {"settings/agents.py"}),
        ("settings/notify.py", {"settings/agents.py"}),
        ("settings/telling.py", {"settings/agents.py"}),
        ("settings/state.py", {"settings/agents.py"}),
        ("settings/site.py", {"settings/agents.py"}),
        ("cron.py", set()),
        ("settings/schedule.py", {"settings/agents.py", "cron.py", "__init__.py"}),
        (
            "config.py",
            {
                "errors.py",
                "settings/agents.py",
                "settings/deliver.py",
                "settings/notify.py",
                "settings/schedule.py",
                "settings/site.py",
                "settings/telling.py",
                "settings/state.py",
            },
        ),
        ("__init__.py", set()),
    ],
)
def test_the_values_that_all_may_import_import_nothing(module: str, allowed: set[str]) -> None:
    assert ours(module) <= allowed


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("run/agents/") and name != "run/agents/choosing.py"])
def test_agents_never_import_each_other_nor_the_choice(module: str) -> None:
    """Except the package itself, whose `choose` is the public name of the choice."""
    allowed = {*AGENTS_SHARED} if module == "run/agents/__init__.py" else {*AGENTS_SHARED} - {"choosing"}
    assert {Path(path).stem for path in ours(module) if path.startswith("run/agents/")} <= allowed


@pytest.mark.parametrize("folder", ["run/suites", "run/sandboxes"])
def test_other_implementations_never_import_each_other(folder: str) -> None:
    inside = [name for name in MODULES if name.startswith(f"{folder}/") and not name.endswith("__init__.py")]
    assert {(name, other) for name in inside for other in ours(name) & {*inside} - {name}} == set()


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_reach_nothing_outside(module: str) -> None:
    assert {name for name in imports(module) if top(name) in OUTSIDE} == set()
    called = {node.func for node in ast.walk(tree(module)) if isinstance(node, ast.Call)}
    names = {node.id if isinstance(node, ast.Name) else node.attr for node in called if isinstance(node, (ast.Name, ast.Attribute))}
    assert names & CALLS == set()


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_import_pure_modules(module: str) -> None:
    impure = {name for name in ours(module) if name not in (*PURE, *VALUES) and not _is_empty(name)}
    assert {name for name in impure if (module, name) not in IMPURE_IMPORTS} == set()


def _is_empty(module: str) -> bool:
    """A package's `__init__.py` that holds nothing but its docstring."""
    return all(isinstance(node, ast.Expr) for node in tree(module).body)


def test_every_exception_is_still_one() -> None:
    assert {pair for pair in IMPURE_IMPORTS if pair[1] not in ours(pair[0])} == set()
    assert {name for name in PURE if name not in MODULES} == set()


@pytest.mark.parametrize("module", IN_THE_SANDBOX)
def test_programs_of_the_sandbox_import_the_standard_library_and_pytest_only(module: str) -> None:
    siblings = {Path(path).stem for path in IN_THE_SANDBOX if path.startswith("run/inside/")}
    allowed = sys.stdlib_module_names | {"pytest", "_pytest"} | (siblings if module.startswith("run/inside/") else set())
    assert {name for name in imports(module) if top(name) not in allowed} == set()


@pytest.mark.parametrize("module", [name for name in MODULES if name not in IN_THE_SANDBOX])
def test_nothing_platform_bound_is_imported_at_module_level(module: str) -> None:
    assert {name for name in imports(module, at_module_level=True) if top(name) in PLATFORM_BOUND} == set()


@pytest.mark.parametrize("module", MODULES)
def test_no_module_is_over_500_lines(module: str) -> None:
    assert len((PACKAGE / module).read_text(encoding="utf-8").splitlines()) <= 500


def test_the_command_starts_without_heavy_libraries() -> None:
    script = "import sys, json, orchestrator.cli; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=clean_environment())
    loaded = set(json.loads(done.stdout))
    assert "argparse" in loaded
    assert loaded & {"pydantic", "yaml", "jinja2", "httpx", "mkdocs", "markdown_it", "asyncio", "sqlite3"} == set()


WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in %r:
            raise ModuleNotFoundError(f"no {name} on this platform", name=name)
for name in %r:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Absent())
from orchestrator.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_reading_commands_work_where_platform_bound_modules_are_absent(place: Workplace) -> None:
    place.prd(
        "sums", "# Sums\n\n## Requirements\n\n### R1: Add\nModule: sums.py\n\n- AC1: two\n\n  | `add(a, b)` | => |\n  |---|---|\n  | 1, 2 | 3 |\n"
    )
    place.agent("def turn(brief, folder):\n    (folder / 'sums.py').write_text('def add(a, b):\\n    return a + b\\n')\n")
    first = place.run()
    assert first.returncode == 0, first.stdout + first.stderr
    absent = sorted(PLATFORM_BOUND - {"posix", "nt"})
    script = WITHOUT % (absent, absent)

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-c", script, *arguments]
        return subprocess.run(argv, cwd=place.root, capture_output=True, text=True, env=clean_environment(), timeout=120)

    for arguments in (("check",), ("plan",), ("status",), ("site", "build")):
        done = command(*arguments)
        assert done.returncode == 0, (arguments, done.stderr)
    assert "running PRDs needs Linux" in command("run", "--no-site").stderr, "what is absent is really absent, and a lock needs it"
