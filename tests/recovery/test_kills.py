"""kill -9 before and after every durable step, and at random moments."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from orchestrator.run.durable import STEPS
from tests.conftest import Workplace
from tests.recovery import kills
from tests.recovery.kills import End

PRD = """\
---
title: Tiles
---

# Tiles

## Requirements

### R1: Count the tiles
Module: tiles.py

- AC1: a row has four

  | `tiles(rows)` | => |
  |---|---|
  | 1 | 4 |
  | 3 | 12 |
  | 10 | 40 |
  | 25 | 100 |
"""
AGENT = """
import time
def turn(brief, folder):
    time.sleep(0.2)
    right = brief.attempt > 1
    (folder / "tiles.py").write_text("def tiles(rows):\\n    return rows * 4\\n" if right else "def tiles(rows):\\n    return 4\\n")
    return {"text": "written", "usage": {"input_tokens": 100, "output_tokens": 20}}
"""
FAILING = """
from pathlib import Path
def turn(brief, folder):
    raise RuntimeError("not today")
"""


def make(root: Path) -> Workplace:
    """One requirement; the first answer is refused, the second passes."""
    place = Workplace(root)
    place.prd("tiles", PRD)
    place.agent(AGENT, gates={"mutants": 0})
    return place


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> End:
    place = make(tmp_path_factory.mktemp("undisturbed"))
    assert kills.finish(place) == 0, place.log()
    return kills.end_of(place)


def recovers(place: Workplace, undisturbed: End) -> None:
    assert kills.orphans(place) == []
    assert kills.finish(place) == 0, place.log()
    assert kills.end_of(place) == undisturbed
    kills.check_paid(place)
    for run in place.runs("tiles"):
        assert run["ended_at"]
    verified = place.command("verify", "--quick")
    assert verified.returncode == 0, verified.stdout
    assert "Traceback" not in place.log()


@pytest.mark.parametrize("step", [name for name in STEPS if name not in ("turn failed", "planning saved", "plan file written")])
@pytest.mark.parametrize("side", ["before", "after"])
def test_a_kill_at_any_durable_step_changes_nothing_in_the_end(tmp_path: Path, undisturbed: End, step: str, side: str) -> None:
    place = make(tmp_path)
    assert kills.kill_at(place, f"{side} {step}") == -9, f"the run never got to: {side} {step}\n{place.log()}"
    recovers(place, undisturbed)


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_kill_when_an_agent_failed_costs_no_attempt(tmp_path: Path, undisturbed: End, side: str) -> None:
    place = make(tmp_path)
    place.agent(FAILING, gates={"mutants": 0})
    assert kills.kill_at(place, f"{side} turn failed") == -9, place.log()
    place.agent(AGENT, gates={"mutants": 0})
    assert kills.orphans(place) == []
    assert kills.finish(place) == 0, place.log()
    assert kills.end_of(place) == undisturbed


def test_one_kill_after_the_other_comes_to_the_same_end(tmp_path: Path, undisturbed: End) -> None:
    place = make(tmp_path)
    moments = ("after turn sent", "before turn returned", "after turn returned", "after turn settled", "before result saved", "after commits made")
    for moment in moments:
        assert kills.kill_at(place, moment) == -9, (moment, place.log())
    recovers(place, undisturbed)


def test_kills_at_random_moments_come_to_the_same_end(tmp_path: Path, undisturbed: End) -> None:
    place, dice = make(tmp_path), random.Random(11)
    killed = sum(kills.kill_after(place, dice.uniform(0.3, 3.0)) for _ in range(4))
    assert killed
    recovers(place, undisturbed)


def test_every_step_is_told_in_the_document_in_order() -> None:
    from tests.conftest import REPOSITORY

    text = (REPOSITORY / "docs" / "recovery.md").read_text()
    places = [text.index(f"| `{name}` | {sentence} |") for name, sentence in STEPS.items()]
    assert places == sorted(places)
