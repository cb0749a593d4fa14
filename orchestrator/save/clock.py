"""Times as they are recorded, and their order: a clock that goes backwards changes none."""

from __future__ import annotations

import re
import sqlite3
from datetime import UTC, datetime, timedelta

RUN_TIME = "%Y%m%dT%H%M%SZ"
"""The first part of a run's id, which runs sort by."""


def now() -> str:
    """ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stamp(moment: float) -> str:
    """The same for a moment in seconds since the epoch."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(stamped: str) -> float:
    """And back."""
    return datetime.fromisoformat(stamped).timestamp()


def newest(db: sqlite3.Connection) -> str:
    """The latest time that a project's database holds, '' when it holds none."""
    (found,) = db.execute(
        "SELECT max(at) FROM (SELECT max(at) AS at FROM events UNION ALL SELECT max(max(started_at), max(ended_at)) FROM runs)"
    ).fetchone()
    return found or ""


def after(latest: str) -> str:
    """The time, or a millisecond after `latest` where the clock is not past that."""
    said = now()
    if said > latest:
        return said
    return (datetime.fromisoformat(latest) + timedelta(milliseconds=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def later(run: str, newest: str) -> str:
    """The id of a run; a second after `newest`, another run's, where it would not sort after that."""
    time, _, rest = run.partition("-")
    before = newest.partition("-")[0]
    if time > before or not re.fullmatch(r"\d{8}T\d{6}Z", before):
        return run
    return f"{datetime.strptime(before, RUN_TIME) + timedelta(seconds=1):{RUN_TIME}}-{rest}"
