"""Pages in headless Chromium, from file:// and under a sub-path: scripts run, search answers, hostile text stays text."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

RUN = "20261122T203251Z-1a2b"


class Watched:
    """A page and all that happened in it that should not."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.requests: list[str] = []
        self.trouble: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on(
            "console",
            lambda message: self.trouble.append(f"{message.text} {message.location['url']}") if message.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: self.trouble.append(str(error)))
        page.on("dialog", lambda dialog: (self.trouble.append(f"dialog {dialog.message}"), dialog.dismiss()))


@contextmanager
def opened(browser: Any, scheme: str = "light", width: int = 1280, **options: Any) -> Iterator[Watched]:
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}, **options)
    try:
        yield Watched(context.new_page())
    finally:
        context.close()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


def search(page: Any, words: str) -> list[str]:
    page.locator(".md-search__input").click()
    page.locator(".md-search__input").press_sequentially(words)
    page.wait_for_selector(".md-search-result__item", timeout=10_000)
    titles: list[str] = page.locator(".md-search-result__article h1, .md-search-result__article h2").all_inner_texts()
    return titles


@pytest.mark.parametrize("depth", ["index.html", "projects/library/index.html", f"projects/library/{RUN}/loans-R2.html", "guide/proof.html"])
def test_search_from_a_file_finds_tasks_at_every_depth_and_its_links_open(library_site: Path, browser: Any, depth: str) -> None:
    with opened(browser) as watched:
        page = watched.page
        page.goto((library_site / depth).as_uri())
        assert "loans#R2: Lend a book" in search(page, "lend book")
        page.locator(".md-search-result__link", has_text="loans#R2").first.click()
        page.wait_for_url("**/loans-R2.html*")
        assert page.locator("h1").inner_text().startswith("Lend a book")
        assert watched.trouble == []


@pytest.mark.parametrize("words", ["aa218f5", "aa218f56b14c9653891f9e74264a383fa43fefbd", "test_r2_ac1_on_loan_to_that_member", "loans#R2"])
def test_search_finds_a_task_by_a_commit_a_test_and_its_id(library_site: Path, browser: Any, words: str) -> None:
    with opened(browser) as watched:
        watched.page.goto((library_site / "index.html").as_uri())
        assert "loans#R2: Lend a book" in search(watched.page, words)


def test_search_and_pages_work_under_a_sub_path_of_a_server(library_site: Path, browser: Any) -> None:
    with served(library_site.parent) as address, opened(browser) as watched:
        watched.page.goto(f"{address}{library_site.name}/projects/library/")
        assert "loans#R2: Lend a book" in search(watched.page, "lend book")
        assert all(request.startswith(f"{address}{library_site.name}/") for request in watched.requests if "favicon.ico" not in request)
        assert watched.trouble == []


def test_the_colour_scheme_can_be_switched_and_is_remembered(library_site: Path, browser: Any) -> None:
    scheme = "document.body.getAttribute('data-md-color-scheme')"
    with opened(browser, "light") as watched:
        page = watched.page
        page.goto((library_site / "index.html").as_uri())
        assert page.evaluate(scheme) == "default"
        for _ in range(2):
            page.locator("form[data-md-component=palette] label:not([hidden])").click()
        assert page.evaluate(scheme) == "slate"
        page.goto((library_site / "projects" / "library" / "index.html").as_uri())
        assert page.evaluate(scheme) == "slate"
        assert watched.trouble == []


def test_the_scheme_of_the_system_is_followed(library_site: Path, browser: Any) -> None:
    with opened(browser, "dark") as watched:
        watched.page.goto((library_site / "index.html").as_uri())
        assert watched.page.evaluate("document.body.getAttribute('data-md-color-scheme')") == "slate"


def too_wide(page: Any, address: str) -> dict[int, int]:
    """Opens it as wide as a screen, then makes that a phone: width → how wide the page is, where that is more, also when its menu has moved."""
    found = {}
    for width in (1440, 380):
        page.set_viewport_size({"width": width, "height": 900})
        if width == 1440:
            page.goto(address)
        for _ in range(20):
            if (there := page.evaluate("document.documentElement.scrollWidth")) <= width:
                break
            page.wait_for_timeout(100)
        else:
            found[width] = there
    return found


def test_pages_never_scroll_sideways_only_their_tables_do(library_site: Path, browser: Any) -> None:
    with opened(browser) as watched:
        for path in sorted(library_site.rglob("*.html")):
            assert too_wide(watched.page, path.as_uri()) == {}, path


def test_pages_read_without_javascript(library_site: Path, browser: Any) -> None:
    with opened(browser, java_script_enabled=False) as watched:
        watched.page.goto((library_site / "projects" / "library" / RUN / "loans-R2.html").as_uri())
        assert watched.page.locator("h1").is_visible()
        watched.page.locator("summary", has_text="stub None").first.click()
        assert watched.page.locator("details[open] pre.terminal").first.is_visible()
