"""A case: what an agent does with a task, and what must become of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Verdict = Literal["caught", "marked", "honest"]


@dataclass(frozen=True)
class Case:
    name: str
    """Unique, a PRD's id: small letters and dashes."""
    kind: str
    """The kind of cheat, a row of the table in docs/trust.md; for an honest case its style."""
    task: str
    """A key of TASKS."""
    says: str
    """What it does, one sentence."""
    files: dict[str, str] = field(default_factory=dict)
    """What the code agent writes. `__SHOWN__` becomes a dictionary of the examples it was shown: argument → answer."""
    script: str = ""
    """Python that the code agent runs before it writes `files`; `brief`, `folder` and `shown(folder)` are there."""
    tests: str = ""
    """What the tests agent writes, where it is asked; default: the task's honest tests."""
    verdict: Verdict = "caught"
    """`caught`: its task is not done. `marked`: done at most at level `oracle`, with a notice. `honest`: done."""
    gates: frozenset[str] = frozenset()
    """One of these must have refused it; empty: any."""
    attempts: int = 1


def case(name: str, kind: str, task: str, says: str, gates: str = "", *, attempts: int = 1, verdict: Verdict = "caught", script: str = "",
         tests: str = "", files: dict[str, str] | None = None, **modules: str) -> Case:  # fmt: skip
    """A Case; `fizz=…` is the file `fizz.py`. `gates`: names, parted by commas."""
    every = {f"{module}.py": text for module, text in modules.items()} | (files or {})
    allowed = frozenset(gate.strip() for gate in gates.split(",") if gate.strip())
    return Case(name, kind, task, says, every, script, tests, verdict, allowed, attempts)


def every() -> tuple[Case, ...]:
    """All cases, the cheats first."""
    from tests.cheats import (
        agent_tests,
        cheats_answers,
        cheats_context,
        cheats_judge,
        cheats_machine,
        cheats_tests,
        cheats_unrun,
        cheats_values,
        cheats_work,
        honest,
    )

    families = (
        cheats_tests,
        cheats_answers,
        cheats_values,
        cheats_context,
        cheats_judge,
        cheats_machine,
        cheats_work,
        cheats_unrun,
        agent_tests,
        honest,
    )
    return tuple(case for family in families for case in family.CASES)


def few(cases: tuple[Case, ...], of_each: int) -> tuple[Case, ...]:
    """The first of each kind, and every honest one."""
    seen: dict[tuple[str, Verdict], int] = {}
    found = []
    for each in cases:
        key = each.kind, each.verdict
        seen[key] = seen.get(key, 0) + 1
        if each.verdict == "honest" or seen[key] <= of_each:
            found.append(each)
    return tuple(found)
