"""What spans projects: every turn and what it cost, what breakers look at, and the runs under way. `runs/orchestrator.sqlite`.

Several processes may use it at once, each for a short transaction under an OS lock. A turn is booked at the most it may use before it is sent
(`reserve`) and at what it used when it has returned (`settle`). One that never returned stays booked at its reservation; it is `lost`.

    reserved ─▶ settled    it returned
             ─▶ failed     the agent could not answer; booked on where that may have been paid
             ─▶ lost       the process was gone before it returned, or the turn was stopped
             ─▶ released   it was never sent

Nothing is kept open between transactions, so that a Ledger travels to a worker.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator import faults
from orchestrator.config import BreakerRules, Budgets, Ceiling, Config
from orchestrator.errors import AgentError, HeldBack, NoTurn, OverBudget, SetupError, StoreError
from orchestrator.model import AgentTurn, Usage
from orchestrator.run import breakers, limits
from orchestrator.run.limits import SCOPES, Spent
from orchestrator.save.migrations import LEDGER, migrate, refuse_newer

FILE = "orchestrator.sqlite"
LOCK = "orchestrator.lock"

COUNTED = "state != 'released'"
EVENT = "INSERT INTO events (at, kind, agent, task, step, error, infrastructure) VALUES (?, ?, ?, ?, ?, ?, ?)"
REMEMBERED = 2000
"""So many of the last events of everything, and of each agent and step by itself, decide about breakers: what others do forgets nothing."""
_SCOPE_COLUMNS = {"attempt": "task = ? AND fingerprint = ? AND attempt = ?", "task": "task = ? AND fingerprint = ?", "prd": "prd = ?"}
_SCOPE_COLUMNS |= {"run": "scope = ?", "day": "day = ?", "project": "project = ?"}


@dataclass(frozen=True)
class Asked:
    """A turn that is about to be taken: whose it is, and the most it may use."""

    key: str
    """The same for the same turn of the same cycle, whichever process takes it: `<project>/<journal>/<role> <attempt>.<turn>`."""
    project: str
    prd: str
    task: str
    fingerprint: str
    attempt: str
    """`<role> <number>`."""
    step: str
    run: str
    agent: str
    kind: str
    most: Usage


@dataclass(frozen=True)
class Reservation:
    id: int
    seconds: float | None
    """How long the turn may take before a budget of minutes is used up; None: no such budget."""
    warnings: tuple[str, ...]
    """Budgets that come to their end, each said once."""


@dataclass(frozen=True)
class Tally:
    """All turns of a project by one agent that came to the same end, whenever that was."""

    project: str
    agent: str
    kind: str
    state: str
    """`reserved`, `settled`, `failed` or `lost`."""
    spent: Spent
    """As it is counted: what is unknown, as it was booked."""
    input_tokens: int
    """As the agent said, of turns that were settled."""
    output_tokens: int


@dataclass(frozen=True)
class Ledger:
    folder: Path
    """`runs`."""
    budgets: Budgets
    scope: str = ""
    """Of the run: its id, or that of the killed run it goes on with."""
    rules: BreakerRules = BreakerRules()  # noqa: RUF009 frozen
    agents: tuple[str, ...] = ()
    """Names of all that may be asked."""

    # --- turns ---------------------------------------------------------------------------------------------------------

    def reserve(self, asked: Asked, ceilings: dict[str, Ceiling], turn_seconds: float, *, sent: bool) -> Reservation:
        """Book the most a turn may use. Raises NoTurn when that would exceed a budget.

        `sent`: an earlier process had sent this very turn and was gone before it returned; what it booked is lost then, else released.
        """
        now = time.time()
        with self.transaction() as db:
            state, settled = ("lost", now) if sent else ("released", now)
            db.execute("UPDATE turns SET state = ?, settled_at = ? WHERE key = ? AND state = 'reserved'", (state, settled, asked.key))
            day = limits.day_of(now, self.budgets.timezone)
            spent = {scope: self._spent(db, scope, asked, day) for scope in SCOPES}
            seconds = limits.seconds_left(ceilings, spent)
            booked = self._booked(asked, turn_seconds if seconds is None else min(turn_seconds, max(seconds, 0.0)))
            refused = self._refusal(db, asked, ceilings, spent, booked, now)
            if refused is None:
                return self._book(db, asked, ceilings, day, spent, booked, seconds)
        raise refused

    def refusal(self, asked: Asked, ceilings: dict[str, Ceiling]) -> NoTurn | None:
        """What stands before a turn that costs next to nothing; None when nothing does. Books nothing."""
        now = time.time()
        with self._reading() as db:
            if db is None:
                return None
            spent = {scope: self._spent(db, scope, asked, limits.day_of(now, self.budgets.timezone)) for scope in SCOPES}
            return self._refusal(db, asked, ceilings, spent, Spent(turns=1), now)

    def _refusal(
        self, db: sqlite3.Connection, asked: Asked, ceilings: dict[str, Ceiling], spent: dict[str, Spent], booked: Spent, now: float
    ) -> NoTurn | None:
        """The breaker or the budget that stands before a turn."""
        if breaker := breakers.refuses(
            _events(db, asked.agent, asked.task, _step(asked)), asked.agent, asked.task, _step(asked), (*self.agents, asked.agent), now, self.rules
        ):
            what = "the system's breaker" if breaker.scope == "system" else f"the breaker of {breaker.name}"
            hint = "`orchestrator breakers` says more; `orchestrator breakers reset` closes it now"
            return HeldBack(f"{what} is {breaker.state}: {breaker.reason}", hint=hint, reset_at=breaker.until)
        for scope in SCOPES:
            if why := limits.exceeded(scope, ceilings[scope], spent[scope], booked):
                return OverBudget(why, hint=_ways(scope), reset_at=limits.next_day(now, self.budgets.timezone) if scope == "day" else None)
        return None

    def _book(
        self,
        db: sqlite3.Connection,
        asked: Asked,
        ceilings: dict[str, Ceiling],
        day: str,
        spent: dict[str, Spent],
        booked: Spent,
        seconds: float | None,
    ) -> Reservation:
        now = time.time()
        row = db.execute(
            "INSERT INTO turns (key, project, prd, task, fingerprint, attempt, step, run, scope, day, agent, kind, pid, reserved_at, state, "
            "seconds, tokens, usd) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'reserved', ?, ?, ?)",
            (
                *(asked.key, asked.project, asked.prd, asked.task, asked.fingerprint, asked.attempt, _step(asked), asked.run, self.scope, day),
                *(asked.agent, asked.kind, os.getpid(), now, booked.seconds, booked.tokens, booked.usd),
            ),
        )
        self._event(db, now, "started", asked)
        said = []
        for scope in SCOPES:
            text = limits.warning(scope, ceilings[scope], spent[scope] + booked, self.budgets.warn_percent)
            what = f"{scope} {self._value(scope, asked, day)}"
            if text and db.execute("INSERT OR IGNORE INTO warnings VALUES (?, ?, ?)", (what, text, now)).rowcount:
                said.append(text)
        assert row.lastrowid is not None
        return Reservation(row.lastrowid, seconds, tuple(said))

    def settle(self, key: str, turn: AgentTurn) -> None:
        """The turn has returned: what it used replaces what was booked. What is unknown stays as booked. Repeating it is harmless."""
        usage, replay = turn.usage, turn.kind == "recorded"
        tokens = None if usage.input_tokens is None and usage.output_tokens is None else (usage.input_tokens or 0) + (usage.output_tokens or 0)
        now = time.time()
        with self.transaction() as db:
            row = db.execute("SELECT id, agent, task, step FROM turns WHERE key = ? AND state = 'reserved'", (key,)).fetchone()
            if row is None:
                return
            db.execute(
                "UPDATE turns SET state = 'settled', settled_at = ?, seconds = ?, tokens = coalesce(?, tokens), usd = coalesce(?, usd), "
                "model = ?, input_tokens = ?, output_tokens = ?, paid = ? WHERE id = ?",
                (
                    *(now, turn.seconds, 0 if replay else tokens, 0.0 if replay else usage.usd),
                    *(turn.model, usage.input_tokens, usage.output_tokens, usage.usd, row[0]),
                ),
            )
            db.execute(EVENT, (now, "ok", row[1], row[2], row[3], "", False))

    def fail(self, asked: Asked, error: AgentError, seconds: float) -> int:
        """The agent could not answer after so many seconds. Returns how often in a row that happened with this agent, this time included."""
        with self.transaction() as db:
            if error.paid:
                db.execute("UPDATE turns SET state = 'failed', settled_at = ?, error = ? WHERE key = ? AND state = 'reserved'", _failed(asked, error))
            else:
                db.execute(
                    "UPDATE turns SET state = 'failed', settled_at = ?, error = ?, tokens = 0, usd = 0, sent = 0, seconds = ? "
                    "WHERE key = ? AND state = 'reserved'",
                    (*_failed(asked, error)[:2], seconds, asked.key),
                )
            kind = "failed" if error.counts else "ok"
            self._event(db, time.time(), kind, asked, f"{type(error).__name__}: {error.message}", infrastructure=error.infrastructure)
            if error.counts:
                self._note_trips(db, asked)
            last = "SELECT coalesce(max(id), 0) FROM turns WHERE agent = ?1 AND state = 'settled'"
            (failures,) = db.execute(f"SELECT count(*) FROM turns WHERE agent = ?1 AND state = 'failed' AND id > ({last})", (asked.agent,)).fetchone()
            return int(failures)

    def _note_trips(self, db: sqlite3.Connection, asked: Asked) -> None:
        """Keep why a breaker has just opened."""
        events, now = _events(db, asked.agent, asked.task, _step(asked)), time.time()
        names = (*self.agents, asked.agent)
        found = (breakers.system(events, names, now, self.rules), breakers.agent(events, asked.agent, now, self.rules))
        for breaker in (*found, breakers.step(events, asked.task, _step(asked), now, self.rules)):
            if breaker.state == "open" and breaker.opened_at == events[-1].at:
                snapshot = json.dumps(breakers.snapshot(events, breaker, now))
                db.execute("INSERT INTO trips (at, scope, name, snapshot) VALUES (?, ?, ?, ?)", (now, breaker.scope, breaker.name, snapshot))

    def lose(self, key: str) -> None:
        """The turn was stopped before it returned: it stays booked at its reservation."""
        with self.transaction() as db:
            db.execute("UPDATE turns SET state = 'lost', settled_at = ? WHERE key = ? AND state = 'reserved'", (time.time(), key))

    def _booked(self, asked: Asked, seconds: float) -> Spent:
        most = asked.most
        known = most.input_tokens is not None and most.output_tokens is not None
        tokens = (most.input_tokens or 0) + (most.output_tokens or 0) if known else self.budgets.turn_tokens
        return Spent(seconds, tokens, self.budgets.turn_usd if most.usd is None else most.usd, 1)

    def _spent(self, db: sqlite3.Connection, scope: str, asked: Asked, day: str) -> Spent:
        values = {"attempt": (asked.task, asked.fingerprint, asked.attempt), "task": (asked.task, asked.fingerprint), "prd": (asked.prd,)}
        values |= {"run": (self.scope,), "day": (day,)}
        return _sum(db, _SCOPE_COLUMNS[scope], values[scope])

    def _value(self, scope: str, asked: Asked, day: str) -> str:
        of_task = f"{asked.task}@{asked.fingerprint}"
        return {"attempt": f"{of_task} {asked.attempt}", "task": of_task, "prd": asked.prd, "run": self.scope, "day": day}[scope]

    def _event(self, db: sqlite3.Connection, at: float, kind: str, asked: Asked, error: str = "", *, infrastructure: bool = False) -> None:
        db.execute(EVENT, (at, kind, asked.agent, asked.task, _step(asked), error[:500], infrastructure))

    # --- breakers ------------------------------------------------------------------------------------------------------

    def standing(self) -> tuple[breakers.Breaker, ...]:
        """The system's, every agent's that is configured or was asked, and those of the steps that are not closed."""
        now = time.time()
        with self._reading() as db:
            events = [] if db is None else _events(db)
            asked = [] if db is None else [agent for (agent,) in db.execute("SELECT DISTINCT agent FROM events WHERE agent != ''")]
            each = [breakers.agent(_events(db, name), name, now, self.rules) for name in dict.fromkeys((*self.agents, *asked)) if db is not None]
        whole = breakers.system(events, self.agents or asked, now, self.rules)
        steps = (found for found in breakers.all_of(events, (), now, self.rules) if found.scope == "step")
        return (whole, *each, *(found for found in steps if found.state != "closed" or found.flapping))

    def turns_end(self) -> tuple[float | None, str, float | None]:
        """(when turns that are under way are ended because the system's breaker is open, the sentence that says so, when it lets turns through)."""
        with self._reading() as db:
            events = [] if db is None else _events(db)
        found = breakers.system(events, self.agents, time.time(), self.rules)
        seconds = f"{self.rules.system.drain_seconds:g}"
        return breakers.work_until(found, self.rules), f"the system's breaker opened, and turns had {seconds} s to end: {found.reason}", found.until

    def reset(self, found: tuple[breakers.Breaker, ...]) -> None:
        """Close breakers by hand; the events say so."""
        with self.transaction() as db:
            for breaker in found:
                event = breakers.reset(breaker, time.time())
                db.execute(EVENT, (event.at, event.kind, event.agent, event.task, event.step, "", False))

    def trips(self, most: int = 20) -> tuple[dict[str, Any], ...]:
        """Why breakers opened, newest first."""
        with self._reading() as db:
            rows = [] if db is None else db.execute("SELECT snapshot FROM trips ORDER BY id DESC LIMIT ?", (most,)).fetchall()
        return tuple(json.loads(snapshot) for (snapshot,) in rows)

    # --- runs ----------------------------------------------------------------------------------------------------------

    def begin_run(self, name: str) -> str:
        """A run over all projects begins. Returns the scope of its budget: its own name, or that of the killed run that it goes on with."""
        with self.transaction() as db:
            rows = db.execute("SELECT id, scope, pid, began FROM runs WHERE ended_at IS NULL ORDER BY rowid DESC").fetchall()
            killed = [row for row in rows if not alive(row[2], row[3])]
            db.executemany("UPDATE runs SET ended_at = ?, killed = 1 WHERE id = ?", [(time.time(), row[0]) for row in killed])
            scope = killed[0][1] if killed else name
            pid = os.getpid()
            db.execute("INSERT INTO runs (id, scope, pid, began, started_at) VALUES (?, ?, ?, ?, ?)", (name, scope, pid, birth(pid), time.time()))
            return str(scope)

    def end_run(self, name: str) -> None:
        """The run has ended by itself. One that asked nobody for anything leaves no trace: most runs of a watcher find nothing new."""
        with self.transaction() as db:
            db.execute("UPDATE runs SET ended_at = ? WHERE id = ?", (time.time(), name))
            db.execute("DELETE FROM runs WHERE id = ? AND NOT EXISTS (SELECT 1 FROM turns WHERE turns.scope = runs.scope)", (name,))

    # --- reading -------------------------------------------------------------------------------------------------------

    def spent_by(self, scope: str, *value: str) -> Spent:
        """What stands against a budget: `day`, date; `run`, scope of the run; `prd`, id; `task`, id and fingerprint; `project`; or `all` of it."""
        with self._reading() as db:
            return Spent() if db is None else _sum(db, _SCOPE_COLUMNS.get(scope, "1"), value)

    def unknown(self, project: str | None = None) -> tuple[int, int]:
        """(turns whose tokens, turns whose price the agent did not say): they count as booked. Of one project, or of all."""
        with self._reading() as db:
            if db is None:
                return 0, 0
            where = "state = 'settled' AND kind NOT IN ('recorded', 'scripted') AND (?1 IS NULL OR project = ?1)"
            columns = "total(input_tokens IS NULL AND output_tokens IS NULL), total(paid IS NULL)"
            row = db.execute(f"SELECT {columns} FROM turns WHERE {where}", (project,)).fetchone()
            return int(row[0]), int(row[1])

    def states(self, project: str | None = None) -> dict[str, int]:
        """State of turns → how many. Of one project, or of all."""
        query = "SELECT state, count(*) FROM turns WHERE ?1 IS NULL OR project = ?1 GROUP BY state"
        with self._reading() as db:
            return {} if db is None else dict(db.execute(query, (project,)).fetchall())

    def tallies(self) -> tuple[Tally, ...]:
        """Every turn that was ever asked for, but those that were never sent."""
        columns = "project, agent, kind, state, total(seconds), total(tokens), total(usd), count(*), total(input_tokens), total(output_tokens)"
        query = f"SELECT {columns} FROM turns WHERE {COUNTED} GROUP BY project, agent, kind, state ORDER BY project, agent, kind, state"
        with self._reading() as db:
            rows = [] if db is None else db.execute(query).fetchall()
        return tuple(
            Tally(project, agent, kind, state, Spent(seconds, int(tokens), usd, count), int(prompts), int(answers))
            for project, agent, kind, state, seconds, tokens, usd, count, prompts, answers in rows
        )

    def opened(self) -> dict[str, int]:
        """Scope → how often a breaker of it opened."""
        with self._reading() as db:
            return {} if db is None else dict(db.execute("SELECT scope, count(*) FROM trips GROUP BY scope").fetchall())

    def last_scope(self) -> str:
        """The budget scope of the newest run, '' when there was none."""
        with self._reading() as db:
            row = None if db is None else db.execute("SELECT scope FROM runs ORDER BY rowid DESC LIMIT 1").fetchone()
            return str(row[0]) if row else ""

    # --- the file ------------------------------------------------------------------------------------------------------

    def reading(self) -> AbstractContextManager[sqlite3.Connection | None]:
        """For modules that keep tables of their own in this file: to read, without a lock; None when there is no file yet."""
        return self._reading()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One short transaction under the lock of the file. Raises StoreError when it cannot be read."""
        try:
            import fcntl
        except ImportError:
            raise SetupError("running PRDs needs Linux", hint="on Windows use WSL2; `check`, `plan`, `status` and `site` work here") from None
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            db = self._open("rwc")
            try:
                db.execute("PRAGMA synchronous = FULL")
                migrate(db, LEDGER)
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
            finally:
                db.close()
        except sqlite3.Error as error:
            raise faults.known(error, self.folder / FILE) or StoreError(f"{self.folder / FILE} cannot be read or written: {error}") from None
        finally:
            os.close(lock)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """For readers, without the lock; None when there is no file yet."""
        if not (self.folder / FILE).exists():
            yield None
            return
        try:
            db = self._open("ro")
            try:
                refuse_newer(db, LEDGER)
                yield db
            finally:
                db.close()
        except sqlite3.Error as error:
            raise faults.known(error, self.folder / FILE) or StoreError(f"{self.folder / FILE} cannot be read: {error}") from None

    def _open(self, mode: str) -> sqlite3.Connection:
        return sqlite3.connect(f"{(self.folder / FILE).resolve().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=30)


def ledger_of(root: Path, config: Config) -> Ledger:
    """The ledger of a working folder."""
    return Ledger(config.folder(root, "runs"), config.budgets, "", config.breakers, tuple(config.agents))


def _sum(db: sqlite3.Connection, where: str, values: tuple[str, ...]) -> Spent:
    row = db.execute(f"SELECT total(seconds), total(tokens), total(usd), total(sent) FROM turns WHERE {COUNTED} AND {where}", values).fetchone()
    return Spent(row[0], int(row[1]), row[2], int(row[3]))


def _events(db: sqlite3.Connection, agent: str = "", task: str = "", step: str = "") -> list[breakers.Event]:
    """What breakers look at, oldest first: the last of everything, of that agent, and of that step."""
    columns = "at, kind, agent, task, step, error, infrastructure"
    wanted = ["SELECT id FROM (SELECT id FROM events ORDER BY id DESC LIMIT :most)", "SELECT id FROM events WHERE kind = 'reset'"]
    if agent:
        wanted.append("SELECT id FROM (SELECT id FROM events WHERE agent = :agent ORDER BY id DESC LIMIT :most)")
    if task:
        wanted.append("SELECT id FROM (SELECT id FROM events WHERE task = :task AND step = :step ORDER BY id DESC LIMIT :most)")
    values = {"most": REMEMBERED, "agent": agent, "task": task, "step": step}
    rows = db.execute(f"SELECT {columns} FROM events WHERE id IN ({' UNION '.join(wanted)}) ORDER BY id", values)
    return [breakers.Event(at, kind, agent, task, step, error, bool(infrastructure)) for at, kind, agent, task, step, error, infrastructure in rows]


def _step(asked: Asked) -> str:
    """Another agent's failures are not the step's."""
    return f"{asked.step}/{asked.agent}"


def _failed(asked: Asked, error: AgentError) -> tuple[float, str, str]:
    return time.time(), f"{type(error).__name__}: {error.message}"[:1000], asked.key


def _ways(scope: str) -> str:
    if scope == "day":
        return "it goes on when the next day begins; `budgets.day` sets it"
    if scope == "run":
        return "the next run goes on; `budgets.run` sets it"
    return f"raise `budgets.{scope}`" + (" or the PRD's `budget`" if scope == "prd" else "")


def birth(pid: int) -> str:
    """When a process began, as the kernel counts it: the same number is another process when it is another time. '' where that is not known."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def alive(pid: int, began: str) -> bool:
    """Whether that very process is still there."""
    return bool(began) and birth(pid) == began
