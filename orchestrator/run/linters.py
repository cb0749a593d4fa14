"""What ruff and mypy say about a tree, with the project's own configuration: where the project configures them, and shut in like its tests.

Of mypy only what the project's environment holds is run, since it reads the project's dependencies; ruff needs nothing of the project, so ours is
taken where the environment has none.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orchestrator.config import Limits
from orchestrator.run import environment, sandboxes, scratch, suites
from orchestrator.run.git import Repository
from orchestrator.run.project import ini
from orchestrator.run.sandboxes import Mount

Read = Callable[[str], str | None]
PLACE = "/project"
ENTER = ("/bin/sh", "-c", 'cd "$0" && exec "$@"')
"""Starts a command in the folder that follows."""


@dataclass(frozen=True)
class Complaint:
    path: str
    line: int
    code: str
    message: str

    @property
    def kind(self) -> tuple[str, str, str]:
        """What stays the same when lines are added above it."""
        return self.path, self.code, self.message


@dataclass(frozen=True)
class Told:
    tool: str
    """Name, version and where it is from; the name alone where it was not run."""
    why_not: str
    """Why it was not run, in a sentence; '' where it was."""
    complaints: tuple[Complaint, ...] = ()


def wants_ruff(read: Read) -> bool:
    """Does the project configure it?"""
    return any(read(name) is not None for name in ("ruff.toml", ".ruff.toml")) or "ruff" in _tools(read)


def wants_mypy(read: Read) -> bool:
    sections = {**ini(read("setup.cfg") or "", "setup.cfg", [])}
    return any(read(name) is not None for name in ("mypy.ini", ".mypy.ini")) or "mypy" in _tools(read) or "mypy" in sections


def _tools(read: Read) -> dict[str, object]:
    try:
        found = tomllib.loads(read("pyproject.toml") or "").get("tool", {})
    except tomllib.TOMLDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def ruff(repository: Repository, tree: str, python: Path, limits: Limits) -> Told:
    own = python.parent / "ruff"
    program, place = (own, "of the project's environment") if own.exists() else (_ours(), "ours")
    if program is None:
        return Told("ruff", "not run: neither the project's environment nor the orchestrator's has ruff")
    version = _version(program, python, limits)
    with scratch.folder("verify") as folder:
        repository.materialise(tree, folder)
        out, said, code = _run((str(program), "check", "--no-cache", "--output-format=json", "."), program, folder, python, limits)
    if code not in (0, 1):
        return Told(version, f"not run: ruff ended with exit code {code}: {' '.join(said.split())[:300]}")
    try:
        entries = json.loads(out)
        found = [
            Complaint(_relative(entry["filename"]), int(entry["location"]["row"]), str(entry["code"] or ""), str(entry["message"]))
            for entry in entries
        ]
    except (ValueError, LookupError, TypeError):
        return Told(version, "not run: what ruff answered cannot be read")
    return Told(f"{version}, {place}", "", tuple(found))


def mypy(repository: Repository, tree: str, python: Path, limits: Limits) -> Told:
    made = environment.of(python)
    if made is None or "mypy" not in made.packages:
        return Told("mypy", "not run: mypy is not installed in the project's environment")
    version = f"mypy {made.packages['mypy']}, of the project's environment"
    with scratch.folder("verify") as folder:
        repository.materialise(tree, folder)
        flags = ("--no-error-summary", "--no-color-output", "--show-error-codes", "--no-pretty", "--cache-dir=/dev/null")
        command = (str(python), "-P", "-m", "mypy", *flags, *_mypy_paths(folder))
        out, said, code = _run(command, None, folder, python, limits)
    if code not in (0, 1):
        return Told("mypy", f"not run: mypy ended with exit code {code}: {' '.join((said or out).split())[:300]}")
    lines = (
        re.fullmatch(r"(?P<path>[^:\n]+):(?P<line>\d+):(?:\d+:)? error: (?P<said>.*?)(?:  \[(?P<code>[\w-]+)\])?", line) for line in out.splitlines()
    )
    return Told(
        version, "", tuple(Complaint(_relative(match["path"]), int(match["line"]), match["code"] or "", match["said"]) for match in lines if match)
    )


def _mypy_paths(folder: Path) -> tuple[str, ...]:
    """What is checked: what the configuration names, else everything."""

    def read(name: str) -> str | None:
        path = folder / name
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None

    sections = {name: value for file in ("mypy.ini", ".mypy.ini", "setup.cfg") for name, value in ini(read(file) or "", file, []).items()}
    own = _tools(read).get("mypy", {})
    told = {*sections.get("mypy", {}), *(own if isinstance(own, dict) else {})}
    return () if told & {"files", "packages", "modules"} else (".",)


def _ours() -> Path | None:
    beside = Path(sys.executable).parent / "ruff"
    found = str(beside) if beside.exists() else shutil.which("ruff")
    return Path(found).resolve() if found else None


def _version(program: Path, python: Path, limits: Limits) -> str:
    with scratch.folder("verify") as folder:
        out, _, code = _run((str(program), "--version"), program, folder, python, limits)
    return " ".join(out.split())[:40] if code == 0 and out.strip() else "ruff"


def _relative(path: str) -> str:
    return re.sub(r"^.*?/(?:project|orchestrator-verify-[a-z0-9]+)/", "", path).removeprefix("./")


def _run(command: tuple[str, ...], program: Path | None, folder: Path, python: Path, limits: Limits) -> tuple[str, str, int]:
    """(standard output, standard error, exit code) of a command in the folder, which it can only read. 124 when it did not end in time."""
    mounts = [Mount(folder, PLACE)]
    prefix = python.parent.parent
    if program is not None and not program.is_relative_to(prefix) and not program.is_relative_to("/usr"):
        mounts.append(Mount(program, "/tools/ruff"))
    with sandboxes.code(mounts, python=python) as box:
        command = tuple(box.at("/tools/ruff") if len(mounts) > 1 and word == str(program) else word for word in command)
        inside = dict(box.inside)
        inside["read"] = [*inside["read"], *(box.at(mount.target) for mount in mounts)]
        bounds = suites.limits_inside(limits, limits.suite_seconds)
        shut_in = (str(python), "-I", "-S", "-B", box.at("/inside/confine.py"), json.dumps(inside), json.dumps(bounds))
        process = box.start([*shut_in, *ENTER, box.at(PLACE), *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            out, said = process.communicate(timeout=limits.suite_seconds)
            code = process.returncode
        except subprocess.TimeoutExpired:
            out, said, code = b"", f"it did not end within {limits.suite_seconds:g} s".encode(), 124
        finally:
            box.end(process)
    return out.decode("utf-8", "replace"), said.decode("utf-8", "replace"), code
