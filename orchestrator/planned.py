"""How a PRD gets its plan while its project is worked on: from its text, from its plan file, and from a planning agent where one is to be asked."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.config import Ceiling, Config
from orchestrator.errors import AgentError, OrchestratorError, PlanError, SetupError
from orchestrator.model import Prd, Task
from orchestrator.plan import outline
from orchestrator.plan.saved import PlanFile
from orchestrator.run import git, limits, planning
from orchestrator.run.agents import Agent, NoRecording, Unavailable, choose_ladder
from orchestrator.run.agents.recorded import RecordedReplay, has_recordings
from orchestrator.run.agents.recording import task_folder
from orchestrator.run.durable import durable
from orchestrator.save import compose, light, plan_report, plans
from orchestrator.save.clock import moment, now
from orchestrator.save.journal import Account, Journal

if TYPE_CHECKING:
    from orchestrator.job import Job


def plan(job: Job, prd: Prd) -> Prd | None:
    """Plan a PRD and save that; returns it with what was added to it, None when it cannot be planned now."""
    try:
        told, made, file = job.readings.planned(prd, job.config)
        if _ask(job, prd, file):
            told, made, file = job.readings.planned(prd, job.config)
    except PlanError as error:
        job.say(f"{prd.id}: {error}", "waiting", prd=prd.id)
        job.outcome.wait(prd, "plan-file", error.message, error.hint)
        return None
    except (AgentError, SetupError) as error:
        if job.outcome.wait(prd, "not-planned", f"the planning agent: {error.message}", error.hint):
            job.say(f"{prd.id}: waits: the planning agent: {error}", "waiting", prd=prd.id)
        return None
    job.prds[prd.id], job.plans[prd.id] = told, made
    job.approved[prd.id] = file.approved
    with durable("plan saved"):
        job.store.save_plan(told, made, job.run)
    return told


def as_it_is(job: Job, name: str) -> Prd | None:
    """A PRD as its file says it now, planned again where that is something else: only tasks that are worded otherwise move. None when it cannot be
    planned now."""
    prd = job.prds[name]
    said = job.meanwhile.look(prd) if job.meanwhile else prd
    if job.meanwhile and said.fingerprint != prd.fingerprint:
        job.readings = job.meanwhile.readings
        return plan(job, said)
    return prd


def say_unapproved(job: Job, prd: Prd) -> None:
    agreed = job.approved[prd.id]
    count = sum(agreed.get(task.id) != task.fingerprint for task in job.plans[prd.id].tasks)
    message = f"{count} of {len(job.plans[prd.id].tasks)} tasks wait for a person who agrees to the plan"
    hint = f"`orchestrator plan {prd.id}` shows it, `orchestrator plan --approve {prd.id}` agrees"
    if job.outcome.wait(prd, "not-approved", message, hint):
        job.say(f"{prd.id}: {message}\n  → {hint}", "waiting", prd=prd.id)


def say_parked(job: Job, prd: Prd) -> None:
    waits = sorted((until, name) for name, until in job.store.parked(prd.id) if until)
    for until, name in waits[:1]:
        message = f"{name} is parked until {until}: {light.reason(job.store, name).splitlines()[0]}"
        hint = "a run after that goes on; `orchestrator retry` goes on now"
        if job.outcome.wait(prd, "parked", message, hint):
            job.say(f"{message}\n  → {hint}", "parked", prd=prd.id, task=name, until=moment(until), cause="")


def _ask(job: Job, prd: Prd, file: PlanFile) -> bool:
    """Ask the planning agent about what the PRD leaves open, where there is one; whether anything was added."""
    named = is_named(job.config, prd)
    if not named and not _recorded(job, prd):
        return False
    open_ = planning.entries_of(prd, file.requirements, job.config)
    if not open_:
        return False
    job.begin()
    job.say(f"{prd.id}: asks the planning agent about {len(open_)} requirement{'s' * (len(open_) > 1)} …")
    ceilings = limits.ceilings(job.config.budgets, prd.budget)
    desk = planning.Desk(
        prd,
        job.config,
        lambda task: _ladder(job, prd, task, named=named),
        lambda task: _journal(job, task, ceilings, file.cleared + 1),
        _existing(job, prd),
        file.requirements,
        file.cleared + 1,
    )
    try:
        found = planning.plan(desk, open_)
    except NoRecording as error:
        if named:
            raise
        job.say(f"{prd.id}: planned without an agent: {error.message}")
        return False
    finally:
        _keep(job, prd, desk)
    with durable("plan file written"):
        plans.keep(job.store.folder.parent, prd, file.model_copy(update={"made_at": now(), "requirements": {**file.requirements, **found.entries}}))
    return True


def is_named(config: Config, prd: Prd) -> bool:
    """Somebody said who plans; else only recorded answers do."""
    return "plan" in dict(prd.agents) or bool(config.roles.plan)


def _recorded(job: Job, prd: Prd) -> bool:
    folder = task_folder(job.config.folder(job.root, "recordings"), prd.id, f"{prd.id}#plan").parent
    return not job.config.record and job.config.agent in ("auto", "recorded") and any(folder.glob("plan.*"))


def _ladder(job: Job, prd: Prd, task: Task, *, named: bool) -> tuple[Agent, ...]:
    """The rungs. Raises SetupError when one cannot work, NoRecording where only recordings could answer and none does."""
    if named:
        found = choose_ladder(task, "plan", prd, job.config, job.root)
        if isinstance(found, Unavailable):
            raise SetupError(found.message, hint="; or ".join(found.ways))
        return found
    folder = job.config.folder(job.root, "recordings")
    if not has_recordings(folder, task, "plan"):
        raise NoRecording(f"no recorded answer is for {task.id} as it is worded now")
    return (RecordedReplay("recorded", folder),)


def _journal(job: Job, task: Task, ceilings: dict[str, Ceiling], cycle: int) -> Journal:
    account = Account(job.ledger, job.project, task.prd, task.id, task.fingerprint, job.run, ceilings, job.config.limits)
    journal = Journal(job.store.folder / "journal" / f"{outline.slug(task.id)}-{task.fingerprint[:12]}-{cycle}.jsonl", account)
    journal.keep = functools.partial(job.shared.push, job.project)
    return journal


def _existing(job: Job, prd: Prd) -> tuple[str, ...]:
    """Python files of the repository that the code is for."""
    target = prd.target.repo
    if not target:
        return ()
    if "://" not in target and not target.startswith("git@"):
        target = str((job.root / target).resolve())
    repository = git.open_repository(job.store.repository, target, prd.target.branch)
    try:
        paths = repository.paths(repository.tree(f"refs/remotes/target/{prd.target.branch}"))
    except OrchestratorError:
        return ()
    return tuple(path for path in paths if Path(path).suffix == ".py" and not path.startswith(("tests/", "test/")))


def _keep(job: Job, prd: Prd, desk: planning.Desk) -> None:
    """What was asked, in the store and in the run's facts; of a unit that broke off, what had returned is in its journal and comes again."""
    with durable("planning saved"):
        new = job.store.save_planning(prd.id, job.run, desk.attempts)
    turns = [compose.turn_report(attempt.turn, "plan", job.store.folder) for attempt in new]
    told = [plan_report.asked(attempt, prd.id, turn).model_dump(mode="json") for attempt, turn in zip(new, turns, strict=True)]
    job.facts.setdefault("planning", []).extend(told)
    job.keep_facts()
    job.outcome.turns += len(new)
