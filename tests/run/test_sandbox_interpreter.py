"""An interpreter that is reached through links still runs inside: `.venv/bin/python` may point anywhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from orchestrator.run import sandboxes
from tests.run.levels import level, without_bwrap

__all__ = ["level", "without_bwrap"]


def test_an_interpreter_behind_a_chain_of_links_runs(level: str, tmp_path: Path) -> None:
    shims = tmp_path / "shims"
    shims.mkdir()
    (shims / "python3").symlink_to(sys.executable)
    environment = tmp_path / "environment"
    subprocess.run([str(shims / "python3"), "-m", "venv", "--without-pip", str(environment)], check=True)
    python = environment / "bin" / "python"
    with sandboxes.code((), python=python) as box:
        process = box.start([str(python), "-I", "-c", "import json, sys; print(sys.prefix)"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = process.communicate(timeout=60)
        box.end(process)
    assert out.decode().strip() == str(environment), err
