"""From any sequence of events every task settles or waits for something named, and nothing is done that was not proved."""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from orchestrator.errors import StoreError
from orchestrator.model import Attempt, Change, CycleResult, Observation, Plan, Prd, Question, Task, Verdict
from orchestrator.run import lifecycle
from orchestrator.run.integrate import Commit
from orchestrator.save.clock import now
from orchestrator.save.store import Store, TaskRow
from tests.run.values import criterion, example, task

NAMES = ("R1", "R2", "R3")
ATTEMPTS = 4
RED = Observation("check_red", "base", "pytest", 1, (), "", 0.1, "full")


def named(name: str, wording: int) -> Task:
    made = task(criterion("AC1", "x", example("f()")))
    after = {"R1": (), "R2": ("p#R1",), "R3": ()}[name]
    question = Question("Which?", (3,)) if wording == 2 else None
    return replace(made, id=f"p#{name}", prd="p", depends_on=after, fingerprint=f"{name}{wording}" * 8, question=question)


class Lifecycle(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="lifecycle-"))
        self.store = Store(self.folder / "p").__enter__()
        self.wordings = dict.fromkeys(NAMES, 0)
        self.proved: set[tuple[str, str]] = set()
        self.save(NAMES)

    def teardown(self) -> None:
        self.store.__exit__(None, None, None)
        shutil.rmtree(self.folder)

    def save(self, names: tuple[str, ...]) -> None:
        tasks = tuple(named(name, self.wordings[name]) for name in names)
        self.store.save_plan(Prd("p", "P", "p", "prds/p.md", "0" * 64, ()), Plan("p", "0" * 64, "outline", tasks), "run")
        self.plan = {task.id: task for task in tasks}
        self.settle()

    def settle(self) -> None:
        asked = frozenset(name for name, task in self.plan.items() if task.question)
        depends = {name: task.depends_on for name, task in self.plan.items()}
        for _ in range(20):
            moves = lifecycle.next_moves(self.store.states("p"), depends, asked)
            if not moves:
                return
            for name, move in moves:
                self.store.move(name, move, "run", question=self.plan[name].question if move == "needs a person" else None)
        raise AssertionError("no fixed point")

    def rows(self, state: str) -> list[TaskRow]:
        return [row for row in self.store.tasks("p") if row.state == state]

    @rule(names=st.sets(st.sampled_from(NAMES)), wording=st.integers(0, 2), changed=st.sampled_from(NAMES))
    def the_prd_is_edited(self, names: set[str], wording: int, changed: str) -> None:
        self.wordings[changed] = wording
        self.save(tuple(name for name in NAMES if name in names))

    @precondition(lambda self: self.rows("ready"))
    @rule(
        verdict=st.sampled_from(["passed", "already satisfied", "gave up", "needs a person", "parked"]),
        attempts=st.integers(0, ATTEMPTS),
        wait=st.booleans(),
    )
    def a_cycle_ends(self, verdict: Verdict, attempts: int, wait: bool) -> None:
        row = self.rows("ready")[0]
        self.store.move(row.id, "started", "run")
        made = tuple(
            Attempt(number, (), (Change("a.py", str(number)),), "", "refused", (), ())
            for number in range(row.attempts + 1, min(row.attempts + attempts, ATTEMPTS) + 1)
        )
        until = time.time() + 60 if wait and verdict == "parked" else None
        question = Question("Which?", (3,)) if verdict == "needs a person" else None
        red = (RED,) if verdict in ("passed", "already satisfied") else ()
        result = CycleResult(row.id, row.fingerprint, "0" * 40, verdict, "so", (), (), red, (), made, (), (), 0.0, "full", question, until)
        move = {"passed": "produced", "already satisfied": "produced"}.get(verdict, verdict)
        self.store.save_result(row, "run", now(), result, ("1", "2", "2"), move)
        if move == "produced":
            self.proved.add((row.id, row.fingerprint))
        self.settle()

    @precondition(lambda self: self.rows("ready"))
    @rule()
    def a_pass_without_red_is_not_recorded(self) -> None:
        row = self.rows("ready")[0]
        self.store.move(row.id, "started", "run")
        result = CycleResult(row.id, row.fingerprint, "0" * 40, "passed", "so", (), (), (), (), (), (), (), 0.0, "full")
        with pytest.raises(StoreError, match="without RED"):
            self.store.save_result(row, "run", now(), result, ("1", "2", "2"), "produced")
        self.store.move(row.id, "reclaimed", "run")

    @precondition(lambda self: self.rows("ready"))
    @rule()
    def a_budget_stands_before_a_cycle(self) -> None:
        self.store.move(self.rows("ready")[0].id, "parked", "run", "the day's budget is used up", until=time.time() + 60)

    @precondition(lambda self: self.rows("produced"))
    @rule(how=st.sampled_from(["integrated", "conflicted", "gave up"]))
    def it_is_integrated_or_not(self, how: str) -> None:
        row = self.rows("produced")[0]
        entry = self.store.result(row.id, row.fingerprint)
        assert entry is not None
        if how == "integrated":
            self.store.integrated(row.id, "run", entry.result, (Commit(f"{row.fingerprint}{row.cycle}", "feat", "x"),), "prd/p")
        else:
            self.store.move(row.id, how, "run")
        self.settle()

    @rule(began=st.booleans())
    def the_process_is_killed(self, began: bool) -> None:
        ready = self.rows("ready")
        if began and ready:
            self.store.move(ready[0].id, "started", "run")
        self.store.__exit__(None, None, None)
        self.store = Store(self.folder / "p").__enter__()
        for row in self.rows("running"):
            self.store.move(row.id, "reclaimed", "run")
        self.settle()

    @precondition(lambda self: self.rows("failed") or self.rows("parked"))
    @rule()
    def a_person_asks_for_another_try(self) -> None:
        self.store.retry([*self.rows("failed"), *self.rows("parked")][0].id)
        self.settle()

    @precondition(lambda self: self.rows("done"))
    @rule()
    def what_was_proved_no_longer_holds(self) -> None:
        row = self.rows("done")[0]
        self.store.regress(row.id, "the suite fails")
        self.settle()

    @invariant()
    def every_task_is_settled_can_be_worked_on_or_waits_for_something_named(self) -> None:
        states = self.store.states("p")
        for row in self.store.tasks("p"):
            assert row.state != "running", "no cycle is under way between two events"
            if row.state == "pending":
                assert any(states.get(name, "done") not in ("done", "failed", "unclear", "skipped", "retired") for name in row.task.depends_on)
            if row.state in ("parked", "failed", "skipped", "unclear"):
                assert row.reason
            if row.state == "unclear":
                assert row.question is not None
            assert bool(row.parked_until) <= (row.state == "parked")

    @invariant()
    def what_is_done_was_proved_as_it_is_worded(self) -> None:
        assert all((row.id, row.fingerprint) in self.proved for row in self.store.tasks("p") if row.state in ("done", "produced"))

    @invariant()
    def attempts_never_exceed_the_limit(self) -> None:
        assert all(row.attempts <= ATTEMPTS for row in self.store.tasks("p"))


Lifecycle.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestLifecycle = Lifecycle.TestCase
