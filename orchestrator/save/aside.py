"""What is damaged is set aside, never deleted: `damaged/<UTC time>/`, under the path it had."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

FOLDER = "damaged"


def place(folder: Path) -> Path:
    """A new folder for what is set aside now. `folder`: the project's, or that of all runs."""
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    taken = [name, *(f"{name}-{number}" for number in range(2, 1000))]
    found = next(folder / FOLDER / each for each in taken if not (folder / FOLDER / each).exists())
    found.mkdir(parents=True)
    return found


def move(folder: Path, paths: Iterable[Path], to: Path | None = None) -> Path | None:
    """Move the files that are there; returns the folder they are in now, None when none was there. `to`: that folder, if there is one already."""
    present = [path for path in paths if path.exists() or path.is_symlink()]
    if not present:
        return to
    to = to or place(folder)
    for path in present:
        target = to / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    return to
