"""A disk that is full and folders that cannot be written: said with place and figures, nothing half-written, and the next run ends as an undisturbed one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Workplace
from tests.end_to_end.test_pipeline import LANTERN, STEPWISE
from tests.recovery.conftest import SLOW, Standing, folder, in_second_turn, standing, wait_for

Mount = Callable[..., None]


@pytest.fixture
def mount() -> Iterator[Mount]:
    """Mount a small file system at a folder, or mount it otherwise."""
    mounted: list[Path] = []

    def at(path: Path, options: str) -> None:
        path.mkdir(parents=True, exist_ok=True)
        argv = ["mount", "-t", "tmpfs", "-o", f"remount,{options}" if path in mounted else options, "orchestrator-test", str(path)]
        done = subprocess.run(argv, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"not run: a file system cannot be mounted here: {done.stderr.strip()}")
        if path not in mounted:
            mounted.append(path)

    yield at
    for path in mounted:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def fill(path: Path) -> Path:
    filler = path / "filler"
    with filler.open("wb", buffering=0) as stream:
        try:
            while stream.write(b"\0" * 4096):
                pass
        except OSError:
            pass
    return filler


def rest(place: Workplace) -> list[str]:
    """What a write that failed may leave."""
    ours = ("project.lock", "orchestrator.lock")
    return [path.name for path in (place.root / "runs").rglob("*") if path.name.endswith((".part", ".lock")) and path.name not in ours]


def test_a_disk_without_room_is_said_before_a_turn_is_paid(place: Workplace, undisturbed: Standing, mount: Mount) -> None:
    runs = place.root / "runs"
    mount(runs, "size=1m")
    place.prd("lanterns", LANTERN)
    place.agent(STEPWISE)
    for _ in range(2):
        refused = place.run()
        assert refused.returncode == 5, refused.stdout + refused.stderr
        assert f"{folder(place)}: no space is left on the disk" in refused.stdout and "at least 2." in refused.stdout
    assert not list(folder(place).glob("journal/*"))
    mount(runs, "size=16m")
    assert place.run().returncode == 0
    assert standing(place) == undisturbed


def test_a_disk_that_fills_up_during_a_run_stops_it_cleanly(place: Workplace, undisturbed: Standing, mount: Mount) -> None:
    mount(place.root / "runs", "size=8m")
    place.prd("lanterns", LANTERN)
    place.agent(SLOW.replace("60 if", "8 if"))
    running = place.start("run", "--no-site")
    wait_for(lambda: in_second_turn(place), running)
    filler = fill(place.root / "runs")
    assert running.wait(240) == 5, place.log()
    assert "no space is left on the disk (0.0 MB free" in place.log() and "Traceback" not in place.log()
    assert rest(place) == []
    with pytest.raises(ProcessLookupError):
        os.killpg(running.pid, 0)
    filler.unlink()
    ended = place.run()
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "lanterns#R1: Count" not in ended.stdout
    found = standing(place)
    assert (found.states, found.criteria, found.trees, found.verified) == (
        undisturbed.states, undisturbed.criteria, undisturbed.trees, undisturbed.verified
    )  # fmt: skip


def test_a_disk_too_full_for_a_database_says_so(place: Workplace, mount: Mount) -> None:
    mount(place.root / "runs", "size=64k")
    fill(place.root / "runs")
    place.prd("lanterns", LANTERN)
    place.agent(STEPWISE)
    refused = place.run()
    assert (refused.returncode, "no space is left" in refused.stdout + refused.stderr) == (5, True)
    assert "Traceback" not in refused.stdout + refused.stderr


def test_where_runs_cannot_be_written_it_is_said_and_what_is_there_can_be_read(
    done: Workplace, undisturbed: Standing, mount: Mount, tmp_path: Path
) -> None:
    kept, runs = tmp_path / "kept", done.root / "runs"
    runs.rename(kept)
    mount(runs, "size=32m")
    subprocess.run(["cp", "-a", f"{kept}/.", str(runs)], check=True)
    mount(runs, "ro")
    done.prd("lanterns", LANTERN.replace("| 35 | 90 |", "| 36 | 90 |"))
    refused = done.run()
    assert refused.returncode == 5, refused.stdout + refused.stderr
    assert "cannot be written" in refused.stdout + refused.stderr and str(runs) in refused.stdout + refused.stderr
    assert "Traceback" not in refused.stdout + refused.stderr
    assert done.command("status").returncode == 0
    assert done.command("verify", "--quick").returncode == 0
    mount(runs, "rw")
    done.prd("lanterns", LANTERN)
    assert done.run().returncode == 0
    assert standing(done) == undisturbed


def test_where_the_site_cannot_be_written_the_run_is_done_and_it_is_said(done: Workplace, undisturbed: Standing, mount: Mount) -> None:
    mount(done.root / "site", "size=1m,ro")
    ran = done.command("run")
    assert (ran.returncode, "Traceback" in ran.stderr) == (5, False), ran.stderr
    assert f"{done.root / 'site'}" in ran.stderr and "cannot be written" in ran.stderr
    assert standing(done) == undisturbed
