"""Where an agent's files are written and read: only inside its folder, never through a link.

The folder may have been prepared by an earlier turn in a sandbox, so a symbolic link in it is not trusted, nor what is read through one.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from orchestrator.model import Change

MAX_FILE_BYTES = 5_000_000
PRIVATE = frozenset({".git", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"})
"""Folders that belong to tools; never written by an answer, never part of a change."""


def unsafe(path: str) -> str:
    """Why `path` may not be written, or '' when it may: only relative paths that stay inside, in POSIX form."""
    if not path or path != path.strip() or any(ord(letter) < 32 for letter in path):
        return "is not a file name"
    if path.startswith(("/", "~")) or "\\" in path or path[1:2] == ":":
        return "is not a relative path"
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "leaves the workspace" if ".." in parts else "is not a plain path"
    if any(part.lower() in PRIVATE for part in parts):
        return "is a tool's own folder"
    if len(path.encode("utf-8", "replace")) > 1000 or any(len(part.encode("utf-8", "replace")) > 200 for part in parts):
        return "is too long"
    return ""


def apply(folder: Path, changes: Iterable[Change]) -> tuple[str, ...]:
    """Write and delete files under `folder`. What is not safe is left out, and said in the notes that come back."""
    notes = []
    for change in changes:
        reason = unsafe(change.path) or _blocked(folder, change.path)
        if reason:
            notes.append(f"not written: {change.path!r} {reason}")
            continue
        target = folder / change.path
        try:
            if change.text is None:
                target.unlink(missing_ok=True)
            else:
                _write(target, change.text, change.executable)
        except (OSError, UnicodeEncodeError) as error:
            notes.append(f"not written: {change.path!r}: {error}")
    return tuple(notes)


def make_room(folder: Path, paths: Iterable[str]) -> None:
    """The folders in which these files are to be written, where they may be."""
    for path in paths:
        if not unsafe(path) and not _blocked(folder, path):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)


def _blocked(folder: Path, path: str) -> str:
    """Why the way to `path` is blocked in this folder: a link or a file among its parents, or a folder in its place."""
    place = folder
    for part in PurePosixPath(path).parts[:-1]:
        place = place / part
        if place.is_symlink():
            return f"goes through the symbolic link {place.relative_to(folder)}"
        if place.exists() and not place.is_dir():
            return f"goes through the file {place.relative_to(folder)}"
    target = folder / path
    return "is a folder" if target.is_dir() and not target.is_symlink() else ""


def _write(target: Path, text: str, executable: bool) -> None:
    """Replace `target` whole; a link in its place is replaced, not followed."""
    data = text.encode("utf-8")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name[:60]}.part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o755 if executable else 0o644)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    part.replace(target)


def read(folder: Path) -> dict[str, Change]:
    """Every regular UTF-8 file below `folder`, by path; links, tool folders, binary and very large files are left out.

    A process that still lives may put a link in the place of a file or folder at any moment: what turns out to lie elsewhere is left out, too."""
    found = {}
    real = folder.resolve()
    for place, folders, names in os.walk(real):
        folders[:] = sorted(name for name in folders if name not in PRIVATE)
        before = "".join(f"{part}/" for part in Path(place).relative_to(real).parts)
        with contextlib.suppress(OSError), _opened(place) as here:
            for name in sorted(names):
                with contextlib.suppress(OSError, UnicodeDecodeError):
                    if (content := _content(name, here)) is not None:
                        found[before + name] = Change(before + name, content[0].decode("utf-8"), content[1])
    return found


@contextlib.contextmanager
def _opened(place: str) -> Iterator[int]:
    """A folder's descriptor. OSError when another one is there by now."""
    here = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if str(Path(f"/proc/self/fd/{here}").readlink()) != place:
            raise NotADirectoryError(place)
        yield here
    finally:
        os.close(here)


def _content(name: str, here: int) -> tuple[bytes, bool] | None:
    """(what a file of an opened folder holds, whether it is executable); None for what is no regular file, or very large."""
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=here)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE_BYTES:
            return None
        pieces = [os.read(handle, MAX_FILE_BYTES)]
        while pieces[-1] and sum(map(len, pieces)) <= MAX_FILE_BYTES:
            pieces.append(os.read(handle, MAX_FILE_BYTES))
        return b"".join(pieces), bool(status.st_mode & stat.S_IXUSR)
    finally:
        os.close(handle)


def difference(before: dict[str, Change], after: dict[str, Change]) -> tuple[Change, ...]:
    """What turns `before` into `after`, by path."""
    changed = [change for path, change in after.items() if before.get(path) != change]
    gone = [Change(path, None) for path in before if path not in after]
    return tuple(sorted([*changed, *gone], key=lambda change: change.path))
