"""Rows → report models: what the store knows, as the JSON that the site and other tools read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, cast

from orchestrator.config import Budgets
from orchestrator.model import (
    AgentTurn,
    Attempt,
    Criterion,
    CycleResult,
    Finding,
    Mutation,
    Observation,
    Problem,
    Proof,
    Question,
    Requirement,
    Task,
    Tidying,
)
from orchestrator.plan.saved import is_added
from orchestrator.run.git import Repository
from orchestrator.run.mutants import score, share
from orchestrator.save import checked, compose_edits, compose_measures, deliveries, edits, light, phasing, plan_report, took
from orchestrator.save.compose_examples import cases
from orchestrator.save.evidence import path_of
from orchestrator.save.files import keep
from orchestrator.save.ledger import Ledger
from orchestrator.save.overview import asked
from orchestrator.save.reports import (
    AgentReport,
    AttemptReport,
    CommitReport,
    CriterionReport,
    FindingReport,
    FlakyReport,
    IncidentReport,
    ObservationReport,
    OrphanReport,
    OutcomeReport,
    PersonsTestReport,
    PlanningReport,
    PrdReport,
    ProblemReport,
    ProjectReport,
    ProofReport,
    QuarantineReport,
    QuestionReport,
    RequirementReport,
    RetiredTestReport,
    RunReport,
    RunSummary,
    SpendingReport,
    StageReport,
    TaskReport,
    TaskRunReport,
    TidyingReport,
    TurnReport,
)
from orchestrator.save.store import ResultRow, Store, TaskRow

Outcome = Literal["done", "failed", "needs a person", "parked", "interrupted"]


def problem(found: Problem) -> ProblemReport:
    return ProblemReport(path=found.path, line=found.line, code=found.code, message=found.message, hint=found.hint, severity=found.severity)


# --- one run -------------------------------------------------------------------------------------------------------------


def run_report(store: Store, run: str) -> RunReport:
    """What one run did, but for its tasks, which `run_tasks` tells one by one: a run may have thousands."""
    row, turns = light.run(store, run), light.turns(store, run)
    facts = row["facts"]
    planned = [PlanningReport.model_validate(each) for each in facts.get("planning", [])]
    return RunReport(
        id=run,
        project=store.folder.name,
        prds=sorted(
            {*light.prds_of(store, run), *(store.task(name).prd for name in _unworked_tasks(store, run)), *(each.prd for each in planned)}
            | checked.prds(store, run)
        ),
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        outcome=row["outcome"],
        continued=row["continued"],
        sandbox=facts.get("sandbox", ""),
        sandbox_reasons=facts.get("sandbox_reasons", []),
        tools=facts.get("tools", {}),
        environment=facts.get("environment", ""),
        tasks=[],
        turns=len(turns),
        input_tokens=_sum([tokens for _, tokens, _, _ in turns]),
        output_tokens=_sum([tokens for _, _, tokens, _ in turns]),
        usd=_sum([usd for _, _, _, usd in turns]),
        replayed=any(kind == "recorded" for kind, _, _, _ in turns),
        scripted=any(kind == "scripted" for kind, _, _, _ in turns),
        agents=agents(store, run),
        planning=planned,
        forecasts=took.forecasts(store, run, facts.get("forecasts", {})),
        gates=checked.gates(store, run),
        gates_skipped=facts.get("gates_skipped", False),
        validations=checked.validations(store, run),
        deliveries=deliveries.of_run(store, run),
        standing=facts.get("standing"),
    )


def agents(store: Store, run: str = "") -> list[AgentReport]:
    """What each agent did in each role, in one run or in all that are kept."""
    names = list(AgentReport.model_fields)
    found = (AgentReport(**dict(zip(names, row, strict=True))) for row in light.agents(store, run))
    return [report.model_copy(update={"seconds": round(report.seconds, 3)}) for report in found]


def run_tasks(store: Store, run: str) -> Iterator[TaskRunReport]:
    """What a run did with each task: those it has a result for, then those it moved to a state that needs a person. One at a time."""
    paths = light.prds(store)
    ended = {task: (state, reason) for task, state, reason in store.events(run)}
    for entry, last in light.results(store, run):
        if last or _has_something(entry.result):
            row = store.task(entry.result.task)
            yield _task_run(store, row, entry, ended.get(row.id, (row.state, ""))[0], paths)
    started_at = light.run(store, run)["started_at"]
    for name, (state, reason) in _unworked_tasks(store, run).items():
        yield _unworked(store.task(name), state, reason, started_at, paths)


def _unworked_tasks(store: Store, run: str) -> dict[str, tuple[str, str]]:
    """Task → (state, reason) of those that the run moved without a cycle to where a person should look."""
    ended = {task: (state, reason) for task, state, reason in store.events(run)}
    left = {task: found for task, found in ended.items() if found[0] in ("unclear", "skipped", "retired", "parked", "failed", "done")}
    worked = light.worked(store, run) if left else frozenset()
    return {task: found for task, found in left.items() if task not in worked}


def task_run(store: Store, row: TaskRow, entry: ResultRow) -> TaskRunReport:
    """What a run did with one task, as it stands now."""
    return _task_run(store, row, entry, row.state, light.prds(store))


def _has_something(result: CycleResult) -> bool:
    """A cycle that only waited, and was followed by another one in the same run, is not worth telling."""
    return bool(result.attempts or result.written or result.verdict != "parked")


def _sum(values: list[Any]) -> Any:
    """The sum of what is known; None when nothing is known and something was asked."""
    known = [value for value in values if value is not None]
    return sum(known) if known or not values else None


def _task_run(store: Store, row: TaskRow, entry: ResultRow, state: str, paths: dict[str, str]) -> TaskRunReport:
    result, task, folder = entry.result, row.task, store.folder
    return TaskRunReport(
        id=task.id,
        prd=task.prd,
        title=task.goal,
        state=state,
        verdict=result.verdict,
        reason=result.reason,
        requirements=[requirement.id for requirement in task.requirements],
        fingerprint=result.fingerprint,
        base_tree=result.base_tree,
        red_tree=entry.red_tree,
        green_tree=entry.green_tree,
        red=[_observation(item, folder) for item in result.red],
        red_findings=[_finding(item) for item in result.red_findings],
        tests=keep(folder, next((change.text or "" for change in result.tests if change.path == task.test_file), "")),
        test_file=task.test_file,
        written=[_attempt(item, folder) for item in result.written],
        written_tests=keep(folder, next((change.text or "" for change in result.tests if change.path != task.test_file), "")),
        written_file=next((change.path for change in result.tests if change.path != task.test_file), ""),
        baseline=_observation(result.baseline, folder) if result.baseline else None,
        tidied_tree=entry.tidied_tree,
        tidying=_tidying(result.tidying, folder) if result.tidying else None,
        mutation=compose_measures.mutation(result.mutation, result, folder, entry.cycle) if result.mutation else None,
        coverage=compose_measures.coverage(result.coverage) if result.coverage else None,
        flaky=[FlakyReport(test=item.test, detail=item.detail) for item in result.flaky],
        people=[PersonsTestReport(**asdict(item) | {"text": item.text[:4000]}) for item in result.people],
        gone=list(result.gone),
        retired=[RetiredTestReport(test=item.test, how=item.how) for item in result.retired],
        outdated=list(result.outdated),
        stages=[StageReport(step=step, seconds=seconds) for step, seconds in result.stages],
        answers=compose_edits.answers(task, paths.get(task.prd, "")),
        attempts=[_attempt(item, folder) for item in result.attempts],
        proofs=[_proof(item) for item in result.proofs],
        commits=[
            CommitReport(id=commit.id, kind=cast(Any, commit.kind), subject=commit.subject, branch=branch)
            for fingerprint, commit, branch in store.commits(task.id)
            if fingerprint == result.fingerprint
        ],
        question=_question(result.question, paths.get(task.prd, "")),
        started_at=entry.started_at,
        seconds=result.seconds,
        evidence=path_of(task.id, result.fingerprint, entry.cycle) if state == "done" else "",
        ready_at=light.ready_at(store, task.id, entry.started_at),
        worker=result.worker,
    )


def _unworked(row: TaskRow, state: str, reason: str, started_at: str, paths: dict[str, str]) -> TaskRunReport:
    """A task that moved without a cycle: it needs a person, waits behind one that does or for a budget; or it was judged by a run that was killed
    before it could commit it, whose report has all of it."""
    task = row.task
    return TaskRunReport(
        id=task.id,
        prd=task.prd,
        title=task.goal,
        state=state,
        verdict="needs a person" if state == "unclear" else state,
        reason=reason,
        requirements=[requirement.id for requirement in task.requirements],
        fingerprint=task.fingerprint,
        base_tree="",
        red_tree="",
        green_tree="",
        red=[],
        red_findings=[],
        tests=keep(Path(), ""),
        test_file=task.test_file,
        attempts=[],
        proofs=[],
        commits=[],
        question=_question(row.question if state == "unclear" else None, paths.get(task.prd, "")),
        started_at=started_at,
        seconds=0.0,
    )


def _observation(item: Observation, folder: Path) -> ObservationReport:
    return ObservationReport(
        step=item.step,
        what=item.what,
        command=item.command,
        exit_code=item.exit_code,
        outcomes=[
            OutcomeReport(id=outcome.id, outcome=outcome.outcome, kind=outcome.kind, message=outcome.message[:4000], where=outcome.where)
            for outcome in item.outcomes
        ],
        output=keep(folder, item.output),
        seconds=round(item.seconds, 3),
        sandbox=item.sandbox,
        incidents=[IncidentReport(kind=incident.kind, detail=incident.detail[:1000], where=incident.where) for incident in item.incidents],
    )


def _finding(item: Finding) -> FindingReport:
    return FindingReport(gate=item.gate, message=item.message, severity=item.severity, criterion=item.criterion, where=item.where)


def _attempt(item: Attempt, folder: Path) -> AttemptReport:
    return AttemptReport(
        number=item.number,
        verdict=item.verdict,
        role=item.role,
        way=item.way,
        turns=[turn_report(turn, item.role, folder) for turn in item.turns],
        findings=[_finding(finding) for finding in item.findings],
        observations=[_observation(observation, folder) for observation in item.observations],
        diff=keep(folder, item.diff),
    )


def turn_report(turn: AgentTurn, role: str, folder: Path) -> TurnReport:
    return TurnReport(
        role=role,
        agent=turn.agent,
        kind=turn.kind,
        model=turn.model,
        recorded_from=turn.recorded_from,
        stop=turn.stop,
        seconds=round(turn.seconds, 3),
        input_tokens=turn.usage.input_tokens,
        output_tokens=turn.usage.output_tokens,
        usd=turn.usage.usd,
        notes=list(turn.notes),
        transcript=keep(folder, turn.transcript or turn.text),
    )


def _tidying(item: Tidying, folder: Path) -> TidyingReport:
    return TidyingReport(
        triggers=list(item.triggers),
        kept=item.kept,
        reason=item.reason,
        turns=[turn_report(turn, "code", folder) for turn in item.turns],
        findings=[_finding(finding) for finding in item.findings],
        observations=[_observation(observation, folder) for observation in item.observations],
        diff=keep(folder, item.diff),
    )


def _proof(item: Proof) -> ProofReport:
    return ProofReport(
        criterion=item.criterion, level=item.level, tests=list(item.tests), examples=item.examples, held_out=item.held_out, revealed=item.revealed
    )


def _question(question: Question | None, path: str) -> QuestionReport | None:
    return QuestionReport(text=question.text, path=path, lines=list(question.lines)) if question else None


# --- the project as it stands ----------------------------------------------------------------------------------------------


def project_report(store: Store, root: Path, repository: Repository | None, notes: dict[str, tuple[Problem, ...]]) -> ProjectReport:
    """Where the project stands now. `notes`: PRD id → the inbox's notes about it."""
    heads = repository.refs("refs/heads/prd") if repository else {}
    reports, tasks, statuses, target = [], [], [], ""
    gone: list[OrphanReport] = []
    for name, path in light.prds(store).items():
        prd, rows, measured = light.prd(store, name), store.tasks(name), light.mutations(store, name)
        proofs, paths = light.proofs(store, name), {name: path}
        gone += compose_edits.orphans(store, repository, name)
        lines = edits.lineages(store, name)
        by_requirement: dict[str, list[TaskRow]] = {}
        for row in rows:
            for requirement in row.task.requirements if row.state != "retired" else ():
                by_requirement.setdefault(requirement.id, []).append(row)
        requirements = [_requirement(store, requirement, by_requirement.get(requirement.id, []), proofs, lines) for requirement in prd.requirements]
        criteria = [criterion for requirement in requirements for criterion in requirement.criteria]
        target = target or prd.target.repo
        reports.append(
            PrdReport(
                id=prd.id,
                title=prd.title,
                path=prd.path,
                fingerprint=prd.fingerprint,
                branch=f"prd/{prd.id}",
                head=heads.get(f"refs/heads/prd/{prd.id}", ""),
                complete=bool(criteria) and all(criterion.state == "proved" for criterion in criteria),
                context=prd.context,
                requirements=requirements,
                notes=[problem(note) for note in notes.get(prd.id, ())],
                retired=[row.id for row in rows if row.state == "retired"],
                plan=plan_report.plan(store, name),
                edits=compose_edits.told(store, name, requirements),
                phases=phasing.reports(store, prd, rows),
                validation=checked.validation(store, prd.id),
                forecast=took.last(store, prd.id),
                delivery=deliveries.last(store, prd.id),
            )
        )
        tasks += [_task(row, paths, measured.get(row.id)) for row in rows]
        statuses += [mutant.status for item in measured.values() for mutant in item.mutants]
    runs = store.runs()
    turns, kinds = asked(store)
    latest = runs[0]["facts"] if runs else {}
    return ProjectReport(
        project=store.folder.name,
        repo=relative(repository.path, root) if repository else "",
        target=target,
        sandbox=latest.get("sandbox", ""),
        prds=reports,
        tasks=tasks,
        mutation=compose_measures.percent(share(statuses)),
        runs=[_summary(store, row) for row in runs],
        sandbox_reasons=latest.get("sandbox_reasons", []),
        quarantine=[QuarantineReport(**asdict(item)) for item in store.quarantined()],
        spending=spending(store),
        turns=turns,
        agents=agents(store),
        kinds=list(kinds),
        orphans=gone,
    )


def spending(store: Store) -> SpendingReport | None:
    """What the turns of the project used; None when there was none."""
    ledger, project = Ledger(store.folder.parent, Budgets()), store.folder.name
    spent = ledger.spent_by("project", project)
    if not spent.turns and not spent.seconds:
        return None
    tokens, usd = ledger.unknown(project)
    lost = ledger.states(project).get("lost", 0)
    minutes, dollars = round(spent.seconds / 60, 2), round(spent.usd, 4)
    return SpendingReport(turns=spent.turns, tokens=spent.tokens, usd=dollars, minutes=minutes, lost=lost, unknown_tokens=tokens, unknown_usd=usd)


def relative(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _requirement(
    store: Store, requirement: Requirement, rows: list[TaskRow], proofs: dict[str, tuple[str, Proof]], lines: dict[str, list[str]]
) -> RequirementReport:
    """`rows`: its tasks; each of its criteria belongs to one of them. `lines`: task → those that it took the place of."""
    marked = {criterion.id: (criterion, row) for row in rows for criterion in row.task.criteria}
    commits = {row.id: [commit.id for name in (*lines.get(row.id, ()), row.id) for _, commit, _ in store.commits(name)] for row in rows}
    first = rows[0] if rows else None
    told = [(*marked.get(criterion.id, (criterion, first)),) for criterion in requirement.criteria]
    lost = compose_edits.outdated(store, rows, proofs)
    return RequirementReport(
        id=requirement.id,
        key=requirement.key,
        title=requirement.title,
        text=requirement.text,
        line=requirement.line,
        inferred=requirement.inferred,
        module=requirement.module,
        depends_on=[f"{requirement.id.partition('#')[0]}#{key}" for key in requirement.depends_on],
        task=first.id if first else "",
        criteria=[
            _criterion(criterion, row, proofs, commits[row.id] if row else [], *lost.get(criterion.id, ("", ""))).model_copy(
                update={"added": is_added(requirement, criterion)}
            )
            for criterion, row in told
        ],
        tasks=[row.id for row in rows],
        added=list(requirement.added),
    )


def _criterion(
    criterion: Criterion, row: TaskRow | None, proofs: dict[str, tuple[str, Proof]], commits: list[str], why: str, since: str
) -> CriterionReport:
    """`why`: what was proved of it does not count now; `since`: when that was proved."""
    fingerprint, proof = proofs.get(criterion.id, ("", None))
    state: Literal["proved", "unproved", "failing", "outdated", "needs a person"] = "unproved"
    if row is not None and row.state == "done" and proof and fingerprint == row.fingerprint and proof.level != "none":
        state = "proved"
    elif row is not None and row.state == "unclear":
        state = "needs a person"
    elif row is not None and row.state == "failed":
        state = "failing"
    elif proof is not None:
        state = "outdated"
    return CriterionReport(
        id=criterion.id,
        key=criterion.key,
        text=criterion.text,
        line=criterion.line,
        inferred=criterion.inferred,
        examples=len(criterion.examples),
        held_out=sum(example.held_out for example in criterion.examples),
        state=state,
        level=proof.level if proof and state in ("proved", "outdated") else "none",
        tests=list(proof.tests) if proof else [],
        commits=commits if state in ("proved", "outdated") else [],
        task=row.id if row else "",
        proved_at=since if why and state != "proved" else "",
        outdated=why if state != "proved" else "",
        cases=cases(criterion),
    )


def _task(row: TaskRow, paths: dict[str, str], measured: Mutation | None) -> TaskReport:
    task: Task = row.task
    return TaskReport(
        id=row.id,
        prd=row.prd,
        title=task.goal,
        state=row.state,
        reason=row.reason,
        depends_on=list(task.depends_on),
        requirements=[requirement.id for requirement in task.requirements],
        attempts=row.attempts,
        last_run=row.last_run,
        phase=task.phase,
        question=_question(row.question if row.state == "unclear" else None, paths.get(row.prd, "")),
        mutation=compose_measures.percent(score(measured)) if measured else None,
        parked_until=row.parked_until,
    )


def _summary(store: Store, row: dict[str, Any]) -> RunSummary:
    summary = row["facts"].get("summary", {})
    return RunSummary(
        id=row["id"],
        started_at=row["started_at"],
        seconds=summary.get("seconds", 0.0),
        outcome=row["outcome"],
        done=summary.get("done", 0),
        failed=summary.get("failed", 0),
        needs_person=summary.get("needs_person", 0),
        turns=summary.get("turns", 0),
        replayed=summary.get("replayed", False),
        scripted=summary.get("scripted", False),
    )
