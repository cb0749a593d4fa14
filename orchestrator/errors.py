"""Every error a user can meet, as one tree. Each prints itself (what, where, the value, what to do) and knows its exit code.

OrchestratorError            70  an error of ours; the base of the tree
├── UsageError                2  a flag, a command or a folder that cannot be used
│   ├── ConfigError           2  orchestrator.yaml or an ORCHESTRATOR_… variable
│   └── PlanError             2  a plan file that cannot be used
├── LockedError               6  another process writes this project
├── SetupError                5  something outside is missing: bubblewrap, git, a package index
│   └── RoomError             5  a full disk, or a folder that cannot be written
├── StoreError               70  a database or report that cannot be read
│   └── DamagedError         70  one that was damaged: `orchestrator doctor --rebuild` makes it good
└── AgentError                5  an agent that could not answer (never a wrong answer: that is a finding)
    └── NoTurn                5  a turn was not sent: a budget or a breaker stands before it
        ├── OverBudget        5  a budget does
        ├── HeldBack          5  a breaker does
        └── Reworded          5  the PRD asks for something else now
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the process says at its end. `run` speaks of this run only."""

    DONE = 0
    """Done, or nothing to do."""
    TASK_FAILED = 1
    """A task failed."""
    USAGE = 2
    """Usage or configuration."""
    NEEDS_PERSON = 3
    """A task needs a person."""
    SET_ASIDE = 4
    """A PRD was set aside."""
    PARKED = 5
    """Parked, over budget, or waiting for an agent or a tool."""
    LOCKED = 6
    """Locked by another process."""
    INTERNAL = 70
    """An error of ours."""


class OrchestratorError(Exception):
    """What went wrong, and what to do about it."""

    exit_code = Exit.INTERNAL

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  → {self.hint}" if self.hint else self.message


class UsageError(OrchestratorError):
    exit_code = Exit.USAGE


class ConfigError(UsageError):
    pass


class PlanError(UsageError):
    pass


class LockedError(OrchestratorError):
    exit_code = Exit.LOCKED


class SetupError(OrchestratorError):
    exit_code = Exit.PARKED


class RoomError(SetupError):
    pass


class StoreError(OrchestratorError):
    pass


class DamagedError(StoreError):
    def __init__(
        self, message: str, *, hint: str = "`orchestrator doctor --rebuild` sets it aside and makes it anew from the reports and git"
    ) -> None:
        super().__init__(message, hint=hint)


class AgentError(OrchestratorError):
    exit_code = Exit.PARKED
    infrastructure = False
    """It counts for the breakers of the agent and of the system: the agent is not there, or does not work."""
    paid = False
    """The turn may have cost although nothing came of it: it stays booked at its reservation."""
    counts = True
    """It is a failure at all: a limit that says when to come back is none."""
    passes = False
    """It may pass by itself: the task is tried again after a while. Otherwise the next run tries it again."""
    cause = ""
    """`budget` or `breaker` where one of them stands before the turn."""

    def __init__(self, message: str, *, hint: str = "", reset_at: float | None = None) -> None:
        """`reset_at`: seconds since the epoch at which to come back, None where nobody said."""
        super().__init__(message, hint=hint)
        self.reset_at = reset_at


class NoTurn(AgentError):
    """Nothing was sent, and nothing is paid. `reset_at` is when the budget or the breaker lets a turn through again."""


class OverBudget(NoTurn):
    cause = "budget"


class HeldBack(NoTurn):
    cause = "breaker"


class Reworded(NoTurn):
    """The requirement was edited or removed while it was worked on: nothing more is asked for this wording."""
