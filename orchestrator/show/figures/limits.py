"""Limits and breakers: what is spent, booked and left of each budget, what holds back turns, and which tasks wait for it. Pure.

Nothing here knows the time: the page says how things stood when the report was written, and from when on that is over.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup

from orchestrator.save.limits_report import AccountReport, BreakerReport, LimitsReport, MeasureReport
from orchestrator.show import addresses
from orchestrator.show.gather import Unreadable
from orchestrator.show.pages import render, usd
from orchestrator.show.pictures import charts

if TYPE_CHECKING:
    from jinja2 import Environment

LISTED = 200
"""PRDs in the table of what was spent without a budget."""
UNITS = {"turns": "turns", "tokens": "tokens", "usd": "US dollars", "minutes": "minutes"}

STATES: dict[str, tuple[str, str, str]] = {
    "closed": ("✓", "good", "every turn is let through"),
    "half-open": ("◐", "wait", "one turn may try, the probe; all others wait for it"),
    "open": ("✗", "bad", "no turn is let through"),
}
"""State → (symbol, tone, sentence)."""
HEALTH = {
    "healthy": ("✓", "good", "every breaker is closed, and none is flapping"),
    "degraded": ("!", "wait", "a breaker is not closed, or flaps; other work goes on"),
    "unhealthy": ("✗", "bad", "no turn can be taken: the system's breaker is open, or every agent's"),
}
SCOPES = {"day": "Today", "run": "The last run", "prd": "PRDs", "task": "Tasks"}
ABOUT = {
    "day": "all projects together",
    "run": "all projects together; a run that goes on with a killed one goes on with its budget",
    "prd": "over all runs",
    "task": "as the task is worded now, over all runs; those that have used most",
}


class Bar(NamedTuple):
    """A budget as it is shown."""

    of: str
    picture: Markup
    spent: str
    booked: str
    left: str
    limit: str
    share: int
    """Percent of the limit that is spent or booked."""
    tone: str
    """`good`, `wait` or `bad`."""


class Account(NamedTuple):
    scope: str
    name: str
    project: str
    until: str
    bars: list[Bar]


class Held(NamedTuple):
    """A breaker as it is shown."""

    scope: str
    name: str
    state: str
    since: str
    again: str
    """When it is tried again, ISO 8601; '' where nothing says when."""
    why: str
    flapping: bool
    resets: str
    """The command that closes it."""
    task: tuple[str, str]
    """(project, task) of a step's breaker, ('', '') of others."""


def amount(of: str, value: float) -> str:
    return usd(value) if of == "usd" else f"{value:,.1f}" if of == "minutes" else f"{value:,.0f}"


def bar(measure: MeasureReport) -> Bar:
    """Of a measure that has a limit."""
    limit = measure.limit or 0.0
    used = measure.spent + measure.booked
    spent, booked, left, whole = (amount(measure.of, value) for value in (measure.spent, measure.booked, max(0.0, limit - used), limit))
    share = round(100 * used / limit) if limit else 100 if used else 0
    said = f"{spent} spent, {booked} booked, {left} left of {whole} {UNITS[measure.of]}"
    tone = "bad" if used >= limit else "wait" if share >= 80 else "good"
    return Bar(UNITS[measure.of], charts.gauge(measure.spent, measure.booked, limit, said), spent, booked, left, whole, share, tone)


def account(found: AccountReport) -> Account:
    return Account(found.scope, found.name, found.project, found.until, [bar(measure) for measure in found.measures if measure.limit is not None])


def held(breaker: BreakerReport, projects: Iterable[str]) -> Held:
    name = breaker.name
    task, _, _ = name.rpartition(" ")
    target = "system" if breaker.scope == "system" else name if breaker.scope == "agent" else task
    prd = task.partition("#")[0]
    spot = (next((project for project in projects if project == prd), ""), task) if breaker.scope == "step" else ("", "")
    return Held(
        breaker.scope, name, breaker.state, breaker.opened_at, breaker.until, breaker.reason, breaker.flapping,
        f"orchestrator breakers reset {shlex.quote(target)}", spot,
    )  # fmt: skip


def page(env: Environment, report: LimitsReport | Unreadable | None, summaries: Mapping[str, Mapping[str, Any]]) -> str:
    known = report if isinstance(report, LimitsReport) else None
    told = known.accounts if known else []
    accounts = [item if item.project in summaries else item.model_copy(update={"project": ""}) for item in told]  # others have no page
    shown = [account(item) for item in accounts]
    breakers = [held(breaker, summaries) for breaker in known.breakers] if known else []
    order = ("open", "half-open", "closed")
    breakers.sort(key=lambda each: (order.index(each.state), ("system", "agent", "step").index(each.scope), each.name))
    waiting = [(project, task) for project, summary in sorted(summaries.items()) for task in summary.get("parked", ())]
    spent = [(item, {measure.of: measure for measure in item.measures}) for item in accounts if item.scope in ("day", "run", "prd")]
    return render(
        env,
        "limits.html",
        addresses.LIMITS,
        report=known,
        error=report if isinstance(report, Unreadable) else None,
        groups=[(scope, SCOPES[scope], ABOUT[scope], [item for item in shown if item.scope == scope and item.bars]) for scope in SCOPES],
        limited=any(item.bars for item in shown),
        breakers=breakers,
        calm=sum(each.state == "closed" and not each.flapping for each in breakers),
        waiting=sorted(waiting, key=lambda each: (each[1]["until"] or "~", each[0], each[1]["task"])),
        spent=spent[:LISTED],
        left=max(0, len(spent) - LISTED),
        states=STATES,
        health=HEALTH,
        units=UNITS,
        written=amount,
    )
