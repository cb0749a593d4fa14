"""The settings of the schedule, a part of the configuration. Every default lives here, once."""

from __future__ import annotations

from typing import Any

from pydantic import field_validator, model_validator

from orchestrator import cron
from orchestrator.settings.agents import Section


class Schedule(Section):
    """When what is done although no file changed ([watching](watching.md)): cron expressions of five fields; '' is never."""

    timezone: str = "UTC"
    """Whose clock, as an IANA name, for example `Europe/Berlin`. Another may stand after the five fields of each."""
    run: str = ""
    """Run the pipeline. (`cron` is its name of old.)"""
    verify: str = ""
    """Prove again what is done, and open again what no longer holds; the run that follows does it again."""
    retry: str = ""
    """Give tasks that failed their attempts again; the run that follows takes them up."""
    prune: str = ""
    """Remove what `retention` lets go."""
    site: str = ""
    """Build the site."""

    @model_validator(mode="before")
    @classmethod
    def _as_it_was_written(cls, values: Any) -> Any:
        """`cron` stood for `run` when nothing else could be scheduled; a section of which everything is a comment is none."""
        if values is None:
            return {}
        if isinstance(values, dict) and "cron" in values:
            if "run" in values:
                raise ValueError("`cron` is the old name of `run`: write only `run`")
            values = {("run" if key == "cron" else key): value for key, value in values.items()}
        return values

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        cron.zone(value)
        return value

    @field_validator("run", "verify", "retry", "prune", "site")
    @classmethod
    def _expression(cls, value: str) -> str:
        if value:
            cron.cron(value)
        return value
