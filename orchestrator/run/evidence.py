"""Observation → meaning: the one table of exit codes and outcomes.

Exit codes alone mean little: a timeout, a collection error, a missing pytest, an empty file and a syntax error are each their own
outcome, and none of them is a RED. A test is RED only when its failure arose in the call to the subject.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from orchestrator.model import Incident, IncidentKind, Observation, TestOutcome

NOT_STARTED = 70
"""Our own code for a suite that gave no answer at all."""

EXIT_CODES: dict[int | None, str] = {
    0: "all tests passed",
    1: "some tests failed",
    2: "collection was interrupted",
    3: "pytest had an internal error",
    4: "pytest was called wrongly, or a test file is missing",
    5: "no test was collected",
    NOT_STARTED: "the suite could not be started",
    None: "killed at its time limit",
}
"""What pytest's exit codes mean. A negative code is a signal; any other code is named as it is."""

RED: dict[str, str] = {
    "missing name": "the subject's module or name does not exist",
    "missing attribute": "the subject has no such attribute or method",
    "wrong value": "the subject answered something else",
    "missing raise": "the subject did not raise",
    "raised": "the subject raised",
    "wrong signature": "the subject does not take these arguments",
}
"""Outcomes that are a failure of the subject."""

HOLDS = "passed"

REFUSED: dict[str, str] = {
    "syntax error": "the test file is not valid Python",
    "collection error": "pytest could not collect the test file",
    "failed set-up": "set-up or tear-down failed",
    "broken test": "the failure arose in the test itself, not in the subject",
    "skipped": "skipped tests prove nothing",
    "expected failure": "tests marked xfail prove nothing",
    "not run": "it was collected but never ended",
    "timeout": "it did not end within its time limit",
    "missing": "it was not collected",
    "twice": "it was reported more than once",
}
"""Outcomes that prove nothing in either direction."""

UNSTEADY: dict[str, str] = {"changed": "its answer changes when asked again"}
"""Outcomes of an example whose first answer was right."""

INCIDENTS: dict[IncidentKind, str] = {
    "connection": "the code tried to reach a network or a socket of this machine",
    "write outside": "the code tried to write outside the folder it was given",
    "processes": "the code started more processes than it may",
    "memory": "the code took more memory than it may",
    "file size": "the code wrote more than it may",
    "time": "the code did not end within its time limit",
    "left behind": "a process was still there at the end of the run, and was ended",
    "signal": "the code died by a signal, or sent one to a process outside",
    "inspection": "the code looked around where it has no business",
}
"""What the sandbox stopped, ended or saw, by kind."""

INCIDENTS_KEPT = 20
"""Of one observation."""


def exit_meaning(code: int | None) -> str:
    if code is not None and code < 0:
        return f"killed by signal {-code}"
    return EXIT_CODES.get(code, f"ended with exit code {code}")


def outcomes(events_text: str, exit_code: int | None, test_files: frozenset[str]) -> tuple[TestOutcome, ...]:
    """One outcome per test of a suite run, in the order they were collected.

    `test_files`: paths whose frames belong to a test; any other frame inside the project belongs to the subject.
    """
    events = [event for line in events_text.splitlines() if (event := _event(line)) is not None]
    collected: list[str] = []
    phases: dict[str, dict[str, Any]] = {}
    raised: dict[tuple[str, str], dict[str, Any]] = {}
    found: list[TestOutcome] = []
    seen: dict[str, int] = {}
    for event in events:
        name, test = event.get("event"), str(event.get("id", ""))
        if name == "collect":
            message = str(event.get("message", ""))
            word = "syntax error" if "SyntaxError" in message or "IndentationError" in message else "collection error"
            found.append(TestOutcome(test, word, "", message))
        elif name == "collected":
            ids = event.get("ids")
            collected += [str(item) for item in ids] if isinstance(ids, list) else []
        elif name == "raised":
            raised[test, str(event.get("when"))] = event
        elif name == "test":
            phases.setdefault(test, {})[str(event.get("when"))] = event
            if event.get("when") == "call":
                seen[test] = seen.get(test, 0) + 1
    times = Counter(collected)
    for test in dict.fromkeys(collected):
        if seen.get(test, 0) > 1 or times[test] > 1:
            found.append(TestOutcome(test, "twice"))
            continue
        found.append(_outcome(test, phases.get(test, {}), raised, exit_code, test_files))
    return tuple(found)


def _event(line: str) -> dict[str, Any] | None:
    try:
        event = json.loads(line.encode("utf-8", "replace"), object_hook=_readable)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def _readable(event: dict[str, Any]) -> dict[str, Any]:
    """Half a surrogate pair cannot be written as UTF-8, so it must not get further than this."""
    return {key: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value for key, value in event.items()}


def _outcome(
    test: str, phases: dict[str, Any], raised: dict[tuple[str, str], dict[str, Any]], exit_code: int | None, test_files: frozenset[str]
) -> TestOutcome:
    for when in ("setup", "teardown"):
        if phases.get(when, {}).get("outcome") == "failed":
            error = raised.get((test, when), {})
            return TestOutcome(test, "failed set-up", str(error.get("kind", "")), str(error.get("message", "")), _where(error, test_files)[0])
    call = phases.get("call") or (phases.get("setup") if phases.get("setup", {}).get("outcome") == "skipped" else None)
    if call is None or "teardown" not in phases:
        return TestOutcome(test, "timeout" if exit_code is None else "not run")
    if call.get("xfail"):
        return TestOutcome(test, "expected failure")
    if call.get("outcome") == "skipped":
        return TestOutcome(test, "skipped")
    if call.get("outcome") == "passed":
        return TestOutcome(test, HOLDS)
    error = raised.get((test, "call"), {})
    kind, message = str(error.get("kind", "")), str(error.get("message", ""))
    where, in_subject = _where(error, test_files)
    return TestOutcome(test, _failure(kind, message, in_subject), kind, message, where)


def _where(error: dict[str, Any], test_files: frozenset[str]) -> tuple[str, bool]:
    """`file:line` of the innermost project frame, and whether a frame belongs to the subject."""
    told = error.get("frames")
    frames = [(str(frame[0]), str(frame[1])) for frame in told if isinstance(frame, list) and len(frame) == 3] if isinstance(told, list) else []
    if not frames:
        return "", False
    return f"{frames[-1][0]}:{frames[-1][1]}", any(path not in test_files for path, _ in frames)


def _failure(kind: str, message: str, in_subject: bool) -> str:
    if in_subject:
        return "raised"
    if kind in ("ModuleNotFoundError", "ImportError"):
        return "missing name"
    if kind == "AssertionError":
        return "wrong value"
    if kind == "Failed":
        return "missing raise" if message.upper().startswith("DID NOT RAISE") else "broken test"
    if kind == "AttributeError":
        return "missing attribute"
    if kind == "TypeError":
        return "wrong signature"
    return "broken test"


def is_red(outcome: TestOutcome) -> bool:
    return outcome.outcome in RED


def holds(outcome: TestOutcome) -> bool:
    return outcome.outcome == HOLDS


def meaning(outcome: TestOutcome) -> str:
    """The sentence of an outcome's word."""
    return {**RED, **REFUSED, **UNSTEADY, HOLDS: "it holds"}.get(outcome.outcome, outcome.outcome)


def passed_exactly(observation: Observation, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """What keeps a suite run from being green: the want-list. Each wanted test passed exactly once, nothing else failed, the codes agree."""
    by_id = {outcome.id: outcome for outcome in observation.outcomes}
    reasons = [f"{test}: {meaning(by_id[test]) if test in by_id else REFUSED['missing']}" for test in wanted if not _passed(by_id.get(test))]
    if not reasons and observation.exit_code != 0:
        reasons.append(f"every wanted test was reported as passed, but {exit_meaning(observation.exit_code)}")
    return tuple(reasons)


def _passed(outcome: TestOutcome | None) -> bool:
    return outcome is not None and holds(outcome)


def incidents(told: Any, outcomes: tuple[TestOutcome, ...], memory_mb: int, file_mb: int, where: str = "") -> tuple[Incident, ...]:
    """What the sandbox told, as [kind, detail, where] each, and what the outcomes themselves say of limits. Anything else that it told is nothing.

    `where` stands in for a place that was not told.
    """
    rows = (
        [row for row in told if isinstance(row, list) and len(row) == 3 and all(isinstance(part, str) for part in row)]
        if isinstance(told, list)
        else []
    )
    found = [Incident(kind, _one_line(row[1]), row[2] or where) for row in rows for kind in INCIDENTS if kind == row[0]]
    for outcome in outcomes:
        if outcome.kind == "MemoryError":
            found.append(Incident("memory", f"more than {memory_mb} MB", outcome.id))
        if outcome.kind == "OSError" and "[Errno 27]" in outcome.message:
            found.append(Incident("file size", f"a file of more than {file_mb} MB", outcome.id))
        if outcome.kind == "OSError" and "[Errno 28]" in outcome.message:
            found.append(Incident("file size", "no space is left for more", outcome.id))
    return tuple(dict.fromkeys(found))[:INCIDENTS_KEPT]


def _one_line(text: str) -> str:
    return " ".join(text.encode("utf-8", "replace").decode().split())[:300]
