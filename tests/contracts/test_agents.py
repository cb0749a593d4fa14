"""What every agent must do, whichever it is. The chat agent talks to a real server on loopback, scripts, the
agent that speaks the Agent Client Protocol, and the command run in the real sandbox."""

from __future__ import annotations

import json
import pickle
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.config import AcpAgent, ChatAgent, CommandAgent, UsagePatterns
from orchestrator.errors import AgentError
from orchestrator.model import AgentTurn, Change, Usage
from orchestrator.run.agents import Agent, TimedOut
from orchestrator.run.agents.acp import ProtocolAgent
from orchestrator.run.agents.chat import ChatCompletion
from orchestrator.run.agents.command import CommandLine
from orchestrator.run.agents.recorded import RecordedReplay
from orchestrator.run.agents.recording import dump, recorded_turn, turn_path
from orchestrator.run.agents.scripted import ScriptedTurns
from tests.agents.chat_server import Reply, closed_port, serve
from tests.agents.values import BRIEF, brief

ACP_AGENT = Path(__file__).parents[1] / "agents" / "acp_agent.py"
BY_THEMSELVES = ("python", "acp", "command")
"""They write files themselves, and the sandbox stands before what lies outside."""
CODE = "def leap_year(year):\n    return year % 4 == 0\n"
KINDS = ("yaml", "python", "recorded", "chat", "acp", "command")


@dataclass
class Bench:
    """Makes an agent of one kind that answers with given files."""

    kind: str
    place: Path
    stack: ExitStack
    seconds: float = 20.0

    def answering(self, files: dict[str, str], usage: Usage = Usage()) -> Agent:  # noqa: B008
        given = {key: value for key, value in vars(usage).items() if value is not None}
        if self.kind == "yaml":
            return self.scripted("script.yaml", yaml.safe_dump({"turns": [{"files": files, "text": "done", "usage": given}]}))
        if self.kind == "python":
            lines = ["import os", "def turn(brief, folder):"]
            for path, text in files.items():
                lines += [
                    "    try:",
                    f"        target = folder / {path!r}",
                    "        target.parent.mkdir(parents=True, exist_ok=True)",
                    f"        target.write_text({text!r})",
                    "    except OSError: pass",
                ]
            return self.scripted("script.py", "\n".join([*lines, f'    return {{"text": "done", "usage": {given!r}}}']))
        if self.kind == "recorded":
            turn = AgentTurn("done", usage, "stop", "local", "chat", "tiny-1", 1.0)
            path = turn_path(self.place / "recordings", BRIEF)
            path.parent.mkdir(parents=True)
            path.write_text(dump(recorded_turn(BRIEF, turn, tuple(Change(*item) for item in files.items()))), encoding="utf-8")
            return RecordedReplay("again", self.place / "recordings")
        if self.kind == "acp":
            told = [{"usage": [usage.input_tokens, usage.output_tokens]}] if usage.input_tokens is not None else []
            told += [{"cost": usage.usd}] if usage.usd is not None else []
            return self.acp([{"write": files}, {"say": "done"}, *told])
        if self.kind == "command":
            lines = ["import pathlib", f"for path, text in {files!r}.items():", "    target = pathlib.Path(path)", "    try:"]
            lines += ["        target.parent.mkdir(parents=True, exist_ok=True)", "        target.write_text(text)", "    except OSError: pass"]
            return self.command("\n".join([*lines, "print('done')", f"print({given!r}, file=__import__('sys').stderr)"]))
        text = "done\n\n" + "\n".join(f"```python {path}\n{text}```\n" for path, text in files.items())
        names = {"prompt_tokens": usage.input_tokens, "completion_tokens": usage.output_tokens, "cost": usage.usd}
        return self.chat(Reply(text, usage={key: value for key, value in names.items() if value is not None} or None))

    def scripted(self, name: str, text: str) -> Agent:
        (self.place / name).write_text(text, encoding="utf-8")
        return ScriptedTurns("script", self.place / name, self.seconds)

    def chat(self, reply: Reply) -> Agent:
        server = self.stack.enter_context(serve(reply))
        return ChatCompletion("local", ChatAgent(type="chat", url=server.url), self.seconds)

    def acp(self, steps: list[dict[str, Any]]) -> Agent:
        (self.place / "script.json").write_text(json.dumps({"turns": [steps]}), encoding="utf-8")
        agent = ProtocolAgent("mine", AcpAgent(type="acp", argv=(sys.executable, str(ACP_AGENT), "./script.json")), self.place, self.seconds)
        self.stack.callback(agent.close)
        return agent

    def command(self, source: str) -> Agent:
        (self.place / "tool.py").write_text(source, encoding="utf-8")
        argv = (sys.executable, "./tool.py", "{prompt_file}")
        patterns = {name: rf"'{name}': ([\d.]+)" for name in ("input_tokens", "output_tokens", "usd")}
        return CommandLine("tool", CommandAgent(type="command", argv=argv, usage=UsagePatterns(**patterns)), self.place, self.seconds)

    def dead(self) -> Agent:
        """One that cannot answer."""
        if self.kind == "acp":
            return ProtocolAgent("mine", AcpAgent(type="acp", argv=("no-such-agent",)), self.place, self.seconds)
        if self.kind == "command":
            return CommandLine("tool", CommandAgent(type="command", argv=("no-such-agent", "{prompt_file}")), self.place, self.seconds)
        if self.kind == "chat":
            return ChatCompletion("local", ChatAgent(type="chat", url=f"http://127.0.0.1:{closed_port()}/v1", model="m"), self.seconds)
        if self.kind == "recorded":
            return RecordedReplay("again", self.place / "nothing")
        return ScriptedTurns("script", self.place / f"missing.{'py' if self.kind == 'python' else 'yaml'}", self.seconds)

    def slow(self, seconds: float) -> Agent:
        """One that would take a minute, with a limit of `seconds`."""
        self.seconds = seconds
        if self.kind == "chat":
            return self.chat(Reply("late", wait=60))
        if self.kind == "acp":
            return self.acp([{"hang": 60}, {"write": {"late.py": "x"}}])
        if self.kind == "command":
            return self.command("import time\ntime.sleep(60)\nopen('late.py', 'w')\n")
        if self.kind == "yaml":
            return self.scripted("script.yaml", "turns: [{seconds: 60, files: {late.py: x}}]")
        return self.scripted("script.py", "import time\ndef turn(brief, folder):\n    time.sleep(60)\n")


@pytest.fixture(params=KINDS)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(request.param, tmp_path, stack)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "outer" / "workspace"
    place.mkdir(parents=True)
    return place


def outside(folder: Path) -> list[str]:
    """What lies in the folder around the workspace, besides it."""
    return [path.name for path in folder.parent.iterdir() if path != folder]


def test_a_turn_changes_the_file_that_the_brief_asks_for(bench: Bench, folder: Path) -> None:
    (folder / "leap.py").write_text("old\n")
    agent = bench.answering({"leap.py": CODE})

    turn = agent.turn(BRIEF, folder)

    assert (folder / "leap.py").read_text() == CODE
    assert [path.name for path in folder.iterdir()] == ["leap.py"], "nothing else is left behind"
    assert turn.text.startswith("done")
    assert (turn.agent, turn.kind) == (agent.name, agent.kind)
    assert turn.stop and turn.model and turn.seconds >= 0
    assert BRIEF.text.strip() in turn.transcript and "done" in turn.transcript
    assert turn.notes == ()


def test_a_file_in_a_new_folder_is_made(bench: Bench, folder: Path) -> None:
    bench.answering({"pkg/inner/leap.py": CODE}).turn(brief(writable=("pkg/",)), folder)
    assert (folder / "pkg/inner/leap.py").read_text() == CODE


def test_unknown_usage_is_none_and_never_zero(bench: Bench, folder: Path) -> None:
    assert bench.answering({"leap.py": CODE}).turn(BRIEF, folder).usage == Usage(None, None, None)


def test_known_usage_is_passed_on(bench: Bench, folder: Path) -> None:
    assert bench.answering({"leap.py": CODE}, Usage(120, 30, 0.25)).turn(BRIEF, folder).usage == Usage(120, 30, 0.25)


@pytest.mark.parametrize("path", ["../escaped.py", "sub/../../escaped.py", "{outer}/escaped.py", "link/escaped.py", "filelink.py"])
def test_an_unsafe_path_is_never_written(bench: Bench, folder: Path, path: str) -> None:
    beyond = folder.parent / "beyond"
    beyond.mkdir()
    (beyond / "precious.py").write_text("precious\n")
    (folder / "link").symlink_to(beyond)
    (folder / "filelink.py").symlink_to(beyond / "precious.py")
    agent = bench.answering({path.format(outer=folder.parent): CODE, "leap.py": CODE})

    turn = agent.turn(brief(writable=("leap.py", path)), folder)

    assert (folder / "leap.py").read_text() == CODE, "the safe file of the same answer is still written"
    assert outside(folder) == ["beyond"]
    assert [file.name for file in beyond.iterdir()] == ["precious.py"]
    assert (beyond / "precious.py").read_text() == "precious\n"
    if bench.kind not in BY_THEMSELVES and path != "filelink.py":
        assert any("escaped.py" in note for note in turn.notes)


def test_an_agent_that_cannot_answer_raises_an_error_that_says_what_to_do(bench: Bench, folder: Path) -> None:
    with pytest.raises(AgentError) as caught:
        bench.dead().turn(BRIEF, folder)
    assert caught.value.hint
    assert list(folder.iterdir()) == []
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value), "an error travels back from a worker"


@pytest.mark.parametrize("bench", ["yaml", "python", "chat", "acp", "command"], indirect=True)
def test_the_time_limit_ends_a_turn(bench: Bench, folder: Path) -> None:
    started = time.monotonic()
    with pytest.raises(TimedOut, match=r"1\.5 s"):
        bench.slow(1.5).turn(BRIEF, folder)
    assert time.monotonic() - started < 6
    assert list(folder.iterdir()) == []


def test_an_agent_travels_to_a_worker(bench: Bench, folder: Path) -> None:
    agent: Agent = pickle.loads(pickle.dumps(bench.answering({"leap.py": CODE})))
    agent.turn(BRIEF, folder)
    assert (folder / "leap.py").read_text() == CODE


def test_close_may_be_called_twice_and_before_any_turn(bench: Bench) -> None:
    close: Callable[[], None] = bench.answering({}).close
    close()
    close()
