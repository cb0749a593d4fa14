"""The page Schedule and what `status` prints of it: jobs, last, next, outcome; local times on both sides of a switch of the clock."""

from __future__ import annotations

from pathlib import Path

from orchestrator.config import Config
from orchestrator.save.files import write_atomically
from orchestrator.save.schedule_report import JobReport, ScheduleReport, WaitReport
from orchestrator.show import schedule, site
from tests.show.test_site import visible

REPORT = ScheduleReport(
    jobs=[
        JobReport(
            job="run",
            cron="30 2 * * *",
            timezone="Europe/Berlin",
            since="2026-10-01T00:00:00.000Z",
            last_at="2026-10-25T00:30:04.000Z",
            ended_at="2026-10-25T00:41:00.000Z",
            outcome="<b>done</b>",
            next_at="2026-10-26T01:30:00.000Z",
        ),
        JobReport(
            job="prd loans", cron="0 6 * * 1", timezone="UTC", since="2026-10-01T00:00:00.000Z", last_at="", ended_at="", outcome="", next_at=""
        ),
    ],
    waiting=[WaitReport(prd="fees", path="prds/fees.md", until="2026-12-01T07:00:00.000Z", why="it begins on 2026-12-01")],
)


def test_status_shows_times_as_clocks_show_them_where_the_job_is() -> None:
    lines = schedule.text(REPORT).splitlines()
    (run,) = (line for line in lines if line.startswith("run "))
    assert [cell.strip() for cell in run.split("  ") if cell.strip()] == [
        "run",
        "30 2 * * *",
        "2026-10-25 02:30 CEST",
        "<b>done</b>",
        "2026-10-26 02:30 CET",
    ]
    assert lines[-1] == "fees waits until 2026-12-01T07:00:00.000Z: it begins on 2026-12-01 (prds/fees.md)"
    assert schedule.text(ScheduleReport(jobs=[], waiting=[])) == ""


def test_the_page_shows_jobs_last_next_and_outcome_and_what_begins_later(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "schedule.json"
    page = site.build(tmp_path, Config()).parent / "schedule.html"
    assert "Nothing is scheduled" in visible(page)
    write_atomically(path, REPORT.model_dump_json())
    site.build(tmp_path, Config())
    words = visible(page)
    for said in ("30 2 * * *", "Europe/Berlin", "2026-10-25 02:30 CEST", "2026-10-26 02:30 CET", "PRD loans is taken again", "prds/fees.md"):
        assert said in words, said
    assert "&lt;b&gt;done&lt;/b&gt;" in page.read_text(), "text of a report is never markup"
    assert 'href="schedule.html"' in (page.parent / "index.html").read_text(), "it stands in the navigation"
    path.write_text("{torn")
    site.build(tmp_path, Config())
    assert "cannot be read" in visible(page)
