"""The benchmark's own PRDs: what is right satisfies every case, and whoever breaks a rule fails a hidden one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.agents import exercises
from benchmarks.agents.__main__ import PRDS
from orchestrator.model import Change
from orchestrator.run import environment
from tests.benchmark_agents.wrong import WRONG
from tests.conftest import ENVIRONMENTS, Workplace

EXERCISES = {exercise.name: exercise for exercise in exercises.read(PRDS)}
SOLUTIONS = Path(__file__).with_name("solutions")


def solution(name: str, what: str = "") -> tuple[Change, ...]:
    """The right one, or the one in which `what` is wrong."""
    (module,) = EXERCISES[name].modules
    text = (SOLUTIONS / module).read_text(encoding="utf-8")
    if what:
        old, new = WRONG[name][what]
        assert text.count(old) == 1, f"{module} says {old!r} {text.count(old)} times"
        text = text.replace(old, new)
    return (Change(module, text),)


def test_check_has_nothing_to_say_about_them(place: Workplace) -> None:
    for path in PRDS.glob("*.md"):
        shutil.copy(path, place.root / "prds")
    done = place.command("check")
    assert (done.returncode, done.stdout.splitlines()[-1].partition(" ")[2][:4]) == (0, "PRDs")
    assert done.stdout.endswith("0 set aside, 0 problems and notes\n")


@pytest.mark.parametrize("name", EXERCISES)
def test_half_of_the_cases_are_shown_just_as_they_stand_in_the_prd(name: str) -> None:
    exercise = EXERCISES[name]
    told = [(example.setup, example.call, example.compare, example.expected, example.raises) for task in exercise.tasks for example in task.examples]
    shown = [case.examples for case in exercise.cases if case.shown]
    assert told == [(item.setup, item.call, item.compare, item.expected, item.raises) for examples in shown for item in examples]
    assert 0.45 <= len(shown) / len(exercise.cases) <= 0.6


@pytest.mark.parametrize("name", EXERCISES)
def test_the_right_solution_satisfies_every_case_and_each_broken_rule_fails_a_hidden_one(name: str) -> None:
    python = environment.prepare(ENVIRONMENTS, ()).python
    right = exercises.judge(EXERCISES[name], solution(name), python)
    assert right.solved, right.wrong
    assert len(WRONG[name]) >= 2
    for what in WRONG[name]:
        assert exercises.judge(EXERCISES[name], solution(name, what), python).hidden_wrong, what
