"""Waiting for PRDs and for the clock: a folder that changed is taken after a quiet period, what is due when its time has come. One turn at a time.

File events only wake the loop; what is there is read by the turn itself. So a lost event costs nothing but time, and an event too many costs a
look. Where events do not come (network folders, too few watches of the kernel) the folder is polled instead; and it is looked at now and then in
any case.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestrator.config import Config
from orchestrator.inbox import committed
from orchestrator.inbox.folder import takes

LOOK_SECONDS = 10.0
"""How often the folder and the clock are looked at although nothing rang."""
PATIENCE = 12
"""So many quiet periods are waited for a folder that is written to all the time; then what is there is taken."""
NETWORK = ("nfs", "cifs", "smb", "9p", "fuse", "vboxsf", "drvfs", "prl_fs", "virtiofs", "ceph", "glusterfs", "afs")
"""File systems, by the beginning of their names, on which others write without an event here."""

HEAD = "HEAD"
"""Stands among the paths of a snapshot for what is committed."""

Turn = Callable[[tuple[str, ...]], float]
"""Does what is to be done; files that have changed → when it is to be called next although nothing changes, in seconds since the epoch."""

Snapshot = dict[str, tuple[int, ...]]
"""Path → (inode, size, modification time in ns) of every file under the PRD folder; and what is committed, where that counts."""


class Bell:
    """Wakes the loop."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def ring(self) -> None:
        self._event.set()

    def wait(self, seconds: float) -> None:
        """Until it rings, or that long."""
        self._event.wait(max(0.0, seconds))
        self._event.clear()


def snapshot(folder: Path, config: Config) -> Snapshot:
    """What lies in the folder now; links are not followed, hidden files do not count."""
    found: Snapshot = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if takes(name):
                try:
                    status = Path(place, name).lstat()
                except OSError:
                    continue
                found[str(Path(place, name))] = (status.st_ino, status.st_size, status.st_mtime_ns)
    if config.inbox.take == "committed":
        found[HEAD] = (int(committed.mark(folder).encode().hex() or "0", 16),)
    return found


def loop(folder: Path, config: Config, bell: Bell, stop: threading.Event, turn: Turn, notice: Callable[[dict[str, str]], None]) -> None:
    """A turn at once, then whenever files changed or its time has come, until `stop`. `notice` is told of files that it waits for: path → SHA-256."""
    seen: Snapshot | None = None
    again = 0.0
    while not stop.is_set():
        now = snapshot(folder, config)
        changed = now != seen
        if changed and (seen is not None or _is_fresh(now, config.inbox.quiet_seconds)):
            now = _quiet(folder, config, stop, now, seen or {}, notice)
            if stop.is_set():
                return
        if changed or time.time() >= again:
            before, seen = seen or {}, now
            differ = tuple(sorted(path for path in {*now, *before} if now.get(path) != before.get(path)))
            again = turn(differ)
        bell.wait(min(LOOK_SECONDS, again - time.time()))


def _is_fresh(now: Snapshot, seconds: float) -> bool:
    """At the start: was something written only just now?"""
    return any(times[2] > (time.time() - seconds) * 1e9 for times in now.values() if len(times) > 2)


def _quiet(
    folder: Path, config: Config, stop: threading.Event, now: Snapshot, before: Snapshot, notice: Callable[[dict[str, str]], None]
) -> Snapshot:
    """The folder once nothing in it has changed for a while: an editor may write a file in several steps, a checkout a hundred files."""
    seconds, told = config.inbox.quiet_seconds, before
    since = began = time.monotonic()
    while True:
        if now != told:
            notice({path: mark for path, times in now.items() if told.get(path) != times and (mark := _mark(path))})
            told = now
        if time.monotonic() - since >= seconds or time.monotonic() - began >= PATIENCE * seconds or stop.is_set():
            return now
        stop.wait(min(0.1, seconds))
        then, now = now, snapshot(folder, config)
        if now != then:
            since = time.monotonic()


def _mark(path: str) -> str:
    """The SHA-256 of a file's bytes, '' where it cannot be read."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""


def observe(folder: Path, config: Config, bell: Bell) -> Any:
    """An observer that rings when something changes below the folder, or is committed; stop and join it at the end."""
    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers import Observer
    from watchdog.observers.polling import PollingObserver

    class Waker(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            if event.event_type in ("created", "modified", "moved", "deleted"):
                bell.ring()

    def started(observer: Any) -> Any:
        observer.schedule(Waker(), str(folder), recursive=True)
        if config.inbox.take == "committed":
            observer.schedule(Waker(), str(committed.place(folder)), recursive=False)
        observer.start()
        return observer

    how = config.inbox.observer
    if how == "polling" or (how == "auto" and _file_system(folder).startswith(NETWORK)):
        return started(PollingObserver(timeout=config.inbox.poll_seconds))
    try:
        return started(Observer())
    except OSError:  # the kernel has no watch left
        if how == "events":
            raise
        return started(PollingObserver(timeout=config.inbox.poll_seconds))


def _file_system(folder: Path) -> str:
    """The kind of file system that a folder lies on, as the kernel names it; '' where that is not known."""
    try:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    except OSError:
        return ""
    place = folder.resolve()
    found = [(len(point), kind) for _, point, kind, *_ in mounts if place.is_relative_to(point.replace("\\040", " "))]
    return max(found, default=(0, ""), key=lambda each: each[0])[1]
