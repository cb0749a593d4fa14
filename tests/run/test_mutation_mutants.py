"""Which mutants there are: of changed functions only, of each operator, none that means nothing; and that each is Python."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.model import Mutant, MutantStatus, Mutation
from orchestrator.run import mutants
from tests.conftest import REPOSITORY


def changes(body: str, head: str = "def f(a, b, c):") -> set[tuple[str, str, str]]:
    source = head + "\n" + "".join(f"    {line}\n" for line in body.splitlines())
    return {(item.operator, item.original, item.replacement) for item in mutants.generate({}, {"shop.py": source})}


OPERATORS = {
    "arithmetic": ("return a + b", ("arithmetic", "a + b", "a - b")),
    "arithmetic of arithmetic": ("return (a + b) * c", ("arithmetic", "a + b", "a - b")),
    "whole division": ("return a // b", ("arithmetic", "a // b", "a / b")),
    "augmented": ("a += b", ("arithmetic", "a += b", "a -= b")),
    "augmented removed": ("a += b", ("statement", "a += b", "pass")),
    "boundary": ("return a < b", ("comparison", "a < b", "a <= b")),
    "negation": ("return a < b", ("comparison", "a < b", "a >= b")),
    "membership": ("return a in b", ("comparison", "a in b", "a not in b")),
    "identity": ("return a is not b", ("comparison", "a is not b", "a is b")),
    "chain": ("return a < b < c", ("comparison", "a < b < c", "a < b <= c")),
    "and": ("return a and b", ("boolean", "a and b", "a or b")),
    "or in and": ("return a and (b or c)", ("boolean", "b or c", "(b and c)")),
    "not": ("return not a", ("boolean", "not a", "a")),
    "negated return": ("return a or b", ("return", "a or b", "not (a or b)")),
    "number": ("return a * 7", ("constant", "7", "8")),
    "fraction": ("return a * 0.5", ("constant", "0.5", "1.5")),
    "negative number": ("return a * -2", ("constant", "-2", "-1")),
    "truth": ("a.ready = True", ("constant", "True", "False")),
    "text": ("return a.get('x')", ("constant", "'x'", "''")),
    "empty text": ("return a.join('')", ("constant", "''", "'mutant'")),
    "formatted text": ("return f'{a} of {b}'", ("constant", "f'{a} of {b}'", "''")),
    "bytes": ("return a.get(b'x')", ("constant", "b'x'", "b''")),
    "return": ("return a", ("return", "a", "None")),
    "yield": ("yield a", ("return", "a", "None")),
    "return without a space": ("return-a", ("return", "-a", " None")),
    "condition": ("if a.ready:\n    return b", ("condition", "a.ready", "False")),
    "conditional expression": ("return a if b else c", ("condition", "b", "True")),
    "filter": ("return [x for x in a if x]", ("condition", "x", "True")),
    "call": ("a.append(b)", ("statement", "a.append(b)", "pass")),
    "awaited call": ("await a.send(b)", ("statement", "await a.send(b)", "pass")),
    "raise": ("raise ValueError(a)", ("raise", "raise ValueError(a)", "pass")),
    "break": ("for x in a:\n    break", ("loop", "break", "continue")),
    "continue": ("for x in a:\n    continue", ("loop", "continue", "break")),
    "index": ("return a[0]", ("index", "0", "1")),
    "last": ("return a[-1]", ("index", "-1", "0")),
    "slice": ("return a[b:]", ("index", "b", "b + 1")),
    "minus": ("return -a", ("unary", "-a", "a")),
    "nested function": ("def g():\n    return a + b\nreturn g", ("arithmetic", "a + b", "a - b")),
    "case": ("match a:\n    case 4:\n        return b", ("constant", "4", "5")),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator(name: str) -> None:
    body, wanted = OPERATORS[name]
    assert wanted in changes(body, "async def f(a, b, c):" if "await" in body else "def f(a, b, c):")


def test_default_arguments() -> None:
    found = changes("return a", "def f(a=3, b=None, *, c='x'):")
    assert {item for item in found if item[0] == "default"} == {("default", "3", "4"), ("default", "'x'", "''")}


MEANINGLESS = {
    "docstring": '"""Adds 1 + 2."""',
    "annotation": "a: 'int'",
    "ellipsis": "...",
    "pass": "pass",
    "log call": "logger.info('started %s', a + b)",
    "log call of an object": "self._log.warning('a' if a else 'b')",
    "return nothing": "return None",
    "type checking": "if TYPE_CHECKING:\n    a = 1",
}


@pytest.mark.parametrize("name", MEANINGLESS)
def test_no_mutant_where_it_means_nothing(name: str) -> None:
    assert changes(MEANINGLESS[name]) == set()


EQUIVALENT = {
    "times one": ("return a * 1", "arithmetic"),
    "plus nothing": ("return a + 0", "arithmetic"),
    "smaller of two": ("return a if a < b else b", "comparison boundary"),
    "keep the larger": ("if a > b:\n    b = a", "comparison boundary"),
    "text cannot be subtracted": ("return a + 'x'", "arithmetic"),
    "for ever": ("while True:\n    a()", "condition"),
    "walrus": ("if (x := a):\n    return x", "condition"),
}


@pytest.mark.parametrize("name", EQUIVALENT)
def test_no_mutant_that_is_equivalent_at_sight(name: str) -> None:
    body, kind = EQUIVALENT[name]
    found = changes(body)
    if kind == "comparison boundary":
        assert not [item for item in found if item[0] == "comparison" and "=" in item[2] and item[2] not in ("a >= b", "a <= b")]
        assert len([item for item in found if item[0] == "comparison"]) == 1, "the negation stays"
    else:
        assert not [item for item in found if item[0] == kind]


def test_texts_of_repr_are_left_alone() -> None:
    source = "class A:\n    def __repr__(self):\n        return f'<A {self.size + 1}>' if self.size else '<A>'\n"
    assert {item.operator for item in mutants.generate({}, {"a.py": source})} == {"condition", "return"}


BEFORE = """\
class Till:
    def sell(self, price):
        return price + 1

    def left(self):
        return 4

def free():
    return 0
"""


@pytest.mark.parametrize(
    ("old", "new", "functions"),
    [
        ("return 0", "return 2", {"free"}),
        ("return price + 1", "return price + 2", {"Till.sell"}),
        ("    def left(self):\n", '    def left(self) -> int:\n        """How many."""\n', set()),
        ("    def sell(self, price):", "    def sell(self, price, /):", {"Till.sell"}),
        ("def free():", "# why\n\ndef free():", set()),
        ("def free():", "@cache\ndef free():", {"free"}),
        ("def free", "def gratis", {"gratis"}),
        ("class Till", "class Box", {"Box.sell", "Box.left"}),
        ("def free():", "if __name__ == '__main__':\n    def main():\n        return 1\n\ndef free():", set()),
    ],
)
def test_functions_that_changed(old: str, new: str, functions: set[str]) -> None:
    after = BEFORE.replace(old, new)
    assert after != BEFORE
    assert {item.function for item in mutants.generate({"till.py": BEFORE}, {"till.py": after})} == functions


def test_a_new_file_is_all_new_and_what_is_no_python_has_none() -> None:
    everything = {item.function for item in mutants.generate({"till.py": None}, {"till.py": BEFORE})}
    assert everything == {"Till.sell", "Till.left", "free"}
    assert mutants.generate({"till.py": "def ("}, {"till.py": BEFORE}) == mutants.generate({}, {"till.py": BEFORE})
    for hopeless in ("def (", "x = '\ud800'", "(" * 5000, "def f():\n    return " + "-" * 3000 + "1\n"):
        mutants.generate({}, {"a.py": hopeless, "b.txt": BEFORE})


def test_ids_are_stable_unique_and_do_not_move_with_lines() -> None:
    first = mutants.generate({}, {"till.py": BEFORE})
    assert first == mutants.generate({}, {"till.py": BEFORE})
    moved = mutants.generate({}, {"till.py": "# one line more\n" + BEFORE})
    assert [item.id for item in first] == [item.id for item in moved]
    twice = mutants.generate({}, {"a.py": "def f(a):\n    return a + 1 and a + 1\n"})
    assert len({item.id for item in twice}) == len(twice) > 4


def test_the_choice_is_spread_over_functions_and_operators() -> None:
    big = "".join(f"def f{number}(a, b):\n    a += {number}\n    return a * 3 < b + {number}\n\n" for number in range(20))
    everything = mutants.generate({}, {"a.py": big})
    chosen = mutants.choose(everything, 40)
    assert len(chosen) == 40 < len(everything)
    assert len({item.function for item in chosen}) == 20
    assert len({item.operator for item in chosen}) >= 4
    assert chosen == mutants.choose(tuple(reversed(everything)), 40)
    assert set(mutants.choose(everything, 10_000)) == set(everything)
    assert mutants.choose(everything, 0) == ()


AWKWARD = {
    "wide characters": "def f(a):\n    return 'ünïcödé 🎈' + g('é') if a < 3 else a\n",
    "form feeds and separators": "X = 'a\x0cb\u2028c'\n\x0c\ndef f(a):\n    return a + 1 if 'x\x1cy' in a else 2\n",
    "carriage returns": "def f(a):\r\n    if a < 1:\r\n        return 1\r\n    return a\r\n",
    "one line": "def f(a): return a + 1 if a else 0; print(a)\n",
    "over lines": "def f(a):\n    return (a\n        + 1\n        # why\n        < 3)\n",
    "words without spaces": "def f(a):\n    return(a)if(a)else'x'if not(a)else-1\n",
    "lambda": "def f(a):\n    return sorted(a, key=lambda item: -item[0] + 1)\n",
    "powers and signs": "def f(a, b):\n    return -a ** -b * (a - b) ** 2 - (not a)\n",
    "attributes": "def f(a, b):\n    return (a + b).real + (a or b)[0] + (a or b)(1)\n",
    "no last line end": "def f(a):\n    return a - 1",
}


def every_mutant_is_python(source: str, found: tuple[Mutant, ...]) -> None:
    original = ast.dump(ast.parse(source))
    lines = mutants.reach(source, found)
    last = len(source.splitlines()) + 1
    for item in found:
        text = mutants.mutated(source, item)
        assert ast.dump(ast.parse(text)) != original, item
        assert 1 <= lines[item.id][0] <= lines[item.id][1] <= last, item


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_sources(name: str) -> None:
    found = mutants.generate({}, {"a.py": AWKWARD[name]})
    assert found
    every_mutant_is_python(AWKWARD[name], found)


@pytest.mark.parametrize("path", ["orchestrator/inbox/markdown.py", "orchestrator/run/mutants.py", "tests/run/test_oracle_judge.py"])
def test_mutants_of_real_modules_are_python(path: str) -> None:
    source = (REPOSITORY / Path(path)).read_text(encoding="utf-8")
    every_mutant_is_python(source, mutants.choose(mutants.generate({}, {path: source}), 60))


def test_what_must_run_for_a_mutant_to_run() -> None:
    source = "def f(a, b=3):\n    if (a >\n            1):\n        return 2\n    for x in a[4:]:\n        b += 5\n    return b\n"
    found = mutants.generate({}, {"a.py": source})
    lines = mutants.reach(source, found)
    where = {item.original: lines[item.id] for item in found if item.operator in ("default", "constant", "index", "condition")}
    assert where["3"] == (2, 7), "a default argument: any line of the body"
    assert where["1"] == (2, 3)
    assert where["2"] == (4, 4)
    assert where["4"] == (5, 5)
    assert where["5"] == (6, 6)


def test_the_score_leaves_out_what_could_not_be_built() -> None:
    (one, *_) = mutants.generate({}, {"a.py": "def f(a):\n    return a\n"})
    statuses: tuple[MutantStatus, ...] = ("killed", "timeout", "survived", "no coverage", "error")

    def mutation(*wanted: MutantStatus) -> Mutation:
        return Mutation(tuple(replace(one, status=status) for status in wanted), 0, 1.0)

    assert mutants.score(mutation(*statuses)) == 0.5
    assert mutants.score(mutation("killed", "timeout")) == 1.0
    assert mutants.score(mutation("error")) is None
