"""Reports on disk: what the store knows, written so that a kill leaves the old file or the new one."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from orchestrator.model import Problem
from orchestrator.run.git import Repository
from orchestrator.save import compose, record
from orchestrator.save.files import write_atomically
from orchestrator.save.store import Store, turns_of


def run(store: Store, name: str) -> None:
    """A run's report and its JUnit XML."""
    report = compose.run_report(store, name)
    write_atomically(store.folder / "reports" / f"{name}.json", report.model_dump_json(indent=1) + "\n")
    write_atomically(store.folder / "reports" / f"{name}.xml", compose.junit(report))


def project(store: Store, root: Path, notes: dict[str, tuple[Problem, ...]]) -> None:
    """The project's report and the record; a file that says the same already is left alone. `notes`: PRD id → the inbox's notes about it."""
    record.write(store.db, store.folder)
    repository = Repository(store.repository) if (store.repository / "HEAD").exists() else None
    text = compose.project_report(store, root, repository, notes).model_dump_json(indent=1) + "\n"
    path = store.folder / "reports" / "project.json"
    if not path.exists() or path.read_bytes() != text.encode("utf-8", "replace"):
        write_atomically(path, text)


def killed_runs(store: Store, current: str) -> None:
    """Runs whose process is gone: what they had recorded stands in their reports, whatever they had still to write."""
    rows = store.runs()
    if rows and rows[0]["ended_at"] and not _tells_its_end(store, rows[0]):
        run(store, rows[0]["id"])
    for row in rows:
        if not row["ended_at"] and row["id"] != current:
            ended_at = store.last_event(row["id"]) or row["started_at"]
            seconds = (datetime.fromisoformat(ended_at) - datetime.fromisoformat(row["started_at"])).total_seconds()
            store.end_run(row["id"], "interrupted", summary(store, row["id"], seconds), ended_at)
            run(store, row["id"])


def _tells_its_end(store: Store, row: dict[str, Any]) -> bool:
    """A run may be killed between its end and its report."""
    try:
        return f'"ended_at": "{row["ended_at"]}"' in (store.folder / "reports" / f"{row['id']}.json").read_text(encoding="utf-8")
    except OSError:
        return False


def summary(store: Store, name: str, seconds: float) -> dict[str, Any]:
    """The figures of reports.RunSummary."""
    states = list({task: state for task, state, _ in store.events(name)}.values())
    turns = [turn for entry in store.results_of(name) for turn in turns_of(entry.result)]
    return {
        "seconds": round(seconds, 3),
        "done": states.count("done"),
        "failed": states.count("failed"),
        "needs_person": states.count("unclear"),
        "turns": len(turns),
        "replayed": any(turn.kind == "recorded" for turn in turns),
        "scripted": any(turn.kind == "scripted" for turn in turns),
    }
