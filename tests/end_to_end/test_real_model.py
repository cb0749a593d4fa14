"""The pipeline with a real model on loopback. Opt-in: ORCHESTRATOR_TEST_MODEL=http://127.0.0.1:PORT/v1 make test."""

from __future__ import annotations

import os

import pytest

from tests.conftest import Workplace
from tests.end_to_end.test_pipeline import LANTERN


@pytest.mark.model
def test_whatever_the_model_answers_the_verdict_follows_from_what_was_run(place: Workplace) -> None:
    place.prd("lanterns", LANTERN[: LANTERN.index("### R2")])
    model = {"type": "chat", "url": os.environ["ORCHESTRATOR_TEST_MODEL"], "extra": {"repeat_penalty": 1.0}}
    place.configure(agents={"model": model}, limits={"attempts": 2})
    done = place.command("run", "--no-site", timeout=1500)
    task = place.task("lanterns", "lanterns#R1")
    turns = [turn for attempt in task["attempts"] for turn in attempt["turns"]]
    assert turns, done.stdout + done.stderr
    assert {turn["kind"] for turn in turns} == {"chat"}
    assert all(turn["seconds"] > 0 and turn["model"] for turn in turns)
    passed = [attempt for attempt in task["attempts"] if attempt["verdict"] == "passed"]
    assert (done.returncode, task["state"]) == ((0, "done") if passed else (1, "failed"))
    for attempt in passed:
        outcomes = [outcome["outcome"] for observation in attempt["observations"] for outcome in observation["outcomes"]]
        assert outcomes and set(outcomes) == {"passed"}
