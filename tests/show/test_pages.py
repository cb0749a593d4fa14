"""What the pages say: verdicts as stored, proof levels, questions, who answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config import Config
from orchestrator.show import history, pages, site
from orchestrator.show.gather import Unreadable
from orchestrator.show.summary import counts as counted

from .reports_fixture import project_report, save, summary
from .run_fixture import MODEL, lend_task, run_report, task_run
from .test_site import RUN, visible

RECORDED = f"recorded answers of {MODEL}, replayed"


@pytest.mark.parametrize(
    "page", ["index.html", "projects/library/index.html", f"projects/library/{RUN}/index.html", f"projects/library/{RUN}/loans-R2.html"]
)
def test_every_page_that_shows_replayed_answers_says_whose_they_are(library_site: Path, page: str) -> None:
    assert RECORDED in visible(library_site / page)


@pytest.mark.parametrize("page", ["index.html", "loans-R2.html"])
def test_every_page_of_a_scripted_run_says_so(library_site: Path, page: str) -> None:
    words = visible(library_site / "projects" / "library" / "20261121T020000Z-77aa" / page)
    assert "scripted agent" in words
    assert "recorded" not in words.replace("Tokens and cost of recorded answers", "")


def test_a_live_answer_carries_no_badge(folder: Path) -> None:
    home = folder / "runs" / "library"
    save(folder / "runs", "library", project_report(runs=[]), [run_report(home, tasks=[lend_task(home, "chat")])])
    built = site.build(folder, Config()).parent
    for page in (built / "projects").rglob("*.html"):
        assert 'class="badge"' not in page.read_text()
    assert "live agent" in visible(built / "projects" / "library" / RUN / "index.html")


def test_a_later_run_without_turns_does_not_hide_that_answers_were_replayed(folder: Path) -> None:
    home = folder / "runs" / "library"
    later = run_report(home, "20261123T000000Z-ffff", tasks=[task_run("loans#R2", "Lend a book", "already satisfied", "done", "It holds.")])
    report = project_report()
    tasks = [task.model_copy(update={"last_run": later.id}) for task in report.tasks]
    save(folder / "runs", "library", report.model_copy(update={"tasks": tasks}), [run_report(home), later])
    words = visible(site.build(folder, Config()).parent / "projects" / "library" / "index.html")
    assert RECORDED in words[words.index("Tasks") : words.index("History")]


def test_a_question_names_both_lines(library_site: Path) -> None:
    for page in ("index.html", "projects/library/index.html"):
        words = visible(library_site / page)
        assert "Which of the two is meant?" in words
        assert "prds/loans.md:61" in words
        assert "prds/loans.md:74" in words


def test_problems_of_a_prd_set_aside_stand_with_line_code_message_and_hint(library_site: Path) -> None:
    for page in ("index.html", "inbox.html"):
        words = visible(library_site / page)
        for part in ("prds/till.md:4", "unknown-key", "unknown key dependancies", "did you mean dependencies ?"):
            assert part in words


def test_headline_numbers_count_proved_criteria_by_level(library_site: Path) -> None:
    counts = counted([project_report()])
    assert (counts.criteria, counts.proved, counts.requirements, counts.requirements_proved) == (8, 4, 6, 2)
    assert counts.levels == {"held-out": 1, "oracle": 1, "human test": 1, "agent test": 1, "none": 0}
    assert "4 of 8 requirements proved" in visible(library_site / "index.html")


def test_a_verdict_is_shown_as_stored_even_when_the_evidence_looks_otherwise(folder: Path) -> None:
    home = folder / "runs" / "library"
    task = lend_task(home).model_copy(update={"verdict": "gave up", "state": "failed", "reason": "As stored."})
    save(folder / "runs", "library", None, [run_report(home, tasks=[task])])
    words = visible(site.build(folder, Config()).parent / "projects" / "library" / RUN / "loans-R2.html")
    assert words.index("Lend a book ✗ gave up As stored.") > 0


def test_a_state_that_this_version_does_not_know_is_shown_as_it_stands(folder: Path) -> None:
    report = project_report()
    tasks = [task.model_copy(update={"state": "hibernating"}) for task in report.tasks]
    save(folder / "runs", "library", report.model_copy(update={"tasks": tasks}), [])
    assert "hibernating" in visible(site.build(folder, Config()).parent / "projects" / "library" / "index.html")


def test_unknown_spend_is_never_shown_as_zero(folder: Path) -> None:
    home = folder / "runs" / "library"
    save(folder / "runs", "library", None, [run_report(home, tasks=[])])
    words = visible(site.build(folder, Config()).parent / "projects" / "library" / RUN / "index.html")
    assert "Cost unknown" in words
    assert "$0.00" not in words


@pytest.mark.parametrize("page", ["projects/library/index.html", f"projects/library/{RUN}/index.html"])
def test_gates_validations_and_forecasts_stand_on_the_pages_of_project_and_run(library_site: Path, page: str) -> None:
    shown = visible(library_site / page)
    assert "✗ not passed 12 tests and 7 examples of 2 finished tasks, at c3d1e0ab77" in shown
    assert "loans#R1 loans#R1.AC1/1 `Shelf([]).titles` gave None, expected []" in shown
    assert "tests/test_own.py::test_of_a_person assert 1 == 2" in shown
    assert "library/loans.py:3 F401 `os` imported but unused" in shown
    assert "– not run mypy is not installed in the project" in shown
    assert "loans#N1 non-functional, and no executable example and 2 more" in shown
    assert "median to 80th percentile of 7 tasks" in shown
    assert "forecast 4 to 9, took 6" in shown
    assert "forecast unknown, took unknown" in shown, "of the price: never zero"


def test_the_phases_of_a_prd_stand_with_what_they_wait_for(library_site: Path) -> None:
    shown = visible(library_site / "projects" / "library" / "index.html")
    assert "1 Lending line 20 ✓ done 2 of 2" in shown
    assert "2 Fines &amp; letters line 50 ○ waits waits for phase 1: its gate did not pass: loans#R1.AC1/1" in shown
    assert "The branch has moved on since." in shown, "the validation speaks of another head"


def test_the_task_page_shows_red_on_every_variant_and_green_and_the_oracle(library_site: Path) -> None:
    words = visible(library_site / "projects" / "library" / RUN / "loans-R2.html")
    evidence = words[words.index("Evidence") : words.index("Attempt 1")]
    for part in (
        "base stub None stub 0.0 stub raises",
        "✗ missing name ✗ wrong value ✗ wrong value ✗ raised",
        "candidate whole suite",
        "loans#R2.AC3/3",
    ):
        assert part in evidence


def test_runs_without_a_summary_and_summaries_without_a_report_are_both_listed() -> None:
    report = project_report(runs=[summary("20261101T000000Z-aaaa", "done", 1, 0, 0)])
    rows = history.run_rows("p", report, {"20261102T000000Z-bbbb": history.digest("p", "20261102T000000Z-bbbb", Unreadable("x.json", "broken"))})
    assert [(row.id, row.page, row.why) for row in rows] == [
        ("20261102T000000Z-bbbb", "projects/p/20261102T000000Z-bbbb/index.html", "broken"),
        ("20261101T000000Z-aaaa", "", ""),
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("2026-11-22T20:32:51Z", '<time datetime="2026-11-22T20:32:51Z">2026-11-22 20:32 UTC</time>'),
        ("2026-11-22T22:32:51+02:00", '<time datetime="2026-11-22T20:32:51Z">2026-11-22 20:32 UTC</time>'),
        ("<b>", "<span>&lt;b&gt;</span>"),
        ("", "<span>unknown</span>"),
    ],
)
def test_times_are_utc(value: str, shown: str) -> None:
    assert pages.when(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.412, "0.41 s"), (8.0, "8.0 s"), (48.2, "48 s"), (89, "1 min 29 s"), (3720, "1 h 02 min"), (None, "unknown")]
)
def test_durations_read_well(seconds: float | None, shown: str) -> None:
    assert pages.took(seconds) == shown


def test_a_task_that_was_judged_twice_counts_once_and_its_turns_stay_labelled(folder: Path) -> None:
    """The second time is on the moved branch, without any turn."""
    home = folder / "runs" / "library"
    first = lend_task(home, "scripted")
    again = first.model_copy(update={"reason": "attempt 1 passed every gate on the moved branch too", "attempts": [], "written": []})
    report = run_report(home, tasks=[first, again])
    save(folder / "runs", "library", project_report(), [report])
    page = site.build(folder, Config()).parent / "projects" / "library" / RUN / "index.html"
    assert "1 done, 0 failed" in visible(page)
    assert page.read_text().count("scripted agent") >= 2, "the run's and the row's"
    known = history.digest("library", RUN, report)
    assert known["tasks"][first.id]["turns"] > 0
    assert known["trend"] == history.digest("library", RUN, run_report(home, tasks=[first]))["trend"], "and so do its candidates and mutants"
