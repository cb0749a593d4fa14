"""`orchestrator prune`: what may go is found, decided over by retention.py, and removed.

Rows go before files: a row without its report is damage, a report without its row is only a file that nothing names. So a kill at any moment
leaves a whole project, and the next prune removes what is left. Each project's lock is held from looking until all is done, so that what was decided
stays true.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
import stat
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.config import Config
from orchestrator.errors import LockedError, OrchestratorError
from orchestrator.plan.outline import slug
from orchestrator.run import environment, scratch
from orchestrator.run.durable import durable
from orchestrator.run.git import Repository
from orchestrator.save import chain, compose, evidence, record, run_log
from orchestrator.save.clock import moment
from orchestrator.save.files import write_atomically
from orchestrator.save.health import FILE
from orchestrator.save.overview import asked, holder
from orchestrator.save.reports import ProjectReport
from orchestrator.save.retention import DAY, File, Holding, Item, Pruned, Run, plan
from orchestrator.save.store import Store

RUN_ID = re.compile(r"(\d{8}T\d{6})Z-[0-9a-f]{4,}")
ASIDE = re.compile(r"(\d{8}T\d{6})Z(-\d+)?")
"""A folder below `damaged`: when it was set aside."""
JOURNAL = re.compile(r"(.+)-([0-9a-f]{12})-(\d+)\.jsonl")
ENVIRONMENT = re.compile(r"[0-9a-f]{16}")
UNFINISHED = re.compile(r"\.[0-9a-f]{16}\.\d+")
"""An environment whose building, or removal, was killed."""
_REFERENCE = re.compile(rb"artifacts/(?:[0-9a-f]{2}/[0-9a-f]{64}\.txt|mutation/[A-Za-z0-9_.-]+\.json)")
_DIGEST = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
ENDINGS = (".json", ".xml", run_log.ENDING)
"""What a run leaves below `reports`."""
ROWS = ("results", "run")
_FREE_BYTES = 1 << 20
"""With so much room in a database that nothing uses, and that a quarter of it, it is made smaller."""

NEEDED = """
    SELECT results.run FROM results JOIN tasks ON tasks.id = results.task AND tasks.fingerprint = results.fingerprint WHERE tasks.state != 'retired'
    UNION SELECT last_run FROM tasks UNION SELECT run FROM quarantine UNION SELECT id FROM runs WHERE ended_at = ''
"""
"""Runs that hold a result of a task as it is worded now, those that the project's report names, and those that have not ended."""


def prune(root: Path, config: Config, *, dry_run: bool = False) -> Pruned:
    """Remove what `retention` lets go; with `dry_run` only say what that is. A project that is being worked on, or cannot be read, is passed over."""
    runs, environments = config.folder(root, "runs"), config.folder(root, "environments")
    holdings = [Holding("", damaged=_damaged(runs, runs))]
    stores: dict[str, Store] = {}
    passed_over: dict[str, str] = {}
    locked: set[str] = set()
    with contextlib.ExitStack() as stack:
        for path in sorted(runs.glob(f"*/{FILE}")):
            name = path.parent.name
            try:
                if dry_run and (pid := holder(path.parent)):
                    raise LockedError(f"project {name} is being worked on by process {pid}")
                store = stack.enter_context(Store(path.parent, read_only=dry_run))
                holdings.append(holding(store, runs))
                stores[name] = store
            except LockedError as error:
                passed_over[name] = error.message
                locked.add(name)
            except OrchestratorError as error:
                passed_over[name] = error.message
            except (OSError, sqlite3.Error, ValueError) as error:
                passed_over[name] = f"{path.parent} cannot be read: {type(error).__name__}: {str(error)[:300]}"
        found = plan(
            holdings,
            config.retention,
            time.time(),
            total=scratch.size(runs),
            environments=_environments(environments, runs),
            idle=not locked,
            loose=(*_scratch(), *_half_written(runs, environments)),
        )
        gone, failed = (list(found.items), {}) if dry_run else _remove(found.items, stores, runs)
    return Pruned(tuple(gone), found.total, found.over, passed_over, frozenset(locked), failed)


# --- what there is -------------------------------------------------------------------------------------------------------


def holding(store: Store, runs: Path) -> Holding:
    """All that a project has of what may go. Raises OSError, StoreError, sqlite3.Error or ValueError for what cannot be read: then nothing may."""
    folder, db = store.folder, store.db
    bundles = _bundles(store)
    needed = {run for (run,) in db.execute(NEEDED)} | {_run_of(data) for data in bundles.values()}
    results = dict(db.execute("SELECT run, total(length(CAST(result AS BLOB))) FROM results GROUP BY run"))
    rows = {run: (began, size) for run, began, size in db.execute("SELECT id, started_at, length(CAST(facts AS BLOB)) FROM runs")}
    reports = {path.stem for path in (folder / "reports").glob("*.*") if RUN_ID.fullmatch(path.stem) and path.suffix in ENDINGS}
    found, referred = [], _referred_by_evidence(bundles)
    for run in sorted({*rows, *reports}):
        paths = [path for ending in ENDINGS if (path := folder / "reports" / f"{run}{ending}").is_file()]
        texts = [path.read_bytes() for path in paths if path.suffix == ".json"]
        refers = frozenset(name for text in texts for name in _references(text))
        began, size = rows.get(run, ("", None))
        at = moment(began) if began else _time_of(RUN_ID, run, paths[0])
        files = tuple(_file(path, runs) for path in paths)
        found.append(Run(run, at, run in needed, size, int(results.get(run, 0)), files, refers))
    for path in (folder / "reports").rglob("*.json"):
        if path.stem not in rows and path.stem not in reports:
            referred |= _references(path.read_bytes())
    return Holding(
        store.folder.name,
        tuple(found),
        tuple((path.relative_to(folder).as_posix(), _file(path, runs)) for path in _artifacts(folder)),
        frozenset(referred),
        tuple(_file(path, runs) for path in _journals(store)),
        _damaged(folder, runs),
        tuple(_file(path, runs) for part in ("reports", "evidence", "artifacts") for path in (folder / part).rglob(".*.part")),
    )


def _file(path: Path, runs: Path, used: float | None = None) -> File:
    place = path.relative_to(runs).as_posix() if path.is_relative_to(runs) else str(path)
    return File(place, scratch.size(path), path.lstat().st_mtime if used is None else used)


def _time_of(pattern: re.Pattern[str], name: str, path: Path) -> float:
    """The time that a name says, else when the file was written."""
    match = pattern.fullmatch(name)
    with contextlib.suppress(ValueError):
        if match:
            return datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC).timestamp()
    return path.lstat().st_mtime


def _references(text: bytes) -> set[str]:
    """Artifacts that a report names, whether or not it can be read as one."""
    return {name.decode() for name in _REFERENCE.findall(text)}


def _bundles(store: Store) -> dict[str, bytes]:
    """Every evidence bundle by its file name: as it lies there, and what only the chain in git has."""
    found = {path.name: path.read_bytes() for path in (store.folder / evidence.FOLDER).glob("*.json")}
    if (store.repository / "HEAD").exists():
        repository = Repository(store.repository)
        for name in chain.names(repository):
            if name not in found:
                found[name] = repository.git("cat-file", "blob", f"{chain.REF}:{evidence.FOLDER}/{name}")
    return found


def _run_of(bundle: bytes) -> str:
    """The run that a bundle names, '' for one that names none. Raises ValueError."""
    value = json.loads(bundle)
    if not isinstance(value, dict):
        raise ValueError("an evidence bundle is no JSON object")
    return str(value.get("run", ""))


def _referred_by_evidence(bundles: dict[str, bytes]) -> set[str]:
    """A bundle names texts by their hashes, and the mutation report by what it is about."""
    digests = {digest.decode() for data in bundles.values() for digest in _DIGEST.findall(data)}
    return {f"artifacts/{digest[:2]}/{digest}.txt" for digest in digests} | {f"artifacts/mutation/{name}" for name in bundles}


def _artifacts(folder: Path) -> Iterator[Path]:
    for path in sorted((folder / "artifacts").glob("*/*")):
        if _references(path.relative_to(folder).as_posix().encode()) and path.is_file():
            yield path


def _journals(store: Store) -> Iterator[Path]:
    """Journals of cycles whose result is saved: a task's cycles are counted, and the number goes on when a result is."""
    tables = {name for (name,) in store.db.execute("SELECT name FROM sqlite_master")} & {"results", "pruned"}  # a reader may meet an older database
    rows = [row for table in tables for row in store.db.execute(f"SELECT task, fingerprint, cycle FROM {table}")]
    saved: dict[tuple[str, str], int] = {}
    for task, fingerprint, cycle in rows:
        key = slug(task), fingerprint[:12]
        saved[key] = max(cycle, saved.get(key, 0))
    current = {(slug(row.id), row.fingerprint[:12], row.cycle) for row in store.tasks()}
    for path in sorted((store.folder / "journal").glob("*.jsonl")):
        match = JOURNAL.fullmatch(path.name)
        if match and int(match[3]) <= saved.get((match[1], match[2]), 0) and (match[1], match[2], int(match[3])) not in current:
            yield path


def _damaged(folder: Path, runs: Path) -> tuple[File, ...]:
    """`folder`: a project's, or that of all runs."""
    paths = [path for path in sorted((folder / "damaged").glob("*")) if ASIDE.fullmatch(path.name)]
    return tuple(_file(path, runs, _time_of(ASIDE, path.name, path)) for path in paths)


def _environments(folder: Path, runs: Path) -> tuple[File, ...]:
    marks = [path / environment.READY for path in sorted(folder.glob("*")) if ENVIRONMENT.fullmatch(path.name)]
    return tuple(_file(mark.parent, runs, mark.lstat().st_mtime) for mark in marks if mark.is_file())


def _scratch() -> Iterator[tuple[str, File]]:
    for left in scratch.leftovers():
        yield "scratch", File(str(left.path), left.bytes, left.used)


def _half_written(runs: Path, environments: Path) -> Iterator[tuple[str, File]]:
    """What was begun more than a day ago and belongs to no project; nobody's lock tells whether it is still being written."""
    parts = [*runs.glob(".*.part"), *(path for path in environments.glob(".*") if UNFINISHED.fullmatch(path.name))]
    for path in parts:
        file = _file(path, runs)
        if time.time() - file.used > DAY:
            yield "half-written", file


# --- removing ------------------------------------------------------------------------------------------------------------


def _remove(items: Iterable[Item], stores: dict[str, Store], runs: Path) -> tuple[list[Item], dict[str, str]]:
    """(what is gone, place → why it could not be removed)."""
    gone: list[Item] = []
    failed: dict[str, str] = {}
    by_project: dict[str, list[Item]] = {name: [] for name in ("", *stores)}
    for item in items:
        by_project[item.project].append(item)
    for name, store in stores.items():
        rows = [item for item in by_project[name] if item.kind in ROWS]
        try:
            _rows(store, {item.place for item in rows})
        except (sqlite3.Error, OSError) as error:
            failed[f"{name}/{FILE}"] = str(error)
            continue
        gone += rows
        with durable("files pruned"):
            gone += _files((item for item in by_project[name] if item.kind not in ROWS), runs, failed)
        with durable("database made smaller"):
            _shrink(store, failed)
    swept = {str(left.path) for left in scratch.sweep()}
    gone += [item for item in by_project[""] if item.place in swept]
    gone += _files((item for item in by_project[""] if item.kind != "scratch"), runs, failed)
    return gone, failed


def _rows(store: Store, gone: set[str]) -> None:
    """Runs go from the database, then from the project's report."""
    with durable("rows pruned"), store.transaction():
        for run in sorted(gone):
            store.db.execute(
                "INSERT INTO pruned SELECT task, fingerprint, max(cycle) FROM results WHERE run = ? GROUP BY task, fingerprint "
                "ON CONFLICT DO UPDATE SET cycle = max(cycle, excluded.cycle)",
                (run,),
            )
            store.db.execute("DELETE FROM results WHERE run = ?", (run,))
            store.db.execute("DELETE FROM runs WHERE id = ?", (run,))
    with durable("project report pruned"):
        _report(store)
        _record(store)


def _record(store: Store) -> None:
    """The record holds no result that was pruned: it would come back when the database is rebuilt."""
    kept = {evidence.name_of(*row) for row in store.db.execute("SELECT task, fingerprint, cycle FROM results")}
    for task, fingerprint, last in store.db.execute("SELECT task, fingerprint, cycle FROM pruned").fetchall():
        for cycle in range(1, last + 1):
            if (name := evidence.name_of(task, fingerprint, cycle)) not in kept:
                (store.folder / record.RESULTS / name).unlink(missing_ok=True)
    if (store.folder / record.STANDING).exists():
        record.write(store.db, store.folder)


def _report(store: Store) -> None:
    """The project's report lists no run that the database does not know. One that cannot be read is written anew by the next run."""
    path = store.folder / "reports" / "project.json"
    try:
        report = ProjectReport.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return
    known = {run for (run,) in store.db.execute("SELECT id FROM runs")}
    kept = [summary for summary in report.runs if summary.id in known]
    if len(kept) < len(report.runs):
        turns, kinds = asked(store)
        report = report.model_copy(update={"runs": kept, "agents": compose.agents(store), "turns": turns, "kinds": list(kinds)})
        write_atomically(path, report.model_dump_json(indent=1) + "\n")


def _files(items: Iterable[Item], runs: Path, failed: dict[str, str]) -> Iterator[Item]:
    """Those that are gone."""
    for item in items:
        path = runs / item.place  # an absolute place stays as it is
        try:
            if item.kind == "environment":
                _environment(path, item.days)
            elif stat.S_ISDIR(path.lstat().st_mode):
                scratch.remove(path)
            else:
                path.unlink()
        except FileNotFoundError:
            pass
        except OSError as error:
            failed[item.place] = error.strerror or str(error)
            continue
        if os.path.lexists(path):
            failed[item.place] = "it is used again" if item.kind == "environment" else "it could not be removed"
            continue
        if path.parent.parent.name == "artifacts" or path.parent.name == "damaged":
            with contextlib.suppress(OSError):  # not empty
                path.parent.rmdir()
        yield item


def _environment(path: Path, days: float) -> None:
    """Out of the way first: one that was used meanwhile goes back."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    path.rename(aside)
    if (aside / environment.READY).lstat().st_mtime > time.time() - days * DAY + 60 and not path.exists():
        aside.rename(path)
    else:
        scratch.remove(aside)


def _shrink(store: Store, failed: dict[str, str]) -> None:
    """Give back the room of what was deleted, where that is much."""
    (free,), (pages,), (size,) = (store.db.execute(f"PRAGMA {name}").fetchone() for name in ("freelist_count", "page_count", "page_size"))
    if free * size < _FREE_BYTES or free * 4 < pages:
        return
    try:
        store.db.execute("VACUUM")
        store.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        failed[f"{store.folder.name}/{FILE}"] = f"{free * size:,} bytes of it are not used, and it could not be made smaller: {error}"
