"""The cycle's one side channel: an append-only, fsynced file. A turn is reserved before it is sent and settled when it returned.

Restart replays what returned instead of paying again. A turn that was in flight at a kill has a reservation and no return: it is booked at its
reservation, marked lost, and taken again; it costs no attempt. What turns cost stands in the ledger, which may refuse the next one.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from orchestrator.config import Ceiling, Limits
from orchestrator.errors import AgentError, NoTurn, Reworded
from orchestrator.model import AgentTurn, Change, Usage
from orchestrator.run import limits, stopping
from orchestrator.run.bench import Request, Returned
from orchestrator.run.durable import durable
from orchestrator.save.ledger import Asked, Ledger
from orchestrator.telling import Kind

_Returned = TypeAdapter(tuple[AgentTurn, tuple[Change, ...]], config=ConfigDict(defer_build=True))


@dataclass(frozen=True)
class Account:
    """Whose turns they are, what they may cost, and where that is booked."""

    ledger: Ledger
    project: str
    prd: str
    task: str
    fingerprint: str
    run: str
    ceilings: dict[str, Ceiling]
    limits: Limits


@dataclass
class Journal:
    """The journal of one cycle."""

    path: Path
    account: Account
    returned: dict[str, Returned] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    """Keys of turns that were sent and never returned."""
    warnings: list[str] = field(default_factory=list)
    """Budgets that came to their end."""
    told: Callable[[Kind, dict[str, Any]], None] = lambda kind, facts: None
    """Is told when a turn begins and ends, and which step is taken."""
    changed: Callable[[], str] = lambda: ""
    """Why the task is not what it was when it was begun, asked before every turn; '' where it is."""
    seat: Callable[[Callable[[], None]], AbstractContextManager[None]] = lambda waits: nullcontext()
    """Around a turn that is taken: so many are at once. Its argument is called when there is none free."""
    keep: Callable[[], None] = lambda: None
    """Called when a turn has returned that may have been paid: the journal is brought where it outlives this machine."""

    def __post_init__(self) -> None:
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return
        for line in lines:
            try:
                entry = json.loads(line)
                key = str(entry["key"])
                if entry["event"] == "returned":
                    self.returned[key] = _Returned.validate_python((entry["turn"], [Change(**change) for change in entry["changes"]]))
                self.lost = [name for name in self.lost if name != key] + ([key] if entry["event"] == "reserved" else [])
            except (ValueError, KeyError, TypeError, ValidationError):
                continue  # a line that was cut by a kill: its turn stands as reserved

    def turn(self, request: Request, perform: Callable[[float | None], Returned]) -> Returned:
        """The recorded return of that turn, or a new one. Raises NoTurn when a budget or a breaker stands before it or the PRD changed, and the
        agent's own errors, each with the moment at which it is worth trying again."""
        key, booked = request.key, f"{self.account.project}/{self.path.stem}/{request.key}"
        if key in self.returned:
            self.account.ledger.settle(booked, self.returned[key][0])
            return self.returned[key]
        with self.seat(lambda: self.step("queue", request.attempt)):
            return self._taken(key, booked, request, perform)

    def _taken(self, key: str, booked: str, request: Request, perform: Callable[[float | None], Returned]) -> Returned:
        if why := self.changed():
            raise Reworded(why)
        stopping.check()
        asked = self._asked(booked, request)
        with durable("turn reserved"):
            reservation = self.account.ledger.reserve(asked, self.account.ceilings, self.account.limits.turn_seconds, sent=key in self.lost)
        stopping.turns_end(None)  # the system's breaker let it through
        self.warnings += reservation.warnings
        with durable("turn sent"):
            self._write({"event": "reserved", "key": key})
        about = {
            "role": request.role,
            "step": request.step,
            "attempt": request.attempt,
            "turn": request.turn,
            "agent": request.agent,
            "kind": request.kind,
        }
        self.told("turn began", about)
        started = time.monotonic()
        try:
            turn, changes = perform(reservation.seconds)
        except AgentError as error:
            if stopping.is_now() or isinstance(error, NoTurn):  # it was ended from outside: no failure of the agent
                self.account.ledger.lose(booked)
                stopping.check_now()
                raise
            with durable("turn failed"):
                self._write({"event": "failed", "key": key, "error": type(error).__name__})
            seconds = time.monotonic() - started
            failures = self.account.ledger.fail(asked, error, seconds)
            stopping.turns_end(*self.account.ledger.turns_end())
            self.told("turn ended", {**about, **_used(seconds), "error": error.message})
            if error.passes and error.reset_at is None:
                error.reset_at = time.time() + limits.wait(failures, self.account.limits.wait_seconds, self.account.limits.wait_most)
            raise
        except BaseException:
            self.account.ledger.lose(booked)
            raise
        with durable("turn returned"):
            self._write({"event": "returned", "key": key, "turn": asdict(turn), "changes": [asdict(change) for change in changes]})
        self.returned[key] = turn, changes
        with durable("turn settled"):
            self.account.ledger.settle(booked, turn)
        self.told("turn ended", {**about, **_used(turn.seconds, turn.usage), "error": ""})
        if turn.kind != "recorded":
            self.keep()
        return turn, changes

    def step(self, step: str, attempt: int) -> None:
        """A step of the cycle begins."""
        self.told("step", {"step": step, "attempt": attempt})

    def refusal(self, agent: str, kind: str) -> NoTurn | None:
        """What stands before any turn of the task now, whatever it may use; None when nothing does."""
        asked = self._asked("", Request("code", 0, 0, "write_code", agent, kind, Usage(0, 0, 0.0)))
        return self.account.ledger.refusal(asked, self.account.ceilings)

    def _asked(self, booked: str, request: Request) -> Asked:
        account = self.account
        return Asked(booked, account.project, account.prd, account.task, account.fingerprint, f"{request.role} {request.attempt}", request.step,
                      account.run, request.agent, request.kind, request.most)  # fmt: skip

    def _write(self, entry: dict[str, object]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as stream:
            if stream.tell() and not self._ends_a_line():
                stream.write(b"\n")
            stream.write(json.dumps(entry).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())

    def _ends_a_line(self) -> bool:
        with self.path.open("rb") as stream:
            stream.seek(-1, os.SEEK_END)
            return stream.read(1) == b"\n"


def _used(seconds: float, usage: Usage | None = None) -> dict[str, Any]:
    said = usage or Usage()
    return {"seconds": round(seconds, 3), "input_tokens": said.input_tokens, "output_tokens": said.output_tokens, "usd": said.usd}
