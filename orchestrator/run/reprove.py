"""RED and GREEN once more, without any agent: from the trees of git and the examples of the task, by the steps that a run takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from orchestrator.config import Config, Limits
from orchestrator.model import Change, Finding, Observation, Prd, Proof, ProofLevel, Task
from orchestrator.run import checks, cycle, evidence, integrate, write_tests
from orchestrator.run.bench import Bench, Work
from orchestrator.run.gates import red, writable
from orchestrator.run.git import GitError, Repository

FLAWS: dict[str, str] = {
    "missing-evidence": "something is said to be done, and no bundle proves it",
    "unknown-evidence": "a bundle that the chain does not hold",
    "changed-evidence": "a bundle whose content or hash is not what the chain holds",
    "broken-chain": "the chain of bundles was cut, reordered or written anew",
    "changed-report": "a report says something else than the evidence",
    "missing-report": "a report is gone",
    "changed-artifact": "a text that a report points to is gone or another",
    "changed-database": "the database says something else than the evidence",
    "unreadable": "a file is not what it should be, and was not read",
    "missing-object": "git cannot give a commit or a file that the evidence names",
    "rewritten-commit": "a commit was amended, dropped or reordered, or does not fit the evidence",
    "moved-branch": "the branch is gone, or stands where it never was brought by the commits of the evidence",
    "replaced-object": "the repository shows other objects in place of the real ones (replacements, grafts, a shallow history)",
    "foreign-commits": "the branch holds commits of others",
    "swapped-test": "a test is not the one that was locked or kept",
    "wrong-fingerprint": "the task of the evidence is not what its fingerprint says",
    "not-red": "the tests are not red at the base as they were",
    "not-green": "the code does not pass what it passed",
    "overstated-proof": "a criterion is proved less strongly than the evidence says",
    "not-reproved": "it could not be tried: something is missing on this machine, or the evidence cannot be worked with",
    "changed-bundle": "the git bundle is damaged, or holds another history than the repository",
    "outdated": "the PRD is worded otherwise now",
    "outdated-bundle": "the git bundle is behind the repository",
    "other-version": "another version of the orchestrator made it",
}
"""Every code of a flaw, with a sentence."""


@dataclass(frozen=True)
class Flaw:
    """Something that `verify` found. An `error` is wrong; a `notice` is said."""

    code: str
    """A key of FLAWS."""
    message: str
    where: str = ""
    """A file, a ref, a commit, or a field of a report."""
    recorded: str = ""
    """What the evidence says, where two values differ."""
    found: str = ""
    severity: Literal["error", "notice"] = "error"


@dataclass(frozen=True)
class Claim:
    """What is to be shown again of one task."""

    task: Task
    prd: Prd
    base: str
    """Tree id, as are the next three."""
    red: str
    green: str
    tidied: str
    tests: tuple[Change, ...]
    """The locked tests."""
    red_tests: frozenset[str]
    """Node ids of the tests that were red at the base."""
    fresh: bool
    """Each generated test begins with fresh modules."""
    proofs: tuple[tuple[str, ProofLevel, tuple[str, ...]], ...]
    """(criterion, level, node ids)."""
    done: tuple[Task, ...]
    """Tasks that were finished before it."""
    revealed: frozenset[str]
    quarantined: frozenset[str]
    limits: Limits | None
    same_version: bool
    ours: frozenset[str] = frozenset()
    """Paths that the orchestrator has made: what stands there is no person's word."""
    gone: tuple[str, ...] = ()
    """Test files of an earlier wording that the locked tests took away."""
    outdated: frozenset[str] = frozenset()
    """Tests of other tasks that bound nobody then."""


@dataclass(frozen=True)
class Seen:
    """What was seen this time."""

    red: tuple[int, int]
    """(tests red at the base, tests)."""
    green: tuple[int, int]
    """(examples and tests that hold, all of them)."""
    sandbox: str
    flaws: tuple[Flaw, ...]


def again(claim: Claim, repository: Repository, python: Path, config: Config) -> Seen:
    """RED at the base and GREEN at what was committed. Raises SetupError when nothing can be started."""
    with _opened(claim, claim.base, repository, python, config) as bench:
        flaws = [*_locked(claim, bench, repository)]
        base, found = _red(claim, bench)
        flaws += found
        held = (0, 0)
        for tree in dict.fromkeys((claim.green, claim.tidied)):
            held, found = _green(claim, bench, repository, tree)
            flaws += found
        flaws += [] if any(flaw.severity == "error" for flaw in flaws) else _levels(claim, cycle.proofs(bench))
        return Seen(base, held, bench.red[0].sandbox, tuple(flaws))


def at_head(claim: Claim, repository: Repository, python: Path, config: Config, tree: str) -> tuple[Finding, ...]:
    """What keeps the branch as it stands from passing everything that the task has passed."""
    with _opened(claim, tree, repository, python, config) as bench:
        return tuple(finding for finding in checks.check_green(bench, ()).findings if finding.severity == "error")


@contextmanager
def _opened(claim: Claim, base: str, repository: Repository, python: Path, config: Config) -> Iterator[Bench]:
    work = Work(
        task=claim.task,
        prd=claim.prd,
        repository=repository.path,
        base=base,
        python=python,
        config=config.model_copy(update={"limits": _larger(config.limits, claim.limits)}),
        first_attempt=1,
        own_suite=bool(claim.prd.target.repo),
        written=tuple(change for change in claim.tests if change.path != claim.task.test_file),
        revealed=claim.revealed,
        quarantined=claim.quarantined,
        done=claim.done,
        ours=claim.ours,
        gone=claim.gone,
        outdated=claim.outdated,
    )
    with cycle.opened(work) as bench:
        if work.own_suite:
            checks.baseline(bench)
        bench.fresh = claim.fresh
        write_tests.lock_earlier(bench)
        write_tests.from_examples(bench)
        prose = {criterion.id for criterion in bench.prose}
        bench.named = {criterion: nodes for criterion, _, nodes in claim.proofs if criterion in prose and nodes}
        yield bench


def _larger(configured: Limits, recorded: Limits | None) -> Limits:
    """What the run allowed a process, at most ten times what is configured here, and never less."""
    if recorded is None:
        return configured
    names = ("test_seconds", "example_seconds", "memory_mb", "file_mb", "processes")
    bounds = {name: (getattr(configured, name), getattr(recorded, name)) for name in names}
    return configured.model_copy(update={name: max(here, min(then, 10 * here)) for name, (here, then) in bounds.items()})


def _locked(claim: Claim, bench: Bench, repository: Repository) -> Iterator[Flaw]:
    """The tests are those that the examples give, and the RED tree is the base with them."""
    recorded = {change.path: change.text for change in claim.tests}
    made = {change.path: change.text for change in bench.tests}
    for path in sorted({*recorded, *made}):
        if recorded.get(path) != made.get(path):
            if claim.same_version:
                yield Flaw("swapped-test", f"{path} is not what the examples of {claim.task.id} give", path)
            else:
                yield Flaw("other-version", f"this version writes {path} otherwise; its own form was used", path, severity="notice")
    tree = repository.write_tree(claim.base, integrate.locked(claim.tests, claim.gone))
    if tree != claim.red:
        yield Flaw("swapped-test", "the RED tree is not the base with the locked tests", "red_tree", claim.red, tree)


def _red(claim: Claim, bench: Bench) -> tuple[tuple[int, int], list[Flaw]]:
    judged = checks.check_red(bench)
    flaws = [Flaw("not-red", finding.message, finding.criterion) for finding in judged.findings if finding.severity == "error"]
    fresh = frozenset(judged.fresh)
    if gone := sorted(claim.red_tests - fresh):
        flaws.append(Flaw("not-red", f"red then, not now: {', '.join(gone[:5])}", "check_red", f"{len(claim.red_tests)} red", f"{len(fresh)} red"))
    if new := sorted(fresh - claim.red_tests) if claim.same_version else []:
        flaws.append(Flaw("not-red", f"red now, not then: {', '.join(new[:5])}", "check_red", f"{len(claim.red_tests)} red", f"{len(fresh)} red"))
    return (len(fresh), len(bench.wanted)), flaws


def _green(claim: Claim, bench: Bench, repository: Repository, tree: str) -> tuple[tuple[int, int], list[Flaw]]:
    try:
        code = repository.changes(claim.red, tree)
    except GitError as error:
        return (0, 0), [Flaw("not-green", f"the judged tree holds what no candidate may: {error.message}", tree)]
    _, refused = writable.sort(code, frozenset(bench.test_files))
    flaws = [Flaw("swapped-test" if finding.gate == "locked tests" else "not-green", _deed(finding.message), finding.where) for finding in refused]
    if flaws:
        return (0, 0), flaws
    judged = checks.check_green(bench, code)
    flaws = [Flaw("not-green", f"{finding.gate}: {finding.message}", finding.criterion) for finding in judged.findings if finding.severity == "error"]
    return _held(judged.observations, len(bench.wanted) + len(claim.task.examples)), flaws


def _deed(message: str) -> str:
    """Of a finding about a candidate: nothing was restored or removed, it stands in the judged tree."""
    return f"in the judged tree {message.rpartition(';')[0]}"


def _held(observations: tuple[Observation, ...], wanted: int) -> tuple[int, int]:
    names = ("locked tests", "people's tests", "oracle, visible examples", "oracle, held-out examples")
    judging = [item for item in observations if item.what in names]
    return sum(evidence.holds(outcome) for item in judging for outcome in item.outcomes), wanted


_STRENGTH: tuple[ProofLevel, ...] = ("none", "agent test", "human test", "oracle", "held-out")


def _levels(claim: Claim, proofs: tuple[Proof, ...]) -> Iterator[Flaw]:
    now = {proof.criterion: proof.level for proof in proofs}
    for criterion, level, _ in claim.proofs:
        found = now.get(criterion, "none")
        if _STRENGTH.index(found) < _STRENGTH.index(level):
            yield Flaw("overstated-proof", f"{criterion} is proved at level {found}, not {level}", criterion, level, found)
    if {criterion for criterion, _, _ in claim.proofs} != {*now}:
        yield Flaw("overstated-proof", "the proofs do not speak of the task's criteria", "proofs")


def red_tests(observations: tuple[tuple[str, dict[str, str]], ...]) -> frozenset[str]:
    """Tests that were red in the last look at the base. `observations`: (what was run, node id → outcome) of RED, in order."""
    looks = [next((outcomes for what, outcomes in reversed(observations) if what == name), {}) for name in (red.BASE, red.BASE + red.PEOPLE)]
    return frozenset(test for last in looks for test, outcome in last.items() if outcome in evidence.RED)
