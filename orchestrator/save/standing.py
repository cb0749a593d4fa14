"""Where all projects stand, read without their locks: from the databases, or from the reports, whichever can be read."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from orchestrator import faults
from orchestrator.errors import StoreError
from orchestrator.inbox.folder import Known
from orchestrator.model import Task
from orchestrator.save import light
from orchestrator.save.health import FILE
from orchestrator.save.reports import ProjectReport
from orchestrator.save.store import Store


def tasks(runs: Path) -> dict[str, tuple[str, str]]:
    """Task → (state, fingerprint), of each project whose database can be read."""
    found: dict[str, tuple[str, str]] = {}
    for path in sorted(runs.glob(f"*/{FILE}")):
        try:
            with faults.recognised(path), Store(path.parent, read_only=True) as store:
                found |= light.standing(store)
        except StoreError:
            continue
    return found


def worded(runs: Path, names: Collection[str]) -> dict[str, Task]:
    """Those tasks as the databases have them."""
    found: dict[str, Task] = {}
    for path in sorted(runs.glob(f"*/{FILE}")) if names else ():
        try:
            with faults.recognised(path), Store(path.parent, read_only=True) as store:
                found |= {name: store.task(name).task for name in light.standing(store) if name in names}
        except StoreError:
            continue
    return found


def complete(runs: Path) -> set[str]:
    """PRDs whose every task is done, as the databases say, or the report of a project whose database cannot be read."""
    found: set[str] = set()
    for folder in sorted(path for path in runs.glob("*") if path.is_dir()):
        states: dict[str, set[str]] = {}
        for prd, state in _pairs(folder):
            states.setdefault(prd, set()).add(state)
        found |= {prd for prd, kinds in states.items() if kinds - {"retired"} == {"done"}}
    return found


def _pairs(folder: Path) -> set[tuple[str, str]]:
    """(PRD, state of a task of it)."""
    if (folder / FILE).exists():
        try:
            with faults.recognised(folder), Store(folder, read_only=True) as store:
                return light.pairs(store)
        except StoreError:
            pass
    try:
        return {(task.prd, task.state) for task in ProjectReport.model_validate_json((folder / "reports" / "project.json").read_bytes()).tasks}
    except (OSError, ValueError):
        return set()


def known(runs: Path) -> Known:
    """What the databases know of ids of PRDs, for a scan whose receipts are lost."""
    paths: dict[str, str] = {}
    contents: dict[str, tuple[str, str]] = {}
    for path in sorted(runs.glob(f"*/{FILE}")):
        try:
            with faults.recognised(path), Store(path.parent, read_only=True) as store:
                for name, path_of, fingerprint in light.files(store):
                    paths[path_of] = name
                    contents[fingerprint] = (path_of, name)
        except StoreError:
            continue
    return Known(paths, contents)
