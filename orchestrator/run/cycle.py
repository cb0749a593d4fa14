"""run_cycle(): the only performer of steps. One task, one base, a ladder of agents; from data to data.

    WRITE_TESTS ─▶ CHECK_RED ─▶ WRITE_CODE ─▶ CHECK_GREEN ─▶ TIDY ─▶ CHECK_STILL_GREEN ─▶ PASSED
         ▲  findings │               ▲  findings │             └─ worse? dropped, the candidate stays
         └───────────┘               └───────────┘   bounded by attempts, budget and repetition

After that, mutants of what was changed say whether the tests would notice. What no example runs was seen on the way, and a share may be asked for.

It works in a throwaway folder, never sees the database, never changes the working directory. Its one side channel is the journal.
write_tests.py, checks.py, write_code.py, tidy.py, mutate.py and cover.py hold the steps, bench.py what they share.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.errors import SetupError
from orchestrator.model import Change, CycleResult, Proof, RetiredTest
from orchestrator.plan.held_out import call_form, outcome_kind
from orchestrator.run import (
    checks,
    cover,
    environment,
    examples,
    layout,
    mutate,
    people,
    redaction,
    sandboxes,
    scratch,
    test_files,
    tidy,
    write_code,
    write_tests,
)
from orchestrator.run.agents import Agent, workspace
from orchestrator.run.bench import Bench, End, Journal, Work
from orchestrator.run.gates import writable
from orchestrator.run.git import Repository


def run_cycle(work: Work, ladder: tuple[Agent, ...], journal: Journal, tests_ladder: tuple[Agent, ...] = ()) -> CycleResult:
    """Work on one task until it passes, gives up, needs a person or has to wait. `ladder`: who writes the code, first rung first; it may be empty,
    and the tests agent None, while no turn of theirs is needed."""
    started = time.monotonic()
    with opened(work) as bench:
        bench.journal = journal
        try:
            end = _steps(bench, ladder, tests_ladder, journal)
        except SetupError as error:
            end = End("parked", str(error))
        finally:
            for each in (*ladder, *tests_ladder):
                each.close()
    bench.enter("")
    passed = end.verdict in ("passed", "already satisfied")
    told = CycleResult(
        task=work.task.id,
        fingerprint=work.task.fingerprint,
        base_tree=work.base,
        verdict=end.verdict,
        reason=end.reason,
        tests=bench.tests,
        code=end.code if passed else (),
        red=tuple(bench.red),
        red_findings=(*bench.strangers, *bench.red_findings),
        attempts=tuple(bench.attempts),
        proofs=proofs(bench) if passed else (),
        revealed=tuple(sorted(bench.revealed)),
        seconds=time.monotonic() - started,
        sandbox=sandboxes.level().name,
        question=end.question,
        until=end.until,
        cause=end.cause,
        written=tuple(bench.test_attempts),
        baseline=bench.baseline if work.own_suite else None,
        tidying=bench.tidying,
        mutation=bench.mutation,
        coverage=bench.coverage,
        flaky=tuple(bench.flaky.values()),
        fresh=bench.fresh,
        people=bench.people,
        gone=(gone := tuple(path for path in bench.gone if path not in bench.test_files)),
        retired=_retired(bench, gone) if passed else (),
        outdated=tuple(sorted(path for path in work.outdated if path in bench.before)),
        stages=tuple((step, round(seconds, 3)) for step, seconds in bench.times.items()),
    )
    return redaction.result(told, redaction.of(work.config).cleaner(os.environ))


@contextmanager
def opened(work: Work) -> Iterator[Bench]:
    """The workbench of a task, with its throwaway folders."""
    with scratch.folder("cycle") as folder:
        base = folder / "base"
        base.mkdir()
        Repository(work.repository).materialise(work.base, base)
        gone = tuple(path for path in work.gone if (base / path).is_file())
        workspace.apply(base, tuple(Change(path, None) for path in gone))
        files = workspace.read(base)
        own = layout.detect(tuple(sorted(files)), lambda path: files[path].text if path in files else None) if work.own_suite else None
        workspace.apply(base, own.generated if own else ())
        before = {path: change for path, change in workspace.read(base).items() if not writable.is_ours(path)}
        bench = Bench(work, folder, base, before, set(work.revealed), own, environment.of(work.python), gone=gone)
        if own:
            bench.people = people.find(before, own, work.task, work.ours)
            bench.strangers = people.strangers(before, own, work.prd, work.task, work.ours)
        yield bench


def _steps(bench: Bench, ladder: tuple[Agent, ...], tests_ladder: tuple[Agent, ...], journal: Journal) -> End:
    work = bench.work
    if work.own_suite:
        bench.enter("baseline")
        checks.baseline(bench)
    write_tests.lock_earlier(bench)
    write_tests.from_examples(bench)
    if bench.prose and not bench.written:
        found = write_tests.from_prose(bench, tests_ladder, journal)
        if isinstance(found, End):
            return found
        checked = found
    else:
        checked = checks.check_red(bench)
        if checked.refused and write_tests.drop_carried(bench):
            found = write_tests.from_prose(bench, tests_ladder, journal)
            if isinstance(found, End):
                return found
            checked = found
    if checked.refused:
        return End("needs a person", "the examples prove nothing as they stand", question=write_code.red_question(bench, checked))
    if not checked.fresh:
        judged = checks.check_green(bench, ())
        bench.red += judged.observations
        if not judged.refused:
            return End("already satisfied", "every example holds at the base, and fails once its subject is stubbed")
        findings = judged.findings
    else:
        findings = ()
    if not ladder:
        return End("parked", "no agent is available")
    end = write_code.candidates(bench, ladder, journal, findings)
    if end.verdict == "passed":
        passed_by = bench.attempts[-1].turns[-1].agent if bench.attempts[-1].turns else ladder[0].name
        tidy.after(bench, next((agent for agent in ladder if agent.name == passed_by), ladder[0]), journal, end.code)
        end = cover.after(bench, mutate.after(bench, tests_ladder, journal, end))
    return end


def _retired(bench: Bench, gone: tuple[str, ...]) -> tuple[RetiredTest, ...]:
    """Tests of the base that were made for an earlier wording, and that the locked tests and the hidden examples do not ask for."""
    repository, work = Repository(bench.work.repository), bench.work
    paths = dict.fromkeys((work.task.test_file, *work.gone, *gone))
    before = {path: text for path in paths if (text := repository.read(work.base, path))}
    kept = examples.test_file(work.task, work.prd.path, work.task.examples) if work.task.examples else ""
    return test_files.retired(before, {change.path: change.text or "" for change in bench.tests}, kept)


def proofs(bench: Bench) -> tuple[Proof, ...]:
    """How strongly each criterion is proved: by its examples where it has some, else by people's tests, else by an agent's.

    `held-out` when an example that was never shown, of the same call form and outcome kind, held, and the code does not tell the examples from
    everything else."""
    task = bench.work.task
    hidden_forms = {(call_form(example), outcome_kind(example)) for example in bench.hidden}
    found = []
    for criterion in task.criteria:
        by_people = tuple(test.test for test in bench.people if test.criterion == criterion.id)
        if not criterion.examples:
            nodes = by_people or bench.named.get(criterion.id, ())
            found.append(Proof(criterion.id, ("human test" if by_people else "agent test") if nodes else "none", nodes, 0, 0))
            continue
        hidden = [example for example in criterion.examples if example in bench.hidden]
        shown = [example for example in criterion.examples if example not in hidden]
        strong = bool(hidden) or any((call_form(example), outcome_kind(example)) in hidden_forms for example in shown)
        found.append(
            Proof(
                criterion.id,
                "held-out" if strong and criterion.id not in bench.capped else "oracle",
                (*(examples.node_of(task, example) for example in shown), *by_people),
                len(shown),
                len(hidden),
                sum(example.id in bench.revealed for example in shown),
            )
        )
    return tuple(found)
