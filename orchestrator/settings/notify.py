"""The settings of notifications, a part of the configuration."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from orchestrator.settings.agents import Section

Event = Literal["finished", "failed", "person", "breaker", "budget", "conflict", "parked", "delivered"]
EVENTS: dict[Event, str] = {
    "finished": "a run has ended that did something, with all that happened in it",
    "failed": "a task gave up",
    "person": "a task or a delivery needs a person",
    "breaker": "a breaker holds back turns",
    "budget": "a budget comes to its end, or is used up",
    "conflict": "what was made cannot be put on its branch: that has moved on",
    "parked": "a task waits for something else",
    "delivered": "a branch was delivered, or could not be",
}
"""Event → what has happened."""


class Notify(Section):
    """Who is told what a run does, through Apprise ([notifications](notifications.md))."""

    to: tuple[SecretStr, ...] = ()
    """Apprise URLs. They hold passwords and keys: better name variables under `to_env`."""
    to_env: tuple[str, ...] = ()
    """Names of environment variables that each hold an Apprise URL, or several with blanks between them."""
    on: tuple[Event, ...] = ("finished", "failed", "person", "breaker", "budget", "conflict")
    """What is told; `parked` and `delivered` may be added."""
    every_seconds: float = Field(300.0, ge=0)
    """One message of a kind in so many seconds, over all runs; the next one says how many were held back. 0: every one."""
    seconds: float = Field(20.0, gt=0)
    """A run waits at its end for so long until its messages are sent."""
    title: str = ""
    """Jinja2 template of titles. Left out: the built-in one."""
    templates: dict[Event, str] = Field({})
    """Jinja2 templates of messages, by event. Left out: what the run says."""

    @field_validator("to_env")
    @classmethod
    def _names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise ValueError("these are names of environment variables; URLs stand under `to`")
        return value

    @field_validator("title", "templates")
    @classmethod
    def _compiles(cls, value: str | dict[Event, str]) -> str | dict[Event, str]:
        texts = [value] if isinstance(value, str) else list(value.values())
        if any(texts):
            from jinja2 import Environment, TemplateSyntaxError

            for text in texts:
                try:
                    Environment().parse(text)
                except TemplateSyntaxError as error:
                    raise ValueError(f"not a template: {error}") from None
        return value
