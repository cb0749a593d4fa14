"""A complete PRD's branch as a whole: what is new beside what was proved. Nothing that is proved is un-proved by it.

    suite         the whole suite, as the project runs it
    ruff, mypy    where the project configures them
    commits       finished tasks whose code is committed nowhere
    orphans       retired tasks that were once done: their code is still there
    criteria      those that nothing proves
    dependencies  of the plan: none dangles, none goes round in a circle

What the target branch had before our work does not count. `at_end` does so at the end of a run, once for each head; `validate` when a person asks.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator import gate
from orchestrator.config import Config
from orchestrator.errors import SetupError
from orchestrator.model import Plan, Prd
from orchestrator.plan import graph, phases, waves
from orchestrator.run import environment, linters, sandboxes, stopping, whole
from orchestrator.run.durable import durable
from orchestrator.run.git import Repository
from orchestrator.run.linters import Complaint, Told
from orchestrator.save import checked, light
from orchestrator.save.clock import now
from orchestrator.save.store import Store
from orchestrator.save.wholes import CheckReport, ComplaintReport, ValidationReport

if TYPE_CHECKING:
    from orchestrator.job import Job

LISTED = 50
"""Complaints of one check that a report lists."""
RULES = 1
"""Goes up when a validation looks at more: what was validated before is validated once more."""


def at_end(job: Job, prds: Sequence[Prd]) -> None:
    """Validate what is complete and was not validated as it stands. `prds`: those whose tasks are all done."""
    heads = Repository(job.store.repository).refs("refs/heads/prd") if prds and (job.store.repository / "HEAD").exists() else {}
    for prd in prds:
        head, known = heads.get(f"refs/heads/prd/{prd.id}", ""), checked.last(job.store, prd.id, checked.VALIDATION)
        if not head or (known and (known.head, known.key) == (head, _key(job.store, prd, job.plans[prd.id]))):
            continue
        job.say(f"{prd.id}: all its tasks are done; the branch as a whole …", "validated", prd=prd.id)
        try:
            report = examine(job.store, job.root, job.config, prd, job.plans[prd.id], job.run)
        except SetupError as error:
            stopping.check_now()
            job.say(f"{prd.id}: not validated: {error}", "waiting", prd=prd.id)
            continue
        stopping.check_now()
        job.begin()
        with durable("branch checked"):
            checked.save(job.store, checked.VALIDATION, _key(job.store, prd, job.plans[prd.id]), report)
        job.say(f"{prd.id}: {summary(report)}", "validated", prd=prd.id, passed=report.passed)


def _key(store: Store, prd: Prd, plan: Plan) -> str:
    """Of what a validation depends on besides the head: what is done, and what the PRD asks for in which order; not how that is written down."""
    asked = [(item.id, len(item.criteria), item.depends_on, item.phase) for item in prd.requirements]
    order = [(task.id, task.depends_on) for task in plan.tasks]
    return hashlib.sha256(json.dumps([RULES, light.done(store, prd.id), asked, order]).encode()).hexdigest()[:16]


def record(store: Store, prd: Prd, plan: Plan, report: ValidationReport) -> None:
    """Keep what a person asked for, so that a run need not look again."""
    checked.save(store, checked.VALIDATION, _key(store, prd, plan), report)


def summary(report: ValidationReport) -> str:
    """In one line."""
    wrong = [check for check in report.checks if check.state == "complaints"]
    if not wrong:
        held = ", ".join(check.name for check in report.checks if check.state == "holds")
        return f"validated: nothing new is wrong ({held})"
    return "validated, with complaints: " + "; ".join(f"{check.name}: {check.detail}" for check in wrong)


def examine(store: Store, root: Path, config: Config, prd: Prd, plan: Plan, run: str) -> ValidationReport:
    """Look at the head of a PRD's branch; nothing is written. Raises SetupError when nothing can be started, or there is no branch."""
    began, repository = time.monotonic(), Repository(store.repository)
    tree = repository.tree(f"refs/heads/prd/{prd.id}")
    if not tree:
        raise SetupError(f"prd/{prd.id} has no commit yet", hint="`orchestrator run` makes its branch")
    sandboxes.required_level(config.sandbox.require, allow_weak=config.sandbox.allow_weak)
    python = environment.of_tree(repository, tree, prd, config.folder(root, "environments")).python
    branch, head = gate.branch_of(store, config, prd, python)
    about = _About(store, prd, plan, branch, repository.merge_base(head, gate.start_of(repository, prd)) or head)
    checks = [_suite(about), *_linters(about), _commits(about), _orphans(about), _criteria(about), dependencies(prd, plan)]
    return ValidationReport(
        prd=prd.id,
        head=head,
        tree=branch.tree,
        base=about.base,
        at=now(),
        run=run,
        passed=all(check.state != "complaints" for check in checks),
        checks=checks,
        seconds=round(time.monotonic() - began, 3),
        sandbox=sandboxes.level().name,
    )


@dataclass(frozen=True)
class _About:
    store: Store
    prd: Prd
    plan: Plan
    branch: whole.Branch
    base: str
    """Commit."""


def _check(name: Any, detail: str, complaints: Sequence[ComplaintReport] = (), **more: Any) -> CheckReport:
    state = more.pop("state", "complaints" if complaints else "holds")
    listed = list(complaints[:LISTED])
    return CheckReport(name=name, state=state, detail=detail, complaints=listed, more=len(complaints) - len(listed), **more)


# --- code ------------------------------------------------------------------------------------------------------------------


def _suite(about: _About) -> CheckReport:
    seen = whole.suite_only(about.branch, gate.finished(about.store, about.prd))
    complaints = [ComplaintReport(where=each.what, code="", message=each.message) for each in seen.broken]
    known = sum("before our work" in said for said in seen.notices)
    if complaints:
        detail = f"{_count(len(complaints), 'test fails', 'tests fail')} of {seen.tests}"
    elif not seen.tests:
        return _check("suite", "there is no test", state="not run")
    else:
        detail = f"{_count(seen.tests, 'test', 'tests')} run, none fails that held before"
    return _check("suite", detail, complaints, tool="pytest", known=known)


def _linters(about: _About) -> Iterator[CheckReport]:
    branch = about.branch
    read = partial(branch.repository.read, branch.tree)
    asked: tuple[tuple[str, bool, Callable[..., Told]], ...] = (
        ("ruff", linters.wants_ruff(read), linters.ruff),
        ("mypy", linters.wants_mypy(read), linters.mypy),
    )
    for name, wanted, ask in asked:
        if not wanted:
            continue
        told = ask(branch.repository, branch.tree, branch.python, branch.config.limits)
        if told.why_not:
            yield _check(name, told.why_not, state="not run", tool=told.tool)
            continue
        before = ask(branch.repository, branch.base, branch.python, branch.config.limits) if told.complaints else told
        fresh, known = new(before.complaints, told.complaints)
        detail = f"{_count(len(fresh), 'new complaint', 'new complaints')}" if fresh else "no new complaint"
        where = [ComplaintReport(where=f"{item.path}:{item.line}", code=item.code, message=item.message) for item in fresh]
        yield _check(name, detail + (f"; {known} that were there before" if known else ""), where, tool=told.tool, known=known)


def new(before: Sequence[Complaint], after: Sequence[Complaint]) -> tuple[list[Complaint], int]:
    """(complaints that were not there before, how many were): the same of the same file is the same, on whatever line it stands now."""
    left = Counter(item.kind for item in before)
    fresh = []
    for item in after:
        if left[item.kind]:
            left[item.kind] -= 1
        else:
            fresh.append(item)
    return fresh, len(after) - len(fresh)


# --- what is recorded --------------------------------------------------------------------------------------------------------


def _commits(about: _About) -> CheckReport:
    """A finished task whose code was written has its commits; one that held already may have none."""
    without, satisfied = [], 0
    done = light.done(about.store, about.prd.id)
    for task, fingerprint, _ in done:
        if any(each == fingerprint for each, _, _ in about.store.commits(task)):
            continue
        entry = about.store.result(task, fingerprint)
        if entry is not None and entry.result.verdict == "already satisfied":
            satisfied += 1
        else:
            without.append(ComplaintReport(where=task, code="", message="it is done, and no commit is known of it"))
    held = f"; {satisfied} held already and needed none" if satisfied else ""
    return _check("commits", f"{len(done) - len(without) - satisfied} of {_count(len(done), 'task', 'tasks')} committed{held}", without)


def _orphans(about: _About) -> CheckReport:
    query = "SELECT id FROM tasks WHERE prd = ? AND state = 'retired' AND id IN (SELECT task FROM events WHERE target = 'done') ORDER BY position, id"
    names = [name for (name,) in about.store.db.execute(query, (about.prd.id,))]
    listed = [
        ComplaintReport(where=name, code="", message="its requirement is gone, and what was written for it was not taken out") for name in names
    ]
    detail = f"{_count(len(names), 'retired task was', 'retired tasks were')} once done" if names else "no finished task was retired"
    return _check("orphans", detail, listed, state="noted" if names else "holds")


def _criteria(about: _About) -> CheckReport:
    """A criterion of a task has a proof; a requirement that no task works on is only noted."""
    proofs = light.proofs(about.store, about.prd.id)
    fingerprints, states = {task.id: task.fingerprint for task in about.plan.tasks}, about.store.states(about.prd.id)
    owners = {item.id: task.id for task in about.plan.tasks for item in task.criteria}
    unproved = []
    for criterion, task in owners.items():
        fingerprint, proof = proofs.get(criterion, ("", None))
        if states.get(task) != "done" or proof is None or proof.level == "none" or fingerprint != fingerprints[task]:
            unproved.append(
                ComplaintReport(
                    where=criterion, code="", message=f"nothing proves it as it is worded, and {task} is {states.get(task, 'not planned')}"
                )
            )
    outside = [
        ComplaintReport(where=item.id, code="", message=item.why) for item in waves.uncovered(about.prd, about.plan)
    ]  # fmt: skip
    detail = f"{len(owners) - len(unproved)} of {_count(len(owners), 'criterion', 'criteria')} proved"
    if outside:
        detail += f"; {_count(len(outside), 'requirement is', 'requirements are')} in no task"
    return _check("criteria", detail, unproved or outside, state="complaints" if unproved else "noted" if outside else "holds")


def dependencies(prd: Prd, plan: Plan) -> CheckReport:
    """The dependencies of a plan, and what the PRD states: none dangles, none goes round in a circle, none points into a later phase."""
    edges = {task.id: task.depends_on for task in plan.tasks}
    stated = {requirement.key: requirement.depends_on for requirement in prd.requirements}
    wrong = [
        ComplaintReport(where=name, code="dangling", message=f"it depends on {target}, which is not there")
        for name, target in (*graph.dangling(edges), *graph.dangling(stated))
    ]
    for found in (edges, stated):
        circles = [members for members in graph.components(found) if len(members) > 1 or members[0] in found[members[0]]]
        wrong += [ComplaintReport(where=each[0], code="circle", message=" → ".join(graph.cycle(found, each[0]))) for each in circles]
    later = [
        ComplaintReport(where=name, code="later phase", message=f"it is in phase {own}, and needs what is done in phase {now}: it is done there")
        for name, own, now in phases.needs_later(prd, plan)
    ]
    count = _count(sum(map(len, edges.values())), "dependency", "dependencies")
    detail = f"{count} between {_count(len(edges), 'task', 'tasks')}, in {_count(len(waves.waves(plan).waves), 'wave', 'waves')}"
    return _check("dependencies", detail, wrong or later, state="complaints" if wrong else "noted" if later else "holds")


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
