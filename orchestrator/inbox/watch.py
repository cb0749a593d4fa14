"""`orchestrator watch`: a PRD that changed is taken after a quiet period; a clock may ask for a run too. One run at a time.

File events only wake the loop; what is there is read by the run itself. So a lost event costs nothing but time, and an event too many costs a
scan. Where events do not come (network folders), the loop looks at the folder by itself every few seconds.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestrator.config import Config, Schedule
from orchestrator.errors import ConfigError, Exit, OrchestratorError, UsageError

LOOK_SECONDS = 10.0
"""How often the folder is looked at although no event came."""

WAITING_SECONDS = 60.0
"""After a run that left something waiting (an agent that did not answer, a tool that was missing), it is tried again."""


class Bell:
    """Wakes the loop; `due` when the schedule rang, not a file."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._due = False

    def ring(self, *, due: bool = False) -> None:
        self._due = self._due or due
        self._event.set()

    def wait(self, seconds: float) -> bool:
        """Until it rings or that long; whether the schedule rang."""
        self._event.wait(seconds)
        self._event.clear()
        due, self._due = self._due, False
        return due


Snapshot = dict[str, tuple[int, int, int]]
"""Path → (inode, size, modification time in ns) of every file under the PRD folder."""


def snapshot(folder: Path) -> Snapshot:
    """What lies in the folder now; links are not followed, hidden files do not count."""
    found: Snapshot = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith("."):
                try:
                    status = Path(place, name).lstat()
                except OSError:
                    continue
                found[str(Path(place, name))] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return found


def watch(root: Path, config: Config, run: Callable[[Path, Config], Exit]) -> Exit:
    """Run once, then whenever a PRD changed or the schedule says so, until SIGTERM or SIGINT. A run that is under way is stopped cleanly
    and continued by the next start. `run`: one whole run, printing what it did."""
    folder = config.folder(root, "prds")
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no folder of PRDs", hint="make a working folder with `orchestrator init`")
    bell, stop = Bell(), threading.Event()

    def end(number: int, frame: object) -> None:
        stop.set()
        bell.ring()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    observer, clock = _observe(folder, bell), _clock(config.schedule, bell)
    try:
        print(f"watching {folder}" + (f"; schedule {config.schedule.cron} ({config.schedule.timezone})" if config.schedule else ""), flush=True)
        _loop(root, config, run, folder, bell, stop)
    except KeyboardInterrupt:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        observer.stop()
        observer.join(5)
        if clock is not None:
            clock.shutdown(wait=False)
    print("watch ended", flush=True)
    return Exit.DONE


def _loop(root: Path, config: Config, run: Callable[[Path, Config], Exit], folder: Path, bell: Bell, stop: threading.Event) -> None:
    seen: Snapshot | None = None
    due, again = True, float("inf")
    while not stop.is_set():
        now = snapshot(folder)
        if seen is None or now != seen or due or time.monotonic() >= again:
            if now != seen and (seen is not None or _is_fresh(now, config.inbox.quiet_seconds)):
                now = _quiet(folder, config.inbox.quiet_seconds, stop)
            seen, again = now, float("inf")
            try:
                code = run(root, config)
            except OrchestratorError as error:
                print(f"orchestrator: {error}", flush=True)
                code = error.exit_code
            except Exception:  # an error of ours must not end what runs unattended; it is said, and tried again
                print(f"orchestrator: an error of ours; watching goes on\n{traceback.format_exc()}", flush=True)
                code = Exit.PARKED
            if code in (Exit.PARKED, Exit.LOCKED):
                again = time.monotonic() + WAITING_SECONDS
        due = bell.wait(LOOK_SECONDS)


def _is_fresh(now: Snapshot, seconds: float) -> bool:
    """At the start: was something written only just now?"""
    return any(modified > (time.time() - seconds) * 1e9 for _, _, modified in now.values())


def _quiet(folder: Path, seconds: float, stop: threading.Event) -> Snapshot:
    """The folder once nothing in it has changed for that long: an editor may write a file in several steps."""
    last, since = snapshot(folder), time.monotonic()
    while time.monotonic() - since < seconds and not stop.is_set():
        stop.wait(min(0.1, seconds))
        now = snapshot(folder)
        if now != last:
            last, since = now, time.monotonic()
    return last


def _observe(folder: Path, bell: Bell) -> Any:
    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers import Observer

    class Waker(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            if event.event_type in ("created", "modified", "moved", "deleted"):
                bell.ring()

    observer = Observer()
    observer.schedule(Waker(), str(folder), recursive=True)
    observer.start()
    return observer


def _clock(schedule: Schedule | None, bell: Bell) -> Any:
    """A scheduler that wakes the loop at the configured times; missed times are caught up once."""
    if schedule is None:
        return None
    from apscheduler.schedulers.background import BackgroundScheduler

    clock = BackgroundScheduler(timezone=schedule.timezone)
    clock.add_job(lambda: bell.ring(due=True), trigger(schedule), coalesce=True, misfire_grace_time=None, max_instances=1)
    clock.start()
    return clock


def trigger(schedule: Schedule) -> Any:
    """APScheduler's trigger for a schedule. Raises ConfigError that names the value."""
    from apscheduler.triggers.cron import CronTrigger

    try:
        return CronTrigger.from_crontab(schedule.cron, timezone=schedule.timezone)
    except (ValueError, LookupError, OSError) as error:
        raise ConfigError(
            f"orchestrator.yaml: `schedule` is {schedule.cron!r} in {schedule.timezone!r}: {error}",
            hint='five fields, for example "0 2 * * *", and an IANA time zone',
        ) from None
