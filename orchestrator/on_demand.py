"""`orchestrator validate`: branches as a whole, looked at because a person asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator import faults, gate, pipeline, validate
from orchestrator.config import Config
from orchestrator.errors import Exit, OrchestratorError, SetupError, UsageError
from orchestrator.model import Plan, Prd
from orchestrator.plan import phases
from orchestrator.run import environment, sandboxes
from orchestrator.run.git import Repository
from orchestrator.save import light, written
from orchestrator.save.health import FILE
from orchestrator.save.store import Store
from orchestrator.save.wholes import BrokenReport, CheckReport, GateReport, ValidationReport


@dataclass(frozen=True)
class What:
    names: tuple[str, ...]
    """PRDs, projects or runs; () for all."""
    phase: int | None = None
    """The gate of this phase, and nothing else."""
    only_dependencies: bool = False


@dataclass(frozen=True)
class Answer:
    """About one PRD; one of the last four is set."""

    prd: str
    validation: ValidationReport | None = None
    gate: GateReport | None = None
    dependencies: CheckReport | None = None
    trouble: OrchestratorError | None = None
    """Why nothing could be looked at."""

    @property
    def exit_code(self) -> Exit:
        if self.trouble is not None:
            return self.trouble.exit_code
        wrong = (self.validation and not self.validation.passed) or (self.gate and not self.gate.passed)
        return Exit.TASK_FAILED if wrong or (self.dependencies and self.dependencies.state == "complaints") else Exit.DONE


def look(root: Path, config: Config, what: What) -> Iterator[Answer]:
    """One answer for each PRD that is meant. Raises UsageError for a name that nothing has."""
    if what.only_dependencies:
        yield from _dependencies(root, config, what.names)
        return
    unknown, looked = set(what.names), False
    for path in sorted(config.folder(root, "runs").glob(f"*/{FILE}")):
        project = path.parent.name
        try:
            with faults.recognised(path), Store(path.parent, read_only=True) as store:
                chosen = tuple(prd.id for prd, plan in store.prds() if _meant(store, prd, plan, what, unknown))
            if chosen:
                looked = True
                with faults.recognised(path), Store(path.parent) as store:
                    yield from _project(store, root, config, chosen, what.phase)
        except OrchestratorError as error:
            looked = True
            yield Answer(project, trouble=error)
    if unknown:
        raise UsageError(
            f"no PRD, project or run is called {', '.join(sorted(unknown))}", hint="`orchestrator status --json` names projects and runs"
        )
    if what.phase is not None and not looked:
        raise UsageError(f"--phase {what.phase}: no PRD that was worked on has tasks in that phase", hint="`orchestrator plan` shows the phases")


def _meant(store: Store, prd: Prd, plan: Plan, what: What, unknown: set[str]) -> bool:
    runs = {*what.names} & {row["id"] for row in store.runs()} if what.names else set()
    of_runs = {run for run in runs if prd.id in light.prds_of(store, run)}
    named = {prd.id, prd.project, *of_runs} & set(what.names)
    unknown -= named | runs
    return bool(not what.names or named) and (what.phase is None or what.phase in phases.numbers(plan.tasks))


def _project(store: Store, root: Path, config: Config, names: tuple[str, ...], phase: int | None) -> Iterator[Answer]:
    for prd, plan in store.prds():
        if prd.id not in names:
            continue
        try:
            if phase is not None:
                yield Answer(prd.id, gate=_gate(store, root, config, prd, plan, phase))
                continue
            report = validate.examine(store, root, config, prd, plan, "")
            validate.record(store, prd, plan, report)
            written.whole(store, root)
            yield Answer(prd.id, validation=report)
        except SetupError as error:
            yield Answer(prd.id, trouble=error)


def _gate(store: Store, root: Path, config: Config, prd: Prd, plan: Plan, number: int) -> GateReport:
    """What the gate of a phase would find now; nothing is recorded, and nothing moves."""
    tree = Repository(store.repository).tree(f"refs/heads/prd/{prd.id}")
    if not tree:
        raise SetupError(f"prd/{prd.id} has no commit yet", hint="`orchestrator run` makes its branch")
    sandboxes.required_level(config.sandbox.require, allow_weak=config.sandbox.allow_weak)
    python = environment.of_tree(Repository(store.repository), tree, prd, config.folder(root, "environments")).python
    report, states = gate.gate_report(store, config, prd, number, python, ""), store.states(prd.id)
    missing = [task.id for task in plan.tasks if task.phase is not None and task.phase <= number and states.get(task.id) != "done"]
    left = [BrokenReport(task=name, what=name, message=f"it is not done: {states.get(name, 'not planned')}") for name in missing]
    return report.model_copy(update={"broken": [*left, *report.broken], "passed": report.passed and not left})


def _dependencies(root: Path, config: Config, names: tuple[str, ...]) -> Iterator[Answer]:
    found, readings = pipeline.inbox(root, config)
    plans = pipeline.plans(found, config, readings)
    if unknown := {*names} - {name for prd, _ in plans for name in (prd.id, prd.project)}:
        raise UsageError(f"no PRD or project is called {', '.join(sorted(unknown))}", hint="`orchestrator plan` names them")
    for prd, plan in plans:
        if not names or {prd.id, prd.project} & {*names}:
            yield Answer(prd.id, dependencies=validate.dependencies(prd, plan))
