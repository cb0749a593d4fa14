"""The settings of each kind of agent, a part of the configuration. Every default lives here, once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class ScriptedAgent(Section):
    type: Literal["scripted"]
    """Turns from a script: tests, hand-written answers, dry runs."""
    script: Path
    """A YAML file of turns, or a Python file with a function `turn(brief, folder)`. Relative to the working folder."""


class RecordedAgent(Section):
    type: Literal["recorded"]
    """Replays answers given before."""
    folder: Path | None = None
    """Default: `recordings`."""


class Price(Section):
    input: float = Field(ge=0)
    """US dollars for a million tokens of a prompt."""
    output: float = Field(ge=0)
    """US dollars for a million tokens of an answer."""


class ChatAgent(Section):
    type: Literal["chat"]
    """Any OpenAI-compatible endpoint."""
    url: str
    """Base URL of an OpenAI-compatible endpoint, up to and including `/v1`."""
    model: str = ""
    """'' takes the first model the endpoint lists."""
    api_key_env: str = ""
    """Name of the environment variable that holds the key; the key itself never stands in a file."""
    temperature: float = Field(0.0, ge=0, le=2)
    """Of the first candidate; each that follows raises it by 0.3, up to 0.9."""
    max_tokens: int = Field(2048, gt=0)
    """Of one answer; an answer that ends there is cut off, and half a file is not written."""
    context_tokens: int = Field(8192, gt=0)
    """The model's context window; the brief is cut to fit, and says so."""
    brief_tokens: int | None = Field(None, gt=0)
    """Most that a brief with its files may take; what does not fit is cut, and the report says what. Left out: what the window has room for."""
    small: bool | None = None
    """A small model is asked for one function after the other. Left out: by the size in its name, up to 4 billion parameters (`…-1.5b-…`)."""
    extra: dict[str, Any] = {}
    """Sent with every request, for example `{repeat_penalty: 1.0}`."""
    price: Price | None = None
    """Left out: what the endpoint says a turn cost, else a public price list, else nothing on this machine, else unknown."""


class Most(Section):
    """What one turn is booked at before it is sent; left out: `budgets.turn_tokens` and `budgets.turn_usd`."""

    tokens: int | None = Field(None, ge=0)
    """Prompts and answers of one turn together, with every step that the agent takes."""
    usd: float | None = Field(None, ge=0)
    """US dollars of one turn."""


class ProgramAgent(Section):
    """What agents that are programs of this machine share."""

    env: dict[str, str] = {}
    """Environment variables with fixed values. Never a key: those are named under `env_keys`."""
    env_keys: tuple[str, ...] = ()
    """Names of environment variables that are passed on as they are, for example ANTHROPIC_API_KEY; besides the preset's."""
    readable: tuple[Path, ...] = ()
    """More files and folders that it may read."""
    home: Path | None = None
    """A folder that is its home, and stays. Left out: an empty one that is thrown away, with a copy of the preset's login files."""
    login: tuple[str, ...] | None = None
    """Files and folders of your home that are copied into its home, for example `~/.codex/auth.json`. Left out: the preset's."""
    price: Price | None = None
    """Left out: what the agent says a turn cost, else unknown."""
    brief_tokens: int | None = Field(None, gt=0)
    """Most that a brief may take; background that does not fit is cut, and the report says how much. Left out: it is not cut."""
    most: Most = Most()


class AcpAgent(ProgramAgent):
    type: Literal["acp"]
    """A coding agent that speaks the Agent Client Protocol."""
    preset: Literal["", "claude", "codex", "gemini", "opencode", "qwen"] = ""
    """What is known about an agent; every other key changes a part of it. '' needs `argv`."""
    argv: tuple[str, ...] = ()
    """Program and arguments. Left out: the preset's."""
    mode: str | None = None
    """The session's mode; '' sets none. Left out: the preset's."""
    model: str = ""
    """'' leaves it to the agent."""
    auth: str = ""
    """Id of the agent's way to log in. '' takes the preset's for the keys that are set."""
    tokens: Literal["", "turn", "session", "quota", "updates", "none"] = ""
    """Where tokens are read ([how](agents.md#what-a-turn-used)). '' takes the preset's."""
    cost: Literal["", "turn", "session", "none"] = ""
    """Whether a cost the agent tells is that of the turn or of the whole session. '' takes the preset's."""

    @model_validator(mode="after")
    def _has_a_program(self) -> AcpAgent:
        if not self.preset and not self.argv:
            raise ValueError("name a `preset`, or give `argv`")
        return self


class UsagePatterns(Section):
    """Regular expressions whose first group is the number, in what the program prints; the last match counts. Left out: unknown."""

    input_tokens: str = ""
    """Tokens of prompts."""
    output_tokens: str = ""
    """Tokens of answers."""
    usd: str = ""
    """US dollars."""

    @field_validator("*")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            groups = re.compile(value).groups
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        if value and not groups:
            raise ValueError("it needs a group, in parentheses, around the number")
        return value


class CommandAgent(ProgramAgent):
    type: Literal["command"]
    """A coding agent that is a command: it gets the brief, changes files, and ends."""
    argv: tuple[str, ...] = Field(min_length=1)
    """Program and arguments. `{prompt_file}` stands for a file with the brief, `{workspace}` for the folder."""
    stdin: bool = False
    """The brief comes on standard input, too."""
    usage: UsagePatterns = UsagePatterns()

    @model_validator(mode="after")
    def _is_told_the_brief(self) -> CommandAgent:
        if not self.stdin and not any("{prompt_file}" in part for part in self.argv):
            raise ValueError("nothing tells it the brief: put `{prompt_file}` into `argv`, or set `stdin: true`")
        return self


AgentConfig = Annotated[ScriptedAgent | RecordedAgent | ChatAgent | AcpAgent | CommandAgent, Field(discriminator="type")]
