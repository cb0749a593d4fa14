"""Specifications in plain text: underlined headings, requirements that begin a line, cycles, module structure, each value with its own line."""

import re
from pathlib import Path

import pytest

from orchestrator.config import Config
from orchestrator.inbox import forms
from orchestrator.inbox.folder import scan
from orchestrator.model import Requirement
from orchestrator.plan import outline

from .texts import DESK

LINES = DESK.split("\n")


def line_of(start: str, number: int = 1) -> int:
    """The line of the `number`th line that begins so."""
    return [place for place, line in enumerate(LINES, 1) if line.strip().startswith(start)][number - 1]


def read(text: str = DESK, path: str = "prds/desk.txt") -> forms.Reading:
    reading = forms.read(text, path)
    assert not [problem for problem in reading.problems if problem.severity == "error"]
    return reading


def by_key(reading: forms.Reading) -> dict[str, Requirement]:
    return {requirement.key: requirement for requirement in reading.prd.requirements}


def test_requirements_and_their_parts_have_their_text_and_their_lines() -> None:
    found = by_key(read())
    assert list(found) == ["FR-1", "FR-2", "FR-3", "NFR-1", "ACCEPTANCE", "CYCLE-4"]
    shelf = found["FR-1"]
    assert (shelf.title, shelf.line, shelf.text) == ("Keep a Shelf", line_of("FR-1:"), "The shelf knows its titles.")
    assert [(each.key, each.text, each.line) for each in shelf.criteria] == [
        ("FR-1.1", "Titles: Shelf(titles) keeps them sorted. Shelf.add(title) adds one.", line_of("FR-1.1")),
        ("FR-1.2", "Sizes: len(shelf) counts them.", line_of("FR-1.2")),
    ]
    assert [(each.key, each.text, each.inferred) for each in found["FR-3"].criteria] == [("AC1", "GET /loans answers with LoanList.", True)]
    assert found["NFR-1"].type == "non-functional"


def test_an_acceptance_criterion_goes_to_the_requirement_that_it_names_the_others_come_after_all() -> None:
    found = by_key(read())
    assert [(each.key, each.text) for each in found["FR-2"].criteria] == [
        ("AC1", "Desk.lend(title, to) records a loan"),
        ("AC3", "fine(days) is a quarter a day"),
        ("AC-2", "Overdue: GIVEN a loan of ten days WHEN it comes back THEN 2.5 is due"),
    ]
    whole = found["ACCEPTANCE"]
    said = "Borrowing: GIVEN a book on the shelf WHEN ann borrows it THEN it is on loan AND nobody else can borrow it"
    assert [(each.key, each.text, each.line) for each in whole.criteria] == [("AC-1", said, line_of("AC-1"))]
    assert whole.depends_on == ("FR-1", "FR-2", "FR-3", "CYCLE-4")


def test_phases_and_cycles_are_read_as_they_are_written() -> None:
    prd = read().prd
    assert [(phase.number, phase.title, phase.line) for phase in prd.phases] == [
        (0, "The shelf", line_of("### Phase 0")),
        (1, "The desk", line_of("### Phase 1")),
    ]
    one, two, three, four = prd.cycles
    assert (one.key, one.title, one.line, one.phase, one.tests) == ("Cycle 1", "Shelf", line_of("**TDD Cycle 1"), 0, (8, 10))
    assert (two.tests, two.module, two.depends_on, two.components) == (
        (6, 6),
        "src/library/desk.py",
        ("Cycle 1",),
        ("Desk.lend(title, to)", "fine(days)"),
    )
    assert three.depends_on == ("Cycle 1", "Cycle 2")
    assert (four.depends_on, four.tests, four.module) == ((), None, "")
    assert [cycle.requirements for cycle in prd.cycles] == [("FR-1",), ("FR-2",), ("FR-3",), ("CYCLE-4",)]


def test_a_requirement_takes_over_phase_file_and_order_of_its_cycle() -> None:
    found = by_key(read())
    assert {key: (each.phase, each.module, each.depends_on) for key, each in found.items() if key.startswith("FR")} == {
        "FR-1": (0, "src/library/shelf.py", ()),
        "FR-2": (1, "src/library/desk.py", ("FR-1",)),
        "FR-3": (1, "src/library/web/loans.py", ("FR-1", "FR-2")),
    }


def test_a_cycle_that_covers_nothing_is_a_requirement_so_that_nothing_is_lost() -> None:
    own = by_key(read())["CYCLE-4"]
    assert (own.title, own.inferred, own.line, own.phase) == ("Wheel on a stick", True, line_of("**TDD Cycle 4"), 1)
    assert [(each.text, each.line) for each in own.criteria] == [("build it", line_of("- build it")), ("upload it", line_of("- upload it"))]


def test_the_module_structure_and_what_it_exports_are_values() -> None:
    modules = {module.path: module for module in read().prd.modules}
    assert list(modules) == [f"src/library/{name}" for name in ("__init__.py", "shelf.py", "desk.py", "web/loans.py")]
    loans = modules["src/library/web/loans.py"]
    assert (loans.line, loans.text) == (line_of("loans.py"), "LoanList, GET /loans")
    assert [(each.name, each.kind, each.text, each.line) for each in loans.exports] == [
        ("LoanList", "dataclass", "What GET /loans answers", line_of("- LoanList")),
        ("list_loans", "function", "(desk) -> LoanList: All of them", line_of("- list_loans")),
    ]


def test_dependencies_are_taken_as_pip_writes_them_and_it_is_said() -> None:
    reading = read()
    assert reading.prd.dependencies == ("bottle>=0.13",)
    assert {problem.code: problem.line for problem in reading.problems if problem.code.startswith("dependenc")} == {
        "dependencies-taken": line_of("DEPENDENCY CHANGES"),
        "dependency-not-read": line_of("- remove six"),
    }


def test_constraints_are_context() -> None:
    assert "DC-1: No framework\n  The standard library is enough." in read().prd.context


def test_everything_that_was_inferred_is_said_where_it_is() -> None:
    said = {(problem.code, problem.line) for problem in read().problems}
    assert {
        ("inferred-module", line_of("FR-1:")),
        ("cycle-matched", line_of("**TDD Cycle 1")),
        ("acceptance-criteria", line_of("ACCEPTANCE")),
    } <= said
    assert ("inferred-requirement", line_of("**TDD Cycle 4")) in said


def test_it_plans_into_a_task_for_each_piece_of_work() -> None:
    plan = outline.decompose(read().prd, 0.25)
    assert [task.id.partition("#")[2] for task in plan.tasks][:3] == ["FR-1", "FR-2", "FR-3"]
    assert plan.tasks[-1].id == "desk#ACCEPTANCE"


@pytest.mark.parametrize("name", ["desk.md", "desk.TXT"])
def test_the_same_text_is_read_so_under_other_names(name: str) -> None:
    assert by_key(read(path=f"prds/{name}")).keys() == by_key(read()).keys()


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("  ", "\t"),
        lambda text: text.replace("**TDD Cycle", "TDD Cycle").replace("**\n", "\n"),
        lambda text: re.sub("={4,}", lambda rule: "~" * len(rule[0]), text),
        lambda text: re.sub("-{4,}", lambda rule: "=" * len(rule[0]), text),
        lambda text: text.replace("FUNCTIONAL REQUIREMENTS", "Functional Requirements").replace("ACCEPTANCE CRITERIA", "Acceptance criteria"),
        lambda text: text.replace("### Phase 0:", "PHASE 0 -").replace("### Phase 1:", "Phase 1 –"),
        lambda text: text.replace(":\n", ":  \n"),
        lambda text: text.replace("AC-", "AC "),
    ],
)
def test_other_hands_write_it_otherwise(change: object) -> None:
    assert callable(change)
    text = change(DESK)
    found, usual = read(text).prd, read().prd
    assert [(each.key, each.line, each.phase, each.module, len(each.criteria)) for each in found.requirements] == [
        (each.key, each.line, each.phase, each.module, len(each.criteria)) for each in usual.requirements
    ]
    assert [(each.key, each.line, each.tests, each.depends_on) for each in found.cycles] == [
        (each.key, each.line, each.tests, each.depends_on) for each in usual.cycles
    ]
    assert [module.path for module in found.modules] == [module.path for module in usual.modules]


@pytest.mark.parametrize(
    ("written", "key", "title"),
    [
        ("FR1: Add", "FR1", "Add"),
        ("FR-01 - Add", "FR-01", "Add"),
        ("FR-1. Add", "FR-1", "Add"),
        ("FR 1: Add", "FR-1", "Add"),
        ("**FR-1**: Add", "FR-1", "Add"),
        ("**FR-1: Add**", "FR-1", "Add"),
        ("REQ-001) Add", "REQ-001", "Add"),
        ("FR-1 Add", "FR-1", "Add"),
        ("FR-1: Add\n---------", "FR-1", "Add"),
    ],
)
def test_an_identifier_is_written_in_many_ways(written: str, key: str, title: str) -> None:
    [found] = read(f"FUNCTIONAL REQUIREMENTS\n\n{written}\n  It adds.\n").prd.requirements
    assert (found.key, found.title, found.criteria[0].text) == (key, title, "It adds.")


def test_sections_without_any_mark_and_labels_within_a_requirement() -> None:
    text = "Functional Requirements\n\nFR-1: Add\nAcceptance Criteria:\n- it adds\n- it sums\n\nFR-2: Take\n  Acceptance criteria:\n\n    - AC-1: it takes\n\nAcceptance Criteria\n\nAC-1: all works\n"
    found = by_key(read(text))
    assert {key: [each.text for each in one.criteria] for key, one in found.items()} == {
        "FR-1": ["it adds", "it sums"],
        "FR-2": ["it takes"],
        "ACCEPTANCE": ["all works"],
    }


@pytest.mark.parametrize("text", ["- FR-1: it adds\n", "# Features\n\n- FR-1: it adds\n", "REQUIREMENTS:\n\n* FR-1 - it adds\n"])
def test_listed_requirements_in_plain_text(text: str) -> None:
    assert [(each.key, each.criteria[0].text) for each in read(text).prd.requirements] == [("FR-1", "it adds")]


def test_a_note_to_oneself_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "prds"
    folder.mkdir()
    (folder / "notes.txt").write_text("milk\neggs\n\nPhase 2 is on Monday.\n")
    (folder / "desk.txt").write_text(DESK)
    found = scan(tmp_path, Config())
    assert [prd.id for prd in found.prds] == ["desk"]
    assert [(each.code, each.severity) for each in found.problems if each.path == "prds/notes.txt"] == [("no-prd", "note")]


def test_examples_in_plain_text_are_examples() -> None:
    text = "FR-1: Double\n  Module: a.py\n\n  AC-1: twice\n    >>> from a import double\n    >>> double(2)\n    4\n\n  AC-2: text\n    - one\n"
    first, second = read(text).prd.requirements[0].criteria
    assert [(each.call, each.expected, each.line) for each in first.examples] == [("double(2)", "4", 6)]
    assert second.examples == ()
