"""How a run is stopped before its end: first what is under way finishes its step, then everything is ended now. Either way the next run goes on.

One process has one run at a time, so what is asked for stands here once. Steps and turns look before they begin (`check`); what waits, waits
with `wait`; and what was started outside of Python is ended by its process group.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

from orchestrator.errors import HeldBack

Answer = TypeVar("Answer")

LOOK_SECONDS = 0.1
"""How often somebody who cannot be woken looks whether everything is to end."""

_asked = threading.Event()
_now = threading.Event()
_held: tuple[float, str, float | None] | None = None
"""(when turns under way are ended, why, when they may be taken again)."""


class Stopped(KeyboardInterrupt):
    """The run is being stopped: what was about to begin did not. No `except Exception` takes it for a failure."""


def begin() -> None:
    """A run begins: nobody has asked for its end."""
    _asked.clear()
    _now.clear()
    turns_end(None)


def ask() -> None:
    """Nothing new begins; steps and turns that are under way finish."""
    _asked.set()


def end() -> None:
    """Everything ends now: what this process has started is told to, and what is waited for is given up. Git is let finish: what was done until
    now is still written down with it, and it takes no time."""
    _now.set()
    _asked.set()
    for pid in children():
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text() != "git\n":
                os.kill(pid, signal.SIGTERM)


def is_asked() -> bool:
    return _asked.is_set()


def is_now() -> bool:
    return _now.is_set()


def turns_end(at: float | None, why: str = "", reset_at: float | None = None) -> None:
    """Turns that are under way are ended at that moment, in seconds since the epoch, because of the system's breaker; None: they may go on."""
    global _held
    _held = None if at is None else (at, why, reset_at)


def check_turn() -> None:
    """While a turn is waited for. Raises Stopped; or NoTurn when turns that are under way may not go on."""
    if _now.is_set():
        raise Stopped
    held = _held
    if held is not None and time.time() >= held[0]:
        raise HeldBack(held[1], hint="`orchestrator breakers` says more", reset_at=held[2])


def wait_for(child: subprocess.Popen[bytes], seconds: float) -> int:
    """The exit code of an agent's program. Raises subprocess.TimeoutExpired, and what `check_turn` raises."""
    until = time.monotonic() + seconds
    while True:
        left = until - time.monotonic()
        try:
            return child.wait(max(0.0, min(LOOK_SECONDS, left)))
        except subprocess.TimeoutExpired:
            check_turn()
            if left <= LOOK_SECONDS:
                raise subprocess.TimeoutExpired(child.args, seconds) from None


def check() -> None:
    """Before anything begins. Raises Stopped."""
    if _asked.is_set():
        raise Stopped


def check_now() -> None:
    """Before what was seen is believed: what was ended with everything else says nothing. Raises Stopped."""
    if _now.is_set():
        raise Stopped


def wait(seconds: float) -> None:
    """Sleep, unless the run is stopped. Raises Stopped."""
    if _asked.wait(max(seconds, 0.0)):
        raise Stopped


@contextlib.contextmanager
def signals() -> Iterator[None]:
    """Around a run, in the main thread: SIGINT (Ctrl-C) asks for the end, once more ends everything now, as SIGTERM does at once."""

    def heard(number: int, frame: object) -> None:
        if number == signal.SIGTERM or _asked.is_set():
            _says[-1]("stops now")
            end()
        else:
            _says[-1]("finishes the steps that are under way; Ctrl-C once more stops now")
            ask()

    wanted = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) != signal.SIG_IGN]  # as below `nohup`, or with `&`
    before = {number: signal.signal(number, heard) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # whatever is being printed at this moment, this may not wait for it
        os.write(2, f"\norchestrator: {text}\n".encode())


_says: list[Callable[[str], None]] = [_say]


@contextlib.contextmanager
def said_by(say: Callable[[str], None]) -> Iterator[None]:
    """Inside, what a signal makes of the run is said by that. It is called within the signal, and may wait for nothing."""
    _says.append(say)
    try:
        yield
    finally:
        _says.remove(say)


async def _watched(work: Coroutine[Any, Any, Answer]) -> Answer:
    task = asyncio.ensure_future(work)
    while not task.done():
        await asyncio.wait({task}, timeout=LOOK_SECONDS)
        if not task.done():
            try:
                check_turn()
            except BaseException:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task
                raise
    return task.result()


def run(work: Coroutine[Any, Any, Answer]) -> Answer:
    """`asyncio.run`, given up when turns may not go on. Raises what `check_turn` raises."""
    return asyncio.run(_watched(work))


def children() -> tuple[int, ...]:
    """The processes that this one has started and that are there still."""
    found = []
    for path in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(pid) for pid in path.read_text().split()]
    return tuple(found)


def kill_children() -> None:
    """The last resort for what did not end by itself: its process group is killed."""
    for pid in children():
        with contextlib.suppress(OSError):
            if os.getpgid(pid) == os.getpgrp():
                os.kill(pid, signal.SIGKILL)
            else:
                os.killpg(pid, signal.SIGKILL)
