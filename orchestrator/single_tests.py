"""The frozen values about single tests: a person's, one that failed by chance, one that was retired. They follow the rules of `model.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class RetiredTest:
    """A test that the orchestrator had made for an earlier wording, and that the commit of the new tests took away."""

    test: str
    """pytest node id."""
    how: Literal["removed", "replaced"]
    """`replaced`: a test of that name asks something else now."""


@dataclass(frozen=True)
class PersonsTest:
    """A test of the repository's own suite, written by a person, that names a criterion of the task."""

    criterion: str
    test: str
    """pytest node id, without parameters."""
    where: str
    """`file:line`."""
    text: str
    """The imports at the top of its file, then its source with its decorators."""


@dataclass(frozen=True)
class Flaky:
    """A test that failed and then held on the same tree."""

    test: str
    """pytest node id."""
    detail: str
