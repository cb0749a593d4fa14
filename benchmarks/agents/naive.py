"""What people do without the pipeline: ask once, or ask until the shown examples pass.

Both arms give the agent the whole PRD with its shown examples. The agent is the product's own, with its system prompt, its reading of answers and
its rule that an answer given before raises the temperature, so that the arms differ in nothing but how "done" is decided.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.agents.exercises import Exercise
from orchestrator.config import Limits
from orchestrator.errors import AgentError
from orchestrator.model import AgentTurn, Brief, Change
from orchestrator.run import examples, limits, suites
from orchestrator.run.agents import Agent, workspace

OUTPUT = 4000
"""Characters of pytest's output that go back, its end."""


@dataclass(frozen=True)
class Claim:
    """How an arm ended."""

    done: bool
    """It says so."""
    files: tuple[Change, ...]
    reason: str
    turns: tuple[AgentTurn, ...] = ()
    attempts: tuple[str, ...] = ()
    """Of each attempt a line: what refused it, or that it passed."""
    refused: tuple[tuple[Change, ...], ...] = ()
    """The code of each attempt that the gates refused."""


def one_shot(exercise: Exercise, agent: Agent) -> Claim:
    """One turn, taken at its word."""
    return _ask(exercise, agent, None, 1)


def plain_retry(exercise: Exercise, agent: Agent, python: Path, most: int) -> Claim:
    """At most so many turns: the code stays, what pytest says of the shown examples goes back, and the first code that passes them is the claim."""
    return _ask(exercise, agent, python, most)


def _ask(exercise: Exercise, agent: Agent, python: Path | None, most: int) -> Claim:
    """`python`: runs pytest after each turn; None takes the first answer as the claim."""
    taken: list[AgentTurn] = []
    lines: list[str] = []
    known: set[str] = set()
    repeats, output = 0, ""
    with tempfile.TemporaryDirectory(prefix="bench-naive-") as name:
        folder = Path(name)
        workspace.make_room(folder, exercise.modules)
        try:
            for number in range(1, most + 1):
                brief = _brief(exercise, number, _files(folder), output, repeats)
                taken.append(agent.turn(brief, folder))
                files = _files(folder)
                if python is None:
                    return Claim(True, files, "one answer, taken at its word", tuple(taken))
                passed, output = pytest(exercise, files, python)
                if passed:
                    return Claim(True, files, f"turn {number} passes the shown examples", tuple(taken), (*lines, "passed"))
                lines.append(_last(output))
                mark = limits.answer_hash(files)
                repeats += mark in known
                known.add(mark)
        except AgentError as error:
            return Claim(False, _files(folder), str(error), tuple(taken), tuple(lines))
        finally:
            agent.close()
        return Claim(False, _files(folder), "no turn is left", tuple(taken), tuple(lines))


def _files(folder: Path) -> tuple[Change, ...]:
    return tuple(workspace.read(folder).values())


def _brief(exercise: Exercise, number: int, files: tuple[Change, ...], output: str, repeats: int) -> Brief:
    modules = " and ".join(f"`{path}`" for path in exercise.modules)
    text = f"{exercise.body}\n## What to write\n\nWrite {modules} so that all of this holds. Use the standard library only.\n"
    if output:
        text += f"\n## What pytest says\n\nThe code as it is does not pass the examples:\n\n````text\n{output}\n````\n\nMend it.\n"
    if repeats:
        text += "\nThe last answer was the same as an earlier one. Write it in a different way.\n"
    task = exercise.tasks[0]
    return Brief(exercise.prd.id, task.id, "code", number, 1, task.fingerprint, text, files, exercise.modules, repeats, heat=repeats)


def pytest(exercise: Exercise, files: tuple[Change, ...], python: Path) -> tuple[bool, str]:
    """(the shown examples pass, the end of what pytest prints), in the sandbox."""
    with tempfile.TemporaryDirectory(prefix="bench-pytest-") as name:
        folder = Path(name)
        tests = [Change(task.test_file, examples.test_file(task, exercise.prd.path, task.examples)) for task in exercise.tasks]
        workspace.apply(folder, (*files, *tests))
        variant = suites.Variant("shown examples", folder, tuple(test.path for test in tests))
        (seen,) = suites.run("check_green", (variant,), python=python, limits=Limits())
    wanted = sum(len(task.examples) for task in exercise.tasks)
    passed = sum(outcome.outcome == "passed" for outcome in seen.outcomes)
    return seen.exit_code == 0 and passed == wanted == len(seen.outcomes), seen.output[-OUTPUT:].strip()


def _last(output: str) -> str:
    return next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "pytest said nothing")[:200]
