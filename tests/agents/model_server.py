"""A scripted model on loopback for real coding clients: real sockets, the four wire formats of model_wires.py, every request kept.

It is given a plan: steps that are gone through once for each prompt, each by a call of whatever tool of the client fits, and a closing
sentence. Requests without a tool that fits (titles, summaries) get the closing sentence.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.agents.model_wires import Answer, Asked, asked, body, refusal

WORKING_FOLDER = re.compile(
    r"(?:primary working directory: |working directory: |<cwd>|working in the directory: |workspace directories:\*{0,2}\W{1,9})(/[\w./-]+)", re.I
)


@dataclass(frozen=True)
class Write:
    """The file `path` (relative to the workspace) with `text`, with the client's own tool for that, else through its shell."""

    path: str
    text: str


@dataclass(frozen=True)
class Shell:
    command: str


@dataclass(frozen=True)
class Fail:
    """Every request gets this instead of an answer."""

    status: int
    kind: str
    message: str
    headers: dict[str, str] = field(default_factory=dict)


Step = Write | Shell


@dataclass
class ModelServer:
    port: int
    plans: tuple[tuple[Step, ...], ...]
    """One for each prompt of a session; the last one stays."""
    says: str
    fail: Fail | None
    requests: list[Asked] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    """Addresses that are no model's."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, request: Asked) -> Answer:
        done, number = request.results, len(self.requests)
        steps = self.plans[min(request.text.count(self.says), len(self.plans) - 1)]
        if done < len(steps) and request.history[-1:] in (("user",), ("result",)):
            found = call(steps[done], request)
            if found:
                return Answer(tool=found[0], arguments=found[1], number=number)
        return Answer(self.says, number=number)


def call(step: Step, request: Asked) -> tuple[str, dict[str, Any] | str] | None:
    """(tool, arguments) of the first tool that can do it; None when the request offers none."""
    if isinstance(step, Write):
        for name, schema in request.tools.items():
            path, text = _key(schema, "file_path", "filePath", "path"), _key(schema, "content")
            if path and text and "write" in name.lower():
                return name, _filled(schema, {path: f"{folder(request)}/{step.path}", text: step.text})
            if "apply_patch(input" in schema.get("description", ""):
                lines = "".join(f"+{line}\n" for line in step.text.splitlines())
                patch = f"*** Begin Patch\n*** Add File: {step.path}\n{lines}*** End Patch\n"
                return name, f"await tools.apply_patch({json.dumps(patch)})"
        return call(Shell(f"cat > {step.path} <<'END_OF_FILE'\n{step.text}END_OF_FILE"), request)
    for name, schema in request.tools.items():
        if "exec_command(args" in schema.get("description", ""):
            return name, f"text((await tools.exec_command({{cmd: {json.dumps(step.command)}}})).output)"
        command = _key(schema, "command", "cmd")
        if command:
            many = schema["properties"][command].get("type") == "array"
            return name, _filled(schema, {command: ["bash", "-lc", step.command] if many else step.command})
    return None


def folder(request: Asked) -> str:
    """The workspace, as the client tells its model."""
    found = WORKING_FOLDER.search(request.text)
    return found[1].rstrip("/.") if found else "."


def _key(schema: dict[str, Any], *names: str) -> str:
    return next((name for name in names if name in schema.get("properties", ())), "")


def _filled(schema: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """With a value for each argument that the tool insists on."""
    plain = {"string": "as the plan says", "boolean": False, "integer": 60_000, "number": 60_000}
    for name in schema.get("required", ()):
        kind = str(schema["properties"][name].get("type", "string")).lower()
        arguments.setdefault(name, plain.get(kind, []))
    return arguments


@contextmanager
def serve(
    *steps: Step, then: tuple[Step, ...] = (), says: str = "The work is done.", fail: Fail | None = None, silent: bool = False
) -> Iterator[ModelServer]:
    """`then`: what is done at the session's later prompts; left out: the same. `silent`: connections are taken and nothing is ever answered."""
    stopped = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            server.unknown.append(f"GET {self.path}")
            known = self.path.split("?")[0].endswith("/models")
            models = [{"id": "scripted-1", "object": "model", "created": 1, "owned_by": "tests", "type": "model", "display_name": "scripted"}]
            self.reply(200 if known else 404, {}, "application/json", json.dumps({"object": "list", "data": models}).encode())

        def do_HEAD(self) -> None:
            self.reply(200, {}, "text/plain", b"")

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if silent:
                stopped.wait()
                return
            route = self.path.split("?")[0]
            if route.endswith(("/count_tokens", ":countTokens")):
                self.reply(200, {}, "application/json", json.dumps({"input_tokens": 1200, "totalTokens": 1200}).encode())
                return
            request = asked(self.path, json.loads(sent or b"{}"))
            if request is None:
                server.unknown.append(f"POST {self.path}")
                self.reply(404, {}, "application/json", b'{"error": {"message": "no such address"}}')
                return
            server.requests.append(request)
            server.headers.append(dict(self.headers))
            if server.fail:
                refused = server.fail
                self.reply(refused.status, refused.headers, "application/json", refusal(request.wire, refused.status, refused.kind, refused.message))
                return
            kind, data = body(request, server.answer(request))
            self.reply(200, {}, kind, data)

        def reply(self, status: int, headers: dict[str, str], kind: str, data: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Type": kind, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a client that was ended

    with Quiet(("127.0.0.1", 0), Handler) as http:
        server = ModelServer(int(http.server_address[1]), (steps, then or steps), says, fail)
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            stopped.set()
            http.shutdown()
            thread.join()
