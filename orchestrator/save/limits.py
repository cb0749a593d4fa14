"""`runs/limits.json`: what stands against each budget and how the breakers stand, told to the site, which never opens the ledger."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, get_args

from orchestrator.config import Ceiling
from orchestrator.model import Prd
from orchestrator.run import breakers, limits
from orchestrator.save.clock import stamp
from orchestrator.save.files import write_atomically
from orchestrator.save.ledger import COUNTED, Ledger
from orchestrator.save.limits_report import (
    AccountReport,
    BreakerReport,
    CeilingReport,
    CountReport,
    LimitsReport,
    MeasureReport,
    TripReport,
)

FILE = "limits.json"
TASKS = 20
"""Tasks that are told: those that have used most of what a task may use."""
TRIPS = 20
MEASURES = get_args(CeilingReport.model_fields["of"].annotation)

_RETURNED = "(state = 'settled' OR sent = 0)"
_SAYS = "(sent = 0 OR (state = 'settled' AND (kind IN ('recorded', 'scripted') OR {} IS NOT NULL)))"
_KNOWN = {
    "turns": ("sent", _RETURNED),
    "tokens": ("tokens", _SAYS.format("coalesce(input_tokens, output_tokens)")),
    "usd": ("usd", _SAYS.format("paid")),
    "minutes": ("seconds / 60.0", _RETURNED),
}
"""Measure → (its column, where that is what the turn used and not what was booked for it)."""
_SUMS = ", ".join(f"total({column}) FILTER (WHERE {known}), total({column}) FILTER (WHERE NOT {known})" for column, known in _KNOWN.values())

_lock = threading.Lock()


def write(ledger: Ledger, prds: Iterable[Prd]) -> bool:
    """Bring the report up to date; whether it says anything new. Where nothing was ever asked of an agent, and no budget is set, there is none."""
    path = ledger.folder / FILE
    with _lock:
        made, before = report(ledger, prds), read(ledger.folder)
        if before is not None and before.model_copy(update={"at": made.at}) == made:
            return False
        budgets = any(measure.limit is not None for account in made.accounts for measure in account.measures)
        if before is None and not path.exists() and not (budgets or made.attempt or _was_asked(ledger)):
            return False
        write_atomically(path, made.model_dump_json(indent=1) + "\n")
        return True


def read(runs: Path) -> LimitsReport | None:
    """The report as it was last written; None when there is none that can be read."""
    try:
        return LimitsReport.model_validate_json((runs / FILE).read_bytes())
    except (OSError, ValueError):
        return None


def report(ledger: Ledger, prds: Iterable[Prd]) -> LimitsReport:
    """How everything stands now. `prds`: those of the inbox, whose own budgets count."""
    now, budgets, standing = time.time(), ledger.budgets, ledger.standing()
    day, run = limits.day_of(now, budgets.timezone), ledger.last_scope()
    rows = _rows(ledger, day, run)
    ends = stamp(limits.next_day(now, budgets.timezone))
    accounts = [_account("day", day, "", rows.day, budgets.day, ends), *([_account("run", run, "", rows.run, budgets.run)] if run else [])]
    ceilings = {prd.id: (prd.project, limits.ceilings(budgets, prd.budget)["prd"]) for prd in prds}
    for name in sorted(rows.prds.keys() | {name for name, (_, ceiling) in ceilings.items() if _is_set(ceiling)}):
        project, sums = rows.prds.get(name, (ceilings.get(name, ("",))[0], _NOTHING))
        accounts.append(_account("prd", name, project, sums, ceilings.get(name, ("", budgets.prd))[1]))
    if _is_set(budgets.task):
        tasks = [_account("task", name, project, sums, budgets.task) for name, project, sums in rows.tasks]
        accounts += sorted(tasks, key=lambda account: (-_share(account), account.name))[:TASKS]
    tokens, usd = ledger.unknown()
    return LimitsReport(
        at=stamp(now),
        health=breakers.health(standing),
        timezone=budgets.timezone,
        accounts=accounts,
        attempt=[CeilingReport(of=name, limit=value) for name in MEASURES if (value := getattr(budgets.attempt, name)) is not None],
        unknown_tokens=tokens,
        unknown_usd=usd,
        lost=ledger.states().get("lost", 0),
        breakers=[_breaker(breaker) for breaker in standing],
        trips=[_trip(snapshot) for snapshot in ledger.trips(TRIPS)],
    )


_NOTHING = (0.0,) * (2 * len(_KNOWN))


class _Rows(NamedTuple):
    """Sums of turns, two for each measure: what was used, what is booked."""

    day: tuple[float, ...] = _NOTHING
    run: tuple[float, ...] = _NOTHING
    prds: dict[str, tuple[str, tuple[float, ...]]] = {}
    """PRD → (project, sums)."""
    tasks: tuple[tuple[str, str, tuple[float, ...]], ...] = ()
    """(task, project, sums) of each task as it was worded last."""


def _rows(ledger: Ledger, day: str, run: str) -> _Rows:
    with ledger.reading() as db:
        if db is None or not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'turns'").fetchone():
            return _Rows()
        prds = {
            row[0]: (row[1], row[2:]) for row in db.execute(f"SELECT prd, project, {_SUMS} FROM turns WHERE {COUNTED} AND prd != '' GROUP BY prd")
        }
        tasks: tuple[tuple[str, str, tuple[float, ...]], ...] = ()
        if _is_set(ledger.budgets.task):
            last = "fingerprint = (SELECT fingerprint FROM turns AS other WHERE other.task = turns.task ORDER BY id DESC LIMIT 1)"
            found = db.execute(f"SELECT task, project, {_SUMS} FROM turns WHERE {COUNTED} AND task != '' AND {last} GROUP BY task")
            tasks = tuple((row[0], row[1], row[2:]) for row in found)
        return _Rows(_one(db, "day = ?", day), _one(db, "scope = ?", run), prds, tasks)


def _one(db: sqlite3.Connection, where: str, value: str) -> tuple[float, ...]:
    return tuple(db.execute(f"SELECT {_SUMS} FROM turns WHERE {COUNTED} AND {where}", (value,)).fetchone())


def _account(scope: Any, name: str, project: str, sums: tuple[float, ...], ceiling: Ceiling, until: str = "") -> AccountReport:
    measures = [
        MeasureReport(of=of, limit=getattr(ceiling, of), spent=round(sums[2 * index], 4), booked=round(sums[2 * index + 1], 4))
        for index, of in enumerate(MEASURES)
    ]
    return AccountReport(scope=scope, name=name, project=project, until=until, measures=measures)


def _share(account: AccountReport) -> float:
    """Of the budget that is nearest to its end."""
    return max(
        ((measure.spent + measure.booked) / measure.limit if measure.limit else 1.0) for measure in account.measures if measure.limit is not None
    )


def _is_set(ceiling: Ceiling) -> bool:
    return any(getattr(ceiling, name) is not None for name in MEASURES)


def _was_asked(ledger: Ledger) -> bool:
    return bool(ledger.states())


def _breaker(found: breakers.Breaker) -> BreakerReport:
    at, until = (stamp(moment) if moment is not None else "" for moment in (found.opened_at, found.until))
    return BreakerReport(
        scope=found.scope,
        name=found.name,
        state=found.state,
        failures=found.failures,
        opened_at=at,
        until=until,
        reason=found.reason,
        flapping=found.flapping,
    )


def _trip(snapshot: dict[str, Any]) -> TripReport:
    counts = {key: [CountReport(what=what, count=count) for what, count in snapshot.get(key, {}).items()] for key in ("agents", "errors")}
    at = stamp(snapshot["at"])
    return TripReport(at=at, scope=snapshot["scope"], name=snapshot["name"], reason=snapshot["reason"], **counts)
