"""Tests that gave different results on the same code: which, how often, where that is shown, what became of them. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrator.show import addresses
from orchestrator.show.pages import render

if TYPE_CHECKING:
    from jinja2 import Environment

BECAME = {
    "quarantined": ("‖", "wait", "in quarantine: its failures are noticed, and refuse nothing"),
    "over": ("○", "quiet", "its quarantine is over: when it fails again by chance, it is put there again"),
    "refused": ("✗", "bad", "it holds alone and fails after others: what the candidate did to them was refused"),
}
"""What became of a test → (symbol, tone, sentence)."""


class Flaky(NamedTuple):
    project: str
    facts: Mapping[str, Any]
    rerun: str
    """The command with which a person sees it."""


def page(env: Environment, summaries: Mapping[str, Mapping[str, Any]]) -> str:
    found = [(project, facts) for project, summary in sorted(summaries.items()) for facts in summary.get("flaky", ())]
    order = list(BECAME)
    found.sort(key=lambda each: (order.index(each[1]["became"]), each[0], each[1]["test"]))
    rows = [Flaky(project, facts, f"for i in $(seq 20); do python -m pytest {shlex.quote(facts['test'])}; done") for project, facts in found]
    return render(env, "flaky.html", addresses.FLAKY, rows=rows, became=BECAME)
