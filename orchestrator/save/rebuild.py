"""`orchestrator doctor --rebuild`: a damaged project made good. What is damaged is set aside, never deleted.

    repository   from what of it is whole, and the git bundle (run/repair.py)
    database     from the record beside the reports (record.py); where there is none, from reports and evidence (retell.py)
    reports      from the database (mend.py)

Then git is believed: a task that is done and whose commits git does not hold, or whose result is lost, is done again. What agents have returned
stands in the journals, and what passed stands in the results, so doing it again costs no turn.
"""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

from orchestrator import faults
from orchestrator.errors import StoreError
from orchestrator.model import Problem
from orchestrator.run import integrate, repair
from orchestrator.run.git import GitError, Repository
from orchestrator.save import aside, audit, chain, evidence, health, lock, mend, record, retell, written
from orchestrator.save.migrations import PROJECT
from orchestrator.save.reports import ProjectReport
from orchestrator.save.store import Store, TaskRow

WORK = "rebuilding"
"""Where the new database is made, within the project's folder; it takes its place when it is whole."""


def rebuild(folder: Path, root: Path, *, forced: bool = False) -> tuple[str, ...]:
    """Make a project good; what was done, a line each, () when nothing was wrong. `folder`: the project's; `forced`: even if its database is whole.

    Raises LockedError, RoomError, and StoreError where nothing is left to make it from.
    """
    lines: list[str] = []
    with faults.recognised(folder):
        with lock.held(folder):
            lines += _repository(folder)
            if forced or health.database(folder):
                lines += _database(folder, health.database(folder))
        if not (folder / health.FILE).exists():
            return tuple(lines)
        with Store(folder) as store:
            lines += _believe_git(store)
            mended = mend.reports(store)
            lines += mended
            if lines or not (folder / "reports" / "project.json").exists():
                written.project(store, root, _notes(folder, mended))
    return tuple(lines)


def _repository(folder: Path) -> list[str]:
    path, bundle = folder / "repo.git", chain.bundle_path(folder)
    beside = audit.without_git(folder)
    if not path.exists() and not bundle.exists() and not beside:
        return []
    stale = [f"{path.name}/{name}: removed, a git that was killed had left it" for name in repair.clear_locks(path)] if path.exists() else []
    why = repair.complaint(path) if path.exists() else "it is gone"
    lost = sorted({*repair.carried(bundle)} - {*repair.named(path)})
    if not why and not lost:
        return stale
    to = aside.place(folder) if path.exists() else folder
    lines = repair.restore(path, bundle, to)
    kept = f"; the old one is in {to.relative_to(folder)}" if to != folder else ""
    return [*stale, f"{path.name}: {why or f'{lost[0]} is gone'}; made anew{kept}", *lines, *_chain(Repository(path), beside)]


def _chain(repository: Repository, beside: tuple[audit.Link, ...]) -> list[str]:
    """Where the chain of evidence is lost its bundles stand beside it, and it is linked again."""
    if repository.resolve(chain.REF):
        return []
    head = ""
    for link in beside:
        if link.bundle.previous != head:
            return [f"evidence/{link.name}: does not follow the bundle before it, and is in no chain"]
        chain.append(repository, link.bundle)
        head = link.bundle.hash
    return [f"{chain.REF}: linked again from {len(beside)} bundles in evidence"] if beside else []


def _database(folder: Path, why: str) -> list[str]:
    """The new database takes the old one's place when it is whole and agrees with git. To be called under the project's lock."""
    work = folder / WORK
    shutil.rmtree(work, ignore_errors=True)
    with Store(folder, place=work) as store:
        try:
            lines = _from_record(store)
        except StoreError as error:
            if error.hint:
                raise
            lines = [f"the record cannot be used: {error.message}", *retell.retell(store)]
        if not store.runs():
            raise StoreError(
                f"{folder}: nothing is left to make a database from: no record, no report, no evidence",
                hint=f"move {folder} away; the next run begins the project anew",
            )
        lines += _believe_git(store)
        tasks = store.tasks()
    done = sum(row.state == "done" for row in tasks)
    old = [folder / f"{health.FILE}{end}" for end in ("", "-wal", "-shm", "-journal")]
    to = aside.move(folder, old)
    (work / health.FILE).replace(folder / health.FILE)
    shutil.rmtree(work)
    kept = f"; the old one is in {to.relative_to(folder)}" if to else ""
    said = why.removeprefix(f"{folder / health.FILE} ") or "is whole, and was asked for"
    return [f"{health.FILE} {said}; made anew: {done} of {len(tasks)} tasks done{kept}", *lines]


def _from_record(store: Store) -> list[str]:
    """Insert what the record holds. Raises StoreError when its standing cannot be relied on."""
    folder, lines = store.folder, []
    standing = record.read(folder / health.STANDING)
    if newer := {*standing.get("migrations", ())} - {migration.__name__ for migration in PROJECT}:
        raise StoreError(f"the record was written by a newer version (it has {', '.join(sorted(newer))})", hint="upgrade the orchestrator")
    known = {name for (name,) in store.db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    results: list[tuple[str, dict[str, object]]] = []
    for path in sorted((folder / record.RESULTS).glob("*.json")):
        try:
            results.append(("results", record.read(path)["row"]))
        except StoreError as error:
            aside.move(folder, (path,))
            lines.append(f"a result is lost: {error.message}")
    rows = [(table, row) for table, held in standing["tables"].items() if table in known for row in held]
    with store.transaction():
        for table, row in (*rows, *results):
            try:
                record.insert(store.db, table, row)
            except sqlite3.IntegrityError as error:
                lines.append(f"a row of {table} cannot be and is left out: {error}")
    return [*lines, *retell.results(store), *_cut(store)]


def _cut(store: Store) -> list[str]:
    """Results and tasks agree: a result that is newer than the task's row is forgotten (the journal has what it cost), and a task that is to be
    worked on and whose last results are lost goes back to the cycle after those that are there."""
    lines = []
    proved = {link.name for link in retell.links(store)}
    for row in store.tasks():
        cycles = [cycle for (cycle,) in store.db.execute("SELECT cycle FROM results WHERE task = ? AND fingerprint = ?", (row.id, row.fingerprint))]
        cycles += [cycle for (cycle,) in store.db.execute("SELECT cycle FROM pruned WHERE task = ? AND fingerprint = ?", (row.id, row.fingerprint))]
        known = max((cycle for cycle in cycles if cycle < row.cycle), default=0)
        newer = [cycle for cycle in cycles if cycle >= row.cycle]
        again = row.state in ("done", "produced", "running", "ready", "parked")
        back = again and known + 1 < row.cycle and evidence.name_of(row.id, row.fingerprint, row.cycle - 1) not in proved
        for cycle in newer:
            aside.move(store.folder, (store.folder / record.RESULTS / evidence.name_of(row.id, row.fingerprint, cycle),))
        if not newer and not back:
            continue
        cycle = known + 1 if back else row.cycle
        with store.transaction():
            key = (row.id, row.fingerprint, cycle)
            store.db.execute("DELETE FROM results WHERE task = ? AND fingerprint = ? AND cycle >= ?", key)
            store.db.execute("DELETE FROM turns WHERE task = ? AND fingerprint = ? AND cycle >= ?", key)
            store.db.execute("UPDATE tasks SET cycle = ? WHERE id = ?", (cycle, row.id))
        if back:
            last = store.result(row.id, row.fingerprint)
            attempts = last.result.attempts[-1].number if last and last.result.attempts else 0
            with store.transaction():
                store.db.execute("UPDATE tasks SET attempts = ? WHERE id = ?", (attempts, row.id))
            lines.append(f"{row.id}: its result of cycle {row.cycle - 1} is lost; what agents returned is in the journal")
    return lines


def _believe_git(store: Store) -> list[str]:
    """What is done, and git or the results do not show, is to be done again; what is kept and git does not show is kept again. A line each."""
    repository = Repository(store.repository) if (store.repository / "HEAD").exists() else None
    lines = []
    for row in store.tasks():
        if row.state not in ("done", "produced"):
            continue
        why = _unproved(store, row, repository)
        if why:
            if row.state == "done":
                store.regress(row.id, why)
            else:
                store.move(row.id, "conflicted", "", why)
            with store.transaction():
                store.db.execute("UPDATE prds SET kept = '' WHERE id = ?", (row.prd,))
            lines.append(f"{row.id}: was {row.state} and is done again: {why}")
    with store.transaction():
        for commit, task in store.db.execute("SELECT id, task FROM commits").fetchall():
            if repository is None or not repository.resolve(f"{commit}^{{commit}}"):
                store.db.execute("DELETE FROM commits WHERE id = ?", (commit,))
                lines.append(f"{task}: git has no commit {commit[:12]}")
    for prd, _ in store.prds():
        if repository is not None:
            _kept(store, prd.id, repository)
    return lines


def _unproved(store: Store, row: TaskRow, repository: Repository | None) -> str:
    """Why a task cannot be called done, or its result be integrated; '' when it can."""
    entry = store.result(row.id, row.fingerprint)
    if entry is None or entry.cycle != row.cycle - 1:
        return "its result is lost"
    if repository is None:
        return "its repository is gone"
    try:
        there = chain.commits_of(repository, row, entry) is not None if row.state == "done" else bool(repository.tree(entry.result.base_tree))
    except GitError:
        there = False
    return "" if there else f"git does not hold its commits on prd/{row.prd}"


def _kept(store: Store, prd: str, repository: Repository) -> None:
    """The commit that keeps held-out examples is known when it is on the branch, and only then."""
    branch = f"refs/heads/prd/{prd}"
    there = repository.commits_with(branch, integrate.kept_subject(prd))
    known = {commit.id for row in store.tasks(prd) for fingerprint, commit, _ in store.commits(row.id) if not fingerprint}
    if not there:
        with store.transaction():
            store.db.execute("UPDATE prds SET kept = '' WHERE id = ?", (prd,))
    rows = [row for row in store.tasks(prd) if row.state == "done"]
    for commit in there:
        if rows and commit not in known and all(row.state in ("done", "retired") for row in store.tasks(prd)):
            with store.transaction():
                store.save_commits(rows[-1].id, "", (integrate.commit_of(repository, commit),), branch.removeprefix("refs/heads/"))


def _notes(folder: Path, mended: tuple[str, ...]) -> dict[str, tuple[Problem, ...]]:
    """The inbox's notes as the project's report has them: the next run knows them anew."""
    path = folder / "reports" / "project.json"
    if not path.exists() or mend.unreadable(path, ProjectReport):
        return {}
    told = ProjectReport.model_validate_json(path.read_bytes())
    return {prd.id: tuple(Problem(**note.model_dump()) for note in prd.notes) for prd in told.prds}
