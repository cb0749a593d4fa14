"""The page of flaky tests: which, how many times of how many, where that is shown, what became of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.config import Config
from orchestrator.show import history, site
from orchestrator.show.figures import unstable
from tests.show.months_fixture import FLAKY, flaky_task, month, quarantine
from tests.show.reports_fixture import project_report, save
from tests.show.run_fixture import run_report, seen
from tests.show.test_site import visible


def digests(tmp_path: Path, count: int) -> dict[str, dict[str, Any]]:
    return {report.id: history.digest("harbour", report.id, report) for report in month(tmp_path, count, "harbour")}


def test_a_run_tells_how_often_a_test_failed_on_the_same_files(tmp_path: Path) -> None:
    (found,) = unstable.of_run(run_report(tmp_path, tasks=[flaky_task(tmp_path)]))
    assert found == {"test": FLAKY, "task": "loans#R2", "attempt": 2, "failed": 1, "of": 3, "how": "found"}
    assert unstable.of_run(run_report(tmp_path)) == []


def test_a_test_that_holds_only_alone_depends_on_others_and_is_told_too(tmp_path: Path) -> None:
    task = flaky_task(tmp_path)
    last = task.attempts[-1]
    looks = [
        look.model_copy(update={"outcomes": [item.model_copy(update={"outcome": "wrong value"}) for item in look.outcomes]})
        if look.what == "whole suite, again"
        else look
        for look in last.observations
    ]
    findings = [finding for finding in last.findings if finding.gate != "flaky"]
    changed = task.model_copy(update={"attempts": [last.model_copy(update={"observations": looks, "findings": findings})]})
    (found,) = unstable.of_run(run_report(tmp_path, tasks=[changed]))
    assert (found["failed"], found["of"], found["how"]) == (2, 3, "depends")
    always = [seen("check_green", "whole suite", ["wrong value"] * 4), seen("check_green", "whole suite, again", ["wrong value"] * 4)]
    broken = task.model_copy(update={"attempts": [last.model_copy(update={"observations": always, "findings": []})]})
    assert unstable.of_run(run_report(tmp_path, tasks=[broken])) == []


def test_a_project_adds_up_its_runs_and_says_what_became_of_the_test(tmp_path: Path) -> None:
    (found,) = unstable.of_project(digests(tmp_path, 12), [quarantine()])
    assert (found["test"], found["failed"], found["of"], found["times"], found["became"]) == (FLAKY, 2, 6, 2, "quarantined")
    assert [seen["how"] for seen in found["runs"]] == ["again", "found"]
    (over,) = unstable.of_project(digests(tmp_path, 12), [quarantine("2026-08-06T00:00:00Z")])
    assert over["became"] == "over"
    (lost,) = unstable.of_project(digests(tmp_path, 12), [])
    assert lost["became"] == "over"
    (pruned,) = unstable.of_project({}, [quarantine()])
    assert (pruned["of"], pruned["runs"], pruned["task"]) == (0, [], "loans#R2")


def test_the_page_names_it_with_its_evidence_and_what_a_person_can_do(folder: Path) -> None:
    report = project_report("harbour", []).model_copy(update={"quarantine": [quarantine()]})
    save(folder / "runs", "harbour", report, month(folder / "runs" / "harbour", 12, "harbour"))
    page = site.build(folder, Config()).parent / "flaky.html"
    words = visible(page)
    for part in (
        "test_settles",
        "in quarantine",
        "Failed 2 of 6 times",
        "1 of 3",
        "until 2027-01-01",
        "What a person can do",
        "it was in quarantine already",
    ):
        assert part in words, part
    html = page.read_text(encoding="utf-8")
    assert html.count("the evidence</a>") == 2
    assert "python -m pytest tests/test_clock.py::test_settles" in html


def test_without_one_the_page_says_so(folder: Path) -> None:
    assert "No test has given different results" in visible(site.build(folder, Config()).parent / "flaky.html")
