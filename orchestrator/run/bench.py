"""The workbench of one cycle: what it is to do, its throwaway folders, and what was seen so far."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from orchestrator.config import Config
from orchestrator.errors import AgentError, Reworded
from orchestrator.model import (
    AgentTurn,
    Attempt,
    Change,
    Coverage,
    Criterion,
    CycleResult,
    Example,
    Finding,
    Flaky,
    Mutation,
    Observation,
    PersonsTest,
    Prd,
    Question,
    Role,
    Step,
    Task,
    Tidying,
    Usage,
    Verdict,
)
from orchestrator.plan import held_out
from orchestrator.run import examples, people, scratch, stopping, stubs, test_files
from orchestrator.run.agents import workspace
from orchestrator.run.environment import Environment
from orchestrator.run.gates import writable
from orchestrator.run.git import Repository
from orchestrator.run.layout import Layout

Returned = tuple[AgentTurn, tuple[Change, ...]]
"""What a turn gave: the turn itself and what it changed in the workspace."""


@dataclass(frozen=True)
class Request:
    """A turn that is about to be taken."""

    role: Role
    attempt: int
    turn: int
    step: Step
    agent: str
    """Its name in the configuration."""
    kind: str
    most: Usage
    """The most it may use, as far as that is known before."""

    @property
    def key(self) -> str:
        """The same for the same turn of the same cycle."""
        return f"{self.role} {self.attempt}.{self.turn}"


class Journal(Protocol):
    def turn(self, request: Request, perform: Callable[[float | None], Returned]) -> Returned:
        """The recorded return of that turn, or a new one: `perform` is given how many seconds it may take, None for the agent's own limit.

        Raises NoTurn when a budget or a breaker stands before it; and whatever `perform` raises, with `reset_at` where waiting helps.
        """
        ...

    def step(self, step: str, attempt: int) -> None:
        """A step of the cycle begins."""
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
    own_suite: bool
    """The repository has a suite of its own (a target), with its own configuration."""
    builds_on: tuple[str, ...] = ()
    """Files of the tasks it depends on: interfaces worth showing."""
    earlier: tuple[Attempt, ...] = ()
    """Attempts of earlier cycles of the same task and fingerprint: what was refused is not tested again."""
    written: tuple[Change, ...] = ()
    """Tests for prose criteria that an earlier cycle of the same task and fingerprint has locked."""
    revealed: frozenset[str] = frozenset()
    """Held-out examples that an earlier cycle had to reveal."""
    done: tuple[Task, ...] = ()
    """Finished tasks of the project: where a candidate changes their files, their examples are asked again."""
    quarantined: frozenset[str] = frozenset()
    """Node ids of flaky tests whose quarantine has not expired: their failures are noticed, and refuse nothing."""
    ours: frozenset[str] = frozenset()
    """Paths at the base that the orchestrator has made or changed: what stands there is no person's word."""
    carried: tuple[Change, ...] = ()
    """Tests for prose criteria that were locked for an earlier wording which asked the same of whoever wrote them."""
    gone: tuple[str, ...] = ()
    """Paths of tests that were made for earlier wordings of the task's requirements: those that are not made anew are taken away."""
    outdated: frozenset[str] = frozenset()
    """Paths of tests of other tasks that bind nobody now: what fails in them is noticed, and refuses nothing."""
    judged: CycleResult | None = None
    """The result that passed on the head before the branch moved on: it is judged again on this one."""
    moved_by: frozenset[str] = frozenset()
    """Paths that were changed or removed since; files that were only added are none of them."""

    def is_judged_again(self, code: tuple[Change, ...]) -> bool:
        return self.judged is not None and self.judged.code == code


@dataclass(frozen=True)
class End:
    """How a cycle ended."""

    verdict: Verdict
    reason: str
    """One sentence a person can read."""
    code: tuple[Change, ...] = ()
    question: Question | None = None
    until: float | None = None
    """For `parked`: when it is worth trying again, seconds since the epoch; None: at the next run."""
    cause: str = ""
    """For `parked`: `budget` or `breaker` where one of them stands before the turn."""


def waits(error: AgentError) -> End:
    """A cycle whose next turn was not taken: it waits, or has nothing to wait for since the PRD changed."""
    return End("changed" if isinstance(error, Reworded) else "parked", str(error), until=error.reset_at, cause=error.cause)


@dataclass
class Bench:
    work: Work
    folder: Path
    base: Path
    before: dict[str, Change]
    """The base's files as the agent's workspace holds them."""
    revealed: set[str]
    layout: Layout | None = None
    """How the repository is laid out; None for a new one."""
    environment: Environment | None = None
    """What is installed beside the interpreter; None where it was not prepared by us."""
    tests: tuple[Change, ...] = ()
    """The locked tests."""
    written: tuple[Change, ...] = ()
    """Those of them that the tests agent wrote."""
    named: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Prose criterion id → node ids of the agent's tests that name it."""
    people: tuple[PersonsTest, ...] = ()
    """Tests of the repository's own suite that name a criterion of the task: they must pass."""
    ahead: tuple[Observation, ...] = ()
    """What RED has run for GREEN in the same start, of a candidate that is judged again."""
    strangers: tuple[Finding, ...] = ()
    """Tests that name a criterion which is not there."""
    baseline: Observation | None = None
    red: list[Observation] = field(default_factory=list)
    red_findings: list[Finding] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    test_attempts: list[Attempt] = field(default_factory=list)
    fresh: bool = False
    """The modules remember something from test to test: each locked test begins with fresh ones."""
    capped: set[str] = field(default_factory=set)
    """Criteria whose level is at most `oracle`: the code tells the examples from everything else."""
    flaky: dict[str, Flaky] = field(default_factory=dict)
    tidying: Tidying | None = None
    mutation: Mutation | None = None
    coverage: Coverage | None = None
    """What examples run of the candidate that was judged last."""
    gone: tuple[str, ...] = ()
    """Of the test files of earlier wordings, those at the base; none of them is in any folder."""
    grafts: int = 0
    journal: Journal | None = None
    """Is told which step is taken; None where nobody listens."""
    times: dict[str, float] = field(default_factory=dict)
    """Step → seconds that it took so far."""
    _step: str = "prepare"
    _since: float = field(default_factory=time.monotonic)

    def enter(self, step: str) -> None:
        """The time from now on is that of another step."""
        now = time.monotonic()
        self.times[self._step] = self.times.get(self._step, 0.0) + now - self._since
        self._step, self._since = step, now

    def begin(self, step: str) -> None:
        """A step begins; with the number of the attempt that it belongs to. Raises Stopped when the run is to end."""
        stopping.check()
        self.enter(step)
        if self.journal is not None:
            self.journal.step(step, self.work.first_attempt + len(self.attempts))

    def read_base(self, path: str) -> str | None:
        try:
            return (self.base / path).read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError):
            return None

    @property
    def roots(self) -> tuple[str, ...]:
        """Folders that imports start from, '' for the repository itself."""
        return tuple(dict.fromkeys(("", "src", *(self.layout.roots if self.layout else ()))))

    @property
    def packages(self) -> tuple[str, ...]:
        """Top-level names of the repository, where it had files before."""
        return self.layout.packages if self.layout else ()

    def stands(self, code: tuple[Change, ...]) -> bool:
        """That candidate was judged with these very tests, and since then the branch only got more files: what can depend on nothing else stands."""
        work = self.work
        return work.is_judged_again(code) and not work.moved_by and work.judged is not None and work.judged.tests == self.tests

    @property
    def visible(self) -> tuple[Example, ...]:
        return tuple(example for example in self.work.task.examples if not example.held_out or example.id in self.revealed)

    @property
    def hidden(self) -> tuple[Example, ...]:
        return tuple(example for example in self.work.task.examples if example.held_out and example.id not in self.revealed)

    @property
    def shown(self) -> tuple[Example, ...]:
        """The visible examples as the agent sees them and the locked tests run them: without the questions of hidden ones on their way."""
        hidden = self.hidden
        return tuple(held_out.shown(example, hidden) for example in self.visible)

    @property
    def prose(self) -> tuple[Criterion, ...]:
        """Criteria with neither an example nor a person's test: an agent's tests prove them, or nothing does."""
        named = {test.criterion for test in self.people}
        return tuple(criterion for criterion in self.work.task.criteria if not criterion.examples and criterion.id not in named)

    @property
    def prose_keys(self) -> dict[str, str]:
        """Prose criterion id → what a test's docstring must begin with: its key, with the requirement's where keys are shared."""
        keys = [criterion.key for criterion in self.work.task.criteria]
        return {item.id: item.key if keys.count(item.key) == 1 else item.id.partition("#")[2] for item in self.prose}

    @property
    def prose_file(self) -> str:
        """Where the tests for them go."""
        return test_files.prose_file(self.work.task)

    @property
    def criteria(self) -> dict[str, str]:
        """Example id and node id → criterion id."""
        task = self.work.task
        found = {example.id: criterion.id for criterion in task.criteria for example in criterion.examples}
        found |= {examples.node_of(task, example): found[example.id] for example in task.examples}
        found |= {test.test: test.criterion for test in self.people}
        return found | {node: criterion for criterion, nodes in self.named.items() for node in nodes}

    @property
    def locked(self) -> tuple[str, ...]:
        """Node ids of the locked tests: each must pass exactly once."""
        made = (examples.node_of(self.work.task, example) for example in self.visible)
        return (*made, *(node for nodes in self.named.values() for node in nodes))

    @property
    def wanted(self) -> tuple[str, ...]:
        """Node ids of every test that must pass: the locked ones, and people's tests that name a criterion."""
        return (*self.locked, *people.nodes_of(self.people))

    @property
    def test_files(self) -> tuple[str, ...]:
        return tuple(change.path for change in self.tests)

    def sort(self, changes: tuple[Change, ...]) -> tuple[tuple[Change, ...], tuple[Finding, ...]]:
        """(what of an agent's changes is judged, findings about the rest)."""
        modules = self.environment.modules if self.environment else frozenset()
        return writable.sort(changes, frozenset(self.test_files), self.layout, modules)

    def subjects(self) -> stubs.Subjects:
        texts = tuple(change.text or "" for change in self.written)
        return stubs.subjects(self.work.task.examples, texts, self.work.task.files, self.read_base, self.roots)

    def subjects_of_people(self) -> stubs.Subjects:
        assert self.layout is not None, "without a repository of their own there are no tests of people"
        return people.subjects(self.people, self.work.task, self.layout, self.read_base, self.roots)

    def writable(self) -> tuple[str, ...]:
        """Where the code is expected: the task's modules as they lie at the base, for example below `src/`."""
        return tuple(stubs.locate(path, self.read_base, self.roots) for path in self.work.task.files)

    def subject_paths(self) -> tuple[str, ...]:
        """The modules under test."""
        return tuple(dict.fromkeys((*self.subjects().names, *self.work.task.files)))

    def final(self, code: tuple[Change, ...]) -> tuple[Change, ...]:
        """A candidate that passed, with what tidying changed where that was kept."""
        if not self.tidying or not self.tidying.kept:
            return code
        files = {change.path: change for change in (*code, *self.tidying.changes)}
        return tuple(files[path] for path in sorted(files))

    def graft(self, changes: tuple[Change, ...], *, own_inodes: bool = False) -> Path:
        """A folder that is the base with changes. Files are hard links unless the folder will be written to."""
        self.grafts += 1
        place = self.folder / f"graft-{self.grafts}"
        shutil.copytree(self.base, place, symlinks=True, copy_function=shutil.copy2 if own_inodes else _link)
        workspace.apply(place, changes)
        return place

    def candidate(self, changes: tuple[Change, ...]) -> Path:
        """The graft a candidate is judged in: base, candidate, tests as locked."""
        return self.graft((*changes, *self.tests), own_inodes=self.work.own_suite)

    def without_tests(self, changes: tuple[Change, ...]) -> Path:
        """The graft that the oracle asks: nothing in it says what is expected."""
        return self.graft((*(Change(path, None) for path in self.before if writable.is_test(path)), *changes))

    def workspace(self, changes: tuple[Change, ...] = ()) -> Path:
        """The agent's folder: the base without what is ours, the locked tests, and `changes`. No `.git`, nothing of an attempt before.

        It is emptied, not made anew: an agent that lives on between its turns has this very folder in its sandbox."""
        place = self.folder / "workspace"
        place.mkdir(exist_ok=True)
        scratch.clear(place)
        shutil.copytree(self.base, place, symlinks=True, dirs_exist_ok=True, ignore=lambda folder, names: _not_shown(self.base, folder, names))
        workspace.apply(place, (*self.tests, *changes))
        return place

    def diff(self, changes: tuple[Change, ...], base: tuple[Change, ...] = ()) -> str:
        """The changes as a unified diff against the base with `base` applied."""
        if not changes:
            return ""
        repository = Repository(self.work.repository)
        before = repository.write_tree(self.work.base, base)
        return repository.diff(before, repository.write_tree(before, changes))


def _link(source: str, target: str) -> None:
    if Path(source).is_symlink():
        Path(target).symlink_to(Path(source).readlink())
    else:
        os.link(source, target)


def _not_shown(base: Path, folder: str, names: list[str]) -> list[str]:
    """PRDs, runs, configuration and CI of the target stay out of the agent's workspace."""
    place = Path(folder).relative_to(base)
    return [name for name in names if writable.is_ours(str(place / name)) or writable.is_ours(f"{place / name}/")]
