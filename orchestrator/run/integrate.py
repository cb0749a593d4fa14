"""Serial integration: the judged trees become commits on `prd/<prd>`, with trailers. Repeating it is harmless.

The `Attempt:` trailer is looked for first. The commits of a task appear at once, by one compare-and-swap of the branch.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model import Change, CycleResult, Prd, RetiredTest, Task
from orchestrator.run import mentions
from orchestrator.run.git import Repository

LISTED = 50
"""Retired tests that a commit names; the task's report has them all."""


@dataclass(frozen=True)
class Commit:
    id: str
    kind: str
    """`test`, `feat` or `refactor`."""
    subject: str


class Conflict(Exception):
    """The branch moved on since the trees were judged."""


def integrate(repository: Repository, branch: str, task: Task, result: CycleResult) -> tuple[Commit, ...]:
    """The commits of a passed result, made or found. Raises Conflict when the head's tree is not the judged base."""
    key = attempt_key(result)
    found = repository.commits_with(branch, f"Attempt: {key}")
    for position, commit in enumerate(found):  # the same wording may have been worked on before, on another base: those are other commits
        if repository.tree(f"{commit}^") == result.base_tree:
            return tuple(commit_of(repository, each) for each in _chain(repository, found[position:]))
    head = repository.resolve(branch)
    if repository.tree(head) != result.base_tree:
        raise Conflict(f"{branch} is at {repository.tree(head)[:12]}, the trees were judged on {result.base_tree[:12]}")
    commits, tip, before = [], head, result.base_tree
    for kind, tree in zip(("test", "feat", "refactor"), trees(repository, result), strict=True):
        if tree != before:
            tip = repository.commit(tree, (tip,), _message(kind, task, key, f"tree {tree}", result.retired if kind == "test" else ()))
            commits.append(tip)
            before = tree
    if tip != head and not repository.move(branch, tip, head):
        raise Conflict(f"{branch} moved while it was written")
    return tuple(commit_of(repository, commit) for commit in commits)


def _chain(repository: Repository, commits: tuple[str, ...]) -> tuple[str, ...]:
    """The first commit and those that follow it, each the child of the one before."""
    found = commits[:1]
    for commit in commits[1:3]:
        if repository.resolve(f"{commit}^") == found[-1]:
            found = (*found, commit)
    return found


def trees(repository: Repository, result: CycleResult) -> tuple[str, str, str]:
    """(RED, GREEN, tidied): the base with the locked tests, that with the candidate, that with what tidying changed (else as GREEN)."""
    red_tree = repository.write_tree(result.base_tree, locked(result.tests, result.gone))
    green_tree = repository.write_tree(red_tree, result.code)
    tidied = result.tidying.changes if result.tidying and result.tidying.kept else ()
    return red_tree, green_tree, repository.write_tree(green_tree, tidied)


def locked(tests: tuple[Change, ...], gone: tuple[str, ...]) -> tuple[Change, ...]:
    """What the test commit changes: the locked tests, and the files of earlier wordings that they take away."""
    return (*tests, *(Change(path, None) for path in gone))


def attempt_key(result: CycleResult) -> str:
    number = result.attempts[-1].number if result.attempts else 0
    return f"{result.task}@{result.fingerprint[:12]}.{number}"


def commit_held_out(
    repository: Repository, branch: str, prd: Prd, tasks: tuple[Task, ...], visible: dict[str, frozenset[str]], fresh: frozenset[str]
) -> Commit | None:
    """When a PRD is complete its held-out examples join the committed tests as regression tests. `visible`: task → shown example ids;
    `fresh`: tasks whose tests begin with fresh modules."""
    from orchestrator.run import examples  # not for those that only read what was committed: `status` is to be quick

    changes: list[Change] = []
    for task in tasks:
        hidden = [example for example in task.examples if example.id not in visible.get(task.id, frozenset())]
        if hidden:
            changes.append(Change(task.test_file, examples.test_file(task, prd.path, task.examples, fresh=task.id in fresh)))
    head = repository.resolve(branch)
    tree = repository.write_tree(repository.tree(head), tuple(changes))
    subject = kept_subject(prd.id)
    if not changes or tree == repository.tree(head):
        made = [commit for commit in repository.commits_with(branch, f"Evidence: tree {tree}") if repository.subject(commit) == subject]
        return commit_of(repository, made[-1]) if changes and made else None
    message = f"{subject}\n\nPRD: {prd.id}\nEvidence: tree {tree}\n"
    commit = repository.commit(tree, (head,), message)
    if not repository.move(branch, commit, head):
        raise Conflict(f"{branch} moved while it was written")
    return commit_of(repository, commit)


def kept_subject(prd: str) -> str:
    """The first line of the commit that keeps a PRD's held-out examples."""
    return f"test({prd}): keep the held-out examples as regression tests"


def _message(kind: str, task: Task, key: str, evidence: str, retired: tuple[RetiredTest, ...] = ()) -> str:
    goal = mentions.harmless(task.goal)
    subject = f"{kind}({task.id}): {goal}"
    trailers = [f"PRD: {task.prd}", f"Task: {task.id}", *(f"Requirement: {item.id}" for item in task.requirements)]
    lines = [f"- {item.test} ({item.how})" for item in retired[:LISTED]] + [f"- and {len(retired) - LISTED} more"] * (len(retired) > LISTED)
    told = "Tests of an earlier wording, retired:\n" + "\n".join(lines) + "\n\n" if retired else ""
    return f"{subject[:100]}\n\n{told}" + "\n".join([*trailers, f"Attempt: {key}", f"Evidence: {evidence}"]) + "\n"


def commit_of(repository: Repository, commit: str) -> Commit:
    subject = repository.subject(commit)
    return Commit(commit, subject.partition("(")[0], subject)
