"""Running test suites in the sandbox: several variants in one start, each in a fork of a process that holds nothing but pytest."""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from orchestrator.config import Limits
from orchestrator.model import Observation, Step
from orchestrator.run import evidence, sandboxes
from orchestrator.run.sandboxes import INSIDE, Mount

__all__ = ["INSIDE", "Variant", "limits_inside", "run"]


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
    arguments: tuple[str, ...] = ()
    """Of pytest, for a suite that is not isolated; paths relative to root."""
    test_files: frozenset[str] = frozenset()
    """Files whose frames belong to a test, where `paths` does not name them all."""
    roots: tuple[str, ...] = ("", "src")
    """Folders that imports start from, '' for the root itself."""
    packages: tuple[str, ...] = ()
    """Top-level names of the project: taken from it, whatever the runner has loaded under that name."""
    tracebacks: bool = True
    """False: one line for each test that failed is enough. Only what is printed differs, and the time it takes."""
    seconds: float = 0.0
    """How long it may take; never less than `limits.test_seconds`."""


def run(
    step: Step, variants: tuple[Variant, ...], *, python: Path, limits: Limits, hash_seed: str = "0", clock_shift: float = 0.0
) -> tuple[Observation, ...]:
    """One observation per variant, in order. A variant that never answered is an observation with NOT_STARTED and without outcomes.

    `hash_seed` is PYTHONHASHSEED; `clock_shift` is how many seconds ahead Python code sees the time. The seconds of the first observation include
    what it took to start the sandbox and to import pytest.
    """
    began = time.monotonic()
    level = sandboxes.level().name
    mounts = tuple(Mount(variant.root, f"/variants/{number}", writable=not variant.isolated) for number, variant in enumerate(variants))
    env = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PATH": f"{python.parent}:{sandboxes.PATH}", "PYTHONHASHSEED": hash_seed}
    with sandboxes.code(mounts, python=python, env=env) as box:
        roots = [box.at(mount.target) for mount in mounts]
        times = [max(variant.seconds, limits.test_seconds) for variant in variants]
        runs = [
            {key: getattr(variant, key) for key in _ASKED} | {"root": root, "seconds": seconds}
            for variant, root, seconds in zip(variants, roots, times, strict=True)
        ]
        request = {"box": dict(box.inside), "limits": limits_inside(limits, max(times)), "clock_shift": clock_shift, "runs": runs}
        process = box.start([str(python), "-P", "-s", "-B", box.at("/inside/suite.py")], **_PIPES)
        allowed = sum(seconds + 5 for seconds in times) + 20
        try:
            out, err = process.communicate(json.dumps(request).encode(), timeout=allowed)
        except subprocess.TimeoutExpired as error:
            out, err = error.stdout or b"", error.stderr or b""
        finally:
            box.end(process)
    answers: dict[str, dict[str, Any]] = {}
    for line in out.decode("utf-8", "replace").splitlines():
        answer = _answer(line)
        if answer is not None:
            name = str(answer["name"])
            answers[name] = answer | {"exit": evidence.NOT_STARTED, "events": ""} if name in answers else answer
    said = err.decode("utf-8", "replace")
    found = tuple(
        _observation(step, variant, _settled(answers.get(variant.name), root), said, level, limits)
        for variant, root in zip(variants, roots, strict=True)
    )
    starting = max(0.0, time.monotonic() - began - sum(observation.seconds for observation in found))
    return (replace(found[0], seconds=found[0].seconds + starting), *found[1:])


PROJECT = "/project"
"""Where observations say that the project lay."""
_ASKED = ("name", "paths", "isolated", "arguments", "roots", "packages", "tracebacks")
"""What of a Variant the sandbox is told."""
_PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


def _answer(line: str) -> dict[str, Any] | None:
    """What a line of the sandbox says of one variant; None when it is not of that form. Two answers for one variant are none: one is forged."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    kinds: dict[str, type | tuple[type, ...]] = {"name": str, "exit": (int, type(None)), "events": str, "output": str, "seconds": (int, float)}
    return found if isinstance(found, dict) and all(isinstance(found.get(key, ...), kind) for key, kind in kinds.items()) else None


def _settled(answer: dict[str, Any] | None, root: str) -> dict[str, Any] | None:
    """The answer with one name for the place where the sandbox had the project: it is another one in another run."""
    return answer and answer | {key: answer[key].replace(root, PROJECT) for key in ("events", "output")}


def _observation(step: Step, variant: Variant, answer: dict[str, Any] | None, stderr: str, level: str, limits: Limits) -> Observation:
    command = shlex.join(["python", "-m", "pytest", *variant.arguments, *variant.paths]) + (
        "" if variant.isolated else "  # the project's own configuration"
    )
    if answer is None:
        return Observation(step, variant.name, command, evidence.NOT_STARTED, (), stderr[-4000:], 0.0, level)
    files = variant.test_files or frozenset(path.partition("::")[0] for path in variant.paths)
    outcomes = evidence.outcomes(answer["events"], answer["exit"], files)
    incidents = evidence.incidents(answer.get("incidents"), outcomes, limits.memory_mb, limits.file_mb)
    return Observation(step, variant.name, command, answer["exit"], outcomes, answer["output"], float(answer["seconds"]), level, incidents)


def limits_inside(limits: Limits, seconds: float) -> dict[str, float]:
    """What `inside/supervise.py` and `inside/limits.py` hold a run to."""
    sizes = {"memory_mb": limits.memory_mb, "file_mb": limits.file_mb, "disk_mb": 8 * limits.file_mb}
    return sizes | {"processes": limits.processes, "open_files": 1024, "seconds": seconds}
