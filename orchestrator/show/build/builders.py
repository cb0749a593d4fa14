"""What builds the chrome from a mkdocs.yml: MkDocs, or one of those that read the same file (`site.builder`)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path

from orchestrator.errors import SetupError

SECONDS = 300

COMMANDS: dict[str, Callable[[str], list[str]]] = {
    "mkdocs": lambda config: [sys.executable, "-m", "mkdocs", "build", "--quiet", "--config-file", config],
    "properdocs": lambda config: [sys.executable, "-m", "properdocs", "build", "--quiet", "--config-file", config],
    "zensical": lambda config: [sys.executable, "-m", "zensical", "build", "--config-file", config],
}
"""`site.builder` → the command, given the path of a mkdocs.yml."""


def version(package: str) -> str:
    """'' where it is not installed."""
    try:
        return installed(package)
    except PackageNotFoundError:
        return ""


def build(builder: str, config: Path, named: Path) -> None:
    """Build what `config` says, in its folder. `named`: the file that messages name. Raises SetupError."""
    if not version(builder):
        raise SetupError(f"`site.builder` is {builder}, which is not installed", hint=f"pip install {builder}, or take the key out")
    try:
        done = subprocess.run(
            COMMANDS[builder](str(config)),
            cwd=config.parent,
            env={**os.environ, "SOURCE_DATE_EPOCH": "0", "NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(f"{builder} build: {error}", hint="pip install mkdocs mkdocs-material") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise SetupError(f"{builder} build with {named} ended with {done.returncode}: {said}", hint=f"run `{builder} build` on that file to see it")
