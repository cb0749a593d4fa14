"""What each agent did, over all projects and runs: solved, refused, turns, cost, by role, and how that went over time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup

from orchestrator.show import addresses, svg
from orchestrator.show.pages import render

if TYPE_CHECKING:
    from jinja2 import Environment

LATEST = 40
"""Runs in a picture."""

Key = tuple[str, str, str, str]
"""Role, agent, kind, model."""


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


def rows(runs: Iterable[tuple[str, str, Mapping[str, Any]]]) -> list[Row]:
    """`runs`: (project, run id, digest). By role, then by how much an agent did."""
    found: dict[Key, list[tuple[str, str, Mapping[str, Any]]]] = {}
    for project, run_id, known in runs:
        for item in known.get("agents", ()):
            found.setdefault((item["role"], item["agent"], item["kind"], item["model"]), []).append((run_id, project, item))
    made = [_row(key, sorted(items, key=lambda each: each[:2])) for key, items in found.items()]
    return sorted(made, key=lambda row: (row.role != "code", row.role, -row.turns, row.agent, row.kind, row.model))


def _row(key: Key, items: list[tuple[str, str, Mapping[str, Any]]]) -> Row:
    def total(name: str) -> int:
        return sum(item[name] for _, _, item in items)

    def known(name: str) -> Any:
        values = [item[name] for _, _, item in items if item[name] is not None]
        return sum(values) if values else None

    latest = [
        (
            item["passed"],
            item["refused"],
            f"{run_id}, {project}: {item['passed']} passed, {item['refused']} refused",
            addresses.relative(addresses.AGENTS, addresses.run(project, run_id)),
        )
        for run_id, project, item in items[-LATEST:]
    ]
    return Row(
        *key,
        turns=total("turns"),
        candidates=total("candidates"),
        passed=total("passed"),
        refused=total("refused"),
        solved=total("solved"),
        seconds=sum(item["seconds"] for _, _, item in items),
        input_tokens=known("input_tokens"),
        output_tokens=known("output_tokens"),
        usd=known("usd"),
        unknown_tokens=total("unknown_tokens"),
        unknown_usd=total("unknown_usd"),
        projects=tuple(dict.fromkeys(project for _, project, _ in items)),
        trend=svg.columns(latest, f"Candidates of {key[1]} by run, oldest first"),
    )


def page(env: Environment, runs: Iterable[tuple[str, str, Mapping[str, Any]]]) -> str:
    """The page's body."""
    return render(env, "agents.html", addresses.AGENTS, rows=rows(runs))
