"""Many projects with many runs: what a build reads and writes, in what order things may break, and how large pages get."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks import portfolio
from orchestrator.config import Config
from orchestrator.show import site
from orchestrator.show.build.builder import LARGEST
from orchestrator.show.build.soundness import faults
from orchestrator.show.pages import CARDS
from tests.conftest import REPOSITORY, clean_environment

from .reports_fixture import inbox_report, project_report, save, summary
from .run_fixture import lend_task, run_report, text
from .test_site import RUN, files, parsed, visible

BUILD = "import sys; from pathlib import Path; from orchestrator.config import Config; from orchestrator.show import site; site.build(Path(sys.argv[1]), Config())"


def started(folder: Path, *before: str) -> subprocess.Popen[str]:
    argv: Sequence[str] = [*before, sys.executable, "-c", BUILD, str(folder)]
    return subprocess.Popen(argv, cwd=REPOSITORY, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def cold(folder: Path) -> dict[str, bytes]:
    """The site as a build makes it that has nothing to go by."""
    shutil.rmtree(folder / "runs" / ".site", ignore_errors=True)
    built = files(site.build(folder, Config(site=Path("cold"))).parent)
    shutil.rmtree(folder / "cold")
    return built


def grown(folder: Path, projects: int, each: int) -> Path:
    """More runs of the same projects, one run and one project less."""
    runs = portfolio.fill(folder / "runs", projects, each)
    last = sorted((runs / portfolio.name(0) / "reports").glob("2*.json"))[1]
    last.unlink()
    shutil.rmtree(runs / portfolio.name(projects - 1))
    return runs


def test_a_site_that_grew_is_the_site_that_is_built_at_once(folder: Path) -> None:
    portfolio.fill(folder / "runs", 3, 4)
    site.build(folder, Config())
    grown(folder, 3, 6)
    site.build(folder, Config())
    assert files(folder / "site") == cold(folder)


def test_several_processes_make_what_one_makes(folder: Path) -> None:
    portfolio.fill(folder / "runs", 2, 51)
    done = started(folder)
    assert done.wait(120) == 0, done.communicate()
    first = files(folder / "site")
    shutil.rmtree(folder / "site")
    one = started(folder, "taskset", "-c", str(min(os.sched_getaffinity(0))))
    assert one.wait(120) == 0, one.communicate()
    assert files(folder / "site") == first


@pytest.mark.parametrize("seconds", [0.4, 0.9, 1.6])
def test_a_build_that_is_killed_is_made_good_by_the_next(folder: Path, seconds: float) -> None:
    """Also when what it began with is gone again: the next build must not take its pages for those of the reports as they are."""
    portfolio.fill(folder / "runs", 3, 3)
    site.build(folder, Config())
    shutil.copytree(folder / "runs", folder / "kept")
    before = files(folder / "site")
    grown(folder, 3, 40)
    process = started(folder)
    time.sleep(seconds)
    process.kill()
    process.communicate()
    shutil.rmtree(folder / "runs")
    shutil.copytree(folder / "kept", folder / "runs")
    site.build(folder, Config())
    assert files(folder / "site") == before
    grown(folder, 3, 8)
    site.build(folder, Config())
    assert files(folder / "site") == cold(folder)


def test_two_builds_at_once_make_one_whole_site(folder: Path) -> None:
    portfolio.fill(folder / "runs", 2, 10)
    both = [started(folder), started(folder)]
    portfolio.fill(folder / "runs", 2, 12)
    for process in both:
        assert process.wait(120) == 0, process.communicate()
    site.build(folder, Config())
    assert files(folder / "site") == cold(folder)


def test_nothing_of_a_project_is_loaded_when_only_another_has_a_new_run(folder: Path) -> None:
    portfolio.fill(folder / "runs", 2, 3)
    site.build(folder, Config())
    left = folder / "site" / "projects" / portfolio.name(1)
    times = {path: path.stat().st_mtime_ns for path in left.rglob("*")}
    (left / "orchestrator-site.json").write_text("not read")
    run = portfolio.project(folder / "runs", 0, 4)
    site.build(folder, Config())
    assert (folder / "site" / "projects" / portfolio.name(0) / run / "index.html").is_file()
    assert (left / "orchestrator-site.json").read_text() == "not read"
    assert {path: path.stat().st_mtime_ns for path in times if path.name != "orchestrator-site.json"} == {
        path: at for path, at in times.items() if path.name != "orchestrator-site.json"
    }


def test_a_report_that_changes_within_a_tick_of_the_clock_and_keeps_its_size_is_seen(folder: Path) -> None:
    portfolio.fill(folder / "runs", 1, 2)
    report = sorted((folder / "runs" / portfolio.name(0) / "reports").glob("2*.json"))[0]
    old = report.stat()
    site.build(folder, Config())
    text = report.read_text()
    with report.open("r+") as file:
        file.write(text.replace('"sandbox":"full"', '"sandbox":"FULL"'))
    os.utime(report, ns=(old.st_atime_ns, old.st_mtime_ns))
    built = site.build(folder, Config()).parent
    assert json.loads((built / "projects" / portfolio.name(0) / report.stem / "report.json").read_text())["sandbox"] == "FULL"


def test_long_lists_have_sheets_and_no_page_names_all(folder: Path) -> None:
    base = project_report()
    names = [f"202611{day:02d}T{hour:02d}0000Z-00aa" for day in range(1, 11) for hour in range(22)][::-1]
    prd, many = base.prds[0], range(120)
    requirements = [prd.requirements[0].model_copy(update={"id": f"loans#R{n}", "key": f"R{n}", "task": f"loans#R{n}"}) for n in many]
    tasks = [base.tasks[2].model_copy(update={"id": f"loans#R{n}", "depends_on": [], "state": "failed", "question": None}) for n in many]
    update = {
        "prds": [prd.model_copy(update={"requirements": requirements})],
        "tasks": tasks,
        "runs": [summary(name, "done", 1, 0, 0) for name in names],
    }
    save(folder / "runs", "large", base.model_copy(update=update), [])
    for number in range(CARDS):
        save(folder / "runs", f"p{number}", project_report(f"p{number}", []), [])
    receipt = inbox_report().receipts[1]
    receipts = [receipt.model_copy(update={"path": f"prds/{n}.md"}) for n in many]
    (folder / "runs" / "inbox.json").write_text(inbox_report().model_copy(update={"receipts": receipts}).model_dump_json())
    built = site.build(folder, Config()).parent
    assert list(faults(built)) == []
    assert max(path.stat().st_size for path in built.rglob("*.html")) <= LARGEST
    large = built / "projects" / "large"
    assert [path.name for path in sorted(large.glob("runs-*.html"))] == ["runs-1.html", "runs-2.html"]
    assert (large / "runs-1.html").read_text().count("<tr>") == 201, "with its heading"
    for place, said in {
        built / "projects-1.html": "p3",
        built / "needs-1.html": "unknown key",
        built / "inbox-1.html": "prds/119.md",
        large / "tasks-1.html": "loans#R119",
        large / "requirements-1.html": "loans#R119",
    }.items():
        assert said in visible(place), place
    assert "All 25 projects" in visible(built / "index.html")


def test_a_page_with_much_on_it_is_cut_and_links_the_wholes(folder: Path) -> None:
    home = folder / "runs" / "library"
    task = lend_task(home)
    attempt = task.attempts[0].model_copy(update={"diff": text("\n".join(f"+line {n} <b>&amp;</b>" for n in range(150)))})
    attempts = [attempt.model_copy(update={"number": n}) for n in range(1, 60)]
    save(folder / "runs", "library", project_report(), [run_report(home, tasks=[task.model_copy(update={"attempts": attempts})])])
    page = site.build(folder, Config()).parent / "projects" / "library" / RUN / "loans-R2.html"
    assert page.stat().st_size <= LARGEST
    assert "There is much on this page" in visible(page)
    wholes = {address for address in parsed(page).addresses if "/texts/" in address}
    assert any("line 149 <b>" in (page.parent / address).read_text() for address in wholes)
    assert list(faults(folder / "site")) == []
