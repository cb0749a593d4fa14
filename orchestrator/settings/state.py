"""The settings of where runs keep what they have done, a part of the configuration."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from orchestrator.settings.agents import Section


class State(Section):
    """Where what runs have done is kept ([CI](ci.md)). `state: branch` is short for `state: {keep: branch}`."""

    keep: Literal["disk", "branch"] = "disk"
    """`branch`: on a branch of the repository that holds the working folder too, so that a machine whose disk does not last goes on with it."""
    branch: str = Field("orchestrator/state", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)+$")
    """That branch. Made code travels beside it: `orchestrator/code/<project>/…`."""
    remote: str = Field("origin", pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$")
    """The remote that has it, by its name."""
    claim_minutes: float = Field(15.0, gt=0)
    """A run that works on a project claims it for so long, and again while it works. A claim of a job that was killed ends then."""
    largest_kb: int = Field(4096, ge=4)
    """Texts in `artifacts/` that are larger stay where they were made; pages show their beginning, and `verify` elsewhere names them as missing."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"keep": value} if isinstance(value, str) else value
