"""What belongs together, as the reports have it: requirement, criterion, task, tests, commits, files. Pure; `trace.py` reads what it is made from."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping

from orchestrator.save.reports import VERSION, ProjectReport, Report

SUGGESTED = 3
Told = Mapping[str, tuple[str, tuple[str, ...]]]
"""Commit → (subject, paths)."""


class CommitTrace(Report):
    id: str
    subject: str
    """'' where git does not hold it."""
    files: list[str]
    """Paths that it made or changed."""


class TraceLink(Report):
    """A criterion, and everything that belongs to it."""

    project: str
    prd: str
    path: str
    """Of the PRD."""
    requirement: str
    title: str
    requirement_line: int
    criterion: str
    text: str
    line: int
    state: str
    level: str
    task: str
    task_state: str
    tests: list[str]
    commits: list[CommitTrace]
    files: list[str]
    """Of its commits; the module it asks for where there is none yet."""
    inferred: bool = False
    """The PRD does not word it as a criterion: it was read out of it, or the plan added it."""


class Trace(Report):
    """What `orchestrator trace` answers."""

    version: int = VERSION
    what: str
    """As asked; '' is everything."""
    links: list[TraceLink]


def links(report: ProjectReport, told: Told) -> Iterator[TraceLink]:
    """One for each criterion of a project, in the order of its PRDs. Pure."""
    states = {task.id: task.state for task in report.tasks}
    for prd in report.prds:
        for requirement in prd.requirements:
            for criterion in requirement.criteria:
                commits = [(commit, *told.get(commit, ("", ()))) for commit in criterion.commits]
                files = dict.fromkeys(path for _, _, paths in commits for path in paths)
                yield TraceLink(
                    project=report.project,
                    prd=prd.id,
                    path=prd.path,
                    requirement=requirement.id,
                    title=requirement.title,
                    requirement_line=requirement.line,
                    criterion=criterion.id,
                    text=criterion.text,
                    line=criterion.line,
                    state=criterion.state,
                    level=criterion.level,
                    task=criterion.task or requirement.task,
                    task_state=states.get(criterion.task or requirement.task, ""),
                    tests=criterion.tests,
                    commits=[CommitTrace(id=commit, subject=subject, files=list(paths)) for commit, subject, paths in commits],
                    files=sorted(files) or ([requirement.module] if requirement.module else []),
                    inferred=criterion.inferred,
                )


def names(link: TraceLink) -> tuple[str, ...]:
    """Everything that a link can be found by, whole."""
    tests = (name for test in link.tests for name in (test, test.partition("[")[0], test.partition("::")[0], test.rpartition("::")[2]))
    return (link.project, link.prd, link.path, link.requirement, link.criterion, link.task, *tests, *link.files)


def matches(link: TraceLink, what: str) -> bool:
    """By a whole name; `R2` and `R2.AC1` without their PRD; a file by the end of its path; a line of a PRD; a commit by four digits or more."""
    wanted = what.strip()
    if wanted in names(link) or wanted in (link.requirement.partition("#")[2], link.criterion.partition("#")[2]):
        return True
    if re.fullmatch(r"[0-9a-f]{4,64}", wanted.lower()):
        return any(commit.id.startswith(wanted.lower()) for commit in link.commits)
    place, _, line = wanted.rpartition(":")
    if place and line.isdigit():
        return place == link.path and int(line) in (link.line, link.requirement_line)
    return any(path.endswith(f"/{wanted}") for path in (*link.files, link.path))


def near(found: list[TraceLink], what: str) -> str:
    known = list(dict.fromkeys(name for link in found for name in names(link) if name))
    near = difflib.get_close_matches(what, known, n=SUGGESTED, cutoff=0.6)
    if not known:
        return "nothing has run yet: `orchestrator run`"
    return f"did you mean {', '.join(f'`{name}`' for name in near)}?" if near else "`orchestrator trace` lists everything there is"
