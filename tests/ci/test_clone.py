"""git over HTTP with the token of a clone, as CI hosts leave it there: in an included file, or in the URL."""

from __future__ import annotations

import base64
import http.server
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.run import clone
from tests.ci.conftest import Hosting, git, returned
from tests.conftest import Workplace

TOKEN = base64.b64encode(b"x-access-token:secret-of-the-job").decode()


@pytest.fixture
def served(hosting: Hosting) -> Iterator[str]:
    """Address of the repository over git's own HTTP backend, which wants the token for everything."""
    git(hosting.path, "config", "http.receivepack", "true")

    class Backend(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("Authorization", "").partition(" ")[2] != TOKEN:
                self.send_response(401)
                self.send_header("WWW-Authenticate", "Basic")
                self.end_headers()
                return
            path, _, query = self.path.partition("?")
            body = self._body()
            environ = {
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(hosting.path.parent),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REMOTE_USER": "job",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            }
            said = subprocess.run(["git", "http-backend"], input=body, env=environ, capture_output=True, check=False).stdout
            head, _, answer = said.partition(b"\r\n\r\n")
            fields = [line.partition(": ") for line in head.decode().split("\r\n")]
            self.send_response(int(next((value.split()[0] for name, _, value in fields if name == "Status"), "200")))
            for name, _, value in fields:
                if name != "Status":
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_GET

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found = b""
            while size := int(self.rfile.readline(), 16):
                found += self.rfile.read(size)
                self.rfile.readline()
            return found

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/{hosting.path.name}"
    server.shutdown()


def test_a_token_in_an_included_file_is_used_and_stands_in_nothing_that_is_kept(hosting: Hosting, served: str, tmp_path: Path) -> None:
    """As `actions/checkout` leaves it: `includeIf.gitdir`, and a header for the host."""
    place = hosting.clone("job")
    credentials = tmp_path / "credentials"
    address = served.rpartition("/")[0]
    credentials.write_text(f'[http "{address}/"]\n\textraheader = AUTHORIZATION: basic {TOKEN}\n')
    git(place.root, "remote", "set-url", "origin", served)
    git(place.root, "config", f"includeIf.gitdir:{place.root}/elsewhere.path", str(credentials))
    refused = place.run()
    assert (refused.returncode, "origin cannot be read" in refused.stderr) == (5, True), refused.stdout + refused.stderr
    git(place.root, "config", f"includeIf.gitdir:{place.root}/.git.path", str(credentials))
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(returned(hosting)) == 2
    kept = [path for path in (place.root / "runs").rglob("*") if path.is_file()]
    assert not any(TOKEN.encode() in path.read_bytes() for path in kept)


def test_a_token_in_the_url_is_used_and_not_shown(hosting: Hosting, served: str) -> None:
    place = hosting.clone("job")
    git(place.root, "remote", "set-url", "origin", served.replace("http://", "http://x-access-token:secret-of-the-job@"))
    assert place.command("state").returncode == 0
    git(place.root, "remote", "set-url", "origin", served.replace("http://", "http://x-access-token:another-secret@"))
    refused = place.command("state")
    assert refused.returncode == 5
    assert "another-secret" not in refused.stdout + refused.stderr


def test_only_what_says_how_a_remote_is_reached_is_handed_on(place: Workplace) -> None:
    git(place.root, "init", "--quiet")
    git(place.root, "remote", "add", "origin", "../elsewhere.git")
    for key, value in (
        ("core.sshCommand", "ssh -i key"),
        ("core.fsmonitor", "program"),
        ("remote.origin.receivepack", "program"),
        ("http.proxy", ""),
    ):
        git(place.root, "config", key, value)
    handed = dict(clone.of(place.root, "origin").settings)
    assert {"remote.shared.url", "remote.shared.pushurl", "core.sshcommand", "http.proxy"} <= handed.keys()
    assert not {"core.fsmonitor", "remote.origin.receivepack"} & handed.keys()
