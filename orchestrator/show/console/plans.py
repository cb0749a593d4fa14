"""`orchestrator plan`: every plan as a tree, and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from orchestrator.model import Task
from orchestrator.plan import outlook, phases
from orchestrator.plan.outlook import Outlook
from orchestrator.plan.waves import inferred_needs
from orchestrator.show import forecasts
from orchestrator.show.console.terminal import safe, would

SHOWN = 8
"""Steps of a critical path that are named; of a longer one the first and the last."""

States = Mapping[str, tuple[str, str]]


def text(found: Sequence[Outlook], states: States, worded: Mapping[str, Task] = {}) -> str:
    """A tree per PRD: phases, waves, tasks with files and examples, what they wait for, and what would run; what is in no task; the forecast."""
    if not found:
        return "nothing to plan: no PRD in the folder is ready"
    parts = ["\n".join([*_tree(each, states, worded), *_below(each)]) for each in found]
    due = [each for each in found if each.due]
    if len(due) > 1:
        parts.append("\n".join(f"all {len(due)} PRDs: {line}" for line in forecasts.lines(outlook.together(due))))
    return safe("\n\n".join(parts))


def _tree(each: Outlook, states: States, worded: Mapping[str, Task]) -> list[str]:
    prd, plan = each.prd, each.plan
    lines = [f"{prd.id}  {prd.title}  ({prd.path}, project {prd.project}, {len(plan.tasks)} tasks, decomposer {plan.decomposer})"]
    waves, critical = each.waves.numbers, {*each.waves.critical} if len(each.waves.critical) > 1 else set()
    guessed = inferred_needs(plan)
    positions = {task.id: number for number, task in enumerate(plan.tasks, 1)}
    ordered = sorted(plan.tasks, key=lambda task: (task.phase or 0, waves[task.id], positions[task.id]))
    before: tuple[int | None, int] = (None, 0)
    if phases.numbers(plan.tasks) and ordered[0].phase is None:
        lines.append("│ in no phase")
    for number, task in enumerate(ordered, 1):
        if task.phase is not None and task.phase != before[0]:
            lines.append(f"│ {phases.title(prd.phases, task.phase)}")
        if len(each.waves.waves) > 1 and waves[task.id] != before[1]:
            wave = each.waves.waves[waves[task.id] - 1]
            lines.append(f"│  wave {waves[task.id]}" + (f": {len(wave)} side by side" if len(wave) > 1 else ""))
        before = (task.phase, waves[task.id])
        last = number == len(ordered)
        lines += _task(
            task, positions[task.id], would(task, states, worded), last=last, critical=task.id in critical, guessed=guessed.get(task.id, ())
        )
    return lines


def _task(task: Task, position: int, said: str, *, last: bool, critical: bool, guessed: tuple[str, ...]) -> list[str]:
    marks = ("  (inferred)" if task.inferred else "") + ("  (critical path)" if critical else "")
    lines = [f"{'└' if last else '├'}─ {position}. {task.id}  {task.goal}{marks}  [{said}]"]
    bar = "   " if last else "│  "
    held = sum(example.held_out for example in task.examples)
    examples = f"{len(task.examples)} examples" + (f", {held} of them held out" if held else "")
    inferred = sum(criterion.inferred for criterion in task.criteria)
    criteria = f"{len(task.criteria)} criteria" + (f" ({inferred} inferred)" if inferred else "")
    lines.append(f"{bar}   {', '.join(task.files) or 'no module'} ← {task.test_file}; {criteria}, {examples}")
    if task.depends_on:
        lines.append(f"{bar}   after {', '.join(f'{name} (inferred)' if name in guessed else name for name in task.depends_on)}")
    if task.question:
        lines.append(f"{bar}   needs a person: {task.question.text}")
    return lines


def _below(each: Outlook) -> list[str]:
    lines = []
    critical = [name.partition("#")[2] for name in each.waves.critical]
    if len(critical) > 1:
        shown = critical if len(critical) <= SHOWN else [*critical[: SHOWN - 2], "…", critical[-1]]
        lines.append(f"critical path: {' → '.join(shown)} ({len(critical)} of {len(each.plan.tasks)} tasks one after the other)")
    lines += [f"in no task: {item.id}  {item.title}  ({each.prd.path}:{item.line}): {item.why}" for item in each.uncovered]
    for name, own, now in phases.needs_later(each.prd, each.plan):
        lines.append(f"{name} is in phase {own} and depends on what is done in phase {now}: it is done there")
    return [*lines, *(forecasts.lines(each.forecasts) if each.due else ["nothing would run"])]


def as_json(found: Sequence[Outlook], states: States, worded: Mapping[str, Task] = {}) -> list[dict[str, Any]]:
    """One entry for each plan, with everything that `text` shows. Ranges of several PRDs add up."""
    return [
        asdict(each.plan)
        | {
            "would": {task.id: would(task, states, worded) for task in each.plan.tasks},
            "path": each.prd.path,
            "waves": [list(names) for names in each.waves.waves],
            "critical_path": list(each.waves.critical),
            "phases": [{"number": number, "title": _title(each, number)} for number in phases.numbers(each.plan.tasks)],
            "inferred_needs": {name: list(needs) for name, needs in inferred_needs(each.plan).items()},
            "uncovered": [asdict(item) for item in each.uncovered],
            "forecast": [asdict(item) for item in each.forecasts],
        }
        for each in found
    ]


def _title(each: Outlook, number: int) -> str:
    return next((phase.title for phase in each.prd.phases if phase.number == number), "")
