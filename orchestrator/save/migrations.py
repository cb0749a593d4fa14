"""The databases, as named functions that each run once, in a transaction. The CHECKs come from the state machine."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from orchestrator.errors import StoreError
from orchestrator.run.lifecycle import MOVES, STATES


def _words(values: list[str]) -> str:
    return ", ".join(f"'{value}'" for value in values)


def m001_first(db: sqlite3.Connection) -> None:
    states = _words(list(STATES))
    moves = _words(sorted({f"{move.source} > {move.name} > {move.target}" for move in MOVES}))
    for statement in (
        """CREATE TABLE prds (
            id TEXT PRIMARY KEY, path TEXT NOT NULL, fingerprint TEXT NOT NULL, prd TEXT NOT NULL, plan TEXT NOT NULL, planned_at TEXT NOT NULL,
            kept TEXT NOT NULL DEFAULT ''
        ) STRICT""",
        f"""CREATE TABLE tasks (
            id TEXT PRIMARY KEY, prd TEXT NOT NULL, position INTEGER NOT NULL, state TEXT NOT NULL CHECK (state IN ({states})),
            fingerprint TEXT NOT NULL, task TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', question TEXT,
            attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0), cycle INTEGER NOT NULL DEFAULT 1, last_run TEXT NOT NULL DEFAULT ''
        ) STRICT""",
        f"""CREATE TABLE events (
            id INTEGER PRIMARY KEY, at TEXT NOT NULL, run TEXT NOT NULL, task TEXT NOT NULL, move TEXT NOT NULL, source TEXT NOT NULL,
            target TEXT NOT NULL, reason TEXT NOT NULL, CHECK (source || ' > ' || move || ' > ' || target IN ({moves}))
        ) STRICT""",
        """CREATE TABLE results (
            task TEXT NOT NULL, fingerprint TEXT NOT NULL, cycle INTEGER NOT NULL, run TEXT NOT NULL, started_at TEXT NOT NULL,
            result TEXT NOT NULL, red_tree TEXT NOT NULL, green_tree TEXT NOT NULL, PRIMARY KEY (task, fingerprint, cycle)
        ) STRICT""",
        """CREATE TABLE turns (
            task TEXT NOT NULL, fingerprint TEXT NOT NULL, cycle INTEGER NOT NULL, attempt INTEGER NOT NULL, turn INTEGER NOT NULL,
            run TEXT NOT NULL, prd TEXT NOT NULL, agent TEXT NOT NULL, kind TEXT NOT NULL, model TEXT NOT NULL, seconds REAL NOT NULL,
            input_tokens INTEGER, output_tokens INTEGER, usd REAL, PRIMARY KEY (task, fingerprint, cycle, attempt, turn)
        ) STRICT""",
        """CREATE TABLE proofs (
            criterion TEXT PRIMARY KEY, task TEXT NOT NULL, fingerprint TEXT NOT NULL, proof TEXT NOT NULL
        ) STRICT""",
        """CREATE TABLE commits (
            id TEXT PRIMARY KEY, task TEXT NOT NULL, fingerprint TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, branch TEXT NOT NULL,
            position INTEGER NOT NULL
        ) STRICT""",
        """CREATE TABLE runs (
            id TEXT PRIMARY KEY, started_at TEXT NOT NULL, ended_at TEXT NOT NULL DEFAULT '', outcome TEXT NOT NULL DEFAULT 'interrupted',
            continued INTEGER NOT NULL DEFAULT 0, facts TEXT NOT NULL DEFAULT '{}'
        ) STRICT""",
        "CREATE INDEX events_by_task ON events (task)",
        "CREATE INDEX results_by_run ON results (run)",
        "CREATE INDEX turns_by_prd ON turns (prd)",
    ):
        db.execute(statement)


def m002_evidence(db: sqlite3.Connection) -> None:
    """Turns know their role, results the tree that tidying left; flaky tests are in quarantine for a time."""
    for statement in (
        """CREATE TABLE turns_by_role (
            task TEXT NOT NULL, fingerprint TEXT NOT NULL, cycle INTEGER NOT NULL, role TEXT NOT NULL,
            attempt INTEGER NOT NULL, turn INTEGER NOT NULL, run TEXT NOT NULL, prd TEXT NOT NULL, agent TEXT NOT NULL,
            kind TEXT NOT NULL, model TEXT NOT NULL, seconds REAL NOT NULL,
            input_tokens INTEGER, output_tokens INTEGER, usd REAL, PRIMARY KEY (task, fingerprint, cycle, role, attempt, turn)
        ) STRICT""",
        """INSERT INTO turns_by_role SELECT task, fingerprint, cycle, 'code', attempt, turn, run, prd, agent, kind, model, seconds,
            input_tokens, output_tokens, usd FROM turns""",
        "DROP TABLE turns",
        "ALTER TABLE turns_by_role RENAME TO turns",
        "CREATE INDEX turns_by_prd ON turns (prd)",
        "ALTER TABLE results ADD COLUMN tidied_tree TEXT NOT NULL DEFAULT ''",
        "UPDATE results SET tidied_tree = green_tree",
        """CREATE TABLE quarantine (
            test TEXT PRIMARY KEY, run TEXT NOT NULL, task TEXT NOT NULL, detail TEXT NOT NULL, since TEXT NOT NULL, until TEXT NOT NULL
        ) STRICT""",
    ):
        db.execute(statement)


def m003_waiting(db: sqlite3.Connection) -> None:
    """Parked tasks know until when; a ready task may be parked before it begins, which the CHECK of moves must know."""
    moves = _words(sorted({f"{move.source} > {move.name} > {move.target}" for move in MOVES}))
    columns = "id, at, run, task, move, source, target, reason"
    for statement in (
        "ALTER TABLE tasks ADD COLUMN parked_until TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE tasks ADD COLUMN criteria INTEGER NOT NULL DEFAULT 0",
        """UPDATE tasks SET criteria = (SELECT total(json_array_length(requirement.value, '$.criteria'))
            FROM json_each(tasks.task, '$.requirements') AS requirement)""",
        "CREATE INDEX tasks_by_state ON tasks (state, prd, position)",
        f"""CREATE TABLE events_of_all_moves (
            id INTEGER PRIMARY KEY, at TEXT NOT NULL, run TEXT NOT NULL, task TEXT NOT NULL, move TEXT NOT NULL, source TEXT NOT NULL,
            target TEXT NOT NULL, reason TEXT NOT NULL, CHECK (source || ' > ' || move || ' > ' || target IN ({moves}))
        ) STRICT""",
        f"INSERT INTO events_of_all_moves ({columns}) SELECT {columns} FROM events",
        "DROP TABLE events",
        "ALTER TABLE events_of_all_moves RENAME TO events",
        "CREATE INDEX events_by_task ON events (task)",
        "CREATE INDEX events_by_run ON events (run)",
    ):
        db.execute(statement)


def m004_pruned(db: sqlite3.Connection) -> None:
    """Cycles whose results were pruned: should their wording come back, no other cycle takes their number."""
    db.execute("CREATE TABLE pruned (task TEXT NOT NULL, fingerprint TEXT NOT NULL, cycle INTEGER NOT NULL, PRIMARY KEY (task, fingerprint)) STRICT")


def m005_many_tasks(db: sqlite3.Connection) -> None:
    """What is asked again and again is answered from indexes, however many tasks there are."""
    for statement in (
        "CREATE INDEX tasks_by_prd ON tasks (prd, position, id, state)",
        "CREATE INDEX tasks_by_criteria ON tasks (state, criteria, id, fingerprint)",
        "CREATE INDEX proofs_by_task ON proofs (task, fingerprint)",
        "CREATE INDEX commits_by_task ON commits (task, position)",
        "CREATE INDEX commits_by_position ON commits (position)",
        "CREATE INDEX commits_kept ON commits (task) WHERE fingerprint = ''",
        "CREATE INDEX turns_by_run ON turns (run)",
        "DROP INDEX events_by_task",
        "CREATE INDEX events_by_task ON events (task, at)",
    ):
        db.execute(statement)


def m006_verdicts(db: sqlite3.Connection) -> None:
    """Turns know what became of the candidate that they made."""
    for statement in (
        "ALTER TABLE turns ADD COLUMN verdict TEXT NOT NULL DEFAULT ''",
        """UPDATE turns SET verdict = coalesce((
            SELECT json_extract(attempt.value, '$.verdict') FROM results,
            json_each(results.result, iif(turns.role = 'tests', '$.written', '$.attempts')) AS attempt
            WHERE results.task = turns.task AND results.fingerprint = turns.fingerprint AND results.cycle = turns.cycle
            AND json_extract(attempt.value, '$.number') = turns.attempt), '')""",
        "CREATE INDEX turns_by_agent ON turns (role, agent, kind, model)",
    ):
        db.execute(statement)


def m007_edits(db: sqlite3.Connection) -> None:
    """What edits of a PRD changed; what tasks said before they were worded otherwise; which task took over a retired one's requirement. A done task
    may be judged again after a merge, which the CHECK of moves must know."""
    moves = _words(sorted({f"{move.source} > {move.name} > {move.target}" for move in MOVES}))
    columns = "id, at, run, task, move, source, target, reason"
    for statement in (
        """CREATE TABLE edits (
            id INTEGER PRIMARY KEY, at TEXT NOT NULL, run TEXT NOT NULL, prd TEXT NOT NULL, path TEXT NOT NULL, before TEXT NOT NULL,
            after TEXT NOT NULL, changes TEXT NOT NULL
        ) STRICT""",
        "CREATE INDEX edits_by_prd ON edits (prd, id)",
        """CREATE TABLE wordings (
            task TEXT NOT NULL, fingerprint TEXT NOT NULL, wording TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (task, fingerprint)
        ) STRICT""",
        "ALTER TABLE tasks ADD COLUMN becomes TEXT NOT NULL DEFAULT ''",
        "CREATE INDEX tasks_by_becomes ON tasks (becomes)",
        f"""CREATE TABLE events_of_all_moves (
            id INTEGER PRIMARY KEY, at TEXT NOT NULL, run TEXT NOT NULL, task TEXT NOT NULL, move TEXT NOT NULL, source TEXT NOT NULL,
            target TEXT NOT NULL, reason TEXT NOT NULL, CHECK (source || ' > ' || move || ' > ' || target IN ({moves}))
        ) STRICT""",
        f"INSERT INTO events_of_all_moves ({columns}) SELECT {columns} FROM events",
        "DROP TABLE events",
        "ALTER TABLE events_of_all_moves RENAME TO events",
        "CREATE INDEX events_by_task ON events (task, at)",
        "CREATE INDEX events_by_run ON events (run)",
    ):
        db.execute(statement)


def m008_checked(db: sqlite3.Connection) -> None:
    """What was found when a branch was looked at as a whole: phase gates, validations. How many tasks of a phase are in which state is an index."""
    for statement in (
        """CREATE TABLE checked (
            id INTEGER PRIMARY KEY, prd TEXT NOT NULL, what TEXT NOT NULL, head TEXT NOT NULL, tree TEXT NOT NULL, key TEXT NOT NULL,
            run TEXT NOT NULL, at TEXT NOT NULL, passed INTEGER NOT NULL, report TEXT NOT NULL
        ) STRICT""",
        "CREATE INDEX checked_by_prd ON checked (prd, what, id)",
        "CREATE INDEX checked_by_run ON checked (run)",
        "CREATE INDEX tasks_by_phase ON tasks (prd, json_extract(task, '$.phase'), state) WHERE json_extract(task, '$.phase') IS NOT NULL",
    ):
        db.execute(statement)


def m009_deliveries(db: sqlite3.Connection) -> None:
    """Where the branches of complete PRDs went."""
    for statement in (
        "CREATE TABLE deliveries (id INTEGER PRIMARY KEY, prd TEXT NOT NULL, run TEXT NOT NULL, at TEXT NOT NULL, report TEXT NOT NULL) STRICT",
        "CREATE INDEX deliveries_by_prd ON deliveries (prd, id)",
        "CREATE INDEX deliveries_by_run ON deliveries (run)",
    ):
        db.execute(statement)


def l001_first(db: sqlite3.Connection) -> None:
    """The ledger: turns and what they cost, what breakers look at, runs under way, what was warned of."""
    for statement in (
        """CREATE TABLE turns (
            id INTEGER PRIMARY KEY, key TEXT NOT NULL, project TEXT NOT NULL, prd TEXT NOT NULL, task TEXT NOT NULL, fingerprint TEXT NOT NULL,
            attempt TEXT NOT NULL, step TEXT NOT NULL, run TEXT NOT NULL, scope TEXT NOT NULL, day TEXT NOT NULL, agent TEXT NOT NULL,
            kind TEXT NOT NULL, model TEXT NOT NULL DEFAULT '', pid INTEGER NOT NULL, reserved_at REAL NOT NULL, settled_at REAL,
            state TEXT NOT NULL CHECK (state IN ('reserved', 'settled', 'failed', 'lost', 'released')),
            sent INTEGER NOT NULL DEFAULT 1, seconds REAL NOT NULL, tokens INTEGER NOT NULL, usd REAL NOT NULL,
            input_tokens INTEGER, output_tokens INTEGER, paid REAL, error TEXT NOT NULL DEFAULT ''
        ) STRICT""",
        "CREATE UNIQUE INDEX turns_open ON turns (key) WHERE state = 'reserved'",
        "CREATE INDEX turns_by_key ON turns (key)",
        "CREATE INDEX turns_by_task ON turns (task, fingerprint)",
        "CREATE INDEX turns_by_prd ON turns (prd)",
        "CREATE INDEX turns_by_scope ON turns (scope)",
        "CREATE INDEX turns_by_day ON turns (day)",
        "CREATE INDEX turns_by_project ON turns (project)",
        """CREATE TABLE events (
            id INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('started', 'ok', 'failed', 'reset')),
            agent TEXT NOT NULL, task TEXT NOT NULL, step TEXT NOT NULL, error TEXT NOT NULL, infrastructure INTEGER NOT NULL
        ) STRICT""",
        "CREATE INDEX events_by_agent ON events (agent)",
        "CREATE INDEX events_by_step ON events (task, step)",
        "CREATE INDEX events_by_kind ON events (id) WHERE kind = 'reset'",
        "CREATE TABLE trips (id INTEGER PRIMARY KEY, at REAL NOT NULL, scope TEXT NOT NULL, name TEXT NOT NULL, snapshot TEXT NOT NULL) STRICT",
        """CREATE TABLE runs (
            id TEXT PRIMARY KEY, scope TEXT NOT NULL, pid INTEGER NOT NULL, began TEXT NOT NULL, started_at REAL NOT NULL, ended_at REAL,
            killed INTEGER NOT NULL DEFAULT 0
        ) STRICT""",
        "CREATE TABLE warnings (what TEXT PRIMARY KEY, text TEXT NOT NULL, at REAL NOT NULL) STRICT",
    ):
        db.execute(statement)


def l002_notices(db: sqlite3.Connection) -> None:
    """When people were told of which kind of event last, and how many messages were held back since."""
    db.execute("CREATE TABLE notices (event TEXT PRIMARY KEY, sent_at REAL NOT NULL, held INTEGER NOT NULL) STRICT")


def l003_schedule(db: sqlite3.Connection) -> None:
    """When each job of the schedule was done last."""
    db.execute(
        """CREATE TABLE schedule (
            job TEXT PRIMARY KEY, cron TEXT NOT NULL, timezone TEXT NOT NULL, since REAL NOT NULL, began REAL, ended REAL,
            outcome TEXT NOT NULL DEFAULT '', pid INTEGER NOT NULL DEFAULT 0, birth TEXT NOT NULL DEFAULT '', tries INTEGER NOT NULL DEFAULT 0
        ) STRICT"""
    )


Migration = Callable[[sqlite3.Connection], None]
PROJECT: tuple[Migration, ...] = (
    m001_first,
    m002_evidence,
    m003_waiting,
    m004_pruned,
    m005_many_tasks,
    m006_verdicts,
    m007_edits,
    m008_checked,
    m009_deliveries,
)
LEDGER: tuple[Migration, ...] = (l001_first, l002_notices, l003_schedule)


def migrate(db: sqlite3.Connection, migrations: tuple[Migration, ...] = PROJECT) -> None:
    """Bring the database to this version. Raises StoreError when it was written by a newer one."""
    db.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY) STRICT")
    applied = refuse_newer(db, migrations)
    for migration in migrations:
        if migration.__name__ not in applied:
            db.execute("BEGIN IMMEDIATE")
            try:
                migration(db)
                db.execute("INSERT INTO migrations VALUES (?)", (migration.__name__,))
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:  # on a full disk SQLite has rolled back by itself
                    db.execute("ROLLBACK")
                raise


def refuse_newer(db: sqlite3.Connection, migrations: tuple[Migration, ...] = PROJECT) -> set[str]:
    """Names of the migrations that the database has. Raises StoreError when one of them is unknown here."""
    applied = {str(row[0]) for row in db.execute("SELECT name FROM migrations")}
    if newer := applied - {migration.__name__ for migration in migrations}:
        raise StoreError(f"the database was written by a newer version (it has {', '.join(sorted(newer))})", hint="upgrade the orchestrator")
    return applied
