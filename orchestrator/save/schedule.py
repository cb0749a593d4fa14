"""When each job of the schedule was done last, in the ledger's database; and `runs/schedule.json`, which says the same to the site.

What is done is claimed first, in one transaction, so that of several processes only one does it. Where the database is lost, `schedule.json` tells
the last times; where both are, every job counts from now on, as a new one does.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.config import Config
from orchestrator.cron import Cron
from orchestrator.inbox.schedule import Job, Last, Wait, due, jobs, name_of, next_time
from orchestrator.save.clock import stamp
from orchestrator.save.files import write_atomically
from orchestrator.save.ledger import Ledger, alive, birth
from orchestrator.save.schedule_report import JobReport, ScheduleReport, WaitReport

FILE = "schedule.json"
COLUMNS = "job, cron, timezone, since, began, ended, outcome, pid, birth, tries"


def lasts(ledger: Ledger) -> dict[str, Last]:
    """Job → what is known of its past."""
    with ledger.reading() as db:
        if db is None or not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'schedule'").fetchone():  # a reader may meet an older database
            return {}
        return _lasts(db)


def remember(ledger: Ledger, scheduled: Iterable[Job], now: datetime) -> dict[str, Last]:
    """Note what is scheduled from now on, and forget what is not any more. Returns `lasts`. Writes only what is news."""
    wanted = {job.name: job for job in scheduled}
    known = lasts(ledger)
    fresh = {name: job for name, job in wanted.items() if name not in known or known[name].cron != job.cron}
    ahead = {name for name, last in known.items() if max(last.since, last.began or last.since) > now and not last.under_way}
    gone = known.keys() - wanted.keys()
    if not (fresh or ahead or gone):
        return known
    told = read(ledger.folder) if fresh else None
    with ledger.transaction() as db:
        for name in gone:
            db.execute("DELETE FROM schedule WHERE job = ?", (name,))
        for name in ahead:  # the clock was set back: nothing waits until it is there again
            db.execute("UPDATE schedule SET since = ?1, began = min(began, ?1) WHERE job = ?2", (now.timestamp(), name))
        for name, job in fresh.items():
            last = known.get(name) or _told(told, job)
            since = last.since.timestamp() if last and last.cron == job.cron else now.timestamp()
            began, ended = ((at.timestamp() if at else None) for at in ((last.began, last.ended) if last else (None, None)))
            outcome, tries = (last.outcome, last.tries) if last else ("", 0)
            row = (name, job.cron.text, job.cron.timezone, since, began, ended or began, outcome, 0, "", tries)
            db.execute(f"INSERT OR REPLACE INTO schedule ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        return _lasts(db)


def claim(ledger: Ledger, job: Job, now: datetime) -> bool:
    """Begin a job that is due; False when it is not any more, since another process has begun it."""
    with ledger.transaction() as db:
        known = _lasts(db)
        if not due((job,), known, now):
            return False
        last = known[job.name]
        tries = last.tries + 1 if last.killed else 1
        pid = os.getpid()
        db.execute(
            "UPDATE schedule SET began = ?, ended = NULL, outcome = '', pid = ?, birth = ?, tries = ? WHERE job = ?",
            (now.timestamp(), pid, birth(pid), tries, job.name),
        )
        return True


def end(ledger: Ledger, job: Job, now: datetime, outcome: str) -> None:
    """The job has ended by itself."""
    with ledger.transaction() as db:
        db.execute("UPDATE schedule SET ended = ?, outcome = ?, pid = 0, birth = '' WHERE job = ?", (now.timestamp(), outcome[:300], job.name))


def _lasts(db: sqlite3.Connection) -> dict[str, Last]:
    return {row[0]: _last(row) for row in db.execute(f"SELECT {COLUMNS} FROM schedule ORDER BY job")}


def _last(row: tuple) -> Last:  # type: ignore[type-arg]
    _, text, timezone, since, began, ended, outcome, pid, born, tries = row
    return Last(
        cron=Cron(text, timezone),
        since=_moment(since),
        began=None if began is None else _moment(began),
        ended=None if ended is None else _moment(ended),
        outcome=outcome,
        tries=tries,
        under_way=ended is None and began is not None and alive(pid, born),
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _told(report: ScheduleReport | None, job: Job) -> Last | None:
    """What the report says of a job that the database does not know."""
    found = next((each for each in report.jobs if each.job == job.name), None) if report else None
    if found is None:
        return None
    began, ended = ((datetime.fromisoformat(at) if at else None) for at in (found.last_at, found.ended_at))
    return Last(Cron(found.cron, found.timezone), datetime.fromisoformat(found.since), began, ended or began, found.outcome)


# --- the report ------------------------------------------------------------------------------------------------------------


def read(runs: Path) -> ScheduleReport | None:
    """The report as it was last written; None when there is none that can be read."""
    try:
        return ScheduleReport.model_validate_json((runs / FILE).read_bytes())
    except (OSError, ValueError):
        return None


def standing(config: Config, ledger: Ledger) -> ScheduleReport:
    """What is scheduled and how that stands now. What the configuration names and nobody has looked at yet counts from now on."""
    now, known, told = datetime.now(UTC), lasts(ledger), read(ledger.folder)
    fresh = {job.name: Last(job.cron, now) for job in jobs(config.schedule, ()) if job.name not in known or known[job.name].cron != job.cron}
    return report(known | fresh, (), now).model_copy(update={"waiting": told.waiting if told else []})


def report(known: Mapping[str, Last], waits: Iterable[Wait], now: datetime) -> ScheduleReport:
    return ScheduleReport(
        jobs=[_job(name, last, now) for name, last in sorted(known.items(), key=lambda each: (each[0].startswith(name_of("")), each[0]))],
        waiting=[
            WaitReport(prd=wait.prd, path=wait.problem.path, until=stamp(wait.until.timestamp()) if wait.until else "", why=wait.problem.message)
            for wait in sorted(waits, key=lambda wait: wait.prd)
        ],
    )


def _job(name: str, last: Last, now: datetime) -> JobReport:
    at = next_time(last, now)
    outcome = "under way" if last.under_way else "interrupted" if last.killed else last.outcome
    times = {"since": last.since, "last_at": last.began, "ended_at": last.ended, "next_at": at}
    stamped = {key: stamp(value.timestamp()) if value else "" for key, value in times.items()}
    return JobReport(job=name, cron=last.cron.text, timezone=last.cron.timezone, outcome=outcome, **stamped)


def write(ledger: Ledger, waits: Iterable[Wait], now: datetime) -> bool:
    """Bring the report up to date; whether it says anything new. Where nothing is scheduled and nothing waits there is none."""
    path, known = ledger.folder / FILE, lasts(ledger)
    made = report(known, waits, now)
    if not made.jobs and not made.waiting and not path.exists():
        return False
    before = read(ledger.folder)
    if before == made:
        return False
    write_atomically(path, made.model_dump_json(indent=1) + "\n")
    return True
