"""Each thing that untrusted code does or tries ends as its own incident, at both levels; the next one works, and the machine goes on."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from orchestrator.config import Limits
from orchestrator.model import Incident, Observation
from orchestrator.run import oracle, suites
from tests.run.levels import level, without_bwrap
from tests.run.values import example, project

__all__ = ["level", "without_bwrap"]

LIMITS = Limits(test_seconds=10, example_seconds=5, memory_mb=512, file_mb=16, processes=40)
MARK = "orchestrator-test-left-behind"
DAEMON = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', '{MARK}'], start_new_session=True)"
TWICE = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid()
        os.execvp("sleep", ["sleep", "61"])
    os._exit(0)
os.wait()
"""
BOMB = "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n"
SHARES = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        held = bytearray(os.urandom(1)) * (200 << 20)
        time.sleep(60)
time.sleep(60)
"""
MANY_FILES = "for number in range(2000):\n    open(f'part-{number}', 'wb').write(bytes(8 << 20))\n"
UNNAMED = "import os\nheld = []\nfor number in range(300):\n    held.append(open('x', 'wb')); os.unlink('x'); held[-1].write(bytes(8 << 20)); held[-1].flush()\n"
SLEEP = "\nimport time; time.sleep(0.3)"


def swallowed(source: str) -> str:
    return "try:\n" + "".join(f"    {line}\n" for line in source.splitlines()) + "except BaseException:\n    pass\n"


CASES = {
    "fork bomb": (BOMB, "processes", "more than 40 processes"),
    "10 GB": ("held = bytearray(10 << 30)", "memory", "512 MB"),
    "memory of many processes": (SHARES, "memory", "512 MB"),
    "100 GB file": ("with open('big', 'wb') as stream:\n    stream.truncate(100 << 30)", "file size", "16 MB"),
    "100 GB file, error swallowed": (swallowed("stream = open('big', 'wb')\nwhile True: stream.write(bytes(1 << 20))"), "file size", "16 MB"),
    "many files": (swallowed(MANY_FILES) + SLEEP, "file size", ""),
    "files without a name": (swallowed(UNNAMED).replace("except", "    __import__('time').sleep(0.3)\nexcept").replace("pass", "__import__('time').sleep(0.3)"), "file size", ""),
    "endless loop": ("while True: pass", "time", "5 s"),
    "a daemon": (DAEMON, "left behind", MARK),
    "a daemon twice removed": (TWICE, "left behind", "sleep 61"),
    "writes outside": (swallowed("open('/etc/orchestrator-test', 'w')"), "write outside", "/etc/orchestrator-test"),
    "writes outside by a shell": ("import os; os.system('echo x 2>/dev/null >/usr/orchestrator-test')", "write outside", "/usr/orchestrator-test"),
    "makes a folder outside": (swallowed("import os; os.mkdir('/usr/orchestrator-test')"), "write outside", "/usr/orchestrator-test"),
    "removes outside": (swallowed("import os; os.unlink('/etc/ld.so.cache')"), "write outside", "/etc/ld.so.cache"),
    "changes a mode outside": (swallowed("import os; os.chmod('/usr/bin', 0o700)"), "write outside", "/usr/bin"),
    "changes times outside": (swallowed("import os; os.utime('/usr', (1, 1))"), "write outside", "/usr"),
    "connects": (swallowed("import socket; socket.create_connection(('10.0.0.1', 80), 1)"), "connection", ""),
    "looks up a name": (swallowed("import socket; socket.getaddrinfo('example.org', 80)"), "connection", "example.org"),
    "sends over UDP": (swallowed("import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('10.0.0.1', 9))"), "connection", ""),
    "dies by a signal": ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "signal", "SIGSEGV"),
    "kills its parent": (swallowed("import os; os.kill(os.getppid(), 9)"), "signal", "outside"),
    "kills everything": (swallowed("import os; os.kill(-1, 9)"), "signal", "every process"),
    "reads process 1": (swallowed("open('/proc/1/environ').read()"), "inspection", "/proc/1/environ"),
    "reads its parent": (swallowed("import os; open(f'/proc/{os.getppid()}/mem')"), "inspection", "/mem"),
    "lists processes": (swallowed("import os; os.listdir('/proc')"), "inspection", "/proc"),
    "traces": (swallowed("import ctypes; ctypes.CDLL(None).ptrace(0, 0, 0, 0)"), "inspection", "ptrace"),
}  # fmt: skip


def kinds(observation: Observation) -> set[str]:
    return {incident.kind for incident in observation.incidents}


def test_every_attempt_is_an_incident_of_its_own(level: str, tmp_path: Path, python: Path) -> None:
    """In one observation per attempt, with another example before and after it, which have none and pass; after a loop nothing is asked."""
    root = project(tmp_path / "code")
    wrong: dict[str, object] = {}
    for name, (source, kind, detail) in CASES.items():
        good = example("1 + 1", "2", id="good")
        seen = oracle.ask("check_green", "o", (good, example("1", setup=(source,), id="bad"), good), root, python=python, limits=LIMITS)
        mine = [incident for incident in seen.incidents if incident.kind == kind and incident.where == "bad" and detail in incident.detail]
        after = "not run" if kind == "time" else "passed"
        if not mine or kinds(seen) != {kind} or [seen.outcomes[0].outcome, seen.outcomes[2].outcome] != ["passed", after]:
            wrong[name] = (seen.incidents, seen.outcomes)
    assert wrong == {}
    assert alive(MARK) == []


def test_in_a_suite_an_incident_names_its_test(level: str, tmp_path: Path, python: Path) -> None:
    attempts = [
        name
        for name in CASES
        if CASES[name][1] not in ("left behind", "time", "processes", "signal") and "memory of" not in name and "files" not in name
    ]
    tests = "".join(
        f"def test_{number}():\n    exec({CASES[name][0]!r}, {{}})\n\ndef test_{number}_not():\n    pass\n\n" for number, name in enumerate(attempts)
    )
    root = project(tmp_path / "code", tests__test_a=tests)
    (seen,) = suites.run("check_green", (suites.Variant("v", root, ("tests/test_a.py",)),), python=python, limits=LIMITS)
    found = {(incident.kind, incident.where) for incident in seen.incidents}
    expected = {(CASES[name][1], f"tests/test_a.py::test_{number}") for number, name in enumerate(attempts)}
    assert {pair for pair in expected - found if pair[0] != "file size"} == set()
    assert [pair for pair in found if pair[1].endswith("_not")] == []


def test_a_suite_that_bombs_loops_or_leaves_a_daemon_ends_and_the_next_runs(level: str, tmp_path: Path, python: Path) -> None:
    variants = []
    for name in ("fork bomb", "endless loop", "a daemon", "fork bomb", "dies by a signal"):
        source = f"def test_it():\n    exec({CASES[name][0]!r}, {{}})\n"
        variants.append(suites.Variant(f"{len(variants)} {name}", project(tmp_path / str(len(variants)), tests__test_a=source), ("tests/test_a.py",)))
    variants.append(suites.Variant("good", project(tmp_path / "good", tests__test_a="def test_it():\n    pass\n"), ("tests/test_a.py",)))
    seen = suites.run("check_green", tuple(variants), python=python, limits=LIMITS.model_copy(update={"test_seconds": 3.0}))
    assert [sorted(kinds(each)) for each in seen] == [["processes"], ["time"], ["left behind"], ["processes"], ["signal"], []]
    assert {incident.where for each in seen for incident in each.incidents} == {"tests/test_a.py::test_it"} | {"tests/test_a.py::test_it"}
    assert seen[-1].exit_code == 0
    assert alive(MARK) == []


HONEST = {
    "a pool of threads": "from concurrent.futures import ThreadPoolExecutor\nassert list(ThreadPoolExecutor(4).map(abs, [-1])) == [1]",
    "temporary files": "import tempfile, os, shutil\nfolder = tempfile.mkdtemp(); open(folder + '/x', 'w').write('x'); os.chmod(folder + '/x', 0o600); shutil.copy2(folder + '/x', folder + '/y'); shutil.rmtree(folder)",
    "times": "import os\nopen('a', 'w').close(); os.utime('a', (5, 7)); assert (os.stat('a').st_atime, os.stat('a').st_mtime) == (5, 7); os.utime('a'); assert os.stat('a').st_mtime > 10**9",
    "modes": "import os\nopen('a', 'w').close(); os.chmod('a', 0o640); assert os.stat('a').st_mode & 0o777 == 0o640\nwith open('a') as s: os.fchmod(s.fileno(), 0o600)\nassert os.stat('a').st_mode & 0o777 == 0o600",
    "a link and its mode": "import os\nopen('a', 'w').close(); os.symlink('a', 'b'); os.chmod('b', 0o600); assert os.stat('a').st_mode & 0o777 == 0o600; os.rename('a', 'c'); os.unlink('b')",
    "a program": "import subprocess, sys\nassert subprocess.run([sys.executable, '-c', 'print(7)'], capture_output=True, text=True).stdout == '7\\n'",
    "a program in a session of its own that is killed": "import subprocess\nchild = subprocess.Popen(['sleep', '60'], start_new_session=True); child.kill(); assert child.wait() == -9",
    "a program that is out of time": "import subprocess\ntry:\n    subprocess.run(['sleep', '60'], timeout=0.1)\nexcept subprocess.TimeoutExpired:\n    pass",
    "a shell": "import subprocess\nassert subprocess.check_output('echo a > x; chmod 600 x; touch -d 2001-01-01 x; mkdir -p a/b; cp -p x a/b; cat a/b/x', shell=True) == b'a\\n'",
    "nothing written": "open('/dev/null', 'w').write('x')\nimport os; os.makedirs(os.getcwd(), exist_ok=True)",
    "a database": "import sqlite3\nwith sqlite3.connect('x.db') as base: base.execute('create table t (a)')\nassert sqlite3.connect('x.db').execute('select count(*) from t').fetchone() == (0,)",
    "asyncio": "import asyncio\nasync def f():\n    process = await asyncio.create_subprocess_exec('true')\n    return await process.wait()\nassert asyncio.run(f()) == 0",
    "a pair of sockets": "import socket\na, b = socket.socketpair(); a.send(b'x'); assert b.recv(1) == b'x'",
    "a signal to itself": "import os, signal\ngot = []\nsignal.signal(signal.SIGUSR1, lambda *_: got.append(1)); os.kill(os.getpid(), signal.SIGUSR1); signal.raise_signal(signal.SIGUSR1); assert got == [1, 1]",
    "names and data classes": "import collections, dataclasses, enum, typing, logging, warnings\nP = collections.namedtuple('P', 'x'); logging.getLogger('a').warning('x'); warnings.warn('x')\nE = enum.Enum('E', 'A')",
    "a folder that is missing": "try:\n    open('/nowhere/file', 'w')\nexcept FileNotFoundError:\n    pass",
    "the machine's own facts": "import os, platform, time\nos.cpu_count(); platform.platform(); open('/proc/self/status').read(); open('/proc/cpuinfo').read(); time.tzset()",
    "forks and waits": "import os\npid = os.fork()\nif pid == 0: os._exit(3)\nassert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3",
    "memory that fits": "held = bytearray(200 << 20)",
}  # fmt: skip

ONLY_FULL = {
    "a server of its own": "import socket, threading\ns = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname()); s.accept()[0].send(b'x'); assert c.recv(1) == b'x'",
    "processes that share": "import multiprocessing\nwith multiprocessing.get_context('fork').Pool(2) as pool: assert pool.map(abs, [-1]) == [1]",
    "a resource tracker": "from multiprocessing import shared_memory\nm = shared_memory.SharedMemory(create=True, size=10); m.close(); m.unlink()",
    "a file in /tmp": "open('/tmp/mine', 'w').write('x'); import os; os.chmod('/tmp/mine', 0o600)",
}  # fmt: skip


def test_what_honest_code_does_is_no_incident(level: str, tmp_path: Path, python: Path) -> None:
    root = project(tmp_path / "code")
    wrong = {}
    for name, source in {**HONEST, **(ONLY_FULL if level == "full" else {})}.items():
        seen = oracle.ask("check_green", "o", (example("1", setup=(source,)),), root, python=python, limits=LIMITS)
        if seen.incidents or seen.exit_code:
            wrong[name] = (seen.incidents, seen.outcomes)
    assert wrong == {}


def test_what_honest_tests_do_is_no_incident(level: str, tmp_path: Path, python: Path) -> None:
    sources = {**HONEST, **(ONLY_FULL if level == "full" else {})}
    head = "import pytest\n@pytest.fixture(autouse=True)\ndef _place(tmp_path, monkeypatch):\n    monkeypatch.chdir(tmp_path)\n\n"
    tests = head + "".join(f"def test_{number}():\n    exec({source!r}, {{}})\n\n" for number, source in enumerate(sources.values()))
    root = project(tmp_path / "code", tests__test_a=tests)
    (seen,) = suites.run("check_green", (suites.Variant("v", root, ("tests/test_a.py",)),), python=python, limits=LIMITS)
    assert (seen.incidents, seen.exit_code) == ((), 0), seen.output


LOOKING = """
import gc, inspect, pathlib, sys

def objects():
    return len(gc.get_objects())

def stack():
    return inspect.stack()

def frame():
    return sys._getframe(1)

def trace():
    sys.settrace(None)

def tests():
    return pathlib.Path(__file__).with_name("tests").joinpath("test_a.py").read_text()

def honest():
    import collections, dataclasses, traceback
    collections.namedtuple("P", "x")
    try:
        1 / 0
    except ZeroDivisionError:
        return traceback.format_exc()
"""


def test_the_code_under_test_that_looks_around_is_seen_doing_so(level: str, tmp_path: Path, python: Path) -> None:
    names = ("objects", "stack", "frame", "trace", "tests", "honest")
    tests = "import gc, sys, pathlib, looking\n" + "".join(f"def test_{name}():\n    looking.{name}()\n\n" for name in names)
    tests += "def test_itself():\n    gc.get_objects(); sys._getframe(0); pathlib.Path(__file__).read_text()\n"
    root = project(tmp_path / "code", looking=LOOKING, tests__test_a=tests)
    (seen,) = suites.run("check_green", (suites.Variant("v", root, ("tests/test_a.py",)),), python=python, limits=LIMITS)
    assert seen.exit_code == 0, seen.output
    found = {incident.where.rpartition("_")[2]: incident.detail for incident in seen.incidents}
    assert found == {
        "objects": "asked for every object there is",
        "stack": "looked at its callers",
        "frame": "looked at its callers",
        "trace": "traced the run",
        "tests": "read tests/test_a.py",
    }
    assert kinds(seen) == {"inspection"}


def test_what_a_program_does_that_an_example_starts_is_seen_too(level: str, tmp_path: Path, python: Path) -> None:
    root = project(tmp_path / "code", tool="import socket\ntry:\n    socket.getaddrinfo('example.org', 80)\nexcept OSError:\n    print('done')\n")
    seen = oracle.ask("check_green", "o", (example("python -m tool", "done", compare="console", id="e"),), root, python=python, limits=LIMITS)
    assert seen.exit_code == 0
    assert Incident("connection", "looked up example.org", "e") in seen.incidents


def test_one_observation_keeps_twenty(level: str, tmp_path: Path, python: Path) -> None:
    source = "import os\nfor number in range(100):\n    try:\n        os.mkdir(f'/usr/orchestrator-{number}')\n    except OSError:\n        pass\n"
    seen = oracle.ask("check_green", "o", (example("1", setup=(source,)),), project(tmp_path / "code"), python=python, limits=LIMITS)
    assert len(seen.incidents) == 20


@pytest.mark.parametrize("told", [None, 7, [1], [["time", 1, ""]], [["no kind", "x", ""]], [["time"]], {"time": 1}])
def test_what_is_not_of_the_form_is_no_incident(told: object) -> None:
    from orchestrator.run import evidence

    assert evidence.incidents(told, (), 1, 1) == ()


def alive(mark: str) -> list[int]:
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (place / "cmdline").read_text() and int(place.name) != os.getpid():
                found.append(int(place.name))
        except OSError:
            continue
    if found:
        time.sleep(0.2)
    return [pid for pid in found if Path(f"/proc/{pid}/cmdline").exists() and mark in Path(f"/proc/{pid}/cmdline").read_text()]
