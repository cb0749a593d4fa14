"""What makes a task too large, how it is taken apart, and which task only verifies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.plan import outline, rules
from orchestrator.plan.rules import Atomic, Bunch, Piece
from orchestrator.plan.saved import PlannedRequirement, PlannedTask
from tests.plan.test_passes import PRD

PIECES = st.builds(
    Piece,
    st.text(min_size=1, max_size=3),
    st.integers(1, 30),
    st.frozensets(st.sampled_from("abcdef"), max_size=2),
    st.integers(0, 500),
)


@given(st.lists(PIECES, max_size=12, unique_by=lambda piece: piece.key), st.none() | st.integers(0, 900), st.integers(0, 9))
def test_nothing_is_lost_or_doubled_and_no_part_is_empty(pieces: list[Piece], lines: int | None, components: int) -> None:
    parts = rules.split(Bunch(tuple(pieces), lines, components), Atomic())
    assert sorted(piece.key for part in parts for piece in part.pieces) == sorted(piece.key for piece in pieces)
    assert all(part.pieces for part in parts) or not pieces
    assert len(parts) <= 3**3


def bunch(*tests: int, names: str = "", lines: int | None = None) -> Bunch:
    return Bunch(tuple(Piece(f"AC{n}", t, frozenset(names[n - 1 : n]), 10 * n) for n, t in enumerate(tests, 1)), lines)


@pytest.mark.parametrize(
    ("given_", "why", "parts"),
    [
        (bunch(1, 1, 1, names="aab"), "", [3]),
        (bunch(1, 1, 1, 1, names="abcd"), "component", [2, 2]),
        (bunch(15, 3, 3, 15), "tests", [2, 2]),
        (bunch(1, 1, 1, 1, lines=180), "size", [2, 1, 1]),
        (bunch(1, 1, 1, 1, 1, 1), "balanced", [3, 3]),
        (bunch(90), "tests", [1]),
    ],
)
def test_a_task_is_taken_apart_by_what_makes_it_too_large(given_: Bunch, why: str, parts: list[int]) -> None:
    assert next((strategy for strategy, _ in rules.too_large(given_, Atomic())), "") == why
    assert [len(part.pieces) for part in rules.split(given_, Atomic())] == parts
    assert [len(part.pieces) for part in rules.split(given_, Atomic(depth=0))] == [len(given_.pieces)]


def test_the_same_export_of_the_same_file_is_made_once_and_then_only_verified() -> None:
    def entry(place: int, *names: str) -> PlannedRequirement:
        requirement = PRD.requirements[place]
        mine = PlannedTask(criteria=tuple(c.key for c in requirement.criteria) or ("I1",), exports=names)
        added = () if requirement.criteria else ("it is there when asked",)
        return PlannedRequirement(fingerprint=outline.fingerprint([requirement]), module="shelf.py", criteria=added, tasks=(mine,))

    plan = outline.decompose(PRD, 0.0, {"R1": entry(0, "Shelf"), "R4": entry(3, "Shelf")})
    tasks = {task.id: task for task in plan.tasks}
    assert not tasks["library#R1"].verify_only
    assert tasks["library#R4"].verify_only
    assert tasks["library#R4"].depends_on == ("library#R1",)
    [note] = [note for note in plan.notes if note.code == "plan-overlap"]
    assert note.message == "library#R4: `Shelf` of shelf.py is made by library#R1 too"
    both = outline.decompose(PRD, 0.0, {"R1": entry(0, "Shelf"), "R4": entry(3, "Shelf", "slip")})
    assert not any(task.verify_only for task in both.tasks)
