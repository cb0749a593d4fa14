"""`orchestrator doctor` says which agents there are and what each needs, and `--live` asks them. The real command, real programs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.agents.chat_server import Reply, closed_port, serve
from tests.conftest import Workplace

ACP_AGENT = Path(__file__).parents[1] / "agents" / "acp_agent.py"


def doctor(place: Workplace, *arguments: str, **environment: str) -> Any:
    done = place.command("doctor", "--json", *arguments, **environment)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def seen(place: Workplace, **environment: str) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in doctor(place, **environment)["agents"]}


@pytest.fixture
def qwen(tmp_path: Path) -> str:
    """A PATH with a program `qwen` that lies as npm lays it."""
    package = tmp_path / "prefix" / "lib" / "node_modules" / "@qwen-code" / "qwen-code"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"name": "@qwen-code/qwen-code", "version": "9.8.7"}')
    program = package / "cli.py"
    program.write_text(f"#!{sys.executable}\n" + ACP_AGENT.read_text().replace("sys.argv[1]", repr(str(package / "script.json"))))
    program.chmod(0o755)
    (package / "script.json").write_text(
        json.dumps({"turns": [[{"write": {"hello.txt": "ready"}}, {"say": "I am scripted."}, {"step_usage": [12, 3]}]]})
    )
    (tmp_path / "prefix" / "bin").mkdir()
    (tmp_path / "prefix" / "bin" / "qwen").symlink_to(program)
    return f"{tmp_path}/prefix/bin:/usr/bin:/bin"


def test_a_preset_that_is_missing_names_the_command_that_brings_it(place: Workplace) -> None:
    found = seen(place, PATH="/usr/bin:/bin")
    assert {"claude", "codex", "gemini", "opencode", "qwen", "loopback", "recordings"} == {*found}
    assert not found["codex"]["usable"]
    assert found["codex"]["way"].startswith("npm install -g @agentclientprotocol/codex-acp")
    said = place.command("doctor", PATH="/usr/bin:/bin").stdout
    assert "→ npm install -g @google/gemini-cli" in said


def test_one_that_is_installed_needs_a_log_in_by_key_or_by_file(place: Workplace, qwen: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    without = seen(place, PATH=qwen, HOME=str(home), OPENAI_API_KEY="")["qwen"]
    assert (without["usable"], without["version"], without["missing"]) == (False, "@qwen-code/qwen-code 9.8.7", "nobody is logged in")
    assert seen(place, PATH=qwen, HOME=str(home), OPENAI_API_KEY="k")["qwen"]["usable"] is True
    (home / ".qwen").mkdir()
    (home / ".qwen" / "oauth_creds.json").write_text("{}")
    assert seen(place, PATH=qwen, HOME=str(home), OPENAI_API_KEY="")["qwen"]["usable"] is True


def test_every_kind_that_is_configured_is_looked_at_without_a_turn(place: Workplace) -> None:
    with serve(Reply("")) as server:
        (place.root / "turns.yaml").write_text("turns: []")
        (place.root / "recordings" / "a" / "R1").mkdir(parents=True)
        (place.root / "recordings" / "a" / "R1" / "code-1.1.md").write_text("x")
        place.configure(
            agents={
                "served": {"type": "chat", "url": server.url},
                "down": {"type": "chat", "url": f"http://127.0.0.1:{closed_port()}/v1"},
                "keyless": {"type": "chat", "url": server.url, "api_key_env": "NO_SUCH_KEY"},
                "tool": {"type": "command", "argv": [sys.executable, "{prompt_file}"]},
                "gone": {"type": "command", "argv": ["no-such-tool", "{prompt_file}"]},
                "written": {"type": "scripted", "script": "turns.yaml"},
                "again": {"type": "recorded"},
            }
        )
        found = seen(place)
    usable = {name: found[name]["usable"] for name in ("served", "down", "keyless", "tool", "gone", "written", "again")}
    assert usable == {"served": True, "down": False, "keyless": False, "tool": None, "gone": False, "written": True, "again": True}
    assert "NO_SUCH_KEY is not set" in found["keyless"]["missing"]
    assert found["again"]["version"] == "1 recorded turn"


def test_two_usable_agents_are_better_used_for_tests_and_code_each(place: Workplace, qwen: str) -> None:
    with serve(Reply("")) as server:
        agents = {"first": {"type": "chat", "url": server.url}, "second": {"type": "acp", "preset": "qwen"}}
        place.configure(agents=agents)
        environment = {"PATH": qwen, "OPENAI_API_KEY": "k"}
        assert "roles: {tests: second, code: first}" in doctor(place, **environment)["advice"]
        place.configure(agents=agents, roles={"tests": "second", "code": "first"})
        assert doctor(place, **environment)["advice"] == ""
        place.configure(agents={"first": agents["first"]})
        assert "qwen: {type: acp, preset: qwen}" in doctor(place, **environment)["advice"]


def test_live_asks_by_an_ordinary_turn_that_is_booked(place: Workplace, qwen: str) -> None:
    place.configure(agents={"mine": {"type": "acp", "preset": "qwen"}, "dead": {"type": "command", "argv": ["false", "{prompt_file}"]}})
    found = {each["name"]: each for each in doctor(place, "--live", PATH=qwen)}
    assert (found["mine"]["works"], found["mine"]["said"]) == (True, "I am scripted..")
    assert found["mine"]["usage"] == {"input_tokens": 12, "output_tokens": 3, "usd": None}
    assert not found["dead"]["works"]
    assert "exit code 1" in found["dead"]["said"]
    (whole,) = [line for line in json.loads(place.command("status", "--json").stdout)["spent"] if line["scope"] == "all"]
    assert whole["tokens"] >= 15
    done = place.command("doctor", "--live", "mine", PATH=qwen)
    assert done.returncode == 0
    assert "✓ mine (acp) works" in done.stdout
    assert place.command("doctor", "--live", "nobody", PATH=qwen).returncode == 2
