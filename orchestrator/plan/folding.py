"""What becomes of the answers of a planning agent: drafts, requirement by requirement, then what is added to the PRD. Pure."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orchestrator.model import Prd, Requirement
from orchestrator.plan import graph, outline, passes, rules, saved
from orchestrator.plan.answers import AskedPerson, CriteriaAnswer, CyclesAnswer, HintsAnswer, TaskAnswer, TasksAnswer
from orchestrator.plan.passes import Draft, Unit, level
from orchestrator.plan.rules import Atomic, Bunch, Piece
from orchestrator.plan.saved import PlannedRequirement, PlannedTask


def fold(prd: Prd, unit: Unit, answer: Any, open_: Mapping[str, Draft]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Take an answer that counts into the drafts. Returns the cycles of a first pass, (title, keys) each."""
    if isinstance(answer, CyclesAnswer):
        keys = {requirement.key for requirement in prd.requirements}
        for cycle in answer.cycles:
            for each in cycle.requirements:
                draft = open_[each.key]
                known = (*draft.depends_on, *draft.requirement.depends_on, each.key)
                draft.module = draft.module or ("" if draft.requirement.module else cycle.module)
                draft.depends_on += [name for name in dict.fromkeys(each.depends_on) if name in keys and name not in known]
        _ask(answer.questions, open_)
        return tuple((cycle.title, tuple(each.key for each in cycle.requirements)) for cycle in answer.cycles)
    if isinstance(answer, TasksAnswer):
        _fold_tasks(prd, unit, answer, open_)
    elif isinstance(answer, CriteriaAnswer):
        draft = open_[unit.keys[0]]
        for task in answer.tasks:
            draft.criteria[task.task - 1] = [" ".join(text.split()) for text in task.criteria]
        draft.questions += [text for text in answer.questions if text not in draft.questions]
    elif isinstance(answer, HintsAnswer):
        open_[unit.keys[0]].hints |= {each.task - 1: each.text.strip() for each in answer.hints}
    return ()


def _ask(questions: Iterable[AskedPerson], open_: Mapping[str, Draft]) -> None:
    for each in questions:
        if each.text not in open_[each.requirement].questions:
            open_[each.requirement].questions.append(each.text)


def _fold_tasks(prd: Prd, unit: Unit, answer: TasksAnswer, open_: Mapping[str, Draft]) -> None:
    place = {}
    for number, task in enumerate(answer.tasks, 1):
        draft = open_[task.requirement]
        place[number] = len(draft.tasks)
        names, texts = passes.keys_and_texts(draft.requirement, task)
        draft.tasks.append(task.model_copy(update={"criteria": names}))
        if texts:
            draft.criteria[place[number]] = list(texts)
    for number, task in enumerate(answer.tasks, 1):
        draft = open_[task.requirement]
        for other in passes.within(task, number, len(answer.tasks)):
            key = answer.tasks[other - 1].requirement
            if key == task.requirement:
                draft.within.setdefault(place[number], []).append(place[other])
            elif key not in (*draft.depends_on, *draft.requirement.depends_on):
                draft.depends_on.append(key)
        for package in _wished(prd, task.packages):
            text = (
                f"The plan wants the package `{package}`, which the PRD does not list. Add it under `dependencies:`, "
                f"or say in {task.requirement} that it is to be done without."
            )
            if text not in draft.questions:
                draft.questions.append(text)
    _ask(answer.questions, open_)


def _wished(prd: Prd, packages: Iterable[str]) -> list[str]:
    known = {outline.slug(re.split(r"[^\w.-]", name)[0]) for name in prd.dependencies} | {"pytest"}
    names = [re.split(r"[^\w.-]", name.strip())[0] for name in packages]
    return [name for name in dict.fromkeys(names) if name and outline.slug(name) not in known and name not in sys.stdlib_module_names]


def refused(unit: Unit, open_: Mapping[str, Draft], reason: str) -> None:
    """The question was not answered: say so where it matters."""
    said = {"cycles": "which requirements belong together", "tasks": "how to take it apart", "criteria": "what must hold", "hints": "hints"}[
        unit.kind
    ]
    for key in unit.keys:
        open_[key].notes.append(f"the planning agent was asked for {said}, without a usable answer: {reason}")


def finished(prd: Prd, open_: Mapping[str, Draft], by: str, atomic: Atomic) -> dict[str, PlannedRequirement]:
    """The additions that the drafts amount to: what is too large is taken apart, what could not be used is left out and said."""
    found = {key: _entry(prd, draft, by, atomic) for key, draft in open_.items()}
    while walk := [key for key in saved.circle(prd, found) if key in found and found[key].depends_on]:
        entry = found[walk[0]]
        note = f"dependencies that the plan added were left out, since they make a circle: {', '.join(entry.depends_on)}"
        found[walk[0]] = entry.model_copy(update={"depends_on": (), "notes": (*entry.notes, note)})
    return found


def _entry(prd: Prd, draft: Draft, by: str, atomic: Atomic) -> PlannedRequirement:
    requirement = draft.requirement
    bare = [number for number, task in enumerate(draft.tasks) if not task.criteria and not draft.criteria.get(number)]
    notes = [*draft.notes]
    if bare and len(draft.tasks) > 1:
        titles = ", ".join(f"“{draft.tasks[number].title}”" for number in bare)
        notes.append(f"nothing was said that would prove {titles}: left to the other tasks")
    kept = [number for number in range(len(draft.tasks)) if number not in bare]
    texts: list[str] = []
    planned: list[PlannedTask] = []
    ends: dict[int, list[int]] = {}
    for number in _in_order(kept, draft.within):
        task, added = draft.tasks[number], draft.criteria.get(number, [])
        names = [*task.criteria]
        for text in added:
            texts.append(text)
            names.append(saved.added_key(len(texts)))
        bunches = rules.split(_named(requirement, task, names, texts), atomic)
        before = tuple(place for other in draft.within.get(number, ()) for place in ends.get(other, ()))
        ends[number] = []
        for position, bunch in enumerate(bunches):
            tail = f" ({position + 1} of {len(bunches)})" if len(bunches) > 1 else ""
            previous = (len(planned),) if position else ()
            keys = tuple(each.key for each in bunch.pieces)
            planned.append(
                PlannedTask(
                    title=task.title[: 300 - len(tail)] + tail,
                    criteria=keys,
                    module=task.module,
                    exports=task.exports if len(bunches) == 1 else (),
                    tests=task.tests if len(bunches) == 1 else bunch.tests,
                    lines=bunch.lines,
                    depends_on=tuple(dict.fromkeys((*before, *previous))),
                    complexity="" if requirement.complexity else level(draft),
                    hints=draft.hints.get(number, ""),
                )
            )
            ends[number].append(len(planned))
    only = next((task.module for task in draft.tasks if task.module), "")
    entry = PlannedRequirement(
        fingerprint=outline.fingerprint([requirement]),
        by=by,
        module="" if requirement.module else draft.module or only,
        depends_on=tuple(dict.fromkeys(draft.depends_on)),
        criteria=tuple(texts),
        questions=tuple(draft.questions),
        tasks=tuple(planned),
        notes=tuple(notes),
    )
    if wrong := saved.problems(prd, requirement, entry):
        lost = f"the plan does not fit together and was left out: {'; '.join(wrong)}"
        return PlannedRequirement(fingerprint=entry.fingerprint, by=by, questions=entry.questions, notes=(*notes, lost[:1000]))
    return entry


def _named(requirement: Requirement, task: TaskAnswer, names: Sequence[str], texts: Sequence[str]) -> Bunch:
    known = {criterion.key: criterion for criterion in requirement.criteria}
    added = {saved.added_key(number): text for number, text in enumerate(texts, 1)}
    pieces = [
        rules.piece(known[name], rules.used(known[name])) if name in known else Piece(name, 1, frozenset(), len(added.get(name, "")))
        for name in names
    ]
    return Bunch(tuple(pieces), task.lines, len(task.exports))


def _in_order(kept: Sequence[int], within: Mapping[int, Sequence[int]]) -> list[int]:
    return [int(name) for name in graph.ordered({str(n): [str(other) for other in within.get(n, ()) if other in kept] for n in kept})]
