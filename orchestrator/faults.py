"""What the disk did to us → an error of the tree: full, read-only, damaged. The one place where errno, SQLite's codes and git's words are read.

with faults.recognised(folder):
    …   # OSError, sqlite3.Error and git's complaints about the disk become RoomError or DamagedError; everything else passes

"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.errors import DamagedError, OrchestratorError, RoomError

NEEDED = 2 << 20
"""Bytes that a task may want beside its project's database: journal, reports, objects, evidence."""

FULL, CLOSED, BROKEN = "full", "closed", "broken"
_BY_ERRNO = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), FULL),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), CLOSED),
    errno.EIO: BROKEN,
}
_BY_SQLITE = {3: CLOSED, 8: CLOSED, 10: BROKEN, 11: "damaged", 13: FULL, 14: CLOSED, 26: "damaged"}
"""Primary result codes: PERM, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, NOTADB."""
_OF_GIT = (
    (FULL, re.compile(r"no space left on device|disk quota exceeded|file too large", re.IGNORECASE)),
    (CLOSED, re.compile(r"read-only file system|permission denied(?! \()|insufficient permission for adding an object", re.IGNORECASE)),
    (
        "damaged",
        re.compile(
            r"loose object|object file \S+ is empty|inflate: |unable to (unpack|parse|read (tree|sha1 file|[0-9a-f]{40}))|missing (blob|tree|commit)"
            r"|bad (object|tree|ref|signature)|broken ref|packfile|pack has|index file \S+ (is|overflows)|hash mismatch|not a git repository"
            r"|invalid sha1 pointer|cannot lock ref .* unable to resolve|missing object|did not send all necessary objects",
            re.IGNORECASE,
        ),
    ),
)


@contextmanager
def recognised(place: Path) -> Iterator[None]:
    """Raises RoomError or DamagedError for what the disk did inside. `place`: where was worked, for errors that do not name a file."""
    try:
        yield
    except OrchestratorError:
        raise
    except Exception as error:
        found = known(error, place)
        if found is None:
            raise
        raise found from error


def known(error: BaseException, place: Path) -> OrchestratorError | None:
    """The error of the tree that says what happened, or None when it was not the disk."""
    if isinstance(error, OSError):
        named = error.filename if isinstance(error.filename, (str, os.PathLike)) else place
        return _said(_BY_ERRNO.get(error.errno or 0, ""), Path(os.fspath(named)), error.strerror or "")
    if type(error).__module__ == "sqlite3":
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        message = str(error)
        kind = "damaged" if re.match(r"no such (table|column)", message) else _BY_SQLITE.get(code, "")
        if kind in (BROKEN, CLOSED) and free(place) < NEEDED // 32:  # SQLite says "disk I/O error" when its index of the log does not fit
            kind = FULL
        return _said(kind, place, message)
    return None


def of_git(message: str, place: Path) -> tuple[str, OrchestratorError | None]:
    """(kind, error) of what git said; ('', None) when it was about something else. `place`: the repository."""
    kind = next((kind for kind, pattern in _OF_GIT if pattern.search(message)), "")
    return kind, _said(kind, place, message)


def _said(kind: str, place: Path, why: str) -> OrchestratorError | None:
    if kind == FULL:
        return full(place, NEEDED)
    if kind == CLOSED:
        hint = f"give {_user()} the right to write there, then run again: what was done stands"
        return RoomError(f"{place} cannot be written: {why.strip().splitlines()[-1] if why.strip() else 'refused'}", hint=hint)
    if kind == BROKEN:
        return RoomError(f"{place}: the disk failed: {why}", hint="look at the disk; then `orchestrator doctor` says whether anything was damaged")
    return DamagedError(f"{place} is damaged and cannot be read: {why}") if kind else None


def full(place: Path, needed: int) -> RoomError:
    message = f"{place}: no space is left on the disk ({_megabytes(free(place))} free, at least {_megabytes(needed)} needed)"
    return RoomError(message, hint="make room there, then run again: what was done stands")


def require(folder: Path, needed: int) -> None:
    """Raises RoomError when the folder's disk has not that many bytes left."""
    if free(folder) < needed:
        raise full(folder, needed)


def free(place: Path) -> int:
    """Bytes that this user may still write on the disk of a path, which need not exist."""
    try:
        status = os.statvfs(next(folder for folder in (place, *place.parents) if folder.is_dir()))
    except (OSError, AttributeError, StopIteration):  # statvfs is no part of Windows
        return NEEDED
    return status.f_bavail * status.f_frsize


def _megabytes(number: int) -> str:
    return f"{number / (1 << 20):.1f} MB"


def _user() -> str:
    return f"user {os.getuid()}" if hasattr(os, "getuid") else "this user"
