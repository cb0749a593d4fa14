"""CHECK_RED and CHECK_GREEN: run the tests and the oracle where nothing can be forged cheaply, and let the gates say what it means."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.errors import SetupError
from orchestrator.model import Change, Finding, Observation, Step
from orchestrator.run import evidence, oracle, stubs, suites
from orchestrator.run.bench import Bench
from orchestrator.run.gates import cold, green, red, special_casing, writable
from orchestrator.run.suites import Variant

COLD_CLOCK = 3653 * 86400 + 7 * 3600.0
"""Seconds that the final run sees the clock ahead: ten years, at another time of the day."""
COLD_SEED = "20011"
"""PYTHONHASHSEED of the final run; every other run has 0."""
ROUNDS = 2000
"""How often the final run asks the same question again, at most."""


@dataclass(frozen=True)
class Judged:
    """What GREEN saw and found. Any error refuses the candidate."""

    observations: tuple[Observation, ...]
    findings: tuple[Finding, ...]
    missed: tuple[str, ...] = ()
    """Ids of held-out examples that did not hold."""

    @property
    def refused(self) -> bool:
        return any(finding.severity == "error" for finding in self.findings)


# --- RED -----------------------------------------------------------------------------------------------------------------


def check_red(bench: Bench) -> red.Red:
    """The locked tests against the base and against stubs of every kind; what was seen and found is noted on the bench."""
    observations = observe_red(bench)
    bench.red += observations
    checked = red.judge(observations, bench.wanted, bench.criteria)
    bench.red_findings += checked.findings
    return checked


def observe_red(bench: Bench) -> tuple[Observation, ...]:
    """The base (first) and one observation per stub. Raises SetupError when the suite cannot be started at all."""
    about = bench.subjects()
    variants = [Variant(red.BASE, bench.graft(bench.tests), bench.test_files)]
    for kind in stubs.KINDS:
        changes = stubs.stub(kind, about, bench.read_base)
        variants.append(Variant(f"stub {kind}", bench.graft((*changes, *bench.tests)), bench.test_files))
    observations = suites.run("check_red", tuple(variants), python=bench.work.python, limits=bench.work.config.limits)
    for observation in observations:
        if observation.exit_code == evidence.NOT_STARTED and not observation.outcomes:
            raise SetupError(f"the test suite could not be started: {observation.output.strip()[-500:]}", hint="is the sandbox intact?")
    return observations


# --- GREEN ---------------------------------------------------------------------------------------------------------------


def check_green(bench: Bench, changes: tuple[Change, ...], step: Step = "check_green") -> Judged:
    """Every gate over one candidate, cheapest first; the first that refuses ends it."""
    if errors := green.syntax(changes):
        return Judged((), errors)
    scanned: tuple[Finding, ...] = ()  # INTERIM scan.code(changes, bench.visible)
    if _errors(scanned):
        return Judged((), scanned)
    asked = _ask_oracle(bench, changes, step)
    if asked.refused:
        return replace(asked, findings=(*scanned, *asked.findings))
    judged = _run_suites(bench, changes, step)
    if judged.refused:
        return Judged((*asked.observations, *judged.observations), (*scanned, *asked.findings, *judged.findings))
    final = _final_run(bench, changes, step) if hasattr(oracle, "probe") else Judged((), ())  # INTERIM
    return Judged((*asked.observations, *judged.observations, *final.observations), (*scanned, *asked.findings, *judged.findings, *final.findings))


def _errors(findings: tuple[Finding, ...]) -> bool:
    return any(finding.severity == "error" for finding in findings)


def _ask_oracle(bench: Bench, changes: tuple[Change, ...], step: Step) -> Judged:
    """Visible and held-out examples, in one start of the sandbox."""
    work, visible, hidden = bench.work, bench.visible, bench.hidden
    if not work.task.examples:
        return Judged((), ())
    root = bench.without_tests(changes)
    both = oracle.ask(step, "oracle", (*visible, *hidden), root, python=work.python, limits=work.config.limits)
    seen = replace(both, what="oracle, visible examples", outcomes=both.outcomes[: len(visible)])
    findings = green.incidents(both)
    if errors := green.visible(seen, bench.criteria):
        return Judged((seen,), (*findings, *errors))
    if not hidden:
        return Judged((seen,), findings)
    unseen = replace(both, what="oracle, held-out examples", outcomes=both.outcomes[len(visible) :], seconds=0.0, output="", incidents=())
    errors = green.held_out(unseen, hidden, bench.criteria)
    missed = tuple(outcome.id for outcome in unseen.outcomes if not evidence.holds(outcome))
    return Judged((seen, unseen), (*findings, *errors), missed)


def _run_suites(bench: Bench, changes: tuple[Change, ...], step: Step) -> Judged:
    """The locked tests in the graft, then everything that held before."""
    work = bench.work
    graft = bench.candidate(changes)
    variants = [Variant("locked tests", graft, bench.test_files)]
    whole = whole_suite(bench, "whole suite", graft)
    if whole:
        variants.append(whole)
    observations = suites.run(step, tuple(variants), python=work.python, limits=work.config.limits)
    findings = (*green.wanted(observations[0], bench.wanted, bench.criteria), *green.incidents(observations[0]))
    if not whole or _errors(findings) or observations[1].exit_code == 0:
        return Judged(observations, findings)
    before = baseline(bench)
    assert before is not None, "a whole suite at the candidate has one at the base"
    lost = green.lost(before, observations[1], frozenset(bench.test_files))
    again = _run_again(bench, changes, lost, step)
    judged = green.regressions(before, observations[1], again, lost, work.quarantined)
    bench.flaky |= {flaky.test: flaky for flaky in judged.flaky}
    shown = (before,) if not work.own_suite else ()
    return Judged((*observations, *shown, *again), (*findings, *judged.findings))


def _run_again(bench: Bench, changes: tuple[Change, ...], lost: tuple[str, ...], step: Step) -> tuple[Observation, ...]:
    """Tests that held before and failed now: each alone, then the whole suite once more. Without any, or with too many to be chance, nothing."""
    if not lost or len(lost) > green.CHANCE:
        return ()
    work = bench.work
    graft = bench.candidate(changes)
    variants = [Variant(f"alone: {test}", graft, (test,), isolated=not work.own_suite) for test in lost]
    whole = whole_suite(bench, "whole suite, again", bench.candidate(changes))
    assert whole is not None
    return suites.run(step, (*variants, whole), python=work.python, limits=work.config.limits)


def baseline(bench: Bench) -> Observation | None:
    """The whole suite at the base, run once; None where there is none. Its failures are nobody's fault."""
    if bench.baseline is None:
        place = whole_suite(bench, "whole suite, base", bench.graft((), own_inodes=bench.work.own_suite))
        if place:
            (bench.baseline,) = suites.run("check_red", (place,), python=bench.work.python, limits=bench.work.config.limits)
    return bench.baseline


def whole_suite(bench: Bench, name: str, root: Path) -> Variant | None:
    """Everything at the base that is a test: the target's own suite with its own configuration, or the tests made by earlier tasks."""
    tests = sorted(path for path in bench.before if writable.is_test(path))
    if bench.work.own_suite:
        return Variant(name, root, ("",), isolated=False) if tests else None
    others = tuple(path for path in tests if path.endswith(".py") and path not in bench.test_files)
    return Variant(name, root, others) if others else None


# --- the final run ---------------------------------------------------------------------------------------------------------


def _final_run(bench: Bench, changes: tuple[Change, ...], step: Step) -> Judged:
    """Once more in fresh interpreters, with another hash seed and the clock far ahead, and each question asked again and again; then inputs near
    the examples, to see whether the code tells the examples from everything else."""
    python, bounds, examples = bench.work.python, bench.work.config.limits, bench.work.task.examples
    root = bench.without_tests(changes)
    locked = (Variant("locked tests, cold", bench.candidate(changes), bench.test_files),)
    asked = (*bench.visible, *bench.hidden)
    near = special_casing.probes(examples)

    def run_tests() -> tuple[Observation, ...]:
        return suites.run(step, locked, python=python, limits=bounds, hash_seed=COLD_SEED, clock_shift=COLD_CLOCK)

    def ask_again() -> Observation:
        return oracle.ask(step, "oracle, cold", asked, root, python=python, limits=bounds, hash_seed=COLD_SEED, clock_shift=COLD_CLOCK, rounds=ROUNDS)

    with ThreadPoolExecutor(2) as pool:
        tests = pool.submit(run_tests)
        answers = pool.submit(ask_again) if asked else None
        probed = pool.submit(oracle.probe, root, tuple((item.setup, item.call) for item in near), python=python, limits=bounds) if near else None
        observations = [tests.result()[0]]
        findings = [*cold.tests(observations[0], bench.wanted, bench.criteria)]
        if answers:
            observations.append(answers.result())
            findings += cold.answers(observations[1], examples, bench.criteria)
        special = special_casing.judge(near, probed.result() if probed else (), bench.visible, bench.hidden)
    bench.capped = {bench.criteria[example] for example in special.examples}
    return Judged(tuple(observations), (*findings, *special.findings))
