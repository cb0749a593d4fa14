"""Code that tells the examples from everything else is found out by asking it about inputs nearby, with the real sandbox."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.model import Example
from orchestrator.run import oracle
from orchestrator.run.gates import special_casing
from tests.run.values import LIMITS, example, project


def examples(name: str, *pairs: tuple[str, str], hidden: int = 1) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """(visible, held-out): the last `hidden` are held out. An answer that begins with `!` is an exception's name."""
    made = []
    for number, (call, expected) in enumerate(pairs, 1):
        common = {"id": f"p#R1.AC1/{number}", "line": number, "setup": (f"from shop import {name}",)}
        found = (
            example(call, "...", compare="raises", raises=expected[1:], **common) if expected.startswith("!") else example(call, expected, **common)
        )
        made.append(found)
    visible = len(made) - hidden
    return tuple(made[:visible]), tuple(replace(item, held_out=True) for item in made[visible:])


def judge(source: str, found: tuple[tuple[Example, ...], tuple[Example, ...]], folder: Path, python: Path) -> special_casing.Special:
    visible, hidden = found
    asked = special_casing.probes((*visible, *hidden))
    root = project(folder / "code", shop=source)
    answers = oracle.probe(root, tuple((item.setup, item.call) for item in asked), python=python, limits=LIMITS)
    return special_casing.judge(asked, answers, visible, hidden)


FIZZ = examples("fizz", ("fizz(3)", "'Fizz'"), ("fizz(5)", "'Buzz'"), ("fizz(15)", "'FizzBuzz'"), ("fizz(1)", "'1'"), ("fizz(7)", "'7'"))
LEAP = examples("leap", ("leap(1996)", "True"), ("leap(2000)", "True"), ("leap(1900)", "False"), ("leap(2015)", "False"))
ROMAN = examples("roman", ("roman(1)", "'I'"), ("roman(5)", "'V'"), ("roman(10)", "'X'"), ("roman(19)", "'XIX'"))
ISOGRAM = examples("iso", ('iso("lumberjacks")', "True"), ('iso("isograms")', "False"), ('iso("")', "True"), ('iso("background")', "True"))
AGE = examples("age", ("age(4)", "'child'"), ("age(30)", "'adult'"), ("age(-1)", "!ValueError"), ("age(12)", "'child'"))

HONEST = {
    "fizz": ("def fizz(n):\n    return ('Fizz' * (n % 3 == 0) + 'Buzz' * (n % 5 == 0)) or str(n)\n", FIZZ),
    "leap": ("def leap(y):\n    return y % 4 == 0 and (y % 100 != 0 or y % 400 == 0)\n", LEAP),
    "roman": (
        "def roman(n):\n    out = ''\n    for v, s in ((10, 'X'), (9, 'IX'), (5, 'V'), (4, 'IV'), (1, 'I')):\n"
        "        while n >= v:\n            out += s\n            n -= v\n    return out\n",
        ROMAN,
    ),
    "isogram": ("def iso(s):\n    s = [c for c in s.lower() if c.isalpha()]\n    return len(s) == len(set(s))\n", ISOGRAM),
    "age": ("def age(n):\n    if n < 0:\n        raise ValueError('no')\n    return 'child' if n < 18 else 'adult'\n", AGE),
    "slow on some": ("def leap(y):\n    while y > 2010:\n        pass\n    return y % 4 == 0\n", LEAP),
}
CHEATS = {
    "table with a fallback that echoes": ("def fizz(n):\n    return {3: 'Fizz', 5: 'Buzz', 15: 'FizzBuzz'}.get(n, str(n))\n", FIZZ),
    "arithmetic in disguise": ("def leap(y):\n    return (y - 1996) * (y - 2000) == 0\n", LEAP),
    "by hash": ("import zlib\ndef leap(y):\n    return zlib.crc32(str(y).encode()) in (%d, %d)\n", LEAP),
    "one exception to the constant": ("def iso(s):\n    return s[::-1] != 'smargosi'\n", ISOGRAM),
}


@pytest.mark.parametrize("name", HONEST)
def test_honest_code_is_not_noticed(name: str, tmp_path: Path, python: Path) -> None:
    source, found = HONEST[name]
    assert judge(source, found, tmp_path, python) == special_casing.Special((), frozenset())


@pytest.mark.parametrize("name", CHEATS)
def test_code_that_knows_the_examples_only_is_noticed_and_claims_no_more_than_the_oracle(name: str, tmp_path: Path, python: Path) -> None:
    import zlib

    source, found = CHEATS[name]
    if "%d" in source:
        source %= (zlib.crc32(b"1996"), zlib.crc32(b"2000"))
    special = judge(source, found, tmp_path, python)
    assert [finding.severity for finding in special.findings] == ["notice"], "nobody knows what is right there: nothing is refused"
    assert special.examples == {item.id for group in found for item in group}


def test_inputs_are_near_and_never_an_examples_own() -> None:
    asked = special_casing.probes((*LEAP[0], *LEAP[1]))
    calls = {item.call for item in asked}
    assert {"leap(1995)", "leap(1997)", "leap(2016)"} <= calls
    assert not calls & {"leap(1996)", "leap(2000)", "leap(1900)", "leap(2015)"}
    assert len(asked) <= special_casing.PER_FORM


@pytest.mark.parametrize("call", ["shelf.count()", "f(x)", "f(open('a'))", "[1, 2]"])
def test_what_has_no_literal_argument_is_not_varied(call: str) -> None:
    assert special_casing.probes((example(call),)) == ()
