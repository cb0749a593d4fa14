"""A bare repository that stands for the hosting, and clones of it that stand for CI jobs: none of them keeps its disk."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ENVIRONMENTS, Workplace
from tests.end_to_end.test_pipeline import LANTERN, STEPWISE
from tests.once import once

STATE = "orchestrator/state"


def git(place: Path, *arguments: str, stdin: str | None = None) -> str:
    done = subprocess.run(["git", "-C", str(place), *arguments], input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass(frozen=True)
class Hosting:
    """A bare repository."""

    path: Path

    def clone(self, name: str, *, depth: int = 1) -> Workplace:
        """What a CI job begins with: by default the newest commit only."""
        place = self.path.parent / name
        options = ["--depth", str(depth)] if depth else []
        subprocess.run(["git", "clone", "--quiet", *options, f"file://{self.path}", str(place)], check=True, capture_output=True)
        git(place, "config", "user.name", "Somebody")
        git(place, "config", "user.email", "somebody@example.com")
        return Workplace(place)

    def head(self) -> str:
        return git(self.path, "rev-parse", STATE).strip()

    def read(self, path: str) -> str:
        return git(self.path, "show", f"{STATE}:{path}")

    def write(self, path: str, text: str | None) -> None:
        """A commit on the state branch that changes one file: somebody has edited it."""
        place = self.path.parent / "editing"
        if place.exists():
            shutil.rmtree(place)
        subprocess.run(["git", "clone", "--quiet", "--branch", STATE, str(self.path), str(place)], check=True, capture_output=True)
        if text is None:
            (place / path).unlink()
        else:
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_text(text)
        git(place, "add", "--all")
        git(place, "-c", "user.name=S", "-c", "user.email=s@example.com", "commit", "--quiet", "-m", "edited")
        git(place, "push", "--quiet", "origin", f"HEAD:{STATE}")


def commit(place: Workplace, message: str = "changed") -> None:
    git(place.root, "add", "--all")
    git(place.root, "commit", "--quiet", "-m", message)
    git(place.root, "push", "--quiet", "origin", "HEAD:main")


def paid(*places: Workplace) -> list[tuple[str, str]]:
    """(turn, state) of every turn that any of these machines knows of; what two of them know of is one turn."""
    found = set()
    for place in places:
        ledger = place.root / "runs" / "orchestrator.sqlite"
        if ledger.exists():
            db = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)
            found |= {tuple(row) for row in db.execute("SELECT key, reserved_at, state FROM turns")}
            db.close()
    return sorted((key, state) for key, _, state in found)


def returned(hosting: Hosting) -> list[str]:
    """Keys of the turns that the journals on the branch hold, doubled ones doubled."""
    names = git(hosting.path, "ls-tree", "-r", "--name-only", STATE).split()
    lines = [(name, line) for name in names if name.endswith(".jsonl") and "/journal/" in name for line in hosting.read(name).splitlines()]
    return sorted(f"{Path(name).stem} {json.loads(line)['key']}" for name, line in lines if json.loads(line)["event"] == "returned")


@pytest.fixture
def hosting(tmp_path: Path) -> Hosting:
    """A repository with one PRD and a scripted agent, in which nothing has run yet."""
    return made(tmp_path)


def made(folder: Path, script: str = STEPWISE, state: object = "branch", prds: dict[str, str] | None = None) -> Hosting:
    found = Hosting(folder / "origin.git")
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(found.path)], check=True)
    place = found.clone("author", depth=0)
    git(place.root, "checkout", "--quiet", "-B", "main")
    for name, text in (prds or {"lanterns": LANTERN}).items():
        place.prd(name, text)
    place.agent(script, state=state, environments=str(ENVIRONMENTS))
    (place.root / ".gitignore").write_text("/runs/\n/site/\n/log.txt\n")
    commit(place, "a PRD")
    return found


@pytest.fixture(scope="session")
def _worked(tmp_path_factory: pytest.TempPathFactory) -> Path:

    def make(folder: Path) -> None:
        done = made(folder).clone("first").run()
        assert done.returncode == 0, done.stdout + done.stderr

    return once(tmp_path_factory, "worked", make)


@pytest.fixture
def worked(_worked: Path, tmp_path: Path) -> Hosting:
    """The same, after a job has done all of it."""
    shutil.copytree(_worked / "origin.git", tmp_path / "origin.git")
    return Hosting(tmp_path / "origin.git")


Start = Callable[[Workplace], subprocess.Popen[str]]
