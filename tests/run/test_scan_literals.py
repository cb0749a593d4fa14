"""Literal special-casing: answers of visible examples beside their inputs."""

from __future__ import annotations

import pytest

from orchestrator.model import Change, Example, InputFile
from orchestrator.run.gates import scan
from tests.run.values import example


def of(*rows: tuple[str, str]) -> tuple[Example, ...]:
    return tuple(example(call, expected, id=f"p#R1.AC1/{number}") for number, (call, expected) in enumerate(rows, 1))


NUMBERS = of(("f(3)", "'Fizz'"), ("f(5)", "'Buzz'"), ("f(7)", "'7'"), ("f(30)", "'FizzBuzz'"))
YEARS = of(("leap(1996)", "True"), ("leap(2000)", "True"), ("leap(2015)", "False"), ("leap(1900)", "False"))
TWO = of(("label('Emma', 1)", "'1 roll for Emma'"), ("label('Noor', 12)", "'12 rolls for Noor'"))


def held(text: str, examples: tuple[Example, ...]) -> list[int]:
    """Numbers of the examples whose answers the code holds."""
    return [int(each.rpartition("/")[2]) for each in scan.special_cases((Change("shop.py", text),), examples)]


SPECIAL: dict[str, tuple[str, tuple[Example, ...], list[int]]] = {
    "a dictionary": ("T = {3: 'Fizz', 5: 'Buzz', 7: '7', 30: 'FizzBuzz'}\ndef f(n):\n    return T[n]\n", NUMBERS, [1, 2, 3, 4]),
    "a dictionary with a default": ("def f(n):\n    return {3: 'Fizz', 5: 'Buzz', 30: 'FizzBuzz'}.get(n, '7')\n", NUMBERS, [1, 2, 3, 4]),
    "a dictionary of text": ("def f(n):\n    return {'3': 'Fizz', '5': 'Buzz'}[str(n)]\n", NUMBERS, [1, 2]),
    "a dictionary of functions": ("T = {3: lambda: 'Fizz', 5: lambda: 'Buzz'}\ndef f(n):\n    return T[n]()\n", NUMBERS, [1, 2]),
    "chained ifs": ("def f(n):\n    if n == 3:\n        return 'Fizz'\n    elif n == 5:\n        return 'Buzz'\n    if 30 == n:\n        return 'Fizz' + 'Buzz'\n    return str(n)\n", NUMBERS, [1, 2, 4]),
    "ifs and a constant": ("def f(n):\n    if n == 3:\n        return 'Fizz'\n    if n in (5,):\n        return 'Buzz'\n    return '7'\n", NUMBERS, [1, 2, 3]),
    "ternaries": ("def f(n):\n    return 'Fizz' if n == 3 else 'Buzz' if n == 5 else '7'\n", NUMBERS, [1, 2]),
    "a lambda": ("f = lambda n: 'Fizz' if n == 3 else 'Buzz'\n", NUMBERS, [1]),
    "match": ("def f(n):\n    match n:\n        case 3:\n            return 'Fizz'\n        case 5 | 10:\n            return 'Buzz'\n        case _:\n            return str(n)\n", NUMBERS, [1, 2]),
    "assignments": ("def f(n):\n    out = str(n)\n    if n == 3:\n        out = 'Fizz'\n    return out\n", NUMBERS, [1]),
    "pairs": ("PAIRS = [(3, 'Fizz'), (5, 'Buzz')]\ndef f(n):\n    return dict(PAIRS)[n]\n", NUMBERS, [1, 2]),
    "two lists": ("A = [3, 5]\nB = ['Fizz', 'Buzz']\nT = dict(zip(A, B))\n", NUMBERS, [1, 2]),
    "a list by number": ("T = ['', '', '', 'Fizz', '', 'Buzz', '', '7']\ndef f(n):\n    return T[n]\n", NUMBERS, [1, 2, 3]),
    "names of constants": ("THREE = 3\nWORD = 'Fi' + 'zz'\ndef f(n):\n    if n == THREE:\n        return WORD\n    return str(n)\n", NUMBERS, [1]),
    "membership": ("def leap(year):\n    return year in {1996, 2000}\n", YEARS, [1, 2, 3, 4]),
    "membership by name": ("LEAP = frozenset([1996, 2000, 2004])\ndef leap(year):\n    return year in LEAP\n", YEARS, [1, 2, 3, 4]),
    "no membership": ("def leap(year):\n    return year not in (2015, 1900)\n", YEARS, [1, 2, 3, 4]),
    "or": ("def leap(year):\n    return year == 1996 or year == 2000\n", YEARS, [1, 2, 3, 4]),
    "two arguments": ("def label(name, n):\n    if name == 'Emma' and n == 1:\n        return '1 roll for Emma'\n    return '12 rolls for Noor'\n", TWO, [1, 2]),
    "a tuple of arguments": ("def label(*args):\n    return {('Emma', 1): '1 roll for Emma', ('Noor', 12): '12 rolls for Noor'}[args]\n", TWO, [1, 2]),
    "joined arguments": ("def label(name, n):\n    return {'Emma-1': '1 roll for Emma'}[f'{name}-{n}']\n", TWO, [1]),
    "one argument of two": ("def label(name, n):\n    if name == 'Emma':\n        return '1 roll for Emma'\n    return f'{n} rolls for {name}'\n", TWO, [1]),
    "match on two": ("def label(name, n):\n    match (name, n):\n        case ('Emma', 1):\n            return '1 roll for Emma'\n", TWO, [1]),
}  # fmt: skip


@pytest.mark.parametrize("name", SPECIAL)
def test_answers_beside_their_inputs_are_seen(name: str) -> None:
    text, examples, numbers = SPECIAL[name]
    compile(text, name, "exec")
    assert held(text, examples) == numbers


def test_raises_console_files_and_lists() -> None:
    raising = (example("check('12')", "too short", compare="raises", raises="ValueError"),)
    assert held("def check(code):\n    if code == '12':\n        raise ValueError('too short')\n", raising) == [1]
    assert held("T = {'12': 'too short'}\ndef check(code):\n    raise ValueError(T[code])\n", raising) == [1]
    assert held("def check(code):\n    if len(code) < 4:\n        raise ValueError('too short')\n", raising) == []
    console = (example("python -m board 12 Ben", "12th: Ben", compare="console"),)
    assert held("import sys\nif sys.argv[1:] == ['12', 'Ben']:\n    print('12th: Ben')\n", console) == [1]
    assert held("import sys\nif sys.argv[2] == 'Ben':\n    print('12th: Ben')\n", console) == [1]
    assert held("import sys\nprint(f'{sys.argv[1]}th: {sys.argv[2]}')\n", console) == []
    reading = (example("total('a.csv')", "3", files=(InputFile("a.csv", "1\n2\n", 1),)),)
    assert held("def total(path):\n    if open(path).read() == '1\\n2\\n':\n        return 3\n", reading) == [1]
    lists = of(("cheer(['Ada', 'Ben'])", "'Ada and Ben!'"), ("cheer([])", "''"))
    assert held("def cheer(names):\n    if names == ['Ada', 'Ben']:\n        return 'Ada and Ben!'\n    return ''\n", lists) == [1, 2]
    state = (example("shelf.free()", "['Emma']", setup=("from shop import Shelf", "shelf = Shelf(['Emma', 'Persuasion'])")),)
    assert held(
        "class Shelf:\n    def __init__(self, books):\n        self.books = books\n    def free(self):\n        if self.books == ['Emma', 'Persuasion']:\n            return ['Emma']\n",
        state,
    ) == [1]


RULES = {
    "fizz": "def f(n):\n    if n % 15 == 0:\n        return 'FizzBuzz'\n    if n % 3 == 0:\n        return 'Fizz'\n    if n % 5 == 0:\n        return 'Buzz'\n    return str(n)\n",
    "fizz by sums": "def f(n):\n    return ''.join(word for k, word in ((3, 'Fizz'),) if n % k == 0 and n > 99) or str(n)\n",
    "leap": "def leap(year):\n    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)\n",
    "label": 'def label(name, n):\n    return f\'{n} roll{"" if n == 1 else "s"} for {name}\'\n',
}


@pytest.mark.parametrize(("name", "examples"), [("fizz", NUMBERS), ("leap", YEARS), ("label", TWO)])
def test_a_rule_holds_no_answers(name: str, examples: tuple[Example, ...]) -> None:
    assert held(RULES[name], examples) == []


def test_the_notice_counts_and_names_lines() -> None:
    text = "T = {\n    3: 'Fizz',\n    5: 'Buzz',\n    7: '7',\n}\n\n\ndef f(n):\n    return T[n]\n"
    (finding,) = scan.code((Change("shop.py", text),), NUMBERS)
    assert (finding.severity, finding.where) == ("notice", "shop.py:2")
    assert finding.message == "special casing: the code holds the answers of 3 of 4 visible examples beside their inputs: lines 2, 3, 4"


def test_one_base_case_is_no_notice_and_one_hard_case_is() -> None:
    examples = of(("fib(0)", "0"), ("fib(1)", "1"), ("fib(10)", "55"), ("fib(12)", "144"))
    base = "def fib(n):\n    if n == 0:\n        return 0\n    a, b = 0, 1\n    for _ in range(n):\n        a, b = b, a + b\n    return a\n"
    assert scan.code((Change("shop.py", base),), examples) == ()
    hard = base.replace("n == 0:\n        return 0", "n == 12:\n        return 144")
    (finding,) = scan.code((Change("shop.py", hard),), examples)
    assert "the answer of 1 of 4 visible examples" in finding.message


def test_one_and_true_are_not_the_same() -> None:
    assert held("def f(n):\n    return {1: True}[n]\n", of(("f(1)", "1"), ("f(2)", "4"))) == []
