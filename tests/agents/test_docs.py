"""What docs/agents.md shows is what the program takes."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from orchestrator.config import ChatAgent, Config
from orchestrator.run.agents import choosing
from orchestrator.run.agents.scripted import ScriptedTurns
from tests.agents.values import BRIEF, brief

PAGE = (Path(__file__).parents[2] / "docs" / "agents.md").read_text(encoding="utf-8")


def fence(language: str, number: int) -> str:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[number]


def test_the_configuration_is_valid() -> None:
    config = Config.model_validate(yaml.safe_load(fence("yaml", 0)))
    assert list(config.agents) == ["local", "hosted", "rehearsal"]
    assert config.roles.code == "local"


def test_the_yaml_script_runs(tmp_path: Path) -> None:
    (tmp_path / "script.yaml").write_text(fence("yaml", 1))
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


def test_every_key_of_a_chat_agent_is_documented_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]*?) ?\|", PAGE, re.MULTILINE))
    assert set(rows) == set(ChatAgent.model_fields) - {"type"}
    for name in ("max_tokens", "context_tokens"):
        assert rows[name] == str(ChatAgent.model_fields[name].default)


def test_the_ports_looked_at_are_documented() -> None:
    listed = re.search(r"port ([\d, or]+)\.", PAGE)
    assert listed and tuple(map(int, re.findall(r"\d+", listed[1]))) == choosing.PORTS
