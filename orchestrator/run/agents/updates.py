"""What an agent tells while it works, by the Agent Client Protocol: text, tool calls, usage. Plain JSON in, and nothing of it is trusted. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from orchestrator.model import Usage
from orchestrator.run.agents.presets import Preset
from orchestrator.run.agents.told import Told, clean

LINE = 300
"""Characters of a tool call's line."""
TOOLS = 2000
"""Tool calls of one turn that are remembered."""


@dataclass(frozen=True)
class Totals:
    """What a session told so far."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    usd: float | None = None


@dataclass
class Heard:
    """One turn as it was heard."""

    text: Told = field(default_factory=Told)
    """What the agent said."""
    lines: Told = field(default_factory=Told)
    """That, its thoughts and its tool calls."""
    tools: dict[str, dict[str, Any]] = field(default_factory=dict)
    cost: float | None = None
    """The last one told, in US dollars."""
    steps: Totals = Totals()
    """Sum of what updates told of single steps."""
    speaks: str = ""

    def take(self, update: dict[str, Any]) -> None:
        kind = update.get("sessionUpdate")
        if kind in ("agent_message_chunk", "agent_thought_chunk"):
            self._said(str(kind), _text(update.get("content")))
        elif kind in ("tool_call", "tool_call_update"):
            self._tool(update)
        elif kind == "plan":
            entries = [entry for entry in _list(update.get("entries")) if isinstance(entry, dict)]
            self._line("plan: " + "; ".join(f"{entry.get('content')} ({entry.get('status')})" for entry in entries))
        elif kind == "usage_update":
            cost = update.get("cost")
            if isinstance(cost, dict) and cost.get("currency") == "USD":
                self.cost = _amount(cost.get("amount"))
        meta = update.get("_meta")
        if isinstance(meta, dict) and isinstance(meta.get("usage"), dict):
            given, taken = tokens(meta["usage"])
            if given is not None and taken is not None:
                self.steps = Totals((self.steps.input_tokens or 0) + given, (self.steps.output_tokens or 0) + taken)

    def _said(self, kind: str, text: str) -> None:
        if not text:
            return
        if kind == "agent_message_chunk":
            self.text.add(text)
        if kind != self.speaks:
            self.lines.add("\n" if kind == "agent_message_chunk" else "\n(thinks) ")
            self.speaks = kind
        self.lines.add(text)

    def _tool(self, update: dict[str, Any]) -> None:
        name = str(update.get("toolCallId"))
        known = self.tools.get(name)
        if known is None and len(self.tools) >= TOOLS:
            return
        merged = {**(known or {}), **{key: value for key, value in update.items() if value is not None and key in KEPT}}
        self.tools[name] = merged
        status = update.get("status")
        if known is None:
            self._line(f"→ {tool_line(merged)}")
        elif status in ("completed", "failed") and status != known.get("status"):
            self._line(f"{'✓' if status == 'completed' else '✗ failed:'} {tool_line(merged)}", indent="  ")

    def _line(self, line: str, indent: str = "") -> None:
        self.speaks = ""
        self.lines.add(f"\n{indent}{clean(' '.join(line.split()))[:LINE]}")


KEPT = ("title", "kind", "status", "locations", "rawInput")


def tool_line(tool: dict[str, Any]) -> str:
    """A tool call in one line: what kind, its title, and its command where the title does not say it."""
    title = str(tool.get("title") or "")
    given = tool.get("rawInput")
    command = given.get("command") if isinstance(given, dict) else None
    shown = " ".join(map(str, command)) if isinstance(command, list) else str(command or "")
    return f"[{tool.get('kind') or 'tool'}] {title}" + (f" $ {shown}" if shown and shown not in title else "")


def _text(content: object) -> str:
    return clean(str(content.get("text") or "")) if isinstance(content, dict) and content.get("type") == "text" else ""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


# --- usage ---------------------------------------------------------------------------------------------------------------


def usage(preset: Preset, answer: dict[str, Any], heard: Heard, before: Totals) -> tuple[Usage, Totals]:
    """(what the turn used, what the session told so far). What is not told is None."""
    given: int | None = None
    taken: int | None = None
    after = before
    told = answer.get("usage")
    if preset.tokens in ("turn", "session") and isinstance(told, dict):
        given, taken = tokens(told)
        if preset.tokens == "session" and given is not None and taken is not None:
            after = Totals(given, taken, before.usd)
            given, taken = _more(given, before.input_tokens), _more(taken, before.output_tokens)
    elif preset.tokens == "quota":
        counted = at(answer.get("_meta"), ("quota", "token_count"))
        given, taken = tokens(counted) if isinstance(counted, dict) else (None, None)
    elif preset.tokens == "updates":
        given, taken = heard.steps.input_tokens, heard.steps.output_tokens
    usd = heard.cost if preset.cost != "none" else None
    if preset.cost == "session" and usd is not None:
        after = Totals(after.input_tokens, after.output_tokens, usd)
        usd = usd - before.usd if before.usd is not None and usd >= before.usd else usd
    return Usage(given, taken, usd), after


def tokens(told: dict[str, Any]) -> tuple[int | None, int | None]:
    """(of prompts, of answers), whatever the words. Where a total is told, what it holds besides the answers is prompts, caches among them."""
    given = _first(told, "inputTokens", "input_tokens", "promptTokenCount", "prompt_tokens")
    taken = _first(told, "outputTokens", "output_tokens", "candidatesTokenCount", "completion_tokens")
    total = _first(told, "totalTokens", "total_tokens")
    if given is None or taken is None:
        return None, None
    thought = _first(told, "thoughtTokens", "thought_tokens") or 0
    if total is not None and total >= given + taken + thought:
        taken += thought
    return max(given, total - taken) if total is not None else given, taken


def failed(preset: Preset, answer: dict[str, Any]) -> bool:
    """The answer says that the turn failed although it ended as any other."""
    path, word = preset.failed
    return bool(path) and word in json.dumps(at(answer.get("_meta"), path))


def at(value: object, path: tuple[str, ...]) -> object:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _more(now: int, before: int | None) -> int:
    """What came on top; all of it where the count began anew."""
    return now - before if before is not None and now >= before else now


def _first(told: dict[str, Any], *names: str) -> int | None:
    found = (told.get(name) for name in names)
    return next((value for value in found if isinstance(value, int) and not isinstance(value, bool) and value >= 0), None)


def _amount(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None
