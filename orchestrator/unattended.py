"""`watch` and `run --due`: what is due is done without anybody there. One process at a time does it for a working folder; another stands by.

`watch` goes on until SIGTERM or SIGINT. A run that is under way is stopped cleanly then, and continued by the next start.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from orchestrator import faults, scheduled
from orchestrator.config import Config
from orchestrator.errors import Exit, LockedError, OrchestratorError, UsageError
from orchestrator.inbox import watch as watching
from orchestrator.run import stopping
from orchestrator.save import lock, pending, receipts
from orchestrator.scheduled import Run

LOCK = "watch.lock"
NAMED = 3
"""Files that changed are told by name up to so many."""
STANDBY_SECONDS = 2.0
"""How often a watcher that stands by asks whether the other is gone."""
WAITING_SECONDS = (60.0, 3600.0)
"""After a turn that left something waiting (an agent that did not answer, a tool that was missing) it is tried again after so long, twice as long
each time, up to so long; what changes begins that anew."""


def watch(root: Path, config: Config, run: Run) -> Exit:
    """Do what is due, at once and whenever files or the clock ask for it, until SIGTERM or SIGINT. `run`: one whole run, printing what it did."""
    folder, runs = _folder(root, config), config.folder(root, "runs")
    runs.mkdir(parents=True, exist_ok=True)
    bell, stop = watching.Bell(), threading.Event()

    def end(number: int, frame: object) -> None:
        stop.set()
        bell.ring()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    held = observer = None
    try:
        held = _alone(runs, stop)
        if held is not None:
            observer = watching.observe(folder, config, bell)
            print(f"watching {folder}{_schedule(config)}", flush=True)
            watching.loop(folder, config, bell, stop, _Turns(root, config, run).turn, _noticed(root, runs))
    except KeyboardInterrupt:
        pass
    finally:
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        if observer is not None:
            observer.stop()
            observer.join(5)
        if held is not None:
            os.close(held)
        for number, handler in before.items():
            signal.signal(number, handler)
    print("watch ended", flush=True)
    return Exit.DONE


def run_due(root: Path, config: Config, run: Run, *, build_site: bool = True) -> Exit:
    """What is due now, then the end. Where another process is doing it already, nothing."""
    _folder(root, config)
    runs = config.folder(root, "runs")
    runs.mkdir(parents=True, exist_ok=True)
    try:
        held = lock.take(runs, LOCK)
    except LockedError as error:
        print(f"nothing to do here: {_holder(error)} does what is due")
        return Exit.DONE
    try:
        with faults.recognised(runs):
            done = scheduled.turn(root, config, run, datetime.now(UTC))
        if not done.anything:
            print("nothing is due")
        if done.again:
            print(f"next: {done.again:%Y-%m-%d %H:%M} UTC")
        if (done.anything or done.noted) and build_site:
            _site(root, config)
    finally:
        os.close(held)
    return done.exit_code or (Exit.INTERNAL if done.failed else Exit.DONE)


class _Turns:
    """The turns of one watcher. An error never ends it: it is said once, and tried again later."""

    def __init__(self, root: Path, config: Config, run: Run) -> None:
        self.root, self.config, self.run = root, config, run
        self.runs = config.folder(root, "runs")
        self.wait = WAITING_SECONDS[0] / 2
        self.said = ""
        self.locked = self.retrying = False
        self.first = True

    def turn(self, changed: tuple[str, ...]) -> float:
        """Files that have changed → when to be called next."""
        if self.locked and not changed and pending.busy(self.runs):
            return time.time() + watching.LOOK_SECONDS
        why = "the watch begins" if self.first else self._changed(changed) if changed else "what waited is tried again" if self.retrying else ""
        self.first = False
        code: Exit | None = None
        again: datetime | None = None
        try:
            with faults.recognised(self.runs):
                done = scheduled.turn(self.root, self.config, self.run, datetime.now(UTC), why)
                code, again = done.exit_code, done.again
                if stopping.is_asked():
                    raise KeyboardInterrupt  # it was asked for when the run had nothing left that it could have stopped
                if done.anything or done.noted:
                    _site(self.root, self.config)
            self.said = ""
        except OrchestratorError as error:
            self._say(f"orchestrator: {error}")
            code = error.exit_code
        except Exception:
            self._say(f"orchestrator: an error of ours; watching goes on\n{traceback.format_exc()}")
            code = Exit.INTERNAL
        return self._next(code, again, bool(changed))

    def _changed(self, paths: tuple[str, ...]) -> str:
        names = ["what is committed" if path == watching.HEAD else _shown(Path(path), self.root) for path in paths[:NAMED]]
        return f"{', '.join(names)}{f' and {len(paths) - NAMED} more' if len(paths) > NAMED else ''} changed"

    def _next(self, code: Exit | None, again: datetime | None, changed: bool) -> float:
        times = [again.timestamp()] if again else []
        self.locked = code is Exit.LOCKED
        self.retrying = code in (Exit.PARKED, Exit.LOCKED, Exit.INTERNAL, Exit.USAGE)
        if self.locked:
            times.append(time.time() + watching.LOOK_SECONDS)
        elif self.retrying:
            self.wait = WAITING_SECONDS[0] if changed else min(2 * self.wait, WAITING_SECONDS[1])
            times.append(time.time() + self.wait)
        else:
            self.wait = WAITING_SECONDS[0] / 2
        return min(times, default=float("inf"))

    def _say(self, text: str) -> None:
        if text != self.said:
            print(text, flush=True)
        self.said = text


def _folder(root: Path, config: Config) -> Path:
    folder = config.folder(root, "prds")
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no folder of PRDs", hint="make a working folder with `orchestrator init`")
    return folder


def _alone(runs: Path, stop: threading.Event) -> int | None:
    """The descriptor of the lock that one watcher has; it is waited for. None when that was ended."""
    said = False
    while not stop.is_set():
        try:
            held = lock.take(runs, LOCK)
        except LockedError as error:
            if not said:
                print(f"{_holder(error)} watches this folder already; this one stands by, and takes over when that ends", flush=True)
                said = True
            stop.wait(STANDBY_SECONDS)
            continue
        return held
    return None


def _holder(error: LockedError) -> str:
    return "process " + error.message.rpartition(" ")[2]


def _noticed(root: Path, runs: Path) -> Callable[[dict[str, str]], None]:
    def noticed(found: dict[str, str]) -> None:
        receipts.seen(runs, {_shown(Path(path), root): mark for path, mark in found.items()})

    return noticed


def _shown(path: Path, root: Path) -> str:
    shown = path.relative_to(root) if path.is_relative_to(root) else path
    return shown.as_posix().encode("utf-8", "replace").decode("utf-8")


def _schedule(config: Config) -> str:
    set_ = {name: getattr(config.schedule, name) for name in ("run", "verify", "retry", "prune", "site")}
    told = ", ".join(f"{name} {text}" for name, text in set_.items() if text)
    return f"; schedule ({config.schedule.timezone}): {told}" if told else ""


def _site(root: Path, config: Config) -> None:
    from orchestrator.show import site

    with faults.recognised(config.folder(root, "site")):
        print(site.build(root, config), flush=True)
