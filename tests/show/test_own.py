"""What a working folder changes about its site: templates, assets, mkdocs.yml, pages, and what builds the chrome."""

from __future__ import annotations

import importlib.util
import logging
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import Config
from orchestrator.errors import SetupError
from orchestrator.show import site
from orchestrator.show.build import soundness
from orchestrator.show.build.own import own
from orchestrator.show.build.shell import shipped
from tests.conftest import REPOSITORY

from .hostile_fixture import hostile_folder
from .reports_fixture import library
from .test_site import files, visible

RUN = "projects/library/20261122T203251Z-1a2b/index.html"


def template(folder: Path, name: str, text: str) -> None:
    path = folder / "site_templates" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def page(built: Path, name: str) -> str:
    """Its text, with `./x` as `x`: a matter of the builder's taste."""
    return (built / name).read_text(encoding="utf-8").replace('"./', '"')


# --- templates -------------------------------------------------------------------------------------------------------------


def test_a_template_of_one_s_own_takes_the_place_of_the_shipped_one(folder: Path) -> None:
    template(
        library(folder), "inbox.html", '<div class="page"><h1>Our inbox</h1>{% for receipt in receipts %}<p>{{ receipt.path }}</p>{% endfor %}</div>'
    )
    built = site.build(folder, Config()).parent
    assert visible(built / "inbox.html").startswith("Our inbox prds/loans.md prds/till.md prds/draft.md prds/clock.md")
    assert "Recent runs" in visible(built / "index.html"), "the others are as they were"


def test_it_can_extend_the_shipped_one(folder: Path) -> None:
    source = '{% extends "shipped/run.html" %}{% block top %}<p>Run {{ run_id }} by {{ chip("outcome", report.outcome) }}</p>{% endblock %}'
    template(library(folder), "run.html", source + '{% block bottom %}<p>Ask the <a href="{{ link(to.INBOX) }}">inbox</a>.</p>{% endblock %}')
    built = site.build(folder, Config()).parent
    said = visible(built / RUN)
    assert said.startswith("Run 20261122T203251Z-1a2b by")
    assert "Sandbox and tools" in said
    assert "Ask the inbox ." in said.partition("As data")[2]
    assert [*soundness.faults(built)] == []


def test_it_can_stand_around_the_shipped_one_and_a_part_of_one_s_own_is_used_by_shipped_pages(folder: Path) -> None:
    template(library(folder), "schedule.html", '<p>Before.</p>{% include "shipped/schedule.html" %}<p>After.</p>')
    template(folder, "_data.html", "<p>No data here.</p>")
    built = site.build(folder, Config()).parent
    assert re.match(r"Before\..*Nothing is scheduled.*After\.", visible(built / "schedule.html"))
    assert "No data here." in visible(built / "projects/library/index.html")


@pytest.mark.parametrize("name", sorted(path.name for path in shipped().templates.glob("*.html") if not path.name.startswith("_")))
def test_every_shipped_page_can_be_extended_at_its_top_and_its_bottom(name: str) -> None:
    text = (shipped().templates / name).read_text(encoding="utf-8")
    assert text.count("{% block top %}{% endblock %}") == text.count("{% block bottom %}{% endblock %}") == 1


@pytest.mark.parametrize("fill", [library, hostile_folder])
def test_the_shipped_templates_make_the_same_pages_in_the_sandbox_of_a_folder_with_its_own(folder: Path, fill: Any) -> None:
    built = site.build(fill(folder), Config()).parent
    before = {name: (built / name).read_bytes() for name in files(built) if name.endswith(".html")}
    template(folder, "of_no_page.html", "Only here so that Jinja2 makes all templates its own way.")
    site.build(folder, Config())
    after = {name: (built / name).read_bytes() for name in files(built) if name.endswith(".html")}
    assert sorted(after) == sorted(before) and len(before) > 20
    assert [name for name in before if after[name] != before[name]] == []


def test_what_is_shown_is_escaped_whatever_the_template_does_but_where_it_says_safe(folder: Path) -> None:
    hostile_folder(folder)
    loop = "{% for receipt in receipts %}{{ receipt.title }}<b title=\"{{ receipt.path }}\">{{ '%s' | format(receipt.prd) }}</b>{% endfor %}"
    template(folder, "inbox.html", f'<div class="page">{loop}</div>')
    built = site.build(folder, Config()).parent
    assert "<script>document.title" not in page(built, "inbox.html")
    assert "&lt;script&gt;document.title" in page(built, "inbox.html")
    template(folder, "inbox.html", "{% for receipt in receipts %}{{ receipt.title | safe }}{% endfor %}")
    built = site.build(folder, Config()).parent
    assert "<script>document.title" in page(built, "inbox.html"), "it says so itself; the policy still stands on the page"
    assert "script-src 'self'" in page(built, "inbox.html")


BROKEN = {
    "no template": ("<p>\n{% if %}\n", "site_templates/inbox.html:2: it is no template"),
    "not closed": ("<p>\n\n{% for receipt in receipts %}x", "site_templates/inbox.html:3: it is no template"),
    "a word nobody knows": ("<p>\n{{ receipts_of_today }}</p>", "site_templates/inbox.html:2: 'receipts_of_today' is undefined"),
    "a mistake": ("<p>\n\n{{ receipts[0].path / 2 }}</p>", "site_templates/inbox.html:3: TypeError"),
    "no such file": ('\n{% include "footer.html" %}', "there is no template `footer.html`"),
    "itself": ('{% include "inbox.html" %}', "RecursionError"),
    "a way out": ("{{ receipts.__class__.__mro__ }}", "site_templates/inbox.html:1: SecurityError"),
    "no filter": ("{{ receipts | sparkle }}", "site_templates/inbox.html:1: it is no template: No filter named 'sparkle'"),
    "not text": ("\udcff\udcfe {{ receipts | nothing }}", "site_templates/inbox.html:1"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_template_that_is_broken_is_named_with_its_line_and_the_shipped_one_makes_the_page(
    folder: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    source, told = BROKEN[name]
    library(folder)
    (folder / "site_templates").mkdir()
    (folder / "site_templates" / "inbox.html").write_bytes(source.encode("utf-8", "surrogateescape"))
    with caplog.at_level(logging.WARNING):
        built = site.build(folder, Config()).parent
    said = visible(built / "inbox.html")
    assert "A template of this folder could not be used." in said
    assert told in re.sub(r"&#39;", "'", said)
    assert "prds/till.md" in said, "and everything else is there"
    assert any(told in record.getMessage() for record in caplog.records)
    caplog.clear()
    before = files(built)
    with caplog.at_level(logging.WARNING):
        site.build(folder, Config())
    assert any(told in record.getMessage() for record in caplog.records), "also when nothing is made anew"
    assert files(built) == before


def test_a_part_that_lacks_what_shipped_pages_ask_of_it_breaks_no_page(folder: Path) -> None:
    template(library(folder), "_parts.html", "{% macro badges(labels) %}{% endmacro %}")
    built = site.build(folder, Config()).parent
    assert "site_templates/_parts.html: 'jinja2" in visible(built / "index.html").replace("&#39;", "'")
    assert "Recent runs" in visible(built / "index.html")


def test_a_template_that_is_mended_or_taken_away_is_forgotten(folder: Path) -> None:
    site.build(library(folder), Config())
    first = files(folder / "site")
    template(folder, "inbox.html", "{{ nothing }}")
    site.build(folder, Config())
    assert files(folder / "site") != first
    shutil.rmtree(folder / "site_templates")
    site.build(folder, Config())
    assert files(folder / "site") == first


# --- the chrome ------------------------------------------------------------------------------------------------------------

MKDOCS = """\
---
# What this folder changes; the rest is as it is shipped.
site_name: Proofs of team B
theme:
  logo: assets/our.svg
  palette:
    scheme: default
    primary: indigo
extra_css: [assets/site.css, assets/our.css]
nav:
  - Handbook:
      - How we work: handbook/index.md
      - Glossary: handbook/words.md
"""
CSS = ":root { --md-primary-fg-color: #004d40; }\n"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><title>ours</title></svg>\n'


def dressed(folder: Path) -> None:
    template(folder, "assets/our.css", CSS)
    template(folder, "assets/our.svg", SVG)
    pages = folder / "docs" / "handbook"
    pages.mkdir(parents=True)
    (folder / "mkdocs.yml").write_text(MKDOCS)
    (pages / "index.md").write_text("# How we work\n\n![a board](board.png) See the [words](words.md) and the [inbox](../inbox.md).\n")
    (pages / "words.md").write_text("# Glossary\n\nA **fare** is what a ride costs.\n")
    (pages / "board.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (pages / "secret.md").write_text("# Not in the navigation\n")
    (folder / "docs" / "index.md").write_text("# Not the overview\n")


def is_dressed(built: Path, zensical: bool = False) -> None:
    overview = page(built, "index.html")
    assert "Proofs of team B" in overview
    assert 'src="assets/our.svg"' in overview
    assert 'href="assets/our.css"' in overview
    assert (built / "assets/our.css").read_text() == CSS
    assert (built / "assets/our.svg").read_text() == SVG
    assert 'href="handbook/index.html"' in overview
    assert "Recent runs" in visible(built / "index.html")
    said = page(built, "handbook/index.html")
    assert "How we work" in said
    assert 'href="../inbox.html"' in said
    assert 'src="board.png"' in said
    assert "Content-Security-Policy" in said
    assert 'href="../../handbook/index.html"' in page(built, "projects/library/index.html")
    assert page(built, "search/search_index.json").count("R2: Lend a book") >= 2
    if not zensical:
        assert "what a ride costs" in page(built, "search/search_index.json")
    assert len(re.findall(r'href="handbook/index.html" class="md-tabs__link"', overview)) == 1, "and nothing stands twice"
    assert not (built / "handbook/secret.html").exists()
    for tab in ("inbox.html", "agents.html", "schedule.html", "api.html", "guide/index.html"):
        assert f'href="{tab}"' in overview, "the shipped tabs stand before it"
    assert [*soundness.faults(built)] == []


def test_name_colours_logo_styles_and_pages_come_from_the_folder_s_own_mkdocs_yml(folder: Path) -> None:
    dressed(library(folder))
    built = site.build(folder, Config()).parent
    is_dressed(built)
    assert not (folder / "runs" / ".chrome" / "own.yml").exists()


def test_a_page_or_a_style_that_changes_is_in_the_next_build(folder: Path) -> None:
    dressed(library(folder))
    site.build(folder, Config())
    (folder / "docs/handbook/words.md").write_text("# Glossary\n\nA **ride** is what a fare buys.\n")
    template(folder, "assets/our.css", ":root {}\n")
    built = site.build(folder, Config()).parent
    assert "what a fare buys" in visible(built / "handbook/words.html")
    assert (built / "assets/our.css").read_text() == ":root {}\n"
    shutil.rmtree(folder / "docs")
    (folder / "mkdocs.yml").unlink()
    built = site.build(folder, Config()).parent
    assert not (built / "handbook").exists()


def test_a_navigation_that_names_the_overview_is_the_whole_one_and_a_theme_s_own_parts_are_taken(folder: Path) -> None:
    library(folder)
    (folder / "mkdocs.yml").write_text("theme: {custom_dir: our_theme}\nnav: [{Start: index.md}, {Data: api.md}]\n")
    (folder / "our_theme" / "partials").mkdir(parents=True)
    (folder / "our_theme" / "partials" / "copyright.html").write_text("<p>Kept by team B.</p>\n")
    built = site.build(folder, Config()).parent
    assert "Kept by team B." in page(built, RUN)
    assert "Start" in page(built, RUN)
    assert 'href="schedule.html"' not in re.sub(r"(?s)<main.*?</main>", "", page(built, "index.html"))


def test_a_shipped_asset_can_be_replaced(folder: Path) -> None:
    template(library(folder), "assets/orchestrator.svg", SVG)
    built = site.build(folder, Config()).parent
    assert (built / "assets/orchestrator.svg").read_text() == SVG


def test_what_lies_outside_of_the_folder_is_not_taken(folder: Path) -> None:
    (folder / "mkdocs.yml").write_text("docs_dir: ../../etc\nextra_css: [../../etc/passwd, /etc/passwd]\nnav: [{a: ../x.md}, {b: /etc/y.md}]\n")
    (folder.parent / "x.md").write_text("# x\n")
    parts = shipped()
    assert own(folder, parts.templates, parts.mkdocs).docs == {}


def test_a_checkout_of_the_product_changes_nothing_about_its_own_site(tmp_path: Path) -> None:
    parts = shipped()
    copied = tmp_path / "checkout"
    for name in ("site_templates", "orchestrator/show"):
        shutil.copytree(REPOSITORY / name, copied / name)
    shutil.copy(REPOSITORY / "mkdocs.yml", copied)
    for checkout in (REPOSITORY, copied):
        found = own(checkout, parts.templates, parts.mkdocs)
        assert (found.templates, found.mkdocs, found.docs) == ("", None, {})


# --- builders --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("builder", ["properdocs", pytest.param("zensical", marks=pytest.mark.zensical)])
def test_another_builder_makes_the_same_site_from_the_same_files(folder: Path, builder: str) -> None:
    dressed(library(folder))
    config: dict[str, Any] = {"site": {"builder": builder}}
    built = site.build(folder, Config.model_validate(config)).parent
    is_dressed(built, builder == "zensical")
    ours = {path.relative_to(built).as_posix() for path in built.rglob("*") if path.is_file()}
    plain = site.build(folder, Config.model_validate({"site": "plain"})).parent
    theirs = {path.relative_to(plain).as_posix() for path in plain.rglob("*") if path.is_file()}
    assert {name for name in ours if not name.startswith(("assets/", "search"))} == {
        name for name in theirs if not name.startswith(("assets/", "search"))
    }


def test_a_builder_that_is_not_installed_is_said_and_the_old_site_stays(folder: Path) -> None:
    if importlib.util.find_spec("zensical"):
        pytest.skip("not run: zensical is installed here")
    site.build(library(folder), Config())
    before = files(folder / "site")
    with pytest.raises(SetupError, match="is zensical, which is not installed"):
        site.build(folder, Config.model_validate({"site": {"builder": "zensical"}}))
    assert files(folder / "site") == before
