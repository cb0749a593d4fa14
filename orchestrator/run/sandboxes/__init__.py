"""Where code that nobody trusts runs. Two profiles, one ladder.

`code`   tests, stubs, examples: no network, no home, nothing of this machine but the system, the interpreter and one folder.
`agent`  a coding agent: the same, with the network open (and said so), its own HOME and a writable workspace.

The level is found once per process by effects, not by asking for a version: a write outside is denied, a connection is denied, killing
the parent is denied. Nothing runs without a sandbox: no level, no run.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from orchestrator.errors import SetupError
from orchestrator.run.sandboxes import bubblewrap
from orchestrator.run.sandboxes.bubblewrap import Mount

__all__ = ["Level", "Mount", "agent_argv", "code_argv", "level", "required_level"]


@dataclass(frozen=True)
class Level:
    name: str
    """`bwrap` (namespaces and resource limits) or `none`."""
    reasons: tuple[str, ...]
    """What was probed, one sentence each, and what this level does not do."""


@cache
def level() -> Level:
    """What this machine can do; probed once per process."""
    program = bubblewrap.program()
    if program is None:
        return Level("none", ("bubblewrap (`bwrap`) was not found",))
    probe = bubblewrap.probe(program)
    if not probe.held:
        return Level("none", probe.reasons)
    return Level("bwrap", (*probe.reasons, "Landlock and seccomp are not applied by this version"))


def required_level(require: str = "any") -> Level:
    """The level, or SetupError with the command that would raise it."""
    found = level()
    if found.name == "none":
        raise SetupError(
            "no sandbox: code of agents is never run without one\n" + "\n".join(f"  - {reason}" for reason in found.reasons),
            hint="install bubblewrap (`apt-get install bubblewrap`); where user namespaces are refused: "
            "`sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`",
        )
    if require == "full":
        raise SetupError(
            f"`sandbox.require` is full, this machine reaches `{found.name}`\n" + "\n".join(f"  - {reason}" for reason in found.reasons),
            hint="set `sandbox: {require: any}` in orchestrator.yaml",
        )
    return found


def code_argv(argv: list[str], *, mounts: tuple[Mount, ...], chdir: str, python: Path, env: dict[str, str] | None = None) -> list[str]:
    """The command line that runs `argv` in profile `code`. `python` is the interpreter of the project's environment."""
    return bubblewrap.argv(argv, mounts=(*bubblewrap.interpreter(python), *mounts), chdir=chdir, network=False, env=env or {})


def agent_argv(folder: Path, readable: tuple[Path, ...], argv: list[str]) -> list[str]:
    """The command line that runs `argv` in profile `agent`: `folder` is writable at /workspace, each readable path read-only at its own."""
    mounts = tuple(Mount(path, str(path)) for path in readable)
    return bubblewrap.argv(argv, mounts=(*mounts, Mount(folder, "/workspace", writable=True)), chdir="/workspace", network=True, env={})
