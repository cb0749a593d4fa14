"""`orchestrator init`: a working folder anywhere, with a configuration that explains itself and a first PRD that `check` accepts. `orchestrator new`:
one more PRD to fill in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.config import FILE, load
from orchestrator.errors import UsageError
from orchestrator.inbox import names
from orchestrator.save.files import write_atomically
from orchestrator.units import crontab, installation, next_steps, services

CONFIGURATION = """\
# Every key, its default and what it does: docs/configuration.md, or the site's guide.
# A key can be set in the environment too: ORCHESTRATOR_LIMITS__ATTEMPTS=2

agent: auto            # recordings that match, then the first agent below, then a model on loopback
# agents:
#   local: {type: chat, url: http://127.0.0.1:8080/v1}
#   hosted: {type: chat, url: https://api.example.com/v1, model: some-model, api_key_env: EXAMPLE_API_KEY}
#   claude: {type: acp, preset: claude}            # or codex, gemini, opencode, qwen; `orchestrator doctor` says what is installed and usable
#   mine: {type: command, argv: [my-agent, "{prompt_file}"], env_keys: [MY_AGENT_KEY]}
# roles: {tests: hosted, code: claude}             # tests and code from different agents prove more
# inbox: {take: committed}                         # PRDs count as they are committed, not as they are saved
# schedule: {timezone: Europe/Berlin, run: "0 2 * * *", verify: "0 4 * * 0", retry: "0 1 * * *"}   # although no file changed
"""

FIRST_PRD = """\
---
title: Temperatures
draft: true   # checked, never run; take this line away when it says what you want
---

# Temperatures

A weather station reports in degrees Celsius, its readers think in Fahrenheit.

## Requirements

### R1: Convert Celsius to Fahrenheit
Module: temperatures.py

`fahrenheit(celsius)` converts one reading: nine fifths of it, plus 32. Nothing is colder than -273.15 degrees Celsius.

- AC1: readings are converted

  | `fahrenheit(celsius)` | => |
  |---|---|
  | 0.0 | 32.0 |
  | 100.0 | 212.0 |
  | -40.0 | -40.0 |

- AC2: what cannot be is refused

  ```python
  >>> from temperatures import fahrenheit
  >>> fahrenheit(-300.0)
  Traceback (most recent call last):
  ValueError: colder than absolute zero
  ```
"""

IGNORE = "/runs/\n/site/\n/orchestrator.env\n"


def make(folder: Path, *, force: bool = False) -> list[str]:
    """Write the files of a new working folder; what is there is left alone. Returns what was done, a line each, and what to do next."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file", hint="name a folder")
    files = {FILE: CONFIGURATION, "prds/temperatures.md": FIRST_PRD, ".gitignore": IGNORE}
    return [
        *_written(folder, files, force=force),
        "",
        "next: edit prds/temperatures.md, then `orchestrator check`, `orchestrator plan`, `orchestrator run`",
    ]


def unattended(folder: Path, *, systemd: bool, cron: bool, force: bool = False) -> list[str]:
    """Write systemd units, a crontab line, or both, for a working folder; the same rules, and the same answer. Raises UsageError, ConfigError."""
    found = installation(folder, load(folder).folder(folder, "runs"))
    files = services(found) if systemd else {}
    files |= {"crontab": crontab(found)} if cron else {}
    lines = _written(folder, files, force=force)
    stale = [name for name, text in files.items() if (folder / name).read_bytes() != text.encode()]
    lines += [f"{', '.join(stale)}: not what would be written now; --force writes it anew"] if stale else []
    return [*lines, *next_steps(found, systemd=systemd, cron=cron)]


def _written(folder: Path, files: Mapping[str, str], *, force: bool) -> list[str]:
    lines = []
    for name, text in files.items():
        path = folder / name
        if path.exists() and not force:
            lines.append(f"kept     {path}")
        else:
            write_atomically(path, text)
            lines.append(f"written  {path}")
    return lines


@dataclass(frozen=True)
class Wanted:
    """What a new PRD is to have."""

    title: str
    project: str = ""
    repo: str = ""
    """`target.repo`; '' is a new repository."""
    phases: int = 0
    modules: bool = False
    api: bool = False


def template(wanted: Wanted) -> str:
    """A PRD to fill in: `check` accepts it as it stands, and it is a draft until the line that says so is taken out."""
    name = names.slug(wanted.title, "prd").replace("-", "_")
    module = f"{name}.py" if name[:1].isalpha() else f"module_{name}.py"
    dotted = module.removesuffix(".py")
    front = [f"title: {json.dumps(wanted.title, ensure_ascii=False)}"]
    front += [f"project: {json.dumps(wanted.project)}"] if wanted.project else []
    front += [f"target: {{repo: {json.dumps(wanted.repo)}}}"] if wanted.repo else []
    front.append("draft: true   # checked, never run; take this line away when the PRD says what you want")
    parts = ["---\n" + "\n".join(front) + "\n---", f"# {wanted.title}", OVERVIEW]
    if wanted.phases:
        named = {1: " (R1)", min(2, wanted.phases): " (R1, R2)" if wanted.phases == 1 else " (R2)"} if wanted.api else {1: " (R1)"}
        numbers = range(1, wanted.phases + 1)
        listed = "\n".join(f"{number}. What is done in it{named.get(number, '')}, and what must hold before the next phase." for number in numbers)
        parts.append(f"## Phases\n\n{listed}")
    if wanted.modules:
        program = f"\n{dotted}_cli.py    what it asks" if wanted.api else ""
        parts.append(f"## Module structure\n\n```text\n{module}    what it holds{program}\n```")
    parts.append(f"## Requirements\n\n{REQUIREMENT.format(module=module, dotted=dotted)}")
    if wanted.api:
        parts.append(COMMAND.format(dotted=dotted, module=f"{dotted}_cli.py"))
    parts.append(QUALITY)
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def new(folder: Path, wanted: Wanted, name: str = "") -> Path:
    """Write it into a folder of PRDs. Raises UsageError for a name that cannot be, or a file that is there."""
    stem = name.removesuffix(".md") or names.slug(wanted.title, "prd")
    if reason := names.unsafe(stem):
        raise UsageError(f"{stem}: cannot be the name of a PRD: {reason}", hint="give another with --file")
    path = folder / f"{stem}.md"
    if path.exists():
        raise UsageError(f"{path} is there already", hint="give another name with --file")
    write_atomically(path, template(wanted))
    return path


OVERVIEW = """\
What it is for, for whom, and what it is not. Everything here is background for whoever writes the code.
"""

REQUIREMENT = """\
### R1: Say in a few words what must hold
Module: {module}
Complexity: low

`double(number)` answers … Say what is allowed, what happens at the edges, and what is refused.

- AC1: numbers are doubled

  | `double(number)` | => |
  |---|---|
  | 0 | 0 |
  | 2 | 4 |
  | -3 | -6 |
  | 10 | 20 |

- AC2: what cannot be doubled is refused

  ```python
  >>> from {dotted} import double
  >>> double("x")
  Traceback (most recent call last):
  TypeError: ...
  ```
"""

COMMAND = """\
### R2: Ask from a terminal
Depends on: R1
Module: {module}

The module is a program: what it takes, what it prints, how it ends.

- AC1: it prints the answer

  ```console
  $ python {module} 2
  4
  $ python {module} 10
  20
  $ python {module} -3
  -6
  ```
"""

QUALITY = """\
## Non-goals

What is left out, so that nobody builds it.
"""
