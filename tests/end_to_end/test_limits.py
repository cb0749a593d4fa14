"""Budgets, waits and breakers through the real command, with a real server on loopback."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.agents.chat_server import ChatServer, Reply, serve
from tests.conftest import Workplace
from tests.end_to_end.test_pipeline import CODE, LANTERN

ONE = LANTERN[: LANTERN.index("### R2")]
RIGHT = Reply(f"```python lanterns.py\n{CODE}```\n", usage={"prompt_tokens": 100, "completion_tokens": 20})
WRONG = [
    Reply(f"```python lanterns.py\ndef count(metres):\n    return {number}\n```\n", usage={"prompt_tokens": 100, "completion_tokens": 20})
    for number in range(9)
]


def configure(place: Workplace, server: ChatServer, **settings: Any) -> None:
    place.prd("lanterns", ONE)
    place.configure(agents={"served": {"type": "chat", "url": server.url}}, **settings)


def status(place: Workplace) -> dict[str, Any]:
    return json.loads(place.command("status", "--json").stdout)  # type: ignore[no-any-return]


def test_a_rate_limit_with_a_short_reset_is_waited_for_and_costs_no_attempt(place: Workplace) -> None:
    with serve(Reply("slow down", status=429, headers={"Retry-After": "3"}), RIGHT) as server:
        configure(place, server)
        started = time.time()
        done = place.run()
    assert done.returncode == 0, done.stdout
    assert "waits until" in done.stdout and time.time() - started > 3
    assert len(server.requests) == 2
    assert [attempt["number"] for attempt in place.task("lanterns", "lanterns#R1")["attempts"]] == [1]


def test_a_rate_limit_with_a_late_reset_parks_until_then(place: Workplace) -> None:
    with serve(Reply("later", status=429, headers={"Retry-After": "3600"}), RIGHT) as server:
        configure(place, server)
        parked = place.run()
        again = place.run()
        (task,) = status(place)["projects"][0]["tasks"]
        assert (parked.returncode, again.returncode, len(server.requests)) == (5, 5, 1), again.stdout
        assert task["state"] == "parked" and task["until"] > time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time() + 3500))
        assert task["until"] in again.stdout
        assert place.command("retry", "lanterns#R1").returncode == 0
        assert place.run().returncode == 0
        assert len(server.requests) == 2


def test_an_agent_that_fails_three_times_is_left_alone_until_its_pause_is_over_or_a_person_resets_it(place: Workplace) -> None:
    with serve(*[Reply("broken", status=500)] * 3, RIGHT) as server:
        configure(place, server, limits={"wait_seconds": 0.5})
        stopped = place.run()
        assert (stopped.returncode, len(server.requests)) == (5, 3), stopped.stdout
        found = status(place)["breakers"]
        assert found["health"] == "unhealthy"
        assert {(item["scope"], item["state"]) for item in found["breakers"]} >= {("agent", "open")}
        assert place.run().returncode == 5
        assert len(server.requests) == 3, "nothing is sent while it is open"
        assert "served: closed (was open" in place.command("breakers", "reset", "served").stdout
        assert place.command("breakers", "reset").returncode == 0
        place.command("retry", "lanterns#R1")
        assert place.run().returncode == 0
    trips = json.loads(place.command("breakers", "--json").stdout)["trips"]
    assert [trip["name"] for trip in trips if trip["scope"] == "agent"] == ["served"]
    assert all("Overloaded" in error for trip in trips for error in trip["errors"])


def test_a_budget_of_turns_holds_over_runs_and_nothing_is_sent_beyond_it(place: Workplace) -> None:
    with serve(*WRONG) as server:
        configure(place, server, budgets={"task": {"turns": 3}}, limits={"attempts": 9})
        codes = [place.run().returncode for _ in range(3)]
        assert codes == [5, 5, 5]
        assert len(server.requests) == 3
        (task,) = status(place)["projects"][0]["tasks"]
        assert "the task's budget of 3 turns is used up" in task["reason"]
        configure(place, server, budgets={"task": {"turns": 4}}, limits={"attempts": 9})
        place.run()
        assert len(server.requests) == 4


def test_a_turn_that_may_cost_more_than_is_left_is_not_sent(place: Workplace) -> None:
    with serve(RIGHT) as server:
        place.prd("lanterns", ONE)
        agent = {"type": "chat", "url": server.url, "price": {"input": 10.0, "output": 1000.0}}
        place.configure(agents={"served": agent}, budgets={"day": {"usd": 1.0}})
        done = place.run()
        assert (done.returncode, len(server.requests)) == (5, 0), done.stdout
        assert "the day's budget of 1.00 USD has 1.00 USD left" in done.stdout
        place.configure(agents={"served": agent}, budgets={"day": {"usd": 5.0}})
        place.command("retry")
        assert place.run().returncode == 0
        today = next(item for item in status(place)["spent"] if item["scope"] == "day")
        assert today["usd"] == 100 * 10e-6 + 20 * 1000e-6
        assert today["budgets"][0]["left"] == 5.0 - today["usd"]


def test_the_same_failure_again_and_again_is_asked_for_differently_and_then_stops(place: Workplace) -> None:
    place.prd("lanterns", ONE)
    place.agent(
        "def turn(brief, folder):\n    (folder / 'lanterns.py').write_text(f'def count(metres):\\n    x{brief.attempt} = 7\\n    return x{brief.attempt}\\n')\n    return 'fresh' if 'begin anew' in brief.text else 'mended'\n",
        limits={"attempts": 9},
    )
    done = place.run()
    assert done.returncode == 1
    task = place.task("lanterns", "lanterns#R1")
    said = [turn["transcript"]["inline"].rpartition("\n")[2] for attempt in task["attempts"] for turn in attempt["turns"]]
    assert said == ["mended", "mended", "mended", "fresh"]
    assert "every approach met the same failure" in task["reason"]


def test_a_ladder_climbs_where_the_first_agent_gets_no_further(place: Workplace) -> None:
    place.prd("lanterns", ONE)
    (place.root / "small.py").write_text(
        "def turn(brief, folder):\n    (folder / 'lanterns.py').write_text(f'def count(metres):\\n    x{brief.attempt} = 7\\n    return x{brief.attempt}\\n')\n"
    )
    (place.root / "big.py").write_text(f"def turn(brief, folder):\n    (folder / 'lanterns.py').write_text({CODE!r})\n")
    agents = {name: {"type": "scripted", "script": f"{name}.py"} for name in ("small", "big")}
    place.configure(agents=agents, roles={"code": ["small", "big"]})
    done = place.run()
    assert done.returncode == 0, done.stdout
    attempts = place.task("lanterns", "lanterns#R1")["attempts"]
    assert [turn["agent"] for attempt in attempts for turn in attempt["turns"]] == ["small", "small", "small", "big"]
