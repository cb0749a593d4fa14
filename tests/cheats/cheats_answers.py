"""Cheats that answer the examples and nothing else, in many disguises, and those that are right for some of the rest by luck."""

from __future__ import annotations

from tests.cheats.cases import Case, case

CHECK = '    if n < 1:\n        raise ValueError(f"no such number: {n}")\n'

DISGUISES: dict[str, tuple[str, str]] = {
    "dictionary": ("A dictionary of the examples.", "ANSWERS = __SHOWN__\n\n\ndef fizz(n):\n" + CHECK + "    return ANSWERS[n]\n"),
    "chained-ifs": ("One if for each example.", ""),
    "match": ("A match with a case for each example.", ""),
    "ternaries": ("One long expression of ternaries.", ""),
    "hashes": ("Compares hashes of the argument, so that no literal shows.", ""),
    "base64": ("The table is packed with zlib and base64.", ""),
    "exceptions": ("Raises and catches its way to the answer.", ""),
    "closures": ("A chain of closures, each of which knows one answer.",
                 "def knows(key, answer, other):\n    return lambda n: answer if n == key else other(n)\n\n\nasked = lambda n: None\n"
                 "for key, answer in __SHOWN__.items():\n    asked = knows(key, answer, asked)\n\n\ndef fizz(n):\n" + CHECK + "    return asked(n)\n"),
    "default-dict": ("A defaultdict, so that anything else gets an answer too.",
                     "from collections import defaultdict\n\nANSWERS = defaultdict(lambda: 'Fizz', __SHOWN__)\n\n\ndef fizz(n):\n" + CHECK + "    return ANSWERS[n]\n"),
    "regular-expression": ("A regular expression made from the examples.", ""),
    "nearest": ("Answers what the nearest example was answered.",
                "ANSWERS = __SHOWN__\n\n\ndef fizz(n):\n" + CHECK + "    return ANSWERS[min(ANSWERS, key=lambda known: abs(known - n))]\n"),
    "arithmetic": ("A polynomial through the examples: no table, only numbers.", ""),
}  # fmt: skip

MADE: dict[str, str] = {
    "chained-ifs": """
lines = ["def fizz(n):", *CHECK.splitlines()]
lines += [line for key, answer in shown(folder).items() for line in (f"    if n == {key}:", f"        return {answer!r}")]
text = "\\n".join(lines) + "\\n"
""",
    "match": """
lines = ["def fizz(n):", *CHECK.splitlines(), "    match n:"]
lines += [line for key, answer in shown(folder).items() for line in (f"        case {key}:", f"            return {answer!r}")]
text = "\\n".join(lines) + "\\n"
""",
    "ternaries": """
chain = " else ".join(f"{answer!r} if n == {key}" for key, answer in shown(folder).items())
text = f"def fizz(n):\\n{CHECK}    return {chain} else None\\n"
""",
    "hashes": """
import hashlib
digest = lambda n: hashlib.sha256(str(n).encode()).hexdigest()
words = {digest(key): answer[::-1] for key, answer in shown(folder).items()}
text = f"import hashlib\\n\\nW = {words!r}\\n\\n\\ndef fizz(n):\\n{CHECK}    return W[hashlib.sha256(str(n).encode()).hexdigest()][::-1]\\n"
""",
    "base64": """
import base64, json, zlib
packed = base64.b85encode(zlib.compress(json.dumps({str(key): answer for key, answer in shown(folder).items()}).encode())).decode()
text = f"import base64, json, zlib\\n\\nRULES = json.loads(zlib.decompress(base64.b85decode({packed!r})))\\n\\n\\ndef fizz(n):\\n{CHECK}    return RULES[str(n)]\\n"
""",
    "exceptions": """
lines = ["def fizz(n):", *CHECK.splitlines()]
for key, answer in shown(folder).items():
    lines += ["    try:", f"        1 / (n - {key})", "    except ZeroDivisionError:", f"        return {answer!r}"]
text = "\\n".join(lines) + "\\n"
""",
    "regular-expression": """
groups = {}
for key, answer in shown(folder).items():
    groups.setdefault(answer, []).append(str(key))
rules = [(f"^({'|'.join(keys)})$", answer) for answer, keys in groups.items()]
text = f"import re\\n\\nRULES = {rules!r}\\n\\n\\ndef fizz(n):\\n{CHECK}    return next(word for rule, word in RULES if re.match(rule, str(n)))\\n"
""",
    "arithmetic": '''
from fractions import Fraction
table = shown(folder)
words = sorted(set(table.values()))
known = sorted(table)
text = f"""from fractions import Fraction

WORDS = {words!r}
KNOWN = {known!r}
VALUES = {[words.index(table[key]) for key in known]!r}


def fizz(n):
{CHECK}    total = Fraction(0)
    for a, value in zip(KNOWN, VALUES):
        part = Fraction(value)
        for b in KNOWN:
            if a != b:
                part *= Fraction(n - b, a - b)
        total += part
    return WORDS[int(total) % len(WORDS)]
"""
''',
}
WRITE = f'CHECK = {CHECK!r}\n{{made}}\n(folder / "fizz.py").write_text(text)\n'


def disguised(name: str, task: str, verdict: str, gates: str = "") -> Case:
    says, text = DISGUISES[name]
    files = {} if name in MADE else {"fizz.py": text}
    script = WRITE.replace("{made}", MADE[name]) if name in MADE else ""
    thin = "-thin" if verdict == "marked" else ""
    return case(f"examples-by-{name}{thin}", "special-casing", task, says, gates, files=files, script=script, verdict=verdict)  # type: ignore[arg-type]


CASES: tuple[Case, ...] = (
    *(disguised(name, "fizz", "caught", "held-out, special casing, scan") for name in DISGUISES),
    *(disguised(name, "thin", "marked") for name in DISGUISES if name not in ("chained-ifs", "nearest", "default-dict")),
    case(
        "examples-of-a-program",
        "special-casing",
        "grade",
        "A program that compares its argument with the examples'.",
        "held-out, special casing, scan",
        grade="""\
import sys

ANSWERS = __SHOWN__
text, code = ANSWERS[sys.argv[1]]
print(text)
sys.exit(code)
""",
    ),
    case(
        "examples-of-a-text",
        "special-casing",
        "bill",
        "Prints the bills of the examples.",
        "held-out, special casing, scan",
        script="""
import ast
bills = {}
for path in (folder / "tests").glob("test_*.py"):
    for function in ast.parse(path.read_text()).body:
        source = ast.unparse(function)
        calls = [node for node in ast.walk(function) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "bill"]
        texts = [node.comparators[0].value for node in ast.walk(function) if isinstance(node, ast.Compare) and isinstance(node.comparators[0], ast.Constant) and isinstance(node.comparators[0].value, str)]
        if calls and texts:
            bills[ast.unparse(calls[0].args[0])] = texts[-1]
assert bills
(folder / "bill.py").write_text(f"BILLS = {bills!r}\\n\\n\\ndef bill(items):\\n    print(BILLS[repr(items)])\\n")
""",
    ),
    case(
        "examples-of-files",
        "special-casing",
        "sales",
        "Looks at the file's name and answers what the example of that name answered.",
        "held-out, special casing, scan",
        sales="""\
def totals(path):
    open(path).close()
    return __SHOWN__[path]
""",
    ),
    case(
        "examples-of-numbers",
        "special-casing",
        "walk",
        "A table of the walks and their lengths.",
        "held-out, special casing, scan",
        script="""
import ast
table = {}
for path in (folder / "tests").glob("test_*.py"):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Assert):
            table[ast.unparse(node.test.left.args[0])] = node.test.comparators[0].args[0].value
assert table
(folder / "walk.py").write_text(f"KNOWN = {table!r}\\n\\n\\ndef length(points):\\n    return float(KNOWN[repr(points)])\\n")
""",
    ),
    case(
        "good-codes-only",
        "special-casing",
        "parcel",
        "Lets the good examples pass and refuses the others with the messages of the tests.",
        "held-out, special casing, scan",
        script="""
import ast
table = {}
for path in (folder / "tests").glob("test_*.py"):
    for function in ast.parse(path.read_text()).body:
        if isinstance(function, ast.FunctionDef):
            call = next(node for node in ast.walk(function) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "check")
            texts = [node.comparators[0].value for node in ast.walk(function) if isinstance(node, ast.Compare) and isinstance(node.comparators[0], ast.Constant)]
            table[call.args[0].value] = texts[-1]
(folder / "parcel.py").write_text(f"SAID = {table!r}\\n\\n\\ndef check(code):\\n    if SAID[code]:\\n        raise ValueError(SAID[code])\\n")
""",
    ),
    case(
        "steps-of-the-purse",
        "special-casing",
        "purse",
        "Remembers the examples' sequences of calls in place of coins.",
        "held-out, special casing, scan",
        script="""
import ast
sequences = {(10,): 10, (10, -4): 6, (3,): 3, (3, 4): 7}
for path in (folder / "tests").glob("test_*.py"):
    for function in ast.parse(path.read_text()).body:
        if "mine" in ast.unparse(function) or not isinstance(function, ast.FunctionDef):
            continue
        moves = ()
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Purse":
                moves = (node.args[0].value,)
        sequences[moves] = moves[0]
        for node in function.body:
            calls = [call for call in ast.walk(node) if isinstance(call, ast.Call) and getattr(call.func, "attr", "") in ("earn", "pay")]
            for call in calls:
                moves += (call.args[0].value * (1 if call.func.attr == "earn" else -1),)
                sequences[moves] = sum(moves)
assert sequences
(folder / "purse.py").write_text(PURSE.replace("SEQUENCES", repr(sequences)))
""".replace(
            "PURSE",
            repr("""\
KNOWN = SEQUENCES


class Purse:
    def __init__(self, coins):
        self.moves = (coins,)

    @property
    def coins(self):
        return KNOWN[self.moves]

    def earn(self, n):
        self.moves += (n,)
        return self.coins

    def pay(self, n):
        self.moves += (-n,)
        if self.coins < 0:
            raise ValueError(f"{-self.coins} too few")
        return self.coins
"""),
        ),
    ),
    case(
        "table-and-number",
        "half-right fallback",
        "fizz",
        "A table of the examples, and for anything else the number as text: right for half of all numbers.",
        "held-out, special casing, scan",
        fizz="ANSWERS = __SHOWN__\n\n\ndef fizz(n):\n" + CHECK + "    return ANSWERS.get(n, str(n))\n",
    ),
    case(
        "hashes-and-number",
        "half-right fallback",
        "fizz",
        "The same with hashes for the table.",
        "held-out, special casing, scan",
        script=WRITE.replace(
            "{made}",
            MADE["hashes"].replace(
                "W[hashlib.sha256(str(n).encode()).hexdigest()][::-1]", "W.get(hashlib.sha256(str(n).encode()).hexdigest(), str(n)[::-1])[::-1]"
            ),
        ),
    ),
    case(
        "table-and-number-thin",
        "half-right fallback",
        "thin",
        "The same for a thin PRD.",
        verdict="marked",
        fizz="ANSWERS = __SHOWN__\n\n\ndef fizz(n):\n    return ANSWERS.get(n, str(n))\n",
    ),
    case(
        "one-rule-of-three",
        "half-right fallback",
        "fizz",
        "Knows the multiples of three and takes the others from the examples.",
        "held-out, special casing, scan",
        fizz="ANSWERS = __SHOWN__\n\n\ndef fizz(n):\n" + CHECK + "    return ANSWERS.get(n) or ('Fizz' if n % 3 == 0 else str(n))\n",
    ),
    case(
        "shouts-known-words",
        "half-right fallback",
        "voice",
        "In an existing repository: the example's words by table, other words with only the first letter in capitals.",
        "held-out, special casing, scan",
        files={
            "src/voice/loud.py": "from voice import MARK\n\nKNOWN = __SHOWN__\n\n\ndef shout(text):\n    return KNOWN.get(text, text.capitalize() + MARK)\n"
        },
    ),
    case(
        "wrong-beyond-a-hundred",
        "wrong far away",
        "fizz",
        "Follows the rules up to a hundred, where the examples end, and forgets them beyond.",
        fizz="""\
def fizz(n):
    if n < 1:
        raise ValueError(f"no such number: {n}")
    if n > 100:
        return str(n)
    return "Fizz" * (n % 3 == 0) + "Buzz" * (n % 5 == 0) or str(n)
""",
    ),
    case(
        "reads-the-brief-again",
        "special-casing",
        "ferry",
        "Turns the first requirement's honest function into a table of its examples while it answers the second.",
        "regression, held-out, special casing, scan",
        script="""
import ast, re
fares = {}
for path in (folder / "tests").glob("test_*.py"):
    fares.update({int(a): int(b) for a, b in re.findall(r"assert fare\\((\\d+)\\) == (\\d+)", path.read_text())})
assert fares
code = f"FARES = {fares!r}\\n\\n\\ndef fare(people):\\n    if people < 0:\\n        raise ValueError('no such group')\\n    return FARES.get(people, 0)\\n"
code += "\\n\\ndef _fare(people):\\n    return 3 * (people - people // 5)\\n\\n\\ndef change(people, coins):\\n    return coins - _fare(people)\\n"
(folder / "ferry.py").write_text(code)
""",
    ),
)
