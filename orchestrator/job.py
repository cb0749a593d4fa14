"""One project while it is being worked on: its PRDs in order, a cycle for each task that can be worked on, and what is recorded of it.

Everything is recorded before the next thing begins (`run/durable.py` lists the steps), so that a killed run is continued by the next one.
"""

from __future__ import annotations

import functools
import json
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestrator import forecasting, gate, planned, reworded, validate
from orchestrator.config import Config
from orchestrator.errors import NoTurn
from orchestrator.meanwhile import Meanwhile
from orchestrator.model import CycleResult, Plan, Prd, Problem, Task
from orchestrator.outcome import Outcome
from orchestrator.plan import outline
from orchestrator.plan.order import Order
from orchestrator.run import environment, git, integrate, lifecycle, limits, sandboxes
from orchestrator.run.agents import Agent, Unavailable, choose_ladder
from orchestrator.run.bench import Work
from orchestrator.run.cycle import run_cycle
from orchestrator.run.durable import durable
from orchestrator.save import chain, light, written
from orchestrator.save.clock import moment, now, stamp
from orchestrator.save.journal import Account, Journal
from orchestrator.save.ledger import Ledger
from orchestrator.save.readings import Readings
from orchestrator.save.store import Store, TaskRow, turns_of
from orchestrator.telling import Kind, Tell, Told

CONFLICTS = 3
"""How often a task goes back to be judged on a branch that moved on."""
REPORT_SHARE = 20
"""Reports are written anew when so many times what it took has passed."""


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
            self.begun = True
            self.store.begin_run(self.run, continued, self.facts)
            self._recorded = json.dumps(self.facts)
            self.outcome.runs.append(self.run)


def work(job: Job, prds: tuple[Prd, ...], complete: set[str], *, last_phase: int | None = None, gates: bool = True) -> None:
    """Everything of the project that can be done now. `complete`: PRDs whose every task is done, over all projects; kept up to date. `last_phase`:
    phases after it are left out; `gates`: phases wait for the gate of the one before."""
    store, job.last_phase, job.gates = job.store, last_phase, gates
    job.facts["gates_skipped"] = not gates
    written.killed_runs(job.store, job.run)
    chain.extend(job.store)
    if interrupted := store.in_state("running"):
        job.begin(continued=True)
        for name in interrupted:
            store.move(name, "reclaimed", job.run, "the process that ran it is gone; what had returned is not paid again")
    prds = tuple(told for prd in prds if (told := planned.plan(job, prd)))
    for each in prds:
        _resume(job, each)
        if not _is_complete(job, each):
            complete.discard(each.id)
    while True:
        for before in prds:
            prd = planned.as_it_is(job, before.id)
            if prd is None:
                continue
            if prd is not before:
                settle(job, prd)
            missing = [name for name in prd.depends_on if name not in complete]
            if missing and _has_work(job, prd):
                job.outcome.wait(prd, "waits-for-prd", f"it depends on {', '.join(missing)}, which is not complete", "it runs when that is done")
                continue
            _prd(job, prd)
            (complete.add if _is_complete(job, prd) else complete.discard)(prd.id)
        prds = tuple(job.prds[each.id] for each in prds)
        if not _stay(job, prds):
            break
    validate.at_end(job, tuple(prd for prd in prds if _is_complete(job, prd)))
    for each in prds:
        planned.say_parked(job, each)
    job.outcome.parked += list({task: state for task, state, _ in store.events(job.run)}.values()).count("parked")
    if store.events(job.run):
        job.begin()


def only_plan(job: Job, prds: tuple[Prd, ...], complete: set[str]) -> None:
    """Plan the PRDs and say what needs a person; no task begins."""
    for prd in prds:
        if told := planned.plan(job, prd):
            settle(job, told)


def _resume(job: Job, prd: Prd) -> None:
    """What was parked is tried again, once the time is over that it waits for."""
    if due := [name for name, until in job.store.parked(prd.id) if not until or until <= now()]:
        job.store.move_each([(name, "resumed", None) for name in due], job.run)
    settle(job, prd)


def _stay(job: Job, prds: tuple[Prd, ...]) -> bool:
    """Wait for what is parked for a short time only; whether there is something to do again."""
    waits = [until for prd in prds for _, until in job.store.parked(prd.id) if until]
    soonest = min((moment(until) for until in waits), default=None)
    if soonest is None or soonest - time.time() > job.config.limits.wait_in_run - job.waited:
        return False
    seconds = soonest - time.time() + 0.01
    if seconds > 0:
        job.say(f"{job.project}: waits until {stamp(soonest)}", "waiting", until=soonest)
        report(job, at_once=True)
        time.sleep(seconds)
        job.waited += seconds
    for prd in prds:
        _resume(job, prd)
    return any(_has_work(job, prd) for prd in prds)


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
            for name, _, question in told:
                if question:
                    job.outcome.needs_person += 1
                    said = f"{name}: needs a person: {question.text} ({prd.path}, lines {', '.join(map(str, question.lines))})"
                    job.say(said, "needs a person", prd=prd.id, task=name, question=question.text, path=prd.path, lines=list(question.lines))
        due = list(dict.fromkeys(each for name, _ in moves for each in (name, *order.dependants.get(name, ()))))


def _has_work(job: Job, prd: Prd) -> bool:
    return not {"ready", "produced"}.isdisjoint(light.counts(job.store, prd.id))


def _prd(job: Job, prd: Prd) -> None:
    """Phase by phase all that can be done of a PRD. All of it is judged again when the PRD that it builds on has moved on."""
    if upstream := reworded.moved_on(job.store, prd):
        job.store.merged(prd.id, job.run, f"{upstream} has moved on and is merged in: it is judged again")
        settle(job, prd)
    while _tasks(job, prd):
        prd = job.prds[prd.id]
        if not gate.moved(job, prd, functools.partial(_python, job, prd)):
            gate.explain(job, prd)
            _keep_held_out(job, prd)
            return
        settle(job, prd)


def _python(job: Job, prd: Prd) -> Path:
    return _prepare(job, prd).python


def _tasks(job: Job, prd: Prd) -> bool:
    """Every task of a PRD that can be worked on, in plan order; False when its file says meanwhile what cannot be planned now."""
    if _has_work(job, prd):
        forecasting.note(job, prd)
        place = _prepare(job, prd)
        for name in job.store.in_state("produced", prd.id):
            job.begin()
            _integrate(job, place, job.store.task(name))
            settle(job, prd, name)
        tried: set[str] = set()
        while True:
            if not (said := planned.as_it_is(job, prd.id)):
                return False
            if said is not prd:
                prd, place, tried = said, _prepare(job, said), set()
                settle(job, prd)
            if not (name := light.first(job.store, "ready", prd.id, tried)):
                break
            row = job.store.task(name)
            if job.config.planning.approve == "person" and job.approved[prd.id].get(name) != row.fingerprint:
                tried.add(name)
                planned.say_unapproved(job, prd)
                continue
            ladder = choose_ladder(row.task, "code", prd, job.config, job.root)
            if isinstance(ladder, Unavailable):
                tried.add(name)
                if job.outcome.wait(prd, "no-agent", ladder.message, "; or ".join(ladder.ways)):
                    job.say(f"{prd.id}: waits: {ladder.message}\n" + "\n".join(f"  → {way}" for way in ladder.ways), "waiting", prd=prd.id)
                continue
            job.begin()
            if _cycle(job, prd, row, place, ladder) in ("conflicted", "reclaimed"):
                continue
            tried.add(name)
            settle(job, prd, name)
            report(job)
    return True


def _tests_ladder(job: Job, prd: Prd, task: Task) -> tuple[Agent, ...]:
    """Who writes tests, where there is something to write and somebody for it."""
    found = choose_ladder(task, "tests", prd, job.config, job.root) if _wants_tests(job, prd, task) else ()
    return () if isinstance(found, Unavailable) else found


def _wants_tests(job: Job, prd: Prd, task: Task) -> bool:
    """A tests agent has something to do: prose criteria, or what no test notices where that matters to somebody."""
    prose = any(not criterion.examples for criterion in task.criteria)
    named = bool(job.config.roles.tests) or "tests" in dict(prd.agents)
    return prose or named or job.config.gates.mutation is not None or prd.gates.mutation is not None


@dataclass(frozen=True)
class _Place:
    """Where a PRD's code is made."""

    repository: git.Repository
    branch: str
    """Full name of the ref."""
    python: Path
    """Interpreter of the project's environment."""


def _prepare(job: Job, prd: Prd) -> _Place:
    """The project's repository, the PRD's branch, and the interpreter of the project's environment. Raises SetupError for what is missing."""
    level = sandboxes.required_level(job.config.sandbox.require, allow_weak=job.config.sandbox.allow_weak)
    if level.warning and not job.begun:
        job.say(level.warning)
    target = prd.target.repo
    if target and "://" not in target and not target.startswith("git@"):
        target = str((job.root / target).resolve())
    repository = git.open_repository(job.store.repository, target, prd.target.branch)
    branch = git.branch_for(repository, prd.id, gate.start_of(repository, prd))
    made = environment.of_tree(repository, repository.tree(branch), prd, job.config.folder(job.root, "environments"))
    job.facts["environment"] = made.lock
    job.facts["packages"] = [f"{name}=={version}" for name, version in sorted(made.packages.items())]
    job.facts["tools"]["pytest"] = made.packages.get("pytest", "")
    return _Place(repository, branch, made.python)


def _cycle(job: Job, prd: Prd, row: TaskRow, place: _Place, ladder: tuple[Agent, ...]) -> str:
    """One cycle of a task, recorded, and integrated when it passed. Returns the name of the move it ended with, or `done`."""
    store, tests_ladder = job.store, _tests_ladder(job, prd, row.task)
    ceilings = limits.ceilings(job.config.budgets, prd.budget)
    account = Account(job.ledger, job.project, prd.id, row.id, row.fingerprint, job.run, ceilings, job.config.limits)
    journal = Journal(store.folder / "journal" / f"{outline.slug(row.id)}-{row.fingerprint[:12]}-{row.cycle}.jsonl", account)
    journal.changed = functools.partial(reworded.edited, job.meanwhile, prd, row)
    journal.told = lambda kind, facts: job.say("", kind, prd=prd.id, task=row.id, **facts)
    if (refused := journal.refusal(ladder[0].name, ladder[0].kind)) and not journal.returned:
        return _park(job, row, refused)
    cycle = _work_of(job, prd, row, place)
    started_at = now()
    job.say(f"{row.id}: {row.task.goal} …", "task began", prd=prd.id, task=row.id, goal=row.task.goal, tasks=light.tally(store))
    with durable("task started"):
        store.move(row.id, "started", job.run)
    result = run_cycle(cycle, ladder, journal, tests_ladder)
    for warning in journal.warnings:
        job.say(f"{row.id}: {warning}", "budget", prd=prd.id, task=row.id)
        job.facts.setdefault("warnings", []).append(warning)
    passed = result.verdict in ("passed", "already satisfied")
    if why := journal.changed():
        result, passed = replace(result, verdict="changed", reason=why, code=(), proofs=(), question=None, until=None), False
    move = "produced" if passed else {"gave up": "gave up", "needs a person": "needs a person", "changed": "reclaimed"}.get(result.verdict, "parked")
    trees = integrate.trees(place.repository, result)
    with durable("result saved"):
        store.save_result(row, job.run, started_at, result, trees, move, job.config.gates.quarantine_days)
    job.outcome.turns += len(turns_of(result))
    if passed:
        return _integrate(job, place, row)
    until = f" (until {stamp(result.until)})" if result.until else ""
    said, question = f"{row.id}: {result.verdict}{until}: {result.reason}", result.question.text if result.question else result.reason
    if move == "parked":
        job.say(said, "parked", prd=prd.id, task=row.id, until=result.until)
    elif move == "needs a person":
        job.say(said, "needs a person", prd=prd.id, task=row.id, question=question, path=prd.path, lines=[])
    _ended(job, row, "" if move in ("parked", "needs a person") else said, result)
    job.outcome.failed += move == "gave up"
    job.outcome.needs_person += move == "needs a person"
    return move


def _ended(job: Job, row: TaskRow, text: str, result: CycleResult) -> None:
    state = job.store.task(row.id).state
    seconds = round(result.seconds, 3)
    job.say(text, "task ended", prd=row.prd, task=row.id, state=state, verdict=result.verdict, seconds=seconds, tasks=light.tally(job.store))


def _park(job: Job, row: TaskRow, refused: NoTurn) -> str:
    """A budget or a breaker stands before the first turn: the task waits, and nothing is tried for it."""
    job.store.move(row.id, "parked", job.run, str(refused), until=refused.reset_at)
    until = f" (until {stamp(refused.reset_at)})" if refused.reset_at else ""
    job.say(f"{row.id}: parked{until}: {refused}", "parked", prd=row.prd, task=row.id, until=refused.reset_at)
    return "parked"


def _work_of(job: Job, prd: Prd, row: TaskRow, place: _Place) -> Work:
    """All that the cycle needs to know."""
    store, states = job.store, job.store.states(prd.id)
    tasks = job.plans[prd.id].tasks
    earlier = [entry.result for entry in store.results_for(row.id, row.fingerprint)]
    made = place.repository.made(place.branch) if prd.target.repo else None
    return Work(
        task=row.task,
        prd=prd,
        repository=place.repository.path,
        base=place.repository.tree(place.branch),
        python=place.python,
        config=job.config,
        first_attempt=row.attempts + 1,
        own_suite=bool(prd.target.repo),
        builds_on=tuple(path for other in tasks if other.id in row.task.depends_on for path in other.files),
        earlier=tuple(attempt for result in earlier for attempt in result.attempts),
        written=reworded.locked_before(row.task, earlier),
        carried=reworded.carried(store, row),
        gone=reworded.earlier_files(store, row.task, made),
        outdated=reworded.outdated(store, row),
        done=tuple(other for other in tasks if states.get(other.id) == "done"),
        ours=reworded.ours(made, job.plans.values()) if made is not None else frozenset(),
        revealed=frozenset(name for result in earlier for name in result.revealed),
        quarantined=frozenset(item.test for item in store.quarantined() if item.until > now()),
    )


def _integrate(job: Job, place: _Place, row: TaskRow) -> str:
    store = job.store
    entry = store.result(row.id, row.fingerprint)
    assert entry is not None, "a produced task has a result"
    try:
        with durable("commits made"):
            commits = integrate.integrate(place.repository, place.branch, row.task, entry.result)
    except integrate.Conflict as conflict:
        if store.moves(row.id, "conflicted") >= CONFLICTS:
            store.move(row.id, "gave up", job.run, f"the branch moved on {CONFLICTS + 1} times while it was judged: {conflict}")
            job.outcome.failed += 1
            _ended(job, row, f"{row.id}: gave up: {conflict}", entry.result)
            return "gave up"
        store.move(row.id, "conflicted", job.run, str(conflict))
        job.say("", "conflict", prd=row.prd, task=row.id, why=str(conflict))
        return "conflicted"
    with durable("task done"):
        store.integrated(row.id, job.run, entry.result, commits, place.branch.removeprefix("refs/heads/"))
    job.keep_facts()
    with durable("evidence written"):
        chain.add(store, row.id)
    job.outcome.done += 1
    _ended(job, row, f"{row.id}: done: {entry.result.reason}", entry.result)
    return "done"


def _is_complete(job: Job, prd: Prd) -> bool:
    return light.counts(job.store, prd.id).keys() - {"retired"} == {"done"}


def _keep_held_out(job: Job, prd: Prd) -> None:
    """When a PRD is complete, its held-out examples become regression tests; a run that was killed before that is made good."""
    if not _is_complete(job, prd) or job.store.kept(prd.id):
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
    if not at_once and began - job.reported < REPORT_SHARE * job.reporting:
        return
    job.keep_facts()
    with durable("run report written"):
        written.run(job.store, job.run)
    with durable("project report written"):
        written.project(job.store, job.root, job.notes)
    job.reported = time.monotonic()
    job.reporting = job.reported - began
