"""What is measured beside the verdict, as frozen values: would the tests notice a change, and what of the code did examples run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MutantStatus = Literal["killed", "survived", "timeout", "no coverage", "error"]


@dataclass(frozen=True)
class Mutant:
    """One small change of a function, and whether a test noticed."""

    id: str
    path: str
    function: str
    """Qualified name, for example `Account.withdraw`."""
    line: int
    column: int
    """0-based, of the first character replaced."""
    end_line: int
    end_column: int
    operator: str
    """For example `comparison`, `arithmetic`, `constant`, `boolean`, `return`."""
    original: str
    replacement: str
    status: MutantStatus
    killed_by: tuple[str, ...] = ()
    """pytest node ids."""


@dataclass(frozen=True)
class Mutation:
    """Would the tests notice? The mutants of the functions a task changed."""

    mutants: tuple[Mutant, ...]
    left_out: int
    """Mutants beyond the cap, not run."""
    seconds: float


@dataclass(frozen=True)
class Unrun:
    """What no example runs, of one function ('': the module itself), in words: `no example gets through lines 12–14`."""

    path: str
    function: str
    line: int
    end_line: int
    what: str


@dataclass(frozen=True)
class Coverage:
    """What examples run of the code that a task adds or changes: statements, and both outcomes of each condition."""

    counted: int
    """All of them, but for what does nothing but raise."""
    ran: int
    unrun: tuple[Unrun, ...]
    seconds: float
    asked: bool = True
    """False: not all examples could be asked in time, so that `unrun` may be too much."""
