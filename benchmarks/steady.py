"""A thousand runs in one process, as `watch` makes them: does anything grow that should not?

    python -m benchmarks steady [--runs N]

Three PRDs are done and stay so; a fourth changes every fifty runs, and a script answers it. Memory, open files and what lies on the disk are looked
at every fifty runs, between two changes. It happens in a process of its own: `python -m benchmarks.steady FOLDER RUNS`.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import inputs
from benchmarks.measure import Result, Sample, python, result, run

RUNS = 1000
EVERY = 50
"""Runs from one change to the next, and from one look to the next."""
WARM = 0.2
"""The share of the looks that does not count: imports, caches, the allocator."""
SETTLED = 2.1
"""Seconds after which the site remembers a file by its times; it notes that once for each change, and that is not growth."""


@dataclass(frozen=True)
class SteadyResult(Result):
    """A Result in bytes per run, with what was seen."""

    slope: float
    """Bytes of memory per run, by least squares over the looks that count."""
    descriptors: tuple[int, int]
    """Open files at the first look and at the last."""
    disk: float
    """Bytes on the disk per run that finds nothing new."""
    looks: list[dict[str, float]]
    """`run`, `memory` in bytes, `descriptors`, `disk` in bytes."""

    def line(self) -> str:
        first, last = self.descriptors
        said = f"{self.slope:,.0f} bytes of memory per run, {self.disk:,.0f} bytes on the disk per run with nothing new, open files {first} → {last}"
        return f"{super().line()}\n{'':12}{said}"


def steady(runs: int) -> Result:
    with tempfile.TemporaryDirectory(prefix="bench-steady-") as name:
        root = inputs.changing(Path(name))
        _, output = run(python("-m", "benchmarks.steady", str(root), str(runs)), root)
        found = json.loads(output.splitlines()[-1])
    looks = found["looks"]
    counted = looks[int(len(looks) * WARM) :]
    slope = statistics.linear_regression([look["run"] for look in counted], [look["memory"] for look in counted]).slope if len(counted) > 1 else 0.0
    samples = [Sample(look["memory"], looks[0]["memory"]) for look in counted]
    what = f"memory of one process over {runs:,} runs, {found['changed']} of which had something to do, the site included"
    made = result("steady", what, samples, unit="bytes", baseline="at the first look")
    descriptors = (int(looks[0]["descriptors"]), int(looks[-1]["descriptors"]))
    return SteadyResult(**asdict(made), slope=round(slope, 1), descriptors=descriptors, disk=round(found["disk"], 1), looks=looks)


# --- in a process of its own -----------------------------------------------------------------------------------------------


def live(root: Path, runs: int) -> dict[str, Any]:
    """{"looks": see SteadyResult, "changed": runs that had something to do, "disk": bytes per run that had nothing}."""
    from orchestrator import cli, config

    settings = config.load(root)
    looks, changed, grown, still = [], 0, 0, 0
    size, fresh = 0, 0
    for number in range(1, runs + 1):
        change = number == 1 or number % EVERY == EVERY // 2
        if change:
            inputs.change(root, number)
            changed, fresh = changed + 1, number
        if number == fresh + 2:
            time.sleep(SETTLED)
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
            code = cli.run_once(root, settings)
        assert code == 0, code
        before, size = size, on_disk(root)
        if number > fresh + 2:
            grown, still = grown + size - before, still + 1
        if number % EVERY == 0 or number == runs:
            looks.append(
                {"run": number, "memory": resident(), "descriptors": len(list(Path("/proc/self/fd").iterdir())), "disk": size, "at": time.time()}
            )
    return {"looks": looks, "changed": changed, "disk": grown / max(still, 1)}


def resident() -> int:
    """Bytes of this process that are in memory now."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def on_disk(root: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.lstat().st_size for path in root.rglob("*") if path.is_file())


if __name__ == "__main__":
    print(json.dumps(live(Path(sys.argv[1]), int(sys.argv[2]))))
