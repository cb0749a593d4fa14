"""Would the tests notice? Mutants put to the locked tests in the sandbox, a fork for each.

What comes back is in-process evidence: it is computed beside the code under test, which could forge it. It says something of the tests, and
never that a candidate is right. Code that dies, hangs, floods or kills the run costs its own mutant, and the run goes on.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.config import Limits
from orchestrator.model import Mutant, Mutation
from orchestrator.run import sandboxes
from orchestrator.run.mutants import choose, mutated, reach, score
from orchestrator.run.sandboxes import Mount
from orchestrator.run.stubs import ROOTS
from orchestrator.run.suites import limits_inside

__all__ = ["run", "score"]

ANSWER_BYTES = 16 << 20
PER_PROCESS = 25
"""Fewer mutants are not worth a second sandbox."""


def run(
    root: Path,
    tests: tuple[str, ...],
    mutants: tuple[Mutant, ...],
    *,
    python: Path,
    limits: Limits,
    cap: int = 100,
    seconds: float = 30.0,
    roots: tuple[str, ...] = ROOTS,
) -> Mutation:
    """The mutants with their status, in the order of the source.

    `root` is a folder that is a whole project with the tests in it; `tests` are files or folders relative to it; `seconds` is for all of it;
    `roots` are folders that imports start from, as in an isolated run of a suite.
    Beyond `cap`, and what time did not suffice for, is `left_out`: all of it where no test passes on the code as it is.
    """
    began = time.monotonic()
    chosen = choose(mutants, cap)
    ready, wrong = _requests(root, chosen)
    shares = max(1, min(_sandboxes(), len(ready) // PER_PROCESS))
    with ThreadPoolExecutor(shares) as pool:
        parts = [ready[number::shares] for number in range(shares)] if ready else []
        found = [pool.submit(_share, root, roots, tests, part, python, limits, began + seconds) for part in parts]
        judged = {mutant.id: mutant for future in found for mutant in future.result()}
    judged |= {mutant.id: replace(mutant, status="error") for mutant in wrong}
    ordered = tuple(judged[mutant.id] for mutant in mutants if mutant.id in judged)
    return Mutation(ordered, len(mutants) - len(ordered), time.monotonic() - began)


def _sandboxes() -> int:
    """Half of the processors, and two where there are two."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(processors, max(2, processors // 2))


Asked = tuple[Mutant, dict[str, Any]]


def _requests(root: Path, mutants: tuple[Mutant, ...]) -> tuple[list[Asked], list[Mutant]]:
    """What the sandbox is asked, in the order of `mutants`, and the mutants that are not of these files."""
    by_path: dict[str, list[Mutant]] = {}
    for mutant in mutants:
        by_path.setdefault(mutant.path, []).append(mutant)
    asked: dict[str, dict[str, Any]] = {}
    for path, of_file in by_path.items():
        try:
            source = (root / path).read_bytes().decode("utf-8")
            lines = reach(source, of_file)
            texts = {mutant.id: mutated(source, mutant) for mutant in of_file}
        except (OSError, SyntaxError, ValueError, IndexError):
            continue
        asked |= {mutant.id: {"id": mutant.id, "path": path, "text": texts[mutant.id], "lines": lines[mutant.id]} for mutant in of_file}
    return [(mutant, asked[mutant.id]) for mutant in mutants if mutant.id in asked], [mutant for mutant in mutants if mutant.id not in asked]


def _share(
    root: Path, roots: tuple[str, ...], tests: tuple[str, ...], asked: list[Asked], python: Path, limits: Limits, deadline: float
) -> list[Mutant]:
    """Mutants that were judged. A sandbox that a mutant brought down is started again for the rest."""
    judged: list[Mutant] = []
    left = asked
    while left and (seconds := deadline - time.monotonic()) > 0:
        answers = _sandbox(root, roots, tests, [request for _, request in left], python, limits, seconds)
        if not any(answer.get("tests") for answer in answers):
            break
        said: dict[str, dict[str, Any]] = {}
        for answer in answers:
            if isinstance(key := answer.get("id"), str):
                said[key] = answer if key not in said else {"error": "two answers: one is forged"}
        judged += [_judged(mutant, said[mutant.id]) for mutant, _ in left if mutant.id in said]
        left = [pair for pair in left if pair[0].id not in said]
        if not left or any("done" in answer for answer in answers) or time.monotonic() >= deadline:
            break
        judged.append(replace(left[0][0], status="killed"))
        left = left[1:]
    return judged


def _judged(mutant: Mutant, answer: dict[str, Any]) -> Mutant:
    if "error" in answer:
        return replace(mutant, status="error")
    if answer.get("reached") is False:
        return replace(mutant, status="no coverage")
    killed_by = tuple(test for test in answer.get("failed", ()) if isinstance(test, str))
    if answer.get("exit") in (None, -signal.SIGPROF):
        return replace(mutant, status="timeout")
    if killed_by or answer["exit"] != 0 or answer.get("ended") is not True:
        return replace(mutant, status="killed", killed_by=killed_by)
    return replace(mutant, status="survived")


def _sandbox(
    root: Path, roots: tuple[str, ...], tests: tuple[str, ...], mutants: list[dict[str, Any]], python: Path, limits: Limits, seconds: float
) -> list[dict[str, Any]]:
    """The JSON lines that one sandbox wrote, as far as they are such. What it may write is bounded by the largest file it may make."""
    mounts = (Mount(root, "/project"),)
    env = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PATH": f"{python.parent}:{sandboxes.PATH}", "PYTHONHASHSEED": "0"}
    with sandboxes.code(mounts, python=python, env=env) as box, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as asked:
        request = {"box": dict(box.inside), "limits": limits_inside(limits, seconds), "root": box.at("/project"), "sources": roots[::-1]}
        asked.write(json.dumps(request | {"tests": tests, "mutants": mutants, "seconds": seconds}).encode())
        asked.seek(0)
        command = [str(python), "-P", "-s", "-B", "-W", "ignore", box.at("/inside/mutants.py")]
        process = box.start(command, stdin=asked, stdout=stdout, stderr=subprocess.DEVNULL)
        try:
            with suppress(subprocess.TimeoutExpired):
                process.wait(seconds + 5)
        finally:
            box.end(process)
        stdout.seek(0)
        lines = stdout.read(ANSWER_BYTES).decode("utf-8", "replace").splitlines()
    return [answer for line in lines if (answer := _answer(line)) is not None]


def _answer(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    kinds: dict[str, type | tuple[type, ...]] = {"id": str, "exit": (int, type(None)), "failed": list, "tests": list}
    return found if isinstance(found, dict) and all(isinstance(found[key], kinds[key]) for key in kinds if key in found) else None
