"""Pull requests of GitHub and merge requests of GitLab, through `gh` and `glab`, where these are there and logged in.

A request that is open for the branch is brought up to date; else one is opened. What could not be done stands in the answer, with the command that
a person may run.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from orchestrator.run import remote

Kind = Literal["github", "gitlab"]
PROGRAMS: dict[Kind, str] = {"github": "gh", "gitlab": "glab"}
_SCP = re.compile(r"(?:[\w.-]+@)?(?P<host>[\w.-]+\.[\w-]+|[\w.-]+(?=:[^/\\]+/)):(?P<path>[^/].*)")


@dataclass(frozen=True)
class Place:
    """A repository on a host."""

    host: str
    path: str
    """`owner/name`, at GitLab with all its groups."""

    @property
    def full(self) -> str:
        return f"{self.host}/{self.path}"


@dataclass(frozen=True)
class Wish:
    """A request that is to be there."""

    place: Place
    branch: str
    into: str
    title: str
    body: Path
    """The file that holds its text."""
    draft: bool
    seconds: float


@dataclass(frozen=True)
class Request:
    """What came of it."""

    url: str
    """'' where there is none."""
    detail: str
    command: str
    """What a person may run instead; '' when it is there."""


def place(address: str) -> Place | None:
    """The host and the path of an address; None for what is on no host."""
    if "://" in address:
        parts = urlsplit(address)
        host, path = parts.hostname or "", parts.path
        if parts.scheme in ("http", "https") and parts.port:
            host += f":{parts.port}"
        if parts.scheme == "file":
            return None
    elif (match := _SCP.fullmatch(address)) and not address.startswith(("/", ".")):
        host, path = match["host"], match["path"]
    else:
        return None
    path = path.strip("/").removesuffix(".git").rstrip("/")
    return Place(host, path) if host and "/" in path else None


def kind(found: Place, configured: str) -> Kind | None:
    """By the configuration, else by the host's name, else by who is logged in to it."""
    for each in PROGRAMS:
        if configured == each or (configured == "auto" and each in found.host):
            return each
    return next((each for each in PROGRAMS if configured == "auto" and not _missing(each, found.host, 20)), None)


def request(wish: Wish, which: Kind) -> Request:
    """Open it, or bring an open one up to date."""
    command = by_hand(wish, which)
    if why := _missing(which, wish.place.host, wish.seconds):
        return Request("", why, command)
    try:
        return _github(wish) if which == "github" else _gitlab(wish)
    except _Failed as error:
        return Request("", f"{PROGRAMS[which]} could not: {error}", command)


def by_hand(wish: Wish, which: Kind | None) -> str:
    """The command for a person; '' for a host that nobody knows."""
    if which == "github":
        return shlex.join(["gh", *_create_github(wish)])
    if which == "gitlab":
        return shlex.join(["glab", *_create_gitlab(wish)]) + _from_file(wish)
    return ""


def _from_file(wish: Wish) -> str:
    return f' --description="$(cat {shlex.quote(str(wish.body))})"'


# --- GitHub ------------------------------------------------------------------------------------------------------------------


def _create_github(wish: Wish) -> list[str]:
    draft = ["--draft"] if wish.draft else []
    about = [f"--head={wish.branch}", f"--base={wish.into}", f"--title={wish.title}", f"--body-file={wish.body}"]
    return ["pr", "create", f"--repo={wish.place.full}", *about, *draft]


def _github(wish: Wish) -> Request:
    repo = f"--repo={wish.place.full}"
    asked = (f"--head={wish.branch}", f"--base={wish.into}", "--state=open", "--json=number,url", "--limit=1")
    if listed := _json(_call("gh", wish, ["pr", "list", repo, *asked])):
        number, url = str(listed[0]["number"]), str(listed[0]["url"])
        # not `gh pr edit`, which fails where a token may not read projects
        about = [f"--raw-field=title={wish.title}", f"--field=body=@{wish.body}", "--silent"]
        edit = ["api", f"--hostname={wish.place.host}", "--method=PATCH", f"repos/{wish.place.path}/pulls/{number}", *about]
        return _updated("gh", wish, edit, url, f"pull request {number}")
    return Request(_url(_call("gh", wish, _create_github(wish))), "a pull request is opened", "")


def _updated(program: str, wish: Wish, arguments: list[str], url: str, what: str, text: str = "") -> Request:
    """A request that is open, with title and text as they are now. `text`: as a last argument; a person takes it from its file."""
    try:
        _call(program, wish, [*arguments, *([text] if text else [])])
    except _Failed as error:
        command = shlex.join([program, *arguments]) + (_from_file(wish) if text else "")
        return Request(url, f"{what} is open and could not be brought up to date: {error}", command)
    return Request(url, f"{what} is brought up to date", "")


# --- GitLab ------------------------------------------------------------------------------------------------------------------


def _create_gitlab(wish: Wish) -> list[str]:
    draft = ["--draft"] if wish.draft else []
    about = [f"--source-branch={wish.branch}", f"--target-branch={wish.into}", f"--title={wish.title}"]
    return ["mr", "create", f"--repo=https://{wish.place.full}", *about, *draft, "--yes"]


def _gitlab(wish: Wish) -> Request:
    repo, text = f"--repo=https://{wish.place.full}", f"--description={wish.body.read_text(encoding='utf-8')}"
    asked = (f"--source-branch={wish.branch}", f"--target-branch={wish.into}", "--output=json", "--per-page=1")
    if listed := _json(_call("glab", wish, ["mr", "list", repo, *asked])):
        number, url = str(listed[0]["iid"]), str(listed[0]["web_url"])
        title = [] if wish.draft else [f"--title={wish.title}"]  # a draft is one by its title there, and a person may have made it ready
        return _updated("glab", wish, ["mr", "update", number, repo, *title, "--yes"], url, f"merge request {number}", text)
    return Request(_url(_call("glab", wish, [*_create_gitlab(wish), text])), "a merge request is opened", "")


# --- the programs ------------------------------------------------------------------------------------------------------------


class _Failed(Exception):
    pass


def _missing(which: Kind, host: str, seconds: float) -> str:
    """Why its program cannot be used; '' when it can."""
    program = PROGRAMS[which]
    if shutil.which(program) is None:
        return f"`{program}` is not installed"
    try:
        _run([program, "auth", "status", f"--hostname={host}"], seconds)
    except _Failed:
        return f"`{program}` is not logged in to {host}: `{program} auth login --hostname {host}`"
    return ""


def _call(program: str, wish: Wish, arguments: list[str]) -> str:
    return _run([program, *arguments], wish.seconds)


def _run(argv: list[str], seconds: float) -> str:
    quiet = {"GH_PROMPT_DISABLED": "1", "GH_NO_UPDATE_NOTIFIER": "1", "NO_PROMPT": "1", "NO_COLOR": "1", "GLAB_CHECK_UPDATE": "false"}
    settings = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": os.environ.get("HOME", "/"), **remote.environment(), **quiet}
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, env=settings, timeout=seconds, cwd="/", check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _Failed(str(error) if isinstance(error, OSError) else f"it was ended after {seconds:g} seconds") from None
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).decode("utf-8", "replace").split())
        raise _Failed(said[:500] or f"it ended with {done.returncode}")
    return done.stdout.decode("utf-8", "replace")


def _json(text: str) -> list[dict[str, object]]:
    try:
        found = json.loads(text or "[]")
    except ValueError:
        raise _Failed(f"it answered {text.strip()[:100]!r}") from None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _url(text: str) -> str:
    """The last address that it printed."""
    found: list[str] = re.findall(r"https?://\S+", text)
    return found[-1] if found else ""
