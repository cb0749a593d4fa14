"""Agents that are programs of this machine: where the program lies, what it needs to be seen of the disk, and the room it is started in."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.run.agents import NotInstalled

if TYPE_CHECKING:
    from orchestrator.run.sandboxes import Box

NETWORK = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy")
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE")
"""Passed on, since an agent that needs the network needs them; certificates are readable, too."""
LOGIN_BYTES = 5_000_000
"""A larger file is no login."""


@dataclass(frozen=True)
class Program:
    path: Path
    argv: tuple[str, ...]
    """What starts it, with whole paths."""
    readable: tuple[Path, ...]
    folders: tuple[str, ...]
    """To come first on its PATH."""


def find(argv: Sequence[str], root: Path, install: str = "") -> Program:
    """The program of a command line. Paths that begin with a dot are relative to `root`, the working folder. Raises NotInstalled."""
    words = [str((root / word).resolve()) if word.startswith(("./", "../")) else word for word in argv]
    place = shutil.which(words[0])
    if place is None:
        hint = f"install it: `{install}`" if install else "install it, or mend `argv` in orchestrator.yaml"
        raise NotInstalled(f"the program `{argv[0]}` was not found", hint=hint)
    path = Path(place).absolute()
    words[0] = str(path)
    interpreter, looked_for = _interpreter(path.resolve())
    programs = [path, *([interpreter] if interpreter else [])]
    if looked_for and interpreter and interpreter.name.startswith("python"):
        words.insert(0, str(interpreter))  # inside, the project's comes first on the PATH
    files = [Path(word) for word in words[1:] if word.startswith("/") and Path(word).is_file()]
    readable = [needed for program in programs for needed in (program, *_around(program))]
    return Program(path, tuple(words), tuple(dict.fromkeys((*readable, *files))), tuple(dict.fromkeys(str(program.parent) for program in programs)))


def _interpreter(path: Path) -> tuple[Path | None, bool]:
    """(the program that a script's first line names, whether it is looked for on the PATH)."""
    try:
        with path.open("rb") as stream:
            first = stream.readline(300).decode("utf-8", "replace")
    except OSError:
        return None, False
    named = re.match(r"#!\s*(\S+)(?:\s+(?:-S\s+)?(\S+))?", first)
    if not named:
        return None, False
    looked_for = named[1].endswith("/env") and bool(named[2])
    found = shutil.which(named[2]) if looked_for else named[1]
    return Path(found).absolute() if found else None, looked_for


def _around(path: Path) -> list[Path]:
    """What has to be seen for a program to run: the packages around a script of node, a virtual environment, or the libraries beside its `bin`; else
    its own folder. Never a home, nor what else lies in one."""
    real = path.resolve()
    if "node_modules" in real.parts:
        return [Path(*real.parts[: real.parts.index("node_modules") + 1])]
    environments = [folder for place in (path, real) for folder in place.parents if (folder / "pyvenv.cfg").is_file()]
    if real.parent.name == "bin":
        return [*environments, real, real.parent.parent / "lib"]
    own = real.parent
    return [*environments, real, *([own] if own not in (Path.home(), *Path.home().parents) and len(own.parts) > 2 else [])]


def environment(fixed: Mapping[str, str], passed: Sequence[str], folders: Sequence[str], path: str) -> dict[str, str]:
    """What the program is started with: fixed values, what is passed on of ours, and a PATH with these folders first."""
    ours = {name: os.environ[name] for name in (*NETWORK, *CERTIFICATES, *passed) if os.environ.get(name)}
    return {**ours, **fixed, "PATH": ":".join(dict.fromkeys((*folders, *path.split(":"))))}


@contextlib.contextmanager
def room(
    program: Program,
    folder: Path,
    *,
    env: Mapping[str, str],
    keys: Sequence[str],
    readable: Sequence[Path],
    login: Sequence[str],
    home: Path | None,
    python: str,
) -> Iterator[tuple[Box, Path]]:
    """(the sandbox of an agent's program with `folder` as its workspace, its home). `home` None: an empty one with copies of `login`, thrown away.
    `python`: the project's interpreter, found as `python`; '' where there is none."""
    from orchestrator.run import sandboxes, scratch

    own = [mount.source for mount in sandboxes.interpreter(Path(python))] if python else []
    given = environment(env, keys, [*([str(Path(python).parent)] if python else []), *program.folders], sandboxes.PATH)
    certificates = [Path(given[name]) for name in CERTIFICATES if name in given]
    with contextlib.ExitStack() as stack:
        if home is None:
            home = stack.enter_context(scratch.folder("home"))
            copy_login(login, home)
        else:
            home.mkdir(parents=True, exist_ok=True)
        seen = [path for path in (*program.readable, *readable, *own, *certificates) if path.exists()]
        yield stack.enter_context(sandboxes.agent(folder.resolve(), seen, home=home.resolve(), env=given)), home


def copy_login(login: Sequence[str], home: Path) -> None:
    """Copy files and folders of the user's home to the same place in `home`; what is not there, or is large, is left out."""
    for name in login:
        source = Path(name).expanduser()
        if not source.is_relative_to(Path.home()):
            continue
        for path in sorted(source.rglob("*")) if source.is_dir() else [source]:
            with contextlib.suppress(OSError):
                status = path.stat()
                if stat.S_ISREG(status.st_mode) and status.st_size <= LOGIN_BYTES:
                    target = home / path.relative_to(Path.home())
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, target)
                    target.chmod(0o600)
