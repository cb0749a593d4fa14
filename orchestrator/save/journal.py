"""The cycle's one side channel: an append-only, fsynced file. A turn is reserved before it is sent and settled when it returned.

Restart replays what returned instead of paying again. A turn that was in flight at a kill has a reservation and no return: it is marked lost
and taken again; it costs no attempt.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from orchestrator.model import AgentTurn, Change

_Returned = TypeAdapter(tuple[AgentTurn, tuple[Change, ...]])


class Journal:
    """The journal of one cycle."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.returned: dict[str, tuple[AgentTurn, tuple[Change, ...]]] = {}
        self.lost: list[str] = []
        """Keys of turns that were reserved and never returned."""
        self._read()

    def _read(self) -> None:
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return
        reserved: list[str] = []
        for line in lines:
            try:
                entry = json.loads(line)
                if entry["event"] == "reserved":
                    reserved.append(entry["key"])
                elif entry["event"] == "returned":
                    self.returned[entry["key"]] = _Returned.validate_python((entry["turn"], [Change(**change) for change in entry["changes"]]))
                    reserved = [key for key in reserved if key != entry["key"]]
            except (ValueError, KeyError, TypeError, ValidationError):
                continue  # a line that was cut by a kill: its turn stands as reserved
        self.lost = reserved

    def turn(self, key: str, perform: Callable[[], tuple[AgentTurn, tuple[Change, ...]]]) -> tuple[AgentTurn, tuple[Change, ...]]:
        """The recorded return of that turn, or a new one."""
        if key in self.returned:
            return self.returned[key]
        self._write({"event": "reserved", "key": key})
        turn, changes = perform()
        self._write({"event": "returned", "key": key, "turn": asdict(turn), "changes": [asdict(change) for change in changes]})
        self.returned[key] = turn, changes
        return turn, changes

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
