"""Where code that nobody trusts runs. Two profiles, one ladder of levels.

`code`   tests, stubs, examples: no network, no home, nothing of this machine but the system, the interpreter and what is mounted.
`agent`  a coding agent: the same, with the network open (and said so), its own HOME and a writable workspace.

`full`      bubblewrap's namespaces, Landlock, seccomp, resource limits
`landlock`  where namespaces are refused: Landlock, seccomp, resource limits, and a process that watches and ends everything
`weak`      anything less; refused unless the configuration allows it
`none`      not Linux

The level is found once per process by effects: a program does from inside what must not be possible. docs/sandbox.md says what each level
holds. What runs inside shuts itself in with run/inside/confine.py, which is told how by `Box.inside`.
"""

from __future__ import annotations

import compileall
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from orchestrator.errors import SetupError
from orchestrator.run import scratch
from orchestrator.run.sandboxes import bubblewrap, landlock, stillness

__all__ = ["Box", "Level", "Mount", "agent", "code", "level", "required_level"]

INSIDE = Path(__file__).resolve().parent.parent / "inside"
"""Programs that run inside, with the interpreter of the project."""

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32")
ETC = tuple(f"/etc/{name}" for name in ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "mime.types"))
ETC_NETWORK = tuple(f"/etc/{name}" for name in ("resolv.conf", "hosts", "nsswitch.conf", "ssl", "ca-certificates", "passwd", "group"))
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
TERMINALS = ("/dev/tty", "/dev/ptmx", "/dev/pts")
PROC = ("/proc/self", *(f"/proc/{name}" for name in ("cpuinfo", "meminfo", "stat", "uptime", "loadavg", "version", "filesystems")))
PATH = "/usr/local/bin:/usr/bin:/bin"

AGENT_LIMITS = {"processes": 400, "disk_mb": 20_000}

PARTS = {
    "read": "files outside cannot be read",
    "write": "files outside cannot be written",
    "modes": "mode, owner and times of files outside cannot be changed",
    "siblings": "a run cannot see the folder of another run",
    "tcp": "a connection over TCP is refused",
    "udp": "nothing can be sent over UDP",
    "unix": "sockets of this machine cannot be reached",
    "signals": "processes outside cannot be signalled, the parent among them",
    "memory": "memory and environment of processes outside cannot be read",
    "trace": "no process can be traced",
    "namespaces": "no new namespace can be made",
    "kernel": "calls that no program under test needs are refused by the kernel",
    "ends": "a process that detaches itself is ended with its run",
}
"""What is tried from inside, by the words of run/inside/probe.py."""


@dataclass(frozen=True)
class Level:
    name: str
    """`full`, `landlock`, `weak` or `none`."""
    reasons: tuple[str, ...]
    """What was tried, one sentence each: as in PARTS, or `NOT held: …`; and why the level above is not reached."""
    raise_it: str = ""
    """What to do to reach a higher level; '' when there is none."""

    @property
    def warning(self) -> str:
        """To be said at the start of every run; '' unless the level is `weak`."""
        missing = [reason for reason in self.reasons if reason.startswith("NOT held")]
        return (
            f"WARNING: the sandbox is weak, and `sandbox.allow_weak` lets code of agents run in it: {'; '.join(missing)}"
            if self.name == "weak"
            else ""
        )


@dataclass(frozen=True)
class Mount:
    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True)
class How:
    """What a sandbox is made of."""

    namespaces: bool
    landlock: int
    """Version of the interface; 0: without."""
    seccomp: bool


@dataclass(frozen=True)
class Box:
    """A sandbox that commands can be started in."""

    prefix: tuple[str, ...]
    environment: Mapping[str, str]
    """Of the process that is started outside."""
    folder: Path
    """Where that process starts."""
    inside: Mapping[str, Any]
    """What run/inside/confine.py takes, for programs that shut themselves in."""
    places: Mapping[str, str]
    """Target of a mount → where it is inside."""

    def at(self, target: str) -> str:
        """Where a path below a mount's target is inside."""
        mount = max((mount for mount in self.places if target == mount or target.startswith(f"{mount}/")), key=len)
        return self.places[mount] + target.removeprefix(mount)

    def start(self, command: Sequence[str], **streams: Any) -> subprocess.Popen[bytes]:
        """The started command. It is to be ended with `end`, however it went."""
        return subprocess.Popen([*self.prefix, *command], env=dict(self.environment), cwd=self.folder, start_new_session=True, **streams)

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """End it with everything it started. Where there are no namespaces, the process that watches is asked to, since only it can."""
        if process.poll() is None and not self.inside["alone"]:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def rest(self, process: subprocess.Popen[bytes]) -> bool:
        """Stop everything that a started command of profile `agent` runs, until `wake`: nobody changes a workspace that is looked at or made anew.
        False where that did not succeed: it is to be ended then."""
        return stillness.rest(process.pid)

    def wake(self, process: subprocess.Popen[bytes]) -> None:
        stillness.wake(process.pid)


# --- the ladder ----------------------------------------------------------------------------------------------------------


def level() -> Level:
    """What this machine can do; probed once per process."""
    return _found()[0]


def required_level(require: str = "any", *, allow_weak: bool = False) -> Level:
    """The level, or SetupError with what is missing and the command that would raise it."""
    found = level()
    reasons = "\n".join(f"  - {reason}" for reason in found.reasons)
    if require == "full" and found.name != "full":
        raise SetupError(f"`sandbox.require` is full, this machine reaches `{found.name}`\n{reasons}", hint=found.raise_it)
    if found.name == "none" or (found.name == "weak" and not allow_weak):
        raise SetupError(f"no sandbox that holds: code of agents is not run without one\n{reasons}", hint=found.raise_it)
    return found


INSTALL = "install bubblewrap (`apt-get install bubblewrap`)"
ALLOW = (
    "allow user namespaces: `sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` (Ubuntu), `sudo sysctl -w user.max_user_namespaces=15000`"
)
KERNEL = "a kernel with Landlock (Linux 5.13 or newer, `landlock` in the kernel's `lsm=`) on x86_64 or aarch64"


@cache
def _found() -> tuple[Level, How]:
    if sys.platform != "linux":
        return Level("none", ("it needs Linux",), "use Linux, or WSL2 on Windows"), How(False, 0, False)
    compileall.compile_dir(INSIDE, quiet=2)  # where it was installed without; else each start would compile it anew
    program, version, has_filter = bubblewrap.program(), landlock.version(), landlock.has_filter()
    why = "bubblewrap (`bwrap`) was not found"
    hint = INSTALL
    rooms: list[tuple[tuple[str, ...], How]] = []
    if program:
        how = How(True, version, has_filter)
        held, said = _probe(how)
        if len(held) == len(PARTS):
            return Level("full", _sentences(held)), how
        why = f"{program} (version {bubblewrap.version()}) " + (f"refused: {said}" if not held else "does not hold all of it")
        hint = ALLOW if not held else KERNEL
        rooms.append((held, how))
    how = How(False, version, has_filter)
    held, said = _probe(how)
    if len(held) == len(PARTS):
        return Level("landlock", (*_sentences(held), f"no namespaces: {why}"), hint), how
    rooms.append((held, how))
    held, how = max(rooms, key=lambda room: len(room[0]))
    reasons = (*_sentences(held), f"no namespaces: {why}", *([said] if said else []))
    return Level("weak", reasons, f"{hint}; {KERNEL}; or set `sandbox: {{allow_weak: true}}` in orchestrator.yaml"), how


def _sentences(held: Sequence[str]) -> tuple[str, ...]:
    return tuple(sentence if word in held else f"NOT held: {sentence}" for word, sentence in PARTS.items())


def _probe(how: How) -> tuple[tuple[str, ...], str]:
    """(words of PARTS that held, what went wrong). The inside is asked, and what it may have done outside is looked at."""
    python = Path(sys.executable)
    with scratch.folder("probe", _short_place()) as outside, contextlib.ExitStack() as stack:
        other = outside / "other"
        other.mkdir()
        for folder in (outside, other):
            (folder / "secret").write_text("secret", encoding="utf-8")
        tcp, udp, path, abstract = (stack.enter_context(socket.socket(*kind)) for kind in _SOCKETS)
        addresses: tuple[Any, ...] = (("127.0.0.1", 0), ("127.0.0.1", 0), str(outside / "socket"), f"\0{outside.name}")
        for listener, address in zip((tcp, udp, path, abstract), addresses, strict=True):
            listener.bind(address)
            listener.setblocking(False)
            if listener is not udp:
                listener.listen(1)
        before = _state(outside)
        request: dict[str, Any] = {"parent": os.getpid(), "outside": str(outside), "abstract": outside.name, "mark": outside.name}
        request |= {"tcp": tcp.getsockname()[1], "udp": udp.getsockname()[1], "limits": _PROBE_LIMITS}
        with _code(how, (Mount(other, "/other"),), python, {}) as box:
            request |= {"other": box.at("/other"), "box": dict(box.inside)}
            command = [str(python), "-P", "-s", "-B", box.at("/inside/probe.py")]
            process = box.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            try:
                out, err = process.communicate(json.dumps(request).encode(), timeout=20)
                held = set(json.loads(out)["held"])
            except (ValueError, KeyError, TypeError):
                return (), err.decode("utf-8", "replace").strip()[-300:] or f"it ended with exit code {process.returncode}"
            except subprocess.TimeoutExpired:
                return (), "it did not answer within 20 s"
            finally:
                box.end(process)
        if _state(outside) != before:
            held -= {"write", "modes"}
        if _got_something(udp):
            held.discard("udp")
    return tuple(word for word in PARTS if word in held), ""


def _short_place() -> Path | None:
    """A folder whose path leaves room for a socket's, of which the kernel takes 107 bytes; None is the usual temporary folder."""
    if len(os.fsencode(tempfile.gettempdir())) <= 70:
        return None
    return next((Path(place) for place in ("/tmp", "/var/tmp", "/dev/shm") if os.access(place, os.W_OK)), None)


_SOCKETS = (
    (socket.AF_INET, socket.SOCK_STREAM),
    (socket.AF_INET, socket.SOCK_DGRAM),
    (getattr(socket, "AF_UNIX", socket.AF_INET), socket.SOCK_STREAM),
    (getattr(socket, "AF_UNIX", socket.AF_INET), socket.SOCK_STREAM),
)
_PROBE_LIMITS = {"memory_mb": 1024, "file_mb": 16, "open_files": 256, "processes": 32, "seconds": 10, "disk_mb": 64}


def _state(folder: Path) -> dict[str, tuple[int, int, int]]:
    found = {path: path.stat() for path in (folder, *folder.iterdir())}
    return {str(path): (status.st_mode, status.st_uid, 0 if path == folder else status.st_mtime_ns) for path, status in found.items()}


def _got_something(listener: socket.socket) -> bool:
    try:
        return bool(listener.recv(1))
    except BlockingIOError:
        return False


# --- boxes ---------------------------------------------------------------------------------------------------------------


def _how() -> How:
    found, how = _found()
    if found.name == "none":
        raise SetupError("no sandbox: code of agents is not run without one", hint=found.raise_it)
    return how


@contextlib.contextmanager
def code(mounts: Sequence[Mount], *, python: Path, env: Mapping[str, str] | None = None) -> Iterator[Box]:
    """A sandbox of profile `code`. `python` is the interpreter of the project's environment; this package's programs are at /inside."""
    with _code(_how(), mounts, python, env or {}) as box:
        yield box


@contextlib.contextmanager
def agent(folder: Path, readable: Sequence[Path], *, home: Path | None = None, env: Mapping[str, str] | None = None) -> Iterator[Box]:
    """A sandbox of profile `agent`: `folder` is the writable workspace, at /workspace where there are namespaces; each readable path stays
    where it is. `home`: a writable folder that is its home, at /home/agent where there are namespaces; left out: an empty one. `env`: more
    environment. Its command watches over what it starts, and is ended with it."""
    how = _how()
    with _private(how) as private:
        paths = [str(path) for path in _outermost((*(mount.source for mount in interpreter(Path(sys.executable))), *readable, INSIDE))]
        place = "/workspace" if how.namespaces else str(folder)
        own = private.home if home is None else "/home/agent" if how.namespaces else str(home)
        inside = _inside(how, "agent", private) | {
            "read": ["/"] if how.namespaces else [*SYSTEM, *ETC, *ETC_NETWORK, "/proc", *paths],
            "write": [place, own, *private.writable],
            "disk": [place, *([own] if home else [])],
        }
        limits = {**AGENT_LIMITS, "memory_mb": _memory_mb() // 2, "file_mb": AGENT_LIMITS["disk_mb"]}
        watch = (sys.executable, "-I", "-S", "-B", str(INSIDE / "confine.py"), json.dumps(inside), json.dumps(limits))
        environment = _environment(private, {**(env or {}), "HOME": own})
        places = {"/workspace": place, "/home/agent": own}
        if not how.namespaces:
            yield Box(watch, environment, folder, inside, places)
            return
        writable = (Mount(folder, place, writable=True), *([Mount(home, own, writable=True)] if home else []))
        mounts = (*interpreter(Path(sys.executable)), *(Mount(Path(path), path) for path in paths), *writable)
        line = bubblewrap.prefix(tuple(dict.fromkeys(mounts)), system=SYSTEM, etc=(*ETC, *ETC_NETWORK), chdir=place, network=True, env=None)
        yield Box((*line, *watch), environment, folder, inside, places)


@contextlib.contextmanager
def _code(how: How, mounts: Sequence[Mount], python: Path, env: Mapping[str, str]) -> Iterator[Box]:
    with _private(how) as private:
        program = Mount(INSIDE, "/inside")
        needed = (*interpreter(python), program)
        environment = _environment(private, env)
        inside = _inside(how, "code", private)
        if how.namespaces:
            inside |= {"read": [*SYSTEM, "/etc", "/proc", *(mount.target for mount in needed)], "write": private.writable, "disk": []}
            line = bubblewrap.prefix((*needed, *mounts), system=SYSTEM, etc=ETC, chdir="/tmp", network=False, env=environment)
            yield Box(tuple(line), {}, Path("/"), inside, {mount.target: mount.target for mount in (*needed, *mounts)})
            return
        base = [*SYSTEM, *ETC, *PROC, *(str(mount.source) for mount in needed)]
        inside |= {"read": base, "write": private.writable, "disk": [str(private.folder)]}
        around = inside | {
            "read": [*base, "/proc", *(str(mount.source) for mount in mounts)],
            "write": [*private.writable, *(str(mount.source) for mount in mounts if mount.writable)],
            "listen": False,
        }
        watch = (sys.executable, "-I", "-S", "-B", str(INSIDE / "confine.py"), json.dumps(around), "{}")
        yield Box(watch, environment, private.folder, inside, {mount.target: str(mount.source) for mount in (*needed, *mounts)})


@dataclass(frozen=True)
class _Private:
    """What a box may write, seen from inside."""

    folder: Path
    home: str
    tmp: str
    writable: list[str]


@contextlib.contextmanager
def _private(how: How) -> Iterator[_Private]:
    """Small disks of its own where there are namespaces, else a folder that is removed at the end."""
    if how.namespaces:
        yield _Private(Path("/tmp"), "/tmp/home", "/tmp", ["/tmp", "/dev/shm"])
        return
    with scratch.folder("box") as folder:
        (folder / "home").mkdir()
        yield _Private(folder, str(folder / "home"), str(folder), [str(folder)])


def _inside(how: How, profile: str, private: _Private) -> dict[str, Any]:
    return {
        "profile": profile,
        "alone": how.namespaces,
        "outside": str(Path("/proc/self/ns/pid").readlink()),
        "abi": how.landlock,
        "seccomp": how.seccomp,
        "listen": how.seccomp,
        "devices": [*DEVICES, *(TERMINALS if how.namespaces else ())],
        "private": private.writable if profile == "code" else [],
        "home": private.home,
        "tmp": private.tmp,
    }


def _environment(private: _Private, more: Mapping[str, str]) -> dict[str, str]:
    fixed = {"PATH": PATH, "HOME": private.home, "TMPDIR": private.tmp, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    return fixed | dict(more)


def _outermost(paths: Sequence[Path]) -> list[Path]:
    """Without those that lie below another, or below a folder of the system: there is nothing to mount them on, and no need to."""
    seen = {*paths, *map(Path, SYSTEM)}
    return [path for path in dict.fromkeys(paths) if not any(other in path.parents for other in seen)]


def _memory_mb() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20


def interpreter(python: Path) -> tuple[Mount, ...]:
    """The binds a virtual environment's interpreter needs: its own prefix, the prefix it was made from, and links on the way between them."""
    real = python.resolve()
    prefixes = [prefix for prefix in dict.fromkeys((python.parent.parent, real.parent.parent)) if not prefix.is_relative_to("/usr")]
    links: list[Path] = []
    place = python
    while place.is_symlink() and len(links) < 40:
        place = place.parent / place.readlink()
        links.append(Path(os.path.normpath(place)))
    seen = (Path("/usr"), *prefixes)
    stray = [link for link in links if not any(link.is_relative_to(prefix) for prefix in seen)]
    return (*(Mount(prefix, str(prefix)) for prefix in prefixes), *(Mount(real, str(link)) for link in stray))
