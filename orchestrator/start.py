"""`orchestrator init`: a working folder anywhere, with a configuration that explains itself and a first PRD that `check` accepts."""

from __future__ import annotations

from pathlib import Path

from orchestrator.config import FILE
from orchestrator.errors import UsageError
from orchestrator.save.files import write_atomically

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
# schedule: {cron: "0 2 * * *", timezone: UTC}   # when `watch` runs although no file changed
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

IGNORE = "/runs/\n/site/\n"


def make(folder: Path, *, force: bool = False) -> list[str]:
    """Write the files of a new working folder; what is there is left alone. Returns what was done, a line each, and what to do next."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file", hint="name a folder")
    lines = []
    for name, text in ((FILE, CONFIGURATION), ("prds/temperatures.md", FIRST_PRD), (".gitignore", IGNORE)):
        path = folder / name
        if path.exists() and not force:
            lines.append(f"kept     {path}")
        else:
            write_atomically(path, text)
            lines.append(f"written  {path}")
    return [*lines, "", "next: edit prds/temperatures.md, then `orchestrator check`, `orchestrator plan`, `orchestrator run`"]
