"""The measurements. Each takes the number of runs and gives one result."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import cheats, gates, inputs, mutation, planning, pool, sites, steady, volume, watching
from benchmarks.measure import Result, Sample, python, repeated, result, run

HASHING = "import sys, hashlib, pathlib; [hashlib.sha256(path.read_bytes()).hexdigest() for path in pathlib.Path('prds').iterdir()]"
PEAK = "from benchmarks.inside import peak; print(peak())"


def help_(runs: int) -> Result:
    def sample() -> Sample:
        baseline, _ = run(python("-c", "pass"), Path.cwd())
        seconds, _ = run(python("-m", "orchestrator", "--help"), Path.cwd())
        return Sample(seconds, baseline)

    what = "`orchestrator --help`, the whole process"
    return result("help", what, repeated(runs, sample), baseline="python -c pass", target=0.3)


def check(runs: int) -> Result:
    with tempfile.TemporaryDirectory(prefix="bench-check-") as name:
        root = inputs.kiosks(Path(name), 100)
        _, output = run(python("-m", "orchestrator", "check"), root)
        assert output.startswith("100 PRDs, 700 criteria, "), output

        def sample() -> Sample:
            baseline, _ = run(python("-c", HASHING), root)
            seconds, _ = run(python("-m", "orchestrator", "check"), root)
            return Sample(seconds, baseline)

        what = "`orchestrator check` of 100 PRDs with 7 criteria each, the whole process"
        return result("check", what, repeated(runs, sample), baseline="reading and hashing the files", target=2.0)


def overhead(runs: int) -> Result:
    cycles = 8

    def sample() -> Sample:
        with tempfile.TemporaryDirectory(prefix="bench-overhead-") as name:
            root = inputs.tolls(Path(name), cycles, 1)
            total, output = run(python("-m", "benchmarks.inside", "run", "--no-site", "--workers", "1"), root)
            cost = json.loads(output)
            assert cost["exit"] == 0, cost
            tasks = [task for report in inputs.reports(root) for task in report["tasks"]]
            assert [len(task["attempts"]) for task in tasks] == [1] * cycles
            turns = sum(turn["seconds"] for task in tasks for attempt in task["attempts"] for turn in attempt["turns"])
            seen = [item for task in tasks for item in (*task["red"], *(item for attempt in task["attempts"] for item in attempt["observations"]))]
            gates = sum(item["seconds"] for item in seen)
            pytest, _ = run(inputs.pytest(root), root)
        parts = {
            "of it starting sandboxes and pytest": (cost["sandboxes"] - gates) / cycles,
            "of it git": cost["git"] / cycles,
            "of it starting the command itself": (total - cost["seconds"]) / cycles,
            "of it everything else": (cost["seconds"] - turns - cost["sandboxes"] - cost["git"]) / cycles,
            "besides: agent": turns / cycles,
            "besides: suites and oracle": gates / cycles,
            "all together": total / cycles,
        }
        return Sample((total - turns - gates) / cycles, pytest, parts)

    what = f"`orchestrator run` of {cycles} one-task PRDs, per cycle, without the seconds of the agent, of test runs and of the oracle"
    return result("overhead", what, repeated(runs, sample), baseline="one run of pytest", target=0.5)


def memory(runs: int) -> Result:
    def sample() -> Sample:
        with tempfile.TemporaryDirectory(prefix="bench-memory-") as name:
            root = inputs.tolls(Path(name), 4, 5)
            _, output = run(python("-m", "benchmarks.inside", "run"), root)
            cost = json.loads(output)
            assert cost["exit"] == 0, cost
            assert sum(len(report["tasks"]) for report in inputs.reports(root)) == 20
            assert (root / "site" / "index.html").exists()
            _, bare = run(python("-c", PEAK), root)
        return Sample(cost["peak"], int(bare))

    what = "peak memory of the orchestrator's own process over a run of 20 tasks with a site build"
    return result("memory", what, repeated(runs, sample), unit="bytes", baseline="a bare interpreter", target=150e6)


def site(runs: int) -> Result:
    with tempfile.TemporaryDirectory(prefix="bench-site-") as name:
        root = inputs.history(Path(name), 25)
        chrome, _ = run(python("-m", "orchestrator", "site", "build"), root)
        pages = len(list((root / "site" / "projects").rglob("*.html")))
        assert pages == 101, pages

        def sample() -> Sample:
            shutil.rmtree(root / "site")
            seconds, _ = run(python("-m", "orchestrator", "site", "build"), root)
            nothing_new, _ = run(python("-m", "orchestrator", "site", "build"), root)
            baseline, _ = run(["cp", "-r", "site", "copy"], root)
            shutil.rmtree(root / "copy")
            return Sample(seconds, baseline, {"with nothing new": nothing_new, "the first ever, with MkDocs": chrome})

        what = "`orchestrator site build` of 101 pages of a project, the whole process"
        return result("site", what, repeated(runs, sample), baseline="copying the site")


BENCHES: dict[str, tuple[Callable[..., Result], int]] = {
    "help": (help_, 15),
    "check": (check, 5),
    "planning": (planning.planning, 3),
    "overhead": (overhead, 3),
    "gates": (gates.gates, 5),
    "memory": (memory, 2),
    "site": (site, 3),
    "sites": (sites.sites, 1),
    "mutation": (mutation.rate, 3),
    "cheats": (cheats.cheats, 1),
    "pool": (pool.pool, 1),
    "volume": (volume.volume, 1),
    "steady": (steady.steady, steady.RUNS),
    "taken": (watching.taken, 3),
    "watching": (watching.watching, watching.SCANS),
}
"""Name → the measurement and its usual number of runs."""
