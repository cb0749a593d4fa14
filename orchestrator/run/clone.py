"""git over the network, with the settings of somebody's clone: its URLs, credentials, proxies and SSH command. The clone itself is only read.

What is fetched and pushed lies in a bare repository of ours. The clone's configuration is handed on in the environment of git, so that a token in
it stands on no command line.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import ConfigError, SetupError

NAME = "shared"
"""What the remote is called in the commands."""
CARRIED = ("http.", "credential.", "url.", "ssh.", "protocol.", "core.sshcommand", "core.askpass", "core.gitproxy", "push.pushoption", "safe.")
"""Keys of the clone's configuration that say how a remote is reached."""
OURS = ("core.hookspath=/dev/null", "gc.auto=0", "maintenance.auto=false", "advice.pushupdaterejected=false", "core.autocrlf=false")
PLACES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_NAMESPACE")
SECONDS = 300
"""A transfer that takes longer is ended."""


@dataclass(frozen=True)
class Said:
    """What git answered."""

    code: int
    out: str
    error: str
    """Without the user and password of a URL."""


@dataclass(frozen=True)
class Remote:
    """A remote of a clone."""

    name: str
    top: Path
    """The clone's folder: a relative URL counts from there."""
    settings: tuple[tuple[str, str], ...]

    def git(self, place: Path, *arguments: str, objects: tuple[Path, ...] = ()) -> Said:
        """Run git for the bare repository at `place`; the remote is called NAME. `objects`: folders of objects that it may use beside its own."""
        given = [*(tuple(each.split("=", 1)) for each in OURS), *self.settings]
        environ = {name: value for name, value in os.environ.items() if name not in PLACES and not name.startswith("GIT_CONFIG_")}
        environ |= {name: value for name, value in os.environ.items() if name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM")}
        environ |= {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8", "GIT_CONFIG_COUNT": str(len(given))}
        for number, (key, value) in enumerate(given):
            environ |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        if objects:
            environ["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = os.pathsep.join(str(folder.resolve()) for folder in objects)
        argv = ["git", "--git-dir", str(place.resolve()), *arguments]
        try:
            done = subprocess.run(argv, cwd=self.top, env=environ, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False)
        except FileNotFoundError:
            raise SetupError("git was not found", hint="install git, for example `apt-get install git`") from None
        except subprocess.TimeoutExpired:
            return Said(124, "", f"no answer of {self.name} for {SECONDS} seconds")
        return Said(done.returncode, done.stdout.decode("utf-8", "replace"), _safe(done.stderr.decode("utf-8", "replace")))


def of(folder: Path, name: str) -> Remote:
    """The remote called `name` of the clone that holds a folder. Raises ConfigError where there is no clone, or no such remote."""
    top = _asked(folder, "rev-parse", "--show-toplevel").strip()
    if not top:
        raise ConfigError(
            f"{folder} is in no git repository", hint="`state: branch` keeps what was done in the repository that holds the working folder"
        )
    fetch, push = (_asked(folder, "remote", "get-url", *option, name).strip() for option in ((), ("--push",)))
    if not fetch:
        raise ConfigError(f"{top} has no remote called {name}", hint=f"`git remote add {name} …`, or name another under `state: {{remote: …}}`")
    return Remote(name, Path(top), ((f"remote.{NAME}.url", fetch), (f"remote.{NAME}.pushurl", push or fetch), *_carried(folder)))


def deepen(place: Path, target: str, branch: str) -> None:
    """Where `target` is a shallow clone, fetch the history that it lacks into the repository at `place`, from where the clone came from: git takes
    nothing from a shallow clone otherwise. Raises SetupError where that cannot be had."""
    folder = Path(target)
    if "://" in target or not folder.is_dir() or _asked(folder, "rev-parse", "--is-shallow-repository").strip() != "true":
        return
    hint = "fetch the whole history (`fetch-depth: 0`, `git fetch --unshallow`)"
    try:
        origin = of(folder, "origin")
    except ConfigError as error:
        raise SetupError(f"{target} is a shallow clone, and the rest of its history cannot be had: {error.message}", hint=hint) from None
    options = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance")
    said = origin.git(place, *options, NAME, f"+refs/heads/{branch}:refs/history/{branch}")
    if said.code:
        raise SetupError(f"{target} is a shallow clone, and the rest of its history cannot be had: {said.error[:500]}", hint=hint)


def _carried(folder: Path) -> tuple[tuple[str, str], ...]:
    """Keys in the order in which git reads them: a later one replaces or adds, as it does for the clone itself."""
    entries = (entry.partition("\n") for entry in _asked(folder, "config", "--list", "-z", "--includes").split("\0") if entry)
    return tuple((key, value if newline else "true") for key, newline, value in entries if key.lower().startswith(CARRIED))


def _asked(folder: Path, *arguments: str) -> str:
    """What git says of a clone, '' where it refuses."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except FileNotFoundError:
        raise SetupError("git was not found", hint="install git, for example `apt-get install git`") from None
    return done.stdout.decode("utf-8", "surrogateescape") if done.returncode == 0 else ""


def _safe(text: str) -> str:
    return re.sub(r"//[^/@\s]+@", "//", text).strip()
