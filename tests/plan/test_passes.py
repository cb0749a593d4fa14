"""Whatever a planning agent answers: the plan is valid, and never smaller than the PRD."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.inbox import markdown
from orchestrator.model import Plan, Prd
from orchestrator.plan import answers, folding, graph, outline, passes, saved
from orchestrator.plan.passes import Draft, Unit
from orchestrator.plan.rules import Atomic
from orchestrator.plan.saved import PlannedRequirement, PlannedTask

ATOMIC = Atomic()

TEXT = """# Library

## Requirements

### R1: Keep a shelf

Books are kept on a shelf.

### R2: Lend a book

Depends on: R1

- AC1: a book on the shelf can be lent
- AC2: a book on loan cannot be lent
- AC3: whoever lends is written down
- AC4: the day is written down
- AC5: a lent book is not on the shelf
- AC6: at most three books each
- AC7: a member is asked for the card

### R3: Fines

Module: fines.py

- AC1: the first week is free

  ```python
  >>> from fines import fine
  >>> fine(7)
  0
  >>> fine(8)
  1
  ```

### R4: Print a slip

It is printed.
"""


def prd_of(text: str = TEXT) -> Prd:
    prd, problems = markdown.parse(text, "prds/library.md")
    assert prd is not None, problems
    return prd


PRD = prd_of()
KEYS = st.sampled_from(["R1", "R2", "R3", "R4", "R9", ""])
CRITERIA = st.sampled_from(["AC1", "AC2", "AC3", "AC4", "AC5", "AC6", "AC7", "AC9", "I1", ""])
MODULES = st.sampled_from(["", "shelf.py", "library/loans.py", "/etc/passwd", "../x.py", "a b.py", "fines.py", "x" * 400])
NUMBERS = st.one_of(st.integers(-1, 6), st.none(), st.text(max_size=2))
TEXTS = st.sampled_from(["", "a book is lent", "a book on the shelf can be lent", "given a shelf, when asked, then it answers", "x" * 3000, "\0"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
QUESTIONS = st.lists(st.fixed_dictionaries({"requirement": KEYS, "text": TEXTS}) | TEXTS, max_size=2)
TASK = st.fixed_dictionaries(
    {"requirement": KEYS, "title": TEXTS},
    optional={
        "criteria": st.lists(CRITERIA, max_size=8),
        "module": MODULES,
        "exports": st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), max_size=5),
        "tests": NUMBERS,
        "lines": st.integers(0, 1000),
        "depends_on": st.lists(st.integers(0, 5), max_size=3),
        "packages": st.lists(st.sampled_from(["requests", "json", ""]), max_size=2),
    },
)
NONSENSE: Mapping[str, st.SearchStrategy[Any]] = {
    "cycles": st.fixed_dictionaries(
        {
            "cycles": st.lists(
                st.fixed_dictionaries(
                    {
                        "module": MODULES,
                        "requirements": st.lists(KEYS | st.fixed_dictionaries({"key": KEYS, "depends_on": st.lists(KEYS, max_size=2)}), max_size=4),
                    }
                ),
                max_size=3,
            ),
            "questions": QUESTIONS,
        }
    ),
    "tasks": st.fixed_dictionaries({"tasks": st.lists(TASK, max_size=6), "questions": QUESTIONS}),
    "criteria": st.fixed_dictionaries(
        {
            "tasks": st.lists(st.fixed_dictionaries({"task": st.integers(0, 4), "criteria": st.lists(TEXTS, max_size=4)}), max_size=4),
            "questions": st.lists(TEXTS, max_size=2),
        }
    ),
    "hints": st.fixed_dictionaries({"hints": st.lists(st.fixed_dictionaries({"task": st.integers(0, 4), "text": TEXTS}), max_size=3)}),
}


def sense(draw: st.DrawFn, unit: Unit, open_: Mapping[str, Draft]) -> Any:
    """An answer that mostly counts."""
    if unit.kind == "cycles":
        return {"cycles": [{"module": draw(st.sampled_from(["", "shelf.py"])), "requirements": list(unit.keys)}]}
    if unit.kind == "tasks":
        found: list[dict[str, Any]] = []
        for key in unit.keys:
            names = [criterion.key for criterion in open_[key].requirement.criteria]
            cut = draw(st.integers(0, len(names)))
            for part in [names[:cut], names[cut:]]:
                if part or draw(st.booleans()):
                    given_ = {
                        "module": "lib.py",
                        "exports": draw(st.lists(st.sampled_from("abcdef"), max_size=6)),
                        "lines": draw(st.integers(0, 400)),
                    }
                    earlier = draw(st.lists(st.integers(1, len(found)), max_size=2)) if found else []
                    found.append({"requirement": key, "title": f"part of {key}", "criteria": part, "depends_on": earlier, **given_})
            if not any(task["requirement"] == key for task in found):
                found.append({"requirement": key, "title": f"all of {key}", "criteria": names, "module": "lib.py"})
        return {"tasks": found}
    tasks = range(1, len(open_[unit.keys[0]].tasks) + 1)
    if unit.kind == "criteria":
        bare = [number for number in tasks if not open_[unit.keys[0]].tasks[number - 1].criteria]
        return {"tasks": [{"task": n, "criteria": [f"{n}: f({i}) is {i}" for i in range(draw(st.integers(1, 7)))]} for n in bare]}
    return {"hints": [{"task": number, "text": "use a dict"} for number in tasks]}


@st.composite
def answered(draw: st.DrawFn) -> dict[str, PlannedRequirement]:
    """What is made of some agent's answers."""
    open_ = passes.drafts(PRD, {}, ATOMIC)
    cycles: list[tuple[str, tuple[str, ...]]] = []
    for unit in passes.cycle_units(PRD, open_):
        cycles += one(draw, unit, open_)
    for unit in passes.task_units(PRD, open_, cycles):
        one(draw, unit, open_)
    for units in (passes.criteria_units, passes.hint_units):
        for unit in units(open_):
            one(draw, unit, open_)
    return folding.finished(PRD, open_, "somebody", ATOMIC)


def one(draw: st.DrawFn, unit: Unit, open_: dict[str, Draft]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    given_ = draw(st.sampled_from(["sense", "sense", "nonsense", "anything", "cut"]))
    value = sense(draw, unit, open_) if given_ in ("sense", "cut") else draw(NONSENSE[unit.kind] if given_ == "nonsense" else ANYTHING)
    text = json.dumps(value)
    text = text[: draw(st.integers(0, len(text)))] if given_ == "cut" else text
    answer, problems = answers.read(unit.kind, draw(st.sampled_from(["{}", "```json\n{}\n```", "Here:\n{}\nDone."])).replace("{}", text))
    if problems or (wrong := passes.check(PRD, unit, answer, open_, ATOMIC).wrong):
        folding.refused(unit, open_, "; ".join(problems or wrong))
        return ()
    return folding.fold(PRD, unit, answer, open_)


def stated(prd: Prd) -> Counter[str]:
    return Counter(f"{criterion.id}: {criterion.text}" for requirement in prd.requirements for criterion in requirement.criteria)


def planned(plan: Plan) -> Counter[str]:
    return Counter(f"{criterion.id}: {criterion.text}" for task in plan.tasks for criterion in task.criteria)


@settings(max_examples=150, deadline=None)
@given(answered())
def test_whatever_is_answered_the_plan_is_valid_and_never_smaller_than_the_prd(entries: dict[str, PlannedRequirement]) -> None:
    assert outline.valid(PRD, entries) == entries
    plan = outline.decompose(PRD, 0.25, entries)
    assert not stated(PRD) - planned(plan), "a criterion of the PRD is gone"
    assert max(planned(plan).values()) == 1
    added = planned(plan) - stated(PRD)
    assert all(criterion.inferred for task in plan.tasks for criterion in task.criteria if f"{criterion.id}: {criterion.text}" in added)
    examples = [example.id for requirement in PRD.requirements for criterion in requirement.criteria for example in criterion.examples]
    assert sorted(example.id for task in plan.tasks for example in task.examples) == sorted(examples)
    assert {requirement.id for task in plan.tasks for requirement in task.requirements} == {requirement.id for requirement in PRD.requirements}
    graph.ordered({task.id: task.depends_on for task in plan.tasks})
    assert not graph.dangling({task.id: task.depends_on for task in plan.tasks})
    assert [task.module for requirement in plan.tasks for task in requirement.requirements if task.key == "R3"] == ["fines.py"]
    assert len({task.test_file for task in plan.tasks}) == len({task.id for task in plan.tasks}) == len(plan.tasks)


def folded(*values: tuple[str, Any]) -> tuple[dict[str, Draft], list[str]]:
    """Answers to the units in order, and what was wrong with any."""
    open_ = passes.drafts(PRD, {}, ATOMIC)
    wrong: list[str] = []
    for kind, value in values:
        units = {"tasks": passes.task_units(PRD, open_, ()), "criteria": passes.criteria_units(open_), "hints": passes.hint_units(open_)}[kind]
        answer, problems = answers.read(kind, json.dumps(value))  # type: ignore[arg-type]
        checked = passes.check(PRD, units[0], answer, open_, ATOMIC) if not problems else passes.Checked(problems)
        wrong += checked.wrong
        if not checked.wrong:
            folding.fold(PRD, units[0], answer, open_)
    return open_, wrong


def test_only_what_the_prd_leaves_open_is_asked_about() -> None:
    assert list(passes.drafts(PRD, {}, ATOMIC)) == ["R1", "R2", "R4"]
    why = passes.why(PRD.requirements[1], ATOMIC)
    assert why == ("no module is named", "it is larger than a task should be: 7 criteria, at most 5")
    assert passes.why(PRD.requirements[2], ATOMIC) == ()


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ([], "at least 1 item"),
        ([{"requirement": "R1", "title": "shelf", "module": "a.py"}], "the requirement `R2` is left out"),
        ([{"requirement": "R3", "title": "fines"}], "the requirement `R3` was not asked about"),
        ([{"requirement": "R7", "title": "?"}], "the requirement `R7` does not exist"),
        ([{"requirement": "R2", "title": "lend", "module": "a.py", "criteria": ["AC1"]}], "R2: the criterion `AC7` is left out"),
        ([{"requirement": "R1", "title": "shelf"}], "names no module, and the PRD names none"),
        ([{"requirement": "R1", "title": "shelf", "module": "../a.py"}], "`../a.py` is no relative path of a Python file"),
    ],
)
def test_what_is_wrong_with_an_answer_is_said_by_name(tasks: list[Any], said: str) -> None:
    _, wrong = folded(("tasks", {"tasks": tasks}))
    assert any(said in each for each in wrong), wrong


def test_a_task_that_is_too_large_is_taken_apart_and_keeps_its_order() -> None:
    every = {"requirement": "R2", "title": "lend", "module": "a.py", "criteria": [f"AC{number}" for number in range(1, 8)]}
    shelf, slip = ({"requirement": key, "title": key, "module": "a.py"} for key in ("R1", "R4"))
    open_, wrong = folded(("tasks", {"tasks": [shelf, every, slip]}))
    assert wrong == []
    entry = folding.finished(PRD, open_, "somebody", ATOMIC)["R2"]
    assert [task.criteria for task in entry.tasks] == [("AC1", "AC2", "AC3", "AC4"), ("AC5", "AC6", "AC7")]
    assert [task.title for task in entry.tasks] == ["lend (1 of 2)", "lend (2 of 2)"]
    assert [task.depends_on for task in entry.tasks] == [(), (1,)]
    plan = outline.decompose(PRD, 0.0, {"R2": entry})
    mine = [task for task in plan.tasks if task.id.startswith("library#R2")]
    assert [task.id for task in mine] == ["library#R2", "library#R2/2"]
    assert mine[1].depends_on == ("library#R1", "library#R2")


def test_a_text_in_place_of_a_key_is_taken_and_what_the_prd_lacks_is_a_proposal() -> None:
    every = [" ".join(criterion.text.split()).upper() for criterion in PRD.requirements[1].criteria]
    shelf = {"requirement": "R1", "title": "shelf", "module": "a.py", "criteria": ["Shelf().put(t) keeps t", "AC1"], "depends_on": [1, 7]}
    lend, slip = ({"requirement": key, "title": key, "module": "a.py", "criteria": names} for key, names in (("R2", every), ("R4", [])))
    open_, wrong = folded(("tasks", {"tasks": [shelf, lend, slip]}))
    assert wrong == []
    entries = folding.finished(PRD, open_, "somebody", ATOMIC)
    assert (entries["R1"].criteria, entries["R1"].tasks[0].criteria) == (("Shelf().put(t) keeps t",), ("I1",))
    assert [name for task in entries["R2"].tasks for name in task.criteria] == [f"AC{number}" for number in range(1, 8)]
    assert [unit.keys for unit in passes.criteria_units(open_)] == [("R4",)]


def test_a_package_that_is_wished_for_is_a_question_to_a_person_at_that_requirement() -> None:
    tasks = [{"requirement": key, "title": key, "module": "a.py", "criteria": []} for key in ("R1", "R4")]
    tasks.insert(
        1, {"requirement": "R2", "title": "lend", "module": "a.py", "criteria": [f"AC{n}" for n in range(1, 8)], "packages": ["requests", "json"]}
    )
    open_, wrong = folded(("tasks", {"tasks": tasks}))
    entries = folding.finished(PRD, open_, "somebody", ATOMIC)
    assert wrong == []
    [question] = entries["R2"].questions
    assert "`requests`" in question
    asked = [task for task in outline.decompose(PRD, 0.0, entries).tasks if task.question and "requests" in task.question.text]
    assert [task.requirements[0].key for task in asked] == ["R2", "R2"]
    assert asked[0].question is not None
    assert asked[0].question.lines[0] == PRD.requirements[1].line


def test_an_addition_counts_only_for_the_requirement_as_it_was_worded() -> None:
    entry = PlannedRequirement(fingerprint=outline.fingerprint([PRD.requirements[0]]), module="shelf.py", criteria=("Shelf() is empty",))
    assert outline.valid(PRD, {"R1": entry}) == {"R1": entry}
    edited = prd_of(TEXT.replace("Books are kept on a shelf.", "Books are kept on two shelves."))
    assert outline.valid(edited, {"R1": entry}) == {}
    moved = prd_of(TEXT.replace("# Library\n", "# Library\n\nMore words in front.\n"))
    assert outline.valid(moved, {"R1": entry}) == {"R1": entry}


def test_what_the_prd_says_itself_is_never_replaced() -> None:
    fines = PRD.requirements[2]
    mark = outline.fingerprint([fines])
    [said] = saved.problems(PRD, fines, PlannedRequirement(fingerprint=mark, module="other.py"))
    assert said == "R3: the PRD says `Module: fines.py`; the plan may not say `other.py`"
    wrong = PlannedRequirement(fingerprint=mark, tasks=(PlannedTask(criteria=("AC1",)), PlannedTask(criteria=("AC1", "AC2"))))
    assert [text.partition(":")[2] for text in saved.problems(PRD, fines, wrong)] == [
        " the criterion `AC1` belongs to 2 tasks; it belongs to exactly one",
        " a task names the criterion `AC2`, which R3 does not have (AC1)",
    ]


def test_dependencies_that_make_a_circle_are_left_out_and_said() -> None:
    entries = {
        key: PlannedRequirement(fingerprint=outline.fingerprint([requirement]), depends_on=(other,))
        for requirement, key, other in ((PRD.requirements[0], "R1", "R4"), (PRD.requirements[3], "R4", "R1"))
    }
    kept = outline.valid(PRD, entries)
    assert sum(bool(entry.depends_on) for entry in kept.values()) == 1
    outline.decompose(PRD, 0.0, kept)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is no JSON"),
        ("I cannot do that.", "it is no JSON"),
        ('{"tasks": [{"requirement": "R1", ', "it ends in the middle"),
        ("[1, 2]", "a JSON object is expected, found [1, 2]"),
        ('{"tasks": [{"title": "x"}]}', "`tasks.0.requirement`: field required"),
        ('{"tasks": "all"}', "`tasks`: input should be a valid tuple"),
    ],
)
def test_an_answer_that_is_none_is_refused_in_words(text: str, said: str) -> None:
    answer, problems = answers.read("tasks", text)
    assert answer is None
    assert any(said in problem for problem in problems), problems


def test_a_task_across_modules_without_examples_of_both_is_noted() -> None:
    across = TEXT.replace("Module: fines.py\n", "Module: desk.py\n").replace(
        "- AC1: the first week is free", "- AC2: it is printed\n- AC1: the first week is free"
    )
    notes = [note for note in outline.decompose(prd_of(across), 0.0).notes if note.code == "plan-boundary"]
    assert [note.message.partition(",")[0] for note in notes] == ["library#R3: it spans desk.py"]
    assert not [note for note in outline.decompose(PRD, 0.0).notes if note.code == "plan-boundary"]


def test_two_tasks_never_share_a_test_file() -> None:
    prd = prd_of(TEXT.replace("### R4: Print a slip", "### R2.2: Print a slip"))
    lend = next(each for each in prd.requirements if each.key == "R2")
    halves = (PlannedTask(criteria=("AC1", "AC2", "AC3")), PlannedTask(criteria=("AC4", "AC5", "AC6", "AC7")))
    entry = PlannedRequirement(fingerprint=outline.fingerprint([lend]), module="loans.py", tasks=halves)
    files = [task.test_file for task in outline.decompose(prd, 0.0, {"R2": entry}).tasks]
    assert len(set(files)) == len(files) == 5
    assert "tests/test_library_r2_2.py" in files
