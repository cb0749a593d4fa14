"""An interpreter that is reached through links still runs inside: `.venv/bin/python` may point anywhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from orchestrator.run import sandboxes


def test_an_interpreter_behind_a_chain_of_links_runs(tmp_path: Path) -> None:
    shims = tmp_path / "shims"
    shims.mkdir()
    (shims / "python3").symlink_to(sys.executable)
    environment = tmp_path / "environment"
    subprocess.run([str(shims / "python3"), "-m", "venv", "--without-pip", str(environment)], check=True)
    python = environment / "bin" / "python"
    argv = sandboxes.code_argv([str(python), "-I", "-c", "import json, sys; print(sys.prefix)"], mounts=(), chdir="/tmp", python=python)
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.stdout.strip() == str(environment), done.stderr
