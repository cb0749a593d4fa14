"""Recorded turns: what is written can be read by a person, and comes back exactly."""

from __future__ import annotations

import string
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.model import AgentTurn, Brief, Change, Usage
from orchestrator.run.agents import NoRecording, StaleRecording
from orchestrator.run.agents.recorded import RecordedReplay, has_recordings
from orchestrator.run.agents.recording import Recording, dump, load, recorded_turn, turn_path
from orchestrator.run.agents.scripted import ScriptedTurns
from tests.agents.values import BRIEF, brief, example, prd_and_task

texts = st.text(st.characters(codec="utf-8"), max_size=80) | st.text("`\n# File(x)\r-", max_size=60)
paths = st.text(string.ascii_letters + './_- é"\\`()#', min_size=1, max_size=20)
all_changes = st.lists(
    st.builds(Change, paths, texts, st.booleans()) | st.builds(Change, paths, st.none()), max_size=3, unique_by=lambda change: change.path
)


@given(texts, all_changes, st.lists(texts, max_size=2), st.none() | st.integers(0, 10**9), texts, texts)
def test_a_recording_comes_back_exactly(text: str, changes: list[Change], notes: list[str], tokens: int | None, stop: str, asked: str) -> None:
    turn = AgentTurn(text, Usage(tokens, tokens, None), stop, "local", "chat", "tiny", 1.25, notes=tuple(notes))
    recorded = recorded_turn(brief(text=asked), turn, tuple(changes))
    assert load(dump(recorded).encode("utf-8").decode("utf-8")) == recorded


def test_a_recording_is_a_page_a_person_can_read() -> None:
    turn = AgentTurn("Here:\n```python\nx = 1\n```", Usage(10, 5), "stop", "local", "chat", "tiny", 1.25)
    recorded = recorded_turn(BRIEF, turn, (Change("leap.py", "x = 1\n"), Change("old.py", None), Change("odd name.py", "y = 2", True)))
    page = dump(replace(recorded, recorded_at="2026-11-22", brief="b" * 8, fingerprint="f" * 8))
    assert page == (
        "---\nprd: leap\ntask: leap#R1\nrole: code\nattempt: 1\nturn: 1\nfingerprint: ffffffff\nbrief: bbbbbbbb\nagent: local\nkind: chat\n"
        "model: tiny\nrecorded_at: '2026-11-22'\nseconds: 1.2\nstop: stop\nusage:\n  input_tokens: 10\n  output_tokens: 5\n  usd: null\n"
        "notes: []\nway: whole\n---\n\n# Answer\n\n````text\nHere:\n```python\nx = 1\n```\n````\n\n"
        "# File leap.py\n\n```python\nx = 1\n```\n\n# File old.py (deleted)\n\n"
        '# File "odd name.py" (no newline at end, executable)\n\n```python\ny = 2\n```\n'
        "\n# Brief\n\n```text\n# Task: leap years\n\nWrite `leap.py`.\n\n```\n"
    )


def script(tmp_path: Path, text: str) -> ScriptedTurns:
    (tmp_path / "script.yaml").write_text(text, encoding="utf-8")
    return ScriptedTurns("maker", tmp_path / "script.yaml", 10)


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """The recordings folder after one turn that changed, added and deleted files."""
    agent = script(tmp_path, 'turns: [{text: "```done```", files: {leap.py: "a = 1", new/b.py: "b\\n"}, delete: [gone.py], usage: {usd: 0.5}}]')
    place = tmp_path / "first"
    place.mkdir()
    (place / "gone.py").write_text("g\n")
    (place / "kept.py").write_text("k\n")
    Recording(agent, tmp_path / "recordings").turn(BRIEF, place)
    return tmp_path / "recordings"


def test_a_replay_changes_the_same_files(recorded: Path, tmp_path: Path) -> None:
    place = tmp_path / "second"
    place.mkdir()
    (place / "gone.py").write_text("g\n")

    turn = RecordedReplay("recorded", recorded).turn(BRIEF, place)

    assert {path.relative_to(place).as_posix(): path.read_text() for path in place.rglob("*.py")} == {"leap.py": "a = 1", "new/b.py": "b\n"}
    assert turn.text == "```done```"
    assert turn.usage == Usage(usd=0.5)
    assert (turn.kind, turn.recorded_from, turn.model) == ("recorded", "maker (script.yaml)", "script.yaml")
    assert turn.notes == ()


def test_recordings_lie_by_prd_requirement_role_attempt_and_turn(recorded: Path) -> None:
    assert [path.relative_to(recorded).as_posix() for path in recorded.rglob("*") if path.is_file()] == ["leap/R1/code-1.1.md"]


def test_a_recording_of_another_wording_is_refused_and_names_both(recorded: Path, tmp_path: Path) -> None:
    with pytest.raises(StaleRecording) as caught:
        RecordedReplay("recorded", recorded).turn(brief(fingerprint="e2" * 32), tmp_path)
    said = str(caught.value)
    assert str(recorded / "leap/R1/code-1.1.md") in said
    assert BRIEF.fingerprint in said and "e2" * 32 in said
    assert "--record" in said
    assert not (tmp_path / "leap.py").exists()


def test_another_brief_for_the_same_task_is_replayed_with_a_note(recorded: Path, tmp_path: Path) -> None:
    turn = RecordedReplay("recorded", recorded).turn(brief(text="# Task: leap years\n\nWrite `leap.py`, quickly.\n"), tmp_path)
    assert (tmp_path / "leap.py").exists()
    (note,) = turn.notes
    assert "worded differently" in note
    assert "1 line gone, 1 new: “Write `leap.py`.” is gone; “Write `leap.py`, quickly.” is new" in note


def test_a_changed_requirement_says_what_has_changed(recorded: Path, tmp_path: Path) -> None:
    with pytest.raises(StaleRecording, match=r"in what is asked, 0 lines gone, 1 new: “Every fourth year.” is new"):
        RecordedReplay("recorded", recorded).turn(brief(fingerprint="e2" * 32, text=BRIEF.text + "Every fourth year.\n"), tmp_path)


@pytest.mark.parametrize("other", [brief(attempt=2), brief(turn=2), brief(role="tests"), brief(task="leap#R2"), brief(prd="other")])
def test_a_turn_that_was_not_recorded_is_an_error(recorded: Path, tmp_path: Path, other: Brief) -> None:
    with pytest.raises(NoRecording, match="no recorded answer"):
        RecordedReplay("recorded", recorded).turn(other, tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("---\nprd", "prd", "front matter"),
        ("attempt: 1", "attempt: [", "YAML"),
        ("attempt: 1\n", "", "front matter"),
        ("# Answer", "# Reply", "# Reply"),
        ("````text", "", "no fence"),
    ],
)
def test_a_broken_recording_says_which_file_and_what(recorded: Path, tmp_path: Path, old: str, new: str, said: str) -> None:
    path = turn_path(recorded, BRIEF)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(NoRecording, match=said) as caught:
        RecordedReplay("recorded", recorded).turn(BRIEF, tmp_path)
    assert str(path) in str(caught.value)


def test_a_turn_recorded_again_drops_the_turns_that_followed_the_old_one(recorded: Path, tmp_path: Path) -> None:
    agent = Recording(script(tmp_path, "turns: [{text: again}]"), recorded)
    place = tmp_path / "again"
    place.mkdir()
    for other in (brief(attempt=2), brief(attempt=10), brief(role="tests", attempt=3), brief(task="leap#R2", attempt=5)):
        agent.turn(other, place)
    agent.turn(brief(attempt=2), place)
    left = sorted(path.relative_to(recorded).as_posix() for path in recorded.rglob("*.md"))
    assert left == ["leap/R1/code-1.1.md", "leap/R1/code-2.1.md", "leap/R1/tests-3.1.md", "leap/R2/code-5.1.md"]


def test_an_identifier_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    for prd, task in (("..", "..#.."), ("/etc", "x#/passwd"), ("a/../..", "a#../../b")):
        path = turn_path(tmp_path / "recordings", brief(prd=prd, task=task))
        assert path.resolve().is_relative_to(tmp_path / "recordings")


def test_only_recordings_of_this_wording_and_role_count(recorded: Path) -> None:
    _, task = prd_and_task(example(1, "leap_year(1)", "False"))
    assert has_recordings(recorded, task)
    assert has_recordings(recorded, task, "code")
    assert not has_recordings(recorded, task, "tests")
    assert not has_recordings(recorded, replace(task, fingerprint="0" * 64))
    assert not has_recordings(recorded / "none", task)
