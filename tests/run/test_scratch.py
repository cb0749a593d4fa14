"""Throw-away folders: what is in use stays, what a killed process left goes, and nothing else is touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.conftest import clean_environment

OWNER = """
import sys
from orchestrator.run import scratch
with scratch.folder("cycle") as folder:
    (folder / "deep").mkdir()
    (folder / "deep" / "file").write_text("x" * 1000)
    print(folder, flush=True)
    sys.stdin.read()
"""
SWEEP = "from orchestrator.run import scratch; print(*(left.path.name for left in scratch.sweep()), sep='\\n')"
CROWD = """
from orchestrator.run import scratch
for turn in range(150):
    with scratch.folder("index") as folder:
        (folder / "file").write_text("mine")
        scratch.sweep()
        assert (folder / "file").read_text() == "mine"
"""


def start(place: Path, program: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", program]
    environment = {**clean_environment(), "TMPDIR": str(place)}
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def swept(place: Path) -> list[str]:
    out, err = start(place, SWEEP).communicate(timeout=60)
    assert not err, err
    return out.split()


def owner(place: Path) -> tuple[subprocess.Popen[str], Path]:
    process = start(place, OWNER)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_a_folder_stays_while_its_process_lives_and_goes_when_it_was_killed(tmp_path: Path) -> None:
    process, folder = owner(tmp_path)
    assert swept(tmp_path) == []
    assert (folder / "deep" / "file").is_file()
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert len(list(tmp_path.iterdir())) == 2
    assert swept(tmp_path) == [folder.name]
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_ends_by_itself_leaves_nothing(tmp_path: Path) -> None:
    process, folder = owner(tmp_path)
    assert folder.is_dir()
    _, err = process.communicate("", timeout=60)
    assert (process.returncode, list(tmp_path.iterdir())) == (0, []), err


def test_without_a_lock_file_a_folder_goes_after_a_day_only(tmp_path: Path) -> None:
    young, old, busy = (tmp_path / f"orchestrator-cycle-{name}" for name in ("young_00", "old_0000", "busy_000"))
    for folder in (young, old, busy):
        (folder / "base").mkdir(parents=True)
    for path in (old / "base", old, busy):
        os.utime(path, (time.time() - 90_000,) * 2)
    assert swept(tmp_path) == [old.name]
    assert {path.name for path in tmp_path.iterdir()} == {young.name, busy.name}


def test_what_is_not_ours_is_not_touched(tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    (other / "kept").mkdir(parents=True)
    (tmp_path / "orchestrator-cycle-of-somebody").mkdir()
    (tmp_path / "orchestrator-notes-00000000").mkdir()
    (tmp_path / "orchestrator-box-0123abcd").symlink_to(other)
    (tmp_path / "orchestrator-box-0123abcd.lock").touch()
    (tmp_path / "orchestrator-cycle-0123abcd").mkdir()
    (tmp_path / "orchestrator-cycle-0123abcd.lock").symlink_to(other / "nothing")
    before = {path.name for path in tmp_path.iterdir()}
    for name in before - {"elsewhere"}:
        os.utime(tmp_path / name, (0, 0), follow_symlinks=False)
    assert swept(tmp_path) == []
    assert {path.name for path in tmp_path.iterdir()} == before
    assert (other / "kept").is_dir()


def test_owners_and_those_who_sweep_do_not_get_in_each_others_way(tmp_path: Path) -> None:
    crowd = [start(tmp_path, CROWD) for _ in range(4)]
    ends = [(process.communicate(timeout=100)[1], process.returncode) for process in crowd]
    assert ends == [("", 0)] * 4
    assert list(tmp_path.iterdir()) == []


def test_a_leftover_that_cannot_be_entered_goes_too(tmp_path: Path) -> None:
    process, folder = owner(tmp_path)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    (folder / "deep").chmod(0)
    assert swept(tmp_path) == [folder.name]
    assert list(tmp_path.iterdir()) == []


def test_folders_are_in_memory_where_there_is_room_and_where_tmpdir_says_where_it_is_set(tmp_path: Path) -> None:
    program = "from orchestrator.run import scratch\nwith scratch.folder('cycle') as folder:\n    print(scratch.in_memory(), folder.parent)\n"
    environment = {name: value for name, value in clean_environment().items() if name != "TMPDIR"}

    def said(program: str, **more: str) -> list[str]:
        argv = [sys.executable, "-c", program]
        return subprocess.run(argv, capture_output=True, text=True, check=True, env={**environment, **more}).stdout.split()

    memory, place = said(program)
    assert (memory == "True") == (place == "/dev/shm")
    assert said(program, TMPDIR=str(tmp_path)) == ["False", str(tmp_path)]
    assert said(f"from orchestrator.run import scratch\nscratch.use('disk')\n{program}")[0] == "False"
    assert said(f"from orchestrator.run import scratch\nscratch.ROOM = 1 << 60\n{program}")[0] == "False", "no room"
