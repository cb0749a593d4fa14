"""`orchestrator status`: an Overview for a terminal, and as JSON. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from orchestrator.run.breakers import health
from orchestrator.run.limits import Measure, Spent
from orchestrator.save.edit_reports import WAYS_OUT
from orchestrator.save.overview import Account, DeliveryStanding, OrphanStanding, Overview, ProjectStanding, TaskStanding
from orchestrator.show import schedule
from orchestrator.show.console import breakers
from orchestrator.show.console.terminal import columns, safe, state_words

MOST = 20
"""Tasks of one state that are told by name in a terminal; `--json` has them all."""


def text(found: Overview) -> str:
    """Where each project stands, then what has a name and a reason, what was spent and is left, and what holds back turns."""
    parts = [_table(found.projects)]
    for project in found.projects:
        parts += _told(project)
        parts += ["\n".join(_wholes(project))] if project.phases or project.complaining or project.deliveries else []
    parts.append("\n".join(_spending(found)))
    parts.append(schedule.text(found.schedule))
    if any(breaker.state != "closed" or breaker.flapping for breaker in found.breakers):
        parts.append("\n".join(breakers.lines(found.breakers, found.at)))
    else:
        parts.append(f"health: {health(found.breakers)}")
    working = [f"{project.project}: process {project.pid} works on it" for project in found.projects if project.pid]
    if working:
        parts.append("\n".join(working))
    return safe("\n\n".join(part for part in parts if part))


def _table(projects: tuple[ProjectStanding, ...]) -> str:
    if not projects:
        return "no project yet"
    reached = {level for project in projects for level in project.levels}
    levels = ["held-out", "oracle", *(level for level in ("human test", "agent test") if level in reached)]
    rows: list[tuple[str, ...]] = [("project", "tasks", "criteria proved", *(f"by {level}" for level in levels), "turns", "answers", "state")]
    for project in projects:
        states = Counter(project.states)
        total = sum(states.values()) - states["retired"]
        kinds = " + ".join(kind if kind in ("recorded", "scripted") else "live" for kind in project.kinds)
        rows.append(
            (
                project.project,
                f"{states['done']} of {total}",
                f"{sum(project.levels.values())} of {project.criteria}",
                *(str(project.levels.get(level, 0)) for level in levels),
                str(project.turns),
                kinds or "–",
                "damaged" if project.damage else state_words(states),
            )
        )
    return columns(rows)


def _told(project: ProjectStanding) -> list[str]:
    if project.damage:
        return [f"{project.project}: {project.damage}"]
    parts = []
    for state in ("running", "unclear", "failed", "parked"):
        tasks = [task for task in project.tasks if task.state == state]
        lines = [_line(task, project) for task in tasks[:MOST]]
        if len(tasks) > MOST:
            lines.append(f"… and {len(tasks) - MOST} more of {project.project} ({state}); `--json` names them")
        parts += ["\n".join(lines)] if lines else []
    lines = [_orphan(orphan) for orphan in project.orphans[:MOST]]
    if len(project.orphans) > MOST:
        lines.append(f"… and {len(project.orphans) - MOST} more of {project.project} are orphaned; `--json` names them")
    return parts + (["\n".join(lines)] if lines else [])


def _orphan(orphan: OrphanStanding) -> str:
    left = f"{', '.join(orphan.files)} on {orphan.branch}"
    return f"{orphan.task} is orphaned: {orphan.path} asks for it no more since {orphan.since}, and it left {left}\n  → {WAYS_OUT}"


def _wholes(project: ProjectStanding) -> list[str]:
    """Phases in order, then what a validation complains of."""
    lines = []
    for phase in project.phases:
        gate = f"; its gate was {phase.gate}" if phase.gate else ""
        title = f" ({phase.title})" if phase.title else ""
        lines.append(f"{phase.prd} phase {phase.number}{title}: {phase.done} of {phase.tasks} task{'s' * (phase.tasks != 1)} done{gate}")
    lines += [line for each in project.deliveries for line in _delivered(each)]
    return [*lines, *(f"{prd}: its last validation has complaints; `orchestrator validate {prd}` says which" for prd in project.complaining)]


DELIVERED = {
    "delivered": "delivered",
    "by hand": "to be finished by hand",
    "blocked": "NOT delivered, and needs a person",
    "failed": "not delivered yet",
}


def _delivered(each: DeliveryStanding) -> list[str]:
    url = f" ({each.url})" if each.url else ""
    said = f"{each.prd}: {DELIVERED[each.state]} as {each.how}, {each.at}: {each.detail}{url}"
    return [said, *([f"  → {each.command}"] if each.command else [])]


def _line(task: TaskStanding, project: ProjectStanding) -> str:
    reason = " ".join(task.reason.split())
    match task.state:
        case "running":
            if project.pid is None:
                return f"{task.id} was running when its process ended; the next run goes on with it"
            return f"{task.id} is running since {task.since}"
        case "unclear":
            places = ", ".join(f"{task.path}:{line}" for line in task.lines)
            return f"{task.id} needs a person: {task.question or reason}" + (f" ({places})" if places else "")
        case "failed":
            return f"{task.id} failed after {task.attempts} attempt{'s' * (task.attempts != 1)}: {reason}"
    return f"{task.id} is parked until {task.until or 'the next run'}: {reason}"


def _spending(found: Overview) -> list[str]:
    lines = []
    for account in found.accounts:
        about = {"day": f"today ({account.name})", "run": "last run", "prd": f"PRD {account.name}", "all": account.name}[account.scope]
        lines.append(f"{about}: {_spent(account.spent)}" + "".join(f"; {_left(measure)}" for measure in account.measures))
    if found.unknown_tokens or found.unknown_usd:
        lines.append(f"of these, {found.unknown_tokens} with unknown tokens and {found.unknown_usd} with an unknown price; they count as booked")
    if lost := found.turns.get("lost", 0):
        lines.append(f"{lost} turn{'s' * (lost != 1)} never returned; they count as booked")
    return lines


def _spent(spent: Spent) -> str:
    return f"{spent.turns} turn{'s' * (spent.turns != 1)}, {spent.tokens:,} tokens, {spent.usd:.2f} USD, {spent.seconds / 60:.1f} minutes"


def _left(measure: Measure) -> str:
    return f"{measure.shown(measure.left)} of {measure.shown(measure.limit)} left"


def as_json(found: Overview) -> dict[str, Any]:
    """Everything; moments as ISO 8601 in UTC. `version` changes when a key changes its meaning."""
    return {
        "version": 1,
        "at": f"{datetime.fromtimestamp(found.at, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "projects": [asdict(project) for project in found.projects],
        "spent": [_account(account) for account in found.accounts],
        "unknown": {"tokens": found.unknown_tokens, "usd": found.unknown_usd},
        "turns": found.turns,
        "breakers": breakers.as_json(found.breakers, found.at),
        "trips": list(found.trips),
        "schedule": found.schedule.model_dump(),
        "locks": {project.project: project.pid for project in found.projects if project.pid},
    }


def _account(account: Account) -> dict[str, Any]:
    budgets = [{"of": item.name, "limit": item.limit, "spent": item.spent, "left": item.left} for item in account.measures]
    return {"scope": account.scope, "name": account.name, **asdict(account.spent), "budgets": budgets}
