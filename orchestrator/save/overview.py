"""Where everything stands now, read from the databases without their locks: quickly, however many tasks there are."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from orchestrator import faults
from orchestrator.config import Ceiling, Config
from orchestrator.errors import StoreError
from orchestrator.run import limits
from orchestrator.run.breakers import Breaker
from orchestrator.run.git import Repository
from orchestrator.run.limits import Measure, Spent
from orchestrator.save import checked, compose_edits, deliveries, edits, light, schedule
from orchestrator.save.delivery_report import DeliveryReport
from orchestrator.save.health import FILE
from orchestrator.save.ledger import Ledger
from orchestrator.save.lock import FILE as LOCK
from orchestrator.save.schedule_report import ScheduleReport
from orchestrator.save.store import Store

TOLD = ("running", "parked", "unclear", "failed")
"""States of which each task is told by name; of the others it is the number that counts."""


@dataclass(frozen=True)
class TaskStanding:
    id: str
    prd: str
    path: str
    """The PRD's."""
    state: str
    reason: str
    attempts: int
    since: str
    """When it came into this state, ISO 8601 in UTC."""
    until: str
    """For `parked`: when it is tried again; '' at the next run."""
    question: str
    lines: tuple[int, ...]
    """Lines of the PRD that the question is about."""


@dataclass(frozen=True)
class OrphanStanding:
    task: str
    path: str
    """The PRD's."""
    since: str
    branch: str
    files: tuple[str, ...]
    """Tests and code that are only its own, and code that others have changed as well."""


@dataclass(frozen=True)
class PhaseCount:
    """How far a phase of a PRD is."""

    prd: str
    number: int
    title: str
    done: int
    tasks: int
    gate: str
    """What the last look at its gate said: `passed`, `not passed`; '' where there was none."""


@dataclass(frozen=True)
class DeliveryStanding:
    """Where the branch of a PRD went last."""

    prd: str
    how: str
    state: str
    detail: str
    at: str
    where: str
    branch: str
    commit: str
    url: str
    command: str
    """What a person may run to do the rest."""


@dataclass(frozen=True)
class ProjectStanding:
    project: str
    states: dict[str, int]
    """State → how many tasks."""
    criteria: int
    levels: dict[str, int]
    """Proof level → how many criteria are proved at it."""
    turns: int
    kinds: tuple[str, ...]
    """Of agents that answered: `chat`, `recorded`, `scripted`, …"""
    tasks: tuple[TaskStanding, ...]
    """Those in a state of TOLD, in plan order."""
    pid: int | None
    """The process that works on it, None when none does."""
    last_run: str
    last_outcome: str
    orphans: tuple[OrphanStanding, ...] = ()
    """What requirements that left their PRD have left in the repository."""
    damage: str = ""
    """Why its database cannot be read; everything else is empty then."""
    phases: tuple[PhaseCount, ...] = ()
    """Of the PRDs that have any, in order."""
    complaining: tuple[str, ...] = ()
    """PRDs whose last validation has a complaint."""
    deliveries: tuple[DeliveryStanding, ...] = ()


@dataclass(frozen=True)
class Account:
    """One budget, or what was spent where none is set."""

    scope: str
    name: str
    """The day, the run, the PRD."""
    spent: Spent
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True)
class Overview:
    at: float
    projects: tuple[ProjectStanding, ...]
    accounts: tuple[Account, ...]
    unknown_tokens: int
    """Turns whose agent did not say what they used; they count as booked."""
    unknown_usd: int
    turns: dict[str, int]
    """State of a turn (`settled`, `lost`, …) → how many."""
    breakers: tuple[Breaker, ...]
    trips: tuple[dict[str, Any], ...] = field(default=())
    schedule: ScheduleReport = field(default_factory=lambda: ScheduleReport(jobs=[], waiting=[]))
    """What is scheduled, when it was done last and is due next, and which PRDs begin later."""


def overview(root: Path, config: Config, ledger: Ledger) -> Overview:
    """Of a working folder. What cannot be read is said in its place, and hides nothing else."""
    runs, now = config.folder(root, "runs"), time.time()
    projects = tuple(_project(path.parent) for path in sorted(runs.glob(f"*/{FILE}")))
    day, run = limits.day_of(now, config.budgets.timezone), ledger.last_scope()
    accounts = [_account("day", day, ledger.spent_by("day", day), config.budgets.day)]
    if run:
        accounts.append(_account("run", run, ledger.spent_by("run", run), config.budgets.run))
    accounts += [_account("prd", prd, spent, ceiling) for prd, spent, ceiling in _prds(runs, config, ledger) if limits.measures(ceiling, spent)]
    accounts.append(Account("all", "everything so far", ledger.spent_by("all")))
    tokens, usd = ledger.unknown()
    return Overview(
        now, projects, tuple(accounts), tokens, usd, ledger.states(), ledger.standing(), ledger.trips(5), schedule.standing(config, ledger)
    )


def _account(scope: str, name: str, spent: Spent, ceiling: Ceiling) -> Account:
    return Account(scope, name, spent, limits.measures(ceiling, spent))


def _prds(runs: Path, config: Config, ledger: Ledger) -> list[tuple[str, Spent, Ceiling]]:
    from orchestrator.model import Budget

    found = []
    for path in sorted(runs.glob(f"*/{FILE}")):
        try:
            with faults.recognised(path), Store(path.parent, read_only=True) as store:
                rows = store.db.execute("SELECT id, json_extract(prd, '$.budget') FROM prds ORDER BY id").fetchall()
        except StoreError:
            continue
        for prd, budget in rows:
            own = Budget(**{key: value for key, value in json.loads(budget or "{}").items() if key in Budget.__dataclass_fields__})
            ceiling = limits.ceilings(config.budgets, own)["prd"]
            if limits.measures(ceiling, Spent()):
                found.append((prd, ledger.spent_by("prd", prd), ceiling))
    return found


def _project(folder: Path) -> ProjectStanding:
    try:
        with faults.recognised(folder / FILE), Store(folder, read_only=True) as store:
            return _standing(store)
    except StoreError as error:
        return ProjectStanding(folder.name, {}, 0, {}, 0, (), (), holder(folder), "", "", damage=error.message)


def _standing(store: Store) -> ProjectStanding:
    db = store.db
    states = dict(db.execute("SELECT state, count(*) FROM tasks GROUP BY state").fetchall())
    (criteria,) = db.execute("SELECT total(criteria) FROM tasks WHERE state != 'retired'").fetchone()
    levels = db.execute(
        "SELECT json_extract(proof, '$.level') AS level, count(*) FROM proofs JOIN tasks ON tasks.id = proofs.task "
        "AND tasks.fingerprint = proofs.fingerprint WHERE tasks.state = 'done' AND level != 'none' GROUP BY level"
    ).fetchall()
    marks = ", ".join("?" * len(TOLD))
    rows = db.execute(
        "SELECT tasks.id, tasks.prd, prds.path, state, reason, attempts, coalesce((SELECT max(at) FROM events WHERE task = tasks.id), ''), "
        f"parked_until, question FROM tasks JOIN prds ON prds.id = tasks.prd WHERE state IN ({marks}) ORDER BY tasks.prd, position",
        TOLD,
    ).fetchall()
    run = db.execute("SELECT id, outcome FROM runs ORDER BY id DESC LIMIT 1").fetchone() or ("", "")
    standing = ProjectStanding(
        store.folder.name,
        states,
        int(criteria),
        dict(levels),
        *asked(store),
        tuple(_task(row) for row in rows),
        holder(store.folder),
        last_run=run[0],
        last_outcome=run[1],
        orphans=_orphans(store),
    )
    if deliveries.known(store):
        standing = replace(standing, deliveries=tuple(_delivery(report) for report in deliveries.latest(store)))
    return replace(standing, phases=_phases(store), complaining=tuple(checked.failed(store))) if checked.known(store) else standing


def _delivery(report: DeliveryReport) -> DeliveryStanding:
    told = {item.name: getattr(report, item.name) for item in fields(DeliveryStanding)}
    return DeliveryStanding(**told)


def _phases(store: Store) -> tuple[PhaseCount, ...]:
    found: dict[tuple[str, int], dict[str, int]] = {}
    for prd, number, state, count in checked.by_phase(store):
        found.setdefault((prd, number), {})[state] = count
    headings = {prd: light.prd(store, prd).phases for prd, _ in found}
    counts = []
    for (prd, number), states in sorted(found.items()):
        gate = checked.last(store, prd, checked.phase(number))
        said = "" if gate is None else "passed" if gate.passed else "not passed"
        title = next((phase.title for phase in headings[prd] if phase.number == number), "")
        counts.append(PhaseCount(prd, number, title, states.get("done", 0), sum(states.values()), said))
    return tuple(counts)


def _orphans(store: Store) -> tuple[OrphanStanding, ...]:
    columns = {column[1] for column in store.db.execute("PRAGMA table_info(tasks)")}
    if "becomes" not in columns or not (store.repository / "HEAD").exists():  # a reader may meet an older database
        return ()
    found = compose_edits.orphans(store, Repository(store.repository)) if edits.orphans(store) else []
    return tuple(OrphanStanding(item.task, item.path, item.since, item.branch, (*item.tests, *item.files)) for item in found)


def asked(store: Store) -> tuple[int, tuple[str, ...]]:
    """(turns of agents over all runs, kept or not, the kinds of those agents)."""
    (turns,) = store.db.execute("SELECT count(*) FROM turns").fetchone()
    return int(turns), tuple(kind for (kind,) in store.db.execute("SELECT DISTINCT kind FROM turns ORDER BY kind"))


def _task(row: tuple[Any, ...]) -> TaskStanding:
    name, prd, path, state, reason, attempts, since, until, question = row
    about = json.loads(question) if question and state == "unclear" else {}
    return TaskStanding(name, prd, path, state, reason, attempts, since, until, about.get("text", ""), tuple(about.get("lines", ())))


def holder(folder: Path) -> int | None:
    """The process that holds a project's lock, as the kernel lists it; None when none does. Asking does not touch the lock."""
    try:
        status = (folder / LOCK).stat()
        listed = Path("/proc/locks").read_text()
    except OSError:
        return None
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    for line in listed.splitlines():
        parts = line.split()
        if len(parts) >= 6 and parts[1] == "FLOCK" and parts[5] == place:
            return int(parts[4])
    return None
