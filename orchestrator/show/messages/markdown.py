"""What a CI host shows as Markdown: the summary of a job, a comment on a pull request. Pure.

Texts of PRDs and agents are shown as plain text: nothing in them becomes a link, a picture, a mention or HTML.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from orchestrator.model import Problem, Task
from orchestrator.plan.outlook import Outlook
from orchestrator.save.overview import Overview, ProjectStanding, TaskStanding
from orchestrator.save.reports import InboxReport
from orchestrator.show import forecasts
from orchestrator.show.console.terminal import safe, state_words, would

MARK = "<!-- orchestrator -->"
"""The first line: by it a comment is found again, and replaced."""
MOST = 50
"""Rows or lines of one kind."""
LONGEST = 400


def status(found: Overview, inbox: InboxReport) -> str:
    """Where each project stands, what needs a person or failed and why, which PRDs are set aside, what was spent."""
    parts = [f"{MARK}\n### Where the PRDs stand", _projects(found.projects)]
    for state, title in (("unclear", "Needs a person"), ("failed", "Failed"), ("parked", "Parked")):
        tasks = [task for project in found.projects for task in project.tasks if task.state == state]
        parts += [_listed(title, [_task(task) for task in tasks])] if tasks else []
    aside = [receipt for receipt in inbox.receipts if receipt.state == "set aside"]
    errors = [problem for receipt in aside for problem in receipt.problems if problem.severity == "error"]
    parts += [_listed("Set aside", [_problem(Problem(**each.model_dump())) for each in errors])] if errors else []
    complaining = [prd for project in found.projects for prd in project.complaining]
    parts += [_listed("The branch as a whole has complaints", [f"`{prd}`" for prd in complaining])] if complaining else []
    spent = next((account.spent for account in found.accounts if account.scope == "all"), None)
    if spent and spent.turns:
        parts.append(f"Spent so far: {spent.turns} turn{'s' * (spent.turns != 1)}, {spent.tokens:,} tokens, {spent.usd:.2f} USD.")
    return "\n\n".join(parts) + "\n"


def plan(found: Sequence[Outlook], states: Mapping[str, tuple[str, str]], errors: Iterable[Problem], worded: Mapping[str, Task] = {}) -> str:
    """Which tasks would run, and why; what is wrong with PRDs."""
    said = [(each.prd.path, task, would(task, states, worded)) for each in found for task in each.plan.tasks]
    due = [(path, task, what) for path, task, what in said if "would run" in what or what == "needs a person"]
    parts = [f"{MARK}\n### What would run"]
    wrong = [_problem(problem) for problem in errors]
    parts += [_listed("Set aside", wrong)] if wrong else []
    if due:
        rows = [f"| `{task.id}` | {plain(task.goal)} | `{path}` | {plain(what)} |" for path, task, what in due[:MOST]]
        rows += [f"| … | and {len(due) - MOST} more | | |"] if len(due) > MOST else []
        parts.append("\n".join(["| Task | Goal | PRD | |", "|---|---|---|---|", *rows]))
        likely = [line for each in found if each.due for line in forecasts.lines(each.forecasts)]
        parts += ["\n".join(f"- {plain(line)}" for line in likely[:MOST])] if likely else []
    else:
        parts.append("Nothing: what the PRDs ask for is done, or waits for a person.")
    return "\n\n".join(parts) + "\n"


def _projects(projects: tuple[ProjectStanding, ...]) -> str:
    if not projects:
        return "No PRD has been worked on yet."
    levels = [level for level in ("held-out", "oracle", "human test", "agent test") if any(level in project.levels for project in projects)]
    head = ["Project", "Tasks done", "Criteria proved", *(f"by {level}" for level in levels), "Turns", "Answers", "State"]
    rows = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(levels) + 3) + "---|---|"]
    for project in projects:
        states = Counter(project.states)
        cells = [
            f"`{project.project}`",
            f"{states['done']} of {sum(states.values()) - states['retired']}",
            f"{sum(project.levels.values())} of {project.criteria}",
            *(str(project.levels.get(level, 0)) for level in levels),
            str(project.turns),
            " + ".join(kind if kind in ("recorded", "scripted") else "live" for kind in project.kinds) or "–",
            plain(project.damage) if project.damage else state_words(states),
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _task(task: TaskStanding) -> str:
    places = ", ".join(f"`{task.path}:{line}`" for line in task.lines)
    until = f" (until {task.until})" if task.until else ""
    return f"`{task.id}`{until}: {plain(task.question or task.reason)}" + (f" ({places})" if places else "")


def _problem(problem: Problem) -> str:
    where = f"`{problem.path}:{problem.line}`" if problem.line else f"`{problem.path}`"
    return f"{where}: {plain(problem.message)}" + (f" → {plain(problem.hint)}" if problem.hint else "")


def _listed(title: str, lines: list[str]) -> str:
    more = [f"… and {len(lines) - MOST} more"] if len(lines) > MOST else []
    return "\n".join([f"**{title}**", "", *(f"- {line}" for line in (*lines[:MOST], *more))])


def plain(text: str) -> str:
    """A text as one line in which nothing is Markdown, HTML, a link or a mention."""
    line = safe(" ".join(text.split()))
    line = line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
    line = re.sub(r"([\\`*_\[\]|#~!])", r"\\\1", line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
    return line.replace("@", "&#64;").replace("://", "&#58;//")
