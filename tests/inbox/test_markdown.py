"""What a PRD's text becomes."""

from hashlib import sha256

import pytest

from orchestrator.inbox import forms
from orchestrator.inbox.markdown import parse
from orchestrator.model import Criterion, Example, Prd, Problem, Requirement

from .prds import LOANS, ONE, requirement


def prd_of(text: str, path: str = "prds/sums.md") -> Prd:
    prd, problems = parse(text, path)
    assert prd is not None, problems
    return prd


def first(text: str) -> Requirement:
    return prd_of(text).requirements[0]


def examples(body: str) -> list[Example]:
    return [example for criterion in first(requirement(body)).criteria for example in criterion.examples]


def doctest(*lines: str) -> str:
    return "\n".join(["- AC1: adds", "", "  ```python", *(f"  {line}" for line in lines), "  ```", ""])


def codes(text: str) -> list[tuple[int, str]]:
    return [(problem.line, problem.code) for problem in parse(text, "prds/sums.md")[1]]


def criterion(text: str, key: str) -> Criterion:
    return next(each for each in first(text).criteria if each.key == key)


# --- the whole -------------------------------------------------------------------------------------------------------


def test_a_native_prd_gives_every_value_with_its_line() -> None:
    prd = prd_of(LOANS, "prds/library.md")
    lines = LOANS.split("\n")
    assert (prd.id, prd.project, prd.title, prd.path, prd.priority) == ("loans", "library", "Library loans", "prds/library.md", 10)
    assert (prd.budget.minutes, prd.budget.tokens, prd.budget.usd, prd.budget.attempts) == (60, 2_000_000, None, 2)
    assert prd.fingerprint == sha256(LOANS.encode()).hexdigest()
    assert [(each.id, each.module, each.depends_on) for each in prd.requirements] == [
        ("loans#R1", "library/shelf.py", ()),
        ("loans#R2", "library/loans.py", ("R1",)),
        ("loans#N1", "", ()),
    ]
    for each in prd.requirements:
        assert each.key in lines[each.line - 1]
        for written in each.criteria:
            assert f"- {written.key}:" in lines[written.line - 1]
            for example in written.examples:
                words = {"console": f"$ {example.call}", "value": example.expected}.get(example.compare, "lend(" if example.setup else "|")
                near = "\n".join(lines[example.line - 1 : example.line + 1])
                assert words in near or example.raises in near


def test_a_native_prd_gives_all_its_examples() -> None:
    second = prd_of(LOANS).requirements[1]
    found = [example for each in second.criteria for example in each.examples]
    assert [(each.id, each.compare) for each in found] == [
        ("loans#R2.AC2/1", "raises"),
        ("loans#R2.AC3/1", "value"),
        ("loans#R2.AC3/2", "value"),
        ("loans#R2.AC3/3", "raises"),
        ("loans#R2.AC4/1", "console"),
        ("loans#R2.AC4/2", "console"),
    ]
    assert (second.priority, second.complexity, second.type) == ("high", "small", "")
    assert second.text == "`lend(book, member)` records a loan."
    assert second.criteria[1].text == "a book on loan cannot be lent again"
    assert [file.name for file in found[4].files] == ["books.csv"]
    assert found[4].files[0].text == "title,member\nEmma,ann\n"
    assert not found[0].files


def test_context_is_everything_outside_requirements_and_its_examples_are_prose() -> None:
    prd = prd_of(LOANS)
    assert "A small lending library." in prd.context
    assert ">>> 1 + 1\n3" in prd.context
    assert "Everything is kept in memory." in prd.context
    assert "records a loan" not in prd.context
    assert "title:" not in prd.context


def test_non_functional_requirements_have_their_type_and_one_note() -> None:
    prd, problems = parse(LOANS, "prds/library.md")
    assert prd and prd.requirements[2].type == "non-functional"
    assert [(each.line, each.code, each.severity) for each in problems] == [
        (LOANS[: LOANS.index("- AC1: Given a book")].count("\n") + 1, "criterion-without-example", "note"),
        (LOANS[: LOANS.index("### N1:")].count("\n") + 1, "non-functional-without-example", "note"),
    ]


def test_an_id_left_out_is_the_files_stem_and_the_project_follows_it() -> None:
    prd = prd_of(ONE, "prds/deep/doubling.md")
    assert (prd.id, prd.project, prd.requirements[0].id) == ("doubling", "doubling", "doubling#R1")
    assert prd_of("---\nproject: maths\n---\n" + ONE, "doubling.md").project == "maths"


@pytest.mark.parametrize("change", [lambda text: text.replace("\n", "\r\n"), lambda text: "\ufeff" + text], ids=["CRLF", "BOM"])
def test_line_ends_and_byte_order_marks_change_nothing_but_the_fingerprint(change) -> None:  # type: ignore[no-untyped-def]
    plain, other = prd_of(LOANS), prd_of(change(LOANS))
    assert other.requirements == plain.requirements
    assert other.title == plain.title
    assert other.fingerprint != plain.fingerprint


def test_identifiers_stay_when_something_is_written_above() -> None:
    later = LOANS.replace("### R1:", "### R0: Open the door\nModule: library/door.py\n\n- AC1: it opens\n\n### R1:")
    known = {each.id: [one.id for one in each.criteria] for each in prd_of(LOANS).requirements}
    now = {each.id: [one.id for one in each.criteria] for each in prd_of(later).requirements}
    assert now == known | {"loans#R0": ["loans#R0.AC1"]}


# --- headings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heading", "key", "title"),
    [
        ("### R1: Keep", "R1", "Keep"),
        ("### R1. Keep", "R1", "Keep"),
        ("### R1 - Keep", "R1", "Keep"),
        ("### R1 – Keep", "R1", "Keep"),
        ("### R1 Keep", "R1", "Keep"),
        ("### **R1**: Keep", "R1", "Keep"),
        ("### **R1: Keep**", "R1", "Keep"),
        ("### FR-1.2: Keep", "FR-1.2", "Keep"),
        ("### REQ-001: Keep", "REQ-001", "Keep"),
        ("### US-3: Keep", "US-3", "Keep"),
        ("### NFR-2: Keep", "NFR-2", "Keep"),
        ("### N1: Keep", "N1", "Keep"),
        ("### LOAN-7: Keep", "LOAN-7", "Keep"),
        ("### R1", "R1", "R1"),
        ("### R1: `a.b`", "R1", "`a.b`"),
    ],
)
def test_headings_with_an_identifier_are_requirements(heading: str, key: str, title: str) -> None:
    found = first(f"## Requirements\n\n{heading}\n\n- AC1: x\n")
    assert (found.key, found.title, found.inferred) == (key, title, False)


@pytest.mark.parametrize("heading", ["### UTF-8 text", "### 2026 plans", "### H1: one", "### Q1: money", "### AC1: x", "### R2-D2 speaks"])
def test_headings_that_only_look_like_identifiers_are_context(heading: str) -> None:
    prd = prd_of(f"# Plans\n\n## Goals\n\n{heading}\n\n- a thing\n\n{ONE}")
    assert [each.key for each in prd.requirements] == ["R1"]
    assert heading in prd.context


def test_identified_headings_are_requirements_outside_any_requirements_section() -> None:
    prd = prd_of("# Shop\n\n## R1: Sell\n\n- AC1: sells\n\n## Notes\n\ntext\n\n### R2: Buy\n\n- AC1: buys\n")
    assert [each.key for each in prd.requirements] == ["R1", "R2"]
    assert "## Notes" in prd.context


def test_a_subheading_belongs_to_its_requirement_and_an_identified_one_is_its_own() -> None:
    prd = prd_of("## Requirements\n### FR-1: A\n#### Details\nmuch\n#### FR-1.1: B\n- AC1: b\n#### More\nmore\n### FR-2: C\n- AC1: c\n")
    assert [(each.key, len(each.criteria)) for each in prd.requirements] == [("FR-1", 0), ("FR-1.1", 1), ("FR-2", 1)]
    assert "much" in prd.requirements[0].text
    assert "more" in prd.requirements[0].text


def test_groups_of_requirements_are_no_requirements() -> None:
    prd = prd_of("## Requirements\n### Lending\n#### R1: A\n- AC1: a\n### Returning\n#### R2: B\n- AC1: b\n")
    assert [each.key for each in prd.requirements] == ["R1", "R2"]


def test_headings_under_a_requirements_section_are_named_after_their_text() -> None:
    head = "# Shop PRD\n\n## 1. Requirement Overview\n\n- all\n\n## 2. Functional Requirements\n\n"
    text = head + "### 2.1 Sell Things\n- sells\n\n### 2.2 Buy\n- buys\n"
    prd, problems = parse(text, "shop.md")
    assert prd
    assert [(each.key, each.title, each.inferred) for each in prd.requirements] == [
        ("sell-things", "Sell Things", True),
        ("buy", "Buy", True),
    ]
    assert [(each.key, each.text, each.inferred) for each in prd.requirements[0].criteria] == [("AC1", "sells", True)]
    assert {(each.line, each.code) for each in problems} >= {
        (9, "inferred-requirement"),
        (9, "inferred-criteria"),
        (9, "criterion-without-example"),
        (9, "no-module"),
    }
    assert all(each.severity == "note" for each in problems)
    renumbered = text.replace("### 2.1 Sell Things\n- sells\n\n### 2.2", "### 2.1")
    assert [each.key for each in prd_of(renumbered).requirements] == ["buy"]


def test_a_section_without_headings_is_one_requirement() -> None:
    prd = prd_of("# Shop\n\n## Overview\nhello\n\n## Features\n\n- sells\n- buys\n")
    assert [(each.key, len(each.criteria)) for each in prd.requirements] == [("features", 2)]


def test_in_a_native_prd_a_features_list_stays_context() -> None:
    prd = prd_of("# Shop\n\n## Features\n\n- sells\n\n" + ONE)
    assert [each.key for each in prd.requirements] == ["R1"]


def test_a_heading_without_an_identifier_beside_identified_ones_needs_something_to_prove() -> None:
    text = ONE + "\n### Background\n\nwords\n\n### Halve\n\n- a half\n"
    prd, problems = parse(text, "sums.md")
    assert prd and [each.key for each in prd.requirements] == ["R1", "halve"]
    assert (14, "not-a-requirement") in {(each.line, each.code) for each in problems}
    assert "words" in prd.context


# --- attribute lines -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "attributes",
    [
        "Module: a/b.py\nDepends on: R1, R2",
        "**Module:** `a/b.py`\n**Depends on:** R1 and R2",
        "module: a/b.py\n\ndepends_on: R1 R2",
        "- Module: a/b.py\n- Depends on: `R1`, `R2`",
    ],
)
def test_attribute_lines_are_read_in_the_ways_people_write_them(attributes: str) -> None:
    text = f"## Requirements\n### R1: A\n- AC1: a\n### R2: B\n- AC1: b\n### R3: C\n{attributes}\n\nProse.\n\n- AC1: c\n"
    found = prd_of(text).requirements[2]
    assert (found.module, found.depends_on, found.text, len(found.criteria)) == ("a/b.py", ("R1", "R2"), "Prose.", 1)


def test_prose_right_after_attribute_lines_is_kept() -> None:
    found = first("### R1: A\nModule: a.py\nIt adds.\n\n- AC1: a\n")
    assert (found.module, found.text) == ("a.py", "It adds.")


def test_a_type_line_wins_over_the_section() -> None:
    assert first("## Requirements\n### R1: A\nType: non-functional\n\n- AC1: a\n").type == "non-functional"


def test_misspelt_and_misplaced_attributes_are_noted() -> None:
    assert (4, "unknown-attribute") in codes("## Requirements\n\n### R1: A\nModul: a.py\n\n- AC1: a\n")
    assert (6, "attribute-not-read") in codes("## Requirements\n\n### R1: A\n\n- AC1: a\n\nModule: a.py\n".replace("\n\n- AC1: a\n", "\n- AC1: a\n"))


# --- criteria --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("- AC1: adds\n- AC2: takes", [("AC1", "adds"), ("AC2", "takes")]),
        ("- AC-1: adds", [("AC-1", "adds")]),
        ("- **AC1**: adds", [("AC1", "adds")]),
        ("- **AC1:** adds", [("AC1", "adds")]),
        ("- AC1. adds", [("AC1", "adds")]),
        ("1. AC1 – adds", [("AC1", "adds")]),
        ("- [ ] adds\n- [x] takes", [("AC1", "adds"), ("AC2", "takes")]),
        ("- [ ] AC7: adds", [("AC7", "adds")]),
        ("- AC1: adds\n- [ ] takes", [("AC1", "adds"), ("AC2", "takes")]),
        ("- [ ] takes\n- AC1: adds", [("AC2", "takes"), ("AC1", "adds")]),
        ("- Given one, when two is added, then it is three", [("AC1", "Given one, when two is added, then it is three")]),
        ("- Given one\n- When two is added\n- Then it is three", [("AC1", "Given one\nWhen two is added\nThen it is three")]),
        ("- When text is given, the system shall refuse it", [("AC1", "When text is given, the system shall refuse it")]),
        ("- The desk shall answer", [("AC1", "The desk shall answer")]),
        ("#### Acceptance criteria\n\n- adds\n- takes", [("AC1", "adds"), ("AC2", "takes")]),
        ("**Acceptance criteria:**\n\n- adds", [("AC1", "adds")]),
        ("**Acceptance criteria:** it adds", [("AC1", "it adds")]),
        ("#### Acceptance criteria\n\n1.1 WHEN x THEN it SHALL add\n1.2. it sums", [("AC1", "WHEN x THEN it SHALL add"), ("AC2", "it sums")]),
        ("AC1: adds\nup\nAC2: takes", [("AC1", "adds up"), ("AC2", "takes")]),
        ("Given one,\nwhen two is added,\nthen it is three", [("AC1", "Given one, when two is added, then it is three")]),
        ("#### AC1: adds\n\nwell", [("AC1", "adds\nwell")]),
        ("- AC1: adds\n\n  - small\n  - large\n", [("AC1", "adds\n- small\n- large")]),
        ("- AC1: adds\n  - AC1.1: small\n", [("AC1", "adds"), ("AC1.1", "small")]),
        ("- adds\n- takes", [("AC1", "adds"), ("AC2", "takes")]),
        ("- it adds\n- AC1: adds", [("AC1", "adds")]),
    ],
)
def test_criteria_are_found_in_the_ways_people_write_them(body: str, expected: list[tuple[str, str]]) -> None:
    assert [(each.key, each.text) for each in first(requirement(body)).criteria] == expected


def test_bare_bullets_beside_written_criteria_stay_prose() -> None:
    assert first(requirement("- it adds\n\nText.\n\n- AC1: adds\n")).text == "- it adds\n\nText."


def test_the_text_of_a_criterion_holds_no_example() -> None:
    found = first(requirement("- AC1: adds\n\n  ```\n  >>> 1\n  1\n  ```\n\n  | a | b |\n  |---|---|\n  | 7 | 8 |\n\n  always\n")).criteria[0]
    assert found.text == "adds\nalways"


def test_an_example_outside_any_criterion_is_an_implicit_criterion() -> None:
    text = requirement("- AC1: adds\n\n```python\n>>> add(1)\n2\n```\n\n    >>> add(2)\n    3\n")
    found = first(text).criteria
    assert [(each.key, each.inferred, each.line, each.text) for each in found] == [
        ("AC1", False, 6, "adds"),
        ("E1", True, 8, "example at line 8"),
        ("E2", True, 13, "example at line 13"),
    ]
    assert [each.id for each in found[2].examples] == ["sums#R1.E2/1"]
    assert (3, "implicit-criterion") in codes(text)


def test_an_example_after_a_criterion_paragraph_belongs_to_it() -> None:
    found = first(requirement("AC1: adds\n\n```python\n>>> add(1)\n2\n```\n\nAC2: takes\n\n```python\n>>> take(1)\n0\n```\n")).criteria
    assert [(each.key, len(each.examples)) for each in found] == [("AC1", 1), ("AC2", 1)]


# --- doctests --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "expected", "compare", "answer", "raises"),
    [
        ("f(1)", ["2"], "value", "2", ""),
        ("f(1)", ["'a'"], "value", "'a'", ""),
        ("f(1)", ["[1,", " 2]"], "value", "[1,\n 2]", ""),
        ("f(1)", ["None"], "value", "None", ""),
        ("f(1)", ["Clock(1)"], "text", "Clock(1)", ""),
        ("f(1)", ["1 + 1"], "text", "1 + 1", ""),
        ("f(1)", ["[1, ..., 9]"], "text", "[1, ..., 9]", ""),
        ("print(f(1))", ["2"], "text", "2", ""),
        ("for n in f(1): n", ["2"], "text", "2", ""),
        ("f(1)", ["a", "<BLANKLINE>", "b"], "text", "a\n\nb", ""),
        ("f(1)", ["≈ 3.14"], "approx", "3.14", ""),
        ("f(1)", ["≈-2e-3"], "approx", "-2e-3", ""),
        ("f(1)", ["Traceback (most recent call last):", "ValueError: no"], "raises", "no", "ValueError"),
        ("f(1)", ["Traceback (most recent call last):", "    ...", "ValueError: no", "  really"], "raises", "no\n  really", "ValueError"),
        ("f(1)", ["Traceback (most recent call last):", "...", "loans.NotOurs: x: y"], "raises", "x: y", "loans.NotOurs"),
        ("f(1)", ["Traceback (most recent call last):", "StopIteration"], "raises", "", "StopIteration"),
    ],
)
def test_an_answer_is_compared_as_what_it_is(call: str, expected: list[str], compare: str, answer: str, raises: str) -> None:
    [found] = examples(doctest(f">>> {call}", *expected))
    assert (found.call, found.compare, found.expected, found.raises) == (call, compare, answer, raises)
    assert found.ellipsis is (compare == "raises")


@pytest.mark.parametrize("prose", ["It prints the sum.", "The sum goes to standard output.", "Printed twice", "to stdout"])
def test_a_literal_is_text_where_the_prose_says_it_is_printed(prose: str) -> None:
    [found] = examples(f"{prose}\n\n" + doctest(">>> show(1)", "1"))
    assert found.compare == "text"


@pytest.mark.parametrize("prose", ["The printer is off.", "a fingerprint"])
def test_words_that_only_contain_print_do_not_count(prose: str) -> None:
    [found] = examples(f"{prose}\n\n" + doctest(">>> show(1)", "1"))
    assert found.compare == "value"


def test_each_answer_is_an_example_and_all_before_it_is_its_setup() -> None:
    found = examples(doctest(">>> from sums import add", ">>> n = add(1)", ">>> n", "2", ">>> add(n)", "3"))
    assert [(each.setup, each.call, each.line) for each in found] == [
        (("from sums import add", "n = add(1)"), "n", 11),
        (("from sums import add", "n = add(1)", "n"), "add(n)", 13),
    ]


def test_blocks_share_no_state() -> None:
    found = examples("- AC1: adds\n\n  ```\n  >>> a = 1\n  >>> a\n  1\n  ```\n\n  ```pycon\n  >>> b\n  2\n  ```\n")
    assert [(each.setup, each.call) for each in found] == [(("a = 1",), "a"), ((), "b")]


def test_several_statements_on_one_prompt_are_setup_and_call() -> None:
    [found] = examples(doctest(">>> a = 1; b = 2; a + b", "3"))
    assert (found.setup, found.call) == (("a = 1", "b = 2"), "a + b")


def test_statements_over_several_lines_are_kept_whole() -> None:
    [found] = examples(doctest(">>> def twice(n):", "...     return 2 * n", ">>> twice(", "...     2)", "4"))
    assert (found.setup, found.call, found.line) == (("def twice(n):\n    return 2 * n",), "twice(\n    2)", 11)


def test_directives_are_obeyed_and_taken_out() -> None:
    found = examples(doctest(">>> f(1)  # doctest: +ELLIPSIS", "[1, ..., 9]", ">>> f(2)  # doctest: +SKIP", "4", ">>> f(3)", "6"))
    assert [(each.call, each.compare, each.ellipsis, each.setup) for each in found] == [
        ("f(1)", "text", True, ()),
        ("f(3)", "value", False, ("f(1)",)),
    ]
    assert codes(requirement(doctest(">>> f(1)", "1", ">>> f(2)  # doctest: +SKIP", "4"))) == [(11, "skipped-example")]
    assert codes(requirement(doctest(">>> f(1)  # doctest: +NORMALIZE_WHITESPACE", "1"))) == [(9, "unsupported-directive")]


@pytest.mark.parametrize("fence", ["```", "```python", "```py", "```pycon", "```doctest", "~~~~", "```Python"])
def test_doctests_are_read_from_fences_of_these_languages(fence: str) -> None:
    assert len(examples(f"- AC1: adds\n\n  {fence}\n  >>> add(1)\n  2\n  {fence[0] * fence.count(fence[0])}\n")) == 1


def test_fences_of_other_languages_are_prose() -> None:
    assert examples("- AC1: adds\n\n  ```text\n  >>> add(1)\n  2\n  ```\n") == []


# --- modules ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "module"),
    [
        ([">>> from a.b import c", ">>> c()", "1"], "a/b.py"),
        ([">>> import a.b", ">>> a.b.c()", "1"], "a/b.py"),
        ([">>> import json", ">>> from pytest import raises", ">>> from a import c", ">>> c()", "1"], "a.py"),
        ([">>> c()", "1"], ""),
    ],
)
def test_a_module_left_out_is_taken_from_the_imports(lines: list[str], module: str) -> None:
    assert first(requirement(doctest(*lines), "### R1: Sums")).module == module


def test_a_declared_dependency_is_not_the_module() -> None:
    text = "---\ndependencies: [numpy>=2]\n---\n" + requirement(doctest(">>> import numpy", ">>> from a import c", ">>> c()", "1"), "### R1: Sums")
    assert first(text).module == "a.py"


def test_a_name_imported_from_a_package_resolves_to_the_module_that_another_requirement_names() -> None:
    body = doctest(">>> from shop import till", ">>> till.open()", "1")
    text = requirement(body, "### R1: Till") + "\n### R2: Safe\nModule: src/shop/till.py\n\n- AC1: x\n"
    assert first(text).module == "src/shop/till.py"


def test_two_modules_are_noted_and_the_first_is_taken() -> None:
    text = requirement(doctest(">>> from a import c", ">>> from b import d", ">>> c(d)", "1"), "### R1: Sums")
    assert first(text).module == "a.py"
    assert (3, "ambiguous-module") in codes(text)


def test_a_console_command_tells_the_module() -> None:
    text = requirement("- AC1: asks\n\n  ```console\n  $ python -m shop.till --open\n  ok\n  ```\n", "### R1: Till")
    assert first(text).module == "shop/till.py"


# --- problems of the text --------------------------------------------------------------------------------------------

NATIVE = "## Requirements\n\n### R1: A\nModule: a.py\n\n- AC1: a\n"

ERRORS = {
    "empty file": ("", 0, "empty-file"),
    "blank file": ("\n \n\t\n", 0, "empty-file"),
    "no requirement": ("# Hello\n\nworld\n", 0, "no-requirements"),
    "unclosed front matter": ("---\ntitle: x\n" + NATIVE, 1, "bad-front-matter"),
    "front matter that is no YAML": ("---\ntitle: x\nproject: [a\n---\n" + NATIVE, 3, "bad-front-matter"),
    "front matter without keys": ("---\nhello\n---\n" + NATIVE, 2, "bad-front-matter"),
    "unknown key": ("---\ntitle: x\ntitel: y\n---\n" + NATIVE, 3, "unknown-key"),
    "unknown inner key": ("---\nbudget:\n  minutes: 1\n  mony: 2\n---\n" + NATIVE, 4, "unknown-key"),
    "key given twice": ("---\ntitle: x\ntitle: y\n---\n" + NATIVE, 3, "duplicate-key"),
    "number for text": ("---\ntitle: 2026\n---\n" + NATIVE, 2, "wrong-type"),
    "text for flag": ("---\ndraft: 'yes'\n---\n" + NATIVE, 2, "wrong-type"),
    "text for list": ("---\ndepends_on: accounts\n---\n" + NATIVE, 2, "wrong-type"),
    "flag for number": ("---\npriority: true\n---\n" + NATIVE, 2, "wrong-type"),
    "value for keys": ("---\nbudget: 5\n---\n" + NATIVE, 2, "wrong-type"),
    "keys for value": ("---\ntitle: {a: 1}\n---\n" + NATIVE, 2, "wrong-type"),
    "empty ladder": ("---\nagents: {code: []}\n---\n" + NATIVE, 2, "wrong-type"),
    "no minutes": ("---\nbudget: {minutes: 0}\n---\n" + NATIVE, 2, "out-of-range"),
    "no attempts": ("---\nbudget: {attempts: 0}\n---\n" + NATIVE, 2, "out-of-range"),
    "too much held out": ("---\ngates: {held_out: 0.6}\n---\n" + NATIVE, 2, "out-of-range"),
    "coverage over all": ("---\ngates: {coverage: 101}\n---\n" + NATIVE, 2, "out-of-range"),
    "other language": ("---\ntarget: {language: cobol}\n---\n" + NATIVE, 2, "out-of-range"),
    "cron of four fields": ("---\nschedule: 0 2 * *\n---\n" + NATIVE, 2, "bad-schedule"),
    "id with a slash": ("---\nid: a/b\n---\n" + NATIVE, 2, "unsafe-name"),
    "project that climbs": ("---\nproject: ..\n---\n" + NATIVE, 2, "unsafe-name"),
    "reserved project": ("---\nproject: environments\n---\n" + NATIVE, 2, "unsafe-name"),
    "branch that is an option": ("---\ntarget: {branch: --force}\n---\n" + NATIVE, 2, "bad-branch"),
    "dependency that is an option": ("---\ndependencies: ['--index-url=http://x']\n---\n" + NATIVE, 2, "bad-dependency"),
    "dependency from a URL": ("---\ndependencies: ['x @ http://x/y.whl']\n---\n" + NATIVE, 2, "bad-dependency"),
    "alias": ("---\ntitle: &a x\nproject: *a\n---\n" + NATIVE, 3, "yaml-bomb"),
    "duplicate requirement": (NATIVE + "\n### R1: B\n\n- AC1: b\n", 8, "duplicate-identifier"),
    "duplicate criterion": (NATIVE + "- AC2: b\n- AC-2: c\n", 8, "duplicate-identifier"),
    "dependency on nothing": (NATIVE.replace("Module", "Depends on: R7\nModule"), 4, "unknown-dependency"),
    "dependency on itself": (NATIVE.replace("Module", "Depends on: R1\nModule"), 4, "self-dependency"),
    "circle": (NATIVE.replace("Module", "Depends on: R2\nModule") + "\n### R2: B\nDepends on: R1\n\n- AC1: b\n", 4, "dependency-cycle"),
    "criterion without text": (NATIVE + "- AC2:\n- AC3: c\n", 7, "empty-criterion"),
    "task without text": (NATIVE + "- [ ]\n", 7, "empty-criterion"),
    "example that is no Python": (NATIVE + "\n  ```python\n  >>> x = 1\n  >>> f(1\n  2\n  ```\n", 10, "bad-example"),
    "prompt without a blank": (NATIVE + "\n  ```python\n  >>>f(1)\n  2\n  ```\n", 9, "bad-example"),
    "approximate text": (NATIVE + "\n  ```python\n  >>> f(1)\n  ≈ many\n  ```\n", 10, "bad-example"),
    "traceback of nothing": (NATIVE + "\n  ```python\n  >>> f(1)\n  Traceback (most recent call last):\n  ```\n", 10, "bad-example"),
    "statement outside a function": (NATIVE + "\n  ```python\n  >>> return 1\n  2\n  ```\n", 9, "bad-example"),
    "example nested too deeply": (NATIVE + f"\n  ```python\n  >>> {'-' * 400}1\n  2\n  ```\n", 9, "bad-example"),
    "table without a module": (
        NATIVE.replace("Module: a.py", "") + "\n  | `f(n)` | => |\n  |---|---|\n  | 1 | 2 |\n",
        8,
        "no-module-for-table",
    ),
    "module that is absolute": (NATIVE.replace("a.py", "/a.py"), 4, "bad-module"),
    "module that climbs": (NATIVE.replace("a.py", "../a.py"), 4, "bad-module"),
    "module that is no file": (NATIVE.replace("a.py", "a.b"), 4, "bad-module"),
    "module with a dash": (NATIVE.replace("a.py", "my-shop/a.py"), 4, "bad-module"),
    "module that is a keyword": (NATIVE.replace("a.py", "class.py"), 4, "bad-module"),
    "module like the standard library's": (NATIVE.replace("a.py", "json.py"), 4, "shadowing-module"),
    "module in a standard package": (NATIVE.replace("a.py", "src/email/a.py"), 4, "shadowing-module"),
    "module like pytest": (NATIVE.replace("a.py", "pytest.py"), 4, "shadowing-module"),
    "module among the tests": (NATIVE.replace("a.py", "tests/a.py"), 4, "shadowing-module"),
    "phase without a number": (NATIVE.replace("Module: a.py", "Module: a.py\nPhase: soon"), 5, "no-phase-number"),
    "input file that climbs": (NATIVE + "\n  ```csv ../a.csv\n  1\n  ```\n", 8, "bad-file-name"),
    "input file given twice": (NATIVE + "\n  ```csv a.csv\n  1\n  ```\n\n  ```csv a.csv\n  2\n  ```\n", 12, "duplicate-file"),
}


@pytest.mark.parametrize(("text", "line", "code"), ERRORS.values(), ids=ERRORS)
def test_an_error_names_its_line_and_code_and_sets_the_prd_aside(text: str, line: int, code: str) -> None:
    prd, problems = parse(text, "prds/a-prd.md")
    errors = [problem for problem in problems if problem.severity == "error"]
    assert [(each.path, each.line, each.code) for each in errors] == [("prds/a-prd.md", line, code)]
    assert prd is None
    assert errors[0].message


NOTES = {
    "unclosed fence": (NATIVE + "\n```text\nabc\n", 8, "unclosed-fence"),
    "block without an answer": (NATIVE + "\n  ```\n  >>> f(1)\n  ```\n", 9, "example-without-answer"),
    "text after a blank line": (NATIVE + "\n  ```\n  >>> f(1)\n  a\n\n  b\n  ```\n", 12, "text-after-blank-line"),
    "example outside a fence": (NATIVE + "\n>>> f(1)\n2\n", 8, "unfenced-example"),
    "shell fence": (NATIVE + "\n  ```bash\n  $ ls\n  ```\n", 8, "fence-not-read"),
    "table without answers": (NATIVE + "\n  | `f(n)` | note |\n  |---|---|\n  | 1 | 2 |\n", 8, "table-not-read"),
    "no module": (NATIVE.replace("Module: a.py", ""), 3, "no-module"),
    "no example": (NATIVE, 6, "criterion-without-example"),
    "no criterion": (NATIVE.replace("- AC1: a", "words"), 3, "requirement-without-criteria"),
    "text before a command": (NATIVE + "\n  ```console\n  hello\n  $ ls\n  ```\n", 9, "text-before-command"),
}


@pytest.mark.parametrize(("text", "line", "code"), NOTES.values(), ids=NOTES)
def test_a_note_names_its_line_and_code_and_stops_nothing(text: str, line: int, code: str) -> None:
    prd, problems = parse(text, "prds/a-prd.md")
    assert prd is not None
    assert (line, code, "note") in [(each.line, each.code, each.severity) for each in problems]


def said(text: str) -> Problem:
    return next(problem for problem in parse(text, "prds/sums.md")[1] if problem.severity == "error")


def test_problems_name_what_was_meant() -> None:
    assert "did you mean `title`?" in said(ERRORS["unknown key"][0]).message
    assert "lines 3 and 8" in said(ERRORS["duplicate requirement"][0]).message
    assert "lines 7 and 8" in said(ERRORS["duplicate criterion"][0]).message
    assert "R1 → R2 → R1" in said(ERRORS["circle"][0]).message
    assert "did you mean `R1`?" in said(NATIVE + "\n### R2: B\nDepends on: r1\n\n- AC1: b\n").message


def test_a_file_name_that_is_no_safe_id_says_what_to_write() -> None:
    [problem] = [each for each in parse(NATIVE, "prds/Library loans.md")[1] if each.severity == "error"]
    assert (problem.line, problem.code) == (0, "unsafe-name")
    assert "id: library-loans" in problem.hint
    assert prd_of("---\nid: loans\n---\n" + NATIVE, "prds/Library loans.md").id == "loans"


def test_a_draft_may_have_no_requirement_yet() -> None:
    prd, problems = parse("---\ndraft: true\n---\n# Idea\n", "idea.md")
    assert prd and prd.draft
    assert [(each.code, each.severity) for each in problems] == [("no-requirements", "note")]


@pytest.mark.parametrize("value", ["2026-13-40", "2026-02-30 08:00", "2026-13-40T08:00:00Z"])
def test_a_date_that_does_not_exist_is_named_where_it_stands(value: str) -> None:
    """YAML would build it before anybody could say which key it is."""
    _, problems = parse(f"---\nid: late\npriority: high\nstart: {value}\n---\n# Late\n", "prds/late.md")
    found = {(problem.code, problem.line): problem.message for problem in problems}
    assert ("wrong-type", 3) in found, "everything else that is wrong is said too"
    assert f"'{value}' is no date" in found["bad-start", 4]
    in_yaml = forms.read(f"id: late\ntitle: Late\nstart: {value}\n", "prds/late.yaml", "")
    assert [problem.line for problem in in_yaml.problems if problem.code == "bad-start" and value in problem.message] == [3]
