"""A person's test in the repository that names a criterion proves it, at level `human test`: it must be RED, and it must pass."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Workplace
from tests.end_to_end.test_targets import git

PRD = """\
---
title: Loans
id: loans
target: {repo: ../existing}
---

# Loans

## Requirements

### R1: Lend a book
Module: library/loans.py

- AC1: a book on loan cannot be lent again
- AC2: who has a book can be asked

### R2: Fine
Module: library/fines.py

- AC1: a late book costs a quarter a day

  ```python
  >>> from library.fines import fine
  >>> fine(10)
  2.5
  >>> fine(4)
  1.0
  >>> fine(0)
  0.0
  ```
"""

TESTS = '''\
import pytest

from library.loans import Desk


@pytest.mark.parametrize("title", ["Emma", "Ulysses"])
def test_no_second_loan(desk, title):
    """loans#R1.AC1: only one can have it."""
    desk.lend(title, "ann")
    with pytest.raises(LookupError):
        desk.lend(title, "bob")


@pytest.mark.criterion("loans#R1.AC2")
def test_who():
    desk = Desk()
    desk.lend("Emma", "ann")
    assert desk.who("Emma") == "ann"


def test_that_names_nothing():
    assert Desk().count() == 0
'''
UNITTEST = '''\
import unittest


class Fines(unittest.TestCase):
    def test_a_week(self):
        """loans#R2.AC1: and so says the library's board."""
        from library.fines import fine

        self.assertEqual(fine(7), 1.75)
'''
FILES = {
    "pyproject.toml": '[project]\nname = "library"\nversion = "1"\n\n[tool.pytest.ini_options]\ntestpaths = ["tests"]\n'
    'markers = ["criterion: the criterion a test shows"]\naddopts = "--strict-markers"\n',
    "library/__init__.py": "",
    "tests/conftest.py": "import pytest\n\n\n@pytest.fixture\ndef desk():\n    from library.loans import Desk\n\n    return Desk()\n",
    "tests/test_loans.py": TESTS,
    "tests/test_fines.py": UNITTEST,
}
DESK = """\
class Desk:
    def __init__(self):
        self.out = {}

    def lend(self, title, to):
        if title in self.out:
            raise LookupError(f"{title} is on loan")
        self.out[title] = to

    def who(self, title):
        return self.out[title]
"""
FINE = "def fine(days):\n    return days * 0.25\n"


@pytest.fixture
def library(place: Workplace) -> Path:
    folder = place.root.parent / "existing"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "the beginning")
    return folder


def agent(place: Workplace, desk: str = DESK, more: str = "", **settings: object) -> None:
    place.agent(
        f"DESK, FINE = {desk!r}, {FINE!r}\n"
        "def turn(brief, folder):\n"
        "    assert brief.role == 'code', 'people have tested what is prose'\n"
        "    (folder / 'library' / ('loans.py' if 'R1' in brief.task else 'fines.py')).write_text(DESK if 'R1' in brief.task else FINE)\n" + more,
        **settings,
    )


def test_what_a_persons_test_names_is_proved_by_it(place: Workplace, library: Path) -> None:
    place.prd("loans", PRD)
    agent(place)
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = place.project("loans")["prds"][0]["requirements"]
    assert [(criterion["state"], criterion["level"], criterion["tests"]) for criterion in first["criteria"]] == [
        ("proved", "human test", ["tests/test_loans.py::test_no_second_loan"]),
        ("proved", "human test", ["tests/test_loans.py::test_who"]),
    ]
    (fine,) = second["criteria"]
    assert fine["level"] == "held-out", "examples prove more, where there are some"
    assert "tests/test_fines.py::Fines::test_a_week" in fine["tests"]
    task = place.task("loans", "loans#R1")
    red = {outcome["id"]: outcome["outcome"] for seen in task["red"] if seen["what"] == "base, people's tests" for outcome in seen["outcomes"]}
    assert red == {"tests/test_loans.py::test_no_second_loan": "missing name", "tests/test_loans.py::test_who": "missing name"}
    brief = task["attempts"][0]["turns"][0]["transcript"]["inline"]
    assert "`tests/test_loans.py::test_who` (tests/test_loans.py:15) shows loans#R1.AC2" in brief
    assert 'assert desk.who("Emma") == "ann"' in brief
    assert "from library.loans import Desk" in brief
    assert place.command("verify").returncode == 0
    assert place.command("site", "build").returncode == 0
    site = place.root / "site/projects/loans"
    (page,) = site.glob("20*/loans-R1.html")
    assert "Tests of people" in page.read_text()
    assert 'title="tests/test_loans.py::test_no_second_loan"' in (site / "index.html").read_text(), "the matrix names it"


@pytest.mark.parametrize(
    "desk",
    [
        pytest.param("class Desk:\n    def lend(self, title, to):\n        pass\n", id="hollow"),
        pytest.param(DESK.replace("in self.out:", 'in self.out and title != "Ulysses":'), id="wrong for one parameter"),
    ],
)
def test_code_that_a_persons_test_refuses_is_not_done(place: Workplace, library: Path, desk: str) -> None:
    place.prd("loans", PRD)
    agent(place, desk, limits={"attempts": 1})
    assert place.run().returncode == 1
    assert place.states("loans") == {"loans#R1": "failed", "loans#R2": "done"}
    findings = place.task("loans", "loans#R1")["attempts"][0]["findings"]
    assert {finding["gate"] for finding in findings if finding["severity"] == "error"} == {"human test"}
    assert any("DID NOT RAISE" in finding["message"] for finding in findings)


def test_an_edited_test_of_a_person_is_put_back(place: Workplace, library: Path) -> None:
    place.prd("loans", PRD)
    gone = "    (folder / 'tests/test_loans.py').write_text('def test_who():\\n    pass\\n')\n"
    agent(place, "class Desk:\n    pass\n", gone, limits={"attempts": 1})
    assert place.run().returncode == 1
    findings = place.task("loans", "loans#R1")["attempts"][0]["findings"]
    assert ("locked tests", "notice") in {(finding["gate"], finding["severity"]) for finding in findings}
    assert ("human test", "error") in {(finding["gate"], finding["severity"]) for finding in findings}


def test_a_persons_test_that_proves_nothing_needs_a_person(place: Workplace, library: Path) -> None:
    (library / "tests/test_loans.py").write_text(
        TESTS.replace('    desk.lend("Emma", "ann")\n    assert desk.who("Emma") == "ann"\n', "    assert desk is not None\n")
    )
    git(library, "commit", "-q", "-a", "-m", "a test that holds with anything")
    place.prd("loans", PRD)
    agent(place)
    assert place.run().returncode == 3
    question = next(task["question"] for task in place.project("loans")["tasks"] if task["id"] == "loans#R1")
    assert "tests/test_loans.py::test_who passes on stub" in question["text"]


def test_tests_that_the_orchestrator_made_are_no_persons(place: Workplace, library: Path) -> None:
    """A tests agent that names another task's criterion in its own file proves nothing there."""
    (library / "tests/test_loans.py").unlink()
    (library / "tests/test_fines.py").unlink()
    (library / "tests/test_nothing.py").write_text("def test_nothing():\n    pass\n")
    git(library, "add", "-A")
    git(library, "commit", "-q", "-m", "without the tests")
    place.prd("loans", PRD[: PRD.index("- AC2: who")] + PRD[PRD.index("### R2") : PRD.index("  ```python")])
    sly = (
        'import pytest\n\n\ndef test_one():\n    """AC1: one."""\n    from library.loans import Desk\n\n    desk = Desk()\n    desk.lend("Emma", "ann")\n'
        '    with pytest.raises(LookupError):\n        desk.lend("Emma", "bob")\n\n\n'
        '@pytest.mark.criterion("loans#R2.AC1")\ndef test_two():\n    """AC1: two."""\n    from library.loans import Desk\n\n    desk = Desk()\n'
        '    desk.lend("Ulysses", "ann")\n    assert desk.who("Ulysses") == "ann"\n'
    )
    place.agent(
        f"SLY, DESK = {sly!r}, {DESK!r}\n"
        "def turn(brief, folder):\n"
        "    if brief.role == 'code':\n        (folder / 'library/loans.py').write_text(DESK)\n"
        "    elif 'R1' in brief.task:\n        (folder / brief.writable[0]).write_text(SLY)\n"
    )
    assert place.run().returncode == 3
    assert place.states("loans") == {"loans#R1": "done", "loans#R2": "unclear"}


def test_a_test_that_is_added_answers_the_question(place: Workplace, library: Path) -> None:
    place.prd("loans", PRD)
    (library / "tests/test_loans.py").write_text(TESTS.replace('@pytest.mark.criterion("loans#R1.AC2")\n', ""))
    git(library, "commit", "-q", "-a", "-m", "one criterion is not named")
    place.agent(
        f"DESK, FINE = {DESK!r}, {FINE!r}\n"
        "def turn(brief, folder):\n"
        "    if brief.role == 'code':\n"
        "        (folder / 'library' / ('loans.py' if 'R1' in brief.task else 'fines.py')).write_text(DESK if 'R1' in brief.task else FINE)\n"
    )
    assert place.run().returncode == 3
    question = next(task["question"] for task in place.project("loans")["tasks"] if task["id"] == "loans#R1")
    assert "begins with `loans#R1.AC2:`, then run `orchestrator retry loans#R1`" in question["text"]
    (library / "tests/test_loans.py").write_text(TESTS)
    git(library, "commit", "-q", "-a", "-m", "now it is named")
    assert "loans#R1" in place.command("retry", "loans#R1").stdout
    done = place.run()
    assert done.returncode == 0, done.stdout
    assert place.states("loans") == {"loans#R1": "done", "loans#R2": "done"}


def test_a_level_that_is_claimed_and_not_reached_is_found(place: Workplace, library: Path) -> None:
    """Somebody forges the report: the test that names the criterion is not there."""
    place.prd("loans", PRD)
    agent(place)
    assert place.run().returncode == 0
    (path,) = [path for path in (place.root / "runs/loans/reports").glob("*.json") if path.name != "project.json"]
    report = json.loads(path.read_text())
    report["tasks"][0]["people"][0]["test"] = "tests/test_loans.py::test_that_names_nothing"
    path.write_text(json.dumps(report, indent=2) + "\n")
    done = place.command("verify", "--quick")
    assert done.returncode == 1
    assert "people" in done.stdout


DEARER = PRD.replace("a quarter a day", "half a day's loan").replace("  2.5\n", "  5.0\n").replace("  1.0\n", "  2.0\n")


@pytest.mark.parametrize("answers", ["other ones each time", "the same one again"])
def test_a_test_of_a_person_that_contradicts_the_edited_text_makes_a_question_with_both_places(place: Workplace, library: Path, answers: str) -> None:
    place.prd("loans", PRD)
    agent(place)
    assert place.run().returncode == 0
    place.prd("loans", DEARER)
    other = answers == "other ones each time"
    code = "f'def fine(days):\\n    return days * 0.5 + 0 * {brief.attempt}\\n'" if other else "'def fine(days):\\n    return days * 0.5\\n'"
    place.agent(f"def turn(brief, folder):\n    (folder / 'library' / 'fines.py').write_text({code})\n")
    done = place.run()
    assert done.returncode == 3, done.stdout + done.stderr
    assert place.states("loans") == {"loans#R1": "done", "loans#R2": "unclear"}
    question = next(task for task in place.project("loans")["tasks"] if task["id"] == "loans#R2")["question"]
    line = DEARER.splitlines().index("- AC1: a late book costs half a day's loan") + 1
    assert question["lines"] == [line]
    assert f"`prds/loans.md:{line}`" in question["text"] and "`tests/test_fines.py:5`" in question["text"], question["text"]
    if other:
        assert place.runs("loans")[-1]["turns"] == 2, "two different answers are enough to see it"

    place.prd("loans", PRD)
    done = place.run()
    assert done.returncode == 0, done.stdout
    assert place.runs("loans")[-1]["turns"] == 0
