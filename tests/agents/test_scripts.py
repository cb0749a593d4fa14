"""Scripted turns: which entry is taken, and what a Python script may and may not do."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from orchestrator.model import Brief, Change, Usage
from orchestrator.run.agents import ScriptFailed, TimedOut
from orchestrator.run.agents.scripted import ScriptedTurns
from tests.agents.values import BRIEF, brief


def script(tmp_path: Path, text: str, suffix: str = "py", seconds: float = 20) -> ScriptedTurns:
    path = tmp_path / f"cheat.{suffix}"
    path.write_text(text, encoding="utf-8")
    return ScriptedTurns("script", path, seconds)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "workspace").mkdir()
    return tmp_path / "workspace"


ENTRIES = """
turns:
  - {task: "leap#R2", text: second requirement}
  - {role: tests, text: tests}
  - {attempt: 2, text: second attempt}
  - {turn: 3, text: third turn}
  - {task: "leap#*", text: any of leap}
  - {task: "leap#*", text: never reached}
"""


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (BRIEF, "any of leap"),
        (brief(task="leap#R2"), "second requirement"),
        (brief(task="leap#R2", attempt=2), "second requirement"),
        (brief(role="tests"), "tests"),
        (brief(attempt=2), "second attempt"),
        (brief(turn=3), "third turn"),
        (brief(attempt=9), "any of leap"),
    ],
)
def test_the_first_entry_that_fits_wins(tmp_path: Path, folder: Path, asked: Brief, text: str) -> None:
    assert script(tmp_path, ENTRIES, "yaml").turn(asked, folder).text == text


def test_when_no_entry_fits_nothing_changes_and_the_text_says_so(tmp_path: Path, folder: Path) -> None:
    turn = script(tmp_path, ENTRIES, "yaml").turn(brief(task="other#R1", prd="other"), folder)
    assert "has no entry for other#R1, code, attempt 1" in turn.text
    assert list(folder.iterdir()) == []


def test_an_entry_writes_deletes_and_reports(tmp_path: Path, folder: Path) -> None:
    (folder / "old.py").write_text("old\n")
    text = "turns: [{files: {leap.py: 'x = 1', pkg/__init__.py: ''}, delete: [old.py, never.py], usage: {input_tokens: 3}, seconds: 0.2}]"
    turn = script(tmp_path, text, "yaml").turn(BRIEF, folder)
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.py")) == ["leap.py", "pkg/__init__.py"]
    assert (folder / "leap.py").read_text() == "x = 1"
    assert turn.usage == Usage(input_tokens=3)
    assert turn.seconds >= 0.2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("turns: [", "not valid YAML"),
        ("- 1", "valid dictionary"),
        ("turns: [{fils: {}}]", "turns.0.fils"),
        ("turns: [{role: coder}]", "turns.0.role"),
        ("{}", "turns: field required"),
    ],
)
def test_a_wrong_script_says_where(tmp_path: Path, folder: Path, text: str, said: str) -> None:
    with pytest.raises(ScriptFailed, match=said) as caught:
        script(tmp_path, text, "yaml").turn(BRIEF, folder)
    assert "cheat.yaml" in str(caught.value)


# --- Python ----------------------------------------------------------------------------------------------------------


def test_a_script_sees_the_brief_and_the_workspace(tmp_path: Path, folder: Path) -> None:
    (folder / "here.txt").write_text("here")
    text = """
def turn(brief, folder):
    print("looking around")
    assert brief.writable == ["leap.py"] and brief.files[0].path == "leap.py"
    return f"{brief.task} {brief.role} {brief.attempt} {brief.fingerprint[:4]} {(folder / 'here.txt').read_text()}"
"""
    turn = script(tmp_path, text).turn(brief(files=(Change("leap.py", "x\n"),)), folder)
    assert turn.text == "leap#R1 code 1 f1f1 here"
    assert turn.notes == ("printed: looking around",)


@pytest.mark.parametrize(("answer", "text"), [("None", ""), ("'said'", "said"), ("{'text': 'said'}", "said"), ("{}", "")])
def test_a_script_may_return(tmp_path: Path, folder: Path, answer: str, text: str) -> None:
    assert script(tmp_path, f"def turn(brief, folder): return {answer}").turn(BRIEF, folder).text == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def turn(brief, folder):\n    helper()\n\ndef helper():\n    raise ValueError('boom')\n", r"cheat\.py:5: ValueError: boom"),
        ("import json\ndef turn(brief, folder):\n    json.loads('{')\n", r"cheat\.py:3: JSONDecodeError"),
        ("x = 1\ndef turn(brief folder): pass\n", r"cheat\.py:2: SyntaxError"),
        ("raise SystemExit(3)\n", r"cheat\.py:1: SystemExit: 3"),
        ("x = 1\n", r"cheat\.py:1: NameError: the script defines no function"),
        ("def turn(brief, folder): return object()\n", r"cheat\.py:1: TypeError: .*JSON"),
        ("def turn(brief, folder): return 7\n", r"`turn` returned 7"),
        ("def turn(brief, folder): return {'txt': 1}\n", r"`turn` returned"),
        ("import os\ndef turn(brief, folder): os.write(2, b'dying'); os._exit(1)\n", r"without an answer: dying"),
    ],
)
def test_a_script_that_fails_says_where_and_how(tmp_path: Path, folder: Path, text: str, said: str) -> None:
    with pytest.raises(ScriptFailed, match=said):
        script(tmp_path, text).turn(BRIEF, folder)


def test_a_script_never_runs_in_this_process_or_outside_the_sandbox(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    text = f"""
import os, pathlib
def turn(brief, folder):
    try:
        pathlib.Path({str(tmp_path / "secret.txt")!r}).read_text()
        return "read a file outside"
    except OSError:
        return f"{{os.environ.get('LEAP_SECRET')}} {{os.getcwd()}}"
"""
    os.environ["LEAP_SECRET"] = "hidden"
    try:
        said = script(tmp_path, text).turn(BRIEF, folder).text
    finally:
        del os.environ["LEAP_SECRET"]
    assert said == "None /workspace"


HEART = "import time, pathlib\nwhile True: pathlib.Path('beat').write_text(str(time.time())); time.sleep(0.05)"
"""A program that shows it is alive, for ever."""


def test_at_the_time_limit_the_whole_group_dies(tmp_path: Path, folder: Path) -> None:
    text = """
import subprocess, sys, time
def turn(brief, folder):
    subprocess.Popen([sys.executable, "-c", brief.text])
    time.sleep(60)
"""
    with pytest.raises(TimedOut):
        script(tmp_path, text, seconds=2).turn(brief(text=HEART), folder)
    assert (folder / "beat").exists()
    time.sleep(0.2)
    before = (folder / "beat").read_text()
    time.sleep(0.4)
    assert (folder / "beat").read_text() == before


def test_a_child_left_behind_dies_with_the_turn(tmp_path: Path, folder: Path) -> None:
    text = """
import subprocess, sys, time
def turn(brief, folder):
    subprocess.Popen([sys.executable, "-c", brief.text])
    while not (folder / "beat").exists(): time.sleep(0.05)
    return "done"
"""
    started = time.monotonic()
    assert script(tmp_path, text).turn(brief(text=HEART), folder).text == "done"
    assert time.monotonic() - started < 5
    time.sleep(0.2)
    before = (folder / "beat").read_text()
    time.sleep(0.4)
    assert (folder / "beat").read_text() == before


def test_a_script_that_prints_without_end_is_cut(tmp_path: Path, folder: Path) -> None:
    turn = script(tmp_path, "def turn(brief, folder):\n    for _ in range(3000): print('x' * 1000)\n    return 'done'\n").turn(BRIEF, folder)
    assert turn.text == "done"
    assert len(turn.notes[0]) < 3000
