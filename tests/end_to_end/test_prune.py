"""`orchestrator prune` after real runs: what was pruned is missed by nobody."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from orchestrator.show.build import soundness
from tests.conftest import ENVIRONMENTS, Workplace
from tests.end_to_end.test_pipeline import LANTERN, STEPWISE
from tests.end_to_end.test_verify import LOUD, WORDY

ONE = LANTERN[: LANTERN.index("### R2")]
WRONG = "def turn(brief, folder):\n    (folder / 'lanterns.py').write_text('def count(metres):\\n    return 7\\n')\n    return 'wrong ' * 1000\n"


@pytest.fixture(autouse=True)
def apart(place: Workplace) -> None:
    """Environments of its own, though made elsewhere: pruning never reaches those that all tests share."""
    folder = place.root / "environments"
    folder.mkdir()
    ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
    for path in ENVIRONMENTS.iterdir():
        (folder / path.name).symlink_to(path)


APART = "environments"


def standing(place: Workplace) -> dict[str, Any]:
    """What `status` says, but for the moment and what the last run spent."""
    found = json.loads(place.command("status", "--json").stdout)
    del found["at"], found["breakers"]["at"]
    found["spent"] = [account for account in found["spent"] if account["scope"] != "run"]
    return found  # type: ignore[no-any-return]


def texts(place: Workplace) -> tuple[set[str], set[str]]:
    """(texts there are, texts that reports name)."""
    folder = place.root / "runs" / "lanterns"
    named = {name for path in (folder / "reports").glob("*.json") for name in re.findall(r"artifacts/../[0-9a-f]{64}\.txt", path.read_text())}
    return {path.relative_to(folder).as_posix() for path in (folder / "artifacts").glob("??/*")}, named


def verified(place: Workplace) -> list[tuple[str, Any, Any, list[Any]]]:
    done = place.command("verify", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return [(task["task"], task["red"], task["green"], task["flaws"]) for project in json.loads(done.stdout)["projects"] for task in project["tasks"]]


def test_after_pruning_everything_holds_as_before_and_nothing_is_done_again(place: Workplace) -> None:
    began = time.time()
    for words in ("ten metres", "10 metres"):
        place.prd("lanterns", ONE.replace("ten metres", words).replace("| 99 | 9 |", f"| {90 + len(words)} | 10 |"))
        place.agent(WRONG, limits={"attempts": 1}, environments=APART)
        assert place.run().returncode == 1
    place.prd("lanterns", ONE)
    place.agent(WORDY, environments=APART)
    assert place.run().returncode == 0
    place.prd("lanterns", LANTERN.replace("Module: lanterns.py\n\n- AC1: a lantern", "Module: lanterns.py\n\n- AC1: one lantern"))
    place.agent(WRONG, limits={"attempts": 1}, environments=APART)
    assert place.run().returncode == 1
    place.agent(LOUD, limits={"attempts": 1}, retention={"days": 0, "runs": 1}, environments=APART)
    first, second, third, fourth = (report["id"] for report in place.runs("lanterns"))
    place.command("site", "build")
    before, proved, table = standing(place), verified(place), place.run().stdout
    assert table.rstrip().endswith("nothing new")
    assert (place.root / "site" / "projects" / "lanterns" / first).is_dir()
    used = [path.stat().st_mtime for path in (place.root / "environments").glob("*/ready.json")]
    assert max(used) > began, "an environment that is used says so"

    assert "would free" in place.command("prune", "--dry-run").stdout
    pruned = place.command("prune")
    assert pruned.returncode == 0, pruned.stdout + pruned.stderr
    assert [report["id"] for report in place.runs("lanterns")] == [third, fourth], "the third proved R1, the fourth refused an answer for R2 as it is"
    assert {run["id"] for run in place.project("lanterns")["runs"]} == {third, fourth}
    there, named = texts(place)
    assert there == named and len(there) >= 2
    assert not (place.root / "runs/lanterns/reports" / f"{second}.xml").exists()
    assert {path.stem for path in (place.root / "runs/lanterns/reports").glob("*.jsonl")} == {third, fourth}, "logs go with their runs"

    assert standing(place) == before
    assert verified(place) == proved
    again = place.command("run")
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stdout.rpartition("\n/")[0].rstrip() == table.rstrip(), "the same table, and nothing new"
    assert standing(place) == before, "no turn was taken"
    assert not (place.root / "site" / "projects" / "lanterns" / first).exists()
    assert [*soundness.faults(place.root / "site")] == []
    assert "nothing may go" in place.command("prune").stdout


def test_what_was_refused_is_refused_without_a_test_and_a_wording_of_long_ago_comes_back(place: Workplace) -> None:
    place.prd("lanterns", ONE)
    place.agent(WRONG, limits={"attempts": 1}, environments=APART)
    assert place.run().returncode == 1
    place.configure(agents={"script": {"type": "scripted", "script": "script.py"}}, retention={"days": 0, "runs": 1}, environments=APART)
    place.prd("lanterns", ONE.replace("| 99 | 9 |", "| 98 | 9 |"))
    assert place.run().returncode == 1
    place.command("prune")
    assert len(place.runs("lanterns")) == 1
    place.command("retry")
    place.run()
    attempts = place.task("lanterns", "lanterns#R1")["attempts"]
    assert attempts and not any(attempt["observations"] for attempt in attempts), "an answer that was refused for this wording is not tested again"
    place.prd("lanterns", ONE)
    place.agent(STEPWISE, retention={"days": 0, "runs": 1}, environments=APART)
    assert place.run().returncode == 0
    (bundle,) = (place.root / "runs/lanterns/evidence").glob("lanterns_r1-*.json")
    assert bundle.stem.endswith("-2"), "no number of a cycle is taken twice"
    verified(place)
