"""WRITE_TESTS: first from executable examples, without any agent; then an agent's, for criteria that are prose only.

An agent's tests are reviewed (gate `scan`) and must be RED like any other. What is wrong goes back to it, at most `limits.repairs` times; an
answer it has given before ends that. What nobody could test needs a person.
"""

from __future__ import annotations

from orchestrator.errors import AgentError
from orchestrator.model import AgentTurn, Attempt, Change, Finding, Observation, Question
from orchestrator.run import checks, examples, limits, search, turns
from orchestrator.run.agents import Agent
from orchestrator.run.bench import Bench, End, Journal, waits
from orchestrator.run.gates import red, scan


def from_examples(bench: Bench) -> None:
    """The orchestrator's own tests, and those an earlier cycle has locked."""
    task = bench.work.task
    made = (Change(task.test_file, examples.test_file(task, bench.work.prd.path, bench.shown, fresh=bench.fresh)),) if bench.visible else ()
    bench.tests = (*made, *bench.written)


def lock_earlier(bench: Bench) -> None:
    """Tests for prose that an earlier cycle has locked, of the same wording or of one that asked the same, are taken again, without a turn."""
    bench.written = bench.work.written or bench.work.carried
    bench.named = _named(bench, bench.written) if bench.written else {}
    if not bench.work.written and not all(bench.named.get(criterion.id) for criterion in bench.prose):
        bench.written, bench.named = (), {}


def drop_carried(bench: Bench) -> bool:
    """Tests of an earlier wording that prove nothing now are given up; whether there were any."""
    if not bench.written or bench.work.written:
        return False
    bench.written, bench.named = (), {}
    bench.red.clear()
    bench.red_findings.clear()
    from_examples(bench)
    return bool(bench.prose)


def from_prose(bench: Bench, ladder: tuple[Agent, ...], journal: Journal) -> red.Red | End:
    """Locked tests for the criteria that have no example, and what RED says of all tests together; or why a person or a wait is needed.
    `ladder`: who writes them; every answer that is refused climbs a rung."""
    if not ladder:
        return End("needs a person", "nothing executable proves every criterion, and no agent is there to write tests", question=_question(bench, ()))
    first = search.first_rung(bench.work.task.complexity, len(ladder))
    known: set[str] = set()
    findings: tuple[Finding, ...] = ()
    draft: tuple[Change, ...] = ()
    for number in range(1, bench.work.config.limits.repairs + 2):
        try:
            turn, changes = turns.take(
                bench, ladder[min(first + number, len(ladder)) - 1], journal, role="tests", attempt=number, heat=number - 1,
                findings=findings, start=draft,
                step="write_tests", writable=(bench.prose_file,),
                asks=tuple(f"{bench.prose_keys[criterion.id]}: {criterion.text}" for criterion in bench.prose),
            )  # fmt: skip
        except AgentError as error:
            return waits(error)
        draft, notices = sort({change.path: change for change in (*draft, *changes)}, bench.prose_file)
        mark = limits.answer_hash(draft)
        if mark in known:
            repeated = Finding("no progress", "the same tests as before; they were not reviewed again")
            _record(bench, number, turn, draft, (*notices, repeated), ())
            return End("needs a person", "no progress: the tests agent repeated an earlier answer", question=_question(bench, findings))
        known.add(mark)
        checked, findings, observations = _review(bench, draft)
        _record(bench, number, turn, draft, (*notices, *findings), observations)
        if checked is not None:
            return checked
    reason = f"the tests agent's tests were refused {bench.work.config.limits.repairs + 1} times"
    return End("needs a person", reason, question=_question(bench, findings))


def sort(changes: dict[str, Change], path: str) -> tuple[tuple[Change, ...], tuple[Finding, ...]]:
    """(the one file it may write, notices about the others)."""
    notices = tuple(
        Finding("writable roots", f"{other} was {'deleted' if change.text is None else 'written'}: only {path} is asked for; restored", "notice",
                where=other)
        for other, change in changes.items()
        if other != path
    )  # fmt: skip
    return tuple(change for other, change in changes.items() if other == path and change.text is not None), notices


def _review(bench: Bench, draft: tuple[Change, ...]) -> tuple[red.Red | None, tuple[Finding, ...], tuple[Observation, ...]]:
    """(RED of all tests when these are fit to be locked, else None; findings; what was run)."""
    keys = bench.prose_keys
    if not draft:
        return None, (Finding("scan", f"no test was written: {bench.prose_file} does not exist"),), ()
    found = list(scan.tests(draft, tuple(keys.values()), bench.subject_paths()))
    named = _named(bench, draft)
    found += [
        Finding("scan", f"no test names {key}: its docstring must begin with `{key}:`", criterion=criterion)
        for criterion, key in keys.items()
        if not named.get(criterion)
    ]
    if any(finding.severity == "error" for finding in found):
        return None, tuple(found), ()
    before = bench.written, bench.named, bench.tests
    lock(bench, draft)
    observations = checks.observe_red(bench)
    take_ids(bench, observations)
    checked = red.judge(observations, bench.wanted, bench.criteria)
    found += checked.findings
    if checked.refused:
        bench.written, bench.named, bench.tests = before
        return None, tuple(found), observations
    bench.red = list(observations)
    bench.red_findings = list(checked.findings)
    return checked, tuple(found), observations


def lock(bench: Bench, draft: tuple[Change, ...]) -> None:
    """The draft becomes part of the locked tests."""
    bench.written, bench.named = draft, _named(bench, draft)
    from_examples(bench)


def take_ids(bench: Bench, observations: tuple[Observation, ...]) -> None:
    """The node ids of the agent's tests as pytest names them at the base: a parametrised test has several."""
    base = next(item for item in observations if item.what == red.BASE)
    ids = [outcome.id for outcome in base.outcomes]
    bench.named = {key: tuple(test for test in ids if test.partition("[")[0] in nodes) or nodes for key, nodes in bench.named.items()}


def _named(bench: Bench, draft: tuple[Change, ...]) -> dict[str, tuple[str, ...]]:
    """Prose criterion id → node ids (without parameters) of the tests whose docstring names it."""
    by_key = scan.named(draft, tuple(bench.prose_keys.values()))
    return {criterion: tuple(by_key.get(key, ())) for criterion, key in bench.prose_keys.items()}


def _record(
    bench: Bench, number: int, turn: AgentTurn, draft: tuple[Change, ...], findings: tuple[Finding, ...], observations: tuple[Observation, ...]
) -> None:
    refused = any(finding.severity == "error" for finding in findings)
    attempt = Attempt(number, (turn,), draft, bench.diff(draft), "refused" if refused else "passed", findings, observations, "tests")
    bench.test_attempts.append(attempt)


def _question(bench: Bench, findings: tuple[Finding, ...]) -> Question:
    """What a person must say, with the lines of the criteria that nothing proves."""
    prose = bench.prose
    names = ", ".join(f"{criterion.key} (line {criterion.line})" for criterion in prose[:10])
    more = f" and {len(prose) - 10} more" if len(prose) > 10 else ""
    text = f"Nothing executable proves {names}{more}. Which call or command shows it, and what does it answer? Add an example."
    if bench.layout:
        text += f" Or add a test to the repository whose docstring begins with `{prose[0].id}:`, then run `orchestrator retry {bench.work.task.id}`."
    reasons = [finding.message for finding in findings if finding.severity == "error"]
    if reasons:
        text += f" An agent was asked for tests; the last were refused: {reasons[0]}"
    return Question(text, tuple(criterion.line for criterion in prose))
