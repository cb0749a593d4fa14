"""Tests that gave different results on the same code: what a run and a project tell of them, as JSON values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.save.reports import QuarantineReport, RunReport, TaskRunReport

TESTS = 50
"""Tests that a project tells."""
RUNS = 10
"""Runs of a test that are named, the latest."""


def of_run(report: RunReport) -> list[dict[str, Any]]:
    """Tests that gave different results on the same files in a run, or failed while they were in quarantine."""
    return [found for task in report.tasks for found in _flaky(task)]


def _flaky(task: TaskRunReport) -> Iterable[dict[str, Any]]:
    judged = [(item.number, item.findings, item.observations) for item in task.attempts]
    if task.tidying and task.attempts:
        judged.append((task.attempts[-1].number, task.tidying.findings, task.tidying.observations))
    for number, findings, observations in judged:
        named = {finding.where: finding.message for finding in findings if finding.gate == "flaky" and finding.where}
        alone = {item.what.removeprefix("alone: ") for item in observations if item.what.startswith("alone: ")}
        for test in sorted({*named, *alone}):
            seen = [
                outcome.outcome
                for item in observations
                if item.what in ("whole suite", "whole suite, again", f"alone: {test}")
                for outcome in item.outcomes
                if outcome.id == test
            ]
            failed = sum(outcome not in ("passed", "skipped") for outcome in seen)
            if test in named or 0 < failed < len(seen):
                how = "depends" if test not in named else "again" if "in quarantine" in named[test] else "found"
                yield {"test": test, "task": task.id, "attempt": number, "failed": failed, "of": len(seen), "how": how}


def _became(seen: Sequence[Mapping[str, Any]], item: QuarantineReport | None, newest: str) -> str:
    """`newest`: when the last run began, since nothing here knows the time."""
    if item is None and all(each["how"] == "depends" for each in seen):
        return "refused"
    return "quarantined" if item is not None and item.until > newest else "over"


def of_project(digests: Mapping[str, Mapping[str, Any]], quarantine: Sequence[QuarantineReport]) -> list[dict[str, Any]]:
    """What a project's part tells this page, as JSON values, the latest first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for run in sorted(digests, reverse=True):
        known = digests[run]
        for seen in known.get("flaky", ()):
            place = known["tasks"].get(seen["task"], {}).get("page", "")
            found.setdefault(seen["test"], []).append({**seen, "run": run, "at": known["started_at"], "page": place})
    kept = {item.test: item for item in quarantine}
    newest = max((known["started_at"] for known in digests.values() if not known["why"]), default="")
    told = []
    for test in [*found, *(name for name in kept if name not in found)]:
        seen, item = found.get(test, []), kept.get(test)
        told.append(
            {
                "test": test,
                "task": seen[0]["task"] if seen else item.task if item else "",
                "failed": sum(each["failed"] for each in seen),
                "of": sum(each["of"] for each in seen),
                "times": len(seen),
                "runs": [{key: each[key] for key in ("run", "at", "task", "page", "failed", "of", "how")} for each in seen[:RUNS]],
                "detail": item.detail if item else "",
                "since": item.since if item else "",
                "until": item.until if item else "",
                "became": _became(seen, item, newest),
            }
        )
    told.sort(key=lambda each: each["runs"][0]["at"] if each["runs"] else each["since"], reverse=True)
    return told[:TESTS]
