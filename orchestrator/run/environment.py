"""One prepared environment per project: pytest and the declared dependencies, never the orchestrator's own; cached by lock hash.

It is built outside the test sandbox, with the network, before any code of an agent exists in it; afterwards it is only ever mounted
read-only. Only wheels are installed, from the index that this machine is set up for, so nothing of a package runs here; and once one is
installed, the environment's interpreter is started inside the sandbox only.

The project itself is not installed: its code is imported from where it lies. A minimal `.dist-info` says its name, version and entry points.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from orchestrator.errors import SetupError
from orchestrator.model import Prd
from orchestrator.run import dependencies
from orchestrator.run.dependencies import Requirement
from orchestrator.run.git import Repository
from orchestrator.run.layout import Layout, detect, fits
from orchestrator.run.project import ini, normal

OURS = (Requirement("pytest>=7,<10", "the orchestrator"), Requirement("pluggy>=1.2", "the orchestrator"))
"""What running tests takes. Of pytest, the version that the project asks for is used, if it is one of these."""
PREFERRED = (Requirement("pytest<9", "the orchestrator", "test"),)
"""For a project that names no version of pytest: pytest 9 took away what many projects still use. Given up where something asks for more."""

READY = "ready.json"
"""Says what an environment holds. Its time is when it was last used."""
FORMAT = 2
"""Of ready.json; an environment made by another version of this module is made anew."""
INSTALL_SECONDS = 1800
NO_WHEEL = "it or what it needs has no wheel; tests that need it fail before and after"
RELAXED = 8
"""How many times pins may be given up before the answer is no."""


@dataclass(frozen=True)
class Environment:
    python: Path
    """Interpreter of the environment."""
    lock: str
    """Hash of interpreter version, requirements, pins and the project's metadata, hex, 16 characters."""
    packages: dict[str, str]
    """Installed name → version."""
    modules: frozenset[str] = frozenset()
    """Top-level import names of what is installed: a file of one of these names would take its place."""
    notes: tuple[str, ...] = ()
    """What was not installed as it was declared, and why."""


def prepare(folder: Path, requirements: tuple[Requirement, ...], *, pins: tuple[Requirement, ...] = (), project: Layout | None = None) -> Environment:
    """The environment for these requirements, built if it is not cached. Raises SetupError naming the requirement and the line that says it."""
    if project is not None:
        _insist_it_can_run(project)
        pins = pins if any(entry.name == "pytest" for entry in pins) else (*pins, *PREFERRED)
    wanted, notes = _installable(requirements)
    about = [project.name, project.version, project.entry_points, project.packages] if project else []
    told = [FORMAT, sys.version, sorted({entry.text for entry in wanted}), sorted(entry.text for entry in pins), about]
    lock = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]
    place = folder.resolve() / lock  # a path with `..` cannot be mounted
    with _building:
        if not (place / READY).exists():
            _build(place, wanted, pins, project, notes)
    with contextlib.suppress(OSError):  # one that others have made, in a folder that is not ours
        os.utime(place / READY)
    found = of(place / "bin" / "python")
    assert found is not None, "it was built or found just now"
    return found


def of_tree(repository: Repository, tree: str, prd: Prd, folder: Path) -> Environment:
    """The prepared environment that a tree and a PRD declare. `folder`: where environments are cached. Raises SetupError for what cannot be had."""
    read = cache(lambda path: repository.read(tree, path))
    paths = repository.paths(tree) if prd.target.repo else ()
    own, declared = detect(paths, read), dependencies.declared(paths, read)
    asked = tuple(Requirement(text, f"{prd.path}, dependencies") for text in prd.dependencies)
    return prepare(folder, (*declared.requirements, *asked), pins=declared.pins, project=own if prd.target.repo else None)


def of(python: Path) -> Environment | None:
    """The prepared environment of an interpreter; None when it is not one of ours."""
    place = python.parent.parent
    try:
        ready = json.loads((place / READY).read_text(encoding="utf-8"))
        return Environment(python, place.name, ready["packages"], frozenset(ready["modules"]), tuple(ready["notes"]))
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _insist_it_can_run(project: Layout) -> None:
    if project.compiled:
        raise SetupError(
            f"{project.name or 'the project'} cannot be worked on: {project.compiled}", hint="see docs/existing-repositories.md, “Limits”"
        )
    running = sys.version_info[:3]
    if not fits(project.requires_python, running):
        raise SetupError(
            f"the project needs Python {project.requires_python}, and the environment's interpreter is {'.'.join(map(str, running))}",
            hint="run the orchestrator with a Python that fits: environments are made with the same one",
        )


def _installable(requirements: tuple[Requirement, ...]) -> tuple[tuple[Requirement, ...], list[str]]:
    """(what pip is asked for, notes about what it is not). Raises SetupError for what is needed to run and comes from no index."""
    notes = []
    for entry in requirements:
        if not entry.name and entry.kind == "run":
            raise SetupError(
                f"`{entry.text[:200]}` ({entry.where}) names no package of an index: it cannot be installed without running its build",
                hint="name a released version, as `name>=1.2`",
            )
        if not entry.name:
            notes.append(f"not installed: `{entry.text[:200]}` ({entry.where}), which names no package of an index")
    return (*OURS, *(entry for entry in requirements if entry.name)), notes


_building = threading.Lock()
"""Of the threads of one process, one builds; other processes build in folders of their own, and the first that is ready stays."""


def _build(place: Path, wanted: tuple[Requirement, ...], pins: tuple[Requirement, ...], project: Layout | None, notes: list[str]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    building = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        _install(building, wanted, pins, notes)
        site = next((building / "lib").glob("python*/site-packages"))
        if project is not None and project.name:
            _describe(site, project, notes)
        packages = {found.metadata["Name"]: found.version for found in importlib.metadata.distributions(path=[str(site)])}
        _scripts(building / "bin", building, place, project)
        subprocess.run([sys.executable, "-I", "-m", "compileall", "-q", str(site)], capture_output=True, check=False)
        (building / READY).write_text(json.dumps({"packages": packages, "modules": _modules(site), "notes": notes}, sort_keys=True), encoding="utf-8")
        building.rename(place)
    except OSError:
        if not (place / READY).exists():
            raise
    finally:
        shutil.rmtree(building, ignore_errors=True)


# --- installing ------------------------------------------------------------------------------------------------------------


def _install(building: Path, wanted: tuple[Requirement, ...], pins: tuple[Requirement, ...], notes: list[str]) -> None:
    """A fresh environment with all that is wanted. A pin of tests or of a lock file is given up where it cannot be had,
    and so is a requirement of tests that has no wheel; each time a note says so. What is needed to run is demanded as it stands."""
    output: str | None = ""
    for _ in range(RELAXED):
        output = _pip(building, wanted, pins)
        if output is None:
            return
        stuck = _stuck(output, wanted, pins)
        hopeless = set() if stuck else _hopeless(output, wanted)
        if not stuck and not hopeless:
            break
        changed = {entry.text: entry for entry in (*wanted, *pins) if entry.name in stuck and _may_give_up(entry, pins)}
        notes += [f"{entry.text} ({entry.where}) cannot be had here; another version was taken" for entry in changed.values()]
        notes += [f"not installed: {entry.text} ({entry.where}): {NO_WHEEL}" for entry in wanted if entry.name in hopeless]
        wanted = tuple(entry.unpinned if entry.name in stuck and _may_give_up(entry, ()) else entry for entry in wanted if entry.name not in hopeless)
        pins = tuple(entry for entry in pins if entry.name not in stuck)
    raise _refusal(output or "", wanted)


def _pip(building: Path, wanted: tuple[Requirement, ...], pins: tuple[Requirement, ...]) -> str | None:
    """What pip said when it could not install; None when it could."""
    shutil.rmtree(building, ignore_errors=True)
    made = _run([sys.executable, "-I", "-m", "venv", "--without-pip", str(building)])
    if made is not None:
        raise SetupError(f"no environment could be made: {made[-600:]}", hint="is the `venv` module of this Python installed?")
    constraints = building / "constraints.txt"
    constraints.write_text("".join(f"{entry.text}\n" for entry in pins), encoding="utf-8")
    pip = [sys.executable, "-P", "-m", "pip", "--python", str(building / "bin" / "python"), "--disable-pip-version-check", "--no-input", "--no-color"]
    wheels_only = ["--no-compile", "--progress-bar=off", "--only-binary=:all:", "-c", str(constraints)]
    return _run([*pip, "install", *wheels_only, "--", *dict.fromkeys(entry.text for entry in wanted)])


def _run(argv: list[str]) -> str | None:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, errors="replace", timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        raise SetupError(f"the installer did not end within {INSTALL_SECONDS} s", hint="is the package index reachable?") from None
    return None if done.returncode == 0 else f"{done.stdout}\n{done.stderr}"


def _stuck(output: str, wanted: tuple[Requirement, ...], pins: tuple[Requirement, ...]) -> set[str]:
    """Names of pins that may be given up and that pip's refusal speaks of; all of them when it names none in a conflict."""
    may = {entry.name for entry in (*wanted, *pins) if _may_give_up(entry, pins)}
    if missing := _missing(output):
        return {normal(name) for name in missing} & may
    conflict = output.partition("The conflict is caused by:")[2] or output.partition("Cannot install")[2]
    named = {normal(name) for name in re.findall(r"[A-Za-z0-9][A-Za-z0-9._-]*", conflict)} & may
    return named or (may if conflict else set())


def _hopeless(output: str, wanted: tuple[Requirement, ...]) -> set[str]:
    """Names of requirements of tests that cannot be had, or that need what cannot be had. What the project needs to run is never among them."""
    names = {normal(name) for name in (*_missing(output), *re.findall(r"\(from ([A-Za-z0-9._-]*[A-Za-z0-9])", output))}
    return names & {entry.name for entry in wanted if entry.kind == "test"} - {entry.name for entry in wanted if entry.kind == "run"}


def _missing(output: str) -> list[str]:
    return re.findall(r"No matching distribution found for ([A-Za-z0-9._-]*[A-Za-z0-9])", output)


def _may_give_up(entry: Requirement, pins: tuple[Requirement, ...]) -> bool:
    return entry in pins or (entry.kind == "test" and entry.pinned)


def _refusal(output: str, wanted: tuple[Requirement, ...]) -> SetupError:
    """pip's refusal in terms of what was declared."""
    missing = re.search(r"No matching distribution found for ([^\s;(\[]+)", output)
    said = "; ".join(line.partition("ERROR: ")[2] for line in output.splitlines() if line.startswith("ERROR: "))[:500]
    if missing:
        name = normal(re.split(r"[<>=!~]", missing[1])[0])
        by = [entry for entry in wanted if entry.name == name]
        who = ", ".join(f"`{entry.text}` ({entry.where})" for entry in by) or f"`{missing[1]}`, which another package needs,"
        hint = "does it exist, and is there a wheel of it for this Python? source distributions are not built, since that would run their code"
        return SetupError(f"{who} cannot be installed: {said}", hint=hint)
    conflict = output.partition("The conflict is caused by:")[2].partition("To fix this")[0]
    named = [entry for entry in wanted if re.search(rf"(?<![\w.-]){re.escape(entry.name)}(?![\w-])", normal_names(conflict))]
    if conflict.strip():
        who = ", ".join(f"`{entry.text}` ({entry.where})" for entry in named)
        return SetupError(
            f"these exclude each other: {who}: {' '.join(conflict.split())[:400]}", hint="loosen one of them in the target, or in `dependencies:`"
        )
    return SetupError(f"the project's environment could not be made: {said or output.strip()[-600:]}", hint="is the package index reachable?")


def normal_names(text: str) -> str:
    return re.sub(r"[A-Za-z0-9][A-Za-z0-9._-]*", lambda match: normal(match[0]), text)


# --- the project's own metadata --------------------------------------------------------------------------------------------


def _describe(site: Path, project: Layout, notes: list[str]) -> None:
    """Name, version and entry points of the project, in place of a copy of it that another package may have brought along."""
    name = normal(project.name)
    if name in _needed_by("pytest", site):
        notes.append(f"pytest itself runs on {project.name}: the environment keeps a released copy of it beside the project's own code")
        return
    for found in importlib.metadata.distributions(path=[str(site)]):
        if normal(found.metadata["Name"]) == name:
            _remove(site, found)
    folder = site / f"{name.replace('-', '_')}-{project.version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project.name}\nVersion: {project.version}\n", encoding="utf-8")
    (folder / "INSTALLER").write_text("orchestrator\n", encoding="utf-8")
    (folder / "top_level.txt").write_text("".join(f"{package}\n" for package in project.packages), encoding="utf-8")
    if project.entry_points:
        (folder / "entry_points.txt").write_text(project.entry_points, encoding="utf-8")


def _modules(site: Path) -> list[str]:
    names = {path.name.partition(".")[0] for path in site.iterdir() if path.suffix in (".py", ".so") or (path.is_dir() and "." not in path.name)}
    return sorted(name for name in names if name.isidentifier() and name != "__pycache__")


def _needed_by(name: str, site: Path) -> set[str]:
    """Names of all that a package needs, itself among them, as far as it is installed."""
    needs = {normal(found.metadata["Name"]): found.requires or [] for found in importlib.metadata.distributions(path=[str(site)])}
    reached, left = set(), [name]
    while left:
        one = left.pop()
        if one in needs and one not in reached:
            reached.add(one)
            left += [Requirement(text, "").name for text in needs[one] if "extra" not in text.partition(";")[2]]
    return reached


def _remove(site: Path, found: importlib.metadata.Distribution) -> None:
    environment = site.parents[2].resolve()
    for entry in found.files or []:
        path = Path(str(found.locate_file(entry))).resolve()
        if path.is_relative_to(environment):
            path.unlink(missing_ok=True)
    for folder in sorted((path for path in site.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


def _scripts(folder: Path, building: Path, place: Path, project: Layout | None) -> None:
    """Commands of the environment start with its final name; the project's own are added to them."""
    for path in folder.iterdir():
        if path.is_file() and not path.is_symlink():
            path.write_bytes(path.read_bytes().replace(str(building).encode(), str(place).encode()))
    for name, target in _commands(project.entry_points if project else ""):
        module, _, function = target.partition(":")
        path = folder / name
        path.write_text(
            f"#!{place}/bin/python\nimport sys\nfrom {module} import {function.partition('.')[0]}\n\nsys.exit({function}())\n", encoding="utf-8"
        )
        path.chmod(0o755)


def _commands(entry_points: str) -> Iterable[tuple[str, str]]:
    section = ini(entry_points, "entry_points.txt", []).get("console_scripts", {})
    return ((name, target) for name, target in section.items() if re.fullmatch(r"\w[\w.-]*", name) and re.fullmatch(r"[\w.]+:[\w.]+", target))
