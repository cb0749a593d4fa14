"""Shared fixtures: a working folder in which the real command runs, and what was not run and why."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import warm

REPOSITORY = Path(__file__).resolve().parents[1]
ENVIRONMENTS = Path(os.environ.get("ORCHESTRATOR_TEST_ENVIRONMENTS", REPOSITORY / ".venv" / "test-environments"))


@dataclass(frozen=True)
class Workplace:
    """A working folder of the product: PRDs, configuration, the command."""

    root: Path

    def prd(self, name: str, text: str) -> Path:
        path = self.root / "prds" / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def agent(self, source: str, *, name: str = "script", **settings: Any) -> None:
        """The only agent: a Python script whose `turn(brief, folder)` is `source`."""
        (self.root / f"{name}.py").write_text(source, encoding="utf-8")
        self.configure(agents={name: {"type": "scripted", "script": f"{name}.py"}}, **settings)

    def configure(self, **settings: Any) -> None:
        import yaml

        values = {"environments": str(ENVIRONMENTS), **settings}
        (self.root / "orchestrator.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")

    def command(self, *arguments: str, timeout: float = 300, **environment: str) -> subprocess.CompletedProcess[str]:
        argv, env = self.argv(*arguments), {**clean_environment(), **environment}
        if warm.fits(argv, env):
            return warm.run(argv, cwd=self.root, env=env, timeout=timeout)
        return subprocess.run(argv, cwd=self.root, capture_output=True, text=True, timeout=timeout, env=env)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        log = (self.root / "log.txt").open("w")
        return subprocess.Popen(
            self.argv(*arguments),
            cwd=self.root,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            env=clean_environment(),
            start_new_session=True,
        )

    def log(self) -> str:
        return (self.root / "log.txt").read_text()

    def argv(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "orchestrator", *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`orchestrator run` without building the site."""
        return self.command("run", "--no-site", *arguments)

    def project(self, name: str) -> dict[str, Any]:
        return json.loads((self.root / "runs" / name / "reports" / "project.json").read_text())  # type: ignore[no-any-return]

    def runs(self, name: str) -> list[dict[str, Any]]:
        """Reports of a project's runs, oldest first."""
        paths = sorted(path for path in (self.root / "runs" / name / "reports").glob("*.json") if path.name != "project.json")
        return [json.loads(path.read_text()) for path in paths]

    def task(self, project: str, task: str) -> dict[str, Any]:
        """What the last run that worked on a task did with it."""
        return next(entry for report in reversed(self.runs(project)) for entry in report["tasks"] if entry["id"] == task)

    def states(self, project: str) -> dict[str, str]:
        return {task["id"]: task["state"] for task in self.project(project)["tasks"]}

    def git(self, project: str, *arguments: str) -> str:
        argv = ["git", "--git-dir", str(self.root / "runs" / project / "repo.git"), *arguments]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout

    def inbox(self) -> dict[str, dict[str, Any]]:
        report = json.loads((self.root / "runs" / "inbox.json").read_text())
        return {receipt["path"]: receipt for receipt in report["receipts"]}


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("ORCHESTRATOR_", "PYTHON"))} | {"PYTHONPATH": str(REPOSITORY)}


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    root = tmp_path / "work"
    (root / "prds").mkdir(parents=True)
    found = Workplace(root)
    found.configure()
    return found


FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, for the tests of one module: while it is open the process has a running event loop, and agents start one of their own."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need `pip install tdd-orchestrator[dev]`")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("the browser tests need Chromium on PATH")
    with playwright.sync_playwright() as running:
        launched = running.chromium.launch(executable_path=chromium, args=FLAGS.split())
        yield launched
        launched.close()


NOT_RUN: dict[str, str] = {
    "apprise": "needs Apprise, which the extras `notify` and `dev` install: pip install apprise",
    "browser": "chromium is not installed; install it (`apt-get install chromium`) and run `make test` again",
    "clients": "needs node and npm (1.6 GB are installed): ORCHESTRATOR_TEST_CLIENTS=1 make test",
    "model": "needs a real model: ORCHESTRATOR_TEST_MODEL=http://127.0.0.1:PORT/v1 make test",
    "packages": "needs the package index: ORCHESTRATOR_TEST_PACKAGES=1 make test",
    "zensical": "needs Zensical (90 MB): pip install zensical",
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    missing = {
        "apprise": importlib.util.find_spec("apprise") is None,
        "browser": shutil.which("chromium") is None,
        "clients": "ORCHESTRATOR_TEST_CLIENTS" not in os.environ,
        "model": "ORCHESTRATOR_TEST_MODEL" not in os.environ,
        "packages": "ORCHESTRATOR_TEST_PACKAGES" not in os.environ,
        "zensical": importlib.util.find_spec("zensical") is None,
    }
    for item in items:
        for mark, absent in missing.items():
            if absent and item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=f"not run: {NOT_RUN[mark]}"))
