"""Reports of a project over many runs, built through the models: it grows, costs, gives up, and a test of it fails by chance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from orchestrator.save import reports as r
from tests.show.run_fixture import lend_task, outcome, run_report, seen, task_run, text

FLAKY = "tests/test_clock.py::test_settles"
BEGAN = datetime(2026, 8, 3, 2, 0, tzinfo=UTC)


def run_id(number: int) -> str:
    return f"{BEGAN + timedelta(hours=17 * number):%Y%m%dT%H%M%SZ}-{number:04x}"


def agent(turns: int, usd: float | None, kind: str = "chat") -> r.AgentReport:
    return r.AgentReport(
        role="code", agent="coder", kind=kind, model="coder-7b", turns=turns, candidates=turns, passed=1, refused=turns - 1, solved=1, seconds=20.0 * turns,
        input_tokens=1800 * turns, output_tokens=400 * turns, usd=usd, unknown_tokens=0, unknown_usd=turns if usd is None else 0,
    )  # fmt: skip


def flaky_task(folder: Path, how: str = "found") -> r.TaskRunReport:
    """A test of the suite failed once of three times on the same files."""
    task = lend_task(folder)
    said = {"found": "failed, then held alone and in the whole suite: quarantined", "again": "failed: x; it is in quarantine as flaky"}[how]
    results = {"whole suite": "wrong value", f"alone: {FLAKY}": "passed", "whole suite, again": "passed"}
    looks = [seen("check_green", what, ["passed"] * 4).model_copy(update={"outcomes": [outcome(FLAKY, value)]}) for what, value in results.items()]
    found = r.FindingReport(gate="flaky", message=f"{FLAKY} {said}", severity="notice", criterion="", where=FLAKY)
    last = task.attempts[-1]
    last = last.model_copy(update={"observations": [*last.observations, *looks], "findings": [*last.findings, found]})
    return task.model_copy(update={"attempts": [*task.attempts[:-1], last], "flaky": [r.FlakyReport(test=FLAKY, detail="it failed by chance")]})


def quarantine(until: str = "2027-01-01T00:00:00.000Z") -> r.QuarantineReport:
    return r.QuarantineReport(
        test=FLAKY, task="loans#R2", run=run_id(3), detail="it failed (too early), then held alone", since="2026-08-05T02:00:00Z", until=until
    )


def month(folder: Path, count: int = 40, project: str = "library") -> list[r.RunReport]:
    """Runs, oldest first. What agents do not say is unknown in some of them; the first two are of an older version."""
    made = []
    for number in range(count):
        began = BEGAN + timedelta(hours=17 * number)
        total, proved = 6 + number // 4, min(4 + number // 4, 1 + number // 3)
        task = flaky_task(folder, "found" if number == 3 else "again") if number in (3, 9) else lend_task(folder)
        steps = {"prepare": 0.1, "check_red": 4.0, "write_code": 20.0 + number, "check_green": 9.0, "tidy": 2.0, "mutants": 12.0}
        task = task.model_copy(update={"stages": [r.StageReport(step=step, seconds=seconds) for step, seconds in steps.items()]})
        tasks = [task, *([task_run("loans#R5", "Remind by letter", "gave up", "failed", "4 attempts were refused")] if number % 5 == 4 else [])]
        turns = 2 + number % 4
        report = run_report(folder, run_id(number), project, tasks)
        made.append(
            report.model_copy(
                update={
                    "started_at": f"{began:%Y-%m-%dT%H:%M:%SZ}",
                    "ended_at": f"{began + timedelta(seconds=60 + 3 * number):%Y-%m-%dT%H:%M:%SZ}",
                    "outcome": "failed" if number % 5 == 4 else "done",
                    "turns": turns,
                    "replayed": False,
                    "agents": [agent(turns, None if number == 7 else 0.031 * turns)] if number > 1 else [],
                    "tools": {**report.tools, "pytest": "9.2.0" if number < 20 else "9.3.1"},
                    "standing": None
                    if number < 2
                    else r.StandingReport(
                        requirements=total, requirements_proved=proved, criteria=3 * total, proved=3 * proved, mutation=60.0 + number * 0.8
                    ),
                }
            )
        )
    return made


__all__ = ["FLAKY", "agent", "flaky_task", "month", "quarantine", "run_id", "text"]
