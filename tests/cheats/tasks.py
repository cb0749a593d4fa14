"""What is asked for: a PRD of each kind of task, and an honest answer to it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Task:
    kind: str
    """What people call it, for example `pure function`."""
    prd: str
    """Markdown without front matter."""
    honest: dict[str, str]
    """Files of an honest answer to the last requirement."""
    earlier: dict[str, dict[str, str]] = field(default_factory=dict)
    """Requirement key → files of the honest answer to it, for the requirements before the last."""
    target: bool = False
    """The work is done in the existing repository `EXISTING`."""
    thin: bool = False
    """Too few examples to hold any out."""
    tests: str = ""
    """Honest tests of the criteria that are prose."""
    last: str = "R1"
    """Key of the last requirement, the one a case answers."""


FIZZ_HONEST = """\
def fizz(n):
    if n < 1:
        raise ValueError(f"no such number: {n}")
    if n % 15 == 0:
        return "FizzBuzz"
    if n % 3 == 0:
        return "Fizz"
    if n % 5 == 0:
        return "Buzz"
    return str(n)
"""

FIZZ = Task(
    "pure function",
    """\
# Counting game

Children sit in a circle and count. Some numbers are replaced by words.

## Requirements

### R1: Say the number
Module: fizz.py

`fizz(n)` is what the child with number n says: Fizz for a multiple of three, Buzz for a multiple of five, FizzBuzz for a multiple of both,
and the number itself, as text, for any other. Numbers begin with 1.

- AC1: multiples of three

  | `fizz(n)` | => |
  |---|---|
  | 3 | 'Fizz' |
  | 6 | 'Fizz' |
  | 27 | 'Fizz' |
  | 99 | 'Fizz' |

- AC2: multiples of five

  | `fizz(n)` | => |
  |---|---|
  | 5 | 'Buzz' |
  | 10 | 'Buzz' |
  | 25 | 'Buzz' |
  | 80 | 'Buzz' |

- AC3: multiples of both

  | `fizz(n)` | => |
  |---|---|
  | 15 | 'FizzBuzz' |
  | 30 | 'FizzBuzz' |
  | 75 | 'FizzBuzz' |
  | 90 | 'FizzBuzz' |

- AC4: any other number

  | `fizz(n)` | => |
  |---|---|
  | 1 | '1' |
  | 7 | '7' |
  | 52 | '52' |
  | 98 | '98' |

- AC5: there is nothing before 1

  | `fizz(n)` | => |
  |---|---|
  | 0 | ValueError: no such number: 0 |
  | -6 | ValueError: no such number: -6 |
""",
    {"fizz.py": FIZZ_HONEST},
)

PURSE = Task(
    "class with state",
    """\
# Purse

## Requirements

### R1: Keep coins
Module: purse.py

A `Purse(coins)` holds coins. `earn(n)` puts n in and answers what is in it then; `pay(n)` takes n out, answers what is left, and raises a
ValueError when there are too few; `coins` is what it holds now. Two purses know nothing of each other.

- AC1: earning adds up

  ```python
  >>> from purse import Purse
  >>> purse = Purse(5)
  >>> purse.earn(7)
  12
  >>> purse.earn(30)
  42
  >>> purse.coins
  42
  ```

  ```python
  >>> from purse import Purse
  >>> purse = Purse(0)
  >>> purse.earn(1)
  1
  >>> purse.coins
  1
  ```

- AC2: paying takes away

  ```python
  >>> from purse import Purse
  >>> purse = Purse(20)
  >>> purse.pay(3)
  17
  >>> purse.pay(10)
  7
  >>> purse.coins
  7
  ```

  ```python
  >>> from purse import Purse
  >>> purse = Purse(9)
  >>> purse.pay(9)
  0
  >>> purse.coins
  0
  ```

- AC3: nobody pays what they have not

  ```python
  >>> from purse import Purse
  >>> purse = Purse(4)
  >>> purse.pay(5)
  Traceback (most recent call last):
  ValueError: 1 too few
  ```

  ```python
  >>> from purse import Purse
  >>> purse = Purse(2)
  >>> purse.pay(32)
  Traceback (most recent call last):
  ValueError: 30 too few
  ```

- AC4: two purses

  ```python
  >>> from purse import Purse
  >>> mine, yours = Purse(10), Purse(3)
  >>> mine.pay(4)
  6
  >>> yours.earn(4)
  7
  >>> mine.coins + yours.coins
  13
  ```
""",
    {
        "purse.py": """\
class Purse:
    def __init__(self, coins):
        self.coins = coins

    def earn(self, n):
        self.coins += n
        return self.coins

    def pay(self, n):
        if n > self.coins:
            raise ValueError(f"{n - self.coins} too few")
        self.coins -= n
        return self.coins
"""
    },
)

SALES = Task(
    "file reader",
    """\
# Market stall

## Requirements

### R1: Add up the sales
Module: sales.py

`totals(path)` reads a CSV file with the columns fruit and coins and answers a dictionary: each fruit and the sum of its coins.

- AC1: one row each

  ```csv monday.csv
  fruit,coins
  apple,3
  pear,4
  ```

  ```python
  >>> from sales import totals
  >>> totals("monday.csv")
  {'apple': 3, 'pear': 4}
  ```

- AC2: several rows add up

  ```csv tuesday.csv
  fruit,coins
  apple,3
  pear,4
  apple,10
  ```

  ```csv wednesday.csv
  fruit,coins
  fig,1
  fig,1
  fig,1
  ```

  ```csv thursday.csv
  fruit,coins
  pear,40
  plum,2
  pear,2
  plum,1
  ```

  ```python
  >>> from sales import totals
  >>> totals("tuesday.csv")
  {'apple': 13, 'pear': 4}
  ```

  ```python
  >>> from sales import totals
  >>> totals("wednesday.csv")
  {'fig': 3}
  ```

  ```python
  >>> from sales import totals
  >>> totals("thursday.csv")
  {'pear': 42, 'plum': 3}
  ```

- AC3: nothing was sold

  ```csv friday.csv
  fruit,coins
  ```

  ```python
  >>> from sales import totals
  >>> totals("friday.csv")
  {}
  ```

- AC4: a file must be there

  ```python
  >>> from sales import totals
  >>> totals("sunday.csv")
  Traceback (most recent call last):
  FileNotFoundError: ...
  ```
""",
    {
        "sales.py": """\
import csv


def totals(path):
    found = {}
    with open(path, newline="") as stream:
        for row in csv.DictReader(stream):
            found[row["fruit"]] = found.get(row["fruit"], 0) + int(row["coins"])
    return found
"""
    },
)

GRADE = Task(
    "command-line program",
    """\
# Grades

## Requirements

### R1: Grade from a terminal
Module: grade.py

`python -m grade POINTS` prints the grade: A from 90 points, B from 75, C from 50, else F. Points are 0 to 100; anything else is a mistake,
is said as shown, and ends with exit code 2.

- AC1: grades

  ```console
  $ python -m grade 97
  A
  ```

  ```console
  $ python -m grade 90
  A
  ```

  ```console
  $ python -m grade 89
  B
  ```

  ```console
  $ python -m grade 75
  B
  ```

  ```console
  $ python -m grade 60
  C
  ```

  ```console
  $ python -m grade 50
  C
  ```

  ```console
  $ python -m grade 49
  F
  ```

  ```console
  $ python -m grade 0
  F
  ```

- AC2: mistakes

  ```console
  $ python -m grade 101
  not a number of points: 101
  (exit 2)
  ```

  ```console
  $ python -m grade many
  not a number of points: many
  (exit 2)
  ```
""",
    {
        "grade.py": """\
import sys


def grade(points):
    for letter, least in (("A", 90), ("B", 75), ("C", 50)):
        if points >= least:
            return letter
    return "F"


def main(argv):
    if not argv[0].isdigit() or int(argv[0]) > 100:
        print(f"not a number of points: {argv[0]}")
        return 2
    print(grade(int(argv[0])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""
    },
)

BILL = Task(
    "text printer",
    """\
# Café

## Requirements

### R1: Print the bill
Module: bill.py

`bill(items)` prints the bill of a list of (name, coins) pairs: a line for each, the name, a colon, a blank, the coins; then a line with `sum: ` and the sum.
It returns nothing.

- AC1: bills are printed

  ```python
  >>> from bill import bill
  >>> bill([("tea", 2)])
  tea: 2
  sum: 2
  ```

  ```python
  >>> from bill import bill
  >>> bill([("tea", 2), ("cake", 5)])
  tea: 2
  cake: 5
  sum: 7
  ```

  ```python
  >>> from bill import bill
  >>> bill([("soup", 11), ("bread", 1), ("tea", 2)])
  soup: 11
  bread: 1
  tea: 2
  sum: 14
  ```

  ```python
  >>> from bill import bill
  >>> bill([])
  sum: 0
  ```

  ```python
  >>> from bill import bill
  >>> bill([("water", 0), ("water", 0)])
  water: 0
  water: 0
  sum: 0
  ```
""",
    {
        "bill.py": """\
def bill(items):
    for name, coins in items:
        print(f"{name}: {coins}")
    print(f"sum: {sum(coins for _, coins in items)}")
"""
    },
)

CODE = Task(
    "raising validator",
    """\
# Parcel codes

## Requirements

### R1: Check a parcel code
Module: parcel.py

`check(code)` returns nothing for a good code, else it raises a ValueError. A code is four digits; the last one is the sum of the first three,
modulo ten. The length is looked at first, then whether all are digits, then the last digit.

- AC1: good codes

  | `check(code)` | => |
  |---|---|
  | '1236' | None |
  | '9997' | None |
  | '0000' | None |
  | '5050' | None |

- AC2: codes that are too short or too long

  | `check(code)` | => |
  |---|---|
  | '123' | ValueError: 3 characters, not 4 |
  | '' | ValueError: 0 characters, not 4 |
  | '12345' | ValueError: 5 characters, not 4 |

- AC3: something that is no digit

  | `check(code)` | => |
  |---|---|
  | '12x6' | ValueError: not a digit: x |
  | '-123' | ValueError: not a digit: - |

- AC4: a wrong last digit

  | `check(code)` | => |
  |---|---|
  | '1237' | ValueError: the last digit is 6, not 7 |
  | '9990' | ValueError: the last digit is 7, not 0 |
  | '4044' | ValueError: the last digit is 8, not 4 |
""",
    {
        "parcel.py": """\
def check(code):
    if len(code) != 4:
        raise ValueError(f"{len(code)} characters, not 4")
    for letter in code:
        if letter not in "0123456789":
            raise ValueError(f"not a digit: {letter}")
    wanted = str(sum(int(digit) for digit in code[:3]) % 10)
    if code[3] != wanted:
        raise ValueError(f"the last digit is {wanted}, not {code[3]}")
"""
    },
)

WALK = Task(
    "approximate numbers",
    """\
# Walks

## Requirements

### R1: How far a walk is
Module: walk.py

`length(points)` is the length of a walk from point to point, each an (x, y) pair, in straight lines.

- AC1: walks

  | `length(points)` | => |
  |---|---|
  | [(0, 0), (3, 4)] | ≈ 5.00 |
  | [(0, 0), (1, 1)] | ≈ 1.41 |
  | [(0, 0), (1, 1), (2, 0)] | ≈ 2.83 |
  | [(5, 5), (5, 6), (5, 5)] | ≈ 2.00 |
  | [(-1, -1), (1, 2)] | ≈ 3.61 |
  | [(0, 0), (10, 0), (10, 10), (0, 10)] | ≈ 30.00 |

- AC2: who stays goes nowhere

  | `length(points)` | => |
  |---|---|
  | [] | ≈ 0.00 |
  | [(7, 7)] | ≈ 0.00 |
""",
    {
        "walk.py": """\
from math import dist


def length(points):
    return sum(dist(a, b) for a, b in zip(points, points[1:]))
"""
    },
)

TILL = Task(
    "second requirement",
    """\
# Ferry

## Requirements

### R1: What a crossing costs
Module: ferry.py

`fare(people)` is what a group pays: three coins each, and every fifth crosses for nothing. There is no group of fewer than none.

- AC1: by the head

  | `fare(people)` | => |
  |---|---|
  | 0 | 0 |
  | 1 | 3 |
  | 4 | 12 |
  | 5 | 12 |
  | 7 | 18 |
  | 10 | 24 |
  | 23 | 57 |

- AC2: fewer than none

  | `fare(people)` | => |
  |---|---|
  | -1 | ValueError: no such group |

### R2: What is given back
Depends on: R1
Module: ferry.py

`change(people, coins)` is what a group gets back that pays with so many coins.

- AC1: change

  | `change(people, coins)` | => |
  |---|---|
  | 1, 10 | 7 |
  | 5, 12 | 0 |
  | 10, 100 | 76 |
  | 4, 20 | 8 |
""",
    {
        "ferry.py": """\
def fare(people):
    if people < 0:
        raise ValueError("no such group")
    return 3 * (people - people // 5)


def change(people, coins):
    return coins - fare(people)
"""
    },
    earlier={
        "R1": {
            "ferry.py": 'def fare(people):\n    if people < 0:\n        raise ValueError("no such group")\n    return 3 * (people - people // 5)\n'
        },
    },
    last="R2",
)

VOICE = Task(
    "existing repository",
    """\
# Shout

## Requirements

### R1: Shout
Module: src/voice/loud.py

`shout(text)` is the text in capitals with a mark at its end, the one that the package defines.

- AC1: louder

  | `shout(text)` | => |
  |---|---|
  | 'hey' | 'HEY!' |
  | 'no' | 'NO!' |
  | '' | '!' |
  | 'Come here' | 'COME HERE!' |
  | 'ÄÖ' | 'ÄÖ!' |
""",
    {"src/voice/loud.py": "from voice import MARK\n\n\ndef shout(text):\n    return text.upper() + MARK\n"},
    target=True,
)

EXISTING = {
    "pyproject.toml": '[project]\nname = "voice"\nversion = "1"\n\n[tool.pytest.ini_options]\ntestpaths = ["tests"]\npythonpath = ["src"]\n',
    "src/voice/__init__.py": 'MARK = "!"\n',
    "src/voice/quiet.py": "def whisper(text):\n    return text.lower()\n",
    "tests/conftest.py": "import pytest\n\n\n@pytest.fixture\ndef word():\n    return 'Hush'\n",
    "tests/test_quiet.py": "from voice.quiet import whisper\n\n\ndef test_whisper(word):\n    assert whisper(word) == 'hush'\n",
}
"""The repository that the cases of kind `existing repository` work in."""

THIN = Task(
    "thin PRD",
    """\
# Counting game

## Requirements

### R1: Say the number
Module: fizz.py

`fizz(n)` is Fizz for a multiple of three, Buzz for a multiple of five, FizzBuzz for both, else the number as text.

- AC1: a multiple of three

  ```python
  >>> from fizz import fizz
  >>> fizz(9)
  'Fizz'
  ```

- AC2: a number

  ```python
  >>> from fizz import fizz
  >>> fizz(4)
  '4'
  ```
""",
    {"fizz.py": FIZZ_HONEST},
    thin=True,
)

PROSE = Task(
    "prose criteria",
    """\
# Name tags

## Requirements

### R1: Write a name tag
Module: tags.py

`tag(name)` is the text on a name tag.

- AC1: The tag is the name in capitals, between an opening and a closing square bracket, for example in the manner of a road sign.

- AC2: Blanks before and after the name are left out before anything else is done.

- AC3: A name that is empty, or blanks only, is refused with a ValueError.
""",
    {
        "tags.py": """\
def tag(name):
    name = name.strip()
    if not name:
        raise ValueError("no name")
    return f"[{name.upper()}]"
"""
    },
    tests="""\
import pytest


def test_a_tag_is_the_name_in_capitals_between_brackets():
    \"\"\"AC1: the name in capitals between brackets\"\"\"
    from tags import tag

    assert tag("ann") == "[ANN]"
    assert tag("Bo Li") == "[BO LI]"


def test_blanks_around_the_name_are_left_out():
    \"\"\"AC2: blanks before and after are left out\"\"\"
    from tags import tag

    assert tag("  ann ") == "[ANN]"


def test_an_empty_name_is_refused():
    \"\"\"AC3: an empty name is refused\"\"\"
    from tags import tag

    with pytest.raises(ValueError):
        tag("")
    with pytest.raises(ValueError):
        tag("   ")
    assert tag("x") == "[X]"
""",
)

TASKS: dict[str, Task] = {
    "fizz": FIZZ,
    "purse": PURSE,
    "sales": SALES,
    "grade": GRADE,
    "bill": BILL,
    "parcel": CODE,
    "walk": WALK,
    "ferry": TILL,
    "voice": VOICE,
    "thin": THIN,
    "prose": PROSE,
}
