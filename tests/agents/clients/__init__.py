"""Real coding clients, installed once into a cache and pointed at a model server on loopback.

ORCHESTRATOR_TEST_CLIENTS=1 installs them with npm into ~/.cache/orchestrator-clients (1.6 GB); any other value is the folder to use.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

PINNED = Path(__file__).with_name("package.json")


PAGE = Path(__file__).parents[3] / "docs" / "clients.md"
KEYS = dict.fromkeys(("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "MODELS_KEY"), "sk-loopback")

FILED = "sk-ant-oat01-from-a-file"
"""What `log_in` writes."""


def agents(url: str) -> dict[str, dict[str, Any]]:
    """The configuration that docs/clients.md shows, for the endpoint at `url`."""
    (shown,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    found: dict[str, dict[str, Any]] = yaml.safe_load(shown.replace("https://models.example.com", url))["agents"]
    return found


VERSIONS: dict[str, str] = json.loads(PINNED.read_text(encoding="utf-8"))["dependencies"]
CLIENTS = tuple(agents(""))


def log_in(name: str, home: Path, url: str) -> None:
    """The files in which a client keeps a login and its endpoint, in a home."""
    codex = f'model_provider = "mine"\n[model_providers.mine]\nname = "mine"\nbase_url = "{url}/v1"\nwire_api = "responses"\nrequires_openai_auth = true\n'
    mine = {"npm": "@ai-sdk/openai-compatible", "models": {"m": {}}, "options": {"baseURL": f"{url}/v1"}}
    oauth = {"accessToken": FILED, "refreshToken": "sk-ant-ort01-x", "expiresAt": 4102444800000, "scopes": ["user:inference"]}
    files: dict[str, dict[str, Any]] = {
        "claude": {".claude/.credentials.json": {"claudeAiOauth": oauth}, ".claude/settings.json": {"env": {"ANTHROPIC_BASE_URL": url}}},
        "codex": {".codex/auth.json": {"OPENAI_API_KEY": FILED}, ".codex/config.toml": codex},
        "gemini": {
            ".gemini/.env": f"GEMINI_API_KEY={FILED}\nGOOGLE_GEMINI_BASE_URL={url}\nGEMINI_MODEL=gemini-2.5-pro\n",
            ".gemini/settings.json": {"security": {"auth": {"selectedType": "gemini-api-key"}}},
        },
        "opencode": {
            ".local/share/opencode/auth.json": {"mine": {"type": "api", "key": FILED}},
            ".config/opencode/opencode.json": {"model": "mine/m", "provider": {"mine": mine}},
        },
        "qwen": {
            ".qwen/settings.json": {
                "security": {"auth": {"selectedType": "openai", "apiKey": FILED, "baseUrl": f"{url}/v1"}},
                "model": {"name": "m"},
            }
        },
    }
    for path, content in files[name].items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(content if isinstance(content, str) else json.dumps(content))


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
