"""Which agent a task gets: the order, the names that are taken at their word, and what is said when there is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import Config
from orchestrator.model import AgentTurn, Change, Usage
from orchestrator.run.agents import Agent, NoRecording, Unavailable, choosing
from orchestrator.run.agents.chat import ChatCompletion
from orchestrator.run.agents.recorded import RecordedReplay
from orchestrator.run.agents.recording import Recording, dump, recorded_turn, turn_path
from tests.agents.chat_server import Reply, closed_port, serve
from tests.agents.values import BRIEF, example, prd_and_task

PRD, TASK = prd_and_task(example(1, "leap_year(4)", "True"))
LOCAL = {"type": "chat", "url": "http://127.0.0.1:8080/v1"}
SCRIPT = {"type": "scripted", "script": "agent.yaml"}


def config(**values: Any) -> Config:
    return Config.model_validate(values)


def nothing() -> None:
    return None


def something() -> tuple[str, str]:
    return ("http://127.0.0.1:8080/v1", "tiny")


def chosen(root: Path, settings: Config, prd: Any = PRD, probe: Any = nothing) -> Agent:
    agent = choosing.choice(TASK, "code", prd, settings, root, probe=probe)
    assert not isinstance(agent, Unavailable), agent
    return agent


def record(root: Path, fingerprint: str = TASK.fingerprint) -> None:
    turn = AgentTurn("done", Usage(), "stop", "local", "chat", "tiny", 1.0)
    path = turn_path(root / "recordings", BRIEF)
    path.parent.mkdir(parents=True)
    path.write_text(dump(replace(recorded_turn(BRIEF, turn, (Change("leap.py", "x\n"),)), fingerprint=fingerprint)))


def test_auto_takes_matching_recordings_first(tmp_path: Path) -> None:
    record(tmp_path)
    agent = chosen(tmp_path, config(agents={"local": LOCAL}), probe=something)
    assert isinstance(agent, RecordedReplay)
    assert agent.turn(BRIEF, tmp_path).recorded_from == "local (tiny)"


def test_auto_takes_the_first_configured_agent_next(tmp_path: Path) -> None:
    agent = chosen(tmp_path, config(agents={"second": SCRIPT, "first": LOCAL}), probe=something)
    assert (agent.name, agent.kind) == ("second", "scripted")


def test_auto_takes_a_model_on_loopback_last_and_says_so(tmp_path: Path) -> None:
    with serve(Reply("```python\nx = 1\n```")) as server:
        agent = chosen(tmp_path, config(), probe=lambda: (server.url, "tiny"))
        turn = agent.turn(BRIEF, tmp_path)
        assert server.requests[0]["model"] == "tiny"
    assert agent.name == "loopback"
    assert any(server.url in note for note in turn.notes)


def test_with_nothing_available_every_way_out_is_listed(tmp_path: Path) -> None:
    answer = choosing.choice(TASK, "code", PRD, config(), tmp_path, probe=nothing)
    assert isinstance(answer, Unavailable)
    assert "leap#R1" in answer.message
    said = str(answer)
    assert "orchestrator.yaml" in said and "{local: {type: chat" in said
    assert "8080" in said and "11434" in said
    assert "--record" in said


def test_the_snippet_in_the_way_out_is_a_configuration_that_works(tmp_path: Path) -> None:
    import yaml

    assert chosen(tmp_path, config(**yaml.safe_load(choosing.SNIPPET))).name == "local"


def test_auto_passes_over_recordings_of_another_wording_and_notes_it(tmp_path: Path) -> None:
    record(tmp_path, fingerprint="0" * 64)
    agent = chosen(tmp_path, config(agents={"local": LOCAL}))
    assert isinstance(agent, ChatCompletion)
    assert "another wording of leap#R1" in agent.notes[0]
    answer = choosing.choice(TASK, "code", PRD, config(), tmp_path, probe=nothing)
    assert isinstance(answer, Unavailable) and "another wording" in answer.notes[0]


@pytest.mark.parametrize(
    ("values", "ladder", "name"),
    [
        ({"agent": "a"}, (), "a"),
        ({"agent": "a", "roles": {"code": "b"}}, (), "b"),
        ({"agent": "a", "roles": {"tests": "b"}}, (), "a"),
        ({"agent": "a", "roles": {"code": "b"}}, (("code", ("c", "a")),), "c"),
        ({"agent": "a"}, (("tests", ("c",)),), "a"),
        ({"agent": "a", "roles": {"code": "b"}}, (("code", ("auto",)),), "a"),
        ({"agent": "recorded"}, (), "recorded"),
    ],
)
def test_the_prd_beats_roles_and_roles_beat_the_default(tmp_path: Path, values: dict[str, Any], ladder: Any, name: str) -> None:
    settings = config(agents={"a": LOCAL, "b": SCRIPT, "c": LOCAL}, **values)
    assert chosen(tmp_path, settings, replace(PRD, agents=ladder)).name == name


def test_a_name_never_falls_back_to_another_agent(tmp_path: Path) -> None:
    record(tmp_path)
    agent = chosen(tmp_path, config(agent="local", agents={"other": SCRIPT, "local": LOCAL}), probe=something)
    assert (agent.name, agent.kind) == ("local", "chat"), "recordings are not preferred to a name"
    with pytest.raises(NoRecording):
        chosen(tmp_path, config(agent="recorded", agents={"local": LOCAL})).turn(replace(BRIEF, attempt=7), tmp_path)


def test_an_unknown_name_is_unavailable_with_a_suggestion(tmp_path: Path) -> None:
    prd = replace(PRD, agents=(("code", ("locl",)),))
    answer = choosing.choice(TASK, "code", prd, config(agents={"local": LOCAL}), tmp_path, probe=something)
    assert isinstance(answer, Unavailable)
    assert "prds/leap.md: `agents.code` names the agent `locl`" in answer.message
    assert "did you mean `local`?" in answer.ways


def test_recording_asks_an_agent_although_a_recording_exists(tmp_path: Path) -> None:
    record(tmp_path)
    (tmp_path / "agent.yaml").write_text("turns: [{text: fresh, files: {leap.py: y}}]")
    agent = chosen(tmp_path, config(record=True, agents={"maker": SCRIPT}))
    assert isinstance(agent, Recording)
    (tmp_path / "w").mkdir()
    agent.turn(BRIEF, tmp_path / "w")
    assert "fresh" in turn_path(tmp_path / "recordings", BRIEF).read_text()


def test_a_replay_is_never_recorded_again(tmp_path: Path) -> None:
    record(tmp_path)
    assert isinstance(chosen(tmp_path, config(record=True, agent="recorded")), RecordedReplay)


# --- the model on loopback -------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "_found", None)
    monkeypatch.setattr(choosing, "_looked", float("-inf"))


def test_a_server_on_loopback_is_found_with_its_first_model() -> None:
    with serve() as server:
        assert choosing.loopback_model((closed_port(), server.port)) == (server.url, "scripted-1")


def test_a_server_that_lists_no_model_is_no_model() -> None:
    with serve() as server:
        server.models = []
        assert choosing.loopback_model((server.port,)) is None


def test_what_was_found_is_kept_and_nothing_found_is_not_asked_again_at_once() -> None:
    assert choosing.loopback_model((closed_port(),)) is None
    with serve() as server:
        assert choosing.loopback_model((server.port,)) is None, "asked again only after a while"
        choosing._looked -= choosing.LOOK_AGAIN_SECONDS + 1
        assert choosing.loopback_model((server.port,)) == (server.url, "scripted-1")
    assert choosing.loopback_model((closed_port(),)) == (server.url, "scripted-1")
