"""How ready a PRD is, before a turn is paid for."""

from __future__ import annotations

import json

import pytest

from orchestrator.inbox import markdown
from orchestrator.plan import outline, thin
from orchestrator.plan.readiness import CRITERIA, WEIGHTS, Readiness, readiness
from tests.conftest import Workplace

HEAD = "# Sums\n\n## Requirements\n\n### R1: Judge\nModule: sums.py\n\n"
RICH = "- AC1: doubled\n\n  | `f(n)` | => |\n  |---|---|\n" + "".join(f"  | {number} | {number * 2} |\n" for number in range(1, 6)) + "\n"


def of(text: str) -> Readiness:
    prd, problems = markdown.parse(text, "prds/sums.md")
    assert prd, problems
    return readiness(prd, thin.notes(prd, outline.decompose(prd, 0.25)))


def points(found: Readiness) -> dict[str, float]:
    return {part.name: part.points for part in found.parts}


def test_what_can_be_decided_by_examples_alone_is_ready() -> None:
    assert sum(WEIGHTS.values()) == 100
    assert (of(HEAD + RICH).score, of(HEAD + RICH).problems) == (100, ())


def test_each_lack_takes_away_its_own_points() -> None:
    whole = points(of(HEAD + RICH))
    assert whole == WEIGHTS
    half = points(of(HEAD + RICH + "- AC2: it is fast\n"))
    assert (half["examples"], half["words"], half["strength"]) == (20, 7.5, 0)
    text = "# Sums\n\n## Requirements\n\n### R1: Judge\n\n- AC1: it adds\n"
    assert points(of(text))["interface"] == 0
    many = points(of(HEAD + RICH + "".join(f"- AC{number}: rule {number} holds\n" for number in range(2, CRITERIA + 3))))
    assert many["size"] == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("it answers quickly and gracefully", "“quickly”, “gracefully”"),
        ("errors are handled as appropriate, etc.", "“as appropriate”, “etc”"),
        ("the interface is user-friendly", "“user-friendly”"),
    ],
)
def test_words_that_nothing_can_measure_are_named_with_their_line(text: str, words: str) -> None:
    (problem,) = of(f"{HEAD}- AC1: {text}\n").problems
    assert (problem.code, problem.line, problem.severity) == ("vague-words", 8, "note")
    assert f"`R1.AC1` says {words}: nothing can tell" in problem.message


@pytest.mark.parametrize("text", ["`fast(n)` answers n", 'it prints "etc"', "the breakfast is served", "it is done in 200 ms"])
def test_names_quotations_and_parts_of_words_are_no_vague_words(text: str) -> None:
    assert of(f"{HEAD}- AC1: {text}\n").problems == ()


def test_a_word_is_not_vague_where_an_example_says_what_it_means() -> None:
    assert of(HEAD + RICH.replace("doubled", "doubled quickly")).problems == ()


def test_check_prints_the_score_and_what_would_raise_it(place: Workplace) -> None:
    place.prd("sums", HEAD + RICH + "- AC2: it is fast\n")
    said = place.command("check").stdout
    assert "prds/sums.md: readiness 52 of 100" in said
    assert "1 criterion has no example" in said and "[vague-words]" in said
    (found,) = json.loads(place.command("check", "--json").stdout)["readiness"]
    assert (found["prd"], found["score"]) == ("sums", 52)
    assert {part["name"] for part in found["parts"]} == set(WEIGHTS)
