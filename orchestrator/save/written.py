"""Reports on disk: what the store knows, written so that a kill leaves the old file or the new one."""

from __future__ import annotations

import hashlib
import itertools
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestrator.model import Problem
from orchestrator.run.git import Repository
from orchestrator.save import (
    compose,
    compose_edits,
    compose_measures,
    delivery_report,
    edit_reports,
    edits,
    junit,
    light,
    measure_reports,
    phasing,
    record,
    reports,
    took,
    wholes,
)
from orchestrator.save.files import encoded, write_atomically, writing
from orchestrator.save.reports import TaskRunReport
from orchestrator.save.store import Store

MADE_BY = (compose, compose_edits, compose_measures, delivery_report, edits, edit_reports, measure_reports, phasing, record, reports, took, wholes)
"""Modules whose change makes another report of the same database."""

TASKS = '\n "tasks": [],\n'
"""Where the tasks stand in a run's report."""


def run(store: Store, name: str) -> None:
    """A run's report and its JUnit XML, task by task: a run may have thousands."""
    head, _, tail = (compose.run_report(store, name).model_dump_json(indent=1) + "\n").partition(TASKS)
    place = store.folder / "reports"
    with writing(place / f"{name}.json") as report, writing(place / f"{name}.xml") as tests:

        def told() -> Iterator[TaskRunReport]:
            report.write(encoded(head))
            before = '\n "tasks": [\n  '
            for task in compose.run_tasks(store, name):
                report.write(encoded(before + task.model_dump_json(indent=1).replace("\n", "\n  ")))
                before = ",\n  "
                yield task
            report.write(encoded(("\n ],\n" if before.startswith(",") else TASKS) + tail))

        for part in junit.parts(name, told()):
            tests.write(encoded(part))


def project(store: Store, root: Path, notes: dict[str, tuple[Problem, ...]]) -> None:
    """The project's report and the record; neither is even composed while all that they are made from is the same. `notes`: PRD id → the inbox's
    notes about it."""
    repository = Repository(store.repository) if (store.repository / "HEAD").exists() else None
    path = store.folder / "reports" / "project.json"
    record.results(store.db, store.folder)
    mark, made_from = path.with_suffix(".key"), _key(store, root, repository, notes)
    if mark.exists() and mark.read_text(encoding="utf-8") == _mark(store, made_from):
        return
    record.standing(store.db, store.folder)
    text = compose.project_report(store, root, repository, notes).model_dump_json(indent=1) + "\n"
    if not path.exists() or path.read_bytes() != encoded(text):
        write_atomically(path, text)
    write_atomically(mark, _mark(store, made_from))


def whole(store: Store, root: Path) -> None:
    """The project's report anew, with the notes about its PRDs that it has already."""
    try:
        told = reports.ProjectReport.model_validate_json((store.folder / "reports" / "project.json").read_bytes())
    except (OSError, ValueError):
        return  # the next run writes it
    project(store, root, {prd.id: tuple(Problem(**note.model_dump()) for note in prd.notes) for prd in told.prds})


def _mark(store: Store, made_from: str) -> str:
    """What says that the report and the record are as they were written, from that."""
    return " ".join([made_from, *(_digest(store.folder / name) for name in ("reports/project.json", record.STANDING))]) + "\n"


def _key(store: Store, root: Path, repository: Repository | None, notes: dict[str, tuple[Problem, ...]]) -> str:
    """A hash of all that the project's report is made from, the code included."""
    code = [_digest(Path(module.__file__ or "")) for module in (*MADE_BY, sys.modules[__name__])]
    heads = repository.refs("refs/heads/prd") if repository else None
    said = {prd: [asdict(note) for note in found] for prd, found in notes.items()}
    spent = compose.spending(store)
    values = [code, light.version(store), heads, said, compose.relative(store.repository, root), spent and spent.model_dump()]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _digest(path: Path) -> str:
    """SHA-256 of a file, `-` where there is none."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return "-"


def killed_runs(store: Store, current: str) -> None:
    """Runs whose process is gone: what they had recorded stands in their reports, whatever they had still to write."""
    last = light.last_ended(store)
    if last and not _tells_its_end(store, *last):
        run(store, last[0])
    for name, started_at in light.unended(store):
        if name != current:
            ended_at = store.last_event(name) or started_at
            seconds = (datetime.fromisoformat(ended_at) - datetime.fromisoformat(started_at)).total_seconds()
            store.end_run(name, "interrupted", summary(store, name, seconds), ended_at)
            run(store, name)


def _tells_its_end(store: Store, name: str, ended_at: str) -> bool:
    """A run may be killed between its end and its report; the end stands near the beginning."""
    try:
        with (store.folder / "reports" / f"{name}.json").open(encoding="utf-8") as lines:
            return any(line.startswith(f' "ended_at": "{ended_at}"') for line in itertools.takewhile(lambda line: line != ' "tasks": [\n', lines))
    except (OSError, ValueError):
        return False


def summary(store: Store, name: str, seconds: float) -> dict[str, Any]:
    """The figures of reports.RunSummary."""
    states = list({task: state for task, state, _ in store.events(name)}.values())
    kinds = [kind for kind, _, _, _ in light.turns(store, name)]
    return {
        "seconds": round(seconds, 3),
        "done": states.count("done"),
        "failed": states.count("failed"),
        "needs_person": states.count("unclear"),
        "turns": len(kinds),
        "replayed": "recorded" in kinds,
        "scripted": "scripted" in kinds,
    }
