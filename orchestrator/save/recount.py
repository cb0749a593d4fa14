"""A damaged ledger made anew: what turns cost is counted again from the projects' databases and journals. What breakers had seen is forgotten."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestrator import faults
from orchestrator.errors import DamagedError, StoreError
from orchestrator.plan.outline import slug
from orchestrator.run import limits
from orchestrator.save import aside, lock
from orchestrator.save.clock import RUN_TIME
from orchestrator.save.health import FILE as PROJECT_FILE
from orchestrator.save.ledger import FILE, LOCK, Ledger
from orchestrator.save.migrations import LEDGER, migrate
from orchestrator.save.store import Store

STEPS = {"code": "write_code", "tests": "write_tests", "plan": "plan"}
"""Role → the step that a turn of it is booked at."""


def complaint(runs: Path) -> str:
    """Why the ledger cannot be read; '' when it can, or when there is none."""
    path = runs / FILE
    if not path.exists():
        return ""
    try:
        with faults.recognised(path), closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
            (said,) = db.execute("PRAGMA quick_check(1)").fetchone()
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except DamagedError as error:
        return error.message
    if said != "ok":
        return f"{path} is damaged and cannot be read: {said}"
    missing = {"turns", "events", "runs", "migrations"} - tables
    return f"{path} is damaged and cannot be read: its table {min(missing)} is gone" if missing and tables else ""


@dataclass(frozen=True)
class _Turn:
    key: str
    project: str
    prd: str
    task: str
    fingerprint: str
    role: str
    attempt: int
    run: str
    agent: str
    kind: str
    model: str
    at: float
    seconds: float
    tokens: tuple[int | None, int | None]
    usd: float | None
    lost: bool = False


def recount(ledger: Ledger) -> tuple[str, ...]:
    """Set a damaged ledger aside and make it anew, also where it is gone and projects have spent something; a line for what was done, () when it is
    whole. Raises LockedError, RoomError."""
    runs = ledger.folder
    why = complaint(runs) or ("" if (runs / FILE).exists() or not _have_spent(runs) else f"{runs / FILE} is gone")
    if not why:
        return ()
    with lock.held(runs, LOCK):
        turns = [turn for path in sorted(runs.glob(f"*/{PROJECT_FILE}")) for turn in _of_project(path.parent)]
        part = runs / f".{FILE}.part"
        part.unlink(missing_ok=True)
        with closing(sqlite3.connect(part, isolation_level=None)) as db:
            migrate(db, LEDGER)
            db.execute("BEGIN")
            for turn in turns:
                _book(db, ledger, turn)
            db.execute("COMMIT")
        to = aside.move(runs, [runs / f"{FILE}{end}" for end in ("", "-wal", "-shm", "-journal")])
        part.replace(runs / FILE)
    kept = f"; the old one is in {to.relative_to(runs)}" if to else ""
    return (f"{why}; made anew from {len(turns)} turns of the projects{kept}", "breakers begin closed: what they had seen is forgotten")


def _have_spent(runs: Path) -> bool:
    """Whether a project that can be read has taken a turn."""
    for path in sorted(runs.glob(f"*/{PROJECT_FILE}")):
        try:
            with Store(path.parent, read_only=True) as store:
                if store.db.execute("SELECT 1 FROM turns LIMIT 1").fetchone():
                    return True
        except StoreError:
            continue
    return False


def _of_project(folder: Path) -> Iterator[_Turn]:
    """Turns that the database of a project has, then those that only its journals have."""
    known: set[str] = set()
    tasks: dict[str, tuple[str, str, str]] = {}
    try:
        with Store(folder, read_only=True) as store:
            for row in store.tasks():
                tasks[f"{slug(row.id)}-{row.fingerprint[:12]}"] = (row.prd, row.id, row.fingerprint)
            columns = "task, fingerprint, cycle, role, attempt, turn, run, prd, agent, kind, model, seconds, input_tokens, output_tokens, usd"
            rows = store.db.execute(f"SELECT {columns} FROM turns").fetchall()
    except StoreError:
        rows = []
    for task, fingerprint, cycle, role, attempt, turn, run, prd, agent, kind, model, seconds, given, taken, usd in rows:
        stem = f"{slug(task)}-{fingerprint[:12]}"
        tasks[stem] = (prd, task, fingerprint)
        key = f"{folder.name}/{stem}-{cycle}/{role} {attempt}.{turn}"
        known.add(key)
        yield _Turn(key, folder.name, prd, task, fingerprint, role, attempt, run, agent, kind, model, _begun(run), seconds, (given, taken), usd)
    for path in sorted((folder / "journal").glob("*.jsonl")):
        prd, task, fingerprint = tasks.get(path.stem.rpartition("-")[0], ("", path.stem, ""))
        for name, told in _journal(path).items():
            key, at = f"{folder.name}/{path.stem}/{name}", path.stat().st_mtime
            match = re.fullmatch(r"(\w+) (\d+)\.\d+", name)
            if key in known or match is None:
                continue
            whose = (key, folder.name, prd, task, fingerprint, match[1], int(match[2]), "")
            if told is None:
                yield _Turn(*whose, "", "", "", at, 0.0, (None, None), None, lost=True)
            else:
                usage = told["usage"]
                tokens = (usage["input_tokens"], usage["output_tokens"])
                yield _Turn(*whose, told["agent"], told["kind"], told["model"], at, told["seconds"], tokens, usage["usd"])


def _journal(path: Path) -> dict[str, dict[str, Any] | None]:
    """Key of a turn → the turn, None when it was sent and never returned. Those that failed are left out."""
    found: dict[str, dict[str, Any] | None] = {}
    for line in path.read_bytes().split(b"\n"):
        try:
            entry = json.loads(line)
            if entry["event"] == "failed":
                found.pop(entry["key"], None)
            elif entry["event"] == "returned":
                found[entry["key"]] = {"usage": {}, **entry["turn"]}
            else:
                found.setdefault(entry["key"], None)
        except (ValueError, KeyError, TypeError):
            continue  # a line that was cut by a kill
    return found


def _begun(run: str) -> float:
    """When a run began, from its id."""
    try:
        return datetime.strptime(run.partition("-")[0], RUN_TIME).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


def _book(db: sqlite3.Connection, ledger: Ledger, turn: _Turn) -> None:
    """As the ledger books what has returned; what is unknown of a live agent counts as the most it may use."""
    replay, free, (given, taken) = turn.kind == "recorded", turn.kind in ("recorded", "scripted"), turn.tokens
    known = free or given is not None or taken is not None
    row = {
        "key": turn.key,
        "project": turn.project,
        "prd": turn.prd,
        "task": turn.task,
        "fingerprint": turn.fingerprint,
        "attempt": f"{turn.role} {turn.attempt}",
        "step": STEPS.get(turn.role, turn.role),
        "run": turn.run,
        "scope": turn.run,
        "day": limits.day_of(turn.at, ledger.budgets.timezone),
        "agent": turn.agent,
        "kind": turn.kind,
        "model": turn.model,
        "pid": 0,
        "reserved_at": turn.at,
        "settled_at": turn.at,
        "state": "lost" if turn.lost else "settled",
        "seconds": turn.seconds,
        "tokens": 0 if replay else (given or 0) + (taken or 0) if known else ledger.budgets.turn_tokens,
        "usd": 0.0 if replay else turn.usd if turn.usd is not None else 0.0 if free else ledger.budgets.turn_usd,
        "input_tokens": given,
        "output_tokens": taken,
        "paid": turn.usd,
    }
    db.execute(f"INSERT INTO turns ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
