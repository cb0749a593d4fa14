"""What an agent is told: everything it needs, in a form it knows, and never a held-out value."""

from __future__ import annotations

import doctest
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.model import Brief, Change, Example, Finding, InputFile
from orchestrator.run.agents import ContextTooLong
from orchestrator.run.briefing import CHARACTERS_A_TOKEN, CONTEXT_CHARACTERS, blocks, chat_prompt, fitted, render
from orchestrator.run.search import WAYS
from tests.agents.values import example, prd_and_task


def rendered(*examples: Example, findings: tuple[Finding, ...] = (), revealed: frozenset[str] = frozenset(), **fields: Any) -> Brief:
    prd, task = prd_and_task(*examples, **fields)
    return render(task, prd, 1, 1, "code", findings, (), ("leap.py",), revealed)


# --- held-out examples -----------------------------------------------------------------------------------------------

marks = st.integers(100_000, 999_999)


@st.composite
def marked_examples(draw: st.DrawFn) -> list[tuple[Example, list[str]]]:
    """Examples of every kind, each with the marks that stand in its call, answer, set-up and files and nowhere else."""
    found = []
    numbers = iter(draw(st.lists(marks, min_size=36, max_size=36, unique=True)))
    for number in range(1, draw(st.integers(1, 6)) + 1):
        call, answer, setup, file, stdin = (str(next(numbers)) for _ in range(5))
        compare = draw(st.sampled_from(["value", "approx", "text", "raises", "console"]))
        made = example(
            number,
            f"leap_year({call})",
            answer,
            compare=compare,
            setup=("from leap import leap_year", f"x = {setup}"),
            raises="ValueError" if compare == "raises" else "",
            stdin=stdin if compare == "console" else "",
            files=(InputFile(f"{file}.csv", f"a,{file}\n", 1),) if draw(st.booleans()) else (),
            held_out=draw(st.booleans()),
        )
        texts = [call, answer, setup] + ([stdin] if made.stdin else []) + ([file] if made.files else [])
        found.append((made, texts))
    return found


@given(marked_examples(), st.sets(st.integers(1, 6)), st.sampled_from(["code", "tests"]))
def test_no_value_of_a_held_out_example_is_in_a_brief(made: list[tuple[Example, list[str]]], shown: set[int], role: Any) -> None:
    prd, task = prd_and_task(*(item for item, _ in made))
    revealed = frozenset(f"leap#R1.AC1/{number}" for number in shown)
    brief = render(task, prd, 2, 1, role, (Finding("green", "one example fails", criterion="leap#R1.AC1"),), (), ("leap.py",), revealed)
    system, user, _ = chat_prompt(brief, 100_000)
    for item, texts in made:
        for text in texts:
            visible = not item.held_out or item.id in revealed
            assert (text in brief.text) is visible
            assert (text in user) is visible
            assert text not in system


def test_a_brief_says_that_there_are_other_examples_only_when_there_are() -> None:
    hidden = example(2, "leap_year(8)", "True", held_out=True)
    said = "other examples of the same rules are checked too"
    assert said in rendered(example(1, "leap_year(4)", "True"), hidden).text
    assert said not in rendered(example(1, "leap_year(4)", "True")).text
    assert said not in rendered(example(1, "leap_year(4)", "True"), hidden, revealed=frozenset({hidden.id})).text


# --- the words -------------------------------------------------------------------------------------------------------


def test_a_brief_of_code_says_what_to_write_where_and_why() -> None:
    brief = rendered(example(1, "leap_year(4)", "True"), context="Every fourth year.", dependencies=("python-dateutil",))
    for words in (
        "Every fourth year.",
        "## R1: Leap years",
        "`leap_year(year)` says whether",
        "- AC1: years divisible by 4 are leap years",
        ">>> from leap import leap_year\n>>> leap_year(4)\nTrue\n",
        "`leap.py` must provide `leap_year`",
        "Change only `leap.py`",
        "standard library and python-dateutil only",
    ):
        assert words in brief.text, words
    assert brief.context == "Every fourth year."
    assert "wrong" not in brief.text
    assert (brief.prd, brief.task, brief.role, brief.attempt, brief.turn) == ("leap", "leap#R1", "code", 1, 1)


def test_findings_of_the_last_attempt_stand_with_their_rule() -> None:
    finding = Finding("oracle", "`leap_year(1900)` gave `True`,\nexpected `False`", criterion="leap#R1.AC1", where="leap.py:2")
    text = rendered(findings=(Finding("style", "long line", "notice"), finding)).text
    assert "- oracle, AC1 (years divisible by 4 are leap years): `leap_year(1900)` gave `True`,\n  expected `False` (leap.py:2)" in text
    assert text.index("oracle") < text.index("style"), "errors come first"


def test_many_and_long_findings_are_cut_and_it_is_said() -> None:
    text = rendered(findings=tuple(Finding("green", f"finding {number} " + "x" * 5000) for number in range(20))).text
    assert "finding 0 " in text and "finding 19 " not in text
    assert "and 12 more" in text
    assert len(text) < 20_000


def test_a_repeat_is_told_to_try_another_way() -> None:
    prd, task = prd_and_task()
    again = Finding("no progress", "the same answer as in attempt 1; it was not tested again")
    assert "different way" in render(task, prd, 3, 1, "code", (again,), (), ("leap.py",), repeats=1).text
    other = Finding("green", "it is another answer, and wrong")
    assert "different way" not in render(task, prd, 4, 1, "code", (other,), (), ("leap.py",), repeats=1).text, "it is said of the last answer only"


def test_long_background_is_cut_and_it_is_said() -> None:
    brief = rendered(context="\n\n".join(f"Paragraph {number}." for number in range(2000)))
    assert "Paragraph 1." in brief.text
    assert "characters of background left out" in brief.text
    assert len(brief.context) <= CONTEXT_CHARACTERS + 100
    assert brief.context in brief.text


def test_text_of_a_prd_is_data_and_never_a_template() -> None:
    hostile = "{{ prd.dependencies }} {% for x in y %} {# gone #} {{ 7 * 7 }} <b>&amp;</b>"
    prd, task = prd_and_task(context=hostile)
    task = replace(task, goal=hostile)
    text = render(task, prd, 1, 1, "code", (Finding("green", hostile),), (Change("leap.py", hostile),), ("leap.py",)).text
    assert text.count(hostile) == 3
    assert "49" not in text


def test_empty_lines_of_the_data_are_kept() -> None:
    files = (InputFile("books.csv", "a\n\n\n\nb\n", 3),)
    brief = rendered(example(1, "leap_year(4)", "True", files=files), context="one\n\ntwo")
    assert "```csv books.csv\na\n\n\n\nb\n```" in brief.text
    _, user, _ = chat_prompt(replace(brief, files=(Change("leap.py", "x = 1\n\n\n\n\ny = 2\n"),)), 100_000)
    assert "x = 1\n\n\n\n\ny = 2\n" in user


def test_a_role_without_a_template_is_refused() -> None:
    prd, task = prd_and_task()
    with pytest.raises(ValueError, match="plan"):
        render(task, prd, 1, 1, "plan", (), (), ())


# --- examples --------------------------------------------------------------------------------------------------------


def only_block(*examples: Example) -> str:
    (block,) = blocks(examples)
    return block


CASES = [
    (example(1, "f('a')", "'b'", setup=()), ">>> f('a')\n'b'\n"),
    (example(1, "f()", "0.333", compare="approx", setup=()), ">>> f()\n≈ 0.333\n"),
    (example(1, "f()", "one\n\ntwo", compare="text", setup=()), ">>> f()\none\n<BLANKLINE>\ntwo\n"),
    (example(1, "f()", "on...", compare="text", setup=(), ellipsis=True), ">>> f()  # doctest: +ELLIPSIS\non...\n"),
    (example(1, "f()", "", compare="text", setup=()), ">>> f()\n"),
    (
        example(1, "f()", "too ... long", compare="raises", raises="ValueError", setup=()),
        ">>> f()\nTraceback (most recent call last):\nValueError: too ... long\n",
    ),
    (example(1, "f()", "", compare="raises", raises="KeyError", setup=()), ">>> f()\nTraceback (most recent call last):\nKeyError\n"),
    (
        example(1, "f(\n  1)", "2", setup=("def g():\n    return 1\n",)),
        ">>> def g():\n...     return 1\n>>> f(\n...   1)\n2\n",
    ),
]


@pytest.mark.parametrize(("made", "text"), CASES)
def test_an_example_is_written_as_the_doctest_it_was(made: Example, text: str) -> None:
    assert only_block(made) == f"```python\n{text}```"


def test_a_console_example_is_written_with_input_and_exit_code() -> None:
    made = example(
        1,
        "python -m leap",
        "no\n",
        compare="console",
        setup=("export X=1",),
        stdin="1900\n",
        exit_code=2,
        files=(InputFile("y.csv", "1\n", 1),),
    )
    assert blocks((made,)) == ["```csv y.csv\n1\n```", "```console\n$ export X=1\n$ python -m leap << END\n1900\nEND\nno\n(exit 2)\n```"]


def test_examples_that_need_imports_only_share_one_session() -> None:
    made = (example(1, "leap_year(4)", "True"), example(2, "leap_year(5)", "False"))
    assert only_block(*made) == "```python\n>>> from leap import leap_year\n>>> leap_year(4)\nTrue\n>>> leap_year(5)\nFalse\n```"


def test_an_example_that_goes_on_from_the_last_continues_its_session() -> None:
    first = example(1, "s.pop()", "2", setup=("s = [1, 2]",))
    second = example(2, "s.pop()", "1", setup=("s = [1, 2]", "s.pop()", "t = 0"))
    assert only_block(first, second) == "```python\n>>> s = [1, 2]\n>>> s.pop()\n2\n>>> t = 0\n>>> s.pop()\n1\n```"


def test_an_example_with_its_own_state_starts_a_new_session() -> None:
    made = (example(1, "s.pop()", "2", setup=("s = [1, 2]",)), example(2, "s.pop()", "3", setup=("s = [3]",)))
    assert len(blocks(made)) == 2


def test_a_fence_is_longer_than_the_backticks_in_it() -> None:
    assert only_block(example(1, "f()", "'````'", setup=())).startswith("`````python\n")


statements = st.sampled_from(["import math", "from leap import f", "x = 1", "y = [\n    2,\n]", "f(x)"])
calls = st.sampled_from(["f(1)", "f(\n    2)", "math.pi", "x"])
answers = st.integers().map(repr) | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=9).map(repr)


@given(st.lists(st.tuples(st.lists(statements, max_size=3), calls, answers), min_size=1, max_size=4))
def test_a_reader_of_doctests_finds_every_call_with_its_answer(drawn: list[tuple[list[str], str, str]]) -> None:
    made = tuple(example(number, call, answer, setup=tuple(setup)) for number, (setup, call, answer) in enumerate(drawn, 1))
    sessions = [block.partition("\n")[2].removesuffix("```") for block in blocks(made)]
    found = [item for session in sessions for item in doctest.DocTestParser().get_examples(session)]
    asked = [(item.source, item.want) for item in found if item.want]
    assert asked == [(f"{item.call}\n", f"{item.expected}\n") for item in made]


# --- ways of asking --------------------------------------------------------------------------------------------------


def asked(way: Any, findings: tuple[Finding, ...] = (), **fields: Any) -> Brief:
    prd, task = prd_and_task(example(1, "leap_year(4)", "True"), context="Every fourth year.")
    return render(task, prd, 2, 1, "code", findings, (), ("leap.py",), way=way, **fields)


def test_each_way_is_worded_differently_and_holds_the_rules() -> None:
    finding = Finding("oracle", "gave `False`", criterion="leap#R1.AC1")
    texts = {way: asked(way, (finding,) if way in ("findings", "explain", "failure") else ()).text for way in WAYS}
    assert len({*texts.values()}) == len(WAYS) - 1, "for one function without a name it is the whole task"
    assert texts["one function"] == texts["whole"]
    for way, text in texts.items():
        assert "years divisible by 4 are leap years" in text
        assert ("gave `False`" in text) is (way in ("findings", "explain", "failure"))
        assert ("Every fourth year." in text) is (way != "failure")


def test_a_brief_for_one_function_has_its_rules_only() -> None:
    prd, task = prd_and_task(example(1, "leap_year(4)", "True"))
    first = task.requirements[0].criteria[0]
    second = replace(
        first, id="leap#R1.AC2", key="AC2", text="days of a year", examples=(example(2, "days(4)", "366", setup=("from leap import days",)),)
    )
    task = replace(task, requirements=(replace(task.requirements[0], criteria=(first, second)),))
    text = render(task, prd, 1, 2, "code", (), (), ("leap.py",), way="one function", only=("leap#R1.AC2",), unit="days").text
    assert "Write `days`" in text and "`leap.py` must provide `days`." in text
    assert "days of a year" in text and "divisible by 4" not in text
    assert "Whatever else stands in the file already stays there" in text


def test_only_who_is_to_explain_may_say_more_than_files() -> None:
    for way in WAYS:
        system, user, _ = chat_prompt(asked(way), 100_000)
        assert ("You think in a few sentences first" in system) is (way == "explain")
        assert ("First your thoughts" in user) is (way == "explain")


def test_a_budget_in_tokens_cuts_background_and_says_how_much() -> None:
    prd, task = prd_and_task(example(1, "leap_year(4)", "True"), context="\n\n".join(f"Paragraph {number}." for number in range(200)))
    brief = render(task, prd, 1, 1, "code", (), (), ("leap.py",))
    assert fitted(brief, None) == (brief, ())
    cut, (note,) = fitted(brief, 600)
    text = cut.text
    assert len(text) <= 600 * CHARACTERS_A_TOKEN < len(brief.text)
    assert "characters of background left out" in text and "years divisible by 4" in text
    assert "cut to fit `brief_tokens`" in note
    with pytest.raises(ContextTooLong, match="`brief_tokens` leaves 35"):
        fitted(brief, 10)
