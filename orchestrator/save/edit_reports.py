"""The report models of what edits of a PRD changed and left behind; `reports.py` has all the others. Pure."""

from __future__ import annotations

from typing import Literal

from orchestrator.save.report import Report

WAYS_OUT = "put the requirement back into the PRD, or delete what is only its own on the branch yourself, tests and code"
"""What a person can do with an orphan."""


class RetiredTestReport(Report):
    """A test that was made for an earlier wording, and that the commit of the new tests took away."""

    test: str
    how: Literal["removed", "replaced"]


class CommitReport(Report):
    id: str
    """Full commit id."""
    kind: Literal["test", "feat", "refactor"]
    subject: str
    branch: str


class AnswerReport(Report):
    """What a person answered under `## Answers` of a PRD."""

    requirement: str
    criterion: str
    """Key of the criterion it is about; '' for the requirement as a whole."""
    question: str
    text: str
    path: str
    line: int


class PartReport(Report):
    """Something in a requirement that an edit worded otherwise."""

    name: str
    """`title`, `text`, `Module`, `Depends on`, `Type`, `Complexity`, or the key of a criterion."""
    kind: Literal["changed", "added", "removed"]
    before: str
    """What it said, a criterion with a line for each of its examples; '' when it was not there."""
    after: str
    before_line: int
    line: int


class EditedReport(Report):
    """What an edit did to one requirement."""

    requirement: str
    kind: Literal["unchanged", "changed", "added", "removed", "renamed"]
    title: str
    was: str
    """The id it had, when it was renamed."""
    before_line: int
    line: int
    parts: list[PartReport]
    outdated: list[str] = []
    """Criteria whose proof this edit made outdated, until they are proved again."""


class EditReport(Report):
    """One edit of a PRD that changed what it asks for."""

    at: str
    """When a run took it, ISO 8601 in UTC."""
    run: str
    path: str
    changes: list[EditedReport]


class OrphanReport(Report):
    """What the repository still holds of a requirement that left the text. Nothing deletes it but a person."""

    task: str
    prd: str
    path: str
    """Of the PRD that asked for it."""
    title: str
    requirements: list[str]
    since: str
    """When a run took the text without it, ISO 8601 in UTC."""
    branch: str
    files: list[str]
    """Code that its commits made or changed."""
    shared: list[str]
    """Those of the files that commits of other tasks made or changed as well."""
    tests: list[str]
    """Test files that were made for it."""
    commits: list[CommitReport]
