"""One turn of an agent: a brief, a workspace, and what it changed there, or the replay of all that from the journal."""

from __future__ import annotations

import os
from dataclasses import replace

from orchestrator.errors import AgentError
from orchestrator.model import Change, Finding, Role, Step, Way
from orchestrator.run import people, redaction, stubs
from orchestrator.run.agents import Agent, workspace
from orchestrator.run.bench import Bench, Journal, Request, Returned
from orchestrator.run.briefing import render

SHOWN = 12
"""Files an agent that cannot look itself is shown."""


def take(
    bench: Bench,
    agent: Agent,
    journal: Journal,
    *,
    role: Role,
    attempt: int,
    findings: tuple[Finding, ...],
    turn: int = 1,
    step: Step = "write_code",
    start: tuple[Change, ...] = (),
    writable: tuple[str, ...] = (),
    repeats: int = 0,
    fresh: bool = False,
    way: Way = "whole",
    heat: int = 0,
    only: tuple[str, ...] = (),
    unit: str = "",
    asks: tuple[str, ...] = (),
    template: str = "",
) -> Returned:
    """The turn, and what it changes against the base with the locked tests and `start`. Raises AgentError, also where a budget stands before it."""
    work = bench.work
    bench.enter("queue")
    place = bench.workspace(start)
    before = workspace.read(place)
    writable = writable or bench.writable()
    workspace.make_room(place, writable)
    wanted = (
        *writable,
        *bench.writable(),
        *(stubs.locate(path, bench.read_base, bench.roots) for path in work.builds_on),
        *people.to_be_read(bench.people),
    )
    shown = tuple(before[path] for path in list(dict.fromkeys(path for path in wanted if path in before))[:SHOWN])
    brief = render(
        work.task, work.prd, attempt, turn, role, tuple(finding for finding in findings if _to_mend(finding)), shown, writable,
        revealed=frozenset(bench.revealed), repeats=repeats, fresh=fresh, step=step, asks=asks,
        template=template, people=bench.people, way=way, heat=heat, only=only, unit=unit,
    )  # fmt: skip
    brief = replace(brief, python=str(work.python))

    secret = redaction.of(work.config)
    clean = secret.cleaner(os.environ)

    def perform(seconds: float | None) -> Returned:
        bench.enter(step)
        try:
            taken = agent.turn(brief, place, seconds)
        except AgentError as error:
            redaction.error(error, clean)
            raise
        changed, notes = secret.files(workspace.difference(before, workspace.read(place)), os.environ)
        return redaction.turn(replace(taken, notes=(*taken.notes, *notes)), clean), changed

    return journal.turn(Request(role, attempt, turn, step, agent.name, agent.kind, agent.most(brief)), perform)


def _to_mend(finding: Finding) -> bool:
    """An agent is told what refused its answer and what was restored, not every notice."""
    return finding.severity == "error" or finding.gate in ("writable roots", "locked tests")
