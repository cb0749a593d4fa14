"""Which agent a task gets.

A name is looked for in the PRD's `agents`, then in `roles`, then in `agent`. A name is taken at its word: it never falls back to another.
`auto` takes recordings that match the task's wording, then the first configured agent, then a model that answers on loopback. So an
agent that costs money runs only when the configuration names it.
"""

from __future__ import annotations

import difflib
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

from orchestrator.config import AcpAgent, AgentConfig, ChatAgent, CommandAgent, Config, RecordedAgent, ScriptedAgent
from orchestrator.model import Prd, Role, Task
from orchestrator.run import redaction
from orchestrator.run.agents import Agent, Unavailable

PORTS = (8080, 11434, 1234, 8000, 8091)
"""llama.cpp, Ollama, LM Studio, vLLM, and one more."""

LOOK_AGAIN_SECONDS = 30.0
"""After finding nothing on loopback, so that `watch` notices a server that was started meanwhile."""

SNIPPET = "agents: {local: {type: chat, url: http://127.0.0.1:8080/v1}}"
WAYS = (
    f"configure an agent in orchestrator.yaml, for example: {SNIPPET}, or agents: {{claude: {{type: acp, preset: claude}}}}; "
    "`orchestrator doctor` says which are installed and usable",
    "start an OpenAI-compatible model server on 127.0.0.1 (ports " + ", ".join(map(str, PORTS)) + " are looked at), then run again",
    "record answers on a machine that has an agent: `orchestrator run --record`, and commit `recordings/`",
)

Probe = Callable[[], tuple[str, str] | None]


def rungs(task: Task, role: Role, prd: Prd, config: Config, root: Path, probe: Probe) -> tuple[Agent, ...] | Unavailable:
    """Every rung of the role's ladder, first rung first. One that cannot work makes the whole ladder Unavailable: nothing falls back silently."""
    names, where = _names(role, prd, config)
    found = []
    for name in names:
        agent = choice(task, role, prd, config, root, probe, (name, where))
        if isinstance(agent, Unavailable):
            return agent
        found.append(agent)
    return tuple(found)


def choice(task: Task, role: Role, prd: Prd, config: Config, root: Path, probe: Probe, named: tuple[str, str] | None = None) -> Agent | Unavailable:
    """The agent on the first rung; `named`: (name, where it is named) of another rung."""
    names, place = _names(role, prd, config)
    name, where = named or (names[0], place)
    if name != "auto":
        if name not in config.agents and name != "recorded":
            return _unknown(name, where, config)
        return _recording(build(name, config.agents.get(name) or RecordedAgent(type="recorded"), config, root), config, root)
    notes: tuple[str, ...] = ()
    if not config.record:
        from orchestrator.run.agents.recorded import RecordedReplay, recordings

        folder = config.folder(root, "recordings")
        found = recordings(folder, task, role)
        if any(recorded.fingerprint == task.fingerprint for _, recorded in found):
            return RecordedReplay("recorded", folder)
        if found:
            path, recorded = found[0]
            notes = (
                f"recorded answers in {path.parent} are for another wording of {task.id} "
                f"(theirs {recorded.fingerprint[:12]}, now {task.fingerprint[:12]}) and were not used",
            )
    for first, settings in config.agents.items():
        return _recording(build(first, settings, config, root, notes), config, root)
    served = probe()
    if served:
        url, model = served
        settings = ChatAgent(type="chat", url=url, model=model, extra={"repeat_penalty": 1.0})
        notes = (*notes, f"no agent is configured; the model on {url} was used")
        return _recording(build("loopback", settings, config, root, notes), config, root)
    missing = "no agent is configured" if config.record else "there is no recorded answer for it, no agent is configured"
    return Unavailable(f"no agent can work on {task.id} ({role}): {missing}, and no model answers on loopback", WAYS, notes)


def _names(role: Role, prd: Prd, config: Config) -> tuple[tuple[str, ...], str]:
    """The names of the ladder's rungs, and the place that gave them."""
    ladder = dict(prd.agents).get(role, ())
    if ladder:
        return ladder, f"{prd.path}: `agents.{role}`"
    configured = config.roles.ladder(role)
    return (configured, f"orchestrator.yaml: `roles.{role}`") if configured else ((config.agent,), "orchestrator.yaml: `agent`")


def _unknown(name: str, where: str, config: Config) -> Unavailable:
    names = ", ".join(f"`{known}`" for known in config.agents) or "none"
    guess = difflib.get_close_matches(name, config.agents, n=1)
    ways = (
        f"add it to orchestrator.yaml, for example: agents: {{{name}: {{type: chat, url: http://127.0.0.1:8080/v1}}}}",
        f"did you mean `{guess[0]}`?" if guess else "name one that is configured, or `auto`",
    )
    return Unavailable(f"{where} names the agent `{name}`, which is not configured (configured: {names})", ways)


def build(name: str, settings: AgentConfig, config: Config, root: Path, notes: tuple[str, ...] = ()) -> Agent:
    """The agent that a configuration describes."""
    seconds = config.limits.turn_seconds
    if isinstance(settings, ScriptedAgent):
        from orchestrator.run.agents.scripted import ScriptedTurns

        return ScriptedTurns(name, root / settings.script, seconds, notes)
    if isinstance(settings, RecordedAgent):
        from orchestrator.run.agents.recorded import RecordedReplay

        folder = root / settings.folder if settings.folder else config.folder(root, "recordings")
        return RecordedReplay(name, folder, notes)
    if isinstance(settings, AcpAgent):
        from orchestrator.run.agents.acp import ProtocolAgent

        return ProtocolAgent(name, settings, root, seconds, notes)
    if isinstance(settings, CommandAgent):
        from orchestrator.run.agents.command import CommandLine

        return CommandLine(name, settings, root, seconds, notes)
    from orchestrator.run.agents.chat import ChatCompletion

    return ChatCompletion(name, settings, seconds, notes)


def _recording(agent: Agent, config: Config, root: Path) -> Agent:
    if not config.record or agent.kind == "recorded":
        return agent
    from orchestrator.run.agents.recording import Recording

    return Recording(agent, config.folder(root, "recordings"), redaction.of(config))


_lock = threading.Lock()
_found: tuple[str, str] | None = None
_looked = float("-inf")


def loopback_model(ports: tuple[int, ...] = PORTS) -> tuple[str, str] | None:
    """(base URL, model) of the first OpenAI-compatible server on 127.0.0.1. Found once per process; nothing found is asked again later."""
    global _found, _looked
    with _lock:
        if _found is None and time.monotonic() - _looked > LOOK_AGAIN_SECONDS:
            _found = next((served for port in ports if (served := _ask(port))), None)
            _looked = time.monotonic()
        return _found


def _ask(port: int) -> tuple[str, str] | None:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=0.3)
    try:
        connection.connect()
        connection.sock.settimeout(2.0)  # an open port that is busy generating answers late
        connection.request("GET", "/v1/models")
        response = connection.getresponse()
        listed = json.loads(response.read(100_000)) if response.status == 200 else {}
        model = listed["data"][0]["id"]
        return (f"http://127.0.0.1:{port}/v1", model) if isinstance(model, str) else None
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        return None
    finally:
        connection.close()
