"""A folder of PRDs with cases: `<name>.md` is what an agent may see, `examples/<name>.json` holds all cases, those of the PRD and hidden ones.

A case is `{"name", "shown", "imports", "lines"}`; `imports` and `lines` together are a doctest session.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from orchestrator.config import Limits
from orchestrator.inbox.markdown import parse
from orchestrator.model import Change, Example, Prd, Task
from orchestrator.plan.outline import plan_of
from orchestrator.run import evidence, oracle
from orchestrator.run.agents import workspace


@dataclass(frozen=True)
class Case:
    name: str
    shown: bool
    examples: tuple[Example, ...]
    """Every statement of the session that has an answer: all must hold."""


@dataclass(frozen=True)
class Exercise:
    name: str
    text: str
    """The PRD, whole."""
    prd: Prd
    tasks: tuple[Task, ...]
    """With every example of the PRD visible."""
    cases: tuple[Case, ...]
    fingerprint: str
    """Of the PRD and its cases, hex."""

    @property
    def body(self) -> str:
        """The PRD without its front matter."""
        return re.sub(r"\A---\n.*?\n---\n", "", self.text, flags=re.DOTALL).strip() + "\n"

    @property
    def modules(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(path for task in self.tasks for path in task.files))


@dataclass(frozen=True)
class Judged:
    """What the oracle says of some code, over all cases."""

    wrong: tuple[str, ...]
    """Names of the cases that do not hold."""
    hidden_wrong: int

    @property
    def solved(self) -> bool:
        return not self.wrong


def read(folder: Path) -> tuple[Exercise, ...]:
    """Every PRD of the folder, by name. Raises ValueError for one that cannot be read, or that has no cases."""
    found = []
    for path in sorted(folder.glob("*.md")):
        cases = folder / "examples" / f"{path.stem}.json"
        if path.name != "README.md":
            if not cases.exists():
                raise ValueError(f"{path}: there is no {cases}")
            found.append(exercise(path.stem, path.read_text(encoding="utf-8"), cases.read_text(encoding="utf-8")))
    if not found:
        raise ValueError(f"{folder}: there is no PRD in it")
    return tuple(found)


def exercise(name: str, text: str, cases: str) -> Exercise:
    prd, problems = parse(text, f"prds/{name}.md")
    errors = [problem.message for problem in problems if problem.severity == "error"]
    if prd is None or errors:
        raise ValueError(f"{name}: {'; '.join(errors)}")
    fingerprint = hashlib.sha256(f"{text}\0{cases}".encode()).hexdigest()
    return Exercise(name, text, prd, plan_of(prd, 0.0).tasks, _cases(name, json.loads(cases)), fingerprint)


def _cases(name: str, listed: list[dict[str, str | bool | list[str]]]) -> tuple[Case, ...]:
    """Read by the reader of PRDs, so that a hidden case is understood as a shown one is."""
    lines = ["# Cases", "", "## Requirements", "", "### R1: Cases", ""]
    for case in listed:
        session = [f">>> {statement}" for statement in str(case["imports"]).splitlines()]
        told = case["lines"]
        assert isinstance(told, list), case
        lines += ["- [ ] case", "", "  ```python", *(f"  {line}" for line in (*session, *told)), "  ```", ""]
    prd, problems = parse("\n".join(lines) + "\n", f"examples/{name}.md")
    errors = [problem.message for problem in problems if problem.severity == "error"]
    if prd is None or errors:
        raise ValueError(f"examples/{name}.json: {'; '.join(errors)}")
    criteria = prd.requirements[0].criteria
    empty = [str(case["name"]) for case, criterion in zip(listed, criteria, strict=True) if not criterion.examples]
    if empty:
        raise ValueError(f"examples/{name}.json: {empty[0]} asks nothing")
    return tuple(Case(str(case["name"]), bool(case["shown"]), criterion.examples) for case, criterion in zip(listed, criteria, strict=True))


def judge(exercise: Exercise, files: tuple[Change, ...], python: Path) -> Judged:
    """All cases put to the files, in the sandbox; answers are compared here."""
    examples = tuple(example for case in exercise.cases for example in case.examples)
    with tempfile.TemporaryDirectory(prefix="bench-judge-") as name:
        workspace.apply(Path(name), files)
        seen = oracle.ask("check_green", "cases", examples, Path(name), python=python, limits=Limits())
    held = {outcome.id for outcome in seen.outcomes if evidence.holds(outcome)}
    wrong = [case for case in exercise.cases if not all(example.id in held for example in case.examples)]
    return Judged(tuple(case.name for case in wrong), sum(not case.shown for case in wrong))
