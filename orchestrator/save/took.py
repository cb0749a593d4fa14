"""What a PRD was expected to take when a run began its work on it, beside what it took."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from orchestrator.plan.forecast import Forecast, kind_of
from orchestrator.save.store import Store
from orchestrator.save.wholes import ForecastReport, TookReport

_UNKNOWN = {"basis": 0, "by": "", "turns": None, "tokens": None, "usd": None, "minutes": None}


def stored(found: Sequence[Forecast], tasks: int) -> dict[str, Any]:
    """A PRD's entry in the facts of a run."""
    return {"tasks": tasks, "by_kind": [asdict(each) for each in found]}


def forecasts(store: Store, run: str, facts: Mapping[str, Any]) -> list[ForecastReport]:
    """`facts`: PRD → what `stored` gave."""
    return [_report(store, run, prd, entry) for prd, entry in sorted(facts.items())]


def last(store: Store, prd: str) -> ForecastReport | None:
    """Of the newest run that worked on a PRD."""
    place = "$.forecasts." + json.dumps(prd, ensure_ascii=False)
    row = store.db.execute(
        "SELECT id, json_extract(facts, ?1) FROM runs WHERE json_extract(facts, ?1) IS NOT NULL ORDER BY id DESC LIMIT 1", (place,)
    ).fetchone()
    return _report(store, row[0], prd, json.loads(row[1])) if row else None


def _report(store: Store, run: str, prd: str, entry: Mapping[str, Any]) -> ForecastReport:
    """The forecast for agents of the kind that worked; where nobody did, the first there is."""
    rows = store.db.execute("SELECT kind, input_tokens + output_tokens, usd FROM turns WHERE run = ? AND prd = ?", (run, prd)).fetchall()
    kinds = {kind_of(kind) for kind, _, _ in rows}
    worked = next((kind for kind in ("live", "scripted", "recorded") if kind in kinds), "")
    known = {each["kind"]: each for each in entry["by_kind"]}
    kind = worked or next(iter(known), "live")
    told = known.get(kind) or {"kind": kind, "tasks": entry["tasks"], **_UNKNOWN}
    return ForecastReport(prd=prd, **told, took=_took(store, run, prd, rows, replay=worked == "recorded"))


def _took(store: Store, run: str, prd: str, rows: list[tuple[str, int | None, float | None]], *, replay: bool) -> TookReport:
    query = "SELECT count(DISTINCT task) FROM events WHERE run = ? AND target = 'done' AND task IN (SELECT id FROM tasks WHERE prd = ?)"
    (done,) = store.db.execute(query, (run, prd)).fetchone()
    query = "SELECT total(json_extract(result, '$.seconds')) FROM results WHERE run = ? AND task IN (SELECT id FROM tasks WHERE prd = ?)"
    (seconds,) = store.db.execute(query, (run, prd)).fetchone()
    tokens, usd = [row[1] for row in rows], [row[2] for row in rows]
    return TookReport(
        tasks=done,
        turns=len(rows),
        tokens=0 if replay else None if None in tokens else sum(known or 0 for known in tokens),
        usd=0.0 if replay else None if None in usd else sum(known or 0.0 for known in usd),
        minutes=round(seconds / 60, 3),
    )
