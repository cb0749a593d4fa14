"""`orchestrator doctor --live`: each agent is asked one tiny thing, by the ordinary code and in a throw-away folder; the turn is booked as any is."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.config import AcpAgent, AgentConfig, ChatAgent, Config
from orchestrator.errors import AgentError, SetupError, UsageError
from orchestrator.model import Brief, Budget, Usage
from orchestrator.run import limits, redaction, sandboxes, scratch
from orchestrator.run.agents import choosing, presets
from orchestrator.save.ledger import Asked, ledger_of

SECONDS = 120.0
"""For one such turn, where `limits.turn_seconds` is not less."""
WORD = "ready"
TEXT = f"""\
# Task: say that you are there

Write the file `hello.txt`. It holds the word `{WORD}`, and nothing else. Then say in one sentence who you are.
"""


@dataclass(frozen=True)
class Answered:
    """What came back."""

    name: str
    kind: str
    works: bool
    """It wrote what it was asked for."""
    said: str
    """Its words, or the error with what to do about it."""
    model: str = ""
    seconds: float = 0.0
    usage: Usage = Usage()  # noqa: RUF009 frozen


def ask_all(root: Path, config: Config, names: tuple[str, ...]) -> tuple[Answered, ...]:
    """One turn with each agent of these names, or with all that are configured and live. Raises UsageError for a name nobody knows."""
    chosen = {name: config.agents[name] for name in config.agents if not names and config.agents[name].type not in ("scripted", "recorded")}
    for name in names:
        chosen[name] = _named(name, config)
    if not names and not chosen and (served := choosing.loopback_model()):
        chosen["loopback"] = ChatAgent(type="chat", url=served[0], model=served[1])
    clean = redaction.of(config.model_copy(update={"agents": chosen})).cleaner(os.environ)
    found = (_ask(name, settings, root, config) for name, settings in chosen.items())
    return tuple(replace(each, said=clean(each.said)) for each in found)


def _named(name: str, config: Config) -> AgentConfig:
    if name in config.agents:
        return config.agents[name]
    if name in presets.PRESETS:
        return AcpAgent.model_validate({"type": "acp", "preset": name})
    raise UsageError(f"--live {name}: there is no such agent", hint=f"known: {', '.join([*config.agents, *presets.PRESETS])}")


def _ask(name: str, settings: AgentConfig, root: Path, config: Config) -> Answered:
    agent = choosing.build(name, settings, config, root)
    ledger = ledger_of(root, config)
    brief = Brief("doctor", "doctor", "code", 1, 1, "", TEXT, (), ("hello.txt",))
    key = f"doctor/{name}/{time.time_ns()}"
    started = time.monotonic()
    with scratch.folder("trial") as folder:
        try:
            sandboxes.required_level(config.sandbox.require, allow_weak=config.sandbox.allow_weak)
            asked = Asked(key, "doctor", "doctor", "doctor", "", "code 1", "write_code", "", name, agent.kind, agent.most(brief))
            reserved = ledger.reserve(asked, limits.ceilings(config.budgets, Budget()), config.limits.turn_seconds, sent=False)
            try:
                turn = agent.turn(brief, folder, min(SECONDS, reserved.seconds or SECONDS))
            except AgentError as error:
                ledger.fail(asked, error, time.monotonic() - started)
                raise
            except BaseException:
                ledger.lose(key)
                raise
            ledger.settle(key, turn)
            written = (folder / "hello.txt").is_file() and WORD in (folder / "hello.txt").read_text(encoding="utf-8", errors="replace")
        except (AgentError, SetupError) as error:
            return Answered(name, agent.kind, False, str(error), seconds=time.monotonic() - started)
        finally:
            agent.close()
    said = " ".join(turn.text.split())[:300]
    return Answered(name, agent.kind, written, said or "it said nothing", turn.model, turn.seconds, turn.usage)


def text(answers: tuple[Answered, ...]) -> str:
    """The same for a terminal."""
    if not answers:
        return "no agent to ask: none is configured, and no model answers on loopback"
    lines = []
    for each in answers:
        state = "works" if each.works else "answered, but did not write what it was asked for" if each.model else "does not work"
        lines.append(
            f"{'✓' if each.works else '✗'} {each.name} ({each.kind}) {state}, {each.seconds:.1f} s" + (f", {each.model}" if each.model else "")
        )
        lines += [f"    {line}" for line in each.said.splitlines()]
        if each.model:
            tokens = [
                f"{count:,} {what}" for count, what in ((each.usage.input_tokens, "in"), (each.usage.output_tokens, "out")) if count is not None
            ]
            usd = "price unknown" if each.usage.usd is None else f"{each.usage.usd:.4f} USD"
            lines.append(f"    {' and '.join(tokens) + ' tokens' if tokens else 'tokens unknown'}, {usd}")
    return "\n".join(lines)
