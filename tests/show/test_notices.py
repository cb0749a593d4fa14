"""Which event it is that a run tells, and what its message says."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.settings.notify import EVENTS, Notify
from orchestrator.show.messages import notices
from orchestrator.show.messages.notices import Digest
from orchestrator.telling import Told


@pytest.mark.parametrize(
    ("told", "event"),
    [
        (Told("loans#R1: gave up: …", "task ended", facts={"state": "failed"}), "failed"),
        (Told("loans#R1: done: …", "task ended", facts={"state": "done"}), None),
        (Told("loans#R1: needs a person: which?", "needs a person"), "person"),
        (Told("loans#R1: parked: the run's budget of 1 turn is used up (1 turn spent)", "parked", facts={"cause": "budget"}), "budget"),
        (Told("loans#R1: 85 % of the day's budget of 2.00 USD is used", "budget"), "budget"),
        (Told("loans#R1: parked: the breaker of local is open: 3 failures in a row", "parked", facts={"cause": "breaker"}), "breaker"),
        (Told("circuit-breaker#R1: parked: rate limited", "parked", facts={"cause": ""}), "parked"),
        (Told("", "conflict", facts={"why": "the branch moved on"}), "conflict"),
        (Told("loans: delivered", "delivered", facts={"ok": True}), "delivered"),
        (Told("loans: a note"), None),
        (Told("", "turn began"), None),
        (Told("", "run ended"), None),
    ],
)
def test_what_is_told_is_an_event_or_none(told: Told, event: str | None) -> None:
    assert notices.event_of(told) == event
    found = notices.notice(told)
    assert (found.event if found else None) == event
    assert found is None or (found.text and event in EVENTS)


def ended(**facts: Any) -> Told:
    counts = {"exit_code": 0, "turns": 0, "done": 0, "failed": 0, "needs_person": 0, "parked": 0, "seconds": 3.2}
    return Told("", "run ended", facts={**counts, **facts})


def test_the_end_of_a_run_tells_all_of_it_and_of_a_run_without_news_nothing() -> None:
    assert Digest().notice(ended()) is None
    assert Digest().notice(ended(exit_code=5)) is None, "it only waits, as it did before"
    digest = Digest()
    for number in range(3):
        digest.add(Told(f"loans#R{number}: gave up: no\nmore of it", "task ended", "loans", facts={"state": "failed"}))
    digest.add(Told("loans#R4: parked: the run's budget of 1 turn is used up", "parked", "loans", facts={"cause": "budget"}))
    digest.add(Told("", "project ended", "loans", facts={"run": "r1", "outcome": "failed"}))
    digest.add(Told("", "project ended", "idle", facts={"run": "", "outcome": "done"}))
    found = digest.notice(ended(exit_code=1, failed=3, done=1, parked=1, turns=4))
    assert found is not None and found.type == "failure"
    assert found.text.splitlines() == [
        "1 done, 3 failed, 1 parked; 4 turns in 3 s; exit code 1 (a task failed)",
        "loans: failed",
        "a budget comes to its end",
        "loans#R0: gave up: no",
        "loans#R1: gave up: no",
        "loans#R2: gave up: no",
    ]


def test_an_error_of_ours_is_told_though_nothing_was_done() -> None:
    found = Digest().notice(ended(exit_code=70))
    assert found is not None and (found.type, "exit code 70 (an error)" in found.text) == ("failure", True)
    assert "no space is left @\u200bhome" in notices.stopped("no space is left @home", 0.0).text


def test_a_message_is_a_few_lines_without_secrets_and_says_what_was_held_back() -> None:
    found = notices.notice(Told("\n".join(f"line {number} of s3cret-key " + "x" * 400 for number in range(40)), "needs a person", "loans"))
    assert found is not None
    title, text = notices.message(found, Notify(), 3, 0.0, lambda said: said.replace("s3cret-key", "[redacted]"))
    lines = text.splitlines()
    assert title == "TDD orchestrator: a person is needed (loans)"
    assert (len(lines), lines[-2], lines[-1]) == (22, "… and 20 more lines", "3 more of this kind since 1970-01-01 00:00 UTC were held back")
    assert "s3cret" not in text and max(map(len, lines)) < 320
