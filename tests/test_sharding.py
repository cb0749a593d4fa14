"""`--shard`: every project in exactly one part, those that depend on each other in the same, parts of about the same size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import UsageError
from orchestrator.model import Prd
from orchestrator.sharding import Shard, parse, part


def prd(name: str, project: str, depends_on: tuple[str, ...] = ()) -> Prd:
    return Prd(name, name, project, f"prds/{name}.md", "0" * 64, (), depends_on=depends_on)


@st.composite
def grouped(draw: st.DrawFn) -> tuple[tuple[str, tuple[Prd, ...]], ...]:
    count = draw(st.integers(0, 12))
    found = []
    for number in range(count):
        names = [f"d{other}" for other in range(number) if draw(st.integers(0, 9)) == 0]
        found.append((f"p{number}", (prd(f"d{number}", f"p{number}", tuple(names)),)))
    return tuple(found)


@given(grouped(), st.integers(1, 6))
def test_every_project_is_in_one_part_with_all_that_it_depends_on(projects: tuple[tuple[str, tuple[Prd, ...]], ...], of: int) -> None:
    parts = [part(projects, Shard(number, of)) for number in range(1, of + 1)]
    assert sorted(name for each in parts for name, _ in each) == sorted(name for name, _ in projects)
    where = {prd.id: number for number, each in enumerate(parts) for _, prds in each for prd in prds}
    for _, prds in projects:
        for each in prds:
            assert all(where[name] == where[each.id] for name in each.depends_on)


def test_parts_are_of_about_the_same_size() -> None:
    projects = tuple((f"p{number}", (prd(f"d{number}", f"p{number}"),)) for number in range(8))
    assert [len(part(projects, Shard(number, 4))) for number in range(1, 5)] == [2, 2, 2, 2]


@pytest.mark.parametrize("text", ["", "0/4", "5/4", "1", "a/b", "1/0", "-1/4", "1/99999"])
def test_what_is_no_part_is_named(text: str) -> None:
    with pytest.raises(UsageError, match="not a part"):
        parse(text)


def test_a_part_is_read() -> None:
    assert parse(" 2/4 ") == Shard(2, 4)
