"""A clock that goes backwards changes no order; two processes on one folder do not meet."""

from __future__ import annotations

import os
import signal
import subprocess
from datetime import datetime
from pathlib import Path

from orchestrator.save.store import Store
from tests.conftest import Workplace, clean_environment
from tests.end_to_end.test_pipeline import LANTERN, STEPWISE
from tests.recovery.conftest import SLOW, Standing, folder, in_second_turn, opened, standing, wait_for

FUTURE = "2099-01-01T00:00:00.000Z"


def test_after_a_run_from_the_future_runs_and_moves_stay_in_order(place: Workplace) -> None:
    """As when the clock was ahead by years and is right again: the newest run is the newest, and what was refused before is remembered."""
    place.prd("lanterns", LANTERN)
    place.agent("def turn(brief, folder):\n    (folder / 'lanterns.py').write_text('def count(metres): return 7\\n')\n", limits={"attempts": 2})
    assert place.run().returncode == 1
    (first,) = [run["id"] for run in place.runs("lanterns")]
    future = f"20990101T000000Z{first[16:]}"
    with opened(place) as db:
        db.execute("UPDATE runs SET id = ?, started_at = ?, ended_at = ?", (future, FUTURE, FUTURE))
        for table in ("events", "results", "turns"):
            db.execute(f"UPDATE {table} SET run = ?", (future,))
        db.execute("UPDATE events SET at = ?", (FUTURE,))
        db.execute("UPDATE results SET started_at = ?", (FUTURE,))
        db.execute("UPDATE tasks SET last_run = ?", (future,))
    for path in (folder(place) / "reports").glob("2*"):
        path.unlink()
    assert place.command("retry").returncode == 0
    assert place.run().returncode == 1
    assert [bool(attempt["observations"]) for attempt in place.task("lanterns", "lanterns#R1")["attempts"]] == [False, False]
    place.command("retry")
    place.agent(STEPWISE)
    assert place.run().returncode == 0
    runs = place.project("lanterns")["runs"]
    assert [run["id"] for run in runs] == sorted((run["id"] for run in runs), reverse=True)
    assert (len(runs), runs[-1]["id"], runs[0]["outcome"]) == (3, future, "done")
    assert all(0 <= run["seconds"] < 300 for run in runs[:2])
    with opened(place) as db:
        times = [at for (at,) in db.execute("SELECT at FROM events ORDER BY id")]
    assert times == sorted(times)
    assert place.command("verify", "--quick").returncode == 0


def test_times_of_a_project_only_go_forward(tmp_path: Path) -> None:
    with Store(tmp_path / "p") as store:
        store.begin_run("20990101T000000Z-aaaa", False, {})
        store.db.execute("UPDATE runs SET started_at = ?", (FUTURE,))
    with Store(tmp_path / "p") as store:
        times = [store.now() for _ in range(3)]
        assert times == sorted({*times}) and times[0] > FUTURE
        assert datetime.fromisoformat(times[2])
        assert store.later("20261125T132230Z-1a2b") == "20990101T000001Z-1a2b"
        assert store.later("21000101T000000Z-1a2b") == "21000101T000000Z-1a2b"


def test_a_second_process_says_whose_lock_it_is_and_the_first_is_not_disturbed(place: Workplace, undisturbed: Standing) -> None:
    place.prd("lanterns", LANTERN)
    place.agent(SLOW.replace("60 if", "10 if"))
    running = place.start("run", "--no-site")
    wait_for(lambda: in_second_turn(place), running)
    for command in (("run", "--no-site"), ("retry",), ("doctor", "--rebuild", "lanterns")):
        second = place.command(*command)
        assert (second.returncode, f"process {running.pid}" in second.stdout + second.stderr) == (6, True), (command, second.stdout, second.stderr)
    assert running.wait(240) == 0, place.log()
    assert standing(place) == undisturbed


def test_of_two_processes_at_once_one_works(place: Workplace, undisturbed: Standing) -> None:
    place.prd("lanterns", LANTERN)
    place.agent(STEPWISE)
    both = [
        subprocess.Popen(place.argv("run", "--no-site"), cwd=place.root, stdout=subprocess.PIPE, text=True, env=clean_environment()) for _ in range(2)
    ]
    ended = sorted((process.communicate(timeout=480)[0], process.returncode) for process in both)
    assert {code for _, code in ended} <= {0, 6}, ended
    assert place.run().returncode == 0
    assert standing(place) == undisturbed


def test_the_lock_of_a_dead_process_stops_nobody(place: Workplace) -> None:
    place.prd("lanterns", LANTERN)
    place.agent(SLOW)
    running = place.start("run", "--no-site")
    wait_for(lambda: in_second_turn(place), running)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert (folder(place) / "project.lock").read_text() == f"{running.pid}\n"
    place.agent(STEPWISE)
    assert place.run().returncode == 0
    assert set(place.states("lanterns").values()) == {"done"}
