"""The pool of cycles: so many run side by side, and projects take turns.

So many agents are asked at once as there are workers. A few cycles more are under way: what comes before a turn and after it takes cores, and no
agent, so the next task is ready when an agent is, and the one before is judged meanwhile.

A project's thread asks for a slot for the best task that it could begin, and is given one when its turn has come: the highest priority first, then
the project with the fewest cycles under way, then the one that was given the fewest, then the task with the longest chain of tasks behind it.
Meanwhile it hears of its cycles that ended.
"""

from __future__ import annotations

import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from orchestrator.run import stopping

SLOT, JUDGE = "slot", "judge"


@dataclass(frozen=True, order=True)
class Rank:
    """How much something is to be begun before others; the smallest first."""

    priority: int
    """The negative of the PRD's."""
    chain: int
    """The negative of the number of tasks in the longest chain that begins with it."""


@dataclass
class Desk:
    """Where a project hears of its cycles that ended."""

    project: str = ""
    ended: deque[tuple[Any, Future[Any], bool]] = field(default_factory=deque)
    """(what it was begun as, how it went, whether it has a slot)."""
    slots: int = 0
    """Of cycles that were landed: given back when it is known what the project wants next, so that its turn does not depend on who is quicker."""
    under_way: int = 0
    nudged: bool = False
    """There is something to look at."""


def slot() -> str:
    """The slot that this thread works in: `slot 1`, or `judge 1`; '' outside of the pool."""
    kind, _, number = threading.current_thread().name.partition("_")
    return f"{kind} {int(number) + 1}" if kind in (SLOT, JUDGE) and number.isdigit() else ""


class Pool:
    """Cycles of all projects: at most `workers` of them wait for an agent at a time, and at most `ahead` more are under way."""

    def __init__(self, workers: int, ahead: int = 0) -> None:
        self.workers = workers
        self._changed = threading.Condition()
        self._free = workers + ahead
        self._seats = workers
        self._line: deque[object] = deque()
        """Who waits for a seat, the first first."""
        self._running: Counter[str] = Counter()
        self._served: Counter[str] = Counter()
        """Project → slots it was given. Whoever comes later begins just before the one with the fewest: what it missed is not made up for."""
        self._wanting: dict[str, Rank] = {}
        self._granted: set[str] = set()
        self._threads = ThreadPoolExecutor(workers + ahead, thread_name_prefix=SLOT)
        self._judges = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix=JUDGE)

    def next(self, desk: Desk, wanted: Rank | None) -> bool:
        """Wait until the project may begin what it wants (True: it has a slot, and begins something with `start`) or
        one of its cycles has ended, or the run is stopped (False). With nothing wanted and nothing under way there is nothing to wait for."""
        name = desk.project
        with self._changed:
            if desk.ended:
                return False
            if wanted is not None and not stopping.is_asked():
                others = [self._served[other] for other in {*self._wanting, *(+self._running)} - {name}]
                self._served[name] = max(self._served[name], min(others, default=0) - 1)
                self._wanting[name] = wanted
            self._free_slots(desk)
            try:
                while not (name in self._granted or desk.ended or desk.nudged or (stopping.is_asked() and not desk.under_way)):
                    if name not in self._wanting and not desk.under_way:
                        return False
                    self._changed.wait(1.0)
                    if stopping.is_asked():
                        self._wanting.pop(name, None)
                if name in self._granted:
                    self._granted.discard(name)
                    if not (stopping.is_asked() or desk.ended):
                        return True
                    self._served[name] -= 1
                    desk.slots += 1  # what has ended moves the branch on: it is landed first
                return False
            finally:
                self._wanting.pop(name, None)
                desk.nudged = False

    def start(self, desk: Desk, what: Any, call: Callable[[], Any]) -> None:
        """Begin a cycle in the slot that `next` gave; when it has ended, the desk has (what, future)."""
        desk.under_way += 1
        self._threads.submit(call).add_done_callback(lambda future: self._ended(desk, what, future, slot=True))

    def judge(self, desk: Desk, what: Any, call: Callable[[], Any]) -> None:
        """The same without a slot, for what waits for no agent: everything else on its branch waits for it."""
        desk.under_way += 1
        self._judges.submit(call).add_done_callback(lambda future: self._ended(desk, what, future, slot=False))

    @contextmanager
    def seat(self, waits: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Around a turn of an agent, in the order in which they came. `waits` is called when it cannot be taken at once. Raises Stopped when the
        run is to end before."""
        me = object()
        with self._changed:
            self._line.append(me)
            at_once = self._is_next(me)
        try:
            if not at_once:
                waits()
            with self._changed:
                while not self._is_next(me):
                    stopping.check()
                    self._changed.wait(1.0)
                self._seats -= 1
        finally:
            with self._changed:
                self._line.remove(me)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._seats += 1
                self._changed.notify_all()

    def release(self, desk: Desk) -> None:
        """Give back what slots the project has for cycles that were landed."""
        with self._changed:
            self._free_slots(desk)

    def nudge(self, desk: Desk) -> None:
        """The project is to look again."""
        with self._changed:
            desk.nudged = True
            self._changed.notify_all()

    def close(self) -> None:
        for threads in (self._threads, self._judges):
            threads.shutdown(wait=False, cancel_futures=True)

    def _ended(self, desk: Desk, what: Any, future: Future[Any], *, slot: bool) -> None:
        with self._changed:
            desk.ended.append((what, future, slot))
            self._changed.notify_all()

    def _free_slots(self, desk: Desk) -> None:
        self._free += desk.slots
        self._running[desk.project] -= desk.slots
        desk.slots = 0
        self._grant()

    def _is_next(self, who: object) -> bool:
        return self._seats > 0 and self._line[0] is who

    def _turn(self, name: str) -> tuple[int, int, int, int, str]:
        """The smallest has its turn."""
        rank = self._wanting[name]
        return rank.priority, self._running[name], self._served[name], rank.chain, name

    def _grant(self) -> None:
        """Slots that are free go to whose turn it is among those that wait now."""
        while self._free and (waiting := [name for name in self._wanting if name not in self._granted]):
            best = min(waiting, key=self._turn)
            self._wanting.pop(best)
            self._served[best] += 1
            self._granted.add(best)
            self._free -= 1
            self._running[best] += 1
            self._changed.notify_all()


def landed(desk: Desk) -> list[tuple[Any, Future[Any]]]:
    """The project's cycles that ended since it looked last."""
    found = []
    while desk.ended:
        what, future, slot = desk.ended.popleft()
        desk.under_way -= 1
        desk.slots += slot
        found.append((what, future))
    return found
