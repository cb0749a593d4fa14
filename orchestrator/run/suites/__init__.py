"""Running test suites in the sandbox: several variants in one start, each in a fork of a process that holds nothing but pytest."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.config import Limits
from orchestrator.model import Observation, Step
from orchestrator.run import evidence, sandboxes
from orchestrator.run.sandboxes import Mount

INSIDE = Path(__file__).parent.parent / "inside"


@dataclass(frozen=True)
class Variant:
    name: str
    """What was run, for example `base` or `stub None`."""
    root: Path
    """A folder that is a whole project: base, changes, locked tests."""
    paths: tuple[str, ...]
    """Test files or folders, relative to root."""
    isolated: bool = True
    """False: the project's own suite, with its own conftest, plugins and ini."""


def run(step: Step, variants: tuple[Variant, ...], *, python: Path, limits: Limits) -> tuple[Observation, ...]:
    """One observation per variant, in order. A variant that never answered is an observation with NOT_STARTED and without outcomes.

    The seconds of the first one include what it took to start the sandbox and to import pytest.
    """
    began = time.monotonic()
    level = sandboxes.level().name
    runs, mounts = [], [Mount(INSIDE, "/inside")]
    for number, variant in enumerate(variants):
        root = f"/variants/{number}"
        mounts.append(Mount(variant.root, root, writable=not variant.isolated))
        runs.append({"name": variant.name, "root": root, "paths": variant.paths, "isolated": variant.isolated, "seconds": limits.test_seconds})
    request = {"limits": limits_inside(limits, limits.test_seconds), "runs": runs}
    bin_folder = str(python.parent)
    argv = sandboxes.code_argv(
        [str(python), "-I", "-B", "/inside/suite.py"],
        mounts=tuple(mounts),
        chdir="/tmp",
        python=python,
        env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PATH": f"{bin_folder}:/usr/local/bin:/usr/bin:/bin", "PYTHONHASHSEED": "0"},
    )
    allowed = (limits.test_seconds + 5) * len(variants) + 20
    try:
        done = subprocess.run(argv, input=json.dumps(request), capture_output=True, text=True, timeout=allowed, check=False, errors="replace")
        stdout, stderr, code = done.stdout, done.stderr, done.returncode
    except subprocess.TimeoutExpired as error:
        stdout, stderr, code = _text(error.stdout), _text(error.stderr), None
    answers: dict[str, dict[str, object]] = {}
    for line in stdout.splitlines():
        answer = _answer(line)
        if answer is not None:
            name = str(answer["name"])
            answers[name] = answer | {"exit": evidence.NOT_STARTED, "events": ""} if name in answers else answer
    found = tuple(_observation(step, variant, answers.get(variant.name), code, stderr, level) for variant in variants)
    starting = max(0.0, time.monotonic() - began - sum(observation.seconds for observation in found))
    return (replace(found[0], seconds=found[0].seconds + starting), *found[1:])


def _answer(line: str) -> dict[str, object] | None:
    """What a line of the sandbox says of one variant; None when it is not of that form. Two answers for one variant are none: one is forged."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    kinds: dict[str, type | tuple[type, ...]] = {"name": str, "exit": (int, type(None)), "events": str, "output": str, "seconds": (int, float)}
    return found if isinstance(found, dict) and all(isinstance(found.get(key, ...), kind) for key, kind in kinds.items()) else None


def _observation(step: Step, variant: Variant, answer: dict[str, object] | None, code: int | None, stderr: str, level: str) -> Observation:
    command = f"python -m pytest {' '.join(variant.paths)}" + ("" if variant.isolated else "  # the project's own configuration")
    if answer is None:
        return Observation(step, variant.name, command, evidence.NOT_STARTED, (), stderr[-4000:], 0.0, level)
    exit_code = answer["exit"]
    assert exit_code is None or isinstance(exit_code, int)
    files = frozenset(path for path in variant.paths if path.endswith(".py"))
    if not variant.isolated:
        files = frozenset(str(path.relative_to(variant.root)) for path in variant.root.rglob("*test*.py"))
    outcomes = evidence.outcomes(str(answer["events"]), exit_code, files)
    return Observation(step, variant.name, command, exit_code, outcomes, str(answer["output"]), float(str(answer["seconds"])), level)


def limits_inside(limits: Limits, seconds: float) -> dict[str, float]:
    """What `inside/limits.py` applies."""
    return {"memory_mb": limits.memory_mb, "file_mb": limits.file_mb, "processes": limits.processes, "seconds": seconds}


def _text(value: bytes | str | None) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value or ""
