"""What a planning agent is told: the requirements whole, what is open about them, and never an expected value."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.config import Config
from orchestrator.model import Export, Module, Task
from orchestrator.plan import passes
from orchestrator.plan.answers import TaskAnswer
from orchestrator.run import planning
from orchestrator.run.agents import Agent
from orchestrator.run.bench import Journal
from tests.plan.test_passes import ATOMIC, TEXT, prd_of

SECRET = "a value that only the oracle may know"
PRD = replace(
    prd_of(TEXT.replace("fine(8)\n  1", f"fine(8)\n  '{SECRET}'").replace("Module: fines.py\n", "")),
    modules=(Module("loans.py", 3, (Export("lend", "function"),)), Module("fines.py", 4)),
)


def nobody(task: Task) -> tuple[Agent, ...]:
    raise AssertionError(task.id)


def no_journal(task: Task) -> Journal:
    raise AssertionError(task.id)


DESK = planning.Desk(PRD, Config(), nobody, no_journal, existing=("library/old.py",))


def brief_of(unit: passes.Unit, open_: dict[str, passes.Draft], told: tuple[str, ...] = ()) -> str:
    brief = planning.render(DESK, unit, planning.task_of(PRD, unit), 1, told, open_)
    assert brief.writable == ("plan.json",)
    assert brief.role == brief.step == "plan"
    assert SECRET not in brief.text
    return brief.text


def test_every_question_is_put_with_what_it_is_about() -> None:
    open_ = passes.drafts(PRD, {}, ATOMIC)
    [cycles] = passes.cycle_units(PRD, open_)
    text = brief_of(cycles, open_, ("the requirement `R4` is left out",))
    assert "Each of `R1`, `R2`, `R4` stands in exactly one cycle" in text
    assert "What the document leaves open: no module is named; it is larger than a task should be: 7 criteria, at most 5." in text
    assert "- `loans.py`: `lend`" in text
    assert "- `library/old.py`" in text
    assert "## What was wrong with the last answer\n\n- the requirement `R4` is left out" in text
    [tasks] = passes.task_units(PRD, open_, (("Lending", ("R2", "R1", "R4")),))
    text = brief_of(tasks, open_)
    assert text.startswith("# Plan: small tasks for Lending\n")
    assert "- R3: Fines" in text, "what is planned already is named"
    assert "- AC7: a member is asked for the card" in text
    open_["R1"].tasks = [
        TaskAnswer(requirement="R1", title="put", module="loans.py", exports=("Shelf",)),
        TaskAnswer(requirement="R1", title="look up"),
    ]
    open_["R1"].criteria = {0: ["Shelf().put(title) keeps it"]}
    [criteria] = passes.criteria_units(open_)
    text = brief_of(criteria, open_)
    assert "1. put (`loans.py`), makes `Shelf`; its criteria: Shelf().put(title) keeps it" in text
    assert "2. look up; **it has no criterion yet**" in text
    assert '{"tasks": [{"task": 2, "criteria"' in text
    hints = passes.Unit("hints", ("R1",), "0" * 64)
    assert "1. put (`loans.py`); its criteria: Shelf().put(title) keeps it" in brief_of(hints, open_)
