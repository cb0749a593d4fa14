"""The moves of a task: only listed ones, a fixed point, and every task settles."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.model import Change
from orchestrator.run import lifecycle, limits
from orchestrator.run.gates import writable

NAMES = [f"t{number}" for number in range(5)]


@st.composite
def situations(draw: st.DrawFn) -> tuple[dict[str, str], dict[str, tuple[str, ...]], frozenset[str]]:
    states = {name: draw(st.sampled_from(sorted(lifecycle.STATES))) for name in NAMES}
    depends = {name: tuple(draw(st.lists(st.sampled_from(NAMES[:index]), unique=True))) if index else () for index, name in enumerate(NAMES)}
    return states, depends, frozenset(draw(st.sets(st.sampled_from(NAMES))))


def settle(states: dict[str, str], depends: dict[str, tuple[str, ...]], questions: frozenset[str]) -> dict[str, str]:
    for _ in range(50):
        moves = lifecycle.next_moves(states, depends, questions)
        if not moves:
            return states
        states = states | {task: lifecycle.move(name, states[task]).target for task, name in moves}
    raise AssertionError("no fixed point")


@given(situations(), st.data())
def test_every_task_settles_whatever_cycles_end_with(
    situation: tuple[dict[str, str], dict[str, tuple[str, ...]], frozenset[str]], data: st.DataObject
) -> None:
    states, depends, questions = situation
    for _ in range(60):
        states = settle(states, depends, questions)
        active = [task for task, state in states.items() if state in ("ready", "running", "produced", "parked")]
        if not active:
            break
        task = active[0]
        ends = {
            "ready": ["started"],
            "running": ["produced", "gave up", "needs a person"],
            "produced": ["integrated", "gave up"],
            "parked": ["resumed"],
        }
        states = states | {task: lifecycle.move(data.draw(st.sampled_from(ends[states[task]])), states[task]).target}
    assert set(states.values()) <= lifecycle.SETTLED


def test_a_move_that_is_not_listed_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be moved"):
        lifecycle.move("integrated", "ready")
    assert all(move.source in lifecycle.STATES and move.target in lifecycle.STATES and move.source != move.target for move in lifecycle.MOVES)
    assert len({(move.name, move.source) for move in lifecycle.MOVES}) == len(lifecycle.MOVES)


@pytest.mark.parametrize(
    ("path", "refused_by"),
    [
        ("shop.py", ""), ("src/shop/__init__.py", ""), ("shop/data.json", ""), ("README.md", ""), ("shop/limits.py", ""), ("contest.py", ""), ("latest/x.py", ""),
        ("tests/test_p.py", "locked tests"), ("tests/x.txt", "locked tests"), ("shop/test_a.py", "locked tests"), ("shop/a_test.py", "locked tests"),
        ("conftest.py", "locked tests"), ("shop/conftest.py", "locked tests"),
        ("pyproject.toml", "writable roots"), ("setup.py", "writable roots"), ("sub/pytest.ini", "writable roots"), (".pytest.ini", "writable roots"),
        ("requirements-dev.txt", "writable roots"), ("uv.lock", "writable roots"), ("Makefile", "writable roots"), (".gitattributes", "writable roots"),
        ("prds/p.md", "writable roots"), (".github/workflows/x.yml", "writable roots"), ("orchestrator.yaml", "writable roots"), (".git/config", "writable roots"), ("sub/.GIT/hooks/x", "writable roots"), ("GIT~1", "writable roots"), ("git/x.py", ""),
        ("sitecustomize.py", "writable roots"), ("a/usercustomize.py", "writable roots"), ("x.pth", "writable roots"), ("a/__pycache__/x.pyc", "writable roots"),
        ("x.so", "writable roots"), ("x-1.dist-info/METADATA", "writable roots"), ("x.egg-info/PKG-INFO", "writable roots"),
        ("re.py", "writable roots"), ("src/json/__init__.py", "writable roots"), ("pytest.py", "writable roots"), ("_pytest/x.py", "writable roots"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("text", ["x", None])
def test_what_an_agent_may_write(path: str, refused_by: str, text: str | None) -> None:
    allowed, findings = writable.sort((Change(path, text),), frozenset({"tests/test_p.py"}))
    assert [finding.gate for finding in findings] == ([refused_by] if refused_by else [])
    assert bool(allowed) is not bool(refused_by)


def test_answers_that_differ_in_layout_only_are_the_same() -> None:
    one = limits.answer_hash((Change("a.py", "x = 1\n"), Change("b", "1\n")))
    assert limits.answer_hash((Change("b", "1"), Change("a.py", "x=1  # same\n"))) == one
    assert len({one, limits.answer_hash((Change("a.py", "x = 2\n"), Change("b", "1"))), limits.answer_hash((Change("a.py", None), Change("b", "1"))),
                limits.answer_hash((Change("a.py", "x = ("), Change("b", "1"))), limits.answer_hash(())}) == 5  # fmt: skip
