"""Phases, waves, the critical path, and what is in no task: from the text of a PRD."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.inbox import forms, markdown
from orchestrator.model import Plan, Prd
from orchestrator.plan import outline, phases, waves
from orchestrator.plan.outlook import outlook
from orchestrator.show.console import plans

TABLE = "\n- AC1: it holds\n\n  | `{0}(n)` | => |\n  |---|---|\n  | 1 | 2 |\n  | 2 | 4 |\n"


def planned(*parts: tuple[str, str]) -> tuple[Prd, Plan]:
    """`parts`: (key, attribute lines)."""
    text = "# Sums\n\n## Requirements\n"
    for key, attributes in parts:
        text += f"\n### {key}: Do {key}\nModule: {key.lower()}.py\n{attributes}\n{TABLE.format(key.lower())}"
    prd, problems = markdown.parse(text, "prds/sums.md")
    assert prd, problems
    return prd, outline.decompose(prd, 0.25)


def keys(names: tuple[str, ...]) -> str:
    return " ".join(name.partition("#")[2] for name in names)


def test_earlier_phases_come_first_whatever_their_place_in_the_text() -> None:
    _, plan = planned(("R1", "Phase: 2"), ("R2", "Phase: 1"), ("R3", ""), ("R4", "Phase: phase 1 (walking)"))
    assert [(keys((task.id,)), task.phase) for task in plan.tasks] == [("R2", 1), ("R3", None), ("R4", 1), ("R1", 2)]
    assert phases.waits("sums", plan.tasks) == {
        "sums#R2": ("sums phase 1",), "sums#R4": ("sums phase 1",), "sums#R1": ("sums phase 2",),
    }  # fmt: skip


def test_what_needs_a_later_phase_is_done_there_and_that_is_said() -> None:
    prd, plan = planned(("R1", "Phase: 1\nDepends on: R2"), ("R2", "Phase: 2"), ("R3", "Phase: 1"), ("R4", "Depends on: R1"))
    assert {keys((task.id,)): task.phase for task in plan.tasks} == {"R1": 2, "R2": 2, "R3": 1, "R4": 2}
    assert phases.needs_later(prd, plan) == (("sums#R1", 1, 2),)


def test_a_phase_is_no_part_of_what_a_task_is_derived_from() -> None:
    (_, before), (_, after) = planned(("R1", "Phase: 1")), planned(("R1", "Phase: 3"))
    assert before.tasks[0].fingerprint == after.tasks[0].fingerprint
    assert (before.tasks[0].phase, after.tasks[0].phase) == (1, 3)


def test_a_phase_without_a_number_sets_the_prd_aside() -> None:
    prd, problems = markdown.parse("# S\n\n## Requirements\n\n### R1: Do\nModule: a.py\nPhase: soon\n" + TABLE.format("a"), "prds/s.md")
    assert prd is None
    assert [(problem.code, problem.line) for problem in problems if problem.severity == "error"] == [("no-phase-number", 7)]


def test_yaml_names_a_phase() -> None:
    text = "title: Sums\nrequirements:\n  - id: R1\n    title: Add\n    module: sums.py\n    phase: 2\n    criteria:\n      - text: two\n        examples:\n          - {call: add(1), gives: 2}\n"
    reading = forms.read(text, "prds/sums.yaml")
    assert reading.prd, reading
    assert [requirement.phase for requirement in reading.prd.requirements] == [2]


def test_waves_are_the_depth_of_the_graph_and_a_phase_begins_one() -> None:
    _, plan = planned(("R1", ""), ("R2", "Depends on: R1"), ("R3", ""), ("R4", "Depends on: R2, R3"), ("R5", "Depends on: R1"))
    found = waves.waves(plan)
    assert [keys(names) for names in found.waves] == ["R1 R3", "R2 R5", "R4"]
    assert keys(found.critical) == "R1 R2 R4"

    _, plan = planned(("R1", "Phase: 1"), ("R2", "Phase: 1\nDepends on: R1"), ("R3", "Phase: 2"), ("R4", ""), ("R5", "Phase: 3\nDepends on: R1"))
    found = waves.waves(plan)
    assert [keys(names) for names in found.waves] == ["R1 R4", "R2", "R3", "R5"]
    assert keys(found.critical) == "R1 R2 R3 R5"
    assert waves.waves(replace(plan, tasks=())) == waves.Waves((), ())


def test_the_tree_shows_phases_waves_the_critical_path_and_what_is_in_no_task() -> None:
    text = "# Sums\n\n## Requirements\n\n### R1: Add\nModule: sums.py\nPhase: 1\n" + TABLE.format("add")
    text += "\n### R2: Double\nModule: sums.py\nPhase: 2\n\n- AC1: it holds\n\n  ```python\n  >>> from sums import add, double\n  >>> double(add(1))\n  4\n  ```\n"
    text += "\n### NFR1: Be quick\n\n- AC1: nobody waits\n"
    prd, problems = markdown.parse(text, "prds/sums.md")
    assert prd, problems
    plan = outline.decompose(prd, 0.25)
    ahead = outlook(prd, plan, {}, (), "")
    said = plans.text((ahead,), {})
    assert said.splitlines() == [
        "sums  Sums  (prds/sums.md, project sums, 2 tasks, decomposer outline)",
        "│ phase 1",
        "│  wave 1",
        "├─ 1. sums#R1  Add  (critical path)  [new, would run]",
        "│     sums.py ← tests/test_sums_r1.py; 1 criteria, 2 examples",
        "│ phase 2",
        "│  wave 2",
        "└─ 2. sums#R2  Double  (critical path)  [new, would run]",
        "      sums.py ← tests/test_sums_r2.py; 1 criteria, 1 examples",
        "      after sums#R1 (inferred)",
        "critical path: R1 → R2 (2 of 2 tasks one after the other)",
        "in no task: sums#NFR1  Be quick  (prds/sums.md:28): non-functional, and no executable example says how one would see it",
        "no forecast: no task of this installation was finished yet",
    ]
    (entry,) = plans.as_json((ahead,), {})
    assert (entry["waves"], entry["critical_path"]) == ([["sums#R1"], ["sums#R2"]], ["sums#R1", "sums#R2"])
    assert entry["inferred_needs"] == {"sums#R2": ["sums#R1"]}
    assert [(item["id"], item["line"]) for item in entry["uncovered"]] == [("sums#NFR1", 28)]
    assert entry["phases"] == [{"number": 1, "title": ""}, {"number": 2, "title": ""}]


@pytest.mark.parametrize("most", [30])
def test_a_plan_of_thirty_requirements_is_one_that_can_be_read(most: int) -> None:
    prd, plan = planned(*((f"R{number}", f"Depends on: R{number // 2}" if number > 1 else "") for number in range(1, most + 1)))
    said = plans.text((outlook(prd, plan, {}, (), ""),), {}).splitlines()
    assert max(map(len, said)) <= 150
    assert sum("  wave " in line for line in said) == 5, "a binary tree of thirty is five deep"
    assert len(said) <= 1 + most * 3 + 5 + 2
