"""The log of a run: every line that a project's part of it tells, beside its report as `reports/<run>.jsonl`.

Nothing is written until something happens that belongs to a run which leaves a report: a run that finds nothing new writes nothing. What is
told before that is kept in memory meanwhile. A log has a most that it may take; what goes beyond is left out, and its last lines say so.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from orchestrator.save.told_line import line
from orchestrator.telling import Told

ENDING = ".jsonl"
WORK = frozenset(
    {"task began", "step", "turn began", "turn ended", "task ended", "needs a person", "parked", "conflict", "gate", "validated", "edited"}
)
"""Kinds that a run which finds nothing new does not tell: from then on the log can be followed."""
HELD = 1000
"""So many lines are kept in memory at most before there is any work."""
CLOSING = frozenset({"project ended"})
"""Kinds that are written although the log is full."""


@dataclass
class _Log:
    path: Path
    waiting: list[str] = field(default_factory=list)
    stream: BinaryIO | None = None
    size: int = 0
    full: bool = False


class RunLogs:
    """One for each project that is worked on. Call it with everything that is told, from any thread; it never raises."""

    def __init__(self, runs: Path, most: int) -> None:
        """`most`: bytes of one log; 0: none is kept."""
        self.runs = runs
        self.most = most
        self.broken = ""
        """Why logs are written no more; '' while they are."""
        self._logs: dict[str, _Log] = {}
        self._lock = threading.Lock()

    def __call__(self, told: Told) -> None:
        if not self.most or not told.project or self.broken:
            return
        with self._lock:
            try:
                self._take(told)
            except OSError as error:
                self.broken = f"the log of the run cannot be written: {error}"
                self._close()

    def close(self) -> None:
        with self._lock:
            self._close()

    def _take(self, told: Told) -> None:
        run = told.facts.get("run", "")
        if told.kind == "project began" and run:
            self._logs[told.project] = _Log(self.runs / told.project / "reports" / f"{run}{ENDING}")
        log = self._logs.get(told.project)
        if log is None:
            return
        ended = told.kind == "project ended"
        if log.stream is None and (told.kind in WORK or (ended and run)):
            log.path.parent.mkdir(parents=True, exist_ok=True)
            log.stream = log.path.open("ab")
            log.size = log.stream.tell()
            for text in log.waiting:
                self._write(log, text)
            log.waiting.clear()
        if log.stream is not None:
            self._write(log, line(told), always=told.kind in CLOSING)
        elif len(log.waiting) < HELD:
            log.waiting.append(line(told))
        if ended:
            del self._logs[told.project]
            if log.stream is not None:
                log.stream.close()
                if not run:  # it left no report after all
                    log.path.unlink(missing_ok=True)

    def _write(self, log: _Log, text: str, *, always: bool = False) -> None:
        data = text.encode("ascii") + b"\n"
        if log.full and not always:
            return
        if log.size + len(data) > self.most and not always:
            log.full = True
            data = line(Told(f"the log is full at {self.most} bytes (`log.megabytes`); what follows is left out")).encode("ascii") + b"\n"
        assert log.stream is not None
        log.stream.write(data)
        log.stream.flush()
        log.size += len(data)

    def _close(self) -> None:
        for log in self._logs.values():
            if log.stream is not None:
                log.stream.close()
        self._logs.clear()


def cleaned(told: Told, clean: Callable[[str], str]) -> Told:
    """The same without keys and passwords, in its text and wherever its facts hold text."""

    def of(value: object) -> object:
        if isinstance(value, str):
            return clean(value)
        if isinstance(value, dict):
            return {key: of(each) for key, each in value.items()}
        return [of(each) for each in value] if isinstance(value, (list, tuple)) else value

    facts = {key: of(value) for key, value in told.facts.items()}
    return replace(told, text=clean(told.text), facts=facts)
