"""Where all projects stand, read without their locks: from the databases, or from the reports, whichever can be read."""

from __future__ import annotations

from pathlib import Path

from orchestrator import faults
from orchestrator.errors import StoreError
from orchestrator.inbox.folder import Known
from orchestrator.save.health import FILE
from orchestrator.save.reports import ProjectReport
from orchestrator.save.store import Store, TaskRow


def tasks(runs: Path) -> dict[str, tuple[TaskRow, ...]]:
    """Project → its tasks, for each whose database can be read."""
    found = {}
    for path in sorted(runs.glob(f"*/{FILE}")):
        try:
            with faults.recognised(path), Store(path.parent, read_only=True) as store:
                found[path.parent.name] = store.tasks()
        except StoreError:
            continue
    return found


def complete(runs: Path) -> set[str]:
    """PRDs whose every task is done, as the projects' reports say, or the database of a project whose report cannot be read."""
    found: set[str] = set()
    for folder in sorted(path for path in runs.glob("*") if path.is_dir()):
        try:
            told = ProjectReport.model_validate_json((folder / "reports" / "project.json").read_bytes()).tasks
            pairs = [(task.prd, task.state) for task in told]
        except (OSError, ValueError):
            pairs = _of_database(folder)
        states: dict[str, set[str]] = {}
        for prd, state in pairs:
            states.setdefault(prd, set()).add(state)
        found |= {prd for prd, kinds in states.items() if kinds - {"retired"} == {"done"}}
    return found


def _of_database(folder: Path) -> list[tuple[str, str]]:
    if not (folder / FILE).exists():
        return []
    try:
        with faults.recognised(folder), Store(folder, read_only=True) as store:
            return [(row.prd, row.state) for row in store.tasks()]
    except StoreError:
        return []


def known(runs: Path) -> Known:
    """What the databases know of ids of PRDs, for a scan whose receipts are lost."""
    paths: dict[str, str] = {}
    contents: dict[str, tuple[str, str]] = {}
    for path in sorted(runs.glob(f"*/{FILE}")):
        try:
            with faults.recognised(path), Store(path.parent, read_only=True) as store:
                for prd, _ in store.prds():
                    paths[prd.path] = prd.id
                    contents[prd.fingerprint] = (prd.path, prd.id)
        except StoreError:
            continue
    return Known(paths, contents)
