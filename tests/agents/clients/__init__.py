"""Real coding clients, installed once into a cache and pointed at a model server on loopback.

ORCHESTRATOR_TEST_CLIENTS=1 installs them with npm into ~/.cache/orchestrator-clients (1.6 GB); any other value is the folder to use.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PINNED = Path(__file__).with_name("package.json")


@dataclass(frozen=True)
class Client:
    """How an agent's configuration points it at the server at `url`, and the environment that the command is run with."""

    config: Callable[[str], dict[str, Any]]
    env: Callable[[str], dict[str, str]]
    usage: bool = True
    """Whether it tells the tokens of a turn."""


def _codex(url: str) -> dict[str, Any]:
    provider = {"name": "loopback", "base_url": f"{url}/v1", "env_key": "OPENAI_API_KEY", "wire_api": "responses"}
    return {"env": {"CODEX_CONFIG": json.dumps({"model_provider": "loopback", "model_providers": {"loopback": provider}})}}


def _opencode(url: str) -> dict[str, Any]:
    options = {"baseURL": f"{url}/v1", "apiKey": "{env:LOOPBACK_KEY}"}
    provider = {"npm": "@ai-sdk/openai-compatible", "options": options, "models": {"scripted-1": {}}}
    content = json.dumps({"model": "loopback/scripted-1", "provider": {"loopback": provider}})
    return {"env": {"OPENCODE_CONFIG_CONTENT": content}, "env_keys": ["LOOPBACK_KEY"]}


CLIENTS = {
    "claude": Client(lambda url: {}, lambda url: {"ANTHROPIC_API_KEY": "sk-x", "ANTHROPIC_BASE_URL": url}),
    "codex": Client(_codex, lambda url: {"OPENAI_API_KEY": "sk-x"}),
    "gemini": Client(lambda url: {"model": "gemini-2.5-pro"}, lambda url: {"GEMINI_API_KEY": "x", "GOOGLE_GEMINI_BASE_URL": url}),
    "opencode": Client(_opencode, lambda url: {"LOOPBACK_KEY": "x"}, usage=False),
    "qwen": Client(lambda url: {"model": "scripted-1"}, lambda url: {"OPENAI_API_KEY": "x", "OPENAI_BASE_URL": f"{url}/v1"}),
}


def programs() -> Path:
    """The folder with the clients' programs; they are installed where they are missing, or of other versions."""
    asked = os.environ["ORCHESTRATOR_TEST_CLIENTS"]
    folder = Path("~/.cache/orchestrator-clients" if asked == "1" else asked).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        installed = folder / ".installed.json"
        if not installed.is_file() or installed.read_text() != PINNED.read_text():
            shutil.copy(PINNED, folder / "package.json")
            subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=folder, check=True, capture_output=True, timeout=900)
            shutil.copy(PINNED, installed)
    return folder / "node_modules" / ".bin"
