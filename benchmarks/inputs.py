"""Working folders to measure in: generated PRDs, a script that answers them at once, reports of a long history."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.measure import REPOSITORY
from orchestrator.model import (
    AgentTurn,
    Attempt,
    Change,
    CycleResult,
    Finding,
    Mutant,
    MutantStatus,
    Mutation,
    Observation,
    Proof,
    Step,
    Task,
    TestOutcome,
    Usage,
)
from orchestrator.run import git

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


def wards(root: Path, tasks: int, most: int = 100) -> Path:
    """A working folder with one project of so many tasks: PRDs with at most `most` requirements each, two criteria and four examples to each."""
    _configure(root)
    for prd in range((tasks + most - 1) // most):
        texts = [f"---\nproject: wards\n---\n\n# Ward {prd}\n\n{_WARD}\n## Requirements\n"]
        texts += [_ward(prd, number) for number in range(1, min(most, tasks - prd * most) + 1)]
        (root / "prds" / f"ward-{prd:04d}.md").write_text("\n".join(texts), encoding="utf-8")
    return root


_WARD = """\
The hospital counts beds twice a day, and the numbers of the wards have never agreed with those of the office. This PRD describes what one ward
counts, so that the office can add the wards up.

## Goals

- The evening's list is finished before the night shift begins.
- Nobody types a number that somebody else has typed already.
"""


def _ward(prd: int, number: int) -> str:
    """Each in a module of ten requirements; two of three build on the one before."""
    module, name, beds = f"ward_{prd}_{(number - 1) // 10}", f"free_{number}", 4 + (prd + number) % 23
    depends = f"Depends on: R{number - 1}\n" if number % 3 else ""
    return f"""\
### R{number}: Count the free beds of room {number}
{depends if number > 1 else ""}Module: {module}.py

`{name}(taken)` is how many beds of room {number} are free when so many are taken. The room has {beds} beds, of which one is kept for emergencies
unless the room is full; the office wants to see that one too, so it counts as free as long as nobody lies in it.

- AC1: what is not taken is free

  | `{name}(taken)` | => |
  |---|---|
  | 0 | {beds} |
  | 1 | {beds - 1} |
  | {beds} | 0 |

- AC2: more than all beds cannot be taken

  ```python
  >>> from {module} import {name}
  >>> {name}({beds + 1})
  Traceback (most recent call last):
  ValueError: room {number} has {beds} beds
  ```
"""


def pytest(root: Path) -> list[str]:
    """A run of pytest on one empty test, with the interpreter of a project."""
    (root / "test_one.py").write_text("def test_one():\n    pass\n")
    interpreter = next(ENVIRONMENTS.glob("*/bin/python"))
    return [str(interpreter), "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_one.py"]


def cycle_result(task: Task) -> CycleResult:
    """What a cycle leaves of a task that passed at its second attempt: sizes as they are with a small local model."""
    test = f"{task.test_file}::test_{task.requirements[0].key.lower()}"
    names = [f"{test}_{number}" for number in range(1, len(task.examples) + 1)]
    red = tuple(
        _seen("check_red", what, names, "missing name") for what in ("base", "stub None", "stub True", "stub False", "stub constant", "stub raises")
    )
    attempts = tuple(_attempt(task, number, names, passed=number == 2) for number in (1, 2))
    proofs = tuple(Proof(criterion.id, "held-out", tuple(names), 3, 1) for criterion in task.criteria)
    return CycleResult(
        task.id, task.fingerprint, digest("base")[:40], "passed", "every gate passed the candidate", (Change(task.test_file, "assert True\n" * 40),),
        attempts[-1].changes, red, (), attempts, proofs, (), 4.2, "full", mutation=_mutation(task, names),
    )  # fmt: skip


def _mutation(task: Task, names: list[str]) -> Mutation:
    function = task.goal.rpartition(" ")[2]
    statuses: list[MutantStatus] = [*(("killed",) * 11), "survived"]
    mutants = [
        Mutant(f"{line}:11", task.files[0], f"free_{function}", line, 11, line, 12, "arithmetic", "-", "+", status, tuple(names[:1]))
        for line, status in enumerate(statuses, 1)
    ]
    return Mutation(tuple(mutants), 3, 1.4)


def _attempt(task: Task, number: int, names: list[str], *, passed: bool) -> Attempt:
    said = digest(f"{task.id} {number}")
    code = "".join(f"def free_{line}(taken: int) -> int:\n    return {line} - taken  # {said[:16]}\n" for line in range(12))
    turn = AgentTurn(code, Usage(2100, 700, 0.004), "stop", "local", "chat", "some-model:7b", 3.1, f"{said}\n" * 80)
    outcome = "passed" if passed else "wrong value"
    seen = tuple(_seen("check_green", what, names, outcome) for what in ("candidate", "whole suite", "oracle"))
    findings = () if passed else (Finding("green", "the answer is another than expected", criterion=task.criteria[0].id),)
    return Attempt(number, (turn,), (Change(task.files[0], code),), f"+{code}", "passed" if passed else "refused", findings, seen)


def _seen(step: Step, what: str, names: list[str], outcome: str) -> Observation:
    kind, message = ("", "") if outcome == "passed" else ("AssertionError", "assert 3 == 4, where 3 is what came back")
    outcomes = tuple(TestOutcome(name, outcome, kind, message, "tests/test_it.py:12") for name in names)
    return Observation(
        step, what, f"python -m pytest -q {names[0]}", int(outcome != "passed"), outcomes, f"{len(names)} {outcome}\n" * 20, 0.4, "full"
    )


def digest(text: str) -> str:
    """64 hexadecimal digits that belong to a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def repository(folder: Path, prds: Iterable[str], bundles: Sequence[str]) -> None:
    """A project's repository as runs leave it, but for what no command reads that is measured: a branch for each PRD, and a chain of evidence of one
    commit that holds bundles of these names. `folder`: the project's."""
    place = git.open_repository(folder / "repo.git", "", "main")
    parts = [_commit(f"refs/heads/prd/{prd}", {f"{prd}.py": "pass\n"}) for prd in prds]
    parts.append(_commit("refs/orchestrator/evidence", {f"evidence/{name}": f"{name}\n" for name in bundles}))
    place.git("fast-import", "--quiet", stdin="".join(parts).encode())
    (folder / "evidence").mkdir()
    for name in bundles:
        (folder / "evidence" / name).write_text(f"{name}\n")


def _commit(ref: str, files: dict[str, str]) -> str:
    """For `git fast-import`; ASCII only."""
    texts = "".join(f"M 644 inline {path}\ndata {len(text)}\n{text}\n" for path, text in files.items())
    return f"commit {ref}\ncommitter bench <bench@localhost> 0 +0000\ndata 3\nall\n{texts}\n"


def changing(root: Path) -> Path:
    """A working folder with four small PRDs, the last of which `change` words anew; a script reads each answer from the brief."""
    _configure(root, agents={"script": {"type": "scripted", "script": "script.py"}}, gates={"mutants": 0})
    (root / "script.py").write_text(_READS_THE_BRIEF, encoding="utf-8")
    for number in range(3):
        _barge(root, number, 2 + number)
    change(root, 1)
    return root


def change(root: Path, coins: int) -> None:
    """The last PRD asks for so many coins now."""
    _barge(root, 3, coins)


def watched(root: Path, number: int, *, quiet: float) -> Path:
    """The same, with drafts beside them up to so many PRDs in all, and a quiet period of so many seconds."""
    changing(root)
    _configure(root, agents={"script": {"type": "scripted", "script": "script.py"}}, gates={"mutants": 0}, inbox={"quiet_seconds": quiet})
    for each in range(number - 4):
        (root / "prds" / f"kiosk-{each}.md").write_text(kiosk(each).replace("---\n", "---\ndraft: true\n", 1), encoding="utf-8")
    return root


def disturb(root: Path, scan: int) -> None:
    """What people do to a folder of PRDs, in turn: edit a draft, break it, mend it, rename it, delete it and write it anew."""
    path, other = root / "prds" / "kiosk-0.md", root / "prds" / "renamed.md"
    text = kiosk(0).replace("---\n", "---\ndraft: true\n", 1)
    match scan % 5:
        case 0:
            path.write_text(text, encoding="utf-8")
        case 1:
            path.write_text(f"{text}\n<!-- {scan} -->\n", encoding="utf-8")
        case 2:
            path.write_text(f"---\ndraft: maybe {scan}\n", encoding="utf-8")
        case 3:
            path.write_text(text, encoding="utf-8")
            path.rename(other)
        case 4:
            other.unlink()


def _barge(root: Path, number: int, coins: int) -> None:
    module = f"barge_{number}"
    rows = "\n".join(f"  | {carts} | {carts * coins} |" for carts in (0, 1, 3, 8))
    text = f"""\
# Barge {number}

## Requirements

### R1: Charge a crossing
Module: {module}.py

`fare(carts)` is what a crossing costs: a cart pays {coins} coins.

- AC1: by the cart

  | `fare(carts)` | => |
  |---|---|
{rows}
"""
    (root / "prds" / f"barge-{number}.md").write_text(text, encoding="utf-8")


_READS_THE_BRIEF = """\
import re


def turn(brief, folder):
    coins = re.search(r"a cart pays (\\d+) coins", brief.text)[1]
    module = re.search(r"barge_\\d", brief.text)[0]
    (folder / f"{module}.py").write_text(f"def fare(carts):\\n    return carts * {coins}\\n")
"""


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


def settings(root: Path) -> Path:
    """A working folder without PRDs."""
    _configure(root)
    return root


def _configure(root: Path, **settings: Any) -> None:
    (root / "prds").mkdir(parents=True, exist_ok=True)
    (root / "orchestrator.yaml").write_text(yaml.safe_dump({"environments": str(ENVIRONMENTS), **settings}), encoding="utf-8")


def reports(root: Path) -> list[dict[str, Any]]:
    """The reports of every run in a working folder."""
    paths = sorted(root.glob("runs/*/reports/*.json"))
    return [json.loads(path.read_bytes()) for path in paths if path.name != "project.json"]
