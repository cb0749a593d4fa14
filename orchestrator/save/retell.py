"""A database from reports and evidence alone, for a project whose record is lost or that an older version wrote.

What is done is told whole: its bundle has the task as it was judged, its run's report what was seen, git the trees. What is not done is left out: the
next run plans it again, and its journals keep every turn that was paid.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from orchestrator.errors import OrchestratorError, StoreError
from orchestrator.model import (
    AgentTurn,
    Attempt,
    Change,
    CycleResult,
    Finding,
    Flaky,
    Incident,
    Mutant,
    Mutation,
    Observation,
    Plan,
    Prd,
    Proof,
    Question,
    RetiredTest,
    Target,
    TestOutcome,
    Tidying,
    Usage,
)
from orchestrator.run.git import GitError, Repository
from orchestrator.run.lifecycle import move
from orchestrator.save import audit, chain, evidence, record
from orchestrator.save.audit import Reports
from orchestrator.save.evidence import KeptEvidence, TaskEvidence
from orchestrator.save.reports import (
    AttemptReport,
    FindingReport,
    MutationReport,
    ObservationReport,
    RunReport,
    TaskRunReport,
    Text,
    TidyingReport,
    TurnReport,
)
from orchestrator.save.store import Store, turn_rows
from orchestrator.save.values import to_json


@dataclass(frozen=True)
class _Told:
    """What a project's files say."""

    folder: Path
    repository: Repository
    reports: Reports
    bundles: tuple[TaskEvidence | KeptEvidence, ...]

    def last(self, task: str) -> TaskEvidence | None:
        return next((item for item in reversed(self.bundles) if isinstance(item, TaskEvidence) and item.task.id == task), None)

    def text(self, text: Text) -> str:
        """The whole text, or as much as there is of it."""
        whole = evidence.content(self.folder, text)
        return text.inline if isinstance(whole, str) else whole.decode("utf-8", "replace")


def retell(store: Store) -> list[str]:
    """Fill an empty database. Returns a line for each thing that could not be told."""
    told = _told(store)
    reports = told.reports
    lines = [f"{flaw.where}: {flaw.message}" for flaw in reports.flaws if flaw.code == "unreadable"]
    with store.transaction():
        for run in reports.runs.values():
            _run(store, told, run)
        done = {*audit.told_done(reports)} if reports.project else {item.task.id for item in told.bundles if isinstance(item, TaskEvidence)}
        listed = [task.id for task in reports.project.tasks] if reports.project else sorted(done)
        for position, task in enumerate(listed):
            try:
                if task not in done:
                    raise StoreError("it was not done")
                _task(store, told, task, position)
            except OrchestratorError as error:
                lines.append(f"{task}: {error.message}; the next run plans it again, and pays for no turn that is in its journal")
        _prds(store, told)
        for item in reports.project.quarantine if reports.project else ():
            row = (item.test, item.run, item.task, item.detail, item.since, item.until)
            store.db.execute("INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?, ?, ?, ?)", row)
    return lines


def _told(store: Store) -> _Told:
    return _Told(store.folder, Repository(store.repository), audit.reports(store.folder), tuple(link.bundle for link in links(store)))


def links(store: Store) -> tuple[audit.Link, ...]:
    """The chain of evidence, from git where it is."""
    repository = Repository(store.repository)
    in_git = (store.repository / "HEAD").exists() and bool(repository.resolve(chain.REF))
    return audit.links(repository)[0] if in_git else audit.without_git(store.folder)


def results(store: Store) -> list[str]:
    """The results of tasks that are done and that the record has lost, as far as reports and evidence tell them; a line each."""
    known = set(store.db.execute("SELECT task, fingerprint, cycle FROM results"))
    lost = [row for row in store.tasks() if row.state == "done" and (row.id, row.fingerprint, row.cycle - 1) not in known]
    if not lost:
        return []
    told, lines = _told(store), []
    for row in lost:
        try:
            bundle, entry, result = _proved(told, row.id)
            if (result.fingerprint, bundle.cycle) == (row.fingerprint, row.cycle - 1):
                with store.transaction():
                    _insert(store, bundle, entry, result)
                lines.append(f"{row.id}: its result was told anew from the report of {bundle.run}")
        except OrchestratorError:
            continue
    return lines


def _run(store: Store, told: _Told, run: RunReport) -> None:
    summary = next((item for item in (told.reports.project.runs if told.reports.project else ()) if item.id == run.id), None)
    facts: dict[str, Any] = {"sandbox": run.sandbox, "sandbox_reasons": run.sandbox_reasons, "tools": run.tools, "environment": run.environment}
    bundle = next((item for item in told.bundles if isinstance(item, TaskEvidence) and item.run == run.id), None)
    if bundle:
        facts |= {"packages": bundle.packages} | ({"limits": bundle.limits.model_dump()} if bundle.limits else {})
    if summary:
        keys = ("seconds", "done", "failed", "needs_person", "turns", "replayed", "scripted")
        facts["summary"] = {key: getattr(summary, key) for key in keys}
    row = (run.id, run.started_at, run.ended_at, run.outcome, run.continued, json.dumps(facts))
    store.db.execute("INSERT INTO runs (id, started_at, ended_at, outcome, continued, facts) VALUES (?, ?, ?, ?, ?, ?)", row)


def _proved(told: _Told, task: str) -> tuple[TaskEvidence, TaskRunReport, CycleResult]:
    """The last bundle of a task, what its run's report says, and the result that follows. Raises StoreError when too little is known of it."""
    bundle = told.last(task)
    if bundle is None:
        raise StoreError("no bundle proves it")
    run = told.reports.runs.get(bundle.run)
    entry = next((item for item in reversed(run.tasks) if (item.id, item.fingerprint) == (task, bundle.judged.fingerprint)), None) if run else None
    if entry is None:
        raise StoreError(f"the report of the run {bundle.run} says nothing of it")
    try:
        return bundle, entry, _result(told, entry, bundle)
    except GitError:
        raise StoreError("git does not hold the trees that were judged") from None


def _insert(store: Store, bundle: TaskEvidence, entry: TaskRunReport, result: CycleResult) -> None:
    row: record.Row = {"task": entry.id, "fingerprint": entry.fingerprint, "cycle": bundle.cycle, "run": bundle.run, "started_at": entry.started_at}
    row |= {"red_tree": entry.red_tree, "green_tree": entry.green_tree, "tidied_tree": entry.tidied_tree or entry.green_tree}
    record.insert(store.db, "results", row | {"result": json.loads(to_json(result))})


def _task(store: Store, told: _Told, task: str, position: int) -> None:
    """A task that is done, with its result. Raises StoreError when too little is known of it."""
    bundle, entry, result = _proved(told, task)
    fingerprint, db = result.fingerprint, store.db
    said = next((item for item in (told.reports.project.tasks if told.reports.project else ()) if item.id == task), None)
    attempts = said.attempts if said else max((attempt.number for attempt in result.attempts), default=0)
    row = {"id": task, "prd": bundle.prd, "position": position, "state": "done", "fingerprint": fingerprint, "task": json.loads(to_json(bundle.task))}
    row |= {"reason": said.reason if said else entry.reason, "attempts": attempts, "cycle": bundle.cycle + 1, "last_run": bundle.run}
    row |= {"criteria": len(bundle.task.criteria)}
    record.insert(db, "tasks", row)
    _insert(store, bundle, entry, result)
    ended = (datetime.fromisoformat(entry.started_at) + timedelta(seconds=entry.seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    for at, name, source in (
        (entry.started_at, "ready", "pending"),
        (entry.started_at, "started", "ready"),
        (ended, "produced", "running"),
        (ended, "integrated", "produced"),
    ):
        made = move(name, source)
        reason = entry.reason if name == "integrated" else made.sentence
        row = {"at": at, "run": bundle.run, "task": task, "move": name, "source": source, "target": made.target, "reason": reason}
        record.insert(db, "events", row)
    turn_rows(db, task, fingerprint, bundle.cycle, bundle.run, bundle.prd, result)
    for proof in result.proofs:
        db.execute("INSERT OR REPLACE INTO proofs VALUES (?, ?, ?, ?)", (proof.criterion, task, fingerprint, to_json(proof)))
    for commit in bundle.commits:
        _commit(store, commit.id, task, fingerprint, commit.kind, commit.subject, bundle.prd)


def _commit(store: Store, commit: str, task: str, fingerprint: str, kind: str, subject: str, prd: str) -> None:
    (position,) = store.db.execute("SELECT count(*) FROM commits").fetchone()
    row = (commit, task, fingerprint, kind, subject, f"prd/{prd}", position)
    store.db.execute("INSERT OR IGNORE INTO commits VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def _prds(store: Store, told: _Told) -> None:
    """PRDs and plans as far as their done tasks tell them: the next run puts the whole ones in their place."""
    tasks = store.tasks()
    titles = {prd.id: prd for prd in told.reports.project.prds} if told.reports.project else {}
    for name in dict.fromkeys(row.prd for row in tasks):
        rows = [row for row in tasks if row.prd == name]
        bundle = cast(TaskEvidence, told.last(rows[-1].id))
        kept = [item for item in told.bundles if isinstance(item, KeptEvidence) and item.prd == name]
        for commit in (commit for item in kept for commit in item.commits):
            _commit(store, commit.id, rows[-1].id, "", commit.kind, commit.subject, name)
        shown = titles.get(name)
        prd = Prd(
            name,
            shown.title if shown else name,
            store.folder.name,
            bundle.prd_path,
            shown.fingerprint if shown else bundle.prd_fingerprint,
            tuple(requirement for row in rows for requirement in row.task.requirements),
            context=shown.context if shown else "",
            target=Target(repo=bundle.target),
            dependencies=tuple(bundle.dependencies),
        )
        plan = Plan(name, prd.fingerprint, "outline", tuple(row.task for row in rows))
        planned = (name, prd.path, prd.fingerprint, to_json(prd), to_json(plan), bundle.started_at, prd.fingerprint if kept else "")
        store.db.execute("INSERT INTO prds (id, path, fingerprint, prd, plan, planned_at, kept) VALUES (?, ?, ?, ?, ?, ?, ?)", planned)


# --- a result from its report ----------------------------------------------------------------------------------------------


def _result(told: _Told, entry: TaskRunReport, bundle: TaskEvidence) -> CycleResult:
    """Raises GitError when git does not hold the trees."""
    changes = told.repository.changes
    texts = {entry.test_file: entry.tests, entry.written_file: entry.written_tests}
    locked = {path: Change(path, told.text(text)) for path, text in texts.items() if text.size}
    found = {change.path: change for change in changes(entry.base_tree, entry.red_tree)}
    code = changes(entry.red_tree, entry.green_tree)
    tidied = changes(entry.green_tree, entry.tidied_tree or entry.green_tree)
    attempts = tuple(_attempt(told, item) for item in entry.attempts)
    if attempts:  # the changes of an answer that was refused are in no tree; its findings are known
        attempts = (*attempts[:-1], _attempt(told, entry.attempts[-1], code))
    question = entry.question
    return CycleResult(
        task=entry.id,
        fingerprint=entry.fingerprint,
        base_tree=entry.base_tree,
        verdict=cast(Any, entry.verdict),
        reason=entry.reason,
        tests=(*locked.values(), *(change for path, change in found.items() if path not in locked and path not in entry.gone)),
        code=code,
        red=_observations(told, entry.red),
        red_findings=_findings(entry.red_findings),
        attempts=attempts,
        proofs=tuple(Proof(**proof.model_dump() | {"tests": tuple(proof.tests)}) for proof in entry.proofs),
        revealed=tuple(bundle.revealed),
        seconds=entry.seconds,
        sandbox=bundle.sandbox,
        question=Question(question.text, tuple(question.lines)) if question else None,
        written=tuple(_attempt(told, item) for item in entry.written),
        baseline=_observation(told, entry.baseline) if entry.baseline else None,
        tidying=_tidying(told, entry.tidying, tidied) if entry.tidying else None,
        mutation=_mutation(entry.mutation) if entry.mutation else None,
        flaky=tuple(Flaky(item.test, item.detail) for item in entry.flaky),
        fresh=bundle.fresh,
        gone=tuple(entry.gone),
        retired=tuple(RetiredTest(item.test, item.how) for item in entry.retired),
        outdated=tuple(entry.outdated),
        worker=entry.worker,
        stages=tuple((stage.step, stage.seconds) for stage in entry.stages),
    )


def _attempt(told: _Told, item: AttemptReport, changes: tuple[Change, ...] = ()) -> Attempt:
    return Attempt(
        item.number,
        _turns(told, item.turns),
        changes,
        told.text(item.diff),
        item.verdict,
        _findings(item.findings),
        _observations(told, item.observations),
        cast(Any, item.role),
    )


def _turns(told: _Told, items: list[TurnReport]) -> tuple[AgentTurn, ...]:
    def each() -> Iterator[AgentTurn]:
        for item in items:
            usage = Usage(item.input_tokens, item.output_tokens, item.usd)
            transcript = told.text(item.transcript)
            yield AgentTurn(
                "", usage, item.stop, item.agent, item.kind, item.model, item.seconds, transcript, item.recorded_from, tuple(item.notes)
            )  # fmt: skip

    return tuple(each())


def _findings(items: list[FindingReport]) -> tuple[Finding, ...]:
    return tuple(Finding(**item.model_dump()) for item in items)


def _observations(told: _Told, items: list[ObservationReport]) -> tuple[Observation, ...]:
    return tuple(_observation(told, item) for item in items)


def _observation(told: _Told, item: ObservationReport) -> Observation:
    return Observation(
        step=cast(Any, item.step),
        what=item.what,
        command=item.command,
        exit_code=item.exit_code,
        outcomes=tuple(TestOutcome(**outcome.model_dump()) for outcome in item.outcomes),
        output=told.text(item.output),
        seconds=item.seconds,
        sandbox=item.sandbox,
        incidents=tuple(Incident(cast(Any, incident.kind), incident.detail, incident.where) for incident in item.incidents),
    )


def _tidying(told: _Told, item: TidyingReport, changes: tuple[Change, ...]) -> Tidying:
    return Tidying(
        triggers=tuple(item.triggers),
        kept=item.kept,
        reason=item.reason,
        turns=_turns(told, item.turns),
        changes=changes,
        diff=told.text(item.diff),
        findings=_findings(item.findings),
        observations=_observations(told, item.observations),
    )


def _mutation(item: MutationReport) -> Mutation:
    mutants = tuple(Mutant(**mutant.model_dump() | {"killed_by": tuple(mutant.killed_by)}) for mutant in item.mutants)
    return Mutation(mutants, item.left_out, item.seconds)
