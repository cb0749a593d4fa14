"""Criteria that are prose only: an agent's tests are reviewed, must be RED, are locked, and say so wherever their proof shows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Workplace

PRD = """\
# Bell

A ship's bell is struck every half hour of a four-hour watch.

## Requirements

### R1: Count the strokes
Module: bell.py

`strokes(minutes)` answers how often the bell is struck, `minutes` after the beginning of the watch.

- AC1: one stroke for every full half hour
  ```python
  >>> from bell import strokes
  >>> strokes(30)
  1
  >>> strokes(75)
  2
  >>> strokes(239)
  7
  ```
- AC2: negative minutes raise ValueError with a message that names the number
"""
CODE = """
def strokes(minutes):
    if minutes < 0:
        raise ValueError(f"{minutes} is negative")
    return minutes // 30
"""
GOOD = '''
import pytest


def test_negative():
    """AC2: negative minutes raise ValueError."""
    from bell import strokes

    with pytest.raises(ValueError) as caught:
        strokes(-5)
    assert "-5" in str(caught.value)
'''
TAUTOLOGY = 'def test_negative():\n    """AC2: negative."""\n    from bell import strokes\n    strokes(1)\n    assert True\n'
NO_KEY = GOOD.replace("AC2: ", "")
FALSY = 'def test_negative():\n    """AC2: negative."""\n    from bell import strokes\n    assert not strokes(-5)\n'


def agent(place: Workplace, *answers: str, code: str = CODE, **settings: Any) -> None:
    place.agent(
        f"ANSWERS = {answers!r}\nCODE = {code!r}\n"
        "def turn(brief, folder):\n"
        "    if brief.role == 'tests':\n"
        "        (folder / brief.writable[0]).write_text(ANSWERS[min(brief.attempt, len(ANSWERS)) - 1])\n"
        "    else:\n"
        "        assert (folder / 'tests' / 'test_bell_r1_prose.py').exists(), 'the locked tests are there to be read'\n"
        "        (folder / 'bell.py').write_text(CODE)\n",
        **settings,
    )


def test_an_agents_tests_prove_what_is_prose_and_say_so(place: Workplace) -> None:
    place.prd("bell", PRD)
    agent(place, GOOD)
    done = place.run()
    assert done.returncode == 0, done.stdout
    criteria = place.project("bell")["prds"][0]["requirements"][0]["criteria"]
    assert [(criterion["state"], criterion["level"]) for criterion in criteria] == [("proved", "held-out"), ("proved", "agent test")]
    assert criteria[1]["tests"] == ["tests/test_bell_r1_prose.py::test_negative"]
    task = place.task("bell", "bell#R1")
    assert [(turn["role"], turn["kind"]) for turn in task["written"][0]["turns"]] == [("tests", "scripted")]
    assert "by agent test" in done.stdout
    red = {outcome["id"]: outcome["outcome"] for outcome in task["red"][0]["outcomes"]}
    assert red["tests/test_bell_r1_prose.py::test_negative"] == "missing name"
    assert "tests/test_bell_r1_prose.py" in place.git("bell", "ls-tree", "-r", "--name-only", task["red_tree"])
    assert "nothing new" in place.run().stdout


@pytest.mark.parametrize(
    ("bad", "gate", "word"),
    [(TAUTOLOGY, "scan", "cannot fail"), (NO_KEY, "scan", "AC2"), (FALSY, "red", "passes on"), ("def broken(:\n", "scan", "syntax")],
    ids=["tautology", "no key", "falsy", "syntax"],
)
def test_what_is_wrong_with_them_goes_back_to_the_agent(place: Workplace, bad: str, gate: str, word: str) -> None:
    place.prd("bell", PRD)
    agent(place, bad, GOOD)
    assert place.run().returncode == 0
    first, second, *_ = place.task("bell", "bell#R1")["written"]
    said = [finding["message"] for finding in first["findings"] if finding["gate"] == gate and finding["severity"] == "error"]
    assert any(word in message for message in said), first["findings"]
    assert (first["verdict"], second["verdict"]) == ("refused", "passed")


def test_after_two_repairs_a_person_is_asked(place: Workplace) -> None:
    place.prd("bell", PRD)
    agent(place, TAUTOLOGY, NO_KEY, FALSY, GOOD)
    assert place.run().returncode == 3
    task = place.project("bell")["tasks"][0]
    assert (task["state"], task["question"]["lines"]) == ("unclear", [22])
    assert "AC2" in task["question"]["text"]
    assert len(place.task("bell", "bell#R1")["written"]) == 3
    assert place.task("bell", "bell#R1")["attempts"] == [], "no code was asked for"
    criterion = place.project("bell")["prds"][0]["requirements"][0]["criteria"][1]
    assert (criterion["state"], criterion["level"]) == ("needs a person", "none")


def test_the_same_tests_again_end_it(place: Workplace) -> None:
    place.prd("bell", PRD)
    agent(place, TAUTOLOGY)
    assert place.run().returncode == 3
    written = place.task("bell", "bell#R1")["written"]
    assert len(written) == 2
    assert [finding["gate"] for finding in written[1]["findings"]] == ["no progress"]


def test_the_locked_tests_judge_the_code(place: Workplace) -> None:
    place.prd("bell", PRD)
    agent(place, GOOD, code="def strokes(minutes):\n    return abs(minutes) // 30\n", limits={"attempts": 1})
    assert place.run().returncode == 1
    (attempt,) = place.task("bell", "bell#R1")["attempts"]
    assert [finding["criterion"] for finding in attempt["findings"] if finding["severity"] == "error"] == ["bell#R1.AC2"]


def test_a_tests_agent_that_writes_code_writes_nothing(place: Workplace) -> None:
    place.prd("bell", PRD)
    place.agent(f"def turn(brief, folder):\n    (folder / 'bell.py').write_text({CODE!r})\n")
    assert place.run().returncode == 3
    first = place.task("bell", "bell#R1")["written"][0]
    assert [(finding["gate"], finding["severity"]) for finding in first["findings"]] == [("writable roots", "notice"), ("scan", "error")]
    assert "bell.py" not in first["diff"]["inline"]


def test_prose_alone_is_enough_where_the_module_is_named(place: Workplace) -> None:
    place.prd("bell", PRD[: PRD.index("- AC1")] + PRD[PRD.index("- AC2") :])
    place.agent(
        f"GOOD, CODE = {GOOD!r}, {CODE!r}\n"
        "def turn(brief, folder):\n"
        "    (folder / (brief.writable[0] if brief.role == 'tests' else 'bell.py')).write_text(GOOD if brief.role == 'tests' else CODE)\n"
    )
    done = place.run()
    assert done.returncode == 0, done.stdout
    assert place.project("bell")["prds"][0]["complete"]
    assert place.task("bell", "bell#R1")["test_file"] not in place.git("bell", "ls-tree", "-r", "--name-only", "prd/bell").split()


MORE = (
    GOOD
    + '''

def test_nought():
    """AC2: nought is not negative."""
    from bell import strokes

    assert strokes(0) == 0
    assert strokes(30) == 1
'''
)


def test_what_no_test_notices_goes_back_to_the_tests_agent_once(place: Workplace) -> None:
    place.prd("bell", PRD)
    agent(place, GOOD, MORE)
    assert place.run().returncode == 0
    task = place.task("bell", "bell#R1")
    first, second = task["written"]
    assert "`minutes < 0` became `minutes <= 0`" in second["turns"][0]["transcript"]["inline"]
    assert second["verdict"] == "passed", second["findings"]
    assert task["mutation"]["score"] == 100.0
    assert "test_nought" in place.git("bell", "show", f"{task['red_tree']}:tests/test_bell_r1_prose.py"), "the stronger tests are locked"
    assert first["verdict"] == "passed"


def test_tests_that_notice_no_more_are_dropped(place: Workplace) -> None:
    place.prd("bell", PRD)
    agent(place, GOOD, GOOD.replace("-5", "-6"))
    assert place.run().returncode == 0
    task = place.task("bell", "bell#R1")
    assert [attempt["verdict"] for attempt in task["written"]] == ["passed", "refused"]
    assert "-5" in place.git("bell", "show", f"{task['red_tree']}:tests/test_bell_r1_prose.py")
    survived = [finding["message"] for finding in task["attempts"][-1]["findings"] if finding["gate"] == "mutation"]
    assert any("`minutes < 0` became `minutes <= 0`" in message for message in survived), "they stand on the report"


def test_a_threshold_that_is_missed_needs_a_person(place: Workplace) -> None:
    place.prd("bell", PRD)
    agent(place, GOOD, gates={"mutation": 95})
    assert place.run().returncode == 3
    question = place.project("bell")["tasks"][0]["question"]
    assert "95 %" in question["text"]
    assert "`minutes < 0` became `minutes <= 0`" in question["text"]


def test_what_only_an_agents_test_runs_is_run(place: Workplace) -> None:
    code = "def refuse(n):\n    print(n)\n    raise ValueError(n)\n\n\ndef strokes(n):\n    if n < 0:\n        refuse(n)\n    return n // 30\n"
    place.prd("bell", PRD)
    agent(place, GOOD, code=code)
    assert place.run().returncode == 0
    coverage = place.task("bell", "bell#R1")["coverage"]
    assert (coverage["share"], coverage["unrun"]) == (100.0, [])
