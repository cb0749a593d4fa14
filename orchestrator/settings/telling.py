"""The settings of what shows a run to others: its log, metrics. A part of the configuration."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from orchestrator.settings.agents import Section


class Log(Section):
    """What each run keeps of what it told ([the log](running.md#the-log-of-a-run))."""

    megabytes: float = Field(5.0, ge=0)
    """Most that the log of one run takes; 0: none is kept."""


class Metrics(Section):
    """What Prometheus is told ([the metrics](metrics.md))."""

    file: Path | None = None
    """Every run writes the metrics to this file at its end, for the textfile collector of the node exporter; its name ends in `.prom`."""
