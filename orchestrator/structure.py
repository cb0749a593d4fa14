"""The frozen values of what a PRD says about structure, beside its requirements: phases, cycles, modules and what they export.

They are part of a `Prd` and follow the rules of `model.py`: plain data, lines are 1-based lines of the PRD's file.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Phase:
    """A stretch of the work that ends before the next one begins."""

    number: int
    title: str
    line: int


@dataclass(frozen=True)
class PlannedCycle:
    """A TDD cycle that the PRD names itself: what is to be built together."""

    key: str
    """For example `Cycle 3`."""
    title: str
    line: int
    phase: int | None = None
    """Number of its phase."""
    components: tuple[str, ...] = ()
    """Its bullets."""
    tests: tuple[int, int] | None = None
    """How many tests are expected: (least, most)."""
    module: str = ""
    """File or folder (ending in /) that it is about."""
    depends_on: tuple[str, ...] = ()
    """Keys of cycles."""
    requirements: tuple[str, ...] = ()
    """Keys of the requirements it was matched with; how they were found is noted by the reader."""


@dataclass(frozen=True)
class Export:
    """A name that a module offers."""

    name: str
    kind: str = ""
    """`class`, `function`, … as written."""
    text: str = ""
    line: int = 0


@dataclass(frozen=True)
class Module:
    """A file of the module structure, and its API as far as the PRD states it."""

    path: str
    line: int
    exports: tuple[Export, ...] = ()
    text: str = ""
    """What it is for."""


@dataclass(frozen=True)
class Answer:
    """What a person answered under `## Answers`. It stands in the text of what it is about, too."""

    text: str
    line: int
    criterion: str = ""
    """Key of the criterion it is about; '' for the requirement as a whole."""
    question: str = ""
    """As it is quoted there; '' where only its answer is."""
