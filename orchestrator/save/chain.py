"""The chain of evidence of a project: one commit per bundle on `refs/orchestrator/evidence`, and all of it in a git bundle that can be carried away.

What lacks a bundle is derived from the database, so a run that was killed between an integration and its bundle is made good by the next one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from orchestrator.config import Limits
from orchestrator.errors import StoreError
from orchestrator.model import Change
from orchestrator.run import integrate
from orchestrator.run.git import EMPTY_TREE, GitError, Repository, advertised
from orchestrator.save import compose, evidence, light
from orchestrator.save.evidence import Committed, KeptEvidence, TaskEvidence
from orchestrator.save.files import write_atomically
from orchestrator.save.store import ResultRow, Store, TaskRow

REF = "refs/orchestrator/evidence"
NAME = re.compile(rf"{evidence.FOLDER}/[a-z0-9_-]{{1,200}}\.json")
"""A bundle's path in the tree of a commit."""
UNSEALED = "0" * 64

Bundle = TaskEvidence | KeptEvidence


def extend(store: Store) -> None:
    """Give a bundle to every done task, and to every commit that keeps held-out examples, that has none yet; in the order of their commits."""
    if not (store.repository / "HEAD").exists():
        return
    repository = Repository(store.repository)
    known = names(repository)
    there = frozenset(known)
    missing: list[Bundle] = [*_tasks(store, repository, there), *_kept(store, repository, there)]
    if len(missing) > 1:
        position = {commit: number for number, commit in enumerate(repository.log("--branches"))}
        missing.sort(key=lambda made: position.get(made.commits[-1].id, len(position)) if made.commits else len(position))
    for made in missing:
        append(repository, made)
    for name in (*known, *(evidence.name(made) for made in missing)):
        _write(store, repository, name)


def add(store: Store, task: str) -> None:
    """The bundle of one task that has just been done."""
    repository, row = Repository(store.repository), store.task(task)
    name = evidence.name_of(row.id, row.fingerprint, row.cycle - 1)
    if not _has(repository, name):
        entry = store.result(row.id, row.fingerprint)
        commits = commits_of(repository, row, entry) if entry else None
        if entry is None or commits is None:
            return
        append(repository, _task(store, row, entry, commits))
    _write(store, repository, name)


def _has(repository: Repository, name: str) -> bool:
    return bool(repository.resolve(f"{REF}:{evidence.FOLDER}/{name}"))


def _write(store: Store, repository: Repository, name: str) -> None:
    path = store.folder / evidence.FOLDER / name
    if not path.exists():
        write_atomically(path, repository.git("cat-file", "blob", f"{REF}:{evidence.FOLDER}/{name}"))


def names(repository: Repository) -> tuple[str, ...]:
    """File names of the bundles in the chain."""
    paths = repository.paths(REF) if repository.resolve(REF) else ()
    return tuple(path.rpartition("/")[2] for path in paths if NAME.fullmatch(path))


def append(repository: Repository, made: Bundle) -> None:
    """One more bundle at the end of the chain."""
    tip = repository.resolve(REF)
    previous = hash_line(repository.message(tip)) if tip else ""
    value: dict[str, Any] = made.model_dump(mode="json") | {"previous": previous}
    name = f"{evidence.FOLDER}/{evidence.name(made)}"
    tree = repository.write_tree(f"{tip}^{{tree}}" if tip else EMPTY_TREE, (Change(name, evidence.sealed(value).decode("ascii")),))
    about = made.task.id if isinstance(made, TaskEvidence) else f"held-out examples of {made.prd}"
    message = f"evidence: {about}\n\nBundle: {name}\nHash: {evidence.hash_of(value)}\n"
    if not repository.move(REF, repository.commit(tree, (tip,) if tip else (), message), tip):
        raise StoreError(f"{REF} of {repository.path} moved while it was written", hint="does something else write this repository?")
    repository.tidy()


def hash_line(message: str) -> str:
    """What a commit of the chain says is the hash of its bundle; '' when it says nothing."""
    return next((line.removeprefix("Hash: ") for line in message.splitlines() if line.startswith("Hash: ")), "")


# --- what lacks a bundle ---------------------------------------------------------------------------------------------------


def _tasks(store: Store, repository: Repository, known: Container[str]) -> Iterable[TaskEvidence]:
    for name, fingerprint, cycle in light.done(store):
        if evidence.name_of(name, fingerprint, cycle) not in known:
            row, entry = store.task(name), store.result(name, fingerprint)
            commits = commits_of(repository, row, entry) if entry else None
            if entry and commits is not None:
                yield _task(store, row, entry, commits)


def commits_of(repository: Repository, row: TaskRow, entry: ResultRow) -> tuple[Committed, ...] | None:
    """The commits of a result as they stand on the branch; None when it did not pass, or when the branch does not hold it."""
    result, trees = entry.result, (entry.red_tree, entry.green_tree, entry.tidied_tree)
    if result.verdict not in ("passed", "already satisfied") or trees != integrate.trees(repository, result):
        return None
    wanted = [after for before, after in pairwise((result.base_tree, *trees)) if after != before]
    if not wanted:
        return ()
    listed = repository.commits_with(f"refs/heads/prd/{row.prd}", f"Attempt: {integrate.attempt_key(result)}")
    found = [committed(repository, commit) for commit in listed]
    for start in range(len(found)):
        part = found[start : start + len(wanted)]
        linked = all(after.parent == before.id for before, after in pairwise(part))
        if linked and [commit.tree for commit in part] == wanted and repository.tree(part[0].parent) == result.base_tree:
            return tuple(part)
    return None


def committed(repository: Repository, commit: str) -> Committed:
    subject = repository.subject(commit)
    parents = repository.parents(commit)
    return Committed(id=commit, kind=subject.partition("(")[0], subject=subject, tree=repository.tree(commit), parent=parents[0] if parents else "")


def _task(store: Store, row: TaskRow, entry: ResultRow, commits: tuple[Committed, ...]) -> TaskEvidence:
    prd, facts = light.prd(store, row.prd), light.run(store, entry.run)["facts"]
    return TaskEvidence(
        project=store.folder.name,
        run=entry.run,
        started_at=entry.started_at,
        cycle=entry.cycle,
        prd=row.prd,
        prd_path=prd.path,
        prd_fingerprint=prd.fingerprint,
        target=prd.target.repo,
        dependencies=list(prd.dependencies),
        task=row.task,
        revealed=list(entry.result.revealed),
        fresh=entry.result.fresh,
        finished=_finished(store, row, entry),
        attempt=integrate.attempt_key(entry.result),
        judged=evidence.judged(compose.task_run(store, row, entry), store.folder),
        commits=list(commits),
        sandbox=entry.result.sandbox,
        sandbox_reasons=facts.get("sandbox_reasons", []),
        tools=facts.get("tools", {}),
        environment=facts.get("environment", ""),
        packages=facts.get("packages", []),
        limits=Limits.model_validate(facts["limits"]) if "limits" in facts else None,
        previous="",
        hash=UNSEALED,
    )


def _finished(store: Store, row: TaskRow, entry: ResultRow) -> list[str]:
    return [evidence.name_of(*found) for found in light.done_before(store, row.prd, row.id, entry.started_at)]


def _kept(store: Store, repository: Repository, known: Container[str]) -> Iterable[KeptEvidence]:
    for prd, commit in light.kept(store):
        if evidence.kept_name(prd, commit) not in known and repository.resolve(f"{commit}^{{commit}}"):
            found = committed(repository, commit)
            tests = [evidence.locked(change.path, change.text or "") for change in repository.changes(found.parent, commit)]
            yield KeptEvidence(project=store.folder.name, prd=prd, tests=tests, commits=[found], previous="", hash=UNSEALED)


# --- to carry away ---------------------------------------------------------------------------------------------------------


def bundle_path(folder: Path) -> Path:
    """Where a project's git bundle lies. `folder`: the project's."""
    return folder / "artifacts" / f"{folder.name}.bundle"


def pack(store: Store) -> None:
    """The branches and the chain as one git bundle; left alone when it holds them as they are."""
    if not (store.repository / "HEAD").exists():
        return
    repository, path = Repository(store.repository), bundle_path(store.folder)
    refs = repository.refs("refs/heads/prd", "refs/heads/main", REF)
    try:
        if not refs or (path.exists() and advertised(path) == refs):
            return
    except GitError:  # damaged: made anew
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        repository.git("bundle", "create", "--quiet", str(part.resolve()), *refs)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
