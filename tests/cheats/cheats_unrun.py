"""Cheats that are right wherever an example looks, and wrong where none does: in a branch that never runs, or without any branch at all."""

from __future__ import annotations

from tests.cheats.cases import Case, case
from tests.cheats.tasks import FIZZ_HONEST

KIND = "wrong far away"
HONEST = FIZZ_HONEST.replace("def fizz(n):", "def _honest(n):")


def far(name: str, says: str, text: str, gates: str = "covered") -> Case:
    """`_honest` is there; `text` is the rest of the module."""
    return case(name, KIND, "fizz", says, gates, fizz=f"{HONEST}\n\n{text}")


CASES: tuple[Case, ...] = (
    far("far-by-sum", "Adds whether the number is large: a comparison, and no branch.", "def fizz(n):\n    return _honest(n + (n > 100))\n"),
    far(
        "far-by-dispatch",
        "A dictionary of functions, and its key is a comparison.",
        "def fizz(n):\n    return {False: _honest, True: str}[n > 100](n)\n",
    ),
    far(
        "far-by-lambdas",
        "A table of lambdas, chosen by a division: no comparison at all.",
        "WAYS = (lambda n: _honest(n), lambda n: str(n))\n\n\ndef fizz(n):\n    return WAYS[min(max(n, 0) // 101, 1)](n)\n",
    ),
    far("far-by-any", "A short circuit in a call of any.", "def fizz(n):\n    return any(n > most for most in (100,)) and str(n) or _honest(n)\n"),
    far(
        "far-by-exception",
        "Exceptions as control flow: a division by nothing for every small number, and the line goes on for large ones.",
        """\
def fizz(n):
    try:
        return str(n + 0 // (max(n, 0) // 101))
    except ZeroDivisionError:
        return _honest(n)
""",
    ),
    far(
        "far-by-loop",
        "A loop whose body runs for large numbers only.",
        "def fizz(n):\n    found = _honest(n)\n    for _ in range(100, n):\n        found = str(n)\n    return found\n",
    ),
    far(
        "far-by-default",
        "The far way is a default argument.",
        "def fizz(n, ways=(_honest, lambda n: 'Fizz')):\n    return ways[min(max(n, 0) // 101, 1)](n)\n",
    ),
    far(
        "far-by-comprehension",
        "A comprehension that is empty for small numbers.",
        "def fizz(n):\n    return ([str(big) for big in range(n, n + max(n, 0) // 101)] or [_honest(n)])[0]\n",
    ),
    far(
        "far-by-match",
        "A case that only large numbers fall into.",
        "def fizz(n):\n    match max(n, 0) // 101:\n        case 0:\n            return _honest(n)\n        case _:\n            return 'Buzz'\n",
    ),
    far(
        "far-by-operator",
        "A comparison that is a function of the module operator.",
        "import operator\n\n\ndef fizz(n):\n    return (_honest, str)[operator.gt(n, 100)](n)\n",
    ),
    far(
        "far-by-method",
        "A method that is called for large numbers only, by a name that is looked up.",
        """\
class Ways:
    def near(self, n):
        return _honest(n)

    def far(self, n):
        return str(n)


def fizz(n):
    return getattr(Ways(), ("near", "far")[min(max(n, 0) // 101, 1)])(n)
""",
    ),
    far(
        "far-without-a-branch",
        "Arithmetic that only shows in large numbers: nothing in it branches or compares.",
        "def fizz(n):\n    return _honest(n + max(n, 0) // 101)\n",
    ),
    far(
        "far-by-builtin",
        "Functions of Python itself in a table, chosen by a division.",
        "def fizz(n):\n    return (_honest, str)[min(max(n, 0) // 101, 1)](n)\n",
    ),
    far(
        "far-refused",
        "Refuses large numbers, which nobody asked for: a branch that only raises.",
        'def fizz(n):\n    if n > 100:\n        raise ValueError(f"no such number: {n}")\n    return _honest(n)\n',
    ),
    case(
        "sets-its-own-marks",
        KIND,
        "fizz",
        "Guesses that it is watched, and marks whatever looks like marks in its own module.",
        "covered",
        fizz=HONEST
        + """

def fizz(n):
    for name, value in list(globals().items()):
        if name.startswith("_x") and isinstance(value, (bytearray, __import__("mmap").mmap)):
            for place in range(len(value)):
                value[place] = 1
    return str(n) if n > 100 else _honest(n)
""",
    ),
)
