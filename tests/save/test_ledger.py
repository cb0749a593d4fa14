"""The ledger: what may exceed a budget is never sent, and nothing that may have been paid is forgotten."""

from __future__ import annotations

import multiprocessing
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.config import BreakerRules, Budgets, Ceiling
from orchestrator.errors import NoTurn
from orchestrator.model import AgentTurn, Budget, Usage
from orchestrator.run import limits
from orchestrator.run.agents import Overloaded, TimedOut
from orchestrator.save.ledger import EVENT, REMEMBERED, Asked, Ledger
from tests.conftest import clean_environment

LONG = 600.0


def asked(key: str, *, prd: str = "p", task: str = "p#R1", attempt: str = "code 1", kind: str = "chat", tokens: int | None = 100) -> Asked:
    most = Usage(tokens, 0, 0.01) if tokens is not None else Usage()
    return Asked(key, prd, prd, task, "f", attempt, "write_code", "r1", "a", kind, most)


def answer(tokens: int | None, usd: float | None = 0.01, kind: str = "chat") -> AgentTurn:
    return AgentTurn("", Usage(tokens, 0 if tokens is not None else None, usd), "stop", "a", kind, "m", 1.0)


def take(ledger: Ledger, turn: Asked, used: AgentTurn | None = None, budget: Budget = Budget(), *, sent: bool = False) -> None:  # noqa: B008
    ledger.reserve(turn, limits.ceilings(ledger.budgets, budget), LONG, sent=sent)
    if used:
        ledger.settle(turn.key, used)


@pytest.mark.parametrize("scope", limits.SCOPES)
def test_a_turn_that_may_exceed_a_budget_is_not_sent(tmp_path: Path, scope: str) -> None:
    ledger = Ledger(tmp_path, Budgets(**{scope: Ceiling(tokens=250)}), "r1")
    take(ledger, asked("1"), answer(90))
    take(ledger, asked("2"), answer(90))
    with pytest.raises(NoTurn, match=r"70 tokens left \(180 tokens spent\), and the next turn may take 100 tokens") as refused:
        take(ledger, asked("3"))
    assert (refused.value.reset_at is not None) is (scope == "day"), "a day ends by itself, the others do not"
    take(ledger, asked("4", tokens=70))
    other = asked("5", prd="q", task="q#R1")
    if scope in ("run", "day"):
        with pytest.raises(NoTurn):
            take(ledger, other)
    else:
        take(ledger, other)


def test_a_run_that_keeps_succeeding_is_stopped_too(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, Budgets(run=Ceiling(turns=3)), "r1")
    for number in range(3):
        take(ledger, asked(str(number), task=f"p#R{number}"), answer(1))
    with pytest.raises(NoTurn, match=r"the run's budget of 3 turns is used up"):
        take(ledger, asked("4"))
    take(Ledger(tmp_path, ledger.budgets, "r2"), asked("4"), answer(1))


def test_what_is_unknown_counts_as_it_was_booked(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, Budgets(turn_tokens=5000, turn_usd=0.5), "r1")
    take(ledger, asked("1", tokens=None), answer(None, None))
    assert ledger.spent_by("prd", "p") == limits.Spent(1.0, 5000, 0.5, 1)
    assert ledger.unknown() == (1, 1)
    take(ledger, asked("2", tokens=None), answer(70, 0.02))
    assert ledger.spent_by("prd", "p") == limits.Spent(2.0, 5070, 0.52, 2)


def test_a_replayed_answer_costs_nothing_again(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, Budgets(), "r1")
    take(ledger, asked("1", kind="recorded", tokens=0), answer(812, 0.3, "recorded"))
    assert ledger.spent_by("prd", "p") == limits.Spent(1.0, 0, 0.0, 1)


def test_a_turn_in_flight_at_a_kill_stays_booked_and_one_that_was_never_sent_does_not(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, Budgets(), "r1")
    take(ledger, asked("1"))
    take(ledger, asked("1"), answer(10), sent=True)
    assert ledger.spent_by("prd", "p").tokens == 110
    take(ledger, asked("2"))
    take(ledger, asked("2"), answer(10), sent=False)
    assert ledger.spent_by("prd", "p").tokens == 120
    assert ledger.states() == {"lost": 1, "settled": 2, "released": 1}


def test_settling_twice_counts_once(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, Budgets(), "r1")
    take(ledger, asked("1"), answer(10))
    ledger.settle("1", answer(10))
    assert ledger.spent_by("prd", "p") == limits.Spent(1.0, 10, 0.01, 1)


def test_a_failure_counts_only_where_it_may_have_been_paid(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, Budgets(), "r1")
    take(ledger, asked("1"))
    assert ledger.fail(asked("1"), Overloaded("busy"), 0.5) == 1
    assert ledger.spent_by("prd", "p") == limits.Spent(0.5, 0, 0.0, 0)
    take(ledger, asked("1"))
    assert ledger.fail(asked("1"), TimedOut("late"), 0.5) == 2
    assert ledger.spent_by("prd", "p").tokens == 100
    take(ledger, asked("1"), answer(1))
    take(ledger, asked("2"))
    assert ledger.fail(asked("2"), Overloaded("busy"), 0.5) == 1, "an answer ends the row of failures"


def test_the_end_of_a_budget_is_said_once_from_eighty_percent_on(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, Budgets(prd=Ceiling(turns=5)), "r1")
    ceilings = limits.ceilings(ledger.budgets, Budget())
    said = [ledger.reserve(asked(str(number)), ceilings, LONG, sent=False).warnings for number in range(5)]
    assert said == [(), (), (), ("80 % of the PRD's budget of 5 turns is used",), ()]


def test_a_turn_may_take_no_longer_than_the_budget_of_minutes_leaves(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, Budgets(day=Ceiling(minutes=2)), "r1")
    ceilings = limits.ceilings(ledger.budgets, Budget(minutes=1.5))
    assert ledger.reserve(asked("1"), ceilings, LONG, sent=False).seconds == 90
    with pytest.raises(NoTurn, match="is used up"):
        ledger.reserve(asked("2"), ceilings, LONG, sent=False)
    ledger.settle("1", answer(1))
    assert ledger.reserve(asked("2"), ceilings, LONG, sent=False).seconds == 89


def reserve_many(folder: Path, name: str, taken: multiprocessing.Queue[int]) -> None:
    ledger = Ledger(folder, Budgets(day=Ceiling(turns=40)), name)
    count = 0
    for number in range(30):
        try:
            ledger.reserve(asked(f"{name} {number}"), limits.ceilings(ledger.budgets, Budget()), LONG, sent=False)
            count += 1
        except NoTurn:
            break
    taken.put(count)


def test_several_processes_never_exceed_a_budget_together(tmp_path: Path) -> None:
    taken: multiprocessing.Queue[int] = multiprocessing.Queue()
    workers = [multiprocessing.Process(target=reserve_many, args=(tmp_path, name, taken)) for name in "abc"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(taken.get() for _ in workers) == 40


def test_a_run_that_goes_on_with_a_killed_one_goes_on_with_its_budget(tmp_path: Path) -> None:
    code = f"""
import pathlib, os, signal
from orchestrator.config import Budgets
from orchestrator.save.ledger import Ledger
Ledger(pathlib.Path({str(tmp_path)!r}), Budgets()).begin_run("first")
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", code], env=clean_environment(), check=False)
    assert killed.returncode == -signal.SIGKILL
    ledger = Ledger(tmp_path, Budgets())
    assert ledger.begin_run("second") == "first"
    assert ledger.begin_run("beside it") == "beside it", "a run that is alive is nobody's to go on with"
    ledger.end_run("second")
    assert ledger.begin_run("third") == "third"


def test_an_agent_that_stays_open_until_it_is_reset_is_not_forgotten_over_what_others_do(tmp_path: Path) -> None:
    rules = BreakerRules.model_validate({"agent": {"extensions": 0, "pause_seconds": 0.001}, "step": {"enabled": False}})
    ledger = Ledger(tmp_path, Budgets(), "r1", rules, ("a", "b"))
    for number in range(4):
        take(ledger, asked(f"down {number}"))
        ledger.fail(asked(f"down {number}"), TimedOut("late"), 0.0)
        time.sleep(0.01)
    with pytest.raises(NoTurn, match="the breaker of a is open"):
        take(ledger, asked("refused"))
    with sqlite3.connect(tmp_path / "orchestrator.sqlite") as db:
        db.executemany(EVENT, [(time.time(), "ok", "b", "p#R9", "write_code/b", "", 0)] * (REMEMBERED + 10))
    db.close()
    with pytest.raises(NoTurn, match="only a reset closes it"):
        take(ledger, asked("refused again"))
    assert {(found.name, found.state) for found in ledger.standing()} == {("system", "closed"), ("a", "open"), ("b", "closed")}
    ledger.reset(tuple(found for found in ledger.standing() if found.name == "a"))
    take(ledger, asked("let through"))


EVENTS = st.lists(st.tuples(st.sampled_from(["take", "lose", "fail", "replay"]), st.integers(0, 120), st.sampled_from("pq")), max_size=25)


@given(EVENTS, st.integers(100, 400), st.integers(1, 6))
@settings(max_examples=25, deadline=None)
def test_whatever_happens_no_budget_is_exceeded(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, int, str]], most: int, turns: int
) -> None:
    ledger = Ledger(tmp_path_factory.mktemp("ledger"), Budgets(prd=Ceiling(tokens=most), run=Ceiling(turns=turns)), "r")
    for number, (kind, tokens, prd) in enumerate(events):
        turn = asked(str(number), prd=prd, tokens=tokens)
        try:
            take(ledger, turn, answer(tokens) if kind == "take" else None)
        except NoTurn:
            continue
        if kind == "fail":
            ledger.fail(turn, Overloaded("busy"), 0.0)
        elif kind == "lose":
            ledger.lose(turn.key)
        assert all(ledger.spent_by("prd", name).tokens <= most for name in "pq")
        assert ledger.spent_by("run", "r").turns <= turns


def test_a_run_that_asked_nobody_leaves_no_trace_in_the_ledger(tmp_path: Path) -> None:
    first = Ledger(tmp_path, Budgets(), "r1")
    first.begin_run("r1")
    take(first, asked("1"), answer(90))
    first.end_run("r1")
    first.begin_run("r2")
    assert first.last_scope() == "r2"
    first.end_run("r2")
    assert first.last_scope() == "r1"
