"""What a run tells, as one line of JSON: for `run --progress json`, and for the log that each run keeps."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from pydantic import AwareDatetime, Field

from orchestrator.save.report import Report
from orchestrator.telling import Kind, Told

VERSION = 1


class ToldLine(Report):
    """One line of JSON: one thing that a run tells while it works. ASCII only, so that no terminal and no encoding can make anything else of it."""

    v: int = Field(VERSION, ge=1, le=VERSION)
    """Version of this form. It grows when a key changes its meaning or goes; new keys of `facts` and new kinds may come without it."""
    at: AwareDatetime
    """When, in UTC."""
    kind: Kind
    """What happened; `note` is everything that has no kind of its own."""
    project: str
    """'' for what belongs to none."""
    prd: str
    task: str
    text: str
    """What a person reads, one or more lines; '' for what only progress shows."""
    facts: dict[str, Any]
    """What else belongs to it, by kind (docs/running.md)."""


def line(told: Told) -> str:
    """Without the newline; facts that JSON does not have as their text."""
    values = {
        "v": VERSION,
        "at": datetime.fromtimestamp(told.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "kind": told.kind,
        "project": told.project,
        "prd": told.prd,
        "task": told.task,
        "text": told.text,
        "facts": dict(told.facts),
    }
    return json.dumps(values, default=str)
