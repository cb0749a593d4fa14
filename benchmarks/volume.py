"""Ten thousand tasks through plan, lifecycle, store and reports, then the commands that a person or a CI job gives on such a project.

    python -m benchmarks volume [--tasks N]

Cycles are not run here: each task gets a result of two attempts as cycles leave them, with its trees given, and everything from there on is what
a run does, by the same functions. It happens in a process of its own (`python -m benchmarks.volume FOLDER`), whose memory is looked at.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import inputs
from benchmarks.inside import peak
from benchmarks.measure import Result, Sample, python, result, run, shown

if TYPE_CHECKING:
    from orchestrator.telling import Told

TASKS = 10_000
PROJECT = "wards"
RUN = "20261122T020000Z-0001"
COMMANDS = {
    "status": (("status",), 0.5),
    "status --json": (("status", "--json"), 0.5),
    "metrics": (("metrics",), None),
    "check": (("check",), None),
    "plan": (("plan",), None),
    "run, nothing new": (("run", "--no-site"), None),
}
"""What is timed on the finished project → its arguments and how quick it should be, in seconds."""


@dataclass(frozen=True)
class VolumeResult(Result):
    """A Result with what else was measured beside it."""

    tasks: int
    rates: dict[str, float]
    """Part of the way → tasks per second."""
    memory: int
    """Most bytes that the process had which did all this."""
    growth: dict[str, float]
    """What lies on the disk afterwards → bytes per task."""
    commands: dict[str, dict[str, float | None]]
    """Command → `seconds` of the whole process, `processor`: of them, what it computed, and its `target`."""

    def line(self) -> str:
        lines = [super().line()]
        lines += [f"{'':12}{rate:>9,.0f} tasks/s  {name}" for name, rate in self.rates.items()]
        lines += [f"{'':12}{size:>9,.0f} bytes/task  {name}" for name, size in self.growth.items()]
        lines.append(f"{'':12}{shown(self.memory, 'bytes'):>9}  peak memory of that process")
        for name, found in self.commands.items():
            seconds, target = found["seconds"], found["target"]
            assert seconds is not None
            said = "" if target is None else f"  target {target} s  {'within' if seconds <= target else 'MISSED'}"
            lines.append(f"{'':12}{seconds:>8.3f} s  orchestrator {name} ({found['processor']} s of the processor){said}")
        return "\n".join(lines)


def volume(runs: int, tasks: int = TASKS) -> Result:
    """One run is a whole one, of minutes, so there is no warm-up. The parts of the result are those of the last one."""
    samples, last = [], {}
    for _ in range(runs):
        with tempfile.TemporaryDirectory(prefix="bench-volume-") as name:
            root = inputs.wards(Path(name), tasks)
            _, output = run(python("-m", "benchmarks.volume", str(root)), root)
            last = json.loads(output)
            assert last["done"] == tasks, last
            run(python("-m", "orchestrator", "run", "--no-site"), root)  # there was no ledger yet: it is counted once
            last["commands"] = {name: _timed(root, arguments, target) for name, (arguments, target) in COMMANDS.items()}
            baseline = plain(root / "runs" / PROJECT / "project.sqlite", root / "plain.sqlite")
        samples.append(Sample(sum(last["stored"].values()), baseline, last["stored"]))
    what = f"plan, moves, results and proofs of {tasks:,} tasks into the store: all of its transactions"
    made = result("volume", what, samples, baseline="inserting the same results in a plain loop, a transaction for each")
    seconds = last["stored"] | last["besides"]
    rates = {name: round(tasks / each, 1) for name, each in seconds.items() if each}
    return VolumeResult(**asdict(made), tasks=tasks, rates=rates, memory=last["peak"], growth=last["growth"], commands=last["commands"])


def _timed(root: Path, arguments: tuple[str, ...], target: float | None) -> dict[str, float | None]:
    before = os.times()
    seconds, _ = run(python("-m", "orchestrator", *arguments), root)
    after = os.times()
    processor = after.children_user - before.children_user + after.children_system - before.children_system
    return {"seconds": round(seconds, 3), "processor": round(processor, 3), "target": target}


def plain(source: Path, place: Path) -> float:
    """Seconds that a loop of plain inserts takes for the results of a project, each as durable as the store makes it."""
    with sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True) as found:
        rows = found.execute("SELECT task, result FROM results").fetchall()
    found.close()
    db = sqlite3.connect(place, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE results (task TEXT PRIMARY KEY, result TEXT NOT NULL)")
    started = time.perf_counter()
    for row in rows:
        db.execute("INSERT INTO results VALUES (?, ?)", row)
    seconds = time.perf_counter() - started
    db.close()
    return seconds


# --- in a process of its own -----------------------------------------------------------------------------------------------


class _Clock:
    """Seconds by what they were spent on."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def on(self, what: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[what] += time.perf_counter() - started


def live(root: Path) -> dict[str, Any]:
    """Every task of a working folder from its PRD to `done`: {"stored", "besides": seconds by part, "peak", "growth": bytes, "done": tasks}."""
    from orchestrator import config, job, pipeline
    from orchestrator.outcome import Outcome
    from orchestrator.run.integrate import Commit
    from orchestrator.save import evidence, light
    from orchestrator.save.clock import now
    from orchestrator.save.ledger import ledger_of
    from orchestrator.save.store import Store

    settings = config.load(root)
    stored, besides = _Clock(), _Clock()
    with besides.on("PRDs read"):
        found, readings = pipeline.inbox(root, settings)
    with besides.on("planned"):
        plans = pipeline.plans(found, settings, readings)
    with Store(root / "runs" / PROJECT) as store:
        outcome = Outcome()
        work = job.Job(root, settings, PROJECT, store, ledger_of(root, settings), RUN, {prd.id: () for prd, _ in plans}, outcome, _quiet, readings)
        work.facts = {"sandbox": "full", "tools": {"python": "3"}, "limits": settings.limits.model_dump()}
        work.begin()
        with stored.on("plan saved"):
            for prd, plan in plans:
                work.plans[prd.id] = plan
                store.save_plan(prd, plan, work.run)
        with stored.on("settled"):
            for prd, _ in plans:
                job.settle(work, prd)
        for prd, _ in plans:
            while names := store.in_state("ready", prd.id):
                row = store.task(names[0])
                started_at = now()
                with stored.on("started"):
                    store.move(row.id, "started", work.run)
                made = inputs.cycle_result(row.task)
                trees = (made.base_tree, made.base_tree, made.base_tree)
                with stored.on("result saved"):
                    store.save_result(row, work.run, started_at, made, trees, "produced")
                commits = tuple(Commit(inputs.digest(f"{row.id} {kind}")[:40], kind, f"{kind}({row.id}): it") for kind in ("test", "feat"))
                with stored.on("integrated"):
                    store.integrated(row.id, work.run, made, commits, f"prd/{prd.id}")
                with stored.on("settled"):
                    job.settle(work, prd)
                with besides.on("reports, so that they take a small part of a run"):
                    job.report(work)
            store.keep(prd.id, plans[0][1].tasks[-1].id, None, f"prd/{prd.id}")
        inputs.repository(store.folder, [prd.id for prd, _ in plans], [evidence.name_of(*done) for done in light.done(store)])
        with besides.on("the last reports"):
            job.close(work, job.kind(work))
        done = len(store.in_state("done"))
    readings.keep(file.path for file in found.files)
    return {"stored": stored.seconds, "besides": besides.seconds, "peak": peak(), "growth": _growth(root, done), "done": done}


def _quiet(told: Told) -> None:
    """Nothing is said."""


def _growth(root: Path, tasks: int) -> dict[str, float]:
    folder = root / "runs" / PROJECT
    parts = {"database": "project.sqlite*", "reports": "reports/*", "record": "reports/record/**/*", "artifacts": "artifacts/**/*"}
    return {name: sum(path.stat().st_size for path in folder.glob(pattern) if path.is_file()) / tasks for name, pattern in parts.items()}


if __name__ == "__main__":
    print(json.dumps(live(Path(sys.argv[1]))))
