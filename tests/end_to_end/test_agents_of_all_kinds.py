"""The report must be right whatever the agent is like: honest, lazy, wrong, cheating. One PRD, many scripted agents, the real command."""

from __future__ import annotations

import pytest

from tests.conftest import Workplace

PARITY = """\
---
title: Tides
---

# Tides

The harbour's board shows, for each hour, whether the tide is in. It is in for the first six hours of every twelve.

## Requirements

### R1: Say whether the tide is in
Module: tides.py

`is_in(hour)` answers True for the first six hours of every twelve, counted from hour 0. Hours are never negative.

- AC1: the first hours
  ```python
  >>> from tides import is_in
  >>> is_in(0)
  True
  >>> is_in(5)
  True
  >>> is_in(14)
  True
  ```
- AC2: the later hours
  ```python
  >>> from tides import is_in
  >>> is_in(6)
  False
  >>> is_in(11)
  False
  >>> is_in(23)
  False
  ```
- AC3: no negative hours
  ```python
  >>> from tides import is_in
  >>> is_in(-1)
  Traceback (most recent call last):
  ValueError: hours are never negative
  ```
"""

HONEST = """
def is_in(hour):
    if hour < 0:
        raise ValueError("hours are never negative")
    return hour % 12 < 6
"""


def answering(code: str, *, more: str = "") -> str:
    return f"def turn(brief, folder):\n    (folder / 'tides.py').write_text({code!r})\n{more}\n    return 'done'\n"


def test_an_honest_answer_is_done_with_proof_and_commits(place: Workplace) -> None:
    place.prd("tides", PARITY)
    place.agent(answering(HONEST))
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert place.states("tides") == {"tides#R1": "done"}
    task = place.task("tides", "tides#R1")
    assert {proof["level"] for proof in task["proofs"]} == {"held-out", "oracle"}
    assert [attempt["verdict"] for attempt in task["attempts"]] == ["passed"]
    log = place.git("tides", "log", "--format=%s%n%(trailers:only)", "prd/tides")
    assert "test(tides#R1)" in log
    assert "feat(tides#R1)" in log
    assert "Requirement: tides#R1" in log
    assert f"Evidence: tree {task['green_tree']}" in log
    assert place.git("tides", "show", "prd/tides:tides.py").strip() == HONEST.strip()


def test_a_second_run_takes_no_turn_and_says_nothing_new(place: Workplace) -> None:
    place.prd("tides", PARITY)
    place.agent(answering(HONEST))
    first, second = place.run(), place.run()
    assert second.returncode == 0
    assert second.stdout.rstrip().endswith("nothing new")
    assert len(place.runs("tides")) == 1
    table = [line for line in first.stdout.splitlines() if line.startswith("tides  ")]
    assert table and table[0] in second.stdout


REFUSED = {
    "does nothing": ("", "no source file was changed"),
    "always True": ("def is_in(hour):\n    return True\n", "expected False"),
    "prints instead of returning": ("def is_in(hour):\n    print(hour % 12 < 6)\n", "gave None"),
    "answers 1 and 0": (HONEST.replace("hour % 12 < 6", "int(hour % 12 < 6)"), "gave 1, expected True"),
    "wrong message": (HONEST.replace("hours are never negative", "no"), "raised ValueError: no"),
    "not Python": ("def is_in(hour:\n", "never closed"),
    "ends the process": ("import os\ndef is_in(hour):\n    os._exit(0)\n", "hard exit"),
    "kills itself": ("def is_in(hour):\n    import signal\n    signal.raise_signal(9)\n", "signal"),
    "never ends": ("def is_in(hour):\n    while True: pass\n", "did not end in time"),
    "equal to everything": (
        "class Same:\n    def __eq__(self, other): return True\n    def __bool__(self): return True\ndef is_in(hour):\n    return Same()\n",
        "hollow comparison",
    ),
    "raises at import": ("raise RuntimeError('no')\n", "RuntimeError"),
    "exits at import": ("import sys\nsys.exit(0)\n", "exit at import"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_wrong_answer_fails_with_a_finding_that_says_why(place: Workplace, kind: str) -> None:
    code, reason = REFUSED[kind]
    place.prd("tides", PARITY)
    script = answering(code) if code else "def turn(brief, folder):\n    return 'all done, every test passes!'\n"
    place.agent(script, limits={"attempts": 2, "example_seconds": 1})
    done = place.run()
    assert done.returncode == 1, done.stdout + done.stderr
    assert place.states("tides") == {"tides#R1": "failed"}
    task = place.task("tides", "tides#R1")
    messages = [finding["message"] for finding in task["attempts"][0]["findings"]]
    assert any(reason in message for message in messages), messages
    assert task["commits"] == []
    assert "feat(" not in place.git("tides", "log", "--format=%s", "prd/tides")


def test_special_casing_the_shown_examples_is_refused_and_the_value_is_not_told(place: Workplace) -> None:
    """The agent builds its answer from what the brief shows; the held-out examples find it out."""
    place.prd("tides", PARITY)
    script = r"""
import re
def turn(brief, folder):
    shown = re.findall(r">>> is_in\((-?\d+)\)\s+(True|False|Traceback)", brief.text)
    lines = ["ANSWERS = {%s}" % ", ".join(f"{hour}: {answer}" for hour, answer in shown if answer != "Traceback"), "def is_in(hour):",
             "    if hour < 0: raise ValueError('hours are never negative')", "    return ANSWERS[hour]", ""]
    (folder / "tides.py").write_text("\n".join(lines))
    (folder / "brief.txt").write_text(brief.text)
    return "done"
"""
    place.agent(script, limits={"attempts": 2})
    assert place.run().returncode == 1
    task = place.task("tides", "tides#R1")
    gates = [finding["gate"] for finding in task["attempts"][0]["findings"] if finding["severity"] == "error"]
    assert set(gates) == {"held-out"}
    held_out = {observation["what"]: observation for observation in task["attempts"][0]["observations"]}["oracle, held-out examples"]
    hidden = {outcome["id"] for outcome in held_out["outcomes"]}
    assert hidden
    calls = {"tides#R1.AC1/1": "is_in(0)", "tides#R1.AC1/2": "is_in(5)", "tides#R1.AC1/3": "is_in(14)"}
    calls |= {"tides#R1.AC2/1": "is_in(6)", "tides#R1.AC2/2": "is_in(11)", "tides#R1.AC2/3": "is_in(23)"}
    brief = next(attempt for attempt in task["attempts"])["diff"]["inline"]
    for example in hidden:
        assert calls[example] not in brief


def test_two_different_candidates_that_miss_reveal_one_example_and_the_proof_says_so(place: Workplace) -> None:
    place.prd("tides", PARITY)
    script = r"""
import re
HEAD = "def is_in(hour):\n    if hour < 0: raise ValueError('hours are never negative')\n"
def turn(brief, folder):
    shown = dict(re.findall(r">>> is_in\((\d+)\)\s+(True|False)", brief.text))
    table = ", ".join(f"{hour}: {answer}" for hour, answer in sorted(shown.items()))
    code = HEAD + f"    return {{{table}}}.get(hour, 'attempt {brief.attempt}')\n"
    if len(shown) >= 5:
        code = HEAD + "    return hour % 12 < 6\n"
    (folder / "tides.py").write_text(code)
    return "done"
"""
    place.agent(script)
    done = place.run()
    task = place.task("tides", "tides#R1")
    assert done.returncode == 0, done.stdout
    assert [attempt["verdict"] for attempt in task["attempts"]] == ["refused", "refused", "passed"]
    assert sum(proof["revealed"] for proof in task["proofs"]) == 1


def test_changed_tests_and_configuration_are_restored_and_reported(place: Workplace) -> None:
    place.prd("tides", PARITY)
    cheat = """
    for path in list((folder / "tests").glob("*.py")):
        path.write_text("def test_nothing():\\n    pass\\n")
    (folder / "tests" / "conftest.py").write_text("def pytest_runtest_makereport(item, call):\\n    pass\\n")
    (folder / "conftest.py").write_text("import pytest\\n")
    (folder / "pytest.ini").write_text("[pytest]\\naddopts = --co\\n")
    (folder / "sitecustomize.py").write_text("")
    (folder / "re.py").write_text("")
    (folder / ".github").mkdir()
    (folder / ".github" / "ci.yml").write_text("")
"""
    place.agent(answering(HONEST, more=cheat))
    assert place.run().returncode == 0
    findings = place.task("tides", "tides#R1")["attempts"][0]["findings"]
    where = {finding["where"] for finding in findings}
    assert {
        "tests/test_tides_r1.py",
        "tests/conftest.py",
        "conftest.py",
        "pytest.ini",
        "sitecustomize.py",
        "re.py",
        ".github/ci.yml",
    } <= where
    assert {finding["severity"] for finding in findings} == {"notice"}
    assert place.git("tides", "ls-tree", "-r", "--name-only", "prd/tides").split() == ["tests/test_tides_r1.py", "tides.py"]
    assert "test_nothing" not in place.git("tides", "show", "prd/tides:tests/test_tides_r1.py")


def test_editing_only_the_tests_is_not_an_answer(place: Workplace) -> None:
    place.prd("tides", PARITY)
    place.agent(
        "def turn(brief, folder):\n    for path in (folder / 'tests').glob('*.py'):\n        path.write_text('')\n    return 'green!'\n",
        limits={"attempts": 2},
    )
    assert place.run().returncode == 1
    assert place.states("tides") == {"tides#R1": "failed"}


def test_the_same_answer_is_never_tested_twice(place: Workplace) -> None:
    place.prd("tides", PARITY)
    place.agent("def turn(brief, folder):\n    (folder / 'tides.py').write_text(f'# attempt {brief.attempt}\\ndef is_in(hour):   return   True')\n")
    assert place.run().returncode == 1
    attempts = place.task("tides", "tides#R1")["attempts"]
    assert [bool(attempt["observations"]) for attempt in attempts] == [True, False, False, False]
    assert "the same answer as in attempt 1" in attempts[1]["findings"][0]["message"]


def test_an_answer_that_does_the_next_requirement_too_makes_that_one_already_satisfied(place: Workplace) -> None:
    more = """
### R2: Count the hours until it is out
Module: tides.py

- AC1: inside
  ```python
  >>> from tides import hours_left
  >>> hours_left(0)
  6
  >>> hours_left(17)
  1
  ```
- AC2: outside
  ```python
  >>> from tides import hours_left
  >>> hours_left(7)
  0
  ```
"""
    place.prd("tides", PARITY + more)
    both = HONEST + "\ndef hours_left(hour):\n    return 6 - hour % 12 if is_in(hour) else 0\n"
    place.agent(answering(both))
    done = place.run()
    assert done.returncode == 0, done.stdout
    second = place.task("tides", "tides#R2")
    assert (second["verdict"], second["attempts"]) == ("already satisfied", [])
    assert all(outcome["outcome"] == "passed" for outcome in second["red"][0]["outcomes"])
    stubs = [observation for observation in second["red"] if observation["what"].startswith("stub")]
    held = [outcome["id"] for observation in stubs for outcome in observation["outcomes"] if outcome["outcome"] == "passed"]
    assert len(stubs) == 5
    assert len(held) == len(set(held)), "a test held on stubs of two kinds"


def test_the_agent_sees_neither_held_out_values_nor_prds_nor_git(place: Workplace) -> None:
    place.prd("tides", PARITY)
    look = r"""
import os
def turn(brief, folder):
    seen = []
    for place, folders, names in os.walk(folder):
        seen += [os.path.relpath(os.path.join(place, name), folder) for name in names + folders]
    text = "".join(open(os.path.join(folder, name)).read() for name in seen if os.path.isfile(os.path.join(folder, name)))
    (folder / "tides.py").write_text("SEEN = %r\nTEXT = %r\n" % (sorted(seen), text + brief.text))
    return "looked"
"""
    place.agent(look, limits={"attempts": 1})
    place.run()
    task = place.task("tides", "tides#R1")
    seen = task["attempts"][0]["diff"]["inline"]
    assert "SEEN = ['tests', 'tests/test_tides_r1.py']" in seen
    shown = [call for call in ("is_in(0)", "is_in(5)", "is_in(14)", "is_in(6)", "is_in(11)", "is_in(23)") if call in seen]
    assert 4 <= len(shown) < 6
