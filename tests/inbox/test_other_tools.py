"""spec-kit's `spec.md`, Kiro's `requirements.md`, OpenSpec's changes, and PRDs of headings, bullets and prose that nobody marked up."""

import pytest

from orchestrator.inbox import forms
from orchestrator.model import Prd
from orchestrator.plan import outline

SPEC = """\
# Feature Specification: Library loans

**Feature Branch**: `001-loans`

## User Scenarios & Testing *(mandatory)*

### User Story 1 - Lend a book (Priority: P1)

A member takes a book home.

**Why this priority**: Without it nothing works.

**Acceptance Scenarios**:

1. **Given** a book on the shelf, **When** ann borrows it, **Then** it is on loan
2. **Given** a loan,
   **When** bob asks, **Then** he is refused

**Edge Cases**:

- What happens when the shelf is empty?

### User Story 2 - Fines (Priority: P2) 🎯 MVP

Late is dear. [NEEDS CLARIFICATION: how much a day?]

1. **Given** ten days, **When** it comes back, **Then** it is dear

### Edge Cases

- What happens at midnight?

## Requirements *(mandatory)*

### Functional Requirements

- **FR-001**: System MUST lend books
- **FR-AUTH-2**: Users MUST be able to
  ask what they have.
  - Priority: high
  - by name
  - by date
- **FR-003**: System MUST keep loans for [NEEDS CLARIFICATION: how long?]
- and this has none

### Key Entities *(include if feature involves data)*

- **Loan**: a book and a member

## Success Criteria *(mandatory)*

### Measurable Outcomes

- **SC-001**: A loan takes a second
"""

KIRO = """\
# Requirements Document

## Introduction

A desk lends books.

## Requirements

### Requirement 1

**User Story:** As a member, I want to borrow a book, so that I can read it.

#### Acceptance Criteria

1. WHEN a member borrows a book THEN the system SHALL record a loan
2. IF the book is on loan THEN the system SHALL refuse
3. THE system SHALL keep 100 loans

### Requirement 2: Fines

**User Story:** As a desk, I want fines.

#### Acceptance Criteria

1. WHILE a book is late, THE Desk SHALL count days
"""

OPENSPEC = """\
## ADDED Requirements

### Requirement: Lend a Book
The desk SHALL lend books.

#### Scenario: On the shelf
- **GIVEN** a book on the shelf
- **WHEN** ann borrows it
- **THEN** it is on loan
- **AND** it is gone

#### Scenario: On loan
- **WHEN** bob borrows it
- **THEN** he is refused

## REMOVED Requirements

### Requirement: Stamps
**Reason**: nobody has one.
"""

PROSE = """\
### Library desk PRD

#### 1. Requirement Overview

It lends books.

#### 2. Basic Functional Requirements

##### 2.1 Shelf Module
- Keeps titles:
  - sorted
  - unique
- Counts them

##### 2.2 Reports
The desk can print a report of all loans.

It can be saved as text.

#### 3. Result Display
- Shows results as a table

#### 4. Technical Requirements

##### 4.1 Development Environment
- Python 3.11

##### 4.2 Unit Testing
- Runs with pytest

#### 5. Architecture
- A desk and a shelf

##### 5.1 Command-Line Interface
- `desk lend` lends
"""


def line_of(start: str) -> int:
    return next(number for number, line in enumerate(SPEC.split("\n"), 1) if line.strip().startswith(start))


def read(text: str, path: str = "prds/x.md") -> Prd:
    reading = forms.read(text, path)
    assert not [problem for problem in reading.problems if problem.severity == "error"]
    return reading.prd


def shown(prd: Prd) -> dict[str, tuple[str, int, list[tuple[str, str, int]]]]:
    return {each.key: (each.title, each.line, [(one.key, one.text, one.line) for one in each.criteria]) for each in prd.requirements}


def test_stories_of_spec_kit_are_requirements_with_their_scenarios() -> None:
    found = {each.key: each for each in read(SPEC).requirements}
    assert list(found) == ["US1", "US2", "functional-requirements", "FR-001", "FR-AUTH-2", "FR-003", "SC-001"]
    assert (found["US1"].title, found["US1"].priority, found["US1"].line) == ("Lend a book", "P1", 7)
    assert (found["US2"].title, found["US2"].priority) == ("Fines", "P2")
    assert [(each.key, each.text, each.line) for each in found["US1"].criteria] == [
        ("AC1", "**Given** a book on the shelf, **When** ann borrows it, **Then** it is on loan", 15),
        ("AC2", "**Given** a loan, **When** bob asks, **Then** he is refused", 16),
    ]
    assert "What happens when the shelf is empty?" in found["US1"].text


def test_functional_requirements_of_spec_kit_are_requirements_and_none_is_lost() -> None:
    prd = read(SPEC)
    found = shown(prd)
    assert found["FR-001"] == ("System MUST lend books", line_of("- **FR-001"), [("AC1", "System MUST lend books", line_of("- **FR-001"))])
    assert found["FR-AUTH-2"][1:] == (line_of("- **FR-AUTH"), [("AC1", "by name", line_of("- by name")), ("AC2", "by date", line_of("- by date"))])
    assert [each.priority for each in prd.requirements if each.key == "FR-AUTH-2"] == ["high"]
    assert found["functional-requirements"][2] == [("AC1", "and this has none", line_of("- and this"))]
    assert [each.type for each in prd.requirements if each.key == "SC-001"] == ["non-functional"]
    assert "**Loan**: a book and a member" in prd.context


def test_what_needs_clarification_needs_a_person() -> None:
    prd = read(SPEC)
    assert {each.key: each.unclear for each in prd.requirements if each.unclear} == {"US2": ("how much a day?",), "FR-003": ("how long?",)}
    asked = {task.id.partition("#")[2]: task.question for task in outline.decompose(prd, 0.25).tasks}
    assert asked["US2"] and asked["US2"].text == "US2 is not clear: how much a day?"
    assert asked["FR-003"] and asked["FR-003"].lines == (line_of("- **FR-003"),)
    assert [problem.line for problem in forms.read(SPEC, "x.md").problems if problem.code == "needs-clarification"] == [
        line_of("### User Story 2"),
        line_of("- **FR-003"),
    ]


def test_a_requirement_without_open_questions_keeps_its_fingerprint() -> None:
    """The tasks of PRDs that were planned before requirements could be unclear are not done again."""
    task = outline.decompose(read("# T\n\n### R1: A\nModule: a.py\n\n- AC1: x\n"), 0.25).tasks[0]
    assert task.fingerprint == "480335dfe4e486715e2692c8019debfaf61f5f986000a5b41f2bf460722c2ab6"


def test_requirements_of_kiro_have_numbered_sentences_for_criteria() -> None:
    assert shown(read(KIRO)) == {
        "R1": (
            "borrow a book",
            9,
            [
                ("AC1", "WHEN a member borrows a book THEN the system SHALL record a loan", 15),
                ("AC2", "IF the book is on loan THEN the system SHALL refuse", 16),
                ("AC3", "THE system SHALL keep 100 loans", 17),
            ],
        ),
        "R2": ("Fines", 19, [("AC1", "WHILE a book is late, THE Desk SHALL count days", 25)]),
    }


def test_scenarios_of_openspec_are_criteria_whole() -> None:
    reading = forms.read(OPENSPEC, "prds/loans/spec.md")
    assert shown(reading.prd) == {
        "lend-a-book": (
            "Lend a Book",
            3,
            [
                (
                    "AC1",
                    "On the shelf\n- **GIVEN** a book on the shelf\n- **WHEN** ann borrows it\n- **THEN** it is on loan\n- **AND** it is gone",
                    6,
                ),
                ("AC2", "On loan\n- **WHEN** bob borrows it\n- **THEN** he is refused", 12),
            ],
        )
    }
    assert "not-a-requirement" in [problem.code for problem in reading.problems]
    assert "### Requirement: Stamps" in reading.prd.context


@pytest.mark.parametrize(
    ("path", "name"),
    [("prds/loans/spec.md", "loans"), ("prds/001-desk/requirements.md", "001-desk"), ("prds/spec.md", "spec"), ("prds/desk/loans.md", "loans"), ("prds/specs/prd.md", "prd")],
)  # fmt: skip
def test_a_file_with_a_usual_name_is_called_after_its_folder(path: str, name: str) -> None:
    assert read(KIRO, path).id == name


def test_every_item_of_a_prose_prd_that_says_what_to_build_is_a_criterion() -> None:
    prd = read(PROSE)
    assert shown(prd) == {
        "shelf-module": ("Shelf Module", 9, [("AC1", "Keeps titles:\n- sorted\n- unique", 10), ("AC2", "Counts them", 13)]),
        "reports": ("Reports", 15, [("AC1", "The desk can print a report of all loans.", 16), ("AC2", "It can be saved as text.", 18)]),
        "result-display": ("Result Display", 20, [("AC1", "Shows results as a table", 21)]),
        "development-environment": ("Development Environment", 25, [("AC1", "Python 3.11", 26)]),
        "command-line-interface": ("Command-Line Interface", 34, [("AC1", "`desk lend` lends", 35)]),
        "unit-testing": ("Unit Testing", 28, [("AC1", "Runs with pytest", 29)]),
    }
    assert [each.key for each in prd.requirements if each.type == "non-functional"] == ["development-environment", "unit-testing"]
    assert "A desk and a shelf" in prd.context


@pytest.mark.parametrize(
    "listed",
    [
        "- FR-1: It adds\n- FR-2: It takes\n",
        "* **FR-1** It adds\n* **FR-2** It takes\n",
        "1. FR-1 - It adds\n2. FR-2 – It takes\n",
        "**FR-1:** It adds\n\n**FR-2:** It takes\n",
        "FR-1: It adds\nFR-2: It takes\n",
        "- [ ] FR-1: It adds\n- [ ] FR-2: It takes\n",
        "| ID | Requirement | Priority |\n|---|---|---|\n| FR-1 | It adds | high |\n| **FR-2** | It takes | low |\n",
    ],
)
@pytest.mark.parametrize("section", ["## Functional Requirements", "## Requirements\n\n### Functional", "## 3. Features"])
def test_requirements_are_listed_in_many_ways(listed: str, section: str) -> None:
    prd = read(f"# T\n\n{section}\n\n{listed}\n## Notes\n\n- FR-1: done\n")
    assert [(each.key, [one.text for one in each.criteria]) for each in prd.requirements] == [("FR-1", ["It adds"]), ("FR-2", ["It takes"])]


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ("### FR-1: Add\n- it adds\n- it sums\n", {"FR-1": ["it adds", "it sums"]}),
        ("### Add\n\n- it adds\n", {"FR-1": ["it adds"]}),
        ("- AC-1 (FR-1): it adds\n- AC-2: all is well\n", {"FR-1": ["it adds"], "ACCEPTANCE": ["all is well"]}),
        ("- [ ] it adds\n", {"FR-1": [], "ACCEPTANCE": ["it adds"]}),
        ("### AC-1: it adds\n\nGiven 1, when 2, then 3\n", {"FR-1": [], "ACCEPTANCE": ["it adds\nGiven 1, when 2, then 3"]}),
        ("All of it works.\n", {"FR-1": [], "ACCEPTANCE": ["All of it works."]}),
    ],
)
def test_acceptance_criteria_of_the_whole_prd_are_written_in_many_ways(criteria: str, found: dict[str, list[str]]) -> None:
    prd = read(f"# T\n\n## Requirements\n\n### FR-1: Add\n\nIt adds.\n\n## Acceptance Criteria\n\n{criteria}")
    assert {each.key: [one.text for one in each.criteria] for each in prd.requirements} == found


def test_without_list_items_rows_of_a_table_or_subheadings_are_the_criteria() -> None:
    prd = read(
        "# T\n\n## Features\n\n### Lending\n\n| Feature | Rule |\n|---|---|\n| Lend | one a day |\n\n### Data\n\n#### Loans\n\n```sql\nCREATE\n```\n"
    )
    assert shown(prd) == {"lending": ("Lending", 5, [("AC1", "Lend; Rule: one a day", 9)]), "data": ("Data", 11, [("AC1", "Loans", 13)])}


@pytest.mark.parametrize(
    ("requirements", "acceptance"),
    [("Funktionale Anforderungen", "Akzeptanzkriterien"), ("Requisitos", "Criterios de aceptación"), ("8. 주요 기능 요구사항", "수용 기준"), ("功能需求", "验收标准"), ("機能要件", "受け入れ基準")],
)  # fmt: skip
def test_sections_may_be_called_so_in_other_languages(requirements: str, acceptance: str) -> None:
    prd = read(
        f"# Product Requirements Document\n\n## A\n\nText.\n\n## {requirements}\n\n### Eins\n\n- it adds\n\n## {acceptance}\n\n- it works\n",
        "prds/a.md",
    )
    assert [(each.title, [one.text for one in each.criteria]) for each in prd.requirements] == [
        ("Eins", ["it adds"]),
        ("Acceptance criteria", ["it works"]),
    ]
    assert prd.title == "a"
