"""The guide: docs/ as pages of the site, the pages that the code writes, and the picture of the moves."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from orchestrator import cli
from orchestrator.run.lifecycle import MOVES, STATES, Move
from orchestrator.show.build.shell import shipped
from orchestrator.show.manual import commands, guide
from orchestrator.show.pictures import moves
from tests.conftest import REPOSITORY, Workplace, clean_environment

DOCS = REPOSITORY / "docs"
FILES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
PAGES = guide.names(FILES)


class Shape(HTMLParser):
    """How often each kind of thing stands in a page's text."""

    COUNTED = frozenset({"h1", "h2", "h3", "h4", "ul", "ol", "li", "tr", "td", "th", "pre", "code", "em", "strong", "blockquote"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in self.COUNTED:
            self.counts[tag] += 1


def article(name: str, built: Path) -> str:
    html = (built / "guide" / name.replace(".md", ".html")).read_text("utf-8")
    return html[html.index("<article") : html.index("</article>")]


def test_pages_of_docs_have_names_of_their_own() -> None:
    assert len({*PAGES.values()}) == len(PAGES)
    assert {*PAGES} == {*FILES} - guide.FOR_DEVELOPERS


def test_every_page_stands_in_a_section_of_the_navigation() -> None:
    """A page that stands in none would be found at the end, and a section that names a page which is not there would be no loss to anybody."""
    assert Counter(f"{stem}.md" for stems in guide.SECTIONS.values() for stem in stems) == Counter(PAGES.values())
    assert guide.nav(["x.md", "limits.md", "index.md"]) == ["guide/index.md", {"Agents": ["guide/limits.md"]}, "guide/x.md"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_the_shape_in_the_site_that_it_has_on_a_code_host(path: str, library_site: Path) -> None:
    text = (DOCS / path).read_text("utf-8")
    wanted = Shape(MarkdownIt("commonmark").enable("table").render(text)).counts
    found = Shape(article(PAGES[path], library_site)).counts
    assert found == wanted


def test_links_lead_to_pages_of_the_guide_or_are_their_text() -> None:
    text = "[a](limits.md#x) [b `c`](../README.md) [d](guide/proof.md) [e](https://x.org) `[f](limits.md)` [g](#h) [i](design.md)\n```\n[j](limits.md)\n```\n"
    read = guide.page("ci.md", text, ["limits.md", "ci.md", "design.md", "guide/proof.md"])
    assert read == "[a](limits.md#x) b `c` [d](proof.md) [e](https://x.org) `[f](limits.md)` [g](#h) i\n```\n[j](limits.md)\n```\n"
    assert guide.page("guide/proof.md", "[a](../limits.md)", ["limits.md", "guide/proof.md"]) == "[a](limits.md)"


def test_every_prd_of_the_guide_is_accepted(place: Workplace) -> None:
    prds = re.findall(r"^````markdown\n(.*?)^````$", (DOCS / "guide" / "prd.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(prds) == 3
    for number, text in enumerate(prds):
        place.prd(f"example-{number}", text)
    done = place.command("check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 PRDs, 5 criteria, 14 executable examples; 0 set aside" in done.stdout


# --- commands ------------------------------------------------------------------------------------------------------------


def test_the_page_of_commands_names_every_command_and_option() -> None:
    page = commands.page(cli._parser())
    sections = dict(re.findall(r"^## (orchestrator .*?)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    assert len(sections) > 20
    help_text = subprocess.run(
        [sys.executable, "-m", "orchestrator", "plan", "--help"], capture_output=True, text=True, check=True, env=clean_environment(), cwd=REPOSITORY
    ).stdout
    for option in set(re.findall(r"--[a-z-]+", help_text)) - {"--help"}:
        assert f"`{option}`" in sections["orchestrator plan"]
        assert f"[{option}" in sections["orchestrator plan"]
    assert "0 done or nothing to do" in page
    assert "[--port PORT]" in sections["orchestrator site serve"]
    assert "orchestrator trace [--json] [NAME]" in sections["orchestrator trace"]


def test_a_value_that_is_asked_for_stands_in_the_usage_as_it_is_given() -> None:
    parser = argparse.ArgumentParser(prog="orchestrator", epilog="codes")
    one = parser.add_subparsers(required=True).add_parser("do", help="a | b", description="Do.")
    one.add_argument("--how", choices=["x", "y"], help="this | that")
    one.add_argument("files", nargs="+")
    page = commands.page(parser)
    assert "orchestrator do [--how x|y] FILES [FILES ...]" in page
    assert "| `--how` `x\\|y` | this \\| that |" in page


# --- moves ---------------------------------------------------------------------------------------------------------------

SVG = "{http://www.w3.org/2000/svg}"


def drawn(found: tuple[Move, ...]) -> ElementTree.Element:
    return ElementTree.fromstring(moves.picture(found))


def test_every_move_is_in_the_picture_and_in_the_table() -> None:
    said = " ".join(title.text or "" for title in drawn(MOVES).iter("title"))
    table = moves.page()
    for move in MOVES:
        source = moves.ANY if move.target == "retired" else move.source
        assert re.search(rf"{re.escape(source)} → {move.target}\. [^→]*\b{re.escape(move.name)}: {re.escape(move.sentence)}", said), move
        row = f"| {'any but retired' if move.target == 'retired' else move.source} | {move.name} | {move.target} | {move.sentence} |"
        assert row in table
    assert all(f"| {state} |" in table for state in STATES)


def test_no_two_states_stand_in_one_place_and_the_usual_way_is_a_straight_line() -> None:
    spots = moves.columns(moves.edges(MOVES))
    assert {*spots} == {*STATES, moves.ANY}
    assert len({*spots.values()}) == len(spots)
    assert [spots[state] for state in ("pending", "ready", "running", "produced", "done")] == [(column, 0) for column in range(5)]


def test_a_move_that_is_added_is_drawn() -> None:
    more = (*MOVES, Move("doubted", "done", "unclear", "somebody asked"))
    said = [title.text for title in drawn(more).iter("title")]
    assert "done → unclear. doubted: somebody asked" in said
    assert len(said) == len(list(drawn(MOVES).iter("title"))) + 1


def test_the_picture_says_in_words_what_it_shows() -> None:
    picture = drawn(MOVES)
    assert picture.findtext("title") == "States of a task, and the moves between them"
    assert picture.findtext("desc") == f"{len(STATES)} states and {len(MOVES)} moves; the tables below name every one of them."


def test_the_picture_stands_in_the_page_of_the_site_and_not_in_the_search_index(library_site: Path) -> None:
    page = article("states.md", library_site)
    assert page.count('<svg class="moves"') == 1
    assert "done → ready. regressed" in page
    assert "regressed: what was proved no longer holds; merged" not in (library_site / "search" / "search_index.json").read_text("utf-8")


def test_the_docs_are_shipped_whole() -> None:
    assert shipped().docs == DOCS
    assert '"docs" = "orchestrator/_shipped/docs"' in (REPOSITORY / "pyproject.toml").read_text("utf-8")
