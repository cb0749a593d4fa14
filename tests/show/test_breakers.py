"""What is printed about breakers, and the data for `--json`."""

from __future__ import annotations

import json

from orchestrator.config import BreakerRules
from orchestrator.run import breakers
from orchestrator.run.breakers import Breaker, Event
from orchestrator.show.console.breakers import as_json, lines

RULES = BreakerRules()


def failed(agent: str, task: str, *times: float) -> list[Event]:
    return [Event(at, "failed", agent, task, "write_code", "connection refused", infrastructure=True) for at in times]


def test_every_row_says_how_it_stands_and_why() -> None:
    events = [*failed("local", "shop#R1", 10, 20, 30), Event(31, "ok", "hosted", "shop#R2", "write_code")]
    found = breakers.all_of(events, ("local", "hosted"), 80, RULES)
    assert "\n".join(lines(found, 80)) == (
        "health: degraded\n"
        "\n"
        "breaker  name                state                why\n"
        "───────  ──────────────────  ───────────────────  ─────────────────────────────────────────────────\n"
        "system   system              closed               1 of 2 agents failed within 300 s: local\n"
        "agent    local               open for 4 min 10 s  3 failures in a row, the last: connection refused\n"
        "agent    hosted              closed\n"
        "step     shop#R1 write_code  open for 4 min 10 s  3 failures in a row, the last: connection refused\n"
        "1 step without a failure"
    )


def test_a_state_says_how_long_or_what_it_waits_for() -> None:
    def state(breaker: Breaker, now: float = 0) -> str:
        (row,) = lines([breaker], now)[4:]
        return row.removeprefix("agent    a     ").strip()

    assert state(Breaker("agent", "a", "open", until=7200)) == "open for 2 h"
    assert state(Breaker("agent", "a", "open", until=0.2)) == "open for 1 s"
    assert state(Breaker("agent", "a", "open")) == "open until it is reset"
    assert state(Breaker("agent", "a", "half-open")) == "half-open, one probe may try"
    assert state(Breaker("agent", "a", "half-open", until=9)) == "half-open, its probe is under way"
    assert state(Breaker("agent", "a", flapping=True)) == "closed, flapping"


def test_what_an_agent_said_cannot_steer_the_terminal_nor_make_a_row() -> None:
    (row,) = lines([Breaker("agent", "a\nb", "open", reason="\x1b[2Jgone\u2028\x85x")], 0)[4:]
    assert "\x1b" not in row
    assert row.endswith("[2Jgone x")


def test_json_says_everything_with_times_in_utc() -> None:
    found = breakers.all_of(failed("local", "shop#R1", 10, 20, 30), ("local",), 80, RULES)
    data = as_json(found, 80)
    assert json.loads(json.dumps(data)) == data
    assert (data["version"], data["at"], data["health"]) == (1, "1970-01-01T00:01:20Z", "unhealthy")
    assert data["breakers"][1] == {
        "scope": "agent",
        "name": "local",
        "state": "open",
        "failures": 3,
        "opened_at": "1970-01-01T00:00:30Z",
        "until": "1970-01-01T00:05:30Z",
        "extensions": 0,
        "reason": "3 failures in a row, the last: connection refused",
        "flapping": False,
        "stops": True,
    }
