"""A finished branch goes to the repository it is for: as a branch of its own, or merged into the target's branch. By plain pushes only.

Each begins with a look at what is there, so that what a killed run had pushed is found, and never pushed again.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from orchestrator.run import remote
from orchestrator.run.git import DamagedRepository, GitError, Repository, is_ancestor
from orchestrator.run.remote import Remote, Unreachable

LISTED = 10
"""Paths of a conflict that are told."""


@dataclass(frozen=True)
class Landed:
    state: Literal["delivered", "by hand", "blocked"]
    detail: str
    branch: str = ""
    """Of the other repository."""
    commit: str = ""
    """What that branch is at, where it is ours."""
    command: str = ""
    """For a person."""
    conflict: bool = False


@dataclass(frozen=True)
class Freight:
    """What is to land where."""

    repository: Repository
    to: Remote
    branch: str
    """`prd/<prd>`."""
    head: str
    into: str


def as_branch(freight: Freight, *, dry: bool = False) -> Landed:
    """Push the branch, unless it or the branch that it is for holds it, or it holds what is not ours. Raises Unreachable."""
    there, tip = remote.heads(freight.repository, freight.to, freight.branch, freight.into)
    if there == freight.head:
        return Landed("delivered", f"{freight.branch} of {freight.to.shown} is at {there[:12]}", freight.branch, there)
    if tip and is_ancestor(freight.repository, freight.head, tip):
        return Landed("delivered", f"{freight.into} of {freight.to.shown} holds it already", freight.into, tip)
    if there and not is_ancestor(freight.repository, there, freight.head):
        return _not_ours(freight, there)
    if tree := remote.checked_out(freight.to, freight.branch):
        return _in_use(freight, tree)
    if not dry:
        try:
            remote.push(freight.repository, freight.to, freight.head, freight.branch)
        except Unreachable:
            now = remote.head(freight.repository, freight.to, freight.branch)
            if now == freight.head:
                return as_branch(freight)
            if now == there:
                raise
            return _not_ours(freight, now)
    pushed = "would be" if dry else "was"
    return Landed("delivered", f"{freight.branch} {pushed} pushed to {freight.to.shown}", freight.branch, freight.head)


def _not_ours(freight: Freight, there: str) -> Landed:
    foreign = freight.repository.log(there, f"^{freight.head}")
    commits = "1 commit" if len(foreign) == 1 else f"{len(foreign)} commits"
    detail = f"{freight.branch} of {freight.to.shown} has {commits} that are not ours, the last {there[:12]}: nothing is pushed over them"
    hint = "move them to another branch there, or rename that one"
    return Landed("blocked", f"{detail}; {hint}")


def _in_use(freight: Freight, tree: Path) -> Landed:
    detail = f"{freight.branch} is checked out in {tree}: nothing is pushed into somebody's working tree"
    source = shlex.quote(str(freight.repository.path))
    return Landed("by hand", detail, command=f"git -C {shlex.quote(str(tree))} pull --ff-only {source} {freight.branch}")


def merged(freight: Freight, message: Callable[[str], str], holds: Callable[[str, str], str], races: int, *, dry: bool = False) -> Landed:
    """Merge it into the branch that it is for. Raises Unreachable.

    `message`: tree → that of the merge commit; `holds`: (merged tree, tree of the branch before) → why it may not be pushed, '' when it may. Asked
    only where the branch has moved on since ours began, so that the merged tree is one that nobody has looked at.
    """
    repository, into = freight.repository, freight.into
    for _ in range(races):
        tip = remote.head(repository, freight.to, into)
        if not tip:
            return Landed("blocked", f"{freight.to.shown} has no branch {into}")
        if is_ancestor(repository, freight.head, tip):
            return Landed("delivered", f"{into} of {freight.to.shown} holds it", into, tip)
        if is_ancestor(repository, tip, freight.head):
            tree = repository.tree(freight.head)
        else:
            tree, conflicts = _merged_tree(repository, tip, freight.head)
            if conflicts:
                return _conflict(freight, tip, conflicts)
            if why := holds(tree, repository.tree(tip)):
                return Landed("blocked", f"merged into {into} as it is at {tip[:12]}, it does not hold: {why}")
        if place := remote.checked_out(freight.to, into):
            return _beside(freight, place, dry)
        if dry:
            return Landed("delivered", f"it can be merged into {into} of {freight.to.shown}, which is at {tip[:12]}", into, tip)
        commit = repository.commit(tree, (tip, freight.head), message(tree))
        try:
            remote.push(repository, freight.to, commit, into)
        except Unreachable:
            if remote.head(repository, freight.to, into) == tip:
                raise
            continue
        return Landed("delivered", f"it is merged into {into} of {freight.to.shown}", into, commit)
    raise Unreachable(f"{into} of {freight.to.shown} moved on {races} times while the merge was looked at", hint="the next run tries again")


def _merged_tree(repository: Repository, tip: str, head: str) -> tuple[str, tuple[str, ...]]:
    """(tree, ()) or ('', the paths that both have changed)."""
    try:
        return repository.git("merge-tree", "--write-tree", tip, head).decode().split("\n")[0], ()
    except DamagedRepository:
        raise
    except GitError:
        said = repository.git("merge-tree", "--write-tree", "--no-messages", "--name-only", "-z", tip, head, ok=(0, 1)).decode("utf-8", "replace")
        return "", tuple(name for name in said.split("\0")[1:] if name) or ("?",)


def _conflict(freight: Freight, tip: str, paths: tuple[str, ...]) -> Landed:
    named = ", ".join(paths[:LISTED]) + (f" and {len(paths) - LISTED} more" if len(paths) > LISTED else "")
    detail = f"{freight.branch} and {freight.into} of {freight.to.shown} (at {tip[:12]}) have changed the same lines: {named}"
    return Landed("blocked", f"{detail}; merge {freight.into} by hand into {freight.branch} in {freight.repository.path}", conflict=True)


def _beside(freight: Freight, place: Path, dry: bool) -> Landed:
    """Somebody works on the branch that it is for: ours is put beside it, and they are told how to merge it."""
    landed = as_branch(freight, dry=dry)
    if landed.state != "delivered":
        return landed
    detail = f"{freight.into} is checked out in {place}, and nothing is pushed into somebody's working tree; {freight.branch} is there to be merged"
    command = f"git -C {shlex.quote(str(place))} merge --no-ff {shlex.quote(freight.branch)}"
    return Landed("by hand", detail, freight.branch, freight.head, command)
