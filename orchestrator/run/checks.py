"""CHECK_RED and CHECK_GREEN: run the tests and the oracle where nothing can be forged cheaply, and let the gates say what it means."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from orchestrator.errors import SetupError
from orchestrator.model import Change, Example, Finding, Observation, Step
from orchestrator.run import cover, evidence, layout, oracle, people, stubs, suites
from orchestrator.run.bench import Bench
from orchestrator.run.gates import claims, cold, covered, green, red, scan, special_casing, writable
from orchestrator.run.judging import crowded, judging
from orchestrator.run.suites import Variant

COLD_CLOCK = 3653 * 86400 + 7 * 3600.0
"""Seconds that the final run sees the clock ahead: ten years, at another time of the day."""
COLD_SEED = "20011"
"""PYTHONHASHSEED of the final run; every other run has 0."""
ENOUGH = 4
"""Examples that are worth a sandbox of their own."""
ROUNDS = 300
"""How often the final run asks the same question again, at most."""


@dataclass(frozen=True)
class Judged:
    """What GREEN saw and found. Any error refuses the candidate."""

    observations: tuple[Observation, ...]
    findings: tuple[Finding, ...]
    missed: tuple[str, ...] = ()
    """Ids of held-out examples that did not hold."""
    needs_sessions: bool = False
    """Examples hold with their whole session, and not where it leaves hidden questions out."""

    @property
    def refused(self) -> bool:
        return _errors(self.findings)

    def and_then(self, observations: tuple[Observation, ...], findings: tuple[Finding, ...]) -> Judged:
        return replace(self, observations=(*self.observations, *observations), findings=(*self.findings, *findings))


# --- RED -----------------------------------------------------------------------------------------------------------------


def check_red(bench: Bench) -> red.Red:
    """The locked tests against the base and against stubs of every kind; what was seen and found is noted on the bench."""
    bench.begin("check_red")
    observations = observe_red(bench)
    bench.red += observations
    checked = red.judge(observations, bench.wanted, bench.criteria)
    bench.red_findings += checked.findings
    return checked


def observe_red(bench: Bench) -> tuple[Observation, ...]:
    """The base (first) and one observation per stub; then the same for people's tests. Raises SetupError when no suite can be started at all."""
    secret = secrets.token_hex(8)
    with judging(first=bench.work.judged is not None):
        observations = (*(_observe_locked(bench, secret) if bench.tests else ()), *(_observe_people(bench, secret) if bench.people else ()))
    for observation in observations:
        if observation.exit_code == evidence.NOT_STARTED and not observation.outcomes:
            raise SetupError(f"the test suite could not be started: {observation.output.strip()[-500:]}", hint="is the sandbox intact?")
    return observations


def _observe_locked(bench: Bench, secret: str) -> tuple[Observation, ...]:
    about = bench.subjects()
    variants = [_isolated(bench, red.BASE, bench.graft(bench.tests))]
    if known := _stubs_before(bench):
        base, *ahead = _run(bench, "check_red", (*variants, *_ahead(bench)))
        bench.ahead = tuple(ahead)
        return (base, *known)
    for kind in stubs.KINDS:
        changes = stubs.stub(kind, about, bench.read_base, secret)
        variants.append(replace(_isolated(bench, f"stub {kind}", bench.graft((*changes, *bench.tests))), tracebacks=False))
    parts = (tuple(variants),) if crowded() else (tuple(variants[:3]), tuple(variants[3:]))
    return tuple(seen for found in _at_once(*(partial(_run, bench, "check_red", part) for part in parts)) for seen in found)


def _ahead(bench: Bench) -> tuple[Variant, ...]:
    """What GREEN will run of the candidate that is judged again, where one start of the sandbox serves both."""
    judged = bench.work.judged
    return tuple(variant for start in _suites(bench, judged.code) for variant in start) if judged and not bench.work.own_suite else ()


def _stubs_before(bench: Bench) -> tuple[Observation, ...]:
    """What stubs of the subject gave before the branch only got more files: the same tests of the same text; () where that cannot be said."""
    work = bench.work
    if work.judged is None or work.moved_by or work.judged.tests != bench.tests:
        return ()
    found = {item.what: item for item in work.judged.red if item.what.startswith("stub ") and not item.what.endswith(red.PEOPLE)}
    kinds = [f"stub {kind}" for kind in stubs.KINDS]
    return tuple(found[name] for name in kinds) if found.keys() >= set(kinds) else ()


def _observe_people(bench: Bench, secret: str) -> tuple[Observation, ...]:
    about = bench.subjects_of_people()
    looks: dict[str, tuple[Change, ...]] = {red.BASE: ()}
    looks |= {f"stub {kind}": stubs.stub(kind, about, bench.read_base, secret) for kind in stubs.KINDS}
    base, *stubbed = _at_once(*(partial(_run_people, bench, "check_red", f"{what}{red.PEOPLE}", changes) for what, changes in looks.items()))
    return (people.without_subject(base, tuple(stubbed)), *stubbed)


def _run_people(bench: Bench, step: Step, name: str, changes: tuple[Change, ...], *, hash_seed: str = "0", clock_shift: float = 0.0) -> Observation:
    """People's tests that name a criterion, as the project itself runs them; each file by itself, so that one that cannot be read costs no other."""
    nodes = people.nodes_of(bench.people)
    runs = []
    for path in people.files_of(bench.people):
        only = tuple(node for node in nodes if node.partition("::")[0] == path)
        runs.append(whole_suite(bench, f"{name}, {path}", bench.candidate(changes), only))
    variants = tuple(run for run in runs if run)
    seen = _run(bench, step, variants, hash_seed=hash_seed, clock_shift=clock_shift)
    return people.together(name, seen, nodes)


def _isolated(bench: Bench, name: str, root: Path) -> Variant:
    """The locked tests in a folder, with nothing of the project but the code under test."""
    return Variant(name, root, bench.test_files, roots=bench.roots, packages=bench.packages)


# --- GREEN ---------------------------------------------------------------------------------------------------------------


def check_green(bench: Bench, changes: tuple[Change, ...], step: Step = "check_green") -> Judged:
    """Every gate over one candidate: first the scan and the oracle, which refuse most; then, side by side, what needs a suite or a fresh start."""
    bench.begin(step)
    with judging(first=bench.work.judged is not None):
        return _judge_green(bench, changes, step)


def _judge_green(bench: Bench, changes: tuple[Change, ...], step: Step) -> Judged:
    if errors := green.syntax(changes):
        return Judged((), errors)
    texts = {path: change.text or "" for path, change in bench.before.items()}
    scanned = scan.code(changes, bench.visible, texts)
    if _errors(scanned):
        return Judged((), scanned)
    asked = _ask_oracle(bench, changes, step)
    found = replace(asked, findings=(*scanned, *asked.findings))
    if found.refused:
        return found
    others = _ask_others(bench, changes, step)
    found = found.and_then(others.observations, others.findings)
    if found.refused:
        return found
    judged_before = bench.work.judged if bench.stands(changes) else None
    seen = _run_all(bench, changes, step, briefly=judged_before is not None)
    if seen.locked:
        findings = (*green.wanted(seen.locked, bench.locked, bench.criteria), *green.incidents(seen.locked))
        found = found.and_then((seen.locked,), findings)
    if seen.people:
        found = found.and_then((seen.people,), green.people(seen.people, people.nodes_of(bench.people), bench.criteria))
    if seen.whole and not found.refused:
        judged = _judge_whole(bench, changes, seen.whole, step)
        found = found.and_then(judged.observations, judged.findings)
    if found.refused:
        return found
    if judged_before is not None:
        bench.capped |= {proof.criterion for proof in judged_before.proofs if proof.level == "oracle"}
        bench.coverage = judged_before.coverage
        return found
    judged = _judge_cold(bench, seen)
    found = found.and_then(judged.observations, judged.findings)
    claimed = claims.judge(changes, scanned, bench.work.task, bench.visible, bench.hidden)
    bench.capped |= claimed.criteria
    cover.note(bench, seen.covered)
    return found.and_then((), (*claimed.findings, *(seen.covered.findings if seen.covered else ())))


def _errors(findings: tuple[Finding, ...]) -> bool:
    return any(finding.severity == "error" for finding in findings)


def _ask_oracle(bench: Bench, changes: tuple[Change, ...], step: Step) -> Judged:
    """Visible and held-out examples, in one start of the sandbox."""
    work, visible, hidden = bench.work, bench.visible, bench.hidden
    if not work.task.examples:
        return Judged((), ())
    root = bench.without_tests(changes)
    both = _ask_in_halves(bench, step, "oracle", (*bench.shown, *hidden), root)
    seen = replace(both, what="oracle, visible examples", outcomes=both.outcomes[: len(visible)])
    findings = green.incidents(both)
    if errors := green.visible(seen, bench.criteria):
        failed = {outcome.id for outcome in seen.outcomes if not evidence.holds(outcome)}
        whole = tuple(full for full, cut in zip(visible, bench.shown, strict=True) if full.id in failed and full != cut)
        if not whole:
            return Judged((seen,), (*findings, *errors))
        again = oracle.ask(step, "oracle, whole sessions", whole, root, python=work.python, limits=work.config.limits, roots=bench.roots)
        holds = all(evidence.holds(outcome) for outcome in again.outcomes) and {example.id for example in whole} == failed
        return Judged((seen, replace(again, output="")), (*findings, *errors), needs_sessions=holds)
    if not hidden:
        return Judged((seen,), findings)
    unseen = replace(both, what="oracle, held-out examples", outcomes=both.outcomes[len(visible) :], seconds=0.0, output="", incidents=())
    errors = green.held_out(unseen, hidden, bench.criteria)
    missed = tuple(outcome.id for outcome in unseen.outcomes if not evidence.holds(outcome))
    return Judged((seen, unseen), (*findings, *errors), missed)


def _ask_in_halves(bench: Bench, step: Step, what: str, examples: tuple[Example, ...], root: Path) -> Observation:
    """The oracle, two sandboxes at once where there is enough to ask."""
    python, bounds = bench.work.python, bench.work.config.limits
    middle = len(examples) // 2
    if middle < ENOUGH or crowded():
        return oracle.ask(step, what, examples, root, python=python, limits=bounds, roots=bench.roots)
    first: Observation
    second: Observation
    first, second = _at_once(
        lambda: oracle.ask(step, what, examples[:middle], root, python=python, limits=bounds, roots=bench.roots),
        lambda: oracle.ask(step, what, examples[middle:], root, python=python, limits=bounds, roots=bench.roots),
    )
    return replace(
        first,
        exit_code=first.exit_code or second.exit_code,
        outcomes=(*first.outcomes, *second.outcomes),
        output=first.output + second.output,
        seconds=max(first.seconds, second.seconds),
        incidents=(*first.incidents, *second.incidents),
    )


def _ask_others(bench: Bench, changes: tuple[Change, ...], step: Step) -> Judged:
    """All examples, held-out ones too, of finished tasks whose files the candidate changes: their code must not become a table of what was shown."""
    touched = {change.path for change in changes if change.path in bench.before}
    tasks = [task for task in bench.work.done if touched & {stubs.locate(path, bench.read_base, bench.roots) for path in task.files}]
    examples = tuple(example for task in tasks for example in task.examples)
    if not examples:
        return Judged((), ())
    python, bounds = bench.work.python, bench.work.config.limits
    seen = oracle.ask(step, "oracle, finished tasks", examples, bench.without_tests(changes), python=python, limits=bounds, roots=bench.roots)
    if all(evidence.holds(outcome) for outcome in seen.outcomes):
        return Judged((seen,), ())
    before = oracle.ask(step, "oracle, finished tasks, base", examples, bench.without_tests(()), python=python, limits=bounds, roots=bench.roots)
    return Judged((seen, before), green.lost_examples(before, seen, examples))


@dataclass(frozen=True)
class _Seen:
    """What was run side by side. Cold: once more in a fresh interpreter, with another hash seed and the clock far ahead."""

    locked: Observation | None
    """None where people's tests are all there are."""
    whole: Observation | None
    cold: Observation | None
    people: Observation | None
    """People's tests that name a criterion; None where there are none."""
    people_cold: Observation | None
    asked: Observation | None
    """The oracle, cold, each question asked again and again."""
    near: tuple[dict[str, Any], ...]
    """Answers to `special_casing.probes`."""
    covered: covered.Covered | None


def _run_all(bench: Bench, changes: tuple[Change, ...], step: Step, *, briefly: bool) -> _Seen:
    """`briefly`: without what a branch that only got more files cannot change: cold runs, answers near the examples, coverage."""
    python, bounds = bench.work.python, bench.work.config.limits
    cold_tests = _isolated(bench, "locked tests, cold", bench.candidate(changes))
    code = bench.without_tests(changes)
    asked = (*bench.shown, *bench.hidden)
    near = tuple((item.setup, item.call) for item in special_casing.probes(bench.work.task.examples))

    def ask() -> Observation:
        return oracle.ask(
            step,
            "oracle, cold",
            asked,
            code,
            python=python,
            limits=bounds,
            roots=bench.roots,
            hash_seed=COLD_SEED,
            clock_shift=COLD_CLOCK,
            rounds=ROUNDS,
        )

    def ask_people(name: str, **cold: Any) -> Callable[[], Observation] | None:
        return partial(_run_people, bench, step, name, changes, **cold) if bench.people else None

    ahead = tuple(replace(seen, step=step) for seen in bench.ahead) if briefly else ()
    starts = [partial(_run, bench, step, variants) for variants in _suites(bench, changes)] if not ahead else []
    asked_again, *answers = _at_once(  # the longest first: two at a time are then done soonest
        ask if asked and not briefly else None,
        *starts,
        (lambda: _run(bench, step, (cold_tests,), hash_seed=COLD_SEED, clock_shift=COLD_CLOCK)) if bench.tests and not briefly else None,
        (lambda: oracle.probe(code, near, python=python, limits=bounds, roots=bench.roots)) if near and not briefly else None,
        None if briefly else lambda: cover.measure(bench, changes),
        ask_people("people's tests"),
        None if briefly else ask_people("people's tests, cold", hash_seed=COLD_SEED, clock_shift=COLD_CLOCK),
    )
    *suites_seen, cold, answered, coverage, by_people, by_people_cold = answers
    seen = {each.what: each for each in (*ahead, *(each for start in suites_seen for each in start))}
    locked, whole = seen.get("locked tests"), seen.get("whole suite")
    return _Seen(locked, whole, cold[0] if cold else None, by_people, by_people_cold, asked_again, answered or (), coverage)


def _suites(bench: Bench, changes: tuple[Change, ...]) -> tuple[tuple[Variant, ...], ...]:
    """The locked tests and the whole suite in the graft, by starts of the sandbox: what takes nothing of the project but the code needs only one."""
    own = bench.work.own_suite
    tests = bench.candidate(changes)
    whole = whole_suite(bench, "whole suite", bench.candidate(changes) if own else tests)
    found = (*((_isolated(bench, "locked tests", tests),) if bench.tests else ()), *((whole,) if whole else ()))
    return tuple((variant,) for variant in found) if own else (found,) if found else ()


def _run(bench: Bench, step: Step, variants: tuple[Variant, ...], *, hash_seed: str = "0", clock_shift: float = 0.0) -> tuple[Observation, ...]:
    work = bench.work
    return suites.run(step, variants, python=work.python, limits=work.config.limits, hash_seed=hash_seed, clock_shift=clock_shift)


def _at_once(*calls: Callable[[], Any] | None) -> tuple[Any, ...]:
    """What the calls return, in order, two of them at a time; None for what is left out."""
    with ThreadPoolExecutor(2) as pool:
        begun = [pool.submit(call) if call else None for call in calls]
        return tuple(future.result() if future else None for future in begun)


def _judge_whole(bench: Bench, changes: tuple[Change, ...], after: Observation, step: Step) -> Judged:
    """What held at the base still holds."""
    if after.exit_code == 0:
        return Judged((after,), ())
    before = baseline(bench)
    assert before is not None, "a whole suite at the candidate has one at the base"
    lost = green.lost(before, after, frozenset(bench.test_files), people.nodes_of(bench.people))
    outdated = tuple(test for test in lost if test.partition("::")[0] in bench.work.outdated)
    lost = tuple(test for test in lost if test not in outdated)
    again = _run_again(bench, changes, lost, step)
    judged = green.regressions(before, after, again, lost, bench.work.quarantined)
    judged = replace(judged, findings=(*judged.findings, *green.unbound(outdated)))
    bench.flaky |= {flaky.test: flaky for flaky in judged.flaky}
    shown = (before,) if not bench.work.own_suite else ()
    return Judged((after, *shown, *again), (*green.incidents(after), *judged.findings) if not bench.work.own_suite else judged.findings)


def _run_again(bench: Bench, changes: tuple[Change, ...], lost: tuple[str, ...], step: Step) -> tuple[Observation, ...]:
    """Tests that held before and failed now: each alone, then the whole suite once more. Without any, or with too many to be chance, nothing."""
    if not lost or len(lost) > green.CHANCE:
        return ()
    alone = [whole_suite(bench, f"alone: {test}", bench.candidate(changes), (test,)) for test in lost]
    whole = whole_suite(bench, "whole suite, again", bench.candidate(changes))
    runs = [variant for variant in (*alone, whole) if variant]
    found = _at_once(*(partial(_run, bench, step, (variant,)) for variant in runs))
    return tuple(observation for (observation,) in found)


def baseline(bench: Bench) -> Observation | None:
    """The whole suite at the base, run once; None where there is none. Its failures are nobody's fault."""
    if bench.baseline is None:
        place = whole_suite(bench, "whole suite, base", bench.graft((), own_inodes=bench.work.own_suite))
        if place:
            (bench.baseline,) = _run(bench, "check_red", (place,))
    return bench.baseline


def whole_suite(bench: Bench, name: str, root: Path, only: tuple[str, ...] = ()) -> Variant | None:
    """Everything at the base that is a test: the project's own suite with its own configuration, or the tests made by earlier tasks.

    `only`: node ids to run of it.
    """
    own, seconds = bench.layout, bench.work.config.limits.suite_seconds
    if own is not None and own.tests:
        arguments = layout.arguments_for(own, bench.environment.packages if bench.environment else ())
        tests = frozenset(path for path in bench.before if own.is_test(path))
        return Variant(name, root, only or own.tests, isolated=False, arguments=arguments, test_files=tests, seconds=seconds)
    others = tuple(sorted(path for path in bench.before if writable.is_test(path) and path.endswith(".py") and path not in bench.test_files))
    return Variant(name, root, only or others, seconds=seconds) if others else None


# --- the final run ---------------------------------------------------------------------------------------------------------


def _judge_cold(bench: Bench, seen: _Seen) -> Judged:
    """Nothing changed with the hash seed, the clock, or by asking again; and the code does not tell the examples from everything else."""
    examples = bench.work.task.examples
    runs = tuple((run, tests) for run, tests in ((seen.cold, bench.locked), (seen.people_cold, people.nodes_of(bench.people))) if run)
    findings = [finding for run, tests in runs for finding in cold.tests(run, tests, bench.criteria)]
    if seen.asked:
        findings += cold.answers(seen.asked, examples, bench.criteria)
    special = special_casing.judge(special_casing.probes(examples), seen.near, bench.visible, bench.hidden)
    bench.capped = {bench.criteria[example] for example in special.examples}
    observations = (*(run for run, _ in runs), *((seen.asked,) if seen.asked else ()))
    return Judged(observations, (*findings, *special.findings))
