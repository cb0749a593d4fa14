"""What examples run of the code, seen in the real sandbox: in calls, in programs, and in processes that end hard."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.model import Coverage, Example
from orchestrator.run import branches, oracle
from orchestrator.run.gates import covered
from tests.run.values import LIMITS, example, project

CRITERIA = frozenset({"p#R1.AC1", "p#R1.AC2"})


def judge(folder: Path, python: Path, code: str, *examples: Example, seconds: float = 20) -> covered.Covered:
    """`code` is shop.py. The last example belongs to AC2, those before it to AC1."""
    found = branches.marked({}, {"shop.py": code}, "_xtest")
    root = project(folder / "code", shop=found.texts.get("shop.py", code))
    questions = tuple(oracle.question(item) | {"seconds": LIMITS.example_seconds} for item in examples)
    ran = oracle.cover(root, questions, found, python=python, limits=LIMITS, seconds=seconds)
    owners = [frozenset({"p#R1.AC1"})] * (len(examples) - 1) + [frozenset({"p#R1.AC2"})]
    return covered.judge(found, tuple(zip(owners, ran, strict=True)), CRITERIA)


def calls(*texts: str) -> tuple[Example, ...]:
    return tuple(example(text, setup=("from shop import *",)) for text in texts)


def said(found: covered.Covered) -> list[str]:
    return [item.what for item in found.coverage.unrun]


BRANCHES = {
    "both ways of an if": ("def f(n):\n    if n > 1:\n        return 2\n    return 3\n", ("f(1)", "f(2)"), []),
    "one way of an if": ("def f(n):\n    if n > 1:\n        return 2\n    return 3\n", ("f(1)",), ["no example gets through line 3"]),
    "a way without lines": (
        "def f(n):\n    if n < 9:\n        n += 1\n    return n\n",
        ("f(1)",),
        ["in line 2 no example makes `n < 9` false"],
    ),
    "two stretches": (
        "def f(n):\n    if n > 1:\n        n += 1\n        n += 2\n    n += 3\n    if n > 9:\n        return 1\n    return n\n",
        ("f(1)",),
        ["no example gets through lines 3–4", "no example gets through line 7"],
    ),
    "only raises": ("def f(n):\n    if n < 0:\n        raise ValueError\n    return n\n", ("f(1)",), []),
    "a handler": (
        "def f(n):\n    try:\n        return 1 / n\n    except ZeroDivisionError:\n        return 0\n",
        ("f(1)",),
        ["no example gets through line 5"],
    ),
    "a loop": ("def f(n):\n    for i in range(n):\n        print(i)\n    return n\n", ("f(0)",), ["no example gets through line 3"]),
    "a comparison in arithmetic": ("def f(n):\n    return n + (n > 9)\n", ("f(1)",), ["in line 2 no example makes `n > 9` true"]),
    "a lambda": ("F = (lambda n: n + 1, lambda n: n + 2)\ndef f(n):\n    return F[n](n)\n", ("f(0)",), ["no example gets through line 1"]),
    "raises in the middle": (
        "def f(n):\n    try:\n        return str(n + 1 // n)\n    except ZeroDivisionError:\n        return ''\n",
        ("f(0)",),
        ["no example gets through line 3"],
    ),
    "never called": ("def f(n):\n    return n\ndef g(n):\n    return f(n)\n", ("f(0)",), ["no example calls `g` (line 4)"]),
    "the second time": (
        "known = {}\ndef f(n):\n    if n in known:\n        return known[n]\n    known[n] = n\n    return n\n",
        ("f(0)",),
        [],
    ),
    "a generator": ("def g():\n    yield 1\n    yield 2\ndef f():\n    return next(g())\n", ("f()",), ["no example gets through line 3"]),
    "no truth value": (
        "class A:\n    def __bool__(self):\n        raise TypeError\n    def __eq__(self, other):\n        return self\n\n\ndef f(n):\n    A() == n\n    return n\n",
        ("f(1)",),
        [],
    ),
}


@pytest.mark.parametrize("name", BRANCHES)
def test_what_no_example_runs_is_said(name: str, tmp_path: Path, python: Path) -> None:
    code, texts, wanted = BRANCHES[name]
    found = judge(tmp_path, python, code, *calls(*texts))
    assert said(found) == wanted
    assert bool(found.findings) == bool(wanted)
    assert all(finding.severity == "notice" for finding in found.findings)


def test_only_criteria_whose_examples_come_there_are_lowered(tmp_path: Path, python: Path) -> None:
    code = "def f(n):\n    return n if n else 1\ndef g(n):\n    return n\n"
    assert judge(tmp_path, python, code, *calls("f(1)", "g(1)")).criteria == {"p#R1.AC1"}


def test_a_function_that_nothing_names_lowers_nothing_and_one_that_something_names_lowers_all(tmp_path: Path, python: Path) -> None:
    code = "def f(n):\n    return n\ndef g(n):\n    return n\n"
    alone = judge(tmp_path / "a", python, code, *calls("f(1)", "f(2)"))
    assert (len(alone.findings), alone.criteria) == (1, frozenset())
    assert judge(tmp_path / "b", python, code + "WAYS = [f, g]\n", *calls("f(1)", "f(2)")).criteria == CRITERIA


def test_programs_and_processes_that_end_hard_count(tmp_path: Path, python: Path) -> None:
    code = (
        "import os, sys\n\n\ndef main(word):\n    if word == 'hard':\n        os._exit(3)\n    if word == 'soft':\n        return 4\n    return 5\n\n\n"
        "if __name__ == '__main__':\n    sys.exit(main(sys.argv[1]))\n"
    )
    asked = [example(f"python -m shop {word}", "", compare="console") for word in ("hard", "soft")]
    assert said(judge(tmp_path, python, code, *asked)) == ["no example gets through line 9"]


def test_examples_share_nothing_and_one_that_never_ends_keeps_no_other_from_being_asked(tmp_path: Path, python: Path) -> None:
    code = "seen = []\ndef f(n):\n    while n > 8:\n        pass\n    seen.append(n)\n    if len(seen) > 3:\n        return 1\n    return n\n"
    found = judge(tmp_path, python, code, *calls("f(9)", "f(1)", "f(2)"))
    assert said(found) == ["no example gets through line 7"]
    assert found.coverage.asked


def test_forged_answers_are_numbers_of_marks_or_nothing(tmp_path: Path, python: Path) -> None:
    line = '{"ran": [99999, -5, "x", [], 1e9]}\\nnonsense\\n{"ran": 7}\\n[]\\n'
    code = (
        f"def f(n):\n    with open('../../answers', 'a') as stream:\n        stream.write('{line}')\n    if n > 5:\n        return 1\n    return n\n"
    )
    found = judge(tmp_path, python, code, *calls("f(1)", "f(2)"))
    assert 0 <= found.coverage.ran <= found.coverage.counted
    assert all(finding.severity == "notice" for finding in found.findings)


def test_what_could_not_be_asked_in_time_lowers_everything(tmp_path: Path, python: Path) -> None:
    code = "import time\ndef f(n):\n    time.sleep(n)\n    return n\n"
    found = judge(tmp_path, python, code, *calls("f(0.6)", "f(0)"), seconds=0.3)
    assert (found.coverage.asked, found.criteria) == (False, CRITERIA)
    assert "in time" in found.findings[-1].message


def test_a_file_in_which_nothing_can_be_seen_lowers_everything() -> None:
    deep = f"def f(n):\n    return {'+'.join('n' * 3000)}\n"
    found = covered.judge(branches.marked({}, {"shop.py": deep}, "_xtest"), (), CRITERIA)
    assert (found.criteria, len(found.findings)) == (CRITERIA, 1)


@pytest.mark.parametrize(("ran", "threshold", "said"), [(3, 75, ""), (3, 76, "3 of 4 branches of the code, 75 %, and 76 %"), (0, None, "")])
def test_a_share_that_is_asked_for(ran: int, threshold: int | None, said: str) -> None:
    found = covered.below(Coverage(4, ran, (), 0.0), threshold)
    assert (found is None) if not said else (found is not None and said in found.message and found.severity == "error")


def test_nothing_to_run_is_enough() -> None:
    assert covered.share(Coverage(0, 0, (), 0.0)) is None
    assert covered.below(Coverage(0, 0, (), 0.0), 100) is None
