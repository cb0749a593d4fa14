"""From inside, at both levels: what must not be possible is tried for real, and looked at from outside as well."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.config import Limits
from orchestrator.run import oracle, sandboxes, suites
from orchestrator.run.sandboxes import Mount
from tests.run.levels import level, without_bwrap
from tests.run.values import example, project

__all__ = ["level", "without_bwrap"]

LIMITS = Limits(test_seconds=20, example_seconds=10, memory_mb=512, file_mb=16, processes=40)

TRIES = """
import ctypes, os, socket, threading, time

LIBC = ctypes.CDLL(None, use_errno=True)

def tries(attempt):
    try:
        answer = attempt()
    except (OSError, ValueError) as error:
        return "refused"
    return answer or "done"

def call(number, *arguments):
    if LIBC.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")

def connect(family, kind, address):
    with socket.socket(family, kind) as s:
        s.settimeout(1)
        s.connect(address)

def send(address, family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.sendto(b"x", address)

def write(path):
    open(path, "w").close()

def through_link(path, change):
    os.symlink(path, "link")
    try:
        change("link")
    finally:
        os.unlink("link")

def reopen(path):
    with open(path) as stream:
        open(f"/proc/self/fd/{stream.fileno()}", "a").close()

def change_by_descriptor(path, change):
    descriptor = os.open(path, os.O_RDONLY)
    change(descriptor)

def race(path, change):
    \"\"\"The own file is changed while another thread puts a link to the other one in its place.\"\"\"
    end = time.monotonic() + 0.5
    open("own", "w").close()
    os.symlink(path, "other")
    def swap():
        while time.monotonic() < end:
            os.rename("own", "kept"); os.rename("other", "own"); os.rename("own", "other"); os.rename("kept", "own")
    thread = threading.Thread(target=swap)
    thread.start()
    while time.monotonic() < end:
        try:
            change("own")
        except OSError:
            pass
    thread.join()

def memory_of(pid):
    for name in ("mem", "environ", "maps", "fd/0", "fd/1", "fd/3", "cwd", "root"):
        path = f"/proc/{pid}/{name}"
        try:
            os.readlink(path) if name in ("cwd", "root") else os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
        except OSError:
            continue
        return f"read {name}"
    raise OSError
"""


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder of the machine that the sandbox is not given, as `runs` is, with a file in it."""
    folder = tmp_path / "runs"
    folder.mkdir()
    (folder / "secret").write_text("secret")
    (folder / "secret").chmod(0o644)
    os.utime(folder / "secret", (1000, 1000))
    return folder


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process of this machine that has nothing to do with any of it."""
    process = subprocess.Popen(["sleep", "300"])
    yield process
    alive = process.poll() is None
    process.kill()
    process.wait()
    assert alive, "the sandbox ended a process outside"


def put(python: Path, root: Path, attempts: dict[str, str]) -> dict[str, str]:
    """Attempt → what came of it, for those that were not refused."""
    asked = [example(f"tries(lambda: {source})", "'refused'", setup=("from attack import *",), id=name) for name, source in attempts.items()]
    seen = oracle.ask("check_green", "o", tuple(asked), root, python=python, limits=LIMITS)
    return {outcome.id: outcome.message for outcome in seen.outcomes if outcome.outcome != "passed"}


def test_files_outside_are_out_of_reach(level: str, tmp_path: Path, python: Path, outside: Path, sleeper: object) -> None:
    root = project(tmp_path / "code", attack=TRIES)
    secret = str(outside / "secret")
    attempts = {
        "read": f"open({secret!r}).read()",
        "list": f"os.listdir({str(outside)!r})",
        "write": f"write({str(outside / 'new')!r})",
        "append": f"open({secret!r}, 'a')",
        "truncate": f"os.truncate({secret!r}, 0)",
        "remove": f"os.unlink({secret!r})",
        "rename": f"os.rename({secret!r}, 'mine')",
        "folder": f"os.mkdir({str(outside / 'new')!r})",
        "symbolic link outside": f"os.symlink('/', {str(outside / 'new')!r})",
        "hard link": f"os.link({secret!r}, 'mine')",
        "mode": f"os.chmod({secret!r}, 0o777)",
        "mode of the folder": f"os.chmod({str(outside)!r}, 0o777)",
        "owner": f"os.chown({secret!r}, 12345, 12345)",
        "times": f"os.utime({secret!r}, (1, 1))",
        "attribute": f"os.setxattr({secret!r}, 'user.x', b'x')",
        "read through a link": f"through_link({secret!r}, lambda name: open(name).read())",
        "write through a link": f"through_link({secret!r}, lambda name: open(name, 'a'))",
        "mode through a link": f"through_link({secret!r}, lambda name: os.chmod(name, 0o777))",
        "times through a link": f"through_link({secret!r}, lambda name: os.utime(name, (1, 1)))",
        "mode relative": f"os.chmod(os.path.relpath({secret!r}), 0o777)",
        "system file": "open('/usr/bin/env', 'a')",
        "system file reopened": "reopen('/usr/bin/env')",
        "mode of a system file": "os.chmod('/usr/bin/env', 0o755)",
        "mode of a system file by descriptor": "change_by_descriptor('/usr/bin/env', lambda fd: os.fchmod(fd, 0o755))",
        "times of a system file by descriptor": "change_by_descriptor('/usr/bin/env', lambda fd: os.utime(fd, (1, 1)))",
        "the code itself": "open(__import__('attack').__file__, 'a')",
        "the code itself, mode": "os.chmod(__import__('attack').__file__, 0o777)",
        "passwords": "open('/etc/shadow').read()",
        "home": "os.listdir('/root')",
    }
    assert put(python, root, attempts) == {}
    race = "race({0!r}, lambda name: os.chmod(name, 0o777)) or race({0!r}, lambda name: os.utime(name, (1, 1)))"
    oracle.ask("check_green", "o", (example(race.format(secret), setup=("from attack import *",)),), root, python=python, limits=LIMITS)
    assert [path.name for path in outside.iterdir()] == ["secret"]
    status = (outside / "secret").stat()
    assert ((outside / "secret").read_text(), status.st_mode & 0o777, status.st_mtime, status.st_uid) == ("secret", 0o644, 1000, os.getuid())


def test_shared_memory_of_the_machine_is_out_of_reach(level: str, tmp_path: Path, python: Path) -> None:
    name = f"orchestrator-test-{os.getpid()}"
    mine = Path("/dev/shm") / name
    mine.write_text("mine")
    try:
        root = project(tmp_path / "code", attack=TRIES)
        assert put(python, root, {"read": f"open({str(mine)!r}).read()"}) == {}
        oracle.ask("check_green", "o", (example(f"write('/dev/shm/{name}-2')", setup=("from attack import *",)),), root, python=python, limits=LIMITS)
        assert not Path(f"{mine}-2").exists()
    finally:
        mine.unlink()


def test_the_network_and_sockets_of_the_machine_are_out_of_reach(level: str, tmp_path: Path, python: Path, outside: Path) -> None:
    root = project(tmp_path / "code", attack=TRIES)
    tcp, udp, path, datagrams, abstract = (socket.socket(*kind) for kind in ((2, 1), (2, 2), (1, 1), (1, 2), (1, 1)))
    with tcp, udp, path, datagrams, abstract:
        for listener in (tcp, udp):
            listener.bind(("127.0.0.1", 0))
        path.bind(str(outside / "socket"))
        datagrams.bind(str(outside / "datagrams"))
        abstract.bind(f"\0orchestrator-test-{os.getpid()}")
        for listener in (tcp, path, abstract):
            listener.listen(1)
        udp.setblocking(False)
        datagrams.setblocking(False)
        attempts = {
            "tcp": f"connect(2, 1, ('127.0.0.1', {tcp.getsockname()[1]}))",
            "tcp 6": f"connect(10, 1, ('::ffff:127.0.0.1', {tcp.getsockname()[1]}))",
            "elsewhere": "connect(2, 1, ('10.0.0.1', 80))",
            "unix": f"connect(1, 1, {str(outside / 'socket')!r})",
            "unix datagram": f"send({str(outside / 'datagrams')!r}, 1)",
            "unix through a link": f"through_link({str(outside / 'socket')!r}, lambda name: connect(1, 1, os.path.abspath(name)))",
            "unix datagram of a pair": f"socket.socketpair(1, 2)[0].sendto(b'x', {str(outside / 'datagrams')!r})",
            "abstract": f"connect(1, 1, '\\0orchestrator-test-{os.getpid()}')",
            "packets": "socket.socket(17, 3, 0)",
            "machines": "socket.socket(40, 1, 0)",
        }
        assert put(python, root, attempts) == {}
        sends = example(f"send(('127.0.0.1', {udp.getsockname()[1]}))", setup=("from attack import *",))
        oracle.ask("check_green", "o", (sends,), root, python=python, limits=LIMITS)
        for listener in (udp, datagrams):
            with pytest.raises(BlockingIOError):
                listener.recv(1)


def test_processes_and_the_kernel_are_out_of_reach(level: str, tmp_path: Path, python: Path, sleeper: subprocess.Popen[bytes]) -> None:
    root = project(tmp_path / "code", attack=TRIES)
    machine = {"x86_64": 0, "aarch64": 1}[os.uname().machine]
    number = {name: pair[machine] for name, pair in NUMBERS.items()}
    others = {"the orchestrator": os.getpid(), "a process outside": sleeper.pid} if level == "landlock" else {}
    attempts = {"memory of the parent": "memory_of(os.getppid())", "memory of the first": "memory_of(1)"}
    attempts |= {f"memory of {name}": f"memory_of({pid})" for name, pid in others.items()}
    attempts |= {f"signal to {name}": f"os.kill({pid}, 0)" for name, pid in others.items()}
    attempts |= {f"pidfd of {name}": f"__import__('signal').pidfd_send_signal(os.pidfd_open({pid}), 0)" for name, pid in others.items()}
    attempts |= {f"limits of {name}": f"__import__('resource').prlimit({pid}, 7, (1, 1))" for name, pid in others.items()}
    attempts |= {f"trace {name}": f"call({number['ptrace']}, 16, {pid}, 0, 0)" for name, pid in others.items()}
    attempts |= {
        "signal to the parent": "os.kill(os.getppid(), 9)",
        "signal to the parent's thread": f"call({number['tkill']}, os.getppid(), 9)",
        "signal to all": "os.kill(-1, 9)",
        "trace the parent": f"call({number['ptrace']}, 16, os.getppid(), 0, 0)",
        "be traced": f"call({number['ptrace']}, 0, 0, 0, 0)",
        "user namespace": f"call({number['unshare']}, 0x10000000)",
        "mount namespace": f"call({number['unshare']}, 0x20000)",
        "clone into a namespace": f"call({number['clone']}, 0x10000000 | 17, 0, 0, 0, 0)",
        "mount": f"call({number['mount']}, b'none', b'/tmp', b'tmpfs', 0, 0)",
        "change root": "os.chroot('.')",
        "key ring": f"call({number['keyctl']}, 0, -2, 1)",
        "personality": f"call({number['personality']}, 0x40000)",
        "io_uring": "call(425, 1, ctypes.create_string_buffer(200))",
        "memory file": "os.memfd_create('x')",
        "clock": "__import__('time').clock_settime(0, 0)",
        "typing": "__import__('fcntl').ioctl(0, 0x5412, b'x')",
        "nested bwrap": "open(__import__('subprocess').run(['unshare', '-Ur', 'true'], stderr=-3).returncode and '/nowhere')",
    }
    assert put(python, root, attempts) == {}


NUMBERS = {
    "ptrace": (101, 117), "tkill": (200, 130), "unshare": (272, 97), "clone": (56, 220), "mount": (165, 40), "keyctl": (250, 219), "personality": (135, 92),
}  # fmt: skip


def test_runs_do_not_see_each_other(level: str, tmp_path: Path, python: Path) -> None:
    """A variant looks for the others, by the path it would have guessed and by the real one."""
    look = """
import os, pathlib
def test_look():
    own = pathlib.Path(__file__).parents[1]
    places = [own.parent / "0", own.parent / "1", pathlib.Path({0!r}), own.parent]
    seen = []
    for place in places:
        if place == own:
            continue
        for attempt in (lambda: os.listdir(place), lambda: (place / "shop.py").read_text()):
            try:
                seen.append(attempt())
            except OSError:
                pass
    assert seen == []
"""
    variants = []
    for number in (0, 1):
        other = str(tmp_path / str(1 - number))
        root = project(tmp_path / str(number), shop="SECRET = 1\n", tests__test_a=look.format(other))
        variants.append(suites.Variant(str(number), root, ("tests/test_a.py",)))
    for seen in suites.run("check_red", tuple(variants), python=python, limits=LIMITS):
        assert seen.exit_code == 0, seen.output
        assert {incident.kind for incident in seen.incidents} == {"inspection"}


def test_a_run_leaves_nothing_to_the_next(level: str, tmp_path: Path, python: Path) -> None:
    root = project(tmp_path / "code")
    leave = "import os, tempfile; os.makedirs(tempfile.gettempdir() + '/a/b'); open(os.path.expanduser('~/note'), 'w').write('x'); os.chmod(tempfile.gettempdir() + '/a', 0)"
    look = example(
        "(os.path.exists(tempfile.gettempdir() + '/a'), os.listdir(os.path.expanduser('~')))",
        "(False, [])",
        setup=("import os, tempfile",),
        id="look",
    )
    seen = oracle.ask("check_green", "o", (example("1", setup=(leave,)), look), root, python=python, limits=LIMITS)
    assert [item.outcome for item in seen.outcomes] == ["passed", "passed"], [item.message for item in seen.outcomes]
    assert not [path for path in Path("/tmp").glob("orchestrator-box-*") if path.stat().st_ctime > root.stat().st_ctime and (path / "a").exists()]


def test_nothing_of_the_orchestrator_s_environment_gets_in(level: str, tmp_path: Path, python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_SECRET_KEY", "secret")
    names = example("[name for name in os.environ if 'SECRET' in name]", "[]", setup=("import os",))
    shell = example("cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n' | grep -c SECRET_KEY; true", "0", compare="console", id="shell")
    seen = oracle.ask("check_green", "o", (names, shell), project(tmp_path / "code"), python=python, limits=LIMITS)
    assert [item.outcome for item in seen.outcomes] == ["passed", "passed"], [item.message for item in seen.outcomes]


def test_a_pipe_of_the_shell_works_however_busy_the_machine_is(level: str, tmp_path: Path, python: Path) -> None:
    """A shell that starts the second part of a pipe while the first one ends: the fork waits for its answer, and the signal must not undo it."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(8)]
    command = "for n in 1 2 3 4 5 6 7 8 9 10; do echo $n | cat; done; (sleep 0.1; echo late) & wait"
    expected = "".join(f"{number}\n" for number in range(1, 11)) + "late"
    try:
        pipe = example(command, expected, compare="console")
        limits = LIMITS.model_copy(update={"example_seconds": 30.0})
        seen = oracle.ask("check_green", "oracle", (pipe,) * 3, project(tmp_path / "code"), python=python, limits=limits)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert [(outcome.outcome, outcome.message) for outcome in seen.outcomes] == [("passed", "")] * 3


def test_a_box_is_ended_with_everything_in_it(level: str, tmp_path: Path, python: Path) -> None:
    """At once, in the midst of a run that has detached a process."""
    mark = f"orchestrator-test-ended-{os.getpid()}"
    source = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', '{mark}'], start_new_session=True)\nopen('started', 'w')\nimport time; time.sleep(60)"
    limits = {"memory_mb": 512, "file_mb": 16, "processes": 40, "open_files": 100, "disk_mb": 64, "seconds": 60}
    root = project(tmp_path / "code")
    with sandboxes.code((Mount(root, "/graft"),), python=python) as box:
        process = box.start([str(python), "-P", "-s", "-B", box.at("/inside/oracle.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin is not None
        head = {"box": dict(box.inside), "limits": limits, "root": box.at("/graft"), "sources": [""], "clock_shift": 0, "seconds": 60}
        question = {"kind": "call", "setup": [source], "call": "1", "stdin": "", "files": [], "rounds": 1}
        process.stdin.write(f"{json.dumps(head)}\n{json.dumps(question)}\n".encode())
        process.stdin.flush()
        wait_for(lambda: bool(named(mark)))
        box.end(process)
        wait_for(lambda: not named(mark))


def named(mark: str) -> list[str]:
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_text().split("\0")
        except OSError:
            continue
        if mark in words:
            found.append(place.parent.name)
    return found


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_an_agent_writes_its_workspace_and_its_home_and_nothing_else(level: str, tmp_path: Path, outside: Path) -> None:
    """With the network open, and inside limits too."""
    workspace = project(tmp_path / "workspace", notes="")
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = f"""
import json, os, socket, subprocess, sys
said = {{}}
def attempt(name, function):
    try:
        function()
        said[name] = True
    except OSError:
        said[name] = False
attempt("workspace", lambda: open("made", "w").close())
attempt("mode", lambda: os.chmod("made", 0o600))
attempt("home", lambda: open(os.path.expanduser("~/made"), "w").close())
attempt("network", lambda: socket.create_connection(("127.0.0.1", {server.getsockname()[1]}), 2))
attempt("program", lambda: subprocess.run(["true"], check=True, start_new_session=True))
attempt("read outside", lambda: open({str(outside / "secret")!r}).read())
attempt("write outside", lambda: open({str(outside / "new")!r}, "w"))
attempt("mode outside", lambda: os.chmod({str(outside)!r}, 0o777))
attempt("system", lambda: open("/usr/new", "w"))
attempt("parent", lambda: open(f"/proc/{{os.getppid()}}/environ").read())
attempt("orchestrator", lambda: open("/proc/{os.getpid()}/environ").read())
subprocess.Popen(["sleep", "62"], start_new_session=True)
print(json.dumps(said))
"""
        with sandboxes.agent(workspace, (Path(sys.base_prefix), Path(sys.prefix))) as box:
            process = box.start([sys.executable, "-I", "-c", source], stdout=subprocess.PIPE)
            try:
                out = process.communicate(timeout=30)[0]
            finally:
                box.end(process)
    said = json.loads(out)
    assert {name for name, done in said.items() if done} == {"workspace", "mode", "home", "network", "program"}
    assert (workspace / "made").exists()
    assert [path.name for path in outside.iterdir()] == ["secret"]
    wait_for(lambda: not named("62"))


def test_an_agent_that_forks_without_end_is_ended(level: str, tmp_path: Path) -> None:
    workspace = project(tmp_path / "workspace")
    bomb = "import os, time\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        time.sleep(0.1)\n"
    with sandboxes.agent(workspace, (Path(sys.base_prefix), Path(sys.prefix))) as box:
        process = box.start([sys.executable, "-I", "-S", "-c", bomb], stderr=subprocess.PIPE)
        try:
            err = process.communicate(timeout=60)[1]
        finally:
            box.end(process)
    assert b"more than 400 processes" in err
    assert process.returncode == 137


HOSTILE_TO_THE_WATCH = {
    "a short address": "import ctypes, socket\ns = socket.socket(socket.AF_UNIX)\nfor size in (0, 1, 2, 3, 5, 9): ctypes.CDLL(None).connect(s.fileno(), b'\\x0a\\0', size)",
    "addresses nowhere": f"import ctypes\nl = ctypes.CDLL(None)\nfor number in ({', '.join(map(str, (42, 44, 83, 84, 87, 90, 82, 86, 88, 76, 257, 263, 280)))}): l.syscall(number, -100, 7, 7, 7, 7, 7)",
    "a folder without permissions": "import os, tempfile\nos.mkdir('a'); os.mkdir('a/b'); os.chmod('a', 0); os.chmod(tempfile.gettempdir(), 0)",
    "folders without end": "import os\nfor _ in range(3000):\n    os.mkdir('deep'); os.chdir('deep')",
    "names without end": "import os\nfor n in range(3000):\n    open(f'{n}-' + 'x' * 200, 'w').close()",
    "a name that is no text": "import os\nos.mkdir(b'\\xff\\xfe'); open(b'\\xff\\n', 'w').close(); os.rename(b'\\xff\\n', b'\\xfd')",
    "links in a ring": "import os\nos.symlink('a', 'b'); os.symlink('b', 'a')\nfor f in (os.unlink, os.chmod):\n    try: f('a', 0) if f is os.chmod else f('a/x')\n    except OSError: pass",
    "no home": "import os, shutil\nshutil.rmtree(os.path.expanduser('~')); open(os.path.expanduser('~'), 'w').close()",
    "many signals": "import os, threading\nfor _ in range(8): threading.Thread(target=lambda: [os.kill(os.getpid(), 0) for _ in range(300)]).start()",
    "stops itself": "import os, signal\nif os.fork() == 0: os.kill(os.getpid(), signal.SIGSTOP)",
}  # fmt: skip


def test_nothing_ends_the_watch(level: str, tmp_path: Path, python: Path) -> None:
    """The process that watches is asked about hostile calls, and clears away hostile files; the next example is asked as ever."""
    root = project(tmp_path / "code")
    asked = []
    for name, source in HOSTILE_TO_THE_WATCH.items():
        asked += [example("1", setup=(source,), id=name), example("(2, os.listdir())", "(2, [])", setup=("import os",), id=f"after {name}")]
    limits = LIMITS.model_copy(update={"example_seconds": 90.0})  # thousands of calls, each seen by the watch, on whatever machine
    seen = oracle.ask("check_green", "o", tuple(asked), root, python=python, limits=limits)
    found = {item.id: (item.outcome, item.message) for item in seen.outcomes}
    assert {name: said for name, said in found.items() if name.startswith("after ") and said[0] != "passed"} == {}
    assert "ended the sandbox" not in str(found)
