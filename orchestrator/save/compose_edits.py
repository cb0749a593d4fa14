"""Rows → the parts of a project's report that tell what edits changed, and what they left behind."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, cast

from orchestrator.model import Proof, Task
from orchestrator.plan import delta
from orchestrator.run.git import Repository
from orchestrator.run.test_files import files_of
from orchestrator.save import edits
from orchestrator.save.edit_reports import AnswerReport, CommitReport, EditedReport, EditReport, OrphanReport
from orchestrator.save.reports import CriterionReport, RequirementReport
from orchestrator.save.store import Store, TaskRow

REWORDED = "proved for the earlier wording"
AGAIN = "it says what was proved, and is proved again with the rest of its task"


def orphans(store: Store, repository: Repository | None, prd: str = "") -> list[OrphanReport]:
    """What is still there of requirements that left the text of a PRD, or of any; not once a person took its tests and its own files away."""
    return [found for name, since, path in edits.orphans(store, prd) if repository and (found := _orphan(store, repository, name, since, path))]


def _orphan(store: Store, repository: Repository, name: str, since: str, path: str) -> OrphanReport | None:
    row = store.task(name)
    mine = [*(task.id for task in edits.superseded(store, name)), name]
    entries = [entry for each in mine for entry in store.commits(each) if entry[0]]
    branch = f"refs/heads/prd/{row.prd}"
    if not repository.resolve(branch):
        return None
    there = set(repository.paths(repository.tree(branch)))
    own, others = _touched(repository, [commit.id for _, commit, _ in entries]), set()
    for other in store.states(row.prd):
        if other not in mine:
            others |= _touched(repository, [commit.id for fingerprint, commit, _ in store.commits(other) if fingerprint])
    tests = [test for test in files_of(row.task) if test in there]
    files = sorted(file for file in own & there if file not in tests)
    if not tests and not set(files) - others:
        return None
    commits = [CommitReport(id=commit.id, kind=cast(Any, commit.kind), subject=commit.subject, branch=where) for _, commit, where in entries]
    return OrphanReport(
        task=name,
        prd=row.prd,
        path=path,
        title=row.task.goal,
        requirements=[requirement.id for requirement in row.task.requirements],
        since=since,
        branch=f"prd/{row.prd}",
        files=files,
        shared=[file for file in files if file in others],
        tests=tests,
        commits=commits,
    )


def _touched(repository: Repository, commits: list[str]) -> set[str]:
    return {path for _, paths in (repository.told(tuple(commits)) if commits else {}).values() for path in paths}


def outdated(store: Store, rows: list[TaskRow], proofs: dict[str, tuple[str, Proof]]) -> dict[str, tuple[str, str]]:
    """Criterion → (why what was proved of it does not count now, in a sentence; when that was proved), of tasks."""
    found: dict[str, tuple[str, str]] = {}
    for row in rows:
        for fingerprint in {proofs[item.id][0] for item in row.task.criteria if item.id in proofs} - {row.fingerprint}:
            before = edits.wording(store, row.id, fingerprint)
            if before is None:
                continue
            at, known, changed = edits.proved_at(store, row.id), {item.id for item in before.criteria}, delta.changed_criteria(before, row.task)
            found |= {item.id: (REWORDED if item.id in changed else AGAIN, at) for item in row.task.criteria if item.id in known}
    return found


def told(store: Store, prd: str, requirements: list[RequirementReport]) -> list[EditReport]:
    """The edits of a PRD, newest first, each with the proofs that it made outdated. `requirements`: as they stand now."""
    lost = {requirement.id: [item for item in requirement.criteria if item.outdated] for requirement in requirements}
    found = []
    for edit in edits.of(store, prd):
        changes = []
        for item in edit.changes:
            names = {part.name for part in item.parts}
            around = bool(names - {criterion.key for criterion in lost.get(item.requirement, ())})
            mine = [criterion for criterion in lost.get(item.requirement, ()) if criterion.key in names or (around and _is_reworded(criterion))]
            lost[item.requirement] = [criterion for criterion in lost.get(item.requirement, ()) if criterion not in mine]
            changes.append(EditedReport(**asdict(item) | {"outdated": [criterion.id for criterion in mine]}))
        found.append(EditReport(at=edit.at, run=edit.run, path=edit.path, changes=changes))
    return found


def _is_reworded(criterion: CriterionReport) -> bool:
    return criterion.outdated == REWORDED


def answers(task: Task, path: str) -> list[AnswerReport]:
    """What a person answered about the requirements of a task. `path`: of its PRD."""
    return [
        AnswerReport(requirement=each.id, criterion=item.criterion, question=item.question, text=item.text, path=path, line=item.line)
        for each in task.requirements
        for item in each.answers
    ]
