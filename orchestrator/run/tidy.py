"""TIDY and CHECK_STILL_GREEN: one proposal by the agent, when a figure asks for it; gates and figures decide. It never fails a task."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.errors import AgentError, NoTurn, SetupError
from orchestrator.model import Change, Tidying
from orchestrator.run import checks, limits, turns
from orchestrator.run.agents import Agent, workspace
from orchestrator.run.bench import Bench, Journal
from orchestrator.run.gates import metrics


def after(bench: Bench, agent: Agent, journal: Journal, code: tuple[Change, ...]) -> None:
    """Ask for a tidier form of the candidate that passed, and note on the bench what became of it. Nothing asks for it: nothing is done."""
    work = bench.work
    if work.judged and work.is_judged_again(code):
        bench.tidying = _again(bench, work.judged.tidying, code)
        return
    before = metrics.smells(code, work.config.tidy)
    base = tuple(bench.before[change.path] for change in code if change.path in bench.before)
    triggers = tuple(smell.what for smell in metrics.added(metrics.smells(base, work.config.tidy), before))
    if not triggers or not work.config.tidy.enabled:
        return
    bench.tidying = _propose(bench, agent, journal, code, before, triggers)


def _again(bench: Bench, tidying: Tidying | None, code: tuple[Change, ...]) -> Tidying | None:
    """What was proposed before the branch moved on: nobody is asked again, and what was kept must hold on the new head."""
    if tidying is None or not tidying.kept:
        return replace(tidying, turns=()) if tidying else None
    judged, _ = _judged(bench, workspace.difference(bench.before, _merged(bench, code, tidying.changes)))
    kept, reason = not judged.refused, "on the moved branch too" if not judged.refused else f"dropped on the moved branch: {_first(judged)}"
    return replace(tidying, turns=(), kept=kept, reason=f"{tidying.reason} ({reason})", observations=judged.observations)


def _judged(bench: Bench, tidied: tuple[Change, ...]) -> tuple[checks.Judged, bool]:
    """(what the gates say of a tidied form, whether it is to be kept). Raises SetupError."""
    capped, flaky, coverage = set(bench.capped), dict(bench.flaky), bench.coverage
    judged = checks.check_green(bench, tidied, "check_still_green")
    if judged.refused:
        bench.capped, bench.flaky, bench.coverage = capped, flaky, coverage
    return judged, not judged.refused


def _first(judged: checks.Judged) -> str:
    return next((finding.message for finding in judged.findings if finding.severity == "error"), "")


def _propose(
    bench: Bench, agent: Agent, journal: Journal, code: tuple[Change, ...], before: tuple[metrics.Smell, ...], triggers: tuple[str, ...]
) -> Tidying:
    work = bench.work
    asked_of = tuple(change.path for change in code if change.text is not None)
    number = bench.attempts[-1].number
    after_it = limits.tidy_turn(number, bench.attempts)
    try:
        turn, changed = turns.take(
            bench, agent, journal, role="code", attempt=number, turn=after_it, findings=(), step="tidy",
            template="tidy", start=code,
            writable=asked_of, asks=triggers,
        )  # fmt: skip
    except NoTurn as error:
        return Tidying(triggers, False, f"not asked: {error.message}")
    except AgentError as error:
        return Tidying(triggers, False, f"no answer: {error}")
    proposed, notices = bench.sort(changed)
    if not proposed:
        return Tidying(triggers, False, "dropped: nothing was proposed", (turn,), findings=notices)
    tidied = workspace.difference(bench.before, _merged(bench, code, proposed))
    diff = bench.diff(proposed, code)
    if not metrics.better(before, metrics.smells(tidied, work.config.tidy)):
        return Tidying(triggers, False, "dropped: the figures are no better", (turn,), proposed, diff, notices)
    try:
        judged, kept = _judged(bench, tidied)
    except SetupError as error:
        return Tidying(triggers, False, f"dropped: it could not be checked: {error}", (turn,), proposed, diff, notices)
    reason = "kept: every gate passed and the figures are better" if kept else f"dropped: {_first(judged)}"
    return Tidying(triggers, kept, reason, (turn,), proposed, diff, (*notices, *judged.findings), judged.observations)


def _merged(bench: Bench, code: tuple[Change, ...], proposed: tuple[Change, ...]) -> dict[str, Change]:
    """The base's files with the candidate and then the proposal applied, by path."""
    files = dict(bench.before)
    for change in (*code, *proposed):
        if change.text is None:
            files.pop(change.path, None)
        else:
            files[change.path] = change
    return files
