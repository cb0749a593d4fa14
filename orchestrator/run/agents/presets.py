"""What is known about coding agents that speak the Agent Client Protocol, as data. Each part can be changed in the configuration.

Where tokens are read (`tokens`), and whether a cost is that of the turn or of the session (`cost`):

    turn      the answer to a prompt tells those of that prompt
    session   it tells those of the session so far
    quota     `_meta.quota.token_count` of the answer tells those of the prompt
    updates   each update with `_meta.usage` tells those of one step
    none      nothing that is told is the sum of a turn: unknown
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from orchestrator.config import AcpAgent

Tokens = Literal["turn", "session", "quota", "updates", "none"]
Cost = Literal["turn", "session", "none"]


@dataclass(frozen=True)
class Preset:
    argv: tuple[str, ...]
    mode: str = ""
    """Set after a session has begun, where the agent has it; '' sets none."""
    env: tuple[tuple[str, str], ...] = ()
    env_keys: tuple[str, ...] = ()
    """Passed on when they are set. The first ones hold keys."""
    keys: tuple[str, ...] = ()
    """Those of them that log in: one is enough."""
    login: tuple[str, ...] = ()
    """Files and folders of the user's home that hold a login or settings; copied where they are there."""
    proofs: tuple[str, ...] = ()
    """Those of them without which nobody is logged in: one is enough."""
    methods: tuple[tuple[str, str], ...] = ()
    """Environment variable → id of the way to log in that the agent wants to be told when that is set."""
    model_env: str = ""
    """The environment variable that names the model, where the session itself has no such setting."""
    tokens: Tokens = "session"
    cost: Cost = "session"
    failed: tuple[tuple[str, ...], str] = ((), "")
    """A path into the answer's `_meta`, and what stands there when a turn failed although it ended as any other."""
    install: str = ""
    """The command that brings it."""
    log_in: str = ""
    """What logs in."""
    version: tuple[str, ...] = ("--version",)
    """Arguments after the program that make it say its version; () where there are none."""


PRESETS: dict[str, Preset] = {
    "claude": Preset(
        argv=("claude-agent-acp",),
        mode="acceptEdits",
        env_keys=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_BASE_URL", "ANTHROPIC_MODEL"),
        keys=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
        login=("~/.claude/.credentials.json", "~/.claude/settings.json", "~/.claude.json"),
        proofs=("~/.claude/.credentials.json",),
        model_env="ANTHROPIC_MODEL",
        tokens="turn",
        install="npm install -g @agentclientprotocol/claude-agent-acp@latest",
        log_in="`claude` and then /login, `claude setup-token`, or export ANTHROPIC_API_KEY=…",
    ),
    "codex": Preset(
        argv=("codex-acp",),
        env_keys=("OPENAI_API_KEY", "CODEX_API_KEY", "OPENAI_BASE_URL"),
        keys=("CODEX_API_KEY", "OPENAI_API_KEY"),
        login=("~/.codex/auth.json", "~/.codex/config.toml"),
        proofs=("~/.codex/auth.json",),
        methods=(("CODEX_API_KEY", "codex-api-key"), ("OPENAI_API_KEY", "openai-api-key")),
        failed=(("codex", "threadStatus"), "systemError"),
        install="npm install -g @agentclientprotocol/codex-acp@latest",
        log_in="`codex login`, or export CODEX_API_KEY=…",
    ),
    "gemini": Preset(
        argv=("gemini", "--acp"),
        mode="autoEdit",
        env_keys=("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_CLOUD_PROJECT", "GOOGLE_GEMINI_BASE_URL", "GEMINI_MODEL"),
        keys=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        login=("~/.gemini/oauth_creds.json", "~/.gemini/google_accounts.json", "~/.gemini/settings.json"),
        proofs=("~/.gemini/oauth_creds.json",),
        methods=(("GEMINI_API_KEY", "gemini-api-key"), ("GOOGLE_API_KEY", "vertex-ai")),
        model_env="GEMINI_MODEL",
        tokens="quota",
        cost="none",
        install="npm install -g @google/gemini-cli@latest",
        log_in="`gemini` once by hand, or export GEMINI_API_KEY=…",
    ),
    "opencode": Preset(
        argv=("opencode", "acp"),
        env_keys=("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "GEMINI_API_KEY", "OPENCODE_CONFIG_CONTENT"),
        keys=("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "GEMINI_API_KEY"),
        login=("~/.local/share/opencode/auth.json", "~/.config/opencode/opencode.json"),
        proofs=("~/.local/share/opencode/auth.json", "~/.config/opencode/opencode.json"),
        tokens="none",
        install="npm install -g opencode-ai@latest",
        log_in="`opencode auth login`, or export the key of a provider, for example ANTHROPIC_API_KEY=…",
    ),
    "qwen": Preset(
        argv=("qwen", "--acp"),
        mode="auto-edit",
        env_keys=("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL", "DASHSCOPE_API_KEY"),
        keys=("OPENAI_API_KEY", "DASHSCOPE_API_KEY"),
        login=("~/.qwen/oauth_creds.json", "~/.qwen/settings.json"),
        proofs=("~/.qwen/oauth_creds.json", "~/.qwen/settings.json"),
        methods=(("OPENAI_API_KEY", "openai"),),
        model_env="OPENAI_MODEL",
        tokens="updates",
        cost="none",
        install="npm install -g @qwen-code/qwen-code@latest",
        log_in="`qwen` once by hand, or export OPENAI_API_KEY=…",
    ),
}


def of(config: AcpAgent) -> Preset:
    """The preset that a configuration names, with what it changes; what the protocol says where it names none."""
    found = PRESETS[config.preset] if config.preset else Preset(argv=())
    return replace(
        found,
        argv=config.argv or found.argv,
        mode=found.mode if config.mode is None else config.mode,
        env=tuple({**dict(found.env), **config.env}.items()),
        env_keys=tuple(dict.fromkeys((*found.env_keys, *config.env_keys))),
        keys=found.keys or config.env_keys,
        login=found.login if config.login is None else config.login,
        tokens=config.tokens or found.tokens,
        cost=config.cost or found.cost,
    )
