"""Every file of a site that was made from hostile reports, opened in headless Chromium: text stays text, whatever a page or a file is.

Nothing is listed by hand: what a new page or product shows of a report is looked at by itself.
"""

from __future__ import annotations

import json
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from orchestrator.show.build.shell import shipped

from .hostile_fixture import NAMES, PAYLOADS
from .test_browser import opened, search, served, too_wide

LOOKED_AT = """() => {
  document.querySelectorAll('details').forEach(item => item.open = true);
  const all = [...document.querySelectorAll('*')];
  const article = document.querySelector('article');
  const inside = article ? [...article.querySelectorAll('script, img, iframe, object, embed, style, link, meta, base, form, animate, set, foreignObject')] : [];
  return {
    title: document.title,
    handlers: all.filter(e => [...e.attributes].some(a => a.name.startsWith('on') || a.name === 'style' && a.value.includes('fixed'))).map(e => e.outerHTML.slice(0, 200)),
    strangers: inside.filter(e => !(['SCRIPT', 'IMG'].includes(e.tagName) && /^(\\.\\.\\/)*(assets|badges)\\/[\\w.\\/-]+$/.test(e.getAttribute('src')))).map(e => e.outerHTML.slice(0, 200)),
    schemes: [...new Set(all.flatMap(e => [e.href?.baseVal ?? e.href, e.src, e.action]).filter(a => typeof a === 'string' && a)
      .map(a => new URL(a, document.baseURI).protocol))],
    hidden: (document.body.innerText.match(/[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u202a-\\u202e\\u2066-\\u2069]/) || []).length,
    sums: document.body.innerText.includes('7*7') ? 0 : (document.body.innerText.match(/\\b49\\b/) || []).length,
  };
}"""


def of_reports(site: Path) -> list[Path]:
    guide = site / "guide"
    return [path for path in sorted(site.rglob("*")) if path.is_file() and guide not in path.parents and site / "assets" not in path.parents]


@pytest.mark.browser
@pytest.mark.parametrize("way", ["file", "http"])
def test_no_page_lets_a_report_do_anything_or_scrolls_sideways(hostile_site: Path, browser: Any, way: str) -> None:
    pages = [path for path in of_reports(hostile_site) if path.suffix == ".html"]
    assert len(pages) > 3 * len(NAMES) + 2 * len(PAYLOADS)
    if way == "http":  # the run in which every text is everything at once, and what stands above it
        pages = [path for path in pages if "1a2b" in path.parent.name or path.parent.parent in (hostile_site, hostile_site.parent)]
    with served(hostile_site.parent) as address, opened(browser, "dark" if way == "http" else "light") as watched:
        root = hostile_site.as_uri() if way == "file" else f"{address}{hostile_site.name}"
        for path in pages:
            place = path.relative_to(hostile_site).as_posix()
            assert too_wide(watched.page, f"{root}/{place.replace('%', '%25')}") == {}, f"{place} scrolls sideways"
            watched.page.set_viewport_size({"width": 1280, "height": 900})
            title = watched.page.title()
            watched.page.mouse.move(400, 300)
            found = watched.page.evaluate(LOOKED_AT)
            assert found.pop("title") == title != "pwned", place
            schemes = {*found.pop("schemes")}
            assert schemes <= {way + ":", "https:", "data:"}, place
            assert found == {"handlers": [], "strangers": [], "hidden": 0, "sums": 0}, place
            assert [text for text in watched.trouble if "/favicon.ico" not in text] == [], place
        assert [request for request in watched.requests if not request.startswith((root, "data:")) and not request.endswith("/favicon.ico")] == []


def binary(path: Path) -> bool:
    return path.suffix == ".txt" and any(sign < 32 and sign not in b"\t\n\r\f\x1b" for sign in path.read_bytes())


@pytest.mark.browser
def test_every_other_file_is_what_its_name_says_and_runs_nothing(hostile_site: Path, browser: Any) -> None:
    """As a server sends it, opened by itself: JSON, XML, SVG, texts. What a browser saves to disk is parsed here instead."""
    others = [path for path in of_reports(hostile_site) if path.suffix not in (".html", ".js", ".css")]
    assert {".json", ".xml", ".txt", ".jsonl"} <= {path.suffix for path in others}
    with served(hostile_site.parent) as address, opened(browser) as watched:
        for path in others:
            place = path.relative_to(hostile_site).as_posix()
            whole = path.read_text("utf-8", "replace")
            if path.suffix == ".json" and not whole.startswith(("{not json", "[[[")):
                json.loads(whole)
            elif path.suffix == ".jsonl":
                assert [json.loads(line) for line in whole.splitlines()]
                continue
            elif path.suffix in (".xml", ".svg"):
                ElementTree.fromstring(whole)
            if path.stat().st_size < 1_000_000:
                with suppress(Exception) if binary(path) else nullcontext():  # saved to disk, not shown
                    watched.page.goto(f"{address}{hostile_site.name}/{place.replace('%', '%25')}")
                watched.page.mouse.move(100, 100)
                assert watched.page.evaluate("document.title || ''") != "pwned", place
        assert [text for text in watched.trouble if "/favicon.ico" not in text] == []
        assert {request for request in watched.requests if not request.startswith(address)} == set()


@pytest.mark.browser
def test_hostile_titles_stay_text_among_search_results(hostile_site: Path, browser: Any) -> None:
    with opened(browser) as watched:
        watched.page.goto((hostile_site / "index.html").as_uri())
        for words in ("script", "onmouseover", "iframe"):
            watched.page.locator(".md-search__input").fill("")
            search(watched.page, words)
            watched.page.wait_for_timeout(200)
            found = watched.page.locator(".md-search-result")
            assert found.locator("script, img, iframe, svg[onload], [onmouseover], [onfocus]").count() == 0
        assert watched.page.title() != "pwned"
        assert {address.partition(":")[0] for address in watched.requests} == {"file"}
        assert watched.trouble == []


def test_no_template_marks_anything_as_safe() -> None:
    for path in shipped().templates.rglob("*.html"):
        text = path.read_text("utf-8")
        assert "|safe" not in text.replace(" ", ""), path.name
        assert "autoescape" not in text, path.name


def test_hostile_names_of_folders_stay_in_the_site(hostile_site: Path) -> None:
    names = sorted(path.name for path in (hostile_site / "projects").iterdir())
    assert len(names) == len(NAMES)
    assert len({name.lower() for name in names}) == len(NAMES)
    assert all(
        name.isascii() and name.replace("-", "").replace("_", "").replace(".", "").isalnum() and not name.endswith((".", ".html")) for name in names
    )
    assert not any(name.partition(".")[0].upper() in ("CON", "NUL", "PRN", "AUX") for name in names)
