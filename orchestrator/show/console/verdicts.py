"""What `orchestrator verify` found, and how it is printed. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.run.reprove import Flaw


@dataclass(frozen=True)
class TaskVerdict:
    task: str
    prd: str
    run: str
    """The run that judged it, '' when nothing proves it."""
    evidence: str
    """File of its bundle."""
    red: tuple[int, int] | None
    """(tests red at the base, tests); None when it was not tried, as is the next one."""
    green: tuple[int, int] | None
    """(examples and tests that hold, all of them)."""
    sandbox_then: str
    sandbox_now: str
    flaws: tuple[Flaw, ...]

    @property
    def holds(self) -> bool:
        return not any(flaw.severity == "error" for flaw in self.flaws)


@dataclass(frozen=True)
class ProjectVerdict:
    project: str
    source: str
    """The repository or the git bundle whose history was verified."""
    bundles: int
    head: str
    """Hash of the last bundle of the chain: whoever has noted it can tell a chain that was written anew."""
    tasks: tuple[TaskVerdict, ...]
    flaws: tuple[Flaw, ...]
    """Of the project as a whole."""

    @property
    def holds(self) -> bool:
        return not any(flaw.severity == "error" for flaw in self.flaws) and all(task.holds for task in self.tasks)


# --- what is printed -------------------------------------------------------------------------------------------------------


def lines(project: ProjectVerdict) -> Iterator[str]:
    """A line per task and its flaws, then those of the project."""
    whole = "chain ok" if not any(flaw.code in ("broken-chain", "changed-evidence") for flaw in project.flaws) else "chain broken"
    for task in project.tasks:
        parts = [f"{word} {made}" for word, made in (("RED", _of(task.red, " red")), ("GREEN", _of(task.green, ""))) if made]
        if task.sandbox_now:
            was = "" if task.sandbox_now == task.sandbox_then else f" (was {task.sandbox_then})"
            parts.append(f"sandbox {task.sandbox_now}{was}")
        yield f"{task.task}  {'holds' if task.holds else 'DOES NOT HOLD'}  {' · '.join([*parts[:2], whole, *parts[2:]])}"
        yield from map(_line, task.flaws)
    if project.flaws:
        yield f"{project.project}  {'holds' if project.holds else 'DOES NOT HOLD'}  as a whole:"
        yield from map(_line, project.flaws)


def _of(pair: tuple[int, int] | None, word: str) -> str:
    return f"{pair[0]} of {pair[1]}{word}" if pair else ""


def _line(flaw: Flaw) -> str:
    values = f" (evidence: {flaw.recorded or '–'}; found: {flaw.found or '–'})" if flaw.recorded or flaw.found else ""
    where = f"{flaw.where}: " if flaw.where and flaw.where not in flaw.message else ""
    return f"    {flaw.severity}: {where}{flaw.message}{values} [{flaw.code}]"


def summary(found: tuple[ProjectVerdict, ...]) -> str:
    """The last line."""
    if not found:
        return "nothing to verify"
    tasks = [task for project in found for task in project.tasks]
    flaws = [flaw for project in found for flaw in (*project.flaws, *(flaw for task in project.tasks for flaw in task.flaws))]
    wrong = sum(flaw.severity == "error" for flaw in flaws)
    heads = ", ".join(
        f"{project.project} {project.head[:16]} ({project.bundles} bundle{'s' * (project.bundles != 1)})" for project in found if project.head
    )
    told = f"{sum(task.holds for task in tasks)} of {len(tasks)} {'task holds' if len(tasks) == 1 else 'tasks hold'}"
    return f"{told}; {wrong} wrong, {len(flaws) - wrong} noticed" + (f"; chain: {heads}" if heads else "")


def regressed(project: ProjectVerdict) -> dict[str, str]:
    """Task → why its code no longer does what it did. What was tampered with is for a person: doing it again would only hide it."""
    found = {task.task: next((flaw.message for flaw in task.flaws if flaw.code == "not-green"), "") for task in project.tasks}
    return {task: message for task, message in found.items() if message}


def as_json(found: tuple[ProjectVerdict, ...]) -> dict[str, Any]:
    """Everything, for `--json`."""
    projects = [
        asdict(project) | {"holds": project.holds, "tasks": [asdict(task) | {"holds": task.holds} for task in project.tasks]} for project in found
    ]
    return {"version": 1, "holds": all(project.holds for project in found), "projects": projects}
