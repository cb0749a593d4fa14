"""What people and programs see of a run: lines of JSON, plain lines, progress in a terminal (a real one, by a pty), and the log that stays."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

import jsonschema
import pyte
import pytest

from tests.conftest import Workplace, clean_environment
from tests.end_to_end.test_prune import ONE

SECRET = "sesame-4711-opens"
TITLE = "Count [bold red]the[/] :smile: lanterns"
HOSTILE = ONE.replace("Count the lanterns", TITLE)
SLOW = """
import time

def turn(brief, folder):
    time.sleep(1)
    (folder / "lanterns.py").write_text("def count(metres):\\n    return metres // 10\\n")
    return {"text": "written", "usage": {"input_tokens": 1200, "output_tokens": 34}}
"""


def _as_a_shell_does() -> None:
    """The terminal is the command's, and Ctrl-C reaches it, also where these tests were started with SIGINT ignored."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """The command in a pseudo-terminal, and what its screen shows."""

    def __init__(self, place: Workplace, *arguments: str, columns: int = 90, lines: int = 24, **environment: str) -> None:
        self.screen = pyte.HistoryScreen(columns, lines, history=1000, ratio=0.5)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        env = {name: value for name, value in clean_environment().items() if name not in ("CI", "NO_COLOR")}
        env |= {"TERM": "xterm-256color", **environment}
        self.process = subprocess.Popen(
            place.argv(*arguments),
            cwd=place.root,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=env,
            start_new_session=True,
            preexec_fn=_as_a_shell_does,
        )
        os.close(slave)
        self.master = master

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def read(self, seconds: float) -> bool:
        """What came within that time; whether more may come."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:  # Linux says so when the other end is closed
            return False
        self.raw += data
        self.stream.feed(data)
        return bool(data)

    def until(self, true: str, seconds: float = 120) -> None:
        """Until that stands on the screen."""
        deadline = time.monotonic() + seconds
        while true not in "\n".join(self.shown()):
            assert time.monotonic() < deadline and self.read(1), f"{true!r} never came:\n" + "\n".join(self.shown())

    def end(self, seconds: float = 120) -> int:
        deadline = time.monotonic() + seconds
        while self.read(1):
            assert time.monotonic() < deadline
        code = self.process.wait(20)
        os.close(self.master)
        return code

    def shown(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]

    def everything(self) -> list[str]:
        """What scrolled away, and what is there."""
        above = ["".join(line[column].data for column in range(self.screen.columns)).rstrip() for line in self.screen.history.top]
        return [*above, *self.shown()]


def lines_of(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_json_lines_fit_their_schema_and_the_log_holds_them_without_keys(place: Workplace) -> None:
    place.prd("lanterns", HOSTILE)
    place.agent(SLOW, redact=["sesame-[0-9]+-opens"])
    (place.root / "prds" / "lanterns.md").write_text(HOSTILE.replace(TITLE, f"{TITLE} {SECRET}"))
    done = place.command("run", "--progress", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    schema = json.loads(place.command("site", "schema").stdout)["told"]
    told = lines_of(done.stdout)
    checker = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    assert [error.message for each in told for error in checker.iter_errors(each)] == []
    kinds = [each["kind"] for each in told]
    assert kinds[0] == "run began" and "run ended" in kinds
    order = ["project began", "task began", "turn began", "turn ended", "task ended", "project ended"]
    assert [kind for kind in dict.fromkeys(kinds) if kind in order] == order
    (began,) = (each for each in told if each["kind"] == "task began")
    assert began["task"] == "lanterns#R1" and TITLE in str(began["text"])
    assert SECRET not in done.stdout and "[redacted]" in done.stdout
    assert told[-1]["text"] == str(place.root / "site" / "index.html"), "what is no part of the run is a note"

    (report,) = place.runs("lanterns")
    log = place.root / "runs" / "lanterns" / "reports" / f"{report['id']}.jsonl"
    kept = lines_of(log.read_text("ascii"))
    assert kept == [each for each in told if each["project"]]
    assert SECRET not in log.read_text()
    page = place.root / "site" / "projects" / "lanterns" / report["id"] / "index.html"
    assert 'href="log.jsonl"' in page.read_text("utf-8")
    assert (page.parent / "log.jsonl").read_bytes() == log.read_bytes()
    assert (page.parent / "../../../schemas/told.json").resolve().is_file()

    again = place.command("run", "--no-site", "--progress", "json")
    assert [each["kind"] for each in lines_of(again.stdout)] == ["run began", "project began", "project ended", "run ended"]
    assert sorted(log.parent.glob("*.jsonl")) == [log], "a run that finds nothing new writes nothing"
    assert again.stdout.isascii() and place.run("--progress", "none").stdout.startswith("\nproject ")


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}], ids=["colours", "NO_COLOR"])
def test_a_terminal_shows_progress_below_the_lines_and_is_left_as_a_pipe_would_be(place: Workplace, environment: dict[str, str]) -> None:
    place.prd("lanterns", HOSTILE)
    place.agent(SLOW)
    terminal = Terminal(place, "run", "--no-site", **environment)
    terminal.until("writing code, attempt 1 (script)")
    shown = terminal.shown()
    (project,) = (line for line in shown if line.startswith("lanterns "))
    assert "0/1" in project
    assert "━" in project or environment, "without colours only what is done of a bar is drawn"
    assert any(line.startswith("  lanterns#R1") for line in shown)
    assert any(re.search(r"0/1 tasks · 0 turns \+ 1 · 0:\d\d", line) for line in shown), shown
    assert f"lanterns#R1: {TITLE} …" in shown, "no markup"
    terminal.until("this run: 1 turn")
    assert terminal.end() == 0
    left = [line for line in terminal.everything() if line]
    assert left[0] == f"lanterns#R1: {TITLE} …"
    assert not any("━" in line or " tasks ·" in line for line in left), "what was drawn is gone"
    assert left[-1] == "this run: 1 turn, 1 task done"
    assert bool(re.search(rb"\x1b\[[0-9;]*3[0-9]", terminal.raw)) is not bool(environment)
    assert terminal.raw.count(b"\x1b[?25l") == terminal.raw.count(b"\x1b[?25h") == 1, "the cursor is there again"


@pytest.mark.parametrize(
    ("environment", "moves"),
    [({}, True), ({"CI": "true"}, False), ({"TERM": "dumb"}, False)],
    ids=["terminal", "CI", "dumb"],
)
def test_nothing_moves_where_it_should_not(place: Workplace, environment: dict[str, str], moves: bool) -> None:
    place.prd("lanterns", ONE)
    place.configure(agent="recorded")  # there are no recordings: the project is looked at, and waits
    terminal = Terminal(place, "run", "--no-site", columns=40, **environment)
    assert terminal.end() == 5
    assert (b"\x1b[?25l" in terminal.raw) is moves
    assert moves or b"\x1b" not in terminal.raw
    assert any("lanterns" in line and "0 of 1" in line for line in terminal.everything())


def test_ctrl_c_once_finishes_the_step_and_the_turn_is_not_taken_again(place: Workplace) -> None:
    place.prd("lanterns", ONE)
    place.agent(SLOW.replace("sleep(1)", "sleep(8)"))
    terminal = Terminal(place, "run", "--no-site")
    terminal.until("writing code, attempt 1 (script)")
    terminal.type("\x03")
    assert terminal.end() == 130
    left = [line for line in terminal.everything() if line]
    assert left[-1] == "orchestrator: stopped; the next run continues where this one ended"
    assert not any("━" in line or " tasks ·" in line or "once more" in line for line in left)
    place.agent("def turn(brief, folder):\n    raise SystemExit('asked again')\n")
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert place.states("lanterns") == {"lanterns#R1": "done"}


def test_ctrl_c_twice_ends_it_at_once_the_terminal_is_whole_and_the_next_run_goes_on(place: Workplace) -> None:
    place.prd("lanterns", ONE)
    place.agent(SLOW.replace("sleep(1)", "sleep(30)"))
    terminal = Terminal(place, "run", "--no-site")
    terminal.until("writing code, attempt 1 (script)")
    terminal.type("\x03")
    terminal.until("Ctrl-C once more stops now")
    shown = terminal.shown()
    assert sum(line.startswith("  lanterns#R1") for line in shown) == sum(line.startswith("lanterns ") for line in shown) == 1, shown
    began = time.monotonic()
    terminal.type("\x03")
    assert terminal.end() == 130
    assert time.monotonic() - began < 20
    assert "Traceback" not in "\n".join(terminal.everything())
    assert terminal.raw.count(b"\x1b[?25l") == terminal.raw.count(b"\x1b[?25h") == 1
    place.agent(SLOW)
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert place.states("lanterns") == {"lanterns#R1": "done"}
    interrupted, finished = sorted((place.root / "runs/lanterns/reports").glob("*.jsonl"))
    assert lines_of(interrupted.read_text())[-1]["facts"]["outcome"] == "interrupted"  # type: ignore[index]
    assert lines_of(finished.read_text())[-1]["facts"]["outcome"] == "done"  # type: ignore[index]


def test_plain_lines_have_no_escapes_even_in_a_terminal(place: Workplace) -> None:
    terminal = Terminal(place, "run", "--no-site", "--progress", "plain")
    assert terminal.end() == 0
    assert b"\x1b" not in terminal.raw


def test_a_reader_that_goes_away_does_not_end_the_run(place: Workplace) -> None:
    place.prd("lanterns", ONE)
    place.agent(SLOW)
    argv = place.argv("run", "--no-site", "--progress", "json")
    run = subprocess.Popen(argv, cwd=place.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment(), text=True)
    assert run.stdout is not None and run.stderr is not None
    run.stdout.readline()
    run.stdout.close()
    said = run.stderr.read()
    assert run.wait(120) == 0, said
    assert said == ""
    assert place.states("lanterns") == {"lanterns#R1": "done"}


def test_watch_speaks_json_too(place: Workplace) -> None:
    log = (place.root / "log.txt").open("w")
    watching = subprocess.Popen(
        place.argv("watch", "--progress", "json"), cwd=place.root, stdout=log, stderr=subprocess.STDOUT, env=clean_environment()
    )
    try:
        deadline = time.monotonic() + 60
        while "index.html" not in place.log():
            assert time.monotonic() < deadline, place.log()
            time.sleep(0.1)
    finally:
        watching.terminate()
        assert watching.wait(20) == 0
    texts = [str(each["text"]) for each in lines_of(place.log())]
    assert texts[0].startswith("watching ") and texts[-1] == "watch ended"


def test_no_log_is_kept_where_none_is_wanted(place: Workplace) -> None:
    place.prd("lanterns", ONE)
    place.agent(SLOW, log={"megabytes": 0})
    assert place.run().returncode == 0
    assert list(Path(place.root / "runs").rglob("*.jsonl")) == list(Path(place.root / "runs").rglob("journal/*.jsonl"))
