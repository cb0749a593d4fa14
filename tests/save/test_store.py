"""The single writer: moves, results, edits of a plan, kills, readers, locks."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.config import Budgets, Limits
from orchestrator.errors import LockedError, StoreError
from orchestrator.model import AgentTurn, Attempt, Budget, Change, CycleResult, Observation, Plan, Prd, Question, Task, Usage
from orchestrator.run import lifecycle, limits
from orchestrator.run.bench import Request
from orchestrator.save import files, light
from orchestrator.save.clock import now
from orchestrator.save.journal import Account, Journal
from orchestrator.save.ledger import Ledger
from orchestrator.save.store import Store
from orchestrator.save.values import from_json, to_json
from tests.run.values import criterion, example, task

TURN = AgentTurn("said", Usage(1, 2, None), "stop", "script", "scripted", "", 0.1)
TASK = task(criterion("AC1", "x", example("f()")))
ASKED = replace(TASK, fingerprint="a" * 64, question=Question("Which?", (3,)))
PATHS = {
    "pending": (), "ready": ("ready",), "running": ("ready", "started"), "done": ("ready", "started", "produced", "integrated"),
    "produced": ("ready", "started", "produced"), "parked": ("ready", "started", "parked"), "failed": ("ready", "started", "gave up"),
    "unclear": ("needs a person",), "skipped": ("upstream failed",), "retired": ("retired",),
}  # fmt: skip


def plan(*tasks: Task) -> tuple[Prd, Plan]:
    prd = Prd("p", "P", "p", "prds/p.md", "0" * 64, ())
    return prd, Plan("p", "0" * 64, "outline", tasks)


def result(of: Task, number: int = 1) -> CycleResult:
    attempt = Attempt(number, (TURN,), (Change("a.py", "x"),), "", "passed", (), ())
    red = Observation("check_red", "base", "pytest", 1, (), "", 0.1, "full")
    return CycleResult(of.id, of.fingerprint, "0" * 40, "passed", "fine", (), (), (red,), (), (attempt,), (), (), 0.0, "full")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "p") as opened:
        yield opened


def bring(store: Store, state: str) -> None:
    store.save_plan(*plan(TASK), "run")
    for name in PATHS[state]:
        store.move(TASK.id, name, "run")
    assert store.states("p") == {TASK.id: state}


def work(store: Store, of: Task) -> None:
    """A whole cycle of the task as it is now, to done."""
    store.move(of.id, "ready", "run")
    store.move(of.id, "started", "run")
    row = store.tasks("p")[0]
    store.save_result(row, "run", now(), result(of, row.attempts + 1), ("1" * 40, "2" * 40, "2" * 40), "produced")
    store.integrated(of.id, "run", result(of), (), "prd/p")


def test_every_state_is_reached() -> None:
    assert set(PATHS) == set(lifecycle.STATES)


@pytest.mark.parametrize("state", PATHS)
def test_an_edit_of_the_text_is_taken_in_every_state(store: Store, state: str) -> None:
    bring(store, state)
    changed = replace(TASK, fingerprint="b" * 64)
    store.save_plan(*plan(changed), "run")
    (row,) = store.tasks("p")
    assert (row.state, row.fingerprint, row.attempts, row.cycle, row.task) == ("pending", changed.fingerprint, 0, 1, changed)


@pytest.mark.parametrize("state", PATHS)
def test_the_same_plan_again_changes_nothing_but_what_was_retired(store: Store, state: str) -> None:
    bring(store, state)
    store.save_plan(*plan(TASK), "run")
    assert store.states("p") == {TASK.id: "pending" if state == "retired" else state}


@pytest.mark.parametrize("state", PATHS)
def test_a_requirement_may_go_and_come_back_in_every_state(store: Store, state: str) -> None:
    bring(store, state)
    store.save_plan(*plan(), "run")
    assert store.states("p") == {TASK.id: "retired"}
    store.save_plan(*plan(TASK), "run")
    assert store.states("p") == {TASK.id: "pending"}


def test_an_answer_takes_the_question_away(store: Store) -> None:
    store.save_plan(*plan(ASKED), "run")
    store.move(TASK.id, "needs a person", "run", question=ASKED.question)
    store.save_plan(*plan(replace(ASKED, question=None)), "run")
    (row,) = store.tasks("p")
    assert (row.state, row.question) == ("pending", None)


@pytest.mark.parametrize("way", ["changed and back", "gone and back"])
def test_a_wording_that_comes_back_is_worked_on_anew(store: Store, way: str) -> None:
    store.save_plan(*plan(TASK), "run")
    work(store, TASK)
    other = replace(TASK, fingerprint="b" * 64)
    store.save_plan(*plan(*([other] if way == "changed and back" else [])), "run")
    if way == "changed and back":
        work(store, other)
    store.save_plan(*plan(TASK), "run")
    assert store.results_for(TASK.id, TASK.fingerprint) == ()
    work(store, TASK)
    assert [entry.cycle for entry in store.results_for(TASK.id, TASK.fingerprint)] == [2]
    assert store.states("p") == {TASK.id: "done"}


def test_a_doubled_or_late_result_is_refused_whole(store: Store) -> None:
    bring(store, "running")
    (row,) = store.tasks("p")
    store.save_result(row, "run", now(), result(TASK), ("1", "2", "2"), "produced")
    with pytest.raises(StoreError, match="already recorded"):
        store.save_result(row, "run", now(), result(TASK), ("1", "2", "2"), "produced")
    changed = replace(TASK, fingerprint="b" * 64)
    store.save_plan(*plan(changed), "run")
    store.move(TASK.id, "ready", "run")
    store.move(TASK.id, "started", "run")
    with pytest.raises(StoreError, match="late"):
        store.save_result(row, "run", now(), result(TASK), ("1", "2", "2"), "produced")
    assert store.states("p") == {TASK.id: "running"}
    assert len(list(light.results(store, "run"))) == 1


def test_a_result_that_cannot_move_its_task_leaves_no_trace(store: Store) -> None:
    bring(store, "ready")
    (row,) = store.tasks("p")
    with pytest.raises(ValueError, match="cannot be moved"):
        store.save_result(row, "run", now(), result(TASK), ("1", "2", "2"), "produced")
    assert list(light.results(store, "run")) == []
    assert store.tasks("p")[0] == row


def test_the_database_itself_refuses_unknown_states_and_moves(store: Store) -> None:
    bring(store, "ready")
    with pytest.raises(sqlite3.IntegrityError):
        store.db.execute("UPDATE tasks SET state = 'finished'")
    with pytest.raises(sqlite3.IntegrityError):
        store.db.execute("INSERT INTO events (at, run, task, move, source, target, reason) VALUES ('', '', '', 'integrated', 'ready', 'done', '')")
    with pytest.raises(sqlite3.IntegrityError):
        store.db.execute("UPDATE tasks SET attempts = -1")


KILLED = """
import os, sys
from pathlib import Path
from orchestrator.save.store import Store
with Store(Path(sys.argv[1])) as store:
    with store.transaction():
        store._move("p#R1", "started", "run")
        print("moved", flush=True)
        sys.stdin.read()
"""


def test_a_kill_inside_a_transaction_leaves_the_old_state(tmp_path: Path) -> None:
    with Store(tmp_path / "p") as opened:
        bring(opened, "ready")
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "p")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "moved\n"
    with pytest.raises(LockedError, match=str(child.pid)), Store(tmp_path / "p"):
        pass
    with Store(tmp_path / "p", read_only=True) as reader:
        assert reader.states("p") == {TASK.id: "ready"}
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.move(TASK.id, "started", "run")
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    with Store(tmp_path / "p") as opened:
        assert opened.states("p") == {TASK.id: "ready"}
        opened.move(TASK.id, "started", "run")


@pytest.mark.parametrize("read_only", [True, False])
def test_a_newer_or_broken_database_is_refused(tmp_path: Path, read_only: bool) -> None:
    with Store(tmp_path / "p") as opened:
        opened.db.execute("INSERT INTO migrations VALUES ('m999_later')")
    with pytest.raises(StoreError, match="newer version"), Store(tmp_path / "p", read_only=read_only):
        pass
    (tmp_path / "q").mkdir()
    (tmp_path / "q" / "project.sqlite").write_bytes(b"nonsense" * 1000)
    with pytest.raises(StoreError, match="cannot be read"), Store(tmp_path / "q", read_only=read_only):
        pass


def test_reading_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(StoreError), Store(tmp_path / "p", read_only=True):
        pass
    assert list(tmp_path.iterdir()) == []


def test_half_a_surrogate_pair_does_not_stop_a_result(store: Store) -> None:
    odd = replace(result(TASK), reason="\ud800x")
    assert from_json(CycleResult, to_json(odd)) == replace(odd, reason="?x")


# --- the journal and files ---------------------------------------------------------------------------------------------------


def returned() -> tuple[AgentTurn, tuple[Change, ...]]:
    return TURN, (Change("é.py", "x\n", True), Change("gone", None))


def answered(seconds: float | None = None) -> tuple[AgentTurn, tuple[Change, ...]]:
    return returned()


def never(seconds: float | None = None) -> tuple[AgentTurn, tuple[Change, ...]]:
    raise AssertionError("asked again")


def journal(path: Path) -> Journal:
    ceilings = limits.ceilings(Budgets(), Budget())
    return Journal(path, Account(Ledger(path.parent / "runs", Budgets(), "r"), "p", "p", "p#R1", "f", "r", ceilings, Limits()))


def request(number: int) -> Request:
    return Request("code", number, 1, "write_code", "a", "chat", Usage(1, 1, 0.0))


def test_a_returned_turn_is_replayed_and_never_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "j" / "x.jsonl"
    assert journal(path).turn(request(1), answered) == returned()
    again = journal(path)
    assert (again.turn(request(1), never), again.lost) == (returned(), [])


def test_at_every_byte_a_kill_leaves_a_journal_that_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    journal(path).turn(request(1), answered)
    whole = path.read_bytes()
    journal(path).turn(request(2), answered)
    data = path.read_bytes()
    for cut in range(len(whole), len(data), 7):
        path.write_bytes(data[:cut])
        cut_short = journal(path)
        assert cut_short.turn(request(1), never) == returned()
        replayed = "code 2.1" in cut_short.returned
        assert replayed or cut_short.lost in ([], ["code 2.1"])
        assert cut_short.turn(request(2), never if replayed else answered) == returned()
        after = journal(path)
        assert (set(after.returned), after.lost) == ({"code 1.1", "code 2.1"}, [])


def test_a_turn_that_never_returned_is_lost(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        journal(tmp_path / "x").turn(request(1), never)
    assert journal(tmp_path / "x").lost == ["code 1.1"]


@pytest.mark.parametrize(
    "line", [b"1", b"[]", b'{"event": "returned"}', b"\xff\xfe", b'{"event": "returned", "key": "code 1.1", "turn": {}, "changes": []}']
)
def test_a_line_that_is_no_entry_is_passed_over(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "x").write_bytes(line + b"\n")
    assert journal(tmp_path / "x").turn(request(1), answered) == returned()


def test_a_turn_with_half_a_surrogate_pair_is_not_paid_twice(tmp_path: Path) -> None:
    journal(tmp_path / "x").turn(request(1), lambda seconds: (replace(TURN, text="\ud800"), ()))
    assert "code 1.1" in journal(tmp_path / "x").returned


@pytest.mark.parametrize("size", [0, files.INLINE, files.INLINE + 1, 100_000])
def test_a_long_text_is_kept_whole_by_its_content(tmp_path: Path, size: int) -> None:
    text = ("é" * size)[: size // 2] + "x" * (size % 2)
    kept = files.keep(tmp_path, text)
    whole = (tmp_path / kept.artifact).read_text() if kept.artifact else kept.inline
    assert (whole, kept.size) == (text, len(text.encode()))
    assert text.startswith(kept.inline)
    assert bool(kept.artifact) is (len(text.encode()) > files.INLINE)


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    files.write_atomically(tmp_path / "a", "old")
    with pytest.raises(TypeError):
        files.write_atomically(tmp_path / "a", 3)  # type: ignore[arg-type]
    assert (tmp_path / "a").read_text() == "old"
