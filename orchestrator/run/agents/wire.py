"""The pipes to a program that speaks the Agent Client Protocol: one JSON message a line, bounded, and what it writes to standard error.

Updates are taken here, one after the other as they come, and go no further; everything else is the protocol library's. A line that is no
message is kept as something the program said. Nothing it writes makes memory grow: a line, a turn and what is kept have a limit each.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from typing import Any

from orchestrator.run.agents import AgentError, BadAnswer

LINE_BYTES = 16 << 20
"""Of one message."""
TURN_BYTES = 64 << 20
"""Of all that is written in one turn, to standard output and to standard error, each."""
TAIL_BYTES = 4000
"""What is kept of the end of standard error."""


class Wire:
    """A transport of the protocol library. `hear` is given each update of a session."""

    def __init__(self, name: str, child: subprocess.Popen[bytes], hear: Callable[[dict[str, Any]], None]) -> None:
        self.name = name
        self.child = child
        self.hear = hear
        self.fault: AgentError | None = None
        """Why it was cut off."""
        self.tail = b""
        self.taken = {"standard output": 0, "standard error": 0}
        self.rest = bytearray()
        self.seen = 0

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        assert self.child.stdin and self.child.stdout and self.child.stderr
        self.reader, errors = asyncio.StreamReader(), asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(self.reader), self.child.stdout)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(errors), self.child.stderr)
        pipe, protocol = await loop.connect_write_pipe(lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), self.child.stdin)
        self.writer = asyncio.StreamWriter(pipe, protocol, None, loop)
        self.drained = loop.create_task(self._drain(errors))

    def begin_turn(self) -> None:
        self.taken = dict.fromkeys(self.taken, 0)

    async def send(self, message: dict[str, Any]) -> None:
        """A program that is gone is found by what it does not answer."""
        try:
            self.writer.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
            await self.writer.drain()
        except (ConnectionError, RuntimeError):
            return

    async def receive(self) -> dict[str, Any] | None:
        while (line := await self._line()) is not None:
            try:
                message = json.loads(line)
            except (ValueError, RecursionError):
                message = None
            if not isinstance(message, dict) or not isinstance(message.get("id", 0), int | str) or not isinstance(message.get("method", ""), str):
                self._keep(line[:TAIL_BYTES] + b"\n")
                continue
            if message.get("method") == "session/update" and "id" not in message:
                parameters = message.get("params")
                update = parameters.get("update") if isinstance(parameters, dict) else None
                if isinstance(update, dict):
                    self.hear(update)
                continue
            return message
        return None

    async def close(self) -> None:
        self.drained.cancel()
        self.writer.close()

    async def _line(self) -> bytes | None:
        while True:
            end = self.rest.find(b"\n", self.seen)
            if end >= 0:
                line = bytes(self.rest[:end])
                del self.rest[: end + 1]
                self.seen = 0
                return line
            self.seen = len(self.rest)
            if self.seen > LINE_BYTES:
                self.fault = BadAnswer(f"{self.name}: one message is larger than {LINE_BYTES:,} bytes", hint=HINT)
                return None
            try:
                piece = await self.reader.read(65536)
            except OSError:
                return None
            if not piece or not self._count("standard output", piece):
                return None
            self.rest += piece

    async def _drain(self, errors: asyncio.StreamReader) -> None:
        try:
            while piece := await errors.read(65536):
                self._keep(piece)
                if not self._count("standard error", piece):
                    self.child.terminate()
                    return
        except OSError:
            return

    def _count(self, stream: str, piece: bytes) -> bool:
        self.taken[stream] += len(piece)
        if self.taken[stream] > TURN_BYTES:
            self.fault = BadAnswer(f"{self.name}: it wrote more than {TURN_BYTES:,} bytes to {stream} in one turn", hint=HINT)
        return self.fault is None

    def _keep(self, piece: bytes) -> None:
        self.tail = (self.tail + piece)[-TAIL_BYTES:]


HINT = "the program does not behave: run it by hand to see what it writes, or use another agent"
