"""What docs/agents.md shows is what the program takes."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from orchestrator.config import AcpAgent, ChatAgent, CommandAgent, Config, ProgramAgent
from orchestrator.run.agents import choosing
from orchestrator.run.agents.presets import PRESETS
from orchestrator.run.agents.scripted import ScriptedTurns
from tests.agents.values import BRIEF, brief

PAGE = (Path(__file__).parents[2] / "docs" / "agents.md").read_text(encoding="utf-8")


def fence(language: str, number: int) -> str:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[number]


def test_the_configuration_is_valid() -> None:
    config = Config.model_validate(yaml.safe_load(fence("yaml", 0)))
    assert list(config.agents) == ["local", "hosted", "claude", "mine", "rehearsal"]
    assert config.roles.ladder("code") == ("local", "claude")
    for number in (1, 2):
        assert Config.model_validate(yaml.safe_load(fence("yaml", number))).agents


def test_the_yaml_script_runs(tmp_path: Path) -> None:
    (tmp_path / "script.yaml").write_text(fence("yaml", 3))
    agent = ScriptedTurns("script", tmp_path / "script.yaml", 5)
    assert agent.turn(BRIEF, tmp_path).text == "a first try"
    assert "% 400" not in (tmp_path / "leap.py").read_text()
    assert agent.turn(brief(attempt=2), tmp_path).usage.usd == 0.01
    assert "% 400" in (tmp_path / "leap.py").read_text()


def test_the_python_script_runs(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "script.py").write_text(fence("python", 0))
    agent = ScriptedTurns("script", tmp_path / "script.py", 20)
    assert agent.turn(BRIEF, tmp_path / "work").text == "a first try"
    assert (tmp_path / "work/leap.py").exists()
    assert agent.turn(brief(attempt=2), tmp_path / "work").usage.input_tokens == 100


def rows(kind: str) -> dict[str, str]:
    """Key → default of the table in an agent's section."""
    section = re.search(rf"^## `{kind}`.*?(?=^## )", PAGE, re.MULTILINE | re.DOTALL)
    assert section
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]*?) ?\|", section[0], re.MULTILINE))


def test_every_key_of_a_chat_agent_is_documented_with_its_default() -> None:
    assert set(rows("chat")) == set(ChatAgent.model_fields) - {"type"}
    for name in ("max_tokens", "context_tokens"):
        assert rows("chat")[name] == str(ChatAgent.model_fields[name].default)


def test_every_key_of_agents_that_are_programs_is_documented() -> None:
    assert set(rows("acp")) == set(AcpAgent.model_fields) - {"type"}
    assert set(rows("command")) == set(CommandAgent.model_fields) - set(ProgramAgent.model_fields) - {"type"}
    assert all(f"`{key}`" in PAGE for key in ProgramAgent.model_fields)


def test_every_preset_is_documented_with_the_command_that_brings_it() -> None:
    listed = {name: (starts, brings) for name, starts, brings in re.findall(r"^\| (\w+) \| `([^`]+)` \| `([^`]+)` \|", PAGE, re.MULTILINE)}
    assert listed == {name: (" ".join(preset.argv), preset.install) for name, preset in PRESETS.items()}


def test_the_ports_looked_at_are_documented() -> None:
    listed = re.search(r"port ([\d, or]+)\.", PAGE)
    assert listed and tuple(map(int, re.findall(r"\d+", listed[1]))) == choosing.PORTS
