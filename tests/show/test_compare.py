"""Two runs compared: what the page says between neighbours, and that the browser says the same about any two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import Config
from orchestrator.save import reports as r
from orchestrator.show import addresses, site
from orchestrator.show.figures import compare
from tests.show.months_fixture import month, run_id
from tests.show.reports_fixture import project_report, save
from tests.show.run_fixture import TEST_NAMES, lend_task, run_report, task_run
from tests.show.test_site import visible

FIRST, SECOND = "20261120T020000Z-03fe", "20261122T203251Z-1a2b"


def gave_up(folder: Path) -> r.TaskRunReport:
    """The same task, where only its first attempt was made."""
    task = lend_task(folder)
    return task.model_copy(update={"verdict": "gave up", "state": "failed", "attempts": task.attempts[:1], "proofs": [], "commits": []})


def two(folder: Path) -> tuple[r.RunReport, r.RunReport]:
    first = run_report(folder, FIRST, tasks=[gave_up(folder), task_run("loans#R5", "Remind by letter", "gave up", "failed", "no")])
    tools = {**first.tools, "pytest": "9.3.1"}
    second = run_report(folder, SECOND, tasks=[lend_task(folder), task_run("loans#R5", "Remind by letter", "gave up", "failed", "no")])
    stood = r.StandingReport(requirements=6, requirements_proved=3, criteria=8, proved=5, mutation=None)
    return first, second.model_copy(update={"tools": tools, "standing": stood})


def facts(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    first, second = two(folder)
    return compare.facts("library", FIRST, first), compare.facts("library", SECOND, second)


def test_what_differs_is_named_and_what_does_not_is_counted(tmp_path: Path) -> None:
    found = compare.difference(*facts(tmp_path))
    assert [(task.id, task.before, task.after) for task in found.tasks] == [("loans#R2", "gave up", "passed")]
    assert found.same_tasks == 1
    assert ("loans#R2.AC3", "", "held-out") in found.criteria
    assert found.made_with == [("pytest", "9.2.0", "9.3.1")]
    assert set(found.fresh) | set(found.began) >= {f"tests/test_loans.py::{TEST_NAMES[0]}"}
    assert found.ceased == []
    back = compare.difference(*reversed(facts(tmp_path)))
    assert [(task.before, task.after) for task in back.tasks] == [("passed", "gave up")]
    assert ("loans#R2.AC3", "held-out", "") in back.criteria
    assert back.ceased == found.began
    assert compare.difference(*[facts(tmp_path)[1]] * 2).nothing


def test_a_criterion_that_the_later_run_did_not_touch_is_not_lost(tmp_path: Path) -> None:
    first, second = facts(tmp_path)
    found = compare.difference(second, {**first, "tasks": {}, "criteria": {}, "failed": [], "passed": [], "whole": False})
    assert (found.criteria, found.began, found.ceased) == ([], [], [])


def test_facts_are_a_small_script_that_ends_where_it_should(tmp_path: Path) -> None:
    first, _ = facts(tmp_path)
    evil = compare.script({**first, "run": "</script><script>alert(1)</script>\u2028"})
    assert "</script" not in evil
    assert "\u2028" not in evil
    assert json.loads(compare.script(first).splitlines()[1]) == first
    assert len(compare.script(first)) < 4000


def built(folder: Path) -> Path:
    save(folder / "runs", "library", project_report("library", []), list(two(folder / "runs" / "library")))
    return site.build(folder, Config()).parent


def test_each_run_has_a_page_beside_the_run_before_and_leads_to_it(folder: Path) -> None:
    place = built(folder) / "projects" / "library"
    words = visible(place / SECOND / "compare.html")
    for part in (
        "gave up",
        "passed",
        "loans#R2.AC3",
        "not by that run",
        "9.2.0",
        "9.3.1",
        "requirements proved unknown 3 unknown",
        "1 other task came out the same",
    ):
        assert part in words, part
    assert "first run of library that is kept" in visible(place / FIRST / "compare.html")
    assert 'href="compare.html"' in (place / SECOND / "index.html").read_text(encoding="utf-8")


def test_when_the_run_before_goes_or_changes_only_its_neighbour_is_made_anew(folder: Path) -> None:
    save(folder / "runs", "harbour", project_report("harbour", []), month(folder / "runs" / "harbour", 4, "harbour"))
    place = site.build(folder, Config()).parent / "projects" / "harbour"
    stamps = {number: (place / run_id(number) / "compare.html").stat().st_mtime_ns for number in range(1, 4)}
    (folder / "runs" / "harbour" / "reports" / f"{run_id(0)}.json").unlink()
    (folder / "runs" / "harbour" / "reports" / f"{run_id(0)}.xml").unlink()
    site.build(folder, Config())
    assert "first run of harbour that is kept" in visible(place / run_id(1) / "compare.html")
    assert [number for number in stamps if (place / run_id(number) / "compare.html").stat().st_mtime_ns != stamps[number]] == [1]
    assert not (place / run_id(0)).exists()


def test_a_run_that_cannot_be_read_is_compared_with_nothing(folder: Path) -> None:
    place = built(folder) / "projects" / "library"
    (folder / "runs" / "library" / "reports" / f"{FIRST}.json").write_text("{torn")
    site.build(folder, Config())
    assert "cannot be read" in visible(place / SECOND / "compare.html")
    assert json.loads((place / "runs.js").read_text().splitlines()[1]) == [[SECOND, SECOND, "2026-11-22T20:32:51Z", "needs a person"]]


@pytest.mark.browser
def test_the_browser_compares_any_two_runs_as_the_pages_do_from_a_file(folder: Path, browser: Any) -> None:
    from tests.show.test_browser import opened

    save(folder / "runs", "library", project_report("library", []), [*two(folder / "runs" / "library")])
    save(folder / "runs", "harbour", project_report("harbour", []), month(folder / "runs" / "harbour", 8, "harbour"))
    place = site.build(folder, Config()).parent / "projects"
    with opened(browser) as watched:
        page = watched.page
        page.goto((place / "library" / "compare.html").as_uri())
        page.wait_for_selector("h2")
        said = " ".join(page.locator("[data-compare]").inner_text().split())
        for part in (
            "loans#R2 Lend a book gave up passed",
            "loans#R2.AC3 not by that run held-out",
            "pytest 9.2.0 9.3.1",
            "requirements proved unknown 3 unknown",
        ):
            assert part in said, part
        page.goto((place / "harbour" / "compare.html").as_uri())
        page.get_by_label("Before").select_option(run_id(1))
        page.get_by_label("Now").select_option(run_id(6))
        page.wait_for_function("document.querySelector('[data-compare]').innerText.includes('turns')")
        row = page.locator("tr", has=page.locator("th", has_text="turns")).inner_text().split()
        assert row == ["turns", "3", "4", "+1"]
        page.get_by_role("button", name="Swap").click()
        assert page.locator("tr", has=page.locator("th", has_text="turns")).inner_text().split() == ["turns", "4", "3", "−1"]
        assert page.url.endswith(f"#before={run_id(6)}&now={run_id(1)}")
        page.reload()
        page.wait_for_selector("h2")
        assert page.get_by_label("Now").input_value() == run_id(1)
        assert {address.partition(":")[0] for address in watched.requests} == {"file"}
        assert watched.trouble == []


@pytest.mark.browser
def test_without_javascript_it_says_where_comparisons_are(folder: Path, browser: Any) -> None:
    from tests.show.test_browser import opened

    place = built(folder)
    with opened(browser, java_script_enabled=False) as watched:
        watched.page.goto((place / addresses.compare("library")).as_uri())
        assert "Choosing two runs needs JavaScript" in watched.page.locator("article").inner_text()
