"""Thin criteria: what `orchestrator check` says about examples that do not pin down a rule."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from orchestrator.inbox import markdown
from orchestrator.model import Problem
from orchestrator.plan import outline, thin
from tests.conftest import Workplace

HEAD = "# Sums\n\n## Requirements\n\n### R1: Judge\nModule: sums.py\n\n"


def table(key: str, call: str, *rows: tuple[str, str]) -> str:
    return f"- {key}: it holds\n\n  | `{call}` | => |\n  |---|---|\n" + "".join(f"  | {given} | {answer} |\n" for given, answer in rows) + "\n"


def said(text: str, share: float = 0.25) -> tuple[Problem, ...]:
    prd, problems = markdown.parse(HEAD + text, "prds/sums.md")
    assert prd, problems
    return thin.notes(prd, outline.decompose(prd, share))


RICH = table("AC1", "f(n)", ("1", "2"), ("2", "4"), ("3", "6"), ("4", "8"), ("5", "10"))


def test_a_rule_with_many_answers_is_not_thin() -> None:
    assert said(RICH) == ()


def test_two_answers_that_both_come_often_are_not_thin() -> None:
    assert said(table("AC1", "f(n)", ("1", "True"), ("2", "False"), ("3", "True"), ("4", "False"))) == ()


THIN = {
    "two examples": (table("AC1", "f(n)", ("1", "2"), ("2", "4")), "`R1` is thin: AC1 (line 8): too few examples to hold one out (`f(?)` has 2)", "until three share `f(?)`"),
    "one example of each form": (
        table("AC1", "f(n)", ("1", "2")) + table("AC2", "g(n)", ("1", "2")),
        "AC1 (line 8), AC2 (line 14): too few examples to hold one out (`f(?)` has 1, `g(?)` has 1)",
        "until three share `f(?)`, and three share `g(?)`",
    ),
    "one answer": (
        table("AC1", "f(n)", ("1", "2"), ("2", "2"), ("3", "2"), ("4", "2")),
        "the visible examples of `f(?)` have one and the same answer",
        "add examples of `f(?)` with another answer",
    ),
    "a constant and a special case": (
        table("AC1", "f(n)", ("1", "True"), ("2", "True"), ("3", "True"), ("4", "True"), ("5", "False"), ("6", "True")),
        "AC1 (line 8): a constant and one special case satisfy the examples of `f(?)`",
        "more of the rarer one",
    ),
    "one raise among constants": (
        table("AC1", "f(n)", ("1", "True"), ("2", "True"), ("3", "True"), ("4", "True"), ("5", "ValueError: no")),
        "a constant and one special case",
        "with a third answer",
    ),
    "prose": (RICH + "- AC2: it is quick\n", "`R1` is thin: AC2 (line 18): prose only, so an agent must write its test", "add an example to the prose"),
    "much at once": (
        table("AC1", "f(n)", ("1", "2")) + "- AC2: it is quick\n- AC3: it is kind\n",
        "(`f(?)` has 1); AC2 (line 14), AC3 (line 15): prose only, so an agent must write their tests",
        "then one can be held out; add an example",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", THIN)
def test_a_thin_requirement_gets_one_note_that_says_what_to_add(name: str) -> None:
    text, message, hint = THIN[name]
    (note,) = said(text)
    assert (note.path, note.code, note.severity) == ("prds/sums.md", "thin-criterion", "note")
    assert message in note.message
    assert hint in note.hint


def test_examples_of_one_form_count_over_criteria() -> None:
    assert said(table("AC1", "f(n)", ("1", "2"), ("2", "4")) + table("AC2", "f(n)", ("3", "6"), ("4", "8"))) == ()


def test_each_requirement_has_a_note_of_its_own() -> None:
    other = table("AC1", "g(n)", ("1", "2")).join(("### R2: More\nModule: sums.py\n\n", ""))
    notes = said(table("AC1", "f(n)", ("1", "2")) + other)
    assert [note.message.split()[0] for note in notes] == ["`R1`", "`R2`"]


def test_a_held_out_example_that_differs_does_not_make_visible_ones_rich() -> None:
    prd, _ = markdown.parse(HEAD + table("AC1", "f(n)", ("1", "2"), ("2", "2"), ("3", "3")), "prds/sums.md")
    assert prd
    plan = outline.decompose(prd, 0.0)
    (task,) = plan.tasks
    (requirement,) = task.requirements
    (criterion,) = requirement.criteria
    hidden = replace(criterion, examples=tuple(replace(each, held_out=each.expected == "3") for each in criterion.examples))
    plan = replace(plan, tasks=(replace(task, requirements=(replace(requirement, criteria=(hidden,)),)),))
    (note,) = thin.notes(prd, plan)
    assert "one and the same answer" in note.message


def test_check_says_it_and_a_run_does_not(place: Workplace) -> None:
    place.prd("sums", HEAD + table("AC1", "f(n)", ("1", "2"), ("2", "4")))
    place.agent("def turn(brief, folder):\n    (folder / 'sums.py').write_text('def f(n):\\n    return n * 2\\n')\n")
    checked = place.command("check")
    assert checked.returncode == 0
    assert "prds/sums.md:8: note: `R1` is thin" in checked.stdout
    assert "1 problem or note" in checked.stdout
    problems = json.loads(place.command("check", "--json").stdout)["problems"]
    assert [problem["code"] for problem in problems] == ["thin-criterion"]
    done = place.run()
    assert done.returncode == 0
    assert "is thin" not in done.stdout
