"""Examples of a criterion → their part of its report."""

from __future__ import annotations

from orchestrator.model import Criterion
from orchestrator.run.briefing import session
from orchestrator.save.reports import ExampleReport

MOST = 20
LONGEST = 1000
"""Characters of one."""


def cases(criterion: Criterion) -> list[ExampleReport]:
    """The words of those that an agent may see; of a held-out one only where it stands."""
    return [
        ExampleReport(line=item.line, text="" if item.held_out else _cut(session(item).removesuffix("\n")), held_out=item.held_out)
        for item in criterion.examples[:MOST]
    ]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
