"""What of a plan could run side by side, what holds it up longest, and what of the PRD it does not hold. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from orchestrator.model import Plan, Prd


@dataclass(frozen=True)
class Waves:
    waves: tuple[tuple[str, ...], ...]
    """Task ids: those of one wave need nothing of each other, only of the waves before. A phase begins with a wave of its own."""
    critical: tuple[str, ...]
    """The longest chain of tasks of which each needs the one before: however many work side by side, so many have to follow each other."""

    @property
    def numbers(self) -> dict[str, int]:
        """Task → its wave, from 1."""
        return {name: number for number, names in enumerate(self.waves, 1) for name in names}


@dataclass(frozen=True)
class Uncovered:
    """A requirement that no task works on."""

    id: str
    title: str
    line: int
    why: str


class Link(Protocol):
    """A task, or what a report says of it."""

    @property
    def id(self) -> str: ...
    @property
    def depends_on(self) -> Sequence[str]: ...
    @property
    def phase(self) -> int | None: ...


def waves(plan: Plan) -> Waves:
    return of(plan.tasks)


def of(tasks: Sequence[Link]) -> Waves:
    depth: dict[str, int] = {}
    last: dict[str, str] = {}
    """Task → the one before it on its longest chain."""
    ends: dict[int, tuple[int, str]] = {}
    """Phase → its deepest (depth, task), the phases before it among them."""
    for task in sorted(tasks, key=lambda each: each.phase or 0):  # what belongs to no phase needs nothing of any: it would belong to that
        upstream = [(depth[name], name) for name in task.depends_on if name in depth]
        earlier = [found for number, found in ends.items() if task.phase is not None and number < task.phase]
        longest = max([*upstream, *earlier], key=lambda each: each[0], default=None)
        depth[task.id] = longest[0] + 1 if longest else 1
        if longest:
            last[task.id] = longest[1]
        if task.phase is not None and depth[task.id] > ends.get(task.phase, (0, ""))[0]:
            ends[task.phase] = (depth[task.id], task.id)
    most = max(depth.values(), default=0)
    found = tuple(tuple(task.id for task in tasks if depth[task.id] == number) for number in range(1, most + 1))
    chain = [next(name for name, at in depth.items() if at == most)] if depth else []
    while chain and chain[-1] in last:
        chain.append(last[chain[-1]])
    return Waves(found, tuple(reversed(chain)))


def uncovered(prd: Prd, plan: Plan) -> tuple[Uncovered, ...]:
    """Requirements that stand in the PRD and in no task of its plan."""
    held = {requirement.id for task in plan.tasks for requirement in task.requirements}
    return tuple(
        Uncovered(item.id, item.title, item.line, "non-functional, and no executable example says how one would see it"
                  if item.type == "non-functional" else "no task was planned for it")
        for item in prd.requirements
        if item.id not in held
    )  # fmt: skip


def inferred_needs(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Task → those it was put after although the PRD does not say so: its examples use what they introduce, or a planner concluded it."""
    keys = {task.id: {requirement.key for requirement in task.requirements} for task in plan.tasks}
    found = {}
    for task in plan.tasks:
        stated = {key for requirement in task.requirements for key in requirement.depends_on}
        found[task.id] = tuple(name for name in task.depends_on if not keys.get(name, set()) & stated)
    return {name: needs for name, needs in found.items() if needs}
