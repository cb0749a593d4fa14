"""A finished project to damage, and what must be the same after it was made good."""

from __future__ import annotations

import json
import pickle
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Workplace
from tests.end_to_end.test_pipeline import LANTERN, STEPWISE
from tests.once import once

LOUD = "def turn(brief, folder):\n    raise SystemExit('an agent was asked')\n"
SLOW = STEPWISE.replace("def turn(brief, folder):", "import time\ndef turn(brief, folder):\n    time.sleep(60 if brief.task.endswith('R2') else 0)")
"""The second task's turn takes a minute, in which something can happen."""


@dataclass(frozen=True)
class Standing:
    """What an undisturbed run leaves, as far as two runs of the same PRD leave the same."""

    states: dict[str, str]
    criteria: list[tuple[str, str, str]]
    """(criterion, state, level)."""
    trees: list[str]
    """Of every commit of the branch, newest first."""
    returned: int
    """Turns that were paid: what the journals hold."""
    verified: tuple[int, int]
    """Exit code of `verify --quick`, and the bundles in the chain."""


def standing(place: Workplace) -> Standing:
    report = place.project("lanterns")
    criteria = [item for prd in report["prds"] for requirement in prd["requirements"] for item in requirement["criteria"]]
    told = place.command("verify", "--quick", "--json")
    journals = "".join(path.read_text() for path in sorted(folder(place).glob("journal/*.jsonl")))
    return Standing(
        place.states("lanterns"),
        [(item["id"], item["state"], item["level"]) for item in criteria],
        place.git("lanterns", "log", "--format=%T", "prd/lanterns").split(),
        journals.count('"returned"'),
        (told.returncode, json.loads(told.stdout)["projects"][0]["bundles"]),
    )


def folder(place: Workplace) -> Path:
    return place.root / "runs" / "lanterns"


def database(place: Workplace) -> Path:
    return folder(place) / "project.sqlite"


def aside(place: Workplace) -> list[str]:
    """What is set aside, without the time."""
    top = folder(place) / "damaged"
    return sorted(path.relative_to(top).as_posix().partition("/")[2] for path in top.rglob("*") if path.is_file())


@contextmanager
def opened(place: Workplace) -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(database(place), isolation_level=None)
    try:
        yield db
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        db.close()


def project_file(place: Workplace) -> Path:
    return folder(place) / "reports" / "project.json"


def run_file(place: Workplace) -> Path:
    return next(path for path in sorted((folder(place) / "reports").glob("2*.json")))


def wait_for(condition: Callable[[], Any], running: subprocess.Popen[str], seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert running.poll() is None and time.monotonic() < deadline, "it ended, or did not come so far"
        time.sleep(0.05)


def in_second_turn(place: Workplace) -> bool:
    return any(path.read_text() for path in folder(place).glob("journal/lanterns_r2-*.jsonl"))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Standing]:
    """A working folder where everything is done without any disturbance, and how it stands."""

    def make(folder: Path) -> None:
        place = Workplace(folder / "work")
        place.prd("lanterns", LANTERN)
        place.agent(STEPWISE)
        done = place.run()
        assert done.returncode == 0, done.stdout + done.stderr
        with opened(place):
            pass
        (folder / "standing").write_bytes(pickle.dumps(standing(place)))

    made = once(tmp_path_factory, "undisturbed", make)
    found: Standing = pickle.loads((made / "standing").read_bytes())
    assert (set(found.states.values()), found.returned, found.verified) == ({"done"}, 2, (0, 3))
    return made / "work", found


@pytest.fixture
def undisturbed(finished: tuple[Path, Standing]) -> Standing:
    return finished[1]


@pytest.fixture
def done(finished: tuple[Path, Standing], tmp_path: Path) -> Workplace:
    """A copy of it, to be damaged; its agent fails loudly when it is asked again."""
    shutil.copytree(finished[0], tmp_path / "work", symlinks=True)
    place = Workplace(tmp_path / "work")
    place.agent(LOUD)
    return place
