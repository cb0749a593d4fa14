"""What lies ahead of a plan: what could run side by side, what of the PRD it does not cover, and what it is likely to take. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from orchestrator.model import Plan, Prd
from orchestrator.plan import forecast
from orchestrator.plan.forecast import Forecast, Past
from orchestrator.plan.waves import Uncovered, Waves, uncovered, waves


@dataclass(frozen=True)
class Outlook:
    prd: Prd
    plan: Plan
    due: int
    """Tasks that would run now."""
    waves: Waves
    uncovered: tuple[Uncovered, ...]
    forecasts: tuple[Forecast, ...]
    """One for each kind of agents that finished tasks here; () where none did, or nothing would run."""


def outlook(prd: Prd, plan: Plan, states: Mapping[str, tuple[str, str]], past: Iterable[Past], agent: str) -> Outlook:
    """`states`: task → (state, fingerprint); `agent`: who would write the code, '' where that is not known."""
    due = [task for task in plan.tasks if forecast.would_run(task, states)]
    return Outlook(prd, plan, len(due), waves(plan), uncovered(prd, plan), forecast.forecasts(due, past, agent))


def together(outlooks: Iterable[Outlook]) -> tuple[Forecast, ...]:
    """The forecasts of all PRDs of which something would run."""
    return forecast.together([each.forecasts for each in outlooks if each.due])
