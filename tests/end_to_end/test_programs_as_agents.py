"""Agents that are programs, by the real command: one that speaks the Agent Client Protocol, and a plain command."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.agents.test_acp import alive, mark, wait_until
from tests.conftest import Workplace
from tests.end_to_end.test_agents_of_all_kinds import HONEST, PARITY

ACP_AGENT = Path(__file__).parents[1] / "agents" / "acp_agent.py"
KINDS = ("acp", "command")
LAZY = "def is_in(hour):\n    return True\n"


def install(place: Workplace, kind: str, *turns: list[dict[str, Any]], **settings: Any) -> None:
    """An agent that does the same in either kind: `shell` and `write` steps, turn by turn (a command is given the first turn's)."""
    (place.root / "script.json").write_text(json.dumps({"turns": turns}))
    if kind == "acp":
        agent = {"type": "acp", "argv": [sys.executable, str(ACP_AGENT), "./script.json"]}
    else:
        (place.root / "tool.py").write_text(COMMAND)
        agent = {"type": "command", "argv": [sys.executable, "./tool.py", "{prompt_file}", "./script.json"]}
    place.configure(agents={"mine": agent}, **settings)


COMMAND = """
import json, subprocess, sys
from pathlib import Path
print(Path(sys.argv[1]).read_text())
for step in json.loads(Path(sys.argv[2]).read_text())["turns"][0]:
    for path, text in step.get("write", {}).items():
        Path(path).write_text(text)
    if "shell" in step:
        subprocess.run(step["shell"], shell=True)
    if "say" in step:
        print(step["say"])
    if "exit" in step:
        sys.exit(step["exit"])
"""


@pytest.mark.parametrize("kind", KINDS)
def test_locked_tests_edited_through_its_shell_are_restored_and_reported_and_the_answer_is_judged(place: Workplace, kind: str) -> None:
    place.prd("tides", PARITY)
    cheat = "echo 'def test_nothing(): pass' > tests/test_tides_r1.py; echo 'collect_ignore_glob = [\"*\"]' > conftest.py; mkdir .github; touch .github/ci.yml"
    install(place, kind, [{"write": {"tides.py": HONEST}}, {"shell": cheat}, {"say": "all tests pass"}])
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    task = place.task("tides", "tides#R1")
    (attempt,) = task["attempts"]
    restored = {finding["where"] for finding in attempt["findings"] if finding["message"].endswith("restored")}
    assert restored == {"tests/test_tides_r1.py", "conftest.py", ".github/ci.yml"}
    assert {proof["level"] for proof in task["proofs"]} == {"held-out", "oracle"}
    assert "test_nothing" not in place.git("tides", "show", "prd/tides:tests/test_tides_r1.py")
    assert [(turn["agent"], turn["kind"]) for turn in attempt["turns"]] == [("mine", kind)]


def test_attempts_of_a_cycle_are_prompts_of_one_session_each_from_the_start(place: Workplace) -> None:
    place.prd("tides", PARITY)
    look = {"shell": "ls tides.py stray 2>/dev/null > seen.txt; true"}
    first = [{"write": {"tides.py": LAZY, "stray": "x"}}, {"usage": [100, 10]}, {"cost": 0.5}]
    install(place, "acp", first, [look, {"write": {"tides.py": HONEST}}, {"say": "{turns} {sessions} {asked}"}, {"usage": [250, 30]}, {"cost": 0.75}])
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    refused, passed = place.task("tides", "tides#R1")["attempts"]
    (turn,) = passed["turns"]
    told, _, did = turn["transcript"]["inline"].partition("--- what mine did ---")
    assert "expected False" in told
    assert "were put back since your last turn" in told
    assert "\n2 1 " in did
    assert place.git("tides", "show", "prd/tides:seen.txt") == "", "the files of the attempt before are gone"
    assert [[each[key] for key in ("input_tokens", "output_tokens", "usd")] for each in (*refused["turns"], turn)] == [
        [100, 10, 0.5],
        [150, 20, 0.25],
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_it_can_run_the_tests_with_the_project_s_interpreter(place: Workplace, kind: str) -> None:
    place.prd("tides", PARITY)
    install(place, kind, [{"write": {"tides.py": HONEST}}, {"shell": "python -m pytest -q tests > ran.txt 2>&1"}])
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed in " in place.git("tides", "show", "prd/tides:ran.txt")


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_answer_is_refused_as_any_other(place: Workplace, kind: str) -> None:
    place.prd("tides", PARITY)
    install(place, kind, [{"write": {"tides.py": LAZY}}, {"say": "done, every test passes"}], limits={"attempts": 2})
    assert place.run().returncode == 1
    assert place.states("tides") == {"tides#R1": "failed"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_dead_agent_parks_the_task(place: Workplace, kind: str) -> None:
    place.prd("tides", PARITY)
    install(place, kind, [{"exit": 9}], limits={"wait_seconds": 0.5, "wait_in_run": 3})
    done = place.run()
    assert done.returncode == 5, done.stdout + done.stderr
    assert place.states("tides") == {"tides#R1": "parked"}
    assert "exit code 9" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_by_hand_leaves_nothing_of_the_agent(place: Workplace, number: signal.Signals) -> None:
    place.prd("tides", PARITY)
    word = mark()
    install(place, "acp", [{"fork": word}, {"hang": 100}])
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # what is started in the background would ignore it
    process = place.start("run", "--no-site")
    signal.signal(signal.SIGINT, before)
    try:
        assert wait_until(lambda: len(alive(word)) == 1, 60), place.log()
        process.send_signal(number)
        if number == signal.SIGINT:  # once would wait for the turn that is under way
            assert wait_until(lambda: "Ctrl-C once more stops now" in place.log(), 10), place.log()
            process.send_signal(number)
        assert process.wait(30) == 130
    finally:
        process.kill()
    assert wait_until(lambda: not alive(word))


def test_one_that_is_not_installed_parks_the_task_and_says_how_to_get_it(place: Workplace) -> None:
    place.prd("tides", PARITY)
    place.configure(agents={"mine": {"type": "acp", "preset": "qwen"}})
    done = place.command("run", "--no-site", PATH="/usr/bin:/bin")
    assert done.returncode == 5, done.stdout + done.stderr
    assert "npm install -g @qwen-code/qwen-code" in done.stdout


def test_one_that_needs_a_log_in_costs_nothing_and_is_held_back_after_three(place: Workplace) -> None:
    place.prd("tides", PARITY)
    install(place, "acp", [{"error": {"code": -32000, "message": "Authentication required"}}])
    said = [place.run() for _ in range(4)]
    assert [done.returncode for done in said] == [5, 5, 5, 5]
    assert "log in" in said[0].stdout
    assert "breaker of mine is open" in said[3].stdout
    spent = json.loads(place.command("status", "--json").stdout)["spent"]
    assert {(account["tokens"], account["usd"], account["turns"]) for account in spent} == {(0, 0.0, 0)}
