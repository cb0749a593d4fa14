"""Gherkin fences: each scenario is a criterion in words, with the line it stands on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.inbox import gherkin, markdown

PRD = """\
# Library

## Requirements

### R1: Lend a book
Module: library.py

```gherkin
Feature: Lending
  Background:
    Given a shelf

  @AC7
  Scenario: a book on the shelf
    Given "Emma" on it
    When ann borrows it
    Then it is on loan
      | who | what |
      | ann | Emma |

  Scenario Outline: AC2: fines
    When it is <days> late
    Then it costs <fine>

    Examples:
      | days | fine |
      | 1 | 0.25 |
      | 10 | 2.5 |
```
"""


def test_every_scenario_is_a_criterion_with_its_background_its_tables_and_its_examples() -> None:
    found, problems = markdown.parse(PRD, "prds/library.md")
    assert found is not None, problems
    first, second = found.requirements[0].criteria
    assert (first.key, first.line) == ("AC7", PRD[: PRD.index("Scenario: a book")].count("\n") + 1)
    assert first.text == 'a book on the shelf: Given a shelf, Given "Emma" on it, When ann borrows it, Then it is on loan (who | what; ann | Emma)'
    assert (second.key, second.line) == ("AC2", PRD[: PRD.index("Scenario Outline")].count("\n") + 1)
    assert second.text.endswith("Then it costs <fine>. Examples: days | fine; 1 | 0.25; 10 | 2.5")
    assert not first.inferred and first.examples == ()


@pytest.mark.parametrize(
    ("fence", "text"),
    [
        ("Scenario: one\n  Given a\n  Then b", "one: Given a, Then b"),
        ("Given a\nWhen b\nThen c", "Given a, When b, Then c"),
        ("# language: de\nFunktionalität: x\n  Szenario: eins\n    Angenommen a\n    Dann b", "eins: Angenommen a, Dann b"),
        ("Rule: only one\n  Scenario: one\n    Given a", "one: Given a"),
    ],
)
def test_a_fence_may_begin_anywhere(fence: str, text: str) -> None:
    found, remarks = gherkin.read(fence, 10)
    assert ([scenario.text for scenario in found], remarks) == ([text], [])


def test_a_fence_under_a_criterion_belongs_to_it() -> None:
    text = "# T\n\n## Requirements\n\n### R1: Lend\n\n- AC1: lending\n\n  ```gherkin\n  Given a\n  Then b\n  ```\n"
    found, _ = markdown.parse(text, "a.md")
    assert found is not None
    (criterion,) = found.requirements[0].criteria
    assert (criterion.key, criterion.text) == ("AC1", "lending\nGiven a, Then b")


def test_what_is_no_gherkin_is_an_error_with_its_line() -> None:
    text = PRD.replace("    When ann borrows it", "    Wenn ann borrows it")
    found, problems = markdown.parse(text, "prds/library.md")
    assert found is None
    (problem,) = [each for each in problems if each.severity == "error"]
    assert (problem.code, problem.line) == ("bad-gherkin", text[: text.index("Wenn")].count("\n") + 1)
    assert "Wenn ann borrows it" in problem.message


words = st.sampled_from(
    ["Feature: x", "Scenario: y", "Given a", "  When b", "Examples:", "| a | b |", "| a |", '"""', "@tag", "# language: xx", "", "Rule: r", "\x00"]
)


@given(st.lists(words | st.text(max_size=12), max_size=14))
def test_whatever_stands_in_a_fence_it_is_read_or_refused(lines: list[str]) -> None:
    text = "\n".join(lines)
    found, remarks = gherkin.read(text, 5)
    last = 5 + text.count("\n") + 1
    assert all(5 <= scenario.line <= last for scenario in found)
    assert all(5 <= remark.line <= last for remark in remarks)
