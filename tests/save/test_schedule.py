"""Last times in the ledger's database: one of many processes does a job, a restart forgets nothing, and a loss is harmless."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from orchestrator.config import Config
from orchestrator.cron import cron
from orchestrator.inbox.schedule import Job, due, jobs
from orchestrator.save import schedule
from orchestrator.save.ledger import FILE, Ledger, ledger_of
from orchestrator.settings.schedule import Schedule
from tests.conftest import clean_environment

JOB = Job("run", cron("0 2 * * *", "Europe/Berlin"))
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
CLAIM = """
import sys
from datetime import datetime
from pathlib import Path
from orchestrator.config import Config
from orchestrator.cron import cron
from orchestrator.inbox.schedule import Job
from orchestrator.save import schedule
from orchestrator.save.ledger import ledger_of
ledger = ledger_of(Path(sys.argv[1]), Config())
print(schedule.claim(ledger, Job("run", cron("0 2 * * *", "Europe/Berlin")), datetime.fromisoformat(sys.argv[2])), flush=True)
sys.stdin.read()  # the job is under way until told: a process that has ended would have been killed at it, and the next would begin it again
"""


def ledger(root: Path) -> Ledger:
    return ledger_of(root, Config())


def test_of_several_processes_one_does_a_job(tmp_path: Path) -> None:
    schedule.remember(ledger(tmp_path), [JOB], MONDAY)
    at = MONDAY + timedelta(hours=8)
    argv = [sys.executable, "-c", CLAIM, str(tmp_path), at.isoformat()]
    pipe = subprocess.PIPE
    started = [subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True, env=clean_environment()) for _ in range(3)]
    assert Counter(process.stdout.readline().strip() for process in started if process.stdout) == {"True": 1, "False": 2}
    for process in started:
        process.communicate()
    (last,) = schedule.lasts(ledger(tmp_path)).values()
    assert last.killed, "the process that began it has ended without ending it"
    assert schedule.claim(ledger(tmp_path), JOB, at), "so it is begun once more"
    schedule.end(ledger(tmp_path), JOB, at, "done")
    assert not schedule.claim(ledger(tmp_path), JOB, at)


def test_last_times_survive_a_restart_and_the_loss_of_the_database(tmp_path: Path) -> None:
    schedule.remember(ledger(tmp_path), [JOB], MONDAY)
    at = MONDAY + timedelta(hours=8)
    assert schedule.claim(ledger(tmp_path), JOB, at)
    schedule.end(ledger(tmp_path), JOB, at, "done")
    schedule.write(ledger(tmp_path), (), at)
    before = schedule.lasts(ledger(tmp_path))
    (tmp_path / "runs" / FILE).unlink()
    told = schedule.remember(ledger(tmp_path), [JOB], at + timedelta(days=3))
    assert {name: replace(last, tries=1) for name, last in told.items()} == before, "the report tells them"
    assert [job.name for job in due([JOB], before, at + timedelta(days=3))] == ["run"], "and what was missed is caught up"
    (tmp_path / "runs" / FILE).unlink()
    (tmp_path / "runs" / schedule.FILE).write_text("{torn")
    fresh = schedule.remember(ledger(tmp_path), [JOB], at + timedelta(days=3))
    assert due([JOB], fresh, at + timedelta(days=3)) == (), "where both are lost, it counts from now on"


def test_nothing_is_written_where_nothing_is_news(tmp_path: Path) -> None:
    schedule.remember(ledger(tmp_path), [JOB], MONDAY)
    schedule.write(ledger(tmp_path), (), MONDAY)
    files = [tmp_path / "runs" / FILE, tmp_path / "runs" / schedule.FILE]
    before = [(path.stat().st_mtime_ns, path.read_bytes()) for path in files]
    schedule.remember(ledger(tmp_path), [JOB], MONDAY + timedelta(minutes=5))
    assert not schedule.write(ledger(tmp_path), (), MONDAY + timedelta(minutes=5))
    assert [(path.stat().st_mtime_ns, path.read_bytes()) for path in files] == before


def test_a_clock_that_was_set_back_holds_nothing_up(tmp_path: Path) -> None:
    in_ten_years = MONDAY + timedelta(days=3650)
    schedule.remember(ledger(tmp_path), [JOB], in_ten_years)
    schedule.remember(ledger(tmp_path), [JOB], MONDAY)
    assert schedule.claim(ledger(tmp_path), JOB, MONDAY + timedelta(hours=2))


def test_what_is_not_scheduled_any_more_is_forgotten(tmp_path: Path) -> None:
    other = Job("prd loans", cron("0 3 * * *"), "loans")
    assert {*schedule.remember(ledger(tmp_path), [JOB, other], MONDAY)} == {"run", "prd loans"}
    assert {*schedule.remember(ledger(tmp_path), [JOB], MONDAY)} == {"run"}


def test_a_week_does_each_job_at_its_times_and_an_outage_costs_no_more_than_one(tmp_path: Path) -> None:
    """The week of the switch to winter time in Berlin, ten minutes a step; nobody is there from Wednesday noon to Friday noon."""
    wanted = Schedule(timezone="Europe/Berlin", run="30 2 * * *", verify="0 4 * * 0", retry="0 */6 * * *", prune="*/30 2 * * *")
    scheduled = jobs(wanted, ())
    now, end = datetime(2026, 10, 19, tzinfo=UTC), datetime(2026, 10, 26, tzinfo=UTC)
    away = (datetime(2026, 10, 21, 12, tzinfo=UTC), datetime(2026, 10, 23, 12, tzinfo=UTC))
    done: dict[str, list[str]] = {job.name: [] for job in scheduled}
    while now < end:
        if not away[0] <= now < away[1]:
            for job in due(scheduled, schedule.remember(ledger(tmp_path), scheduled, now), now):
                assert schedule.claim(ledger(tmp_path), job, now)
                done[job.name].append(f"{now:%d %H:%M}")
                schedule.end(ledger(tmp_path), job, now, "done")
        now += timedelta(minutes=10)
    nights = ["19 00:30", "20 00:30", "21 00:30", "23 12:00", "24 00:30", "25 00:30"]
    assert done["run"] == nights, "once in the night that has 02:30 twice"
    assert done["verify"] == ["25 03:00"]
    assert done["prune"] == sorted([*nights, "20 00:00", "21 00:00", "24 00:00", "25 00:00"])
    assert len(done["retry"]) == 21, "four a day, and one for two days without anybody"
