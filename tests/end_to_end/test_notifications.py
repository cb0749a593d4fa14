"""People are told of what happens: the real command, real Apprise, and real servers on loopback that keep what they were sent."""

from __future__ import annotations

import email
import json
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from email.header import decode_header, make_header
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.conftest import Workplace, clean_environment
from tests.test_architecture import WITHOUT

pytestmark = pytest.mark.apprise

SUMS = (
    "# Sums\n\n## Requirements\n\n### R1: Add\nModule: sums.py\n\n- AC1: two, says @everyone\n\n  | `add(a, b)` | => |\n  |---|---|\n  | 1, 2 | 3 |\n"
)
GOOD = "def turn(brief, folder):\n    (folder / 'sums.py').write_text('def add(a, b):\\n    return a + b\\n')\n"
BAD = "def turn(brief, folder):\n    (folder / 'sums.py').write_text('def add(a, b):\\n    return 0\\n')\n"
SECRET = "tok3n-that-nobody-sees"


class Received(list[dict[str, Any]]):
    """Messages as they came; `url` is where to send them."""

    url = ""

    def events(self) -> list[str]:
        return [message["title"].removeprefix("TDD orchestrator: ").partition(" (")[0] for message in self]


@pytest.fixture
def server() -> Iterator[Received]:
    received = Received()

    class Keeps(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Keeps) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        received.url = f"json://127.0.0.1:{http.server_address[1]}/{SECRET}"
        yield received
        http.shutdown()


def ready(place: Workplace, agent: str, urls: list[str], **notify: Any) -> None:
    place.prd("sums", SUMS)
    place.agent(agent, notify={"to": urls, **notify}, limits={"attempts": 1}, gates={"mutants": 0}, tidy={"enabled": False})


def everything(place: Workplace) -> str:
    """All that is on the disk in `runs`."""
    return "".join(path.read_bytes().decode("utf-8", "replace") for path in (place.root / "runs").rglob("*") if path.is_file())


def test_the_end_of_a_run_is_told_and_a_run_without_news_is_not(place: Workplace, server: Received) -> None:
    ready(place, GOOD, [server.url], every_seconds=0)
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    (message,) = server
    assert (message["title"], message["type"]) == ("TDD orchestrator: run finished", "success")
    assert message["message"].startswith("1 done; 1 turn in ") and message["message"].endswith("exit code 0 (done)\nsums: done")
    assert place.run().returncode == 0
    assert len(server) == 1
    assert SECRET not in done.stdout + done.stderr + everything(place)


def test_a_failure_is_told_at_once_and_what_follows_is_held_back_and_counted(place: Workplace, server: Received) -> None:
    ready(place, BAD, [server.url])
    assert place.run().returncode == 1
    assert server.events() == ["a task failed", "run finished"]
    assert server[0]["type"] == "failure" and server[0]["message"].startswith("sums#R1: gave up: ")
    assert "exit code 1 (a task failed)\nsums: failed\nsums#R1: gave up" in server[1]["message"]
    for _ in range(2):
        assert place.command("retry").returncode == 0
        assert place.run().returncode == 1
    assert len(server) == 2, "one of a kind in 300 seconds, over runs and processes"
    ready(place, BAD, [server.url], every_seconds=0)
    assert place.command("retry").returncode == 0
    assert place.run().returncode == 1
    assert server.events()[2:] == ["a task failed", "run finished"]
    assert "\n2 more of this kind since " in server[2]["message"] and server[2]["message"].endswith(" were held back")


def test_a_question_pings_nobody_and_only_what_is_wanted_is_told(place: Workplace, server: Received) -> None:
    question = "- AC2: unclear, asks @everyone [NEEDS CLARIFICATION: which @channel?]\n"
    ready(place, GOOD, [server.url], on=["person"])
    place.prd("sums", SUMS.replace("- AC1", question + "- AC1"))
    assert place.run().returncode == 3
    assert server.events() == ["a person is needed"]
    assert "@\u200bchannel" in server[0]["message"] and "@channel" not in server[0]["message"]


def test_a_budget_and_a_breaker_that_hold_back_turns_are_told(place: Workplace, server: Received) -> None:
    place.prd("sums", SUMS)
    place.agent(BAD, notify={"to": [server.url], "on": ["budget"]}, limits={"attempts": 2}, budgets={"run": {"turns": 1}, "warn_percent": 0})
    assert place.run().returncode == 5
    assert server.events() == ["a budget comes to its end"]
    assert "the run's budget of 1 turns is used" in server[0]["message"]
    server.clear()
    broken = "def turn(brief, folder):\n    raise SystemExit('no such model')\n"
    breaks = {"agent": {"failures": 1}, "step": {"failures": 1}}
    place.agent(broken, name="other", notify={"to": [server.url], "on": ["breaker"], "every_seconds": 0}, breakers=breaks)
    place.command("retry")
    place.run()
    place.command("retry")
    place.run()
    assert "a breaker holds back turns" in server.events()


def test_urls_come_from_the_environment_and_messages_from_templates(place: Workplace, server: Received) -> None:
    ready(
        place,
        GOOD,
        [],
        to_env=["WHERE_TO", "NOWHERE"],
        title="{{ event }} of {{ facts.done }}",
        templates={"finished": "code {{ facts.exit_code }}, key {{ text }}"},
    )
    place.prd("sums", SUMS.replace("two, says", f"two, {SECRET}, says"))
    done = place.command("run", "--no-site", WHERE_TO=server.url)
    assert done.returncode == 0, done.stdout + done.stderr
    (message,) = server
    assert message["title"] == "finished of 1" and message["message"].startswith("code 0, key 1 done")
    assert "the environment variable NOWHERE (`notify.to_env`) is not set" in done.stdout


@pytest.mark.parametrize("url", ["json://127.0.0.1:9/{}", "nosuch://{}"])
def test_what_cannot_be_sent_is_said_once_and_fails_nothing(place: Workplace, server: Received, url: str) -> None:
    ready(place, BAD, [url.format(SECRET)])
    done = place.run()
    assert done.returncode == 1
    said = [line for line in done.stdout.splitlines() if line.startswith("notifications: ")]
    assert len(said) == 1 and said[0].startswith(f"notifications: {url.partition('/')[0]}//…"), done.stdout
    assert SECRET not in done.stdout + done.stderr + everything(place)
    ready(place, BAD, [server.url])
    assert place.command("retry").returncode == 0
    assert place.run().returncode == 1
    assert server.events() == ["a task failed", "run finished"], "what was not sent holds nothing back"
    assert "1 more of this kind" in server[0]["message"]


def test_a_server_that_never_answers_holds_up_a_run_only_for_a_moment(place: Workplace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ready(place, GOOD, [f"json://127.0.0.1:{silent.getsockname()[1]}/?rto=60"], seconds=1)
        began = time.monotonic()
        done = place.run()
    assert done.returncode == 0
    assert "notifications: 1 could not be sent within 1 seconds" in done.stdout
    assert time.monotonic() - began < 50, "the read time limit of the URL is 60 seconds"


def test_mail_through_a_real_smtp_connection(place: Workplace) -> None:
    mails: list[str] = []

    class Sink(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 sink\r\n")
            while line := self.rfile.readline():
                word = line[:4].upper()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    mails.append(b"".join(iter(self.rfile.readline, b".\r\n")).decode())
                self.wfile.write(b"250-sink\r\n250 8BITMIME\r\n" if word == b"EHLO" else b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")
                if word == b"QUIT":
                    return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Sink) as smtp:
        threading.Thread(target=smtp.serve_forever, daemon=True).start()
        url = f"mailto://127.0.0.1:{smtp.server_address[1]}/?from=orchestrator@product.example&to=team@product.example&mode=insecure&format=text"
        place.configure(notify={"to": [url]})
        done = place.command("notify", "--test")
        smtp.shutdown()
    assert (done.returncode, done.stdout) == (0, "sent to mailto://…\n"), done.stdout + done.stderr
    mail = email.message_from_string(mails[0])
    assert (str(make_header(decode_header(mail["Subject"]))), mail["To"]) == ("TDD orchestrator: a test", "team@product.example")
    assert "This is a test from work" in mail.get_payload()


def test_the_command_says_who_is_told_what_and_sends_a_test(place: Workplace, server: Received) -> None:
    place.configure()
    assert place.command("notify").stdout.startswith("nobody is told")
    assert place.command("notify", "--test").returncode == 2
    place.configure(notify={"to": [server.url, "json://127.0.0.1:9/x"], "on": ["failed"]})
    shown = place.command("notify")
    assert shown.stdout.startswith("to  json://…\nto  json://…\noff finished   ") and "\non  failed " in shown.stdout
    assert SECRET not in shown.stdout
    tested = place.command("notify", "--test")
    assert (tested.returncode, tested.stdout.splitlines()[0]) == (5, "sent to json://…")
    assert tested.stdout.splitlines()[1].startswith("not sent: json://…: ")
    assert "This is a test from work" in server[0]["message"]


@pytest.mark.parametrize(
    ("notify", "said"),
    [
        ({"to_env": ["json://x"]}, "these are names of environment variables"),
        ({"templates": {"failed": "{{ open"}}, "not a template"),
        ({"on": ["sneezed"]}, "notify.on.0"),
        ({"to": [["json://x", SECRET]]}, "`notify.to.0` is not shown"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_no_url_is_shown(place: Workplace, notify: dict[str, Any], said: str) -> None:
    place.configure(notify=notify)
    done = place.command("notify")
    assert (done.returncode, said in done.stderr, SECRET in done.stderr) == (2, True, False), done.stderr


def test_without_apprise_it_is_said_and_the_run_goes_on(place: Workplace, server: Received) -> None:
    ready(place, BAD, [server.url])
    argv = [sys.executable, "-c", WITHOUT % (["apprise"], ["apprise"]), "run", "--no-site"]
    done = subprocess.run(argv, cwd=place.root, capture_output=True, text=True, env=clean_environment(), timeout=200)
    assert done.returncode == 1, done.stdout + done.stderr
    said = [line for line in done.stdout.splitlines() if "Apprise is not installed" in line]
    assert said == ["notifications: they are configured, and Apprise is not installed"], done.stdout
    assert "pip install 'tdd-orchestrator[notify]'" in done.stdout and len(server) == 0
