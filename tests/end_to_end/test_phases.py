"""Phases through the real command: a phase begins when the one before is done and its gate has passed."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Workplace
from tests.end_to_end.test_targets import existing as existing
from tests.end_to_end.test_targets import git

PETS = """\
---
title: Pets
---

# Pets

## Requirements

### R1: Count legs
Module: pets.py
Phase: 1

- AC1: each has four

  | `legs(pets)` | => |
  |---|---|
  | 1 | 4 |
  | 3 | 12 |
  | 10 | 40 |

### R2: Count tails
Module: tails.py
Phase: 1

- AC1: each has one

  | `tails(pets)` | => |
  |---|---|
  | 1 | 1 |
  | 3 | 3 |
  | 10 | 10 |

### R3: Count ears
Module: pets.py
Phase: 2

- AC1: each has two

  | `ears(pets)` | => |
  |---|---|
  | 1 | 2 |
  | 3 | 6 |
  | 10 | 20 |
"""

LEGS = "def legs(pets):\n    return pets * 4\n"
TAILS = "def tails(pets):\n    return pets\n"
AGENT = f"""
def turn(brief, folder):
    name, text = {{"R1": ("pets.py", {LEGS!r}), "R2": ("tails.py", {TAILS!r})}}.get(
        brief.task[-2:], ("pets.py", {LEGS!r} + "\\n\\ndef ears(pets):\\n    return pets * 2\\n")
    )
    (folder / name).write_text(text)
    return {{"text": "written", "usage": {{"input_tokens": 100, "output_tokens": 20}}}}
"""
NO_TAILS = AGENT.replace(repr(TAILS), repr("def tails(pets):\n    return 0\n"))


def pets(place: Workplace, agent: str = AGENT, prd: str = PETS) -> None:
    place.prd("pets", prd)
    place.agent(agent, gates={"mutants": 0})


def phases(place: Workplace, project: str = "pets") -> list[tuple[int, str, str]]:
    """(number, state, reason)."""
    return [(each["number"], each["state"], each["reason"]) for each in place.project(project)["prds"][0]["phases"]]


def gate(place: Workplace, number: int, project: str = "pets") -> dict[str, object]:
    found: dict[str, object] = next(each["gate"] for each in place.project(project)["prds"][0]["phases"] if each["number"] == number)
    return found


def on_branch(place: Workplace, project: str, path: str, text: str | None, reads: str = "") -> None:
    """Somebody commits to the branch of a PRD."""
    clone = place.root.parent / f"clone of {project} {len(list(place.root.parent.iterdir()))}"
    bare = str(place.root / "runs" / project / "repo.git")
    subprocess.run(["git", "clone", "-q", "-b", f"prd/{project}", bare, str(clone)], check=True, capture_output=True)
    if text is None:
        (clone / path).unlink()
    else:
        (clone / path).parent.mkdir(parents=True, exist_ok=True)
        (clone / path).write_text(text)
    git(clone, "add", "-A")
    git(clone, "commit", "-q", "-m", "by hand")
    git(clone, "push", "-q", "origin", f"prd/{project}")


def test_the_second_phase_begins_behind_the_gate_of_the_first(place: Workplace) -> None:
    pets(place)
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout
    assert said.index("pets#R2: done") < said.index("pets: phase 1: its gate is passed") < said.index("pets#R3: Count ears")
    assert "6 examples of 2 tasks hold" in said
    assert phases(place) == [(1, "done", ""), (2, "done", "")]
    (run,) = place.runs("pets")
    (told,) = run["gates"]
    assert (told["phase"], told["passed"], told["tasks"], told["broken"]) == (1, True, 2, [])
    assert told["tree"] == place.git("pets", "rev-parse", f"{told['head']}^{{tree}}").strip()
    assert gate(place, 2) is None, "nothing waits for the last phase"
    status = place.command("status").stdout
    assert "pets phase 1: 2 of 2 tasks done; its gate was passed" in status
    again = place.run()
    assert (again.returncode, "nothing new" in again.stdout, len(place.runs("pets"))) == (0, True, 1)


def test_a_failed_task_holds_the_next_phase_back_and_is_named(place: Workplace) -> None:
    pets(place, NO_TAILS)
    done = place.run()
    assert done.returncode == 1, done.stdout + done.stderr
    assert place.states("pets") == {"pets#R1": "done", "pets#R2": "failed", "pets#R3": "pending"}
    assert "pets: phase 2 waits for phase 1: pets#R2 failed" in done.stdout
    reasons = {task["id"]: task["reason"] for task in place.project("pets")["tasks"]}
    assert reasons["pets#R3"] == "waits for phase 1: pets#R2 failed"
    assert phases(place)[1] == (2, "waits", "waits for phase 1: pets#R2 failed")
    again = place.run()
    assert (again.returncode, "nothing new" in again.stdout) == (0, True), again.stdout
    assert "pets phase 2 waits for phase 1: pets#R2 failed" in again.stdout, "it still does"

    place.agent(AGENT, gates={"mutants": 0})
    assert place.command("retry").returncode == 0
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(place.states("pets").values()) == {"done"}


def test_only_the_phases_that_are_asked_for_are_worked_on(place: Workplace) -> None:
    pets(place)
    done = place.run("--phase", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert place.states("pets") == {"pets#R1": "done", "pets#R2": "done", "pets#R3": "pending"}
    assert "pets: phase 2 left out: the run ends with phase 1" in done.stdout
    refused = place.run("--phase", "0")
    assert refused.returncode == 2
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(place.states("pets").values()) == {"done"}


def test_gates_can_be_skipped_and_the_report_says_so(place: Workplace) -> None:
    pets(place)
    done = place.run("--no-phase-gates")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "its gate" not in done.stdout
    (run,) = place.runs("pets")
    assert (run["gates"], run["gates_skipped"]) == ([], True)
    assert set(place.states("pets").values()) == {"done"}


def test_what_no_longer_holds_at_the_gate_is_done_again(place: Workplace) -> None:
    """Somebody breaks a finished task on the branch before the second phase begins."""
    pets(place)
    assert place.run("--phase", "1", "--no-phase-gates").returncode == 0
    on_branch(place, "pets", "tails.py", "def tails(pets):\n    return pets + 1\n")
    looked = place.command("validate", "--phase", "1", "--json")
    assert looked.returncode == 1, looked.stdout + looked.stderr
    (told,) = json.loads(looked.stdout)
    assert {each["task"] for each in told["gate"]["broken"]} == {"pets#R2"}
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pets#R2: no longer holds, and is done again" in done.stdout
    assert set(place.states("pets").values()) == {"done"}
    gates = place.runs("pets")[-1]["gates"]
    assert [(each["phase"], each["passed"]) for each in gates] == [(1, False), (1, True)]
    assert {each["task"] for each in gates[0]["broken"]} == {"pets#R2"}
    assert "return pets\n" in place.git("pets", "show", "prd/pets:tails.py")


SHOUT = """\
---
title: Shout
target: {repo: ../existing}
---

# Shout

## Requirements

### R1: Shout
Module: src/voice/loud.py
Phase: 1

- AC1: louder

  | `shout(text)` | => |
  |---|---|
  | "hey" | 'HEY!' |
  | "no" | 'NO!' |
  | "" | '!' |

### R2: Sing
Module: src/voice/song.py
Phase: 2

- AC1: with a note

  | `sing(text)` | => |
  |---|---|
  | "hey" | 'hey~' |
  | "no" | 'no~' |
  | "" | '~' |
"""
VOICES = """
def turn(brief, folder):
    if brief.task.endswith("R1"):
        (folder / "src/voice/loud.py").write_text("def shout(text):\\n    return text.upper() + '!'\\n")
    else:
        (folder / "src/voice/song.py").write_text("def sing(text):\\n    return text + '~'\\n")
"""


def test_a_failing_test_of_the_projects_own_holds_the_next_phase_back_until_the_branch_is_another(place: Workplace, existing: Path) -> None:
    place.prd("shout", SHOUT)
    place.agent(VOICES, gates={"mutants": 0})
    assert place.run("--phase", "1", "--no-phase-gates").returncode == 0
    on_branch(place, "shout", "tests/test_new.py", "def test_of_a_person():\n    assert 1 == 2\n")
    done = place.run()
    assert done.returncode == 1, done.stdout + done.stderr
    assert "shout: phase 2 waits for phase 1: its gate did not pass: tests/test_new.py::test_of_a_person" in done.stdout
    assert place.states("shout") == {"shout#R1": "done", "shout#R2": "pending"}
    found = gate(place, 1, "shout")
    assert found["notices"] == ["tests/test_quiet.py::test_that_fails_already fails, as it did before our work"]

    again = place.run()
    assert (again.returncode, "nothing new" in again.stdout) == (0, True), again.stdout
    assert len(place.runs("shout")) == 2, "the gate is not looked at again while nothing is another"

    on_branch(place, "shout", "tests/test_new.py", None)
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert place.states("shout") == {"shout#R1": "done", "shout#R2": "done"}


def test_a_database_of_an_older_version_can_be_read(place: Workplace) -> None:
    pets(place)
    assert place.run("--phase", "1", "--no-phase-gates").returncode == 0
    with sqlite3.connect(place.root / "runs" / "pets" / "project.sqlite") as db:
        db.executescript("DROP TABLE checked; DROP INDEX tasks_by_phase; DELETE FROM migrations WHERE name = 'm008_checked'")
    for command in ("status", "plan"):
        read = place.command(command)
        assert (read.returncode, "Traceback" in read.stderr) == (0, False), read.stderr
    assert place.run().returncode == 0
    assert phases(place)[0][:2] == (1, "done")
    assert gate(place, 1)["passed"]


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_kill_at_the_gate_changes_nothing_in_the_end(place: Workplace, side: str) -> None:
    pets(place)
    killed = place.command("run", "--no-site", TDD_KILL_AT=f"{side} branch checked")
    assert killed.returncode == -9, killed.stdout
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(place.states("pets").values()) == {"done"}
    assert len([each for run in place.runs("pets") for each in run["gates"]]) == 1
