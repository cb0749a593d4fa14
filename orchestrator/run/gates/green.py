"""GREEN: syntax, the oracle's answers, the want-list, and what held before."""

from __future__ import annotations

import ast

from orchestrator.model import Change, Example, Finding, Observation
from orchestrator.run import evidence


def syntax(changes: tuple[Change, ...]) -> tuple[Finding, ...]:
    """One error for each changed Python file that does not parse."""
    found = []
    for change in changes:
        if change.path.endswith(".py") and change.text is not None:
            try:
                ast.parse(change.text)
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                line = getattr(error, "lineno", None) or 0
                found.append(Finding("syntax", f"{change.path}, line {line}: {error}", where=f"{change.path}:{line}"))
    return tuple(found)


def visible(observation: Observation, criteria: dict[str, str]) -> tuple[Finding, ...]:
    """An error for each visible example that does not hold, with expected and got. `criteria`: example id → criterion id."""
    return tuple(
        Finding("oracle", outcome.message or evidence.meaning(outcome), criterion=criteria.get(outcome.id, ""), where=outcome.id)
        for outcome in observation.outcomes
        if not evidence.holds(outcome)
    )


def held_out(observation: Observation, examples: tuple[Example, ...], criteria: dict[str, str]) -> tuple[Finding, ...]:
    """An error for each held-out example that does not hold: the criterion and the kind only, never a value."""
    from orchestrator.plan.held_out import outcome_kind

    by_id = {example.id: example for example in examples}
    return tuple(
        Finding(
            "held-out",
            f"an example of {criteria[outcome.id]} that is not shown does not hold (expected kind: {outcome_kind(by_id[outcome.id])}, "
            f"{outcome.outcome}): the code must follow the rule, not the examples",
            criterion=criteria[outcome.id],
        )
        for outcome in observation.outcomes
        if not evidence.holds(outcome)
    )


def wanted(observation: Observation, tests: tuple[str, ...], criteria: dict[str, str]) -> tuple[Finding, ...]:
    """An error for each locked test that did not pass exactly once."""
    reasons = evidence.passed_exactly(observation, tests)
    return tuple(Finding("green", reason, criterion=criteria.get(reason.partition(": ")[0], "")) for reason in reasons)


def regressions(before: Observation, after: Observation, own: str) -> tuple[Finding, ...]:
    """An error for each test that held at the base and does not now. Tests in `own`, the task's file, were made anew: the old ones are retired."""
    held = {outcome.id for outcome in before.outcomes if evidence.holds(outcome) and outcome.id.partition("::")[0] != own}
    now = {outcome.id for outcome in after.outcomes if evidence.holds(outcome)}
    said = {outcome.id: outcome for outcome in after.outcomes}
    return tuple(
        Finding("regression", f"{test} held before and does not now: {evidence.meaning(said[test]) if test in said else 'it is gone'}"
                + (f" ({said[test].kind}: {said[test].message[:200]})" if test in said else ""))
        for test in sorted(held - now)
    )  # fmt: skip
