"""What `api/v1/` of a site holds, as models: the contract with programs that read it. Pure.

Fields may be added within a version; what is there keeps its name, its kind and its meaning. So a reader ignores what it does not know.
The JSON Schemas under `api/v1/schemas/` and the tables of docs/api.md come from here.

A link is relative to the file that it stands in, as on the web; '' where there is nothing to link. Moments are ISO 8601 in UTC, '' where unknown.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, SerializationInfo, WithJsonSchema

from orchestrator.show import addresses
from orchestrator.show.data_api.described import described

VERSION = 1
ROWS = 200
"""Most rows of one file of a list; the next ones are linked."""


def _relative(path: str, info: SerializationInfo) -> str:
    here = info.context.get("here", "") if isinstance(info.context, dict) else ""
    return addresses.relative(here, path) if here and path else path


Link = Annotated[str, PlainSerializer(_relative, return_type=str), WithJsonSchema({"type": "string", "format": "uri-reference"})]
"""A path from the site's root while a value is made; relative to its file once that is written (`text`)."""


class Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True, populate_by_name=True)


class File(Value):
    schema_: Link = Field("", alias="$schema")
    """Link to the JSON Schema of this file."""
    version: int = VERSION
    """Of this contract. Another number: fields may be gone or mean something else."""


class Totals(Value):
    """What was asked for, and how much of it is proved."""

    prds: int = 0
    requirements: int = 0
    requirements_proved: int = 0
    """Requirements of which every criterion is proved."""
    criteria: int = 0
    proved: int = 0
    """Criteria whose proof belongs to the text as it is now."""
    levels: dict[str, int] = {}
    """Proved criteria by proof level: `held-out`, `oracle`, `human test`, `agent test`."""
    tasks: dict[str, int] = {}
    """Tasks by state."""


class Badges(Value):
    """SVG pictures, and beside each the same for shields.io's endpoint."""

    proved: Link
    """Link to the picture: criteria proved, of all."""
    proved_endpoint: Link
    last_run: Link
    """Link to the picture: what became of the last run, and when."""
    last_run_endpoint: Link


class RunRow(Value):
    """A run in a list."""

    id: str
    """Sorts by time."""
    project: str
    outcome: str
    """`done`, `failed`, `needs a person`, `parked`, `interrupted`; '' where its report cannot be read."""
    started_at: str
    ended_at: str
    seconds: float | None
    done: int
    """Tasks."""
    failed: int
    needs_person: int
    turns: int
    """Of agents."""
    answers: list[str]
    """Who gave the answers where it was no live agent: `scripted agent`, `recorded answers of …, replayed`."""
    error: str
    """Why its report cannot be read; '' where it can."""
    href: Link
    """Link to the run's own file; '' where its report is gone."""
    html: Link
    """Link to its page."""


class ProjectRow(Value):
    """A project in a list."""

    name: str
    source: str
    """The installation it comes from, as the site names it; '' for the site's own."""
    titles: list[str]
    """Of its PRDs."""
    error: str
    """Why its report cannot be read; '' where it can."""
    totals: Totals
    runs: int
    """How many are listed."""
    last_run: RunRow | None
    href: Link
    """Link to the project's own file."""
    html: Link
    """Link to its page."""
    badges: Badges


class Index(File):
    """Where everything begins: what there is, and where."""

    name: str
    """Of the site."""
    generator: str
    """What made it, with its version."""
    url: str
    """Where it is published; '' where nobody said."""
    projects_count: int
    runs_count: int
    totals: Totals
    """Over all projects."""
    last_run: RunRow | None
    projects: Link
    """Link to the first file of the list of projects."""
    html: Link
    """Link to the site's first page."""
    feed: Link
    """Link to the Atom feed of runs that ended."""
    badges: Badges
    schemas: dict[str, Link]
    """Links to the JSON Schemas of this contract, by name."""
    report_schemas: dict[str, Link]
    """Links to the JSON Schemas of the reports that the data is made from, by name; these have versions of their own."""


class Listed(File):
    """A file of a list. The rest of the list is behind `next`."""

    total: int
    """Rows of the whole list."""
    number: int
    """Of this file, from 1."""
    of: int
    """How many files the list has."""
    next: Link
    """Link to the next file; '' in the last."""
    previous: Link


class Projects(Listed):
    """The projects, by name."""

    projects: list[ProjectRow]


class PrdRow(Value):
    """A PRD of a project."""

    id: str
    title: str
    path: str
    branch: str
    head: str
    """Commit id of the branch; '' before the first commit."""
    complete: bool
    """Every criterion is proved."""
    totals: Totals


class Project(File):
    """Where a project stands."""

    name: str
    source: str
    """The installation it comes from, as the site names it; '' for the site's own."""
    target: str
    """The repository that its code is for; '' for a new one."""
    sandbox: str
    error: str
    """Why its report cannot be read; '' where it can."""
    totals: Totals
    prds: list[PrdRow]
    mutation: float | None
    """Percent of the mutants of what was changed that the tests noticed; null where there was none."""
    turns: int | None
    """Of agents, over all runs; null where unknown."""
    tokens: int | None
    """Counted; what is unknown counts what was booked for it."""
    usd: float | None
    last_run: RunRow | None
    runs: Link
    """Link to the first file of its runs, the newest first."""
    tasks: Link
    """Link to the first file of its tasks."""
    trace: Link
    """Link to the first file of what proves each criterion."""
    report: Link
    """Link to the report itself, with everything; its schema is `report_schemas.project` of the index."""
    html: Link
    feed: Link
    badges: Badges


class Runs(Listed):
    """The runs of a project, the newest first."""

    project: str
    runs: list[RunRow]


class ProofRow(Value):
    """What one run proved of a criterion."""

    criterion: str
    level: str
    """`held-out`, `oracle`, `human test`, `agent test`, `none`."""
    tests: list[str]


class RunTask(Value):
    """What a run did with a task."""

    id: str
    prd: str
    title: str
    requirements: list[str]
    verdict: str
    """`passed`, `already satisfied`, `gave up`, `needs a person`, `parked`, `changed`."""
    state: str
    """At the end of the run."""
    reason: str
    attempts: int
    seconds: float
    proofs: list[ProofRow]
    commits: list[str]
    """Commit ids, the test commit first."""
    html: Link
    """Link to the page with the evidence."""


class Run(File):
    """What one run did."""

    run: RunRow
    prds: list[str]
    sandbox: str
    tools: dict[str, str]
    """Name → version."""
    input_tokens: int | None
    output_tokens: int | None
    usd: float | None
    """US dollars; null where no agent said."""
    tasks: list[RunTask]
    report: Link
    """Link to the report itself, with all evidence; '' where the site leaves it out. Its schema is `report_schemas.run` of the index."""
    junit: Link
    log: Link
    """Link to what it told while it worked, a JSON object a line."""
    of: Link
    """Link to the project's file."""


class TaskRow(Value):
    """A task as it stands."""

    id: str
    prd: str
    title: str
    state: str
    reason: str
    requirements: list[str]
    depends_on: list[str]
    attempts: int
    mutation: float | None
    phase: int | None
    question: str
    """What a person is asked; '' where nobody is."""
    parked_until: str
    last_run: str
    """Run id; '' where none worked on it."""
    html: Link
    """Link to its place on the project's page."""


class Tasks(Listed):
    """The tasks of a project, in the order of its plan."""

    project: str
    tasks: list[TaskRow]


class TraceRow(Value):
    """A criterion, and what belongs to it."""

    prd: str
    path: str
    """Of the PRD."""
    requirement: str
    title: str
    """Of the requirement."""
    criterion: str
    text: str
    line: int
    """In the PRD."""
    state: str
    """`proved`, `unproved`, `failing`, `outdated`, `needs a person`."""
    level: str
    """`held-out`, `oracle`, `human test`, `agent test`, `none`."""
    inferred: bool
    """The PRD does not word it as a criterion: it was read out of it, or the plan added it."""
    task: str
    task_state: str
    tests: list[str]
    commits: list[str]
    """Commit ids, the test commit first."""
    html: Link
    """Link to its row on the project's page."""


class Trace(Listed):
    """Requirement → criterion → test → commit, a row for each criterion."""

    project: str
    trace: list[TraceRow]


MODELS: dict[str, type[File]] = {
    "index": Index,
    "projects": Projects,
    "project": Project,
    "runs": Runs,
    "run": Run,
    "tasks": Tasks,
    "trace": Trace,
}
"""Name of a schema → what it describes."""


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema of a kind of file, as it is written: every field is there."""
    said = described(MODELS[name]).model_json_schema(by_alias=True, mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": said.pop("title", name), **said}


def text(value: File, here: str) -> str:
    """The file of a value that stands at `here` in the site, JSON."""
    return value.model_dump_json(by_alias=True, context={"here": here}) + "\n"
