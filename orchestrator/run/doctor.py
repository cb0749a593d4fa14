"""`orchestrator doctor`: what this machine can hold, what is missing for more, and the command that brings it."""

from __future__ import annotations

import platform
import shutil
import sqlite3
import subprocess
from dataclasses import dataclass
from pathlib import Path

from orchestrator.config import Config
from orchestrator.errors import SetupError
from orchestrator.run import sandboxes
from orchestrator.run.sandboxes import bubblewrap, landlock


@dataclass(frozen=True)
class Part:
    held: bool
    sentence: str


@dataclass(frozen=True)
class Report:
    level: str
    """`full`, `landlock`, `weak` or `none`."""
    accepted: bool
    """Whether the configuration accepts it, and so whether anything runs."""
    refusal: str
    """Why it does not; '' when it does."""
    parts: tuple[Part, ...]
    """What was tried from inside the sandbox."""
    notes: tuple[str, ...]
    raise_it: str
    """What to do for a higher level; '' at the highest."""
    versions: dict[str, str]
    """Tool → version, '' when it is not there."""
    free_gb: float
    """On the disk of `runs`."""


def examine(root: Path, config: Config) -> Report:
    """The report for a working folder. The sandbox is tried out, not asked for a version."""
    found = sandboxes.level()
    sentences = {**dict.fromkeys(sandboxes.PARTS.values(), True), **{f"NOT held: {sentence}": False for sentence in sandboxes.PARTS.values()}}
    parts = tuple(Part(sentences[reason], reason.removeprefix("NOT held: ")) for reason in found.reasons if reason in sentences)
    refusal = ""
    try:
        sandboxes.required_level(config.sandbox.require, allow_weak=config.sandbox.allow_weak)
    except SetupError as error:
        refusal = error.message.splitlines()[0]
    place = config.folder(root, "runs")
    free = shutil.disk_usage(next(folder for folder in (place, *place.parents) if folder.is_dir())).free
    notes = tuple(reason for reason in found.reasons if reason not in sentences)
    return Report(found.name, not refusal, refusal, parts, notes, found.raise_it, _versions(), round(free / 1e9, 1))


def _versions() -> dict[str, str]:
    git = shutil.which("git")
    said = subprocess.run([git, "--version"], capture_output=True, text=True, check=False).stdout if git else ""
    return {
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "landlock": str(landlock.version() or ""),
        "bwrap": bubblewrap.version(),
        "git": said.strip().removeprefix("git version "),
        "sqlite": sqlite3.sqlite_version,
        "python": platform.python_version(),
    }


def text(report: Report) -> str:
    """The same for a terminal."""
    lines = [f"sandbox: {report.level}" + ("" if report.accepted else f" (refused: {report.refusal})")]
    lines += [f"  {'✓' if part.held else '✗ NOT held:'} {part.sentence}" for part in report.parts]
    lines += [f"  · {note}" for note in report.notes]
    if report.raise_it:
        lines.append(f"  → {report.raise_it}")
    width = max(map(len, report.versions))
    lines += ["", *(f"{tool:<{width}}  {version or 'not there'}" for tool, version in report.versions.items())]
    return "\n".join([*lines, "", f"free space for runs: {report.free_gb:g} GB"])
