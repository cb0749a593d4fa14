"""What was read is kept by its bytes, on the disk and in the process; a text that comes back is planned as itself."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from orchestrator.config import Config
from orchestrator.save.readings import Readings
from tests.inbox.prds import ONE


def planned(root: Path, text: str) -> str:
    """What the first requirement of the plan says, after a look as a run takes it."""
    readings = Readings(root)
    prd = readings.read(text, "prds/one.md", "", sha256(text.encode()).hexdigest()).prd
    _, plan, _ = readings.planned(prd, Config())
    readings.keep([prd.path])
    return plan.tasks[0].goal


def test_a_text_that_comes_back_in_one_process_is_planned_as_itself(tmp_path: Path) -> None:
    other = ONE.replace("Double a number", "Treble a number")
    assert [planned(tmp_path, text) for text in (ONE, other, ONE, ONE, other)] == [
        "Double a number", "Treble a number", "Double a number", "Double a number", "Treble a number",
    ]  # fmt: skip
