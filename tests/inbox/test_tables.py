"""Call tables: one example per row."""

import pytest

from orchestrator.inbox.markdown import parse
from orchestrator.model import Example, Problem

from .prds import requirement


def read(*rows: str, heading: str = "### R1: Fines\nModule: src/library/loans.py") -> tuple[list[Example], list[Problem]]:
    text = requirement("- AC1: costs\n\n" + "".join(f"  {row}\n" for row in rows), heading)
    prd, problems = parse(text, "fines.md")
    found = [example for each in prd.requirements for one in each.criteria for example in one.examples] if prd else []
    return found, list(problems)


def examples(header: str, *rows: str) -> list[Example]:
    rule = "|" + "---|" * (header.replace("\\|", "").count("|") - 1)
    found, problems = read(header, rule, *rows)
    assert not [problem for problem in problems if problem.severity == "error"]
    return found


def wrong(header: str, row: str) -> Problem:
    found, problems = read(header, "|" + "---|" * (header.count("|") - 1), row)
    [problem] = [problem for problem in problems if problem.severity == "error"]
    assert not found
    return problem


@pytest.mark.parametrize("arrow", ["=>", "⇒", "→", "`=>`"])
def test_each_row_is_an_example_with_its_import_and_line(arrow: str) -> None:
    found = examples(f"| `fine(days)` | {arrow} |", "| 0 | 0.0 |", "| 10 | 2.5 |")
    assert [(each.id, each.setup, each.call, each.compare, each.expected, each.line) for each in found] == [
        ("fines#R1.AC1/1", ("from library.loans import fine",), "fine(0)", "value", "0.0", 10),
        ("fines#R1.AC1/2", ("from library.loans import fine",), "fine(10)", "value", "2.5", 11),
    ]


@pytest.mark.parametrize(
    ("header", "row", "call", "answer"),
    [
        ("| `f(a, b)` | => |", "| 1, 'x, y' | 3 |", "f(1, 'x, y')", "3"),
        ("| `f(a)` | => |", "| `'a\\|b'` | `'c'` |", "f('a|b')", "'c'"),
        ("| `f(a)` | => |", "| (1, 2) | 3 |", "f((1, 2))", "3"),
        ("| `f(a)` | => |", "| 1, 2 | 3 |", "f((1, 2))", "3"),
        ("| `f(a)` | => |", "| [n for n in range(3)] | 3 |", "f([n for n in range(3)])", "3"),
        ("| `f(a, 2)` | => |", "| 1 | 3 |", "f(1, 2)", "3"),
        ("| `f(a, rate=rate)` | => |", "| 1, 0.5 | 3 |", "f(1, rate=0.5)", "3"),
        ("| a | b | `f(a, b)` |", "| 1 | 2 | 3 |", "f(1, 2)", "3"),
        ("| `b` | `f(a, b)` | a |", "| 2 | 3 | 1 |", "f(1, 2)", "3"),
        ("| => | `f(a)` |", "| 3 | 1 |", "f(1)", "3"),
        ("| `f()` | => |", "|  | 3 |", "f()", "3"),
        ("| `f(é)` | => |", "| 'ß' | 3 |", "f('ß')", "3"),
    ],
)
def test_cells_take_the_place_of_the_parameters(header: str, row: str, call: str, answer: str) -> None:
    [found] = examples(header, row)
    assert (found.call, found.expected, found.setup) == (call, answer, ("from library.loans import f",))


def test_a_method_call_imports_its_class_and_builtins_stay_builtins() -> None:
    [found] = examples("| `str(Clock(h, m).add(n))` | => |", "| 1, 2, 3 | '01:05' |")
    assert (found.call, found.setup) == ("str(Clock(1, 2).add(3))", ("from library.loans import Clock",))
    [own] = examples("| `round(n)` | => |", "| 1 | 2 |")
    assert own.setup == ("from library.loans import round",)
    [both] = examples("| `f(book)` | => |", "| Book('Emma') | 1 |")
    assert both.setup == ("from library.loans import Book, f",)


@pytest.mark.parametrize(
    ("cell", "compare", "expected", "raises"),
    [
        ("≈ 3.14", "approx", "3.14", ""),
        ("ValueError: too many: 3", "raises", "too many: 3", "ValueError"),
        ("raises ValueError: no", "raises", "no", "ValueError"),
        ("`ValueError`", "raises", "...", "ValueError"),
        ("raises loans.Late", "raises", "...", "loans.Late"),
        ("None", "value", "None", ""),
        ("{'a': [1]}", "value", "{'a': [1]}", ""),
    ],
)
def test_an_answer_may_be_a_value_a_number_or_an_exception(cell: str, compare: str, expected: str, raises: str) -> None:
    [found] = examples("| `f(a)` | => |", f"| 1 | {cell} |")
    assert (found.compare, found.expected, found.raises) == (compare, expected, raises)


@pytest.mark.parametrize(
    ("header", "row", "words"),
    [
        ("| `f(a)` | => |", "| 1 + | 3 |", "not valid Python"),
        ("| `f(a)` | => |", "| 1) + (2 | 3 |", "not valid Python"),
        ("| `f(a)` | => |", "| abc | 3 |", "in quotes"),
        ("| `f(a)` | => |", "| 1 | abc |", "not a literal"),
        ("| `f(a)` | => |", "| 1 | 2 + |", "not valid Python"),
        ("| `f(a)` | => |", "| 1 |  |", "answer is missing"),
        ("| `f(a)` | => |", "|  | 1 |", "argument is missing"),
        ("| `f(a, b)` | => |", "| 1 | 3 |", "takes 2 arguments, this row gives 1"),
        ("| `f(a, b)` | => |", "| 1, 2, 3 | 3 |", "takes 2 arguments, this row gives 3"),
        ("| `f(a)` | => |", "| 'a|b' | 3 |", "3 cells, its header 2"),
        ("| `f(a)` | => |", "| *[1] | 3 |", "plain arguments"),
    ],
)
def test_a_cell_that_cannot_be_read_is_an_error_on_its_row(header: str, row: str, words: str) -> None:
    problem = wrong(header, row)
    assert (problem.line, problem.code) == (10, "bad-example")
    assert words in problem.message


def test_a_table_of_another_kind_is_prose() -> None:
    found, problems = read("| days | fine |", "|---|---|", "| 10 | 2.5 |")
    assert found == []
    assert [problem.code for problem in problems] == ["criterion-without-example"]


def test_names_resolve_in_the_module_that_other_examples_import() -> None:
    text = "```\n>>> from library.loans import fine\n>>> fine(0)\n0.0\n```\n\n| `fine(n)` | => |\n|---|---|\n| 10 | 2.5 |\n"
    prd, problems = parse(requirement(text, "### R1: Fines"), "fines.md")
    assert prd, problems
    assert prd.requirements[0].criteria[1].examples[0].setup == ("from library.loans import fine",)
