"""An agent that lives on between its turns is stopped meanwhile, with all it started: SIGSTOP to everything below the process that watches.

A stopped process cannot start others, so the rounds come to an end. The watching process goes on: it ends the rest when the orchestrator is gone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

SECONDS = 2.0
"""What all the rounds may take."""
PAUSE = 0.005
"""Seconds between two of them."""
LOOKS = 3
"""So many rounds in a row must find the same processes, all of them stopped: one that has ended while it was looked at may have started another."""


def rest(pid: int) -> bool:
    """Whether everything stands still: false for what starts others faster than it is found."""
    watcher = _watcher(pid)
    before: list[int] = []
    looks = 0
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        listed = _below(watcher)
        states = {each: _state(each) for each in listed}
        ended = {*_children(watcher)} if "Z" in states.values() else set()
        moving = [each for each, state in states.items() if state not in "TtZ" or (state == "Z" and each in ended)]
        looks = looks + 1 if not moving and listed == before else 0
        if looks == LOOKS:
            return True
        before = listed
        for group in {*map(_group, moving)} - {_group(watcher), 0}:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGSTOP)  # at one stroke, so that nothing in it starts another meanwhile
        _tell(moving, signal.SIGSTOP)
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
