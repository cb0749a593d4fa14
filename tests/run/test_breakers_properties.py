"""What holds of breakers whatever was recorded, in whatever order, by whatever clock."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import Literal

import pytest
from hypothesis import event as note
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config import BreakerRules
from orchestrator.run import breakers
from orchestrator.run.breakers import CLOCK_BACK, Breaker, Event

RULES = BreakerRules()
AGENTS = ("a", "b", "c")
TASKS = ("t1", "t2")
STEPS = ("write_tests", "write_code")
LARGEST = max(RULES.step.pause_seconds, RULES.agent.pause_seconds, RULES.system.pause_seconds, RULES.flapping.longest_pause_seconds)

gaps = st.one_of(st.floats(0, 20), st.sampled_from([1.0, 60.0, 299.0, 300.0, 301.0, 600.0, 900.0, 2000.0]))
"""Seconds from one event to the next, those around which something changes among them."""
jumps = st.one_of(gaps, gaps, gaps, st.sampled_from([-1.0, -59.0, -61.0, -400.0, -1e6, 1e6]))
"""The same on a clock that is set now and then."""


Scene = list[tuple[float, Event]]
"""(seconds since the one before, event) of a few events that belong together."""


def row(who: tuple[str, str, str], wait: float, gap: float, failures: int, infrastructure: bool) -> Scene:
    failed = Event(0, "failed", *who, "down", infrastructure)
    return [(wait, failed), *[(gap, failed)] * (failures - 1)]


def probe(who: tuple[str, str, str], wait: float, gap: float, end: Literal["ok", "failed", ""], infrastructure: bool) -> Scene:
    ended = [(gap, Event(0, end, *who, "down", infrastructure and end == "failed"))] if end else []
    return [(wait, Event(0, "started", *who)), *ended]


def broken(who: tuple[str, str, str], wait: float, probes: int, infrastructure: bool) -> Scene:
    """What is out of order for long: it opens, and every probe fails."""
    return [*row(who, wait, 1, 3, infrastructure), *probe(who, 301, 1, "failed", infrastructure) * probes]


def reset(who: tuple[str, str, str], wait: float, named: tuple[bool, bool, bool]) -> Scene:
    agent, task, step = (word if name else "" for word, name in zip(who, named, strict=True))
    return [(wait, Event(0, "reset", agent, task, step))]


def recorded(scenes: list[Scene]) -> list[Event]:
    at, events = 1e6, []
    for gap, event in chain.from_iterable(scenes):
        at += gap
        events.append(replace(event, at=at))
    return events


def histories(
    waits: st.SearchStrategy[float] = jumps, agents: tuple[str, ...] = AGENTS, resets: bool = True, ours: bool = False
) -> st.SearchStrategy[list[Event]]:
    """What was recorded; `resets`: with manual resets; `ours`: no failure is one of infrastructure."""
    who = st.tuples(st.sampled_from(agents), st.sampled_from(TASKS), st.sampled_from(STEPS))
    short = st.sampled_from([0.0, 1.0, 20.0])
    infrastructure = st.just(False) if ours else st.sampled_from([True, True, True, False])
    scenes = [
        st.builds(row, who, short, short, st.integers(1, 4), infrastructure),
        st.builds(probe, who, waits, short, st.sampled_from(["failed", "ok", "failed", ""]), infrastructure),
        st.builds(broken, who, waits, st.integers(0, 5), infrastructure),
        st.builds(probe, who, waits, waits, st.sampled_from(["failed", "ok"]), infrastructure),
    ]
    if resets:
        scenes.append(st.builds(reset, who, waits, st.sampled_from([(False,) * 3, (True, False, False), (False, True, False), (False, True, True)])))
    scene = st.one_of(*scenes)
    return st.one_of(st.lists(scene, max_size=20), st.lists(scene, min_size=8, max_size=20)).map(recorded)


looks = st.one_of(st.just(0.0), st.floats(0, 30), jumps)
"""How long after the last event somebody asks."""


def end(events: list[Event]) -> float:
    return events[-1].at if events else 1e6


def all_of(events: list[Event], now: float, agents: tuple[str, ...] = AGENTS) -> tuple[Breaker, ...]:
    return breakers.all_of(events, agents, now, RULES)


def run_of(events: list[Event]) -> int:
    """The most failures in a row, where nothing but `ok` and a reset of everything ends a row."""
    longest = row = 0
    for event in events:
        if event.kind == "failed":
            row += 1
        elif event.kind in ("ok", "reset"):
            row = 0
        longest = max(longest, row)
    return longest


@given(histories(), looks)
def test_folding_all_at_once_is_folding_each(events: list[Event], later: float) -> None:
    now = end(events) + later
    system, *rest = all_of(events, now)
    assert system == breakers.system(events, AGENTS, now, RULES)
    assert rest[: len(AGENTS)] == [breakers.agent(events, name, now, RULES) for name in AGENTS]
    places = dict.fromkeys((event.task, event.step) for event in events if event.kind != "reset")
    assert rest[len(AGENTS) :] == [breakers.step(events, *place, now, RULES) for place in places]


@given(histories(), looks)
def test_folding_is_a_function_of_the_events_only(events: list[Event], later: float) -> None:
    now = end(events) + later
    first = all_of(events, now)
    breakers.refuses(events, "a", "t1", "write_code", AGENTS, now + 1e5, RULES)
    assert all_of([*events], now) == first


@given(histories(ours=True), looks)
def test_without_an_infrastructure_failure_no_agent_is_open_nor_the_system(events: list[Event], later: float) -> None:
    found = all_of(events, end(events) + later)
    assert {breaker.state for breaker in found if breaker.scope != "step"} == {"closed"}


@given(histories(), looks)
def test_nothing_opens_without_three_failures_in_a_row(events: list[Event], later: float) -> None:
    now = end(events) + later
    for breaker in all_of(events, now):
        if breaker.scope == "agent":
            mine = [event for event in events if event.agent == breaker.name and (event.kind != "failed" or event.infrastructure)]
        elif breaker.scope == "step":
            mine = [event for event in events if f"{event.task} {event.step}" == breaker.name]
        else:
            continue
        note(f"{breaker.scope} {breaker.state}")
        if breaker.state != "closed":
            assert run_of(mine) >= 3


@given(histories(), looks, st.sampled_from([("a",), ("a", "b"), AGENTS, (*AGENTS, "d", "e")]))
def test_the_system_never_opens_with_fewer_than_two_failing_agents_or_half_of_them(
    events: list[Event], later: float, agents: tuple[str, ...]
) -> None:  # fmt: skip
    found = breakers.system(events, agents, end(events) + later, RULES)
    note(found.state)
    failed = {event.agent for event in events if event.kind == "failed" and event.infrastructure} & {*agents}
    if found.state != "closed":
        assert len(failed) >= max(2, len(agents) / 2)
        assert found.failures >= max(2, len(agents) / 2)


@given(histories(resets=False), looks, st.sampled_from(["everything", *AGENTS, *TASKS]))
def test_after_a_reset_everything_concerned_is_closed(events: list[Event], later: float, what: str) -> None:
    now = end(events) + later
    reset = Event(now, "reset", what if what in AGENTS else "", what if what in TASKS else "", "")
    before, after = all_of(events, now), all_of([*events, reset], now)
    for old, new in zip(before, after, strict=True):
        if what == "everything" or old.name == what or old.name.startswith(f"{what} "):
            assert new == Breaker(old.scope, old.name)
        elif old.scope != "system":
            assert new == old
        else:
            assert new.state == old.state


@given(histories(), histories(agents=("b", "c"), resets=False), st.lists(st.integers(0, 30), min_size=20, max_size=20), looks)
def test_events_of_other_agents_change_nothing_for_an_agent(events: list[Event], others: list[Event], places: list[int], later: float) -> None:
    mixed = [*events]
    for place, other in zip(sorted(places, reverse=True), others, strict=False):
        mixed.insert(place % (len(events) + 1), other)
    now = end(events) + later
    assert breakers.agent(mixed, "a", now, RULES) == breakers.agent(events, "a", now, RULES)


@given(histories(), looks)
def test_until_never_lies_further_than_the_largest_pause(events: list[Event], later: float) -> None:
    now = end(events) + later
    for breaker in all_of(events, now):
        if breaker.until is not None:
            assert breaker.opened_at is not None
            assert now < breaker.until <= now + CLOCK_BACK + max(LARGEST, RULES.probe_seconds)
            assert breaker.state == "half-open" or breaker.until <= max(now, breaker.opened_at) + LARGEST


@given(histories(), looks)
def test_only_an_agent_after_three_extensions_is_open_without_end(events: list[Event], later: float) -> None:
    for breaker in all_of(events, end(events) + later):
        endless = breaker.state == "open" and breaker.until is None
        if endless:
            note("without end")
            assert (breaker.scope, breaker.extensions) == ("agent", 3)
        assert breaker.scope != "agent" or breaker.extensions <= 3


@given(histories(), looks, st.sampled_from(AGENTS), st.sampled_from(TASKS), st.sampled_from(STEPS), st.booleans())
def test_waiting_ends_with_one_probe_which_closes_or_extends(events: list[Event], later: float, agent: str, task: str, step: str, good: bool) -> None:
    """Whoever is refused and waits `until` the refusing breaker says gets through in the end, unless a reset is asked for, and only once."""
    events = [*events, *(Event(end(events), "failed", agent, task, step, "down", infrastructure=True) for _ in range(3))]
    now = end(events) + later
    for _ in range(12):
        refused = breakers.refuses(events, agent, task, step, AGENTS, now, RULES)
        if refused is None:
            break
        if refused.until is None:
            assert (refused.scope, refused.extensions) == ("agent", 3)
            return
        assert refused.until > now
        now = refused.until
    else:
        raise AssertionError("still refused")
    concerned = [*all_of(events, now)[: 1 + len(AGENTS)], breakers.step(events, task, step, now, RULES)]
    waiting = [breaker for breaker in concerned if breaker.state == "half-open" and breaker.name in ("system", agent, f"{task} {step}")]
    note(f"{len(waiting)} half-open")
    begun = [*events, Event(now, "started", agent, task, step)]
    ended = [*begun, Event(now + 1, "ok" if good else "failed", agent, task, step, "down", infrastructure=not good)]

    def stands(events: list[Event], breaker: Breaker, now: float) -> Breaker:
        if breaker.scope == "system":
            return breakers.system(events, AGENTS, now, RULES)
        return breakers.agent(events, agent, now, RULES) if breaker.scope == "agent" else breakers.step(events, task, step, now, RULES)

    if waiting:
        second = breakers.refuses(begun, agent, task, step, AGENTS, now, RULES)
        assert second is not None
        assert second.state == "half-open"
        assert second.scope == waiting[0].scope
    for breaker in waiting:
        during, after = stands(begun, breaker, now), stands(ended, breaker, now + 1)
        assert (during.state, during.until) == ("half-open", now + RULES.probe_seconds)
        if good:
            assert (after.state, after.failures, after.extensions) == ("closed", 0, 0)
        elif breaker.scope == "agent" and breaker.extensions == 3:
            assert (after.state, after.until) == ("open", None)
        else:
            assert (after.state, after.extensions, after.opened_at) == ("open", breaker.extensions + 1, now + 1)


@given(st.data())
def test_of_many_who_ask_only_one_works_while_a_breaker_is_not_closed(data: st.DataObject) -> None:
    """Callers who ask, record and end as the pipeline does, on an honest clock; one may be killed."""
    events: list[Event] = []
    under_way: dict[tuple[str, str, str], float] = {}
    now = 1e6
    turns = st.tuples(st.sampled_from(("a", "b")), st.sampled_from(TASKS), st.just("write_code"))
    for _ in range(data.draw(st.integers(0, 40))):
        now += data.draw(st.one_of(st.floats(0.1, 20), st.sampled_from([100.0, 310.0, 650.0])))
        turn = data.draw(turns)
        if turn in under_way:
            del under_way[turn]
            match data.draw(st.sampled_from(["ok", "failed", "failed", "failed", "killed"])):
                case "ok":
                    events.append(Event(now, "ok", *turn))
                case "failed":
                    events.append(Event(now, "failed", *turn, "down", infrastructure=True))
        elif breakers.refuses(events, *turn, AGENTS[:2], now, RULES) is None:
            agent = breakers.agent(events, turn[0], now, RULES)
            events.append(Event(now, "started", *turn))
            under_way[turn] = now
            if agent.state == "half-open":
                note("probe")
                probes = [
                    other for other, began in under_way.items() if other[0] == turn[0] and agent.opened_at is not None and began >= agent.opened_at
                ]
                assert probes == [turn]
            assert agent.state != "open"


@given(histories(waits=gaps, resets=False))
def test_time_alone_never_closes_a_breaker_and_opens_none_but_by_its_probe(events: list[Event]) -> None:
    now = end(events)
    for soon, late in zip(all_of(events, now), all_of(events, now + 1e7), strict=True):
        if soon.state == "closed":
            assert late.state == "closed"
        elif soon.state == "open":
            assert late.state == ("open" if soon.until is None else "half-open")
        else:
            assert late.state in ("half-open", "open")


@pytest.mark.parametrize("kind", ["step", "agent", "system"])
@given(histories(), looks)
def test_a_breaker_that_is_switched_off_never_opens(kind: Literal["step", "agent", "system"], events: list[Event], later: float) -> None:
    off = BreakerRules.model_validate({kind: {"enabled": False}})
    for breaker in breakers.all_of(events, AGENTS, end(events) + later, off):
        assert breaker.scope != kind or breaker.state == "closed"


@given(histories(), looks)
def test_health_follows_from_the_breakers(events: list[Event], later: float) -> None:
    found = all_of(events, end(events) + later)
    health = breakers.health(found)
    note(health)
    stopped = all(breaker.state == "open" for breaker in found if breaker.scope == "agent") or found[0].state == "open"
    assert (health == "unhealthy") == stopped
    assert (health == "healthy") == all(breaker.state == "closed" and not breaker.flapping for breaker in found)
