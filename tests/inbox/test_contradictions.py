"""Two answers to the same question."""

import pytest

from orchestrator.inbox.contradictions import find
from orchestrator.inbox.markdown import parse

from .prds import requirement


def lines(*blocks: str) -> list[tuple[int, int]]:
    body = "\n".join(f"- AC{number}: x\n\n  {block}\n" for number, block in enumerate(blocks, 1))
    prd, problems = parse(requirement(body), "sums.md")
    assert prd, problems
    return [found.lines for found in find(prd)]


def doctest(*rows: str) -> str:
    return "\n  ".join(["```python", *rows, "```"])


def table(*rows: str) -> str:
    return "\n  ".join(["| `f(a)` | => |", "|---|---|", *rows])


F = ">>> from sums import f"
RAISED = "Traceback (most recent call last):"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([F, ">>> f(1)", "2"], [F, ">>> f(1)", "3"]),
        ([F, ">>> f(1)", "2"], [">>> from sums import f, g", ">>> f( 1 )", "3"]),
        ([F, ">>> f('a')", "2"], [">>> import json", F, '>>> f("a")', "3"]),
        ([F, ">>> f(1)", "1"], [F, ">>> f(1)", "1.0"]),
        ([F, ">>> f(1)", "1"], [F, ">>> f(1)", RAISED, "ValueError: no"]),
        (
            [F, ">>> f(1)", RAISED, "KeyError: no"],
            [F, ">>> f(1)", RAISED, "ValueError: no"],
        ),
        ([F, ">>> f(1)", "≈ 3.14"], [F, ">>> f(1)", "≈ 3.2"]),
        ([F, ">>> f(1)", "≈ 3.14"], [F, ">>> f(1)", "3.2"]),
        ([F, ">>> n = 1", ">>> f(n)", "1"], [F, ">>> n=1", ">>> f(n)", "2"]),
    ],
)
def test_the_same_question_with_two_answers_is_found(first: list[str], second: list[str]) -> None:
    found = lines(doctest(*first), doctest(*second))
    at = [8 + next(n for n, row in enumerate(rows, 1) if "f(" in row) for rows in (first, second)]
    assert found == [(at[0], at[1] + len(first) + 5)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([F, ">>> f(1)", "2"], [F, ">>> f(1)", "2"]),
        ([F, ">>> f(1)", "2"], [F, ">>> f(2)", "3"]),
        ([F, ">>> f(1)", "2"], [">>> from others import f", ">>> f(1)", "3"]),
        ([F, ">>> n = 1", ">>> f(n)", "1"], [F, ">>> n = 2", ">>> f(n)", "2"]),
        ([F, ">>> f(1)", "{'a': 1, 'b': 2}"], [F, ">>> f(1)", "{'b': 2, 'a': 1}"]),
        ([F, ">>> f(1)", "≈ 3.1"], [F, ">>> f(1)", "≈ 3.14"]),
        ([F, ">>> f(1)", "≈ 3.14"], [F, ">>> f(1)", "3.1415"]),
        (
            [F, ">>> f(1)", RAISED, "ValueError: ..."],
            [F, ">>> f(1)", RAISED, "ValueError: no"],
        ),
        ([F, ">>> f(1)  # doctest: +ELLIPSIS", "[1, ..., 9]"], [F, ">>> f(1)", "[1, 2, 9]"]),
        ([F, ">>> f(1)", "1", ">>> f(1)", "2"], [F, ">>> f(2)", "3"]),
    ],
)
def test_answers_that_can_both_hold_are_no_contradiction(first: list[str], second: list[str]) -> None:
    assert lines(doctest(*first), doctest(*second)) == []


def test_tables_doctests_and_requirements_are_compared_with_each_other() -> None:
    assert lines(table("| 1 | 2 |", "| 1 | 3 |"), doctest(F, ">>> f(1)", "2")) == [(10, 11), (11, 17)]
    text = requirement("- AC1: x\n\n  " + doctest(F, ">>> f(1)", "2")) + "\n\n### R2: B\n\n- AC1: x\n\n  " + doctest(F, ">>> f(1)", "3") + "\n"
    prd, _ = parse(text, "sums.md")
    assert prd and [found.lines for found in find(prd)] == [(10, 20)]


def test_commands_are_compared_by_output_and_exit_code() -> None:
    one = "\n  ".join(["```console", "$ ask", "yes", "```"])
    other = "\n  ".join(["```console", "$ ask", "yes", "(exit 1)", "```"])
    with_input = "\n  ".join(["```console", "$ ask <<< 'x'", "no", "```"])
    assert lines(one, one) == []
    assert lines(one, other) == [(9, 16)]
    assert lines(one, with_input) == []


def test_files_are_part_of_the_question() -> None:
    def block(content: str, answer: str) -> str:
        return "\n  ".join(["```csv a.csv", content, "```", "", "```console", "$ ask", answer, "```"])

    assert lines(block("1", "yes"), block("2", "no")) == []
    assert lines(block("1", "yes"), block("1", "no")) == [(13, 24)]
