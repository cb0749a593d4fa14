"""A scripted OpenAI-compatible server on loopback: real sockets, canned answers, every request kept."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """One answer to `/chat/completions`. `body` None makes a completion out of `text`."""

    text: str = ""
    usage: dict[str, Any] | None = None
    finish: str = "stop"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    wait: float = 0.0
    """Seconds before the first byte."""
    trickle: bool = False
    """One byte every 50 ms, for ever."""

    def data(self) -> bytes:
        if self.body is not None:
            return self.body.encode()
        message = {"role": "assistant", "content": self.text}
        values: dict[str, Any] = {"model": "scripted-1", "choices": [{"index": 0, "message": message, "finish_reason": self.finish}]}
        return json.dumps(values | ({"usage": self.usage} if self.usage else {})).encode()


@dataclass
class ChatServer:
    url: str
    replies: list[Reply | Callable[[dict[str, Any]], Reply]]
    """Used up from the front; the last one stays. A function is asked with the request."""
    models: list[str] = field(default_factory=lambda: ["scripted-1"])
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.url.split(":")[2].split("/")[0])


@contextmanager
def serve(*replies: Reply | Callable[[dict[str, Any]], Reply]) -> Iterator[ChatServer]:
    stopped = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/v1/models"
            self.answer(200 if known else 404, {}, json.dumps({"data": [{"id": name} for name in server.models]}).encode())

        def do_POST(self) -> None:
            server.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            server.headers.append(dict(self.headers))
            next_one = server.replies.pop(0) if len(server.replies) > 1 else server.replies[0]
            reply = next_one if isinstance(next_one, Reply) else next_one(server.requests[-1])
            stopped.wait(reply.wait)
            if reply.trickle:
                self.send_response(200)
                self.end_headers()
                while not stopped.is_set():
                    self.wfile.write(b" ")
                    time.sleep(0.05)
                return
            self.answer(reply.status, reply.headers, reply.data())

        def answer(self, status: int, headers: dict[str, str], data: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a client that went away at its time limit

    with Quiet(("127.0.0.1", 0), Handler) as http:
        server = ChatServer(f"http://127.0.0.1:{http.server_address[1]}/v1", list(replies) or [Reply()])
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            stopped.set()
            http.shutdown()
            thread.join()


def closed_port() -> int:
    """A port of loopback where nothing listens."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
