"""What was planned, and what the planning agent was asked, as the JSON that the site and other tools read."""

from __future__ import annotations

import json
from typing import Any, cast

from orchestrator.run.planning import PlanAttempt
from orchestrator.save.reports import PlanningReport, PlanReport, ProblemReport, TurnReport
from orchestrator.save.store import Store


def asked(item: PlanAttempt, prd: str, turn: TurnReport) -> PlanningReport:
    """One answer; `turn`: the same with its transcript kept."""
    return PlanningReport(
        unit=item.unit,
        prd=prd,
        kind=cast(Any, item.kind),
        requirements=list(item.keys),
        number=item.number,
        verdict=cast(Any, item.verdict),
        problems=[text[:1000] for text in item.problems],
        turn=turn,
    )


def plan(store: Store, prd: str) -> PlanReport:
    """The plan of a PRD as it stands, but for its tasks."""
    columns = "json_extract(plan, '$.decomposer'), json_extract(plan, '$.notes'), json_extract(plan, '$.uncovered')"
    decomposer, notes, uncovered = store.db.execute(f"SELECT {columns} FROM prds WHERE id = ?", (prd,)).fetchone()
    told = [ProblemReport.model_validate(note) for note in json.loads(notes or "[]")]
    return PlanReport(decomposer=decomposer or "", notes=told, uncovered=json.loads(uncovered or "[]"))
