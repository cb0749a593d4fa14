"""`orchestrator validate` in words, and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from orchestrator.errors import OrchestratorError
from orchestrator.save.wholes import CheckReport, GateReport, ValidationReport

MARKS = {"holds": "holds", "complaints": "WRONG", "noted": "noted", "not run": "–"}


class Answer(Protocol):
    """About one PRD; one of the last four is set."""

    @property
    def prd(self) -> str: ...
    @property
    def validation(self) -> ValidationReport | None: ...
    @property
    def gate(self) -> GateReport | None: ...
    @property
    def dependencies(self) -> CheckReport | None: ...
    @property
    def trouble(self) -> OrchestratorError | None: ...


def text(answer: Answer) -> str:
    if answer.trouble is not None:
        return f"{answer.prd}: {answer.trouble}"
    if answer.gate is not None:
        return "\n".join([_gate(answer.gate), *(f"  {each.what}: {each.message.splitlines()[0][:300]}" for each in answer.gate.broken)])
    if answer.dependencies is not None:
        return "\n".join(_check(answer.dependencies, f"{answer.prd}: "))
    report = answer.validation
    if report is None:
        return f"{answer.prd}: nothing was looked at"
    head = f"{report.prd} at {report.head[:10]}: {'nothing new is wrong' if report.passed else 'something is wrong'} ({report.seconds:.1f} s)"
    return "\n".join([head, *(line for check in report.checks for line in _check(check, "  "))])


def _gate(report: GateReport) -> str:
    said = "holds" if report.passed else "does not hold"
    counted = f"{report.tasks} finished tasks, {report.examples} examples, {report.tests} tests"
    return f"{report.prd} phase {report.phase} at {report.head[:10]}: its gate {said} ({counted}, {report.seconds:.1f} s)"


def _check(check: CheckReport, before: str) -> list[str]:
    tool = f" [{check.tool}]" if check.tool and check.state != "not run" else ""
    lines = [f"{before}{check.name:<12} {MARKS[check.state]:<5}  {check.detail}{tool}"]
    indent = " " * (len(before) if not before.strip() else 2)
    for each in check.complaints:
        code = f"{each.code}: " if each.code else ""
        lines.append(f"{indent}  {each.where}: {code}{(each.message.splitlines() or [''])[0][:300]}")
    return [*lines, *([f"{indent}  … and {check.more} more"] if check.more else [])]


def as_json(answers: Iterable[Answer]) -> list[dict[str, Any]]:
    """An entry for each PRD; what was not asked for is null."""
    return [
        {
            "prd": each.prd,
            "validation": each.validation and each.validation.model_dump(),
            "gate": each.gate and each.gate.model_dump(),
            "dependencies": each.dependencies and each.dependencies.model_dump(),
            "trouble": each.trouble and str(each.trouble),
        }
        for each in answers
    ]
