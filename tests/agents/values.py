"""Small values the tests of agents and briefs share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestrator.model import Brief, Criterion, Example, Prd, Requirement, Task

BRIEF = Brief(
    prd="leap",
    task="leap#R1",
    role="code",
    attempt=1,
    turn=1,
    fingerprint="f1" * 32,
    text="# Task: leap years\n\nWrite `leap.py`.\n",
    files=(),
    writable=("leap.py",),
)


def brief(**fields: Any) -> Brief:
    return replace(BRIEF, **fields)


def example(number: int, call: str, expected: str, **fields: Any) -> Example:
    values: dict[str, Any] = {"setup": ("from leap import leap_year",), "compare": "value", "line": 1} | fields
    return Example(id=f"leap#R1.AC1/{number}", call=call, expected=expected, **values)


def prd_and_task(*examples: Example, **prd_fields: Any) -> tuple[Prd, Task]:
    criterion = Criterion("leap#R1.AC1", "AC1", "years divisible by 4 are leap years", 9, examples)
    requirement = Requirement("leap#R1", "R1", "Leap years", "`leap_year(year)` says whether a year is a leap year.", 5, criteria=(criterion,))
    task = Task("leap#R1", "leap", (requirement,), "Leap years", ("leap.py",), "tests/test_leap_r1.py", (), BRIEF.fingerprint)
    return Prd("leap", "Leap", "leap", "prds/leap.md", "a" * 64, (requirement,), **prd_fields), task
