"""What a run finds damaged and can make good by itself, because the database has it: reports, and locks that a killed git left.

A damaged database or repository is not made good here: that needs `orchestrator doctor --rebuild`, see rebuild.py.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TypeVar

from orchestrator import faults
from orchestrator.errors import StoreError
from orchestrator.run import repair
from orchestrator.save import aside, audit, evidence, light, written
from orchestrator.save.files import write_atomically
from orchestrator.save.health import FILE
from orchestrator.save.reports import VERSION, ProjectReport, Report, RunReport
from orchestrator.save.store import Store

SEEN = "reports/runs.key"
"""What the reports of runs looked like when they could be read: run → size, time and inode of the report and of its JUnit form."""

R = TypeVar("R", bound=Report)


def before(store: Store) -> tuple[str, ...]:
    """Before a run does anything in a project: what was made good, a line each. Raises DamagedError for a damaged repository, RoomError when the
    disk has not the room that a task may want."""
    faults.require(store.folder, faults.NEEDED + 2 * (store.folder / FILE).stat().st_size)
    stale = repair.clear_locks(store.repository)
    repair.check(store.repository, store.branches())
    return (*(f"{store.repository.name}/{name}: removed, a git that was killed had left it" for name in stale), *reports(store))


def reports(store: Store) -> tuple[str, ...]:
    """Reports of runs that are gone or cannot be read are written anew; so is the project's, by whoever writes it next. A line for each. One that
    could be read once, and is of the same size and time, is not read again."""
    folder, lines = store.folder, []
    known, seen = _seen(folder), {}
    for run in light.ended(store):
        path = folder / "reports" / f"{run}.json"
        junit = path.with_suffix(".xml")
        seen[run] = _looks(path, junit)
        if seen[run] == known.get(run):
            continue
        why = unreadable(path, RunReport) or ("" if _ends(junit) else "its JUnit form is torn or gone")
        if why:
            kept = aside.move(folder, (path, junit))
            written.run(store, run)
            lines.append(_line(path, why, kept))
            seen[run] = _looks(path, junit)
    path = folder / "reports" / "project.json"
    seen[path.name] = _looks(path)
    if path.exists() and seen[path.name] != known.get(path.name) and (why := unreadable(path, ProjectReport)):
        lines.append(_line(path, why, aside.move(folder, (path,))))
        seen[path.name] = []
    if seen != known:
        write_atomically(folder / SEEN, json.dumps(seen, indent=1) + "\n")
    return tuple(lines)


def _seen(folder: Path) -> dict[str, list[int]]:
    try:
        found = json.loads((folder / SEEN).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _looks(*paths: Path) -> list[int]:
    """Size, time and inode of files."""
    found = [path.stat() for path in paths if path.is_file()]
    return [number for status in found for number in (status.st_size, status.st_mtime_ns, status.st_ino)]


def unreadable(path: Path, kind: type[R]) -> str:
    """Why a report cannot be read, '' when it can. Of one that is too large to be read it is looked at whether it is whole."""
    try:
        if path.is_file() and path.stat().st_size > evidence.MAX_BYTES:
            return "" if _is_whole(path) else "it is torn"
        found = audit.report(path, kind)
    except StoreError as error:
        return error.message
    version = getattr(found, "version", VERSION)
    return f"it has version {version}, this program reads up to {VERSION}" if version > VERSION else ""


def _is_whole(path: Path) -> bool:
    with path.open("rb") as stream:
        begin = stream.read(2)
        stream.seek(-2, os.SEEK_END)
        return begin == b"{\n" and stream.read() == b"}\n"


def _ends(path: Path) -> bool:
    return path.is_file() and path.read_bytes().rstrip().endswith(b">")


def _line(path: Path, why: str, kept: Path | None) -> str:
    where = f" (set aside in {kept.relative_to(path.parents[1])})" if kept else ""
    return f"reports/{path.name}: {why}; written anew from the database{where}"
