"""A working folder's reports as the pipeline writes them, built through the models, with one of each trouble a page must show."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

from orchestrator.save import reports as r

from .run_fixture import QUESTION, TEST_NAMES, lend_task, run_report
from .wholes_fixture import FORECAST, PHASES, VALIDATION

LIST = [
    (
        "R1",
        "Keep a shelf",
        24,
        [],
        [("AC1", "A new shelf holds the books it was given.", "proved", "human test", 27, ["test_shelf"], 0, 0)],
    ),
    (
        "R2",
        "Lend a book",
        33,
        ["R1"],
        [
            (
                "AC1",
                "Given a book on the shelf, when a member borrows it, then it is on loan.",
                "proved",
                "agent test",
                38,
                TEST_NAMES[:1],
                0,
                0,
            ),
            ("AC2", "A book on loan cannot be lent again.", "proved", "oracle", 39, TEST_NAMES[1:2], 1, 0),
            ("AC3", "Overdue books cost a fine, see `fine(days)`.", "proved", "held-out", 48, TEST_NAMES[2:], 3, 1),
        ],
    ),
    ("R3", "Cap the fine", 55, ["R2"], [("AC1", "A fine is never more than the book cost.", "needs a person", "none", 58, [], 2, 0)]),
    ("R4", "Ask from a terminal", 80, ["R2"], [("AC1", "The desk asks who holds a book.", "outdated", "oracle", 83, ["test_who"], 1, 0)]),
    ("R5", "Remind by letter", 90, ["R2"], [("AC1", "A member with an overdue book gets a letter.", "failing", "none", 93, [], 0, 0)]),
    ("R6", "Yearly report", 99, ["R5", "R4"], [("AC1", "It names the book lent most often.", "unproved", "none", 101, [], 0, 0)]),
]
"""(key, title, line, after, [(key, text, state, level, line, tests, examples, held out)]) of each requirement."""

COMMITS = ["aa218f56b14c9653891f9e74264a383fa43fefbd", "c3d1e0ab77f29c0de1fba6a1b0b6ff3fb9ec0b66"]


def requirement(key: str, title: str, line: int, after: list[str], criteria: list[Any]) -> r.RequirementReport:
    return r.RequirementReport(
        id=f"loans#{key}",
        key=key,
        title=title,
        text=f"What **{title.lower()}** means, in a sentence with `code` and a [link](https://example.org/loans).",
        line=line,
        inferred=False,
        module="library/loans.py",
        depends_on=[f"loans#{other}" for other in after],
        task=f"loans#{key}",
        criteria=[
            r.CriterionReport(
                id=f"loans#{key}.{name}",
                key=name,
                text=said,
                line=at,
                inferred=False,
                examples=examples,
                held_out=held_out,
                state=state,
                level=level,
                tests=[f"tests/test_loans.py::{test}" for test in tests],
                commits=COMMITS if tests else [],
            )
            for name, said, state, level, at, tests, examples, held_out in criteria
        ],
    )


def problem(path: str, line: int, code: str, message: str, hint: str, severity: Literal["error", "note"] = "error") -> r.ProblemReport:
    return r.ProblemReport(path=path, line=line, code=code, message=message, hint=hint, severity=severity)


NO_EXAMPLE = problem("prds/loans.md", 93, "no-example", "AC1 of R5 has no example", "an example is proof that needs no model", "note")


def project_report(project: str = "library", runs: list[r.RunSummary] | None = None) -> r.ProjectReport:
    requirements = [requirement(*row) for row in LIST]
    states = {"R1": "done", "R2": "done", "R3": "unclear", "R4": "ready", "R5": "failed", "R6": "skipped"}
    why = {
        "R1": "Already satisfied by the base.",
        "R2": "Attempt 2 passed every gate.",
        "R3": "Two examples contradict each other.",
        "R4": "Its requirement changed; the next run takes it up.",
        "R5": "4 attempts were refused; the last: oracle, letter(…) raised KeyError.",
        "R6": "loans#R5 failed.",
    }
    return r.ProjectReport(
        project=project,
        repo=f"runs/{project}/repo.git",
        target="../library",
        sandbox="full",
        prds=[
            r.PrdReport(
                id="loans",
                title="Library loans",
                path="prds/loans.md",
                fingerprint="ab" * 32,
                branch="prd/loans",
                head="c3d1e0ab77f29c0de1fba6a1b0b6ff3fb9ec0b66",
                complete=False,
                context="A small library lends books.\n\n## Goals\n\n- members borrow *one* copy at a time\n- fines are **fair**\n",
                requirements=requirements,
                notes=[NO_EXAMPLE],
                retired=["loans#R9"],
                phases=PHASES,
                validation=VALIDATION,
                forecast=FORECAST,
            )
        ],
        tasks=[
            r.TaskReport(
                id=item.id,
                prd="loans",
                title=item.title,
                state=states[item.key],
                reason=why[item.key],
                depends_on=item.depends_on,
                requirements=[item.id],
                attempts={"R2": 2, "R5": 4}.get(item.key, 0),
                last_run="20261122T203251Z-1a2b" if item.key in ("R1", "R2", "R3", "R5") else "",
                question=QUESTION if item.key == "R3" else None,
            )
            for item in requirements
        ],
        runs=[
            summary("20261122T203251Z-1a2b", "needs a person", 2, 1, 1),
            summary("20261121T020000Z-77aa", "failed", 1, 1, 0),
            summary("20261120T020000Z-03fe", "done", 3, 0, 0),
        ]
        if runs is None
        else runs,
    )


def summary(run_id: str, outcome_: str, done: int, failed: int, person: int) -> r.RunSummary:
    day = f"{run_id[:4]}-{run_id[4:6]}-{run_id[6:8]}T{run_id[9:11]}:{run_id[11:13]}:{run_id[13:15]}Z"
    return r.RunSummary(
        id=run_id,
        started_at=day,
        seconds=89.0,
        outcome=outcome_,
        done=done,
        failed=failed,
        needs_person=person,
        turns=2,
        replayed=True,
        scripted=False,
    )


def inbox_report() -> r.InboxReport:
    def receipt(path: str, state: str, title: str, problems: list[r.ProblemReport], **more: Any) -> r.Receipt:
        return r.Receipt(
            path=path,
            prd=more.get("prd", Path(path).stem),
            project=more.get("project", ""),
            title=title,
            fingerprint=hashlib.sha256(path.encode()).hexdigest(),
            state=state,
            taken_at="2026-11-22T20:32:51Z",
            requirements=more.get("requirements", 0),
            criteria=more.get("criteria", 0),
            examples=more.get("examples", 0),
            problems=problems,
        )

    return r.InboxReport(
        receipts=[
            receipt("prds/loans.md", "accepted", "Library loans", [NO_EXAMPLE], project="library", requirements=6, criteria=8, examples=7),
            receipt(
                "prds/till.md",
                "set aside",
                "The till",
                [
                    problem("prds/till.md", 4, "unknown-key", "unknown key `dependancies`", "did you mean `dependencies`?"),
                    problem("prds/till.md", 31, "duplicate-id", "R2 is used twice, first in line 19", "give one of them another identifier"),
                ],
                requirements=4,
                criteria=9,
            ),
            receipt("prds/draft.md", "draft", "Ideas", []),
            receipt(
                "prds/clock.md",
                "waiting",
                "A clock",
                [
                    problem(
                        "prds/clock.md",
                        0,
                        "no-agent",
                        "no recording fits, no agent is configured",
                        "set `agent:` in orchestrator.yaml, or start a model",
                        "note",
                    )
                ],
                project="clock",
                requirements=2,
                criteria=5,
                examples=11,
            ),
        ]
    )


def save(runs: Path, project: str, report: r.ProjectReport | None, found: list[r.RunReport]) -> None:
    reports = runs / project / "reports"
    reports.mkdir(parents=True, exist_ok=True)
    if report is not None:
        (reports / "project.json").write_text(report.model_dump_json(indent=1))
    for run in found:
        (reports / f"{run.id}.json").write_text(run.model_dump_json(indent=1))
        (reports / f"{run.id}.xml").write_text('<?xml version="1.0"?><testsuites/>\n')


def library(root: Path) -> Path:
    """A working folder with one project of everything, one without trouble, one whose report is broken, and an inbox."""
    runs = root / "runs"
    folder = runs / "library"
    folder.mkdir(parents=True, exist_ok=True)
    (runs / "inbox.json").write_text(inbox_report().model_dump_json(indent=1))
    early = run_report(folder, "20261121T020000Z-77aa", tasks=[lend_task(folder, "scripted")])
    save(runs, "library", project_report(), [run_report(folder), early, run_report(folder, "20261120T020000Z-03fe", tasks=[])])
    save(runs, "words", words_report(), [])
    return root


def words_report() -> r.ProjectReport:
    done = project_report("words", [])
    prd = done.prds[0]
    kept = prd.model_copy(update={"requirements": prd.requirements[:2], "complete": True, "title": "Word counts", "notes": [], "retired": []})
    return done.model_copy(update={"prds": [kept], "tasks": [task.model_copy(update={"question": None}) for task in done.tasks[:2]], "target": ""})
