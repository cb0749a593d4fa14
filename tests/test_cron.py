"""Cron expressions in time zones: fields as cron has them, and daylight saving in Berlin, where 02:00 to 03:00 is skipped in March and doubled in October."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cron import cron, moment

BERLIN = "Europe/Berlin"


def walls(text: str, since: str, number: int, timezone: str = BERLIN) -> list[str]:
    """The next moments as clocks there show them, with the offset from UTC."""
    expression, at, found = cron(text, timezone), moment(since, timezone), []
    for _ in range(number):
        following = expression.after(at)
        assert following is not None
        assert following > at
        at = following
        found.append(at.astimezone(ZoneInfo(timezone)).strftime("%a %d %H:%M %z"))
    return found


def test_a_time_that_the_clock_skips_is_taken_when_it_would_have_been_and_once() -> None:
    assert walls("30 2 * * *", "2026-03-28", 3) == ["Sat 28 02:30 +0100", "Sun 29 03:30 +0200", "Mon 30 02:30 +0200"]


def test_a_time_that_comes_twice_is_taken_the_first_time_only() -> None:
    assert walls("30 2 * * *", "2026-10-24", 3) == ["Sat 24 02:30 +0200", "Sun 25 02:30 +0200", "Mon 26 02:30 +0100"]


def test_what_happens_every_hour_happens_in_both_of_the_doubled_hour_and_not_in_the_skipped_one() -> None:
    assert walls("30 * * * *", "2026-10-25 01:00", 4) == ["Sun 25 01:30 +0200", "Sun 25 02:30 +0200", "Sun 25 02:30 +0100", "Sun 25 03:30 +0100"]
    assert walls("30 * * * *", "2026-03-29 01:00", 3) == ["Sun 29 01:30 +0100", "Sun 29 03:30 +0200", "Sun 29 04:30 +0200"]


def test_skipped_times_that_fall_on_others_are_the_same_moment() -> None:
    assert walls("0,30 2-3 * * *", "2026-03-29", 3) == ["Sun 29 03:00 +0200", "Sun 29 03:30 +0200", "Mon 30 02:00 +0200"]


def test_a_zone_that_moves_its_clock_by_half_an_hour_is_right_too() -> None:
    assert walls("15 2 * * *", "2026-10-03", 2, "Australia/Lord_Howe") == ["Sat 03 02:15 +1030", "Sun 04 02:45 +1100"]


@pytest.mark.parametrize(
    ("weekdays", "days"),
    [("0", "Sun"), ("7", "Sun"), ("1-5", "Mon Tue Wed Thu Fri"), ("5-7", "Fri Sat Sun"), ("sat-mon", "Sat Sun Mon"), ("*/3", "Sun Wed Sat"), ("2,THU", "Tue Thu")],
)  # fmt: skip
def test_weekdays_are_those_of_cron_and_not_counted_from_monday(weekdays: str, days: str) -> None:
    found = {each.split()[0] for each in walls(f"0 0 * * {weekdays}", "2026-11-01", 14, "UTC")}
    assert found == set(days.split())


def test_a_day_of_the_month_and_a_weekday_are_either() -> None:
    assert [each[:6] for each in walls("0 0 13 * 5", "2026-04-01", 4, "UTC")] == ["Fri 03", "Fri 10", "Mon 13", "Fri 17"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("every night", "five fields"),
        ("61 * * * *", "61"),
        ("0 2 * * 8", "weekday"),
        ("0 2 * * */0", "step of 0"),
        ("0 0 30 2 *", "never happens"),
        ("0 2 * * * Mars/Olympus", "no time zone"),
    ],
)
def test_what_is_no_cron_expression_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        cron(text)


def test_a_time_zone_may_stand_after_the_fields() -> None:
    assert cron("0 2 * * 1-5 America/New_York", BERLIN).timezone == "America/New_York"


@pytest.mark.parametrize(
    ("text", "in_utc"),
    [
        ("2026-12-01", "2026-11-30 23:00"),
        ("2026-12-01 08:00", "2026-12-01 07:00"),
        ("2026-12-01 08:00 America/New_York", "2026-12-01 13:00"),
        ("2026-12-01T08:00+05:00", "2026-12-01 03:00"),
        ("2026-12-01 UTC", "2026-12-01 00:00"),
        ("2026-03-29 02:30", "2026-03-29 01:30"),
        ("2026-10-25 02:30", "2026-10-25 00:30"),
    ],
)
def test_a_date_is_read_in_its_time_zone(text: str, in_utc: str) -> None:
    assert f"{moment(text, BERLIN):%Y-%m-%d %H:%M}" == in_utc


FIELDS = st.tuples(
    st.sampled_from(["0", "30", "*/15", "5,35"]),
    st.sampled_from(["*", "2", "1-3", "*/4", "23"]),
    st.sampled_from(["*", "1", "29-31"]),
    st.sampled_from(["*", "3,10"]),
    st.sampled_from(["*", "0", "mon-fri"]),
)


@given(FIELDS, st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)))
def test_the_next_time_is_later_and_nothing_lies_between(fields: tuple[str, ...], since: datetime) -> None:
    """Whoever asks again and again from any moment before the next time gets that same next time."""
    expression, at = cron(" ".join(fields), BERLIN), since.replace(tzinfo=UTC)
    following = expression.after(at)
    assert following is not None
    assert following > at
    assert expression.after(following - timedelta(seconds=1)) == following
    assert expression.after(at + (following - at) / 2) == following
