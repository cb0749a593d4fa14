"""Two runs of a project side by side: what changed between them. Pure.

Each run has its facts in a small script of its own (`facts.js`), made when its report is read. The page beside the run before is made from the
facts of both; the page that compares any two loads them in the browser, also from file://, where nothing but a script can be loaded.
assets/compare.js compares as `difference` does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrator.show import addresses, words
from orchestrator.show.figures import measured
from orchestrator.show.gather import Unreadable
from orchestrator.show.history import between
from orchestrator.show.pages import amount, render, took, usd
from orchestrator.show.text import clean

if TYPE_CHECKING:
    from jinja2 import Environment

    from orchestrator.save.reports import RunReport, TaskRunReport

MOST = 400
"""Tests of one kind that the facts of a run name."""
LISTED = 1000
"""Runs that can be chosen."""
HELD = ("passed", "agreed")
QUIET = ("skipped",)
GLOBAL = "orchestratorRuns"
"""Of the window: run id → its facts."""


def facts(name: str, run_id: str, report: RunReport) -> dict[str, Any]:
    """What is compared of a run, as JSON values."""
    pages = addresses.slugs(task.id for task in report.tasks)
    spent = measured.spent(report)
    tests = _outcomes(report.tasks)
    failed = sorted(test for test, outcome in tests.items() if outcome not in (*HELD, *QUIET))
    wanted = {test for task in report.tasks for proof in task.proofs for test in proof.tests}
    standing = report.standing
    return {
        "run": run_id,
        "at": report.started_at,
        "outcome": report.outcome,
        "figures": {
            "requirements proved": standing and standing.requirements_proved,
            "requirements": standing and standing.requirements,
            "criteria proved": standing and standing.proved,
            "turns": report.turns,
            "tokens": spent["tokens"] if spent["live"] else 0,
            "cost": spent["usd"] if spent["live"] else 0,
            "took": between(report.started_at, report.ended_at),
        },
        "with": _with(report),
        "tasks": {
            task.id: {
                "title": clean(task.title)[:160],
                "verdict": task.verdict,
                "page": f"{pages[task.id]}.html",
                "attempts": len(task.attempts),
                "took": round(task.seconds, 1),
            }
            for task in report.tasks
        },
        "criteria": {proof.criterion: proof.level for task in report.tasks for proof in task.proofs},
        "failed": failed[:MOST],
        "passed": sorted(test for test in wanted if tests.get(test) in HELD)[:MOST],
        "whole": any(item.what == "whole suite" for task in report.tasks for attempt in task.attempts[-1:] for item in attempt.observations),
    }


def _outcomes(tasks: Sequence[TaskRunReport]) -> dict[str, str]:
    """Test → what the last look at it in the run said. Of the base, only where nothing else looked."""
    found: dict[str, str] = {}
    for task in tasks:
        final = next((item for item in task.attempts if item.verdict == "passed"), task.attempts[-1] if task.attempts else None)
        seen = final.observations if final else task.red
        found |= {outcome.id: outcome.outcome for item in seen if "stub" not in item.what for outcome in item.outcomes}
    return found


def _with(report: RunReport) -> dict[str, str]:
    """What the run was made with: versions, sandbox, environment, agents."""
    known = {name: version for name, version in sorted(report.tools.items()) if version}
    known |= {"sandbox": report.sandbox, "environment": report.environment[:12]}
    for agent in report.agents:
        role = {"code": "code by", "tests": "tests by", "plan": "plan by"}.get(agent.role, f"{agent.role} by")
        said = f"{agent.agent} ({agent.kind}{f', {agent.model}' if agent.model and agent.model != agent.agent else ''})"
        known[role] = f"{known[role]}, {said}" if role in known else said
    return {clean(name): clean(value)[:200] for name, value in known.items() if value}


def script(found: Mapping[str, Any]) -> str:
    """The facts as a script."""
    text = json.dumps(_clean(found), separators=(",", ":")).replace("<", "\\u003c")
    name = json.dumps(clean(found["run"])).replace("<", "\\u003c")
    return f"(window.{GLOBAL} = window.{GLOBAL} || {{}})[{name}] =\n{text}\n;\n"


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {_clean(key): _clean(each) for key, each in value.items()}
    return [_clean(each) for each in value] if isinstance(value, (list, tuple)) else value


def readable(name: str, run_id: str, report: RunReport | Unreadable | None) -> dict[str, Any] | None:
    """The facts of a report; None where it cannot be read."""
    return None if report is None or isinstance(report, Unreadable) else facts(name, run_id, report)


# --- what differs ---------------------------------------------------------------------------------------------------------


class Task(NamedTuple):
    id: str
    title: str
    before: str
    """Verdict; '' where the run did not work on it."""
    after: str
    page_before: str
    page_after: str


class Difference(NamedTuple):
    tasks: list[Task]
    """Those of which the verdict differs, or that only one of the two worked on."""
    same_tasks: int
    criteria: list[tuple[str, str, str]]
    """(criterion, level before, level after) where they differ; '' where the run proved nothing of it."""
    began: list[str]
    """Tests that failed before and do not now."""
    ceased: list[str]
    """Tests that fail now and did not before."""
    fresh: list[str]
    """Tests of criteria that pass now, and that the run before did not name."""
    figures: list[tuple[str, Any, Any]]
    made_with: list[tuple[str, str, str]]
    """(what, before, after) where they differ."""
    same_with: int

    @property
    def nothing(self) -> bool:
        return not (self.tasks or self.criteria or self.began or self.ceased or self.fresh)


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    tasks = []
    for name in sorted({*before["tasks"], *after["tasks"]}):
        one, two = before["tasks"].get(name, {}), after["tasks"].get(name, {})
        tasks.append(Task(name, (two or one)["title"], one.get("verdict", ""), two.get("verdict", ""), one.get("page", ""), two.get("page", "")))
    changed = [task for task in tasks if task.before != task.after]
    levels = [(name, before["criteria"].get(name, ""), after["criteria"].get(name, "")) for name in sorted({*before["criteria"], *after["criteria"]})]
    failed, fails = set(before["failed"]), set(after["failed"])
    passed, passes = set(before["passed"]), set(after["passed"])
    made_with = [(name, before["with"].get(name, ""), after["with"].get(name, "")) for name in sorted({*before["with"], *after["with"]})]
    return Difference(
        changed,
        len(tasks) - len(changed),
        [item for item in levels if item[1] != item[2] and not (item[1] and not item[2] and _untouched(item[0], after))],
        sorted(test for test in failed - fails if after["whole"] or test in passes),
        sorted(test for test in fails - failed if before["whole"] or test in passed),
        sorted(passes - passed - failed),
        [(name, before["figures"].get(name), after["figures"].get(name)) for name in after["figures"]],
        [item for item in made_with if item[1] != item[2]],
        sum(item[1] == item[2] for item in made_with),
    )


def _untouched(criterion: str, after: Mapping[str, Any]) -> bool:
    """The later run did not work on the criterion's requirement: it stands as it stood."""
    requirement = criterion.rpartition(".")[0]
    return not any(task == requirement or task.startswith(f"{requirement}.") for task in after["tasks"])


# --- pages ----------------------------------------------------------------------------------------------------------------


def run_page(env: Environment, name: str, run_id: str, now: Mapping[str, Any] | None, before: Mapping[str, Any] | None, before_id: str) -> str:
    """A run beside the one before it. `before_id`: '' where there is none; None for facts: the report cannot be read."""
    page = addresses.compare(name, run_id)
    found = difference(before, now) if now and before else None
    return render(
        env,
        "compare.html",
        page,
        project=name,
        run_id=run_id,
        before_id=before_id,
        now=now,
        before=before,
        found=found,
        figures=[(row, *_written(row, one, two)) for row, one, two in found.figures] if found else [],
        criterion_order=list(words.LEVELS),
        place=lambda run, file: f"{addresses.run(name, run).removesuffix(addresses.OVERVIEW)}{file}",
    )


def _written(name: str, before: Any, after: Any) -> tuple[str, str, str]:
    """(before, after, what it is more or less)."""
    show = {"cost": usd, "took": took}.get(name, amount)
    if before is None or after is None:
        return show(before), show(after), ""
    more = after - before
    return show(before), show(after), "the same" if not more else f"{'+' if more > 0 else '−'}{show(abs(more))}"


def choose_page(env: Environment, name: str) -> str:
    """The page on which any two runs of a project are chosen."""
    return render(env, "choose.html", addresses.compare(name), project=name)


def runs(digests: Mapping[str, Mapping[str, Any]]) -> str:
    """The runs that can be chosen, newest first, as a script."""
    listed = [
        [clean(run), addresses.slug(run), clean(known["started_at"]), known["outcome"]]
        for run, known in sorted(digests.items(), reverse=True)
        if not known["why"]
    ]
    text = json.dumps(listed[:LISTED], separators=(",", ":")).replace("<", "\\u003c")
    return f"window.orchestratorChoice =\n{text}\n;\n"
