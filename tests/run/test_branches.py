"""Marks for branches, as rules: the code stays the same, its lines stay where they are, and what only raises needs no example."""

from __future__ import annotations

import ast

import pytest

from orchestrator.run import branches
from tests.conftest import REPOSITORY

NAME = "_xmark"


def marked(code: str, before: str | None = None) -> branches.Marked:
    return branches.marked({"shop.py": before}, {"shop.py": code}, NAME)


def wanted(code: str, before: str | None = None) -> list[tuple[int, str, str]]:
    """(line, kind, condition) of all that an example should run."""
    return [(mark.line, mark.kind, mark.text) for mark in marked(code, before).marks if not mark.idle]


class Unmarked(ast.NodeTransformer):
    """Takes the marks out again."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        return node.args[1] if isinstance(node.func, ast.Name) and node.func.id in (f"{NAME}r", f"{NAME}c") else node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for block in ("body", "orelse", "finalbody"):
            if isinstance(found := getattr(node, block, None), list):
                setattr(node, block, [item for item in found if not ast.unparse(item).startswith((f"{NAME}[", f"exec('\\ndef {NAME}("))])
        return node


ODD = '''\
# a file that begins with a comment
"""Its docstring; with a semicolon."""
from __future__ import annotations; import re

@staticmethod
def f(a, *b, c=lambda: 1, d=(2 if 1 < 3 else 4)):
    """Doc."""
    if(a)or(b): return-1
    elif a<b: return"x"if a else"y"
    x = 1, *b; y: int = a > 1; z: str
    (x, y)[a > 2]
    a > 3 and b
    while(a := a - 1): pass
    else:
        return *b, a
    for i in *b, 3:
        if i: continue
    text = f"{a > 4} {b!r:>{a}} {a=} {'é' if a else 'ß'}" f"{x}"
    é = 'ü' if a == 'ö' else 'ä'; return (
        a
        if a > 5 else
        [n for n in b if n if n > 6 or not n]
    )

class A(dict, metaclass=type if 1 else type):
    x = [1, 2][0 > 1]
    def __eq__(self, other): return NotImplemented
    async def g(self):
        async with self as s, s: await s(a=1 > 2, *[1], **{})
        return [await n async for n in self if await n]
    def h(self):
        got = yield
        yield from (lambda: (yield))() or ()
        try: return self[1:2 > 1]
        except* ValueError: raise
        finally: del self
match 1:
    case int(x) if x > 1: print(x)
    case {"a": [1 | 2, *_]}: pass
if __name__ == "__main__": f(1 if 1 > 2 else 3)
'''


@pytest.mark.parametrize("code", [ODD, *((REPOSITORY / "orchestrator" / name).read_text() for name in ("cli.py", "inbox/markdown.py", "verify.py"))])
def test_the_code_with_marks_is_the_code_and_its_lines_stay(code: str) -> None:
    found = marked(code)
    text = found.texts["shop.py"]
    assert ast.dump(Unmarked().visit(ast.parse(text))) == ast.dump(ast.parse(code))
    assert len(found.marks) > 20
    assert text.count("\n") == code.count("\n"), "there is a docstring that the rest can follow"


def test_a_file_that_does_not_parse_or_has_no_functions_stays_as_it_is() -> None:
    assert branches.marked({}, {"a.py": "def f(:\n", "b.txt": "def f(): return 1\n", "c.py": "X = 1\nprint(X)\n"}, NAME).texts == {}


def test_a_file_that_is_nested_too_deep_is_named() -> None:
    assert marked(f"def f(n):\n    return {'+'.join('n' * 3000)}\n").unmarked == ("shop.py",)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("if n > 1:\n        return 2\n    return 3", [(2, "true", "n > 1"), (2, "false", "n > 1"), (3, "runs", ""), (4, "runs", "")]),
        ("if n > 1:\n        raise ValueError\n    return 3", [(2, "false", "n > 1"), (4, "runs", "")]),
        ("if n > 1:\n        text = f'{n}'\n        raise ValueError(text)\n    return 3", [(2, "false", "n > 1"), (5, "runs", "")]),
        ("if n > 1:\n        return 3\n    raise ValueError", [(2, "true", "n > 1"), (3, "runs", "")]),
        ("if not isinstance(n, int) or n < 1:\n        raise ValueError\n    return 3", [(2, "runs", ""), (2, "runs", ""), (4, "runs", "")]),
        ("assert n > 1\n    return 3", [(3, "runs", "")]),
        ("try:\n        return 1\n    except KeyError:\n        pass\n    except OSError:\n        raise", [(3, "runs", "")]),
        ("try:\n        return 1\n    except KeyError:\n        return 2", [(3, "runs", ""), (5, "runs", "")]),
        ("return n + (n > 1)", [(2, "runs", ""), (2, "true", "n > 1"), (2, "false", "n > 1")]),
        ("return n or None", [(2, "runs", ""), (2, "true", "n"), (2, "false", "n")]),
        ("raise NotImplementedError", []),
        ("...", []),
        ("return NotImplemented", []),
    ],
)
def test_what_an_example_should_run(body: str, found: list[tuple[int, str, str]]) -> None:
    assert wanted(f"def f(n):\n    {body}\n") == found


def test_what_was_there_before_needs_no_example() -> None:
    before = "def f(n):\n    if n > 1:\n        return 2\n    return 3\n"
    assert wanted(before, before) == []
    assert wanted(before.replace("return 3", "return 4"), before) == [(4, "runs", "")]
    assert wanted(before + "\n\ndef g():\n    return 1\n", before) == [(8, "runs", "")]


def test_blocks_for_the_type_checker_and_for_scripts_need_none() -> None:
    aside = "if TYPE_CHECKING:\n    X = 1 > 2\nif __name__ == '__main__':\n    print(1 if 2 > 3 else 4)\n"
    assert wanted(aside) == []


def test_functions_that_nothing_names_stand_alone() -> None:
    code = "def a():\n    return b()\ndef b():\n    return 1\ndef c():\n    return 1\n@d\ndef e():\n    return 1\ndef __getattr__(n):\n    return 1\n"
    code += (
        "class A:\n    def f(self):\n        return self.g()\n    def g(self):\n        return 1\nclass B(A):\n    def h(self):\n        return 1\n"
    )
    assert marked(code).alone == {("shop.py", "a"), ("shop.py", "c"), ("shop.py", "A.f")}
