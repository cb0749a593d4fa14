"""Pure decisions: budgets, days, waits, failures that repeat."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config import Budgets, Ceiling
from orchestrator.model import Budget, Finding
from orchestrator.run import limits
from orchestrator.run.limits import Spent, approach, signature

AMOUNTS = st.builds(Spent, st.floats(0, 1e5), st.integers(0, 10**6), st.floats(0, 100), st.integers(0, 50))
CEILINGS = st.builds(
    Ceiling,
    minutes=st.none() | st.floats(0.1, 1e4),
    tokens=st.none() | st.integers(1, 10**6),
    usd=st.none() | st.floats(0, 100),
    turns=st.none() | st.integers(1, 50),
)


@given(CEILINGS, AMOUNTS, AMOUNTS)
def test_what_is_let_through_never_exceeds_a_ceiling(ceiling: Ceiling, spent: Spent, asked: Spent) -> None:
    if not limits.exceeded("task", ceiling, spent, asked):
        after = spent + asked
        assert ceiling.tokens is None or after.tokens <= ceiling.tokens
        assert ceiling.usd is None or after.usd <= ceiling.usd
        assert ceiling.turns is None or after.turns <= ceiling.turns
        assert ceiling.minutes is None or spent.seconds < ceiling.minutes * 60, "time is bounded by ending the turn"


def test_a_prd_may_only_tighten_its_budget() -> None:
    found = limits.ceilings(Budgets(prd=Ceiling(tokens=100, turns=9)), Budget(tokens=500, turns=3, usd=1.0))
    assert found["prd"] == Ceiling(tokens=100, turns=3, usd=1.0)


def test_no_money_lets_through_what_costs_nothing() -> None:
    assert limits.exceeded("day", Ceiling(usd=0), Spent(), Spent(turns=1)) == ""
    assert limits.exceeded("day", Ceiling(usd=0), Spent(), Spent(usd=0.01, turns=1)).endswith("is used up (0.00 USD spent)")


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)], ids=["clocks forward", "clocks back", "an ordinary day"]
)
def test_days_follow_the_clocks_of_the_time_zone(day: str, hours: int) -> None:
    zone = "Europe/Berlin"
    noon = datetime.fromisoformat(f"{day}T12:00:00+00:00").timestamp()
    end = limits.next_day(noon, zone)
    assert limits.day_of(noon, zone) == day
    assert limits.day_of(end - 1, zone) == day and limits.day_of(end, zone) > day
    start = limits.next_day(noon - 86400, zone)
    assert (end - start) / 3600 == hours
    assert limits.day_of(datetime(2026, 11, 25, 23, 30, tzinfo=UTC).timestamp(), zone) == "2026-11-26"


def test_waits_grow_to_a_longest() -> None:
    assert [limits.wait(number, 5, 60) for number in (1, 2, 3, 4, 5, 500)] == [5, 10, 20, 40, 60, 60]


def test_a_failure_is_the_same_whatever_addresses_times_and_places_it_names() -> None:
    def failing(message: str, gate: str = "oracle") -> str:
        return signature((Finding(gate, message),))

    one = failing("`f(1)` gave <A object at 0x7f00>, expected 2 (/tmp/x1/a.py) after 1.2 s")
    assert one == failing("`f(1)` gave <A object at 0x8a11>, expected 2 (/tmp/y/z/a.py) after 0.9 s")
    assert one != failing("`f(1)` gave 3, expected 2")
    assert failing("x") != failing("x", "green")
    assert signature((Finding("scan", "look here", "notice"),)) == ""


def test_the_same_failure_climbs_the_ladder_then_begins_anew_then_stops() -> None:
    assert approach(["a", "a"], 3, 2) == limits.Approach(0, False)
    assert approach(["a", "b", "a", "", "a"], 3, 2) == limits.Approach(1, True)
    assert approach([*"aaa", *"aaa"], 3, 2) == limits.Approach(1, True)
    assert approach([*"aaa", *"aaa", "a"], 3, 2).stop
    assert approach([*"aaa"], 3, 1) == limits.Approach(0, True)
    assert approach([*"aaa", "a"], 3, 1).stop
    assert not approach([*"aaa", *"bb", *"cc"], 3, 1).stop
    assert approach([*"aaa", *"bbb"], 3, 1).stop


@given(st.lists(st.sampled_from(["a", "b", "c", ""])), st.integers(1, 4), st.integers(1, 4))
def test_an_approach_only_ever_climbs_and_ends(marks: list[str], most: int, rungs: int) -> None:
    found = [approach(marks[:size], most, rungs) for size in range(len(marks) + 1)]
    assert all(before.rung <= after.rung < rungs for before, after in pairwise(found))
    assert all(not before.stop or after.stop for before, after in pairwise(found)), "what has stopped stays so"
    longest = 3 * most * (rungs + 1)
    assert approach([*marks, *["a"] * longest], most, rungs).stop
