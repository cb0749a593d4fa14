"""The gates over the final run and over what may be claimed, as rules."""

from __future__ import annotations

import pytest

from orchestrator.model import Change, Finding, Observation, TestOutcome
from orchestrator.run.gates import claims, cold, green, scan
from tests.run.values import criterion, example, task


def seen(what: str = "x", exit_code: int | None = 0, **outcomes: str) -> Observation:
    found = tuple(TestOutcome(name, outcome) for name, outcome in outcomes.items())
    return Observation("check_green", what, "", exit_code, found, "", 0.0, "full")


def answered(identity: str, outcome: str) -> Observation:
    return Observation("check_green", "oracle, cold", "", 1, (TestOutcome(identity, outcome, "", "it said so"),), "", 0.0, "full")


@pytest.mark.parametrize(
    ("setup", "severity"),
    [((), "error"), (("from shop import price",), "error"), (("cart = Cart()", "cart.add(1)"), "error"), (("add('a')",), "notice")],
)
def test_a_changing_answer_is_an_error_unless_the_prd_shows_functions_that_remember(setup: tuple[str, ...], severity: str) -> None:
    found = example("f(1)", setup=setup)
    [finding] = cold.answers(answered(found.id, "changed"), (found,), {found.id: "p#R1.AC1"})
    assert (finding.gate, finding.severity) == ("repeatable", severity)


def test_what_does_not_hold_cold_is_an_error_and_a_hidden_value_is_not_told() -> None:
    found = example("f(1)", held_out=True)
    [finding] = cold.answers(answered(found.id, "wrong value"), (found,), {found.id: "p#R1.AC1"})
    assert (finding.gate, finding.severity) == ("cold run", "error")
    assert "it said so" not in finding.message


def lost(before: Observation, after: Observation, *again: Observation, quarantined: frozenset[str] = frozenset()) -> green.Regressions:
    missing = green.lost(before, after, frozenset())
    return green.regressions(before, after, again, missing, quarantined)


BASE = seen(a="passed", b="passed", c="wrong value")


def test_a_lost_test_is_a_regression_and_one_that_failed_before_is_not() -> None:
    found = lost(BASE, seen(exit_code=1, a="wrong value", b="passed", c="wrong value"))
    assert [(finding.gate, finding.severity) for finding in found.findings] == [("regression", "error")]
    assert found.flaky == ()


def test_a_test_that_holds_alone_and_in_the_suite_again_is_flaky() -> None:
    found = lost(
        BASE, seen(exit_code=1, a="wrong value", b="passed"), seen("alone: a", a="passed"), seen("whole suite, again", a="passed", b="passed")
    )
    assert [(finding.gate, finding.severity) for finding in found.findings] == [("flaky", "notice")]
    assert [flaky.test for flaky in found.flaky] == ["a"]


def test_a_test_that_holds_alone_and_fails_in_the_suite_again_was_broken_by_the_candidate() -> None:
    found = lost(BASE, seen(exit_code=1, a="wrong value", b="passed"), seen("alone: a", a="passed"), seen("whole suite, again", a="wrong value"))
    assert [(finding.gate, finding.severity) for finding in found.findings] == [("regression", "error")]
    assert "in the suite it failed again" in found.findings[0].message


def test_a_test_in_quarantine_refuses_nothing() -> None:
    found = lost(BASE, seen(exit_code=1, a="wrong value", b="passed"), quarantined=frozenset({"a"}))
    assert [(finding.gate, finding.severity) for finding in found.findings] == [("flaky", "notice")]


@pytest.mark.parametrize(("before", "severity"), [(0, "error"), (None, "notice")])
def test_a_suite_over_its_time_refuses_only_when_it_was_not_before(before: int | None, severity: str) -> None:
    found = lost(seen(exit_code=before), seen(exit_code=None))
    assert [finding.severity for finding in found.findings] == [severity]


SHOWN = tuple(example(f"price({n})", str(n * 40), id=f"p#R1.AC1/{n}") for n in (1, 2, 3))
HIDDEN = (example("price(7)", "280", id="p#R1.AC1/7", held_out=True),)
TASK = task(criterion("AC1", "x", *SHOWN, *HIDDEN))


def claimed(source: str, hidden: tuple[object, ...] = HIDDEN) -> claims.Claims:
    changes = (Change("shop.py", source),)
    scanned: tuple[Finding, ...] = scan.code(changes, SHOWN)
    return claims.judge(changes, scanned, TASK, SHOWN, hidden)  # type: ignore[arg-type]


def test_plain_code_may_claim_what_held() -> None:
    assert claimed("def price(n):\n    return n * 40\n") == claims.Claims((), frozenset())


def test_a_table_of_every_visible_example_claims_no_more_than_the_oracle() -> None:
    found = claimed("def price(n):\n    return {1: 40, 2: 80, 3: 120}.get(n, n * 40)\n")
    assert found.criteria == {"p#R1.AC1"}
    assert [finding.gate for finding in found.findings] == ["special casing"]


def test_a_table_that_is_the_rule_may_claim_more() -> None:
    assert claimed("PRICES = {1: 40, 2: 80, 3: 120, 7: 280}\ndef price(n):\n    return PRICES[n]\n").criteria == set()


def test_code_that_reads_the_clock_claims_no_more_than_the_oracle() -> None:
    found = claimed("import time\ndef price(n):\n    return n * 40 if time.localtime().tm_wday < 7 else 0\n")
    assert found.criteria == {"p#R1.AC1"}
    assert "clock" in found.findings[0].message


def test_too_few_examples_to_hold_any_out_are_named() -> None:
    [finding] = claimed("def price(n):\n    return n * 40\n", ()).findings
    assert (finding.gate, finding.severity) == ("held-out", "notice")
    assert "`price(_)` (3)" in finding.message
