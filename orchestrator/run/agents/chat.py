"""Any OpenAI-compatible endpoint: llama.cpp, Ollama, vLLM, LM Studio, hosted. The prompt holds the files, the answer is whole files.

The time limit is ours and counts from the first byte sent to the last one read; a server that trickles does not extend it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.config import ChatAgent
from orchestrator.model import AgentTurn, Brief, Task, Usage, Way
from orchestrator.run import briefing, search, stopping
from orchestrator.run.agents import BadAnswer, Broken, NotReachable, Refused, TimedOut, answers, mending, prices, workspace
from orchestrator.run.agents.statuses import problem

if TYPE_CHECKING:
    import httpx

ANSWER_BYTES = 1_000_000
CONNECT_SECONDS = 30.0
HOTTEST = 0.9
STEP = 0.3
LEAST_CHARACTERS_A_TOKEN = 2.5
"""What a prompt is booked at before it is sent; code has short tokens."""


@dataclass(frozen=True)
class ChatCompletion:
    name: str
    config: ChatAgent
    turn_seconds: float
    notes: tuple[str, ...] = ()
    kind: str = "chat"

    def most(self, brief: Brief) -> Usage:
        """The prompt at `LEAST_CHARACTERS_A_TOKEN`, and the longest answer. Raises ContextTooLong."""
        system, user, _ = briefing.chat_prompt(brief, self._room())
        tokens = int((len(system) + len(user)) / LEAST_CHARACTERS_A_TOKEN) + 1
        return Usage(tokens, self.config.max_tokens, prices.usd(self.config, self.config.model, tokens, self.config.max_tokens))

    def way(self, task: Task, attempt: int, asked: int, units: int) -> Way:
        small = search.is_small(self.config.model) if self.config.small is None else self.config.small
        return search.searched(asked, units, small)

    def turn(self, brief: Brief, folder: Path, seconds: float | None = None) -> AgentTurn:
        """Raises NotReachable, Refused, RateLimited, Overloaded, ContextTooLong, TimedOut, Broken or BadAnswer."""
        started = time.monotonic()
        system, user, cut = briefing.chat_prompt(brief, self._room())
        model, reply = stopping.run(self._converse(brief, system, user, min(self.turn_seconds, seconds or self.turn_seconds)))
        answered_by = str(reply.get("model") or model)
        text, stop = _said(reply, self.config.url)
        found, notes = answers.changes(text, brief.writable, tuple(file.path for file in brief.files), cut=stop == "length")
        found, put_right = mending.all_of(found, brief.files)
        programs = {file.path for file in brief.files if file.executable}
        notes += put_right + workspace.apply(folder, (replace(change, executable=change.path in programs) for change in found))
        if not found:
            notes += ("the answer changed no file",)
        return AgentTurn(
            text=text,
            usage=prices.priced(_usage(reply), self.config, answered_by),
            stop=stop,
            agent=self.name,
            kind=self.kind,
            model=answered_by,
            seconds=time.monotonic() - started,
            transcript=f"--- system ---\n\n{system}\n\n--- user ---\n\n{user}\n\n--- answer ---\n\n{text}",
            notes=(*self.notes, *cut, *notes),
        )

    def close(self) -> None:
        pass

    def _room(self) -> int:
        """Characters of a prompt: what the model's window has room for, or less when that is asked for."""
        window = max(self.config.context_tokens - self.config.max_tokens, self.config.context_tokens // 2)
        return int(min(window, self.config.brief_tokens or window) * briefing.CHARACTERS_A_TOKEN)

    async def _converse(self, brief: Brief, system: str, user: str, seconds: float) -> tuple[str, dict[str, Any]]:
        import httpx

        try:
            async with asyncio.timeout(seconds):
                wait = httpx.Timeout(None, connect=CONNECT_SECONDS)
                async with httpx.AsyncClient(headers=self._headers(), timeout=wait, trust_env=not prices.is_local(self.config.url)) as client:
                    model = self.config.model or await self._first_model(client)
                    body = request_body(self.config, model, brief, system, user)
                    return model, await self._ask(client, "POST", "/chat/completions", body)
        except TimeoutError:
            raise TimedOut(
                f"{self.config.url}: no answer within {seconds:g} s",
                hint="raise `limits.turn_seconds`, lower `max_tokens`, or use a faster model",
            ) from None
        except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError) as error:
            detail = str(error) or type(error).__name__
            raise Broken(
                f"{self.config.url}: the connection ended before the answer was complete: {detail}", hint="look at the server's log"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            detail = str(error) or type(error).__name__
            raise NotReachable(f"{self.config.url}: {detail}", hint=f"start the server, or mend `agents.{self.name}.url` (it ends in /v1)") from None

    def _headers(self) -> dict[str, str]:
        variable = self.config.api_key_env
        plain = {"Accept-Encoding": "identity"}
        if not variable:
            return plain
        key = os.environ.get(variable, "").strip()
        if not key:
            raise Refused(f"{self.config.url}: the environment variable {variable} is not set", hint=f"export {variable}=… and run again")
        return {**plain, "Authorization": f"Bearer {key}"}

    async def _first_model(self, client: httpx.AsyncClient) -> str:
        listed = await self._ask(client, "GET", "/models", None)
        try:
            return str(listed["data"][0]["id"])
        except (LookupError, TypeError):
            raise Refused(f"{self.config.url}: the endpoint lists no model", hint=f"set `agents.{self.name}.model`") from None

    async def _ask(self, client: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        url = self.config.url.rstrip("/") + path
        async with client.stream(method, url, json=body) as response:
            data = bytearray()
            async for chunk in response.aiter_bytes():
                data += chunk
                if len(data) > ANSWER_BYTES:
                    raise BadAnswer(f"{url}: the answer is larger than {ANSWER_BYTES:,} bytes", hint="lower `max_tokens`")
        text = data.decode("utf-8", "replace")
        if response.status_code != 200:
            key = os.environ.get(self.config.api_key_env, "").strip() if self.config.api_key_env else ""
            raise problem(self.name, url, response.status_code, dict(response.headers), text.replace(key, "***") if key else text)
        try:
            reply = json.loads(text)
        except (ValueError, RecursionError):
            reply = None
        if not isinstance(reply, dict):
            raise BadAnswer(f"{url}: the answer is not JSON: {text[:200]!r}", hint=f"check `agents.{self.name}.url` (it ends in /v1)")
        return reply


def request_body(config: ChatAgent, model: str, brief: Brief, system: str, user: str) -> dict[str, Any]:
    """The request. `extra` has the last word (null takes a key out), except that the answer comes in one piece."""
    heat = max(config.temperature, min(HOTTEST, config.temperature + STEP * brief.heat))
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": user}],
        "temperature": round(heat, 2),
        "max_tokens": config.max_tokens,
    }
    if heat > 0:
        body["seed"] = seed(brief)
    return {key: value for key, value in {**body, **config.extra, "stream": False}.items() if value is not None}


def seed(brief: Brief) -> int:
    """The same turn of the same task draws the same numbers; every other turn draws others."""
    key = f"{brief.fingerprint}/{brief.role}/{brief.attempt}/{brief.turn}"
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") >> 1


def _said(reply: dict[str, Any], url: str) -> tuple[str, str]:
    """(text, why it stopped)."""
    try:
        choice = reply["choices"][0]
        content = choice["message"].get("content") or ""
        if isinstance(content, list):
            content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
        stop = str(choice.get("finish_reason") or "")
    except (LookupError, TypeError, AttributeError):
        raise BadAnswer(f"{url}: not a chat completion: {json.dumps(reply)[:200]}", hint="the url must be that of an OpenAI-compatible /v1") from None
    return str(content).encode("utf-8", "replace").decode(), stop


def _usage(reply: dict[str, Any]) -> Usage:
    given = reply.get("usage")
    values = given if isinstance(given, dict) else {}

    def number(key: str) -> int | None:
        value = values.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None

    cost = values.get("cost")
    return Usage(number("prompt_tokens"), number("completion_tokens"), float(cost) if isinstance(cost, int | float) else None)
