"""`## Answers`: what an item answers, what it becomes part of, and what is said about one that answers nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.inbox.markdown import read
from orchestrator.model import Prd
from orchestrator.plan import outline

TEXT = """\
---
id: loans
---
# Loans

## Requirements

### R1: Fine
Module: fines.py

The fine is a quarter a day.

- AC1: who pays
- AC2: `fine(days)`

  ```python
  >>> from fines import fine
  >>> fine(4)
  1.0
  ```

### R2: Audit

### R3: Lend a book

- AC1: once only

## Background

A small library.
"""
PLACE = TEXT.index("## Background")


def answered(*items: str) -> tuple[Prd, list[tuple[int, str]]]:
    """(the PRD with these items, (line, code) of what is said about them)."""
    reading = read(TEXT[:PLACE] + "## Answers\n\n" + "\n".join(items) + "\n\n" + TEXT[PLACE:], "prds/loans.md")
    return reading.prd, [(problem.line, problem.code) for problem in reading.problems if problem.code.startswith("answer")]


def touched(prd: Prd) -> list[str]:
    before = {item.key: outline.fingerprint([item]) for item in read(TEXT, "prds/loans.md").prd.requirements}
    return [item.key for item in prd.requirements if outline.fingerprint([item]) != before[item.key]]


FIRST = TEXT[:PLACE].count("\n") + 3
"""The line of the first item."""


@pytest.mark.parametrize(
    "item",
    ["- R1: the desk pays", "* **R1**: the desk pays", "1. `loans#R1`: the desk\n  pays", "- Q: Who pays for R1? A: the desk pays"],
)
def test_an_answer_is_part_of_the_requirement_that_it_names_and_of_no_other(item: str) -> None:
    prd, said = answered(item)
    assert touched(prd) == ["R1"] and not said
    first = prd.requirements[0]
    assert first.text.startswith("The fine is a quarter a day.") and first.text.endswith("the desk pays")
    assert [(answer.text, answer.line) for answer in first.answers] == [("the desk pays", FIRST)]
    assert "desk" not in prd.context and "A small library." in prd.context


def test_an_answer_to_a_criterion_leaves_its_examples() -> None:
    prd, said = answered("- R1.AC2: on working days")
    criterion = prd.requirements[0].criteria[1]
    assert criterion.text.endswith("(Answer: on working days)") and len(criterion.examples) == 1 and not said
    assert touched(prd) == ["R1"]


def test_an_answer_is_the_criterion_of_a_requirement_without_any_and_a_path_its_module() -> None:
    prd, said = answered("- Q: Which module should provide R2? A: `audit.py`", "- R2: `audit()` lists every loan", "- R3: Module: library/loans.py")
    second, third = prd.requirements[1:]
    assert [(item.key, item.text, item.line) for item in second.criteria] == [("A1", "`audit()` lists every loan", FIRST + 1)]
    assert (second.module, third.module) == ("audit.py", "library/loans.py") and not said
    assert all(task.question is None for task in outline.plan_of(prd, 0.25).tasks)


def test_a_question_may_name_its_requirement_by_the_title() -> None:
    prd, said = answered("- Q: Lend a book: how often? A: three times")
    assert touched(prd) == ["R3"] and not said


def test_what_answers_nothing_is_noted_with_its_line() -> None:
    prd, said = answered("- R9: no", "- R1.AC7: no", "- Q: Why? A: because", "- just so", "", "Prose.")
    assert said == [
        (FIRST, "answer-to-nothing"),
        (FIRST + 1, "answer-to-nothing"),
        (FIRST + 2, "answer-to-nothing"),
        (FIRST + 3, "answer-not-read"),
        (FIRST + 5, "answer-not-read"),
    ]
    assert touched(prd) == []


def test_the_section_moves_no_line_and_takes_nothing_else_along() -> None:
    prd, _ = answered("- R1: the desk pays")
    before = read(TEXT, "prds/loans.md").prd
    assert [replace(item, text="", answers=()) for item in prd.requirements] == [replace(item, text="", answers=()) for item in before.requirements]
