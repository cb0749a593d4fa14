"""The phases of a PRD while a run works on it: which may begin, and the gate between one and the next.

A gate is passed when the whole suite and the examples and tests of every finished task hold at the head of the branch. Tasks that no longer hold are
done again. What fails and belongs to no task holds the later phases back until the branch, or what was finished on it, is another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.model import Prd
from orchestrator.plan import phases
from orchestrator.run import stopping, whole
from orchestrator.run.durable import durable
from orchestrator.run.git import Repository
from orchestrator.save import checked, phasing
from orchestrator.save.clock import now
from orchestrator.save.phasing import PhaseStanding
from orchestrator.save.store import Store
from orchestrator.save.wholes import BrokenReport, GateReport

if TYPE_CHECKING:
    from orchestrator.config import Config
    from orchestrator.job import Job

LOOKS = 3
"""How often one run comes to the same gate: what it finds is done again, and that may go on for ever."""


def beginnings(job: Job, prd: Prd) -> dict[str, str]:
    """The name of each phase's beginning → `done` or `pending`, as `lifecycle.next_moves` takes it."""
    return {phases.beginning(prd.id, each.number): "pending" if each.state == "waits" else "done" for each in _standing(job, prd)}


def _standing(job: Job, prd: Prd) -> tuple[PhaseStanding, ...]:
    tasks = job.plans[prd.id].tasks
    if not phases.numbers(tasks):
        return ()
    return phasing.standing(job.store, prd.id, tasks, job.store.states(prd.id), gates=job.gates, last=job.last_phase)


def moved(job: Job, prd: Prd, python: Callable[[], Path]) -> bool:
    """Come to the gate that is due, if one is. Whether there may be something to do now that there was not: a phase begins, or tasks are done again.
    `python`: prepares the branch; the interpreter of its environment."""
    found = _standing(job, prd)
    due = next((each for each in found if each.due and each.state != "waits"), None)
    regressed = False
    if due and not _refused(job, prd, due) and job.looks[prd.id, due.number] < LOOKS:
        job.looks[prd.id, due.number] += 1
        interpreter = python()
        job.begin()
        regressed = _come_to(job, prd, due, interpreter)
    return regressed or beginnings(job, prd) != job.beginnings.get(prd.id, {})


def _refused(job: Job, prd: Prd, due: PhaseStanding) -> bool:
    """The gate was not passed, and nothing is another since."""
    gate = due.gate
    return gate is not None and gate.key == due.key and gate.tree == Repository(job.store.repository).tree(f"refs/heads/prd/{prd.id}")


def _come_to(job: Job, prd: Prd, due: PhaseStanding, python: Path) -> bool:
    """Look, move what no longer holds, and record it. Whether a task is to be done again."""
    named = phases.title(prd.phases, due.number)
    job.say(f"{prd.id}: {named}: all its tasks are done; its gate …", "gate", prd=prd.id, phase=due.number)
    report = gate_report(job.store, job.config, prd, due.number, python, job.run)
    stopping.check_now()
    lost = {each.task: each for each in report.broken if each.task}
    for task, each in lost.items():
        job.store.regress(task, f"it no longer holds at the gate of phase {due.number}: {each.what}: {each.message}"[:1000], job.run)
        job.say(
            f"{task}: no longer holds, and is done again: {each.what}: {each.message.splitlines()[0][:200]}", "task ended", task=task, state="ready"
        )
    with durable("branch checked"):
        checked.save(job.store, checked.phase(due.number), due.key, report)
    own = [each for each in report.broken if not each.task]
    if report.passed:
        job.say(f"{prd.id}: {named}: its gate is passed: {_counted(report)}", "gate", prd=prd.id, phase=due.number, passed=True)
    elif own and not lost:
        job.outcome.failed += 1
        text = f"{prd.id}: {named}: its gate is not passed: {own[0].what}: {own[0].message.splitlines()[0][:300]}"
        job.say(text, "gate", prd=prd.id, phase=due.number, passed=False)
    return bool(lost)


def _counted(report: GateReport) -> str:
    tasks = f"{report.tasks} task{'s' * (report.tasks != 1)}"
    return f"{report.tests} tests and {report.examples} examples of {tasks} hold ({report.seconds:.1f} s)"


def gate_report(store: Store, config: Config, prd: Prd, number: int, python: Path, run: str) -> GateReport:
    """What a look at the head of a PRD's branch finds; nothing is written. Raises SetupError when nothing can be started."""
    branch, head = branch_of(store, config, prd, python)
    done = finished(store, prd)
    seen = whole.look(branch, done)
    return GateReport(
        prd=prd.id,
        phase=number,
        at=now(),
        run=run,
        head=head,
        tree=branch.tree,
        passed=not seen.broken,
        tasks=len(done),
        examples=seen.examples,
        tests=seen.tests,
        seconds=round(seen.seconds, 3),
        sandbox=seen.sandbox,
        broken=[BrokenReport(**asdict(each)) for each in seen.broken],
        notices=list(seen.notices),
    )


def branch_of(store: Store, config: Config, prd: Prd, python: Path) -> tuple[whole.Branch, str]:
    """(the branch of a PRD as it stands, its head)."""
    repository = Repository(store.repository)
    head = repository.resolve(f"refs/heads/prd/{prd.id}")
    base = repository.merge_base(head, start_of(repository, prd)) or head
    quarantined = frozenset(item.test for item in store.quarantined() if item.until > now())
    return whole.Branch(prd, repository, repository.tree(head), repository.tree(base), python, config, quarantined), head


def start_of(repository: Repository, prd: Prd) -> str:
    """The ref that a PRD's branch begins at, and is compared with."""
    if prd.depends_on and repository.resolve(f"refs/heads/prd/{prd.depends_on[-1]}"):
        return f"refs/heads/prd/{prd.depends_on[-1]}"
    return f"refs/remotes/target/{prd.target.branch}" if prd.target.repo else "refs/heads/main"


def finished(store: Store, prd: Prd) -> tuple[whole.Finished, ...]:
    """The tasks of a PRD that are done, with what was locked for them."""
    found = []
    for name in store.in_state("done", prd.id):
        row = store.task(name)
        entry = store.result(name, row.fingerprint)
        if entry is not None:
            examples = {example.id: replace(example, held_out=False) for example in row.task.examples if example.id in entry.result.revealed}
            criteria = {
                item.id: replace(item, examples=tuple(examples.get(example.id, example) for example in item.examples)) for item in row.task.criteria
            }
            requirements = tuple(
                replace(requirement, criteria=tuple(criteria[item.id] for item in requirement.criteria)) for requirement in row.task.requirements
            )
            nodes = frozenset(test.test for test in entry.result.people)
            found.append(whole.Finished(replace(row.task, requirements=requirements), entry.result.tests, nodes))
    return tuple(found)


def explain(job: Job, prd: Prd) -> None:
    """What the later phases wait for, with each of their tasks, and once in words."""
    found = {each.number: each.reason for each in _standing(job, prd) if each.state == "waits"}
    said = {task.id: found[task.phase] for task in job.plans[prd.id].tasks if task.phase in found}
    if phasing.explain(job.store, said):
        for number, reason in found.items():
            job.say(f"{prd.id}: {phases.title(prd.phases, number)} {reason}", "waiting", prd=prd.id)
