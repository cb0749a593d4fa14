"""Where the phases of a PRD stand: which are done, which may begin, and what the others wait for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from orchestrator.model import Prd, Task
from orchestrator.plan import phases
from orchestrator.save import checked, light
from orchestrator.save.checked import Checked
from orchestrator.save.store import Store, TaskRow
from orchestrator.save.wholes import GateReport, PhaseReport

_PRESSING = ("failed", "unclear", "skipped", "parked")
_WORDS = {"unclear": "needs a person", "failed": "failed", "skipped": "is skipped", "parked": "is parked"}


@dataclass(frozen=True)
class PhaseStanding:
    number: int
    tasks: int
    done: int
    state: Literal["done", "open", "waits"]
    reason: str
    """For `waits`: what for, for example `waits for phase 1: loans#R2 failed`."""
    gate: Checked | None
    """The last look at its gate."""
    due: bool = False
    """All of it and of the phases before it is done, something waits for it, and its gate was not passed as its tasks are now."""
    key: str = ""
    """Of its tasks and those of the phases before it, as they were finished; '' until they are."""


def standing(
    store: Store, prd: str, tasks: Sequence[Task], states: Mapping[str, str], *, gates: bool = True, last: int | None = None
) -> tuple[PhaseStanding, ...]:
    """In order; () for a PRD without phases. `tasks`: those of the plan; `gates`: whether they count; `last`: phases after it are left out."""
    found: list[PhaseStanding] = []
    why = ""
    finished = {name: (name, fingerprint, cycle) for name, fingerprint, cycle in light.done(store, prd)} if phases.numbers(tasks) else {}
    for number in phases.numbers(tasks):
        own = [task.id for task in tasks if task.phase == number]
        done = sum(states.get(name) == "done" for name in own)
        until = [task.id for task in tasks if task.phase is not None and task.phase <= number]
        later = [task.id for task in tasks if task.phase is not None and task.phase > number]
        gate, whole = checked.last(store, prd, checked.phase(number)), all(states.get(name) == "done" for name in until)
        key = _key([finished[name] for name in until if name in finished]) if whole else ""
        needed = whole and gates and any(states.get(name) != "done" for name in later)
        passed = gate is not None and gate.passed and gate.key == key
        if not why and last is not None and number > last:
            why = f"left out: the run ends with phase {last}"
        state: Literal["done", "open", "waits"] = "done" if done == len(own) else "waits" if why else "open"
        found.append(PhaseStanding(number, len(own), done, state, why if state == "waits" else "", gate, needed and not passed, key))
        if not why and later and not whole:
            why = f"waits for phase {number}: {_pressing(own, states)}"
        elif not why and needed and not passed:
            why = f"waits for phase {number}: {_of_gate(gate, key)}"
    return tuple(found)


def _key(finished: Sequence[tuple[str, str, int]]) -> str:
    return hashlib.sha256(json.dumps(sorted(finished)).encode()).hexdigest()[:16]


def _pressing(names: Sequence[str], states: Mapping[str, str]) -> str:
    for state in _PRESSING:
        if held := [name for name in names if states.get(name) == state]:
            return f"{held[0]} {_WORDS[state]}" + (f", and {len(held) - 1} more" if len(held) > 1 else "")
    left = [name for name in names if states.get(name) != "done"]
    return f"{left[0]} is not done yet" + (f", and {len(left) - 1} more" if len(left) > 1 else "") if left else "a phase before it is not done"


def _of_gate(gate: Checked | None, key: str) -> str:
    if gate is None or gate.key != key:
        return "its gate has not been passed yet"
    broken = GateReport.model_validate_json(gate.report).broken
    first = f"{broken[0].what}: {broken[0].message.splitlines()[0][:200]}" if broken else "something does not hold"
    return f"its gate did not pass: {first}" + (f" (and {len(broken) - 1} more)" if len(broken) > 1 else "")


def reports(store: Store, prd: Prd, rows: Sequence[TaskRow]) -> list[PhaseReport]:
    """The phases of a PRD as a report tells them."""
    tasks = tuple(row.task for row in rows if row.state != "retired")
    headings = {phase.number: phase for phase in prd.phases}
    return [
        PhaseReport(
            number=each.number,
            title=headings[each.number].title if each.number in headings else "",
            line=headings[each.number].line if each.number in headings else 0,
            tasks=each.tasks,
            done=each.done,
            state=each.state,
            reason=each.reason,
            gate=checked.gate(store, prd.id, each.number),
        )
        for each in standing(store, prd.id, tasks, {row.id: row.state for row in rows})
    ]


def explain(store: Store, found: Mapping[str, str]) -> bool:
    """Say of pending tasks what they wait for, where that is not said yet: task → reason. Whether there was anything to say."""
    rows = dict(store.db.execute("SELECT id, reason FROM tasks WHERE state = 'pending'").fetchall()) if found else {}
    new = [(reason, task) for task, reason in found.items() if task in rows and rows[task] != reason]
    if new:
        with store.transaction(waits=False):
            store.db.executemany("UPDATE tasks SET reason = ? WHERE id = ?", new)
    return bool(new)
