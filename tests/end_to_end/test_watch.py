"""`watch`: a PRD that is dropped in is taken after a quiet period, a clock may ask too, SIGTERM ends cleanly."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from tests.conftest import Workplace
from tests.end_to_end.test_pipeline import LANTERN, STEPWISE


def until(true: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.1)
    return False


def test_a_dropped_prd_is_run_the_site_is_rebuilt_and_sigterm_ends_with_0(place: Workplace) -> None:
    place.agent(STEPWISE, inbox={"quiet_seconds": 0.5})
    watching = place.start("watch")
    try:
        assert until(lambda: "index.html" in place.log()), place.log()
        place.prd("lanterns", LANTERN)
        assert until(lambda: (place.root / "runs/lanterns/reports/project.json").exists() and place.log().count("index.html") == 2), place.log()
        assert set(place.states("lanterns").values()) == {"done"}
        assert "lanterns" in (place.root / "site" / "index.html").read_text()
    finally:
        watching.send_signal(signal.SIGTERM)
        code = watching.wait(20)
    assert code == 0, place.log()
    assert place.log().rstrip().endswith("watch ended")
    assert "Traceback" not in place.log()


def test_a_file_that_is_still_being_written_is_not_taken(place: Workplace) -> None:
    place.agent(STEPWISE, inbox={"quiet_seconds": 2})
    watching = place.start("watch")
    try:
        assert until(lambda: "index.html" in place.log()), place.log()
        half = len(LANTERN) // 2
        for end in (half // 2, half, len(LANTERN)):
            place.prd("lanterns", LANTERN[:end])
            time.sleep(0.7)
        assert until(lambda: place.log().count("index.html") == 2), place.log()
    finally:
        watching.send_signal(signal.SIGTERM)
        watching.wait(20)
    assert len(place.runs("lanterns")) == 1
    assert set(place.states("lanterns").values()) == {"done"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_watch_ends_cleanly_in_the_middle_of_a_run_and_the_next_goes_on_with_it(place: Workplace, number: signal.Signals) -> None:
    slow = STEPWISE.replace("def turn(brief, folder):", "def turn(brief, folder):\n    import time; time.sleep(4)")
    place.agent(slow, inbox={"quiet_seconds": 0.2})
    place.prd("lanterns", LANTERN)
    watching = place.start("watch")
    try:
        assert until(lambda: "lanterns#R1: Count" in place.log()), place.log()
    finally:
        watching.send_signal(number)
        code = watching.wait(60)
    assert code == 0, place.log()
    assert place.log().rstrip().endswith("watch ended")
    place.agent(STEPWISE)
    done = place.command("run", "--due", "--no-site")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(place.states("lanterns").values()) == {"done"}


def test_a_schedule_that_is_no_cron_expression_is_refused_with_the_value(place: Workplace) -> None:
    place.configure(schedule={"cron": "every night"})
    done = place.command("watch", timeout=30)
    assert done.returncode == 2
    assert "'every night'" in done.stderr
