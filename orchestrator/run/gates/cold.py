"""The final run: fresh interpreters, another hash seed, the clock far ahead, the same question again and again."""

from __future__ import annotations

import ast

from orchestrator.model import Example, Finding, Observation
from orchestrator.run import evidence

CHANGED = "changed"
"""The outcome of an example whose first answer was right and a later one, in the same process, was another."""


def tests(observation: Observation, wanted: tuple[str, ...], criteria: dict[str, str]) -> tuple[Finding, ...]:
    """An error for each locked test that passed before and does not pass here."""
    reasons = evidence.passed_exactly(observation, wanted)
    return tuple(
        Finding("cold run", f"with another hash seed and the clock ten years ahead, {reason}", criterion=criteria.get(reason.partition(": ")[0], ""))
        for reason in reasons
    )


def answers(observation: Observation, examples: tuple[Example, ...], criteria: dict[str, str]) -> tuple[Finding, ...]:
    """An error for each example that does not hold here, and for each answer that changes when asked again.

    Where the PRD itself shows functions that remember (a set-up that calls one), a changed answer may be right: a notice.
    """
    hidden = {example.id for example in examples if example.held_out}
    remembers = any(_calls_a_function(source) for example in examples for source in example.setup if example.compare != "console")
    found = []
    for outcome in observation.outcomes:
        if evidence.holds(outcome):
            continue
        criterion = criteria.get(outcome.id, "")
        said = f"an example of {criterion} that is not shown" if outcome.id in hidden else outcome.message
        if outcome.outcome == CHANGED:
            message = f"{said} changes its answer when it is asked again" if outcome.id in hidden else said
            found.append(Finding("repeatable", message, "notice" if remembers else "error", criterion=criterion))
        else:
            message = f"with another hash seed and the clock ten years ahead: {said}" + (" does not hold" if outcome.id in hidden else "")
            found.append(Finding("cold run", message, criterion=criterion))
    return tuple(found)


def _calls_a_function(source: str) -> bool:
    """A statement that calls something by a name in lower case: not an import, not the making of an object, not a method."""
    try:
        tree = ast.parse(source.strip())
    except SyntaxError:
        return True
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return any(isinstance(call.func, ast.Name) and call.func.id[:1].islower() for call in calls)
