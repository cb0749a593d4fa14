"""Do the examples run the code that a task adds or changes? They are asked once more, of code with marks in it, after everything else held.

What none of them runs is a notice, and lowers what is claimed. It refuses nothing, unless `gates.coverage` asks for a share: then examples
that run too little need a person, for nobody can say what the code should do where no example looks.
"""

from __future__ import annotations

import secrets
import shlex
import time
from dataclasses import replace

from orchestrator.model import Change, Example, Question
from orchestrator.run import branches, oracle, people, stubs
from orchestrator.run.bench import Bench, End
from orchestrator.run.gates import covered, writable

SLOWER, EACH = 3, 0.5
"""How much longer than usual an example may take with marks in the code, and seconds for each in all of it, beyond two of the longest."""

PYTEST = (
    'cd "$SANDBOX_ROOT" && python -P -s -B -m pytest -q -c /dev/null --rootdir . --import-mode=importlib --noconftest '
    "-p no:cacheprovider -o addopts= "
)
"""The tests for prose as a command, before their paths: with nothing of the project but the code."""


def measure(bench: Bench, changes: tuple[Change, ...]) -> covered.Covered | None:
    """All examples of the task and of finished ones whose files it changes, and the tests for prose; None where no code changed."""
    sources = {change.path: change.text for change in changes if change.text is not None and _is_source(change.path)}
    if not sources:
        return None
    began = time.monotonic()
    marked = branches.marked({path: bench.read_base(path) for path in sources}, sources, f"_x{secrets.token_hex(6)}")
    if not marked.marks and not marked.unmarked:
        return None
    code = (*changes, *(Change(path, text) for path, text in marked.texts.items()))
    own = (*bench.shown, *bench.hidden)
    asked = [(frozenset({bench.criteria[example.id]}), oracle.question(example)) for example in own]
    asked += [(frozenset(), oracle.question(example)) for example in _of_finished_tasks(bench, changes)]
    ran = _ask(bench, code, tests=False, asked=asked, marked=marked) if asked and marked.marks else ()
    if (bench.named or bench.people) and marked.marks:
        ran = (*ran, *_ask(bench, code, tests=True, asked=[(frozenset(), _suite(bench))], marked=marked))
    return covered.judge(marked, ran, frozenset(criterion.id for criterion in bench.work.task.criteria), time.monotonic() - began)


def note(bench: Bench, found: covered.Covered | None) -> None:
    """On the bench: how much may be claimed, and what was seen."""
    bench.coverage = found.coverage if found else None
    bench.capped |= found.criteria if found else frozenset()


def after(bench: Bench, end: End) -> End:
    """The end of a cycle that passed, as it stands with the share that is asked for."""
    missed = covered.below(bench.coverage, wanted(bench)) if bench.coverage else None
    if missed is None or end.verdict != "passed":
        return end
    if bench.attempts:
        last = bench.attempts[-1]
        bench.attempts[-1] = replace(last, findings=(*last.findings, missed))
    return End("needs a person", missed.message, question=_question(bench, missed.message))


def wanted(bench: Bench) -> int | None:
    """The share that must be run, percent: the PRD may only raise what is configured."""
    asked = [share for share in (bench.work.config.gates.coverage, bench.work.prd.gates.coverage) if share is not None]
    return max(asked, default=None)


def _question(bench: Bench, missed: str) -> Question:
    unrun = bench.coverage.unrun if bench.coverage else ()
    named = "; ".join(f"{item.path}: {item.what}" for item in unrun[:5])
    return Question(f"{missed[:1].upper()}{missed[1:]}. Which example does? {named}", tuple(item.line for item in bench.work.task.criteria))


def _is_source(path: str) -> bool:
    return path.endswith(".py") and not writable.is_test(path)


def _of_finished_tasks(bench: Bench, changes: tuple[Change, ...]) -> tuple[Example, ...]:
    touched = {change.path for change in changes}
    files = {task.id: {stubs.locate(path, bench.read_base, bench.roots) for path in task.files} for task in bench.work.done}
    return tuple(example for task in bench.work.done if touched & files[task.id] for example in task.examples)


def _suite(bench: Bench) -> dict[str, object]:
    """The tests for prose and those of people, as a command; what of these needs a conftest runs nothing."""
    call = PYTEST + shlex.join((*(change.path for change in bench.written), *people.files_of(bench.people)))
    return {"kind": "console", "setup": [], "call": call, "stdin": "", "files": [], "rounds": 1}


def _ask(
    bench: Bench, code: tuple[Change, ...], *, tests: bool, asked: list[tuple[frozenset[str], dict[str, object]]], marked: branches.Marked
) -> tuple[covered.Ran, ...]:
    root = bench.graft((*code, *bench.tests)) if tests else bench.without_tests(code)
    bounds = bench.work.config.limits
    each = SLOWER * (bounds.test_seconds if tests else bounds.example_seconds)
    questions = tuple(question | {"seconds": each} for _, question in asked)
    seconds = each if tests else 2 * each + EACH * len(asked)
    ran = oracle.cover(root, questions, marked, python=bench.work.python, limits=bounds, seconds=seconds, roots=bench.roots)
    return tuple((criteria, numbers) for (criteria, _), numbers in zip(asked, ran, strict=True))
