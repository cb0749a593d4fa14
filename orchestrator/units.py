"""`orchestrator init --systemd` and `--cron`: the units and the crontab line that run a working folder while nobody watches.

    <working folder>/systemd/user/…      for one's own systemd: orchestrator-watch.service, or orchestrator-run.service with its .timer
    <working folder>/systemd/system/…    the same for the machine's, run as the user who wrote them
    <working folder>/crontab             one line

They name this installation and this folder by absolute paths. Pure but for what `installation` looks up.
"""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import UsageError

KEYS = "orchestrator.env"
"""In the working folder, where it is there: lines `NAME=value` for the environment, for example keys of agents. Ignored by git."""
MINUTES = 5
"""How often the timer and the crontab line look for something to do."""
RUN, WATCH = ("run", "--due", "--progress", "plain"), ("watch", "--progress", "plain")
LONGEST = 990
"""Bytes of a crontab line: cron of Debian and others cut a command at 1000."""
STANDARD = ("/usr/local/bin", "/usr/bin", "/bin")


@dataclass(frozen=True)
class Installation:
    """What a unit has to know."""

    command: tuple[str, ...]
    """How `orchestrator` is started, by absolute paths."""
    root: Path
    """The working folder."""
    runs: Path
    user: str
    environment: tuple[tuple[str, str], ...]
    """Variables that programs are found by: PATH, and PYTHONPATH where this installation needs it."""


def installation(root: Path, runs: Path) -> Installation:
    """As this process was started. Raises UsageError for a folder that no unit can name."""
    program = Path(sys.argv[0]).absolute()
    found = program.name == "orchestrator" and os.access(program, os.X_OK) and program.is_file()
    command = (str(program),) if found else (sys.executable, "-m", "orchestrator")
    for path in (*command[:1], str(root), str(runs)):
        if not path.isprintable():
            raise UsageError(f"{path!r}: such a name can stand in no unit and no crontab", hint="move it to a folder with an ordinary name")
    environment = [("PATH", _searched(Path(command[0]).parent))]
    if own := os.environ.get("PYTHONPATH", ""):
        environment.append(("PYTHONPATH", os.pathsep.join(str(Path(part).absolute()) for part in own.split(os.pathsep) if part)))
    return Installation(command, root, runs, getpass.getuser(), tuple(environment))


def _searched(first: Path, *, short: bool = False) -> str:
    """Where programs are looked for: as now, as far as it is there. `short`: only the folders of what a run cannot do without."""
    needed = [Path(path).parent for name in ("git", "bwrap", "node") if (path := shutil.which(name))]
    here = needed if short else [Path(part) for part in os.environ.get("PATH", "").split(os.pathsep) if part]
    folders = dict.fromkeys(str(part) for part in (first, *here, *map(Path, STANDARD)) if part.is_absolute() and part.is_dir())
    return os.pathsep.join(part for part in folders if part.isprintable())


# --- systemd ---------------------------------------------------------------------------------------------------------------


def services(found: Installation) -> dict[str, str]:
    """Path below the working folder → text."""
    return {f"systemd/{whose}/{name}": text for whose in ("user", "system") for name, text in _units(found, whose).items()}


def _units(found: Installation, whose: str) -> dict[str, str]:
    system = whose == "system"
    network = "Wants=network-online.target\nAfter=network-online.target\n" if system else ""
    wanted = "multi-user.target" if system else "default.target"
    watch = f"""\
{HEAD}
[Unit]
Description=TDD orchestrator, watching {_escaped(str(found.root))}
{network}
[Service]
Type=exec
{_start(found, WATCH)}
Restart=on-failure
RestartSec=30
{_service(found, system=system)}
[Install]
WantedBy={wanted}
"""
    run = f"""\
{HEAD}
[Unit]
Description=TDD orchestrator, one run in {_escaped(str(found.root))}
{network}
[Service]
Type=oneshot
{_start(found, RUN)}
{_service(found, system=system)}"""
    timer = f"""\
{HEAD}
[Unit]
Description=TDD orchestrator, a run every {MINUTES} minutes

[Timer]
OnCalendar=*:0/{MINUTES}
Persistent=true
AccuracySec=30s

[Install]
WantedBy=timers.target
"""
    return {"orchestrator-watch.service": watch, "orchestrator-run.service": run, "orchestrator-run.timer": timer}


HEAD = "# Written by `orchestrator init --systemd` for this installation and this folder. docs/running.md says how to use it."

SERVICE = """\
# What a run found is in its reports; only a mistake in the configuration (2) and errors of ours (70) are failures of the service.
SuccessExitStatus=1 3 4 5 6 130
RestartPreventExitStatus=2
# SIGTERM goes to the orchestrator alone: it ends what it started, and the next start continues.
KillMode=mixed
TimeoutStopSec=60
# Code of agents that takes too much memory is ended by itself, and is a finding.
OOMPolicy=continue

# Code of agents runs in sandboxes of their own, which need user namespaces and a /proc that can be mounted. These would make them weaker, so they
# are left out: RestrictNamespaces, PrivateUsers, ProtectKernelTunables, ProtectKernelLogs, ProtectProc, ProcSubset, SystemCallFilter,
# MemoryDenyWriteExecute.
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
"""


def _start(found: Installation, command: tuple[str, ...]) -> str:
    """`:` keeps systemd from reading `$` in what follows."""
    argv = " ".join(_quoted(part) for part in (*found.command, "-C", str(found.root), *command))
    environment = "\n".join(f"Environment={_quoted(f'{name}={value}')}" for name, value in found.environment)
    return f"WorkingDirectory={_escaped(str(found.root))}\nExecStart=:{argv}\n{environment}\nEnvironmentFile=-{_escaped(str(found.root / KEYS))}"


def _service(found: Installation, *, system: bool) -> str:
    return SERVICE + (f"ProtectSystem=full\nUser={found.user}\n" if system else "")


def _escaped(text: str) -> str:
    """For values that are taken as they stand: `%` begins a specifier, a backslash at the end goes on in the next line."""
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    """One word of a command line, or one assignment."""
    inner = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_escaped(inner)}"'


# --- cron ------------------------------------------------------------------------------------------------------------------


def crontab(found: Installation) -> str:
    """One line with its newline, and comments above. Raises UsageError for one that cron would cut."""
    line = _line(found)
    if len(line.encode()) > LONGEST:
        least = _searched(Path(found.command[0]).parent, short=True)
        line = _line(Installation(found.command, found.root, found.runs, found.user, (("PATH", least), *found.environment[1:])))
    if len(line.encode()) > LONGEST:
        raise UsageError(f"the crontab line would have {len(line.encode())} bytes; cron cuts at 1000", hint="use --systemd, or shorter paths")
    return f"""\
# Written by `orchestrator init --cron`. When a run takes longer than {MINUTES} minutes, the next one says that it is locked, and ends with 6.
{line}
"""


def _line(found: Installation) -> str:
    """`%` is a newline for cron unless a backslash stands before it."""
    quoted = shlex.quote
    variables = "; ".join(f"export {name}={quoted(value)}" for name, value in found.environment)
    keys = f"if [ -f {KEYS} ]; then set -a; . ./{KEYS}; fi"
    argv = " ".join(map(quoted, (*found.command, *RUN)))
    log = quoted(str(found.runs / "cron.log"))
    command = f"cd {quoted(str(found.root))} && mkdir -p {quoted(str(found.runs))} && {{ {variables}; {keys}; {argv}; }} >>{log} 2>&1"
    return f"*/{MINUTES} * * * * " + command.replace("%", r"\%")


# --- what to type next -----------------------------------------------------------------------------------------------------


def next_steps(found: Installation, *, systemd: bool, cron: bool) -> list[str]:
    """What brings the files that were written to life, a line each."""
    quoted, lines = shlex.quote, [""]
    if systemd:
        mine, whole = quoted(str(found.root / "systemd" / "user")), quoted(str(found.root / "systemd" / "system"))
        lines += [
            "next, as yourself: it watches, also while you are not logged in",
            f"  mkdir -p ~/.config/systemd/user && cp {mine}/orchestrator-* ~/.config/systemd/user/",
            "  systemctl --user daemon-reload && systemctl --user enable --now orchestrator-watch.service && loginctl enable-linger",
            f"or a run every {MINUTES} minutes: the same with orchestrator-run.timer",
            f"or for the machine, as user {found.user}",
            f"  sudo cp {whole}/orchestrator-* /etc/systemd/system/",
            "  sudo systemctl daemon-reload && sudo systemctl enable --now orchestrator-watch.service",
            "then: journalctl --user -u orchestrator-watch (without --user for the machine's)",
        ]
    if cron:
        path = quoted(str(found.root / "crontab"))
        lines.append(f"next: (crontab -l 2>/dev/null; cat {path}) | crontab -")
    return [*lines, f"keys of agents: lines NAME=value in {found.root / KEYS}, readable for you only"]
