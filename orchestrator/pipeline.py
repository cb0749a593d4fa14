"""STAGES and the loop: the only place that knows the order.

A run does what is new, changed or ready, re-verifies nothing it need not, and ends. What it did is recorded before the next thing begins, so a
killed run is continued by the next one.
"""

from __future__ import annotations

import secrets
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from orchestrator.config import Config
from orchestrator.errors import AgentError, Exit, LockedError, OrchestratorError, SetupError, UsageError
from orchestrator.inbox.folder import Scan, scan
from orchestrator.model import Change, CycleResult, Plan, Prd, Problem, Task
from orchestrator.plan import graph, outline
from orchestrator.run import dependencies, environment, git, integrate, layout, lifecycle, sandboxes
from orchestrator.run.agents import Agent, Unavailable, choose
from orchestrator.run.bench import Work
from orchestrator.run.cycle import run_cycle
from orchestrator.save import chain, receipts, written
from orchestrator.save.journal import Journal
from orchestrator.save.reports import InboxReport
from orchestrator.save.store import Store, TaskRow, now, turns_of

STAGES = ("inbox", "plan", "run", "save", "show")

Say = Callable[[str], None]


@dataclass
class Outcome:
    """What one call of `run` did, over all projects."""

    turns: int = 0
    done: int = 0
    failed: int = 0
    needs_person: int = 0
    parked: int = 0
    newly_set_aside: int = 0
    waiting: dict[str, list[Problem]] = field(default_factory=dict)
    """PRD id → why nothing can work on it now."""
    runs: list[str] = field(default_factory=list)
    """Ids of the runs that were recorded."""
    locked: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """Projects that an error of ours stopped; the others went on."""

    @property
    def nothing_new(self) -> bool:
        return not (self.runs or self.newly_set_aside or self.waiting or self.locked or self.broken)

    @property
    def exit_code(self) -> Exit:
        """Of this run, not of the standing state; the first that applies."""
        if self.broken:
            return Exit.INTERNAL
        if self.failed:
            return Exit.TASK_FAILED
        if self.needs_person:
            return Exit.NEEDS_PERSON
        if self.newly_set_aside:
            return Exit.SET_ASIDE
        if self.locked:
            return Exit.LOCKED
        if self.parked or self.waiting:
            return Exit.PARKED
        return Exit.DONE


def run(root: Path, config: Config, say: Say = lambda line: None) -> Outcome:
    """The whole pipeline but the site: inbox, plan, run, save. Errors of one project stop that project only."""
    outcome = Outcome()
    found = scan(root, config, receipts.known(config.folder(root, "runs")))
    complete = _complete_prds(root, config)
    try:
        for project, prds in _projects(found):
            _project(root, config, project, prds, found, outcome, complete, say)
    finally:
        outcome.newly_set_aside = receipts.write(config.folder(root, "runs"), found, outcome.waiting)
    return outcome


def plans(found: Scan, config: Config) -> tuple[tuple[Prd, Plan], ...]:
    """What would be planned, in the order it would run. Drafts are not."""
    return tuple((prd, plan_of(prd, config)) for _, prds in _projects(found) for prd in prds)


def plan_of(prd: Prd, config: Config) -> Plan:
    return outline.decompose(prd, max(config.gates.held_out, prd.gates.held_out or 0.0))


def _projects(found: Scan) -> tuple[tuple[str, tuple[Prd, ...]], ...]:
    """Projects and their PRDs, each after the PRDs it depends on, higher priority first."""
    ready = sorted((prd for prd in found.prds if not prd.draft), key=lambda prd: (-prd.priority, prd.id))
    order = graph.ordered({prd.id: prd.depends_on for prd in ready})
    by_id = {prd.id: prd for prd in ready}
    projects: dict[str, list[Prd]] = {}
    for name in order:
        projects.setdefault(by_id[name].project, []).append(by_id[name])
    return tuple((project, tuple(prds)) for project, prds in projects.items())


def project_folder(root: Path, config: Config, project: str) -> Path:
    return config.folder(root, "runs") / project


# --- one project -----------------------------------------------------------------------------------------------------------


@dataclass
class _Job:
    """One project while it is being worked on."""

    root: Path
    config: Config
    project: str
    store: Store
    run: str
    notes: dict[str, tuple[Problem, ...]]
    outcome: Outcome
    say: Say
    begun: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    repository: git.Repository | None = None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def begin(self, continued: bool = False) -> None:
        if not self.begun:
            self.begun = True
            self.store.begin_run(self.run, continued, self.facts)
            self.outcome.runs.append(self.run)


def _project(root: Path, config: Config, project: str, prds: tuple[Prd, ...], found: Scan, outcome: Outcome, complete: set[str], say: Say) -> None:
    folder = project_folder(root, config, project)
    ids = {prd.path: prd.id for prd in prds}
    notes: dict[str, tuple[Problem, ...]] = {prd.id: () for prd in prds}
    for problem in found.problems:
        if problem.path in ids:
            notes[ids[problem.path]] += (problem,)
    try:
        with Store(folder) as store:
            job = _Job(root, config, project, store, _run_id(), notes, outcome, say)
            level = sandboxes.level()
            job.facts = {"sandbox": level.name, "sandbox_reasons": list(level.reasons), "tools": _tools()}
            job.facts["limits"] = config.limits.model_dump()
            kind = "interrupted"
            try:
                _work(job, prds, complete)
                kind = _kind(job)
            finally:
                _close(job, kind)
    except LockedError as error:
        say(f"{project}: {error}")
        outcome.locked.append(project)
    except (SetupError, AgentError) as error:
        say(f"{project}: {error}")
        for prd in prds:
            _wait(outcome, prd, "not-set-up", error.message, error.hint)
    except OrchestratorError as error:
        say(f"{project}: {error}")
        outcome.broken.append(project)
    except Exception:
        say(f"{project}: an error of ours; the other projects go on\n{traceback.format_exc()}")
        outcome.broken.append(project)


def _wait(outcome: Outcome, prd: Prd, code: str, message: str, hint: str) -> None:
    outcome.waiting.setdefault(prd.id, []).append(Problem(prd.path, 0, code, message, hint, "note"))


def _work(job: _Job, prds: tuple[Prd, ...], complete: set[str]) -> None:
    store = job.store
    written.killed_runs(job.store, job.run)
    chain.extend(job.store)
    interrupted = [row for row in store.tasks() if row.state == "running"]
    if interrupted:
        job.begin(continued=True)
        for row in interrupted:
            store.move(row.id, "reclaimed", job.run, "the process that ran it is gone; what had returned is not paid again")
    for prd in prds:
        store.save_plan(prd, plan_of(prd, job.config), job.run)
        _resume(job, prd)
        if not _is_complete(job, prd):
            complete.discard(prd.id)
    for prd in prds:
        missing = [name for name in prd.depends_on if name not in complete]
        if missing and _has_work(job, prd):
            _wait(job.outcome, prd, "waits-for-prd", f"it depends on {', '.join(missing)}, which is not complete", "it runs when that is done")
            continue
        _prd(job, prd)
        if _is_complete(job, prd):
            complete.add(prd.id)
    if store.events(job.run):
        job.begin()


def _resume(job: _Job, prd: Prd) -> None:
    for row in job.store.tasks(prd.id):
        if row.state == "parked":
            job.store.move(row.id, "resumed", job.run)
    _settle(job, prd)


def _settle(job: _Job, prd: Prd) -> None:
    """Every move that follows from the states alone."""
    while True:
        rows = {row.id: row for row in job.store.tasks(prd.id)}
        asked = frozenset(name for name, row in rows.items() if row.task.question)
        depends_on = {name: row.task.depends_on for name, row in rows.items()}
        moves = lifecycle.next_moves({name: row.state for name, row in rows.items()}, depends_on, asked)
        if not moves:
            return
        for task, move in moves:
            question = rows[task].task.question if move == "needs a person" else None
            job.store.move(task, move, job.run, question.text if question else "", question)
            if question:
                job.outcome.needs_person += 1
                job.say(f"{task}: needs a person: {question.text} ({prd.path}, lines {', '.join(map(str, question.lines))})")


def _has_work(job: _Job, prd: Prd) -> bool:
    return any(state in ("ready", "produced") for state in job.store.states(prd.id).values())


def _prd(job: _Job, prd: Prd) -> None:
    """Every task of a PRD that can be worked on, in plan order."""
    if _has_work(job, prd):
        repository, branch, python = _prepare(job, prd)
        for produced in job.store.tasks(prd.id):
            if produced.state == "produced":
                job.begin()
                _integrate(job, repository, branch, produced)
                _settle(job, prd)
        tried: set[str] = set()
        while row := _next(job, prd, tried):
            agent = choose(row.task, "code", prd, job.config, job.root)
            if isinstance(agent, Unavailable):
                tried.add(row.id)
                if "no-agent" not in {problem.code for problem in job.outcome.waiting.get(prd.id, [])}:
                    _wait(job.outcome, prd, "no-agent", agent.message, "; or ".join(agent.ways))
                    job.say(f"{prd.id}: waits: {agent.message}\n" + "\n".join(f"  → {way}" for way in agent.ways))
                continue
            job.begin()
            tests_agent = choose(row.task, "tests", prd, job.config, job.root) if _wants_tests(job, prd, row.task) else None
            if isinstance(tests_agent, Unavailable):
                tests_agent = None
            if _cycle(job, prd, row, repository, branch, python, agent, tests_agent) == "conflicted":
                continue
            tried.add(row.id)
            _settle(job, prd)
            _write_reports(job)
    _keep_held_out(job, prd)


def _wants_tests(job: _Job, prd: Prd, task: Task) -> bool:
    """A tests agent has something to do: prose criteria, or what no test notices where that matters to somebody."""
    prose = any(not criterion.examples for criterion in task.criteria)
    named = bool(job.config.roles.tests) or "tests" in dict(prd.agents)
    return prose or named or job.config.gates.mutation is not None or prd.gates.mutation is not None


def _next(job: _Job, prd: Prd, tried: set[str]) -> TaskRow | None:
    return next((row for row in job.store.tasks(prd.id) if row.state == "ready" and row.id not in tried), None)


def _prepare(job: _Job, prd: Prd) -> tuple[git.Repository, str, Path]:
    """The project's repository, the PRD's branch, and the interpreter of the project's environment. Raises SetupError for what is missing."""
    level = sandboxes.required_level(job.config.sandbox.require, allow_weak=job.config.sandbox.allow_weak)
    if level.warning and not job.begun:
        job.say(level.warning)
    target = prd.target.repo
    if target and "://" not in target and not target.startswith("git@"):
        target = str((job.root / target).resolve())
    repository = git.open_repository(job.store.repository, target, prd.target.branch)
    job.repository = repository
    start = f"refs/remotes/target/{prd.target.branch}" if target else "refs/heads/main"
    if prd.depends_on and repository.resolve(f"refs/heads/prd/{prd.depends_on[-1]}"):
        start = f"refs/heads/prd/{prd.depends_on[-1]}"
    branch = git.branch_for(repository, prd.id, start)
    made = environment_of(repository, repository.tree(branch), prd, job.config.folder(job.root, "environments"))
    job.facts["environment"] = made.lock
    job.facts["packages"] = [f"{name}=={version}" for name, version in sorted(made.packages.items())]
    job.facts["tools"]["pytest"] = made.packages.get("pytest", "")
    return repository, branch, made.python


def environment_of(repository: git.Repository, tree: str, prd: Prd, folder: Path) -> environment.Environment:
    """The prepared environment that a tree and a PRD declare. `folder`: where environments are cached. Raises SetupError for what cannot be had."""
    read = cache(lambda path: repository.read(tree, path))
    paths = repository.paths(tree) if prd.target.repo else ()
    own, declared = layout.detect(paths, read), dependencies.declared(paths, read)
    asked = tuple(dependencies.Requirement(text, f"{prd.path}, dependencies") for text in prd.dependencies)
    return environment.prepare(folder, (*declared.requirements, *asked), pins=declared.pins, project=own if prd.target.repo else None)


def _cycle(job: _Job, prd: Prd, row: TaskRow, repository: git.Repository, branch: str, python: Path, agent: Agent, tests_agent: Agent | None) -> str:
    """One cycle of a task, recorded, and integrated when it passed. Returns the task's state."""
    store = job.store
    earlier = [entry.result for entry in store.results_for(row.id, row.fingerprint)]
    work = Work(
        task=row.task,
        prd=prd,
        repository=repository.path,
        base=repository.tree(branch),
        python=python,
        config=job.config,
        first_attempt=row.attempts + 1,
        spent=store.spent(prd.id),
        own_suite=bool(prd.target.repo),
        builds_on=tuple(path for other in store.tasks(prd.id) if other.id in row.task.depends_on for path in other.task.files),
        earlier=tuple(attempt for result in earlier for attempt in result.attempts),
        written=_locked_before(row.task, earlier),
        done=tuple(other.task for other in store.tasks(prd.id) if other.state == "done"),
        revealed=frozenset(name for result in earlier for name in result.revealed),
        quarantined=frozenset(item.test for item in store.quarantined() if item.until > now()),
    )
    journal = Journal(store.folder / "journal" / f"{outline.slug(row.id)}-{row.fingerprint[:12]}-{row.cycle}.jsonl")
    started_at = now()
    job.say(f"{row.id}: {row.task.goal} …")
    store.move(row.id, "started", job.run)
    result = run_cycle(work, agent, journal, tests_agent)
    trees = integrate.trees(repository, result)
    passed = result.verdict in ("passed", "already satisfied")
    move = "produced" if passed else {"gave up": "gave up", "needs a person": "needs a person"}.get(result.verdict, "parked")
    store.save_result(row, job.run, started_at, result, trees, move)
    store.quarantine(job.run, result, job.config.gates.quarantine_days)
    job.outcome.turns += len(turns_of(result))
    if passed:
        return _integrate(job, repository, branch, row)
    job.say(f"{row.id}: {result.verdict}: {result.reason}")
    job.outcome.failed += move == "gave up"
    job.outcome.needs_person += move == "needs a person"
    job.outcome.parked += move == "parked"
    return move


def _locked_before(task: Task, earlier: list[CycleResult]) -> tuple[Change, ...]:
    """Tests for prose criteria that an earlier cycle of the same wording has locked."""
    locked = [change for result in earlier for change in result.tests if change.path != task.test_file]
    return tuple(locked[-1:])


def _integrate(job: _Job, repository: git.Repository, branch: str, row: TaskRow) -> str:
    entry = job.store.result(row.id, row.fingerprint)
    assert entry is not None, "a produced task has a result"
    try:
        commits = integrate.integrate(repository, branch, row.task, entry.result)
    except integrate.Conflict as conflict:
        job.store.move(row.id, "conflicted", job.run, str(conflict))
        return "conflicted"
    job.store.integrated(row.id, job.run, entry.result, commits, branch.removeprefix("refs/heads/"))
    job.store.set_facts(job.run, job.facts)
    chain.extend(job.store)
    job.outcome.done += 1
    job.say(f"{row.id}: done: {entry.result.reason}")
    return "done"


def _is_complete(job: _Job, prd: Prd) -> bool:
    states = [state for state in job.store.states(prd.id).values() if state != "retired"]
    return bool(states) and all(state == "done" for state in states)


def _keep_held_out(job: _Job, prd: Prd) -> None:
    """When a PRD is complete, its held-out examples become regression tests; a run that was killed before that is made good."""
    if not _is_complete(job, prd) or job.store.kept(prd.id):
        return
    repository, branch = git.Repository(job.store.repository), f"refs/heads/prd/{prd.id}"
    rows = [row for row in job.store.tasks(prd.id) if row.state == "done"]
    shown, fresh = {}, set()
    for row in rows:
        entry = job.store.result(row.id, row.fingerprint)
        revealed = entry.result.revealed if entry else ()
        if entry and entry.result.fresh:
            fresh.add(row.id)
        shown[row.id] = frozenset(example.id for example in row.task.examples if not example.held_out or example.id in revealed)
    commit = integrate.commit_held_out(repository, branch, prd, tuple(row.task for row in rows), shown, frozenset(fresh))
    job.store.keep(prd.id, rows[-1].id, commit, branch.removeprefix("refs/heads/"))
    chain.extend(job.store)


# --- save ------------------------------------------------------------------------------------------------------------------


def _kind(job: _Job) -> str:
    """The outcome of this project's part of the run, from the moves it made."""
    states = {task: state for task, state, _ in job.store.events(job.run)}
    for state, word in (("failed", "failed"), ("unclear", "needs a person"), ("parked", "parked")):
        if state in states.values():
            return word
    return "done"


def _close(job: _Job, kind: str) -> None:
    if job.begun:
        job.store.set_facts(job.run, job.facts)
        summary = written.summary(job.store, job.run, (datetime.now(UTC) - job.started).total_seconds())
        job.store.end_run(job.run, kind, summary, now())
        _write_reports(job)
    else:
        written.project(job.store, job.root, job.notes)
    chain.pack(job.store)


def _write_reports(job: _Job) -> None:
    """The run's report and the project's, as things stand."""
    job.store.set_facts(job.run, job.facts)
    written.run(job.store, job.run)
    written.project(job.store, job.root, job.notes)


def read_inbox(root: Path, config: Config) -> InboxReport:
    return receipts.read(config.folder(root, "runs"))


def _complete_prds(root: Path, config: Config) -> set[str]:
    """PRDs whose every task is done, as the projects' reports say."""
    from orchestrator.save.reports import ProjectReport

    found: set[str] = set()
    for path in sorted(config.folder(root, "runs").glob("*/reports/project.json")):
        try:
            report = ProjectReport.model_validate_json(path.read_bytes())
        except (OSError, ValueError):
            continue
        states: dict[str, set[str]] = {}
        for task in report.tasks:
            states.setdefault(task.prd, set()).add(task.state)
        found |= {prd for prd, kinds in states.items() if kinds - {"retired"} == {"done"}}
    return found


def _run_id() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}Z-{secrets.token_hex(2)}"


def _tools() -> dict[str, str]:
    import platform
    import sqlite3

    from orchestrator import __version__
    from orchestrator.run.sandboxes import bubblewrap, landlock

    try:
        git_version = git.run("--version").decode().split()[-1]
    except OrchestratorError:
        git_version = ""
    return {
        "orchestrator": __version__,
        "python": platform.python_version(),
        "git": git_version,
        "bwrap": bubblewrap.version(),
        "landlock": str(landlock.version()),
        "sqlite": sqlite3.sqlite_version,
        "kernel": platform.release(),
    }


def retry(root: Path, config: Config, names: tuple[str, ...]) -> tuple[str, ...]:
    """Make failed tasks ready with all their attempts; `names` are tasks, PRDs or projects, none means all. Raises UsageError for a name
    that is no failed task's. What was refused before is remembered: the same answer is not tested again."""
    chosen: list[str] = []
    unknown = set(names)
    for path in sorted(config.folder(root, "runs").glob("*/project.sqlite")):
        with Store(path.parent) as store:
            for row in store.tasks():
                wanted = {row.id, row.prd, path.parent.name} & set(names)
                if row.state == "failed" and (wanted or not names):
                    store.retry(row.id)
                    chosen.append(row.id)
                    unknown -= wanted
    if unknown:
        raise UsageError(f"no failed task is called {', '.join(sorted(unknown))}", hint="`orchestrator status` names them")
    return tuple(chosen)


def task_states(root: Path, config: Config) -> dict[str, tuple[str, str]]:
    """Task → (state, fingerprint) over all projects, read without their locks."""
    found: dict[str, tuple[str, str]] = {}
    for path in sorted(config.folder(root, "runs").glob("*/project.sqlite")):
        with Store(path.parent, read_only=True) as store:
            found |= {row.id: (row.state, row.fingerprint) for row in store.tasks()}
    return found
