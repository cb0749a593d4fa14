"""runs/schedule.json as a model: what is scheduled, when it was done last, what came of it, and when it is due next."""

from __future__ import annotations

from orchestrator.save.report import Report

VERSION = 1


class JobReport(Report):
    job: str
    """`run`, `verify`, `retry`, `prune`, `site`, or `prd <id>`."""
    cron: str
    timezone: str
    since: str
    """ISO 8601 in UTC, as every time here: from when on its times count."""
    last_at: str
    """When it was begun last; '' when it never was."""
    ended_at: str
    outcome: str
    """What came of it, in a few words: `done`, `under way`, `interrupted`, `nothing to do`, …"""
    next_at: str
    """When it is due next, as of when this was written."""


class WaitReport(Report):
    """A PRD whose `start` is to come."""

    prd: str
    path: str
    until: str
    """'' when nothing says when."""
    why: str


class ScheduleReport(Report):
    version: int = VERSION
    jobs: list[JobReport]
    waiting: list[WaitReport]
