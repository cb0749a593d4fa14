"""What a run did with one task, for `portfolio`: tests, stubs, attempts, findings, diffs, transcripts, mutants, in the sizes of real reports."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from orchestrator.save import reports as r

VERBS = ("Lend", "Price", "Count", "Sort", "Print", "Read", "Cap", "Round", "Merge", "Split", "Name", "Rank", "Book", "Cancel", "Remind", "Weigh")
THINGS = (
    "ticket",
    "shelf",
    "receipt",
    "ferry",
    "invoice",
    "parcel",
    "seat",
    "ledger",
    "timetable",
    "coupon",
    "locker",
    "queue",
    "badge",
    "meter",
    "route",
    "tide",
)
SAID = (
    "the answer is rounded to two places",
    "an empty list gives nothing",
    "what is asked for twice is given once",
    "a negative number is refused with `ValueError`",
    "the order of what came in is kept",
    "upper and lower case are the same",
    "nothing is lost between two calls",
    "the last one wins where two are equal",
)
INLINE = 4096


def title(random: Random) -> str:
    return f"{random.choice(VERBS)} a {random.choice(THINGS)}"


def sentence(random: Random) -> str:
    return f"Given a {random.choice(THINGS)} and a {random.choice(THINGS)}, {random.choice(SAID)}."


def prose(random: Random, sentences: int) -> str:
    return " ".join(sentence(random) for _ in range(sentences))


def text(folder: Path, value: str) -> r.Text:
    """As the pipeline keeps texts: what is long stands in the artifacts, by its hash."""
    data = value.encode()
    if len(data) <= INLINE:
        return r.Text(inline=value, size=len(data))
    name = hashlib.sha256(data).hexdigest()
    path = folder / "artifacts" / name[:2] / f"{name}.txt"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return r.Text(inline=value[:INLINE], artifact=path.relative_to(folder).as_posix(), size=len(data))


STAGES = {"prepare": 0.01, "check_red": 0.12, "write_code": 0.55, "check_green": 0.22, "mutants": 0.1}
"""Step → its share of the time of a task."""


def task(
    folder: Path, random: Random, prd: r.PrdReport, requirement: r.RequirementReport, agent: tuple[str, str, str], at: datetime
) -> r.TaskRunReport:
    slug = requirement.id.replace("#", "_").replace("-", "_").lower()
    file = f"tests/test_{slug}.py"
    tests = [f"{file}::test_{each.key.lower()}_{number}" for each in requirement.criteria for number in range(1, random.randint(2, 4))]
    verdict = random.choices(("passed", "already satisfied", "gave up", "needs a person", "parked"), (72, 12, 9, 3, 4))[0]
    worked = verdict in ("passed", "gave up")
    attempts = random.choices((1, 2, 3, 5, 24), (70, 17, 8, 4.5, 0.5))[0] if worked else 0
    made = [
        _attempt(folder, random, requirement, tests, number, passed=verdict == "passed" and number == attempts, agent=agent)
        for number in range(1, attempts + 1)
    ]
    identity = f"{requirement.id} {at.isoformat()}"
    green = verdict in ("passed", "already satisfied")
    seconds = round(random.uniform(4, 90) * max(1, attempts), 2)
    return r.TaskRunReport(
        id=requirement.id,
        prd=prd.id,
        title=requirement.title,
        state={"gave up": "failed", "needs a person": "unclear", "parked": "parked"}.get(verdict, "done"),
        verdict=verdict,
        reason=_reason(random, verdict, attempts, len(tests)),
        requirements=[requirement.id],
        fingerprint=_hex(requirement.id, 64),
        base_tree=_hex(identity + "base", 40),
        red_tree=_hex(identity + "red", 40),
        green_tree=_hex(identity + "green", 40) if green else "",
        red=[_seen(random, "check_red", what, tests, failing=1.0) for what in ("base", "stub None", "stub True", "stub a constant", "stub raises")]
        if worked
        else [],
        red_findings=[],
        tests=text(
            folder, "\n\n\n".join(f"def {name.rpartition('::')[2]}():\n    assert {slug}({index}) == {index * 3}" for index, name in enumerate(tests))
        ),
        test_file=file,
        attempts=made,
        proofs=[_proof(random, each, tests) for each in requirement.criteria] if green else [],
        commits=[
            r.CommitReport(id=_hex(identity + kind, 40), kind=kind, subject=f"{kind}({prd.id}): {requirement.title.lower()}", branch=prd.branch)
            for kind in ("test", "feat")
        ]
        if verdict == "passed"
        else [],
        question=r.QuestionReport(
            text=f"`{slug}(3)` is 9 in one example and 6 in another. Which of the two is meant?",
            path=prd.path,
            lines=[requirement.line, requirement.line + 7],
        )
        if verdict == "needs a person"
        else None,
        started_at=at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        seconds=seconds,
        stages=[r.StageReport(step=step, seconds=round(part * seconds, 2)) for step, part in STAGES.items()] if worked else [],
        mutation=_mutation(random, requirement, tests) if verdict == "passed" else None,
        coverage=r.CoverageReport(share=96.0, counted=25, ran=24, seconds=0.4, asked=True, unrun=[]) if verdict == "passed" else None,
        flaky=[r.FlakyReport(test=tests[0], detail="failed once, then held alone and in the whole suite")] if random.random() < 0.02 else [],
        evidence=f"artifacts/{_hex(identity, 40)}.json" if green else "",
    )


def _reason(random: Random, verdict: str, attempts: int, tests: int) -> str:
    return {
        "passed": f"Attempt {attempts} passed {tests} locked tests, {random.randint(3, 12)} examples at the oracle and the whole suite.",
        "already satisfied": "The base did this already; every gate agreed.",
        "gave up": f"{attempts} attempts were refused; the last: oracle, an answer was {random.randint(1, 9)}, expected {random.randint(10, 19)}.",
        "needs a person": "Two examples contradict each other.",
        "parked": "The agent is rate limited; the next run tries again.",
    }[verdict]


def _attempt(
    folder: Path, random: Random, requirement: r.RequirementReport, tests: list[str], number: int, *, passed: bool, agent: tuple[str, str, str]
) -> r.AttemptReport:
    called, kind, model = agent
    long = random.random() < 0.04
    source = _source(random, requirement, 600 if long else random.randint(8, 40))
    price = None if kind == "recorded" else round(random.uniform(0.001, 0.08), 4)
    turn = r.TurnReport(
        role="code",
        agent=called,
        kind=kind,
        model=model,
        recorded_from="local (qwen2.5-coder-1.5b)" if kind == "recorded" else "",
        stop="stop",
        seconds=round(random.uniform(2, 60), 2),
        input_tokens=random.randint(500, 9000),
        output_tokens=random.randint(80, 2500),
        usd=price,
        notes=[],
        transcript=text(folder, f"# Task: {requirement.title}\n\n{prose(random, 300 if long else 8)}\n\n```python\n{source}\n```\n"),
    )
    examples = [f"{each.id}/{index}" for each in requirement.criteria for index in range(1, each.examples + 1)]
    share = 0.0 if passed else random.uniform(0.2, 0.9)
    seen = [_seen(random, "check_green", "oracle, visible examples", examples, share), _seen(random, "check_green", "locked tests", tests, share)]
    if passed:
        seen.append(
            _seen(
                random, "check_green", "whole suite", [*tests, *(f"tests/test_own.py::test_{index}" for index in range(random.randint(4, 30)))], 0.0
            )
        )
    findings = (
        []
        if passed
        else [
            r.FindingReport(
                gate="oracle",
                message=f"`{requirement.key.lower()}(3)` answered {random.randint(1, 9)}, expected 12",
                severity="error",
                criterion=requirement.criteria[0].id,
                where=f"prds/{requirement.line}",
            )
        ]
    )
    path = requirement.module
    added = "".join(f"+{line}\n" for line in source.split("\n"))
    diff = f"diff --git a/{path} b/{path}\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{added.count(chr(10))} @@\n{added}"
    return r.AttemptReport(
        number=number,
        verdict="passed" if passed else "refused",
        turns=[turn],
        findings=findings,
        observations=seen,
        diff=text(folder, diff),
        way="whole" if number == 1 else "repair",
    )


def _source(random: Random, requirement: r.RequirementReport, lines: int) -> str:
    name = requirement.key.lower()
    body = [
        f"    if value == {random.randint(1, 999)}:\n        return value * {random.randint(2, 9)}  # {random.choice(SAID)}"
        for _ in range(lines // 2)
    ]
    return "\n".join([f'"""{requirement.title}."""\n\n\ndef {name}(value):', *body, "    return value * 3"])


def _seen(random: Random, step: str, what: str, names: list[str], failing: float) -> r.ObservationReport:
    outcomes = [
        r.OutcomeReport(
            id=name, outcome="wrong value", kind="AssertionError", message=f"assert {random.randint(1, 9)} == 12", where="tests/test_it.py:12"
        )
        if random.random() < failing
        else r.OutcomeReport(id=name, outcome="passed", kind="", message="", where="")
        for name in names
    ]
    failed = [outcome for outcome in outcomes if outcome.outcome != "passed"]
    said = "".join(
        f"{'_' * 20} {outcome.id.rpartition('::')[2]} {'_' * 20}\n{outcome.where}: in {outcome.id.rpartition('::')[2]}\n"
        f"    assert answer(value, rounded=True) == 12\nE   {outcome.kind}: {outcome.message}\nE    +  where 5 = <function answer at 0x7fb9>(4)\n"
        for outcome in failed
    )
    output = f"\x1b[1mtest session\x1b[0m\n{said}{len(failed)} failed, {len(outcomes) - len(failed)} passed in 0.05s\n"
    return r.ObservationReport(
        step=step,
        what=what,
        command="python -m pytest tests",
        exit_code=1 if failed else 0,
        outcomes=outcomes,
        output=r.Text(inline=output, size=len(output)),
        seconds=round(random.uniform(0.2, 2), 3),
        sandbox="full",
    )


def _proof(random: Random, criterion: r.CriterionReport, tests: list[str]) -> r.ProofReport:
    level: Any = "held-out" if criterion.held_out else "oracle" if criterion.examples else random.choice(("agent test", "agent test", "human test"))
    own = [name for name in tests if f"::test_{criterion.key.lower()}_" in name]
    return r.ProofReport(criterion=criterion.id, level=level, tests=own, examples=criterion.examples, held_out=criterion.held_out, revealed=0)


def _mutation(random: Random, requirement: r.RequirementReport, tests: list[str]) -> r.MutationReport:
    mutants = [
        r.MutantReport(
            id=_hex(f"{requirement.id} {index}", 12),
            path=requirement.module,
            function=requirement.key.lower(),
            line=index + 2,
            column=7,
            end_line=index + 2,
            end_column=16,
            operator="comparison",
            original=f"value == {index}",
            replacement=f"value != {index}",
            status=(status := random.choices(("killed", "survived", "timeout", "no coverage"), (82, 12, 3, 3))[0]),
            killed_by=[random.choice(tests)] if status == "killed" else [],
        )
        for index in range(random.randint(4, 40))
    ]
    noticed = sum(mutant.status in ("killed", "timeout") for mutant in mutants)
    return r.MutationReport(score=round(100 * noticed / len(mutants), 1), left_out=0, seconds=3.2, mutants=mutants)


def agents(made: Iterable[r.TaskRunReport]) -> list[r.AgentReport]:
    """What each agent did in some tasks."""
    found: dict[tuple[str, str, str], list[tuple[r.TaskRunReport, r.AttemptReport, r.TurnReport]]] = {}
    for each in made:
        for attempt in each.attempts:
            for turn in attempt.turns:
                found.setdefault((turn.agent, turn.kind, turn.model), []).append((each, attempt, turn))
    return [
        r.AgentReport(
            role="code",
            agent=called,
            kind=kind,
            model=model,
            turns=len(did),
            candidates=len(did),
            passed=sum(attempt.verdict == "passed" for _, attempt, _ in did),
            refused=sum(attempt.verdict == "refused" for _, attempt, _ in did),
            solved=sum(attempt.verdict == "passed" for _, attempt, _ in did),
            seconds=round(sum(turn.seconds for _, _, turn in did), 2),
            input_tokens=sum(turn.input_tokens or 0 for _, _, turn in did),
            output_tokens=sum(turn.output_tokens or 0 for _, _, turn in did),
            usd=None if kind == "recorded" else round(sum(turn.usd or 0 for _, _, turn in did), 4),
            unknown_usd=len(did) if kind == "recorded" else 0,
        )
        for (called, kind, model), did in sorted(found.items())
    ]


def _hex(value: str, size: int) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:size]
