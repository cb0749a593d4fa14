"""One site over several installations: other folders of runs, and published sites on a real server that behaves well or badly."""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from orchestrator.config import Config
from orchestrator.show import site
from orchestrator.show.build import soundness
from orchestrator.show.data_api import api_models
from orchestrator.show.federation import published, sources

from .hostile_fixture import PAYLOAD, hostile
from .reports_fixture import library
from .test_site import files, visible

Reply = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def serving(reply: Reply) -> Iterator[str]:
    """A server on loopback that does to each request what `reply` does; yields its address."""

    class Requests(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                reply(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


def folder_of(built: Path) -> Reply:
    """As a web server would: the files of a site below /team/."""

    def reply(request: BaseHTTPRequestHandler) -> None:
        path = built / urlsplit(request.path).path.removeprefix("/team/")
        if not path.is_file():
            request.send_error(404)
            return
        answer(request, path.read_bytes())

    return reply


def answer(request: BaseHTTPRequestHandler, data: bytes, status: int = 200, **headers: str) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.send_header("Content-Length", str(len(data)))
    request.end_headers()
    request.wfile.write(data)


def built_from(folder: Path, *where: str, seconds: float = 5.0) -> Path:
    return site.build(folder, Config.model_validate({"site": {"from": list(where), "source_seconds": seconds}})).parent


def section(built: Path) -> str:
    return visible(built / "index.html").partition("Other installations")[2]


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


# --- folders of runs -------------------------------------------------------------------------------------------------------


def test_projects_of_another_folder_have_pages_and_data_under_its_name(folder: Path) -> None:
    library(folder)
    library(folder / "team-b")
    built = built_from(folder, "team-b/runs")
    names = [row["name"] for row in read(built / "api/v1/projects.json")["projects"]]
    assert names == ["library", "words", "team-b/library", "team-b/words"], "of the same name, and both are there"
    assert [row["source"] for row in read(built / "api/v1/projects.json")["projects"]] == ["", "", "team-b", "team-b"]
    pages = {re.sub(r"-[0-9a-f]{8}$", "", path.parent.name) for path in built.glob("projects/*/index.html")}
    assert pages == {"library", "words", "team-b-library", "team-b-words"}
    assert "team-b/library" in visible(built / "index.html")
    assert [*soundness.faults(built)] == []


def test_its_own_runs_are_not_shown_twice_and_two_of_one_name_are_told_apart(folder: Path) -> None:
    library(folder)
    library(folder / "a" / "team")
    library(folder / "b" / "team")
    built = built_from(folder, "runs", ".", "a/team", "b/team/runs")
    found = {row["source"] for row in read(built / "api/v1/projects.json")["projects"]}
    assert found == {"", "team", "team-2"}


def test_a_folder_that_is_not_there_is_said_and_breaks_nothing(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    library(folder)
    built = built_from(folder, "../nowhere/runs")
    assert "nowhere" in section(built)
    assert "there is no such folder" in section(built)
    assert "../nowhere/runs: there is no such folder" in caplog.text, "and whoever builds it is told"


def test_pages_of_a_folder_that_cannot_be_read_now_stay_and_are_said_to_be_old(folder: Path) -> None:
    library(folder)
    library(folder / "team-b")
    built = built_from(folder, "team-b")
    before = {name: data for name, data in files(built).items() if "team-b" in name}
    (folder / "team-b").rename(folder / "away")
    built = built_from(folder, "team-b")
    assert {name: data for name, data in files(built).items() if "team-b" in name} == before
    assert before
    assert "team-b/library" in visible(built / "index.html")
    assert "there is no such folder. Pages that were made of it before stay as they are." in section(built)
    assert [*soundness.faults(built)] == []
    (folder / "away").rename(folder / "team-b")
    shutil.rmtree(folder / "team-b" / "runs" / "words")
    built = built_from(folder, "team-b")
    assert {row["name"] for row in read(built / "api/v1/projects.json")["projects"]} == {"library", "words", "team-b/library"}


def test_what_another_folder_no_longer_has_is_taken_away(folder: Path) -> None:
    library(folder)
    library(folder / "team-b")
    built_from(folder, "team-b")
    built = site.build(folder, Config()).parent
    assert {path.name for path in (built / "projects").iterdir()} == {"library", "words"}
    assert "Other installations" not in visible(built / "index.html")


# --- published sites -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["team", "team/index.html", "team/api/v1/index.json"])
def test_a_published_site_is_shown_with_links_to_its_pages(folder: Path, library_site: Path, address: str) -> None:
    with serving(folder_of(library_site)) as host:
        built = built_from(folder, host + address)
    said = section(built)
    assert "library Library loans 8 of 12" not in said, "two projects have their own rows"
    assert "library Library loans 4 of 8" in said
    assert "Read 20" in said
    html = (built / "index.html").read_text(encoding="utf-8")
    assert f'href="{host}team/projects/library/index.html" rel="noopener noreferrer"' in html
    assert f'href="{host}team/index.html"' in html


def test_a_list_in_several_files_is_read_to_its_end(folder: Path, library_site: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(library_site, other)
    first = read(other / "api/v1/projects.json")
    second = {**first, "number": 2, "of": 2, "projects": [{**first["projects"][0], "name": "more"}], "next": "projects.json"}
    (other / "api/v1/projects.json").write_text(json.dumps({**first, "of": 2, "next": "projects-2.json"}))
    (other / "api/v1/projects-2.json").write_text(json.dumps(second))
    with serving(folder_of(other)) as host:
        built = built_from(folder, f"{host}team/")
    assert section(built).count("4 of 8") == 2, "and a list that leads back to its beginning ends"


def test_what_it_said_last_is_shown_as_old_when_it_does_not_answer(folder: Path, library_site: Path) -> None:
    with serving(folder_of(library_site)) as host:
        built_from(folder, f"{host}team/")
    built = built_from(folder, f"{host}team/")
    said = section(built)
    assert "cannot be reached" in said
    assert "What stands here is old: it was read 20" in said
    assert "library Library loans 4 of 8" in said
    first = files(built)
    assert files(built_from(folder, f"{host}team/")) == first, "the same answers, the same bytes"


def redirect(request: BaseHTTPRequestHandler, to: str) -> None:
    answer(request, b"", 302, Location=to)


def trickle(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    for _ in range(100):
        request.wfile.write(b" ")
        request.wfile.flush()
        time.sleep(0.1)


def endless(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    while True:
        request.wfile.write(b'{"a":"' + b"x" * 65536)


BAD: dict[str, tuple[Reply, str]] = {
    "not found": (lambda request: request.send_error(404), "it answers 404"),
    "broken": (lambda request: request.send_error(500), "it answers 500"),
    "garbage": (lambda request: answer(request, b"\x00\xff<html>hello"), "not the data of a site"),
    "another JSON": (lambda request: answer(request, b'{"version": 1, "hello": [1, 2]}'), "not the data of a site: "),
    "a list": (lambda request: answer(request, b"[" * 100_000), "not the data of a site"),
    "newer": (lambda request: answer(request, b'{"version": 7, "everything": "is new"}'), "written by a newer orchestrator (version 7"),
    "no version": (lambda request: answer(request, b'{"version": true}'), "not the data of a site"),
    "endless": (endless, "it answers more than 1,000,000 bytes"),
    "trickling": (trickle, "it did not answer within 1 s"),
    "silent": (lambda request: time.sleep(5), "it did not answer within 1 s"),
    "compressed": (lambda request: answer(request, b"\x1f\x8b", Content_Encoding="gzip"), "compressed data"),
    "redirects in a circle": (lambda request: redirect(request, request.path), "it redirects more than 3 times"),
    "redirects to a file": (lambda request: redirect(request, "file:///etc/passwd"), "redirects to what is no http or https address"),
    "redirects with a password": (lambda request: redirect(request, "http://a:b@127.0.0.1/"), "redirects to what is no http or https address"),
    "breaks off": (
        lambda request: (request.send_response(200), request.send_header("Content-Length", "999"), request.end_headers(), None)[3],
        "cannot be reached",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_site_that_misbehaves_is_named_with_what_it_did_and_the_build_goes_on(folder: Path, name: str) -> None:
    reply, told = BAD[name]
    before = time.monotonic()
    with serving(reply) as host:
        (folder / "runs").mkdir(exist_ok=True)
        source = published.read({host: "there"}, folder / "runs" / ".sources", 1.0)[0]
    assert told in source.problem
    assert source.answer is None
    assert time.monotonic() - before < 8


def test_all_that_misbehave_are_on_the_overview_and_one_that_does_not(folder: Path, library_site: Path) -> None:
    with serving(folder_of(library_site)) as good, serving(BAD["newer"][0]) as newer, serving(BAD["garbage"][0]) as garbage:
        built = built_from(folder, f"{good}team/", newer, garbage, "ftp://example.org/", "http://me:secret@127.0.0.1:1/", seconds=2)
    said = section(built)
    for words in ("4 of 8", "newer orchestrator (version 7", "not the data of a site", "only http and https addresses are read", "a password in it"):
        assert words in said
    assert "secret" not in (built / "index.html").read_text(encoding="utf-8")


def test_what_a_hostile_site_says_is_text_and_its_links_lead_to_itself_or_nowhere(folder: Path) -> None:
    schemas = {PAYLOAD: PAYLOAD}
    kept = {"version": 1, "projects": "projects.json", "html": "javascript:alert(1)", "schemas": schemas, "report_schemas": schemas}
    index = hostile(api_models.Index, kept)
    totals = index.totals.model_copy(update={"criteria": 3, "proved": 1, "tasks": {PAYLOAD: 1}})
    row = hostile(api_models.ProjectRow, {"error": "", "totals": totals})
    rows = [
        row.model_copy(update={"html": link})
        for link in ("javascript:alert(1)", "https://evil.example/", "//evil.example/x", "data:text/html,x", PAYLOAD)
    ]
    lists = hostile(api_models.Projects, {"version": 1, "projects": rows, "next": "https://evil.example/next.json"})

    def reply(request: BaseHTTPRequestHandler) -> None:
        value = index.model_copy(update={"totals": totals}) if request.path.endswith("/index.json") else lists
        answer(request, value.model_dump_json(by_alias=True).encode())

    with serving(reply) as host:
        built = built_from(folder, host)
    html = (built / "index.html").read_text(encoding="utf-8")
    assert "1 of 3" in section(built)
    assert "<script>document" not in html
    assert "javascript:alert" not in "".join(re.findall(r'href="([^"]*)"', html))
    assert "evil.example" not in "".join(re.findall(r'(?:href|src)="([^"]*)"', html))
    assert [*soundness.faults(built)] == []


def test_numbers_that_cannot_be_are_not_believed(folder: Path, library_site: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(library_site, other)
    value = read(other / "api/v1/projects.json")
    value["projects"][0]["totals"]["proved"] = 10**30
    (other / "api/v1/projects.json").write_text(json.dumps(value))
    with serving(folder_of(other)) as host:
        assert "numbers that cannot be" in section(built_from(folder, f"{host}team/"))


def test_what_is_kept_is_of_that_address_only(folder: Path, library_site: Path) -> None:
    with serving(folder_of(library_site)) as host:
        built_from(folder, f"{host}team/")
    kept = next((folder / "runs" / ".sources").iterdir()).read_bytes()
    assert sources.kept(kept, f"{host}team/") is not None
    assert sources.kept(kept, "https://elsewhere.example/") is None
    assert sources.kept(kept[:-20], f"{host}team/") is None


@pytest.mark.parametrize(
    ("where", "label"),
    [
        ("../team-b/runs", "team-b"),
        ("../team-b", "team-b"),
        ("/srv/team-b/runs/", "team-b"),
        ("runs", "runs"),
        ("https://host.example/", "host.example"),
        ("https://me@host.example:8443/proofs/index.html", "host.example-8443-proofs"),
        ("https://host.example/api/v1/index.json", "host.example"),
        ("..", "other"),
    ],
)
def test_a_source_has_a_short_name(where: str, label: str) -> None:
    assert sources.label(where) == label
