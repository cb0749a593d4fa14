"""How the next candidate is asked for."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.model import Criterion, Example, Requirement, Task, Way
from orchestrator.run import search
from orchestrator.run.search import SEARCHED, SMALL, WAYS, Unit


def task(*criteria: tuple[str, ...], files: tuple[str, ...] = ("rle.py",)) -> Task:
    """One criterion for each tuple of calls; `encode` and `decode` come from rle."""
    made = []
    for number, calls in enumerate(criteria, 1):
        identity = f"p#R1.AC{number}"
        setup = ("from rle import decode, encode, Coder",)
        examples = tuple(Example(f"{identity}/{index}", setup, call, "value", "''", 1) for index, call in enumerate(calls, 1))
        made.append(Criterion(identity, f"AC{number}", "…", number, examples))
    return Task("p#R1", "p", (Requirement("p#R1", "R1", "t", "", 1, criteria=tuple(made)),), "g", files, "tests/t.py", (), "f")


def test_units_are_what_examples_use_in_order_with_their_criteria() -> None:
    made = task(("encode('')", "encode('a')"), ("decode('')",), ("decode(encode('x'))",), ("encode('é')",))
    assert search.units(made, made.examples) == (Unit("encode", ("p#R1.AC1", "p#R1.AC4")), Unit("decode", ("p#R1.AC2", "p#R1.AC3")))


def test_a_class_is_one_unit_however_many_methods_it_has() -> None:
    made = task(("Coder().encode('')",), ("Coder().decode('')",))
    assert [unit.name for unit in search.units(made, made.examples)] == ["Coder"]


def test_what_is_not_shown_makes_no_unit_and_names_of_other_modules_neither() -> None:
    made = task(("encode('')",), ("decode('')",))
    assert [unit.name for unit in search.units(made, made.examples[:1])] == ["encode"]
    assert search.units(task(("encode('')",), files=("other.py",)), made.examples) == ()


@given(st.integers(0, 40), st.integers(0, 5), st.booleans())
def test_the_search_goes_through_every_way_and_never_takes_apart_what_is_one(asked: int, units: int, small: bool) -> None:
    way = search.searched(asked, units, small)
    assert way in WAYS
    assert way != "one function" or units > 1
    tried = {search.searched(number, 2, small) for number in range(len(SMALL))}
    assert tried == set(SEARCHED) == set(SMALL)
    assert search.searched(asked, units, small) != search.searched(asked + 1, max(units, 2), small) or units < 2


def test_a_first_candidate_is_asked_for_whole_and_a_small_model_for_one_function() -> None:
    assert search.searched(0, 3, False) == "whole"
    assert search.searched(0, 3, True) == "one function"
    assert search.searched(0, 1, True) == "whole"


def test_an_agent_that_looks_for_itself_is_told_what_was_wrong() -> None:
    assert [search.told(asked) for asked in range(4)] == ["whole", "findings", "findings", "findings"]


@pytest.mark.parametrize(
    ("model", "small"),
    [
        ("qwen2.5-coder-1.5b-instruct-q4_k_m", True),
        ("Llama-3.2-3B", True),
        ("phi-3-mini-4b", True),
        ("qwen2.5-coder:7b", False),
        ("mixtral-8x7b", False),
        ("gpt-large", False),
        ("", False),
        ("deepseek-coder-6.7b-base", False),
        ("model-q4b1", False),
    ],
)
def test_a_model_is_small_by_the_size_in_its_name(model: str, small: bool) -> None:
    assert search.is_small(model) is small


@pytest.mark.parametrize(
    ("complexity", "rungs", "first"), [("", 3, 0), ("low", 3, 0), ("Medium", 3, 1), ("medium", 2, 0), (" HIGH ", 3, 2), ("high", 1, 0), ("odd", 3, 0)]
)
def test_complexity_picks_the_rung_that_begins(complexity: str, rungs: int, first: int) -> None:
    assert search.first_rung(complexity, rungs) == first


BEFORE = '''"""Runs."""
import re
from itertools import groupby

LIMIT = 9


@staticmethod
def encode(text):
    return [key for key, _ in groupby(text)]  # kept
'''


def test_what_a_later_answer_left_out_is_put_back_with_what_it_needs() -> None:
    text, names = search.kept(BEFORE, '"""Again."""\nimport re\n\n\ndef decode(text):\n    return re.sub("x", "", text)\n')
    assert names == ("LIMIT", "encode")
    made: dict[str, object] = {}
    exec(compile(text, "runs.py", "exec"), made)
    assert made["__doc__"] == "Again."
    assert {"encode", "decode", "LIMIT", "groupby", "re"} <= made.keys()
    assert text.count("import re\n") == 1 and "# kept" in text and text.index("groupby") < text.index("def encode") < text.index("def decode")


@pytest.mark.parametrize(
    "after",
    [BEFORE, BEFORE.replace("return [key", "return ['new' or key"), "def encode(text):\n    return text\n\n\nLIMIT = 3\n", "def decode(:\n", ""],
    ids=["the same", "written anew", "written anew without what it needed", "no Python", "nothing"],
)
def test_what_was_written_anew_or_is_no_python_stays(after: str) -> None:
    if after:
        assert search.kept(BEFORE, after) == (after, ())
    else:
        assert search.kept(BEFORE, after)[1] == ("LIMIT", "encode")


@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_is_answered_nothing_is_lost_of_it(before: str, after: str) -> None:
    text, names = search.kept(before, after)
    assert text == after or names


@pytest.mark.parametrize(
    ("way", "before", "new"),
    [
        ("findings", ("whole",), True),
        ("findings", ("whole", "findings"), False),
        ("findings", ("", "whole", "findings"), False),
        ("findings", ("one function", "findings"), True),
        ("fresh", ("whole", "fresh"), True),
        ("fresh", ("whole", "fresh", "fresh"), True),
        ("fresh", ("whole", "fresh", "fresh", "fresh"), False),
        ("explain", ("whole", "whole", "findings"), True),
    ],
)
def test_an_agent_that_looks_for_itself_is_told_once_and_a_model_is_sampled_three_times(
    way: Way, before: tuple[Way | Literal[""], ...], new: bool
) -> None:
    assert search.is_new(way, before) is new


def test_a_small_model_is_asked_to_explain_late_and_is_shown_its_answer_last() -> None:
    ways = ["whole", "findings", "whole", "fresh", "findings", "whole", "explain", "fresh", "failure"]
    assert [search.searched(asked, 1, True) for asked in range(9)] == ways
