"""Seconds for a mutant, ours beside mutmut and cosmic-ray on the same module and tests, each with all it does from start to end.

The others are installed into environments of their own, once, when the package index can be reached; they are never a dependency. Each tool
makes its own mutants, so scores do not compare, and rates only roughly.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from benchmarks.inputs import ENVIRONMENTS
from benchmarks.measure import Result, Sample, environment, repeated, result
from orchestrator.config import Limits
from orchestrator.run import environment as environments
from orchestrator.run import mutants, mutation

TARGET = 30
"""Mutants per second."""
PATIENCE = 20.0
"""Seconds for cosmic-ray, which takes minutes for all of its mutants: the rate so far counts."""

MODULE = '''\
"""The till of a ferry: fares, a roll of tickets, and the evening's count."""

FREE_BELOW = 4


class SoldOut(Exception):
    """No seat is left."""


def fare(age, zones=1, day_return=False):
    if age < 0 or zones < 1:
        raise ValueError(f"no such passenger: {age}, {zones}")
    if age < FREE_BELOW:
        return 0
    price = 2 + 3 * zones
    if age < 16 or age >= 65:
        price = (price + 1) // 2
    if day_return:
        price = price * 2 - 1
    return price


def coins(amount, kinds=(50, 20, 10, 5, 2, 1)):
    """The fewest coins, largest first."""
    found = []
    for kind in kinds:
        while amount >= kind:
            found.append(kind)
            amount -= kind
    return found


class Till:
    def __init__(self, seats):
        self.seats = seats
        self.sold = []

    def sell(self, *ages, zones=1):
        if len(self.sold) + len(ages) > self.seats:
            raise SoldOut(len(ages))
        total = sum(fare(age, zones) for age in ages)
        for age in ages:
            self.sold.append((age, fare(age, zones)))
        return total

    def left(self):
        return self.seats - len(self.sold)

    def count(self):
        by_fare = {}
        for _, price in self.sold:
            by_fare[price] = by_fare.get(price, 0) + 1
        return sorted(by_fare.items(), reverse=True)

    def oldest(self):
        if not self.sold:
            return None
        return max(age for age, _ in self.sold)
'''

TESTS = """\
import pytest

from till import SoldOut, Till, coins, fare


def test_an_adult():
    assert fare(30) == 5


def test_zones():
    assert [fare(30, zones) for zones in (1, 2, 3)] == [5, 8, 11]


def test_small_children_are_free():
    assert fare(3) == 0
    assert fare(4) == 3


def test_half_for_the_young():
    assert (fare(15), fare(16)) == (3, 5)


def test_half_for_the_old():
    assert (fare(64), fare(65)) == (5, 3)


def test_there_and_back():
    assert fare(30, 2, day_return=True) == 15


def test_nobody_is_younger_than_born():
    with pytest.raises(ValueError, match="no such passenger: -1, 1"):
        fare(-1)


def test_no_zone():
    with pytest.raises(ValueError):
        fare(30, 0)


def test_coins():
    assert coins(88) == [50, 20, 10, 5, 2, 1]


def test_no_coins():
    assert coins(0) == []


def test_selling():
    till = Till(3)
    assert till.sell(30, 8) == 8
    assert till.left() == 1


def test_full():
    till = Till(1)
    till.sell(30)
    with pytest.raises(SoldOut):
        till.sell(30)


def test_counting():
    till = Till(9)
    till.sell(30, 40, 8, 2)
    assert till.count() == [(5, 2), (3, 1), (0, 1)]


def test_oldest():
    till = Till(9)
    till.sell(30, 71, 8)
    assert till.oldest() == 71


def test_oldest_of_none():
    assert Till(9).oldest() is None
"""

MUTMUT = """\
[mutmut]
paths_to_mutate=till.py
source_paths=till.py
tests_dir=tests
"""

COSMIC_RAY = """\
[cosmic-ray]
module-path = "till.py"
timeout = 10.0
excluded-modules = []
test-command = "%s -m pytest -x -q -p no:cacheprovider tests"
[cosmic-ray.distributor]
name = "local"
"""


def rate(runs: int) -> Result:
    """Seconds for one mutant. The baseline is mutmut's, or one cold run of pytest where mutmut cannot be installed."""
    python = environments.prepare(ENVIRONMENTS, ()).python
    found = mutants.generate({}, {"till.py": MODULE})
    others = {name: seconds for name, measure in TOOLS.items() if (seconds := measure()) is not None}

    def sample() -> Sample:
        with tempfile.TemporaryDirectory(prefix="bench-mutation-") as name:
            root = project(Path(name))
            done = mutation.run(root, ("tests/test_till.py",), found, python=python, limits=Limits(), cap=len(found))
            cold, _ = _timed([str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider"], root, {"PYTHONPATH": str(root)})
        assert (done.left_out, len(done.mutants)) == (0, len(found)), done
        parts = {"all of them": done.seconds, "one cold run of pytest": cold} | {f"one mutant of {tool}": others[tool] for tool in others}
        return Sample(done.seconds / len(found), others.get("mutmut", cold), parts)

    samples = repeated(runs, sample)
    missing = [tool for tool in TOOLS if tool not in others]
    what = f"one of {len(found)} mutants of a 60-line module with 15 tests, sandbox and first run included"
    what += f"; not to be installed here: {', '.join(missing)}" if missing else ""
    baseline = "one mutant of mutmut" if "mutmut" in others else "one cold run of pytest"
    return result("mutation", what, samples, baseline=baseline, target=round(1 / TARGET, 4))


def project(folder: Path) -> Path:
    (folder / "tests").mkdir()
    (folder / "till.py").write_text(MODULE, encoding="utf-8")
    (folder / "tests" / "test_till.py").write_text(TESTS, encoding="utf-8")
    return folder


def _mutmut() -> float | None:
    python = _installed("mutmut>=3,<4")
    if python is None:
        return None
    with tempfile.TemporaryDirectory(prefix="bench-mutmut-") as name:
        root = project(Path(name))
        (root / "setup.cfg").write_text(MUTMUT, encoding="utf-8")
        seconds, output = _timed([str(python), "-m", "mutmut", "run"], root, {"PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin"})
    return seconds / max(int(total) for total in re.findall(r"(\d+)/\1", output))


def _cosmic_ray() -> float | None:
    python = _installed("cosmic-ray>=8,<9")
    if python is None:
        return None
    with tempfile.TemporaryDirectory(prefix="bench-cosmic-ray-") as name:
        root = project(Path(name))
        (root / "cosmic.toml").write_text(COSMIC_RAY % python, encoding="utf-8")
        tool, extra = str(python.parent / "cosmic-ray"), {"PYTHONPATH": str(root)}
        starting, _ = _timed([tool, "init", "cosmic.toml", "session.sqlite"], root, extra)
        running, _ = _timed([tool, "exec", "cosmic.toml", "session.sqlite"], root, extra, patience=PATIENCE)
        _, listing = _timed([tool, "dump", "session.sqlite"], root, extra)
    return (starting + running) / sum(json.loads(line)[1] is not None for line in listing.splitlines())


TOOLS: dict[str, Callable[[], float | None]] = {"mutmut": _mutmut, "cosmic-ray": _cosmic_ray}


def _installed(requirement: str) -> Path | None:
    """The interpreter of an environment with that tool and pytest; None when it cannot be made."""
    place = ENVIRONMENTS / f"bench-{re.split('[<>=]', requirement)[0]}"
    if not (place / "ready").exists():
        shutil.rmtree(place, ignore_errors=True)
        python = str(place / "bin" / "python")
        install = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "--no-input", "install", "--quiet"]
        try:
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True, capture_output=True)
            subprocess.run([*install, requirement, "pytest>=8,<10"], check=True, capture_output=True, timeout=300)
        except (subprocess.SubprocessError, OSError):
            return None
        (place / "ready").touch()
    return place / "bin" / "python"


def _timed(argv: list[str], folder: Path, extra: dict[str, str], patience: float | None = None) -> tuple[float, str]:
    """(wall seconds, output) of a process that must not see this repository, ended after `patience` seconds. Raises RuntimeError when it fails.

    Whatever it started and left behind, an endless mutant for example, is ended with it: all of its session.
    """
    kept = {name: value for name, value in environment().items() if name != "PYTHONPATH"}
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(argv, cwd=folder, env=kept | extra, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            code = process.wait(patience)
        except subprocess.TimeoutExpired:
            code = 0
        finally:
            seconds = time.perf_counter() - started
            end_session(process)
        output.seek(0)
        said = output.read().decode("utf-8", "replace")
    if code:
        raise RuntimeError(f"{' '.join(argv)} ended with {code}:\n{said[-4000:]}")
    return seconds, said


def end_session(leader: subprocess.Popen[bytes]) -> None:
    """End every process of the session that a process was started to lead, in whatever process group, and the process itself."""
    while members := _session(leader.pid):
        for pid in members:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        leader.poll()
        time.sleep(0.01)
    leader.wait()


def _session(number: int) -> list[int]:
    """Processes of a session that have not ended."""
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, _, session = place.read_text().rpartition(")")[2].split()[:4]
            if int(session) == number and state not in "ZX":
                found.append(int(place.parent.name))
    return found
