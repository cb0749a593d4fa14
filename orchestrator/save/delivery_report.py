"""The report model of a delivery: where the branch of a complete PRD went, or why it did not. A part of the models in reports.py."""

from __future__ import annotations

from typing import Literal

from orchestrator.save.report import Report


class DeliveryReport(Report):
    prd: str
    how: Literal["branch", "pull-request", "merge"]
    state: Literal["delivered", "by hand", "blocked", "failed"]
    """`by hand`: what is left is `command`; `blocked`: it needs a person; `failed`: it could not be done now, and the next run tries again."""
    at: str
    """ISO 8601 in UTC."""
    run: str
    """'' when a person asked for it."""
    head: str
    """Commit of `prd/<prd>` that it is about."""
    fingerprint: str
    """Of the PRD's file then."""
    where: str
    """The repository that it went to; no password."""
    branch: str
    """The branch of that repository that holds it, '' where none does."""
    into: str
    """The branch it is to be merged into."""
    commit: str = ""
    """What `branch` was at afterwards."""
    url: str = ""
    """Of the request."""
    conflict: bool = False
    """Ours and what is there have changed the same lines."""
    detail: str
    """One sentence."""
    command: str = ""
    """What a person may run to do the rest."""
    body: str = ""
    """The file that holds the request's text, relative to the project's folder."""
    text: str = ""
    """SHA-256 of the request's title and text."""
