"""WRITE_CODE: attempt after attempt, each asked for in the way of `search.py`, nearly all from the base and the locked tests."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from orchestrator.errors import AgentError
from orchestrator.model import AgentTurn, Attempt, Change, Example, Finding, Observation, Question, Way
from orchestrator.plan import held_out
from orchestrator.run import briefing, checks, disagree, limits, search, turns, write_tests
from orchestrator.run.agents import Agent
from orchestrator.run.bench import Bench, End, Journal, Returned, waits
from orchestrator.run.gates import red


def candidates(bench: Bench, ladder: tuple[Agent, ...], journal: Journal, findings: tuple[Finding, ...]) -> End:
    """The first candidate that passes every gate, or why there is none. `findings`: what the code at the base does not do yet; `ladder`: the
    agents, first rung first."""
    work = bench.work
    allowed = limits.attempts(work.config, work.prd.budget)
    known = {limits.answer_hash(attempt.changes): attempt for attempt in work.earlier}
    if work.earlier:
        last = work.earlier[-1]
        findings = last.findings
        if last.verdict == "passed":  # on a head that has moved since: judged again on this one, without an agent
            judged = checks.check_green(bench, last.changes)
            findings = judged.findings
            _record(bench, last.number, (), last.changes, findings, judged.observations)
            if not judged.refused:
                return End("passed", f"attempt {last.number} passed every gate on the moved branch too", last.changes)
    allowed += sum(attempt.verdict == "passed" for attempt in work.earlier)
    missed: set[str] = set()
    against = disagree.Against(bench)
    repeats = 0
    for number in range(work.first_attempt, allowed + 1):
        approach = _approach(bench, len(ladder))
        asked = _Asked(bench, ladder[approach.rung], journal, number, findings, repeats, approach.fresh)
        if approach.stop and not asked.is_new:
            return against.end() or End("gave up", "no progress: every approach met the same failure again" + _why(findings))
        if repeats >= work.config.limits.repeats and not asked.is_new:
            return against.end() or End("gave up", f"no progress: {repeats} answers repeated an earlier one" + _why(findings))
        try:
            way, taken, changed = asked.candidate()
        except AgentError as error:
            return waits(error)
        changes, findings = bench.sort(changed)
        mark = limits.answer_hash(changes)
        if mark in known:
            repeats += 1
            before = known[mark]
            message = f"{briefing.REPEATED} {before.number}; it was not tested again" if changes else f"{_nothing(taken)}, again"
            _record(bench, number, taken, changes, (*findings, Finding("no progress", message)), (), way)
            findings = (Finding("no progress", message), *before.findings)
            continue
        nothing = checks.Judged((), (Finding("no progress", _nothing(taken)),))
        judged = checks.check_green(bench, changes) if changes else nothing
        while checked := _mend_tests(bench, judged):
            if checked.refused:
                return End("needs a person", "a revealed example proves nothing as it stands", question=red_question(bench, checked))
            judged = checks.check_green(bench, changes)
        findings = (*findings, *judged.findings)
        known[mark] = _record(bench, number, taken, changes, findings, judged.observations, way)
        if not judged.refused:
            return End("passed", f"attempt {number} passed every gate", changes)
        if end := against.note(mark, judged.findings):
            return end
        if judged.missed:
            missed.add(mark)
            if len(missed) >= 2:
                checked = _reveal(bench, judged.missed[:1])
                if checked.refused:
                    return End("needs a person", "a revealed example proves nothing as it stands", question=red_question(bench, checked))
                known.clear()
                missed.clear()
    if end := against.end():
        return end
    if repeats >= work.config.limits.repeats:
        return End("gave up", f"no progress: {repeats} answers repeated an earlier one" + _why(findings))
    count = len(bench.attempts)
    reason = f"{count} attempt{'s' * (count != 1)} refused, none left" if count else "no attempt is left"
    return End("gave up", reason + _why(findings))


@dataclass(frozen=True)
class _Asked:
    """One candidate that is asked for."""

    bench: Bench
    agent: Agent
    journal: Journal
    number: int
    """Of the attempt."""
    findings: tuple[Finding, ...]
    """About the one before."""
    repeats: int
    fresh: bool

    @property
    def before(self) -> list[Attempt]:
        """What this agent has answered for the task as it is worded."""
        attempts = (*self.bench.work.earlier, *self.bench.attempts)
        return [attempt for attempt in attempts if attempt.turns and attempt.turns[0].agent == self.agent.name]

    @property
    def way(self) -> Way:
        return self.agent.way(self.bench.work.task, self.number, len(self.before), len(self._units))

    @property
    def is_new(self) -> bool:
        """What the ways before met says nothing about it."""
        return search.is_new(self.way, tuple(attempt.way for attempt in self.before))

    @property
    def _units(self) -> tuple[search.Unit, ...]:
        return search.units(self.bench.work.task, self.bench.visible)

    def candidate(self) -> tuple[Way, tuple[AgentTurn, ...], tuple[Change, ...]]:
        """(how it was asked for, the turns that took, what they changed). Raises AgentError; turns that returned are not taken again."""
        before, units, way = self.before, self._units, self.way
        if way == "one function" and len(units) > 1:
            return (way, *self._one_by_one(units, len(before)))
        last = next((attempt.changes for attempt in reversed(before) if attempt.changes), ()) if way == "failure" else ()
        broken = tuple(dict.fromkeys(finding.criterion for finding in self.findings if finding.criterion)) if way == "failure" else ()
        findings = () if way == "fresh" else self.findings
        turn, changed = self._take(way, len(before), findings=findings, start=last, only=broken, repeats=self.repeats, fresh=self.fresh)
        return way, (turn,), _over(last, changed)

    def _one_by_one(self, units: tuple[search.Unit, ...], heat: int) -> tuple[tuple[AgentTurn, ...], tuple[Change, ...]]:
        """A turn for each function or class, each going on from what the ones before have written."""
        taken: list[AgentTurn] = []
        changed: tuple[Change, ...] = ()
        for turn, unit in enumerate(units, 1):
            about = tuple(finding for finding in self.findings if finding.criterion in unit.criteria)
            before = {change.path: change.text for change in changed}
            done, answered = self._take("one function", heat, turn=turn, findings=about, start=changed, only=unit.criteria, unit=unit.name)
            found, notes = _joined(before, answered)
            changed = _over(changed, found)
            taken.append(replace(done, notes=(*done.notes, *notes)))
        return tuple(taken), changed

    def _take(self, way: Way, heat: int, **how: Any) -> Returned:
        return turns.take(self.bench, self.agent, self.journal, role="code", attempt=self.number, way=way, heat=heat, **how)


def _over(earlier: tuple[Change, ...], later: tuple[Change, ...]) -> tuple[Change, ...]:
    """What both change, the later one where both change a file: a turn that went on from changes says what it changes in them."""
    return tuple(sorted({change.path: change for change in (*earlier, *later)}.values(), key=lambda change: change.path))


def _joined(before: dict[str, str | None], answered: tuple[Change, ...]) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """(an answer with what it left out of the functions written in the turns before, notes that say so)."""
    found, notes = [], []
    for change in answered:
        earlier = before.get(change.path)
        text, names = search.kept(earlier, change.text) if earlier and change.text is not None else (change.text, ())
        found.append(replace(change, text=text))
        if names:
            notes.append(f"{change.path}: {', '.join(names)}, written before and left out of this answer, was put back")
    return tuple(found), tuple(notes)


def _approach(bench: Bench, rungs: int) -> limits.Approach:
    """What the attempts at this wording so far ask for."""
    refused = (attempt for attempt in (*bench.work.earlier, *bench.attempts) if attempt.verdict == "refused")
    signatures = [limits.signature(attempt.findings) for attempt in refused]
    first = search.first_rung(bench.work.task.complexity, rungs)
    return limits.approach(signatures, bench.work.config.limits.signatures, rungs, first)


def _nothing(taken: tuple[AgentTurn, ...]) -> str:
    """What became of an answer that changed no source file."""
    if any(turn.stop == "length" for turn in taken):
        return "the answer came to its token limit before a file was whole, and nothing of it was taken: it must be shorter"
    return "no source file was changed"


def _why(findings: tuple[Finding, ...]) -> str:
    """The first real reason among findings, to go behind a sentence."""
    first = next((finding for finding in findings if finding.severity == "error" and finding.gate != "no progress"), None)
    return f"; the last: {first.message}" if first else ""


def _mend_tests(bench: Bench, judged: checks.Judged) -> red.Red | None:
    """Where examples hold and yet their tests do not, what parts them is mended, once each: modules that remember something from test to test,
    then sessions that leave hidden questions out. RED of the mended tests, or None when there is nothing to mend."""
    only_tests = {finding.gate for finding in judged.findings if finding.severity == "error"} == {"green"}
    if only_tests and not bench.fresh and bench.visible:
        bench.fresh = True
        return _reveal(bench, ())
    if (only_tests or judged.needs_sessions) and bench.shown != bench.visible:
        return _reveal(bench, tuple(example.id for example in bench.hidden if _is_on_the_way(bench, example)))
    return None


def _is_on_the_way(bench: Bench, hidden: Example) -> bool:
    return any(held_out.shown(example, (hidden,)) != example for example in bench.visible)


def _reveal(bench: Bench, names: tuple[str, ...]) -> red.Red:
    """Held-out examples become visible, locked tests (two different candidates missed one; or a session needs them), and RED is checked again."""
    bench.revealed |= set(names)
    write_tests.from_examples(bench)
    return checks.check_red(bench)


def _record(
    bench: Bench,
    number: int,
    turns_taken: tuple[AgentTurn, ...],
    changes: tuple[Change, ...],
    findings: tuple[Finding, ...],
    observations: tuple[Observation, ...],
    way: Way | Literal[""] = "",
) -> Attempt:
    refused = any(finding.severity == "error" for finding in findings)
    attempt = Attempt(number, turns_taken, changes, bench.diff(changes), "refused" if refused else "passed", findings, observations, way=way)
    bench.attempts.append(attempt)
    return attempt


def red_question(bench: Bench, checked: red.Red) -> Question:
    """What a person must say when the examples prove nothing as they stand."""
    lines = {criterion.id: criterion.line for criterion in bench.work.task.criteria}
    errors = [finding for finding in checked.findings if finding.severity == "error"]
    concerned = sorted({lines[finding.criterion] for finding in errors if finding.criterion in lines})
    if not any("would satisfy every test" in finding.message for finding in errors):
        return Question(" ".join(finding.message + "." for finding in errors[:5]), tuple(concerned))
    every = tuple(sorted(lines.values()))
    return Question(" ".join(finding.message[:1].upper() + finding.message[1:] + "." for finding in errors[:3]), every)
