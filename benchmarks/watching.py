"""`orchestrator watch` as people run it: how soon a PRD that was taken is worked on, and whether its memory stays flat over hundreds of scans.

    python -m benchmarks taken watching [--runs N]

Both watch a folder of a hundred PRDs, most of them drafts, with the real command. A script answers.
"""

from __future__ import annotations

import queue
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import inputs
from benchmarks.measure import Result, Sample, environment, python, result, run

SCANS = 400
LOOKS = 20
WARM = 0.2
"""The share of the looks that does not count: imports, caches, the allocator."""
PATIENCE = 120.0
"""Seconds that a line is waited for."""

Line = tuple[float, str]


class Watch:
    """A watcher under way; its lines come with the moment they were read."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: queue.Queue[Line] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.put((time.perf_counter(), line))

    def until(self, text: str) -> float:
        """When the next line that begins with a text came."""
        while True:
            at, line = self.lines.get(timeout=PATIENCE)
            if line.startswith(text):
                return at

    def memory(self) -> int:
        """Bytes of it that are in memory now."""
        line = next(line for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


@contextmanager
def watch(root: Path) -> Iterator[Watch]:
    """The command over a folder, ended as a service manager would end it. Raises AssertionError where it does not end with 0."""
    process = subprocess.Popen(
        python("-m", "orchestrator", "watch"), cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment()
    )
    try:
        watching = Watch(process)
        watching.until(str(root.resolve() / "site"))
        yield watching
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
    assert code == 0, code


def taken(runs: int) -> Result:
    def sample() -> Sample:
        with tempfile.TemporaryDirectory(prefix="bench-taken-") as name:
            root = inputs.watched(Path(name), 100, quiet=0.2)
            with watch(root) as watching:
                inputs.change(root, 7)
                began = watching.until("run: ")
                step = watching.until("barge-3#R1: Charge")
            again, _ = run(python("-m", "orchestrator", "check"), root)
        return Sample(step - began, again)

    what = "from the end of the quiet period to the first step of a task, among 100 PRDs, by `orchestrator watch`"
    return result("taken", what, [sample() for _ in range(runs)], baseline="`orchestrator check` of the same folder", target=1.0)


@dataclass(frozen=True)
class WatchingResult(Result):
    """A Result in bytes, with what was seen."""

    slope: float
    """Bytes of memory per scan, by least squares over the looks that count."""
    descriptors: tuple[int, int]
    """Open files at the first look and at the last."""
    looks: list[dict[str, float]]
    """`scan`, `memory` in bytes."""

    def line(self) -> str:
        first, last = self.descriptors
        return f"{super().line()}\n{'':12}{self.slope:,.0f} bytes of memory per scan, open files {first} → {last}"


def watching(scans: int) -> Result:
    looks: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="bench-watching-") as name:
        root = inputs.watched(Path(name), 100, quiet=0.02)
        with watch(root) as process:
            first = process.descriptors()
            for scan in range(1, scans + 1):
                inputs.disturb(root, scan)
                process.until(str(root.resolve() / "site"))
                if scan % max(1, scans // LOOKS) == 0:
                    looks.append({"scan": scan, "memory": process.memory()})
            last = process.descriptors()
    counted = looks[int(len(looks) * WARM) :]
    slope = statistics.linear_regression([look["scan"] for look in counted], [look["memory"] for look in counted]).slope if len(counted) > 1 else 0.0
    samples = [Sample(look["memory"], looks[0]["memory"]) for look in counted]
    what = f"memory of `orchestrator watch` over {scans:,} scans of 100 PRDs, of which one changes, breaks, is mended, renamed or deleted each time"
    made = result("watching", what, samples, unit="bytes", baseline="at the first look", target=200e6)
    return WatchingResult(**asdict(made), slope=round(slope, 1), descriptors=(first, last), looks=looks)
