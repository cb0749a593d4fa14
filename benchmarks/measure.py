"""Runs → lowest, median, highest. A baseline is taken in the same run as what it is compared with, so that both meet the same machine."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

REPOSITORY = Path(__file__).resolve().parents[1]

Unit = Literal["seconds", "bytes"]


@dataclass(frozen=True)
class Sample:
    """One run: the value, what it is compared with, and what it is made of."""

    value: float
    baseline: float
    parts: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What `--json` holds for one measurement. Values are in `unit`."""

    name: str
    what: str
    unit: Unit
    min: float
    median: float
    max: float
    baseline: float
    """Median."""
    baseline_what: str
    ratio: float
    """Median over baseline."""
    target: float | None
    within_target: bool | None
    """The median is not above the target; None where there is no target."""
    runs: int
    parts: dict[str, float]
    """Medians of what the value is made of or stands beside."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def line(self) -> str:
        """A row of the table."""
        target = "" if self.target is None else f"  target {shown(self.target, self.unit):>9}  {'within' if self.within_target else 'MISSED'}"
        spread = f"{shown(self.median, self.unit):>9}  ({shown(self.min, self.unit)} to {shown(self.max, self.unit)})"
        parts = "".join(f"\n{'':12}{shown(value, self.unit):>9}  {name}" for name, value in self.parts.items())
        return f"{self.name:<12}{spread:<34}{target}  {self.ratio:.1f} x {self.baseline_what}{parts}"


def result(name: str, what: str, samples: Sequence[Sample], *, baseline: str, unit: Unit = "seconds", target: float | None = None) -> Result:
    values = [sample.value for sample in samples]
    median = statistics.median(values)
    compared = statistics.median(sample.baseline for sample in samples)
    return Result(
        name=name,
        what=what,
        unit=unit,
        min=_rounded(min(values)),
        median=_rounded(median),
        max=_rounded(max(values)),
        baseline=_rounded(compared),
        baseline_what=baseline,
        ratio=round(median / compared, 2),
        target=target,
        within_target=None if target is None else median <= target,
        runs=len(samples),
        parts={part: _rounded(statistics.median(sample.parts[part] for sample in samples)) for part in samples[0].parts},
    )


def repeated(runs: int, sample: Callable[[], Sample]) -> list[Sample]:
    """One warm-up, which fills caches and is thrown away, then `runs` samples."""
    sample()
    return [sample() for _ in range(runs)]


def shown(value: float, unit: Unit) -> str:
    return f"{value / 1e6:.1f} MB" if unit == "bytes" else f"{value:.3f} s"


def _rounded(value: float) -> float:
    return round(value, 4) if value < 1e4 else round(value)


def run(argv: Sequence[str], folder: Path, *, expect: int = 0) -> tuple[float, str]:
    """(wall seconds of the whole process, its output). Raises RuntimeError when it ends otherwise than expected: that would measure a failure."""
    started = time.perf_counter()
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, env=environment(), check=False)
    seconds = time.perf_counter() - started
    if done.returncode != expect:
        raise RuntimeError(f"{' '.join(argv)} ended with {done.returncode}, not {expect}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return seconds, done.stdout


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def environment() -> dict[str, str]:
    """The environment of every measured process: nobody's own settings of ours and of pytest, and this repository's package."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ORCHESTRATOR_", "PYTEST_"))}
    return kept | {"PYTHONPATH": str(REPOSITORY)}
