"""Rows → report models: what the store knows, as the JSON that the site and other tools read."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, cast

from orchestrator.config import Budgets
from orchestrator.model import (
    AgentTurn,
    Attempt,
    Coverage,
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
from orchestrator.plan.outline import slug
from orchestrator.run.gates import covered
from orchestrator.run.git import Repository
from orchestrator.run.mutants import score
from orchestrator.save import mutation_report
from orchestrator.save.evidence import path_of
from orchestrator.save.files import keep, write_atomically
from orchestrator.save.ledger import Ledger
from orchestrator.save.overview import asked
from orchestrator.save.reports import (
    AttemptReport,
    CommitReport,
    CoverageReport,
    CriterionReport,
    FindingReport,
    FlakyReport,
    IncidentReport,
    MutantReport,
    MutationReport,
    ObservationReport,
    OutcomeReport,
    PersonsTestReport,
    PrdReport,
    ProblemReport,
    ProjectReport,
    ProofReport,
    QuarantineReport,
    QuestionReport,
    RequirementReport,
    RunReport,
    RunSummary,
    SpendingReport,
    TaskReport,
    TaskRunReport,
    TidyingReport,
    TurnReport,
    UnrunReport,
)
from orchestrator.save.store import ResultRow, Store, TaskRow

Outcome = Literal["done", "failed", "needs a person", "parked", "interrupted"]


def problem(found: Problem) -> ProblemReport:
    return ProblemReport(path=found.path, line=found.line, code=found.code, message=found.message, hint=found.hint, severity=found.severity)


# --- one run -------------------------------------------------------------------------------------------------------------


def run_report(store: Store, run: str) -> RunReport:
    """Everything one run did. The tasks are those it has a result for, or moved to a state that needs a person."""
    row = next(entry for entry in store.runs() if entry["id"] == run)
    facts = row["facts"]
    rows = {task.id: task for task in store.tasks()}
    paths = {prd.id: prd.path for prd, _ in store.prds()}
    ended = {task: (state, reason) for task, state, reason in store.events(run)}
    results = store.results_of(run)
    last = {entry.result.task: entry for entry in results}
    told = [entry for entry in results if entry.result.task in rows and (entry is last[entry.result.task] or _has_something(entry.result))]
    tasks = [_task_run(store, rows[entry.result.task], entry, ended, paths) for entry in told]
    worked = {task.id for task in tasks}
    for name, (state, reason) in ended.items():
        if name in rows and name not in worked and state in ("unclear", "skipped", "retired", "parked", "failed", "done"):
            tasks.append(_unworked(rows[name], state, reason, row["started_at"], paths))
    turns = [turn for task in tasks for turn in _turns(task)]
    return RunReport(
        id=run,
        project=store.folder.name,
        prds=sorted({task.prd for task in tasks}),
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        outcome=row["outcome"],
        continued=row["continued"],
        sandbox=facts.get("sandbox", ""),
        sandbox_reasons=facts.get("sandbox_reasons", []),
        tools=facts.get("tools", {}),
        environment=facts.get("environment", ""),
        tasks=tasks,
        turns=len(turns),
        input_tokens=_sum([turn.input_tokens for turn in turns]),
        output_tokens=_sum([turn.output_tokens for turn in turns]),
        usd=_sum([turn.usd for turn in turns]),
        replayed=any(turn.kind == "recorded" for turn in turns),
        scripted=any(turn.kind == "scripted" for turn in turns),
    )


def _has_something(result: CycleResult) -> bool:
    """A cycle that only waited, and was followed by another one in the same run, is not worth telling."""
    return bool(result.attempts or result.written or result.verdict != "parked")


def _turns(task: TaskRunReport) -> list[TurnReport]:
    """Everything that was asked of agents for a task."""
    found = [turn for answer in (*task.written, *task.attempts) for turn in answer.turns]
    return [*found, *(task.tidying.turns if task.tidying else [])]


def _sum(values: list[Any]) -> Any:
    """The sum of what is known; None when nothing is known and something was asked."""
    known = [value for value in values if value is not None]
    return sum(known) if known or not values else None


def _task_run(store: Store, row: TaskRow, entry: ResultRow, ended: dict[str, tuple[str, str]], paths: dict[str, str]) -> TaskRunReport:
    result, task, folder = entry.result, row.task, store.folder
    state = ended.get(task.id, (row.state, ""))[0]
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
        mutation=_mutation(result.mutation, result, folder, entry.cycle) if result.mutation else None,
        coverage=_coverage(result.coverage) if result.coverage else None,
        flaky=[FlakyReport(test=item.test, detail=item.detail) for item in result.flaky],
        people=[PersonsTestReport(**asdict(item) | {"text": item.text[:4000]}) for item in result.people],
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
        turns=[_turn(turn, item.role, folder) for turn in item.turns],
        findings=[_finding(finding) for finding in item.findings],
        observations=[_observation(observation, folder) for observation in item.observations],
        diff=keep(folder, item.diff),
    )


def _turn(turn: AgentTurn, role: str, folder: Path) -> TurnReport:
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
        turns=[_turn(turn, "code", folder) for turn in item.turns],
        findings=[_finding(finding) for finding in item.findings],
        observations=[_observation(observation, folder) for observation in item.observations],
        diff=keep(folder, item.diff),
    )


def _mutation(item: Mutation, result: CycleResult, folder: Path, cycle: int) -> MutationReport:
    """The report, and beside it the document that viewers of mutation tests read."""
    judged = result.attempts[-1].changes if result.attempts else ()
    changes = (*judged, *(result.tidying.changes if result.tidying and result.tidying.kept else ()))
    sources = {change.path: change.text or "" for change in changes}
    tests = {change.path: change.text or "" for change in result.tests}
    path = f"artifacts/mutation/{slug(result.task)}-{result.fingerprint[:12]}-{cycle}.json"
    if not (folder / path).exists():
        write_atomically(folder / path, json.dumps(mutation_report.report(item, sources, tests), indent=1) + "\n")
    mutants = [MutantReport(**asdict(mutant) | {"killed_by": list(mutant.killed_by)}) for mutant in item.mutants]
    return MutationReport(score=_percent(item), left_out=item.left_out, seconds=round(item.seconds, 3), mutants=mutants, elements=path)


def _coverage(item: Coverage) -> CoverageReport:
    found = covered.share(item)
    return CoverageReport(
        share=None if found is None else round(100 * found, 1),
        counted=item.counted,
        ran=item.ran,
        seconds=round(item.seconds, 3),
        asked=item.asked,
        unrun=[UnrunReport(**asdict(unrun)) for unrun in item.unrun],
    )


def _percent(item: Mutation) -> float | None:
    share = score(item)
    return None if share is None else round(100 * share, 1)


def _proof(item: Proof) -> ProofReport:
    return ProofReport(
        criterion=item.criterion, level=item.level, tests=list(item.tests), examples=item.examples, held_out=item.held_out, revealed=item.revealed
    )


def _question(question: Question | None, path: str) -> QuestionReport | None:
    return QuestionReport(text=question.text, path=path, lines=list(question.lines)) if question else None


# --- the project as it stands ----------------------------------------------------------------------------------------------


def project_report(store: Store, root: Path, repository: Repository | None, notes: dict[str, tuple[Problem, ...]]) -> ProjectReport:
    """Where the project stands now. `notes`: PRD id → the inbox's notes about it."""
    rows = store.tasks()
    prds = store.prds()
    paths = {prd.id: prd.path for prd, _ in prds}
    proofs = store.proofs()
    by_requirement = {requirement.id: row for row in rows if row.state != "retired" for requirement in row.task.requirements}
    reports = []
    for prd, _ in prds:
        head = repository.resolve(f"refs/heads/prd/{prd.id}") if repository else ""
        requirements = [_requirement(store, requirement, by_requirement.get(requirement.id), proofs) for requirement in prd.requirements]
        criteria = [criterion for requirement in requirements for criterion in requirement.criteria]
        reports.append(
            PrdReport(
                id=prd.id,
                title=prd.title,
                path=prd.path,
                fingerprint=prd.fingerprint,
                branch=f"prd/{prd.id}",
                head=head,
                complete=bool(criteria) and all(criterion.state == "proved" for criterion in criteria),
                context=prd.context,
                requirements=requirements,
                notes=[problem(note) for note in notes.get(prd.id, ())],
                retired=[row.id for row in rows if row.prd == prd.id and row.state == "retired"],
            )
        )
    results = {row.id: store.result(row.id, row.fingerprint) for row in rows if row.state == "done"}
    measured = {name: entry.result.mutation for name, entry in results.items() if entry and entry.result.mutation}
    runs = store.runs()
    turns, kinds = asked(store)
    latest = runs[0]["facts"] if runs else {}
    return ProjectReport(
        project=store.folder.name,
        repo=_relative(repository.path, root) if repository else "",
        target=next((prd.target.repo for prd, _ in prds if prd.target.repo), ""),
        sandbox=latest.get("sandbox", ""),
        prds=reports,
        tasks=[_task(row, paths, measured.get(row.id)) for row in rows],
        mutation=_percent(Mutation(tuple(mutant for item in measured.values() for mutant in item.mutants), 0, 0.0)),
        runs=[_summary(store, row) for row in runs],
        sandbox_reasons=latest.get("sandbox_reasons", []),
        quarantine=[QuarantineReport(**asdict(item)) for item in store.quarantined()],
        spending=_spending(Ledger(store.folder.parent, Budgets()), store.folder.name),
        turns=turns,
        kinds=list(kinds),
    )


def _spending(ledger: Ledger, project: str) -> SpendingReport | None:
    spent = ledger.spent_by("project", project)
    if not spent.turns and not spent.seconds:
        return None
    tokens, usd = ledger.unknown(project)
    lost = ledger.states(project).get("lost", 0)
    minutes, dollars = round(spent.seconds / 60, 2), round(spent.usd, 4)
    return SpendingReport(turns=spent.turns, tokens=spent.tokens, usd=dollars, minutes=minutes, lost=lost, unknown_tokens=tokens, unknown_usd=usd)


def _relative(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _requirement(store: Store, requirement: Requirement, row: TaskRow | None, proofs: dict[str, tuple[str, Proof]]) -> RequirementReport:
    marked = {criterion.id: criterion for criterion in row.task.criteria} if row else {}
    commits = [commit.id for _, commit, _ in store.commits(row.id)] if row else []
    return RequirementReport(
        id=requirement.id,
        key=requirement.key,
        title=requirement.title,
        text=requirement.text,
        line=requirement.line,
        inferred=requirement.inferred,
        module=requirement.module,
        depends_on=[f"{requirement.id.partition('#')[0]}#{key}" for key in requirement.depends_on],
        task=row.id if row else "",
        criteria=[_criterion(marked.get(criterion.id, criterion), row, proofs, commits) for criterion in requirement.criteria],
    )


def _criterion(criterion: Criterion, row: TaskRow | None, proofs: dict[str, tuple[str, Proof]], commits: list[str]) -> CriterionReport:
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
        question=_question(row.question if row.state == "unclear" else None, paths.get(row.prd, "")),
        mutation=_percent(measured) if measured else None,
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


# --- JUnit XML -------------------------------------------------------------------------------------------------------------


def junit(report: RunReport) -> str:
    """The run's last observation of every test and example, as JUnit XML: a suite per task."""
    from xml.etree import ElementTree

    top = ElementTree.Element("testsuites", name=report.id)
    for task in report.tasks:
        cases: dict[str, OutcomeReport] = {}
        final = task.tidying.observations if task.tidying and task.tidying.kept else []
        observations = [*task.red, *(observation for attempt in task.attempts for observation in attempt.observations), *final]
        for observation in observations:
            if observation.step != "check_red":
                cases |= {outcome.id: outcome for outcome in observation.outcomes}
        failed = [outcome for outcome in cases.values() if outcome.outcome != "passed"]
        suite = ElementTree.SubElement(
            top, "testsuite", name=task.id, tests=str(len(cases)), failures=str(len(failed)), errors="0", skipped="0", time=f"{task.seconds:.3f}",
            timestamp=task.started_at.removesuffix("Z").partition(".")[0],
        )  # fmt: skip
        for outcome in cases.values():
            case = ElementTree.SubElement(suite, "testcase", classname=_clean(task.id), name=_clean(outcome.id), time="0")
            if outcome.outcome != "passed":
                failure = ElementTree.SubElement(case, "failure", type=_clean(outcome.kind or outcome.outcome), message=_clean(outcome.message[:500]))
                failure.text = _clean(outcome.message)
    ElementTree.indent(top)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(top, encoding="unicode") + "\n"


def _clean(text: str) -> str:
    """Without the characters XML 1.0 cannot hold."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "�", text)
