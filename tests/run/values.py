"""Small tasks, examples and projects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.config import Limits
from orchestrator.model import Compare, Criterion, Example, Requirement, Task

LIMITS = Limits(test_seconds=5, example_seconds=1.5, memory_mb=512, file_mb=16, processes=40)


def example(call: str, expected: str = "1", *, compare: Compare = "value", setup: tuple[str, ...] = (), **more: Any) -> Example:
    return Example(more.pop("id", "p#R1.AC1/1"), setup, call, compare, expected, more.pop("line", 1), **more)


def task(*criteria: Criterion, goal: str = "do it", test_file: str = "tests/test_p_r1.py") -> Task:
    requirement = Requirement("p#R1", "R1", "do it", "", 1, criteria=criteria)
    return Task("p#R1", "p", (requirement,), goal, ("shop.py",), test_file, (), "f" * 64)


def criterion(key: str, text: str, *examples: Example, inferred: bool = False) -> Criterion:
    from dataclasses import replace

    numbered = tuple(replace(item, id=f"p#R1.{key}/{number}") for number, item in enumerate(examples, 1))
    return Criterion(f"p#R1.{key}", key, text, 1, numbered, inferred)


def project(folder: Path, **files: str) -> Path:
    """A folder of files; `__` in a name is a slash, and `.py` is added."""
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    folder.mkdir(exist_ok=True)
    return folder
