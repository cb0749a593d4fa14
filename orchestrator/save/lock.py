"""The lock of a project: held by the operating system for a process, so that it ends with the process. The file names its pid."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.errors import LockedError, SetupError

FILE = "project.lock"


def take(folder: Path, name: str = FILE) -> int:
    """The descriptor that holds the lock until it is closed. Raises LockedError naming the process that has it."""
    try:
        import fcntl  # only where something is written: reading works on every platform
    except ImportError:
        raise SetupError("running PRDs needs Linux", hint="on Windows use WSL2; `check`, `plan`, `status` and `site` work here") from None
    descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except BlockingIOError:
        holder = os.read(descriptor, 100).decode("utf-8", "replace").strip() or "unknown"
        os.close(descriptor)
        raise LockedError(f"project {folder.name} is being worked on by process {holder}", hint="wait for it, or end it") from None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def held(folder: Path, name: str = FILE) -> Iterator[None]:
    descriptor = take(folder, name)
    try:
        yield
    finally:
        os.close(descriptor)
