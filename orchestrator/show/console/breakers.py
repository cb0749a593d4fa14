"""How breakers stand: what is printed, and the data for `--json`. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from orchestrator.run.breakers import Breaker, health
from orchestrator.show.console.terminal import columns


def lines(breakers: Iterable[Breaker], now: float) -> list[str]:
    """Health, then a row for the system, for every agent, and for each step of which there is something to say."""
    breakers = tuple(breakers)
    told = [breaker for breaker in breakers if breaker.scope != "step" or _worth_telling(breaker)]
    quiet = len(breakers) - len(told)
    rows = [("breaker", "name", "state", "why"), *((item.scope, item.name, state(item, now), item.reason) for item in told)]
    table = columns([tuple(" ".join(cell.split()) for cell in row) for row in rows]).splitlines() if told else []
    return [
        f"health: {health(breakers)}",
        *(["", *table] if table else []),
        *([f"{quiet} step{'s' * (quiet > 1)} without a failure"] if quiet else []),
    ]


def _worth_telling(breaker: Breaker) -> bool:
    return breaker.state != "closed" or breaker.flapping or breaker.failures > 0


def state(breaker: Breaker, now: float) -> str:
    """The state in a few words, for example `open for 4 min 10 s`."""
    match breaker.state:
        case "open":
            words = "open until it is reset" if breaker.until is None else f"open for {_duration(breaker.until - now)}"
        case "half-open":
            words = "half-open, one probe may try" if breaker.until is None else "half-open, its probe is under way"
        case "closed":
            words = "closed"
    return f"{words}, flapping" if breaker.flapping else words


def _duration(seconds: float) -> str:
    """Whole seconds, never less than one: 4 min 10 s."""
    minutes, rest = divmod(max(round(seconds), 1), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (rest, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def as_json(breakers: Iterable[Breaker], now: float) -> dict[str, Any]:
    """Everything, for `--json`; times as ISO 8601 in UTC."""
    breakers = tuple(breakers)
    entries = [
        asdict(breaker) | {"opened_at": _time(breaker.opened_at), "until": _time(breaker.until), "stops": breaker.stops} for breaker in breakers
    ]
    return {"version": 1, "at": _time(now), "health": health(breakers), "breakers": entries}


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
