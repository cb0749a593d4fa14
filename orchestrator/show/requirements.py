"""A page for each requirement: what was asked, what was proved of it and why not the rest, and how it came about. Pure.

It holds no more than its own: its words, criteria and tasks, the runs that worked on these, what edits did to it, who depends on it.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrator.show.pages import render
from orchestrator.show.reasons import why
from orchestrator.show.summary import counts

if TYPE_CHECKING:
    from jinja2 import Environment

    from orchestrator.save.edit_reports import EditedReport
    from orchestrator.save.reports import CriterionReport, ExampleReport, PrdReport, ProjectReport, RequirementReport, TaskReport

LISTED = 50
"""Entries of each list on a page."""
CRITERIA = 100
ROOM = 60_000
"""Characters of a page for examples and tests, and as many for its prose: it stays below 300 KB whatever a PRD holds."""


class Proof(NamedTuple):
    """A criterion, as much as there is room for."""

    criterion: CriterionReport
    why: str
    work: Work | None
    cases: list[ExampleReport]
    tests: list[str]


def proofs(requirement: RequirementReport, tasks: Mapping[str, TaskReport], done: Sequence[Work]) -> list[Proof]:
    """As many criteria as a page holds; where there is no room left for examples and tests, they are counted only."""
    room, found = ROOM, []
    for item in requirement.criteria[:CRITERIA]:
        task = item.task or requirement.task
        cases, tests = item.cases, item.tests[:LISTED]
        room -= len(item.text) + sum(len(case.text) + 150 for case in cases) + sum(2 * len(test) + 150 for test in tests)
        if room < 0:
            cases, tests = [], []
        found.append(Proof(item, why(item, tasks.get(task)), evidence(task, done), cases, tests))
    return found


class Work(NamedTuple):
    """What one run did with one task."""

    run: str
    task: str
    page: str
    started_at: str
    verdict: str
    reason: str
    attempts: int
    seconds: float
    turns: int
    answers: list[str]
    evidence: bool
    """Its page has what was seen before the code and after."""


def history(tasks: Sequence[str], digests: Mapping[str, Mapping[str, Any]]) -> list[Work]:
    """Every run that worked on any of the tasks, newest first."""
    return [
        Work(
            run,
            task,
            known["page"],
            digests[run]["started_at"],
            *(known[name] for name in ("verdict", "reason", "attempts", "seconds", "turns", "answers", "evidence")),
        )
        for run in sorted(digests, reverse=True)
        for task in tasks
        if (known := digests[run]["tasks"].get(task))
    ]


def evidence(task: str, done: Sequence[Work]) -> Work | None:
    """The run whose evidence speaks of a task: the last that passed, else the last that tried."""
    own = [work for work in done if work.task == task]
    return next((work for work in own if work.verdict in ("passed", "already satisfied")), own[0] if own else None)


def edits(prd: PrdReport, requirement: str) -> list[tuple[str, str, EditedReport]]:
    """(when, path, what changed) of each edit that changed it, newest first."""
    return [(edit.at, edit.path, item) for edit in prd.edits for item in edit.changes if item.requirement == requirement and item.kind != "unchanged"]


def page(
    env: Environment,
    name: str,
    report: ProjectReport,
    prd: PrdReport,
    requirement: RequirementReport,
    digests: Mapping[str, Mapping[str, Any]],
    found: Mapping[str, str],
) -> str:
    """The body. `found`: the pages of all requirements of the project."""
    tasks = {task.id: task for task in report.tasks}
    own = list(dict.fromkeys(task for task in (*requirement.tasks, requirement.task) if task in tasks))
    done = history(own, digests)
    return render(
        env,
        "requirement.html",
        found[requirement.id],
        project=name,
        prd=prd,
        requirement=requirement,
        counts=counts([report.model_copy(update={"prds": [prd.model_copy(update={"requirements": [requirement]})], "tasks": []})]),
        rows=proofs(requirement, tasks, done),
        text=requirement.text[:ROOM],
        most=LISTED,
        tasks=[tasks[task] for task in own],
        done=done[:LISTED],
        left=max(0, len(done) - LISTED),
        found=found,
        waiting=[other for each in report.prds for other in each.requirements if requirement.id in other.depends_on],
        edits=edits(prd, requirement.id),
        commits=list(dict.fromkeys(commit for criterion in requirement.criteria for commit in criterion.commits)),
        show=f"git --git-dir {shlex.quote(report.repo)} show",
    )
