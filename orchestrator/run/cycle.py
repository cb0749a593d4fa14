"""run_cycle(): the only performer of steps. One task, one base, one agent; from data to data.

    WRITE_TESTS ─▶ CHECK_RED ─▶ WRITE_CODE ─▶ CHECK_GREEN ─▶ PASSED
                                    ▲  findings │
                                    └───────────┘   bounded by attempts, budget and repetition

It works in a throwaway folder, never sees the database, never changes the working directory. Its one side channel is the journal.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from orchestrator.config import Config
from orchestrator.errors import AgentError, SetupError
from orchestrator.model import (
    AgentTurn,
    Attempt,
    Change,
    CycleResult,
    Example,
    Finding,
    Observation,
    Prd,
    Proof,
    Question,
    Task,
    Verdict,
)
from orchestrator.plan.held_out import call_form, outcome_kind
from orchestrator.run import evidence, examples, limits, oracle, sandboxes, stubs, suites
from orchestrator.run.agents import Agent, workspace
from orchestrator.run.briefing import render
from orchestrator.run.gates import green, red, writable
from orchestrator.run.git import Repository
from orchestrator.run.suites import Variant

Returned = tuple[AgentTurn, tuple[Change, ...]]
"""What a turn gave: the turn itself and what it changed in the workspace."""


class Journal(Protocol):
    def turn(self, key: str, perform: Callable[[], Returned]) -> Returned:
        """The recorded return of that turn, or a new one."""
        ...


@dataclass(frozen=True)
class Work:
    """All that a cycle needs to know."""

    task: Task
    prd: Prd
    repository: Path
    """The project's bare repository."""
    base: str
    """Tree id."""
    python: Path
    """Interpreter of the project's environment."""
    config: Config
    first_attempt: int
    """Number of the first attempt of this cycle; attempts are counted over all cycles of one task and fingerprint."""
    spent: limits.Spent
    """What the PRD has spent before this cycle."""
    own_suite: bool
    """The repository has a suite of its own (a target), with its own configuration."""
    builds_on: tuple[str, ...] = ()
    """Files of the tasks it depends on: interfaces worth showing."""
    earlier: tuple[Attempt, ...] = ()
    """Attempts of earlier cycles of the same task and fingerprint: what was refused is not tested again."""
    revealed: frozenset[str] = frozenset()
    """Held-out examples that an earlier cycle had to reveal."""


@dataclass
class _Bench:
    """The throwaway folders of one cycle and what was seen so far."""

    work: Work
    folder: Path
    base: Path
    before: dict[str, Change]
    """The base's files as the agent's workspace holds them."""
    revealed: set[str]
    red: list[Observation] = field(default_factory=list)
    red_findings: list[Finding] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    tests: tuple[Change, ...] = ()
    grafts: int = 0

    def read_base(self, path: str) -> str | None:
        try:
            return (self.base / path).read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError):
            return None

    @property
    def visible(self) -> tuple[Example, ...]:
        return tuple(example for example in self.work.task.examples if not example.held_out or example.id in self.revealed)

    @property
    def hidden(self) -> tuple[Example, ...]:
        return tuple(example for example in self.work.task.examples if example.held_out and example.id not in self.revealed)

    @property
    def criteria(self) -> dict[str, str]:
        """Example id and node id → criterion id."""
        task = self.work.task
        found = {example.id: criterion.id for criterion in task.criteria for example in criterion.examples}
        return found | {examples.node_of(task, example): found[example.id] for example in task.examples}

    def graft(self, changes: tuple[Change, ...], *, own_inodes: bool = False) -> Path:
        """A folder that is the base with changes. Files are hard links unless the folder will be written to."""
        self.grafts += 1
        place = self.folder / f"graft-{self.grafts}"
        shutil.copytree(self.base, place, symlinks=True, copy_function=shutil.copy2 if own_inodes else _link)
        workspace.apply(place, changes)
        return place


def _link(source: str, target: str) -> None:
    if Path(source).is_symlink():
        Path(target).symlink_to(Path(source).readlink())
    else:
        os.link(source, target)


def run_cycle(work: Work, agent: Agent | None, journal: Journal) -> CycleResult:
    """Work on one task until it passes, gives up, needs a person or has to wait. `agent` None is fine while no turn is needed."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="orchestrator-cycle-") as name:
        folder = Path(name).resolve()
        base = folder / "base"
        base.mkdir()
        Repository(work.repository).materialise(work.base, base)
        before = {path: change for path, change in workspace.read(base).items() if not writable.is_ours(path)}
        bench = _Bench(work, folder, base, before, set(work.revealed))
        code: tuple[Change, ...] = ()
        try:
            verdict, reason, code, question = _steps(bench, agent, journal)
        except SetupError as error:
            verdict, reason, question = "parked", str(error), None
        finally:
            if agent is not None:
                agent.close()
    passed = verdict in ("passed", "already satisfied")
    return CycleResult(
        task=work.task.id,
        fingerprint=work.task.fingerprint,
        base_tree=work.base,
        verdict=verdict,
        reason=reason,
        tests=bench.tests,
        code=code if passed else (),
        red=tuple(bench.red),
        red_findings=tuple(bench.red_findings),
        attempts=tuple(bench.attempts),
        proofs=_proofs(bench) if passed else (),
        revealed=tuple(sorted(bench.revealed)),
        seconds=time.monotonic() - started,
        sandbox=sandboxes.level().name,
        question=question,
    )


def _steps(bench: _Bench, agent: Agent | None, journal: Journal) -> tuple[Verdict, str, tuple[Change, ...], Question | None]:
    work = bench.work
    _write_tests(bench)
    checked = _check_red(bench)
    if checked.refused:
        return "needs a person", "the examples prove nothing as they stand", (), _red_question(bench, checked)
    findings: tuple[Finding, ...] = ()
    if not checked.fresh:
        observations, findings, _ = _check_green(bench, ())
        bench.red += observations
        if not findings:
            return "already satisfied", "every example holds at the base, and fails once its subject is stubbed", (), None
    if agent is None:
        return "parked", "no agent is available", (), None
    return _search(bench, agent, journal, findings, limits.attempts(work.config, work.prd.budget))


# --- tests and RED -------------------------------------------------------------------------------------------------------


def _write_tests(bench: _Bench) -> None:
    text = examples.test_file(bench.work.task, bench.work.prd.path, bench.visible)
    bench.tests = (Change(bench.work.task.test_file, text),)


def _check_red(bench: _Bench) -> red.Red:
    task = bench.work.task
    wanted = tuple(examples.node_of(task, example) for example in bench.visible)
    variants = [Variant(red.BASE, bench.graft(bench.tests), (task.test_file,))]
    for kind in stubs.KINDS:
        changes = stubs.stub(kind, task.examples, task.files, bench.read_base)
        variants.append(Variant(f"stub {kind}", bench.graft((*changes, *bench.tests)), (task.test_file,)))
    observations = suites.run("check_red", tuple(variants), python=bench.work.python, limits=bench.work.config.limits)
    bench.red += observations
    _insist_it_started(observations)
    checked = red.judge(observations, wanted, bench.criteria)
    bench.red_findings += checked.findings
    return checked


def _insist_it_started(observations: tuple[Observation, ...]) -> None:
    """A suite that could not be started says nothing about tests or code. Raises SetupError with what it said."""
    for observation in observations:
        if observation.exit_code == evidence.NOT_STARTED and not observation.outcomes:
            raise SetupError(f"the test suite could not be started: {observation.output.strip()[-500:]}", hint="is the sandbox intact?")


def _red_question(bench: _Bench, checked: red.Red) -> Question:
    lines = {criterion.id: criterion.line for criterion in bench.work.task.criteria}
    errors = [finding for finding in checked.findings if finding.severity == "error"]
    concerned = sorted({lines[finding.criterion] for finding in errors if finding.criterion in lines})
    if not any("would satisfy every test" in finding.message for finding in errors):
        return Question(" ".join(finding.message + "." for finding in errors[:5]), tuple(concerned))
    every = tuple(sorted(lines.values()))
    return Question(" ".join(finding.message[:1].upper() + finding.message[1:] + "." for finding in errors[:3]), every)


# --- code and GREEN ------------------------------------------------------------------------------------------------------


def _search(
    bench: _Bench, agent: Agent, journal: Journal, findings: tuple[Finding, ...], allowed: int
) -> tuple[Verdict, str, tuple[Change, ...], Question | None]:
    """Attempt after attempt, each from the base and the locked tests, each told what was wrong with the one before."""
    work = bench.work
    known = {limits.answer_hash(attempt.changes): attempt for attempt in work.earlier}
    if work.earlier:
        last = work.earlier[-1]
        findings = last.findings
        if last.verdict == "passed":  # on a head that has moved since: judged again on this one, without an agent
            observations, findings, _ = _check_green(bench, last.changes)
            _record(bench, last.number, (), last.changes, findings, observations)
            if not findings:
                return "passed", f"attempt {last.number} passed every gate on the moved branch too", last.changes, None
    allowed += sum(attempt.verdict == "passed" for attempt in work.earlier)
    missed: set[str] = set()
    repeats = 0
    spent = work.spent
    for number in range(work.first_attempt, allowed + 1):
        if reason := limits.exceeded(work.prd.budget, spent):
            return "parked", reason, (), None
        place = _workspace(bench)
        try:
            turn = _turn(bench, agent, journal, place, number, findings, repeats)
        except AgentError as error:
            return "parked", str(error), (), None
        usage = turn.usage
        spent += limits.Spent(turn.seconds, (usage.input_tokens or 0) + (usage.output_tokens or 0), usage.usd or 0.0)
        changes, findings = writable.sort(_candidate(bench, place), frozenset(change.path for change in bench.tests))
        mark = limits.answer_hash(changes)
        if mark in known:
            repeats += 1
            before = known[mark]
            message = f"the same answer as in attempt {before.number}; it was not tested again" if changes else "no file was changed, again"
            _record(bench, number, (turn,), changes, (*findings, Finding("no progress", message)), ())
            if repeats >= work.config.limits.repeats:
                return "gave up", f"no progress: {repeats} answers repeated an earlier one" + _why(before.findings), (), None
            findings = (Finding("no progress", message), *before.findings)
            continue
        if changes:
            observations, refused, missed_ids = _check_green(bench, changes)
        else:
            observations, refused, missed_ids = (), (Finding("no progress", "no source file was changed"),), ()
        findings = (*findings, *refused)
        known[mark] = _record(bench, number, (turn,), changes, findings, observations)
        if not refused:
            return "passed", f"attempt {number} passed every gate", changes, None
        if missed_ids:
            missed.add(mark)
            if len(missed) >= 2:
                checked = _reveal(bench, missed_ids[0])
                if checked.refused:
                    return "needs a person", "a revealed example proves nothing as it stands", (), _red_question(bench, checked)
                known.clear()
                missed.clear()
    count = len(bench.attempts)
    reason = f"{count} attempt{'s' * (count != 1)} refused, none left" if count else "no attempt is left"
    return "gave up", reason + _why(findings), (), None


def _why(findings: tuple[Finding, ...]) -> str:
    """The first real reason among findings, to go behind a sentence."""
    first = next((finding for finding in findings if finding.severity == "error" and finding.gate != "no progress"), None)
    return f"; the last: {first.message}" if first else ""


def _workspace(bench: _Bench) -> Path:
    """The agent's folder: the base without what is ours, and the locked tests. No `.git`, nothing of an attempt before."""
    place = bench.folder / "workspace"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(bench.base, place, symlinks=True, ignore=lambda folder, names: _not_shown(bench.base, folder, names))
    workspace.apply(place, bench.tests)
    return place


def _not_shown(base: Path, folder: str, names: list[str]) -> list[str]:
    """PRDs, runs, configuration and CI of the target stay out of the agent's workspace."""
    place = Path(folder).relative_to(base)
    return [name for name in names if writable.is_ours(str(place / name)) or writable.is_ours(f"{place / name}/")]


def _turn(bench: _Bench, agent: Agent, journal: Journal, place: Path, number: int, findings: tuple[Finding, ...], repeats: int) -> AgentTurn:
    """One turn of the code agent, or its replay from the journal; either way the workspace holds its changes afterwards."""
    work = bench.work
    before = workspace.read(place)
    shown = tuple(before[path] for path in _worth_showing(bench, before))
    brief = render(
        work.task, work.prd, number, 1, "code", findings, shown, _writable(bench),
        revealed=frozenset(bench.revealed), repeats=repeats,
    )  # fmt: skip

    def perform() -> Returned:
        turn = agent.turn(brief, place)
        return turn, workspace.difference(before, workspace.read(place))

    turn, changes = journal.turn(f"code {number}.1", perform)
    workspace.apply(place, changes)
    return turn


def _writable(bench: _Bench) -> tuple[str, ...]:
    """Where the code is expected: the task's modules as they lie at the base, for example below `src/`."""
    return tuple(stubs.locate(path, bench.read_base) for path in bench.work.task.files)


def _worth_showing(bench: _Bench, files: dict[str, Change]) -> list[str]:
    """Paths an agent that cannot look itself should see: what it is to change, then what it builds on."""
    wanted = (*_writable(bench), *(stubs.locate(path, bench.read_base) for path in bench.work.builds_on))
    return [path for path in dict.fromkeys(wanted) if path in files][:12]


def _candidate(bench: _Bench, place: Path) -> tuple[Change, ...]:
    """What the workspace changes against the base, the locked tests aside where they are untouched."""
    expected = bench.before | {change.path: change for change in bench.tests}
    return workspace.difference(expected, workspace.read(place))


def _check_green(bench: _Bench, changes: tuple[Change, ...]) -> tuple[tuple[Observation, ...], tuple[Finding, ...], tuple[str, ...]]:
    """(observations, errors, ids of held-out examples that did not hold), cheapest gate first."""
    work = bench.work
    if errors := green.syntax(changes):
        return (), errors, ()
    python, bounds = work.python, work.config.limits
    no_tests = tuple(Change(path, None) for path in bench.before if writable.is_test(path))
    code = bench.graft((*no_tests, *changes))
    seen = oracle.ask("check_green", "oracle, visible examples", bench.visible, code, python=python, limits=bounds)
    if errors := green.visible(seen, bench.criteria):
        return (seen,), errors, ()
    observations = [seen]
    if bench.hidden:
        unseen = oracle.ask("check_green", "oracle, held-out examples", bench.hidden, code, python=python, limits=bounds)
        observations.append(unseen)
        if errors := green.held_out(unseen, bench.hidden, bench.criteria):
            missed = tuple(outcome.id for outcome in unseen.outcomes if not evidence.holds(outcome))
            return tuple(observations), errors, missed
    judged, errors = _suites(bench, changes)
    return (*observations, *judged), errors, ()


def _suites(bench: _Bench, changes: tuple[Change, ...]) -> tuple[tuple[Observation, ...], tuple[Finding, ...]]:
    """The locked tests in the graft, then everything that held before."""
    work, task = bench.work, bench.work.task
    wanted = tuple(examples.node_of(task, example) for example in bench.visible)
    graft = bench.graft((*changes, *bench.tests), own_inodes=work.own_suite)
    variants = [Variant("locked tests", graft, (task.test_file,))]
    whole = _whole_suite(bench, "whole suite", graft)
    if whole:
        variants.append(whole)
    observations = suites.run("check_green", tuple(variants), python=work.python, limits=work.config.limits)
    errors = green.wanted(observations[0], wanted, bench.criteria)
    if not whole or errors:
        return observations, errors
    after = observations[1]
    if after.exit_code == 0:
        return observations, ()
    baseline = _whole_suite(bench, "whole suite, base", bench.graft((), own_inodes=work.own_suite))
    assert baseline is not None
    (before,) = suites.run("check_green", (baseline,), python=work.python, limits=work.config.limits)
    return (*observations, before), green.regressions(before, after, task.test_file)


def _whole_suite(bench: _Bench, name: str, root: Path) -> Variant | None:
    """Everything at the base that is a test: the target's own suite with its own configuration, or the tests made by earlier tasks."""
    if bench.work.own_suite:
        return Variant(name, root, ("",), isolated=False) if any(writable.is_test(path) for path in bench.before) else None
    others = sorted(
        path for path in bench.before if writable.is_test(path) and path.endswith(".py") and path not in {change.path for change in bench.tests}
    )
    return Variant(name, root, tuple(others)) if others else None


def _reveal(bench: _Bench, example: str) -> red.Red:
    """Two different candidates missed: one held-out example becomes a visible, locked test, and RED is checked again with it."""
    bench.revealed.add(example)
    _write_tests(bench)
    return _check_red(bench)


def _record(
    bench: _Bench,
    number: int,
    turns: tuple[AgentTurn, ...],
    changes: tuple[Change, ...],
    findings: tuple[Finding, ...],
    observations: tuple[Observation, ...],
) -> Attempt:
    repository = Repository(bench.work.repository)
    diff = repository.diff(bench.work.base, repository.write_tree(bench.work.base, changes)) if changes else ""
    refused = any(finding.severity == "error" for finding in findings)
    attempt = Attempt(number, turns, changes, diff, "refused" if refused else "passed", findings, observations)
    bench.attempts.append(attempt)
    return attempt


def _proofs(bench: _Bench) -> tuple[Proof, ...]:
    """How strongly each criterion is proved. `held-out` when an example that was never shown, of the same call form and outcome kind, held."""
    task = bench.work.task
    hidden_forms = {(call_form(example), outcome_kind(example)) for example in bench.hidden}
    found = []
    for criterion in task.criteria:
        if not criterion.examples:
            found.append(Proof(criterion.id, "none", (), 0, 0))
            continue
        hidden = [example for example in criterion.examples if example in bench.hidden]
        shown = [example for example in criterion.examples if example not in hidden]
        strong = bool(hidden) or any((call_form(example), outcome_kind(example)) in hidden_forms for example in shown)
        found.append(
            Proof(
                criterion.id,
                "held-out" if strong else "oracle",
                tuple(examples.node_of(task, example) for example in shown),
                len(shown),
                len(hidden),
                sum(example.id in bench.revealed for example in shown),
            )
        )
    return tuple(found)
