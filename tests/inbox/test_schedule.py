"""What is due at a moment, given what was done last; and when a PRD may begin. No clock but the argument."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.cron import cron
from orchestrator.inbox.schedule import Job, Last, due, jobs, next_time, waits
from orchestrator.model import Prd
from orchestrator.settings.schedule import Schedule

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
NIGHTLY = cron("0 2 * * *")
JOB = Job("run", NIGHTLY)


def prd(name: str, **keys: object) -> Prd:
    return replace(Prd(name, name, name, f"prds/{name}.md", "f", ()), **keys)  # type: ignore[arg-type]


def names(last: Last | None, now: datetime) -> list[str]:
    return [job.name for job in due((JOB,), {} if last is None else {"run": last}, now)]


def test_what_is_new_is_due_at_its_next_time_only() -> None:
    assert names(None, MONDAY) == []
    last = Last(NIGHTLY, MONDAY)
    assert names(last, MONDAY + timedelta(hours=1, minutes=59)) == []
    assert names(last, MONDAY + timedelta(hours=2)) == ["run"]


def test_missed_times_are_caught_up_once() -> None:
    last = Last(NIGHTLY, MONDAY, MONDAY + timedelta(hours=2), MONDAY + timedelta(hours=3), "done")
    later = MONDAY + timedelta(days=5)
    assert names(last, later) == ["run"]
    done = replace(last, began=later, ended=later)
    assert names(done, later) == []
    assert next_time(done, later) == later + timedelta(hours=2)


def test_what_is_due_while_it_is_under_way_is_done_once_after_it() -> None:
    last = Last(NIGHTLY, MONDAY, MONDAY + timedelta(hours=2), None, under_way=True)
    two_days_on = MONDAY + timedelta(days=2, hours=3)
    assert names(last, two_days_on) == []
    ended = replace(last, ended=two_days_on, under_way=False)
    assert names(ended, two_days_on) == ["run"]


def test_what_was_killed_is_begun_once_more_and_not_for_ever() -> None:
    at = MONDAY + timedelta(hours=2)
    killed = Last(NIGHTLY, MONDAY, at, None, tries=1)
    assert names(killed, at + timedelta(minutes=1)) == ["run"]
    assert names(replace(killed, tries=2), at + timedelta(minutes=1)) == []
    assert names(replace(killed, tries=2), at + timedelta(days=1)) == ["run"]


def test_another_expression_counts_from_when_it_was_written() -> None:
    last = Last(cron("0 1 * * *"), MONDAY, MONDAY - timedelta(days=3), MONDAY - timedelta(days=3))
    assert names(last, MONDAY + timedelta(days=1)) == []


def test_jobs_come_in_the_order_in_which_they_are_done() -> None:
    schedule = Schedule(timezone="Europe/Berlin", site="0 5 * * *", run="0 2 * * *", retry="0 1 * * *")
    found = jobs(schedule, [prd("loans", schedule="0 3 * * 0 UTC"), prd("fees"), prd("idea", schedule="0 3 * * *", draft=True)])
    assert [(job.name, job.cron.timezone) for job in found] == [
        ("retry", "Europe/Berlin"), ("prd loans", "UTC"), ("run", "Europe/Berlin"), ("site", "Europe/Berlin"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "schedule", "hours"),
    [
        ({"start": "now"}, {}, 0),
        ({"start": "2026-11-23 06:00"}, {}, 6),
        ({"start": "2026-11-23 06:00"}, {"timezone": "Europe/Berlin"}, 5),
        ({"start": "2026-11-23 06:00 America/New_York"}, {"timezone": "Europe/Berlin"}, 11),
        ({"start": "schedule"}, {"run": "0 2 * * *"}, 2),
        ({"start": "schedule", "schedule": "0 4 * * *"}, {"run": "0 2 * * *"}, 4),
    ],
)
def test_a_prd_does_not_begin_before_its_start(keys: dict[str, str], schedule: dict[str, str], hours: int) -> None:
    def held(at: datetime) -> set[str]:
        return {*waits([prd("loans", **keys)], {"loans": MONDAY}, Schedule(**schedule), at)}

    assert held(MONDAY + timedelta(hours=hours)) == set()
    assert not hours or held(MONDAY + timedelta(hours=hours) - timedelta(seconds=1)) == {"loans"}


def test_start_by_a_schedule_that_there_is_not_never_begins_and_says_so() -> None:
    (wait,) = waits([prd("loans", start="schedule")], {}, Schedule(), MONDAY).values()
    assert wait.until is None
    assert "never begins" in wait.problem.message
