"""One prepared environment per project: pytest and the declared dependencies, never the orchestrator's own; cached by lock hash.

It is built outside the test sandbox, with the network, before any code of an agent exists in it; afterwards it is only ever mounted
read-only. Dependencies come from the PRD's `dependencies:` and from the target's own pyproject.toml or requirements.txt.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import SetupError

PYTEST = "pytest>=8,<10"


@dataclass(frozen=True)
class Environment:
    python: Path
    """Interpreter of the environment."""
    lock: str
    """Hash of interpreter version and requirements, hex, 16 characters."""
    packages: dict[str, str]
    """Installed name → version."""


def requirements_of(read: Callable[[str], str | None]) -> tuple[str, ...]:
    """What a repository declares. `read` gives a file's text at the base tree, or None."""
    found: list[str] = []
    if text := read("pyproject.toml"):
        try:
            project = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            project = {}
        found += project.get("project", {}).get("dependencies", [])
        extras = project.get("project", {}).get("optional-dependencies", {}) | project.get("dependency-groups", {})
        for name in ("test", "tests", "testing", "dev"):
            if name in extras:
                found += [entry for entry in extras[name] if isinstance(entry, str)]
                break
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-test.txt"):
        for line in (read(name) or "").splitlines():
            line = line.split(" #")[0].strip()
            if line and not line.startswith(("#", "-")):
                found.append(line)
    return tuple(dict.fromkeys(found))


def prepare(folder: Path, requirements: tuple[str, ...]) -> Environment:
    """The environment for these requirements, built if it is not cached. Raises SetupError with what the installer said."""
    wanted = sorted({PYTEST, *requirements})
    lock = hashlib.sha256(json.dumps([sys.version, wanted]).encode()).hexdigest()[:16]
    place = folder / lock
    if not (place / "ready.json").exists():
        _build(place, wanted)
    packages = json.loads((place / "ready.json").read_text(encoding="utf-8"))
    return Environment(place / "bin" / "python", lock, packages)


def _build(place: Path, wanted: list[str]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    building = place.with_name(f".{place.name}.{os.getpid()}")
    shutil.rmtree(building, ignore_errors=True)
    # Links are relative to nothing: an environment is used where it was made, so the final name is claimed by one rename of a folder
    # whose scripts are never called by path (always `python -m`).
    pip = [sys.executable, "-m", "pip", "--python", str(building / "bin" / "python"), "--disable-pip-version-check", "--no-input"]
    steps = [
        [sys.executable, "-m", "venv", "--without-pip", str(building)],
        [*pip, "install", "--quiet", "--no-compile", "--only-binary=:all:", "--", *wanted],
        [*pip, "list", "--format=json"],
    ]
    output = ""
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            shutil.rmtree(building, ignore_errors=True)
            raise SetupError(
                f"the project's environment could not be made ({', '.join(wanted)}): {done.stderr.strip()[-600:] or done.stdout.strip()[-600:]}",
                hint="is the package index reachable? a dependency needs a wheel; `dependencies:` of the PRD lists them",
            )
        output = done.stdout
    packages = {entry["name"]: entry["version"] for entry in json.loads(output)}
    subprocess.run([str(building / "bin" / "python"), "-m", "compileall", "-q", str(building / "lib")], capture_output=True, check=False)
    (building / "ready.json").write_text(json.dumps(packages, sort_keys=True), encoding="utf-8")
    try:
        building.rename(place)
    except OSError:
        if not (place / "ready.json").exists():
            raise
        shutil.rmtree(building, ignore_errors=True)
