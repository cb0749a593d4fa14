"""The committed samples, their recorded answers, and what the README says `make run` prints."""

from __future__ import annotations

import shutil

from tests.conftest import REPOSITORY, Workplace


def test_the_samples_end_as_the_readme_says_and_a_second_run_is_free(place: Workplace) -> None:
    for name in ("prds", "recordings"):
        shutil.rmtree(place.root / name, ignore_errors=True)
        shutil.copytree(REPOSITORY / name, place.root / name)
    first = place.run()
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
