"""Evidence bundles: what was seen and judged when a task was integrated, as canonical JSON whose hashes form a chain per project.

    runs/<project>/evidence/<task>-<fingerprint>-<cycle>.json    TaskEvidence: one for each integrated task
    runs/<project>/evidence/<prd>-held-out-<commit>.json         KeptEvidence: the held-out examples, kept as regression tests

The same bundles are commits of `refs/orchestrator/evidence` (see chain.py). A bundle follows from reports and git alone, so one that was lost with
its process is made again, byte for byte.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter

from orchestrator.config import Limits
from orchestrator.errors import StoreError
from orchestrator.model import Task
from orchestrator.plan.outline import slug
from orchestrator.save.reports import (
    AttemptReport,
    FindingReport,
    FlakyReport,
    IncidentReport,
    MutationReport,
    ObservationReport,
    OutcomeReport,
    PersonsTestReport,
    ProofReport,
    RetiredTestReport,
    TaskRunReport,
    Text,
    TidyingReport,
    TurnReport,
)

VERSION = 1
FOLDER = "evidence"
MAX_BYTES = 64 << 20
"""A larger bundle, report or artifact is not read."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
ObjectId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
"""What becomes part of a path or of a branch name: projects, PRDs, runs."""


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True, allow_inf_nan=False)


class Locked(Section):
    """A test file as it was locked."""

    path: str
    sha256: Sha256
    text: str


class Observed(Section):
    """What one command did; its output by hash, its duration not at all."""

    step: str
    what: str
    command: str
    exit_code: int | None
    outcomes: list[OutcomeReport]
    incidents: list[IncidentReport]
    sandbox: str
    output: str
    """SHA-256."""


class Asked(Section):
    """One turn of an agent. `kind` is `scripted` or `recorded` where no model answered at that moment."""

    role: str
    agent: str
    kind: str
    model: str
    recorded_from: str
    input_tokens: int | None
    output_tokens: int | None
    usd: float | None
    transcript: str
    """SHA-256."""


class Answer(Section):
    """One answer of an agent and what the gates made of it."""

    number: int
    role: str
    verdict: str
    turns: list[Asked]
    findings: list[FindingReport]
    observations: list[Observed]
    diff: str
    """SHA-256."""


class Tidied(Section):
    triggers: list[str]
    kept: bool
    reason: str
    turns: list[Asked]
    findings: list[FindingReport]
    observations: list[Observed]
    diff: str
    """SHA-256."""


class Mutants(Section):
    """How many mutants ended how."""

    statuses: dict[str, int]
    left_out: int
    score: float | None
    ended: Sha256
    """SHA-256 of a line for each mutant: its id, a tab, its status."""


class Judged(Section):
    """All that a run's report says of a task, durations and texts aside. Made from the report, so that the two can be compared field by field."""

    verdict: str
    reason: str
    title: str
    fingerprint: Sha256
    base_tree: ObjectId
    red_tree: ObjectId
    green_tree: ObjectId
    tidied_tree: ObjectId
    tests: list[Locked]
    baseline: Observed | None
    red: list[Observed]
    red_findings: list[FindingReport]
    written: list[Answer]
    attempts: list[Answer]
    tidying: Tidied | None
    mutation: Mutants | None
    flaky: list[FlakyReport]
    people: list[PersonsTestReport] = []
    proofs: list[ProofReport]
    gone: list[str] = []
    """Test files of an earlier wording that the locked tests took away."""
    retired: list[RetiredTestReport] = []
    outdated: list[str] = []
    """Test files of other tasks that bound nobody when it was judged."""


class Committed(Section):
    id: ObjectId
    kind: str
    subject: str
    tree: ObjectId
    parent: ObjectId


class TaskEvidence(Section):
    version: Literal[1] = 1
    kind: Literal["task"] = "task"
    project: Word
    run: Word
    """The run that judged it."""
    started_at: str
    cycle: int
    prd: Word
    prd_path: str
    prd_fingerprint: Sha256
    target: str
    """'' for a new repository, else the target as the PRD writes it."""
    dependencies: list[str]
    """As the PRD writes them; those of the repository stand in its base tree."""
    task: Task
    """As it was judged: requirements, criteria, and the examples, each with whether it was held out."""
    revealed: list[str]
    """Ids of examples that were held out and had to be revealed."""
    fresh: bool
    """Each generated test begins with fresh modules."""
    finished: list[str] = []
    """Bundles, by file name, of the tasks of the same PRD that were done when this one was begun."""
    attempt: str
    """The `Attempt:` trailer of its commits."""
    judged: Judged
    commits: list[Committed]
    sandbox: str
    sandbox_reasons: list[str]
    tools: dict[str, str]
    environment: str
    """Lock hash."""
    packages: list[str]
    """`name==version` of the environment."""
    limits: Limits | None
    """What a process was allowed; None where it was not recorded."""
    previous: str
    """The hash of the project's previous bundle, '' for the first."""
    hash: Sha256

    @property
    def quarantined(self) -> frozenset[str]:
        """Tests that were known, or found, to fail by chance."""
        findings = [finding for answer in self.judged.attempts for finding in answer.findings]
        findings += self.judged.tidying.findings if self.judged.tidying else []
        return frozenset(finding.where for finding in findings if finding.gate == "flaky")


class KeptEvidence(Section):
    """The commit that keeps the held-out examples of a complete PRD as regression tests."""

    version: Literal[1] = 1
    kind: Literal["held-out kept"] = "held-out kept"
    project: Word
    prd: Word
    tests: list[Locked]
    commits: list[Committed]
    previous: str
    hash: Sha256


Evidence = Annotated[TaskEvidence | KeptEvidence, Field(discriminator="kind")]
_ADAPTER: TypeAdapter[TaskEvidence | KeptEvidence] = TypeAdapter(Evidence, config=ConfigDict(defer_build=True))


def name_of(task: str, fingerprint: str, cycle: int) -> str:
    return f"{slug(task)[:100]}-{fingerprint[:12]}-{cycle}.json"


def path_of(task: str, fingerprint: str, cycle: int) -> str:
    """Relative to the project's folder."""
    return f"{FOLDER}/{name_of(task, fingerprint, cycle)}"


def kept_name(prd: str, commit: str) -> str:
    return f"{slug(prd)[:100]}-held-out-{commit[:12]}.json"


def name(found: TaskEvidence | KeptEvidence) -> str:
    """The file name that belongs to a bundle."""
    if isinstance(found, KeptEvidence):
        return kept_name(found.prd, found.commits[0].id)
    return name_of(found.task.id, found.judged.fingerprint, found.cycle)


# --- canonical JSON ------------------------------------------------------------------------------------------------------


def canonical(value: Any) -> bytes:
    """Sorted keys, one form of every value, ASCII only, a line for each entry so that git can show a difference."""
    return (json.dumps(value, sort_keys=True, indent=1, ensure_ascii=True, allow_nan=False) + "\n").encode("ascii")


def hash_of(value: dict[str, Any]) -> str:
    """SHA-256 of the canonical JSON without the entry `hash`."""
    return hashlib.sha256(canonical({key: item for key, item in value.items() if key != "hash"})).hexdigest()


def sealed(value: dict[str, Any]) -> bytes:
    """The bundle's bytes, its hash put in."""
    return canonical(value | {"hash": hash_of(value)})


def read(data: bytes) -> TaskEvidence | KeptEvidence:
    """A bundle from its bytes. Raises StoreError naming what is wrong with them, a hash that does not fit among it."""
    try:
        value = json.loads(data)
        if not isinstance(value, dict):
            raise ValueError("it is no JSON object")
        if isinstance(version := value.get("version"), int) and version > VERSION:
            raise ValueError(f"it has version {version}, written by a newer orchestrator")
        found = _ADAPTER.validate_json(data)
        if not found.commits and isinstance(found, KeptEvidence):
            raise ValueError("it names no commit")
        if canonical(value) != data:
            raise ValueError("it is not in canonical form")
    except (ValueError, RecursionError) as error:
        raise StoreError(f"not an evidence bundle: {_first(error)}") from None
    if found.hash != hash_of(value):
        raise StoreError(f"its hash does not fit its content: it says {found.hash}, the content has {hash_of(value)}")
    return found


def _first(error: Exception) -> str:
    """One line of what was wrong, from pydantic or json."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    errors = getattr(error, "errors", None)
    if callable(errors):
        problem = errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, problem['loc']))[:200]}: {problem['msg'][:200]}"
    return str(error)[:300]


# --- from a run's report -------------------------------------------------------------------------------------------------

_ARTIFACT = re.compile(r"artifacts/[0-9a-f]{2}/[0-9a-f]{64}\.txt")


def digest(folder: Path, text: Text) -> str:
    """SHA-256 of the whole text of a report; a sentence where it cannot be had or where its head is another."""
    whole = content(folder, text)
    return whole if isinstance(whole, str) else hashlib.sha256(whole).hexdigest()


def content(folder: Path, text: Text) -> bytes | str:
    """The bytes of the whole text, or a sentence that says why it cannot be had. `folder`: the project's."""
    head = text.inline.encode("utf-8", "replace")
    if not text.artifact:
        return head
    if not _ARTIFACT.fullmatch(text.artifact):
        return f"`{text.artifact[:200]}` is no artifact"
    path = folder / text.artifact
    if not path.is_file() or path.is_symlink():
        return f"{text.artifact} is missing"
    if path.stat().st_size > MAX_BYTES:
        return f"{text.artifact} is too large"
    whole = path.read_bytes()
    return whole if whole.startswith(head) else f"{text.artifact} begins otherwise than the report says"


def judged(task: TaskRunReport, folder: Path) -> Judged:
    """What a report says of a task. `folder`: the project's, for the artifacts."""
    texts = [(task.test_file, task.tests), (task.written_file, task.written_tests)]
    return Judged(
        verdict=task.verdict,
        reason=task.reason,
        title=task.title,
        fingerprint=task.fingerprint,
        base_tree=task.base_tree,
        red_tree=task.red_tree,
        green_tree=task.green_tree,
        tidied_tree=task.tidied_tree,
        tests=[locked(path, content(folder, text)) for path, text in texts if text.size],
        baseline=_observed(task.baseline, folder) if task.baseline else None,
        red=[_observed(item, folder) for item in task.red],
        red_findings=task.red_findings,
        written=[_answer(item, folder) for item in task.written],
        attempts=[_answer(item, folder) for item in task.attempts],
        tidying=_tidied(task.tidying, folder) if task.tidying else None,
        mutation=_mutants(task.mutation) if task.mutation else None,
        flaky=task.flaky,
        people=task.people,
        proofs=task.proofs,
        gone=task.gone,
        retired=task.retired,
        outdated=task.outdated,
    )


def locked(path: str, text: bytes | str) -> Locked:
    data = text.encode("utf-8", "replace") if isinstance(text, str) else text
    return Locked(path=path, sha256=hashlib.sha256(data).hexdigest(), text=data.decode("utf-8", "replace"))


def _observed(item: ObservationReport, folder: Path) -> Observed:
    return Observed(
        step=item.step,
        what=item.what,
        command=item.command,
        exit_code=item.exit_code,
        outcomes=item.outcomes,
        incidents=item.incidents,
        sandbox=item.sandbox,
        output=digest(folder, item.output),
    )


def _answer(item: AttemptReport, folder: Path) -> Answer:
    return Answer(
        number=item.number,
        role=item.role,
        verdict=item.verdict,
        turns=[_asked(turn, folder) for turn in item.turns],
        findings=item.findings,
        observations=[_observed(observation, folder) for observation in item.observations],
        diff=digest(folder, item.diff),
    )


def _asked(turn: TurnReport, folder: Path) -> Asked:
    return Asked(
        role=turn.role,
        agent=turn.agent,
        kind=turn.kind,
        model=turn.model,
        recorded_from=turn.recorded_from,
        input_tokens=turn.input_tokens,
        output_tokens=turn.output_tokens,
        usd=turn.usd,
        transcript=digest(folder, turn.transcript),
    )


def _tidied(item: TidyingReport, folder: Path) -> Tidied:
    return Tidied(
        triggers=item.triggers,
        kept=item.kept,
        reason=item.reason,
        turns=[_asked(turn, folder) for turn in item.turns],
        findings=item.findings,
        observations=[_observed(observation, folder) for observation in item.observations],
        diff=digest(folder, item.diff),
    )


def _mutants(item: MutationReport) -> Mutants:
    ended = "".join(f"{mutant.id}\t{mutant.status}\n" for mutant in item.mutants)
    return Mutants(
        statuses=dict(Counter(mutant.status for mutant in item.mutants)),
        left_out=item.left_out,
        score=item.score,
        ended=hashlib.sha256(ended.encode("utf-8", "replace")).hexdigest(),
    )
