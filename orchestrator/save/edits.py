"""What edits of PRDs left in the database: what each changed, what tasks said before, and what is of no requirement any more."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ConfigDict, TypeAdapter

from orchestrator.model import Prd, Task
from orchestrator.plan.delta import Edited, compare
from orchestrator.save.values import from_json

if TYPE_CHECKING:
    from orchestrator.save.store import Store

LISTED = 20
"""Edits of a PRD that its report tells, the newest."""
_CHANGES: TypeAdapter[tuple[Edited, ...]] = TypeAdapter(tuple[Edited, ...], config=ConfigDict(defer_build=True))


@dataclass(frozen=True)
class Edit:
    """One edit of a PRD that changed what it asks for."""

    at: str
    """When a run took it, ISO 8601 in UTC."""
    run: str
    path: str
    changes: tuple[Edited, ...]


def note(db: sqlite3.Connection, before: Prd, after: Prd, at: str, run: str) -> None:
    """Keep what an edit, of the file or of what a plan adds to it, changed, if it changed what is asked for."""
    changes = compare(before, after)
    if all(item.kind == "unchanged" for item in changes):
        return
    said = (at, run, after.id, after.path, before.fingerprint, after.fingerprint, _CHANGES.dump_json(changes).decode())
    db.execute("INSERT INTO edits (at, run, prd, path, before, after, changes) VALUES (?, ?, ?, ?, ?, ?, ?)", said)


def keep_wording(db: sqlite3.Connection, task: str, at: str) -> None:
    """Keep what a task says now, before it is worded otherwise."""
    db.execute("INSERT OR REPLACE INTO wordings SELECT id, fingerprint, task, ? FROM tasks WHERE id = ?", (at, task))


def of(store: Store, prd: str) -> list[Edit]:
    """The edits of a PRD, newest first."""
    query = "SELECT at, run, path, changes FROM edits WHERE prd = ? ORDER BY id DESC LIMIT ?"
    return [Edit(at, run, path, _CHANGES.validate_json(text)) for at, run, path, text in store.db.execute(query, (prd, LISTED))]


def wording(store: Store, task: str, fingerprint: str) -> Task | None:
    """A task as it was worded; None where that is not known."""
    row = store.db.execute("SELECT wording FROM wordings WHERE task = ? AND fingerprint = ?", (task, fingerprint)).fetchone()
    return from_json(Task, row[0]) if row else None


def last_wording(store: Store, task: str) -> Task | None:
    """What a task said before it was last worded otherwise."""
    row = store.db.execute("SELECT wording FROM wordings WHERE task = ? ORDER BY at DESC LIMIT 1", (task,)).fetchone()
    return from_json(Task, row[0]) if row else None


def proved_at(store: Store, task: str) -> str:
    """When a task was last proved and committed, '' when it never was."""
    (at,) = store.db.execute("SELECT max(at) FROM events WHERE task = ? AND move = 'integrated'", (task,)).fetchone()
    return at or ""


def superseded(store: Store, task: str) -> tuple[Task, ...]:
    """Retired tasks whose requirement this one took over, those before them too."""
    query = (
        "WITH RECURSIVE before(id) AS (SELECT id FROM tasks WHERE becomes = ?1 AND state = 'retired' "
        "UNION SELECT tasks.id FROM tasks JOIN before ON tasks.becomes = before.id WHERE tasks.state = 'retired') "
        "SELECT task FROM tasks JOIN before USING (id) WHERE id != ?1 ORDER BY position, id"
    )
    return tuple(from_json(Task, text) for (text,) in store.db.execute(query, (task,)))


def lineages(store: Store, prd: str) -> dict[str, list[str]]:
    """Task → the retired tasks whose requirement it took over, of a PRD; only those that took one over."""
    heirs = dict(store.db.execute("SELECT id, becomes FROM tasks WHERE prd = ? AND becomes != '' AND state = 'retired'", (prd,)).fetchall())
    found: dict[str, list[str]] = {}
    for name in heirs:
        heir, passed = heirs[name], {name}
        while heir and heir not in passed:
            found.setdefault(heir, []).append(name)
            passed.add(heir)
            heir = heirs.get(heir, "")
    return found


def outdated(store: Store, prd: str) -> tuple[str, ...]:
    """Tasks whose committed tests bind nobody now: their requirement is gone, or says something else and is not proved as it does."""
    query = (
        "SELECT id FROM tasks WHERE prd = ? AND state != 'done' AND EXISTS (SELECT 1 FROM commits WHERE commits.task = tasks.id) "
        "AND (state = 'retired' OR NOT EXISTS (SELECT 1 FROM proofs WHERE proofs.task = tasks.id AND proofs.fingerprint = tasks.fingerprint)) "
        "ORDER BY position, id"
    )
    return tuple(name for (name,) in store.db.execute(query, (prd,)))


def orphans(store: Store, prd: str = "") -> tuple[tuple[str, str, str], ...]:
    """(task, when its requirement left the text, path of the PRD) of retired tasks that have committed something and that no other took over."""
    where, values = ("AND tasks.prd = ?", (prd,)) if prd else ("", ())
    query = (
        "SELECT tasks.id, (SELECT max(at) FROM events WHERE task = tasks.id AND move = 'retired'), prds.path FROM tasks "
        "JOIN prds ON prds.id = tasks.prd WHERE state = 'retired' AND becomes = '' "
        f"AND EXISTS (SELECT 1 FROM commits WHERE commits.task = tasks.id AND commits.fingerprint != '') {where} ORDER BY tasks.prd, position"
    )
    return tuple((name, at or "", path) for name, at, path in store.db.execute(query, values))
