"""The four wire formats that coding clients speak to a model: a request → `Asked`, an `Answer` → what goes back, streamed or whole. Pure.

anthropic    POST …/v1/messages
responses    POST …/responses               OpenAI
chat         POST …/chat/completions        OpenAI
gemini       POST …:generateContent and …:streamGenerateContent
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

INPUT_TOKENS, OUTPUT_TOKENS = 1200, 30
"""What every answer says it used."""


@dataclass(frozen=True)
class Asked:
    wire: str
    model: str
    stream: bool
    tools: dict[str, dict[str, Any]]
    """Name → JSON schema of its arguments; for a tool that takes free text, its description."""
    history: tuple[str, ...]
    """`user`, `model`, `call` or `result`, in order."""
    text: str
    """All that the request says, as JSON."""

    @property
    def results(self) -> int:
        """Tool results since the user last said something."""
        since = self.history[::-1].index("user") if "user" in self.history else len(self.history)
        return self.history[len(self.history) - since :].count("result")


@dataclass(frozen=True)
class Answer:
    text: str = ""
    tool: str = ""
    arguments: dict[str, Any] | str = field(default_factory=dict)
    """A string for a tool that takes free text."""
    number: int = 0
    """Makes ids. Clients take a second answer with the same id for a part of the first one."""


def asked(path: str, body: dict[str, Any]) -> Asked | None:
    """None for an address that is none of the four."""
    route = path.split("?", 1)[0]
    if route.endswith("/messages"):
        return _asked("anthropic", body, {tool["name"]: tool.get("input_schema", {}) for tool in body.get("tools", ())}, _blocks(body["messages"]))
    if route.endswith("/chat/completions"):
        functions = [tool["function"] for tool in body.get("tools", ()) or ()]
        kinds = {"user": "user", "assistant": "model", "tool": "result"}
        history = [kinds[message["role"]] for message in body["messages"] if message["role"] in kinds]
        return _asked("chat", body, {function["name"]: function.get("parameters", {}) for function in functions}, history)
    if route.endswith("/responses"):
        given = body["input"] if isinstance(body["input"], list) else [{"role": "user"}]
        more = [tool for item in given if item.get("type") == "additional_tools" for tool in item["tools"]]
        return _asked("responses", body, dict(_named([*body.get("tools", ()), *more])), filter(None, map(_item, given)))
    if route.endswith((":generateContent", ":streamGenerateContent")):
        functions = [found for tool in body.get("tools", ()) for found in tool.get("functionDeclarations", ())]
        tools = {found["name"]: found.get("parametersJsonSchema") or found.get("parameters") or {} for found in functions}
        whole = body | {"model": route.rsplit("/", 1)[1].split(":")[0], "stream": route.endswith(":streamGenerateContent")}
        return _asked("gemini", whole, tools, _parts(body["contents"]))
    return None


def _asked(wire: str, body: dict[str, Any], tools: dict[str, dict[str, Any]], history: Iterable[str]) -> Asked:
    return Asked(wire, str(body.get("model", "")), bool(body.get("stream")), tools, tuple(history), json.dumps(body, ensure_ascii=False))


def _blocks(messages: list[dict[str, Any]]) -> Iterator[str]:
    """Text beside a tool's result is a reminder of the client, not the user's."""
    for message in messages:
        content = message["content"]
        kinds = {"text"} if isinstance(content, str) else {block["type"] for block in content}
        if message["role"] == "user":
            yield "result" if "tool_result" in kinds else "user"
        elif message["role"] == "assistant":
            yield "call" if "tool_use" in kinds else "model"


def _named(tools: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for tool in tools:
        if tool["type"] == "namespace":
            yield from _named(tool["tools"])
        elif "name" in tool:
            yield tool["name"], tool["parameters"] if "parameters" in tool else {"description": tool.get("description", "")}


def _item(item: dict[str, Any]) -> str:
    kind = item.get("type", "message")
    if kind == "message":
        return {"user": "user", "assistant": "model"}.get(item["role"], "")
    return "result" if kind.endswith("_call_output") else "call" if kind.endswith("_call") else ""


def _parts(contents: list[dict[str, Any]]) -> Iterator[str]:
    for content in contents:
        keys = {key for part in content["parts"] for key in part}
        if content.get("role") == "model":
            yield "call" if "functionCall" in keys else "model"
        else:
            yield "result" if "functionResponse" in keys else "user"


# --- answers -------------------------------------------------------------------------------------------------------------


def body(asked: Asked, answer: Answer) -> tuple[str, bytes]:
    """(content type, bytes)."""
    if not asked.stream:
        return "application/json", json.dumps(WHOLE[asked.wire](asked, answer)).encode()
    events = STREAMED[asked.wire](asked, answer)
    lines = [(f"event: {event['type']}\n" if "type" in event else "") + f"data: {json.dumps(event)}\n\n" for event in events]
    return "text/event-stream", ("".join(lines) + ("data: [DONE]\n\n" if asked.wire == "chat" else "")).encode()


def refusal(wire: str, status: int, kind: str, message: str) -> bytes:
    if wire == "anthropic":
        return json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()
    if wire == "gemini":
        return json.dumps({"error": {"code": status, "message": message, "status": kind.upper()}}).encode()
    return json.dumps({"error": {"message": message, "type": kind, "code": kind, "param": None}}).encode()


def _anthropic(asked: Asked, answer: Answer) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "text", "text": answer.text}
    if answer.tool:
        block = {"type": "tool_use", "id": f"toolu_{answer.number}", "name": answer.tool, "input": answer.arguments}
    return {
        "id": f"msg_{answer.number}", "type": "message", "role": "assistant", "model": asked.model, "content": [block], "stop_sequence": None,
        "stop_reason": "tool_use" if answer.tool else "end_turn", "usage": {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS},
    }  # fmt: skip


def _anthropic_stream(asked: Asked, answer: Answer) -> list[dict[str, Any]]:
    whole = _anthropic(asked, answer)
    block = whole["content"][0]
    empty = {**block, "input": {}} if answer.tool else {"type": "text", "text": ""}
    said = json.dumps(answer.arguments)
    delta = {"type": "input_json_delta", "partial_json": said} if answer.tool else {"type": "text_delta", "text": answer.text}
    start = whole | {"content": [], "stop_reason": None, "usage": {"input_tokens": INPUT_TOKENS, "output_tokens": 1}}
    return [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": empty},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": whole["stop_reason"], "stop_sequence": None}, "usage": {"output_tokens": OUTPUT_TOKENS}},
        {"type": "message_stop"},
    ]


def _chat(asked: Asked, answer: Answer) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
    if answer.tool:
        function = {"name": answer.tool, "arguments": json.dumps(answer.arguments)}
        message["tool_calls"] = [{"index": 0, "id": f"call_{answer.number}", "type": "function", "function": function}]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if answer.tool else "stop"}
    return {
        "id": f"chat_{answer.number}",
        "object": "chat.completion",
        "created": 1,
        "model": asked.model,
        "choices": [choice],
        "usage": _usage("prompt", "completion"),
    }


def _chat_stream(asked: Asked, answer: Answer) -> list[dict[str, Any]]:
    whole = _chat(asked, answer)
    choice = whole["choices"][0]
    first = {"index": 0, "delta": choice["message"], "finish_reason": None}
    last = {"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}
    chunk = whole | {"object": "chat.completion.chunk", "usage": None}
    return [chunk | {"choices": [first]}, chunk | {"choices": [last]}, chunk | {"choices": [], "usage": whole["usage"]}]


def _usage(before: str, after: str) -> dict[str, Any]:
    return {f"{before}_tokens": INPUT_TOKENS, f"{after}_tokens": OUTPUT_TOKENS, "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS}


def _responses(asked: Asked, answer: Answer) -> dict[str, Any]:
    item: dict[str, Any] = {"type": "message", "id": f"msg_{answer.number}", "role": "assistant", "status": "completed"}
    item["content"] = [{"type": "output_text", "text": answer.text, "annotations": []}]
    if answer.tool:
        free = isinstance(answer.arguments, str)
        item = {"type": "custom_tool_call" if free else "function_call", "id": f"fc_{answer.number}", "call_id": f"call_{answer.number}"}
        item |= {"name": answer.tool, "status": "completed"}
        item |= {"input": answer.arguments} if free else {"arguments": json.dumps(answer.arguments)}
    usage = _usage("input", "output") | {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    fixed = {"id": f"resp_{answer.number}", "object": "response", "created_at": 1, "status": "completed", "model": asked.model, "error": None}
    return fixed | {"output": [item], "usage": usage}


def _responses_stream(asked: Asked, answer: Answer) -> list[dict[str, Any]]:
    whole = _responses(asked, answer)
    item = whole["output"][0]
    events: list[dict[str, Any]] = [{"type": "response.created", "response": whole | {"status": "in_progress", "output": [], "usage": None}}]
    events.append({"type": "response.output_item.added", "output_index": 0, "item": item | {"status": "in_progress"}})
    if not answer.tool:
        events.append({"type": "response.output_text.delta", "item_id": item["id"], "output_index": 0, "content_index": 0, "delta": answer.text})
    events.append({"type": "response.output_item.done", "output_index": 0, "item": item})
    events.append({"type": "response.completed", "response": whole})
    return [event | {"sequence_number": number} for number, event in enumerate(events)]


def _gemini(asked: Asked, answer: Answer) -> dict[str, Any]:
    part = {"functionCall": {"name": answer.tool, "args": answer.arguments}} if answer.tool else {"text": answer.text}
    usage = {"promptTokenCount": INPUT_TOKENS, "candidatesTokenCount": OUTPUT_TOKENS, "totalTokenCount": INPUT_TOKENS + OUTPUT_TOKENS}
    candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": asked.model, "responseId": f"r_{answer.number}"}


WHOLE: dict[str, Callable[[Asked, Answer], dict[str, Any]]] = {
    "anthropic": _anthropic,
    "chat": _chat,
    "responses": _responses,
    "gemini": _gemini,
}
STREAMED: dict[str, Callable[[Asked, Answer], list[dict[str, Any]]]] = {
    "anthropic": _anthropic_stream,
    "chat": _chat_stream,
    "responses": _responses_stream,
    "gemini": lambda asked, answer: [_gemini(asked, answer)],
}
