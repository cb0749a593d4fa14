"""One project while it is being worked on: what is known of it, the moves that follow from states alone, and what is recorded of it. The work itself
is in work.py and cycles.py.

Everything is recorded before the next thing begins (`run/durable.py` lists the steps), so that a killed run is continued by the next one.
"""

from __future__ import annotations

import heapq
import json
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator import forecasting, gate
from orchestrator.config import Config
from orchestrator.meanwhile import Meanwhile
from orchestrator.model import Plan, Prd, Problem
from orchestrator.outcome import Outcome
from orchestrator.plan.order import Order
from orchestrator.pool import Desk, Pool
from orchestrator.run import git, integrate, lifecycle
from orchestrator.run.durable import durable
from orchestrator.save import chain, compose_measures, light, limits, written
from orchestrator.save.clock import now
from orchestrator.save.ledger import Ledger
from orchestrator.save.readings import Readings
from orchestrator.save.store import Store
from orchestrator.share import Share
from orchestrator.telling import Kind, Tell, Told

if TYPE_CHECKING:
    from orchestrator.cycles import Cycle, Place

REPORT_SHARE = 20
"""Reports are written anew when so many times what it took has passed."""


@dataclass
class Branch:
    """A PRD's branch while it is worked on: what may begin next, and what is integrated."""

    place: Place | None = None
    """None while it has nothing to do."""
    ready: list[tuple[int, int, str]] = field(default_factory=list)
    """Tasks that may be ready, a heap: the longest chain first, then as they are planned."""
    first: str = ""
    """The task that is begun before all of them; ''."""
    tried: set[str] = field(default_factory=set)
    """Tasks that this run does not begin again."""
    produced: deque[Cycle] = field(default_factory=deque)
    """Judged results that wait for their turn."""
    kept_for: str = ""
    """The task that is judged again on the head: nothing else is integrated meanwhile. '' where there is none."""
    rests: bool = False
    """Nothing can be begun, its gate was looked at, and nothing has moved since."""

    def offer(self, order: Order, names: Iterable[str]) -> None:
        for name in names:
            heapq.heappush(self.ready, (-order.chains[name], order.position[name], name))
            self.rests = False


@dataclass
class Job:
    """One project while it is being worked on."""

    root: Path
    config: Config
    project: str
    store: Store
    ledger: Ledger
    run: str
    notes: dict[str, tuple[Problem, ...]]
    outcome: Outcome
    tell: Tell
    readings: Readings
    begun: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    shared: Share = field(default_factory=Share)
    """What other machines are told of it."""
    pool: Pool = field(default_factory=lambda: Pool(1))
    desk: Desk = field(default_factory=Desk)
    under_way: dict[str, Cycle] = field(default_factory=dict)
    """Task → its cycle."""
    branches: dict[str, Branch] = field(default_factory=dict)
    """PRD id → its branch, of those that are worked on."""
    meanwhile: Meanwhile | None = None
    """Which files are edited while it is worked on; None where nobody looks."""
    prds: dict[str, Prd] = field(default_factory=dict)
    """PRD id → the PRD as it was planned last."""
    plans: dict[str, Plan] = field(default_factory=dict)
    """PRD id → its plan as it is now."""
    approved: dict[str, dict[str, str]] = field(default_factory=dict)
    """PRD id → what a person agreed to: task id → fingerprint."""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    waited: float = 0.0
    """Seconds that the run stayed for parked tasks."""
    reported: float = 0.0
    """When reports were last written, as the monotonic clock has it, and the seconds that took."""
    reporting: float = 0.0
    gates: bool = True
    """Phases wait for the gate of the one before."""
    last_phase: int | None = None
    """Phases after it are left out."""
    beginnings: dict[str, dict[str, str]] = field(default_factory=dict)
    """PRD id → what `gate.beginnings` said when its tasks were last settled."""
    looks: Counter[tuple[str, int]] = field(default_factory=Counter)
    """(PRD id, phase) → how often the run came to that gate."""
    _orders: dict[str, Order] = field(default_factory=dict)
    _recorded: str = ""
    """The facts as the store has them."""

    def say(self, text: str, kind: Kind = "note", /, *, prd: str = "", task: str = "", **facts: Any) -> None:
        self.tell(Told(text, kind, self.project, prd, task, facts=facts))

    def order(self, prd: str) -> Order:
        if prd not in self._orders or self._orders[prd].plan is not self.plans[prd]:
            self._orders[prd] = Order(self.plans[prd])
        return self._orders[prd]

    def keep_facts(self) -> None:
        """Facts of the run so far; what the store has already is not written again."""
        if (text := json.dumps(self.facts)) != self._recorded:
            self.store.set_facts(self.run, self.facts)
            self._recorded = text

    def begin(self, continued: bool = False) -> None:
        if not self.begun:
            self.shared.claim(self.project)
            self.begun = True
            self.store.begin_run(self.run, continued, self.facts)
            self._recorded = json.dumps(self.facts)
            self.outcome.runs.append(self.run)


def settle(job: Job, prd: Prd, after: str = "") -> None:
    """Every move that follows from the states alone, each round in one transaction. `after`: the only task that has moved since the last time."""
    order = job.order(prd.id)
    if not after:
        job.beginnings[prd.id] = gate.beginnings(job, prd)
    due = [after, *order.dependants.get(after, ())] if after else list(order.tasks)
    while due:
        states = light.states(job.store, dict.fromkeys((*due, *(each for name in due for each in order.depends_on.get(name, ())))))
        states |= job.beginnings[prd.id]
        moves = lifecycle.next_moves(states, order.depends_on, order.asked, due)
        if moves:
            told = [(name, move, order.tasks[name].question if move == "needs a person" else None) for name, move in moves]
            job.store.move_each(told, job.run)
            if prd.id in job.branches:
                job.branches[prd.id].offer(order, [name for name, move in moves if move == "ready"])
            for name, _, question in told:
                if question:
                    job.outcome.needs_person += 1
                    said = f"{name}: needs a person: {question.text} ({prd.path}, lines {', '.join(map(str, question.lines))})"
                    job.say(said, "needs a person", prd=prd.id, task=name, question=question.text, path=prd.path, lines=list(question.lines))
        due = list(dict.fromkeys(each for name, _ in moves for each in (name, *order.dependants.get(name, ()))))


def is_complete(job: Job, prd: Prd) -> bool:
    return light.counts(job.store, prd.id).keys() - {"retired"} == {"done"}


def keep_held_out(job: Job, prd: Prd) -> None:
    """When a PRD is complete, its held-out examples become regression tests; a run that was killed before that is made good."""
    if not is_complete(job, prd) or job.store.kept(prd.id):
        return
    repository, branch = git.Repository(job.store.repository), f"refs/heads/prd/{prd.id}"
    rows = [job.store.task(name) for name in job.store.in_state("done", prd.id)]
    shown, fresh = {}, set()
    for row in rows:
        entry = job.store.result(row.id, row.fingerprint)
        revealed = entry.result.revealed if entry else ()
        if entry and entry.result.fresh:
            fresh.add(row.id)
        shown[row.id] = frozenset(example.id for example in row.task.examples if not example.held_out or example.id in revealed)
    with durable("held-out committed"):
        commit = integrate.commit_held_out(repository, branch, prd, tuple(row.task for row in rows), shown, frozenset(fresh))
    with durable("held-out kept"):
        job.store.keep(prd.id, rows[-1].id, commit, branch.removeprefix("refs/heads/"))
    chain.extend(job.store)


# --- save ------------------------------------------------------------------------------------------------------------------


def kind(job: Job) -> str:
    """The outcome of this project's part of the run, from the moves it made."""
    states = {task: state for task, state, _ in job.store.events(job.run)}
    for state, word in (("failed", "failed"), ("unclear", "needs a person"), ("parked", "parked")):
        if state in states.values():
            return word
    return "done"


def close(job: Job, kind: str) -> None:
    """The end of the project's part of a run, also of one that was stopped."""
    if job.begun:
        job.facts["standing"] = compose_measures.standing(job.store).model_dump()
        job.keep_facts()
        summary = written.summary(job.store, job.run, (datetime.now(UTC) - job.started).total_seconds())
        with durable("run ended"):
            job.store.end_run(job.run, kind, summary, now())
        report(job, at_once=True)
        for line in forecasting.ended(job):
            job.say(line)
    else:
        written.project(job.store, job.root, job.notes)
    with durable("bundle packed"):
        chain.pack(job.store)


def report(job: Job, *, at_once: bool = False) -> None:
    """The run's report and the project's, as things stand; seldom enough that writing them takes a small part of a run."""
    began = time.monotonic()
    if not (at_once or job.shared.on) and began - job.reported < REPORT_SHARE * job.reporting:
        return
    job.keep_facts()
    with durable("run report written"):
        written.run(job.store, job.run)
    with durable("project report written"):
        written.project(job.store, job.root, job.notes)
    if job.meanwhile is not None and not at_once:
        limits.write(job.ledger, job.meanwhile.found.prds)
    job.shared.push(job.project)
    job.reported = time.monotonic()
    job.reporting = job.reported - began
