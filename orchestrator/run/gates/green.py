"""GREEN: syntax, the oracle's answers, the want-list, and what held before."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Literal

from orchestrator.model import Change, Example, Finding, Flaky, Observation
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
    """An error for each visible example that does not hold, with expected and got; those that were not asked only where there is no other.

    `criteria`: example id → criterion id.
    """
    failed = [outcome for outcome in observation.outcomes if not evidence.holds(outcome)]
    asked = [outcome for outcome in failed if outcome.outcome != "not run"]
    return tuple(
        Finding("oracle", outcome.message or evidence.meaning(outcome), criterion=criteria.get(outcome.id, ""), where=outcome.id)
        for outcome in asked or failed
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


def people(observation: Observation, tests: tuple[str, ...], criteria: dict[str, str]) -> tuple[Finding, ...]:
    """An error for each person's test that did not pass, with what it raised and where."""
    said = {outcome.id: outcome for outcome in observation.outcomes}
    found = []
    for reason in evidence.passed_exactly(observation, tests):
        test = reason.partition(": ")[0]
        outcome = said.get(test)
        raised = (
            f" ({': '.join(part for part in (outcome.kind, outcome.message[:600]) if part)})" if outcome and (outcome.kind or outcome.message) else ""
        )
        found.append(Finding("human test", f"{reason}{raised}", criterion=criteria.get(test, ""), where=outcome.where if outcome else ""))
    return tuple(found)


INCIDENT_NOTICES = frozenset({"left behind", "inspection"})
"""What is ended and told, and refuses nothing by itself. Every other incident refuses the candidate, whatever it answered."""


def incidents(observation: Observation) -> tuple[Finding, ...]:
    """One finding for each thing the sandbox stopped, ended or saw."""
    return tuple(
        Finding(
            "sandbox",
            f"{evidence.INCIDENTS.get(incident.kind, incident.kind)}: {incident.detail}",
            "notice" if incident.kind in INCIDENT_NOTICES else "error",
            where=incident.where,
        )
        for incident in dict.fromkeys(observation.incidents)
    )


# --- what held before ----------------------------------------------------------------------------------------------------

CHANCE = 3
"""More tests than these do not fail by chance: they are not run again."""


@dataclass(frozen=True)
class Regressions:
    findings: tuple[Finding, ...]
    flaky: tuple[Flaky, ...]


def lost(before: Observation, after: Observation, own: frozenset[str], wanted: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Tests that held at the base and do not now. Those in `own`, the task's files, were made anew: the old ones are retired.

    `wanted`: people's tests that name a criterion; what of them failed at the base must hold now.
    """
    named = {outcome.id for outcome in after.outcomes if outcome.id.partition("[")[0] in wanted}
    return tuple(sorted({test for test in _holding(before) | named if test.partition("::")[0] not in own} - _holding(after)))


def regressions(
    before: Observation, after: Observation, again: tuple[Observation, ...], missing: tuple[str, ...], quarantined: frozenset[str]
) -> Regressions:
    """An error for each test that is lost, unless chance explains it. `again`: each of them alone, and last the whole suite once more.

    A test that holds alone *and* in the whole suite once more is flaky. One that holds alone but fails in the suite again depends on what the
    candidate does to the others: lost.
    """
    said = {outcome.id: outcome for outcome in after.outcomes}
    findings, flaky = [], []
    for test in missing:
        outcome = said.get(test)
        detail = f"{evidence.meaning(outcome)} ({outcome.kind}: {outcome.message[:200]})" if outcome else "it is gone"
        alone = next((item for item in again if item.what == f"alone: {test}"), None)
        if alone is not None and test in _holding(alone) and test in _holding(again[-1]):
            flaky.append(Flaky(test, f"it failed ({detail}), then held alone and in the whole suite, on the same files"))
            findings.append(Finding("flaky", f"{test} failed, then held alone and in the whole suite: quarantined", "notice", where=test))
        elif test in quarantined:
            findings.append(Finding("flaky", f"{test} failed: {detail}; it is in quarantine as flaky", "notice", where=test))
        else:
            how = "; alone it holds, in the suite it failed again" if alone is not None and test in _holding(alone) else ""
            held = "held before and does not now" if test in _holding(before) else "names a criterion, and does not hold in the whole suite"
            findings.append(Finding("regression", f"{test} {held}: {detail}{how}"))
    if not missing and after.exit_code is None:
        severity: Literal["error", "notice"] = "error" if before.exit_code is not None else "notice"
        findings.append(Finding("regression", "the whole suite did not end within its time limit", severity))
    return Regressions(tuple(findings), tuple(flaky))


def unbound(tests: tuple[str, ...]) -> tuple[Finding, ...]:
    """A notice for each lost test whose requirement is gone from the PRD, or is worded otherwise and not proved yet."""
    reason = "it was made for a requirement that is gone, or that is worded otherwise now and comes later: it refuses nothing"
    return tuple(Finding("outdated test", f"{test} does not hold any more; {reason}", "notice", where=test) for test in tests)


def lost_examples(before: Observation, after: Observation, examples: tuple[Example, ...]) -> tuple[Finding, ...]:
    """An error for each example of a finished task that held at the base and does not now; of a hidden one nothing but its criterion."""
    held, hidden = _holding(before), {example.id for example in examples if example.held_out}
    found = []
    for outcome in after.outcomes:
        if outcome.id in held and not evidence.holds(outcome):
            criterion = outcome.id.partition("/")[0]
            said = "an example that is not shown does not hold any more" if outcome.id in hidden else outcome.message
            keep = "keep what the file has and add to it" if outcome.outcome == "missing name" else "it must go on working"
            found.append(Finding("regression", f"{criterion} is finished, and {keep}: {said}"))
    return tuple(dict.fromkeys(found))


def _holding(observation: Observation) -> set[str]:
    return {outcome.id for outcome in observation.outcomes if evidence.holds(outcome)}
