"""A branch as a whole, without any agent: the whole suite as the project runs it, and every finished task's examples and tests once more.

What fails is tried again at once; only what fails twice is broken. What the target's own suite failed before is nobody's fault here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from orchestrator.config import Config
from orchestrator.errors import SetupError
from orchestrator.model import Change, Observation, Prd, Task, TestOutcome
from orchestrator.run import checks, cycle, evidence, oracle, sandboxes, suites
from orchestrator.run.bench import Bench, Work
from orchestrator.run.git import Repository
from orchestrator.run.suites import Variant

TOGETHER = 20
"""Tasks whose locked tests are run in one start of the sandbox."""


@dataclass(frozen=True)
class Finished:
    """A task that is done, and what was locked for it."""

    task: Task
    tests: tuple[Change, ...]
    nodes: frozenset[str]
    """Node ids of people's tests that prove its criteria."""


@dataclass(frozen=True)
class Broken:
    task: str
    """'' where it belongs to no task."""
    what: str
    """A test's node id, or an example's id."""
    message: str


@dataclass(frozen=True)
class Look:
    broken: tuple[Broken, ...]
    notices: tuple[str, ...]
    """What failed once and then held; what failed before, too."""
    examples: int
    tests: int
    seconds: float
    sandbox: str


@dataclass(frozen=True)
class Branch:
    """What is looked at."""

    prd: Prd
    repository: Repository
    tree: str
    base: str
    """Tree of the target branch before our work."""
    python: Path
    config: Config
    quarantined: frozenset[str] = frozenset()


def look(branch: Branch, finished: tuple[Finished, ...]) -> Look:
    """The whole suite, and all that is finished. Raises SetupError when nothing can be started."""
    began = time.monotonic()
    with cycle.opened(_work(branch, branch.tree)) as bench:
        code = bench.without_tests(())
        tests = bench.graft(tuple({change.path: change for each in finished for change in each.tests}.values()))
        some = [finished[start : start + TOGETHER] for start in range(0, len(finished), TOGETHER)]
        with ThreadPoolExecutor(2) as pool:
            asked = [pool.submit(_examples, bench, code, each) for each in finished if each.task.examples]
            tested = [pool.submit(_locked, bench, tests, each) for each in some]
            parts = [future.result() for future in (*asked, *tested)]
        whole = suite(branch, bench, finished)
    broken = dict.fromkeys(each for part in (*parts, whole) for each in part.broken)
    return Look(
        tuple(broken),
        tuple(dict.fromkeys(said for part in (*parts, whole) for said in part.notices)),
        sum(part.examples for part in parts),
        whole.tests + sum(part.tests for part in parts),
        time.monotonic() - began,
        sandboxes.level().name,
    )


def suite_only(branch: Branch, finished: tuple[Finished, ...]) -> Look:
    """The whole suite. Raises SetupError when it cannot be started."""
    with cycle.opened(_work(branch, branch.tree)) as bench:
        return suite(branch, bench, finished)


def _work(branch: Branch, tree: str) -> Work:
    """The workbench of no task in particular."""
    prd = branch.prd
    nobody = Task(prd.id, prd.id, (), "", (), "", (), "")
    return Work(nobody, prd, branch.repository.path, tree, branch.python, branch.config, 1, bool(prd.target.repo))


# --- examples ----------------------------------------------------------------------------------------------------------------


def _examples(bench: Bench, root: Path, finished: Finished) -> Look:
    """Every example of a task, held-out ones too. `root`: a folder without tests."""
    examples = finished.task.examples
    ask = partial(oracle.ask, "check_green", f"oracle, {finished.task.id}", root=root, python=bench.work.python, limits=bench.work.config.limits)
    seen = ask(examples=examples, roots=bench.roots)
    failed = tuple(example for example, outcome in zip(examples, seen.outcomes, strict=True) if not evidence.holds(outcome))
    again = ask(examples=failed, roots=bench.roots).outcomes if failed else ()
    hidden = {example.id for example in examples if example.held_out}
    broken = [_broken(finished.task.id, outcome, hidden) for outcome in again if not evidence.holds(outcome)]
    held = [f"{outcome.id} failed and held when it was asked again" for outcome in again if evidence.holds(outcome)]
    return Look(tuple(broken), tuple(held), len(examples), 0, seen.seconds, seen.sandbox)


def _broken(task: str, outcome: TestOutcome, hidden: Iterable[str] = ()) -> Broken:
    said = "an example that is not shown does not hold" if outcome.id in hidden else outcome.message.strip() or outcome.outcome
    return Broken(task, outcome.id, said[:1000])


# --- suites ------------------------------------------------------------------------------------------------------------------


def _locked(bench: Bench, root: Path, finished: tuple[Finished, ...]) -> Look:
    """The tests as they were locked for each task. `root`: a folder with all of them."""
    tasks = [each for each in finished if each.tests]
    if not tasks:
        return _nothing()

    def run(some: list[Finished]) -> dict[str, Observation]:
        variants = [
            Variant(each.task.id, root, tuple(change.path for change in each.tests), roots=bench.roots, packages=bench.packages) for each in some
        ]
        seen = suites.run("check_green", tuple(variants), python=bench.work.python, limits=bench.work.config.limits)
        return {each.task.id: _started(observation) for each, observation in zip(some, seen, strict=True)}

    first = run(tasks)
    again = [each for each in tasks if _failing(first[each.task.id])]
    second = run(again) if again else {}
    broken, held = [], []
    for each in again:
        before, after = _failing(first[each.task.id]), _failing(second[each.task.id])
        broken += [_broken(each.task.id, outcome) for test, outcome in after.items() if test in before]
        held += [f"{test} failed and held when it was run again" for test in before.keys() - after.keys()]
    count = sum(len(observation.outcomes) for observation in first.values())
    seconds = sum(observation.seconds for observation in first.values())
    return Look(tuple(broken), tuple(sorted(held)), 0, count, seconds, sandboxes.level().name)


def suite(branch: Branch, bench: Bench, finished: tuple[Finished, ...]) -> Look:
    """Everything at the tree that is a test, as the project runs it."""
    first = _whole(bench)
    if first is None:
        return _nothing()
    failing = _failing(first)
    if not failing:
        return Look((), (), 0, len(first.outcomes), first.seconds, first.sandbox)
    again = _failing(_whole(bench) or first)
    notices = [f"{test} failed and held when the suite was run again" for test in failing.keys() - again.keys()]
    both = {test: outcome for test, outcome in again.items() if test in failing}
    known = _known(branch) if both else frozenset()
    notices += [f"{test} fails, as it did before our work" for test in both.keys() & known]
    notices += [f"{test} fails; it is in quarantine" for test in both.keys() & branch.quarantined - known]
    owners = _owners(finished)
    broken = [_broken(owners(test), outcome) for test, outcome in both.items() if test not in known | branch.quarantined]
    return Look(tuple(broken), tuple(sorted(notices)), 0, len(first.outcomes), first.seconds, first.sandbox)


def _whole(bench: Bench) -> Observation | None:
    own = bench.work.own_suite
    place = checks.whole_suite(bench, "whole suite", bench.graft((), own_inodes=own))
    if place is None:
        return None
    (seen,) = suites.run("check_green", (place,), python=bench.work.python, limits=bench.work.config.limits)
    return _started(seen)


def _known(branch: Branch) -> frozenset[str]:
    """Tests that failed before our work."""
    if not branch.prd.target.repo:
        return frozenset()
    with cycle.opened(_work(branch, branch.base)) as bench:
        before = _whole(bench)
    return frozenset(_failing(before)) if before else frozenset()


def _started(seen: Observation) -> Observation:
    """Raises SetupError for a suite that gave no answer at all."""
    if seen.exit_code == evidence.NOT_STARTED and not seen.outcomes:
        raise SetupError(f"the test suite could not be started: {seen.output.strip()[-500:]}", hint="is the sandbox intact?")
    return seen


_NEITHER = ("skipped", "expected failure")
"""Outcomes of a suite's tests that are no failure."""


def _failing(seen: Observation) -> dict[str, TestOutcome]:
    failed = {outcome.id: outcome for outcome in seen.outcomes if not evidence.holds(outcome) and outcome.outcome not in _NEITHER}
    if not failed and seen.exit_code not in (0, 5):
        said = f"the suite ended: {evidence.exit_meaning(seen.exit_code)}"
        failed["the whole suite"] = TestOutcome("the whole suite", "failed", message=said)
    return failed


def _owners(finished: tuple[Finished, ...]) -> Callable[[str], str]:
    """Test → the task it belongs to, '' for none."""
    files = {change.path: each.task.id for each in finished for change in each.tests}
    nodes = {node: each.task.id for each in finished for node in each.nodes}

    def owner(test: str) -> str:
        return nodes.get(test.partition("[")[0]) or files.get(test.partition("::")[0], "")

    return owner


def _nothing() -> Look:
    return Look((), (), 0, 0, 0.0, sandboxes.level().name)
