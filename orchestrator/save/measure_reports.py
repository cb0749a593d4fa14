"""The report models of mutants and coverage; `reports.py` has all the others. Pure."""

from __future__ import annotations

from typing import Literal

from orchestrator.save.report import Report


class MutantReport(Report):
    id: str
    path: str
    function: str
    line: int
    column: int
    end_line: int
    end_column: int
    operator: str
    original: str
    replacement: str
    status: Literal["killed", "survived", "timeout", "no coverage", "error"]
    killed_by: list[str]


class MutationReport(Report):
    """Would the tests notice a change? One entry for each small change of the task's functions."""

    score: float | None
    """Percent of the mutants that the tests noticed; None when there was none."""
    left_out: int
    seconds: float
    mutants: list[MutantReport]
    elements: str = ""
    """Path of the mutation-testing-elements JSON, relative to the project's folder."""


class StageReport(Report):
    """How long a step of a task took, as the orchestrator's clock had it, over all its attempts."""

    step: str
    """`prepare`, `baseline`, `write_tests`, `check_red`, `queue`, `write_code`, `check_green`, `tidy`, `check_still_green`, `mutants`."""
    seconds: float


class StandingReport(Report):
    """Where a project stood at a moment."""

    requirements: int
    requirements_proved: int
    """Those of which every criterion was proved."""
    criteria: int
    proved: int
    """Criteria that were proved as they were worded."""
    mutation: float | None = None
    """Percent of the mutants of what was done that its tests noticed; None where there was none."""


class UnrunReport(Report):
    path: str
    function: str
    """'' for the module itself."""
    line: int
    end_line: int
    what: str
    """In words."""


class CoverageReport(Report):
    """What the examples run of the code that the task adds or changes: statements, and both outcomes of each condition."""

    share: float | None
    """Percent; None when there is nothing that an example would have to run."""
    counted: int
    ran: int
    seconds: float
    asked: bool
    """False: not all examples could be asked in time."""
    unrun: list[UnrunReport]
