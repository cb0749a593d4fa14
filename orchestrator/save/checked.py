"""What was found when a branch was looked at as a whole: phase gates and validations, each with the head that it speaks of."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.save.store import Store
from orchestrator.save.wholes import GateReport, ValidationReport

VALIDATION = "validation"
COLUMNS = "what, head, tree, key, passed, report"


@dataclass(frozen=True)
class Checked:
    what: str
    """`phase 2`, `validation`."""
    head: str
    tree: str
    key: str
    """Hash of what it depends on besides the head: which tasks, as they were worded."""
    passed: bool
    report: str
    """JSON of a GateReport or a ValidationReport."""


def known(store: Store) -> bool:
    """Whether the database holds any of this: a reader may meet an older one."""
    return store.db.execute("SELECT 1 FROM sqlite_master WHERE name = 'checked'").fetchone() is not None


def phase(number: int) -> str:
    return f"phase {number}"


def last(store: Store, prd: str, what: str) -> Checked | None:
    """The last look; None when there was none."""
    row = store.db.execute(f"SELECT {COLUMNS} FROM checked WHERE prd = ? AND what = ? ORDER BY id DESC LIMIT 1", (prd, what)).fetchone()
    if row is None:
        return None
    told, head, tree, key, passed, report = row
    return Checked(told, head, tree, key, bool(passed), report)


def save(store: Store, what: str, key: str, report: GateReport | ValidationReport) -> None:
    """The last look from now on. Another one of the same head, as the tasks were then, takes its place."""
    with store.transaction():
        store.db.execute("DELETE FROM checked WHERE prd = ? AND what = ? AND head = ? AND key = ?", (report.prd, what, report.head, key))
        store.db.execute(
            "INSERT INTO checked (prd, what, head, tree, key, run, at, passed, report) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (report.prd, what, report.head, report.tree, key, report.run, report.at, report.passed, report.model_dump_json()),
        )


def prds(store: Store, run: str) -> set[str]:
    """PRDs whose branch a run looked at."""
    return {prd for (prd,) in store.db.execute("SELECT DISTINCT prd FROM checked WHERE run = ?", (run,))}


def gates(store: Store, run: str) -> list[GateReport]:
    """Those that a run came to, in order."""
    rows = store.db.execute("SELECT report FROM checked WHERE run = ? AND what != ? ORDER BY id", (run, VALIDATION))
    return [GateReport.model_validate_json(text) for (text,) in rows]


def validations(store: Store, run: str) -> list[ValidationReport]:
    rows = store.db.execute("SELECT report FROM checked WHERE run = ? AND what = ? ORDER BY id", (run, VALIDATION))
    return [ValidationReport.model_validate_json(text) for (text,) in rows]


def validation(store: Store, prd: str) -> ValidationReport | None:
    """The last one of a PRD."""
    found = last(store, prd, VALIDATION)
    return ValidationReport.model_validate_json(found.report) if found else None


def gate(store: Store, prd: str, number: int) -> GateReport | None:
    """The last look at a phase's gate."""
    found = last(store, prd, phase(number))
    return GateReport.model_validate_json(found.report) if found else None


def by_phase(store: Store) -> list[tuple[str, int, str, int]]:
    """(PRD, phase, state, how many tasks), without those that are retired; answered by an index that is empty where there are no phases."""
    number = "json_extract(task, '$.phase')"
    return store.db.execute(
        f"SELECT prd, {number}, state, count(*) FROM tasks WHERE {number} IS NOT NULL AND state != 'retired' GROUP BY prd, {number}, state"
    ).fetchall()


def failed(store: Store) -> list[str]:
    """PRDs whose last validation has a complaint."""
    query = (
        "SELECT prd FROM checked AS latest WHERE what = ? AND NOT passed AND id = (SELECT max(id) FROM checked WHERE prd = latest.prd AND what = ?)"
    )
    return [prd for (prd,) in store.db.execute(f"{query} ORDER BY prd", (VALIDATION, VALIDATION))]
