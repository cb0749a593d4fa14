"""`site build --public`: a word is planted in every field of every report that is not public, and is in no file of the site."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.config import Config
from orchestrator.save import reports as r
from orchestrator.save.limits_report import LimitsReport
from orchestrator.save.report import Report
from orchestrator.save.schedule_report import ScheduleReport
from orchestrator.save.told_line import ToldLine
from orchestrator.settings.site import Site
from orchestrator.show import site
from orchestrator.show.build.soundness import faults
from orchestrator.show.public import LEFT_OUT

from .hostile_fixture import dumped, filled
from .test_public import is_public
from .test_site import files, visible

RUN = "20261122T203251Z-1a2b"
PUBLIC = Config(site=Site(public=True))


class Planted:
    """Words that were put into reports, each with the way to its field."""

    def __init__(self) -> None:
        self.words: dict[str, tuple[type[Report], str]] = {}

    def into(self, model: type[Report], **keep: str) -> Report:
        def said(way: str) -> str:
            leaf = way.rpartition(".")[2]
            if leaf in keep:
                return keep[leaf]
            word = f"canary{len(self.words):05d}x"
            self.words[word] = model, way
            if leaf.endswith("_at") or leaf in ("at", "since", "until"):
                return "2026-11-22T20:32:51Z"
            return f"{word} ann.{word}@example.org /home/{word}/x" if is_public(model, way.split(".")) else word

        made: Report = filled(model, said, {"version": 1})
        return made


@pytest.fixture
def planted(folder: Path) -> tuple[Path, Planted]:
    """A working folder in which every string of every report is a word of its own, people's addresses and paths in those that are public."""
    found = Planted()
    runs, home = folder / "runs", folder / "runs" / "library"
    (home / "reports").mkdir(parents=True)
    (home / "artifacts").mkdir()
    (home / "artifacts" / "a.txt").write_text("canary-in-an-artifact")
    (home / "artifacts" / "m.json").write_text(
        '{"schemaVersion": "2", "thresholds": {"high": 80, "low": 60}, "files": {"x.py": {"source": "canary-in-mutants", "mutants": []}}, "testFiles": {}}'
    )
    run = found.into(r.RunReport, artifact="artifacts/a.txt", elements="artifacts/m.json", id=RUN)
    _write(home / "reports" / f"{RUN}.json", dumped(run))
    _write(home / "reports" / f"{RUN[:-1]}a.json", "{not json canary-in-what-cannot-be-read /home/ann/x")
    _write(home / "reports" / f"{RUN}.xml", "<testsuites name='canary-in-junit'/>")
    _write(home / "reports" / f"{RUN}.jsonl", dumped(found.into(ToldLine)))
    _write(home / "reports" / "project.json", dumped(found.into(r.ProjectReport)))
    _write(runs / "inbox.json", dumped(found.into(r.InboxReport)))
    _write(runs / "schedule.json", dumped(found.into(ScheduleReport)))
    _write(runs / "limits.json", dumped(found.into(LimitsReport)))
    (folder / "mkdocs.yml").write_text("site_name: [")
    return folder, found


def _write(path: Path, text: str) -> None:
    path.write_text(text)


def everything(built: Path) -> str:
    return "\n".join(content.decode("utf-8", "replace") for content in files(built).values())


def test_no_private_word_is_in_any_file_of_a_public_site(planted: tuple[Path, Planted]) -> None:
    folder, found = planted
    private = {word: f"{model.__name__}.{way}" for word, (model, way) in found.words.items() if not is_public(model, way.split("."))}
    assert len(private) > 60
    whole = everything(site.build(folder, PUBLIC).parent)
    assert [where for word, where in private.items() if word in whole] == []
    assert [word for word in ("canary-in", "ann.canary", "/home/canary", "/home/ann/x", str(folder)) if word in whole] == []
    assert list(faults(folder / "site")) == []


def test_the_same_words_are_in_the_whole_site(planted: tuple[Path, Planted]) -> None:
    """Else the test above would find nothing whatever was left out."""
    folder, found = planted
    whole = everything(site.build(folder, Config()).parent)
    missing = [way for word, (model, way) in found.words.items() if word not in whole and model in (r.RunReport, r.ProjectReport) and not _time(way)]
    assert missing == []
    assert "canary-in-an-artifact" in whole
    assert "canary-in-mutants" in whole


def _time(way: str) -> bool:
    leaf = way.rpartition(".")[2]
    return leaf.endswith("_at") or leaf in ("at", "since", "until")


def test_a_public_site_says_what_it_leaves_out(planted: tuple[Path, Planted]) -> None:
    built = site.build(planted[0], PUBLIC).parent
    assert "This is a public site" in visible(built / "index.html")
    run = visible(built / "projects" / "library" / RUN / "index.html")
    assert "JUnit XML and log are left out of the public site" in run
    others = ("index.html", "compare.html")
    tasks = [path for path in (built / "projects" / "library" / RUN).glob("*.html") if "mutants" not in path.name and path.name not in others]
    assert tasks
    for path in tasks:
        assert visible(path).count(LEFT_OUT) > 5
    assert json.loads((built / "projects" / "library" / RUN / "report.json").read_text())["environment"] == LEFT_OUT


@pytest.mark.parametrize("order", ["whole, then public", "public, then whole"])
def test_a_site_that_becomes_public_holds_what_a_public_one_holds(planted: tuple[Path, Planted], order: str) -> None:
    folder, _ = planted
    first, second = (Config(), PUBLIC) if order == "whole, then public" else (PUBLIC, Config())
    site.build(folder, first)
    site.build(folder, second)
    became = files(folder / "site")
    again = second.model_copy(update={"site": second.site.model_copy(update={"folder": Path("again")})})
    site.build(folder, again)
    assert became == files(folder / "again")
