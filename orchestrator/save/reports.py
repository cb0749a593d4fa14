"""The report models: what the pipeline writes as JSON and the site reads. Versioned; their JSON Schema is `orchestrator site schema`.

Three files a site is made from:
    runs/inbox.json                      InboxReport: every PRD file, what became of it, its problems
    runs/<project>/reports/project.json  ProjectReport: where the project stands now (matrix, tasks, plan)
    runs/<project>/reports/<run>.json    RunReport: what one run did, with all evidence

What is found when a branch is looked at as a whole, and forecasts, are in wholes.py.

Large texts (diffs, transcripts, outputs over 4 KB) are content-addressed files under runs/<project>/artifacts/; a `Text` holds
either the text itself or its artifact's name.
"""

from __future__ import annotations

from typing import Literal

from orchestrator.save.delivery_report import DeliveryReport as DeliveryReport
from orchestrator.save.edit_reports import AnswerReport as AnswerReport
from orchestrator.save.edit_reports import CommitReport as CommitReport
from orchestrator.save.edit_reports import EditReport as EditReport
from orchestrator.save.edit_reports import OrphanReport as OrphanReport
from orchestrator.save.edit_reports import RetiredTestReport as RetiredTestReport
from orchestrator.save.inbox_reports import VERSION as VERSION
from orchestrator.save.inbox_reports import InboxReport as InboxReport
from orchestrator.save.inbox_reports import ProblemReport as ProblemReport
from orchestrator.save.inbox_reports import Receipt as Receipt
from orchestrator.save.limits_report import LimitsReport
from orchestrator.save.measure_reports import CoverageReport as CoverageReport
from orchestrator.save.measure_reports import MutantReport as MutantReport
from orchestrator.save.measure_reports import MutationReport as MutationReport
from orchestrator.save.measure_reports import StageReport as StageReport
from orchestrator.save.measure_reports import StandingReport as StandingReport
from orchestrator.save.measure_reports import UnrunReport as UnrunReport
from orchestrator.save.report import Report as Report
from orchestrator.save.schedule_report import ScheduleReport
from orchestrator.save.wholes import ForecastReport, GateReport, PhaseReport, ValidationReport


class Text(Report):
    """A text of a report: `inline`, or the head of it with the whole in `artifact`."""

    inline: str = ""
    artifact: str = ""
    """Path relative to the project's folder, for example `artifacts/3f/3fa9….txt`; '' when `inline` is the whole."""
    size: int = 0
    """Bytes of the whole text, UTF-8."""


class OutcomeReport(Report):
    id: str
    outcome: str
    kind: str
    message: str
    where: str


class IncidentReport(Report):
    """Something the sandbox stopped, ended or saw."""

    kind: str
    detail: str
    where: str


class ObservationReport(Report):
    step: str
    what: str
    command: str
    exit_code: int | None
    outcomes: list[OutcomeReport]
    output: Text
    seconds: float
    sandbox: str
    incidents: list[IncidentReport] = []


class FindingReport(Report):
    gate: str
    message: str
    severity: Literal["error", "notice"]
    criterion: str
    where: str


class TurnReport(Report):
    role: str
    agent: str
    kind: str
    """`scripted`, `recorded`, `chat`, …"""
    model: str
    recorded_from: str
    """Not '' when the answer was replayed: who gave it, for example `local (qwen2.5-coder-1.5b)`. Pages must say so."""
    stop: str
    seconds: float
    input_tokens: int | None
    output_tokens: int | None
    usd: float | None
    notes: list[str]
    transcript: Text


class AttemptReport(Report):
    number: int
    verdict: Literal["passed", "refused"]
    turns: list[TurnReport]
    findings: list[FindingReport]
    observations: list[ObservationReport]
    diff: Text
    role: str = "code"
    """`code`: a candidate; `tests`: tests for criteria without examples."""
    way: str = ""
    """How a candidate was asked for, a word of `run/search.py::WAYS`; '' where nobody was asked, or nobody noted it."""


class TidyingReport(Report):
    """The proposal to tidy up what had passed, and what became of it."""

    triggers: list[str]
    kept: bool
    reason: str
    turns: list[TurnReport]
    findings: list[FindingReport]
    observations: list[ObservationReport]
    diff: Text


class FlakyReport(Report):
    test: str
    detail: str


class PersonsTestReport(Report):
    """A test of the repository's own suite that names a criterion of the task, and must pass."""

    criterion: str
    test: str
    where: str
    text: str


class QuarantineReport(Report):
    """A test that failed by chance."""

    test: str
    task: str
    run: str
    detail: str
    since: str
    until: str
    """Its failures refuse nothing until then."""


class ProofReport(Report):
    criterion: str
    level: Literal["held-out", "oracle", "human test", "agent test", "none"]
    tests: list[str]
    examples: int
    held_out: int
    revealed: int


class QuestionReport(Report):
    text: str
    path: str
    lines: list[int]


class TaskRunReport(Report):
    """What one run did with one task."""

    id: str
    prd: str
    title: str
    state: str
    """Lifecycle state at the end of the run."""
    verdict: str
    reason: str
    requirements: list[str]
    fingerprint: str
    base_tree: str
    red_tree: str
    green_tree: str
    red: list[ObservationReport]
    red_findings: list[FindingReport]
    tests: Text
    """The locked test file."""
    test_file: str
    attempts: list[AttemptReport]
    proofs: list[ProofReport]
    commits: list[CommitReport]
    question: QuestionReport | None
    started_at: str
    seconds: float
    tidied_tree: str = ""
    """As the GREEN tree, where tidying changed nothing."""
    written: list[AttemptReport] = []
    """Answers of the tests agent."""
    written_tests: Text = Text()
    """The locked tests an agent wrote, '' when there are none."""
    written_file: str = ""
    baseline: ObservationReport | None = None
    """The project's own suite at the base."""
    tidying: TidyingReport | None = None
    mutation: MutationReport | None = None
    coverage: CoverageReport | None = None
    flaky: list[FlakyReport] = []
    people: list[PersonsTestReport] = []
    gone: list[str] = []
    """Test files of an earlier wording that the locked tests took away."""
    retired: list[RetiredTestReport] = []
    """The tests in them, and in files that were made anew, that nothing asks for any more."""
    outdated: list[str] = []
    """Test files of other tasks that bound nobody when it was judged: their requirement is gone, or not proved as it is worded."""
    answers: list[AnswerReport] = []
    """What a person answered about its requirements."""
    evidence: str = ""
    """Path of the task's evidence bundle, relative to the project's folder; '' until it is done."""
    ready_at: str = ""
    """When it could have begun, ISO 8601 in UTC: it waited for a worker from then to `started_at`; '' where it is not known."""
    worker: str = ""
    """Where it was worked on: `slot 1`, or `judge 1` where it was only judged again; '' where nobody noted it."""
    stages: list[StageReport] = []
    """Where `seconds` went, step by step; none where an older version wrote it."""


class AgentReport(Report):
    """What one agent did in one role. A candidate is what an attempt asked for, however many turns that took."""

    role: str
    """`code`, `tests`, …"""
    agent: str
    """Its name in the configuration."""
    kind: str
    """`chat`, `acp`, `recorded`, `scripted`, …"""
    model: str
    turns: int
    candidates: int
    passed: int
    """Candidates that every gate let through."""
    refused: int
    solved: int
    """Tasks that one of its candidates solved."""
    seconds: float
    input_tokens: int | None
    """Of the turns that say so; None where none does."""
    output_tokens: int | None
    usd: float | None
    unknown_tokens: int = 0
    """Turns that do not say what they used."""
    unknown_usd: int = 0


class PlanningReport(Report):
    unit: str
    """What was asked: `loans#plan.tasks.R3`."""
    prd: str
    kind: Literal["cycles", "tasks", "criteria", "hints"]
    requirements: list[str]
    number: int
    """From 1; what was wrong with the one before went back."""
    verdict: Literal["passed", "refused"]
    problems: list[str]
    turn: TurnReport


class RunReport(Report):
    version: int = VERSION
    id: str
    """Sorts by time: `20261122T203251Z-1a2b`."""
    project: str
    prds: list[str]
    started_at: str
    """ISO 8601, UTC."""
    ended_at: str
    outcome: Literal["done", "failed", "needs a person", "parked", "interrupted"]
    continued: bool
    """True when it went on with what a killed run had begun."""
    sandbox: str
    sandbox_reasons: list[str]
    tools: dict[str, str]
    """Name → version: orchestrator, python, pytest, git, bwrap, sqlite."""
    environment: str
    """Lock hash of the project's environment."""
    tasks: list[TaskRunReport]
    turns: int
    input_tokens: int | None
    output_tokens: int | None
    usd: float | None
    replayed: bool
    """True when any turn was a recorded answer."""
    scripted: bool
    """True when any turn came from a script."""
    agents: list[AgentReport] = []
    """What each agent did in it, by role."""
    planning: list[PlanningReport] = []
    """What the planning agent was asked and answered."""
    forecasts: list[ForecastReport] = []
    """What each PRD was expected to take when the run began its work on it, beside what it took."""
    gates: list[GateReport] = []
    """Phase gates that it came to."""
    gates_skipped: bool = False
    """It was told to pass phase gates without looking."""
    validations: list[ValidationReport] = []
    """Of the PRDs that were complete at its end and had not been validated as they stand."""
    deliveries: list[DeliveryReport] = []
    """What became of their branches, where that was news."""
    standing: StandingReport | None = None
    """Where the project stood at its end; None for a run that was killed, or is under way, and where an older version wrote it."""


class ExampleReport(Report):
    line: int
    text: str
    """As a session of Python or a shell; '' where it is held out, so that no report gives away what an agent must not see."""
    held_out: bool


class CriterionReport(Report):
    id: str
    key: str
    text: str
    line: int
    inferred: bool
    examples: int
    held_out: int
    state: Literal["proved", "unproved", "failing", "outdated", "needs a person"]
    """`proved`: its task is done and the proof belongs to the text as it is now."""
    level: Literal["held-out", "oracle", "human test", "agent test", "none"]
    tests: list[str]
    commits: list[str]
    """Commit ids, test commit first."""
    task: str = ""
    """The task it belongs to: the requirement's, or one of its parts."""
    added: bool = False
    """The plan added it: an agent's or a person's words, not the PRD's."""
    proved_at: str = ""
    """When what is outdated was proved, ISO 8601 in UTC; '' for anything else."""
    outdated: str = ""
    """Why what was proved does not count now, in a sentence; '' where it counts, or nothing was."""
    cases: list[ExampleReport] = []
    """Its examples, at most 20; `examples` counts all of them."""


class RequirementReport(Report):
    id: str
    key: str
    title: str
    text: str
    line: int
    inferred: bool
    module: str
    depends_on: list[str]
    task: str
    criteria: list[CriterionReport]
    tasks: list[str] = []
    """All its tasks."""
    added: list[str] = []
    """What the plan added to the PRD's words: `module`, `depends_on`, `criteria`."""


class PlanReport(Report):
    decomposer: str
    """`outline`: the PRD as it stands; then who added to it."""
    notes: list[ProblemReport]
    uncovered: list[str]
    """Ids of requirements that no task is about."""


class PrdReport(Report):
    id: str
    title: str
    path: str
    fingerprint: str
    branch: str
    """`prd/<id>`."""
    head: str
    """Commit id of the branch, '' before the first commit."""
    complete: bool
    """Every criterion proved."""
    context: str
    """Prose around the requirements, Markdown as written; untrusted."""
    requirements: list[RequirementReport]
    notes: list[ProblemReport]
    retired: list[str] = []
    """Task ids whose requirement is gone from the text."""
    plan: PlanReport | None = None
    edits: list[EditReport] = []
    """What edits of the file changed in what it asks for, the newest first."""
    phases: list[PhaseReport] = []
    """In order; none where the PRD has none."""
    validation: ValidationReport | None = None
    """The last one; it speaks of the head that it names."""
    forecast: ForecastReport | None = None
    """Of the last run that worked on it, beside what it took."""
    delivery: DeliveryReport | None = None
    """The last one; it speaks of the head that it names."""


class TaskReport(Report):
    id: str
    prd: str
    title: str
    state: str
    reason: str
    depends_on: list[str]
    requirements: list[str]
    attempts: int
    last_run: str
    """Run id of the last run that worked on it, '' if none."""
    phase: int | None = None
    question: QuestionReport | None
    mutation: float | None = None
    """Percent of the mutants of what it changed that its tests noticed; None where there was none."""
    parked_until: str = ""
    """When a parked task is tried again, ISO 8601 in UTC; '' at the next run."""


class RunSummary(Report):
    id: str
    started_at: str
    seconds: float
    outcome: str
    done: int
    failed: int
    needs_person: int
    turns: int
    replayed: bool
    scripted: bool


class SpendingReport(Report):
    """What the turns of a project used, as it is counted: what is unknown or never returned counts what was booked for it."""

    turns: int
    tokens: int
    usd: float
    minutes: float
    lost: int
    """Turns that never returned."""
    unknown_tokens: int
    """Turns whose agent did not say what they used."""
    unknown_usd: int


class ProjectReport(Report):
    version: int = VERSION
    project: str
    repo: str
    """Path of the bare repository, relative to the working folder."""
    target: str
    """'' for a new repository, else the target as written."""
    sandbox: str
    prds: list[PrdReport]
    tasks: list[TaskReport]
    """In plan order."""
    runs: list[RunSummary]
    """Newest first; those that are kept."""
    sandbox_reasons: list[str] = []
    quarantine: list[QuarantineReport] = []
    mutation: float | None = None
    """The same over all tasks that are done."""
    spending: SpendingReport | None = None
    turns: int | None = None
    """Of agents, over all runs, those that are no longer kept among them; None where an older version wrote it."""
    agents: list[AgentReport] = []
    """What each agent did, by role, in the runs that are kept."""
    kinds: list[str] = []
    """Of the agents that answered in any of them: `scripted`, `recorded`, `chat`, …"""
    orphans: list[OrphanReport] = []
    """What the repository still holds of requirements that left their PRD."""


SCHEMAS: dict[str, type[Report]] = {
    "inbox": InboxReport,
    "limits": LimitsReport,
    "project": ProjectReport,
    "run": RunReport,
    "schedule": ScheduleReport,
    "validation": ValidationReport,
}
