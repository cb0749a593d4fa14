"""Would the tests notice? Mutants of what a task changed, after it passed. Survivors go to the tests agent once, then they stand on the report.

It refuses nothing, unless `gates.mutation` asks for a share: then tests that notice too little need a person, for nobody can say what the code
should do where no example and no test looks.
"""

from __future__ import annotations

from dataclasses import replace

from orchestrator.errors import AgentError
from orchestrator.model import Attempt, Change, Finding, Mutation, Question
from orchestrator.run import checks, mutants, mutation, people, turns, write_tests
from orchestrator.run.agents import Agent
from orchestrator.run.bench import Bench, End, Journal
from orchestrator.run.gates import mutation as gate
from orchestrator.run.gates import red, scan, writable
from orchestrator.run.judging import judging


def after(bench: Bench, tests_ladder: tuple[Agent, ...], journal: Journal, end: End) -> End:
    """The end of a cycle that passed, as it stands after mutation. What was found is noted on the bench and with the attempt that passed."""
    work = bench.work
    code = bench.final(end.code)
    threshold = wanted(bench)
    if not work.config.gates.mutants or not code:
        return end
    if _is_as_measured(bench, end.code):
        return end
    bench.begin("mutants")
    bench.mutation = _measure(bench, code)
    if bench.mutation is None:
        return end
    findings = gate.survivors(bench.mutation, threshold)
    if findings and tests_ladder:
        bench.mutation = _strengthen(bench, tests_ladder[0], journal, code, bench.mutation)
        findings = gate.survivors(bench.mutation, threshold)
    if bench.attempts:
        last = bench.attempts[-1]
        bench.attempts[-1] = replace(last, findings=(*last.findings, *findings))
    missed = next((finding.message for finding in findings if finding.severity == "error"), "")
    if not missed:
        return end
    named = [finding.message for finding in findings if finding.severity == "notice"][:5]
    lines = tuple(criterion.line for criterion in work.task.criteria)
    text = f"{missed[:1].upper()}{missed[1:]}. Which example tells these apart? {'; '.join(named)}"
    return End("needs a person", missed, question=Question(text, lines))


def wanted(bench: Bench) -> int | None:
    """The share of mutants that must be noticed, percent: the PRD may only raise what is configured."""
    asked = [share for share in (bench.work.config.gates.mutation, bench.work.prd.gates.mutation) if share is not None]
    return max(asked, default=None)


def _measure(bench: Bench, code: tuple[Change, ...]) -> Mutation | None:
    """The mutants of the functions that the candidate adds or changes; None where it changes no function."""
    sources = {change.path: change.text for change in code if change.text is not None and _is_source(change.path)}
    made = mutants.generate({path: bench.read_base(path) for path in sources}, sources)
    if not made:
        return None
    work, gates = bench.work, bench.work.config.gates
    root = bench.candidate(code)
    tests = (*bench.test_files, *people.files_of(bench.people))
    with judging(first=bench.work.judged is not None):
        return mutation.run(
            root, tests, made, python=work.python, limits=work.config.limits, cap=gates.mutants, seconds=gates.mutation_seconds, roots=bench.roots
        )


def _is_as_measured(bench: Bench, code: tuple[Change, ...]) -> bool:
    """A candidate that is judged again on a branch that only got more files: what was measured before it moved on stands, and is noted."""
    judged = bench.work.judged
    if judged is None or not bench.stands(code) or not bench.attempts:
        return False
    if bool(judged.tidying and judged.tidying.kept) != bool(bench.tidying and bench.tidying.kept):
        return False
    bench.mutation, last = judged.mutation, bench.attempts[-1]
    found = tuple(finding for finding in judged.attempts[-1].findings if finding.gate == "mutation") if judged.attempts else ()
    bench.attempts[-1] = replace(last, findings=(*last.findings, *found))
    return True


def _is_source(path: str) -> bool:
    return path.endswith(".py") and not writable.is_test(path)


def _strengthen(bench: Bench, agent: Agent, journal: Journal, code: tuple[Change, ...], before: Mutation) -> Mutation:
    """One turn for tests that notice the survivors. They are locked when they are fit, RED, GREEN, and notice more; otherwise all stays."""
    number = len(bench.test_attempts) + 1
    told = gate.survivors(before, None)
    try:
        turn, changed = turns.take(
            bench, agent, journal, role="tests", attempt=number, findings=(), start=(*bench.written, *code), step="write_tests",
            template="survivors", writable=(bench.prose_file,), asks=tuple(finding.message for finding in told),
        )  # fmt: skip
    except AgentError:
        return before
    draft, notices = write_tests.sort({change.path: change for change in (*bench.written, *changed)}, bench.prose_file)
    saved = bench.written, bench.named, bench.tests, list(bench.red), list(bench.red_findings)
    findings, after = _try(bench, draft, code, before)
    if after is None:
        bench.written, bench.named, bench.tests, bench.red, bench.red_findings = saved
        message = findings[0].message if findings else "they notice no more than the ones that are there"
        findings = (*findings, Finding("mutation", f"the tests for what nothing noticed were dropped: {message}"))
    refused = any(finding.severity == "error" for finding in findings)
    bench.test_attempts.append(
        Attempt(number, (turn,), draft, bench.diff(draft), "refused" if refused else "passed", (*notices, *findings), (), "tests")
    )
    return after or before


def _try(bench: Bench, draft: tuple[Change, ...], code: tuple[Change, ...], before: Mutation) -> tuple[tuple[Finding, ...], Mutation | None]:
    """(what is wrong with the tests, the mutation with them), None when they are not to be kept."""
    if not draft or draft == bench.written:
        return (Finding("scan", "no test was written"),), None
    keys = tuple(dict.fromkeys((*bench.prose_keys.values(), *(criterion.key for criterion in bench.work.task.criteria))))
    findings = tuple(
        item for item in scan.tests(draft, keys, bench.subject_paths()) if item.severity == "error" and "key without test" not in item.message
    )
    if findings:
        return findings, None
    write_tests.lock(bench, draft)
    observations = checks.observe_red(bench)
    write_tests.take_ids(bench, observations)
    checked = red.judge(observations, bench.wanted, bench.criteria)
    if checked.refused:
        return tuple(item for item in checked.findings if item.severity == "error"), None
    judged = checks.check_green(bench, code, "check_still_green")
    if judged.refused:
        return tuple(item for item in judged.findings if item.severity == "error"), None
    measured = _measure(bench, code)
    if measured is None or (mutation.score(measured) or 0.0) <= (mutation.score(before) or 0.0):
        return (), None
    bench.red, bench.red_findings = list(observations), list(checked.findings)
    return (), measured
