"""What is said of survivors, and when a threshold refuses."""

from __future__ import annotations

from orchestrator.model import Mutant, MutantStatus, Mutation
from orchestrator.run.gates.mutation import survivors


def mutant(number: int, status: MutantStatus, original: str = "a + b", replacement: str = "a - b") -> Mutant:
    return Mutant(f"m{number}", "shop.py", f"f{number % 3}", number, 4, number, 9, "arithmetic", original, replacement, status)


def test_a_survivor_is_a_notice_with_its_place_and_the_change_in_words() -> None:
    (one, two) = survivors(Mutation((mutant(7, "survived"), mutant(8, "killed"), mutant(9, "survived", "log(\n  a)", "pass")), 0, 1.0), None)
    assert (one.gate, one.severity, one.where) == ("mutation", "notice", "shop.py:7")
    assert one.message == "shop.py:7: `a + b` became `a - b` in `f1` and no test noticed"
    assert two.message == "shop.py:9: `log( a)` was removed in `f0` and no test noticed"


def test_unreached_functions_are_named_once() -> None:
    found = survivors(Mutation((mutant(3, "no coverage"), mutant(6, "no coverage"), mutant(4, "no coverage")), 0, 1.0), None)
    assert [item.message for item in found] == ["shop.py:3: no test reaches 2 changes in `f0`", "shop.py:4: no test reaches 1 change in `f1`"]


def test_ten_are_shown_and_the_rest_counted() -> None:
    found = survivors(Mutation(tuple(mutant(number, "survived") for number in range(1, 14)), 0, 1.0), None)
    assert len(found) == 11
    assert found[-1].message == "… and 3 more that no test noticed"
    assert {item.severity for item in found} == {"notice"}


def test_a_threshold_refuses_only_when_it_is_missed() -> None:
    half = Mutation((mutant(1, "killed"), mutant(2, "timeout"), mutant(3, "survived"), mutant(4, "no coverage"), mutant(5, "error")), 0, 1.0)
    assert [item.severity for item in survivors(half, 50)] == ["notice", "notice"]
    error, *_ = survivors(half, 51)
    assert (error.severity, error.message) == ("error", "the tests noticed 2 of 4 mutants, 50 %, and 51 % must be noticed")


def test_nothing_to_mutate_misses_no_threshold_but_nothing_tested_does() -> None:
    assert survivors(Mutation((), 0, 1.0), 80) == ()
    (error,) = survivors(Mutation((), 12, 1.0), 80)
    assert (error.severity, error.message) == ("error", "none of 12 mutants could be tested, and 80 % must be noticed")
    assert survivors(Mutation((), 12, 1.0), None) == ()


def test_a_long_change_is_cut() -> None:
    (notice,) = survivors(Mutation((mutant(1, "survived", "x" * 5000, "y"),), 0, 1.0), None)
    assert len(notice.message) < 250
