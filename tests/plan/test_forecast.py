"""What finished tasks say about the next ones: ranges, groups, and what is unknown."""

from __future__ import annotations

import statistics
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.model import Task
from orchestrator.plan import forecast
from orchestrator.plan.forecast import Forecast, Past, Range
from orchestrator.show import forecasts
from tests.run.values import task

TASK = task()


def past(turns: int, *, kind: str = "live", agent: str = "local", complexity: str = "", tokens: int | None = 100, usd: float | None = None) -> Past:
    return Past("p#R1", kind, agent, complexity, turns, tokens, usd, 60.0 * turns)


def only(tasks: list[Task], rows: list[Past], agent: str = "") -> Forecast:
    (found,) = forecast.forecasts(tasks, rows, agent)
    return found


def test_few_finished_tasks_give_least_to_most_and_enough_give_median_to_80th_percentile() -> None:
    few = only([TASK, TASK], [past(1), past(2), past(9)])
    assert (few.turns, few.by, few.basis, few.tasks) == (Range(2, 18), "least to most", 3, 2)
    many = only([TASK], [past(turns) for turns in (1, 1, 2, 3, 10, 4)])
    assert many.turns == Range(2.5, 4.0)
    assert many.by == "median to 80th percentile"
    assert many.minutes == Range(2.5, 4.0)


def test_what_is_unknown_stays_unknown() -> None:
    found = only([TASK], [past(1, tokens=None), past(2, tokens=None)])
    assert (found.tokens, found.usd) == (None, None)
    assert "unknown tokens, unknown USD" in forecasts.lines([found])[0]
    assert only([TASK], [past(1, tokens=None), past(2, tokens=70)]).tokens == Range(70, 70)


def test_replays_scripts_and_live_agents_never_mix() -> None:
    found = forecast.forecasts([TASK], [past(1, kind="recorded"), past(5), past(3, kind="scripted")])
    assert [(each.kind, each.turns) for each in found] == [("live", Range(5, 5)), ("recorded", Range(1, 1)), ("scripted", Range(3, 3))]
    said = "\n".join(forecasts.lines(found))
    assert all(words in said for words in ("finished here by live agents", "replayed here from recordings", "finished here by scripted agents"))


def test_nothing_finished_is_no_forecast() -> None:
    assert forecast.forecasts([TASK], []) == ()
    assert forecasts.lines(()) == ["no forecast: no task of this installation was finished yet"]
    assert forecast.forecasts([], [past(1)]) == ()


HIGH = [past(8, complexity="high") for _ in range(5)]
LOW = [past(1, complexity="low", agent="big") for _ in range(5)]


@pytest.mark.parametrize(
    ("complexity", "agent", "expected"),
    [
        ("high", "", Range(8, 8)),
        ("High", "big", Range(8, 8)),
        ("", "big", Range(1, 1)),
        ("other", "nobody", Range(4.5, 8)),
    ],
)
def test_the_narrowest_group_that_is_large_enough_counts(complexity: str, agent: str, expected: Range) -> None:
    assert only([replace(TASK, complexity=complexity)], [*HIGH, *LOW], agent).turns == expected


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=40))
def test_percentiles_are_those_of_the_textbook(values: list[float]) -> None:
    assert forecast.percentile(values, 0.5) == pytest.approx(statistics.median(values), abs=1e-3)
    assert forecast.percentile(values, 0.8) == pytest.approx(statistics.quantiles(values, n=5, method="inclusive")[3], abs=1e-3)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=20), st.integers(1, 5))
def test_a_range_grows_with_the_number_of_tasks(turns: list[int], count: int) -> None:
    rows = [past(each) for each in turns]
    one, many = only([TASK], rows).turns, only([TASK] * count, rows).turns
    assert one and many and many.low == pytest.approx(count * one.low) and many.high == pytest.approx(count * one.high)
    assert min(turns) <= one.low <= one.high <= max(turns)


def test_forecasts_of_several_prds_add_up() -> None:
    rows = [past(1), past(3, tokens=None)]
    a, b = forecast.forecasts([TASK], rows), forecast.forecasts([TASK, TASK], rows)
    (both,) = forecast.together([a, b])
    assert (both.tasks, both.turns, both.usd) == (3, Range(3, 9), None)
