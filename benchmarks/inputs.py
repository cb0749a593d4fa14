"""Working folders to measure in: generated PRDs, a script that answers them at once, reports of a long history."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import yaml

from benchmarks.measure import REPOSITORY

ENVIRONMENTS = Path(os.environ.get("ORCHESTRATOR_TEST_ENVIRONMENTS", REPOSITORY / ".venv" / "test-environments"))
"""Shared with the tests, so that an installation by pip is never measured."""


def kiosk(number: int) -> str:
    """A PRD as people write them: three requirements, seven criteria; prose, doctests, a table, a terminal."""
    price, name = 2 + number % 9, f"kiosk_{number}"
    return f"""\
---
title: Kiosk {number}
priority: {number % 5}
---

# Kiosk {number}

The kiosk at gate {number} sells tickets for the fair. A ticket is {price} coins; groups get one in ten for nothing.

## Goals

- Nobody waits longer than it takes to count coins.
- The till can be checked against the roll of tickets in the evening.

## Requirements

### R1: Price a group
Module: {name}.py

`price(people)` is what a group pays. Every tenth ticket is free.

- AC1: small groups pay for everyone

  | `price(people)` | => |
  |---|---|
  | 0 | 0 |
  | 1 | {price} |
  | 4 | {4 * price} |
  | 9 | {9 * price} |

- AC2: every tenth ticket is free

  ```python
  >>> from {name} import price
  >>> price(10)
  {9 * price}
  >>> price(25)
  {23 * price}
  ```

- AC3: a group cannot be negative

  ```python
  >>> from {name} import price
  >>> price(-1)
  Traceback (most recent call last):
  ValueError: no such group: -1
  ```

### R2: Keep the roll
Depends on: R1
Module: {name}.py

A `Roll(first)` hands out numbered tickets.

- AC1: tickets are numbered in order

  ```python
  >>> from {name} import Roll
  >>> roll = Roll({number})
  >>> roll.take(3)
  [{number}, {number + 1}, {number + 2}]
  >>> roll.left(of={number + 10})
  7
  ```

- AC2: two rolls do not know each other

  ```python
  >>> from {name} import Roll
  >>> first, second = Roll(1), Roll({number + 100})
  >>> first.take(2)
  [1, 2]
  >>> second.take(1)
  [{number + 100}]
  ```

### R3: Ask from a terminal
Depends on: R1, R2
Module: {name}.py

- AC1: the price of a group

  ```console
  $ python {name}.py --people 4
  {4 * price} coins
  ```

- AC2: help is there

  ```console
  $ python {name}.py --people none
  not a number of people: none
  [exit 2]
  ```
"""


def kiosks(root: Path, count: int) -> Path:
    """A working folder with that many PRDs to check."""
    _configure(root)
    for number in range(count):
        (root / "prds" / f"kiosk-{number:03d}.md").write_text(kiosk(number), encoding="utf-8")
    return root


def tolls(root: Path, prds: int, requirements: int) -> Path:
    """A working folder with small PRDs and a script that answers each task at once and rightly."""
    _configure(root, agents={"script": {"type": "scripted", "script": "script.yaml"}})
    turns = []
    for prd in range(1, prds + 1):
        texts = [f"# Toll {prd}\n\nWhat a bridge costs.\n\n## Requirements\n"]
        for requirement in range(1, requirements + 1):
            module, coins = f"bridge_{prd}_{requirement}", prd + requirement
            texts.append(_toll(requirement, module, coins))
            code = f"def toll(axles):\n    if axles < 0:\n        raise ValueError('no axles')\n    return axles * {coins}\n"
            turns.append({"task": f"toll-{prd}#R{requirement}", "files": {f"{module}.py": code}, "text": "done"})
        (root / "prds" / f"toll-{prd}.md").write_text("\n".join(texts), encoding="utf-8")
    (root / "script.yaml").write_text(yaml.safe_dump({"turns": turns}), encoding="utf-8")
    return root


def _toll(requirement: int, module: str, coins: int) -> str:
    return f"""\
### R{requirement}: Charge bridge {requirement}
Module: {module}.py

`toll(axles)` is what a cart pays.

- AC1: by the axle

  | `toll(axles)` | => |
  |---|---|
  | 0 | 0 |
  | 2 | {2 * coins} |
  | 3 | {3 * coins} |
  | 7 | {7 * coins} |

- AC2: no cart has fewer than none

  ```python
  >>> from {module} import toll
  >>> toll(-1)
  Traceback (most recent call last):
  ValueError: no axles
  ```
"""


def ferry(root: Path) -> Path:
    """A working folder with one task of thirteen small examples, ten of them shown, and a script that answers it at once and rightly."""
    _configure(root, agents={"script": {"type": "scripted", "script": "script.yaml"}}, gates={"mutants": 0})
    (root / "prds" / "ferry.md").write_text(FERRY, encoding="utf-8")
    code = "def fare(age):\n    if age < 0:\n        raise ValueError(f'no such age: {age}')\n    return 0 if age < 4 else 3 if age < 16 else 7\n"
    script = {"turns": [{"task": "ferry#R1", "files": {"ferry.py": code}, "text": "done"}]}
    (root / "script.yaml").write_text(yaml.safe_dump(script), encoding="utf-8")
    return root


FERRY = """\
# Ferry

What a passenger pays to be taken over.

## Requirements

### R1: Charge a passenger
Module: ferry.py

`fare(age)` is what a passenger of that age pays.

- AC1: by age

  | `fare(age)` | => |
  |---|---|
  | 0 | 0 |
  | 1 | 0 |
  | 3 | 0 |
  | 4 | 3 |
  | 9 | 3 |
  | 12 | 3 |
  | 15 | 3 |
  | 16 | 7 |
  | 17 | 7 |
  | 40 | 7 |
  | 64 | 7 |
  | 99 | 7 |

- AC2: nobody is younger than nothing

  ```python
  >>> from ferry import fare
  >>> fare(-1)
  Traceback (most recent call last):
  ValueError: no such age: -1
  ```
"""


def pytest(root: Path) -> list[str]:
    """A run of pytest on one empty test, with the interpreter of a project."""
    (root / "test_one.py").write_text("def test_one():\n    pass\n")
    interpreter = next(ENVIRONMENTS.glob("*/bin/python"))
    return [str(interpreter), "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_one.py"]


def history(root: Path, runs: int) -> Path:
    """A working folder whose project has that many runs of three tasks each, as the tests of the site make them."""
    from tests.show.reports_fixture import project_report, save, summary
    from tests.show.run_fixture import lend_task, run_report

    _configure(root)
    home = root / "runs" / "library"
    home.mkdir(parents=True)
    names = [f"202611{number + 1:02d}T020000Z-{number:04x}" for number in range(runs)]
    tasks = [lend_task(home).model_copy(update={"id": f"loans#R{number}"}) for number in range(1, 4)]
    report = project_report(runs=[summary(name, "done", 3, 0, 0) for name in names])
    save(root / "runs", "library", report, [run_report(home, name, tasks=tasks) for name in names])
    return root


def _configure(root: Path, **settings: Any) -> None:
    (root / "prds").mkdir(parents=True, exist_ok=True)
    (root / "orchestrator.yaml").write_text(yaml.safe_dump({"environments": str(ENVIRONMENTS), **settings}), encoding="utf-8")


def reports(root: Path) -> list[dict[str, Any]]:
    """The reports of every run in a working folder."""
    paths = sorted(root.glob("runs/*/reports/*.json"))
    return [json.loads(path.read_bytes()) for path in paths if path.name != "project.json"]
