"""The site's data for programs: the contract and its schemas, badges, feeds."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import feedparser
import jsonschema
import pytest

from orchestrator.config import Config
from orchestrator.show import site
from orchestrator.show.data_api import api, api_models, feed
from orchestrator.show.data_api.api_models import Totals
from orchestrator.show.pictures import badges

from .reports_fixture import library, project_report, save, summary
from .run_fixture import run_report

SITES = ["library_site", "hostile_site"]
ATOM = "{http://www.w3.org/2005/Atom}"


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def linked(schema: dict[str, Any], value: Any, root: dict[str, Any]) -> list[str]:
    """Every link of a value, by its schema."""
    if "$ref" in schema:
        return linked(root["$defs"][schema["$ref"].rpartition("/")[2]], value, root)
    if "anyOf" in schema:
        return [] if value is None else linked(next(each for each in schema["anyOf"] if each.get("type") != "null"), value, root)
    if schema.get("format") == "uri-reference":
        return [value] if value else []
    if isinstance(value, list):
        return [link for each in value for link in linked(schema["items"], each, root)]
    if isinstance(value, dict) and "properties" in schema:
        return [link for name, each in value.items() for link in linked(schema["properties"][name], each, root)]
    if isinstance(value, dict):
        return [link for each in value.values() for link in linked(schema["additionalProperties"], each, root)]
    return []


# --- the contract ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", SITES)
def test_every_file_fits_its_schema_and_every_link_leads_somewhere(which: str, request: pytest.FixtureRequest) -> None:
    built: Path = request.getfixturevalue(which)
    found = [path for path in sorted((built / "api").rglob("*.json")) if path.parent.name != "schemas"]
    assert {"index.json", "projects.json", "runs.json", "tasks.json", "trace.json"} <= {path.name for path in found}
    kinds = set()
    for path in found:
        value = read(path)
        schema = read(path.parent / value["$schema"])
        jsonschema.Draft202012Validator(schema).validate(value)
        assert set(value) == set(schema["properties"]), "a field that no schema names, or one that is missing"
        assert value["version"] == api_models.VERSION
        kinds.add(schema["title"])
        for link in linked(schema, value, schema):
            target = path.parent / unquote(link.partition("#")[0])
            assert target.resolve().is_file(), (path, link)
            if "#" in link:
                assert f'id="{unquote(link.partition("#")[2])}"' in target.read_text(encoding="utf-8"), (path, link)
    assert kinds == {model.__name__ for model in api_models.MODELS.values()}


def test_the_schemas_are_valid_and_say_what_each_field_is(library_site: Path) -> None:
    for name in api_models.MODELS:
        schema = read(library_site / api.schema_place(name))
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["description"]


def test_a_wrong_value_does_not_fit(library_site: Path) -> None:
    value, schema = read(library_site / api.INDEX), read(library_site / api.schema_place("index"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(value | {"projects_count": "three"}, schema)


def test_a_reader_of_this_version_takes_what_a_later_one_adds(library_site: Path) -> None:
    value = read(library_site / api.INDEX) | {"weather": "fine"}
    jsonschema.validate(value, read(library_site / api.schema_place("index")))
    assert api_models.Index.model_validate(value).projects_count == 2


def test_the_numbers_are_those_of_the_reports(library_site: Path) -> None:
    index = read(library_site / api.INDEX)
    assert (index["totals"]["criteria"], index["totals"]["proved"]) == (12, 8)
    project = read(library_site / "api/v1/projects/library.json")
    assert project["totals"]["levels"] == {"held-out": 1, "oracle": 1, "human test": 1, "agent test": 1}
    assert project["totals"]["requirements_proved"] == 2
    run = read(library_site / "api/v1/projects/library/runs/20261122T203251Z-1a2b.json")
    assert {task["id"]: task["verdict"] for task in run["tasks"]}["loans#R2"] == "passed"
    trace = read(library_site / "api/v1/projects/library/trace.json")["trace"]
    row = next(row for row in trace if row["criterion"] == "loans#R2.AC3")
    assert (row["state"], row["level"], len(row["commits"]), row["tests"][0].partition("::")[0]) == ("proved", "held-out", 2, "tests/test_loans.py")


def test_a_list_is_cut_into_files_of_at_most_200_rows_that_lead_to_each_other(folder: Path) -> None:
    runs = [summary(f"20261122T{number // 60:02d}{number % 60:02d}00Z-{number:04x}", "done", 1, 0, 0) for number in reversed(range(450))]
    save(folder / "runs", "library", project_report("library", runs), [run_report(folder / "runs" / "library", runs[0].id, tasks=[])])
    built = site.build(folder, Config()).parent
    at, seen = built / "api/v1/projects/library/runs.json", []
    while True:
        value = read(at)
        assert len(value["runs"]) <= api_models.ROWS
        seen += [row["id"] for row in value["runs"]]
        if not value["next"]:
            break
        assert read(at.parent / value["next"])["previous"] == at.name
        at = at.parent / value["next"]
    assert seen == [run.id for run in runs]
    assert value["of"] == value["number"] == 3


def test_the_example_of_the_page_runs_and_prints_every_criterion(library_site: Path, tmp_path: Path) -> None:
    page = (library_site / "api.html").read_text(encoding="utf-8")
    blocks = [unescape(text) for text in re.findall(r"<pre><code>(.*?)</code></pre>", page, re.DOTALL)]
    script = next(text for text in blocks if text.startswith("import json")).replace(badges.SOMEWHERE, f"{library_site.as_uri()}/")
    done = subprocess.run(["python3", "-c", script], capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 12
    assert "library loans#R2.AC3 proved" in done.stdout


# --- badges ----------------------------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colour", [badges.LEFT, *badges.COLOURS.values()])
def test_white_text_on_a_badge_has_the_contrast_of_aa(colour: str) -> None:
    assert 1.05 / (luminance(colour) + 0.05) >= 4.5


@pytest.mark.parametrize("which", SITES)
def test_every_badge_is_well_formed_says_its_title_and_asks_nobody_for_anything(which: str, request: pytest.FixtureRequest) -> None:
    built: Path = request.getfixturevalue(which)
    found = sorted((built / "badges").glob("*.svg"))
    assert len(found) >= 4
    for path in found:
        root = ET.fromstring(path.read_text(encoding="utf-8"))
        svg = "{http://www.w3.org/2000/svg}"
        assert {each.tag.removeprefix(svg) for each in root.iter()} == {"svg", "title", "clipPath", "rect", "g", "text"}
        assert root.findtext(f"{svg}title")
        names = {name for each in root.iter() for name in each.attrib}
        assert not {name for name in names if name.startswith("on") or "href" in name or name == "style"}
        texts = list(root.iter(f"{svg}text"))
        right = max(float(text.get("x", 0)) + float(text.get("textLength", 0)) / 2 for text in texts)
        assert right <= float(root.get("width", 0)) - 5, "the text stays inside"
        endpoint = read(path.with_suffix(".json"))
        assert endpoint["schemaVersion"] == 1
        assert endpoint["message"] == texts[1].text
    assert "<script" not in "".join(path.read_text(encoding="utf-8") for path in found)


@pytest.mark.parametrize(
    ("criteria", "proved", "message", "colour"),
    [(0, 0, "nothing asked for", "quiet"), (3, 0, "0 of 3 criteria", "bad"), (3, 2, "2 of 3 criteria", "some"), (3, 3, "3 of 3 criteria", "good")],
)
def test_a_badge_says_how_much_is_proved(criteria: int, proved: int, message: str, colour: str) -> None:
    badge = badges.proved("library", Totals(criteria=criteria, proved=proved))
    assert (badge.message, badge.colour) == (message, colour)


# --- feeds -----------------------------------------------------------------------------------------------------------------


def entries(built: Path, place: str = "feed.xml") -> list[ET.Element]:
    return ET.fromstring((built / place).read_text(encoding="utf-8")).findall(f"{ATOM}entry")


def structure(text: str) -> None:
    """What RFC 4287 demands of a feed and of each entry (4.1.1, 4.1.2), as far as this one goes."""
    root = ET.fromstring(text)
    assert root.tag == f"{ATOM}feed"
    for element in [root, *root.findall(f"{ATOM}entry")]:
        for name in ("id", "title", "updated"):
            assert len(element.findall(f"{ATOM}{name}")) == 1, name
        assert urlsplit(element.findtext(f"{ATOM}id") or "").scheme == "tag"
        stamp = element.findtext(f"{ATOM}updated") or ""
        assert stamp.endswith("Z")
        datetime.fromisoformat(stamp)
        kinds = [(link.get("rel"), link.get("type")) for link in element.findall(f"{ATOM}link")]
        assert len(kinds) == len(set(kinds))
        assert ("alternate", "text/html") in kinds
    assert root.findall(f"{ATOM}author/{ATOM}name")
    ids = [entry.findtext(f"{ATOM}id") for entry in root.findall(f"{ATOM}entry")]
    assert len(ids) == len(set(ids))
    for content in root.iter(f"{ATOM}content"):
        assert content.get("type") == "xhtml"
        assert [child.tag for child in content] == ["{http://www.w3.org/1999/xhtml}div"]


@pytest.mark.parametrize("which", SITES)
def test_every_feed_is_valid_and_a_reader_understands_it(which: str, request: pytest.FixtureRequest) -> None:
    built: Path = request.getfixturevalue(which)
    for path in [built / "feed.xml", *built.glob("projects/*/feed.xml")]:
        text = path.read_text(encoding="utf-8")
        structure(text)
        parsed = feedparser.parse(text)
        assert not parsed.bozo, parsed.get("bozo_exception")
        assert parsed.version == "atom10"
        for entry in parsed.entries:
            assert "<script" not in entry.content[0].value


def test_an_entry_says_what_was_done_when_and_where(library_site: Path) -> None:
    first = feedparser.parse((library_site / "feed.xml").read_text(encoding="utf-8")).entries[0]
    assert first.title == "library: needs a person"
    assert first.id == "tag:tdd-orchestrator.invalid,2026-11-22:run/library/20261122T203251Z-1a2b"
    assert "for a person" in first.summary
    assert "loans#R2: Lend a book" in first.content[0].value
    for entry in entries(library_site):
        link = entry.find(f"{ATOM}link")
        assert link is not None
        assert (library_site / (link.get("href") or "")).is_file()


def test_with_an_address_links_of_feeds_are_whole_and_ids_are_of_that_host(folder: Path) -> None:
    library(folder)
    config = Config.model_validate({"site": {"url": "https://proofs.example.org/team"}})
    built = site.build(folder, config).parent
    for place in ("feed.xml", "projects/library/feed.xml"):
        for entry in entries(built, place):
            link = entry.find(f"{ATOM}link")
            assert link is not None
            assert (link.get("href") or "").startswith("https://proofs.example.org/team/projects/library/")
            assert (entry.findtext(f"{ATOM}id") or "").startswith("tag:proofs.example.org,")
    assert "](https://proofs.example.org/team/badges/library-proved.svg)" in (built / "projects/library/index.html").read_text(encoding="utf-8")
    assert read(built / api.INDEX)["url"] == "https://proofs.example.org/team/"


def test_relative_links_of_a_project_s_feed_lead_to_the_site(library_site: Path) -> None:
    path = library_site / "projects/library/feed.xml"
    root = ET.fromstring(path.read_text(encoding="utf-8"))
    base = urljoin(path.as_uri(), root.get("{http://www.w3.org/XML/1998/namespace}base") or "")
    for link in root.iter(f"{ATOM}link"):
        assert Path(unquote(urlsplit(urljoin(base, link.get("href") or "")).path)).is_file()


def test_a_feed_holds_the_latest_runs_only() -> None:
    found = [feed.Entry("p", f"r{number:03d}", "x", "done", f"2026-11-{number % 28 + 1:02d}T00:00:00Z", {}) for number in range(80)]
    kept = feed.latest(found)
    assert len(kept) == feed.LATEST
    assert kept[0].ended_at == "2026-11-28T00:00:00Z"


def test_every_page_says_where_the_feed_is(library_site: Path) -> None:
    for path in library_site.rglob("*.html"):
        depth = len(path.relative_to(library_site).parts) - 1
        assert f'rel="alternate feed" type="application/atom+xml" title="Runs" href="{"../" * depth}feed.xml"' in path.read_text(encoding="utf-8"), (
            path
        )


def test_the_data_is_the_same_bytes_wherever_and_whenever_it_is_built(folder: Path, library_site: Path) -> None:
    library(folder)
    shutil.rmtree(folder / "site", ignore_errors=True)
    built = site.build(folder, Config()).parent
    for path in [*library_site.rglob("api/**/*.json"), *library_site.rglob("badges/*"), *library_site.rglob("feed.xml")]:
        assert (built / path.relative_to(library_site)).read_bytes() == path.read_bytes(), path
