"""What the search finds of a project: an entry of a title and a line for each page that is worth finding. Pure.

The project; its requirements, on their pages (requirements.py); its tasks, on the page of the last run that worked on each, with the names of
their tests and the commits that stand; its latest runs. Nothing of earlier runs, so that the index grows with what there is, not with what happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orchestrator.show import addresses
from orchestrator.show.gather import Unreadable
from orchestrator.show.history import run_rows, task_spot

if TYPE_CHECKING:
    from orchestrator.save.reports import ProjectReport

RUNS = 10
"""Of a project, the newest."""
TESTS = 40
"""Of a task."""
LINE = 160
"""Characters of a reason or of a list of titles."""


def entries(name: str, report: ProjectReport | Unreadable, digests: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """[page, title, one line] of each."""
    known = None if isinstance(report, Unreadable) else report
    page = addresses.project(name)
    found = [[page, f"Project {name}", ", ".join(prd.title for prd in known.prds)[:LINE] if known else ""]]
    criteria = [(each.task or item.task, each) for prd in known.prds for item in prd.requirements for each in item.criteria] if known else []
    for task in known.tasks if known else ():
        own = [criterion for belongs, criterion in criteria if belongs == task.id]
        tests = list(dict.fromkeys(test.rpartition("::")[2] for criterion in own for test in criterion.tests))[:TESTS]
        commits = list(dict.fromkeys(commit for criterion in own for commit in criterion.commits))
        place = task_spot(task, digests)[0] or f"{page}#{addresses.anchor(task.id)}"
        line = f"{name}, {task.state}{f': {task.reason}'[:LINE] if task.reason else ''}"
        found.append(
            [place, f"{task.id}: {task.title}", " · ".join([line, *([" ".join(tests)] if tests else []), *([" ".join(commits)] if commits else [])])]
        )
    for row in [row for row in run_rows(name, report, digests) if row.page][:RUNS]:
        said = row.why or f"{row.outcome}: {row.done} done, {row.failed} failed, {row.needs_person} for a person"
        found.append([row.page, f"{name}: run {row.id}", said[:LINE]])
    return found
