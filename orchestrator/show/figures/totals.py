"""What each agent did in the runs of one project, as sums: small enough for the project's summary. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

LATEST = 40
"""Runs in a picture."""

SUMS = ("turns", "candidates", "passed", "refused", "solved", "seconds", "unknown_tokens", "unknown_usd")
UNSURE = ("input_tokens", "output_tokens", "usd")
"""Figures that not every turn says."""

Key = tuple[str, str, str, str]
"""Role, agent, kind, model."""


def totals(digests: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What each agent did in the runs of one project, for its summary: sums, and its last runs one by one, oldest first."""
    found: dict[Key, list[tuple[str, Mapping[str, Any]]]] = {}
    for run_id in sorted(digests):
        for item in digests[run_id].get("agents", ()):
            found.setdefault((item["role"], item["agent"], item["kind"], item["model"]), []).append((run_id, item))
    return [
        dict(zip(("role", "agent", "kind", "model"), key, strict=True))
        | {name: sum(item[name] for _, item in items) for name in SUMS}
        | {name: known([item[name] for _, item in items]) for name in UNSURE}
        | {"latest": [[run_id, item["passed"], item["refused"]] for run_id, item in items[-LATEST:]]}
        for key, items in sorted(found.items())
    ]


def known(values: Iterable[Any]) -> Any:
    """The sum of what is known, None where nothing is."""
    some = [value for value in values if value is not None]
    return sum(some) if some else None
