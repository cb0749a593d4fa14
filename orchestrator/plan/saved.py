"""The plan file of a PRD: what a planning agent or a person added to what the PRD says. Pure.

An addition belongs to one requirement as it is worded: when that changes, it counts no longer and is asked for anew, and nothing else is. What the
PRD says itself (modules, criteria, dependencies, examples) can be added to and never be replaced. Everything that is added is marked inferred.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.model import Criterion, Prd, Question, Requirement
from orchestrator.plan import graph

MODULE = re.compile(r"(?!.*\.\.)[A-Za-z_][\w.-]*(?:/[A-Za-z_][\w.-]*)*\.py")
"""A file that a task may be about: a relative path to a Python file."""
ADDED = "I"
"""Keys of criteria that were added: `I1`, `I2`, …"""
MOST_ADDED = 20
"""Criteria that may be added to one requirement."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class PlannedTask(_Part):
    """One of the tasks that a requirement was taken apart into."""

    title: str = Field("", max_length=300)
    criteria: tuple[str, ...] = ()
    """Keys: `AC1`, or `I1` for one that was added."""
    module: str = Field("", max_length=300)
    """The file it is about; '' is the requirement's."""
    exports: tuple[str, ...] = ()
    """Names that it makes."""
    tests: int | None = Field(None, ge=0, le=10_000)
    """How many tests are expected."""
    lines: int | None = Field(None, ge=0, le=1_000_000)
    """How many lines of code are expected."""
    depends_on: tuple[int, ...] = ()
    """Positions (from 1) of tasks of the same requirement."""
    complexity: str = Field("", pattern=r"^(low|medium|high)?$")
    hints: str = Field("", max_length=6000)
    """How it might be built."""


class PlannedRequirement(_Part):
    """What was added to one requirement."""

    fingerprint: str
    """Of the requirement as the PRD words it; another one means that it counts no longer."""
    by: str = ""
    """Who added it: an agent's name and model, or `person`."""
    module: str = Field("", max_length=300)
    depends_on: tuple[str, ...] = ()
    """Keys of requirements."""
    criteria: tuple[str, ...] = ()
    """Texts of criteria."""
    questions: tuple[str, ...] = ()
    """What a person must answer first."""
    tasks: tuple[PlannedTask, ...] = ()
    """Empty: the requirement is one task."""
    notes: tuple[str, ...] = ()
    """What could not be planned, and why."""


class PlanFile(_Part):
    """`plans/<prd>.yaml` of a project."""

    prd: str
    made_at: str = ""
    requirements: dict[str, PlannedRequirement] = {}
    """By key."""
    approved: dict[str, str] = {}
    """Task id → the fingerprint that a person agreed to."""
    cleared: int = Field(0, ge=0)
    """How often it was forgotten: what was answered before that is not replayed."""


@dataclass(frozen=True)
class Part:
    """One of several tasks of a requirement, as the outline takes it."""

    title: str
    criteria: tuple[str, ...]
    """Keys."""
    module: str = ""
    depends_on: tuple[int, ...] = ()
    """Positions, from 0."""
    complexity: str = ""
    hints: str = ""
    exports: tuple[str, ...] = ()
    inferred: bool = False


def added_key(number: int) -> str:
    """The key of the criterion of that number (from 1) that was added."""
    return f"{ADDED}{number}"


def is_added(requirement: Requirement, criterion: Criterion) -> bool:
    """Whether the plan, and not the PRD, says a criterion of a requirement as it was planned."""
    return "criteria" in requirement.added and criterion.inferred and re.fullmatch(rf"{ADDED}\d+", criterion.key) is not None


def keys_of(requirement: Requirement, added: Iterable[str]) -> tuple[str, ...]:
    """Keys of all its criteria, the PRD's first."""
    return (*(criterion.key for criterion in requirement.criteria), *(added_key(number) for number, _ in enumerate(added, 1)))


def problems(prd: Prd, requirement: Requirement, entry: PlannedRequirement) -> tuple[str, ...]:
    """Why an addition may not be made, one sentence each; empty when it may."""
    key, found = requirement.key, []
    others = {each.key for each in prd.requirements} - {key}
    stated = {module.path for module in prd.modules}
    modules = [entry.module, *(task.module for task in entry.tasks)]
    for module in dict.fromkeys(module for module in modules if module):
        if not MODULE.fullmatch(module):
            found.append(f"{key}: `{module}` is no relative path of a Python file")
        elif requirement.module and module != requirement.module:
            found.append(f"{key}: the PRD says `Module: {requirement.module}`; the plan may not say `{module}`")
        elif stated and not requirement.module and module not in stated:
            found.append(f"{key}: `{module}` is not in the module structure of the PRD ({', '.join(sorted(stated)[:12])})")
    found += [f"{key}: it depends on `{name}`, which is no other requirement of the PRD" for name in entry.depends_on if name not in others]
    texts = [*(" ".join(criterion.text.split()) for criterion in requirement.criteria)]
    for text in (" ".join(text.split()) for text in entry.criteria):
        if not text:
            found.append(f"{key}: an added criterion is empty")
        elif text in texts:
            found.append(f"{key}: the criterion “{text[:80]}” is there already")
        texts.append(text)
    if len(entry.criteria) > MOST_ADDED:
        found.append(f"{key}: {len(entry.criteria)} added criteria; at most {MOST_ADDED}")
    found += [f"{key}: a question is empty" for text in entry.questions if not text.strip()]
    if entry.tasks:
        found += _task_problems(requirement, entry)
    return tuple(found)


def _task_problems(requirement: Requirement, entry: PlannedRequirement) -> list[str]:
    key, found = requirement.key, []
    wanted = keys_of(requirement, entry.criteria)
    given = [name for task in entry.tasks for name in task.criteria]
    for name in dict.fromkeys(given):
        if name not in wanted:
            found.append(f"{key}: a task names the criterion `{name}`, which {key} does not have ({', '.join(wanted) or 'it has none'})")
        elif given.count(name) > 1:
            found.append(f"{key}: the criterion `{name}` belongs to {given.count(name)} tasks; it belongs to exactly one")
    if lost := [name for name in wanted if name not in given]:
        found.append(f"{key}: no task has {', '.join(lost)}; each criterion belongs to exactly one")
    for number, task in enumerate(entry.tasks, 1):
        if not task.criteria and len(entry.tasks) > 1:
            found.append(f"{key}: its task {number} has no criterion, so nothing would prove it")
        wrong = [other for other in task.depends_on if not 1 <= other <= len(entry.tasks) or other == number]
        found += [f"{key}: its task {number} depends on task {other}, of {len(entry.tasks)}" for other in wrong]
    edges = {str(number): [str(other) for other in task.depends_on] for number, task in enumerate(entry.tasks, 1)}
    if not found:
        try:
            graph.ordered(edges)
        except graph.CycleError as error:
            found.append(f"{key}: its tasks depend on each other in a circle: {error}")
    return found


def circle(prd: Prd, entries: Mapping[str, PlannedRequirement]) -> tuple[str, ...]:
    """Keys of requirements that would depend on each other in a circle with these additions; empty when none would."""
    edges = {each.key: [*each.depends_on, *(entries[each.key].depends_on if each.key in entries else ())] for each in prd.requirements}
    try:
        graph.ordered(edges)
    except graph.CycleError as error:
        return error.cycle
    return ()


def applied(prd: Prd, entries: Mapping[str, PlannedRequirement]) -> Prd:
    """The PRD with what was added, each addition marked."""
    if not entries:
        return prd
    return replace(prd, requirements=tuple(_with(each, entries[each.key]) if each.key in entries else each for each in prd.requirements))


def _with(requirement: Requirement, entry: PlannedRequirement) -> Requirement:
    depends_on = tuple(name for name in dict.fromkeys(entry.depends_on) if name not in requirement.depends_on)
    module = entry.module if not requirement.module else ""
    criteria = tuple(
        Criterion(f"{requirement.id}.{added_key(number)}", added_key(number), text.strip(), requirement.line, inferred=True)
        for number, text in enumerate(entry.criteria, 1)
    )
    added = [name for name, value in (("module", module), ("depends_on", depends_on), ("criteria", criteria)) if value]
    return replace(
        requirement,
        module=module or requirement.module,
        depends_on=(*requirement.depends_on, *depends_on),
        criteria=(*requirement.criteria, *criteria),
        added=tuple(added),
    )


def parts(requirement: Requirement, entry: PlannedRequirement) -> tuple[Part, ...]:
    """The tasks of a requirement; empty where it stays one."""
    if len(entry.tasks) < 2:
        return ()
    return tuple(
        Part(
            title=" ".join(task.title.split()) or requirement.title,
            criteria=task.criteria,
            module=task.module,
            depends_on=tuple(number - 1 for number in task.depends_on),
            complexity=task.complexity,
            hints=task.hints,
            exports=task.exports,
            inferred=True,
        )
        for task in entry.tasks
    )


def questions(requirement: Requirement, entry: PlannedRequirement) -> tuple[Question, ...]:
    return tuple(Question(text.strip(), (requirement.line,)) for text in entry.questions)
