"""The pool: how many at once, whose turn it is, and that a stopped run begins nothing more. Real threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from orchestrator.pool import Desk, Pool, Rank, landed
from orchestrator.run import stopping


@pytest.fixture(autouse=True)
def not_stopped() -> Iterator[None]:
    stopping.begin()
    yield
    stopping.begin()


class Gate:
    """Calls that wait until they are let through, in the order in which they began."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self._let: dict[str, threading.Event] = {}
        self._changed = threading.Condition()

    def call(self, name: str) -> str:
        with self._changed:
            self.begun.append(name)
            self._let[name] = threading.Event()
            self._changed.notify_all()
        assert self._let[name].wait(10)
        return name

    def let(self, name: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: name in self._let, 10), f"{name} never began"
        self._let[name].set()

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.begun) >= count, 10), self.begun


def project(pool: Pool, gate: Gate, name: str, names: list[tuple[str, Rank]], ended: list[str]) -> threading.Thread:
    """A project that begins what it has, best first, as work.py does."""

    def work() -> None:
        desk, left = Desk(name), sorted(names, key=lambda each: each[1])
        while True:
            ended.extend(future.result() for _, future in landed(desk))
            if stopping.is_asked():
                left = []
            if not left and not desk.under_way:
                pool.release(desk)
                return
            if pool.next(desk, left[0][1] if left else None):
                task, _ = left.pop(0)
                pool.start(desk, task, lambda task=task: gate.call(task))  # type: ignore[misc]

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_no_more_than_the_workers_run_at_once_and_the_longest_chain_begins_first() -> None:
    pool, gate, ended = Pool(2), Gate(), list[str]()
    thread = project(pool, gate, "p", [("short", Rank(0, -1)), ("long", Rank(0, -3)), ("middle", Rank(0, -2))], ended)
    gate.wait_for(2)
    assert sorted(gate.begun) == ["long", "middle"]
    gate.let("long")
    gate.wait_for(3)
    assert gate.begun[2] == "short"
    gate.let("middle")
    gate.let("short")
    thread.join(10)
    assert sorted(ended) == ["long", "middle", "short"]
    pool.close()


def test_projects_take_turns_whatever_they_have() -> None:
    """One with many tasks that came first does not keep one with few waiting."""
    pool, gate, ended = Pool(1), Gate(), list[str]()
    first = project(pool, gate, "many", [(f"many{number}", Rank(0, -9)) for number in range(4)], ended)
    gate.wait_for(1)
    second = project(pool, gate, "few", [("few0", Rank(0, -1)), ("few1", Rank(0, -1))], ended)
    for count in range(2, 7):
        while len(pool._wanting) < (2 if count <= 4 else 1):  # all that have something left wait for the only slot
            pass
        gate.let(gate.begun[-1])
        gate.wait_for(count)
    gate.let(gate.begun[-1])
    first.join(10)
    second.join(10)
    assert gate.begun[:5] == ["many0", "few0", "many1", "few1", "many2"], gate.begun
    assert len(ended) == 6
    pool.close()


def test_a_higher_priority_comes_before_fairness() -> None:
    pool, gate, ended = Pool(1), Gate(), list[str]()
    blocking = project(pool, gate, "busy", [("busy0", Rank(0, -1))], ended)
    gate.wait_for(1)
    low = project(pool, gate, "low", [("low0", Rank(0, -5))], ended)
    high = project(pool, gate, "high", [("high0", Rank(-1, -1)), ("high1", Rank(-1, -1))], ended)
    while len(pool._wanting) < 2:
        pass
    for count in range(2, 5):
        gate.let(gate.begun[-1])
        gate.wait_for(count)
    gate.let(gate.begun[-1])
    for thread in (blocking, low, high):
        thread.join(10)
    assert gate.begun == ["busy0", "high0", "high1", "low0"]
    pool.close()


def test_what_is_judged_again_needs_no_slot() -> None:
    pool, gate = Pool(1), Gate()
    desk = Desk("p")
    assert pool.next(desk, Rank(0, 0))
    pool.start(desk, "agent", lambda: gate.call("agent"))
    gate.wait_for(1)
    pool.judge(desk, "judge", lambda: "judged")
    assert pool.next(desk, Rank(0, 0)) is False, "the only slot is taken: it returns for what has ended"
    assert [future.result() for _, future in landed(desk)] == ["judged"]
    gate.let("agent")
    while not (found := landed(desk)):
        pool.next(desk, None)
    assert found[0][0] == "agent"
    assert pool.next(desk, None) is False, "nothing is under way and nothing is wanted"
    pool.close()


def test_a_run_that_is_stopped_begins_nothing_and_hears_what_ends() -> None:
    pool, gate, ended = Pool(1), Gate(), list[str]()
    thread = project(pool, gate, "p", [("one", Rank(0, 0)), ("two", Rank(0, 0))], ended)
    gate.wait_for(1)
    stopping.ask()
    gate.let("one")
    thread.join(10)
    assert not thread.is_alive()
    assert (gate.begun, ended) == (["one"], ["one"])
    pool.close()


def test_no_more_agents_are_asked_than_there_are_workers_while_one_cycle_more_is_prepared() -> None:
    pool, gate, ended, waited = Pool(2, ahead=1), Gate(), list[str](), list[str]()
    desk, prepared = Desk("p"), threading.Barrier(4)

    def cycle(name: str) -> str:
        prepared.wait(10)  # all three are under way before any asks
        with pool.seat(lambda: waited.append(name)):
            return gate.call(name)

    for name in ("one", "two", "three"):
        assert pool.next(desk, Rank(0, 0))
        pool.start(desk, name, lambda name=name: cycle(name))  # type: ignore[misc]
    prepared.wait(10)
    gate.wait_for(2)
    while not waited:
        pass
    first, second = gate.begun
    assert waited == [name for name in ("one", "two", "three") if name not in gate.begun]
    gate.let(first)
    gate.wait_for(3)
    assert gate.begun[2:] == waited, "its turn begins when one has returned, although neither has ended"
    gate.let(second)
    gate.let(waited[0])
    while len(ended) < 3:
        pool.next(desk, None)
        ended += [future.result() for _, future in landed(desk)]
    pool.close()


def test_who_waits_for_a_worker_is_given_up_when_the_run_is_stopped() -> None:
    pool = Pool(1)
    threading.Timer(0.1, stopping.ask).start()
    with pool.seat():
        with pytest.raises(stopping.Stopped), pool.seat():
            raise AssertionError("there is only one seat")
        assert not pool._line
    with pool.seat():
        pass


def test_who_waits_is_given_up_when_the_run_is_stopped() -> None:
    with pytest.raises(stopping.Stopped):
        threading.Timer(0.1, stopping.ask).start()
        stopping.wait(30)
    with pytest.raises(stopping.Stopped):
        stopping.check()
