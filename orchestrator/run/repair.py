"""A project's repository after a power cut: locks that nobody holds, refs and objects that cannot be read, and what of it can be had again.

Only the process that holds the project's lock writes the repository, so a `*.lock` in it while we hold that was left by a git that died.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import time
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from orchestrator.errors import DamagedError
from orchestrator.run import git
from orchestrator.run.git import GitError, Repository

OURS = ("refs/heads", "refs/orchestrator")
_OBJECT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
PATIENCE = 1.0
"""Seconds that a lock must have stood unchanged: a git whose parent was killed may still be at its last write."""


def clear_locks(path: Path) -> tuple[str, ...]:
    """Remove the locks that a dead git left in a repository, and return their names. Only to be called under the project's lock."""
    first = {lock: lock.stat().st_mtime_ns for lock in _locks(path)}
    if not first:
        return ()
    time.sleep(PATIENCE)
    stale = sorted(lock for lock in _locks(path) if first.get(lock) == lock.stat().st_mtime_ns)
    for lock in stale:
        lock.unlink(missing_ok=True)
    return tuple(lock.relative_to(path).as_posix() for lock in stale)


def _locks(path: Path) -> Iterator[Path]:
    yield from (found for found in (*path.rglob("*.lock"), path / "gc.pid") if found.is_file())


def check(path: Path, branches: Iterable[str]) -> None:
    """Raises DamagedError when refs of ours, or the commits, trees and files they lead to, are not there. `branches`: those that hold commits of
    tasks, as the database says. Contents are not read: that is `complaint`."""
    wanted = sorted(branches)
    if not path.exists() and not wanted:
        return
    why = ""
    try:
        if not (path / "HEAD").is_file():
            why = "it is gone" if not path.exists() else "it has no HEAD"
        elif unreadable := [name for name, value in _loose(path).items() if not _OBJECT.fullmatch(value)]:
            why = f"{unreadable[0]} names no commit"
        else:
            repository = Repository(path)
            refs = repository.refs(*OURS)
            if missing := [name for name in wanted if f"refs/heads/{name}" not in refs]:
                why = f"the branch {missing[0]} is gone"
            elif refs:
                repository.git("rev-list", "--objects", "--quiet", *refs.values(), "--not", "--glob=refs/remotes/target")
    except GitError as error:
        why = error.message.partition(": ")[2] or error.message
    if why:
        raise DamagedError(f"{path} is damaged: {why.splitlines()[0][:300]}")


def complaint(path: Path) -> str:
    """What git says is wrong with a repository, contents included; '' when nothing is. It takes a while where there are many objects."""
    try:
        check(path, ())
        Repository(path).git("fsck", "--full", "--no-dangling", "--no-progress")
    except (DamagedError, GitError) as error:
        return error.message.partition(": ")[2].splitlines()[0][:300] or error.message
    return ""


def restore(path: Path, bundle: Path, aside: Path) -> tuple[str, ...]:
    """Set a damaged repository aside and make it anew from what of it is whole and from the git bundle. Returns what became of each ref that is not
    what it was. `aside`: a folder that is there."""
    old = aside / path.name
    if path.exists():
        path.rename(old)
    git.run("init", "--quiet", "--bare", str(path))
    repository = Repository(path)
    lines = []
    if (old / "objects").is_dir():
        _salvage(old / "objects", repository)
    backups = carried(bundle)
    if backups:
        try:
            repository.git("bundle", "unbundle", str(bundle.resolve()))
        except GitError as error:
            lines.append(f"{bundle.name} cannot be read: {error.message.partition(': ')[2][:200]}")
    told = named(old)
    for ref in sorted({*told, *backups}):
        before, backup = told.get(ref, ""), backups.get(ref, "")
        found = next((value for value in (before, backup) if _OBJECT.fullmatch(value) and _whole(repository, value)), "")
        if found:
            repository.git("update-ref", ref, found)
        if not found:
            lines.append(f"{ref}: nothing of it is whole, neither here nor in {bundle.name}")
        elif found != before:
            lines.append(f"{ref}: stands at {found[:12]}, as {bundle.name} has it")
    return tuple(lines)


def named(path: Path) -> dict[str, str]:
    """Ref → what it says, read as files, since git passes over what it cannot read."""
    return {name: value for name, value in {**_packed(path), **_loose(path)}.items() if name.startswith("refs/")}


def carried(bundle: Path) -> dict[str, str]:
    """Ref → commit of a git bundle; {} when there is none that can be read."""
    try:
        return {name: value for name, value in git.advertised(bundle).items() if name.startswith("refs/")} if bundle.is_file() else {}
    except GitError:
        return {}


def _loose(path: Path) -> dict[str, str]:
    """Ref → what its file holds, for the refs that have a file."""
    files = [file for file in (path / "refs").rglob("*") if file.is_file() and file.suffix != ".lock"]
    found = {file.relative_to(path).as_posix(): file.read_bytes()[:100].decode("ascii", "replace").strip() for file in files}
    return {name: value for name, value in found.items() if not value.startswith("ref: ")}


def _packed(path: Path) -> dict[str, str]:
    if not (path / "packed-refs").is_file():
        return {}
    lines = (path / "packed-refs").read_bytes().decode("utf-8", "replace").splitlines()
    return {name: value for value, _, name in (line.partition(" ") for line in lines) if _OBJECT.fullmatch(value)}


def _whole(repository: Repository, commit: str) -> bool:
    try:
        repository.git("rev-list", "--objects", "--quiet", commit)
    except GitError:
        return False
    return True


def _salvage(objects: Path, repository: Repository) -> None:
    """Every loose object that holds what its name says, and of packs as much as git can read."""
    for file in objects.glob("[0-9a-f][0-9a-f]/*"):
        name = file.parent.name + file.name
        if _OBJECT.fullmatch(name) and _holds(file, name):
            place = repository.path / "objects" / file.parent.name
            place.mkdir(exist_ok=True)
            shutil.copy2(file, place / file.name)
    for pack in objects.glob("pack/*.pack"):
        with pack.open("rb") as stream:
            repository.git("unpack-objects", "-q", "-r", stdin=stream.read(), ok=tuple(range(256)))


def _holds(file: Path, name: str) -> bool:
    digest = hashlib.sha1(usedforsecurity=False) if len(name) == 40 else hashlib.sha256()
    try:
        digest.update(zlib.decompress(file.read_bytes()))
    except (OSError, zlib.error):
        return False
    return digest.hexdigest() == name
