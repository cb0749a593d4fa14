"""What an edit changed: requirement by requirement, part by part."""

from __future__ import annotations

import pytest

from orchestrator.inbox.markdown import read
from orchestrator.model import Prd
from orchestrator.plan import delta, outline

TEXT = """\
# Loans

## Requirements

### R1: Fine
Module: fines.py

A quarter a day.

- AC1: days

  | `fine(days)` | => |
  |---|---|
  | 4 | 1.0 |
  | 8 | 2.0 |

### R2: Limit
Depends on: R1
Module: limit.py

- AC1: five books

  | `limit()` | => |
  |---|---|
  | | 5 |
"""


def prd(text: str) -> Prd:
    return read(text, "prds/loans.md").prd


def kinds(before: str, after: str) -> dict[str, str]:
    return {item.requirement.partition("#")[2]: item.kind for item in delta.compare(prd(before), prd(after))}


@pytest.mark.parametrize(
    ("edit", "found"),
    [
        (("A quarter", "A  quarter"), {"R1": "unchanged", "R2": "unchanged"}),
        (("## Requirements", "More.\n\n## Requirements"), {"R1": "unchanged", "R2": "unchanged"}),
        (("| 8 | 2.0 |", "| 8 | 2.5 |"), {"R1": "changed", "R2": "unchanged"}),
        (("### R1", "### R5"), {"R5": "renamed", "R2": "changed"}),
        (("### R2", "### R6"), {"R1": "unchanged", "R6": "renamed"}),
        (("### R1: Fine", "### R5: Fines"), {"R5": "added", "R1": "removed", "R2": "changed"}),
    ],
)
def test_each_requirement_is_what_became_of_it(edit: tuple[str, str], found: dict[str, str]) -> None:
    after = TEXT.replace(*edit).replace("Depends on: R1", "Depends on: R5" if "R5" in edit[1] else "Depends on: R1")
    assert kinds(TEXT, after) == found


def test_two_that_say_the_same_are_no_rename_of_one() -> None:
    one = TEXT[: TEXT.index("### R2")]
    twice = one.replace("### R1", "### R3") + one[one.index("### R1") :].replace("### R1", "### R4")
    assert kinds(one, twice) == {"R3": "added", "R4": "added", "R1": "removed"}


def test_parts_have_both_texts_and_both_lines() -> None:
    after = TEXT.replace("A quarter a day.", "Half a day.\n\nAlways.").replace("| 8 | 2.0 |", "| 8 | 2.5 |")
    changed = delta.compare(prd(TEXT), prd(after))[0]
    text, criterion = changed.parts
    assert (text.name, text.before, text.after, text.kind) == ("text", "A quarter a day.", "Half a day.\n\nAlways.", "changed")
    assert (criterion.name, criterion.before_line, criterion.line) == ("AC1", 10, 12)
    assert criterion.before.splitlines()[-1].endswith("fine(8) is 2.0") and criterion.after.splitlines()[-1].endswith("fine(8) is 2.5")


def test_a_task_says_why_it_is_another_one_and_which_criteria_are() -> None:
    before = outline.plan_of(prd(TEXT), 0.25).tasks[0]
    example = outline.plan_of(prd(TEXT.replace("| 8 | 2.0 |", "| 8 | 2.5 |")), 0.25).tasks[0]
    more = outline.plan_of(prd(TEXT.replace("### R2", "- AC2: never negative\n\n### R2")), 0.25).tasks[0]
    assert delta.reasons(before, example) == ("AC1, line 10",)
    assert delta.changed_criteria(before, example) == {"loans#R1.AC1"}
    assert delta.reasons(before, more) == ("AC2 is new, line 17",)
    assert delta.changed_criteria(before, more) == {"loans#R1.AC2"}
    assert delta.reasons(more, before) == ("AC2 is gone",)
    assert delta.same_prose(before, example) and not delta.same_prose(before, more)
