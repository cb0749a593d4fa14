"""What a run finds damaged and can make good by itself, because the database has it: reports, and locks that a killed git left.

A damaged database or repository is not made good here: that needs `orchestrator doctor --rebuild`, see rebuild.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from orchestrator import faults
from orchestrator.errors import StoreError
from orchestrator.run import repair
from orchestrator.save import aside, audit, written
from orchestrator.save.health import FILE
from orchestrator.save.reports import VERSION, ProjectReport, Report, RunReport
from orchestrator.save.store import Store

R = TypeVar("R", bound=Report)


def before(store: Store) -> tuple[str, ...]:
    """Before a run does anything in a project: what was made good, a line each. Raises DamagedError for a damaged repository, RoomError when the
    disk has not the room that a task may want."""
    faults.require(store.folder, faults.NEEDED + 2 * (store.folder / FILE).stat().st_size)
    stale = repair.clear_locks(store.repository)
    repair.check(store.repository, store.branches())
    return (*(f"{store.repository.name}/{name}: removed, a git that was killed had left it" for name in stale), *reports(store))


def reports(store: Store) -> tuple[str, ...]:
    """Reports of runs that are gone or cannot be read are written anew; so is the project's, by whoever writes it next. A line for each."""
    folder, lines = store.folder, []
    for run in (entry["id"] for entry in store.runs() if entry["ended_at"]):
        path = folder / "reports" / f"{run}.json"
        junit = path.with_suffix(".xml")
        why = unreadable(path, RunReport) or ("" if _ends(junit) else "its JUnit form is torn or gone")
        if why:
            kept = aside.move(folder, (path, junit))
            written.run(store, run)
            lines.append(_line(path, why, kept))
    path = folder / "reports" / "project.json"
    if path.exists() and (why := unreadable(path, ProjectReport)):
        lines.append(_line(path, why, aside.move(folder, (path,))))
    return tuple(lines)


def unreadable(path: Path, kind: type[R]) -> str:
    """Why a report cannot be read, '' when it can."""
    try:
        found = audit.report(path, kind)
    except StoreError as error:
        return error.message
    version = getattr(found, "version", VERSION)
    return f"it has version {version}, this program reads up to {VERSION}" if version > VERSION else ""


def _ends(path: Path) -> bool:
    return path.is_file() and path.read_bytes().rstrip().endswith(b">")


def _line(path: Path, why: str, kept: Path | None) -> str:
    where = f" (set aside in {kept.relative_to(path.parents[1])})" if kept else ""
    return f"reports/{path.name}: {why}; written anew from the database{where}"
