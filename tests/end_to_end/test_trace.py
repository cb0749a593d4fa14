"""`orchestrator trace`: from anything to everything that belongs to it."""

from __future__ import annotations

import json

import jsonschema
import pytest

from orchestrator.save.links import Trace
from tests.conftest import Workplace
from tests.end_to_end.test_roles import writing

PRD = """\
# Ship

## Requirements

### R1: Count the strokes
Module: bell.py

- AC1: one stroke for every full half hour

  | `strokes(minutes)` | => |
  |---|---|
  | 30 | 1 |
  | 75 | 2 |
  | 239 | 7 |

### R2: Name the watch
Module: watches.py

- AC1: four hours each

  | `watch(hour)` | => |
  |---|---|
  | 1 | "middle" |
  | 5 | "morning" |
  | 9 | "forenoon" |
"""
CODE = "def strokes(minutes):\n    return minutes // 30\n"


@pytest.fixture(scope="module")
def ship(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """R1 is done, R2 failed."""
    place = Workplace(tmp_path_factory.mktemp("ship"))
    place.prd("ship", PRD)
    place.configure(agents=writing(place, coder=CODE), gates={"mutants": 0}, limits={"attempts": 1})
    assert place.run().returncode == 1
    return place


def traced(place: Workplace, *what: str) -> list[dict[str, object]]:
    done = place.command("trace", "--json", *what)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    jsonschema.validate(found, Trace.model_json_schema())
    return found["links"]  # type: ignore[no-any-return]


def test_everything_leads_to_everything_that_belongs_to_it(ship: Workplace) -> None:
    first, second = traced(ship)
    assert (first["requirement"], first["task"], first["task_state"], first["state"]) == ("ship#R1", "ship#R1", "done", "proved")
    assert first["files"] == ["bell.py", "tests/test_ship_r1.py"]
    assert [str(commit["subject"]).partition("(")[0] for commit in first["commits"]] == ["test", "feat"]  # type: ignore[attr-defined]
    assert [commit["files"] for commit in first["commits"]] == [["tests/test_ship_r1.py"], ["bell.py"]]  # type: ignore[attr-defined]
    (test, *_) = first["tests"]  # type: ignore[misc]
    commit = first["commits"][1]["id"]  # type: ignore[index]
    names = (
        "ship#R1",
        "R1",
        "ship#R1.AC1",
        "R1.AC1",
        test,
        test.rpartition("::")[2],
        "tests/test_ship_r1.py",
        "bell.py",
        commit,
        commit[:7],
        "prds/ship.md:5",
    )
    for what in names:
        assert [link["criterion"] for link in traced(ship, what)] == ["ship#R1.AC1"], what
    for what in ("ship", "prds/ship.md", "ship.md"):
        assert traced(ship, what) == [first, second], what


def test_what_is_not_proved_is_traced_too(ship: Workplace) -> None:
    (link,) = traced(ship, "R2")
    assert (link["task_state"], link["state"], link["tests"], link["commits"], link["files"]) == ("failed", "failing", [], [], ["watches.py"])
    words = ship.command("trace", "watches.py").stdout
    assert "ship#R2.AC1  four hours each  (prds/ship.md:" in words and "ship#R2  failed" in words


def test_a_name_that_is_nothing_is_refused_with_a_suggestion(ship: Workplace) -> None:
    done = ship.command("trace", "ship#R3")
    assert done.returncode == 2
    assert "ship#R3: no requirement, criterion, task, test, file or commit of that name" in done.stderr
    assert "did you mean `ship#R" in done.stderr


def test_before_anything_ran_there_is_nothing(place: Workplace) -> None:
    assert "nothing has been planned yet" in place.command("trace").stdout
    assert "nothing has run yet" in place.command("trace", "R1").stderr
