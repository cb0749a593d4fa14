"""orchestrator.yaml and the environment become one frozen Config, or an error that names file, key and value."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from orchestrator.config import ChatAgent, Config, RecordedAgent, ScriptedAgent, load
from orchestrator.errors import ConfigError, Exit
from tests.conftest import Workplace


def loaded(root: Path, text: str = "", **environ: str) -> Config:
    if text:
        (root / "orchestrator.yaml").write_text(text, encoding="utf-8")
    return load(root, environ)


def refused(root: Path, text: str = "", **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(root, text, **environ)
    assert caught.value.exit_code is Exit.USAGE
    assert caught.value.hint
    return caught.value.message


# --- what is taken -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "\n", "# nothing but a comment\n", "{}\n"])
def test_what_is_left_out_has_its_default(tmp_path: Path, text: str) -> None:
    assert loaded(tmp_path, text) == Config()


def test_the_file_sets_what_it_names_and_leaves_the_rest(tmp_path: Path) -> None:
    config = loaded(tmp_path, "agent: local\nlimits: {attempts: 2}\nschedule: {cron: '0 2 * * *'}\n")
    assert config == Config(
        agent="local",
        limits=Config().limits.model_copy(update={"attempts": 2}),
        schedule=config.schedule,
    )
    assert (config.schedule.run, config.schedule.timezone) == ("0 2 * * *", "UTC"), "`cron` is the old name of `run`"


def test_an_agents_type_decides_what_it_is(tmp_path: Path) -> None:
    text = "agents:\n  a: {type: chat, url: http://h/v1}\n  b: {type: scripted, script: b.py}\n  c: {type: recorded}\n"
    kinds = {name: type(agent) for name, agent in loaded(tmp_path, text).agents.items()}
    assert kinds == {"a": ChatAgent, "b": ScriptedAgent, "c": RecordedAgent}
    assert list(kinds) == ["a", "b", "c"], "`auto` takes the first, so the file's order counts"


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        "agent: local\nlimits: {attempts: 2, repeats: 2}\n",
        ORCHESTRATOR_AGENT="other",
        ORCHESTRATOR_LIMITS__ATTEMPTS="9",
    )
    assert (config.agent, config.limits.attempts, config.limits.repeats) == ("other", 9, 2)


def test_values_in_the_environment_are_yaml(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        ORCHESTRATOR_RECORD="true",
        ORCHESTRATOR_TARGETS='[".", "/srv/*"]',
        ORCHESTRATOR_PRDS="/srv/prds",
        ORCHESTRATOR_AGENTS__LOCAL__TYPE="chat",
        ORCHESTRATOR_AGENTS__LOCAL__URL="http://127.0.0.1:8080/v1",
    )
    assert config.record is True
    assert config.targets == [".", "/srv/*"]
    assert config.prds == Path("/srv/prds")
    assert config.agents["local"] == ChatAgent(type="chat", url="http://127.0.0.1:8080/v1")


def test_other_variables_are_none_of_its_business(tmp_path: Path) -> None:
    assert loaded(tmp_path, AGENT="other", MY_ORCHESTRATOR_AGENT="other", ORCHESTRATOR="x") == Config()


def test_a_relative_folder_starts_at_the_working_folder_and_an_absolute_one_does_not(tmp_path: Path) -> None:
    config = loaded(tmp_path, "prds: /srv/prds\n")
    assert config.folder(tmp_path, "runs") == tmp_path / "runs"
    assert config.folder(tmp_path, "prds") == Path("/srv/prds")


def test_a_config_cannot_be_changed(tmp_path: Path) -> None:
    config = loaded(tmp_path)
    with pytest.raises(ValidationError, match="frozen"):
        config.agent = "other"
    with pytest.raises(ValidationError, match="frozen"):
        config.limits.attempts = 9


# --- what is refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "key", "guess"),
    [
        ("agnt: local\n", "agnt", "agent"),
        ("limits: {atempts: 2}\n", "limits.atempts", "attempts"),
        ("schedule: {cron: '* * * * *', time_zone: UTC}\n", "schedule.time_zone", "timezone"),
        ("agents: {local: {type: chat, url: http://h/v1, modell: m}}\n", "agents.local.modell", "model"),
        ("agents: {s: {type: scripted, script: s.py, scrpt: s.py}}\n", "agents.s.scrpt", "script"),
        ("agents: {chat: {type: chat, url: http://h/v1, modell: m}}\n", "agents.chat.modell", "model"),
    ],
)
def test_an_unknown_key_of_the_file_is_refused_with_a_suggestion(tmp_path: Path, text: str, key: str, guess: str) -> None:
    assert refused(tmp_path, text) == f"{tmp_path / 'orchestrator.yaml'}: unknown key `{key}`, did you mean `{guess}`?"


def test_an_unknown_key_that_looks_like_none_gets_no_suggestion(tmp_path: Path) -> None:
    assert refused(tmp_path, "zebra: 1\n") == f"{tmp_path / 'orchestrator.yaml'}: unknown key `zebra`"


@pytest.mark.parametrize(
    ("variable", "key", "guess"),
    [("ORCHESTRATOR_AGNT", "agnt", "agent"), ("ORCHESTRATOR_LIMITS__ATEMPTS", "limits.atempts", "attempts")],
)
def test_an_unknown_key_of_the_environment_is_refused_by_the_variables_name(tmp_path: Path, variable: str, key: str, guess: str) -> None:
    assert refused(tmp_path, **{variable: "2"}) == f"{variable}: unknown key `{key}`, did you mean `{guess}`?"


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("limits: {attempts: many}\n", "limits.attempts", "'many'"),
        ("limits: {attempts: 0}\n", "limits.attempts", "0"),
        ("limits: 3\n", "limits", "3"),
        ("gates: {held_out: 0.9}\n", "gates.held_out", "0.9"),
        ("sandbox: {require: strong}\n", "sandbox.require", "'strong'"),
        ("record: perhaps\n", "record", "'perhaps'"),
        ("targets: here\n", "targets", "'here'"),
        ("agents: {local: {type: chat, url: 5}}\n", "agents.local.url", "5"),
        ("schedule: tomorrow\n", "schedule", "'tomorrow'"),
        ("schedule: {verify: every night}\n", "schedule.verify", "'every night'"),
        ("schedule: {timezone: Mars/Olympus}\n", "schedule.timezone", "'Mars/Olympus'"),
    ],
)
def test_a_wrong_value_is_refused_by_file_key_and_value(tmp_path: Path, text: str, key: str, value: str) -> None:
    assert refused(tmp_path, text).startswith(f"{tmp_path / 'orchestrator.yaml'}: `{key}` is {value}: ")


def test_a_wrong_value_of_the_environment_is_refused_by_the_variables_name(tmp_path: Path) -> None:
    message = refused(tmp_path, "limits: {attempts: 2}\n", ORCHESTRATOR_LIMITS__ATTEMPTS="many")
    assert message.startswith("ORCHESTRATOR_LIMITS__ATTEMPTS: `limits.attempts` is 'many': ")


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    lines = refused(tmp_path, "agnt: x\nlimits: {attempts: 0, repeats: no}\n").splitlines()
    assert [line.split("`")[1] for line in lines] == ["limits.attempts", "limits.repeats", "agnt"]


@pytest.mark.parametrize(
    ("text", "key"),
    [("agents: {s: {type: scripted}}\n", "agents.s.script"), ("agents: {c: {type: chat}}\n", "agents.c.url")],
)
def test_a_required_key_that_is_missing_is_named(tmp_path: Path, text: str, key: str) -> None:
    message = refused(tmp_path, text)
    assert f"`{key}`" in message
    assert "required" in message


def test_an_agent_of_an_unknown_type_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    message = refused(tmp_path, "agents: {a: {type: oracle}}\n")
    assert "`agents.a`" in message
    assert all(kind in message for kind in ("scripted", "recorded", "chat"))


@pytest.mark.parametrize("text", ["agent: [local\n", "a: b: c\n", "\tagent: local\n", "agent: 'local\n"])
def test_what_is_not_yaml_is_refused_by_file_and_line(tmp_path: Path, text: str) -> None:
    message = refused(tmp_path, text)
    assert message.startswith(f"{tmp_path / 'orchestrator.yaml'}: not valid YAML: ")
    assert "line " in message


def test_what_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "orchestrator.yaml").write_bytes(b"agent: \xff\xfe\n")
    assert refused(tmp_path).startswith(f"{tmp_path / 'orchestrator.yaml'}: not valid YAML: ")


@pytest.mark.parametrize(("text", "kind"), [("- agent\n", "list"), ("agent\n", "str"), ("3\n", "int")])
def test_what_is_not_a_mapping_is_refused(tmp_path: Path, text: str, kind: str) -> None:
    assert refused(tmp_path, text) == f"{tmp_path / 'orchestrator.yaml'}: expected keys and values, found {kind}"


def test_a_variable_below_a_key_that_is_no_section_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, "limits: 3\n", ORCHESTRATOR_LIMITS__ATTEMPTS="2") == "ORCHESTRATOR_LIMITS__ATTEMPTS: `limits` is not a section"


@pytest.mark.parametrize("command", [("check",), ("plan",), ("run",), ("status",), ("site", "build")])
def test_every_command_refuses_a_wrong_file_in_words_and_with_exit_code_2(place: Workplace, command: tuple[str, ...]) -> None:
    (place.root / "orchestrator.yaml").write_text("agnt: local\n")
    done = place.command(*command)
    assert done.returncode == 2
    assert done.stderr.startswith(f"orchestrator: {place.root / 'orchestrator.yaml'}: unknown key `agnt`, did you mean `agent`?\n  → ")
    assert not (place.root / "runs").exists()
