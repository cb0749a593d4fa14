"""What a page knows about runs other than its own: lists of runs, and who gave the answers. Pure.

An answer that no live agent gave is labelled wherever its run or task shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrator.show import addresses
from orchestrator.show.data_api import feed
from orchestrator.show.figures import measured, unstable
from orchestrator.show.gather import Unreadable

if TYPE_CHECKING:
    from orchestrator.save.reports import AttemptReport, ProjectReport, RunReport, TaskReport, TaskRunReport

REPLAYED = "recorded answers, replayed"
REASON = 300
"""Characters of a reason that a digest keeps."""


def answers(attempts: Sequence[AttemptReport]) -> list[str]:
    """What a page must say about turns that no live agent took, in the order met."""
    found: dict[str, None] = {}
    for attempt in attempts:
        for turn in attempt.turns:
            if turn.kind == "recorded" or turn.recorded_from:
                found[f"recorded answers of {turn.recorded_from}, replayed" if turn.recorded_from else REPLAYED] = None
            elif turn.kind == "scripted":
                found["scripted agent"] = None
    return list(found)


def general(replayed: bool, scripted: bool, named: Sequence[str]) -> list[str]:
    """Labels of a whole run: those its turns name, and the general ones when its flags say more than the turns do."""
    found = list(named)
    if replayed and not any(name.startswith("recorded") for name in found):
        found.append(REPLAYED)
    if scripted and "scripted agent" not in found:
        found.append("scripted agent")
    return found


def task_pages(name: str, run_id: str, report: RunReport) -> list[str]:
    """The page of each task of a run. One that was judged more than once has as many; the last has the name that other pages link."""
    seen: dict[str, int] = {}
    found = []
    for task in reversed(report.tasks):
        seen[task.id] = seen.get(task.id, 0) + 1
        found.append(task.id if seen[task.id] == 1 else f"{task.id} before {seen[task.id] - 1}")
    slugs = addresses.slugs(found)
    return [addresses.task(name, run_id, slugs[key]) for key in reversed(found)]


def digest(name: str, run_id: str, report: RunReport | Unreadable) -> dict[str, Any]:
    """What other pages need to know about a run, as JSON values; kept so that an unchanged report need not be read again."""
    if isinstance(report, Unreadable):
        return {"id": run_id, "why": report.why, "tasks": {}, "answers": [], "agents": []}
    pages = dict(zip((task.id for task in report.tasks), task_pages(name, run_id, report), strict=True))
    verdicts = list({task.id: task.verdict for task in report.tasks}.values())  # one that was judged more than once counts once
    return {
        "id": run_id,
        "why": "",
        "started_at": report.started_at,
        "ended_at": report.ended_at,
        "told": feed.told(report),
        "seconds": between(report.started_at, report.ended_at),
        "outcome": report.outcome,
        "done": sum(verdict in ("passed", "already satisfied") for verdict in verdicts),
        "failed": verdicts.count("gave up"),
        "needs_person": verdicts.count("needs a person"),
        "turns": report.turns,
        "agents": [item.model_dump() for item in report.agents],
        "trend": measured.of_run(report),
        "flaky": unstable.of_run(report),
        "answers": general(report.replayed, report.scripted, answers([item for task in report.tasks for item in (*task.written, *task.attempts)])),
        "tasks": {name: _task([task for task in report.tasks if task.id == name], pages[name]) for name in pages},
    }


def _task(times: Sequence[TaskRunReport], page: str) -> dict[str, Any]:
    """A task that was judged more than once stands as the last time left it; its turns are those of all times."""
    last, tried = times[-1], [attempt for task in times for attempt in (*task.written, *task.attempts)]
    return {
        "page": page,
        "verdict": last.verdict,
        "reason": last.reason[:REASON],
        "attempts": len(last.attempts),
        "evidence": bool(last.red or last.baseline or last.red_findings),
        "seconds": sum(task.seconds for task in times),
        "answers": answers(tried),
        "turns": sum(len(attempt.turns) for attempt in tried),
    }


def between(start: str, end: str) -> float | None:
    try:
        return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    except (ValueError, TypeError):
        return None


class RunRow(NamedTuple):
    """A run in a list."""

    id: str
    project: str
    page: str
    """'' when its report is gone."""
    why: str
    """Not '' when its report cannot be read."""
    started_at: str
    seconds: float | None
    outcome: str
    done: int
    failed: int
    needs_person: int
    turns: int
    answers: tuple[str, ...]


def run_rows(name: str, report: ProjectReport | Unreadable, digests: Mapping[str, Mapping[str, Any]]) -> list[RunRow]:
    """Every run that the project or a report names, newest first."""
    rows = {}
    for summary in [] if isinstance(report, Unreadable) else report.runs:
        known = digests.get(summary.id)
        labels = general(summary.replayed, summary.scripted, known["answers"] if known else ())
        page = addresses.run(name, summary.id) if known else ""
        counts = (summary.done, summary.failed, summary.needs_person, summary.turns)
        why = known["why"] if known else ""
        rows[summary.id] = RunRow(summary.id, name, page, why, summary.started_at, summary.seconds, summary.outcome, *counts, tuple(labels))
    for run_id, known in digests.items():
        if run_id in rows:
            continue
        if known["why"]:
            rows[run_id] = RunRow(run_id, name, addresses.run(name, run_id), known["why"], "", None, "", 0, 0, 0, 0, ())
        else:
            counts = (known["done"], known["failed"], known["needs_person"], known["turns"])
            page = addresses.run(name, run_id)
            rows[run_id] = RunRow(run_id, name, page, "", known["started_at"], known["seconds"], known["outcome"], *counts, tuple(known["answers"]))
    return sorted(rows.values(), key=lambda row: row.id, reverse=True)


def task_spot(task: TaskReport, digests: Mapping[str, Mapping[str, Any]]) -> tuple[str, list[str]]:
    """(page of the last run that worked on a task, labels of the newest run in which turns were taken for it)."""
    pages = [digests[task.last_run]["tasks"][task.id]["page"]] if task.id in digests.get(task.last_run, {"tasks": {}})["tasks"] else []
    labels: list[str] = []
    for run_id in sorted(digests, reverse=True):
        known = digests[run_id]["tasks"].get(task.id)
        if known:
            pages.append(known["page"])
            if known["turns"]:
                labels = known["answers"]
                break
    return (pages[0] if pages else ""), labels
