"""What is due at a moment, done: jobs of the schedule, and a run where there is something for it. `watch` asks again and again, `run --due` once."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from orchestrator import pipeline
from orchestrator.config import Config
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.inbox.folder import Scan
from orchestrator.inbox.schedule import Job, Wait, due, jobs, next_time, waits
from orchestrator.save import pending, receipts, schedule
from orchestrator.save.clock import stamp
from orchestrator.save.ledger import Ledger, ledger_of

Run = Callable[[Path, Config, datetime], Exit]
"""One whole run but the site, printing what it did."""

WORDS = {
    Exit.DONE: "done",
    Exit.TASK_FAILED: "a task failed",
    Exit.NEEDS_PERSON: "needs a person",
    Exit.SET_ASIDE: "a PRD was set aside",
    Exit.PARKED: "parked or waiting",
    Exit.LOCKED: "another process was working",
}


@dataclass(frozen=True)
class Done:
    """What a turn did."""

    jobs: tuple[tuple[str, str], ...]
    """(job, what came of it)."""
    exit_code: Exit | None
    """Of the run; None where there was none."""
    failed: bool
    """A job ended with an error."""
    noted: bool
    """`schedule.json` says something else now."""
    again: datetime | None
    """When the next thing is due; None when nothing is known to be."""

    @property
    def anything(self) -> bool:
        return bool(self.jobs) or self.exit_code is not None


def turn(root: Path, config: Config, run: Run, now: datetime, why: str = "") -> Done:
    """Do what is due at `now`. `why`: what asks for a run beside the schedule, '' for what is found out here."""
    ledger = ledger_of(root, config)
    if why:
        print(f"run: {why}", flush=True)
    found, _ = pipeline.inbox(root, config)
    scheduled = jobs(config.schedule, found.prds)
    claimed = {job.name: job for job in due(scheduled, schedule.remember(ledger, scheduled, now), now) if schedule.claim(ledger, job, now)}
    wanted = why or news(root, config, found, now)
    before = [job for name, job in claimed.items() if name in ("retry", "verify") or job.prd]
    told = {job.name: _job(root, config, ledger, job, now) for job in before}
    code = None
    if wanted or before or "run" in claimed:
        if not why:
            print(f"run: {wanted or 'it is due'}", flush=True)
        code, told["run"] = _run(root, config, ledger, run, claimed.get("run"), now)
    told |= {name: _job(root, config, ledger, claimed[name], now) for name in ("prune", "site") if name in claimed}
    held = _held(root, config, found, now)
    noted = schedule.write(ledger, held, now)
    done = tuple((name, outcome) for name, outcome in told.items() if name in claimed)
    for name, outcome in done:
        print(f"schedule: {name}: {outcome}", flush=True)
    return Done(done, code, any(outcome.startswith("error") for _, outcome in done), noted, soonest(config, ledger, found, held, now))


def _run(root: Path, config: Config, ledger: Ledger, run: Run, job: Job | None, now: datetime) -> tuple[Exit, str]:
    """A run, and what came of it; noted where it was the schedule that asked for it. One that is stopped is begun once more, as if it were killed."""
    try:
        code = run(root, config, now)
    except Exception as error:
        if job is not None:
            schedule.end(ledger, job, _later(now), f"error: {error}")
        raise
    outcome = WORDS.get(code, f"error: exit code {int(code)}")
    if job is not None:
        schedule.end(ledger, job, _later(now), outcome)
    return code, outcome


def _later(now: datetime) -> datetime:
    """When something that began at `now` ends; a moment that was given for a trial stays."""
    return max(now, datetime.now(UTC))


def _held(root: Path, config: Config, found: Scan, now: datetime) -> tuple[Wait, ...]:
    return tuple(waits(found.prds, receipts.seen_at(config.folder(root, "runs"), found), config.schedule, now).values())


def soonest(config: Config, ledger: Ledger, found: Scan, held: tuple[Wait, ...], now: datetime) -> datetime | None:
    """When the next thing is due after `now`: a job, a PRD that may begin, or a task that is parked until then."""
    ready = {prd.id for prd in found.prds if not prd.draft} - {wait.prd for wait in held}
    times = [next_time(last, now) for last in schedule.lasts(ledger).values()]
    times += [wait.until for wait in held]
    times += [datetime.fromisoformat(at) for at in pending.pending(ledger.folder, ready).until if at]
    return min((at for at in times if at and at > now), default=None)


def news(root: Path, config: Config, found: Scan, now: datetime) -> str:
    """Why a run has something to do although nothing of the schedule asks for it; '' when it has not."""
    runs = config.folder(root, "runs")
    held = {wait.prd for wait in _held(root, config, found, now)}
    known = {receipt.path: receipt for receipt in receipts.read(runs).receipts if receipt.state != "gone"}
    here = {file.path for file in found.files}
    for file in found.files:
        receipt = known.get(file.path)
        if receipt is None or receipt.fingerprint != file.fingerprint:
            return f"{file.path} is {'new' if receipt is None else 'changed'}"
        begins = any(prd.id == file.prd_id and not prd.draft for prd in found.prds) and file.prd_id not in held
        if begins and not receipt.taken_at:
            return f"{file.path} may begin"
    if gone := sorted(known.keys() - here):
        return f"{gone[0]} is gone"
    ready = {prd.id for prd in found.prds if not prd.draft} - held
    open_ = pending.pending(runs, ready)
    if open_.open:
        return f"{open_.open[0]} can be worked on"
    if any(not at or at <= stamp(now.timestamp()) for at in open_.until):
        return "what was parked may go on"
    return ""


# --- the jobs --------------------------------------------------------------------------------------------------------------


def _job(root: Path, config: Config, ledger: Ledger, job: Job, now: datetime) -> str:
    """Do a job that was claimed, and note what came of it. One that is stopped is begun once more, as if it were killed."""
    try:
        outcome = _do(root, config, job)
    except OrchestratorError as error:
        outcome = f"error: {error.message}"
        print(f"schedule: {job.name}: {error}", flush=True)
    except Exception as error:  # an error of ours must not end what runs unattended; it is said, and tried again at its next time
        outcome = f"error: {type(error).__name__}: {error}"
        print(f"schedule: {job.name}: an error of ours\n{traceback.format_exc()}", flush=True)
    schedule.end(ledger, job, _later(now), outcome)
    return outcome


def _do(root: Path, config: Config, job: Job) -> str:
    if job.name == "retry":
        return _retry(root, config, "")
    if job.name == "verify":
        return _verify(root, config, "")
    if job.name == "prune":
        return _prune(root, config)
    if job.name == "site":
        from orchestrator.show import site

        return f"done: {site.build(root, config)}"
    said = [_retry(root, config, job.prd), _verify(root, config, job.prd)]
    return "; ".join(each for each in said if each != "nothing to do") or "nothing to do"


def _retry(root: Path, config: Config, prd: str) -> str:
    """Tasks that failed, of a PRD or ('') of all, have their attempts again."""
    tasks = pending.failed(config.folder(root, "runs"), prd)
    if not tasks:
        return "nothing to do"
    return f"{_many(len(pipeline.retry(root, config, tasks)))} tried again"


def _verify(root: Path, config: Config, prd: str) -> str:
    """What is done, of a PRD or ('') of all, is proved again; what no longer holds is opened again."""
    from orchestrator.show.console import terminal, verdicts
    from orchestrator.verify import verify

    if not pending.done(config.folder(root, "runs"), prd):
        return "nothing to do"
    proved, wrong, reopened = 0, 0, 0
    for project in verify(root, config, (prd,) if prd else ()):
        proved += sum(task.holds for task in project.tasks)
        if not project.holds:
            wrong += 1
            print(terminal.safe("\n".join(verdicts.lines(project))), flush=True)
        reopened += len(pipeline.reopen(root, config, project.project, verdicts.regressed(project)))
    holds = f"{_many(proved)} proved again"
    return holds if not wrong else f"does not hold: {_many(reopened)} opened again, {holds}"


def _prune(root: Path, config: Config) -> str:
    from orchestrator.save.prune import prune
    from orchestrator.show.console import retention

    found = prune(root, config)
    return retention.text(found, dry_run=False).strip().splitlines()[-1]


def _many(tasks: int) -> str:
    return f"{tasks} task{'s' * (tasks != 1)}"
