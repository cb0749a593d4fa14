"""STAGES and the loop: the only place that knows the order.

A run does what is new, changed or ready, re-verifies nothing it need not, and ends. What it did is recorded before the next thing begins, so a
killed run is continued by the next one.
"""

from __future__ import annotations

import os
import queue
import secrets
import sqlite3
import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from orchestrator import faults, share, work
from orchestrator.config import Config
from orchestrator.errors import AgentError, DamagedError, LockedError, OrchestratorError, SetupError, UsageError
from orchestrator.inbox.folder import Scan, scan
from orchestrator.inbox.schedule import waits
from orchestrator.job import Job, close, kind
from orchestrator.meanwhile import Meanwhile
from orchestrator.model import Plan, Prd, Task
from orchestrator.outcome import Outcome
from orchestrator.plan import graph
from orchestrator.pool import Desk, Pool
from orchestrator.run import git, sandboxes, scratch, stopping
from orchestrator.run.durable import durable
from orchestrator.save import light, limits, mend, receipts, recount, schedule, standing
from orchestrator.save.ledger import FILE as LEDGER
from orchestrator.save.ledger import Ledger, ledger_of
from orchestrator.save.readings import Readings
from orchestrator.save.reports import InboxReport
from orchestrator.save.store import Store
from orchestrator.sharding import Shard, part
from orchestrator.telling import Tell, Told

STAGES = ("inbox", "plan", "run", "save", "show")


Does = Callable[[Job, tuple[Prd, ...], set[str]], None]
"""What is done with a project's PRDs; the set holds the PRDs that are complete."""

PROJECTS = 16
"""So many projects are open at once; what they begin waits for a slot in the pool."""
HEAD_START_SECONDS = 0.5
"""What is new begins so much earlier than many projects with nothing new."""
PATIENCE_SECONDS = 20.0
"""When everything is to end now, what has not ended by itself after so long is killed."""


def run(
    root: Path,
    config: Config,
    tell: Tell = lambda told: None,
    does: Does = work.work,
    only: frozenset[str] | None = None,
    shard: Shard | None = None,
    at: datetime | None = None,
) -> Outcome:
    """The whole pipeline but the site: inbox, plan, run, save. Errors of one project stop that project only. `only`: ids of PRDs; `shard`: of the
    projects, only its part; `at`: the moment that `start` of a PRD is compared with. Raises Stopped when somebody has stopped it."""
    began, outcome, runs, name = time.monotonic(), Outcome(), config.folder(root, "runs"), _run_id()
    stopping.begin()
    told = _one_at_a_time(tell)
    scratch.use(config.workspaces)
    scratch.sweep()
    shared = share.of(root, config, told)
    shared.pull()
    for line in receipts.mend(runs):
        told(Told(line))
    found, readings = inbox(root, config)
    first = receipts.Read(found)
    moment = at or datetime.now(UTC)
    held = waits(found.prds, receipts.seen_at(runs, found), config.schedule, moment)
    meanwhile = Meanwhile(root, config, found, told, readings)
    complete = standing.complete(runs)
    ledger = ledger_of(root, config)
    if not (runs / LEDGER).exists():  # budgets must not begin anew because a file is gone
        for line in recount.recount(ledger):
            told(Told(line))
    with durable("run begun"):
        ledger = replace(ledger, scope=ledger.begin_run(name))
    workers = config.workers or default_workers()
    pool = Pool(workers, ahead=(os.cpu_count() or 1) if workers > 1 else 0)
    told(Told("", "run began", facts={"run": name, "workers": pool.workers}))
    for prd, wait in held.items():
        until = wait.until.timestamp() if wait.until else None
        told(Told(f"{prd}: waits: {wait.problem.message}", "waiting", prd=prd, facts={"until": until}))
    grouped = tuple((project, kept) for project, prds in _projects(found) if (kept := tuple(prd for prd in prds if prd.id not in held)))
    mine = grouped if shard is None else part(grouped, shard)
    chosen = {project: kept for project, prds in mine if (kept := tuple(prd for prd in prds if only is None or prd.id in only))}
    known = receipts.taken(runs, found)
    fresh = {project for project, prds in chosen.items() if not known.issuperset(prd.id for prd in prds)}
    chosen = dict(sorted(chosen.items(), key=lambda each: (-max(prd.priority for prd in each[1]), each[0] not in fresh)))
    try:
        _Projects(root, config, meanwhile, readings, ledger, complete, told, does, pool, shared).work(chosen, outcome, fresh)
    finally:
        pool.close()
        readings.keep(file.path for file in found.files)
        left_out = frozenset(prd.id for _, prds in grouped for prd in prds if prd.project not in chosen)
        with durable("inbox written"):
            not_yet = {prd: wait.problem for prd, wait in held.items()}
            outcome.newly_set_aside = receipts.write(runs, meanwhile.found, outcome.waiting, left_out, not_yet, first)
        with durable("run closed"):
            ledger.end_run(name)
        schedule.write(ledger, held.values(), moment)
        limits.write(ledger, meanwhile.found.prds)
        shared.end()
        told(Told("", "run ended", facts=outcome.facts(time.monotonic() - began)))
    return outcome


def default_workers() -> int:
    """Two more than there are cores: cycles wait for their agents most of the time."""
    return (os.cpu_count() or 1) + 2


def _one_at_a_time(tell: Tell) -> Tell:
    """The same from several threads."""
    lock = threading.Lock()

    def told(what: Told) -> None:
        with lock:
            tell(what)

    return told


def inbox(root: Path, config: Config) -> tuple[Scan, Readings]:
    """What lies in the inbox now, and how its PRDs are planned; files that are known already are not read again. Writes nothing."""
    runs = config.folder(root, "runs")
    readings = Readings(runs)
    return scan(root, config, receipts.known(runs, readings.read)), readings


def plans(found: Scan, config: Config, readings: Readings) -> tuple[tuple[Prd, Plan], ...]:
    """What would be planned, in the order it would run, each PRD with what was added to it. Drafts are not. Raises PlanError."""
    return tuple(readings.planned(prd, config)[:2] for prd in ready(found))


def ready(found: Scan) -> tuple[Prd, ...]:
    """The PRDs that are no drafts, in the order in which they would run."""
    return tuple(prd for _, prds in _projects(found) for prd in prds)


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


@dataclass
class _Projects:
    """The projects of a run, each in a thread of its own."""

    root: Path
    config: Config
    meanwhile: Meanwhile
    readings: Readings
    ledger: Ledger
    complete: set[str]
    tell: Tell
    does: Does
    pool: Pool
    shared: share.Share

    def work(self, chosen: Mapping[str, tuple[Prd, ...]], outcome: Outcome, fresh: Collection[str] = ()) -> None:
        """Every project, once what it depends on in others has been worked on; again when that was completed meanwhile. `fresh`: those with PRDs that
        no run has taken yet; where there are many others, these have a head start. Raises Stopped."""
        sandboxes.level()  # tried once, before there are threads
        left = dict(chosen)
        outcomes: dict[str, Outcome] = {}
        at_work: dict[str, threading.Thread] = {}
        ended: queue.SimpleQueue[str] = queue.SimpleQueue()
        head_start = HEAD_START_SECONDS if fresh and len(chosen) - len(fresh) > PROJECTS // 2 else 0.0
        try:
            while left or at_work:
                may = [name for name, prds in left.items() if not at_work or not self._waits_for(prds, {*left, *at_work} - {name}, chosen)]
                for project in [] if stopping.is_asked() else may[: PROJECTS - len(at_work)]:
                    if project not in fresh and head_start:
                        time.sleep(head_start)  # to look at a hundred that have nothing new takes a while, and every core
                        head_start = 0.0
                    prds, outcomes[project] = left.pop(project), outcomes.get(project, Outcome())
                    outcomes[project].waiting.clear()
                    at_work[project] = threading.Thread(
                        target=self._thread, args=(project, prds, outcomes[project], ended), name=f"project {project}", daemon=True
                    )
                    at_work[project].start()
                if not at_work:
                    break
                project = _next(ended)
                at_work.pop(project).join()
                left |= self._again(chosen, {*left, *at_work}, outcomes)
        except BaseException:
            stopping.end()
            _await(at_work.values())
            raise
        finally:
            for each in outcomes.values():
                outcome.add(each)
        stopping.check()

    def _waits_for(self, prds: tuple[Prd, ...], others: set[str], chosen: Mapping[str, tuple[Prd, ...]]) -> bool:
        """None of them can be begun before another project, of those that are still to end, has completed something."""
        ahead = {prd.id for name in others for prd in chosen[name]}
        return all(any(name in ahead and name not in self.complete for name in prd.depends_on) for prd in prds)

    def _again(self, chosen: Mapping[str, tuple[Prd, ...]], busy: set[str], outcomes: Mapping[str, Outcome]) -> dict[str, tuple[Prd, ...]]:
        """Projects that have ended with a PRD that waited for another, which is complete now."""

        def may(project: str, prd: Prd) -> bool:
            waits = any(problem.code == "waits-for-prd" for problem in outcomes[project].waiting.get(prd.id, ()))
            return waits and self.complete.issuperset(prd.depends_on)

        ended = (name for name in outcomes if name not in busy)
        return {name: chosen[name] for name in ended if any(may(name, prd) for prd in chosen[name])}

    def _thread(self, project: str, prds: tuple[Prd, ...], outcome: Outcome, ended: queue.SimpleQueue[str]) -> None:
        try:
            for _ in self.shared.attempts(project, outcome):
                self._project(project, prds, outcome)
        except stopping.Stopped:
            pass
        except Exception:
            if not stopping.is_now():  # what is ended from outside fails in every way
                self.tell(Told(f"{project}: an error of ours; the other projects go on\n{traceback.format_exc()}", project=project))
                outcome.broken.append(project)
        finally:
            ended.put(project)

    def _project(self, project: str, prds: tuple[Prd, ...], outcome: Outcome) -> None:
        root, config, folder = self.root, self.config, project_folder(self.root, self.config, project)
        notes = {prd.id: self.meanwhile.notes(prd) for prd in prds}
        try:
            with faults.recognised(folder), Store(folder) as store:
                for line in mend.before(store):
                    self.tell(Told(f"{project}: {line}", project=project))
                job = Job(root, config, project, store, self.ledger, store.later(_run_id()), notes, outcome, self.tell, self.readings)
                job.pool, job.desk, job.meanwhile, job.shared = self.pool, Desk(project), self.meanwhile, self.shared
                level = sandboxes.level()
                job.facts = {"sandbox": level.name, "sandbox_reasons": list(level.reasons), "tools": _tools()}
                job.facts["limits"] = config.limits.model_dump()
                ended = "interrupted"
                job.say("", "project began", run=job.run, tasks=light.tally(store))
                try:
                    self.does(job, prds, self.complete)
                    ended = kind(job)
                finally:
                    try:
                        close(job, ended)
                    finally:
                        self.shared.release(project)
                        job.say("", "project ended", run=job.run if job.begun else "", outcome=ended)
        except OrchestratorError as error:
            stopping.check_now()
            self._failed(project, prds, outcome, error)

    def _failed(self, project: str, prds: tuple[Prd, ...], outcome: Outcome, error: OrchestratorError) -> None:
        """What stops one project."""
        self.tell(Told(f"{project}: {error}", "waiting", project))
        if isinstance(error, LockedError):
            outcome.locked.append(project)
            return
        waits = isinstance(error, (SetupError, AgentError))
        if not waits:
            outcome.broken.append(project)
        for prd in prds if waits or isinstance(error, DamagedError) else ():
            outcome.wait(prd, "not-set-up" if waits else "damaged", error.message, error.hint)


def _next(ended: queue.SimpleQueue[str]) -> str:
    """The next project that has ended. Signals are heard meanwhile. Raises Stopped when everything is to end now."""
    while True:
        try:
            return ended.get(timeout=0.2)
        except queue.Empty:
            if stopping.is_now():
                raise stopping.Stopped from None


def _await(threads: Iterable[threading.Thread]) -> None:
    """Until they have ended; what holds them up is killed after a while."""
    until = time.monotonic() + PATIENCE_SECONDS
    for thread in threads:
        while thread.is_alive():
            thread.join(0.2)
            stopping.end()
            if time.monotonic() > until:
                stopping.kill_children()
                thread.join(2.0)
                break


def read_inbox(root: Path, config: Config) -> InboxReport:
    return receipts.read(config.folder(root, "runs"))


def _run_id() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}Z-{secrets.token_hex(2)}"


def _tools() -> dict[str, str]:
    import platform

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
    """Give tasks that failed, or that a cycle found to need a person, all their attempts, and let parked ones go on without waiting; `names` are
    tasks, PRDs or projects, none means all. Raises UsageError for a name that is of no such task. What was refused before is remembered: the same
    answer is not tested again."""
    chosen: list[str] = []
    unknown = set(names)
    for path in sorted(config.folder(root, "runs").glob("*/project.sqlite")):
        try:
            with Store(path.parent) as store:
                for name in (*store.in_state("failed"), *store.in_state("parked"), *store.in_state("unclear")):
                    row = store.task(name)
                    wanted = {row.id, row.prd, path.parent.name} & set(names)
                    asked = row.state != "unclear" or row.task.question is None
                    if asked and (wanted or not names):
                        store.retry(row.id)
                        chosen.append(row.id)
                        unknown -= wanted
        except DamagedError:  # whoever asks says so; the other projects go on
            unknown.discard(path.parent.name)
    if unknown:
        message = f"no task that failed, is parked or needs a person for what a run found is called {', '.join(sorted(unknown))}"
        raise UsageError(message, hint="`orchestrator status` names them")
    return tuple(chosen)


def reopen(root: Path, config: Config, project: str, regressed: dict[str, str]) -> tuple[str, ...]:
    """Make done tasks ready that no longer hold: task → why. The next run does them again, on the branch as it is."""
    if not regressed:
        return ()
    with Store(project_folder(root, config, project)) as store:
        names = tuple(name for name in store.in_state("done") if name in regressed)
        for name in names:
            store.regress(name, regressed[name])
    return names


def task_states(root: Path, config: Config) -> dict[str, tuple[str, str]]:
    """Task → (state, fingerprint) over all projects that can be read, without their locks."""
    return standing.tasks(config.folder(root, "runs"))


def worded_before(root: Path, config: Config, plans: Iterable[Plan], states: Mapping[str, tuple[str, str]]) -> dict[str, Task]:
    """The tasks of plans that are worded otherwise now, as the databases have them: what `orchestrator plan` compares with."""
    changed = {task.id for plan in plans for task in plan.tasks if task.id in states and states[task.id][1] != task.fingerprint}
    return standing.worded(config.folder(root, "runs"), changed)
