"""Real coding clients, installed once into a cache and pointed at a model server on loopback.

ORCHESTRATOR_TEST_CLIENTS=1 installs them with npm into ~/.cache/orchestrator-clients (1.6 GB); any other value is the folder to use.
"""

from __future__ import annotations

import fcntl
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


def agents(url: str) -> dict[str, dict[str, Any]]:
    """The configuration that docs/clients.md shows, for the endpoint at `url`."""
    (shown,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    found: dict[str, dict[str, Any]] = yaml.safe_load(shown.replace("https://models.example.com", url))["agents"]
    return found


CLIENTS = tuple(agents(""))


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
