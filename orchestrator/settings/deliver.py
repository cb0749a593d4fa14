"""The settings of delivery, a part of the configuration, and what a PRD may choose of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from orchestrator.settings.agents import Section

How = Literal["none", "branch", "pull-request", "merge"]
HOWS: tuple[How, ...] = ("none", "branch", "pull-request", "merge")
"""From the tightest to the widest: each does what the one before it does, and more."""


class Delivery(Section):
    """What becomes of the branch of a complete PRD that has a target ([delivery](delivery.md)). `deliver: branch` is short for `{how: branch}`."""

    how: How = "none"
    """`none`: nothing is pushed. `branch`: the branch is. `pull-request`: and a request is opened for it. `merge`: it is merged into the target's
    branch. A PRD may choose what is tighter."""
    template: Path | None = None
    """Jinja2 template of a request's text. Left out: `site_templates/request.md` of the working folder, else the built-in one."""
    remote: str = "origin"
    """Where requests for a target that is a path are opened: at the address of this remote of it."""
    host: Literal["auto", "github", "gitlab"] = "auto"
    """What kind of host a target's address belongs to. `auto`: by its name, else by whom `gh` and `glab` are logged in to."""
    draft: bool = False
    """Requests are opened as drafts."""
    races: int = Field(3, ge=1)
    """So often a merge is made and looked at anew when others were faster."""
    seconds: float = Field(120.0, gt=0)
    """A push, a fetch and a call of `gh` or `glab` are each ended after this long."""

    @model_validator(mode="before")
    @classmethod
    def _one_word(cls, value: Any) -> Any:
        return {"how": value} if isinstance(value, str) else value


def chosen(configured: How, asked: str) -> How:
    """What is done: what the PRD asks for where that is as tight or tighter, else what is configured. `asked`: '' for nothing."""
    return asked if asked in HOWS[: HOWS.index(configured) + 1] else configured
