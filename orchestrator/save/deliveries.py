"""What was delivered, as rows of the project's database: the last one of a PRD says whether there is anything to do."""

from __future__ import annotations

from orchestrator.save.delivery_report import DeliveryReport
from orchestrator.save.store import Store


def known(store: Store) -> bool:
    """Whether the database holds any of this: a reader may meet an older one."""
    return store.db.execute("SELECT 1 FROM sqlite_master WHERE name = 'deliveries'").fetchone() is not None


def last(store: Store, prd: str) -> DeliveryReport | None:
    row = store.db.execute("SELECT report FROM deliveries WHERE prd = ? ORDER BY id DESC LIMIT 1", (prd,)).fetchone()
    return DeliveryReport.model_validate_json(row[0]) if row else None


def save(store: Store, report: DeliveryReport) -> None:
    with store.transaction():
        store.db.execute(
            "INSERT INTO deliveries (prd, run, at, report) VALUES (?, ?, ?, ?)", (report.prd, report.run, report.at, report.model_dump_json())
        )


def of_run(store: Store, run: str) -> list[DeliveryReport]:
    rows = store.db.execute("SELECT report FROM deliveries WHERE run = ? ORDER BY id", (run,))
    return [DeliveryReport.model_validate_json(text) for (text,) in rows]


def latest(store: Store) -> tuple[DeliveryReport, ...]:
    """The last one of each PRD."""
    query = "SELECT report FROM deliveries WHERE id IN (SELECT max(id) FROM deliveries GROUP BY prd) ORDER BY prd"
    return tuple(DeliveryReport.model_validate_json(text) for (text,) in store.db.execute(query))
