"""The schedule: what is printed, and its page. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from orchestrator.save.schedule_report import JobReport, ScheduleReport
from orchestrator.show import addresses
from orchestrator.show.console.terminal import columns
from orchestrator.show.gather import Unreadable
from orchestrator.show.pages import render

if TYPE_CHECKING:
    from jinja2 import Environment

WHAT: Mapping[str, str] = {
    "run": "the pipeline runs",
    "verify": "what is done is proved again",
    "retry": "what failed is tried again",
    "prune": "what is old and not needed is removed",
    "site": "the site is built",
}
"""Job → what it does, in a few words."""


def what(job: str) -> str:
    return WHAT.get(job, f"PRD {job.removeprefix('prd ')} is taken again")


def text(report: ScheduleReport) -> str:
    """A row for each job, then the PRDs that begin later; '' when there are none."""
    rows: list[tuple[str, ...]] = [("schedule", "when", "last", "outcome", "next")]
    rows += [(job.job, job.cron, _local(job.last_at, job), job.outcome or "–", _local(job.next_at, job)) for job in report.jobs]
    lines = [columns([tuple(" ".join(cell.split()) for cell in row) for row in rows])] if report.jobs else []
    lines += [f"{wait.prd} waits{f' until {wait.until}' if wait.until else ''}: {wait.why} ({wait.path})" for wait in report.waiting]
    return "\n".join(lines)


def _local(stamp: str, job: JobReport) -> str:
    """The time as clocks show it where the job has its times; – where there is none."""
    try:
        return f"{datetime.fromisoformat(stamp).astimezone(ZoneInfo(job.timezone)):%Y-%m-%d %H:%M %Z}" if stamp else "–"
    except (ValueError, OverflowError, KeyError, OSError):  # no time, or no zone: shown as it stands
        return stamp


def page(env: Environment, report: ScheduleReport | Unreadable | None) -> str:
    """The page's body."""
    known = report if isinstance(report, ScheduleReport) else ScheduleReport(jobs=[], waiting=[])
    rows = [(job, what(job.job), _local(job.last_at, job), _local(job.next_at, job)) for job in known.jobs]
    return render(
        env,
        "schedule.html",
        addresses.SCHEDULE,
        rows=rows,
        waiting=known.waiting,
        error=report if isinstance(report, Unreadable) else None,
    )
