"""Code that no example runs is not proved: the report says which, the level says so, and a share of it can be asked for."""

from __future__ import annotations

import pytest

from tests.cheats.harness import WithoutNamespaces
from tests.conftest import Workplace

PRD = """\
# Fares

## Requirements

### R1: Price a ride
Module: fare.py

`fare(age)` is what a ride costs: nothing for children under four, two coins under sixteen, else four.

- AC1: fares

  | `fare(age)` | => |
  |---|---|
  | 0 | 0 |
  | 3 | 0 |
  | 4 | 2 |
  | 9 | 2 |
  | 16 | 4 |
  | 30 | 4 |
"""
CODE = "def fare(age):\n    if age > 64:\n        return 1\n    return 0 if age < 4 else 2 if age < 16 else 4\n"
UNRUN = "no example gets through line 3"


def ride(place: Workplace, front: str = "", **settings: object) -> int:
    place.prd("fares", f"---\n{front}\n---\n{PRD}" if front else PRD)
    place.agent(f"def turn(brief, folder):\n    (folder / 'fare.py').write_text({CODE!r})\n", **settings)
    return place.command("run").returncode


@pytest.mark.parametrize("kind", [Workplace, WithoutNamespaces])
def test_a_branch_that_no_example_runs_is_named_and_lowers_the_level(place: Workplace, kind: type[Workplace]) -> None:
    there = kind(place.root)
    assert ride(there) == 0
    task = there.task("fares", "fares#R1")
    assert [proof["level"] for proof in task["proofs"]] == ["oracle"]
    (finding,) = [item for item in task["attempts"][0]["findings"] if item["gate"] == "covered"]
    assert (finding["severity"], finding["where"]) == ("notice", "fare.py:3")
    assert f"fare.py (`fare`): {UNRUN}" in finding["message"]
    assert (task["coverage"]["ran"], task["coverage"]["counted"]) == (6, 8)
    (page,) = (place.root / "site").rglob("20*/fares-R1.html")
    assert UNRUN in page.read_text()
    assert there.command("verify").returncode == 0, "it is proved again at the level that was said"


@pytest.mark.parametrize(("front", "configured", "ends"), [("", 76, 3), ("gates: {coverage: 76}", 20, 3), ("gates: {coverage: 20}", 75, 0)])
def test_a_share_that_is_missed_needs_a_person_and_a_prd_may_only_raise_it(place: Workplace, front: str, configured: int, ends: int) -> None:
    assert ride(place, front, gates={"coverage": configured}) == ends
    (task,) = place.project("fares")["tasks"]
    if ends:
        assert task["state"] == "unclear"
        assert "6 of 8" in task["question"]["text"]
        assert "76 %" in task["question"]["text"]
        assert UNRUN in task["question"]["text"]
        assert place.task("fares", "fares#R1")["coverage"]["share"] == 75.0
    else:
        assert task["state"] == "done"
