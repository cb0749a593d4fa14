"""One turn of an agent: a brief, a workspace, and what it changed there, or the replay of all that from the journal."""

from __future__ import annotations

from orchestrator.model import AgentTurn, Change, Finding, Role, Step
from orchestrator.run import limits, stubs
from orchestrator.run.agents import Agent, workspace
from orchestrator.run.bench import Bench, Journal, Returned
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
    asks: tuple[str, ...] = (),
    template: str = "",
) -> Returned:
    """The turn, and what it changes against the base with the locked tests and `start`. Raises AgentError; the PRD's spending goes on."""
    work = bench.work
    place = bench.workspace(start)
    before = workspace.read(place)
    writable = writable or bench.writable()
    workspace.make_room(place, writable)
    wanted = (*writable, *bench.writable(), *(stubs.locate(path, bench.read_base, bench.roots) for path in work.builds_on))
    shown = tuple(before[path] for path in list(dict.fromkeys(path for path in wanted if path in before))[:SHOWN])
    brief = render(
        work.task, work.prd, attempt, turn, role, tuple(finding for finding in findings if _to_mend(finding)), shown, writable,
        revealed=frozenset(bench.revealed), repeats=repeats, step=step, asks=asks,
        template=template,
    )  # fmt: skip

    def perform() -> Returned:
        taken = agent.turn(brief, place)
        return taken, workspace.difference(before, workspace.read(place))

    taken, changes = journal.turn(f"{role} {attempt}.{turn}", perform)
    bench.spent += spent(taken)
    return taken, changes


def spent(turn: AgentTurn) -> limits.Spent:
    usage = turn.usage
    return limits.Spent(turn.seconds, (usage.input_tokens or 0) + (usage.output_tokens or 0), usage.usd or 0.0)


def _to_mend(finding: Finding) -> bool:
    """An agent is told what refused its answer and what was restored, not every notice."""
    return finding.severity == "error" or finding.gate in ("writable roots", "locked tests")
