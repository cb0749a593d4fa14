"""What is due at a moment, given what was done last. Pure: the moment is an argument, and `watch` and `run --due` ask the same functions.

A job that is due is done once, however many of its times have passed, and its next time counts from when it began: times that were missed are
caught up once, and those that pass while it is done are one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from orchestrator.cron import Cron, cron, moment
from orchestrator.model import Prd, Problem
from orchestrator.settings.schedule import Schedule

WORK = ("retry", "verify", "run", "prune", "site")
"""What can be scheduled for everything, in the order in which it is done; what is scheduled for single PRDs is done before `run`."""
TRIES = 2
"""A job whose process was killed is begun so often for one time of it."""


@dataclass(frozen=True)
class Job:
    """Something that is done at certain times."""

    name: str
    """One of WORK, or `prd <id>`."""
    cron: Cron
    prd: str = ""


@dataclass(frozen=True)
class Last:
    """What is known of a job's past."""

    cron: Cron
    since: datetime
    """Times before that do not count: the job, or its expression, was new then."""
    began: datetime | None = None
    ended: datetime | None = None
    outcome: str = ""
    """What became of it, in a few words."""
    tries: int = 0
    """How often it was begun for its last time."""
    under_way: bool = False
    """The process that does it is still there."""

    @property
    def killed(self) -> bool:
        return self.began is not None and self.ended is None and not self.under_way


def jobs(schedule: Schedule, prds: Iterable[Prd]) -> tuple[Job, ...]:
    """Everything that is scheduled, in the order in which it is done. `prds`: those that can be run; drafts have no times."""
    work = {name: Job(name, cron(text, schedule.timezone)) for name in WORK if (text := getattr(schedule, name))}
    of_prds = {name_of(prd.id): Job(name_of(prd.id), cron(prd.schedule, schedule.timezone), prd.id) for prd in prds if prd.schedule and not prd.draft}
    before = [work[name] for name in ("retry", "verify") if name in work]
    return (*before, *(of_prds[name] for name in sorted(of_prds)), *(work[name] for name in WORK[2:] if name in work))


def name_of(prd: str) -> str:
    """The name of the job that takes a PRD again."""
    return f"prd {prd}"


def due(scheduled: Iterable[Job], lasts: Mapping[str, Last], now: datetime) -> tuple[Job, ...]:
    """The jobs that are to be done now. One that is new, or worded otherwise, is due at its next time only."""
    return tuple(job for job in scheduled if (last := lasts.get(job.name)) and last.cron == job.cron and _is_due(last, now))


def _is_due(last: Last, now: datetime) -> bool:
    if last.under_way:
        return False
    if last.killed and last.tries < TRIES:
        return True
    at = last.cron.after(_counted_from(last))
    return at is not None and at <= now


def next_time(last: Last, now: datetime) -> datetime | None:
    """When a job is due next; that may be past, when it is due now. None: never."""
    if last.under_way:
        return last.cron.after(now)
    return now if last.killed and last.tries < TRIES else last.cron.after(_counted_from(last))


def _counted_from(last: Last) -> datetime:
    return last.since if last.began is None else max(last.since, last.began)


# --- when a PRD may begin --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wait:
    """A PRD that must not begin yet."""

    prd: str
    until: datetime | None
    """None: nothing says when."""
    problem: Problem


def waits(prds: Iterable[Prd], seen: Mapping[str, datetime], schedule: Schedule, now: datetime) -> dict[str, Wait]:
    """PRD id → why it must not begin at this moment, for those that must not. `seen`: PRD id → when its file was first seen as it is now."""
    found = {}
    for prd in prds:
        if not prd.draft and prd.start not in ("", "now") and (wait := _wait(prd, seen.get(prd.id, now), schedule, now)):
            found[prd.id] = wait
    return found


def _wait(prd: Prd, seen: datetime, schedule: Schedule, now: datetime) -> Wait | None:
    if prd.start != "schedule":
        until = moment(prd.start, schedule.timezone)
        message = f"it begins on {prd.start} (`start`)"
    elif text := prd.schedule or schedule.run:
        at = cron(text, schedule.timezone).after(seen)
        if at is None:
            return None
        until, message = at, f"it begins at the next time of `{text}` after it was seen (`start: schedule`)"
    else:
        said, hint = (
            "it never begins: `start: schedule`, and nothing is scheduled",
            "give it a `schedule:`, or set `schedule.run` in orchestrator.yaml",
        )
        return Wait(prd.id, None, Problem(prd.path, 0, "not-begun", said, hint, "note"))
    if until <= now:
        return None
    stated = f"{until:%Y-%m-%d %H:%M} UTC"
    return Wait(prd.id, until, Problem(prd.path, 0, "not-begun", f"{message}, that is {stated}", "`start: now` begins it at once", "note"))
