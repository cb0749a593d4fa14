"""The wheel, installed into an empty environment, makes a working folder anywhere and runs a PRD in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ENVIRONMENTS, REPOSITORY
from tests.end_to_end.test_pipeline import LANTERN, STEPWISE


def test_the_wheel_runs_a_prd_and_builds_the_site_in_an_empty_folder(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path / "dist"), str(REPOSITORY)], check=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    subprocess.run([*pip, "--python", str(environment / "bin/python"), "install", "--quiet", str(wheel)], check=True)
    command = environment / "bin" / "orchestrator"
    work = tmp_path / "work"
    clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "ORCHESTRATOR_ENVIRONMENTS": str(ENVIRONMENTS)}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(command), *arguments], cwd=work, env=clean, capture_output=True, text=True)

    work.mkdir()
    assert run("init").returncode == 0
    checked = run("check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    (work / "prds" / "lanterns.md").write_text(LANTERN)
    (work / "honest.py").write_text(STEPWISE)
    (work / "orchestrator.yaml").write_text("agents:\n  honest: {type: scripted, script: honest.py}\n")
    done = run("run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 of 2" in done.stdout
    page = (work / "site" / "index.html").read_text()
    assert "lanterns" in page
    assert "md-header" in page
