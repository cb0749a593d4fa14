"""Asks the planning agent: the passes of `plan/passes.py`, unit by unit, each turn through a journal like any other.

Units of one pass are asked side by side. An answer that does not count goes back with what is wrong, at most `planning.repairs` times; the same
answer twice ends it. A turn that was paid before a kill is replayed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.config import Config
from orchestrator.errors import AgentError
from orchestrator.model import AgentTurn, Brief, Prd, Task
from orchestrator.plan import answers, folding, outline, passes
from orchestrator.plan.passes import Draft, Unit
from orchestrator.plan.rules import Atomic, atomic_of
from orchestrator.plan.saved import PlannedRequirement
from orchestrator.run import briefing, redaction, scratch
from orchestrator.run.agents import Agent, workspace
from orchestrator.run.bench import Journal, Request, Returned

EXISTING = 200
"""Files of the repository that are named to a planning agent."""
KEPT = 4000
"""Characters of an answer that does not count, kept to recognise it."""


@dataclass(frozen=True)
class PlanAttempt:
    """One answer of a planning agent and what it came to."""

    unit: str
    """`loans#plan.tasks.R3`."""
    fingerprint: str
    kind: str
    keys: tuple[str, ...]
    number: int
    turn: AgentTurn
    verdict: str
    """`passed` or `refused`."""
    problems: tuple[str, ...] = ()
    cycle: int = 1
    """One more than how often the plan was forgotten."""


@dataclass(frozen=True)
class Planned:
    entries: dict[str, PlannedRequirement]
    """What was added, by requirement key."""
    attempts: tuple[PlanAttempt, ...]


@dataclass
class Desk:
    """All that planning one PRD needs."""

    prd: Prd
    config: Config
    ladder: Callable[[Task], tuple[Agent, ...]]
    """The planning agents for a unit, first rung first. Raises what stands against it."""
    journal: Callable[[Task], Journal]
    existing: tuple[str, ...] = ()
    """Python files of the repository."""
    planned: Mapping[str, PlannedRequirement] = field(default_factory=dict)
    """What is planned already."""
    cycle: int = 1
    calls: int = 0
    attempts: list[PlanAttempt] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def atomic(self) -> Atomic:
        return atomic_of(self.config.planning)

    def may_call(self) -> bool:
        with self.lock:
            self.calls += 1
            return self.calls <= self.config.planning.calls


def task_of(prd: Prd, unit: Unit) -> Task:
    """The unit as something that turns are booked and recorded for. It is no task of the plan."""
    return Task(unit.name(prd.id), prd.id, (), f"plan {unit.kind} of {', '.join(unit.keys)}", (), "", (), unit.fingerprint)


def plan(desk: Desk, open_: dict[str, Draft]) -> Planned:
    """What the planning agent adds for these requirements. Raises AgentError and NoTurn where it cannot be asked now; what was paid is replayed."""
    cycles = _ask_each(desk, passes.cycle_units(desk.prd, open_), open_)
    _ask_each(desk, passes.task_units(desk.prd, open_, cycles), open_)
    _ask_each(desk, passes.criteria_units(open_), open_)
    _ask_each(desk, passes.hint_units(open_), open_)
    said = dict.fromkeys(_who(attempt.turn) for attempt in desk.attempts)
    return Planned(folding.finished(desk.prd, open_, ", ".join(said) or "nobody", desk.atomic), tuple(desk.attempts))


def _who(turn: AgentTurn) -> str:
    if turn.recorded_from:
        return f"{turn.recorded_from}, recorded"
    return f"{turn.agent} ({turn.model})" if turn.model and turn.kind != "scripted" else f"{turn.agent} ({turn.kind})"


def _ask_each(desk: Desk, units: tuple[Unit, ...], open_: dict[str, Draft]) -> list[tuple[str, tuple[str, ...]]]:
    """Ask about every unit, and take what counts into the drafts in the units' order. An error ends it when all that are under way are back."""
    if not units:
        return []
    with ThreadPoolExecutor(min(desk.config.planning.concurrency, len(units))) as pool:
        asked = [pool.submit(_ask, desk, unit, open_) for unit in units]
    results = [each.result() for each in asked]
    cycles: list[tuple[str, tuple[str, ...]]] = []
    for unit, (answer, attempts, reason) in zip(units, results, strict=True):
        desk.attempts += attempts
        if answer is None:
            folding.refused(unit, open_, reason)
        elif wrong := passes.check(desk.prd, unit, answer, open_, desk.atomic).wrong:  # by itself it counted: another unit's answer stands against it
            folding.refused(unit, open_, "; ".join(wrong)[:500])
        else:
            cycles += folding.fold(desk.prd, unit, answer, open_)
    return cycles


def _ask(desk: Desk, unit: Unit, open_: dict[str, Draft]) -> tuple[Any, list[PlanAttempt], str]:
    """(the answer that counts or None, every attempt, why there is none)."""
    task = task_of(desk.prd, unit)
    ladder, journal = desk.ladder(task), desk.journal(task)
    attempts: list[PlanAttempt] = []
    told: tuple[str, ...] = ()
    last, usable = "", None
    try:
        for number in range(1, desk.config.planning.repairs + 2):
            if not desk.may_call():
                reason = f"the ceiling of {desk.config.planning.calls} calls (`planning.calls`) is reached"
                return usable, attempts, reason
            agent = ladder[min(number, len(ladder)) - 1]
            turn, text = _turn(desk, unit, task, agent, journal, number, told, open_)
            answer, problems = answers.read(unit.kind, text)
            checked = passes.Checked(problems) if problems else passes.check(desk.prd, unit, answer, open_, desk.atomic)
            problems = (*checked.wrong, *checked.large)
            verdict = "refused" if checked.wrong else "passed"
            attempts.append(PlanAttempt(task.id, task.fingerprint, unit.kind, unit.keys, number, turn, verdict, problems, desk.cycle))
            if not checked.wrong:
                usable = answer
            if not problems or text[:KEPT] == last:
                break
            last, told = text[:KEPT], problems
    finally:
        for agent in ladder:
            agent.close()
    return usable, attempts, "; ".join(told)[:500]


def _turn(
    desk: Desk, unit: Unit, task: Task, agent: Agent, journal: Journal, number: int, told: tuple[str, ...], open_: dict[str, Draft]
) -> tuple[AgentTurn, str]:
    """One turn, and the text of its answer: of the file where it wrote one, else of what it said."""
    brief = render(desk, unit, task, number, told, open_)
    secret = redaction.of(desk.config)
    clean = secret.cleaner(os.environ)

    def perform(seconds: float | None) -> Returned:
        with scratch.folder("plan") as place:
            try:
                taken = agent.turn(brief, place, seconds)
            except AgentError as error:
                redaction.error(error, clean)
                raise
            changed, notes = secret.files(workspace.difference({}, workspace.read(place)), os.environ)
        return redaction.turn(replace(taken, notes=(*taken.notes, *notes)), clean), changed

    turn, changes = journal.turn(Request("plan", number, 1, "plan", agent.name, agent.kind, agent.most(brief)), perform)
    written = {change.path: change.text for change in changes if change.text}
    named = written.get(answers.FILE) or next((text for path, text in written.items() if path.endswith(".json")), None)
    return turn, named or turn.text


def render(desk: Desk, unit: Unit, task: Task, number: int, told: tuple[str, ...], open_: Mapping[str, Draft]) -> Brief:
    """The brief of one question. Examples are counted in it and never shown: some of them may be held out."""
    prd, drafts = desk.prd, [open_[key] for key in unit.keys]
    keys = {requirement.key: requirement for requirement in prd.requirements}
    done = [{"key": key, "title": keys[key].title, "module": keys[key].module or entry.module} for key, entry in desk.planned.items() if key in keys]
    asked = [draft.requirement.key for draft in drafts]
    done += [{"key": each.key, "title": each.title, "module": each.module} for each in prd.requirements if each.key not in (*open_, *desk.planned)]
    context = briefing.context_of(prd)
    tasks = drafts[0].tasks if unit.kind in ("criteria", "hints") else []
    text = briefing.written(
        f"plan_{unit.kind}.md.j2",
        prd=prd,
        context=context,
        title=unit.title,
        requirements=[
            {"requirement": draft.requirement, "module": draft.module, "why": passes.why(draft.requirement, desk.atomic)} for draft in drafts
        ],
        structure=prd.modules,
        existing=desk.existing[:EXISTING],
        planned=[each for each in done if each["key"] not in asked][:60],
        tasks=tasks,
        bare=passes.bare(drafts[0]) if tasks else (),
        proposed=drafts[0].criteria,
        atomic=desk.atomic,
        findings=told,
    )
    return Brief(prd.id, task.id, "plan", number, 1, task.fingerprint, text, (), (answers.FILE,), 0, context, "plan")


def entries_of(prd: Prd, entries: Mapping[str, PlannedRequirement], config: Config) -> dict[str, Draft]:
    """What is to be asked, given what is planned already."""
    return passes.drafts(prd, outline.valid(prd, entries), atomic_of(config.planning))
