"""Is a project's database what runs have written? Asked before anything is written to it, and by `status`, `verify` and `doctor`."""

from __future__ import annotations

import json
import math
import re
import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path

from orchestrator import faults
from orchestrator.errors import DamagedError, OrchestratorError
from orchestrator.save.migrations import migrate

FILE = "project.sqlite"
LARGE = 32 << 20
"""Bytes of a database from which on `status`, which is to be quick, does not look at every page; `run`, `verify` and `doctor` do."""
STANDING = "reports/record/standing.json"
"""Where the record says how things stood when a run last wrote it; see record.py."""


def connect(folder: Path) -> sqlite3.Connection:
    """The database, to be read. In a folder where nothing can be written it is read as it lies there, since SQLite would want files beside it.
    Raises DamagedError or RoomError."""
    path = (folder / FILE).resolve()
    log = path.with_name(f"{path.name}-wal")
    if not path.exists():
        raise DamagedError(f"{folder / FILE} is gone")
    with faults.recognised(path):
        for option in ("", "&immutable=1"):
            db = sqlite3.connect(f"{path.as_uri()}?mode=ro{option}", uri=True, isolation_level=None)
            try:
                db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            except sqlite3.Error as error:
                db.close()
                if option or not isinstance(error, sqlite3.OperationalError) or (log.exists() and log.stat().st_size):
                    raise
            else:
                break
    return db


def database(folder: Path, *, most: float = math.inf) -> str:
    """What is wrong with a project's database, as one sentence; '' when nothing is, or when nothing was ever written. Raises RoomError. Every page
    is looked at, where there are not more than so many bytes."""
    path = folder / FILE
    try:
        if not path.exists() or (path.is_file() and not path.stat().st_size):
            return f"{path} is {'empty' if path.exists() else 'gone'}, and there are reports of what it held" if _was_worked_on(folder) else ""
        if not path.is_file():
            return f"{path} is no plain file"
        with closing(connect(folder)) as db:
            why = _wrong(db, folder, path.stat().st_size <= most)
    except DamagedError as error:
        why = error.message.partition(": ")[2]
    except sqlite3.Error as error:
        found = faults.known(error, path)
        if found is not None and not isinstance(found, DamagedError):
            raise found from None
        why = str(error)
    return f"{path} is damaged and cannot be read: {why}" if why else ""


def require(folder: Path) -> None:
    """Raises DamagedError when the database is not whole."""
    if why := database(folder):
        raise DamagedError(why)


def _was_worked_on(folder: Path) -> bool:
    return (folder / STANDING).exists() or any((folder / "reports").glob("*.json")) or any((folder / "evidence").glob("*.json"))


def _wrong(db: sqlite3.Connection, folder: Path, every_page: bool) -> str:
    if every_page:
        (said,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if said != "ok":
            return str(said).replace("\n", " ")
    tables = _columns(db)
    if tables and "migrations" not in tables:
        return "it is a database of something else"
    applied = {name for (name,) in db.execute("SELECT name FROM migrations")} if tables else set()
    if applied == _migrations():
        for table, columns in _expected().items():
            if missing := columns - tables.get(table, frozenset()):
                return f"its table {table} {'lacks ' + ', '.join(sorted(missing)) if table in tables else 'is gone'}"
        if "events" in tables and (written := _last_written(folder)):
            (last,) = db.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()
            if last < written:
                return f"it is older than the reports: {written - last} of {written} moves are missing from it"
    elif not applied and _was_worked_on(folder):
        return "it holds nothing, and there are reports of what it held"
    return ""


def _columns(db: sqlite3.Connection) -> dict[str, frozenset[str]]:
    names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {name: frozenset(row[1] for row in db.execute(f'PRAGMA table_info("{name}")')) for name in names}


@cache
def _expected() -> dict[str, frozenset[str]]:
    db = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrate(db)
        return _columns(db)
    finally:
        db.close()


@cache
def _migrations() -> set[str]:
    from orchestrator.save.migrations import PROJECT

    return {migration.__name__ for migration in PROJECT}


def _last_written(folder: Path) -> int:
    """The number of the last move that the record holds, 0 where there is no readable record."""
    try:
        with (folder / STANDING).open("rb") as stream:
            if said := re.search(rb'^ "moves": (\d+),$', stream.read(1 << 16), re.MULTILINE):
                return int(said[1])
        return max((int(row["id"]) for row in json.loads((folder / STANDING).read_bytes())["tables"]["events"]), default=0)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return 0


def projects(runs: Path, *, most: float = math.inf) -> dict[str, str]:
    """Project → what is wrong with its database, for each that has anything wrong. `most`: as for `database`."""
    found = {}
    for folder in sorted(path for path in runs.glob("*") if path.is_dir()):
        try:
            if why := database(folder, most=most):
                found[folder.name] = why
        except OrchestratorError as error:
            found[folder.name] = error.message
    return found
