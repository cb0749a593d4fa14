"""Report files as many projects with long histories leave them, made through the product's own report models: the same bytes for the same sizes.

    fill(runs, projects=100, each=100)   a folder of runs: reports, JUnit XML, logs, artifacts, the inbox, the schedule
    project(runs, number, each)          one project; a larger `each` adds runs to it and leaves those that are there as they are

What a run did follows from its project and its number alone. Verdicts, levels, agents, sizes and texts vary as they do in reports of real runs;
a few texts are large, and a few tasks had many attempts.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from benchmarks import portfolio_tasks as tasks
from orchestrator.save import reports as r
from orchestrator.save.junit import junit
from orchestrator.save.schedule_report import JobReport, ScheduleReport, WaitReport
from orchestrator.save.wholes import CheckReport, ComplaintReport, ForecastReport, RangeReport, TookReport, ValidationReport

WHOSE = ("amber", "brisk", "cedar", "dapper", "early", "fair", "grand", "humble", "ivory", "jolly")
WHAT = ("harbour", "library", "kiosk", "museum", "orchard", "post", "quarry", "railway", "school", "till")
BEGAN = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
CODERS = (
    ("local", "chat", "qwen2.5-coder-7b"),
    ("claude", "acp", "claude-opus"),
    ("recorded", "recorded", "qwen2.5-coder-1.5b"),
    ("codex", "acp", "gpt-codex"),
)


def fill(runs: Path, projects: int, each: int) -> Path:
    """A folder of runs with that many projects of `each` runs; returns it."""
    for number in range(projects):
        project(runs, number, each)
    (runs / "inbox.json").write_text(_inbox(projects).model_dump_json(indent=1), encoding="utf-8")
    (runs / "schedule.json").write_text(_schedule(projects).model_dump_json(indent=1), encoding="utf-8")
    return runs


def name(number: int) -> str:
    lap = number // (len(WHOSE) * len(WHAT))
    return f"{WHOSE[number % len(WHOSE)]}-{WHAT[number // len(WHOSE) % len(WHAT)]}{f'-{lap + 1}' if lap else ''}"


def project(runs: Path, number: int, each: int) -> str:
    """Bring a project to that many runs; returns the id of the last."""
    random = Random(f"project {number}")
    folder = runs / name(number)
    reports = folder / "reports"
    reports.mkdir(parents=True, exist_ok=True)
    prds = [_prd(random, number, index) for index in range(random.choice((1, 1, 2, 3)))]
    names = [item.id for prd in prds for item in prd.requirements]
    made = [_run(folder, number, index, prds, names) for index in range(each)]
    for report in made:
        path = reports / f"{report.id}.json"
        if not path.exists():
            path.write_text(report.model_dump_json(), encoding="utf-8")
            path.with_suffix(".xml").write_text(junit(report), encoding="utf-8")
            path.with_suffix(".jsonl").write_text("".join(_told(report)), encoding="utf-8")
    (reports / "project.json").write_text(_project(name(number), prds, made).model_dump_json(), encoding="utf-8")
    return made[-1].id if made else ""


# --- PRDs ------------------------------------------------------------------------------------------------------------------


def _prd(random: Random, number: int, index: int) -> r.PrdReport:
    prd = name(number) if not index else f"{name(number)}-{index + 1}"
    line, requirements = 12, []
    for key in range(1, random.randint(4, 14)):
        title = tasks.title(random)
        criteria = []
        for criterion in range(1, random.randint(2, 5)):
            line += random.randint(4, 12)
            criteria.append(_criterion(random, prd, key, criterion, line))
        requirements.append(
            r.RequirementReport(
                id=f"{prd}#R{key}",
                key=f"R{key}",
                title=title,
                text=tasks.prose(random, 3),
                line=line,
                inferred=False,
                module=f"{prd.replace('-', '_')}/{title.split()[-1]}.py",
                depends_on=[f"{prd}#R{random.randint(1, key - 1)}"] if key > 1 and random.random() < 0.4 else [],
                task=f"{prd}#R{key}",
                criteria=criteria,
            )
        )
    return r.PrdReport(
        id=prd,
        title=f"{name(number).replace('-', ' ').capitalize()}, part {index + 1}",
        path=f"prds/{prd}.md",
        fingerprint=_hex(prd, 64),
        branch=f"prd/{prd}",
        head="",
        complete=False,
        context=tasks.prose(random, 6),
        requirements=requirements,
        notes=[],
    )


def _criterion(random: Random, prd: str, key: int, number: int, line: int) -> r.CriterionReport:
    examples = random.choice((0, 1, 2, 3, 5, 8))
    return r.CriterionReport(
        id=f"{prd}#R{key}.AC{number}",
        key=f"AC{number}",
        text=tasks.sentence(random),
        line=line,
        inferred=random.random() < 0.1,
        examples=examples,
        held_out=examples // 4,
        state="unproved",
        level="none",
        tests=[],
        commits=[],
        task=f"{prd}#R{key}",
    )


# --- runs ------------------------------------------------------------------------------------------------------------------


def _run(folder: Path, number: int, index: int, prds: list[r.PrdReport], names: list[str]) -> r.RunReport:
    random = Random(f"run {number} {index}")
    began = BEGAN + timedelta(hours=7 * index, minutes=11 * number, seconds=random.randint(0, 59))
    run_id = f"{began:%Y%m%dT%H%M%SZ}-{_hex(f'{number} {index}', 4)}"
    agent = CODERS[(number + (random.random() < 0.2)) % len(CODERS)]
    count = random.choices((0, 1, 2, 3, 4, 7), (8, 62, 16, 8, 4, 2))[0]
    start = index % len(names)
    chosen = list(dict.fromkeys(names[(start + step) % len(names)] for step in range(count)))
    known = {item.id: (prd, item) for prd in prds for item in prd.requirements}
    made, at = [], began
    for each in chosen:
        prd, requirement = known[each]
        made.append(tasks.task(folder, random, prd, requirement, agent, at))
        at += timedelta(seconds=made[-1].seconds)
    turns = [turn for task in made for attempt in task.attempts for turn in attempt.turns]
    known_usd = [turn.usd for turn in turns if turn.usd is not None]
    verdicts = {task.verdict for task in made}
    outcome = (
        "failed" if "gave up" in verdicts else "needs a person" if "needs a person" in verdicts else "parked" if "parked" in verdicts else "done"
    )
    return r.RunReport(
        id=run_id,
        project=name(number),
        prds=sorted({task.prd for task in made}),
        started_at=_at(began),
        ended_at=_at(at + timedelta(seconds=3)),
        outcome=outcome,
        continued=random.random() < 0.03,
        sandbox="full",
        sandbox_reasons=[],
        tools={"orchestrator": "0.1.0", "python": "3.12.3", "pytest": "9.0.2", "git": "2.43.0", "bwrap": "0.11.0", "sqlite": "3.45.1"},
        environment=_hex(name(number), 64),
        tasks=made,
        turns=len(turns),
        input_tokens=sum(turn.input_tokens or 0 for turn in turns) if turns else None,
        output_tokens=sum(turn.output_tokens or 0 for turn in turns) if turns else None,
        usd=round(sum(known_usd), 4) if known_usd else None,
        replayed=any(turn.kind == "recorded" for turn in turns),
        scripted=False,
        agents=tasks.agents(made),
        validations=[_validation(random, prds[0].id, run_id, at)] if random.random() < 0.15 else [],
        forecasts=[_forecast(random, made)] if made else [],
        standing=_stood([item for _, item in known.values()], index),
    )


def _stood(requirements: list[r.RequirementReport], index: int) -> r.StandingReport:
    """More is proved from run to run."""
    count, criteria = len(requirements), sum(len(item.criteria) for item in requirements)
    share = min(0.97, 0.1 + index / 60)
    return r.StandingReport(
        requirements=count,
        requirements_proved=int(count * share),
        criteria=criteria,
        proved=int(criteria * share),
        mutation=round(min(96.0, 55 + index * 0.4), 1),
    )


def _validation(random: Random, prd: str, run_id: str, at: datetime) -> ValidationReport:
    complaints = [
        ComplaintReport(where=f"{prd}/{random.randint(1, 90)}.py", code="F401", message="`os` imported but unused")
        for _ in range(random.randint(0, 3))
    ]
    return ValidationReport(
        prd=prd,
        head=_hex(run_id, 40),
        tree=_hex(run_id + "t", 40),
        base=_hex(run_id + "b", 40),
        at=_at(at),
        run=run_id,
        passed=not complaints,
        seconds=2.6,
        sandbox="full",
        checks=[
            CheckReport(name="suite", state="holds", detail=f"{random.randint(20, 200)} tests run, none fails that held before", tool="pytest"),
            CheckReport(
                name="ruff",
                state="complaints" if complaints else "holds",
                detail=f"{len(complaints)} new complaints",
                tool="ruff 0.14",
                complaints=complaints,
            ),
        ],
    )


def _forecast(random: Random, made: list[r.TaskRunReport]) -> ForecastReport:
    low = random.randint(1, 4)
    minutes = round(sum(task.seconds for task in made) / 60, 2)
    return ForecastReport(
        prd=made[0].prd,
        kind="live",
        tasks=len(made),
        basis=random.randint(3, 30),
        by="median to 80th percentile",
        turns=RangeReport(low=low, high=low * 3),
        tokens=None,
        usd=None,
        minutes=RangeReport(low=low, high=low * 4),
        took=TookReport(tasks=len(made), turns=sum(len(task.attempts) for task in made), tokens=None, usd=None, minutes=minutes),
    )


def _told(report: r.RunReport) -> list[str]:
    kinds = [("project began", "", "")] + [("task began", task.id, f"{task.id}: {task.title} …") for task in report.tasks]
    kinds += [("task ended", task.id, f"{task.id}: {task.verdict}: {task.reason}") for task in report.tasks]
    return [
        json.dumps({"v": 1, "at": report.started_at, "kind": kind, "project": report.project, "prd": "", "task": task, "text": text, "facts": {}})
        + "\n"
        for kind, task, text in kinds
    ]


# --- where a project stands ------------------------------------------------------------------------------------------------

STATES = {"passed": "done", "already satisfied": "done", "gave up": "failed", "needs a person": "unclear", "parked": "parked", "changed": "pending"}
CRITERIA = {"done": "proved", "failed": "failing", "unclear": "needs a person"}


def _project(called: str, prds: list[r.PrdReport], made: list[r.RunReport]) -> r.ProjectReport:
    last: dict[str, tuple[str, r.TaskRunReport]] = {task.id: (report.id, task) for report in made for task in report.tasks}
    proved = {task.id: task for report in made for task in report.tasks if task.commits}
    standing = [_standing(prd, last, proved) for prd in prds]
    found = [r.TaskReport(**_task(prd, item, last)) for prd in standing for item in prd.requirements]
    turns = [turn for report in made for task in report.tasks for attempt in task.attempts for turn in attempt.turns]
    flaky = [
        r.QuarantineReport(
            test=item.test,
            task=task.id,
            run=report.id,
            detail=item.detail,
            since=report.ended_at,
            until=_at(datetime.fromisoformat(report.ended_at) + timedelta(days=14)),
        )
        for report in made[-10:]
        for task in report.tasks
        for item in task.flaky
    ]
    return r.ProjectReport(
        version=r.VERSION,
        project=called,
        repo=f"runs/{called}/repo.git",
        target="",
        sandbox="full",
        prds=standing,
        tasks=found,
        runs=[
            r.RunSummary(
                id=report.id,
                started_at=report.started_at,
                seconds=(datetime.fromisoformat(report.ended_at) - datetime.fromisoformat(report.started_at)).total_seconds(),
                outcome=report.outcome,
                done=sum(task.state == "done" for task in report.tasks),
                failed=sum(task.verdict == "gave up" for task in report.tasks),
                needs_person=sum(task.verdict == "needs a person" for task in report.tasks),
                turns=report.turns,
                replayed=report.replayed,
                scripted=False,
            )
            for report in reversed(made)
        ],
        quarantine=flaky,
        turns=len(turns),
        agents=tasks.agents([task for report in made for task in report.tasks]),
        kinds=sorted({turn.kind for turn in turns}),
        mutation=83.5,
        spending=r.SpendingReport(
            turns=len(turns),
            tokens=sum((turn.input_tokens or 0) + (turn.output_tokens or 0) for turn in turns),
            usd=round(sum(turn.usd or 0 for turn in turns), 2),
            minutes=round(sum(turn.seconds for turn in turns) / 60, 1),
            lost=0,
            unknown_tokens=0,
            unknown_usd=sum(turn.usd is None for turn in turns),
        ),
    )


def _standing(prd: r.PrdReport, last: dict[str, tuple[str, r.TaskRunReport]], proved: dict[str, r.TaskRunReport]) -> r.PrdReport:
    requirements = []
    for item in prd.requirements:
        state = last[item.id][1].state if item.id in last else "pending"
        proofs = {proof.criterion: proof for proof in proved[item.id].proofs} if item.id in proved else {}
        criteria = [
            each.model_copy(
                update={
                    "state": CRITERIA.get(state, "outdated" if each.id in proofs else "unproved"),
                    "level": proofs[each.id].level if each.id in proofs else "none",
                    "tests": proofs[each.id].tests if each.id in proofs else [],
                    "commits": [commit.id for commit in proved[item.id].commits] if each.id in proofs else [],
                }
            )
            for each in item.criteria
        ]
        requirements.append(item.model_copy(update={"criteria": criteria}))
    complete = all(each.state == "proved" for item in requirements for each in item.criteria)
    heads = [task.commits[-1].id for key, task in proved.items() if key.startswith(f"{prd.id}#")]
    return prd.model_copy(update={"requirements": requirements, "complete": complete, "head": heads[-1] if heads else ""})


def _task(prd: r.PrdReport, item: r.RequirementReport, last: dict[str, tuple[str, r.TaskRunReport]]) -> dict[str, Any]:
    run_id, task = last.get(item.id, ("", None))
    return {
        "id": item.id,
        "prd": prd.id,
        "title": item.title,
        "state": task.state if task else "pending",
        "reason": task.reason if task else "",
        "depends_on": item.depends_on,
        "requirements": [item.id],
        "attempts": len(task.attempts) if task else 0,
        "last_run": run_id,
        "question": task.question if task else None,
        "mutation": task.mutation.score if task and task.mutation else None,
    }


# --- the inbox, the schedule -------------------------------------------------------------------------------------------------


def _inbox(projects: int) -> r.InboxReport:
    receipts = []
    for number in range(projects):
        random = Random(f"receipt {number}")
        state = random.choices(("accepted", "draft", "set aside", "waiting"), (85, 5, 5, 5))[0]
        path = f"prds/{name(number)}.md"
        problem = r.ProblemReport(
            path=path,
            line=random.randint(3, 90),
            code="unknown-key",
            message="unknown key `dependancies`",
            hint="did you mean `dependencies`?",
            severity="error" if state == "set aside" else "note",
        )
        receipts.append(
            r.Receipt(
                path=path,
                prd=name(number),
                project=name(number),
                title=name(number).capitalize(),
                fingerprint=_hex(name(number), 64),
                state=state,
                seen_at=_at(BEGAN),
                taken_at=_at(BEGAN),
                requirements=random.randint(3, 13),
                criteria=random.randint(5, 40),
                examples=random.randint(5, 99),
                problems=[problem] if state in ("set aside", "waiting") else [],
            )
        )
    return r.InboxReport(receipts=receipts)


def _schedule(projects: int) -> ScheduleReport:
    job = JobReport(
        job="run",
        cron="0 2 * * *",
        timezone="Europe/Vienna",
        since=_at(BEGAN),
        last_at=_at(BEGAN + timedelta(days=20)),
        ended_at=_at(BEGAN + timedelta(days=20)),
        outcome="done",
        next_at=_at(BEGAN + timedelta(days=21)),
    )
    waits = [
        WaitReport(prd=name(number), path=f"prds/{name(number)}.md", until=_at(BEGAN + timedelta(days=90)), why="its `start` is to come")
        for number in range(0, projects, 25)
    ]
    return ScheduleReport(jobs=[job], waiting=waits)


def _hex(text: str, size: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:size]


def _at(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
