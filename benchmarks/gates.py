"""Seconds of all gates together over one small task, from a base without the code to a candidate that passed."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import inputs
from benchmarks.measure import Result, Sample, python, repeated, result, run

TARGET = 1.5
TESTS = 10


def gates(runs: int) -> Result:
    what = f"all gates of a task with {TESTS} small tests: a cycle without its agent's turn, mutation off"
    return result("gates", what, repeated(runs, sample), baseline="one cold run of pytest", target=TARGET)


def sample() -> Sample:
    with tempfile.TemporaryDirectory(prefix="bench-gates-") as name:
        root = inputs.ferry(Path(name))
        total, output = run(python("-m", "benchmarks.inside", "run", "--no-site"), root)
        cost = json.loads(output)
        assert cost["exit"] == 0, cost
        (task,) = [task for report in inputs.reports(root) for task in report["tasks"]]
        _check(task)
        pytest, _ = run(inputs.pytest(root), root)
    spent = cost["spent"]
    value = spent["cycle"] - spent["turn"]
    parts = {
        "RED": spent["red"],
        "GREEN: the oracle": spent["oracle"],
        "GREEN: suites and the cold run, side by side": spent["suites"],
        "git and folders": value - spent["red"] - spent["oracle"] - spent["suites"],
        "besides: the agent's turn, with its brief and workspace": spent["turn"],
        "besides: all else of the command": total - spent["cycle"],
    }
    return Sample(value, pytest, parts)


def _check(task: dict[str, Any]) -> None:
    """It was one attempt, and every gate was asked about ten tests."""
    (attempt,) = task["attempts"]
    seen = {item["what"]: item for item in (*task["red"], *attempt["observations"])}
    assert [len(seen[what]["outcomes"]) for what in ("base", "stub raises", "locked tests", "locked tests, cold")] == [TESTS] * 4, seen.keys()
    assert len(seen["oracle, cold"]["outcomes"]) > TESTS, "held-out examples are asked too"
