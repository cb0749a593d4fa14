"""The single writer of a project: one process, one connection, one OS lock that names its pid.

A move, its event, its evidence and its spend are one transaction. Results are keyed by task, fingerprint and cycle, so a late or doubled one is
refused. Readers open the file read-only (`read_only`) and need no lock.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from orchestrator import faults
from orchestrator.errors import StoreError
from orchestrator.model import AgentTurn, CycleResult, Plan, Prd, Question, Task
from orchestrator.plan import delta
from orchestrator.run import lifecycle
from orchestrator.run.integrate import Commit
from orchestrator.run.limits import tidy_turn
from orchestrator.run.planning import PlanAttempt
from orchestrator.save import clock, edits, health, lock
from orchestrator.save.clock import stamp
from orchestrator.save.health import FILE
from orchestrator.save.migrations import migrate, refuse_newer
from orchestrator.save.values import from_json, to_json

RESULT = "run, cycle, started_at, result, red_tree, green_tree, tidied_tree"
"""The columns of a ResultRow."""

TASK = "id, prd, state, fingerprint, task, reason, question, attempts, cycle, last_run, parked_until"
"""The columns of a TaskRow."""


@dataclass(frozen=True)
class TaskRow:
    id: str
    prd: str
    state: str
    fingerprint: str
    task: Task
    reason: str
    question: Question | None
    attempts: int
    cycle: int
    last_run: str
    parked_until: str = ""
    """When a parked task is tried again; '' at the next run."""


@dataclass(frozen=True)
class ResultRow:
    run: str
    cycle: int
    started_at: str
    result: CycleResult
    red_tree: str
    green_tree: str
    tidied_tree: str
    """As the green tree, where tidying changed nothing."""


@dataclass(frozen=True)
class Quarantine:
    """A test that failed by chance: until then its failures refuse nothing."""

    test: str
    run: str
    task: str
    detail: str
    since: str
    until: str


class Store:
    """A project's database. As a context manager it holds the project's lock."""

    def __init__(self, folder: Path, *, read_only: bool = False, place: Path | None = None) -> None:
        self.folder = folder
        self.place = place or folder
        """Where database and lock lie: the project's folder, but for one that is being made anew."""
        self.read_only = read_only
        self._latest = ""
        self._lock: int | None = None
        self._db: sqlite3.Connection | None = None

    def __enter__(self) -> Store:
        """Raises LockedError, DamagedError before anything is written, RoomError where nothing can be."""
        try:
            with faults.recognised(self.place / FILE):
                if self.read_only:
                    self._db = health.connect(self.place)
                    refuse_newer(self._db)
                else:
                    self.place.mkdir(parents=True, exist_ok=True)
                    self._lock = lock.take(self.place)
                    health.require(self.place)
                    self._db = sqlite3.connect(self.place / FILE, isolation_level=None)
                    self._db.execute("PRAGMA foreign_keys = ON")
                    self._db.execute("PRAGMA journal_mode = WAL")
                    self._db.execute("PRAGMA synchronous = FULL")
                    migrate(self._db)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def now(self) -> str:
        """The time, after everything the project has recorded: a clock that goes backwards changes no order."""
        self._latest = clock.after(self._latest or clock.newest(self.db))
        return self._latest

    def later(self, run: str) -> str:
        """The id of a new run; another time in it when it would not sort after the runs there are."""
        (newest,) = self.db.execute("SELECT coalesce(max(id), '') FROM runs").fetchone()
        return clock.later(run, newest)

    @property
    def db(self) -> sqlite3.Connection:
        assert self._db is not None, "the store is used inside `with`"
        return self._db

    @contextmanager
    def transaction(self, *, waits: bool = True) -> Iterator[None]:
        """`waits`: until it is on the disk. Else the next that waits takes it along: for what would be made again were it lost with the machine."""
        self.db.execute(f"PRAGMA synchronous = {'FULL' if waits else 'NORMAL'}")
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.db.execute(f"PRAGMA user_version = {secrets.randbits(31)}")
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:  # on a full disk SQLite has rolled back by itself
                self.db.execute("ROLLBACK")
            raise

    @property
    def repository(self) -> Path:
        """The project's bare repository, which may not exist yet."""
        return self.folder / "repo.git"

    # --- plans and tasks -----------------------------------------------------------------------------------------------

    def save_plan(self, prd: Prd, plan: Plan, run: str) -> None:
        """Plan and PRD as they are now; tasks are added, changed or retired, each by its move. What is known already is not written again."""
        texts = (prd.path, prd.fingerprint, to_json(prd), to_json(plan))
        earlier = self.db.execute("SELECT path, fingerprint, prd, plan FROM prds WHERE id = ?", (prd.id,)).fetchone()
        if earlier == texts:
            states = self.states(prd.id)
            if {name for name, state in states.items() if state != "retired"} == {task.id for task in plan.tasks}:
                return
        before = from_json(Prd, earlier[2]) if earlier else prd
        with self.transaction():
            edits.note(self.db, before, prd, self.now(), run)
            self.db.execute(
                "INSERT INTO prds (id, path, fingerprint, prd, plan, planned_at) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET path = excluded.path, "
                "planned_at = iif(fingerprint = excluded.fingerprint, planned_at, excluded.planned_at), "
                "fingerprint = excluded.fingerprint, prd = excluded.prd, plan = excluded.plan",
                (prd.id, *texts, self.now()),
            )
            columns = "id, position, state, fingerprint, task, json_extract(task, '$.question.text')"
            known = {row[0]: row[1:] for row in self.db.execute(f"SELECT {columns} FROM tasks WHERE prd = ?", (prd.id,))}
            for position, task in enumerate(plan.tasks):
                stored = known.pop(task.id, None)
                question = to_json(task.question) if task.question else None
                text = to_json(task)
                if stored is None:
                    self.db.execute(
                        "INSERT INTO tasks (id, prd, position, state, fingerprint, task, question, criteria) VALUES (?, ?, ?, 'pending', ?, ?, ?, ?)",
                        (task.id, prd.id, position, task.fingerprint, text, question, len(task.criteria)),
                    )
                    continue
                place, state, fingerprint, told, asked = stored
                if fingerprint != task.fingerprint:
                    edits.keep_wording(self.db, task.id, self.now())
                if (place, told) != (position, text):
                    self.db.execute(
                        "UPDATE tasks SET position = ?, task = ?, criteria = ? WHERE id = ?", (position, text, len(task.criteria), task.id)
                    )
                if state == "retired":
                    self._move(task.id, "returned", run, "its requirement is in the text again")
                elif fingerprint != task.fingerprint or asked != (task.question and task.question.text):
                    self._changed(task.id, state, run)
                else:
                    continue
                self.db.execute(  # an earlier wording may come back: its cycles go on being counted, so that no two results share a number
                    "UPDATE tasks SET fingerprint = ?1, question = ?2, attempts = 0, becomes = '', cycle = 1 + max("
                    "(SELECT coalesce(max(cycle), 0) FROM results WHERE task = ?3 AND fingerprint = ?1), "
                    "(SELECT coalesce(max(cycle), 0) FROM pruned WHERE task = ?3 AND fingerprint = ?1)) WHERE id = ?3",
                    (task.fingerprint, question, task.id),
                )
            keys = delta.renamed(before.requirements, prd.requirements)
            for name, (_, state, _fingerprint, told, _asked) in known.items():
                if state != "retired":
                    heir = delta.becomes(from_json(Task, told), plan.tasks, keys)
                    self._move(name, "retired", run, f"its requirement is part of {heir} now" if heir else "its requirement is no longer in the text")
                    self.db.execute("UPDATE tasks SET becomes = ? WHERE id = ?", (heir, name))

    def _changed(self, task: str, state: str, run: str) -> None:
        names = {"pending": (), "running": ("reclaimed", "changed"), "unclear": ("answered",), "skipped": ("upstream recovered",)}
        for name in names.get(state, ("changed",)):
            self._move(task, name, run, "the PRD changed" if state == "unclear" else "its requirement changed")

    def save_planning(self, prd: str, run: str, attempts: Iterable[PlanAttempt]) -> tuple[PlanAttempt, ...]:
        """Turns of the planning agent, in one transaction. Returns those that were not known: a run that goes on with a killed one replays them."""
        new = []
        with self.transaction():
            for each in attempts:
                usage, turn = each.turn.usage, each.turn
                row = self.db.execute(
                    "INSERT OR IGNORE INTO turns VALUES (?, ?, ?, 'plan', ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        *(each.unit, each.fingerprint, each.cycle, each.number, run, prd, turn.agent, turn.kind, turn.model),
                        *(turn.seconds, usage.input_tokens, usage.output_tokens, usage.usd, each.verdict),
                    ),
                )
                if row.rowcount:
                    new.append(each)
        return tuple(new)

    def prds(self) -> tuple[tuple[Prd, Plan], ...]:
        rows = self.db.execute("SELECT prd, plan FROM prds ORDER BY id").fetchall()
        return tuple((from_json(Prd, prd), from_json(Plan, plan)) for prd, plan in rows)

    def tasks(self, prd: str | None = None) -> tuple[TaskRow, ...]:
        where, values = ("", ()) if prd is None else ("WHERE prd = ?", (prd,))
        rows = self.db.execute(f"SELECT {TASK} FROM tasks {where} ORDER BY prd, position, id", values)
        return tuple(_task(row) for row in rows)

    def task(self, name: str) -> TaskRow:
        """Raises KeyError for a task there is not."""
        row = self.db.execute(f"SELECT {TASK} FROM tasks WHERE id = ?", (name,)).fetchone()
        if row is None:
            raise KeyError(name)
        return _task(row)

    def in_state(self, state: str, prd: str | None = None) -> tuple[str, ...]:
        """Ids of the tasks in a state, in plan order."""
        where, values = ("", (state,)) if prd is None else ("AND prd = ?", (state, prd))
        return tuple(name for (name,) in self.db.execute(f"SELECT id FROM tasks WHERE state = ? {where} ORDER BY prd, position, id", values))

    def parked(self, prd: str) -> tuple[tuple[str, str], ...]:
        """(task, until when) of the parked tasks of a PRD; '' is until the next run."""
        rows = self.db.execute("SELECT id, parked_until FROM tasks WHERE state = 'parked' AND prd = ? ORDER BY position", (prd,))
        return tuple((name, until) for name, until in rows)

    def moves(self, task: str, name: str) -> int:
        """How often a task was moved like that since it was last worded as it is."""
        row = self.db.execute(
            "SELECT count(*) FROM events WHERE task = ?1 AND move = ?2 AND id > "
            "(SELECT coalesce(max(id), 0) FROM events WHERE task = ?1 AND move IN ('changed', 'returned', 'answered', 'retried'))",
            (task, name),
        ).fetchone()
        return int(row[0])

    def states(self, prd: str) -> dict[str, str]:
        return dict(self.db.execute("SELECT id, state FROM tasks WHERE prd = ? ORDER BY position", (prd,)).fetchall())

    def move(self, task: str, name: str, run: str, reason: str = "", question: Question | None = None, until: float | None = None) -> None:
        """One move and its event; `until`: seconds since the epoch at which a parked task is tried again. Raises ValueError when the state machine
        has no such move."""
        with self.transaction(waits=name != "started"):
            self._move(task, name, run, reason, question, until)

    def move_each(self, moves: Iterable[tuple[str, str, Question | None]], run: str) -> None:
        """Moves that follow from the states alone, in one transaction: (task, move, the question that is its reason)."""
        with self.transaction(waits=False):
            for task, name, question in moves:
                self._move(task, name, run, question.text if question else "", question)

    def _move(self, task: str, name: str, run: str, reason: str = "", question: Question | None = None, until: float | None = None) -> None:
        (state,) = self.db.execute("SELECT state FROM tasks WHERE id = ?", (task,)).fetchone()
        made = lifecycle.move(name, state)
        reason = reason or made.sentence
        self.db.execute(
            "INSERT INTO events (at, run, task, move, source, target, reason) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (self.now(), run, task, made.name, made.source, made.target, reason),
        )
        parked = stamp(until) if until and made.target == "parked" else ""
        self.db.execute("UPDATE tasks SET state = ?, reason = ?, parked_until = ? WHERE id = ?", (made.target, reason, parked, task))
        if question is not None:
            self.db.execute("UPDATE tasks SET question = ? WHERE id = ?", (to_json(question), task))

    def retry(self, task: str) -> None:
        """A task that failed or needs a person gets all its attempts again; its answers stay known. A parked one waits no longer."""
        with self.transaction():
            (state,) = self.db.execute("SELECT state FROM tasks WHERE id = ?", (task,)).fetchone()
            if state == "parked":
                self._move(task, "resumed", "", "asked for by a person")
                return
            self._move(task, "retried", "", "asked for by a person")
            self.db.execute("UPDATE tasks SET attempts = 0 WHERE id = ?", (task,))

    def regress(self, task: str, reason: str, run: str = "") -> None:
        """A done task no longer holds: it is done again, with all its attempts."""
        with self.transaction():
            self._again(task, "regressed", run, reason)

    def merged(self, prd: str, run: str, reason: str) -> None:
        """What a PRD builds on is merged in: all that is done is judged again, in one transaction."""
        with self.transaction():
            for task in self.in_state("done", prd):
                self._again(task, "merged", run, reason)

    def _again(self, task: str, name: str, run: str, reason: str) -> None:
        """The held-out examples are kept anew after it: its tests are committed without them."""
        self._move(task, name, run, reason)
        self.db.execute("UPDATE tasks SET attempts = 0 WHERE id = ?", (task,))
        self.db.execute("UPDATE prds SET kept = '' WHERE id = (SELECT prd FROM tasks WHERE id = ?)", (task,))

    # --- results -------------------------------------------------------------------------------------------------------

    def save_result(
        self, row: TaskRow, run: str, started_at: str, result: CycleResult, trees: tuple[str, str, str], move: str, quarantine_days: float = 14.0
    ) -> None:
        """Result, turns, attempt count, flaky tests and the move that follows, in one transaction. Raises StoreError for a doubled or late result."""
        if result.verdict == "passed" and not result.red:
            raise StoreError(f"{row.id}: a result that passed without RED proves nothing and is not recorded")
        with self.transaction():
            now_at = self.db.execute("SELECT fingerprint, cycle FROM tasks WHERE id = ?", (row.id,)).fetchone()
            if now_at is None or now_at[0] != row.fingerprint:
                raise StoreError(f"{row.id}: the result is late, the task is worded otherwise now")
            (begun,) = self.db.execute("SELECT max(at) FROM events WHERE task = ? AND move = 'started'", (row.id,)).fetchone()
            started_at = max(started_at, begun or "")  # the clock may have gone back since the task was last worded anew
            try:
                self.db.execute(
                    "INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (row.id, row.fingerprint, row.cycle, run, started_at, to_json(result), *trees),
                )
            except sqlite3.IntegrityError:
                raise StoreError(f"{row.id}: a result of cycle {row.cycle} is already recorded") from None
            turn_rows(self.db, row.id, row.fingerprint, row.cycle, run, row.prd, result)
            last = result.attempts[-1].number if result.attempts else row.attempts
            self.db.execute("UPDATE tasks SET attempts = ?, last_run = ?, cycle = cycle + 1 WHERE id = ?", (last, run, row.id))
            self._quarantine(run, result, quarantine_days)
            self._move(row.id, move, run, result.reason, result.question, result.until)

    def integrated(self, task: str, run: str, result: CycleResult, commits: tuple[Commit, ...], branch: str) -> None:
        """The task is done: its proofs and commits with the move."""
        with self.transaction():
            self.save_commits(task, result.fingerprint, commits, branch)
            for proof in result.proofs:
                self.db.execute("INSERT OR REPLACE INTO proofs VALUES (?, ?, ?, ?)", (proof.criterion, task, result.fingerprint, to_json(proof)))
            self._move(task, "integrated", run, result.reason)

    def kept(self, prd: str) -> bool:
        """Do the held-out examples of this PRD, as it is worded now, stand in the repository as regression tests?"""
        row = self.db.execute("SELECT fingerprint = kept FROM prds WHERE id = ?", (prd,)).fetchone()
        return bool(row and row[0])

    def keep(self, prd: str, task: str, commit: Commit | None, branch: str) -> None:
        """They do now; `commit` is None when nothing had to be added. It is listed with `task`, the PRD's last."""
        with self.transaction():
            if commit:
                self.save_commits(task, "", (commit,), branch)
            self.db.execute("UPDATE prds SET kept = fingerprint WHERE id = ?", (prd,))

    def save_commits(self, task: str, fingerprint: str, commits: tuple[Commit, ...], branch: str) -> None:
        (start,) = self.db.execute("SELECT coalesce(max(position) + 1, 0) FROM commits").fetchone()
        for offset, commit in enumerate(commits):
            self.db.execute(
                "INSERT OR IGNORE INTO commits VALUES (?, ?, ?, ?, ?, ?, ?)",
                (commit.id, task, fingerprint, commit.kind, commit.subject, branch, start + offset),
            )

    def result(self, task: str, fingerprint: str) -> ResultRow | None:
        """The last result of a task as it is worded now."""
        row = self.db.execute(
            f"SELECT {RESULT} FROM results WHERE task = ? AND fingerprint = ? ORDER BY cycle DESC LIMIT 1",
            (task, fingerprint),
        ).fetchone()
        return result_row(row) if row else None

    def results_for(self, task: str, fingerprint: str) -> tuple[ResultRow, ...]:
        """Every result of a task since it was worded as it is now, oldest first; not those from before it was changed and changed back."""
        rows = self.db.execute(
            f"SELECT {RESULT} FROM results WHERE task = ?1 AND fingerprint = ?2 AND started_at >= "
            "(SELECT coalesce(max(at), '') FROM events WHERE task = ?1 AND move IN ('changed', 'returned', 'answered')) ORDER BY cycle",
            (task, fingerprint),
        )
        return tuple(result_row(row) for row in rows)

    def commits(self, task: str) -> tuple[tuple[str, Commit, str], ...]:
        """(fingerprint, commit, branch) of a task, oldest first."""
        rows = self.db.execute("SELECT fingerprint, id, kind, subject, branch FROM commits WHERE task = ? ORDER BY position", (task,))
        return tuple((row[0], Commit(*row[1:4]), row[4]) for row in rows)

    # --- flaky tests ---------------------------------------------------------------------------------------------------

    def quarantine(self, run: str, result: CycleResult, days: float) -> None:
        """Put the flaky tests of a cycle in quarantine for so many days; one that is there already begins anew."""
        with self.transaction():
            self._quarantine(run, result, days)

    def _quarantine(self, run: str, result: CycleResult, days: float) -> None:
        until = (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        for flaky in result.flaky:
            self.db.execute(
                "INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?, ?, ?, ?)", (flaky.test, run, result.task, flaky.detail, self.now(), until)
            )

    def quarantined(self) -> tuple[Quarantine, ...]:
        """Every test that ever was in quarantine, expired or not."""
        return tuple(Quarantine(*row) for row in self.db.execute("SELECT test, run, task, detail, since, until FROM quarantine ORDER BY test"))

    # --- runs ----------------------------------------------------------------------------------------------------------

    def begin_run(self, run: str, continued: bool, facts: dict[str, Any]) -> None:
        with self.transaction():
            self.db.execute(
                "INSERT INTO runs (id, started_at, continued, facts) VALUES (?, ?, ?, ?)", (run, self.now(), continued, json.dumps(facts))
            )

    def set_facts(self, run: str, facts: dict[str, Any]) -> None:
        """Facts of the run so far; its summary stays."""
        with self.transaction(waits=False):
            self.db.execute("UPDATE runs SET facts = json_patch(facts, ?) WHERE id = ?", (json.dumps(facts), run))

    def last_event(self, run: str) -> str:
        """When the last move of a run was made, '' when it made none."""
        (at,) = self.db.execute("SELECT max(at) FROM events WHERE run = ?", (run,)).fetchone()
        return at or ""

    def end_run(self, run: str, outcome: str, summary: dict[str, Any], ended_at: str) -> None:
        """`summary`: the figures of reports.RunSummary."""
        with self.transaction():
            self.db.execute(
                "UPDATE runs SET ended_at = ?, outcome = ?, facts = json_set(facts, '$.summary', json(?)) WHERE id = ?",
                (max(ended_at, self.last_event(run)), outcome, json.dumps(summary), run),
            )

    def runs(self) -> tuple[dict[str, Any], ...]:
        """Newest first."""
        rows = self.db.execute("SELECT id, started_at, ended_at, outcome, continued, facts FROM runs ORDER BY id DESC").fetchall()
        names = ("id", "started_at", "ended_at", "outcome", "continued", "facts")
        return tuple(dict(zip(names, (*row[:4], bool(row[4]), json.loads(row[5])), strict=True)) for row in rows)

    def branches(self) -> tuple[str, ...]:
        """Branches that hold commits of tasks."""
        return tuple(branch for (branch,) in self.db.execute("SELECT DISTINCT branch FROM commits ORDER BY branch"))

    def events(self, run: str) -> tuple[tuple[str, str, str], ...]:
        """(task, target state, reason) of the moves of a run, in order."""
        return tuple(self.db.execute("SELECT task, target, reason FROM events WHERE run = ? ORDER BY id", (run,)).fetchall())


def _task(row: tuple[Any, ...]) -> TaskRow:
    id, prd, state, fingerprint, task, reason, question, *rest = row
    return TaskRow(id, prd, state, fingerprint, from_json(Task, task), reason, from_json(Question, question) if question else None, *rest)


def result_row(row: tuple[Any, ...]) -> ResultRow:
    """From the columns of RESULT."""
    run, cycle, started_at, result, *trees = row
    return ResultRow(run, cycle, started_at, from_json(CycleResult, result), *trees)


def turns_of(result: CycleResult) -> tuple[AgentTurn, ...]:
    """Everything that a cycle asked of agents."""
    return tuple(turn for _, _, _, turn, _ in _turns(result))


def turn_rows(db: sqlite3.Connection, task: str, fingerprint: str, cycle: int, run: str, prd: str, result: CycleResult) -> None:
    """A row for each turn of a result."""
    for role, attempt, number, turn, verdict in _turns(result):
        db.execute(
            "INSERT INTO turns VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(task, fingerprint, cycle, role, attempt, number, run, prd, turn.agent, turn.kind, turn.model),
                *(turn.seconds, turn.usage.input_tokens, turn.usage.output_tokens, turn.usage.usd, verdict),
            ),
        )


def _turns(result: CycleResult) -> Iterator[tuple[str, int, int, AgentTurn, str]]:
    """(role, attempt, number of the turn in it, turn, what became of the attempt) of everything a cycle asked."""
    for attempt in (*result.written, *result.attempts):
        for number, turn in enumerate(attempt.turns, 1):
            yield attempt.role, attempt.number, number, turn, attempt.verdict
    for turn in result.tidying.turns if result.tidying else ():
        last = result.attempts[-1].number
        yield "code", last, tidy_turn(last, result.attempts), turn, result.attempts[-1].verdict
