"""`run --shard 1/4`: which projects belong to which part, so that several machines share the work. Pure: every part computes the same."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.errors import UsageError
from orchestrator.model import Prd

Grouped = tuple[tuple[str, tuple[Prd, ...]], ...]
"""Projects and their PRDs."""


@dataclass(frozen=True)
class Shard:
    number: int
    """From 1."""
    of: int


def parse(text: str) -> Shard:
    """`1/4`. Raises UsageError."""
    if found := re.fullmatch(r"\s*(\d{1,4})\s*/\s*(\d{1,4})\s*", text):
        number, of = int(found[1]), int(found[2])
        if 1 <= number <= of:
            return Shard(number, of)
    raise UsageError(f"--shard {text}: not a part", hint="for example `--shard 1/4`: the first of four parts")


def part(grouped: Grouped, shard: Shard) -> Grouped:
    """The projects of one part. Projects whose PRDs depend on each other stay together; the largest are dealt out first."""
    loads, mine = [0] * shard.of, set()
    for projects in sorted(_together(grouped), key=lambda names: (-_criteria(grouped, names), min(names))):
        lightest = loads.index(min(loads))
        loads[lightest] += _criteria(grouped, projects)
        if lightest == shard.number - 1:
            mine |= projects
    return tuple((project, prds) for project, prds in grouped if project in mine)


def _criteria(grouped: Grouped, names: set[str]) -> int:
    return sum(1 + sum(len(item.criteria) for item in prd.requirements) for project, prds in grouped if project in names for prd in prds)


def _together(grouped: Grouped) -> Sequence[set[str]]:
    """Projects that depend on each other, whichever way, in one set."""
    owner = {prd.id: project for project, prds in grouped for prd in prds}
    found: dict[str, set[str]] = {project: {project} for project, _ in grouped}
    for project, prds in grouped:
        for other in {owner[name] for prd in prds for name in prd.depends_on if name in owner}:
            joined = found[project] | found[other]
            for name in joined:
                found[name] = joined
    return list({id(names): names for names in found.values()}.values())
