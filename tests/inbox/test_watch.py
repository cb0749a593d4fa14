"""Waiting for files: by events and by polling, until nothing writes any more; and for the time that a turn asks for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.config import Config
from orchestrator.inbox import watch
from orchestrator.inbox.watch import Bell


def settings(**inbox: object) -> Config:
    return Config.model_validate({"inbox": {"quiet_seconds": 0.3, "poll_seconds": 0.1, **inbox}})


@contextmanager
def looping(folder: Path, config: Config, turn: Callable[[tuple[str, ...]], float]) -> Iterator[list[dict[str, str]]]:
    """The loop in a thread, with its observer; what was noticed before it was taken."""
    bell, stop, noticed = Bell(), threading.Event(), []
    observer = watch.observe(folder, config, bell)
    thread = threading.Thread(target=watch.loop, args=(folder, config, bell, stop, turn, noticed.append))
    thread.start()
    try:
        yield noticed
    finally:
        stop.set()
        bell.ring()
        thread.join(20)
        observer.stop()
        observer.join(20)
        assert not thread.is_alive()


def until(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + 30
    while time.monotonic() < end and not true():
        time.sleep(0.02)
    return true()


@pytest.mark.parametrize("how", ["events", "polling"])
def test_a_change_rings_in_nested_folders_that_are_made_later_too(tmp_path: Path, how: str) -> None:
    bell = Bell()
    observer = watch.observe(tmp_path, settings(observer=how), bell)
    try:
        time.sleep(0.3)
        (tmp_path / "a" / "b").mkdir(parents=True)
        assert until(lambda: bell._event.is_set())
        time.sleep(0.5)
        bell.wait(0)
        (tmp_path / "a" / "b" / "loans.md").write_text("x")
        assert until(lambda: bell._event.is_set())
    finally:
        observer.stop()
        observer.join(20)


def test_a_file_is_taken_whole_whatever_an_editor_does_on_the_way(tmp_path: Path) -> None:
    """Written in pieces, then saved by rename over it, then a backup beside it; and deleted."""
    path, taken = tmp_path / "loans.md", []

    def turn(changed: tuple[str, ...]) -> float:
        taken.append((changed, path.read_text() if path.exists() else ""))
        return float("inf")

    with looping(tmp_path, settings(), turn) as noticed:
        assert until(lambda: len(taken) == 1)
        for end in (1, 5, 9):
            path.write_text("loans and fees"[:end])
            time.sleep(0.1)
        part = tmp_path / ".loans.md.swp"
        part.write_text("loans and fees")
        part.replace(path)
        (tmp_path / "loans.md~").write_text("loans")
        assert until(lambda: len(taken) == 2)
        path.unlink()
        assert until(lambda: len(taken) == 3)
    assert taken == [((), ""), ((str(path),), "loans and fees"), ((str(path),), "")]
    assert [*noticed[0]] == [str(path)], "it was noticed before it was taken"


def test_a_folder_that_is_never_quiet_is_taken_all_the_same(tmp_path: Path) -> None:
    taken: list[tuple[str, ...]] = []

    def turn(changed: tuple[str, ...]) -> float:
        taken.append(changed)
        return float("inf")

    with looping(tmp_path, settings(quiet_seconds=0.2), turn):
        began = time.monotonic()
        while len(taken) < 2 and time.monotonic() - began < 30:
            (tmp_path / "noise.md").write_text(f"{time.monotonic()}")
            time.sleep(0.02)
    assert len(taken) == 2


def test_a_turn_is_called_again_when_it_asked_to_be_although_nothing_changes(tmp_path: Path) -> None:
    called: list[float] = []

    def turn(changed: tuple[str, ...]) -> float:
        called.append(time.time())
        return time.time() + 1.0 if len(called) == 1 else float("inf")

    with looping(tmp_path, settings(), turn):
        assert until(lambda: len(called) == 2)
    assert called[1] - called[0] >= 1.0
