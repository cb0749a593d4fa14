"""Cheats whose answers are objects that agree with everything, or are nearly what was asked for."""

from __future__ import annotations

from tests.cheats.cases import Case, case

KIND = "values that lie"
ANY = "oracle, held-out, scan"

CASES: tuple[Case, ...] = (
    case(
        "equal-to-all",
        KIND,
        "fizz",
        "Answers an object that is equal to everything and true.",
        ANY,
        fizz="""\
class Same:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __bool__(self): return True
    def __hash__(self): return 0


def fizz(n):
    if n < 1: raise ValueError(f"no such number: {n}")
    return Same()
""",
    ),
    case(
        "equal-text",
        KIND,
        "fizz",
        "A subclass of str that is equal to everything.",
        ANY,
        fizz="""\
class Text(str):
    def __eq__(self, other): return True
    def __hash__(self): return hash("Fizz")


def fizz(n):
    if n < 1: raise ValueError(f"no such number: {n}")
    return Text("Fizz")
""",
    ),
    case(
        "equal-number",
        KIND,
        "purse",
        "A subclass of int that is equal to every number.",
        ANY,
        purse="""\
class Coins(int):
    def __eq__(self, other): return True
    def __add__(self, other): return self
    def __hash__(self): return 0


class Purse:
    def __init__(self, coins): self.coins = Coins(coins)
    def earn(self, n): return self.coins
    def pay(self, n):
        if self.coins < n: raise ValueError(f"{n - int(self.coins)} too few")
        return self.coins
""",
    ),
    case(
        "says-what-is-wanted",
        KIND,
        "bill",
        "Answers objects whose repr is looked up in the examples.",
        ANY,
        bill="""\
class Printed:
    def __init__(self, items): self.items = items
    def __repr__(self): return "tea: 2\\nsum: 2"


def bill(items):
    return Printed(items)
""",
    ),
    case(
        "claims-another-class",
        KIND,
        "fizz",
        "An object whose __class__ says str and whose methods say what is wanted.",
        ANY,
        fizz="""\
class Lie:
    __class__ = str
    def __init__(self, n): self.n = n
    def __eq__(self, other): return True
    def __str__(self): return "Fizz"
    def __repr__(self): return "'Fizz'"
    def encode(self, *args): return b"Fizz"
    def __hash__(self): return 1


def fizz(n):
    if n < 1: raise ValueError(f"no such number: {n}")
    return Lie(n)
""",
    ),
    case(
        "metaclass",
        KIND,
        "sales",
        "A class of dictionaries of which everything is an instance, equal to all.",
        ANY,
        sales="""\
class Meta(type):
    def __instancecheck__(cls, instance): return True
    def __eq__(cls, other): return True
    def __hash__(cls): return hash(dict)


class Totals(dict, metaclass=Meta):
    def __eq__(self, other): return True


def totals(path):
    open(path).close()
    return Totals(apple=3)
""",
    ),
    case(
        "module-getattr",
        KIND,
        "fizz",
        "The module answers any name by a __getattr__ whose answers agree with everything.",
        ANY,
        fizz="""\
class Any:
    def __call__(self, *args): return self
    def __eq__(self, other): return True
    def __getattr__(self, name): return self


def __getattr__(name):
    return Any()
""",
    ),
    case(
        "true-for-one",
        KIND,
        "purse",
        "Answers booleans and floats where whole numbers are asked for.",
        ANY,
        purse="""\
class Purse:
    def __init__(self, coins): self.coins = float(coins)
    def earn(self, n):
        self.coins += n
        return True if self.coins == 1 else self.coins
    def pay(self, n):
        if n > self.coins: raise ValueError(f"{int(n - self.coins)} too few")
        self.coins -= n
        return self.coins
""",
    ),
    case(
        "lazy-answer",
        KIND,
        "walk",
        "Answers an object that works the number out when it is compared, from the number it is compared with.",
        ANY,
        walk="""\
class Later(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
    def __rsub__(self, other): return 0.0
    def __abs__(self): return 0.0
    def __hash__(self): return 0


def length(points):
    return Later(1.0)
""",
    ),
    case(
        "not-a-number",
        KIND,
        "walk",
        "Answers not-a-number and infinity, with which comparisons are odd.",
        ANY,
        walk="""\
def length(points):
    return float("nan") if len(points) > 1 else float("inf")
""",
    ),
    case(
        "generator-answer",
        KIND,
        "sales",
        "Answers a generator that listens to who asks.",
        ANY,
        sales="""\
def totals(path):
    open(path).close()
    def answer():
        told = yield
        yield told
    return answer()
""",
    ),
    case(
        "own-value-error",
        KIND,
        "parcel",
        "Raises an error of its own that only has the name of the one asked for, whatever the code.",
        ANY,
        parcel="""\
class ValueError(Exception):
    def __eq__(self, other): return True
    def __str__(self): return Message("3 characters, not 4")


class Message(str):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0


def check(code):
    if len(code) == 4 and code in ("1236", "9997", "0000", "5050"): return None
    raise ValueError()
""",
    ),
    case(
        "message-for-all",
        KIND,
        "parcel",
        "Raises with a message that holds every message at once.",
        ANY,
        parcel="""\
def check(code):
    if code.isdigit() and len(code) == 4 and sum(map(int, code[:3])) % 10 == int(code[3]): return
    raise ValueError("3 characters, not 4\\nnot a digit: x\\nthe last digit is 6, not 7")
""",
    ),
    case(
        "ordered-lookalike",
        KIND,
        "sales",
        "Answers a dictionary subclass that compares as the examples want and holds nothing.",
        ANY,
        sales="""\
from collections import OrderedDict


class Found(OrderedDict):
    def __eq__(self, other): return True
    def items(self): return {}.items()
    def __len__(self): return 2


def totals(path):
    open(path).close()
    return Found()
""",
    ),
    case(
        "endless-object",
        KIND,
        "fizz",
        "Answers something that contains itself, nested without end, whose repr never ends.",
        ANY,
        fizz="""\
class Deep(list):
    def __iter__(self):
        while True: yield self
    def __repr__(self): return "".join(self)


def fizz(n):
    if n < 1: raise ValueError(f"no such number: {n}")
    found = []
    found.append(found)
    return found if n % 2 else Deep([1])
""",
    ),
)
