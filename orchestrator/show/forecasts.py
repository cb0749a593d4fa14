"""Forecasts in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.plan.forecast import KINDS, NONE, Forecast, Range

if TYPE_CHECKING:
    from orchestrator.save.wholes import ForecastReport, RangeReport

RESTS = {"live": "finished here by live agents", "recorded": "replayed here from recordings", "scripted": "finished here by scripted agents"}


def lines(found: Sequence[Forecast]) -> list[str]:
    """One for each kind of agents: `forecast: 4 to 9 turns, …`."""
    if not found:
        return [NONE]
    return [
        f"forecast for {_count(each.tasks, 'task')}: {', '.join(ranges(each))} ({each.by} of {_count(each.basis, 'task')} {RESTS[each.kind]})"
        for each in found
    ]


def ranges(found: Forecast | ForecastReport) -> list[str]:
    """Turns, tokens, money, minutes; what is unknown is said."""
    return [
        f"{span(found.turns)} turn{'' if span(found.turns) == '1' else 's'}",
        f"{span(found.tokens)} tokens",
        f"{span(found.usd, places=2)} USD",
        f"{span(found.minutes, places=1)} minutes",
    ]


def span(found: Range | RangeReport | None, places: int = 0) -> str:
    """`4 to 9`, `5` where both ends are the same as they are written, `unknown`."""
    if found is None:
        return "unknown"
    low, high = (f"{value:,.{places}f}" for value in (found.low, found.high))
    return low if low == high else f"{low} to {high}"


def beside(report: ForecastReport) -> list[tuple[str, str, str]]:
    """(what, forecast, what it took) of a PRD in a run."""
    took = report.took
    rows = [("turns", span(report.turns), None if took is None else f"{took.turns:,}")]
    rows.append(("tokens", span(report.tokens), None if took is None or took.tokens is None else f"{took.tokens:,}"))
    rows.append(("USD", span(report.usd, places=2), None if took is None or took.usd is None else f"{took.usd:,.2f}"))
    rows.append(("minutes", span(report.minutes, places=1), None if took is None else f"{took.minutes:,.1f}"))
    return [(name, expected if report.basis else "no forecast", actual or "unknown") for name, expected, actual in rows]


def sentence(report: ForecastReport) -> str:
    """`forecast 4 to 9 turns, took 6`, and so on."""
    if not report.basis:
        return f"no forecast: no task was finished here by {KINDS[report.kind]} before"
    return "; ".join(
        f"forecast {expected} {name.removesuffix('s') if expected == '1' else name}, took {actual}" for name, expected, actual in beside(report)
    )


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
