"""The committed samples, their recorded answers, what the README says `make run` prints, and every page of the site that it makes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY, Workplace
from tests.show.test_browser import Watched, opened, served


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workplace, subprocess.CompletedProcess[str]]:
    place = Workplace(tmp_path_factory.mktemp("samples"))
    place.configure()
    for name in ("prds", "recordings"):
        shutil.copytree(REPOSITORY / name, place.root / name)
    return place, place.run()


def test_the_samples_end_as_the_readme_says_and_a_second_run_is_free(samples: tuple[Workplace, subprocess.CompletedProcess[str]]) -> None:
    place, first = samples
    assert first.returncode == 3, first.stdout + first.stderr
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    shown = readme.partition("```text\n")[2].partition("```")[0].rpartition("…/site/index.html")[0].strip()
    assert shown in first.stdout
    second = place.run()
    assert second.returncode == 0
    assert second.stdout.rstrip().endswith("nothing new")
    table = shown.partition("\n\n")[0]
    assert table in second.stdout

    refused = place.task("bakery", "bakery#R3")["attempts"]
    assert [attempt["verdict"] for attempt in refused] == ["refused", "passed"]
    assert refused[0]["findings"]
    turns = [
        turn
        for name in ("bakery", "finish-line", "postcards")
        for task in place.runs(name)[0]["tasks"]
        for a in task["attempts"]
        for turn in a["turns"]
    ]
    assert {turn["kind"] for turn in turns} == {"recorded"}
    assert all("qwen2.5-coder-1.5b" in turn["recorded_from"] for turn in turns)
    assert [note for turn in turns for note in turn["notes"]] == [], "the recordings answer the briefs as they are now"
    assert place.states("postcards") == {"postcards#R1": "done", "postcards#R2": "unclear"}


def walk(watched: Watched, root: str, pages: list[str]) -> None:
    """Each page says what it is, asks for nothing elsewhere, and has nothing to complain of."""
    for name in pages:
        watched.page.goto(root + name)
        assert watched.page.locator("h1").first.inner_text().strip(), name
        assert len(watched.page.locator(".md-content").inner_text()) > 100, name
        assert watched.trouble == [], name
    assert [address for address in watched.requests if not address.startswith((root, "data:", "blob:")) and "favicon.ico" not in address] == []


@pytest.mark.browser
def test_every_page_reads_from_a_file_under_a_sub_path_and_without_javascript(
    samples: tuple[Workplace, subprocess.CompletedProcess[str]], browser: Any
) -> None:
    site = Path(samples[0].command("site", "build").stdout.strip()).parent
    pages = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    assert len(pages) > 60
    with opened(browser) as watched:
        walk(watched, f"{site.as_uri()}/", pages)
    with opened(browser, java_script_enabled=False) as watched:
        walk(watched, f"{site.as_uri()}/", pages)
    with served(site.parent) as address, opened(browser) as watched:
        walk(watched, f"{address}{site.name}/", pages)
