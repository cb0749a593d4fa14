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
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from orchestrator.errors import StoreError
from orchestrator.save.evidence import name_of
from orchestrator.save.files import write_atomically, writing
from orchestrator.save.health import STANDING as STANDING

VERSION = 1
HASH = '\n "hash": "'
RESULTS = "reports/record/results"
JSON_COLUMNS = {
    "prds": {"prd", "plan"},
    "tasks": {"task", "question"},
    "proofs": {"proof"},
    "runs": {"facts"},
    "results": {"result"},
    "edits": {"changes"},
    "wordings": {"wording"},
}
"""Columns that hold JSON, which a record shows as such; every other value stands as it is."""

Row = dict[str, Any]


def write(db: sqlite3.Connection, folder: Path) -> None:
    """Bring the record up to date. `folder`: the project's."""
    results(db, folder)
    standing(db, folder)


def results(db: sqlite3.Connection, folder: Path) -> None:
    """A file for each result that has none."""
    for task, fingerprint, cycle in db.execute("SELECT task, fingerprint, cycle FROM results").fetchall():
        path = folder / RESULTS / name_of(task, fingerprint, cycle)
        if not path.exists():
            (row,) = _rows(db, "results", "WHERE task = ? AND fingerprint = ? AND cycle = ?", (task, fingerprint, cycle))
            write_atomically(path, sealed({"kind": "result", "row": row}))


def standing(db: sqlite3.Connection, folder: Path) -> None:
    """Every other table, row by row: there may be many."""
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()]
    held = {name: _rows(db, name) for name in tables if name not in ("results", "migrations")}
    applied = [name for (name,) in db.execute("SELECT name FROM migrations ORDER BY name").fetchall()]
    (moves,) = db.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()
    with writing(folder / STANDING) as stream:
        for piece in _pieces({"kind": "standing", "project": folder.name, "migrations": applied, "moves": moves, "tables": held}):
            stream.write(piece.encode())


def _rows(db: sqlite3.Connection, table: str, where: str = "", values: tuple[Any, ...] = ()) -> Iterator[Row]:
    cursor = db.execute(f'SELECT * FROM "{table}" {where}', values)
    names, shown = [column[0] for column in cursor.description], JSON_COLUMNS.get(table, set())
    for row in cursor:
        found = zip(names, row, strict=True)
        yield {name: json.loads(value) if name in shown and value is not None else value for name, value in found}


def sealed(value: dict[str, Any]) -> str:
    """The text of a file of the record, version and hash put in."""
    return "".join(_pieces(value))


def _pieces(value: Mapping[str, Any]) -> Iterator[str]:
    """A line for each entry, and for each row of each table; last the hash of all that stands before it. Keys keep their order: a run's facts
    keep theirs, and so does its report."""
    digest = hashlib.sha256()
    for piece in _body({"version": VERSION, **value}):
        digest.update(piece.encode())
        yield piece
    yield f'{HASH}{digest.hexdigest()}"\n}}\n'


def _body(value: Mapping[str, Any]) -> Iterator[str]:
    yield "{"
    for key, entry in value.items():
        yield f"\n {json.dumps(key)}: "
        if key == "tables":
            yield from _tables(entry)
        else:
            yield json.dumps(entry)
        yield ","


def _tables(value: Mapping[str, Iterable[Row]]) -> Iterator[str]:
    between = "{"
    for name, rows in value.items():
        yield f"{between}\n  {json.dumps(name)}: "
        before = "["
        for row in rows:
            yield f"{before}\n   {json.dumps(row)}"
            before = ","
        yield "[]" if before == "[" else "\n  ]"
        between = ","
    yield "{}" if between == "{" else "\n }"


def read(path: Path) -> dict[str, Any]:
    """A file of the record. Raises StoreError saying why it cannot be relied on."""
    try:
        data = path.read_bytes()
        value = json.loads(data)
        if not isinstance(value, dict):
            raise ValueError("it is no JSON object")
    except FileNotFoundError:
        raise StoreError(f"{path.name} is gone") from None
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{path.name} cannot be read: {str(error)[:200]}") from None
    if isinstance(version := value.get("version"), int) and version > VERSION:
        raise StoreError(f"{path.name} was written by a newer version", hint="upgrade the orchestrator")
    told, before = value.pop("hash", ""), data.rpartition(HASH.encode())[0]
    if data != before + f'{HASH}{told}"\n}}\n'.encode() or hashlib.sha256(before).hexdigest() != told:
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
