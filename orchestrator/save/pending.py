"""Which tasks of which projects a run could go on with, read without their locks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from orchestrator import faults
from orchestrator.errors import StoreError
from orchestrator.save.health import FILE
from orchestrator.save.overview import holder
from orchestrator.save.store import Store


@dataclass(frozen=True)
class Pending:
    open: tuple[str, ...]
    """Tasks that a run can take up at once, or that one left when it was killed."""
    until: tuple[str, ...]
    """ISO 8601 in UTC: when parked tasks may go on; '' for those that the next run takes up."""


def pending(runs: Path, prds: Collection[str]) -> Pending:
    """Of these PRDs. What another process is working on is its own."""
    found: list[str] = []
    until: list[str] = []
    for path in sorted(runs.glob(f"*/{FILE}")):
        if holder(path.parent) is not None:
            continue
        try:
            with faults.recognised(path), Store(path.parent, read_only=True) as store:
                rows = store.db.execute(
                    "SELECT id, prd, state, parked_until FROM tasks WHERE state IN ('ready', 'running', 'produced', 'parked') ORDER BY prd, position"
                ).fetchall()
        except StoreError:
            continue
        found += [name for name, prd, state, _ in rows if prd in prds and state != "parked"]
        until += [at for _, prd, state, at in rows if prd in prds and state == "parked"]
    return Pending(tuple(found), tuple(sorted({*until})))


def failed(runs: Path, prd: str) -> tuple[str, ...]:
    """The tasks of a PRD that failed."""
    return _tasks(runs, prd, "failed")


def done(runs: Path, prd: str) -> tuple[str, ...]:
    """And those that are done."""
    return _tasks(runs, prd, "done")


def _tasks(runs: Path, prd: str, state: str) -> tuple[str, ...]:
    """'' as the PRD: of all."""
    found: list[str] = []
    for path in sorted(runs.glob(f"*/{FILE}")):
        try:
            with faults.recognised(path), Store(path.parent, read_only=True) as store:
                rows = store.db.execute("SELECT id FROM tasks WHERE state = ?1 AND (?2 = '' OR prd = ?2) ORDER BY prd, position", (state, prd))
                found += [name for (name,) in rows]
        except StoreError:
            continue
    return tuple(found)


def busy(runs: Path) -> bool:
    """Whether some process is working on a project."""
    return any(holder(path.parent) is not None for path in runs.glob(f"*/{FILE}"))
