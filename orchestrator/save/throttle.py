"""One message of a kind in a while, over all runs and processes: kept in the ledger's database, with how many were held back."""

from __future__ import annotations

import time

from orchestrator.save.ledger import Ledger


def claim(ledger: Ledger, event: str, every: float) -> tuple[bool, int, float]:
    """(whether a message of this event may be sent now, how many were held back since the last one was, when that was). Who may not is counted."""
    now = time.time()
    with ledger.transaction() as db:
        sent_at, held = db.execute("SELECT sent_at, held FROM notices WHERE event = ?", (event,)).fetchone() or (0.0, 0)
        if sent_at and 0 <= now - sent_at < every:
            db.execute("UPDATE notices SET held = held + 1 WHERE event = ?", (event,))
            return False, 0, sent_at
        db.execute("INSERT OR REPLACE INTO notices (event, sent_at, held) VALUES (?, ?, 0)", (event, now))
        return True, held, sent_at


def give_back(ledger: Ledger, event: str, held: int, sent_at: float) -> None:
    """It could not be sent after all: it is held back like the others, and the next one need not wait."""
    with ledger.transaction() as db:
        db.execute("UPDATE notices SET sent_at = ?, held = held + ? WHERE event = ?", (sent_at, held + 1, event))
