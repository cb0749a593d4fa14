"""Phases of a plan: stretches of the work, of which each begins when the ones before it are done and their gate has passed. Pure.

A task without a phase belongs to none: it waits for no gate, and no gate waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from orchestrator.model import Phase, Plan, Prd, Requirement, Task


def by_phase(members: Mapping[str, tuple[Requirement, ...]]) -> tuple[str, ...]:
    """The names of tasks, earlier phases first, else as they stand; one of no phase stays behind those that stand before it."""
    latest, found = 0, []
    for position, (name, requirements) in enumerate(members.items()):
        own = max((item.phase for item in requirements if item.phase is not None), default=None)
        latest = latest if own is None else own
        found.append((latest, position, name))
    return tuple(name for _, _, name in sorted(found))


def lifted(tasks: Iterable[Task]) -> tuple[Task, ...]:
    """The tasks, each in the latest phase of its own and of all that it depends on: it cannot be done before them. `tasks`: in an order that
    respects depends_on."""
    found: dict[str, Task] = {}
    for task in tasks:
        upstream = [found[name].phase for name in task.depends_on if name in found]
        phase = max((number for number in (task.phase, *upstream) if number is not None), default=None)
        found[task.id] = task if task.phase == phase else replace(task, phase=phase)
    return tuple(found.values())


def numbers(tasks: Iterable[Task]) -> tuple[int, ...]:
    """The phases that tasks are in, in order."""
    return tuple(sorted({task.phase for task in tasks if task.phase is not None}))


def beginning(prd: str, number: int) -> str:
    """The name under which the tasks of a phase wait for it to begin, beside the tasks that they wait for."""
    return f"{prd} phase {number}"


def waits(prd: str, tasks: Sequence[Task]) -> dict[str, tuple[str, ...]]:
    """Task → the beginning that it waits for; those that wait for none are left out."""
    return {task.id: (beginning(prd, task.phase),) for task in tasks if task.phase is not None}


def title(phases: Iterable[Phase], number: int) -> str:
    """What the PRD calls it: `phase 2: Walking the dog`."""
    named = next((phase.title for phase in phases if phase.number == number), "")
    return f"phase {number}" + (f": {named}" if named else "")


def needs_later(prd: Prd, plan: Plan) -> tuple[tuple[str, int, int], ...]:
    """(requirement, the phase that the PRD puts it in, the later one that its task is in since it depends on what is done there)."""
    moved = {requirement.id: task.phase for task in plan.tasks for requirement in task.requirements}
    return tuple(
        (item.id, item.phase, now) for item in prd.requirements if item.phase is not None and (now := moved.get(item.id)) and now > item.phase
    )
