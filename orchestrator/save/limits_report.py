"""runs/limits.json as a model: every budget with what stands against it, and how the breakers stand. Times are ISO 8601 in UTC."""

from __future__ import annotations

from typing import Literal

from orchestrator.save.report import Report

VERSION = 1


class MeasureReport(Report):
    """One measure of an account, in the unit of its name."""

    of: Literal["turns", "tokens", "usd", "minutes"]
    limit: float | None
    """None: no such budget is set."""
    spent: float
    """What turns used, as far as that is known."""
    booked: float
    """What counts as well: turns that are under way, never returned, or whose agent does not say what they used."""


class AccountReport(Report):
    scope: Literal["task", "prd", "run", "day"]
    name: str
    """Task, PRD, run or date."""
    project: str
    """'' for a run and a day, which span projects."""
    until: str
    """When it begins anew by itself; '' where it does not."""
    measures: list[MeasureReport]


class CeilingReport(Report):
    """What each attempt may use."""

    of: Literal["turns", "tokens", "usd", "minutes"]
    limit: float


class BreakerReport(Report):
    scope: Literal["step", "agent", "system"]
    name: str
    """The agent; task and step with a space between; or `system`."""
    state: Literal["closed", "open", "half-open"]
    failures: int
    opened_at: str
    """'' when it is closed."""
    until: str
    """Open: when one turn may try again, '' when only a reset closes it. Half-open: when the probe under way is given up, '' when none is."""
    reason: str
    flapping: bool


class CountReport(Report):
    what: str
    count: int


class TripReport(Report):
    """Why a breaker opened."""

    at: str
    scope: str
    name: str
    reason: str
    agents: list[CountReport]
    """Failures that counted, by agent."""
    errors: list[CountReport]
    """And by the first line of the error."""


class LimitsReport(Report):
    version: int = VERSION
    at: str
    """When anything of it changed last."""
    health: Literal["healthy", "degraded", "unhealthy"]
    timezone: str
    """Whose days."""
    accounts: list[AccountReport]
    attempt: list[CeilingReport]
    """Ceilings of each attempt."""
    unknown_tokens: int
    """Turns, of all, whose agent did not say what they used; they count as booked."""
    unknown_usd: int
    lost: int
    """Turns that never returned; they count as booked."""
    breakers: list[BreakerReport]
    trips: list[TripReport]
    """Newest first."""
