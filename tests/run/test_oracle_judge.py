"""Tagged values round trip, exact comparison, and a judge that no answer can crash."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.run import evidence, oracle, suites
from tests.run.values import example


def _inside() -> Any:
    import sys

    sys.path.insert(0, str(suites.INSIDE))
    spec = importlib.util.spec_from_file_location("inside_oracle", suites.INSIDE / "oracle.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.path.remove(str(suites.INSIDE))
    return module


INSIDE = _inside()
ATOMS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary() | st.complex_numbers(allow_nan=False)
KEYS = st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.tuples(st.integers(), st.text())
VALUES = st.recursive(
    ATOMS,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(KEYS, inner) | st.sets(KEYS) | st.frozensets(KEYS),
    max_leaves=12,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
TAGS = st.sampled_from(["literal", "int", "float", "complex", "text", "str", "bytes", "list", "tuple", "set", "frozenset", "dict", "other"])
TAGGED = st.recursive(
    st.tuples(TAGS, JSON | st.sampled_from(["0x1p99999", "nan", "-inf", "zz", "d8", "0x"])).map(list),
    lambda inner: st.tuples(TAGS, st.lists(inner) | st.lists(st.tuples(inner, inner).map(list))).map(list),
    max_leaves=8,
)


@given(VALUES)
def test_every_builtin_value_survives_the_crossing(value: object) -> None:
    crossed = oracle.untag(json.loads(json.dumps(INSIDE.tagged(value))))
    assert oracle.same(value, crossed)
    assert oracle.same(crossed, value)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (True, 1), (1, 1.0), (0, False), ((1,), [1]), ({1}, frozenset({1})), (0.0, -0.0), ([True], [1]), ({"a": 1}, {"a": True}), ({1: 0}, {True: 0}),
        ("a", b"a"), ({1}, {True}), (1j, 1), (None, 0), ((), []), ([1, 2], [2, 1]), ("", None), ([[1.0]], [[1]]),
    ],
)  # fmt: skip
def test_values_that_only_seem_equal_are_not(first: object, second: object) -> None:
    assert not oracle.same(first, second)
    assert not oracle.same(second, first)


def test_not_a_number_equals_itself() -> None:
    assert oracle.same([math.nan], [math.nan])


class Sub(str):
    pass


@pytest.mark.parametrize("value", [Sub("a"), [Sub("a")], {Sub("a"): 1}, object(), Path()])
def test_anything_but_an_exact_builtin_is_no_value(value: object) -> None:
    with pytest.raises(ValueError, match="builtin"):
        oracle.untag(INSIDE.tagged(value))


EXAMPLES = [
    example("f()", "1"),
    example("f()", "3.14", compare="approx"),
    example("f()", "a...b", compare="text", ellipsis=True),
    example("f()", "...", compare="raises", raises="ValueError"),
    example("f", "x", compare="console"),
]
ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "answer": st.sampled_from(["value", "raise", "set-up", "console", "timeout", "died", "too large"]) | JSON,
        "value": TAGGED | JSON, "repr": JSON, "printed": JSON, "none": JSON, "type": JSON, "module": JSON, "message": JSON, "exit": JSON,
        "stdout": JSON, "stderr": JSON, "source": JSON, "size": JSON,
    },
)  # fmt: skip


@given(st.sampled_from(EXAMPLES), ANSWERS)
def test_no_answer_crashes_the_judge_or_gets_a_word_that_is_not_in_the_table(asked: Any, answer: Any) -> None:
    assert oracle.judge(asked, answer).outcome in {evidence.HOLDS, *evidence.RED, *evidence.REFUSED}


@pytest.mark.parametrize("tagged", [["float", "0x1p99999"], ["int", hex(10**400)], ["float", "nan"], ["literal", True], ["text", "3.14"]])
@pytest.mark.parametrize("compare", ["value", "approx"])
def test_an_extreme_answer_is_wrong_not_an_error(tagged: list[object], compare: Any) -> None:
    answer = {"answer": "value", "value": tagged, "repr": "x"}
    assert oracle.judge(example("f()", "3.14", compare=compare), answer).outcome == "wrong value"


@pytest.mark.parametrize(
    ("written", "got", "equal"),
    [
        ("≈ 3.14", 3.1449, True), ("≈ 3.14", 3.1451, False), ("≈ 3", 3, True), ("≈ 3", 3.4, True), ("≈ 1_000", 1000.4, True), ("≈ 2.5e3", 2549, True),
        ("≈ 2.5e3", 2551, False), ("≈ 3", True, False), ("≈ 3", "3", False), ("≈ -0.50", -0.504, True), ("≈ 3", math.inf, False),
    ],
)  # fmt: skip
def test_about_means_half_a_unit_of_the_last_written_digit(written: str, got: object, equal: bool) -> None:
    assert oracle.same_approximately(written, got) is equal


@pytest.mark.parametrize(
    ("expected", "printed", "ellipsis", "equal"),
    [
        ("a\nb", "a  \nb\n\n", False, True), ("a", "b", False, False), ("a...c", "abc", True, True), ("a...c", "abc", False, False),
        ("a...c", "a\nb\nc", True, True), ("(a)...", "(a) b", True, True), (" a", "a", False, False), ("", "", False, True), ("...", "", True, True),
    ],
)  # fmt: skip
def test_text_is_compared_but_for_white_space_at_the_ends(expected: str, printed: str, ellipsis: bool, equal: bool) -> None:
    answer = {"answer": "value", "printed": printed, "none": True, "value": ["literal", None]}
    judged = oracle.judge(example("f()", expected, compare="text", ellipsis=ellipsis), answer)
    assert judged.outcome == ("passed" if equal else "wrong value")


@pytest.mark.parametrize(
    ("raises", "message", "type_", "module", "said", "outcome"),
    [
        ("ValueError", "no", "ValueError", "builtins", "no", "passed"), ("ValueError", "no", "ValueError", "builtins", "yes", "raised"),
        ("ValueError", "...", "ValueError", "builtins", "x", "passed"), ("LookupError", "no", "KeyError", "builtins", "no", "raised"),
        ("loans.NotOurs", "no", "NotOurs", "loans", "no", "passed"), ("NotOurs", "no", "NotOurs", "loans", "no", "passed"),
        ("ValueError", "", "ValueError", "builtins", "x", "raised"), ("ValueError", "a...z", "ValueError", "builtins", "a\nz", "passed"),
    ],
)  # fmt: skip
def test_a_raise_is_type_and_message(raises: str, message: str, type_: str, module: str, said: str, outcome: str) -> None:
    answer = {"answer": "raise", "type": type_, "module": module, "message": said}
    assert oracle.judge(example("f()", message, compare="raises", raises=raises), answer).outcome == outcome
