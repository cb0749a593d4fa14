"""How much may be claimed for code that passed: what the scan saw in it lowers the proof level, and never the verdict. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from orchestrator.model import Change, Example, Finding, Task
from orchestrator.plan.held_out import call_form
from orchestrator.run.gates import scan

AMBIENT = frozenset(
    {
        *("environment", "clock", "randomness", "threads", "processes", "network", "call counter", "digest", "import path", "source reading"),
        *("dynamic code", "dynamic name", "other modules", "native", "homes", "unpickling", "test runner", "exit handler", "streams"),
    }
)
"""Detectors of what makes code depend on where, when or how often it runs: what held in the sandbox may not hold elsewhere."""


@dataclass(frozen=True)
class Claims:
    findings: tuple[Finding, ...]
    criteria: frozenset[str]
    """Criteria whose level is at most `oracle`."""


def judge(changes: tuple[Change, ...], scanned: tuple[Finding, ...], task: Task, visible: tuple[Example, ...], hidden: tuple[Example, ...]) -> Claims:
    """`scanned`: what the scan said of the changes."""
    findings: list[Finding] = []
    capped: set[str] = set()
    few: list[tuple[str, int]] = []
    if hidden and (ambient := [finding for finding in scanned if finding.message.partition(":")[0] in AMBIENT]):
        findings.append(
            Finding(
                "held-out",
                f"the level is at most `oracle`, for what held in the sandbox may not hold elsewhere: {ambient[0].message}",
                "notice",
                where=ambient[0].where,
            )
        )
        capped |= {criterion.id for criterion in task.criteria}
    for form, shown in sorted(_forms(visible).items()):
        unseen = _forms(hidden).get(form, [])
        all_shown = len(shown) > 1 and len(scan.special_cases(changes, tuple(shown))) == len(shown)
        table = bool(unseen) and len(scan.special_cases(changes, tuple(unseen))) == len(unseen)
        if all_shown and not table:
            message = f"`{form}`: the code holds the answer of every visible example beside its input: the level is at most `oracle`"
            findings.append(Finding("special casing", message, "notice"))
            capped |= {example.id.partition("/")[0] for example in (*shown, *unseen)}
        if not unseen:
            few.append((form, len(shown)))
    if few:
        forms = ", ".join(f"`{form}` ({count})" for form, count in few[:5]) + (f" and {len(few) - 5} more" if len(few) > 5 else "")
        message = f"too few examples to hold any out of {forms}: an answer made for just these would pass too"
        findings.append(Finding("held-out", message, "notice"))
    return Claims(tuple(findings), frozenset(capped))


def _forms(examples: tuple[Example, ...]) -> dict[str, list[Example]]:
    found: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        found[call_form(example)].append(example)
    return found
