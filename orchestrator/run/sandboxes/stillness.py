"""An agent that lives on between its turns is stopped meanwhile, with all it started: SIGSTOP to everything below the process that watches.

A stopped process cannot start others, so the rounds come to an end. The watching process goes on: it ends the rest when the orchestrator is gone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

ROUNDS = 200
PAUSE = 0.005
"""Seconds between two rounds."""


def rest(pid: int) -> bool:
    """Whether everything stands still: false for what starts others faster than it is found."""
    watcher = _watcher(pid)
    for _ in range(ROUNDS):
        running = [each for each in _below(watcher) if _state(each) not in "TtZX"]
        if not running:
            return True
        for group in {*map(_group, running)} - {_group(watcher), 0}:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGSTOP)  # at one stroke, so that nothing in it starts another meanwhile
        _tell(running, signal.SIGSTOP)
        time.sleep(PAUSE)
    return False


def wake(pid: int) -> None:
    _tell(_below(_watcher(pid)), signal.SIGCONT)


def _group(pid: int) -> int:
    """Its process group; 0 when it has just ended."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def _watcher(pid: int) -> int:
    """The process that watches: the started one, or the first below it that is not bubblewrap."""
    while _read(f"/proc/{pid}/comm").strip() == "bwrap":
        children = _children(pid)
        if not children:
            break
        pid = children[0]
    return pid


def _below(pid: int) -> list[int]:
    found, todo = [], _children(pid)
    while todo:
        each = todo.pop()
        found.append(each)
        todo += _children(each)
    return found


def _children(pid: int) -> list[int]:
    return [int(child) for task in _tasks(pid) for child in _read(f"/proc/{pid}/task/{task}/children").split()]


def _tasks(pid: int) -> list[str]:
    try:
        return [task.name for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return []


def _state(pid: int) -> str:
    return (_read(f"/proc/{pid}/stat").rpartition(")")[2].split() or ["X"])[0]


def _tell(pids: list[int], what: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, what)
        except ProcessLookupError:
            continue


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
