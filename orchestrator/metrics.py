"""`orchestrator metrics`, and the file of metrics that every run writes at its end where the configuration names one.

The file is for the textfile collector of Prometheus' node exporter: it is replaced as a whole, so that no half of it is ever read, and everybody may
read it. It is written even when a run found nothing new: its age says when the last run was.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator import faults
from orchestrator.errors import Exit, OrchestratorError, UsageError
from orchestrator.upkeep import opened

if TYPE_CHECKING:
    from orchestrator.config import Config


def command(options: argparse.Namespace) -> Exit:
    """Print them, or write them to --out."""
    root, config = opened(options)
    if options.out is None:
        sys.stdout.write(text(root, config))
    else:
        write(root, config, options.out)
        print(f"written  {options.out}")
    return Exit.DONE


def text(root: Path, config: Config) -> str:
    from orchestrator.save.figures import figures
    from orchestrator.show.messages import metrics

    return metrics.text(figures(root, config))


def write(root: Path, config: Config, path: Path) -> None:
    """Raises UsageError for a name that the collector would not read or a place that cannot be, RoomError where the disk refuses."""
    from orchestrator.save.files import writing

    if path.suffix != ".prom":
        raise UsageError(f"{path}: a file of metrics ends in .prom", hint="the node exporter reads no other; or print them: `orchestrator metrics`")
    told = text(root, config).encode("utf-8")
    try:
        with faults.recognised(path), writing(path) as stream:
            os.fchmod(stream.fileno(), 0o644)
            stream.write(told)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", hint="`metrics.file` or --out names it") from None


def at_end(root: Path, config: Config) -> None:
    """After a run. What goes wrong is said, and is no failure of the run."""
    if config.metrics.file is not None:
        try:
            write(root, config, root / config.metrics.file)
        except OrchestratorError as error:
            print(f"orchestrator: the metrics were not written: {error}", file=sys.stderr)
