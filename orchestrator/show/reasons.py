"""Why a criterion is in the state that it is in, in a sentence; no verdict is made here. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.save.reports import CriterionReport, TaskReport

_PROVED = {
    "held-out": "Its examples hold, {held_out} of them never seen by the agent.",
    "oracle": "Its {examples} hold: the answers were compared where the agent's code cannot reach.",
    "human test": "A test that a person wrote holds.",
    "agent test": "A test that an agent wrote holds; it failed before the code was there.",
}
_UNPROVED = {
    "ready": "The next run works on it.",
    "running": "A run is at work on it.",
    "produced": "Its code passed every gate and is not committed yet.",
    "done": "Its task is done, and nothing of it proves this.",
}


def why(criterion: CriterionReport, task: TaskReport | None) -> str:
    """`task`: the one that it belongs to."""
    if criterion.state == "proved":
        examples = f"{criterion.examples} example{'s' * (criterion.examples != 1)}"
        return _PROVED.get(criterion.level, "").format(examples=examples, held_out=criterion.held_out)
    if criterion.outdated:
        return criterion.outdated[:1].upper() + criterion.outdated[1:]
    if task is None:
        return "No task is about it: nothing in the PRD could prove it."
    if criterion.state == "needs a person" and task.question:
        return f"A person must answer: {task.question.text}"
    if task.state == "skipped" and task.depends_on:
        return f"It waits for {', '.join(task.depends_on)}: {task.reason or 'that is not done'}"
    if task.state == "pending" and not task.reason:
        return f"Its task waits for {', '.join(task.depends_on)}." if task.depends_on else "Its task waits."
    return _UNPROVED.get(task.state) or task.reason or "Nothing has been proved yet."
