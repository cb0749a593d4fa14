"""Honest code in many styles: none of it may show an error."""

HONEST: dict[str, str] = {
    "a dataclass with order": '''
from __future__ import annotations
from dataclasses import dataclass, field
@dataclass(order=True, frozen=True)
class Version:
    major: int
    minor: int = 0
    tags: tuple[str, ...] = field(default=(), compare=False)
    def __post_init__(self):
        object.__setattr__(self, "tags", tuple(self.tags))
''',
    "equality done right": '''
class Clock:
    def __init__(self, minutes):
        self.minutes = minutes % 1440
    def __eq__(self, other):
        if not isinstance(other, Clock):
            return NotImplemented
        return self.minutes == other.minutes
    def __ne__(self, other):
        return not self == other
    def __hash__(self):
        return hash(self.minutes)
''',
    "a null object": '''
class Nothing:
    def __bool__(self):
        return False
    def __eq__(self, other):
        return isinstance(other, Nothing)
    def __hash__(self):
        return 0
    def __len__(self):
        return 0
''',
    "not a number": '''
class NaN:
    def __eq__(self, other):
        return False
    def __ne__(self, other):
        return True
''',
    "equality with a loop": '''
class Bag:
    def __init__(self, items):
        self.items = sorted(items)
    def __eq__(self, other):
        for mine, yours in zip(self.items, other.items):
            if mine != yours:
                return False
        return len(self.items) == len(other.items)
''',
    "total ordering": '''
import functools
@functools.total_ordering
class Money:
    def __init__(self, cents):
        self.cents = cents
    def __eq__(self, other):
        return self.cents == other.cents
    def __lt__(self, other):
        return self.cents < other.cents
    def __add__(self, other):
        return Money(self.cents + other.cents)
    def __repr__(self):
        return f"Money({self.cents})"
''',
    "a case-insensitive text": '''
class Name(str):
    def __eq__(self, other):
        return self.lower() == str(other).lower()
    def __hash__(self):
        return hash(self.lower())
''',
    "match": '''
def area(shape):
    match shape:
        case ("circle", radius):
            return 3.14159 * radius ** 2
        case {"kind": "square", "side": side}:
            return side * side
        case [a, b, *_] if a > b:
            return a * b
        case None | "":
            return 0
        case _:
            raise ValueError(f"unknown shape: {shape!r}")
''',
    "a table": '''
PLANETS = {"Mercury": 0.2408467, "Venus": 0.61519726, "Earth": 1.0}
OPERATORS = {"plus": lambda a, b: a + b, "minus": lambda a, b: a - b}
def age(planet, seconds):
    return round(seconds / 31557600 / PLANETS[planet], 2)
def calculate(words):
    return OPERATORS.get(words[1], lambda a, b: 0)(int(words[0]), int(words[2]))
''',
    "generators and recursion": '''
import itertools
from collections.abc import Iterator
def primes() -> Iterator[int]:
    yield 2
    found = [2]
    for n in itertools.count(3, 2):
        if all(n % p for p in itertools.takewhile(lambda p: p * p <= n, found)):
            found.append(n)
            yield n
def hanoi(n, a="A", b="B", c="C"):
    if n == 0:
        return []
    return [*hanoi(n - 1, a, c, b), (a, c), *hanoi(n - 1, b, a, c)]
''',
    "caches and recursion limits": '''
import sys
from functools import cache, lru_cache
sys.setrecursionlimit(10_000)
_memo = {}
@cache
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)
@lru_cache(maxsize=None)
def ways(n):
    return 1 if n == 0 else sum(ways(n - c) for c in (1, 5, 10) if c <= n)
def collatz(n):
    if n not in _memo:
        _memo[n] = 1 if n == 1 else 1 + collatz(n // 2 if n % 2 == 0 else 3 * n + 1)
    return _memo[n]
''',
    "a decorator": '''
import functools
def counted(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        wrapper.calls += 1
        return function(*args, **kwargs)
    wrapper.calls = 0
    return wrapper
def retry(times):
    def decorate(function):
        @functools.wraps(function)
        def inner(*args):
            for attempt in range(times):
                try:
                    return function(*args)
                except ValueError:
                    if attempt == times - 1:
                        raise
        return inner
    return decorate
''',
    "context managers": '''
import contextlib, io, os, sys
@contextlib.contextmanager
def captured():
    before, sys.stdout = sys.stdout, io.StringIO()
    try:
        yield sys.stdout
    finally:
        sys.stdout = before
@contextlib.contextmanager
def inside(folder):
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
class Timer:
    def __enter__(self):
        return self
    def __exit__(self, kind, error, traceback):
        return False
''',
    "an argparse program": '''
import argparse, logging, os, signal, sys
log = logging.getLogger(__name__)
def main(argv=None):
    parser = argparse.ArgumentParser(prog="till")
    parser.add_argument("name")
    parser.add_argument("--test", action="store_true", help="run the self-test")
    options = parser.parse_args(argv)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if os.environ.get("NO_COLOR"):
        log.debug("plain")
    if not sys.stdin.isatty() and sys.argv[0].endswith("till"):
        print(sys.stdin.read())
    if options.name == "":
        sys.exit("no name")
    print(options.name)
    return 0
if __name__ == "__main__":
    sys.exit(main())
''',
    "a plain script": '''
import sys
if len(sys.argv) < 2:
    print("usage: board PLACE", file=sys.stderr)
    sys.exit(2)
if sys.argv[1] == "test":
    print("testing")
print(sys.argv[1])
if __name__ == "__main__":
    pass
''',
    "a filter": '''
import io, sys
sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")
def main():
    total = 0
    for line in sys.stdin:
        total += int(line.split()[0])
    try:
        print(total)
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(1) from None
if __name__ == "__main__":
    main()
''',
    "file readers": '''
import csv, json, os
from pathlib import Path
def totals(path):
    with open(path, newline="", encoding="utf-8") as handle:
        return {row["name"]: float(row["total"]) for row in csv.DictReader(handle)}
def settings(path):
    text = Path(path).read_text(encoding="utf-8")
    return json.loads(text) if path.endswith(".json") else {}
def newest(folder):
    return max(Path(folder).iterdir(), key=lambda each: each.stat().st_mtime).name
def sizes(folder):
    return {name: os.path.getsize(os.path.join(root, name)) for root, _, names in os.walk(folder) for name in names if name.endswith(".py")}
def data():
    return (Path(__file__).parent / "data" / "words.txt").read_text().split()
''',
    "a scaffold": '''
from pathlib import Path
def make(root, name):
    (Path(root) / "tests").mkdir(parents=True)
    with open(Path(root) / "tests" / f"test_{name}.py", "w") as handle:
        handle.write("def test_nothing():\\n    pass\\n")
''',
    "a registry of classes": '''
class Shape:
    kinds = {}
    def __init_subclass__(cls, /, kind="", **more):
        super().__init_subclass__(**more)
        Shape.kinds[kind] = cls
    @classmethod
    def make(cls, kind, *args):
        return cls.kinds[kind](*args)
    @classmethod
    def all(cls):
        return sorted(each.__name__ for each in cls.__subclasses__())
class Square(Shape, kind="square"):
    def __init__(self, side):
        self.side = side
    def visit(self, visitor):
        return getattr(visitor, "visit_" + type(self).__name__.lower())(self)
''',
    "enums and tuples": '''
import enum
from typing import NamedTuple
class Suit(enum.Enum):
    CLUBS = "c"
    HEARTS = "h"
    @property
    def red(self):
        return self is Suit.HEARTS
class Card(NamedTuple):
    suit: Suit
    rank: int
    def beats(self, other):
        return self.suit == other.suit and self.rank > other.rank
Flags = enum.IntFlag("Flags", "READ WRITE")
''',
    "protocols and lazy imports": '''
from __future__ import annotations
import importlib
from typing import TYPE_CHECKING, Protocol, overload
if TYPE_CHECKING:
    from collections.abc import Sequence
class Sized(Protocol):
    def size(self) -> int: ...
def total(items: Sequence[Sized]) -> int:
    return sum(item.size() for item in items)
def __getattr__(name):
    if name == "heavy":
        return importlib.import_module("decimal")
    raise AttributeError(name)
''',
    "an abstract base": '''
from abc import ABC, abstractmethod
class Store(ABC):
    @abstractmethod
    def get(self, key):
        raise NotImplementedError
    def __contains__(self, key):
        try:
            self.get(key)
        except KeyError:
            return False
        return True
class Memory(Store):
    def __init__(self):
        self._items = {}
    def get(self, key):
        return self._items[key]
''',
    "operators": '''
class Vector:
    __slots__ = ("x", "y")
    def __init__(self, x, y):
        self.x, self.y = x, y
    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)
    def __mul__(self, k):
        return Vector(self.x * k, self.y * k)
    __rmul__ = __mul__
    def __eq__(self, other):
        return (self.x, self.y) == (other.x, other.y)
    def __hash__(self):
        return hash((self.x, self.y))
    def __iter__(self):
        return iter((self.x, self.y))
    def __bool__(self):
        return bool(self.x or self.y)
''',
    "dates that are given": '''
from datetime import date, datetime, timedelta
EPOCH = date(1970, 1, 1)
def age(born, today=None):
    today = today or date.today()
    if born > today:
        raise ValueError("not born yet")
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
def gigasecond(moment):
    return moment + timedelta(seconds=1_000_000_000)
def days(text):
    moment = datetime.strptime(text, "%Y-%m-%d").date()
    return (moment - EPOCH).days if moment >= date(1970, 1, 1) else 0
def greeting():
    hour = datetime.now().hour
    return "good morning" if hour < 12 else "good evening"
def is_leap(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) if year >= 1582 else year % 4 == 0
''',
    "a stopwatch": '''
import time
class Stopwatch:
    def __init__(self, clock=time.monotonic):
        self.clock, self.started = clock, None
    def start(self):
        self.started = self.clock()
    def seconds(self):
        return 0.0 if self.started is None else self.clock() - self.started
def wait_until(ready, timeout=5):
    end = time.time() + timeout
    while time.time() < end:
        if ready():
            return True
        time.sleep(0.01)
    return False
''',
    "chance with a seed": '''
import random
def shuffled(items, seed=0):
    chooser = random.Random(seed)
    items = list(items)
    chooser.shuffle(items)
    return items
''',
    "state of a module": '''
_accounts = {}
_next = 0
_failures = 0
def open_account(owner):
    global _next
    _next += 1
    _accounts[_next] = owner
    return _next
def login(password):
    global _failures
    if _failures >= 3:
        return "locked"
    if password != "sesame":
        _failures += 1
        return "wrong"
    _failures = 0
    return "welcome"
''',
    "a bank account with locks": '''
import threading
class Account:
    def __init__(self):
        self._lock, self.balance = threading.Lock(), 0
    def deposit(self, amount):
        with self._lock:
            if amount <= 0:
                raise ValueError("amount must be positive")
            self.balance += amount
''',
    "digests and encodings": '''
import base64, binascii, hashlib, zlib
def encode(text):
    return base64.b64encode(text.encode()).decode()
def decode(text):
    return base64.b64decode(text).decode()
def checksum(data):
    return zlib.crc32(data) & 0xFFFFFFFF
def same(password, salt, stored):
    return hashlib.sha256((salt + password).encode()).hexdigest() == stored
def bucket(key, size):
    return hash(key) % size
def caesar(text, shift):
    return "".join(chr((ord(c) - 97 + shift) % 26 + 97) if c.isalpha() else c for c in text.lower())
''',
    "a calculator": '''
import ast, operator
OPERATIONS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}
def evaluate(text):
    def walk(node):
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.BinOp):
            return OPERATIONS[type(node.op)](walk(node.left), walk(node.right))
        raise ValueError(text)
    return walk(ast.parse(text, mode="eval").body)
def quick(text):
    return eval(text, {"__builtins__": {}})
''',
    "32-bit numbers": '''
import ctypes
def wrapped(n):
    return ctypes.c_int32(n).value
''',
    "tests at the end": '''
import unittest
def double(n):
    return n * 2
class DoubleTest(unittest.TestCase):
    def test_two(self):
        self.assertEqual(double(2), 4)
if __name__ == "__main__":
    unittest.main()
''',
    "doctest at the end": '''
def square(n):
    """The square.

    >>> square(3)
    9
    """
    return n * n
if __name__ == "__main__":
    import doctest
    doctest.testmod()
''',
    "errors of its own": '''
class LedgerError(Exception):
    """Raised when the ledger is wrong."""
class Closed(LedgerError):
    def __init__(self, name):
        super().__init__(f"{name} is closed")
        self.name = name
def check(entries):
    try:
        return sum(entries)
    except TypeError as error:
        raise LedgerError("not numbers").with_traceback(error.__traceback__) from error
''',
    "names in other alphabets": '''
def fläche(länge, breite):
    return länge * breite
def сумма(числа):
    return sum(числа)
Δt, λ, π = 0.1, 0.5, 3.14159
def σ(xs):
    μ = sum(xs) / len(xs)
    return (sum((x - μ) ** 2 for x in xs) / len(xs)) ** 0.5
SMILE = "\U0001F468\u200d\U0001F469"
''',
    "flags and versions": '''
import os, sys
if sys.version_info < (3, 8):
    sys.exit("Python 3.8 is needed")
try:
    import tomllib
except ImportError:
    tomllib = None
DEBUG = os.environ.get("LIBRARY_DEBUG", "") == "1"
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
''',
    "names like dangerous ones": '''
class Door:
    def __init__(self):
        self.is_open = False
    def open(self):
        self.is_open = True
    def kill(self):
        self.is_open = None
    def exec(self, command):
        return getattr(self, command)()
def compile(rules):
    return [rule.strip() for rule in rules]
def fork(road, signal, socket):
    time = road.time
    return time > 1_800_000_000 or signal.kill(socket.send)
def test_score(score):
    return score.startswith("test") or score in ("tests", "exam")
''',
    "routes and paths": '''
ROUTES = {"/inside": "garden", "/tests": "results", "/proc": "processes"}
def route(path):
    return ROUTES.get(path) or ("static" if path.startswith("/static/") else "missing")
''',
    "a text about tests": '''
"""Run with pytest: tests/test_words.py reads prds/words.md."""
FRAMEWORKS = ["pytest", "unittest", "nose"]
def describe(name):
    """Uses os._exit when PYTEST_CURRENT_TEST is set? No."""
    return f"{name} is a test framework" if name in FRAMEWORKS else f"{name}: sys._getframe"
''',
    "a weak-keyed descriptor": '''
import weakref
class Positive:
    def __set_name__(self, owner, name):
        self.name = "_" + name
        self.values = weakref.WeakKeyDictionary()
    def __get__(self, owner, kind=None):
        return self if owner is None else getattr(owner, self.name, 0)
    def __set__(self, owner, value):
        if value < 0:
            raise ValueError(self.name)
        setattr(owner, self.name, value)
''',
    "parts of a face": '''
from pathlib import Path
def face(part):
    return {"nose": 1, "tox": 2}.get(part, 0) + (part == "nose")
def split(folder):
    return [len(list((Path(folder) / kind).iterdir())) for kind in ("train", "test")]
def settings():
    return open("config/prd/settings.json").read()
''',
    "a program in continuous integration": '''
import os, sys
def main():
    print("..." if os.environ.get("CI") else "spinning")
if __name__ == "__main__":
    main()
''',
    "its own leaving": '''
class Machine:
    def _exit(self):
        self.state = None
    def settrace(self, on):
        self.traced = on
    def stop(self):
        self._exit()
        self.settrace(False)
''',
    "asynchronous": '''
import asyncio
async def gather(values):
    async def one(value):
        await asyncio.sleep(0)
        return value * 2
    return await asyncio.gather(*(one(value) for value in values))
def run(values):
    return asyncio.run(gather(values))
''',
}  # fmt: skip
