"""Agents: given a brief and a folder, change files in the folder and return a turn.

    scripted.py         a turn from a YAML file or a Python function: tests, cheats, dry runs
    recorded.py         replays recorded turns: samples, demo, CI
    chat.py             any OpenAI-compatible endpoint; answers.py reads its whole-file blocks, mending.py puts right what models forget in them
    acp.py              any agent that speaks the Agent Client Protocol; presets.py is what is known about some, permissions.py what they may
    command.py          any command that takes a brief and changes files
    recording.py        the format of a recording, and the wrapper that writes them
    workspace.py        the one place where an agent's files are written and read
    choosing.py         which agent a task gets

For agents that are programs: programs.py finds them and makes their room, complaints.py reads what they say when they cannot work, told.py is
what they are told and how it is retold, wire.py and streams.py carry it, updates.py reads what is told while they work.

Whatever an agent answers, the gates judge the tree. An AgentError is only for an agent that could not answer at all:

AgentError
├── NotReachable     nothing answers at the address
├── NotInstalled     the agent's program is not on this machine
├── NotAuthenticated nobody is logged in, or the key is wrong
├── Refused          the endpoint will not serve us: key, model, address, credit
├── RateLimited      too many requests; `reset_at` says when to come back
├── Overloaded       the endpoint is there and cannot work now
├── ContextTooLong   the brief does not fit the model's window
├── TimedOut         no answer within `limits.turn_seconds`, or within what a budget leaves
├── Broken           the connection ended before the answer was complete
├── BadAnswer        an answer that is no chat completion, or is too large
├── ScriptFailed     a script that raises, or cannot be read
├── NoRecording      nothing recorded for this turn
└── StaleRecording   recorded for another wording of the requirement
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from orchestrator.errors import AgentError
from orchestrator.model import AgentTurn, Brief, Prd, Role, Task, Usage, Way

if TYPE_CHECKING:
    from orchestrator.config import Config

__all__ = [
    "Agent",
    "AgentError",
    "BadAnswer",
    "Broken",
    "ContextTooLong",
    "NoRecording",
    "NotAuthenticated",
    "NotInstalled",
    "NotReachable",
    "Overloaded",
    "RateLimited",
    "Refused",
    "ScriptFailed",
    "StaleRecording",
    "TimedOut",
    "Unavailable",
    "choose_ladder",
]


class Agent(Protocol):
    """Frozen plain data, so that it travels to a worker; whatever it opens lives within one turn or is ended by `close`."""

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        ...

    @property
    def kind(self) -> str:
        """`scripted`, `recorded`, `chat`, `acp`, `command`."""
        ...

    def most(self, brief: Brief) -> Usage:
        """The most that this turn may use, as far as it can be known before: None where it cannot, zero where nothing is paid."""
        ...

    def way(self, task: Task, attempt: int, asked: int, units: int) -> Way:
        """How it is asked for a candidate. `asked`: how often it was asked for that before; `units`: functions and classes of the task."""
        ...

    def turn(self, brief: Brief, folder: Path, seconds: float | None = None) -> AgentTurn:
        """Change files in `folder` as the brief asks and say what was done. Raises AgentError only when it could not answer.

        `seconds`: end it after that long; None is its own limit, which holds in any case.
        """
        ...

    def close(self) -> None:
        """End whatever is still open. May be called twice."""
        ...


class NotReachable(AgentError):
    infrastructure = True


class NotInstalled(AgentError):
    infrastructure = True


class NotAuthenticated(AgentError):
    infrastructure = True


class Refused(AgentError):
    infrastructure = True


class Overloaded(AgentError):
    infrastructure = passes = True


class RateLimited(AgentError):
    """No failure of the agent: it says when to come back."""

    passes = True
    counts = False


class ContextTooLong(AgentError):
    pass


class TimedOut(AgentError):
    infrastructure = paid = passes = True


class Broken(AgentError):
    infrastructure = paid = passes = True


class BadAnswer(AgentError):
    infrastructure = paid = passes = True


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


def choose_ladder(task: Task, role: Role, prd: Prd, config: Config, root: Path) -> tuple[Agent, ...] | Unavailable:
    """The agents that work on `task` in that role, first rung first: an attempt that gets no further is followed by one of the next rung."""
    from orchestrator.run.agents.choosing import loopback_model, rungs

    return rungs(task, role, prd, config, root, loopback_model)
