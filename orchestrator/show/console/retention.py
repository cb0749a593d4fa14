"""`orchestrator prune`: what went, or would go, for a terminal and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from orchestrator.save.retention import KINDS, Item, Pruned
from orchestrator.show.console.terminal import columns, safe

UNITS = ("bytes", "kB", "MB", "GB", "TB")


def text(found: Pruned, *, dry_run: bool) -> str:
    """A row for each project and kind, then what was freed, and what was passed over or could not be removed."""
    parts = [_table(found.items)] if found.items else []
    freed, total = size(found.freed), size(found.total)
    if found.items:
        parts.append(f"would free {freed} of {total}; nothing was removed" if dry_run else f"freed {freed} of {total}")
    else:
        parts.append(f"nothing may go; `runs` holds {total}")
    if found.over:
        parts.append(f"`runs` is {size(found.over)} over its ceiling, and nothing else may go: the rest is needed, or among the newest runs")
    parts += [f"{project}: passed over: {why}" for project, why in found.passed_over.items()]
    parts += [f"{place}: {why}" for place, why in found.failed.items()]
    return safe("\n".join(parts))


def _table(items: Iterable[Item]) -> str:
    groups: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        groups.setdefault((item.project, item.kind), []).append(item)
    rows: list[tuple[str, ...]] = [("project", "kind", "how many", "size", "oldest", "what")]
    for (project, kind), group in groups.items():
        oldest = max(item.days for item in group)
        rows.append((project or "–", kind, str(len(group)), size(sum(item.bytes for item in group)), f"{oldest:.0f} days", KINDS[kind]))
    return columns(rows)


def size(count: int) -> str:
    """`12.3 MB`, in powers of a thousand."""
    amount, unit = float(count), 0
    while amount >= 1000 and unit < len(UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{count} bytes" if not unit else f"{amount:.1f} {UNITS[unit]}"


def as_json(found: Pruned, *, dry_run: bool) -> dict[str, Any]:
    """Everything, each thing by itself. `version` changes when a key changes its meaning."""
    return {
        "version": 1,
        "dry_run": dry_run,
        "freed": found.freed,
        "total": found.total,
        "over": found.over,
        "items": [asdict(item) for item in found.items],
        "passed_over": [{"project": project, "why": why, "locked": project in found.locked} for project, why in found.passed_over.items()],
        "failed": [{"place": place, "why": why} for place, why in found.failed.items()],
    }
