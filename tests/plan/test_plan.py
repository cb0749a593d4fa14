"""Graphs against brute force, held-out choices, fingerprints."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.inbox import markdown
from orchestrator.model import Example, Plan, Requirement
from orchestrator.plan import graph, held_out, outline
from tests.run.values import criterion, example

EDGES = st.dictionaries(st.sampled_from("abcde"), st.lists(st.sampled_from("abcdef"), max_size=4), max_size=5)


def reach(edges: dict[str, list[str]], name: str) -> set[str]:
    found: set[str] = set()
    todo = [name]
    while todo:
        for target in edges[todo.pop()]:
            if target in edges and target not in found:
                found.add(target)
                todo.append(target)
    return found


@given(EDGES)
def test_components_are_the_names_that_reach_each_other(edges: dict[str, list[str]]) -> None:
    expected = {frozenset({name, *(other for other in edges if name in reach(edges, other) and other in reach(edges, name))}) for name in edges}
    found = graph.components(edges)
    assert {frozenset(members) for members in found} == expected
    assert sum(map(len, found)) == len(edges)


@given(EDGES)
def test_the_order_is_the_first_valid_one_or_a_real_cycle_is_named(edges: dict[str, list[str]]) -> None:
    names = list(edges)
    valid = [
        order for order in permutations(names) if all(order.index(t) < order.index(n) for n in names for t in edges[n] if t in edges)
    ]  # fmt: skip
    try:
        found = graph.ordered(edges)
    except graph.CycleError as error:
        assert not valid
        assert error.cycle[0] == error.cycle[-1]
        assert all(after in edges[before] for before, after in zip(error.cycle, error.cycle[1:], strict=False))
    else:
        assert found == min(valid, key=lambda order: [names.index(name) for name in order])


CALLS = st.sampled_from(["f({})", "g({}, 1)", "f(g({}))", "f({}) if True else 0"])
EXPECTED = st.sampled_from(["True", "False", "None", "1", "2", "''", "[]"])


@st.composite
def some_examples(draw: st.DrawFn) -> tuple[Example, ...]:
    found = []
    for number in range(draw(st.integers(0, 10))):
        call = draw(CALLS).format(draw(st.integers(0, 12)))
        setup = tuple(item.call for item in found[-draw(st.integers(0, 2)) :]) if found and draw(st.booleans()) else ()
        raises = draw(st.booleans()) and draw(st.booleans())
        found.append(
            example(call, "no", compare="raises", raises="ValueError", setup=setup, id=f"p#R1.AC1/{number}")
            if raises
            else example(call, draw(EXPECTED), setup=setup, id=f"p#R1.AC1/{number}")
        )
    return tuple(found)


@given(some_examples(), st.floats(0, 0.5))
def test_what_is_held_out_leaves_every_kind_of_answer_visible(found: tuple[Example, ...], share: float) -> None:
    hidden = held_out.choose(found, share)
    visible = [item for item in found if item.id not in hidden]
    for item in found:
        form = held_out.call_form(item)
        group = [other for other in found if held_out.call_form(other) == form]
        assert any(held_out.outcome_kind(other) == held_out.outcome_kind(item) and held_out.call_form(other) == form for other in visible)
        assert sum(other.id in hidden for other in group) <= len(group) // 2
        if len(group) < 3 or share == 0:
            assert item.id not in hidden
        if item.id in hidden:
            assert all((other.setup, other.call) != (item.setup, item.call) for other in visible)
            size = len(item.setup)
            shown = [held_out.shown(other, tuple(each for each in found if each.id in hidden)) for other in visible]
            assert not any(item.call in other.setup[size:] and other.setup[:size] == item.setup for other in shown)


def test_a_question_that_another_session_asks_later_on_its_way_is_left_out_there_too() -> None:
    hidden = example("f(1)", "True", id="p#R1.AC1/1")
    other = example("f(2)", "True", setup=("from shop import f", "f(0)", "f(1)"), id="p#R1.AC1/2")
    assert held_out.shown(other, (hidden,)).setup == ("from shop import f", "f(0)")
    kept = example("t.f(2)", "True", setup=("t = Till()", "f(1)"), id="p#R1.AC1/3")
    assert held_out.shown(kept, (hidden,)) == kept, "a session that makes something is never cut elsewhere than where its own question stands"


def session(*calls: str) -> tuple[Example, ...]:
    """A doctest session: each example carries what stands before it."""
    return tuple(
        example(call, str(40 * number), setup=("from shop import price", *calls[: number - 1]), id=f"p#R1.AC1/{number}")
        for number, call in enumerate(calls, 1)
    )


def test_a_question_in_the_middle_of_a_session_is_held_out_and_what_is_shown_leaves_it_out() -> None:
    found = session("price(1)", "price(2)", "price(3)", "price(4)")
    [name] = held_out.choose(found, 0.25)
    hidden = tuple(item for item in found if item.id == name)
    shown = [held_out.shown(item, hidden) for item in found if item.id != name]
    assert not any(hidden[0].call in item.setup for item in shown)
    assert shown[-1].setup[0] == "from shop import price"


@pytest.mark.parametrize("first", ["cart = Cart()", "add(x)", "cart.add(1)", "x = price(1)", "Cart(1)", "reset()"])
def test_a_session_that_makes_or_keeps_something_stays_whole(first: str) -> None:
    found = tuple(replace(item, setup=(first, *item.setup)) for item in session("price(1)", "price(2)", "price(3)", "price(4)"))
    hidden = held_out.choose(found, 0.25)
    assert not any(item.id in hidden and item.call in other.setup for item in found for other in found)


@given(some_examples(), st.randoms())
def test_what_is_held_out_does_not_depend_on_the_order(found: tuple[Example, ...], random: object) -> None:
    distinct = tuple({(item.setup, item.call): item for item in found}.values())
    shuffled = list(distinct)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert held_out.choose(tuple(shuffled), 0.25) == held_out.choose(distinct, 0.25)


PRD = """# Shop

## Requirements

### R1: Price

Module: shop.py

The price  of things.

- AC1: it is known

  ```python
  >>> from shop import price
  >>> price("a  b")
  'a  b'
  ```

### R2: Greet

Module: shop.py

```python
>>> from shop import greet
>>> greet("x")
'hello x'
```
"""


def plan_of(text: str) -> Plan:
    prd, problems = markdown.parse(text, "prds/shop.md")
    assert prd is not None, problems
    return outline.decompose(prd, 0.25)


def marks(text: str) -> list[tuple[str, str]]:
    return [(task.id, task.fingerprint) for task in plan_of(text).tasks]


@pytest.mark.parametrize(
    "change",
    [("# Shop\n", "# Shop\n\n\nmore\n\n"), ("price  of", "price of"), ("- AC1: it is", "\n\n- AC1: it  is")],
    ids=["lines", "spaces", "both"],
)
def test_layout_does_not_change_a_task(change: tuple[str, str]) -> None:
    assert PRD.replace(*change) != PRD
    assert marks(PRD.replace(*change)) == marks(PRD)


@pytest.mark.parametrize("change", [("  'a  b'", "  'a b'"), ('price("a  b")', 'price("a b")'), ("is known", "was known")])
def test_every_character_of_an_example_counts(change: tuple[str, str]) -> None:
    before, after = marks(PRD), marks(PRD.replace(*change))
    assert before[0] != after[0]
    assert before[1] == after[1]


def requirement(**more: object) -> Requirement:
    return replace(Requirement("p#R1", "R1", "t", "", 1), **more)  # type: ignore[arg-type]


def test_where_an_implicit_criterion_stands_does_not_change_a_task() -> None:
    one = requirement(criteria=(criterion("E1", "example at line 7", example("f()"), inferred=True),))
    other = requirement(criteria=(criterion("E1", "example at line 12", example("f()", line=12), inferred=True),), line=9)
    assert outline.fingerprint((one,)) == outline.fingerprint((other,))


def test_a_star_import_brings_what_the_example_uses() -> None:
    item = example("price(total, [x for x in y])", setup=("from shop import *", "total = sum([1])", "y = start()"))
    assert outline.imported(item) == (("shop.py", "start"), ("shop.py", "price"))
