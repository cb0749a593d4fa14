"""Forecasts from real runs: `plan` before, the report beside what it took after."""

from __future__ import annotations

import json

from tests.conftest import Workplace
from tests.end_to_end.test_pipeline import CODE, LANTERN, STEPWISE

ONE = LANTERN.partition("### R2")[0]
TWICE = f"""
def turn(brief, folder):
    right = brief.attempt > 1
    (folder / "stars.py").write_text({CODE!r} if right else "def count(metres):\\n    return 7\\n")
    return {{"text": "written", "usage": {{"input_tokens": 1000, "output_tokens": 200}}}}
"""


def test_a_forecast_is_made_of_what_was_finished_here_and_kept_beside_what_it_took(place: Workplace) -> None:
    place.prd("lanterns", LANTERN)
    place.agent(STEPWISE, gates={"mutants": 0})
    before = place.command("plan").stdout
    assert "no forecast: no task of this installation was finished yet" in before
    assert place.run().returncode == 0
    (first,) = place.runs("lanterns")[0]["forecasts"]
    assert (first["basis"], first["turns"], first["tasks"]) == (0, None, 2)
    assert (first["took"]["turns"], first["took"]["tokens"], first["took"]["tasks"]) == (2, 240, 2)
    assert first["took"]["usd"] is None, "the script did not say: unknown, not nothing"

    place.prd("stars", ONE.replace("lanterns.py", "stars.py").replace("title: Lanterns", "title: Stars"))
    place.agent(TWICE, gates={"mutants": 0})
    said = place.command("plan").stdout
    assert "forecast for 1 task: 1 turn, 120 tokens, unknown USD, " in said
    assert "(least to most of 2 tasks finished here by scripted agents)" in said
    assert "nothing would run" in said, "of lanterns"
    planned = {entry["prd"]: entry for entry in json.loads(place.command("plan", "--json").stdout)}
    (ahead,) = planned["stars"]["forecast"]
    assert (ahead["turns"], ahead["tokens"], ahead["usd"]) == ({"low": 1, "high": 1}, {"low": 120, "high": 120}, None)
    assert planned["lanterns"]["forecast"] == []

    done = place.run()
    assert done.returncode == 0, done.stdout
    assert "stars: forecast 1 turn, took 2; forecast 120 tokens, took 2,400" in done.stdout
    (told,) = place.runs("stars")[0]["forecasts"]
    assert (told["kind"], told["basis"], told["turns"], told["took"]["turns"]) == ("scripted", 2, {"low": 1, "high": 1}, 2)
    assert place.project("stars")["prds"][0]["forecast"] == told
    assert 0 < told["took"]["minutes"] < 5
    assert place.project("lanterns")["prds"][0]["forecast"] == first, "of the last run that worked on it"
