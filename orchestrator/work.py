"""The work on a project: its PRDs are planned, then everything that can be done is begun in the pool, and what ends is landed, until nothing is left.

What of a PRD may begin: tasks that are ready, the one with the longest chain behind it first, and none whose files another one under way may change.
"""

from __future__ import annotations

import functools
import heapq
import time
from collections.abc import Sequence
from pathlib import Path

from orchestrator import cycles, deliver, forecasting, gate, planned, reworded, validate
from orchestrator.cycles import Cycle
from orchestrator.job import Branch, Job, is_complete, keep_held_out, report, settle
from orchestrator.model import Prd, Task
from orchestrator.pool import Rank, landed
from orchestrator.run import stopping
from orchestrator.run.agents import Unavailable, choose_ladder
from orchestrator.save import chain, light, written
from orchestrator.save.clock import moment, now, stamp


def work(job: Job, prds: tuple[Prd, ...], complete: set[str], *, last_phase: int | None = None, gates: bool = True) -> None:
    """Everything of the project that can be done now. `complete`: PRDs whose every task is done, over all projects; kept up to date. `last_phase`:
    phases after it are left out; `gates`: phases wait for the gate of the one before. Raises Stopped when the run is to end before."""
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
        if not is_complete(job, each):
            complete.discard(each.id)
    while True:
        try:
            _everything(job, prds, complete)
        finally:
            _drain(job)
        stopping.check()
        prds = tuple(job.prds[each.id] for each in prds)
        if not _stay(job, prds):
            break
    for each in prds:
        if (missing := [name for name in each.depends_on if name not in complete]) and _has_work(job, each):
            job.outcome.wait(each, "waits-for-prd", f"it depends on {', '.join(missing)}, which is not complete", "it runs when that is done")
    finished = tuple(prd for prd in prds if is_complete(job, prd))
    validate.at_end(job, finished)
    deliver.at_end(job, finished)
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
        stopping.wait(seconds)
        job.waited += seconds
    job.branches.clear()
    for prd in prds:
        _resume(job, prd)
    return any(_has_work(job, prd) for prd in prds)


def _has_work(job: Job, prd: Prd) -> bool:
    return not {"ready", "produced"}.isdisjoint(light.counts(job.store, prd.id))


# --- what is begun -----------------------------------------------------------------------------------------------------------


def _everything(job: Job, prds: tuple[Prd, ...], complete: set[str]) -> None:
    """Begin and land cycles until nothing is under way and nothing can be begun, or the run is to end."""
    names = tuple(prd.id for prd in prds)
    while True:
        for cycle, future in landed(job.desk):
            cycles.land(job, cycle, future)
            job.branches[cycle.prd.id].rests = False
        for name in {cycle.prd.id for cycle in job.under_way.values() if cycle.asks}:
            cycles.integrate_all(job, job.prds[name])
        chosen = None if stopping.is_asked() else _choose(job, names, complete)
        if chosen is None and not job.desk.under_way:
            return
        if chosen and chosen.again:
            cycles.begin(job, chosen)
            continue
        rank = Rank(-chosen.prd.priority, -chosen.chain) if chosen else None
        if job.pool.next(job.desk, rank) and chosen:
            try:
                cycles.begin(job, chosen)
            except BaseException:
                job.desk.slots += 1
                raise


def _drain(job: Job) -> None:
    """After an error: what is under way ends, and nothing of it is recorded; the next run goes on with it."""
    while job.desk.under_way:
        job.pool.next(job.desk, None)
        landed(job.desk)
    job.pool.release(job.desk)
    job.under_way.clear()


def _choose(job: Job, names: Sequence[str], complete: set[str]) -> Cycle | None:
    """The cycle that is to be begun next; None where nothing can be begun now. On the way PRDs are opened, and what has come to rest is looked at."""
    while True:
        found: list[tuple[int, int, int, str, str]] = []
        moved = False
        for place, name in enumerate(names):
            prd = _as_it_is(job, name)
            if prd is None or not all(_is_settled(job, other) for other in prd.depends_on if other in names):
                continue
            if not complete.issuperset(prd.depends_on) and _has_work(job, prd):
                continue
            branch = job.branches.get(name) or _open(job, prd)
            if branch.rests:
                continue
            if branch.first and (cycle := _cycle_of(job, prd, branch.first)):
                return cycle
            if task := _peek(job, prd, branch):
                found.append((-prd.priority, -job.order(name).chains[task], place, name, task))
            elif not _flying(job, name):
                moved = _at_rest(job, prd, branch, complete, names) or moved
        if found and (cycle := _cycle_of(job, job.prds[min(found)[3]], min(found)[4])):
            return cycle
        if not found and not moved:
            return None


def _as_it_is(job: Job, name: str) -> Prd | None:
    """A PRD as its file says it now; None while cycles of what it said before are under way, and where it cannot be planned now."""
    before = job.prds[name]
    said = job.meanwhile.look(before) if job.meanwhile else before
    if said.fingerprint == before.fingerprint:
        return before
    if _flying(job, name):
        return None
    job.branches.pop(name, None)
    if (prd := planned.as_it_is(job, name)) is not None:
        settle(job, prd)
    return prd


def _is_settled(job: Job, name: str) -> bool:
    """Nothing of a PRD is under way, and nothing can be begun: what builds on it may look whether it has moved on."""
    return name in job.branches and job.branches[name].rests


def _flying(job: Job, prd: str) -> list[Task]:
    return [cycle.row.task for cycle in job.under_way.values() if cycle.prd.id == prd]


def _open(job: Job, prd: Prd) -> Branch:
    """Begin with a PRD: its branch is prepared, and all of it judged again when the PRD that it builds on has moved on."""
    if upstream := reworded.moved_on(job.store, prd):
        job.store.merged(prd.id, job.run, f"{upstream} has moved on and is merged in: it is judged again")
        settle(job, prd)
    branch = job.branches[prd.id] = Branch()
    if _has_work(job, prd):
        forecasting.note(job, prd)
        branch.place = cycles.prepare(job, prd)
        cycles.integrate_left(job, prd, branch.place)
    return branch


def _peek(job: Job, prd: Prd, branch: Branch) -> str:
    """The task of a PRD that is to be begun next; '' where there is none now."""
    if branch.first:
        return branch.first
    busy = {path for task in _flying(job, prd.id) for path in _files(task)}
    aside: list[tuple[int, int, str]] = []
    found = ""
    refilled = False
    while not found:
        if not branch.ready:
            left = [] if refilled else [name for name in job.store.in_state("ready", prd.id) if name not in branch.tried]
            waiting = {name for _, _, name in aside}
            branch.offer(job.order(prd.id), (name for name in left if name not in waiting))
            refilled = True
            if not branch.ready:
                break
        entry = branch.ready[0]
        name = entry[2]
        if name in branch.tried or name in job.under_way or light.states(job.store, [name]).get(name) != "ready":
            heapq.heappop(branch.ready)
        elif busy.isdisjoint(_files(job.order(prd.id).tasks[name])):
            found = name
        else:
            aside.append(heapq.heappop(branch.ready))
    for entry in aside:
        heapq.heappush(branch.ready, entry)
    return found


def _files(task: Task) -> tuple[str, ...]:
    """What a cycle of the task may write."""
    return (*task.files, task.test_file)


def _cycle_of(job: Job, prd: Prd, name: str) -> Cycle | None:
    """The next cycle of a task; None where it cannot be begun, which is said and recorded."""
    branch = job.branches[prd.id]
    row = job.store.task(name)
    again, branch.first = branch.first == name, ""
    branch.tried.add(name)
    if job.config.planning.approve == "person" and job.approved[prd.id].get(name) != row.fingerprint:
        planned.say_unapproved(job, prd)
        return None
    ladder = choose_ladder(row.task, "code", prd, job.config, job.root)
    if isinstance(ladder, Unavailable):
        if job.outcome.wait(prd, "no-agent", ladder.message, "; or ".join(ladder.ways)):
            job.say(f"{prd.id}: waits: {ladder.message}\n" + "\n".join(f"  → {way}" for way in ladder.ways), "waiting", prd=prd.id)
        return None
    assert branch.place is not None, "a PRD with work has a place"
    cycle = cycles.of(job, prd, row, branch.place, ladder, job.order(prd.id).chains[name])
    if refused := cycles.refusal(cycle):
        cycles.park(job, row, refused)
        settle(job, prd, name)
        report(job)
        return None
    branch.tried.discard(name)
    cycle.again = again
    return cycle


def _at_rest(job: Job, prd: Prd, branch: Branch, complete: set[str], names: Sequence[str]) -> bool:
    """Nothing of a PRD can be begun: the gate of its phase, and what follows when it is complete. Whether there may be something to do now."""
    if gate.moved(job, prd, functools.partial(_python, job, prd)):
        settle(job, prd)
        branch.tried.clear()
        if branch.place is None and _has_work(job, prd):
            branch.place = cycles.prepare(job, prd)
        return True
    branch.rests = True
    gate.explain(job, prd)
    keep_held_out(job, prd)
    (complete.add if is_complete(job, prd) else complete.discard)(prd.id)
    downstream = [name for name in names if prd.id in job.prds[name].depends_on and not _flying(job, name)]
    for name in downstream:
        job.branches.pop(name, None)  # it looks again whether this one has moved on
    return bool(downstream)


def _python(job: Job, prd: Prd) -> Path:
    return cycles.prepare(job, prd).python
