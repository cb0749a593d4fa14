"""Each rule of the breakers with its default numbers: docs/breakers.md, told as events."""

from __future__ import annotations

import json
import time
from typing import Any, Literal

import pytest

from orchestrator.config import BreakerRules
from orchestrator.run import breakers
from orchestrator.run.breakers import CLOCK_BACK, Breaker, Event

RULES = BreakerRules()
AGENTS = ("a", "b", "c", "d")
Kind = Literal["started", "ok", "failed", "reset"]


def event(kind: Kind, at: float, agent: str = "a", task: str = "shop#R1", step: str = "write_code", *, ours: bool = False) -> Event:
    """A failure is one of infrastructure unless it is `ours`."""
    failed = kind == "failed"
    return Event(at, kind, agent, task, step, "connection refused\nTraceback" if failed else "", infrastructure=failed and not ours)


def turn(kind: Kind, at: float, **who: Any) -> list[Event]:
    """A turn that began a second before it ended."""
    return [event("started", at - 1, **who), event(kind, at, **who)]


def failures(*times: float, **who: Any) -> list[Event]:
    return [each for at in times for each in turn("failed", at, **who)]


def rules(**sections: Any) -> BreakerRules:
    return BreakerRules.model_validate(sections)


def agent(events: list[Event], now: float, name: str = "a", rules: BreakerRules = RULES) -> Breaker:
    return breakers.agent(events, name, now, rules)


def step(events: list[Event], now: float, rules: BreakerRules = RULES) -> Breaker:
    return breakers.step(events, "shop#R1", "write_code", now, rules)


def system(events: list[Event], now: float, agents: tuple[str, ...] = AGENTS, rules: BreakerRules = RULES) -> Breaker:
    return breakers.system(events, agents, now, rules)


def refuses(events: list[Event], now: float, agent: str = "a", task: str = "shop#R1", rules: BreakerRules = RULES) -> str:
    found = breakers.refuses(events, agent, task, "write_code", AGENTS, now, rules)
    return found.scope if found else ""


THREE = failures(10, 20, 30)
"""Opens agent and step at 30, until 330."""


# --- open, half-open, closed ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("breaker", [agent, step])
def test_three_failures_in_a_row_open_for_300_seconds_then_one_probe_may_try(breaker: Any) -> None:
    assert (breaker(THREE[:4], 21).state, breaker(THREE[:4], 21).failures) == ("closed", 2)
    opened = breaker(THREE, 30)
    assert (opened.state, opened.failures, opened.opened_at, opened.until, opened.extensions) == ("open", 3, 30, 330, 0)
    assert opened.reason == "3 failures in a row, the last: connection refused"
    assert [breaker(THREE, now).state for now in (329.9, 330)] == ["open", "half-open"]
    assert breaker(THREE, 330).until is None


@pytest.mark.parametrize("breaker", [agent, step])
def test_an_answer_between_failures_starts_the_count_again(breaker: Any) -> None:
    events = [*failures(10, 20), *turn("ok", 30), *failures(40, 50)]
    assert (breaker(events, 60).state, breaker(events, 60).failures) == ("closed", 2)
    assert breaker([*events, *failures(60)], 60).state == "open"
    assert (breaker(events[:6], 30).failures, breaker(events[:6], 30).reason) == (0, "")


def test_the_first_failure_may_open() -> None:
    strict = rules(step={"failures": 1}, agent={"failures": 1}, system={"least": 1, "share": 0.25})
    assert {breaker.state for breaker in breakers.all_of(failures(10), ("a",), 10, strict)} == {"open"}


def test_only_infrastructure_counts_for_agent_and_system_and_everything_for_the_step() -> None:
    events = failures(10, 20, 30, ours=True) + failures(40, 50, 60, ours=True, agent="b")
    assert (agent(events, 60).failures, system(events, 60).failures) == (0, 0)
    assert step(events, 60).state == "open"


def test_a_failure_that_is_not_of_infrastructure_neither_counts_nor_closes() -> None:
    between = [*failures(10, 20), *failures(25, ours=True), *failures(30)]
    assert agent(between, 30).state == "open"
    probed = [*THREE, *turn("failed", 400, ours=True)]
    assert (agent(probed, 400).state, agent(probed, 400).extensions, agent(probed, 400).until) == ("half-open", 0, None)


def test_a_turn_for_no_task_is_none_of_a_steps_business() -> None:
    assert step(failures(10, 20, 30, task="") + failures(40, 50, 60, step=""), 60) == Breaker("step", "shop#R1 write_code")


def test_the_probe_closes_or_extends() -> None:
    begun = [*THREE, event("started", 400)]
    assert (agent(begun, 401).state, agent(begun, 401).until) == ("half-open", 400 + 900)
    assert agent([*begun, event("ok", 410)], 410) == Breaker("agent", "a")
    again = agent([*begun, event("failed", 410)], 410)
    assert (again.state, again.opened_at, again.until, again.extensions) == ("open", 410, 710, 1)
    assert again.reason == "the probe failed (extension 1 of 3): connection refused"


def test_an_agent_stays_open_after_three_extensions_until_it_is_reset() -> None:
    events = [*THREE, *failures(400, 800, 1200)]
    assert (agent(events, 1200).extensions, agent(events, 1200).until) == (3, 1500)
    events += failures(1600)
    assert (agent(events, 1e9).state, agent(events, 1e9).until) == ("open", None)
    assert "only a reset" in agent(events, 1e9).reason
    assert agent([*events, *turn("ok", 2000)], 2000).state == "open"
    assert agent([*events, Event(2000, "reset", "a", "", "")], 2000) == Breaker("agent", "a")


def test_a_step_is_extended_without_end() -> None:
    events = THREE + [each for number in range(1, 9) for each in failures(400.0 * number)]
    assert (step(events, 3200).extensions, step(events, 3200).until) == (8, 3500)


def test_what_was_begun_before_the_pause_ends_without_effect() -> None:
    late = event("started", 5, task="shop#R2")
    for kind in ("ok", "failed"):
        for at in (40, 400):
            events = [late, *THREE, event(kind, at, task="shop#R2")]
            assert (agent(events, at).state, agent(events, at).extensions) == ("open" if at < 330 else "half-open", 0)
    probed = [late, *THREE, event("started", 400), event("ok", 401, task="shop#R2")]
    assert (agent(probed, 402).state, agent(probed, 402).until) == ("half-open", 1300)


def test_a_probe_without_an_end_is_given_up_as_failed() -> None:
    events = [*THREE, event("started", 400)]
    assert agent(events, 1299).until == 1300
    given_up = agent(events, 1300)
    assert (given_up.state, given_up.extensions, given_up.opened_at, given_up.until) == ("open", 1, 1300, 1600)
    assert "no end within 900 s" in given_up.reason
    assert agent(events, 1600).state == "half-open"
    late = agent([*events, event("ok", 1400)], 1400)
    assert (late.state, late.until) == ("open", 1600)


# --- the system ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agents", "failing", "state"),
    [
        ("a", "a", "closed"), ("ab", "a", "closed"), ("ab", "ab", "open"), ("abc", "ab", "open"), ("abc", "a", "closed"), ("abcd", "ab", "open"),
        ("abcde", "ab", "closed"), ("abcde", "abc", "open"), ("ab", "xy", "closed"), ("", "ab", "closed"), ("aabb", "ab", "open"),
    ],
)  # fmt: skip
def test_half_of_the_agents_and_at_least_two_halt_everything(agents: str, failing: str, state: str) -> None:
    events = [each for number, name in enumerate(failing) for each in failures(10.0 * (number + 1), agent=name)]
    assert system(events, 40, tuple(agents)).state == state


def test_agents_must_fail_within_300_seconds() -> None:
    assert system(failures(10, agent="a") + failures(310, agent="b"), 310).state == "open"
    assert system(failures(10, agent="a") + failures(311, agent="b"), 311).state == "closed"
    assert system(failures(10, agent="a"), 311).failures == 0


def test_an_agent_that_answers_is_not_failing() -> None:
    events = [*failures(10, agent="a"), *turn("ok", 20, agent="a"), *failures(30, agent="b")]
    assert (system(events, 30).state, system(events, 30).failures) == ("closed", 1)


def test_the_system_recovers_after_600_seconds_and_gives_60_for_work_under_way() -> None:
    events = failures(10, agent="a") + failures(20, agent="b")
    opened = system(events, 20)
    assert (opened.until, opened.failures, opened.reason) == (620, 2, "2 of 4 agents failed within 300 s: a, b")
    assert breakers.work_until(opened, RULES) == 80
    assert breakers.work_until(system(events, 620), RULES) is None
    assert breakers.work_until(agent(THREE, 30), RULES) is None
    assert (system(events, 619).failures, system(events, 619).reason) == (2, opened.reason), "why it opened, although that is long ago"
    assert system(events, 620).state == "half-open"
    probe = [*events, event("started", 700, agent="c")]
    assert system([*probe, event("ok", 710, agent="c")], 710) == Breaker("system", "system")
    assert system([*probe, event("failed", 710, agent="c")], 710).until == 1310


# --- who is stopped ------------------------------------------------------------------------------------------------------


def test_the_system_stops_a_turn_before_the_agent_and_the_agent_before_the_step() -> None:
    assert refuses([], 0) == ""
    assert refuses(THREE, 31) == "agent"
    assert refuses(THREE, 31, agent="b") == "step"
    assert refuses(THREE, 31, agent="b", task="shop#R2") == ""
    assert refuses([*THREE, *failures(40, agent="b", task="shop#R3")], 41, agent="c", task="shop#R2") == "system"


def test_turns_without_an_agent_are_stopped_by_step_and_system_only() -> None:
    nobody = failures(10, 20, 30, agent="")
    assert refuses(nobody, 31, agent="", task="shop#R2") == ""
    assert refuses(nobody, 31, agent="") == "step"
    assert refuses([*THREE, *failures(40, agent="b")], 41, agent="", task="shop#R2") == "system"
    assert breakers.system(nobody, ("a", "b", ""), 31, RULES).failures == 0


def test_exactly_one_probe_gets_through() -> None:
    assert refuses(THREE, 330) == ""
    begun = [*THREE, event("started", 330)]
    assert refuses(begun, 331) == "agent"
    assert refuses(begun, 331, agent="b") == "step"
    assert refuses([*begun, event("started", 332), event("ok", 340)], 341) == ""


@pytest.mark.parametrize(
    ("reset", "closed"),
    [
        (("", "", ""), {"system", "a", "b", "shop#R1 write_code", "shop#R2 write_code"}),
        (("a", "", ""), {"a"}),
        (("", "shop#R1", ""), {"shop#R1 write_code"}),
        (("", "shop#R1", "write_code"), {"shop#R1 write_code"}),
        (("", "", "write_code"), {"shop#R1 write_code", "shop#R2 write_code"}),
        (("b", "shop#R2", ""), {"b", "shop#R2 write_code"}),
        (("c", "", ""), set()),
        (("", "shop#R1", "write_tests"), set()),
    ],
)
def test_a_reset_closes_what_it_names_and_nothing_else(reset: tuple[str, str, str], closed: set[str]) -> None:
    events = [*THREE, *failures(40, 50, 60, agent="b", task="shop#R2")]
    opened = [breaker for breaker in breakers.all_of(events, ("a", "b"), 60, RULES) if breaker.state == "open"]
    assert len(opened) == 5
    after = breakers.all_of([*events, Event(61, "reset", *reset)], ("a", "b"), 61, RULES)
    assert {breaker.name for breaker in after if breaker.state == "closed"} == closed


def test_all_breakers_are_the_systems_the_agents_and_the_steps_that_turns_were_for() -> None:
    events = [event("ok", 1, agent="gone"), event("ok", 2, task="", step="plan"), event("ok", 3, task="", step=""), Event(4, "reset", "", "x", "y")]
    found = breakers.all_of(events, ("b", "a", "b"), 5, RULES)
    assert [(breaker.scope, breaker.name) for breaker in found] == [
        ("system", "system"), ("agent", "b"), ("agent", "a"), ("step", "shop#R1 write_code"), ("step", " plan"),
    ]  # fmt: skip


def test_a_reset_names_what_its_breaker_is_about() -> None:
    assert breakers.reset(Breaker("system", "system"), 9) == Event(9, "reset", "", "", "")
    assert breakers.reset(Breaker("agent", "a"), 9) == Event(9, "reset", "a", "", "")
    assert breakers.reset(Breaker("step", "shop 2#R1 write_code"), 9) == Event(9, "reset", "", "shop 2#R1", "write_code")


def test_the_event_that_resets_a_breaker_closes_it() -> None:
    events = [*THREE, *failures(40, 50, 60, agent="b", task="shop 2#R2")]
    for breaker in breakers.all_of(events, ("a", "b"), 60, RULES):
        after = breakers.all_of([*events, breakers.reset(breaker, 61)], ("a", "b"), 61, RULES)
        assert next(each for each in after if (each.scope, each.name) == (breaker.scope, breaker.name)).state == "closed"


def test_an_agent_that_was_reset_is_not_failing() -> None:
    events = [*failures(10), Event(11, "reset", "a", "", ""), *failures(20, agent="b")]
    assert system(events, 20).failures == 1


@pytest.mark.parametrize(
    "off",
    [
        {"step": {"enabled": False}, "agent": {"enabled": False}, "system": {"enabled": False}},
        {"step": {"failures": 0}, "agent": {"failures": 0}, "system": {"least": 0}},
    ],
)
def test_a_breaker_that_is_switched_off_stops_nothing(off: dict[str, Any]) -> None:
    events = [*THREE, *failures(40, 50, 60, agent="b")]
    found = breakers.all_of(events, AGENTS, 60, rules(**off))
    assert {breaker.state for breaker in found} == {"closed"}
    assert {breaker.reason for breaker in found} == {"it is switched off"}
    assert refuses(events, 60, rules=rules(**off)) == ""


def test_the_example_of_the_page_holds() -> None:
    of_a = {"agent": "a", "step": "write_code/a"}
    events = failures(10, 20, 30, **of_a)

    def until(now: float) -> list[float | None]:
        found = breakers.step(events, "shop#R1", "write_code/a", now, RULES)
        return [breakers.system(events, ("a", "b"), now, RULES).until, agent(events, now).until, found.until]

    def refused(now: float, who: str, task: str) -> str:
        found = breakers.refuses(events, who, task, f"write_code/{who}", ("a", "b"), now, RULES)
        return found.scope if found else ""

    assert until(30) == [None, 330, 330]
    assert [refused(31, *turn) for turn in (("a", "shop#R2"), ("b", "shop#R1"), ("b", "shop#R2"))] == ["agent", "", ""]
    events += failures(40, agent="b", task="shop#R2", step="write_code/b")
    assert until(40) == [640, 330, 330]
    assert [refused(now, "b", "shop#R2") for now in (639, 640)] == ["system", ""]
    events.append(event("started", 641, **of_a))
    assert [refused(642, *turn) for turn in (("a", "shop#R2"), ("b", "shop#R2"))] == ["system", "system"]
    before = [*events]
    events.append(event("ok", 650, **of_a))
    assert {breaker.state for breaker in breakers.all_of(events, ("a", "b"), 650, RULES)} == {"closed"}
    events = [*before, event("failed", 650, **of_a)]
    assert until(650) == [1250, 950, 950]


# --- flapping, health, snapshot, clocks ------------------------------------------------------------------------------------


def openings(count: int) -> list[Event]:
    """An agent that opens, answers its probe, and opens again, every 400 seconds."""
    return [
        each for start in range(0, 400 * count, 400) for each in (*failures(start + 10, start + 20, start + 30), *turn("ok", start + 390))
    ]  # fmt: skip


def test_more_than_three_openings_within_an_hour_double_the_pause() -> None:
    third, fourth = openings(3)[:-2], openings(4)[:-2]
    assert (agent(third, 830).flapping, agent(third, 830).until) == (False, 830 + 300)
    found = agent(fourth, 1230)
    assert (found.flapping, found.until) == (True, 1230 + 600)
    assert found.reason.endswith("; flapping: opened 4 times within 3600 s, so the pause is 600 s")


def test_flapping_doubles_again_up_to_an_hour_and_ends_an_hour_after_the_last_opening() -> None:
    events, at = openings(3), 1200.0
    pauses = []
    for _ in range(6):
        events += failures(at + 1, at + 2, at + 3)
        found = agent(events, at + 3)
        assert found.until
        pauses.append(found.until - at - 3)
        events += turn("ok", found.until + 2)
        at = found.until + 2
    assert pauses[:3] == [600, 1200, 2400]
    assert max(pauses) <= 3600
    assert (agent(events, at).state, agent(events, at).flapping) == ("closed", True)
    assert not agent(events, at + 3600).flapping


def test_openings_count_for_an_hour_to_the_second() -> None:
    events = openings(3)
    assert agent([*events, *failures(3628, 3629, 3630)], 3630).flapping
    assert not agent([*events, *failures(3629, 3630, 3631)], 3631).flapping
    closed = [*openings(4)[:-2], *turn("ok", 1900)]
    assert [agent(closed, 1230 + after) for after in (3600, 3601)] == [Breaker("agent", "a", flapping=True), Breaker("agent", "a")]


def test_flapping_can_be_switched_off() -> None:
    found = agent(openings(6)[:-2], 2030, rules=rules(flapping={"opens": 0}))
    assert (found.flapping, found.until) == (False, 2030 + 300)


def test_the_longest_pause_never_makes_a_pause_shorter() -> None:
    short = rules(flapping={"longest_pause_seconds": 10})
    assert agent(openings(4)[:-2], 1230, rules=short).until == 1230 + 300


def test_health_says_whether_work_can_go_on() -> None:
    def health(events: list[Event], now: float, agents: tuple[str, ...] = AGENTS) -> str:
        return breakers.health(breakers.all_of(events, agents, now, RULES))

    halted = failures(10, agent="a") + failures(20, agent="b")
    assert health([], 0) == "healthy"
    assert health(failures(10, 20), 20) == "healthy"
    assert health(THREE, 30) == "degraded"
    assert health(failures(10, 20, 30, ours=True), 30) == "degraded", "the step's alone"
    assert health([*openings(4)[:-2], *turn("ok", 1900)], 1900) == "degraded", "closed, and flapping"
    assert health(THREE, 30, ("a",)) == "unhealthy", "every agent"
    assert health(halted, 20) == "unhealthy"
    assert health(halted, 620) == "degraded"


def test_the_snapshot_says_why_as_plain_data() -> None:
    events = [*turn("ok", 5), *failures(6, ours=True, agent="d", task="shop#R3"), *THREE, *failures(40, agent="b", task="shop#R2")]
    found = breakers.snapshot(events, system(events, 40), 40)
    assert json.loads(json.dumps(found)) == found
    assert (found["scope"], found["state"], found["until"], found["at"]) == ("system", "open", 640, 40)
    assert (found["agents"], found["errors"]) == ({"a": 3, "b": 1}, {"connection refused": 4})
    assert [(each["at"], each["error"]) for each in found["events"]] == [(at, "connection refused") for at in (10, 20, 30, 40)]
    of_agent = breakers.snapshot(events, agent(events, 40), 40)
    assert ([each["kind"] for each in of_agent["events"]], of_agent["agents"]) == (["ok", "failed", "failed", "failed"], {"a": 3})
    answered = [*turn("ok", 5), *failures(10, ours=True)]
    assert breakers.snapshot(answered, agent(answered, 10), 10)["agents"] == {}
    of_step = breakers.snapshot(failures(10, 20, 30, ours=True), step(failures(10, 20, 30, ours=True), 30), 30)
    assert (of_step["agents"], of_step["errors"]) == ({"a": 3}, {"connection refused": 3})


def test_a_snapshot_holds_the_last_twenty_events() -> None:
    events = failures(*map(float, range(10, 60)))
    assert [each["at"] for each in breakers.snapshot(events, agent(events, 60), 60)["events"]] == list(range(40, 60))


def test_a_long_error_is_cut_in_reason_and_snapshot() -> None:
    events = [Event(at, "failed", "a", "t", "s", "x" * 5000 + "\nmore", infrastructure=True) for at in (1.0, 2.0, 3.0)]
    assert len(agent(events, 3).reason) < 300
    assert all(len(error) == 200 for error in breakers.snapshot(events, agent(events, 3), 3)["errors"])


def test_a_failure_without_an_error_says_so() -> None:
    events = [Event(at, "failed", "a", "t", "s", infrastructure=True) for at in (1.0, 2.0, 3.0)]
    assert agent(events, 3).reason == "3 failures in a row, the last: no error was given"


def test_a_clock_that_went_back_never_keeps_a_breaker_open() -> None:
    ahead = failures(1e9 + 10, 1e9 + 20, 1e9 + 30)
    assert agent(ahead, 1e9 + 30 - CLOCK_BACK).state == "open", "as two processes may read it"
    assert agent(ahead, 1000).state == "half-open"
    assert agent([*ahead, event("started", 1000), event("failed", 1001)], 1001).until == 1301
    assert agent([*ahead, event("started", 1000), event("ok", 1001)], 1001).state == "closed"


def test_a_probe_of_a_clock_that_was_ahead_is_forgotten_and_not_counted() -> None:
    events = [*THREE, event("started", 1e9)]
    found = agent(events, 1000)
    assert (found.state, found.until, found.extensions) == ("half-open", None, 0)
    assert agent([*events, event("started", 1000)], 1001).until == 1900
    assert agent(events, 1e9 - CLOCK_BACK).until == 1e9 + 900, "as two processes may read it"


def test_events_out_of_order_are_folded_as_they_were_recorded() -> None:
    assert agent(failures(30, 20, 10), 30).opened_at == 10


def test_folding_takes_time_in_proportion_to_the_events() -> None:
    def seconds(count: int) -> float:
        kinds: tuple[Kind, ...] = ("failed", "failed", "ok")
        events = [
            each
            for number in range(count // 2)
            for each in turn(kinds[number % 3], 2.0 * number, agent=AGENTS[number % 4], task=f"shop#R{number % 500}")
        ]
        taken = []
        for _ in range(3):
            begin = time.process_time()
            breakers.all_of(events, AGENTS, 2.0 * count, RULES)
            breakers.refuses(events, "a", "shop#R1", "write_code", AGENTS, 2.0 * count, RULES)
            taken.append(time.process_time() - begin)
        return min(taken)

    few, many = seconds(2_000), seconds(40_000)
    assert many < 20 * 4 * few, (few, many)
