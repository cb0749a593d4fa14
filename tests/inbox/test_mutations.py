"""A PRD of any form with lines lost, doubled, swapped, bent, a word changed or the rest cut off: it is read to its end, and what was read stands where it says."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orchestrator.inbox import forms
from orchestrator.plan import graph, outline

from .prds import LOANS
from .test_other_tools import KIRO, OPENSPEC, PROSE, SPEC
from .test_statements import STRUCTURED
from .texts import DESK

YAML = """\
title: Library loans
id: loans
requirements:
  - id: R1
    title: Fines
    module: library/loans.py
    text: |
      `fine(days)` is a quarter.
    criteria:
      - overdue books cost a fine
      - {id: AC2, text: a quarter a day, examples: [{call: fine(10), gives: 2.5}]}
  - id: R2
    title: The desk asks
    depends_on: [R1]
    criteria:
      - text: prints the fine
        examples:
          - run: python -m library.desk
            prints: "2.5"
"""

TASKS = json.dumps(
    {
        "tasks": [
            {"id": 1, "title": "Shelf", "description": "holds books", "testStrategy": "put one in", "subtasks": [{"id": 1, "title": "Add"}]},
            {"id": 2, "title": "Lend", "dependencies": [1]},
        ]
    },
    indent=1,
)
STORIES = json.dumps({"project": "Loans", "userStories": [{"id": "US-1", "title": "Lend", "acceptanceCriteria": ["lent", "once"]}]}, indent=1)

SAMPLES = {
    "loans.md": LOANS,
    "structured.md": STRUCTURED,
    "desk.txt": DESK,
    "desk.md": DESK,
    "spec.md": SPEC,
    "kiro.md": KIRO,
    "openspec.md": OPENSPEC,
    "prose.md": PROSE,
    "loans.yaml": YAML,
    "tasks.json": TASKS,
    "prd.json": STORIES,
}
ODD = ["", "\t", "\x00", "\r", "- " * 300, "#" * 400, "(" * 500, "  " * 200 + "- x", "```", "---", "====", "FR-1: x", "### R1: x", "Depends on: FR-2", "Phase 1: x", "**TDD Cycle 1: x**"]  # fmt: skip


def holds(text: str, path: str) -> forms.Reading:
    reading = forms.read(text, path)
    lines = re.sub(r"\r\n?", "\n", text).split("\n")
    assert all(0 <= problem.line <= len(lines) for problem in reading.problems)
    prd = reading.prd
    for requirement in prd.requirements:
        assert 1 <= requirement.line <= len(lines)
        assert all(1 <= criterion.line <= len(lines) for criterion in requirement.criteria)
        for criterion in requirement.criteria:
            assert stands(criterion.text, lines, criterion.line), (criterion, lines[criterion.line - 1])
    for value in (*prd.phases, *prd.cycles, *prd.modules, *(export for module in prd.modules for export in module.exports)):
        assert 1 <= value.line <= len(lines)
    for module in prd.modules:
        assert module.path.rpartition("/")[2] in lines[module.line - 1].replace("\\", "/")
    if reading.ok:
        try:
            plan = outline.decompose(prd, 0.25)
        except graph.CycleError:
            raise AssertionError("a circle that the inbox did not see") from None
        assert {requirement.key for task in plan.tasks for requirement in task.requirements} <= {requirement.key for requirement in prd.requirements}
    return reading


def stands(text: str, lines: list[str], line: int) -> bool:
    """Whether a criterion begins on its line, or (`AC-1:` alone) on one of the next two with anything on them."""
    word = re.search(r"\w+", text)
    near = [each for each in lines[line - 1 :] if each.strip()][:3]
    return word is None or text.startswith("example at line") or any(word[0] in each for each in near)


@pytest.mark.parametrize("name", SAMPLES)
def test_each_sample_is_a_prd(name: str) -> None:
    reading = holds(SAMPLES[name], f"prds/{name}")
    assert reading.ok
    assert reading.prd.requirements


@example("loans.yaml", [("d", 0, 0)] * 8, 57, False)
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    st.sampled_from(sorted(SAMPLES)),
    st.lists(st.tuples(st.sampled_from("dcsxiwobr"), st.integers(0, 400), st.integers(0, 400)), max_size=8),
    st.one_of(st.none(), st.integers(0, 4000)),
    st.booleans(),
)
def test_a_prd_of_any_form_that_was_mangled_is_read_and_its_lines_are_right(
    name: str, changes: list[tuple[str, int, int]], cut: int | None, crlf: bool
) -> None:
    lines = SAMPLES[name].split("\n")
    for change, first, second in changes:
        if not lines:
            break
        at, other = first % len(lines), second % len(lines)
        if change == "d":
            del lines[at : at + 1 + other % 3]
        elif change == "c":
            lines[other:other] = lines[at : at + 12]
        elif change == "s":
            lines[at], lines[other] = lines[other], lines[at]
        elif change == "x":
            lines[at] = lines[at][: other % (len(lines[at]) + 1)]
        elif change == "i":
            lines[at] = "  " + lines[at]
        elif change == "w":
            lines[at] = re.sub(r"\w+", "R2", lines[at], count=1)
        elif change == "o":
            lines.insert(at, ODD[other % len(ODD)])
        elif change == "b":
            lines = lines[at:] + lines[:at]
        else:
            lines[at] = lines[at].replace("1", "2")
    text = "\n".join(lines)
    text = text.encode()[:cut].decode("utf-8", "ignore") if cut is not None else text
    holds(text.replace("\n", "\r\n") if crlf else text, f"prds/{name}")


def test_a_thousand_requirements_are_planned_without_looking_at_each_pair() -> None:
    """The seconds are for `make bench` (`planning`); here each form only has to end."""
    from benchmarks.planning import FORMS, text

    for form in FORMS:
        prd = forms.read(text(form, 1000), f"prds/{form}").prd
        assert len(outline.decompose(prd, 0.25).tasks) == 1000
