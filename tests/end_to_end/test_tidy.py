"""TIDY: asked for when a figure says so, kept only when every gate still passes and the figures are better."""

from __future__ import annotations

import pytest

from tests.conftest import Workplace

PRD = """\
# Grades

## Requirements

### R1: Grade a mark
Module: grades.py

`grade(mark)` answers `pass` from 50 marks on, else `fail`.

- AC1: the border

  | `grade(mark)` | => |
  |---|---|
  | 50 | "pass" |
  | 99 | "pass" |
  | 49 | "fail" |
  | 0 | "fail" |
"""
MESSY = "import os\n\n\ndef grade(mark):\n    unused = 1\n    return 'pass' if mark >= 50 else 'fail'\n"
CLEAN = "def grade(mark):\n    return 'pass' if mark >= 50 else 'fail'\n"
WRONG = "def grade(mark):\n    return 'pass' if mark > 50 else 'fail'\n"
WORSE = "import os\nimport sys\n\n\ndef grade(mark):\n    unused = 1\n    return 'pass' if mark >= 50 else 'fail'\n"


def agent(place: Workplace, tidied: str | None, first: str = MESSY) -> None:
    place.agent(
        f"FIRST, TIDIED = {first!r}, {tidied!r}\n"
        "def turn(brief, folder):\n"
        "    if brief.step == 'tidy':\n"
        "        assert (folder / 'grades.py').read_text() == FIRST\n"
        "        if TIDIED:\n"
        "            (folder / 'grades.py').write_text(TIDIED)\n"
        "    else:\n"
        "        (folder / 'grades.py').write_text(FIRST)\n"
    )


def test_a_better_form_that_passes_every_gate_is_kept_as_a_commit_of_its_own(place: Workplace) -> None:
    place.prd("grades", PRD)
    agent(place, CLEAN)
    assert place.run().returncode == 0
    task = place.task("grades", "grades#R1")
    assert task["tidying"]["kept"], task["tidying"]
    assert any("imported but unused" in trigger for trigger in task["tidying"]["triggers"])
    assert {observation["step"] for observation in task["tidying"]["observations"]} == {"check_still_green"}
    assert [commit["kind"] for commit in task["commits"]] == ["test", "feat", "refactor"]
    assert place.git("grades", "show", f"{task['commits'][1]['id']}:grades.py") == MESSY
    assert place.git("grades", "show", "prd/grades:grades.py") == CLEAN
    assert place.git("grades", "rev-parse", f"{task['commits'][2]['id']}^{{tree}}").strip() == task["tidied_tree"] != task["green_tree"]
    assert place.runs("grades")[0]["turns"] == 2


@pytest.mark.parametrize(
    ("tidied", "reason"),
    [(WRONG, "dropped: `grade(50)`"), (WORSE, "the figures are no better"), (None, "nothing was proposed")],
    ids=["wrong", "worse", "nothing"],
)
def test_anything_else_is_dropped_and_the_task_is_done_all_the_same(place: Workplace, tidied: str | None, reason: str) -> None:
    place.prd("grades", PRD)
    agent(place, tidied)
    assert place.run().returncode == 0
    task = place.task("grades", "grades#R1")
    assert not task["tidying"]["kept"]
    assert reason in task["tidying"]["reason"]
    assert [commit["kind"] for commit in task["commits"]] == ["test", "feat"]
    assert place.git("grades", "show", "prd/grades:grades.py") == MESSY


def test_nothing_asks_for_it_and_nobody_is_asked(place: Workplace) -> None:
    place.prd("grades", PRD)
    agent(place, WRONG, first=CLEAN)
    assert place.run().returncode == 0
    assert place.task("grades", "grades#R1")["tidying"] is None
    assert place.runs("grades")[0]["turns"] == 1


def test_it_can_be_turned_off(place: Workplace) -> None:
    place.prd("grades", PRD)
    agent(place, CLEAN)
    place.configure(agents={"script": {"type": "scripted", "script": "script.py"}}, tidy={"enabled": False})
    assert place.run().returncode == 0
    assert place.task("grades", "grades#R1")["tidying"] is None
