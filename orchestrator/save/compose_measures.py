"""Mutants and coverage of a cycle → their part of its report."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from orchestrator.model import Coverage, CycleResult, Mutation
from orchestrator.plan.outline import slug
from orchestrator.run.gates import covered
from orchestrator.run.mutants import score, share
from orchestrator.save import light, mutation_report
from orchestrator.save.files import write_atomically
from orchestrator.save.measure_reports import CoverageReport, MutantReport, MutationReport, StandingReport, UnrunReport
from orchestrator.save.store import Store


def mutation(item: Mutation, result: CycleResult, folder: Path, cycle: int) -> MutationReport:
    """The report, and beside it the document that viewers of mutation tests read."""
    judged = result.attempts[-1].changes if result.attempts else ()
    changes = (*judged, *(result.tidying.changes if result.tidying and result.tidying.kept else ()))
    sources = {change.path: change.text or "" for change in changes}
    tests = {change.path: change.text or "" for change in result.tests}
    path = f"artifacts/mutation/{slug(result.task)}-{result.fingerprint[:12]}-{cycle}.json"
    if not (folder / path).exists():
        write_atomically(folder / path, json.dumps(mutation_report.report(item, sources, tests), indent=1) + "\n")
    mutants = [MutantReport(**asdict(mutant) | {"killed_by": list(mutant.killed_by)}) for mutant in item.mutants]
    return MutationReport(score=percent(score(item)), left_out=item.left_out, seconds=round(item.seconds, 3), mutants=mutants, elements=path)


def coverage(item: Coverage) -> CoverageReport:
    found = covered.share(item)
    return CoverageReport(
        share=None if found is None else round(100 * found, 1),
        counted=item.counted,
        ran=item.ran,
        seconds=round(item.seconds, 3),
        asked=item.asked,
        unrun=[UnrunReport(**asdict(unrun)) for unrun in item.unrun],
    )


def percent(noticed: float | None) -> float | None:
    return None if noticed is None else round(100 * noticed, 1)


def standing(store: Store) -> StandingReport:
    """Where the project stands now, in figures; the same that its report has."""
    requirements = proved = criteria = criteria_proved = 0
    statuses: list[str] = []
    for name in light.prds(store):
        known = light.proved_criteria(store, name)
        for requirement in light.prd(store, name).requirements:
            found = [criterion.id in known for criterion in requirement.criteria]
            requirements, proved = requirements + 1, proved + (bool(found) and all(found))
            criteria, criteria_proved = criteria + len(found), criteria_proved + sum(found)
        statuses += [mutant.status for item in light.mutations(store, name).values() for mutant in item.mutants]
    return StandingReport(
        requirements=requirements,
        requirements_proved=proved,
        criteria=criteria,
        proved=criteria_proved,
        mutation=percent(share(statuses)),
    )
