"""The turns of a project as lines of text, a JSON object each: how the ledger travels where its file does not. What breakers saw stays behind."""

from __future__ import annotations

import json

from orchestrator.errors import StoreError
from orchestrator.save.ledger import FILE, Ledger


def written(ledger: Ledger, project: str) -> str:
    """Every turn of a project, oldest first."""
    if not (ledger.folder / FILE).exists():
        return ""
    with ledger.reading() as db:
        if db is None:
            return ""
        cursor = db.execute("SELECT * FROM turns WHERE project = ? ORDER BY id", (project,))
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
    return "".join(json.dumps({name: value for name, value in row.items() if name not in ("id", "pid")}) + "\n" for row in rows)


def take(ledger: Ledger, project: str, text: str) -> None:
    """Let the ledger hold these turns of a project and no others. Raises StoreError for lines that no ledger has written."""
    try:
        rows = [json.loads(line) for line in text.splitlines()]
        if not all(isinstance(row, dict) and row.get("project") == project for row in rows):
            raise ValueError("a turn of something else")
    except (ValueError, RecursionError) as error:
        raise StoreError(f"ledger.jsonl of {project} cannot be read: {str(error)[:200]}") from None
    with ledger.transaction() as db:
        known = {column[1] for column in db.execute("PRAGMA table_info(turns)")} - {"id", "pid"}
        db.execute("DELETE FROM turns WHERE project = ?", (project,))
        for row in rows:
            kept = {name: value for name, value in row.items() if name in known} | {"pid": 0}
            db.execute(f"INSERT INTO turns ({', '.join(kept)}) VALUES ({', '.join('?' * len(kept))})", tuple(kept.values()))
