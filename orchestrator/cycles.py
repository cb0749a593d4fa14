"""The cycles of a project: begun in the pool with all that they need to know, recorded when they have ended, and integrated one after the other.

A result was judged on the branch as it stood when its cycle began. Where the branch has moved on since, the task is judged again on the new head
(`conflicted`, without an agent where it holds), and until that has ended nothing else is integrated on that branch: so it fits the next time.
"""

from __future__ import annotations

import functools
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator import gate, reworded
from orchestrator.errors import NoTurn
from orchestrator.job import Job, report, settle
from orchestrator.model import CycleResult, Prd, Task
from orchestrator.plan import outline
from orchestrator.pool import slot
from orchestrator.run import environment, git, integrate, limits, sandboxes, stopping
from orchestrator.run.agents import Agent, Unavailable, choose_ladder
from orchestrator.run.bench import Work
from orchestrator.run.cycle import run_cycle
from orchestrator.run.durable import durable
from orchestrator.save import chain, light
from orchestrator.save.clock import now, stamp
from orchestrator.save.journal import Account, Journal
from orchestrator.save.store import TaskRow, turns_of
from orchestrator.telling import Kind

CONFLICTS = 3
"""How often a task goes back to be judged on a branch that moved on."""


@dataclass(frozen=True)
class Place:
    """Where a PRD's code is made."""

    repository: git.Repository
    branch: str
    """Full name of the ref."""
    python: Path
    """Interpreter of the project's environment."""


@dataclass
class Cycle:
    """One cycle of a task, from when it is chosen to when it is integrated."""

    prd: Prd
    row: TaskRow
    place: Place
    ladder: tuple[Agent, ...]
    tests_ladder: tuple[Agent, ...]
    journal: Journal
    chain: int
    """Tasks in the longest chain that begins with this one."""
    again: bool = False
    """It is judged again on the moved branch, before anything else is integrated there."""
    started_at: str = ""
    asks: bool = False
    """An agent was asked: it takes longer than judging."""


def prepare(job: Job, prd: Prd) -> Place:
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
    return Place(repository, branch, made.python)


def of(job: Job, prd: Prd, row: TaskRow, place: Place, ladder: tuple[Agent, ...], chain: int) -> Cycle:
    """The next cycle of a task; nothing is begun."""
    ceilings = limits.ceilings(job.config.budgets, prd.budget)
    account = Account(job.ledger, job.project, prd.id, row.id, row.fingerprint, job.run, ceilings, job.config.limits)
    journal = Journal(job.store.folder / "journal" / f"{outline.slug(row.id)}-{row.fingerprint[:12]}-{row.cycle}.jsonl", account)
    journal.changed = functools.partial(reworded.edited, job.meanwhile, prd, row)
    journal.keep = functools.partial(job.shared.push, job.project)
    found = Cycle(prd, row, place, ladder, _tests_ladder(job, prd, row.task), journal, chain)

    def told(kind: Kind, facts: dict[str, object]) -> None:
        if kind == "turn began":
            found.asks = True
            job.pool.nudge(job.desk)
        job.say("", kind, prd=prd.id, task=row.id, **facts)

    journal.told = told
    journal.seat = job.pool.seat
    return found


def refusal(cycle: Cycle) -> NoTurn | None:
    """The budget or the breaker that stands before its first turn; None when nothing does, or when a turn of it has returned already."""
    refused = cycle.journal.refusal(cycle.ladder[0].name, cycle.ladder[0].kind)
    return None if cycle.journal.returned else refused


def begin(job: Job, cycle: Cycle) -> None:
    """Begin it in a slot of the pool, on the branch as it stands now; in none when it is only judged again."""
    prd, row = cycle.prd, cycle.row
    job.begin()
    work = _work_of(job, prd, row, cycle.place)
    cycle.started_at = now()
    text = "judged again on the branch as it is now" if work.judged else row.task.goal
    job.say(f"{row.id}: {text} …", "task began", prd=prd.id, task=row.id, goal=row.task.goal, tasks=light.tally(job.store))
    with durable("task started"):
        job.store.move(row.id, "started", job.run)
    job.under_way[row.id] = cycle
    (job.pool.judge if cycle.again else job.pool.start)(job.desk, cycle, functools.partial(_carried_out, work, cycle))


def _carried_out(work: Work, cycle: Cycle) -> CycleResult:
    """What a worker does. Raises Stopped: what was ended with the run says nothing."""
    result = run_cycle(work, cycle.ladder, cycle.journal, cycle.tests_ladder)
    stopping.check_now()
    return replace(result, worker=slot())


def land(job: Job, cycle: Cycle, future: Future[CycleResult]) -> None:
    """Record what a cycle came to, and integrate what can be. The next run goes on with one that was stopped, and pays nothing twice."""
    del job.under_way[cycle.row.id]
    store, row, prd, journal = job.store, cycle.row, cycle.prd, cycle.journal
    try:
        result = future.result()
    except stopping.Stopped:
        store.move(row.id, "reclaimed", job.run, "the run was stopped; what had returned is not paid again")
        return
    branch = job.branches[prd.id]
    for warning in journal.warnings:
        job.say(f"{row.id}: {warning}", "budget", prd=prd.id, task=row.id)
        job.facts.setdefault("warnings", []).append(warning)
    passed = result.verdict in ("passed", "already satisfied")
    if why := journal.changed():
        result, passed = replace(result, verdict="changed", reason=why, code=(), proofs=(), question=None, until=None), False
    move = "produced" if passed else {"gave up": "gave up", "needs a person": "needs a person", "changed": "reclaimed"}.get(result.verdict, "parked")
    trees = integrate.trees(cycle.place.repository, result)
    with durable("result saved"):
        store.save_result(row, job.run, cycle.started_at, result, trees, move, job.config.gates.quarantine_days)
    job.outcome.turns += len(turns_of(result))
    if passed:
        (branch.produced.appendleft if branch.kept_for == row.id else branch.produced.append)(cycle)
        integrate_all(job, prd)
        return
    if branch.kept_for == row.id:
        branch.kept_for = ""
    until = f" (until {stamp(result.until)})" if result.until else ""
    said, question = f"{row.id}: {result.verdict}{until}: {result.reason}", result.question.text if result.question else result.reason
    if move == "parked":
        job.say(said, "parked", prd=prd.id, task=row.id, until=result.until, cause=result.cause)
    elif move == "needs a person":
        job.say(said, "needs a person", prd=prd.id, task=row.id, question=question, path=prd.path, lines=[])
    _ended(job, row, "" if move in ("parked", "needs a person") else said, result)
    job.outcome.failed += move == "gave up"
    job.outcome.needs_person += move == "needs a person"
    if move != "reclaimed":
        branch.tried.add(row.id)
    settle(job, prd, row.id)
    report(job)
    integrate_all(job, prd)


def integrate_all(job: Job, prd: Prd) -> None:
    """Every judged result of a PRD whose turn has come."""
    branch = job.branches[prd.id]
    if branch.kept_for in job.under_way and job.under_way[branch.kept_for].asks:
        branch.kept_for = ""  # it does not hold on the new head: others need not wait for an agent
    while branch.produced and branch.kept_for in ("", branch.produced[0].row.id):
        cycle = branch.produced.popleft()
        branch.kept_for = ""
        moved = _integrate(job, cycle.place, cycle.row)
        if moved == "conflicted":
            branch.kept_for = cycle.row.id
            branch.first, branch.rests = cycle.row.id, False
            return
        branch.tried.add(cycle.row.id)
        settle(job, prd, cycle.row.id)
        report(job)


def integrate_left(job: Job, prd: Prd, place: Place) -> None:
    """What an earlier run has judged and not integrated."""
    for name in job.store.in_state("produced", prd.id):
        job.begin()
        _integrate(job, place, job.store.task(name))
        settle(job, prd, name)


def park(job: Job, row: TaskRow, refused: NoTurn) -> None:
    """A budget or a breaker stands before the first turn: the task waits, and nothing is tried for it."""
    job.begin()
    job.store.move(row.id, "parked", job.run, str(refused), until=refused.reset_at)
    until = f" (until {stamp(refused.reset_at)})" if refused.reset_at else ""
    job.say(f"{row.id}: parked{until}: {refused}", "parked", prd=row.prd, task=row.id, until=refused.reset_at, cause=refused.cause)


def _tests_ladder(job: Job, prd: Prd, task: Task) -> tuple[Agent, ...]:
    """Who writes tests, where there is something to write and somebody for it."""
    found = choose_ladder(task, "tests", prd, job.config, job.root) if _wants_tests(job, prd, task) else ()
    return () if isinstance(found, Unavailable) else found


def _wants_tests(job: Job, prd: Prd, task: Task) -> bool:
    """A tests agent has something to do: prose criteria, or what no test notices where that matters to somebody."""
    prose = any(not criterion.examples for criterion in task.criteria)
    named = bool(job.config.roles.tests) or "tests" in dict(prd.agents)
    return prose or named or job.config.gates.mutation is not None or prd.gates.mutation is not None


def _ended(job: Job, row: TaskRow, text: str, result: CycleResult) -> None:
    state = job.store.task(row.id).state
    seconds = round(result.seconds, 3)
    job.say(text, "task ended", prd=row.prd, task=row.id, state=state, verdict=result.verdict, seconds=seconds, tasks=light.tally(job.store))


def _work_of(job: Job, prd: Prd, row: TaskRow, place: Place) -> Work:
    """All that the cycle needs to know."""
    store, states = job.store, job.store.states(prd.id)
    tasks = job.plans[prd.id].tasks
    earlier = [entry.result for entry in store.results_for(row.id, row.fingerprint)]
    made = place.repository.made(place.branch) if prd.target.repo else None
    base = place.repository.tree(place.branch)
    judged = earlier[-1] if earlier and earlier[-1].verdict == "passed" else None
    return Work(
        task=row.task,
        prd=prd,
        repository=place.repository.path,
        base=base,
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
        judged=judged,
        moved_by=place.repository.disturbed(judged.base_tree, base) if judged else frozenset(),
    )


def _integrate(job: Job, place: Place, row: TaskRow) -> str:
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
