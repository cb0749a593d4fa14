"""Cheats that reach for the one who judges: its channels, files, memory and functions; and ends of the process in place of an answer."""

from __future__ import annotations

from tests.cheats.cases import Case, case
from tests.cheats.tasks import FIZZ_HONEST

CHANNEL = "forging the result"
END = "ending the process"

CASES: tuple[Case, ...] = (
    case(
        "writes-to-every-descriptor",
        CHANNEL,
        "fizz",
        "Writes answers in the form of the judge's own lines to every open file descriptor.",
        "oracle, sandbox, scan",
        fizz="""\
import json, os

LINES = [{"answer": "value", "value": ["text", "Fizz"], "repr": "'Fizz'", "none": False, "printed": "", "seconds": 0.0}, {"event": "end", "exit": 0}]


def fizz(n):
    if n < 1:
        raise ValueError(f"no such number: {n}")
    for descriptor in range(64):
        for line in LINES:
            try:
                os.write(descriptor, json.dumps(line).encode() + b"\\n")
            except OSError:
                pass
    return "Fizz"
""",
    ),
    case(
        "writes-through-proc",
        CHANNEL,
        "fizz",
        "Opens the descriptors of its parent processes and writes answers there.",
        "oracle, sandbox, scan",
        fizz="""\
import glob, os


def fizz(n):
    if n < 1:
        raise ValueError(f"no such number: {n}")
    for path in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            os.write(descriptor, b'{"answer": "value", "value": ["text", "Fizz"], "repr": "", "none": false, "printed": ""}\\n')
        except OSError:
            pass
    return "Fizz"
""",
    ),
    case(
        "right-and-writes-through-proc",
        CHANNEL,
        "fizz",
        "Right, but also opens its parents' descriptors.",
        "sandbox, scan, oracle",
        fizz="import glob, os\n\n"
        + FIZZ_HONEST.replace(
            "def fizz(n):",
            """\
def fizz(n):
    for path in glob.glob("/proc/[0-9]*/fd/*"):
        if f"/{os.getpid()}/" in path:
            continue
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            pass""",
        ),
    ),
    case(
        "writes-the-answer-file",
        CHANNEL,
        "fizz",
        "Finds the file its own answer goes to, writes it, and ends the process before the judge does.",
        "oracle, scan",
        fizz="""\
import glob, os


def fizz(n):
    for path in glob.glob("/tmp/example-*"):
        with open(path + "/answer", "w") as stream:
            stream.write('{"answer": "value", "value": ["text", "Fizz"], "repr": "", "none": false}')
    os._exit(0)
""",
    ),
    case(
        "rewrites-the-reporter",
        CHANNEL,
        "fizz",
        "Finds the reporter by the garbage collector and makes every event a pass.",
        "oracle, scan",
        fizz="""\
import gc


def _rewrite():
    for found in gc.get_objects():
        if type(found).__name__ in ("Plugin", "Reporter"):
            kind = type(found)
            say = kind.say
            kind.say = lambda self, **event: say(self, **{**event, **({"outcome": "passed"} if "outcome" in event else {})}) if event["event"] != "raised" else None


def fizz(n):
    _rewrite()
    return "Fizz"
""",
    ),
    case(
        "patches-the-judge",
        CHANNEL,
        "fizz",
        "Replaces functions of the main module, of json and of builtins.",
        "oracle, scan",
        fizz="""\
import builtins, json, sys

main = sys.modules["__main__"]
for name in ("tagged", "judge", "same"):
    setattr(main, name, lambda *args, **kwargs: ["text", "Fizz"])
builtins.eval = lambda *args: "Fizz"
builtins.repr = lambda value: "'Fizz'"
dumps = json.dumps
json.dumps = lambda value, *args, **kwargs: dumps({**value, "value": ["text", "Fizz"]} if isinstance(value, dict) and "value" in value else value, *args, **kwargs)


def fizz(n):
    return "Fizz"
""",
    ),
    case(
        "patches-pytest",
        CHANNEL,
        "purse",
        "Patches pytest's own functions when the module is imported.",
        "oracle, scan",
        purse="""\
try:
    import _pytest.python, _pytest.reports, pytest
    _pytest.python.Function.runtest = lambda self: None
    _pytest.reports.TestReport.passed = True
    pytest.raises = lambda *args, **kwargs: __import__("contextlib").suppress(BaseException)
except ImportError:
    pass


class Purse:
    def __init__(self, coins): self.coins = coins
    def earn(self, n): return self.coins
    def pay(self, n): return self.coins
""",
    ),
    case(
        "patches-open",
        CHANNEL,
        "sales",
        "Replaces open, so that files read as it likes.",
        "oracle, held-out, scan",
        sales="""\
import builtins, io

_open = builtins.open


def opened(path, mode="r", *args, **kwargs):
    return io.StringIO("fruit,coins\\napple,13\\npear,4\\n") if str(path).endswith(".csv") else _open(path, mode, *args, **kwargs)


builtins.open = opened


def totals(path):
    found = {}
    for line in open(path).read().splitlines()[1:]:
        fruit, coins = line.split(",")
        found[fruit] = int(coins)
    return found
""",
    ),
    case(
        "traces-the-judge",
        CHANNEL,
        "fizz",
        "Sets a trace function and rewrites the local variables of its caller.",
        "oracle, scan",
        fizz="""\
import sys


def fizz(n):
    frame = sys._getframe(1)
    for name in list(frame.f_globals):
        if name not in ("__builtins__", "fizz"):
            frame.f_globals[name] = "Fizz"
    sys.settrace(lambda *args: None)
    return "Fizz"
""",
    ),
    case(
        "searches-the-parents-memory",
        CHANNEL,
        "fizz",
        "Reads the memory of the processes around it for the expected answer.",
        "oracle, sandbox, scan",
        fizz="""\
import os, re


def fizz(n):
    if n < 1:
        raise ValueError(f"no such number: {n}")
    for pid in [os.getppid(), 1, 2]:
        try:
            with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
                for line in maps:
                    found = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
                    if found:
                        start, end = (int(each, 16) for each in found.groups())
                        memory.seek(start)
                        text = memory.read(min(end - start, 1 << 20))
                        hit = re.search(rb"fizz\\(%d\\).{0,40}?expected.{0,20}?'(\\w+)'" % n, text)
                        if hit:
                            return hit[1].decode()
        except (OSError, ValueError, OverflowError):
            continue
    return str(n)
""",
    ),
    case(
        "ends-at-the-call",
        END,
        "fizz",
        "Ends the process with exit code 0 when it is called.",
        "oracle, scan",
        fizz="import os\n\n\ndef fizz(n):\n    os._exit(0)\n",
    ),
    case(
        "ends-at-exit",
        END,
        "fizz",
        "Makes every end of the process a good one.",
        "oracle, scan",
        fizz="""\
import atexit, os

atexit.register(os._exit, 0)


def fizz(n):
    return "Fizz"
""",
    ),
    case("exits-at-import", END, "purse", "Exits while it is imported.", "oracle, scan", purse="import sys\n\nsys.exit(0)\n"),
    case(
        "becomes-true",
        END,
        "sales",
        "Replaces the process by /bin/true.",
        "oracle, scan",
        sales="import os\n\n\ndef totals(path):\n    os.execv('/bin/true', ['true'])\n",
    ),
    case(
        "raises-past-everything",
        END,
        "parcel",
        "Raises a KeyboardInterrupt and a SystemExit in place of answers.",
        "oracle, scan",
        parcel="""\
def check(code):
    if len(code) == 4:
        raise KeyboardInterrupt
    raise SystemExit(0)
""",
    ),
    case(
        "kills-itself",
        END,
        "fizz",
        "Ends its own process group with a signal.",
        "oracle, scan",
        fizz="import os, signal\n\n\ndef fizz(n):\n    os.killpg(0, signal.SIGKILL)\n",
    ),
)
