"""Examples → a pytest file: it compiles, passes on the right subject, fails on a wrong one, and its names hold."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.model import Example, InputFile, Observation, Task
from orchestrator.run import evidence, examples, oracle, suites
from tests.run.values import LIMITS, criterion, example, project, task

RIGHT = """
class NotOurs(Exception): pass
def echo(x=None, *more): return x
def show(*x): print(*x)
def fail(text, kind=ValueError): raise kind(text)
def foreign(): raise NotOurs("not ours")
def text_of(name): return open(name).read()
def add(a, b): return a + b
def half(x): return x / 3
if __name__ == "__main__":
    import sys
    print("hello", *sys.argv[1:]); sys.stdout.write(sys.stdin.read())
    print("oops", file=sys.stderr)
    raise SystemExit(3)
"""
WRONG = """
class NotOurs(Exception): pass
def echo(x=None, *more): return ["wrong"]
def show(*x): print("wrong")
def fail(text, kind=ValueError): raise kind("wrong")
def foreign(): raise ValueError("not ours")
def text_of(name): return "wrong"
def add(a, b): return object()
def half(x): return -1.0
if __name__ == "__main__":
    print("wrong")
"""
FROM = ("from shop import *",)
ODD = 'a "b" \'c\' \\ \\n """ é ☃ {x} %s #'

EVERY_KIND: dict[str, Example] = {
    "value": example("echo(3)", "3", setup=("from shop import echo",)),
    "None": example("echo(None)", "None", setup=("from shop import echo",)),
    "True": example("echo(True)", "True", setup=("from shop import echo",)),
    "nested": example("echo({'a': [1, (2.5, None)], 'b': {3}})", "{'a': [1, (2.5, None)], 'b': {3}}", setup=("from shop import echo",)),
    "odd text": example(f"echo({ODD!r})", repr(ODD), setup=("from shop import echo",)),
    "a comment after the call": example("echo(3)  # three", "3", setup=("from shop import echo",)),
    "a comment after an expression": example("echo(3) if 1 else 2  # three", "3", setup=("from shop import echo",)),
    "a call over lines": example("echo(\n    3,  # three\n)", "3", setup=("from shop import echo",)),
    "expected over lines": example("echo([1, 2])", "[1,\n 2]", setup=("from shop import echo",)),
    "set-up with a text over lines": example(
        "echo(text)", "'one\\n  two\\n'", setup=("from shop import echo", "text = '''one\n  two\n'''"),
    ),
    "set-up with a block": example("echo(f(2))", "4", setup=("from shop import echo", "def f(x):\n    '''Twice.\n\n    x.'''\n    return 2 * x\n")),
    "a text over lines with a backslash": example("echo(text)", "'onetwo'", setup=("from shop import echo", "text = 'one\\\ntwo'")),
    "star import": example("add(half(3), 1)", "2.0", setup=("from shop import *",)),
    "two star imports": example("add(sqrt(4), 1)", "3.0", setup=("from math import *", "from shop import *")),
    "a module under another name": example("s.echo(3)", "3", setup=("import shop as s",)),
    "approx": example("half(1)", "≈ 0.333", compare="approx", setup=("from shop import half",)),
    "text": example("show(1, 2)", "1 2", compare="text", setup=("from shop import show",)),
    "text over lines": example("show('a\\n\\nb  ')", "a\n\nb", compare="text", setup=("from shop import show",)),
    "text with any part": example("show('(a) x [b]')", "(a)...[b]", compare="text", ellipsis=True, setup=("from shop import show",)),
    "text of a value": example("echo(Ellipsis)", "Ellipsis", compare="text", setup=("from shop import echo",)),
    "text of a statement": example("for x in (1, 2):\n    show('''a\n b''')", "a\n b\na\n b", compare="text", setup=("from shop import show",)),
    "raises": example("fail('no')", "no", compare="raises", raises="ValueError", setup=("from shop import fail",)),
    "raises over lines": example("fail('''a\nb''')", "a\nb", compare="raises", raises="ValueError", setup=("from shop import fail",)),
    "raises with any part": example("fail('(no) way')", "(no)...", compare="raises", raises="ValueError", setup=("from shop import fail",)),
    "raises its own": example("foreign()", "...", compare="raises", raises="NotOurs", setup=("from shop import foreign",)),
    "raises its own with its module": example("foreign()", "not ours", compare="raises", raises="shop.NotOurs", setup=("from shop import foreign",)),
    "a file": example(
        "text_of('in/a b.txt')", repr(ODD), setup=("from shop import text_of",), files=(InputFile("in/a b.txt", ODD, 1),),
    ),
    "console": example("python -m shop 'a b'", "hello a b\n\"in\" ☃", compare="console", stdin='"in" ☃\n', exit_code=3),
    "console with errors": example("python -m shop", "hello\noops", compare="console", exit_code=3),
    "console with any part": example("python -m shop x y", "hello...y\noops", compare="console", exit_code=3, ellipsis=True),
    "a script by its path": example("python ./shop.py x", "hello x\noops", compare="console", exit_code=3),
    "console after commands": example("cat x", "1", compare="console", setup=("python -m shop > x; echo 1 > x",)),
}  # fmt: skip
SAME_ON_BOTH = {"console after commands"}
"""It does not ask the subject anything that the wrong one answers otherwise."""


def run(folder: Path, of: Task, python: Path, **files: str) -> Observation:
    root = project(folder, **files)
    path = root / of.test_file
    path.parent.mkdir(exist_ok=True)
    path.write_text(examples.test_file(of, "prds/p.md", of.examples), encoding="utf-8")
    (seen,) = suites.run("check_green", (suites.Variant("v", root, (of.test_file,)),), python=python, limits=LIMITS)
    return seen


def every_kind() -> Task:
    return task(*(criterion(f"AC{number}", name, item) for number, (name, item) in enumerate(EVERY_KIND.items(), 1)))


def test_every_kind_passes_on_the_right_subject_in_both_judges(tmp_path: Path, python: Path) -> None:
    of = every_kind()
    seen = run(tmp_path / "code", of, python, shop=RIGHT)
    assert {item.id: (item.outcome, item.message) for item in seen.outcomes if item.outcome != "passed"} == {}, seen.output
    assert [item.id for item in seen.outcomes] == [examples.node_of(of, item) for item in of.examples]
    asked = oracle.ask("check_green", "oracle", of.examples, tmp_path / "code", python=python, limits=LIMITS)
    assert {item.id: item.message for item in asked.outcomes if item.outcome != "passed"} == {}


def test_every_kind_fails_on_a_wrong_subject_in_both_judges(tmp_path: Path, python: Path) -> None:
    of = every_kind()
    seen = run(tmp_path / "code", of, python, shop=WRONG)
    alike = {examples.node_of(of, item) for name, item in zip(EVERY_KIND, of.examples, strict=True) if name in SAME_ON_BOTH}
    assert {item.id for item in seen.outcomes if item.outcome == "passed"} == alike
    assert {item.outcome for item in seen.outcomes} <= {"passed", *evidence.RED}, [item for item in seen.outcomes if item.outcome == "broken test"]
    asked = oracle.ask("check_green", "oracle", of.examples, tmp_path / "code", python=python, limits=LIMITS)
    assert sum(item.outcome == "passed" for item in asked.outcomes) == len(alike)


PLACES = {
    "below src": ("python tool.py", "src__tool", ()),
    "below src, as it lies": ("python src/tool.py", "src__tool", ()),
    "in a folder": ("python3 ./bin/tool.py", "bin__tool", ()),
    "of a package": ("cd / && python shop/tool.py", "src__shop__tool", ()),
    "in the folder where it runs": ("python tool.py", "other", (InputFile("tool.py", "print('mine')", 1),)),
    "made by the command before": ("python made.py", "other", ()),
}


def test_scripts_are_found_where_the_project_has_them(tmp_path: Path, python: Path) -> None:
    """And what lies in the folder where a command runs comes first, as in a terminal."""
    made = {"in the folder where it runs": "mine", "made by the command before": "made"}
    setup = {"made by the command before": ("echo \"print('made')\" > made.py",)}
    items = [
        example(command, made.get(name, "tool.py"), compare="console", files=files, setup=setup.get(name, ()))
        for name, (command, _, files) in PLACES.items()
    ]
    of = task(*(criterion(f"AC{number}", name, item) for number, (name, item) in enumerate(zip(PLACES, items, strict=True), 1)))
    shows = "import os, sys\nprint(os.path.basename(sys.argv[0]))\n"
    seen = run(tmp_path / "code", of, python, **{path: shows for _, path, _ in PLACES.values()})
    assert {item.id: (item.outcome, item.message) for item in seen.outcomes if item.outcome != "passed"} == {}, seen.output
    asked = oracle.ask("check_green", "oracle", of.examples, tmp_path / "code", python=python, limits=LIMITS)
    assert {item.id: item.message for item in asked.outcomes if item.outcome != "passed"} == {}


def test_every_kind_is_red_without_a_subject(tmp_path: Path, python: Path) -> None:
    of = every_kind()
    seen = run(tmp_path / "code", of, python)
    alike = {examples.node_of(of, item) for name, item in zip(EVERY_KIND, of.examples, strict=True) if name in SAME_ON_BOTH}
    assert {item.outcome for item in seen.outcomes if item.id not in alike} <= set(evidence.RED), seen.output


TEXTS = st.text(max_size=320) | st.sampled_from(['"', '"""', "\\", "x" * 299 + "\\", "x" * 299 + '"', "'''", "{}", "\x00", "\u2028", "a\n\nb"])


@given(TEXTS, TEXTS, TEXTS)
def test_the_file_compiles_whatever_the_texts(text: str, goal: str, value: str) -> None:
    item = example(f"f({value!r})", repr(value), setup=(f"x = {value!r}",), files=(InputFile("a", value, 1),))
    raising = example("f()", value, compare="raises", raises="ValueError")
    command = example("x", value, compare="console", stdin=value, setup=(value,), ellipsis=True)
    shown = example("f()", value, compare="text", ellipsis=True)
    of = task(criterion("AC1", text, item, raising, command, shown), goal=goal)
    tree = ast.parse(examples.test_file(of, f"prds/{goal}.md", of.examples))
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test")]
    assert names == [examples.name_of(of, each) for each in of.examples]


CRITERIA = st.lists(
    st.tuples(st.sampled_from(["AC1", "AC-1", "AC.1", "AC1.1", "ac1", "Ü", "Я", "1"]), st.sampled_from(["", "x", "x 1", "Я", "a long " * 20]),
              st.integers(1, 3)),
    min_size=1, max_size=6,
)  # fmt: skip


@given(CRITERIA)
def test_names_are_unique_identifiers(found: list[tuple[str, str, int]]) -> None:
    criteria = []
    for number, (key, text, count) in enumerate(found):
        made = criterion(key, text, *[example(f"f({index})") for index in range(count)])
        from dataclasses import replace

        criteria.append(replace(made, examples=tuple(replace(item, id=f"{number}{item.id}") for item in made.examples)))
    of = task(*criteria)
    names = [examples.name_of(of, item) for item in of.examples]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"test[a-z0-9_]*", name) for name in names)


def test_a_line_number_is_neither_in_a_name_nor_in_the_file() -> None:
    def text(line: int) -> str:
        of = task(criterion("E1", f"example at line {line}", EVERY_KIND["value"], inferred=True))
        return examples.test_file(of, "prds/p.md", of.examples)

    assert text(3) == text(4711)
    assert "test_e1(" in text(3)
