"""What pages of the whole site need to know about a project: a small summary of its report and of its runs' digests, as JSON values. Pure.

It must stay small however many runs a project has: what is listed is cut, what is counted is a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrator.show import words
from orchestrator.show.figures import measured, totals, unstable
from orchestrator.show.gather import Unreadable
from orchestrator.show.history import REPLAYED, RunRow, general, run_rows, task_spot

if TYPE_CHECKING:
    from orchestrator.save.reports import ProjectReport, TaskReport

LATEST = 20
"""Runs named in a summary."""
PARKED = 50
"""Parked tasks."""


class Counts(NamedTuple):
    criteria: int
    proved: int
    levels: dict[str, int]
    """Criteria whose state is `proved`, by proof level."""
    requirements: int
    requirements_proved: int
    """Requirements of which every criterion is proved."""
    tasks: dict[str, int]
    """Tasks by state."""


def counts(reports: Sequence[ProjectReport]) -> Counts:
    requirements = [requirement for report in reports for prd in report.prds for requirement in prd.requirements]
    criteria = [criterion for requirement in requirements for criterion in requirement.criteria]
    proved = [criterion for criterion in criteria if criterion.state == "proved"]
    levels = {level: sum(criterion.level == level for criterion in proved) for level in words.LEVELS}
    whole = sum(bool(requirement.criteria) and all(item.state == "proved" for item in requirement.criteria) for requirement in requirements)
    return Counts(
        len(criteria), len(proved), levels, len(requirements), whole, _sums([{task.state: 1} for report in reports for task in report.tasks])
    )


def together(found: Iterable[Counts]) -> Counts:
    """The counts of several projects as one."""
    every = list(found)
    criteria, proved = sum(item.criteria for item in every), sum(item.proved for item in every)
    requirements, whole = sum(item.requirements for item in every), sum(item.requirements_proved for item in every)
    levels = dict.fromkeys(words.LEVELS, 0) | _sums([item.levels for item in every])
    return Counts(criteria, proved, levels, requirements, whole, _sums([item.tasks for item in every]))


def _sums(found: Iterable[Mapping[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for each in found:
        for name, number in each.items():
            sums[name] = sums.get(name, 0) + number
    return sums


def labels(report: ProjectReport | Unreadable, rows: Sequence[RunRow]) -> list[str]:
    """What a page must say about the answers of a project's runs that no live agent gave."""
    named = [answer for row in rows for answer in row.answers if answer != REPLAYED]
    kinds = () if isinstance(report, Unreadable) else report.kinds
    return general("recorded" in kinds or any(REPLAYED in row.answers for row in rows), "scripted" in kinds, list(dict.fromkeys(named)))


def summary(name: str, report: ProjectReport | Unreadable, digests: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """`digests`: run id → digest. What a page of the site needs of a project is added here, in a line or two."""
    rows = run_rows(name, report, digests)
    known = None if isinstance(report, Unreadable) else report
    tasks = known.tasks if known else []
    return {
        "name": name,
        "unreadable": report._asdict() if isinstance(report, Unreadable) else None,
        "titles": [prd.title for prd in known.prds] if known else [],
        "counts": counts([known] if known else [])._asdict(),
        "answers": labels(report, rows),
        "runs": [row._asdict() for row in rows[:LATEST]],
        "run_count": len(rows),
        "questions": [
            {"id": task.id, "title": task.title, "state": task.state, "question": task.question.model_dump(), "page": task_spot(task, digests)[0]}
            for task in tasks
            if task.question is not None and task.state != "retired"
        ],
        "gave_up": [
            {"id": task.id, "title": task.title, "state": task.state, "reason": task.reason, "page": task_spot(task, digests)[0]}
            for task in tasks
            if task.state == "failed" and task.question is None
        ],
        "agents": totals.totals(digests),
        **measured.summary(digests),
        "flaky": unstable.of_project(digests, known.quarantine if known else ()),
        "parked": parked(tasks),
    }


def parked(tasks: Iterable[TaskReport]) -> list[dict[str, str]]:
    """Tasks that wait for a budget, an agent or a tool, those that go on first at the top."""
    found = sorted((task for task in tasks if task.state == "parked"), key=lambda task: (task.parked_until or "~", task.id))
    return [{"task": task.id, "title": task.title, "reason": task.reason, "until": task.parked_until} for task in found[:PARKED]]


def row(known: Mapping[str, Any]) -> RunRow:
    """A run of a summary as lists of runs show it."""
    return RunRow(**{**known, "answers": tuple(known["answers"])})
