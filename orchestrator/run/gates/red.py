"""RED: per test, against the base and against stubs of every outcome kind."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.model import Finding, Observation, TestOutcome
from orchestrator.run import evidence

BASE = "base"
PEOPLE = ", people's tests"
"""Ends the name of a look at tests that people wrote: they run apart, in the project's own configuration, and are judged with the others."""


@dataclass(frozen=True)
class Red:
    """What RED found. `fresh` tests fail at the base, `holding` ones hold there already; together they are all, unless an error stands."""

    fresh: tuple[str, ...]
    holding: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def refused(self) -> bool:
        return any(finding.severity == "error" for finding in self.findings)


def judge(observations: tuple[Observation, ...], wanted: tuple[str, ...], criteria: dict[str, str]) -> Red:
    """`observations`: the base (named `base`) and one per stub; `wanted`: node ids; `criteria`: node id → criterion id."""
    findings: list[Finding] = []
    seen: dict[str, dict[str, TestOutcome]] = {}
    for item in observations:
        seen.setdefault(item.what.removesuffix(PEOPLE), {}).update({outcome.id: outcome for outcome in item.outcomes})
    at_base = seen[BASE]
    stubs = {what: outcomes for what, outcomes in seen.items() if what != BASE}
    fresh, holding = [], []
    for test in wanted:
        outcome = at_base.get(test, TestOutcome(test, "missing"))
        if evidence.is_red(outcome):
            fresh.append(test)
        elif evidence.holds(outcome):
            holding.append(test)
        else:
            message = f"{test} proves nothing at the base: {evidence.meaning(outcome)}"
            detail = f" ({outcome.kind}: {outcome.message[:200]})" if outcome.kind or outcome.message else ""
            findings.append(Finding("red", message + detail, criterion=criteria.get(test, ""), where=outcome.where))
    findings += [
        Finding("red", f"{problem.id or 'the test file'}: {evidence.meaning(problem)}: {problem.message[-300:]}")
        for problem in at_base.values()
        if problem.id not in wanted and problem.outcome in ("syntax error", "collection error")
    ]
    for test in fresh:
        on_stubs = [outcomes.get(test) for outcomes in stubs.values()]
        if on_stubs and all(outcome is not None and outcome.kind == "NameError" for outcome in on_stubs):
            message = f"{test} uses a name that nothing defines: {next(outcome.message for outcome in on_stubs if outcome)}"
            findings.append(Finding("red", message, criterion=criteria.get(test, "")))
    passed_on = {test: [what for what, outcomes in stubs.items() if _held(outcomes, test)] for test in wanted}
    for test, names in passed_on.items():
        if len(names) > 1:
            message = f"{test} passes on {' and on '.join(names)}: it does not look at the answer"
            findings.append(Finding("red", message, criterion=criteria.get(test, "")))
    for stub in stubs:
        if wanted and all(stub in passed_on[test] for test in wanted):
            answer = stub.removeprefix("stub ")
            deed = "raises" if answer == "raises" else f"answers {answer}"
            message = f"a subject that always {deed} would satisfy every test: add an example with another answer"
            findings.append(Finding("red", message, criterion=criteria.get(wanted[0], "")))
    return Red(tuple(fresh), tuple(holding), tuple(findings))


def _held(outcomes: dict[str, TestOutcome], test: str) -> bool:
    return test in outcomes and evidence.holds(outcomes[test])
