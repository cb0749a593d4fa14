"""What finished tasks of this installation took: the rows that a forecast is made from."""

from __future__ import annotations

from pathlib import Path

from orchestrator import faults
from orchestrator.errors import StoreError
from orchestrator.plan.forecast import Past
from orchestrator.save.health import FILE
from orchestrator.save.store import Store

MOST = 200
"""Finished tasks of each project, the newest: how agents work changes."""

_FINISHED = f"""
WITH recent AS (
    SELECT id, fingerprint, coalesce(json_extract(task, '$.complexity'), '') AS complexity FROM tasks
    WHERE state = 'done' AND id NOT IN (SELECT task FROM pruned) ORDER BY last_run DESC, position DESC LIMIT {MOST}
)
SELECT recent.id, complexity, count(*), iif(count(input_tokens + output_tokens) = count(*), sum(input_tokens + output_tokens), NULL),
    iif(count(usd) = count(*), sum(usd), NULL), max(kind = 'scripted'), max(kind NOT IN ('recorded', 'scripted')),
    (SELECT agent FROM turns WHERE task = recent.id AND fingerprint = recent.fingerprint GROUP BY agent ORDER BY count(*) DESC, agent LIMIT 1),
    (SELECT sum(json_extract(result, '$.seconds')) FROM results WHERE task = recent.id AND results.fingerprint = recent.fingerprint)
FROM recent JOIN turns ON turns.task = recent.id AND turns.fingerprint = recent.fingerprint GROUP BY recent.id ORDER BY recent.id
"""


def finished(runs: Path) -> tuple[Past, ...]:
    """Of every project whose database can be read. Tasks that took no turn are left out, and those whose earlier cycles were pruned. A replay is not
    paid for: its tokens and its price are 0. One live turn makes a task the work of a live agent."""
    found: list[Past] = []
    for path in sorted(runs.glob(f"*/{FILE}")):
        try:
            with faults.recognised(path), Store(path.parent, read_only=True) as store:
                older = store.db.execute("SELECT 1 FROM sqlite_master WHERE name = 'pruned'").fetchone() is None
                rows = [] if older else store.db.execute(_FINISHED).fetchall()
        except StoreError:  # whoever asks says so
            continue
        for task, complexity, turns, tokens, usd, scripted, live, agent, seconds in rows:
            kind = "live" if live else "scripted" if scripted else "recorded"
            replay = kind == "recorded"
            found.append(Past(task, kind, agent, complexity, turns, 0 if replay else tokens, 0.0 if replay else usd, seconds))
    return tuple(found)
