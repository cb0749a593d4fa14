"""What a plan is likely to take, from what finished tasks of this installation took. Pure.

A range: median to 80th percentile of the tasks that fit best, or least to most where fewer than ENOUGH did. Each task that would run counts as one of
the finished ones; those of the same agent and complexity where there are ENOUGH, else of the same complexity, else of the same agent, else all.
Live agents, replays of recordings and scripted agents never mix. What is unknown stays unknown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.model import Task

ENOUGH = 5
"""Finished tasks from which on the percentiles of a group say something."""
KINDS = {"live": "live agents", "recorded": "replayed recordings", "scripted": "scripted agents"}
"""Whose work it was, in words."""
NONE = "no forecast: no task of this installation was finished yet"


@dataclass(frozen=True)
class Past:
    """A finished task, as it was worded then."""

    task: str
    kind: str
    """A key of KINDS."""
    agent: str
    """Who took the most turns, by its name in the configuration."""
    complexity: str
    turns: int
    tokens: int | None
    """None: a turn did not say."""
    usd: float | None
    seconds: float | None
    """What its cycles took, judging included."""


@dataclass(frozen=True)
class Range:
    low: float
    high: float


@dataclass(frozen=True)
class Forecast:
    """For so many tasks, by what agents of one kind took for theirs. A range is None where no finished task says."""

    kind: str
    tasks: int
    basis: int
    """Finished tasks that it rests on."""
    by: str
    """`median to 80th percentile`, or `least to most` where ENOUGH were missing."""
    turns: Range | None
    tokens: Range | None
    usd: Range | None
    minutes: Range | None


WAITING = frozenset({"pending", "ready", "running", "produced", "parked"})
"""States of a task that a run goes on from."""


def would_run(task: Task, states: Mapping[str, tuple[str, str]]) -> bool:
    """Whether a run would work on a task now. `states`: task → (state, fingerprint)."""
    state, fingerprint = states.get(task.id, ("", ""))
    if task.question and (not state or fingerprint != task.fingerprint or state == "unclear"):
        return False
    return fingerprint != task.fingerprint or state in WAITING


def kind_of(kind: str) -> str:
    """The key of KINDS for the kind of an agent."""
    return kind if kind in ("recorded", "scripted") else "live"


def forecasts(tasks: Sequence[Task], past: Iterable[Past], agent: str = "") -> tuple[Forecast, ...]:
    """One for each kind of agents that finished something here, live ones first; `agent`: who would do the work, '' where that is not known."""
    rows = list(past)
    found = []
    for kind in KINDS:
        known = [row for row in rows if row.kind == kind]
        if tasks and known:
            groups = [_alike(known, task.complexity, agent) for task in tasks]
            by = "median to 80th percentile" if all(len(group) >= ENOUGH for group in groups) else "least to most"
            turns, tokens, usd, seconds = (_sum(groups, value) for value in (_turns, _tokens, _usd, _seconds))
            minutes = Range(seconds.low / 60, seconds.high / 60) if seconds else None
            found.append(Forecast(kind, len(tasks), len(known), by, turns, tokens, usd, minutes))
    return tuple(found)


def together(parts: Sequence[Sequence[Forecast]]) -> tuple[Forecast, ...]:
    """The forecasts of several PRDs as one for each kind; what is unknown of one is unknown of all."""
    found = []
    for kind in KINDS:
        same = [each for part in parts for each in part if each.kind == kind]
        if same:
            by = "median to 80th percentile" if all(each.by == same[0].by != "least to most" for each in same) else "least to most"
            tasks, basis = sum(each.tasks for each in same), max(each.basis for each in same)
            ranges = ([getattr(each, name) for each in same] for name in ("turns", "tokens", "usd", "minutes"))
            found.append(Forecast(kind, tasks, basis, by, *(_added(each) for each in ranges)))
    return tuple(found)


def _added(ranges: Sequence[Range | None]) -> Range | None:
    known = [each for each in ranges if each is not None]
    return Range(sum(each.low for each in known), sum(each.high for each in known)) if len(known) == len(ranges) else None


def _turns(row: Past) -> float | None:
    return row.turns


def _tokens(row: Past) -> float | None:
    return row.tokens


def _usd(row: Past) -> float | None:
    return row.usd


def _seconds(row: Past) -> float | None:
    return row.seconds


def _alike(known: list[Past], complexity: str, agent: str) -> list[Past]:
    """The finished tasks that say most about one: the narrowest group that is large enough."""
    same_complexity = [row for row in known if row.complexity.lower() == complexity.lower()]
    same_agent = [row for row in known if row.agent == agent]
    both = [row for row in same_complexity if row.agent == agent]
    return next((group for group in (both, same_complexity, same_agent) if len(group) >= ENOUGH), known)


def _sum(groups: list[list[Past]], value: Callable[[Past], float | None]) -> Range | None:
    """Over the tasks, each by its group; None where one of them has no known value."""
    spans: dict[int, Range | None] = {id(group): _span([known for row in group if (known := value(row)) is not None]) for group in groups}
    low = high = 0.0
    for group in groups:
        span = spans[id(group)]
        if span is None:
            return None
        low, high = low + span.low, high + span.high
    return Range(low, high)


def _span(values: list[float]) -> Range | None:
    if not values:
        return None
    if len(values) < ENOUGH:
        return Range(min(values), max(values))
    return Range(percentile(values, 0.5), percentile(values, 0.8))


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so large a share of the values does not exceed, between neighbours in proportion. `values`: at least one."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
