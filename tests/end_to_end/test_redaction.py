"""A key that an agent gets, or says, is found nowhere afterwards: not in a recording, a database, a report, a transcript or a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agents.chat_server import Reply, serve
from tests.conftest import Workplace

KEY = "correct-horse-7-battery"
SHAPED = "ghp_" + "a1B2c3D4e" * 4
PATTERN = "ACME-4711"
PRD = """\
---
title: Tiles
---

# Tiles

## Requirements

### R1: Count the tiles
Module: tiles.py

- AC1: four in a row

  | `tiles(rows)` | => |
  |---|---|
  | 0 | 0 |
  | 1 | 4 |
  | 2 | 8 |
  | 5 | 20 |
"""


def holding(root: Path, secret: str) -> list[str]:
    """Every file below the working folder in which the text stands."""
    return [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


@pytest.mark.parametrize("record", [True, False])
def test_no_key_is_kept(place: Workplace, record: bool) -> None:
    place.prd("tiles", PRD)
    said = f"I used {KEY} and {SHAPED} for customer {PATTERN}.\n\n"
    wrong = f"{said}```python tiles.py\nTOKEN = {SHAPED!r}\n\n\ndef tiles(rows):\n    return rows\n```\n"
    right = f"{said}```python tiles.py\nOWNER = {KEY!r}\n\n\ndef tiles(rows):\n    return rows * 4\n```\n"
    with serve(Reply(wrong), Reply(right)) as server:
        agent = {"type": "chat", "url": server.url, "model": "m", "api_key_env": "TILES_KEY"}
        place.configure(agents={"served": agent}, redact=[r"ACME-\d+"], record=record)
        done = place.command("run", TILES_KEY=KEY)
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.headers[-1]["Authorization"] == f"Bearer {KEY}", "the agent itself gets it"
    attempts = place.task("tiles", "tiles#R1")["attempts"]
    assert [attempt["verdict"] for attempt in attempts] == ["refused", "passed"]
    assert "holds what looks like a key" in str(attempts[0]["findings"])
    assert "a key or password was left out" in str(attempts[1]["turns"])
    assert "tiles.py held the value of an environment variable that is a secret" in str(attempts[1]["turns"])
    for secret in (KEY, SHAPED, PATTERN):
        held = [path for path in holding(place.root, secret) if secret != SHAPED or "/journal/" not in path]
        assert held == [], "but for the journal, which has to give the refused file back as it was"
        assert secret not in done.stdout + done.stderr
    recordings = list((place.root / "recordings").rglob("*.md")) if record else []
    assert all("[redacted]" in path.read_text(encoding="utf-8") for path in recordings)
    assert bool(recordings) is record
