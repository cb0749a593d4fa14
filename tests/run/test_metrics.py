"""Figures that ask for tidying up, and when a proposal is better."""

from __future__ import annotations

import ast

import pytest

from orchestrator.config import Tidy
from orchestrator.model import Change
from orchestrator.run.gates import metrics

LIMITS = Tidy(file_lines=40, function_lines=10, class_methods=3, complexity=4, duplicate_lines=4)
STEPS = "    a = n + 1\n    b = a * 2\n    c = b - n\n    d = c + a\n"


def kinds(text: str, path: str = "a.py") -> list[str]:
    return [smell.kind for smell in metrics.smells((Change(path, text),), LIMITS)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("def f(n):\n    return n\n", []),
        ("".join(f"x{i} = {i}\n" for i in range(41)), ["file"]),
        ("def f(n):\n" + "".join(f"    n += {i}\n" for i in range(10)) + "    return n\n", ["function"]),
        ("class A:\n" + "".join(f"    def m{i}(self):\n        return {i}\n\n" for i in range(4)), ["class"]),
        ("def f(n):\n    return 1 if n else 2 if n > 1 else 3 if n > 2 else 4 if n > 3 else 5\n", ["complexity"]),
        (f"def f(n):\n{STEPS}    return d\n\n\ndef g(n):\n{STEPS}    return d + 1\n", ["duplication"]),
        ("import os\n", ["lint"]),
        ("def f(:\n", []),
    ],
)
def test_each_figure_over_its_limit_is_named(text: str, found: list[str]) -> None:
    assert kinds(text) == found


def test_only_python_is_measured() -> None:
    assert kinds("import os\n", "notes.txt") == []
    assert metrics.smells((Change("a.py", None),), LIMITS) == ()


@pytest.mark.parametrize(
    ("source", "ways"),
    [
        ("def f(n):\n    return n", 1),
        ("def f(n):\n    if n and n > 1 or n == 5:\n        return 1\n    return 2", 4),
        ("def f(n):\n    return [x for x in n if x]", 2),
        ("def f(n):\n    def g():\n        if n:\n            return 1\n    return g", 1),
        ("def f(n):\n    match n:\n        case 1:\n            return 1\n        case _:\n            return 2", 3),
    ],
)
def test_complexity_is_cyclomatic(source: str, ways: int) -> None:
    assert metrics.complexity(ast.parse(source).body[0]) == ways


def smells(*pairs: tuple[str, int]) -> tuple[metrics.Smell, ...]:
    return tuple(metrics.Smell(kind, "", amount) for kind, amount in pairs)


def test_better_is_no_figure_worse_and_one_better() -> None:
    before = smells(("function", 60), ("lint", 2))
    assert metrics.better(before, smells(("function", 60), ("lint", 1)))
    assert metrics.better(before, ())
    assert not metrics.better(before, before)
    assert not metrics.better(before, smells(("function", 70)))
    assert not metrics.better(before, smells(("function", 55), ("lint", 2), ("complexity", 20)))


def test_what_was_there_at_the_base_asks_for_nothing() -> None:
    base = smells(("file", 500), ("lint", 1))
    assert metrics.added(base, smells(("file", 520), ("lint", 1))) == ()
    assert metrics.added(base, smells(("file", 500), ("lint", 1), ("lint", 1))) == smells(("lint", 1), ("lint", 1))
    assert metrics.added((), smells(("complexity", 20))) == smells(("complexity", 20))
