"""Kills, and what must be true after them: the same end as an undisturbed run, nothing paid twice, nothing left running, no evidence lost."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.run.durable import KILL_AT
from tests.conftest import Workplace, clean_environment

MARK = "ORCHESTRATORS_SOAK"
"""In the environment of what a run starts, and its value in the paths of what its sandboxes use."""


@dataclass(frozen=True)
class End:
    """What may not depend on any disturbance."""

    states: dict[str, str]
    levels: dict[str, str]
    """Criterion → proof level."""
    trees: dict[str, str]
    """Branch → tree."""
    subjects: dict[str, tuple[str, ...]]
    """Branch → subjects of its commits."""
    bundles: int
    attempts: dict[str, int]


def end_of(place: Workplace) -> End:
    states: dict[str, str] = {}
    levels: dict[str, str] = {}
    trees: dict[str, str] = {}
    subjects: dict[str, tuple[str, ...]] = {}
    attempts: dict[str, int] = {}
    bundles = 0
    for folder in sorted(path.parent for path in place.root.glob("runs/*/project.sqlite")):
        report = place.project(folder.name)
        states |= {task["id"]: task["state"] for task in report["tasks"]}
        attempts |= {task["id"]: task["attempts"] for task in report["tasks"]}
        for prd in report["prds"]:
            levels |= {item["id"]: item["level"] for requirement in prd["requirements"] for item in requirement["criteria"]}
            trees[prd["branch"]] = place.git(folder.name, "rev-parse", f"{prd['branch']}^{{tree}}").strip()
            subjects[prd["branch"]] = tuple(place.git(folder.name, "log", "--format=%s", prd["branch"]).splitlines())
        bundles += len(list((folder / "evidence").glob("*.json")))
    return End(states, levels, trees, subjects, bundles, attempts)


def start(place: Workplace, **environment: str) -> subprocess.Popen[str]:
    """`orchestrator run`, with everything it starts marked and its temporary folders in the working folder."""
    with (place.root / "log.txt").open("a") as log:
        return subprocess.Popen(
            place.argv("run", "--no-site"),
            cwd=place.root,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            env={**clean_environment(), **_marks(place), **environment},
            start_new_session=True,
        )


def _marks(place: Workplace) -> dict[str, str]:
    temporary = place.root / "tmp"
    temporary.mkdir(exist_ok=True)
    return {MARK: str(place.root), "TMPDIR": str(temporary)}


def finish(place: Workplace, **environment: str) -> int:
    """A run that nothing disturbs; its exit code."""
    done = place.command("run", "--no-site", **_marks(place), **environment)
    with (place.root / "log.txt").open("a") as log:
        log.write(done.stdout + done.stderr)
    return done.returncode


def kill_at(place: Workplace, moment: str) -> int:
    """A run that ends itself there. Its exit code: -9 when it got there."""
    return finish(place, **{KILL_AT: moment})


def kill_after(place: Workplace, seconds: float) -> bool:
    """A run that is killed after so long; whether it was still running."""
    running = start(place)
    try:
        running.wait(seconds)
        return False
    except subprocess.TimeoutExpired:
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
        return True


def orphans(place: Workplace, seconds: float = 10.0) -> list[str]:
    """Processes of a run that are still there after so long: command lines."""
    deadline = time.monotonic() + seconds
    while found := _belonging_to(str(place.root)):
        if time.monotonic() > deadline:
            return found
        time.sleep(0.1)
    return []


def _belonging_to(root: str) -> list[str]:
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            command = (folder / "cmdline").read_bytes()
            marked = f"{MARK}={root}".encode() in (folder / "environ").read_bytes() or root.encode() in command
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if marked and state != "Z":
            found.append(command.replace(b"\0", b" ").decode("utf-8", "replace"))
    return found


def paid(place: Workplace) -> dict[str, Any]:
    """What the ledger and the journals say of turns."""
    with sqlite3.connect(f"file:{place.root}/runs/orchestrator.sqlite?mode=ro", uri=True) as db:
        rows = db.execute("SELECT key, state FROM turns").fetchall()
    db.close()
    returned: Counter[str] = Counter()
    sent: Counter[str] = Counter()
    for path in place.root.glob("runs/*/journal/*.jsonl"):
        for line in path.read_text(errors="replace").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            key = f"{path.parent.parent.name}/{path.stem}/{entry['key']}"
            returned[key] += entry["event"] == "returned"
            sent[key] += entry["event"] == "reserved"
    states: dict[str, Counter[str]] = {}
    for key, state in rows:
        states.setdefault(key, Counter())[state] += 1
    return {"returned": returned, "sent": sent, "states": states}


def check_paid(place: Workplace) -> None:
    """No returned turn was paid again, every sent one is booked, and nothing is left open."""
    found = paid(place)
    assert all(count <= 1 for count in found["returned"].values()), found["returned"]
    for key, states in found["states"].items():
        assert states["reserved"] == 0, (key, states)
        assert states["settled"] == found["returned"][key], (key, states, found["returned"][key])
        assert states["settled"] + states["lost"] + states["failed"] >= found["sent"][key] > 0 or states["released"], (
            key,
            states,
            found["sent"][key],
        )
        assert states["lost"] + states["settled"] + states["failed"] <= found["sent"][key] + states["released"], (key, states)
