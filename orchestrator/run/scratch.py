"""Throw-away folders: one that is in use is known by a lock, so that what a killed process left can go at once.

    <place>/orchestrator-<kind>-…        the folder
    <place>/orchestrator-<kind>-….lock   beside it, where code in the folder cannot reach it; locked as long as its owner lives

The place is in memory (`/dev/shm`) where that has room, else the temporary directory. Who sets TMPDIR has said where.

The operating system takes the lock back when a process ends, however it ends. A folder without a lock file was left by an older version: it counts
as used for a day.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

KINDS: dict[str, str] = {
    "cycle": "the workbench of one task",
    "plan": "where a planning agent writes its answer",
    "verify": "a clean copy of a project's history",
    "box": "what a sandbox may write where there are no namespaces",
    "probe": "what the sandbox is tried on",
    "index": "git's index while a tree is written",
    "home": "the home of a coding agent",
    "trial": "where `doctor --live` asks agents something",
}
OURS = re.compile(rf"orchestrator-({'|'.join(KINDS)})-[a-z0-9_]{{8}}")
UNLOCKED_SECONDS = 86_400.0
"""A folder without a lock file is left alone for so long."""


MEMORY = Path("/dev/shm")
ROOM = 1 << 30
"""Bytes that must be free there."""
AVAILABLE = 3 << 30
"""Bytes of memory that must be available at all."""
_disk = threading.Event()


def use(where: Literal["auto", "disk"]) -> None:
    """`disk`: nothing is made in memory from now on."""
    (_disk.set if where == "disk" else _disk.clear)()


def in_memory() -> bool:
    """Whether a folder that is made now goes to memory."""
    if _disk.is_set() or os.environ.get("TMPDIR") or not _memory_is_usable():
        return False
    try:
        room = os.statvfs(MEMORY)
        return room.f_bavail * room.f_frsize >= ROOM and _available() >= AVAILABLE
    except OSError:
        return False


@cache
def _memory_is_usable() -> bool:
    """It is a file system in memory, from which programs may be started, and which may be written to."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        return False
    options = next((fields[3].split(",") for fields in reversed(mounts) if fields[1:3] == [str(MEMORY), "tmpfs"]), ["noexec"])
    return "noexec" not in options and os.access(MEMORY, os.W_OK | os.X_OK)


def _available() -> int:
    found = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


@dataclass(frozen=True)
class Leftover:
    """What a process that is gone has left."""

    path: Path
    """The folder; it may be gone already, and only its lock file be there."""
    bytes: int
    used: float
    """When something was last made in it, in seconds since the epoch."""


@contextlib.contextmanager
def folder(kind: str, place: Path | None = None) -> Iterator[Path]:
    """An empty folder of one's own; it is gone afterwards, whatever was done to it. `place`: where, if it matters."""
    assert kind in KINDS, kind
    path, lock = _make(kind, (place or (MEMORY if in_memory() else Path(tempfile.gettempdir()))).resolve())
    try:
        yield path
    finally:
        remove(path)
        if lock is not None:
            _lock_file(path).unlink(missing_ok=True)
            os.close(lock)


def _make(kind: str, place: Path) -> tuple[Path, int | None]:
    while True:
        path = place / f"orchestrator-{kind}-{secrets.token_hex(4)}"
        if os.path.lexists(path) or os.path.lexists(_lock_file(path)):
            continue
        lock = _take(_lock_file(path), os.O_CREAT | os.O_EXCL, wait=True)
        if lock != GONE:  # else somebody who sweeps was quicker
            path.mkdir(mode=0o700)
            return path, lock


def _lock_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


GONE = -1


def _take(path: Path, flags: int = 0, *, wait: bool = False) -> int | None:
    """The descriptor that holds a lock; GONE when somebody else holds it, or has removed the file; None where there are no locks."""
    try:
        import fcntl  # only where something is executed: reading works on every platform
    except ImportError:
        return None
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        if os.path.samestat(os.fstat(descriptor), path.lstat()):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return GONE


# --- what is left over ---------------------------------------------------------------------------------------------------


def leftovers() -> tuple[Leftover, ...]:
    """What processes that are gone have left, oldest first."""
    found = []
    for path in _candidates():
        with _unused(path) as unused:
            if unused:
                found.append(Leftover(path, size(path), _used(path)))
    return tuple(sorted(found, key=lambda leftover: leftover.used))


def sweep() -> tuple[Leftover, ...]:
    """Remove them; those that are gone."""
    found = []
    for path in _candidates():
        with _unused(path) as unused:
            if unused:
                left = Leftover(path, size(path), _used(path))
                remove(path)
                if not path.exists():
                    _lock_file(path).unlink(missing_ok=True)
                    found.append(left)
    return tuple(found)


def _candidates() -> tuple[Path, ...]:
    if not hasattr(os, "geteuid"):
        return ()
    places = dict.fromkeys((Path(tempfile.gettempdir()).resolve(), *([] if os.environ.get("TMPDIR") else [MEMORY])))
    found: list[Path] = []
    for place in places:
        with contextlib.suppress(OSError):
            names = {entry.name.removesuffix(".lock") for entry in os.scandir(place)}
            found += [place / name for name in sorted(names) if OURS.fullmatch(name)]
    return tuple(found)


@contextlib.contextmanager
def _unused(path: Path) -> Iterator[bool]:
    """Whether a folder is a leftover of this user, which stays so inside of this."""
    lock: int | None = None
    try:
        if _is_lock(_lock_file(path)):
            lock = _take(_lock_file(path))
            unused = lock is not None and lock != GONE and (_is_folder(path) or not path.exists())
        else:
            unused = _is_folder(path) and time.time() - _used(path) > UNLOCKED_SECONDS
    except OSError:
        unused = False
    try:
        yield unused
    finally:
        if lock is not None and lock != GONE:
            os.close(lock)


def _is_lock(path: Path) -> bool:
    """Raises PermissionError for one of somebody else."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
        raise PermissionError(path)
    return True


def _is_folder(path: Path) -> bool:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()


def _used(path: Path) -> float:
    places = [path, _lock_file(path)]
    with contextlib.suppress(OSError):
        places += path.iterdir()
    return max((place.lstat().st_mtime for place in places if os.path.lexists(place)), default=0.0)


# --- folders -------------------------------------------------------------------------------------------------------------


def size(path: Path) -> int:
    """Bytes of all files at and below a path; links are not followed, and what cannot be read counts nothing."""
    try:
        status = path.lstat()
    except OSError:
        return 0
    if not stat.S_ISDIR(status.st_mode):
        return status.st_size
    total = 0
    for parent, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(parent) / name).lstat().st_size
    return total


def clear(folder: Path) -> None:
    """Remove everything in a folder, which stays the same one."""
    with contextlib.suppress(OSError):
        folder.chmod(0o700)
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            remove(path)
        else:
            path.unlink(missing_ok=True)


def remove(folder: Path) -> None:
    """Also folders that were left without permissions, or deeper than Python goes. Links are not followed."""
    with contextlib.suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        subprocess.run(["chmod", "-R", "u+rwX", str(folder)], stderr=subprocess.DEVNULL, check=False)
        subprocess.run(["rm", "-rf", str(folder)], stderr=subprocess.DEVNULL, check=False)
