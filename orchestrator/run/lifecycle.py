"""Both state machines on one page: the moves of a task, and the steps inside a cycle. Pure.

The SQL CHECKs, the diagram on the site and the tests come from `MOVES`. A task changes state by a move that is listed here, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

STATES: dict[str, str] = {
    "pending": "waits for tasks it depends on",
    "ready": "can be worked on",
    "running": "a cycle is under way",
    "produced": "a judged result waits to be integrated",
    "done": "proved and committed",
    "parked": "waits for something outside: an agent, a tool, a budget",
    "failed": "every attempt was refused",
    "unclear": "needs a person",
    "skipped": "a task it depends on failed or is unclear",
    "retired": "its requirement is gone",
}


@dataclass(frozen=True)
class Move:
    name: str
    source: str
    target: str
    sentence: str


MOVES: tuple[Move, ...] = (
    Move("ready", "pending", "ready", "everything it depends on is done"),
    Move("upstream failed", "pending", "skipped", "a task it depends on failed or is unclear"),
    Move("needs a person", "pending", "unclear", "the PRD does not say enough to prove it"),
    Move("started", "ready", "running", "a cycle began"),
    Move("produced", "running", "produced", "the gates passed a candidate, or nothing had to change"),
    Move("retried", "running", "ready", "the cycle is to be repeated"),
    Move("parked", "running", "parked", "something outside is missing"),
    Move("gave up", "running", "failed", "no attempt is left, or there was no progress"),
    Move("needs a person", "running", "unclear", "the tests of the PRD prove nothing as they stand"),
    Move("reclaimed", "running", "ready", "the process that ran it is gone, or its requirement changed"),
    Move("integrated", "produced", "done", "the judged trees were committed"),
    Move("conflicted", "produced", "ready", "the branch moved on and the trees no longer fit"),
    Move("gave up", "produced", "failed", "it could not be integrated"),
    Move("parked", "ready", "parked", "something outside is missing before it can begin"),
    Move("resumed", "parked", "ready", "it is tried again"),
    Move("retried", "failed", "ready", "a person or a schedule asked for it"),
    Move("retried", "unclear", "pending", "a person asked for it, for example with a test of their own"),
    Move("answered", "unclear", "pending", "the PRD changed"),
    Move("upstream recovered", "skipped", "pending", "what it depends on can be worked on again"),
    Move("changed", "done", "pending", "its requirement changed"),
    Move("changed", "failed", "pending", "its requirement changed"),
    Move("changed", "ready", "pending", "its requirement changed"),
    Move("changed", "parked", "pending", "its requirement changed"),
    Move("changed", "produced", "pending", "its requirement changed"),
    Move("upstream changed", "ready", "pending", "a task it depends on is to be done again first"),
    Move("regressed", "done", "ready", "what was proved no longer holds"),
    Move("merged", "done", "ready", "the PRD it builds on has moved on and is merged in: it is judged again"),
    *(Move("retired", state, "retired", "its requirement is gone") for state in STATES if state != "retired"),
    Move("returned", "retired", "pending", "its requirement is back"),
)

SETTLED = frozenset({"done", "failed", "unclear", "skipped", "retired"})
"""States a run does not leave by itself."""


def move(name: str, source: str) -> Move:
    """The move of that name out of that state. Raises ValueError: no other move exists."""
    for candidate in MOVES:
        if candidate.name == name and candidate.source == source:
            return candidate
    raise ValueError(f"a task that is {source} cannot be moved by {name!r}")


def next_moves(
    states: dict[str, str], depends_on: dict[str, tuple[str, ...]], questions: frozenset[str], among: Iterable[str] | None = None
) -> tuple[tuple[str, str], ...]:
    """(task, move) pairs that follow from the states alone: what becomes ready, skipped, unclear or pending again. `among`: only these are looked
    at; their states and those of what they depend on suffice."""
    found = []
    for task in states if among is None else among:
        state = states.get(task)
        upstream = [states.get(name, "done") for name in depends_on.get(task, ())]
        if state == "pending":
            if task in questions:
                found.append((task, "needs a person"))
            elif any(item in ("failed", "unclear", "skipped", "retired") for item in upstream):
                found.append((task, "upstream failed"))
            elif all(item == "done" for item in upstream):
                found.append((task, "ready"))
        elif state == "ready" and any(item != "done" for item in upstream):
            found.append((task, "upstream changed"))
        elif state == "skipped" and not any(item in ("failed", "unclear", "skipped", "retired") for item in upstream):
            found.append((task, "upstream recovered"))
    return tuple(found)
