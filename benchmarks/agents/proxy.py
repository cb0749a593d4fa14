"""A proxy on loopback between an agent and its model: the same question is asked once, and what it took then counts each time.

Answers lie below a folder, one file each, named by the hash of the request: model, messages, parameters. A sampled request, one with a `seed`,
gets the seed of the benchmark added, so that each seed draws other numbers; a greedy one is the same for all seeds. Arms share what they ask
alike, and a benchmark that was interrupted goes on with what it had. Keys travel in headers and are never stored. Questions wait for one another, so
that seconds are of an answer and not of a queue; a model that answers several at once may be asked so many.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from orchestrator.run.agents.prices import is_local

FORWARDED = ("authorization", "content-type")


@dataclass(frozen=True)
class Answer:
    """One answer as it was measured."""

    seconds: float
    input_tokens: int | None
    output_tokens: int | None
    model: str
    sampled: bool
    cached: bool
    """It was measured earlier."""


@dataclass
class Account:
    """What one run of one arm was answered."""

    answers: list[Answer] = field(default_factory=list)
    failed: str = ""
    """Why the model did not answer, or was not asked: the run says nothing about the agent then."""


@dataclass
class Proxy:
    upstream: str
    """Base URL of the model, up to and including `/v1`."""
    folder: Path
    """Where answers are kept."""
    seconds: float
    """How long one answer may take."""
    deadline: float | None = None
    """On the monotonic clock: nothing new is asked after it."""
    most: int = 1
    """Questions at once."""
    port: int = 0
    accounts: dict[str, Account] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._room = threading.BoundedSemaphore(self.most)

    def url(self, run: str, seed: int) -> str:
        """The base URL for one run of an arm; `run` is a name without slashes. Its account begins anew."""
        self.accounts[run] = Account()
        return f"http://127.0.0.1:{self.port}/{run}/{seed}/v1"

    @property
    def over(self) -> bool:
        return self.deadline is not None and time.monotonic() >= self.deadline

    def ask(self, run: str, seed: int, path: str, body: dict[str, Any], headers: dict[str, str]) -> tuple[int, bytes]:
        """(status, body) of the answer, kept or new."""
        account = self.accounts[run]
        sampled = "seed" in body
        if sampled:
            body = body | {"seed": int(body["seed"]) + seed}
        key = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        kept = self.folder / key[:2] / f"{key}.json"
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._room, (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX if self.most == 1 else fcntl.LOCK_SH)  # also of another benchmark on this machine
            if cached := kept.exists():
                told = json.loads(kept.read_text(encoding="utf-8"))
            elif self.over:
                account.failed = "the time is over"
                return 503, b'{"error": {"message": "the time of the benchmark is over"}}'
            else:
                started = time.monotonic()
                try:
                    with httpx.Client(timeout=self.seconds, trust_env=not is_local(self.upstream)) as client:
                        reply = client.post(self.upstream.rstrip("/") + path, json=body, headers=headers)
                except httpx.HTTPError as error:
                    account.failed = f"{self.upstream}: {error or type(error).__name__}"
                    return 502, json.dumps({"error": {"message": account.failed}}).encode()
                if reply.status_code != 200:
                    account.failed = f"{self.upstream}: status {reply.status_code}: {reply.text[:200]}"
                    return reply.status_code, reply.content
                told = {"seconds": time.monotonic() - started, "request": body, "reply": reply.json()}
                kept.parent.mkdir(exist_ok=True)
                part = kept.with_suffix(".part")
                part.write_text(json.dumps(told), encoding="utf-8")
                part.replace(kept)
        usage = told["reply"].get("usage") or {}
        model = str(told["reply"].get("model") or body.get("model"))
        answer = Answer(told["seconds"], usage.get("prompt_tokens"), usage.get("completion_tokens"), model, sampled, cached)
        account.answers.append(answer)
        return 200, json.dumps(told["reply"]).encode()


@contextmanager
def serve(upstream: str, folder: Path, seconds: float, deadline: float | None = None, most: int = 1) -> Iterator[Proxy]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            _, run, seed, _, *rest = self.path.split("/")
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            headers = {name: value for name, value in self.headers.items() if name.lower() in FORWARDED}
            status, data = proxy.ask(run, int(seed), "/" + "/".join(rest), body, headers)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # an agent that went away at its time limit

    proxy = Proxy(upstream, folder, seconds, deadline, most)
    with Server(("127.0.0.1", 0), Handler) as http:
        proxy.port = http.server_address[1]
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            http.shutdown()
            thread.join()
