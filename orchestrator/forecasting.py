"""Forecasts of this working folder: what its own finished tasks say about the tasks that would run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.config import Config
from orchestrator.model import Plan, Prd
from orchestrator.plan import forecast
from orchestrator.plan.outlook import Outlook, outlook
from orchestrator.save import past, took
from orchestrator.show import forecasts

if TYPE_CHECKING:
    from orchestrator.job import Job


def outlooks(root: Path, config: Config, plans: Sequence[tuple[Prd, Plan]], states: Mapping[str, tuple[str, str]]) -> tuple[Outlook, ...]:
    """One for each plan. `states`: task → (state, fingerprint)."""
    rows = past.finished(config.folder(root, "runs"))
    return tuple(outlook(prd, plan, states, rows, agent_of(prd, config)) for prd, plan in plans)


def agent_of(prd: Prd, config: Config) -> str:
    """Who would write the code of a PRD first, as far as the configuration says; '' where that is only known when it is asked for."""
    ladder = dict(prd.agents).get("code", ()) or config.roles.ladder("code") or (config.agent,)
    return next(iter(config.agents), "") if ladder[0] == "auto" else ladder[0]


def note(job: Job, prd: Prd) -> None:
    """Keep what a run's work on a PRD is likely to take, before it begins with it."""
    known = job.facts.setdefault("forecasts", {})
    if prd.id in known:
        return
    states = job.store.states(prd.id)
    last = job.last_phase
    tasks = [task for task in job.plans[prd.id].tasks if last is None or task.phase is None or task.phase <= last]
    due = [task for task in tasks if states.get(task.id) in forecast.WAITING]
    found = forecast.forecasts(due, past.finished(job.config.folder(job.root, "runs")), agent_of(prd, job.config))
    known[prd.id] = took.stored(found, len(due))


def ended(job: Job) -> list[str]:
    """Of each PRD that the run worked on and had a forecast for: that, beside what it took."""
    found = took.forecasts(job.store, job.run, job.facts.get("forecasts", {}))
    return [f"{each.prd}: {forecasts.sentence(each)}" for each in found if each.basis]
