"""Agents: given a brief and a folder, change files in the folder and return a turn.

    scripted.py         a turn from a YAML file or a Python function: tests, cheats, dry runs
    recorded.py         replays recorded turns: samples, demo, CI
    chat.py             any OpenAI-compatible endpoint; answers.py reads its whole-file blocks
    recording.py        the format of a recording, and the wrapper that writes them
    workspace.py        the one place where an agent's files are written and read
    choosing.py         which agent a task gets

Whatever an agent answers, the gates judge the tree. An AgentError is only for an agent that could not answer at all:

AgentError
├── NotReachable     nothing answers at the address
├── Refused          the endpoint will not serve us: key, model, address, credit
├── RateLimited      too many requests; `reset_at` says when to come back
├── Overloaded       the endpoint is there and cannot work now
├── ContextTooLong   the brief does not fit the model's window
├── TimedOut         no answer within `limits.turn_seconds`
├── BadAnswer        an answer that is no chat completion, or is too large
├── ScriptFailed     a script that raises, or cannot be read
├── NoRecording      nothing recorded for this turn
└── StaleRecording   recorded for another wording of the requirement
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from orchestrator.errors import AgentError
from orchestrator.model import AgentTurn, Brief, Prd, Role, Task

if TYPE_CHECKING:
    from orchestrator.config import Config

__all__ = [
    "Agent",
    "AgentError",
    "BadAnswer",
    "ContextTooLong",
    "NoRecording",
    "NotReachable",
    "Overloaded",
    "RateLimited",
    "Refused",
    "ScriptFailed",
    "StaleRecording",
    "TimedOut",
    "Unavailable",
    "choose",
]


class Agent(Protocol):
    """Frozen plain data, so that it travels to a worker; whatever it opens lives within one turn or is ended by `close`."""

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        ...

    @property
    def kind(self) -> str:
        """`scripted`, `recorded`, `chat`."""
        ...

    def turn(self, brief: Brief, folder: Path) -> AgentTurn:
        """Change files in `folder` as the brief asks and say what was done. Raises AgentError only when it could not answer."""
        ...

    def close(self) -> None:
        """End whatever is still open. May be called twice."""
        ...


class NotReachable(AgentError):
    pass


class Refused(AgentError):
    pass


class Overloaded(AgentError):
    """`reset_at` as in RateLimited."""

    def __init__(self, message: str, *, hint: str = "", reset_at: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.reset_at = reset_at


class RateLimited(AgentError):
    """`reset_at` is seconds since the epoch, or None when the endpoint did not say."""

    def __init__(self, message: str, *, hint: str = "", reset_at: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.reset_at = reset_at


class ContextTooLong(AgentError):
    pass


class TimedOut(AgentError):
    pass


class BadAnswer(AgentError):
    pass


class ScriptFailed(AgentError):
    pass


class NoRecording(AgentError):
    pass


class StaleRecording(AgentError):
    pass


@dataclass(frozen=True)
class Unavailable:
    """No agent for a task: why, what can be done about it, and what was seen on the way."""

    message: str
    ways: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join([self.message, *(f"  → {way}" for way in self.ways), *(f"  note: {note}" for note in self.notes)])


def choose(
    task: Task, role: Role, prd: Prd, config: Config, root: Path, *, probe: Callable[[], tuple[str, str] | None] | None = None
) -> Agent | Unavailable:
    """The agent that works on `task` in that role. See choosing.py for the order; `probe` finds a (base URL, model) on loopback."""
    from orchestrator.run.agents.choosing import choice, loopback_model

    return choice(task, role, prd, config, root, probe or loopback_model)
