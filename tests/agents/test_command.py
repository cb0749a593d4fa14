"""A coding agent that is any command: a real process in the real sandbox."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import CommandAgent
from orchestrator.errors import AgentError
from orchestrator.model import Usage
from orchestrator.run.agents import BadAnswer, Broken, NotAuthenticated, NotInstalled, Overloaded, RateLimited, TimedOut
from orchestrator.run.agents.command import CommandLine
from tests.agents.test_acp import alive, mark, wait_until
from tests.agents.values import BRIEF, brief

Make = Callable[..., CommandLine]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A command that is a Python program."""

    def made(source: str, *arguments: str, seconds: float = 30.0, **config: Any) -> CommandLine:
        (tmp_path / "tool.py").write_text(f"import os, sys, time\nfrom pathlib import Path\n{source}\n")
        argv = (sys.executable, "./tool.py", *(arguments or ("{prompt_file}",)))
        return CommandLine("tool", CommandAgent.model_validate({"type": "command", "argv": argv, **config}), tmp_path, seconds)

    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "outer" / "workspace"
    place.mkdir(parents=True)
    return place


def test_it_is_told_the_brief_in_a_file_and_on_standard_input_and_the_folder(make: Make, folder: Path) -> None:
    source = "print(Path(sys.argv[1]).read_text() == sys.stdin.read(), sys.argv[2] == os.getcwd() + '/x', Path(sys.argv[1]).read_text())"
    turn = make(source, "{prompt_file}", "{workspace}/x", stdin=True).turn(BRIEF, folder)
    assert turn.text.startswith("True True # Task: leap years")
    assert "`leap.py`" in turn.text, "it is told what it may change"
    assert list(folder.iterdir()) == []


def test_what_it_changed_is_judged_whatever_its_exit_code_is(make: Make, folder: Path) -> None:
    turn = make("Path('leap.py').write_text('x = 1')\nsys.exit('error 401: invalid api key')").turn(BRIEF, folder)
    assert turn.stop == "exit code 1"
    assert turn.notes == ("it ended with exit code 1: error 401: invalid api key",)


NOTHING: dict[str, tuple[str, type[AgentError]]] = {
    "a known problem": ("sys.exit('Error: 429 Too Many Requests, try again in 20s')", RateLimited),
    "a known problem with exit code 0": ("print('API Error: 529 overloaded')", Overloaded),
    "no log-in": ("print('Not logged in · Please run /login')", NotAuthenticated),
    "an unknown problem": ("sys.exit('no idea')", Broken),
}


@pytest.mark.parametrize("kind", NOTHING)
def test_where_nothing_was_changed_what_it_printed_says_why(make: Make, folder: Path, kind: str) -> None:
    source, expected = NOTHING[kind]
    with pytest.raises(expected) as caught:
        make(source).turn(BRIEF, folder)
    assert type(caught.value) is expected
    assert caught.value.hint


def test_an_answer_without_a_change_is_an_answer(make: Make, folder: Path) -> None:
    assert make("print('I could not do it.')").turn(BRIEF, folder).text == "I could not do it."
    assert make("print('Looked at 500 lines of 429 files.')").turn(BRIEF, folder).stop == "exit code 0"


def test_one_that_is_not_there_is_not_installed(make: Make, folder: Path) -> None:
    with pytest.raises(NotInstalled, match="no-such-tool"):
        make("", argv=("no-such-tool", "{prompt_file}")).turn(BRIEF, folder)


def test_a_script_that_looks_for_its_interpreter_gets_its_own_and_not_the_project_s(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(Path(sys.executable).resolve())
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    script = tmp_path / "tools" / "agent"
    script.parent.mkdir()
    script.write_text(
        "#!/usr/bin/env python3\nimport subprocess, sys\nprint(sys.prefix)\nprint(subprocess.check_output(['python', '-c', 'import sys; print(sys.prefix)']).decode())\n"
    )
    script.chmod(0o755)
    project = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(project)], check=True)
    agent = CommandLine("tool", CommandAgent(type="command", argv=("../tools/agent", "{prompt_file}")), tmp_path / "work", 30.0)
    own, theirs = agent.turn(brief(python=str(project / "bin" / "python")), folder).text.split()
    assert own != theirs == str(project)


def test_usage_is_what_the_patterns_find_last_and_unknown_without(make: Make, folder: Path) -> None:
    source = "print('tokens in: 1,200 out: 30')\nprint('tokens in: 2,400 out: 60 cost $0.12', file=sys.stderr)"
    patterns = {"input_tokens": r"in: ([\d,]+)", "output_tokens": r"out: (\d+)", "usd": r"\$([\d.]+)"}
    assert make(source, usage=patterns).turn(BRIEF, folder).usage == Usage(1200, 30, 0.12)
    assert make(source).turn(BRIEF, folder).usage == Usage(None, None, None)


def test_the_clock_ends_it_with_what_it_started(make: Make, folder: Path) -> None:
    word = mark()
    started = time.monotonic()
    source = f"if os.fork() == 0:\n    os.setsid()\n    os.execvp('sleep', ['sleep', {word!r}])\ntime.sleep(60)"
    with pytest.raises(TimedOut, match=r"2 s"):
        make(source, seconds=2.0).turn(BRIEF, folder)
    assert time.monotonic() - started < 8
    assert wait_until(lambda: not alive(word))


def test_what_it_leaves_running_ends_with_it(make: Make, folder: Path) -> None:
    word = mark()
    source = f"if os.fork() == 0:\n    os.setsid()\n    [os.close(each) for each in (0, 1, 2)]\n    os.execvp('sleep', ['sleep', {word!r}])\ntime.sleep(0.5)"
    make(source + "\nprint('done')").turn(BRIEF, folder)
    assert wait_until(lambda: not alive(word))


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_gigabyte_is_an_error_and_memory_stays_flat(make: Make, folder: Path, stream: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadAnswer, match="more than"):
        make(f"for _ in range(1024):\n    sys.{stream}.write('x' * (1 << 20))", seconds=60).turn(BRIEF, folder)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10 < 100
