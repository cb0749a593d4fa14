"""The frozen values of what edits of a PRD leave behind, beside `model.py`, whose rules they follow."""

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
