"""What each agent did, over all projects and runs: solved, refused, turns, cost, by role, and how that went over time. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup

from orchestrator.show import addresses
from orchestrator.show.figures.totals import LATEST, SUMS, UNSURE, Key, known
from orchestrator.show.pages import render
from orchestrator.show.pictures import svg

if TYPE_CHECKING:
    from jinja2 import Environment


class Row(NamedTuple):
    """An agent in a role."""

    role: str
    agent: str
    kind: str
    model: str
    turns: int
    candidates: int
    passed: int
    refused: int
    solved: int
    seconds: float
    input_tokens: int | None
    output_tokens: int | None
    usd: float | None
    unknown_tokens: int
    unknown_usd: int
    projects: tuple[str, ...]
    trend: Markup

    @property
    def share(self) -> float | None:
        """Of its candidates that were judged, how many passed; None where none was."""
        judged = self.passed + self.refused
        return self.passed / judged if judged else None

    @property
    def price(self) -> float | None:
        """US dollars for a solved task; None where that is not known."""
        return None if self.usd is None or self.unknown_usd or not self.solved else self.usd / self.solved


def rows(summaries: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """`summaries`: project → summary. By role, then by how much an agent did."""
    found: dict[Key, list[tuple[str, Mapping[str, Any]]]] = {}
    for project, summary in summaries.items():
        for item in summary["agents"]:
            found.setdefault((item["role"], item["agent"], item["kind"], item["model"]), []).append((project, item))
    made = [_row(key, items) for key, items in found.items()]
    return sorted(made, key=lambda row: (row.role != "code", row.role, -row.turns, row.agent, row.kind, row.model))


def _row(key: Key, items: list[tuple[str, Mapping[str, Any]]]) -> Row:
    latest = sorted((run_id, project, passed, refused) for project, item in items for run_id, passed, refused in item["latest"])
    columns = [
        (
            passed,
            refused,
            f"{run_id}, {project}: {passed} passed, {refused} refused",
            addresses.relative(addresses.AGENTS, addresses.run(project, run_id)),
        )
        for run_id, project, passed, refused in latest[-LATEST:]
    ]
    role, agent, kind, model = key
    return Row(
        role=role,
        agent=agent,
        kind=kind,
        model=model,
        **{name: sum(item[name] for _, item in items) for name in SUMS},
        **{name: known([item[name] for _, item in items]) for name in UNSURE},
        projects=tuple(project for project, _ in items),
        trend=svg.columns(columns, f"Candidates of {agent} by run, oldest first"),
    )


def page(env: Environment, summaries: Mapping[str, Mapping[str, Any]]) -> str:
    """The page's body."""
    return render(env, "agents.html", addresses.AGENTS, rows=rows(summaries))
