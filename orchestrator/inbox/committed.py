"""PRD files as they stand in HEAD of the git repository that holds them, for `inbox.take: committed`. Reads only; no lock of git's is taken."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import ConfigError

FILE, LINK = ("100644", "100755"), "120000"


@dataclass(frozen=True)
class Head:
    """What HEAD holds of a folder. Paths are relative to it, with `/`."""

    files: dict[str, bytes | int]
    """Path → its bytes, or how many there are when those are too many."""
    links: frozenset[str]
    """Symbolic links; they are not followed."""
    modified: frozenset[str]
    """Of these, what the working tree or the index has otherwise or not at all."""


def read(folder: Path, limit: int) -> Head:
    """HEAD's files of a folder; nothing where there is no commit yet. Raises ConfigError when it is in no git repository, or git cannot read it."""
    prefix = _git(folder, "rev-parse", "--show-prefix").decode("utf-8", "surrogateescape").rstrip("\n")
    if not mark(folder):
        return Head({}, frozenset(), frozenset())
    links, sizes, blobs = set(), {}, {}
    for line in _git(folder, "ls-tree", "-r", "-l", "-z", "HEAD", "--", ".").decode("utf-8", "surrogateescape").split("\0"):
        about, _, path = line.partition("\t")
        mode, _, blob, size = [*about.split(), "", "", "", ""][:4]
        if mode == LINK:
            links.add(path)
        elif mode in FILE:
            sizes[path] = int(size)
            blobs[path] = blob
    small = {path: blob for path, blob in blobs.items() if sizes[path] <= limit}
    texts = dict(zip(small, _blobs(folder, list(small.values())), strict=True))
    said = _git(folder, "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=no", "--", ".").decode("utf-8", "surrogateescape")
    modified = frozenset(entry[3:].removeprefix(prefix) for entry in said.split("\0") if entry)
    return Head({path: texts.get(path, sizes[path]) for path in sizes}, frozenset(links), modified)


def mark(folder: Path) -> str:
    """What changes when a commit changes anything in the folder; '' where there is no commit. Raises ConfigError as `read`."""
    done = _run(folder, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if done.returncode:
        _git(folder, "rev-parse", "--git-dir")
        return ""
    done = _run(folder, "rev-parse", "--verify", "--quiet", "HEAD:./")
    return done.stdout.decode().strip() or "nothing"


def place(folder: Path) -> Path:
    """The git folder: something directly in it changes with every commit. Raises ConfigError as `read`."""
    return Path(os.fsdecode(_git(folder, "rev-parse", "--absolute-git-dir").rstrip(b"\n")))


def _blobs(folder: Path, names: list[str]) -> list[bytes]:
    said = _git(folder, "cat-file", "--batch", stdin="".join(f"{name}\n" for name in names).encode()) if names else b""
    found, position = [], 0
    for _ in names:
        end = said.index(b"\n", position)
        size = int(said[position:end].split()[2])
        found.append(said[end + 1 : end + 1 + size])
        position = end + 1 + size + 1
    return found


def _git(folder: Path, *arguments: str, stdin: bytes | None = None) -> bytes:
    done = _run(folder, *arguments, stdin=stdin)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ConfigError(
            f"`inbox.take` is `committed`, and git cannot say what is committed of {folder}: {said[0] if said else f'exit code {done.returncode}'}",
            hint="keep the PRDs in a git repository, or set `inbox.take: saved`",
        )
    return done.stdout


def _run(folder: Path, *arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}
    try:
        return subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            input=stdin,
            stdin=None if stdin else subprocess.DEVNULL,
            check=False,
        )
    except FileNotFoundError:
        raise ConfigError("`inbox.take` is `committed`, and git was not found", hint="install git, or set `inbox.take: saved`") from None
