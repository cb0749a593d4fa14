"""What every report model has in common. Pure."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Report(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)
