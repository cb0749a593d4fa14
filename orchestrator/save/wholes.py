"""The report models of what concerns a PRD as a whole: phases and their gates, validations, forecasts. Parts of the models in reports.py."""

from __future__ import annotations

from typing import Literal

from orchestrator.save.report import Report


class BrokenReport(Report):
    """Something that does not hold at the head of a branch."""

    task: str
    """Whose it is, '' where it belongs to no task."""
    what: str
    """A test's node id, or an example's id."""
    message: str


class GateReport(Report):
    """The gate of a phase: the whole suite, and the examples and tests of every finished task, at the head of the branch."""

    prd: str
    phase: int
    at: str
    """ISO 8601 in UTC."""
    run: str
    """'' when a person asked for it."""
    head: str
    """Commit id."""
    tree: str
    passed: bool
    tasks: int
    """Finished tasks that were proved again."""
    examples: int
    tests: int
    seconds: float
    sandbox: str
    broken: list[BrokenReport]
    notices: list[str] = []


class PhaseReport(Report):
    number: int
    title: str
    line: int
    """Of the PRD, 0 where it has no heading of its own."""
    tasks: int
    done: int
    state: Literal["done", "open", "waits"]
    """`waits`: its tasks do not begin yet; `reason` says why."""
    reason: str
    gate: GateReport | None
    """The last look; None: there was none, and the last phase needs none."""


class ComplaintReport(Report):
    where: str
    """A file with a line, a test, a task, a criterion."""
    code: str
    """Of the tool, for example `F401`; '' where it has none."""
    message: str


class CheckReport(Report):
    """One thing that a validation looks at."""

    name: Literal["suite", "ruff", "mypy", "commits", "orphans", "criteria", "dependencies"]
    state: Literal["holds", "complaints", "noted", "not run"]
    """`complaints` are new since the target branch; `noted` is for a person to know and is not wrong."""
    detail: str
    """One sentence."""
    tool: str = ""
    """Name and version, and where it is from."""
    known: int = 0
    """Complaints that the target branch has too: they do not count."""
    complaints: list[ComplaintReport] = []
    """The first of them."""
    more: int = 0
    """How many are not listed."""


class ValidationReport(Report):
    """A complete PRD's branch as a whole. It un-proves nothing: it says what is new beside what was proved."""

    prd: str
    head: str
    """Commit id."""
    tree: str
    base: str
    """Commit of the target branch that it is compared with."""
    at: str
    """ISO 8601 in UTC."""
    run: str
    """'' when a person asked for it."""
    passed: bool
    """No check has a complaint."""
    checks: list[CheckReport]
    seconds: float
    sandbox: str


class RangeReport(Report):
    low: float
    high: float


class TookReport(Report):
    """What it was in the end. None is unknown."""

    tasks: int
    """That were finished."""
    turns: int
    tokens: int | None
    usd: float | None
    minutes: float


class ForecastReport(Report):
    prd: str
    kind: str
    """`live`, `recorded` or `scripted`: whose finished tasks it rests on, and who worked."""
    tasks: int
    """That would run."""
    basis: int
    """Finished tasks that it rests on; 0: there was no forecast."""
    by: str
    """`median to 80th percentile`, `least to most`; '' where there was none."""
    turns: RangeReport | None
    tokens: RangeReport | None
    usd: RangeReport | None
    minutes: RangeReport | None
    took: TookReport | None = None
