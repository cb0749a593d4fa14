"""Questions that a project's database answers from its indexes, or without parsing what tasks and results hold: cheap, however many there are."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

from orchestrator.model import Mutation, Prd, Proof
from orchestrator.save.store import RESULT, ResultRow, Store, result_row
from orchestrator.save.values import from_json

MOST = 500
"""Names that one statement asks for."""


def version(store: Store) -> int:
    """Another number after every transaction: what was made from the database needs not be made again while it is the same."""
    return int(store.db.execute("PRAGMA user_version").fetchone()[0])


def states(store: Store, names: Collection[str]) -> dict[str, str]:
    """Task → state, of those that there are."""
    found: dict[str, str] = {}
    listed = list(names)
    for start in range(0, len(listed), MOST):
        part = listed[start : start + MOST]
        found |= dict(store.db.execute(f"SELECT id, state FROM tasks WHERE id IN ({', '.join('?' * len(part))})", part).fetchall())
    return found


def counts(store: Store, prd: str) -> dict[str, int]:
    """State → how many tasks of a PRD."""
    return dict(store.db.execute("SELECT state, count(*) FROM tasks WHERE prd = ? GROUP BY state", (prd,)).fetchall())


def tally(store: Store) -> dict[str, int]:
    """State → how many tasks of the project, without those that are retired."""
    return dict(store.db.execute("SELECT state, count(*) FROM tasks WHERE state != 'retired' GROUP BY state").fetchall())


def pairs(store: Store) -> set[tuple[str, str]]:
    """(PRD, state of a task of it)."""
    return set(store.db.execute("SELECT DISTINCT prd, state FROM tasks").fetchall())


def standing(store: Store) -> dict[str, tuple[str, str]]:
    """Task → (state, fingerprint)."""
    return {name: (state, fingerprint) for name, state, fingerprint in store.db.execute("SELECT id, state, fingerprint FROM tasks")}


def first(store: Store, state: str, prd: str, besides: Collection[str]) -> str:
    """The first task of a PRD in that state, in plan order, which is not among `besides`; '' when there is none."""
    rows = store.db.execute("SELECT id FROM tasks WHERE state = ? AND prd = ? ORDER BY position, id", (state, prd))
    return next((str(name) for (name,) in rows if name not in besides), "")


def reason(store: Store, task: str) -> str:
    """Why a task is in its state."""
    (found,) = store.db.execute("SELECT reason FROM tasks WHERE id = ?", (task,)).fetchone()
    return str(found)


def done(store: Store, prd: str | None = None) -> list[tuple[str, str, int]]:
    """(task, fingerprint, its last cycle) of every task that is done, in plan order."""
    where, values = ("AND prd = ?", (prd,)) if prd is not None else ("", ())
    return store.db.execute(
        f"SELECT id, fingerprint, cycle - 1 FROM tasks WHERE state = 'done' {where} ORDER BY prd, position, id", values
    ).fetchall()


def done_before(store: Store, prd: str, besides: str, at: str) -> list[tuple[str, str, int]]:
    """The same for a PRD: those but one that had been done at a moment, and are."""
    query = "SELECT 1 FROM events WHERE task = ? AND target = 'done' AND at <= ? LIMIT 1"
    return [row for row in done(store, prd) if row[0] != besides and store.db.execute(query, (row[0], at)).fetchone()]


def kept(store: Store) -> list[tuple[str, str]]:
    """(PRD, commit) of every commit that keeps held-out examples."""
    query = "SELECT tasks.prd, commits.id FROM commits JOIN tasks ON tasks.id = commits.task WHERE commits.fingerprint = ''"
    return store.db.execute(f"{query} ORDER BY tasks.prd, commits.position").fetchall()


def prds(store: Store) -> dict[str, str]:
    """PRD → its path."""
    return dict(store.db.execute("SELECT id, path FROM prds ORDER BY id").fetchall())


def files(store: Store) -> list[tuple[str, str, str]]:
    """(PRD, path, fingerprint of the file) of every PRD."""
    return store.db.execute("SELECT id, path, fingerprint FROM prds ORDER BY id").fetchall()


def prd(store: Store, name: str) -> Prd:
    (text,) = store.db.execute("SELECT prd FROM prds WHERE id = ?", (name,)).fetchone()
    return from_json(Prd, text)


def proofs(store: Store, prd: str) -> dict[str, tuple[str, Proof]]:
    """Criterion → (fingerprint of the task it was proved for, proof), of a PRD."""
    query = "SELECT criterion, proofs.fingerprint, proof FROM proofs JOIN tasks ON tasks.id = proofs.task WHERE tasks.prd = ?"
    return {criterion: (fingerprint, from_json(Proof, proof)) for criterion, fingerprint, proof in store.db.execute(query, (prd,))}


def proved_criteria(store: Store, prd: str) -> set[str]:
    """The criteria of a PRD that are proved as they are worded."""
    query = (
        "SELECT criterion FROM proofs JOIN tasks ON tasks.id = proofs.task AND tasks.fingerprint = proofs.fingerprint "
        "WHERE tasks.prd = ? AND tasks.state = 'done' AND json_extract(proof, '$.level') != 'none'"
    )
    return {criterion for (criterion,) in store.db.execute(query, (prd,))}


def proved(store: Store, task: str, fingerprint: str) -> list[Proof]:
    """The proofs of a task as it was worded."""
    rows = store.db.execute("SELECT proof FROM proofs WHERE task = ? AND fingerprint = ?", (task, fingerprint))
    return [from_json(Proof, text) for (text,) in rows]


def mutations(store: Store, prd: str) -> dict[str, Mutation]:
    """Task → the mutation of what it changed, of the done tasks of a PRD that have one."""
    query = (
        "SELECT tasks.id, json_extract(result, '$.mutation') FROM tasks JOIN results ON results.task = tasks.id AND "
        "results.fingerprint = tasks.fingerprint AND results.cycle = (SELECT max(cycle) FROM results AS other WHERE other.task = tasks.id AND "
        "other.fingerprint = tasks.fingerprint) WHERE tasks.prd = ? AND tasks.state = 'done'"
    )
    return {task: from_json(Mutation, text) for task, text in store.db.execute(query, (prd,)) if text}


# --- runs ------------------------------------------------------------------------------------------------------------------


def run(store: Store, name: str) -> dict[str, Any]:
    """One row of `Store.runs`. Raises KeyError for a run there is not."""
    row = store.db.execute("SELECT id, started_at, ended_at, outcome, continued, facts FROM runs WHERE id = ?", (name,)).fetchone()
    if row is None:
        raise KeyError(name)
    return dict(zip(("id", "started_at", "ended_at", "outcome", "continued", "facts"), (*row[:4], bool(row[4]), json.loads(row[5])), strict=True))


def worked(store: Store, run: str) -> frozenset[str]:
    """Tasks that a run has a result for."""
    return frozenset(name for (name,) in store.db.execute("SELECT DISTINCT task FROM results WHERE run = ?", (run,)))


def ready_at(store: Store, task: str, begun: str) -> str:
    """When a task that began at `begun` could have begun; '' where no move says so."""
    query = "SELECT at FROM events WHERE task = ? AND target = 'ready' AND at <= ? ORDER BY at DESC, id DESC LIMIT 1"
    row = store.db.execute(query, (task, begun)).fetchone()
    return row[0] if row else ""


def prds_of(store: Store, run: str) -> set[str]:
    """PRDs of those tasks."""
    query = "SELECT DISTINCT tasks.prd FROM results JOIN tasks ON tasks.id = results.task WHERE results.run = ?"
    return {name for (name,) in store.db.execute(query, (run,))}


def unended(store: Store) -> list[tuple[str, str]]:
    """(run, when it began) of the runs that have no end."""
    return store.db.execute("SELECT id, started_at FROM runs WHERE ended_at = '' ORDER BY id DESC").fetchall()


def ended(store: Store) -> list[str]:
    """Runs that have an end, newest first."""
    return [name for (name,) in store.db.execute("SELECT id FROM runs WHERE ended_at != '' ORDER BY id DESC")]


def last_ended(store: Store) -> tuple[str, str] | None:
    """(run, when it ended) of the newest run, when that has ended."""
    row = store.db.execute("SELECT id, ended_at FROM runs ORDER BY id DESC LIMIT 1").fetchone()
    return row if row and row[1] else None


def turns(store: Store, run: str) -> list[tuple[str, int | None, int | None, float | None]]:
    """(kind, input tokens, output tokens, US dollars) of every turn of a run."""
    return store.db.execute("SELECT kind, input_tokens, output_tokens, usd FROM turns WHERE run = ? ORDER BY rowid", (run,)).fetchall()


AGENTS = (
    "role, agent, kind, model, count(*), count(DISTINCT candidate), count(DISTINCT iif(verdict = 'passed', candidate, NULL)), "
    "count(DISTINCT iif(verdict = 'refused', candidate, NULL)), count(DISTINCT iif(verdict = 'passed', task, NULL)), total(seconds), "
    "sum(input_tokens), sum(output_tokens), sum(usd), count(*) - count(input_tokens + output_tokens), count(*) - count(usd)"
)


def agents(store: Store, run: str = "") -> list[tuple[Any, ...]]:
    """What each agent did in each role, in one run or in all that are kept: role, agent, kind, model, turns, candidates, passed, refused, tasks
    solved, seconds, input tokens, output tokens, US dollars (None where no turn says), turns that do not say their tokens, and their price."""
    where, values = ("WHERE run = ?", (run,)) if run else ("", ())
    turns = f"SELECT *, task || '/' || fingerprint || '/' || cycle || '/' || attempt AS candidate FROM turns {where}"
    return store.db.execute(f"SELECT {AGENTS} FROM ({turns}) GROUP BY role, agent, kind, model ORDER BY role, agent, kind, model", values).fetchall()


def results(store: Store, run: str) -> Iterator[tuple[ResultRow, bool]]:
    """(result, whether it is its task's last in the run) of every result of a run, in the order of their beginning; one at a time."""
    keys = store.db.execute("SELECT task, fingerprint, cycle FROM results WHERE run = ? ORDER BY started_at, task", (run,)).fetchall()
    last = {task: (task, fingerprint, cycle) for task, fingerprint, cycle in keys}
    for key in keys:
        row = store.db.execute(f"SELECT {RESULT} FROM results WHERE task = ? AND fingerprint = ? AND cycle = ?", key).fetchone()
        yield result_row(row), last[key[0]] == key
