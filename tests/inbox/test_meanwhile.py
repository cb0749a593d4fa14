"""PRD files that are edited while a run works: real files, written as editors write them."""

from __future__ import annotations

import os
import threading
import time

import pytest

from orchestrator import pipeline
from orchestrator.config import load
from orchestrator.meanwhile import Meanwhile
from orchestrator.model import Prd
from tests.conftest import Workplace

TEXT = "# Bell\n\n## Requirements\n\n### R1: Ring\nModule: bell.py\n\n- AC1: it rings\n\n### R2: Stop\nModule: bell.py\n\n- AC1: it stops\n"


@pytest.fixture
def begun(place: Workplace) -> tuple[Workplace, Meanwhile, Prd, list[str]]:
    """A folder with a PRD, read as at the beginning of a run."""
    place.configure(inbox={"quiet_seconds": 0.3})
    place.prd("bell", TEXT)
    config = load(place.root, {})
    found, readings = pipeline.inbox(place.root, config)
    said: list[str] = []
    return place, Meanwhile(place.root, config, found, lambda told: said.append(told.text), readings), found.prds[0], said


def test_what_did_not_change_is_what_was_given_and_is_not_waited_for(begun: tuple[Workplace, Meanwhile, Prd, list[str]]) -> None:
    place, meanwhile, prd, said = begun
    began = time.monotonic()
    assert meanwhile.look(prd) is prd
    os.utime(place.root / prd.path)
    assert meanwhile.look(prd) is prd
    assert time.monotonic() - began < 0.3 and not said


def test_a_file_that_is_being_written_is_read_once_it_is_whole(begun: tuple[Workplace, Meanwhile, Prd, list[str]]) -> None:
    place, meanwhile, prd, said = begun
    whole = TEXT.replace("it rings", "it rings twice")
    place.prd("bell", whole[: whole.index("### R2")])
    writer = threading.Timer(0.15, place.prd, ("bell", whole))
    writer.start()
    seen = meanwhile.look(prd)
    writer.join()
    assert [item.key for item in seen.requirements] == ["R1", "R2"], "half of the file was taken for the whole"
    assert seen.requirements[0].criteria[0].text == "it rings twice"
    assert meanwhile.look(seen) is seen and len(said) == 1


@pytest.mark.parametrize("text", ["---\nid: [\n", "---\nid: other\n---\n" + TEXT, "---\ndraft: true\n---\n" + TEXT, ""])
def test_what_cannot_be_taken_changes_nothing_and_is_said_once(begun: tuple[Workplace, Meanwhile, Prd, list[str]], text: str) -> None:
    place, meanwhile, prd, said = begun
    path = place.prd("bell", text)
    assert meanwhile.look(prd) is prd and meanwhile.look(prd) is prd
    os.utime(path)
    assert meanwhile.look(prd) is prd
    assert len(said) == 1 and "cannot be taken" in said[0]
    path.unlink()
    assert meanwhile.look(prd) is prd
    place.prd("bell", TEXT.replace("it rings", "it rings twice"))
    assert meanwhile.look(prd).requirements[0].criteria[0].text == "it rings twice"
