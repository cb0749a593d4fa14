"""The scan of code: cheats are seen, honest code is not refused, and neither is the standard library."""

from __future__ import annotations

import ast
import sysconfig
import time
from pathlib import Path

import pytest

from orchestrator.model import Change, Example, Finding
from orchestrator.run.gates import scan
from tests.conftest import REPOSITORY
from tests.run.scan_cheats import CHEATS
from tests.run.scan_honest import HONEST
from tests.run.values import example


def scanned(text: str, *examples: Example, path: str = "shop.py") -> dict[str, Finding]:
    """Detector → its finding."""
    return {finding.message.partition(":")[0]: finding for finding in scan.code((Change(path, text),), examples)}


def refused(text: str, *examples: Example, path: str = "shop.py") -> dict[str, str]:
    return {name: finding.message for name, finding in scanned(text, *examples, path=path).items() if finding.severity == "error"}


# --- cheats --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_is_refused_by_its_detector(name: str) -> None:
    detector, text = CHEATS[name]
    compile(text, name, "exec")
    assert detector in refused(text), scanned(text)


def test_every_detector_that_refuses_has_a_cheat() -> None:
    errors = {name for name, (severity, _) in scan.DETECTORS.items() if severity == "error"}
    assert errors - {detector for detector, _ in CHEATS.values()} == {"unreadable"}


def test_a_finding_says_gate_file_line_and_what() -> None:
    (finding,) = scan.code((Change("a/b.py", "import os\n\n\ndef f():\n    os._exit(0)\n"),), ())
    assert finding == Finding(
        "scan", "hard exit: a/b.py ends, replaces or signals a process past every handler: `os._exit` (line 5)", where="a/b.py:5"
    )


def test_one_finding_for_a_file_and_detector() -> None:
    text = "import os\n" + "os._exit(0)\n" * 9
    (finding,) = [each for each in scan.code((Change("a.py", text),), ()) if each.message.startswith("hard exit")]
    assert finding.message.endswith("and 4 more")
    both = scan.code((Change("a.py", text), Change("b.py", text)), ())
    assert [each.where for each in both if each.message.startswith("hard exit")] == ["a.py:2", "b.py:2"]


DEEP = {
    "brackets": "(" * 5000 + ")" * 5000,
    "minus signs": "x = " + "-" * 50_000 + "1",
    "additions": "x = " + "+".join(["1"] * 20_000),
    "attributes": "import os\nx = os" + ".a" * 20_000,
    "calls": "import os\nx = os.a" + "()" * 20_000,
    "a circle of names": "a = b\nb = c\nc = a\nimport os\na.x(b.y, c.z)\n",
    "a name made of itself": "import time\nx = 1\nx = f(x)\nif time.time() > x: pass\n",
    "doubling": "a0 = 'x' * 1000\n" + "".join(f"a{n + 1} = a{n} + a{n}\n" for n in range(200)),
    "a huge repetition": "x = 'x' * 10**12\ny = b'x' * 10**9 * 10**9\n",
    "a bomb": "import zlib\nexec(zlib.decompress(" + repr(__import__("zlib").compress(b"0" * 50_000_000)) + "))\n",
    "zero bytes": "x = 1\0",
}


@pytest.mark.parametrize("name", DEEP)
def test_hostile_texts_are_read_or_refused_quickly(name: str) -> None:
    began = time.process_time()
    scan.code((Change("shop.py", DEEP[name]),), (example("f(1)", "2"),))
    scan.tests((Change("tests/test_a.py", DEEP[name]),), ("AC1",), ("shop.py",))
    assert time.process_time() - began < 10


def test_a_file_that_is_too_large_is_refused() -> None:
    assert "unreadable" in refused("x = 1\n" * 200_000)


def test_a_file_that_is_no_python_is_left_to_the_gate_for_that() -> None:
    assert scan.code((Change("shop.py", "def f(:"), Change("a.txt", "import os; os._exit(0)"), Change("b.py", None)), ()) == ()


def test_a_script_without_a_suffix_is_read() -> None:
    assert "hard exit" in refused("#!/usr/bin/env python3\nimport os\nos._exit(0)\n", path="bin/shop")


# --- programs, and what the examples speak of -------------------------------------------------------------------------


SCRIPT = "import os, sys\nif not sys.argv[1:]:\n    sys.exit(2)\nprint(os.environ.get('WHO'), sys.argv[0] == 'x')\n"


def test_a_file_that_a_console_example_runs_is_a_program() -> None:
    console = example("python -m shop Emma", "x", compare="console")
    assert {"exit at import", "sandbox tell"} <= refused(SCRIPT).keys()
    assert refused(SCRIPT, console) == {}
    assert "environment" not in scanned(SCRIPT, console)
    assert refused(SCRIPT, path="__main__.py") == {}
    assert refused(SCRIPT + 'if __name__ == "__main__":\n    pass\n') == {}


def test_what_the_examples_speak_of_is_a_notice() -> None:
    text = "import signal\ndef stop():\n    signal.raise_signal(signal.SIGTERM)\n"
    assert "hard exit" in refused(text)
    spoken = example("stop()", "None", setup=("import signal", "signal.signal(signal.SIGTERM, lambda *a: None)", "signal.raise_signal"))
    assert refused(text, spoken) == {}
    assert scanned(text, spoken)["hard exit"].severity == "notice"


def test_an_example_that_speaks_of_one_thing_excuses_no_other() -> None:
    text = "import os\ndef f(x):\n    os.kill(os.getppid(), 9)\n    os._exit(0)\n"
    assert "hard exit" in refused(text, example("f('os.kill')", "None"))


# --- honest code ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HONEST)
def test_honest_code_is_not_refused(name: str) -> None:
    compile(HONEST[name], name, "exec")
    assert refused(HONEST[name]) == {}


PLAIN = """
    _collections_abc _pydecimal argparse base64 bisect calendar cmd codeop colorsys configparser copy csv dataclasses datetime difflib filecmp fileinput fnmatch
    fractions functools getopt graphlib hashlib heapq hmac html/__init__ html/entities html/parser imaplib ipaddress json/decoder json/encoder json/scanner keyword
    locale mailbox mimetypes netrc numbers opcode operator optparse plistlib pprint queue quopri random re/_compiler re/_parser reprlib sched shelve shlex
    sre_parse stat statistics string stringprep struct symtable textwrap token tokenize tomllib/_parser urllib/parse uuid wave weakref xdrlib xml/dom/minidom
    xml/etree/ElementTree zipfile email/message email/header email/_header_value_parser tarfile gzip tempfile shutil glob pathlib
"""
KNOWN = {
    "abc": {"patches modules": "the Python version of ABCMeta is given its public module"},
    "ast": {"patches modules": "old attributes are added to the C classes of nodes"},
    "collections/__init__": {"frames": "namedtuple names the module of its caller"},
    "contextlib": {"patches modules": "redirect_stdout sets sys.stdout by a name it is given"},
    "enum": {"frames": "the functional form names the module of its caller"},
    "gettext": {"frames": "a warning names its caller", "patches modules": "install() is there to put `_` among the builtins"},
    "types": {"frames": "it names the types of frames", "code swap": "coroutine() changes flags of a code object"},
    "typing": {"frames": "NamedTuple and TypeVar name the module of their caller", "patches modules": "typing.io is made up as a module"},
}
"""Modules of the standard library that show errors, and why they need what no task needs."""


@pytest.mark.parametrize("name", [*PLAIN.split(), *KNOWN])
def test_the_standard_library_is_not_refused(name: str) -> None:
    path = Path(sysconfig.get_paths()["stdlib"]) / f"{name}.py"
    if not path.exists():
        pytest.skip(f"this Python has no {name}")
    found = refused(path.read_text("utf-8"), path="module.py")
    assert found.keys() <= KNOWN.get(name, {}).keys(), found


def test_the_recorded_answers_of_the_samples_are_not_refused() -> None:
    blocks = [
        part.partition("\n")[2].partition("```")[0]
        for path in sorted((REPOSITORY / "recordings").rglob("*.md"))
        for part in path.read_text("utf-8").split("```python")[1:]
    ]
    assert blocks
    assert [refused(block) for block in blocks if refused(block)] == []


def test_a_module_of_two_hundred_lines_takes_little_time() -> None:
    text = (Path(sysconfig.get_paths()["stdlib"]) / "shlex.py").read_text("utf-8")
    lines = text.count("\n")
    best = min(_seconds(text) for _ in range(5))
    assert best * 200 / lines < 0.05, "10 ms are meant; a busy machine gets five times that"


def _seconds(text: str) -> float:
    began = time.process_time()
    scan.code((Change("shop.py", text),), ())
    return time.process_time() - began


# --- the table -----------------------------------------------------------------------------------------------------------


def test_every_finding_is_of_the_table() -> None:
    for text in (*(text for _, text in CHEATS.values()), *HONEST.values()):
        for name, finding in scanned(text).items():
            assert name in scan.DETECTORS
            assert finding.severity == scan.DETECTORS[name][0]


NOTICES = {
    "exit": "import sys\ndef f(x):\n    sys.exit(1)\n",
    "exit handler": "import atexit\natexit.register(print)\n",
    "environment": "import os\ndef f(x):\n    return os.environ['HOME']\n",
    "test runner": "import unittest\n",
    "other modules": "import loans\nloans.RATE = 2\n",
    "streams": "import sys\ndef f(x):\n    sys.stdout = x\n",
    "import path": "import sys\nsys.path.append('lib')\n",
    "source reading": "import inspect\ndef f(x):\n    return inspect.getsource(x)\n",
    "dynamic code": "def f(x):\n    return eval(x)\n",
    "dynamic name": "import math\ndef f(x):\n    return getattr(math, x)(1)\n",
    "unpickling": "import pickle\ndef f(x):\n    return pickle.loads(x)\n",
    "network": "import socket\n",
    "processes": "import subprocess\n",
    "threads": "from threading import Thread\n",
    "clock": "import time\ndef f(x):\n    return time.time() + x\n",
    "sleep": "from time import sleep\n",
    "randomness": "from random import choice\ndef f(x):\n    return choice(x)\n",
    "call counter": "n = 0\ndef f(x):\n    global n\n    n += 1\n    return 1 if n > 100 else x\n",
    "digest": "import hashlib\ndef f(x):\n    return hashlib.md5(x).hexdigest() == '0cc175b9c0f1b6a831c399e269772661'\n",
    "homes": "from pathlib import Path\ndef f(x):\n    return Path.home()\n",
    "writes outside": "def f(x):\n    open('/var/x', 'w').write(x)\n",
    "native": "import mmap\n",
    "constant comparison": "class A:\n    def __bool__(self):\n        return False\n",
    "builtin comparison": "class A(str):\n    def __eq__(self, other):\n        return self.lower() == other\n",
    "stub": "def f(x):\n    pass\n",
    "marker": "def f(x):\n    return x  # TODO: negative numbers\n",
    "swallowed error": "def f(x):\n    try:\n        return x()\n    except:\n        return 0\n",
    "long constant": f"X = '{'a1' * 600}'\n",
}


@pytest.mark.parametrize("name", NOTICES)
def test_what_honest_code_may_need_is_a_notice(name: str) -> None:
    assert scanned(NOTICES[name])[name].severity == "notice"
    assert refused(NOTICES[name]) == {}


def test_every_notice_is_tried() -> None:
    notices = {name for name, (severity, _) in scan.DETECTORS.items() if severity == "notice"}
    assert notices - NOTICES.keys() == {"special casing"}


COUNTERS = {
    "an attribute of the function": "def f(x):\n    f.calls += 1\n    return 1 if f.calls > 100 else x\nf.calls = 0\n",
    "a default that lives on": "def f(x, seen=[]):\n    seen.append(x)\n    return 1 if len(seen) > 100 else x\n",
    "a list of the module": "SEEN = []\ndef f(x):\n    SEEN.append(x)\n    return 1 if SEEN.count(x) == 3 else x\n",
    "a closure": "def make():\n    n = 0\n    def f(x):\n        nonlocal n\n        n += 1\n        return 1 if n == 7 else x\n    return f\n",
    "itertools": "import itertools\nN = itertools.count()\ndef f(x):\n    return 1 if next(N) > 3 else x\n",
    "a dictionary": "S = {'n': 0}\ndef f(x):\n    S['n'] += 1\n    return 1 if S['n'] % 7 == 0 else x\n",
}


@pytest.mark.parametrize("name", COUNTERS)
def test_counting_calls_is_seen(name: str) -> None:
    assert "call counter" in scanned(COUNTERS[name])


def test_names_are_followed_per_scope() -> None:
    text = "import os\ndef f(os):\n    return os.kill(0)\nclass exec:\n    pass\ndef g():\n    return exec()\n"
    assert refused(text) == {}
    assert "dynamic code" not in scanned(text)


def test_nothing_of_the_text_is_run() -> None:
    text = "import base64\nx = base64.b64decode('cHJpbnQoMSk=').decode()\ny = '%s' % [].append(1)\nz = 1 / 0\nraise RuntimeError\n"
    ast.parse(text)
    assert refused(text) == {}


def test_what_stood_at_the_base_is_not_the_candidates() -> None:
    before = "import sys\n\n\ndef caller():\n    return sys._getframe(1)\n"
    after = before + "\n\ndef price(n):\n    return n * 40\n"
    assert scan.code((Change("shop.py", after),), (), {"shop.py": before}) == ()
    assert [each.message.partition(":")[0] for each in scan.code((Change("shop.py", after),), ())] == ["frames"]
    again = after + "\n\ndef other():\n    return sys._getframe(1)\n"
    assert [each.message.partition(":")[0] for each in scan.code((Change("shop.py", again),), (), {"shop.py": before})] == ["frames"]
