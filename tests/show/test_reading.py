"""How pages read in a real browser: nothing that keeps anybody out, times, tables, keys, mutants, print; from file://."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.save.reports import MutationReport
from tests.once import once

from .conftest import built
from .reports_fixture import library, project_report, save
from .run_fixture import lend_task, run_report
from .test_browser import Watched, opened
from .test_mutants import SOURCE, document, mutant
from .test_site import RUN

pytestmark = pytest.mark.browser

PROJECT = "projects/library"
EVIL = "</code></script><img src=x onerror=\"document.title='pwned'\">"
KINDS = [
    *("index.html", "inbox.html", "agents.html", "schedule.html", "guide/proof.html", f"{PROJECT}/index.html", f"{PROJECT}/{RUN}/index.html"),
    *("trends.html", "limits.html", "flaky.html", "api.html", f"{PROJECT}/compare.html", f"{PROJECT}/{RUN}/compare.html", f"{PROJECT}/trends.html"),
    *(f"{PROJECT}/{RUN}/loans-R2.html", f"{PROJECT}/{RUN}/loans-R2.mutants.html", f"{PROJECT}/requirements/loans-R2.html"),
]


@pytest.fixture(scope="module")
def read_site(tmp_path_factory: pytest.TempPathFactory, chrome_cache: Path) -> Path:
    """The library, and mutants of a task of it."""
    return once(tmp_path_factory, "reading", lambda root: built(root, chrome_cache, with_mutants)) / "site"


def with_mutants(root: Path) -> Path:
    home = library(root) / "runs" / "library"
    elements = home / "artifacts" / "mutation" / "loans_r2.json"
    elements.parent.mkdir(parents=True)
    elements.write_text(json.dumps(document(f"{SOURCE}# {EVIL}\n", EVIL)))
    mutants = [mutant(f"a{number}", "killed" if number % 3 else "survived", "arithmetic", f"max(0, days) / {number}") for number in range(14)]
    report = MutationReport(score=64.3, left_out=0, seconds=1.5, mutants=mutants, elements="artifacts/mutation/loans_r2.json")
    run = run_report(home)
    tasks = [lend_task(home).model_copy(update={"mutation": report}), *(task for task in run.tasks if task.id != "loans#R2")]
    save(root / "runs", "library", project_report(), [run.model_copy(update={"tasks": tasks})])
    return root


def visit(watched: Watched, built: Path, name: str) -> Any:
    watched.page.goto((built / name).as_uri())
    return watched.page


@pytest.mark.parametrize(("scheme", "width"), [("light", 320), ("dark", 1440)])
def test_no_page_keeps_anybody_out(read_site: Path, browser: Any, scheme: str, width: int) -> None:
    playwright = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs `pip install tdd-orchestrator[dev]`")
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"], "preload": False}
    found = []
    with opened(browser, scheme, width) as watched:
        for name in KINDS:
            page = visit(watched, read_site, name)
            page.evaluate("document.querySelectorAll('.page details').forEach(item => item.open = true)")
            page.wait_for_timeout(100)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            result = playwright.Axe().run(page, options=options).response
            found += [
                (name, item["id"], node["target"])
                for item in result["violations"]
                if item["impact"] in ("serious", "critical")
                for node in item["nodes"]
            ]
        assert found == []
        assert watched.trouble == []


def test_times_are_in_the_readers_zone_and_exact_on_hover(read_site: Path, browser: Any) -> None:
    with opened(browser, timezone_id="Asia/Tokyo") as watched:
        time = visit(watched, read_site, f"{PROJECT}/{RUN}/index.html").locator("h1 time")
        assert time.inner_text() == "2026-11-23 05:32"
        assert "2026-11-22T20:32:51Z" in time.get_attribute("title")
    with opened(browser, timezone_id="Asia/Tokyo", java_script_enabled=False) as watched:
        assert visit(watched, read_site, f"{PROJECT}/{RUN}/index.html").locator("h1 time").inner_text() == "2026-11-22 20:32 UTC"


def test_tables_sort_and_filter_and_are_plain_without_javascript(read_site: Path, browser: Any) -> None:
    rows = "[...document.querySelectorAll('#table tbody tr')].filter(row => !row.hidden).map(row => row.cells[4].textContent)"
    plain = [f"max(0, days) / {number}" for number in (0, 3, 6, 9, 12, 1, 2, 4, 5, 7, 8, 10, 11, 13)]
    with opened(browser) as watched:
        page = visit(watched, read_site, f"{PROJECT}/{RUN}/loans-R2.mutants.html")
        became = page.locator("#table th", has_text="Became")
        assert page.evaluate(rows) == plain
        became.get_by_role("button").click()
        assert became.get_attribute("aria-sort") == "ascending"
        assert page.evaluate(rows) == [f"max(0, days) / {number}" for number in range(14)]
        became.get_by_role("button").press("Enter")
        assert became.get_attribute("aria-sort") == "descending"
        assert page.evaluate(rows)[0] == "max(0, days) / 13"
        became.get_by_role("button").click()
        assert page.evaluate(rows) == plain
        page.get_by_label("Filter mutants").press_sequentially("survived 12")
        assert page.evaluate(rows) == ["max(0, days) / 12"]
        assert page.locator(".filter output").inner_text() == "1 of 14"
        assert watched.trouble == []
    with opened(browser, java_script_enabled=False) as watched:
        page = visit(watched, read_site, f"{PROJECT}/{RUN}/loans-R2.mutants.html")
        assert page.locator(".page button, .page input").count() == 0
        assert page.locator("#table tbody tr").count() == 14
        assert not page.locator("mutation-test-report-app").is_visible()


def test_keys_walk_rows_open_them_and_say_what_there_is_but_not_while_typing(read_site: Path, browser: Any) -> None:
    focused = "document.activeElement.textContent"
    with opened(browser) as watched:
        page = visit(watched, read_site, f"{PROJECT}/{RUN}/index.html")
        page.keyboard.press("j")
        first = page.evaluate(focused)
        page.keyboard.press("j")
        assert page.evaluate(focused) != first
        page.keyboard.press("k")
        assert page.evaluate(focused) == first
        page.keyboard.press("?")
        assert page.get_by_role("dialog", name="Keys").is_visible()
        page.keyboard.press("j")
        page.keyboard.press("Escape")
        assert not page.locator("dialog.keys").is_visible()
        assert page.evaluate(focused) == first, "the dialog gives the focus back"
        page.keyboard.press("/")
        page.keyboard.type("j?")
        assert page.locator(".md-search__input").input_value() == "j?"
        assert not page.locator("dialog.keys").is_visible()
        page.keyboard.press("Escape")
        page.locator("table a").first.focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/loans-*.html")
        assert watched.trouble == []


def test_everything_that_scrolls_can_be_reached_by_keyboard_and_the_first_key_skips_the_chrome(read_site: Path, browser: Any) -> None:
    stuck = """[...document.querySelectorAll('.page .wide, .page pre > code')].filter(
        item => item.checkVisibility() && item.scrollWidth > item.clientWidth + 1 && item.tabIndex !== 0).length"""
    with opened(browser, width=320) as watched:
        page = visit(watched, read_site, f"{PROJECT}/{RUN}/loans-R2.html")
        page.wait_for_timeout(100)
        assert page.evaluate(stuck) == 0
        assert page.locator(".page .wide[tabindex]").count() > 0
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent").strip() == "Skip to content"
        seen = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            seen.add(page.evaluate("(e => e.tagName + (e.getAttribute('href') ?? e.textContent).slice(0, 60))(document.activeElement)"))
        assert len(seen) > 30, "no trap"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_mutants_stand_in_their_source_under_the_strict_policy(read_site: Path, browser: Any, scheme: str) -> None:
    with opened(browser, scheme) as watched:
        page = visit(watched, read_site, f"{PROJECT}/{RUN}/loans-R2.mutants.html")
        component = page.locator("mutation-test-report-app")
        component.locator("td a", has_text="fines.py").click()
        component.locator("pre code", has_text="max").wait_for()
        component.get_by_text("Survived (1)").wait_for()
        assert EVIL in component.locator("pre code").first.inner_text()
        assert component.locator("img").count() == 0
        component.locator(".mutant.Survived, .Survived").first.click()
        page.wait_for_timeout(100)
        assert "pwned" not in page.title()
        assert page.evaluate("document.querySelector('mutation-test-report-app').theme") == scheme
        assert {address.partition(":")[0] for address in watched.requests} == {"file"}
        assert watched.trouble == []


def test_print_leaves_the_chrome_away_and_opens_what_is_folded(read_site: Path, browser: Any) -> None:
    with opened(browser) as watched:
        page = visit(watched, read_site, f"{PROJECT}/{RUN}/loans-R2.html")
        page.emulate_media(media="print")
        assert not page.locator(".md-header").is_visible()
        assert page.locator("details:not([open]):not(.transcript) pre").first.is_visible()
