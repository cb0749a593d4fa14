"""Who listens to a run: a terminal, a pipe, and the log that each run keeps. What a run tells goes to all of them, without keys and passwords."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

from orchestrator.telling import Tell, Told

if TYPE_CHECKING:
    from orchestrator.config import Config

MODES = {
    "auto": "live in a terminal, else plain",
    "plain": "lines as they come",
    "json": "a JSON object for each thing that happens, and nothing else on standard output",
    "none": "only how it ended",
}
"""`progress` of the configuration, --progress → what is shown."""


@contextmanager
def output(config: Config) -> Iterator[None]:
    """Around a command that runs something: where only JSON is wanted, everything that is printed inside becomes a note."""
    from orchestrator.show.console.lines import Notes

    before = sys.stdout
    if config.progress == "json":
        sys.stdout = cast(TextIO, Notes(before))
    try:
        yield
    finally:
        sys.stdout = before


@contextmanager
def listening(root: Path, config: Config) -> Iterator[Tell]:
    """Everything that is told inside is shown and logged."""
    from orchestrator.run import redaction
    from orchestrator.save.run_log import RunLogs, cleaned

    clean = redaction.of(config).cleaner(os.environ)
    logs = RunLogs(config.folder(root, "runs"), int(config.log.megabytes * 1_000_000))
    try:
        with _shown(config.progress) as show:

            def tell(told: Told) -> None:
                told = cleaned(told, clean)
                logs(told)
                show(told)

            yield tell
    finally:
        logs.close()
        if logs.broken:
            print(f"orchestrator: {logs.broken}", file=sys.stderr)


@contextmanager
def _shown(mode: str) -> Iterator[Tell]:
    if mode == "auto" and _moves():
        from orchestrator.show.console.live import live

        with live() as tell:
            yield tell
    else:
        from orchestrator.show.console import lines

        yield {"json": lines.as_json, "none": lambda told: None}.get(mode, lines.tell)


def _moves() -> bool:
    """Whether something that moves may be drawn: a terminal that can move its cursor and write Unicode, and no CI job's log."""
    plain = os.environ.get("TERM", "") in ("", "dumb", "unknown") or os.environ.get("CI", "").lower() in ("1", "true", "yes")
    return not plain and sys.stdout.isatty() and (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
