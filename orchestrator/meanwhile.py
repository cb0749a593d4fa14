"""PRD files that are edited while a run works on them.

A look costs a `stat`; what changed is read once it has been quiet, and the whole folder with it, since PRDs are checked against each other. What
cannot be taken (half-written, broken, gone, a draft now) changes nothing: the run goes on with what the file said last, and the inbox reports it.
"""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.config import Config
from orchestrator.inbox import committed
from orchestrator.inbox.folder import Scan, scan
from orchestrator.model import Prd, Problem
from orchestrator.save import receipts
from orchestrator.save.readings import Readings
from orchestrator.telling import Tell, Told

PATIENCE = 6
"""So many quiet periods are waited for a file that is being written all the time; then the next look decides."""
STEP = 0.05


@dataclass
class Meanwhile:
    """What became of the inbox since a run read it."""

    root: Path
    config: Config
    found: Scan
    """As it was read last."""
    tell: Tell
    readings: Readings
    """Of the files as they were read last."""
    _seen: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """Path → what `stat` said when its bytes were last looked at."""
    _refused: set[str] = field(default_factory=set)
    """Hashes of bytes that could not be taken."""
    _latest: dict[str, Prd] = field(default_factory=dict)
    _locks: dict[str, threading.Lock] = field(default_factory=dict)
    """PRD id → held while it is looked at."""
    _reading: threading.Lock = field(default_factory=threading.Lock)
    _head: str = ""
    """What was committed when it was read last, where only that counts."""

    def __post_init__(self) -> None:
        self._head = self._committed()

    def _committed(self) -> str:
        return committed.mark(self.config.folder(self.root, "prds")) if self.config.inbox.take == "committed" else ""

    def look(self, prd: Prd) -> Prd:
        """The PRD as its file says it now; what was given where nothing changed that can be taken. From any thread."""
        with self._locks.setdefault(prd.id, threading.Lock()):
            return self._look(prd)

    def _look(self, prd: Prd) -> Prd:
        path, known = self.root / prd.path, self._latest.get(prd.id, prd)
        if self.config.inbox.take == "committed":
            with self._reading:
                if (head := self._committed()) != self._head:
                    self._head = head
                    self._read_committed()
            return self._latest.get(prd.id, known)
        status = _status(path)
        if status is None or status == self._seen.get(prd.path):
            return known
        mark = _mark(path)
        if mark and mark != known.fingerprint and mark not in self._refused:
            settled = _settled(path, status, self.config.inbox.quiet_seconds)
            if settled is None:
                return known
            status, mark = settled, _mark(path)
        if mark and _status(path) == status:
            self._seen[prd.path] = status
        if mark and mark != known.fingerprint and mark not in self._refused:
            with self._reading:
                self._read(prd, mark)
        return self._latest.get(prd.id, known)

    def notes(self, prd: Prd) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.found.problems if problem.path == prd.path)

    def _read_committed(self) -> None:
        """Something was committed: every PRD that it words otherwise, and that can be taken."""
        before = {prd.id: prd for prd in self.found.prds} | self._latest
        self._scan()
        for prd in self.found.prds:
            old = before.get(prd.id)
            if old and not prd.draft and (prd.path, prd.project) == (old.path, old.project) and prd.fingerprint != old.fingerprint:
                self._latest[prd.id] = prd
                self._say(prd, f"{prd.path} was committed: it is read again")

    def _scan(self) -> None:
        runs = self.config.folder(self.root, "runs")
        self.readings = Readings(runs)
        self.found = scan(self.root, self.config, receipts.known(runs, self.readings.read))

    def _read(self, prd: Prd, mark: str) -> None:
        self._scan()
        taken = next((item for item in self.found.prds if item.id == prd.id and item.project == prd.project and not item.draft), None)
        if taken is not None and taken.path == prd.path:
            self._latest[prd.id] = taken
            self._say(prd, f"{prd.path} was edited: it is read again")
            return
        self._refused.add(mark)
        why = next((problem.message for problem in self.notes(prd) if problem.severity == "error"), "it is another PRD, or a draft, now")
        self._say(prd, f"{prd.path} was edited, and cannot be taken as it is: {why}; the run goes on with what it said before")

    def _say(self, prd: Prd, text: str) -> None:
        self.tell(Told(text, "edited", project=prd.project, prd=prd.id))


def _mark(path: Path) -> str:
    """The hash of a file's bytes, '' where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _status(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _settled(path: Path, status: tuple[int, int, int], quiet: float) -> tuple[int, int, int] | None:
    """What `stat` says once nothing has written to the file for so many seconds; None where that did not come about."""
    written = min(status[2] / 1e9, time.time())  # a clock that was set back must not make it wait for ever
    until, last, since = time.monotonic() + PATIENCE * quiet, status, time.monotonic() - (time.time() - written)
    while time.monotonic() - since < quiet:
        if time.monotonic() > until:
            return None
        time.sleep(min(STEP, quiet))
        now = _status(path)
        if now is None:
            return None
        if now != last:
            last, since = now, time.monotonic()
    return last
