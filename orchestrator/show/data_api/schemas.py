"""JSON Schemas of what a site publishes as data."""

from __future__ import annotations

from typing import Any


def schema() -> dict[str, Any]:
    """JSON Schemas of the report files and of what a run tells, by name."""
    from orchestrator.save.links import Trace
    from orchestrator.save.reports import SCHEMAS
    from orchestrator.save.told_line import ToldLine
    from orchestrator.show.data_api.described import described

    found = {name: described(model).model_json_schema() for name, model in SCHEMAS.items()}
    return found | {"trace": described(Trace).model_json_schema(), "told": described(ToldLine).model_json_schema()}
