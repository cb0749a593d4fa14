"""The scan of tests that an agent wrote."""

from __future__ import annotations

import pytest

from orchestrator.model import Change, Finding
from orchestrator.run.gates import scan
from tests.run.scan_tests_corpus import BAD, DOC, GOOD, HEAD, test

make = test
KEYS = ("R1.AC1", "R1.AC2")
PATH = "tests/test_shop.py"


def scanned(text: str, *, path: str = PATH, subjects: tuple[str, ...] = ("shop.py",), keys: tuple[str, ...] = KEYS) -> tuple[Finding, ...]:
    return scan.tests((Change(path, text),), keys, subjects)


def refused(text: str, **more: object) -> dict[str, str]:
    return {each.message.partition(":")[0]: each.message for each in scanned(text, **more) if each.severity == "error"}  # type: ignore[arg-type]


@pytest.mark.parametrize("name", BAD)
def test_a_bad_test_is_refused_by_its_detector(name: str) -> None:
    detector, text = BAD[name]
    assert detector in refused(text), scanned(text)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_test_is_not_refused(name: str) -> None:
    compile(GOOD[name], name, "exec")
    assert refused(GOOD[name]) == {}


def test_every_detector_that_refuses_has_a_bad_test() -> None:
    errors = {name for name, (severity, _) in scan.TEST_DETECTORS.items() if severity == "error"}
    assert errors == {detector for detector, _ in BAD.values()}


def test_notices() -> None:
    for name, text in {
        "both sides": make("assert price(1) == price(2) - 40"),
    }.items():
        assert refused(text) == {}
        assert [(each.message.partition(":")[0], each.severity) for each in scanned(text)] == [(name, "notice")]


def test_a_finding_says_where_and_which_keys_there_are() -> None:
    (finding,) = scanned(make("assert price(1) == 40", doc='    """Rolls."""\n'))
    assert (finding.gate, finding.severity, finding.where) == ("scan", "error", "tests/test_shop.py:4")
    assert "begin its docstring with one of R1.AC1, R1.AC2" in finding.message


def test_conftest_is_a_hook() -> None:
    assert "hooks" in refused(GOOD["plain"], path="tests/conftest.py")


def test_named_tells_which_tests_name_which_key() -> None:
    one, other = GOOD["plain"], GOOD["a class"].replace("AC1", "R1.AC2")
    both = make("assert price(1) == 40", doc='    """AC1 and AC2: rolls."""\n')
    changes = (
        Change("tests/test_a.py", one),
        Change("tests/test_b.py", other),
        Change("tests/test_c.py", both),
        Change("tests/test_d.py", "def ("),
        Change("x", None),
    )
    assert scan.named(changes, (*KEYS, "R1.AC3")) == {
        "R1.AC1": ("tests/test_a.py::test_price", "tests/test_c.py::test_price"),
        "R1.AC2": ("tests/test_b.py::TestPrice::test_one", "tests/test_c.py::test_price"),
        "R1.AC3": (),
    }


@pytest.mark.parametrize(
    ("doc", "keys", "named"),
    [
        ("AC1: it", ("AC1", "AC10"), ["AC1"]),
        ("AC10: it", ("AC1", "AC10"), ["AC10"]),
        ("AC1: it", ("R1.AC1", "R2.AC1"), []),
        ("R2.AC1: it", ("R1.AC1", "R2.AC1"), ["R2.AC1"]),
        ("loans#R2.AC1 it", ("R1.AC1", "R2.AC1"), ["R2.AC1"]),
        ("AC1, AC3: both", ("AC1", "AC2", "AC3"), ["AC1", "AC3"]),
        ("AC1. It", ("AC1",), ["AC1"]),
        ("AC1 - it", ("AC1",), ["AC1"]),
        ("about AC1", ("AC1",), []),
        ("", ("AC1",), []),
        ("FR-1.2: it", ("FR-1.2",), ["FR-1.2"]),
    ],
)
def test_how_a_docstring_names_a_criterion(doc: str, keys: tuple[str, ...], named: list[str]) -> None:
    text = make("assert price(1) == 40", doc=f'    """{doc}"""\n')
    found = scan.named((Change(PATH, text),), keys)
    assert [key for key in keys if found[key]] == named


def test_the_subject_may_lie_below_src_in_a_package_and_be_handed_on() -> None:
    body = "assert price(1) == 40"
    for head in ("from library.shop import price\n\n", "from library import price\n\n", "import library.shop\nfrom library.shop import price\n\n"):
        assert refused(make(body, head=head), subjects=("src/library/shop.py",)) == {}
    assert "subject not called" in refused(make(body, head="from other import price\n\n"), subjects=("src/library/shop.py",))


def test_without_known_subjects_what_is_imported_is_one() -> None:
    assert refused(make("assert price(1) == 40"), subjects=()) == {}
    assert "subject not called" in refused(make("assert math.floor(1.5) == 1", head="import math\n\n"), subjects=())


def test_a_test_may_not_do_what_code_may_not() -> None:
    text = HEAD + "import inspect\n\ndef test_price():\n" + DOC + "    assert price(1) == 40\n    inspect.stack()\n"
    assert "forbidden" in refused(text)
