"""Long lists: a page shows the first of a list, and sheets of at most 200 rows hold all of it. Pure.

Runs are counted from the oldest, so that a new one changes the last sheet only; everything else from the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from orchestrator.show import addresses
from orchestrator.show.pages import render

if TYPE_CHECKING:
    from jinja2 import Environment

ROWS = 200
"""Of a sheet."""

T = TypeVar("T")


class Kind(NamedTuple):
    title: str
    lead: str


KINDS = {
    "runs": Kind("Runs", "Every run, the newest first; the last sheet holds the newest."),
    "projects": Kind("Projects", "All projects, by name."),
    "needs": Kind("What needs a person", "Questions, tasks that gave up, and PRDs set aside, by project."),
    "inbox": Kind("Inbox", "Every PRD file, by name."),
    "tasks": Kind("Tasks", "All tasks, in the order of the plan."),
    "requirements": Kind("Requirements", "All requirements, in the order of the PRDs."),
}
"""Kind of a list → its title, and what is in it."""


def cut(rows: Sequence[T]) -> list[Sequence[T]]:
    """The sheets of a list."""
    return [rows[start : start + ROWS] for start in range(0, len(rows), ROWS)]


def page(env: Environment, kind: str, number: int, of: int, rows: Sequence[Any], project: str = "", **more: Any) -> str:
    """The body of a sheet, number 1 to `of`; `rows`: its own. `more`: what the rows of this kind need beside."""
    places = [addresses.sheet(kind, each, project) for each in range(1, of + 1)]
    return render(
        env,
        "list.html",
        places[number - 1],
        kind=kind,
        what=KINDS[kind],
        number=number,
        places=places,
        rows=rows,
        project=project,
        **more,
    )


def needs(summaries: Sequence[Mapping[str, Any]], set_aside: Sequence[Any]) -> list[dict[str, Any]]:
    """What waits for a person, PRDs set aside first: {"receipt"}, None for a task: {"project", "id", "title", "state", "question", "reason"}."""
    asked = [{"receipt": None, "project": known["name"], "reason": "", **item} for known in summaries for item in known["questions"]]
    failed = [{"receipt": None, "project": known["name"], "question": None, **item} for known in summaries for item in known["gave_up"]]
    return [*({"receipt": receipt} for receipt in set_aside), *asked, *failed]
