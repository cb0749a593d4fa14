"""What `orchestrator metrics` counts: all that `status` says, and how often what happened over the whole life of a working folder.

Read without locks. Counts over all time come from what `prune` never removes: the ledger's turns and breakers, and a project's turns.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from orchestrator import faults
from orchestrator.config import Config
from orchestrator.errors import StoreError
from orchestrator.save import checked, receipts
from orchestrator.save.clock import moment
from orchestrator.save.health import FILE
from orchestrator.save.ledger import Tally, ledger_of
from orchestrator.save.overview import Overview, overview
from orchestrator.save.store import Store


@dataclass(frozen=True)
class LastRun:
    """The newest run of a project that has ended. Moments are seconds since the epoch."""

    outcome: str
    started: float
    ended: float


@dataclass(frozen=True)
class ProjectFigures:
    project: str
    attempts: dict[tuple[str, str, str], int]
    """(role, agent, what became of it) → how many candidates."""
    runs: dict[str, int]
    """Outcome → how many runs that are kept."""
    last: LastRun | None
    checked: dict[tuple[str, str], int]
    """(`validation` or `gate`, `passed` or `not passed`) → how many PRDs, or phases of PRDs, of which that was found last."""


@dataclass(frozen=True)
class Figures:
    overview: Overview
    projects: tuple[ProjectFigures, ...]
    """Those whose database can be read."""
    turns: tuple[Tally, ...]
    trips: dict[str, int]
    """Scope → how often a breaker opened."""
    inbox: dict[str, int]
    """State of a PRD file → how many."""
    waiting: dict[str, int]
    """Why PRDs wait → how many."""


def figures(root: Path, config: Config) -> Figures:
    """Of a working folder. A project whose database cannot be read is in `overview` only, with the damage. Raises StoreError for the ledger."""
    runs, ledger = config.folder(root, "runs"), ledger_of(root, config)
    found = receipts.read(runs).receipts
    waiting = Counter(
        code for receipt in found if receipt.state == "waiting" for code in {problem.code for problem in receipt.problems if not problem.line}
    )
    return Figures(
        overview(root, config, ledger),
        tuple(each for path in sorted(runs.glob(f"*/{FILE}")) if (each := _project(path.parent))),
        ledger.tallies(),
        ledger.opened(),
        dict(Counter(receipt.state for receipt in found)),
        dict(waiting),
    )


def _project(folder: Path) -> ProjectFigures | None:
    try:
        with faults.recognised(folder / FILE), Store(folder, read_only=True) as store:
            return _figures(store) if checked.known(store) else None
    except StoreError:
        return None


def _figures(store: Store) -> ProjectFigures:
    candidates = "SELECT DISTINCT task, fingerprint, cycle, role, attempt, agent, verdict FROM turns"
    attempts = store.db.execute(f"SELECT role, agent, verdict, count(*) FROM ({candidates}) GROUP BY role, agent, verdict").fetchall()
    last = store.db.execute("SELECT outcome, started_at, ended_at FROM runs WHERE ended_at != '' ORDER BY id DESC LIMIT 1").fetchone()
    looked = store.db.execute(
        "SELECT iif(what = ?, 'validation', 'gate'), iif(passed, 'passed', 'not passed'), count(*) FROM checked "
        "WHERE id IN (SELECT max(id) FROM checked GROUP BY prd, what) GROUP BY 1, 2",
        (checked.VALIDATION,),
    ).fetchall()
    return ProjectFigures(
        store.folder.name,
        {(role, agent, verdict): count for role, agent, verdict, count in attempts},
        dict(store.db.execute("SELECT outcome, count(*) FROM runs WHERE ended_at != '' GROUP BY outcome").fetchall()),
        LastRun(last[0], moment(last[1]), moment(last[2])) if last else None,
        {(what, said): count for what, said, count in looked},
    )
