"""What the commands print. Pure: values in, text out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from orchestrator.model import Problem, Task
from orchestrator.plan.delta import reasons
from orchestrator.plan.readiness import WEIGHTS, Readiness

if TYPE_CHECKING:
    from orchestrator.save.links import Trace
    from orchestrator.save.reports import ProjectReport


def problems(found: Iterable[Problem]) -> str:
    """One or two lines per problem, in the form editors understand: `file:line: severity: message [code]`."""
    lines = []
    for problem in found:
        place = f"{problem.path}:{problem.line}" if problem.line else problem.path
        lines.append(f"{place}: {problem.severity}: {problem.message} [{problem.code}]")
        if problem.hint:
            lines.append(f"    → {problem.hint}")
    return "\n".join(safe(line) for line in lines)


def safe(text: str) -> str:
    """Without control characters: text of PRDs and agents must not steer a terminal."""
    return "".join(letter if letter in "\n\t" or (letter.isprintable()) else "�" for letter in text)


def table(projects: Iterable[ProjectReport]) -> str:
    """Where each project stands: the same until something happens."""
    projects = list(projects)
    reached = {criterion.level for project in projects for prd in project.prds for item in prd.requirements for criterion in item.criteria}
    levels_shown = ["held-out", "oracle", *(level for level in ("human test", "agent test") if level in reached)]
    rows: list[tuple[str, ...]] = [
        ("project", "tasks", "criteria proved", *(f"by {level}" for level in levels_shown), "turns", "answers", "state")
    ]  # fmt: skip
    for project in projects:
        states = Counter(task.state for task in project.tasks if task.state != "retired")
        criteria = [c for prd in project.prds for requirement in prd.requirements for c in requirement.criteria]
        proved = [criterion for criterion in criteria if criterion.state == "proved"]
        added = sum(criterion.added for criterion in proved)
        levels: Counter[str] = Counter(criterion.level for criterion in proved)
        turns = sum(run.turns for run in project.runs) if project.turns is None else project.turns
        told = {"recorded": any(run.replayed for run in project.runs), "scripted": any(run.scripted for run in project.runs)}
        kinds = [word for word, shown in told.items() if shown or word in project.kinds]
        rows.append(
            (
                project.project,
                f"{states['done']} of {sum(states.values())}",
                f"{len(proved)} of {len(criteria)}" + (f", {added} inferred" if added else ""),
                *(str(levels[level]) for level in levels_shown),
                str(turns),
                " + ".join(kinds) or ("live" if turns else "–"),
                state_words(states),
            )
        )
    return columns(rows) if len(rows) > 1 else "no project yet"


def state_words(states: Counter[str]) -> str:
    """What is not done yet, most pressing first; `done` when all is, `–` where there is nothing to do."""
    counts = Counter({state: count for state, count in states.items() if state != "retired"})
    done = counts.pop("done", 0)
    counts["ready"] += counts.pop("pending", 0)
    counts["running"] += counts.pop("produced", 0)
    known = {"failed": "failed", "unclear": "needs a person", "parked": "parked", "skipped": "skipped", "running": "running", "ready": "waiting"}
    words = known | {state: state for state in counts if state not in known}
    parts = [f"{counts[state]} {word}" if counts[state] > 1 else word for state, word in words.items() if counts[state]]
    return ", ".join(parts) or ("done" if done else "–")


def columns(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[number]) for row in rows) for number in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return safe("\n".join([lines[0], "  ".join("─" * width for width in widths), *lines[1:]]))


def questions(projects: Iterable[ProjectReport]) -> str:
    """What needs a person, with the lines concerned."""
    lines = []
    for project in projects:
        for task in project.tasks:
            if task.state == "unclear" and task.question:
                places = ", ".join(f"{task.question.path}:{line}" for line in task.question.lines)
                lines.append(f"{task.id} needs a person: {task.question.text} ({places})")
            elif task.state == "failed":
                lines.append(f"{task.id} failed: {task.reason}")
        for prd in project.prds:
            lines += [f"{prd.id} phase {phase.number} {phase.reason}" for phase in prd.phases if phase.state == "waits"]
    return safe("\n".join(lines))


def ready(found: Iterable[Readiness]) -> str:
    """How ready each PRD is, and what would raise it most."""
    lines = []
    for each in found:
        lacks = sorted((part for part in each.parts if part.lacks), key=lambda part: part.points - WEIGHTS[part.name])
        said = "; ".join(part.lacks for part in lacks[:3])
        lines.append(f"{each.path}: readiness {each.score} of 100" + (f": {said}" if said else ""))
    return safe("\n".join(lines))


def trace(found: Trace) -> str:
    """A paragraph for each criterion."""
    paragraphs = []
    for link in found.links:
        proved = f"{link.state}, by {link.level}" if link.state == "proved" else link.state
        rows = [
            ("requirement", [f"{link.requirement}  {link.title}  ({link.path}:{link.requirement_line})"]),
            ("task", [f"{link.task}  {link.task_state}"] if link.task else []),
            ("criterion", [proved]),
            ("tests", link.tests),
            ("commits", [f"{commit.id[:10]}  {commit.subject or 'not in the repository'}" for commit in link.commits]),
            ("files", link.files),
        ]
        said = "  (inferred)" if link.inferred else ""
        lines = [f"{link.criterion}  {' '.join(link.text.split())}  ({link.path}:{link.line}){said}"]
        for name, values in rows:
            lines += [f"  {name if not number else '':<12} {value}" for number, value in enumerate(values)]
        paragraphs.append("\n".join(lines))
    return safe("\n\n".join(paragraphs)) if paragraphs else "nothing has been planned yet"


def would(task: Task, states: Mapping[str, tuple[str, str]], before: Mapping[str, Task] = {}) -> str:
    """What `run` would do with a task now, and why it would do it again. `before`: tasks that are worded otherwise now, as they were."""
    state, fingerprint = states.get(task.id, ("", ""))
    if task.question and (not state or fingerprint != task.fingerprint or state == "unclear"):
        return "needs a person"
    if not state:
        return "new, would run"
    if fingerprint != task.fingerprint:
        why = ", and ".join(reasons(before[task.id], task)) if task.id in before else ""
        return f"changed: {why}; would run" if why else "changed, would run"
    return state if state in ("done", "failed", "unclear", "skipped", "retired") else f"{state}, would run"
