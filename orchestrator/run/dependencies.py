"""What a repository declares that it needs, to run and to be tested, each with the file and line that says so. Pure.

Requirements of tests come from everything named test, tests or testing; where there is nothing of that name, from tox.ini; where that
has nothing either, from everything named dev.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from orchestrator.run.project import COMPUTED, Project, Read, name_of, normal, parse, poetry_versions, pytest_settings, strings, toml

TEST = ("test", "tests", "testing")
DEV = ("dev", "develop", "development")

TOOLS = frozenset(
    {
        "tox",
        "nox",
        "tox-gh-actions",
        "pre-commit",
        "twine",
        "build",
        "wheel",
        "flit",
        "bump2version",
        "bumpversion",
        "bump-my-version",
        "sphinx",
        "sphinx-rtd-theme",
        "furo",
        "mkdocs",
        "mkdocs-material",
        "black",
        "flake8",
        "ruff",
        "isort",
        "pylint",
        "pyright",
        "pyupgrade",
        "codecov",
        "coveralls",
        "check-manifest",
        "cibuildwheel",
        "cogapp",
        "towncrier",
        "zest-releaser",
        "ipython",
        "sphinx-autobuild",
        "pip-tools",
        "autopep8",
        "pydocstyle",
        "bandit",
        "docformatter",
        "asv",
    }
)
"""What development lists name and no test imports."""

PLUGINS = {
    r"--(no-)?cov(-|=|$)": "pytest-cov",
    r"-n\d*$|-nauto$|--numprocesses|--dist(=|$)": "pytest-xdist",
    r"--timeout": "pytest-timeout",
    r"--benchmark": "pytest-benchmark",
    r"--asyncio-mode": "pytest-asyncio",
    r"--reruns": "pytest-rerunfailures",
    r"--random-order": "pytest-random-order",
    r"--randomly-": "pytest-randomly",
    r"--html=": "pytest-html",
    r"--mypy": "pytest-mypy",
    r"--hypothesis-": "hypothesis",
    r"--isort": "pytest-isort",
    r"--flake8": "pytest-flake8",
    r"--black": "pytest-black",
    r"--pydocstyle": "pytest-pydocstyle",
    r"--pycodestyle|--pep8": "pytest-pycodestyle",
}
"""An option in `addopts` → the plugin without which pytest does not start."""

Kind = Literal["run", "test"]


@dataclass(frozen=True)
class Requirement:
    text: str
    """As pip reads it: `name[extra] >=1,<2; marker`."""
    where: str
    """`file:line`."""
    kind: Kind = "run"

    @property
    def name(self) -> str:
        """Normalised; '' for what is not a name of an index: a URL, a path, an option."""
        found = _PLAIN.fullmatch(self.text.strip())
        return normal(found["name"]) if found else ""

    @property
    def extras(self) -> tuple[str, ...]:
        found = _PLAIN.fullmatch(self.text.strip())
        return tuple(normal(part) for part in (found["extras"] or "").split(",") if part.strip()) if found else ()

    @property
    def unpinned(self) -> Requirement:
        """The same without its versions, extras and markers kept."""
        found = _PLAIN.fullmatch(self.text.strip())
        assert found is not None, "only what has a name is unpinned"
        extras = f"[{found['extras']}]" if found["extras"] else ""
        return Requirement(f"{found['name']}{extras}{found['marker'] or ''}", self.where, self.kind)

    @property
    def pinned(self) -> bool:
        return re.search(r"(?<![<>!~=])===?\s*[^\s*,;]+\s*(;|$)", self.text) is not None


_VERSIONS = r"(?:(?:===|[<>=!~]=|<|>)\s*[^\s,;()<>=!~]+)"
_PLAIN = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[(?P<extras>[\w\s,.-]*)\])?\s*"
    rf"(?P<versions>\(?\s*(?:{_VERSIONS}(?:\s*,\s*{_VERSIONS})*)?\s*,?\s*\)?)\s*(?P<marker>;.*)?",
    re.ASCII,
)
_SELF = re.compile(r"(?:-e\s*|--editable[ =]\s*)?(?:file:)?(?:\.|\{toxinidir\})/?(?:\[(?P<extras>[\w\s,.-]*)\])?", re.ASCII)


@dataclass(frozen=True)
class Declared:
    requirements: tuple[Requirement, ...] = ()
    pins: tuple[Requirement, ...] = ()
    """`name==version` of lock files: preferred, never demanded."""
    notes: tuple[str, ...] = ()


@dataclass
class _Found:
    project: Project
    requirements: list[Requirement] = field(default_factory=list)
    pins: list[Requirement] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seen: set[tuple[str, ...]] = field(default_factory=set)

    def add(self, texts: Iterable[str], path: str, kind: Kind) -> None:
        for text in texts:
            self.one(text.strip(), self.project.where(path, text.strip()), kind)

    def one(self, text: str, where: str, kind: Kind) -> None:
        own = _SELF.fullmatch(text)
        entry = Requirement(text, where, kind)
        if own or (entry.name and entry.name == normal(name_of(self.project))):
            for name in own["extras"].split(",") if own and own["extras"] else entry.extras:
                _extra(self, name.strip(), kind)
        elif text:
            self.requirements.append(entry)


def declared(paths: tuple[str, ...], read: Read) -> Declared:
    """Everything declared, each once, in the order: to run, to be tested."""
    project = parse(paths, read)
    found = _Found(project)
    _to_run(found)
    tests = _Found(project, seen=found.seen)
    _named(tests, TEST)
    if not tests.requirements:
        _tox(tests)
    if not tests.requirements:
        _named(tests, DEV)
    _plugins(tests)
    tools = sorted({entry.name for entry in tests.requirements if entry.name in TOOLS})
    if tools:
        tests.notes.append(f"not installed, since no test needs them: {', '.join(tools)}")
    wanted = [*found.requirements, *(entry for entry in tests.requirements if entry.name not in TOOLS)]
    pins = [*found.pins, *tests.pins, *_locked(project, tests.notes)]
    names = {name: {entry.text for entry in pins if entry.name == name} for name in {entry.name for entry in pins if entry.name}}
    single = tuple({entry.name: entry for entry in pins if entry.name and len(names[entry.name]) == 1}.values())
    unique = tuple({entry.text: entry for entry in reversed(wanted)}.values())[::-1]
    return Declared(unique, single, tuple(dict.fromkeys((*project.notes, *found.notes, *tests.notes))))


# --- to run ----------------------------------------------------------------------------------------------------------------


def _to_run(found: _Found) -> None:
    project = found.project
    table, poetry = project.table("project"), project.table("tool", "poetry")
    found.add(strings(table.get("dependencies")), "pyproject.toml", "run")
    _poetry(found, poetry.get("dependencies"), "run")
    found.add(strings(project.setup_cfg.get("options", {}).get("install_requires")), "setup.cfg", "run")
    install = project.setup.get("install_requires")
    if install == COMPUTED:
        found.notes.append("setup.py computes install_requires: PKG-INFO and requirements files are read instead")
    found.add(strings(install), "setup.py", "run")
    found.add(strings(project.table("tool", "flit", "metadata").get("requires")), "pyproject.toml", "run")
    if not found.requirements:
        plain = [entry for entry in project.info.get("requires-dist", ()) if not re.search(r";.*\bextra\s*==", entry)]
        found.add(plain, "PKG-INFO", "run")
    _pipfile(found, "packages", "run")
    for path in strings(project.table("tool", "setuptools", "dynamic", "dependencies").get("file")):
        _requirements(found, path, "run")
    is_extra = bool(name_of(project)) and (bool(found.requirements) or install != COMPUTED)
    _requirements(found, "requirements.txt" if "requirements.txt" in project.paths else "requirements.in", "test" if is_extra else "run")


# --- to be tested ----------------------------------------------------------------------------------------------------------


def _named(found: _Found, names: tuple[str, ...]) -> None:
    """From every place that has a list of one of these names."""
    project = found.project
    tool = project.table("tool")
    for name in names:
        _extra(found, name, "test")
        _group(found, name)
        _poetry(found, project.table("tool", "poetry", "group", name).get("dependencies"), "test")
        pdm = project.table("tool", "pdm", "dev-dependencies")
        found.add(strings(pdm.get(name)), "pyproject.toml", "test")
        _hatch(found, name)
        for path in _files(project.paths, name):
            _requirements(found, path, "test")
    if "test" in names:
        found.add(strings(project.setup_cfg.get("options", {}).get("tests_require")), "setup.cfg", "test")
        found.add(strings(project.setup.get("tests_require")), "setup.py", "test")
        _hatch(found, "hatch-test")
        return
    _poetry(found, project.table("tool", "poetry").get("dev-dependencies"), "test")
    _pipfile(found, "dev-packages", "test")
    _hatch(found, "default")
    uv = tool.get("uv")
    found.add(strings(uv.get("dev-dependencies")) if isinstance(uv, dict) else (), "pyproject.toml", "test")


def _files(paths: frozenset[str], name: str) -> tuple[str, ...]:
    """Requirements files of that name as people call them; an `.in` only where nothing was compiled from it."""
    pattern = re.compile(
        rf"(requirements?[-_]{name}|{name}[-_]requirements?|requirements/({name}|requirements[-_]{name})|{name}/requirements)(\.txt|\.in)"
    )
    found = sorted((path for path in paths if pattern.fullmatch(path)), reverse=True)
    return tuple(path for path in found if not (path.endswith(".in") and f"{path.removesuffix('.in')}.txt" in paths))


def _extra(found: _Found, name: str, kind: Kind) -> None:
    """An extra of the project, with the extras it names of itself."""
    project, wanted = found.project, normal(name)
    if not wanted or ("extra", wanted) in found.seen:
        return
    found.seen.add(("extra", wanted))
    before = len(found.requirements)
    for table, path in (
        (project.table("project", "optional-dependencies"), "pyproject.toml"),
        (project.table("tool", "flit", "metadata", "requires-extra"), "pyproject.toml"),
        (project.setup_cfg.get("options.extras_require", {}), "setup.cfg"),
        (project.setup.get("extras_require"), "setup.py"),
    ):
        for key, value in (table if isinstance(table, dict) else {}).items():
            if isinstance(key, str) and normal(key) == wanted:
                found.add(strings(value), path, kind)
    optional = project.table("tool", "poetry", "extras").get(name)
    dependencies = project.table("tool", "poetry", "dependencies")
    _poetry(found, {key: dependencies[key] for key in strings(optional) if key in dependencies}, kind, optional=True)
    if len(found.requirements) == before:
        told = re.compile(rf";(.*)\bextra\s*==\s*['\"]{re.escape(wanted)}['\"]")
        found.add((entry.partition(";")[0] for entry in project.info.get("requires-dist", ()) if told.search(entry)), "PKG-INFO", kind)


def _group(found: _Found, name: str) -> None:
    """A dependency group (PEP 735), with the groups it includes."""
    wanted = normal(name)
    if ("group", wanted) in found.seen:
        return
    found.seen.add(("group", wanted))
    for key, entries in found.project.table("dependency-groups").items():
        if normal(key) == wanted and isinstance(entries, list):
            found.add(strings(entries), "pyproject.toml", "test")
            for entry in entries:
                if isinstance(entry, dict) and isinstance(entry.get("include-group"), str):
                    _group(found, entry["include-group"])


def _hatch(found: _Found, name: str) -> None:
    table = found.project.table("tool", "hatch", "envs", name)
    for key in ("dependencies", "extra-dependencies"):
        found.add(strings(table.get(key)), "pyproject.toml", "test")
    for extra in strings(table.get("features")):
        _extra(found, extra, "test")
    for group in strings(table.get("dependency-groups")):
        _group(found, group)


def _tox(found: _Found) -> None:
    """`deps` and `extras` of [testenv]; lines for a factor are left out, except extras."""
    table = found.project.tox.get("testenv", {})
    lines = [line for line in strings(table.get("deps", "")) if not re.match(r"[\w{},.!-]+:\s", line)]
    _lines(found, "\n".join(lines).replace("{toxinidir}/", ""), "tox.ini", "test")
    for line in strings(table.get("extras", "").replace(",", "\n")):
        if normal(line.split()[-1]) in TEST:
            _extra(found, line.split()[-1], "test")
    native = found.project.table("tool", "tox", "env_run_base")
    found.add((entry for entry in strings(native.get("deps")) if not entry.startswith("-")), "pyproject.toml", "test")


def _plugins(found: _Found) -> None:
    """What pytest's settings cannot do without: `required_plugins`, and plugins whose options stand in `addopts`."""
    path, settings, options = pytest_settings(found.project)
    needed = re.findall(r"[A-Za-z0-9][\w.-]*(?:[<>=!~]+[\w.,<>=!~]+)?", str(settings.get("required_plugins", "")))
    had = {entry.name for entry in found.requirements}
    for option in options:
        needed += [plugin for pattern, plugin in PLUGINS.items() if re.match(pattern, option)]
    for text in dict.fromkeys(needed):
        if normal(re.split(r"[<>=!~]", text)[0]) not in had:
            found.one(text, path, "test")


# --- formats ---------------------------------------------------------------------------------------------------------------


def _requirements(found: _Found, path: str, kind: Kind) -> None:
    """A requirements file with what it includes. A file that is included and not there is a note."""
    if ("file", path) in found.seen or path not in found.project.paths:
        return
    found.seen.add(("file", path))
    _lines(found, found.project.read(path) or "", path, kind)


def _lines(found: _Found, text: str, path: str, kind: Kind) -> None:
    for number, line in _joined(text):
        include = re.fullmatch(r"(-r|-c|--requirement|--constraint)\s*=?\s*(\S+)", line)
        if include:
            other = posixpath.normpath(posixpath.join(posixpath.dirname(path), include[2]))
            if other not in found.project.paths:
                where = f"{path}:{number}" if path != "tox.ini" else found.project.where(path, line)
                found.notes.append(f"{where} includes {include[2]}, which is not there")
            elif include[1] in ("-c", "--constraint"):
                constraints = _Found(found.project, seen=found.seen)
                _requirements(constraints, other, kind)
                found.pins += [entry for entry in constraints.requirements if entry.pinned]
            else:
                _requirements(found, other, kind)
        elif _SELF.fullmatch(line) or not line.startswith("-"):
            found.one(re.sub(r"\s+--[a-z-]+[= ]\S+", "", line), f"{path}:{number}" if path != "tox.ini" else found.project.where(path, line), kind)
        elif not line.startswith(("--hash", "--no-", "--only-", "--prefer")):
            found.notes.append(f"{path}:{number}: `{line[:80]}` was passed over: packages come from the index that this machine is set up for")


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """(line number, text) without comments and empty lines, continued lines in one."""
    begun, number = "", 0
    for position, raw in enumerate(text.splitlines(), 1):
        number = number if begun else position
        line = re.sub(r"(^|\s)#.*$", "", raw).rstrip()
        if line.endswith("\\"):
            begun += line[:-1] + " "
            continue
        if full := " ".join((begun + line).split()):
            yield number, full
        begun = ""
    if begun.strip():
        yield number, " ".join(begun.split())


def _pipfile(found: _Found, section: str, kind: Kind) -> None:
    if "Pipfile" in found.project.paths:
        table = toml(found.project.read("Pipfile"), "Pipfile", found.notes).get(section)
        _poetry(found, table, kind, path="Pipfile")


def _poetry(found: _Found, table: Any, kind: Kind, *, path: str = "pyproject.toml", optional: bool = False) -> None:
    """Poetry's tables: name → "^1.2" or {version, extras, markers, python, optional} or a list of those. Pipfile's are of the same form."""
    for name, given in (table if isinstance(table, dict) else {}).items():
        if normal(name) == "python":
            continue
        for entry in given if isinstance(given, list) else [given]:
            values = entry if isinstance(entry, dict) else {"version": entry}
            if values.get("optional") is True and not optional:
                continue
            where = found.project.where(path, name)
            if not isinstance(values.get("version", "*"), str) or {"git", "path", "url", "file"} & values.keys():
                found.notes.append(f"{where}: {name} does not come from an index and was not installed")
                continue
            extras = f"[{','.join(strings(values.get('extras')))}]" if values.get("extras") else ""
            markers = [f"({marker})" for marker in (values.get("markers"),) if isinstance(marker, str)]
            if isinstance(values.get("python"), str):
                markers += [f"python_version {clause}" for clause in _clauses(poetry_versions(values["python"]))]
            text = f"{name}{extras}{poetry_versions(values.get('version', '*'))}"
            found.one(text + (f"; {' and '.join(markers)}" if markers else ""), where, kind)


def _clauses(versions: str) -> list[str]:
    return [f'{match[1]} "{match[2]}"' for clause in versions.split(",") if (match := re.fullmatch(r"\s*([<>=!~]+)\s*(\S+)\s*", clause))]


def _locked(project: Project, notes: list[str]) -> Iterator[Requirement]:
    """`name==version` of every lock file at the root, where the package comes from an index."""
    for path in ("poetry.lock", "uv.lock", "pdm.lock", "pylock.toml"):
        table = toml(project.read(path), path, notes) if path in project.paths else {}
        entries = table.get("packages" if path == "pylock.toml" else "package")
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and isinstance(entry.get("name"), str) and isinstance(entry.get("version"), str) and _from_index(entry):
                yield Requirement(f"{entry['name']}=={entry['version']}", path, "test")
    if "Pipfile.lock" in project.paths:
        try:
            lock = json.loads(project.read("Pipfile.lock") or "{}")
        except (ValueError, RecursionError):
            notes.append("Pipfile.lock is not valid JSON and was passed over")
            lock = {}
        for section in ("default", "develop"):
            packages = lock.get(section) if isinstance(lock, dict) else None
            for name, entry in (packages if isinstance(packages, dict) else {}).items():
                if isinstance(entry, dict) and str(entry.get("version", "")).startswith("=="):
                    yield Requirement(f"{name}{entry['version']}", "Pipfile.lock", "test")
    for path in ("requirements.lock", "requirements-dev.lock"):
        for number, line in _joined(project.read(path) or "" if path in project.paths else ""):
            entry = Requirement(re.sub(r"\s+--[a-z-]+[= ]\S+", "", line), f"{path}:{number}", "test")
            if entry.name and entry.pinned:
                yield entry


def _from_index(entry: dict[str, Any]) -> bool:
    source = entry.get("source")
    if isinstance(source, dict):
        return not ({"git", "path", "directory", "editable", "virtual", "url"} & source.keys()) and source.get("type") not in (
            "git",
            "directory",
            "file",
            "url",
        )
    return not ({"git", "path", "directory", "vcs", "archive"} & entry.keys())
