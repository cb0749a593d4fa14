"""The frozen values that cross boundaries, in the order data flows: Prd → Plan → CycleResult.

Everything here is plain data: it pickles, it serialises to JSON through `pydantic.TypeAdapter`, and it knows no behaviour.
Lines are 1-based lines of the PRD's file; times are seconds; texts are str; file contents that travel are str (UTF-8).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from orchestrator.measures import Coverage as Coverage
from orchestrator.measures import Mutant as Mutant
from orchestrator.measures import MutantStatus as MutantStatus
from orchestrator.measures import Mutation as Mutation
from orchestrator.measures import Unrun as Unrun
from orchestrator.single_tests import Flaky as Flaky
from orchestrator.single_tests import PersonsTest as PersonsTest
from orchestrator.single_tests import RetiredTest as RetiredTest
from orchestrator.structure import Answer as Answer
from orchestrator.structure import Export as Export
from orchestrator.structure import Module as Module
from orchestrator.structure import Phase as Phase
from orchestrator.structure import PlannedCycle as PlannedCycle

# --- inbox -----------------------------------------------------------------------------------------------------------

Severity = Literal["error", "note"]


@dataclass(frozen=True)
class Problem:
    """Something about one PRD file that its author should know.

    An `error` sets the PRD aside; a `note` says what is missing or was inferred and stops nothing.
    """

    path: str
    """The PRD's path as the user knows it, relative to the working folder."""
    line: int
    """1-based; 0 when the problem is the file itself."""
    code: str
    """A stable kebab-case word, for example `unknown-key`."""
    message: str
    hint: str = ""
    severity: Severity = "error"


@dataclass(frozen=True)
class InputFile:
    """A fence with a file name: an input that examples of its criterion or requirement may read from their working folder."""

    name: str
    text: str
    line: int


Compare = Literal["value", "approx", "text", "raises", "console"]
"""How an answer is compared with what was expected.

`value`: exact builtin value and type; `approx`: a number written `≈ 3.14`, equal to half a unit of its last written digit;
`text`: what a doctest would print (standard output, then the repr), also anything that is not a literal; `raises`: exception
type and message, `...` matching any; `console`: standard output and exit code of a command.
"""


@dataclass(frozen=True)
class Example:
    """One executable example of a criterion."""

    id: str
    """`<criterion id>/<n>`, for example `loans#R2.AC2/1`, n from 1 within the criterion."""
    setup: tuple[str, ...]
    """Statements (Python source) that run first; for `console`, shell commands that run first in the same folder."""
    call: str
    """The expression or statement whose answer is compared; for `console`, the command line."""
    compare: Compare
    expected: str
    """Source of the literal (`value`, `approx`), the text (`text`, `console`: standard output), or the message (`raises`)."""
    line: int
    raises: str = ""
    """Exception type name as written, for example `LookupError` or `loans.NotOurs`; only for `raises`."""
    stdin: str = ""
    exit_code: int = 0
    ellipsis: bool = False
    """`...` in the expected text matches anything (doctest's +ELLIPSIS; always so for `raises`)."""
    files: tuple[InputFile, ...] = ()
    held_out: bool = False
    """Chosen by the planner; the parser leaves it False."""


@dataclass(frozen=True)
class Criterion:
    id: str
    """`<prd>#<requirement>.<key>`, for example `loans#R2.AC2`."""
    key: str
    text: str
    """Prose only: no example's values in it."""
    line: int
    examples: tuple[Example, ...] = ()
    inferred: bool = False
    """True when the PRD did not write it as a criterion (an example outside any criterion, a bare bullet)."""


@dataclass(frozen=True)
class Requirement:
    id: str
    """`<prd>#<key>`, for example `loans#R2`."""
    key: str
    title: str
    text: str
    """Prose between heading and criteria, without attribute lines and without examples."""
    line: int
    module: str = ""
    """The file named by `Module:`, for example `library/loans.py`; else the one its examples import from, as a path; else ''."""
    depends_on: tuple[str, ...] = ()
    """Keys of requirements of the same PRD."""
    priority: str = ""
    complexity: str = ""
    type: str = ""
    """`functional` or `non-functional` ('' is functional)."""
    criteria: tuple[Criterion, ...] = ()
    inferred: bool = False
    """True when its identifier was made from its heading."""
    phase: int | None = None
    """Number of the phase it belongs to; None where the PRD has no phases."""
    answers: tuple[Answer, ...] = ()
    """What a person answered about it; its text and criteria hold that too."""
    added: tuple[str, ...] = ()
    """What the plan added to the PRD's words: `module`, `depends_on`, `criteria`."""
    unclear: tuple[str, ...] = ()
    """What its author marked as open, `[NEEDS CLARIFICATION: …]`, each in his words: a person must answer before it is worked on."""


@dataclass(frozen=True)
class Target:
    repo: str = ""
    """'' a new repository; a path, a URL, or `.`."""
    branch: str = "main"
    language: str = "python"


@dataclass(frozen=True)
class Budget:
    """Ceilings of one PRD; None leaves the configured one. May only tighten."""

    minutes: float | None = None
    tokens: int | None = None
    usd: float | None = None
    turns: int | None = None
    attempts: int | None = None


@dataclass(frozen=True)
class Gates:
    mutation: int | None = None
    coverage: int | None = None
    held_out: float | None = None


@dataclass(frozen=True)
class Prd:
    id: str
    title: str
    project: str
    path: str
    """Relative to the working folder."""
    fingerprint: str
    """SHA-256 of the file's bytes, hex."""
    requirements: tuple[Requirement, ...]
    context: str = ""
    """Prose outside requirements (Markdown), for briefs."""
    draft: bool = False
    target: Target = field(default_factory=Target)
    dependencies: tuple[str, ...] = ()
    """Packages of the project's environment, as pip requirement strings."""
    depends_on: tuple[str, ...] = ()
    """Other PRDs, by id."""
    start: str = ""
    """`now`, `schedule`, or a date as `cron.moment` reads it; '' is `now`."""
    schedule: str = ""
    """A cron expression at which it is taken again, as `cron.cron` reads it."""
    priority: int = 0
    budget: Budget = field(default_factory=Budget)
    agents: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(role, ladder of configured agent names) pairs."""
    gates: Gates = field(default_factory=Gates)
    phases: tuple[Phase, ...] = ()
    """In order; a phase begins when all tasks of the one before are done."""
    cycles: tuple[PlannedCycle, ...] = ()
    """TDD cycles that the PRD names."""
    modules: tuple[Module, ...] = ()
    """The module structure, where the PRD states one: files that are to be made or changed, with what they export."""
    deliver: str = ""
    """How its branch is to be delivered at most, as `deliver` in the configuration; '' leaves it to that."""


# --- plan ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """Why a task needs a person: a precise question and the lines of the PRD it is about."""

    text: str
    lines: tuple[int, ...]


@dataclass(frozen=True)
class Task:
    id: str
    """The id of its first requirement; kept while that requirement keeps its id."""
    prd: str
    requirements: tuple[Requirement, ...]
    """Whole, with criteria and examples, held-out ones flagged."""
    goal: str
    files: tuple[str, ...]
    """Source files it is expected to create or change."""
    test_file: str
    depends_on: tuple[str, ...]
    """Task ids."""
    fingerprint: str
    """Hash of what it was derived from; another one means the task changed."""
    question: Question | None = None
    complexity: str = ""
    inferred: bool = False
    phase: int | None = None
    """The latest phase of its requirements."""
    hints: str = ""
    """How it might be built, in the words of the planning agent; '' where nobody was asked. No part of what is proved."""
    verify_only: bool = False
    """Another task makes the same export of the same file: it is expected to hold already, and is checked before anybody is asked."""

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        return tuple(criterion for requirement in self.requirements for criterion in requirement.criteria)

    @property
    def examples(self) -> tuple[Example, ...]:
        return tuple(example for criterion in self.criteria for example in criterion.examples)


@dataclass(frozen=True)
class Plan:
    prd: str
    fingerprint: str
    """The PRD's."""
    decomposer: str
    tasks: tuple[Task, ...]
    """In an order that respects depends_on."""
    notes: tuple[Problem, ...] = ()
    """What could not be planned, and what is odd about its tasks."""
    uncovered: tuple[str, ...] = ()
    """Ids of requirements that no task is about: nothing could prove them."""


# --- run -------------------------------------------------------------------------------------------------------------

Step = Literal["plan", "write_tests", "check_red", "write_code", "check_green", "tidy", "check_still_green"]


@dataclass(frozen=True)
class TestOutcome:
    """What happened to one test, or to one example put to the oracle."""

    __test__ = False

    id: str
    """pytest node id, or the example's id."""
    outcome: str
    """A word of `run/evidence.py`, for example `passed`, `failed`, `missing name`, `timeout`."""
    kind: str = ""
    """Exception type, when there was one."""
    message: str = ""
    where: str = ""
    """`file:line` of the innermost frame that mattered."""


IncidentKind = Literal["connection", "write outside", "processes", "memory", "file size", "time", "left behind", "signal", "inspection"]
"""What untrusted code did or tried that the sandbox stopped, ended or saw: `run/evidence.py::INCIDENTS` has a sentence for each."""


@dataclass(frozen=True)
class Incident:
    kind: IncidentKind
    detail: str
    """What exactly, for example `connect to ('10.0.0.1', 80)`, `/etc/passwd`, `more than 128 processes`."""
    where: str = ""
    """pytest node id or example id, where it is known."""


@dataclass(frozen=True)
class Observation:
    """Raw: what one command did. It is interpreted in `run/evidence.py` only."""

    step: Step
    what: str
    """Which variant was run, for example `base`, `stub None`, `candidate`, `oracle`, `whole suite`."""
    command: str
    exit_code: int | None
    """None when it was killed at its time limit."""
    outcomes: tuple[TestOutcome, ...]
    output: str
    seconds: float
    sandbox: str
    incidents: tuple[Incident, ...] = ()


@dataclass(frozen=True)
class Finding:
    """What a gate has to say. An `error` refuses the candidate; a `notice` is shown and recorded."""

    gate: str
    """For example `writable roots`, `locked tests`, `red`, `green`, `oracle`, `held-out`, `regression`, `no progress`."""
    message: str
    severity: Literal["error", "notice"] = "error"
    criterion: str = ""
    where: str = ""


@dataclass(frozen=True)
class Usage:
    """None is unknown, never zero."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    usd: float | None = None


@dataclass(frozen=True)
class Change:
    """One file of a patch: its whole new text, or None when it was deleted."""

    path: str
    text: str | None
    executable: bool = False


Role = Literal["plan", "tests", "code"]

Way = Literal["whole", "findings", "explain", "failure", "one function", "fresh"]
"""How a candidate is asked for: `run/search.py::WAYS` has a sentence for each."""


@dataclass(frozen=True)
class Brief:
    """What an agent is told. Never holds held-out values."""

    prd: str
    task: str
    role: Role
    attempt: int
    turn: int
    fingerprint: str
    """The task's."""
    text: str
    """The whole wording, Markdown, rendered from run/briefs/."""
    files: tuple[Change, ...]
    """The files of the workspace worth showing, for agents that cannot look themselves."""
    writable: tuple[str, ...]
    """Paths or folders (ending in /) it is expected to change."""
    repeats: int = 0
    """How often its answers were the same as an earlier one, so far."""
    context: str = ""
    """The part of `text` that is background prose, word for word; an agent with a small window cuts it first."""
    step: Step = "write_code"
    way: Way = "whole"
    heat: int = 0
    """How often it was asked for this before: a sampling agent raises its temperature with it."""
    python: str = ""
    """Interpreter of the project's environment, for agents that run what they write; '' where there is none."""


@dataclass(frozen=True)
class AgentTurn:
    text: str
    """What the agent said, whole."""
    usage: Usage
    stop: str
    """Why it stopped, in the agent's words: `stop`, `length`, `end_turn`, …"""
    agent: str
    """Its name in the configuration."""
    kind: str
    """`scripted`, `recorded`, `chat`, …"""
    model: str
    seconds: float
    transcript: str = ""
    """Prompt and answer, for the report."""
    recorded_from: str = ""
    """For `recorded`: the agent and model that gave the answer, so that every page can say so."""
    notes: tuple[str, ...] = ()


Verdict = Literal["passed", "already satisfied", "gave up", "needs a person", "parked", "changed"]

ProofLevel = Literal["held-out", "oracle", "human test", "agent test", "none"]


@dataclass(frozen=True)
class Proof:
    """How strongly a criterion is proved, by what."""

    criterion: str
    level: ProofLevel
    tests: tuple[str, ...]
    """pytest node ids."""
    examples: int
    """Examples judged by the oracle that the agent had seen."""
    held_out: int
    """Examples judged that the agent never saw."""
    revealed: int = 0
    """Held-out examples that had to be revealed; they count under `examples`."""


@dataclass(frozen=True)
class Attempt:
    """One candidate answer and what the gates made of it."""

    number: int
    """From 1, going on over cycles of the same task and fingerprint."""
    turns: tuple[AgentTurn, ...]
    changes: tuple[Change, ...]
    """What the candidate changes, after writable roots and locked tests were enforced."""
    diff: str
    """The same as a unified diff against the base."""
    verdict: Literal["passed", "refused"]
    findings: tuple[Finding, ...]
    observations: tuple[Observation, ...]
    role: Role = "code"
    """Whose answer it is: `code` (a candidate), `tests` (tests for prose criteria)."""
    way: Way | Literal[""] = ""
    """How it was asked for; '' where nobody was asked, or nobody noted it."""


@dataclass(frozen=True)
class Tidying:
    """What became of the one proposal to tidy up what passed. It never fails a task."""

    triggers: tuple[str, ...]
    """Why it was asked for, one sentence each."""
    kept: bool
    reason: str
    """One sentence: why it was kept or dropped."""
    turns: tuple[AgentTurn, ...] = ()
    changes: tuple[Change, ...] = ()
    """Against the candidate that passed; empty when nothing was proposed."""
    diff: str = ""
    findings: tuple[Finding, ...] = ()
    observations: tuple[Observation, ...] = ()


@dataclass(frozen=True)
class CycleResult:
    task: str
    fingerprint: str
    base_tree: str
    verdict: Verdict
    reason: str
    """One sentence a person can read."""
    tests: tuple[Change, ...]
    """The locked tests."""
    code: tuple[Change, ...]
    """The judged candidate; empty unless passed. What tidying changed after it is in `tidying`."""
    red: tuple[Observation, ...]
    red_findings: tuple[Finding, ...]
    attempts: tuple[Attempt, ...]
    proofs: tuple[Proof, ...]
    revealed: tuple[str, ...]
    """Example ids that were held out and had to be revealed."""
    seconds: float
    sandbox: str
    question: Question | None = None
    until: float | None = None
    """For `parked`: when it is worth trying again, seconds since the epoch; None: at the next run."""
    cause: str = ""
    """For `parked`: `budget` or `breaker` where one of them stands before the next turn."""
    written: tuple[Attempt, ...] = ()
    """Answers of the tests agent, for criteria without examples."""
    baseline: Observation | None = None
    """The project's own suite at the base, before any turn; None where there is none."""
    tidying: Tidying | None = None
    mutation: Mutation | None = None
    coverage: Coverage | None = None
    flaky: tuple[Flaky, ...] = ()
    fresh: bool = False
    """The code's modules remember something from call to call: each generated test begins with fresh ones."""
    people: tuple[PersonsTest, ...] = ()
    """Tests of the repository that name a criterion of the task."""
    gone: tuple[str, ...] = ()
    """Paths of test files that were made for an earlier wording and that the new tests take away."""
    retired: tuple[RetiredTest, ...] = ()
    """The tests in them, and in files that were made anew, that nothing asks for any more."""
    outdated: tuple[str, ...] = ()
    """Paths of tests of other tasks that bound nobody when it was judged: their requirement is gone, or not proved as it is worded."""
    worker: str = ""
    """Where it was worked on: `slot 1`, or `judge 1` where it was only judged again."""
    stages: tuple[tuple[str, float], ...] = ()
    """(step, seconds it took in all), in the order in which they were first taken; together all of `seconds`."""
