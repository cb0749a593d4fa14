"""Covered: code that no example ran is not proved. What none runs is named, and what is claimed of it is lowered; nothing is refused. Pure.

It is in-process evidence, computed beside the code: forging it can only take away a notice, and it never makes a verdict.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.model import Coverage, Finding, Unrun
from orchestrator.run.branches import Mark, Marked

GATE = "covered"
SHOWN = 10
PARTS = 4
"""Of one function that are spelled out."""

Ran = tuple[frozenset[str], frozenset[int] | None]
"""(criteria, marks that were set) of one question; None: it could not be asked in time."""


@dataclass(frozen=True)
class Covered:
    coverage: Coverage
    findings: tuple[Finding, ...]
    criteria: frozenset[str]
    """Criteria whose level is at most `oracle`."""


def judge(marked: Marked, ran: tuple[Ran, ...], criteria: frozenset[str], seconds: float = 0.0) -> Covered:
    """`ran`: what each question ran, with the criteria it is asked for (none, where a finished task or a test asks). `criteria`: all of the task."""
    marks = marked.marks
    seen = frozenset().union(*(numbers for _, numbers in ran if numbers is not None))
    missed = [number for number, mark in enumerate(marks) if not mark.idle and number not in seen]
    counted = sum(not mark.idle for mark in marks)
    grouped: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number in missed:
        grouped[marks[number].path, marks[number].function].append(number)
    unrun: list[Unrun] = []
    findings: list[Finding] = []
    capped: set[str] = set()
    for (path, function), numbers in grouped.items():
        callers = _callers(marks, (path, function), ran) if function else criteria
        called = any(marks[number].path == path and marks[number].function == function for number in seen)
        concerned = frozenset() if (path, function) in marked.alone and not called else callers or criteria
        parts = _parts(marks, numbers, seen) if called or not function else [_whole(marks, path, function)]
        unrun += parts
        capped |= concerned
        findings.append(_finding(parts, lowered=bool(concerned), called=called or not function))
    asked = all(numbers is not None for _, numbers in ran)
    if not asked and counted:
        capped |= criteria
        findings.append(Finding(GATE, "not all examples could be asked in time what they run of the code: the level is at most `oracle`", "notice"))
    if marked.unmarked:
        capped |= criteria
        paths = ", ".join(marked.unmarked)
        findings.append(Finding(GATE, f"what examples run of {paths} could not be seen: the level is at most `oracle`", "notice"))
    if len(findings) > SHOWN:
        findings = [*findings[:SHOWN], Finding(GATE, f"… and in {len(findings) - SHOWN} more functions", "notice")]
    return Covered(Coverage(counted, counted - len(missed), tuple(unrun), seconds, asked), tuple(findings), frozenset(capped))


def share(coverage: Coverage) -> float | None:
    """What examples run, 0 to 1; None when there is nothing to run."""
    return coverage.ran / coverage.counted if coverage.counted else None


def below(coverage: Coverage, threshold: int | None) -> Finding | None:
    """An error when `threshold` (percent) is set and missed."""
    found = share(coverage)
    if threshold is None or found is None or 100 * found >= threshold:
        return None
    counts = f"{coverage.ran} of {coverage.counted} branches of the code, {int(100 * found)} %"
    return Finding(GATE, f"the examples run {counts}, and {threshold} % must be run")


def _callers(marks: tuple[Mark, ...], where: tuple[str, str], ran: tuple[Ran, ...]) -> frozenset[str]:
    """Criteria whose examples come into the function."""
    within = {number for number, mark in enumerate(marks) if (mark.path, mark.function) == where}
    return frozenset(criterion for asking, numbers in ran if numbers and within & numbers for criterion in asking)


def _finding(parts: list[Unrun], *, lowered: bool, called: bool) -> Finding:
    said = "; ".join(part.what for part in parts[:PARTS]) + (f"; and {len(parts) - PARTS} more" if len(parts) > PARTS else "")
    first = parts[0]
    within = f" (`{first.function}`)" if first.function and called else ""
    then = (
        "what the code does there is not proved, and the level is at most `oracle`" if lowered else "it is not proved, and nothing else depends on it"
    )
    return Finding(GATE, f"{first.path}{within}: {said}: {then}", "notice", where=f"{first.path}:{first.line}")


def _whole(marks: tuple[Mark, ...], path: str, function: str) -> Unrun:
    own = [mark for mark in marks if mark.path == path and mark.function == function]
    first, last = min(mark.line for mark in own), max(mark.end_line for mark in own)
    return Unrun(path, function, first, last, f"no example calls `{function}` ({_lines(first, last)})")


def _parts(marks: tuple[Mark, ...], missed: list[int], seen: frozenset[int]) -> list[Unrun]:
    """Lines that no example gets through, then conditions that came out in one way only."""
    path, function = marks[missed[0]].path, marks[missed[0]].function
    own = [number for number, mark in enumerate(marks) if (mark.path, mark.function) == (path, function)]
    done = {line for number in own if number in seen and marks[number].kind == "runs" for line in _all(marks[number])}
    lines = {line for number in missed if marks[number].kind == "runs" for line in _all(marks[number])}
    begun = {line for number in own if number in seen for line in _all(marks[number])}
    never = [number for number in missed if marks[number].kind == "true" and number + 1 in missed]
    lines |= {line for number in never for line in _all(marks[number]) if line not in begun}
    shown = [Unrun(path, function, first, last, f"no example gets through {_lines(first, last)}") for first, last in _runs(sorted(lines), done)]
    for number in missed:
        mark = marks[number]
        if mark.kind == "runs" or number - 1 in never or mark.leads in lines or mark.line in lines:
            continue
        what = f"gets to `{_short(mark.text)}`" if number in never else f"makes `{_short(mark.text)}` {mark.kind}"
        shown.append(Unrun(path, function, mark.line, mark.end_line, f"in line {mark.line} no example {what}"))
    return shown


def _all(mark: Mark) -> Iterable[int]:
    return range(mark.line, mark.end_line + 1)


def _runs(lines: list[int], done: set[int]) -> list[tuple[int, int]]:
    """First and last lines of stretches; lines that hold no statement do not part them."""
    found: list[tuple[int, int]] = []
    for line in lines:
        if found and not any(between in done for between in range(found[-1][1] + 1, line)):
            found[-1] = found[-1][0], line
        else:
            found.append((line, line))
    return found


def _lines(first: int, last: int) -> str:
    return f"line {first}" if first == last else f"lines {first}–{last}"


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"
