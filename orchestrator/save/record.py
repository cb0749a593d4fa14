"""The record: what the database holds, as JSON beside the reports, so that the database can be made anew.

    runs/<project>/reports/record/standing.json        every small table, row by row: PRDs, plans, tasks, moves, runs, turns, commits, proofs, …
    runs/<project>/reports/record/results/<name>.json  one for each result of a cycle; written once

Reports are for reading and leave out what no page shows (the examples of a task, the exact changes of an answer). The record leaves out nothing, and
carries whatever columns and tables there are. A file names its own hash, so that a torn one is known. Results are written before the standing.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

from orchestrator.errors import StoreError
from orchestrator.save.evidence import name_of
from orchestrator.save.files import write_atomically
from orchestrator.save.health import STANDING as STANDING

VERSION = 1
RESULTS = "reports/record/results"
JSON_COLUMNS = {
    "prds": {"prd", "plan"},
    "tasks": {"task", "question"},
    "proofs": {"proof"},
    "runs": {"facts"},
    "results": {"result"},
}
"""Columns that hold JSON, which a record shows as such; every other value stands as it is."""

Row = dict[str, Any]


def write(db: sqlite3.Connection, folder: Path) -> None:
    """Bring the record up to date. `folder`: the project's."""
    for task, fingerprint, cycle in db.execute("SELECT task, fingerprint, cycle FROM results").fetchall():
        path = folder / RESULTS / name_of(task, fingerprint, cycle)
        if not path.exists():
            cursor = db.execute("SELECT * FROM results WHERE task = ? AND fingerprint = ? AND cycle = ?", (task, fingerprint, cycle))
            write_atomically(path, sealed({"kind": "result", "row": _rows("results", cursor)[0]}))
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()]
    held = {name: _rows(name, db.execute(f'SELECT * FROM "{name}"')) for name in tables if name not in ("results", "migrations")}
    applied = [name for (name,) in db.execute("SELECT name FROM migrations ORDER BY name").fetchall()]
    text = sealed({"kind": "standing", "project": folder.name, "migrations": applied, "tables": held})
    path = folder / STANDING
    if not path.exists() or path.read_bytes() != text.encode():
        write_atomically(path, text)


def _rows(table: str, cursor: sqlite3.Cursor) -> list[Row]:
    names, shown = [column[0] for column in cursor.description], JSON_COLUMNS.get(table, set())
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [{name: json.loads(value) if name in shown and value is not None else value for name, value in row.items()} for row in rows]


def _text(value: dict[str, Any]) -> str:
    """Keys in the order they have: a run's facts keep theirs, and so does its report."""
    return json.dumps(value, indent=1) + "\n"


def sealed(value: dict[str, Any]) -> str:
    """The text of a file of the record, version and hash put in."""
    whole = {"version": VERSION, **value}
    return _text({**whole, "hash": hashlib.sha256(_text(whole).encode()).hexdigest()})


def read(path: Path) -> dict[str, Any]:
    """A file of the record. Raises StoreError saying why it cannot be relied on."""
    try:
        value = json.loads(path.read_bytes())
        if not isinstance(value, dict):
            raise ValueError("it is no JSON object")
    except FileNotFoundError:
        raise StoreError(f"{path.name} is gone") from None
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{path.name} cannot be read: {str(error)[:200]}") from None
    if isinstance(version := value.get("version"), int) and version > VERSION:
        raise StoreError(f"{path.name} was written by a newer version", hint="upgrade the orchestrator")
    told = value.pop("hash", "")
    if hashlib.sha256(_text(value).encode()).hexdigest() != told:
        raise StoreError(f"{path.name} is not what a run has written: its hash does not fit")
    return value


def insert(db: sqlite3.Connection, table: str, row: Row) -> None:
    """One row of the record into a database of this version; columns that it has not are left out. Raises sqlite3.Error for a row that cannot be."""
    known = {column[1] for column in db.execute(f'PRAGMA table_info("{table}")')}
    shown = JSON_COLUMNS.get(table, set())
    kept = {
        name: json.dumps(value, separators=(",", ":"), ensure_ascii=False) if name in shown and value is not None else value
        for name, value in row.items()
        if name in known
    }
    columns = ", ".join(f'"{name}"' for name in kept)
    db.execute(f'INSERT INTO "{table}" ({columns}) VALUES ({", ".join("?" * len(kept))})', tuple(kept.values()))
