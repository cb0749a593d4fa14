"""What a task takes from earlier wordings of its requirements: locked tests that still ask the same, and files that nothing asks for any more; and
whether it is worded otherwise by now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from orchestrator.errors import PlanError
from orchestrator.meanwhile import Meanwhile
from orchestrator.model import Change, CycleResult, Plan, Prd, Task
from orchestrator.plan import delta
from orchestrator.run import test_files
from orchestrator.run.git import Repository, is_ancestor
from orchestrator.save import edits
from orchestrator.save.store import Store, TaskRow


def locked_before(task: Task, earlier: list[CycleResult]) -> tuple[Change, ...]:
    """Tests for prose criteria that an earlier cycle of the same wording has locked."""
    locked = [change for result in earlier for change in result.tests if change.path != task.test_file]
    return tuple(locked[-1:])


def carried(store: Store, row: TaskRow) -> tuple[Change, ...]:
    """Tests for prose criteria of the wording before, or of the id before, where whoever wrote them would be asked the same again."""
    before = edits.last_wording(store, row.id)
    for task in (*([before] if before else ()), *edits.superseded(store, row.id)):
        entry = store.result(task.id, task.fingerprint) if delta.same_prose(task, row.task) else None
        if entry and (tests := locked_before(task, [entry.result])):
            return tuple(replace(change, path=test_files.prose_file(row.task)) for change in tests)
    return ()


def earlier_files(store: Store, task: Task, made: frozenset[str] | None) -> tuple[str, ...]:
    """Test files that the orchestrator has made for what the task was, and for tasks that it took the place of. `made`: every path that its commits
    have touched, None where no one else's are there: a person's file of such a name stays."""
    own = (*([] if task.examples else [task.test_file]), test_files.prose_file(task))
    others = (path for other in edits.superseded(store, task.id) for path in test_files.files_of(other))
    return tuple(path for path in dict.fromkeys((*own, *others)) if made is None or path in made)


def outdated(store: Store, row: TaskRow) -> frozenset[str]:
    """Test files of other tasks of the PRD that bind nobody now: their requirement is gone, or is worded otherwise and not proved as it is."""
    others = (name for name in edits.outdated(store, row.prd) if name != row.id)
    return frozenset(path for name in others for path in test_files.files_of(store.task(name).task))


def edited(meanwhile: Meanwhile | None, prd: Prd, row: TaskRow) -> str:
    """Why a task is not what it was when its cycle was begun, as the PRD's file stands now; '' where it is."""
    said = meanwhile.look(prd) if meanwhile else prd
    if meanwhile is None or said.fingerprint == prd.fingerprint:
        return ""
    try:
        tasks = meanwhile.readings.planned(said, meanwhile.config)[1].tasks
    except PlanError:  # it is said when the PRD is planned again, after the cycle
        return ""
    task = next((task for task in tasks if task.id == row.id), None)
    if task is None:
        return f"{prd.path} was edited while it was worked on, and asks for it no more"
    if task.fingerprint == row.fingerprint and not task.question:
        return ""
    return f"{prd.path} was edited while it was worked on: {', and '.join(delta.reasons(row.task, task)) or 'it has a question now'}"


def ours(made: frozenset[str], plans: Iterable[Plan]) -> frozenset[str]:
    """Files of a branch that are no person's. `made`: those that commits of the orchestrator have touched."""
    return test_files.made_by_us(made, (task for plan in plans for task in plan.tasks))


def moved_on(store: Store, prd: Prd) -> str:
    """The PRD that this one builds on, when that has commits which are not on this one's branch yet; ''. Only where both have a branch."""
    if not prd.depends_on or not (store.repository / "HEAD").exists():
        return ""
    repository, upstream = Repository(store.repository), prd.depends_on[-1]
    head, start = (repository.resolve(f"refs/heads/prd/{name}") for name in (prd.id, upstream))
    return upstream if head and start and not is_ancestor(repository, start, head) else ""
