"""runs/inbox.json as a model: a receipt per PRD file. Pure."""

from __future__ import annotations

from typing import Literal

from orchestrator.save.report import Report

VERSION = 2


class ProblemReport(Report):
    path: str
    line: int
    code: str
    message: str
    hint: str
    severity: Literal["error", "note"]


class Receipt(Report):
    """What became of one file in `prds/`."""

    path: str
    prd: str
    """'' when it could not be parsed far enough."""
    project: str
    title: str
    fingerprint: str
    """SHA-256 of the bytes, '' when they could not be read."""
    state: Literal["accepted", "draft", "set aside", "waiting", "gone"]
    """`waiting`: fine, but nothing can work on it now (no agent, another PRD first, not committed, its `start` is to come); the problems say why."""
    seen_at: str = ""
    """ISO 8601 in UTC: when these bytes were first seen; '' in a receipt of an older version."""
    taken_at: str
    """When these bytes were first taken; '' while they are not: a draft, a file that is still written or not committed, a `start` to come."""
    newer: str = ""
    """SHA-256 of bytes that were seen since and are not taken yet, since something may still write to the file."""
    newer_at: str = ""
    """When these were first seen."""
    gone_at: str = ""
    """When the file was missed first."""
    became: str = ""
    """Of a file that is gone: the path that has its PRD now, '' when it was deleted."""
    requirements: int
    criteria: int
    examples: int
    problems: list[ProblemReport]


class InboxReport(Report):
    version: int = VERSION
    receipts: list[Receipt]
