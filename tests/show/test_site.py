"""The site as files: what is built, rebuilt, removed, and what a broken input does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import urllib.request
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest

from orchestrator.config import Config
from orchestrator.errors import UsageError
from orchestrator.show import site
from orchestrator.show.data_api.schemas import schema

from .reports_fixture import library, project_report, save, summary
from .run_fixture import lend_task, run_report

RUN = "20261122T203251Z-1a2b"


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def visible(path: Path) -> str:
    """The words of a page's article, without tags."""
    html = path.read_text(encoding="utf-8")
    article = html[html.index("<article") : html.rindex("</main>")]
    return " ".join(re.sub(r"<[^>]+>", " ", article).split())


class Links(HTMLParser):
    """Every address a page names, its ids, and its CSP."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src", "action", "data", "poster", "srcset") and value is not None:
                self.addresses.append(value)
            if name == "id" and value:
                self.ids.add(value)


def parsed(path: Path) -> Links:
    links = Links()
    links.feed(path.read_text(encoding="utf-8"))
    return links


def test_without_any_run_the_overview_says_how_to_begin(folder: Path) -> None:
    index = site.build(folder, Config())
    assert index == folder / "site" / "index.html"
    assert "Nothing has run yet" in visible(index)
    assert "orchestrator run" in visible(index)
    assert (folder / "site" / "guide" / "proof.html").is_file()


def test_the_same_reports_give_the_same_bytes(folder: Path) -> None:
    library(folder)
    site.build(folder, Config())
    first = files(folder / "site")
    site.build(folder, Config(site=Path("again")))
    assert files(folder / "again") == first


def test_a_build_with_nothing_new_writes_nothing_and_runs_neither_mkdocs_nor_templates(folder: Path) -> None:
    library(folder)
    site.build(folder, Config())
    before = {path: path.stat().st_mtime_ns for path in (folder / "site").rglob("*")}
    script = (
        "import sys, subprocess; from pathlib import Path;"
        "from orchestrator.config import Config; from orchestrator.show import site;"
        "subprocess.run = None; site.build(Path(sys.argv[1]), Config());"
        "print([name for name in ('jinja2', 'mkdocs', 'pygments', 'nh3', 'markdown_it') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert {path: path.stat().st_mtime_ns for path in (folder / "site").rglob("*")} == before


def test_only_the_pages_of_a_changed_run_are_written_again(folder: Path) -> None:
    library(folder)
    site.build(folder, Config())
    kept = folder / "site" / "projects" / "library" / "20261121T020000Z-77aa" / "index.html"
    changed = folder / "site" / "projects" / "library" / RUN / "loans-R2.html"
    before = kept.stat().st_mtime_ns
    task = lend_task(folder / "runs" / "library").model_copy(update={"reason": "A sentence of its own."})
    save(folder / "runs", "library", None, [run_report(folder / "runs" / "library", tasks=[task])])
    site.build(folder, Config())
    assert "A sentence of its own." in visible(changed)
    assert kept.stat().st_mtime_ns == before


def test_pages_of_a_removed_run_go_and_files_of_others_stay(folder: Path) -> None:
    library(folder)
    site.build(folder, Config())
    (folder / "site" / "CNAME").write_text("example.org")
    gone = folder / "site" / "projects" / "library" / "20261121T020000Z-77aa"
    assert gone.is_dir()
    (folder / "runs" / "library" / "reports" / f"{gone.name}.json").unlink()
    site.build(folder, Config())
    assert not gone.exists()
    assert (folder / "site" / "CNAME").read_text() == "example.org"
    assert f"{gone.name}/" not in (folder / "site" / "projects" / "library" / "index.html").read_text()


def test_a_deleted_page_is_made_again(folder: Path) -> None:
    library(folder)
    page = site.build(folder, Config()).parent / "projects" / "library" / RUN / "loans-R2.html"
    before = page.read_bytes()
    page.unlink()
    site.build(folder, Config())
    assert page.read_bytes() == before


def test_a_site_folder_that_holds_something_else_is_refused(folder: Path) -> None:
    (folder / "site").mkdir()
    (folder / "site" / "index.html").write_text("mine")
    with pytest.raises(UsageError, match=r"holds an index.html of something else"):
        site.build(folder, Config())
    assert (folder / "site" / "index.html").read_text() == "mine"


BROKEN = {
    "not json": ("{not json", "JSON"),
    "empty": ("", "JSON"),
    "not utf-8": (b"\xff\xfe{}", "JSON"),
    "another shape": ("[]", "Input should be an object"),
    "missing fields": ('{"version": 1}', "required"),
    "newer": ('{"version": 7, "shape": "unknown"}', "newer orchestrator (report version 7"),
    "deep": ("[" * 100_000, "JSON"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_report_that_cannot_be_read_is_named_and_breaks_nothing_else(folder: Path, name: str) -> None:
    content, why = BROKEN[name]
    data = content if isinstance(content, bytes) else content.encode()
    library(folder)
    reports = folder / "runs" / "library" / "reports"
    (reports / f"{RUN}.json").write_bytes(data)
    (folder / "runs" / "words" / "reports" / "project.json").write_bytes(data)
    (folder / "runs" / "inbox.json").write_bytes(data)
    built = site.build(folder, Config()).parent
    for page, path in {
        f"projects/library/{RUN}/index.html": f"library/reports/{RUN}.json",
        "projects/words/index.html": "words/reports/project.json",
        "inbox.html": "inbox.json",
        "index.html": "inbox.json",
    }.items():
        assert path in visible(built / page)
        assert why in visible(built / page)
    assert "Lend a book" in visible(built / "projects" / "library" / "20261121T020000Z-77aa" / "loans-R2.html")
    assert "cannot be read" in visible(built / "projects" / "library" / "index.html")


def test_a_folder_with_runs_but_no_project_report_is_shown(folder: Path) -> None:
    save(folder / "runs", "lone", None, [run_report(folder / "runs" / "lone", project="lone")])
    built = site.build(folder, Config()).parent
    assert "cannot be read" in visible(built / "projects" / "lone" / "index.html")
    assert "needs a person" in visible(built / "projects" / "lone" / "index.html")


def test_artifacts_are_shown_in_part_and_kept_whole(library_site: Path) -> None:
    page = library_site / "projects" / "library" / RUN / "loans-R2.html"
    (link,) = {address for address in parsed(page).addresses if "/texts/" in address}
    whole = (page.parent / link).read_text()
    assert whole.startswith("diff --git a/library/loans.py")
    assert len(whole) > 5000


def test_an_artifact_name_never_leads_out_of_the_artifacts(folder: Path) -> None:
    (folder / "runs").mkdir(exist_ok=True)
    (folder / "runs" / "secret.txt").write_text("the secret")
    home = folder / "runs" / "library"
    (home / "artifacts").mkdir(parents=True)
    (home / "artifacts" / "link.txt").symlink_to(folder / "runs" / "secret.txt")
    task = lend_task(home)
    seen = task.red[0]
    texts = [
        seen.output.model_copy(update={"inline": "head", "artifact": name})
        for name in ("artifacts/../../secret.txt", "../secret.txt", "artifacts/link.txt")
    ]
    task = task.model_copy(update={"red": [seen.model_copy(update={"output": text}) for text in texts], "attempts": []})
    save(folder / "runs", "library", project_report(), [run_report(home, tasks=[task])])
    built = site.build(folder, Config()).parent
    assert "not in artifacts/ any more" in visible(built / "projects" / "library" / RUN / "loans-R2.html")
    assert not any(b"the secret" in content for content in files(built).values())


def test_the_json_and_junit_reports_are_part_of_the_site_and_fit_their_schema(library_site: Path) -> None:
    place = library_site / "projects" / "library"
    for name, path in {"run": place / RUN / "report.json", "project": place / "project.json"}.items():
        jsonschema.validate(json.loads(path.read_text()), json.loads((library_site / "schemas" / f"{name}.json").read_text()))
    assert (place / RUN / "junit.xml").read_text().startswith("<?xml")
    assert schema().keys() == {"inbox", "limits", "project", "run", "schedule", "told", "trace", "validation"}


def test_the_folders_own_mkdocs_file_makes_the_chrome(folder: Path) -> None:
    shipped = (Path(__file__).parents[2] / "mkdocs.yml").read_text()
    (folder / "mkdocs.yml").write_text(shipped.replace("site_name: TDD orchestrator", "site_name: Our reports"))
    assert "<title>Our reports</title>" in site.build(folder, Config()).read_text()


@pytest.mark.parametrize(
    "content", ["site_name: x\ntheme: {name: no-such-theme}\n", "site_name: x\ntheme: mkdocs\n", "site_name: [", "plugins: [no-such]"]
)
def test_an_mkdocs_file_that_does_not_work_is_named_and_the_shipped_one_is_used(folder: Path, content: str) -> None:
    (folder / "mkdocs.yml").write_text(content)
    index = site.build(folder, Config())
    assert "mkdocs.yml of this folder could not be used" in visible(index)
    assert "Nothing has run yet" in visible(index)


def test_pages_of_a_hundred_tasks_are_made(folder: Path) -> None:
    home = folder / "runs" / "library"
    home.mkdir()
    runs = [f"202611{day:02d}T020000Z-{day:04x}" for day in range(1, 26)]
    tasks = [lend_task(home).model_copy(update={"id": f"loans#R{number}"}) for number in range(1, 4)]
    save(
        folder / "runs",
        "library",
        project_report(runs=[summary(name, "done", 3, 0, 0) for name in runs]),
        [run_report(home, name, tasks=tasks) for name in runs],
    )
    built = site.build(folder, Config()).parent
    assert len(list((built / "projects").rglob("*.html"))) == 134


def test_the_server_shows_the_site_on_loopback(folder: Path) -> None:
    library(folder)
    script = (
        "import sys; from pathlib import Path; from orchestrator.config import Config; from orchestrator.show.site import build; from orchestrator.show.build.serve import serve;"
        "serve(build(Path(sys.argv[1]), Config()).parent, 0)"
    )
    server = subprocess.Popen([sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True)
    killer = threading.Timer(60, server.kill)
    killer.start()
    try:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
        with urllib.request.urlopen(address + "projects/library/") as answer:
            assert b"Library loans" in answer.read()
    finally:
        killer.cancel()
        server.kill()
        server.wait()
