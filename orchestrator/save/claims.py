"""Claims: who works on a project, and until when. Each is a file of the state branch, so that its compare-and-swap decides between two runs.

A claim that is over binds nobody. So does one of a process of this very machine that is gone; of other machines nothing is known but the time.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from orchestrator.errors import StoreError
from orchestrator.save.clock import stamp


@dataclass(frozen=True)
class Claim:
    who: str
    """For people: the CI job, or user and machine."""
    token: str
    """Which run it is: no other has it."""
    place: str
    """The boot and the namespace in which `process` is a number; '' where that is not known."""
    process: int
    birth: str
    """When that process began, as its kernel counts."""
    until: float
    """Seconds since the epoch."""

    def renewed(self, minutes: float) -> Claim:
        return replace(self, until=time.time() + 60 * minutes)

    def binds(self) -> bool:
        """Whoever made it may still be at work."""
        return self.until > time.time() and not (self.place and self.place == _place() and _birth(self.process) != self.birth)

    def text(self) -> str:
        return json.dumps(asdict(self) | {"ends": stamp(self.until)}, indent=1) + "\n"


def made(minutes: float, environ: Mapping[str, str] = os.environ) -> Claim:
    """A claim of this process."""
    return Claim(who(environ), secrets.token_hex(8), _place(), os.getpid(), _birth(os.getpid()), time.time() + 60 * minutes)


def read(text: str, name: str) -> Claim:
    """Raises StoreError for what no run has written."""
    try:
        value = json.loads(text)
        strings = {key: str(value[key]) for key in ("who", "token", "place", "birth")}
        return Claim(**strings, process=int(value["process"]), until=float(value["until"]))
    except (ValueError, KeyError, TypeError):
        raise StoreError(f"the claim {name} is not what a run has written") from None


def who(environ: Mapping[str, str] = os.environ) -> str:
    """Who runs here, for people."""
    if run := environ.get("GITHUB_RUN_ID"):
        place = f"{environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{environ.get('GITHUB_REPOSITORY', '')}/actions/runs/{run}"
        return f"the GitHub job {environ.get('GITHUB_JOB', '')} ({place})"
    if job := environ.get("CI_JOB_URL"):
        return f"the GitLab job {environ.get('CI_JOB_NAME', '')} ({job})"
    return f"process {os.getpid()} on {socket.gethostname()}"


def _place() -> str:
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _birth(process: int) -> str:
    """'' for a process that is gone."""
    try:
        return (Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
