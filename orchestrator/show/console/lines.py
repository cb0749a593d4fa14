"""What a run tells, as lines while it works: plain ones, or objects of JSON. From any thread, each line whole."""

from __future__ import annotations

import io
import os
import sys
import threading
from typing import TextIO

from orchestrator.save.told_line import line
from orchestrator.show.console.terminal import safe
from orchestrator.telling import Told

_LOCK = threading.Lock()


def tell(told: Told) -> None:
    """Print what a person reads; what only progress shows has no text."""
    if told.text:
        _print(safe(told.text), sys.stdout)


def as_json(told: Told) -> None:
    """Print all of it, as one object on one line."""
    _print(line(told), sys.stdout.stream if isinstance(sys.stdout, Notes) else sys.stdout)


class Notes(io.TextIOBase):
    """Standard output where only JSON is wanted: each line that is printed becomes a note."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._begun = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *whole, self._begun = (self._begun + text).split("\n")
        for each in whole:
            if each.strip():
                _print(line(Told(each)), self.stream)
        return len(text)

    def fileno(self) -> int:
        return self.stream.fileno()


def _print(text: str, stream: TextIO) -> None:
    """A reader that has gone away (`| head`) ends no run: what follows goes nowhere."""
    with _LOCK:
        try:
            stream.write(f"{text}\n")
            stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
