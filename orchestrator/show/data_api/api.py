"""Reports, digests and summaries → the files of `api/v1/`. Pure.

api/v1/index.json  projects.json  projects-2.json …  schemas/<name>.json
api/v1/projects/<project>.json
api/v1/projects/<project>/runs.json  tasks.json  trace.json  and their next files: runs-2.json …
api/v1/projects/<project>/runs/<run>.json

A run's file is made with the run, a project's with the project, the rest from the rows that summaries hold: nothing here reads all reports.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.save import links
from orchestrator.show import addresses
from orchestrator.show.data_api import api_models, feed
from orchestrator.show.data_api.api_models import (
    MODELS,
    ROWS,
    VERSION,
    Badges,
    Index,
    Listed,
    PrdRow,
    Project,
    ProjectRow,
    Projects,
    ProofRow,
    Run,
    RunRow,
    Runs,
    RunTask,
    TaskRow,
    Tasks,
    Totals,
    Trace,
    TraceRow,
)
from orchestrator.show.gather import Unreadable
from orchestrator.show.history import run_rows
from orchestrator.show.pictures import badges
from orchestrator.show.summary import counts

if TYPE_CHECKING:
    from orchestrator.save.reports import ProjectReport, RunReport, TaskRunReport

ROOT = f"api/v{VERSION}"
INDEX = f"{ROOT}/index.json"
PROJECTS = f"{ROOT}/projects"

Digests = Mapping[str, Mapping[str, Any]]
L = TypeVar("L", bound=Listed)


def schema_place(name: str) -> str:
    return f"{ROOT}/schemas/{name}.json"


def project_place(name: str) -> str:
    return f"{ROOT}/projects/{addresses.slug(name)}.json"


def run_place(name: str, run_id: str) -> str:
    return f"{ROOT}/projects/{addresses.slug(name)}/runs/{addresses.slug(run_id)}.json"


def list_place(stem: str, number: int = 1) -> str:
    """Of one file of a list; `stem` is the first one's without its ending."""
    return f"{stem}.json" if number == 1 else f"{stem}-{number}.json"


def _stem(name: str, what: str) -> str:
    return f"{ROOT}/projects/{addresses.slug(name)}/{what}"


# --- of a run ------------------------------------------------------------------------------------------------------------


def run(
    name: str, run_id: str, report: RunReport | Unreadable, known: Mapping[str, Any], *, full: bool = True, junit: bool = False, log: bool = False
) -> dict[str, str]:
    """The file of a run. `known`: its digest. `full`: the site holds the report itself."""
    here, folder = run_place(name, run_id), addresses.run(name, run_id).removesuffix(addresses.OVERVIEW)
    readable = None if isinstance(report, Unreadable) else report
    value = Run(
        schema_=schema_place("run"),
        run=_run_row(name, run_id, known),
        prds=readable.prds if readable else [],
        sandbox=readable.sandbox if readable else "",
        tools=readable.tools if readable else {},
        input_tokens=readable.input_tokens if readable else None,
        output_tokens=readable.output_tokens if readable else None,
        usd=readable.usd if readable else None,
        tasks=[_run_task(task, known["tasks"][task.id]["page"]) for task in readable.tasks] if readable else [],
        report=f"{folder}report.json" if full else "",
        junit=f"{folder}junit.xml" if junit else "",
        log=f"{folder}log.jsonl" if log else "",
        of=project_place(name),
    )
    return {here: api_models.text(value, here)}


def _run_task(task: TaskRunReport, page: str) -> RunTask:
    return RunTask(
        id=task.id,
        prd=task.prd,
        title=task.title,
        requirements=task.requirements,
        verdict=task.verdict,
        state=task.state,
        reason=task.reason,
        attempts=len(task.attempts),
        seconds=task.seconds,
        proofs=[ProofRow(criterion=proof.criterion, level=proof.level, tests=proof.tests) for proof in task.proofs],
        commits=[commit.id for commit in task.commits],
        html=page,
    )


def _run_row(name: str, run_id: str, known: Mapping[str, Any]) -> RunRow:
    """Of a digest."""
    return RunRow(
        id=run_id,
        project=name,
        outcome=known.get("outcome", ""),
        started_at=known.get("started_at", ""),
        ended_at=known.get("ended_at", ""),
        seconds=known.get("seconds"),
        done=known.get("done", 0),
        failed=known.get("failed", 0),
        needs_person=known.get("needs_person", 0),
        turns=known.get("turns", 0),
        answers=known["answers"],
        error=known["why"],
        href=run_place(name, run_id),
        html=addresses.run(name, run_id),
    )


# --- of a project --------------------------------------------------------------------------------------------------------


def project(name: str, source: str, report: ProjectReport | Unreadable, digests: Digests, *, full: bool = True) -> dict[str, str]:
    """The files of a project. `digests`: of its runs, by id. `full`: the site holds the report itself."""
    readable = None if isinstance(report, Unreadable) else report
    row = project_row(name, source, report, digests)
    here = project_place(name)
    value = Project(
        schema_=schema_place("project"),
        name=name,
        source=source,
        target=readable.target if readable else "",
        sandbox=readable.sandbox if readable else "",
        error=row.error,
        totals=row.totals,
        prds=[_prd(prd, readable) for prd in readable.prds] if readable else [],
        mutation=readable.mutation if readable else None,
        turns=readable.turns if readable else None,
        tokens=readable.spending.tokens if readable and readable.spending else None,
        usd=readable.spending.usd if readable and readable.spending else None,
        last_run=row.last_run,
        runs=list_place(_stem(name, "runs")),
        tasks=list_place(_stem(name, "tasks")),
        trace=list_place(_stem(name, "trace")),
        report=addresses.project(name).replace(addresses.OVERVIEW, "project.json") if full else "",
        html=row.html,
        feed=feed.place(name),
        badges=row.badges,
    )
    files = {here: api_models.text(value, here)}
    files |= _files(Runs, "runs", _stem(name, "runs"), _runs(name, report, digests), project=name)
    files |= _files(Tasks, "tasks", _stem(name, "tasks"), _tasks(name, readable), project=name)
    return files | _files(Trace, "trace", _stem(name, "trace"), _trace(name, readable), project=name)


def project_row(name: str, source: str, report: ProjectReport | Unreadable, digests: Digests) -> ProjectRow:
    """What lists of projects say of it; a summary keeps it."""
    runs = _runs(name, report, digests)
    readable = None if isinstance(report, Unreadable) else report
    return ProjectRow(
        name=name,
        source=source,
        titles=[prd.title for prd in readable.prds] if readable else [],
        error=report.why if isinstance(report, Unreadable) else "",
        totals=_totals(readable),
        runs=len(runs),
        last_run=runs[0] if runs else None,
        href=project_place(name),
        html=addresses.project(name),
        badges=_badges(addresses.slug(name)),
    )


def _badges(slug: str) -> Badges:
    proved, last = badges.place(slug, "proved"), badges.place(slug, "last-run")
    return Badges(proved=f"{proved}.svg", proved_endpoint=f"{proved}.json", last_run=f"{last}.svg", last_run_endpoint=f"{last}.json")


def _totals(report: ProjectReport | None) -> Totals:
    found = counts([report] if report else [])
    return Totals(
        prds=len(report.prds) if report else 0,
        requirements=found.requirements,
        requirements_proved=found.requirements_proved,
        criteria=found.criteria,
        proved=found.proved,
        levels={level: number for level, number in found.levels.items() if level != "none"},
        tasks=found.tasks,
    )


def _prd(prd: Any, report: ProjectReport) -> PrdRow:
    own = report.model_copy(update={"prds": [prd], "tasks": [task for task in report.tasks if task.prd == prd.id]})
    return PrdRow(id=prd.id, title=prd.title, path=prd.path, branch=prd.branch, head=prd.head, complete=prd.complete, totals=_totals(own))


def _runs(name: str, report: ProjectReport | Unreadable, digests: Digests) -> list[RunRow]:
    found = []
    for row in run_rows(name, report, digests):
        known = digests.get(row.id)
        if known and not known["why"]:
            found.append(_run_row(name, row.id, known).model_copy(update={"answers": list(row.answers)}))
        else:
            values = {key: value for key, value in row._asdict().items() if key in RunRow.model_fields}
            values |= {"answers": list(row.answers), "ended_at": "", "error": row.why, "html": row.page}
            found.append(RunRow(**values, href=run_place(name, row.id) if row.page else ""))
    return found


def _tasks(name: str, report: ProjectReport | None) -> list[TaskRow]:
    page = addresses.project(name)
    return [
        TaskRow(
            id=task.id,
            prd=task.prd,
            title=task.title,
            state=task.state,
            reason=task.reason,
            requirements=task.requirements,
            depends_on=task.depends_on,
            attempts=task.attempts,
            mutation=task.mutation,
            phase=task.phase,
            question=task.question.text if task.question else "",
            parked_until=task.parked_until,
            last_run=task.last_run,
            html=f"{page}#{addresses.anchor(task.id)}",
        )
        for task in (report.tasks if report else ())
    ]


def _trace(name: str, report: ProjectReport | None) -> list[TraceRow]:
    page = addresses.project(name)
    return [
        TraceRow(
            prd=link.prd,
            path=link.path,
            requirement=link.requirement,
            title=link.title,
            criterion=link.criterion,
            text=link.text,
            line=link.line,
            state=link.state,
            level=link.level,
            inferred=link.inferred,
            task=link.task,
            task_state=link.task_state,
            tests=link.tests,
            commits=[commit.id for commit in link.commits],
            html=f"{page}#{addresses.anchor(link.criterion)}",
        )
        for link in (links.links(report, {}) if report else ())
    ]


def _files(model: type[L], kind: str, stem: str, rows: Sequence[Any], **values: Any) -> dict[str, str]:
    """A list as files of at most ROWS rows, each with links to its neighbours; an empty list is one file."""
    of = max(1, -(-len(rows) // ROWS))
    files = {}
    for number in range(1, of + 1):
        here = list_place(stem, number)
        value = model(
            schema_=schema_place(kind),
            total=len(rows),
            number=number,
            of=of,
            next=list_place(stem, number + 1) if number < of else "",
            previous=list_place(stem, number - 1) if number > 1 else "",
            **{kind: rows[(number - 1) * ROWS : number * ROWS]},
            **values,
        )
        files[here] = api_models.text(value, here)
    return files


# --- of the whole site ---------------------------------------------------------------------------------------------------


def whole(rows: Iterable[ProjectRow]) -> tuple[Totals, RunRow | None]:
    """All projects as one, and the last of all runs."""
    found = list(rows)
    last = max((row.last_run for row in found if row.last_run), key=lambda run: (run.started_at, run.id, run.project), default=None)
    numbers = {
        name: sum(getattr(row.totals, name) for row in found) for name in ("prds", "requirements", "requirements_proved", "criteria", "proved")
    }
    sums: dict[str, dict[str, int]] = {"levels": {}, "tasks": {}}
    for row in found:
        for name, into in sums.items():
            for key, number in getattr(row.totals, name).items():
                into[key] = into.get(key, 0) + number
    return Totals(**numbers, levels=sums["levels"], tasks=sums["tasks"]), last


def index(rows: Sequence[ProjectRow], *, name: str, generator: str, url: str, reports: Iterable[str]) -> dict[str, str]:
    """The index and the list of projects. `reports`: names of the report schemas that the site holds under `schemas/`."""
    totals, last = whole(rows)
    value = Index(
        schema_=schema_place("index"),
        name=name,
        generator=generator,
        url=url,
        projects_count=len(rows),
        runs_count=sum(row.runs for row in rows),
        totals=totals,
        last_run=last,
        projects=list_place(PROJECTS),
        html=addresses.OVERVIEW,
        feed=feed.place(""),
        badges=_badges(""),
        schemas={each: schema_place(each) for each in MODELS},
        report_schemas={each: f"schemas/{each}.json" for each in reports},
    )
    return {INDEX: api_models.text(value, INDEX)} | _files(Projects, "projects", PROJECTS, rows)


def schemas() -> dict[str, str]:
    """The JSON Schemas of the contract."""
    return {schema_place(name): json.dumps(api_models.schema(name), indent=2) + "\n" for name in MODELS}
