"""The repository that work is delivered to: what its branches are at, and plain pushes to it.

Nothing here forces, deletes or rewrites, and no working tree is touched: a branch that somebody has checked out is not pushed to. Hooks of the other
side run; ours are none.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from orchestrator.errors import OrchestratorError, SetupError
from orchestrator.inbox import targets
from orchestrator.run import git
from orchestrator.run.git import Repository

_PASSED_ON = re.compile(
    r"SSH_AUTH_SOCK|SSH_AGENT_PID|GIT_SSH(_COMMAND|_VARIANT)?|(GIT|SSH)_ASKPASS|GIT_SSL_\w+|(https?|all|no)_proxy|XDG_\w+_\w+|DBUS_SESSION_BUS_ADDRESS"
    r"|(GH|GITHUB|GITLAB|GLAB)_\w+|CI_\w+|USER|LOGNAME",
    re.IGNORECASE,
)
"""Environment variables that git, ssh, and the programs they ask for a password need to reach another machine."""


class Unreachable(SetupError):
    """The other repository cannot be reached, or did not take what was pushed; the message is git's own."""


@dataclass(frozen=True)
class Remote:
    address: str
    """As git takes it: an absolute path or a URL."""
    path: Path | None
    """Where it lies, for one on this machine."""
    seconds: float
    """git is ended after so long."""

    @property
    def shown(self) -> str:
        """The address without user and password."""
        return without_password(self.address)


def of(repo: str, root: Path, seconds: float) -> Remote:
    """The repository that a PRD's `target.repo` names."""
    if targets.is_url(repo):
        parts = urlsplit(repo)
        return Remote(repo, Path(parts.path) if parts.scheme == "file" else None, seconds)
    path = (root / repo).resolve()
    return Remote(str(path), path, seconds)


def without_password(address: str) -> str:
    if "://" not in address:
        return address
    parts = urlsplit(address)
    if "@" not in parts.netloc:
        return address
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}@{host}" if parts.scheme == "ssh" else host))


def environment() -> dict[str, str]:
    """What reaching another machine may need. Nobody is there to be asked."""
    passed = {name: value for name, value in os.environ.items() if _PASSED_ON.fullmatch(name)}
    return {"GIT_SSH_COMMAND": "ssh -o BatchMode=yes", **passed, "GIT_TERMINAL_PROMPT": "0"}


def address_of(remote: Remote, name: str) -> str:
    """Where a repository on this machine pushes to under a name, for example `origin`, as its configuration has it; '' where there is none."""
    if remote.path is None:
        return ""
    for key in (f"remote.{name}.pushurl", f"remote.{name}.url"):
        try:
            found = git.run("-C", str(remote.path), "config", "--get", key, ok=(0, 1)).decode("utf-8", "replace").strip()
        except OrchestratorError:
            return ""
        if found:
            return found
    return ""


def heads(repository: Repository, remote: Remote, *branches: str) -> tuple[str, ...]:
    """The commits that branches of the remote are at, '' for each that is not there. Their objects are here afterwards. Raises Unreachable."""
    refs = [f"refs/heads/{branch}" for branch in branches]
    listed = _ask(repository, remote, "ls-remote", "--quiet", "--", remote.address, *refs)
    there = {name: found for found, _, name in (line.partition("\t") for line in listed.splitlines())}
    unknown = [ref for ref in refs if ref in there and not repository.resolve(f"{there[ref]}^{{commit}}")]
    if unknown:
        _ask(repository, remote, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--", remote.address, *unknown)
    return tuple(there.get(ref, "") for ref in refs)


def head(repository: Repository, remote: Remote, branch: str) -> str:
    """The same of one branch."""
    (found,) = heads(repository, remote, branch)
    return found


def checked_out(remote: Remote, branch: str) -> Path | None:
    """The working tree that somebody has the branch checked out in, None where nobody has: pushing to it would change what they work on."""
    if remote.path is None:
        return None
    try:
        listed = git.run("-C", str(remote.path), "worktree", "list", "--porcelain", "-z").decode("utf-8", "replace")
    except OrchestratorError as error:
        raise Unreachable(f"{remote.shown} cannot be looked at: {error.message}", hint=HINT) from None
    for entry in listed.split("\0\0"):
        lines = entry.strip("\0").split("\0")
        if f"branch refs/heads/{branch}" in lines and "bare" not in lines:
            return Path(lines[0].removeprefix("worktree "))
    return None


def push(repository: Repository, remote: Remote, commit: str, branch: str) -> None:
    """A plain push of a commit to a branch: the other side takes it when the branch is new or the commit follows it. Raises Unreachable."""
    _ask(
        repository,
        remote,
        "push",
        "--quiet",
        "--no-verify",
        "--no-follow-tags",
        "--recurse-submodules=no",
        remote.address,
        f"{commit}:refs/heads/{branch}",
    )


HINT = "does it exist, and may this user write to it? the next run tries again"


def _ask(repository: Repository, remote: Remote, *arguments: str) -> str:
    try:
        return repository.git(*arguments, env=environment(), seconds=remote.seconds).decode("utf-8", "replace")
    except OrchestratorError as error:
        said = error.message.partition(": ")[2] or error.message
        raise Unreachable(f"{remote.shown}: git {arguments[0]}: {_clean(said, remote)}", hint=HINT) from None


def _clean(text: str, remote: Remote) -> str:
    """git's own words, without the password of an address."""
    return " ".join(text.replace(remote.address, remote.shown).split())[:500]
