"""How a repository is laid out: its source, its tests, how they are run, and what of it steers them. Pure: paths and a reader in, a Layout out.

Nothing here is executed. What cannot be read is a note, what cannot be supported is said in one.
"""

from __future__ import annotations

import ast
import fnmatch
import posixpath
import re
import shlex
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from orchestrator.model import Change
from orchestrator.run.dependencies import PLUGINS
from orchestrator.run.project import COMPUTED, Project, Read, ini, name_of, normal, parse, poetry_versions, pytest_settings, strings

ASIDE = frozenset(
    {
        "doc",
        "docs",
        "example",
        "examples",
        "benchmark",
        "benchmarks",
        "bench",
        "script",
        "scripts",
        "tool",
        "tools",
        "build",
        "dist",
        "changelog",
        "artwork",
        "downstream",
        "profiler",
    }
)
"""Folders at the root that are neither source nor tests."""

COMPILED = {"maturin": "Rust", "mesonpy": "Meson", "scikit_build_core.build": "CMake", "setuptools_rust": "Rust"}
"""Build backends of packages that do not work without a compiler."""

_TEST_FOLDER = re.compile(r"(^|/)(tests?|testing)/")
_TEST_FILE = re.compile(r"(^|/)(test[^/]*|[^/]*_tests?|tests?)\.py$")
_VERSION = re.compile(r"v?(\d+!)?\d+(\.\d+)*([-_.]?(a|b|c|rc|alpha|beta|pre|post|dev)[-_.]?\d*)*(\+[A-Za-z0-9.]+)?", re.ASCII)


@dataclass(frozen=True)
class Layout:
    name: str
    """Of the distribution; '' when it has none."""
    version: str
    requires_python: str
    """As declared, for example `>=3.8`."""
    roots: tuple[str, ...]
    """Folders that imports start from, '' for the repository itself."""
    packages: tuple[str, ...]
    """Top-level import names."""
    tests: tuple[str, ...]
    """Folders and files that hold the project's own tests; () when there are none."""
    runner: str
    """`pytest`, `unittest` (run by pytest) or `none`."""
    arguments: tuple[str, ...]
    """Of pytest, for the whole suite, paths relative to the repository; `tests` come after them. See `arguments_for`."""
    options: tuple[str, ...]
    """What the project's settings give as `addopts`."""
    command: str
    """The whole suite as a person would run it."""
    locked: frozenset[str]
    """The project's own conftest files, settings and plugins of tests: always taken from the base."""
    plugins: tuple[str, ...]
    """Source files that pytest loads as plugins: code under change that steers the tests."""
    entry_points: str
    """Text of `entry_points.txt`."""
    generated: tuple[Change, ...]
    """Version files that a build would write, absent at the base: for workspaces and runs, never for a commit."""
    compiled: str
    """Why the project cannot work without a compiler; '' when it can."""
    notes: tuple[str, ...]

    def is_test(self, path: str) -> bool:
        """Whether a path belongs to the project's own tests, which are never the agent's to change."""
        return _is_test(path, self.tests)


def detect(paths: tuple[str, ...], read: Read, tag: str = "") -> Layout:
    """`paths`: every file at the base; `read` gives a text or None; `tag`: the nearest version tag, '' for none."""
    project = parse(paths, read)
    notes = list(project.notes)
    roots = _roots(project)
    packages = _packages(project, roots)
    version = _version(project, roots, tag, notes)
    settings_path, settings, options = pytest_settings(project, notes)
    tests = _tests(project, roots, settings, notes)
    runner = _runner(project, tests, settings_path, notes)
    plugins = _plugins(project, roots, options)
    source_plugins = tuple(path for path in plugins if not _is_test(path, tests))
    notes += [f"{path} is a pytest plugin and source at once: changing it changes how the tests run" for path in source_plugins]
    compiled = _compiled(project, notes)
    return Layout(
        name=name_of(project),
        version=version,
        requires_python=_requires_python(project),
        roots=roots,
        packages=packages,
        tests=tests,
        runner=runner if tests else "none",
        arguments=_arguments(settings_path, settings, options, runner),
        options=options,
        command=" ".join(
            ["python", "-m", runner if runner == "unittest" else "pytest", *(() if "testpaths" in settings or runner == "unittest" else tests)]
        ),
        locked=_steering(project.paths) | {path for path in plugins if path not in source_plugins},
        plugins=source_plugins,
        entry_points=_entry_points(project),
        generated=_generated(project, version, notes),
        compiled=compiled,
        notes=tuple(dict.fromkeys(notes)),
    )


def arguments_for(own: Layout, packages: Collection[str]) -> tuple[str, ...]:
    """`own.arguments` in an environment with these packages: options of plugins that could not be installed are taken out of `addopts`."""
    there = {normal(name) for name in packages}
    foreign = [option for option in own.options if any(re.match(pattern, option) and name not in there for pattern, name in PLUGINS.items())]
    if not foreign:
        return own.arguments
    kept = [option for option in own.options if option not in foreign]
    without = {"--no-cov"} if "pytest-cov" not in there else set()
    if "pytest-xdist" not in there:
        without |= {"-n", "0"}
    return (*(argument for argument in own.arguments if argument not in without), "-o", f"addopts={shlex.join(kept)}")


def locked(paths: tuple[str, ...], read: Read) -> frozenset[str]:
    """The project's own conftest files, settings and plugins of tests."""
    return detect(paths, read).locked


def fits(requires_python: str, version: tuple[int, int, int]) -> bool:
    """Whether an interpreter satisfies `requires-python`. A clause that is not understood does not refuse."""
    return all(_clause_holds(clause.strip(), version) for clause in requires_python.split(",") if clause.strip())


def _clause_holds(clause: str, version: tuple[int, int, int]) -> bool:
    match = re.fullmatch(r"(===?|!=|~=|<=|>=|<|>)\s*(\d+(?:\.\d+)*)(\.\*)?\S*", clause)
    if match is None:
        return True
    sign, numbers = match[1], tuple(int(part) for part in match[2].split("."))
    if sign in ("==", "===", "!="):
        short = numbers if match[3] else (*numbers, 0, 0)[:3]
        return (version[: len(short)] == short) == (sign != "!=")
    if sign == "~=":
        return version >= numbers and version[: len(numbers) - 1] == numbers[:-1]
    full = (*numbers, 0, 0)[:3]
    return {"<": version < full, "<=": version <= full, ">": version > full, ">=": version >= full}[sign]


# --- source ----------------------------------------------------------------------------------------------------------------


def _roots(project: Project) -> tuple[str, ...]:
    """Said in the settings of a build tool and there; else `src` when it holds modules; else the repository itself."""
    setuptools = project.table("tool", "setuptools")
    find = project.table("tool", "setuptools", "packages", "find")
    said: list[Any] = [*strings(find.get("where")), *_root_of_package_dir(setuptools.get("package-dir"))]
    said += [line.partition("=")[2].strip() for line in strings(project.setup_cfg.get("options", {}).get("package_dir")) if line.startswith("=")]
    said.append(project.setup_cfg.get("options.packages.find", {}).get("where", ""))
    said += _root_of_package_dir(project.setup.get("package_dir"))
    found = project.setup.get("packages")
    said += [found["where"]] if isinstance(found, dict) and "where" in found else []
    said += [entry.get("from", "") for entry in _tables(project.table("tool", "poetry").get("packages"))]
    said += [posixpath.dirname(path.strip("/")) for path in strings(project.table("tool", "hatch", "build", "targets", "wheel").get("packages"))]
    said.append(project.table("tool", "pdm", "build").get("package-dir", ""))
    roots = [posixpath.normpath(entry) for entry in said if isinstance(entry, str) and entry.strip("./")]
    roots = [entry for entry in dict.fromkeys(roots) if any(path.startswith(f"{entry}/") for path in project.paths)]
    if not roots and "src/__init__.py" not in project.paths and any(path.startswith("src/") and path.endswith(".py") for path in project.paths):
        roots = ["src"]
    return tuple(roots) or ("",)


def _root_of_package_dir(value: Any) -> list[str]:
    return [value[""]] if isinstance(value, dict) and isinstance(value.get(""), str) else []


def _tables(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _packages(project: Project, roots: tuple[str, ...]) -> tuple[str, ...]:
    names = set()
    for root in roots:
        prefix = f"{root}/" if root else ""
        for path in project.paths:
            if not path.startswith(prefix) or not path.endswith(".py"):
                continue
            parts = path.removeprefix(prefix).split("/")
            package = len(parts) > 1 and (f"{prefix}{parts[0]}/__init__.py" in project.paths or bool(root))
            module = len(parts) == 1 and parts[0] not in ("setup.py", "conftest.py", "noxfile.py", "tasks.py", "versioneer.py", "fabfile.py")
            if (package or module) and parts[0] not in ASIDE and not _TEST_FOLDER.search(f"/{parts[0]}/") and not _TEST_FILE.search(parts[0]):
                names.add(parts[0].removesuffix(".py"))
    return tuple(sorted(name for name in names if name.isidentifier()))


def _requires_python(project: Project) -> str:
    poetry = project.table("tool", "poetry", "dependencies").get("python")
    candidates = (
        project.table("project").get("requires-python"),
        poetry_versions(poetry) if isinstance(poetry, str) else None,
        project.setup_cfg.get("options", {}).get("python_requires"),
        project.setup.get("python_requires"),
        project.table("tool", "flit", "metadata").get("requires-python"),
        *project.info.get("requires-python", ()),
    )
    return next((text for text in candidates if isinstance(text, str) and text and text != COMPUTED), "")


def _compiled(project: Project, notes: list[str]) -> str:
    backend = str(project.table("build-system").get("build-backend", "")).partition(":")[0]
    if language := COMPILED.get(backend):
        return f"it is built by {backend} ({language}), and code that must be compiled is not supported"
    sources = sorted(path for path in project.paths if path.endswith((".pyx", ".c", ".cpp", ".rs")) and path.split("/")[0] not in ASIDE)
    if sources and (project.setup.get("ext_modules") or any(path.endswith((".c", ".pyx")) for path in sources)):
        notes.append(f"compiled parts are not built ({', '.join(sources[:3])}): only what works without them can be tested")
    return ""


# --- version and metadata --------------------------------------------------------------------------------------------------


def _version(project: Project, roots: tuple[str, ...], tag: str, notes: list[str]) -> str:
    """As declared, as a source file says, as PKG-INFO, as the tag; '0' and a note when nothing says."""
    told = project.setup_cfg.get("metadata", {}).get("version", "")
    dynamic = project.table("tool", "setuptools", "dynamic", "version")
    candidates: list[Any] = [
        project.table("project").get("version"),
        project.table("tool", "poetry").get("version"),
        told if not told.startswith(("attr:", "file:")) else "",
        _attribute(project, roots, told.removeprefix("attr:").strip()) if told.startswith("attr:") else "",
        (project.read(told.removeprefix("file:").strip()) or "").strip() if told.startswith("file:") else "",
        project.setup.get("version"),
        _attribute(project, roots, str(dynamic.get("attr", ""))),
        *((project.read(path) or "").strip() for path in strings(dynamic.get("file"))),
        _assigned(project.read(str(project.table("tool", "hatch", "version").get("path", ""))) or ""),
        *project.info.get("version", ()),
        re.sub(r"^\D*", "", tag),
    ]
    for text in candidates:
        if isinstance(text, str) and _VERSION.fullmatch(text):
            return text.removeprefix("v")
    for root in roots:
        prefix = f"{root}/" if root else ""
        for package in _packages(project, (root,)):
            for name in (
                f"{package}/__init__.py",
                f"{package}/_version.py",
                f"{package}/version.py",
                f"{package}/__about__.py",
                f"{package}/__version__.py",
            ):
                if found := _assigned(project.read(prefix + name) or ""):
                    return found
            if found := _assigned(project.read(f"{prefix}{package}.py") or ""):
                return found
    if name_of(project):
        notes.append("no file and no tag says which version this is: it is installed as version 0")
    return "0"


def _attribute(project: Project, roots: tuple[str, ...], dotted: str) -> str:
    module = dotted.rpartition(".")[0].replace(".", "/")
    for root in ("", *roots):
        for path in (f"{module}.py", f"{module}/__init__.py"):
            if module and (found := _assigned(project.read(posixpath.join(root, path)) or "")):
                return found
    return ""


def _assigned(text: str) -> str:
    match = re.search(r"""^(?:__version__|VERSION|version|__VERSION__)\s*(?::[^=\n]+)?=\s*['"]([^'"]+)['"]""", text, re.MULTILINE)
    return match[1] if match and _VERSION.fullmatch(match[1]) else ""


def _entry_points(project: Project) -> str:
    """From pyproject.toml (PEP 621, poetry, flit), setup.cfg, setup.py, or a committed egg-info."""
    groups: dict[str, dict[str, Any]] = {}
    for group, keys in (
        ("console_scripts", ("project", "scripts")),
        ("gui_scripts", ("project", "gui-scripts")),
        ("console_scripts", ("tool", "poetry", "scripts")),
        ("console_scripts", ("tool", "flit", "scripts")),
    ):
        groups.setdefault(group, {}).update(project.table(*keys))
    for table in (project.table("project", "entry-points"), project.table("tool", "poetry", "plugins"), project.table("tool", "flit", "entrypoints")):
        groups |= {group: {**groups.get(group, {}), **entries} for group, entries in table.items() if isinstance(entries, dict)}
    old: Any = project.setup.get("entry_points")
    pairs = old.items() if isinstance(old, dict) else ini(old if isinstance(old, str) else None, "entry_points", []).items()
    for group, entries in (*project.setup_cfg.get("options.entry_points", {}).items(), *pairs):
        lines = [f"{name} = {value}" for name, value in entries.items()] if isinstance(entries, dict) else strings(entries)
        groups.setdefault(str(group), {}).update({name.strip(): value.strip() for name, _, value in (line.partition("=") for line in lines)})
    text = ""
    for group, entries in groups.items():
        fit = [
            f"{name} = {value}"
            for name, value in entries.items()
            if isinstance(value, str) and re.fullmatch(r"[^\n=\[\]]+", name) and "\n" not in value
        ]
        if fit and re.fullmatch(r"[\w.-]+", group):
            text += f"[{group}]\n" + "\n".join(fit) + "\n\n"
    egg = next((path for path in sorted(project.paths) if re.fullmatch(r"(src/)?[^/]+\.egg-info/entry_points\.txt", path)), "")
    return text or (project.read(egg) or "" if egg else "")


def _generated(project: Project, version: str, notes: list[str]) -> tuple[Change, ...]:
    """Files that setuptools_scm, hatch or pdm write at a build and git usually ignores."""
    scm, hatch = project.table("tool", "setuptools_scm"), project.table("tool", "hatch", "build", "hooks")
    vcs, own = hatch.get("vcs"), hatch.get("version")
    pdm = project.table("tool", "pdm", "version")
    wanted = [
        (scm.get("version_file") or scm.get("write_to"), scm.get("version_file_template") or scm.get("write_to_template")),
        *(((vcs.get("version-file"), vcs.get("template")),) if isinstance(vcs, dict) else ()),
        *(((own.get("path"), own.get("template")),) if isinstance(own, dict) else ()),
        (pdm.get("write_to"), pdm.get("write_template")),
    ]
    found = []
    for path, template in wanted:
        if not isinstance(path, str) or path in project.paths or posixpath.normpath(path) != path or path.startswith(("/", "..")):
            continue
        numbers = ", ".join(part if part.isdigit() else repr(part) for part in re.split(r"[.+]", version))
        text = (
            template.replace("{version!r}", repr(version))
            .replace("{version}", version)
            .replace("{version_tuple}", f"({numbers},)")
            .replace("{}", version)
            if isinstance(template, str)
            else f"__version__ = version = {version!r}\n__version_tuple__ = version_tuple = ({numbers},)\n__commit_id__ = commit_id = None\n"
        )
        found.append(Change(path, text))
        notes.append(f"{path} is written by a build and not in git: one that says {version} stands in for it while code runs, and is never committed")
    return tuple({change.path: change for change in found}.values())


# --- tests -----------------------------------------------------------------------------------------------------------------


def _tests(project: Project, roots: tuple[str, ...], settings: dict[str, Any], notes: list[str]) -> tuple[str, ...]:
    """`testpaths` when they are there; else the test folders at the root; else those in packages; else test files wherever they are."""
    python = sorted(path for path in project.paths if path.endswith(".py"))
    folders = {parent for path in python for parent in _parents(path)}
    given = settings.get("testpaths", ())
    said = [part.strip("/").removeprefix("./") for part in (given.split() if isinstance(given, str) else strings(given))]
    matched = [path for part in said for path in sorted({*folders, *python}) if path == part or fnmatch.fnmatchcase(path, part)]
    if said and matched:
        return tuple(dict.fromkeys(matched))
    if said and "." in said:
        return (".",)
    if said:
        notes.append(f"testpaths names {', '.join(said)}, where there is no Python file")
    files = [path for path in python if _TEST_FILE.search(path) and path.split("/")[0] not in ASIDE]
    for group in (
        [name for name in ("tests", "test", "testing", "t") if any(path.startswith(f"{name}/") and _TEST_FILE.search(path) for path in python)],
        sorted({_TEST_FOLDER.split(path)[0] + _test_part(path) for path in files if _TEST_FOLDER.search(path)}),
    ):
        if group:
            return tuple(dict.fromkeys((*group, *(path for path in files if "/" not in path))))
    plain = [path for path in files if "/" not in path or any(root and path.startswith(f"{root}/") for root in (*roots, *_packages(project, roots)))]
    if not plain:
        notes.append("no tests were found: nothing of the project itself can speak against a change")
    return tuple(plain)


def _test_part(path: str) -> str:
    match = _TEST_FOLDER.search(path)
    assert match is not None, "the caller has looked"
    return f"{match[1]}{match[2]}"


def _parents(path: str) -> Iterator[str]:
    while path := posixpath.dirname(path):
        yield path


def _is_test(path: str, tests: tuple[str, ...]) -> bool:
    return path in tests or path.startswith(tuple(f"{entry}/" for entry in tests))


def _runner(project: Project, tests: tuple[str, ...], settings_path: str, notes: list[str]) -> str:
    """`pytest` when anything says so; `unittest` when the test files import only that."""
    files = sorted(path for path in project.paths if path.endswith(".py") and (_is_test(path, tests) or tests == (".",)))
    named = [path for path in files if _TEST_FILE.search(path)]
    imported: set[str] = set()
    for path in named[:40]:
        imported |= set(re.findall(r"^\s*(?:import|from)\s+(\w+)", project.read(path) or "", re.MULTILINE))
    if "nose" in imported:
        notes.append("tests import nose, which does not work with this version of Python: they fail at the base and are not counted")
    if "manage.py" in project.paths:
        notes.append("manage.py is not used: tests run by pytest, which needs pytest-django for a Django project")
    if settings_path or "pytest" in imported or any(posixpath.basename(path) == "conftest.py" for path in project.paths):
        return "pytest"
    return "unittest" if imported & {"unittest", "unittest2"} else "pytest"


def _arguments(path: str, settings: dict[str, Any], options: tuple[str, ...], runner: str) -> tuple[str, ...]:
    """The project's own settings stay in force, but for those that would hide the outcome of single tests."""
    found = ["--rootdir", ".", *(("-c", path) if path else ()), "--continue-on-collection-errors"]
    if any(re.match(r"-n|--numprocesses|--dist", option) for option in options):
        found += ["-n", "0"]
    if any(option.startswith("--cov") for option in options):
        found.append("--no-cov")
    if any(re.match(r"-[a-zA-Z]*x|--exitfirst|--maxfail", option) for option in options):
        found.append("--maxfail=0")
    if not any("randomly" in option for option in options):
        found += ["-p", "no:randomly"]
    if runner == "unittest" and "python_files" not in settings:
        found += ["-o", "python_files=test*.py"]
    return tuple(found)


# --- what steers the tests -------------------------------------------------------------------------------------------------

STEERING = frozenset({"conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini", "setup.cfg", "pyproject.toml"})


def _steering(paths: frozenset[str]) -> frozenset[str]:
    return frozenset(path for path in paths if posixpath.basename(path) in STEERING)


def _plugins(project: Project, roots: tuple[str, ...], options: tuple[str, ...]) -> tuple[str, ...]:
    """Files of the repository that pytest loads as plugins: `-p`, `pytest_plugins`, entry points `pytest11`."""
    modules = [option for before, option in pairwise(options) if before == "-p"]
    modules += [option[2:] for option in options if option.startswith("-p") and len(option) > 2]
    section = _entry_points(project).partition("[pytest11]\n")[2].partition("\n\n")[0]
    modules += [line.partition("=")[2].partition(":")[0].strip() for line in section.splitlines()]
    places = ["", *roots]
    for path in sorted(project.paths):
        if posixpath.basename(path) == "conftest.py":
            places.append(posixpath.dirname(path))
            modules += _plugin_names(project.read(path) or "")
    stems = [posixpath.join(place, module.replace(".", "/")) for module in modules if not module.startswith("no:") for place in dict.fromkeys(places)]
    return tuple(dict.fromkeys(path for stem in stems for path in (f"{stem}.py", f"{stem}/__init__.py") if path in project.paths))


def _plugin_names(text: str) -> list[str]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(target, ast.Name) and target.id == "pytest_plugins" for target in node.targets):
            found += [part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return found
