"""What is printed where a project stands: done is said of what is done, and of nothing else."""

from __future__ import annotations

from collections import Counter

import pytest

from orchestrator.run.lifecycle import STATES
from orchestrator.show.console.terminal import state_words

WORDS = {"pending": "waiting", "ready": "waiting", "produced": "running", "unclear": "needs a person", "retired": "–"}


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_a_word_and_only_done_is_done(state: str) -> None:
    assert state_words(Counter({state: 1})) == WORDS.get(state, state)
    beside = state_words(Counter({state: 1, "done": 3}))
    assert beside == ("done" if state in ("done", "retired") else WORDS.get(state, state))


def test_the_most_pressing_stands_first_with_its_number() -> None:
    states = Counter({"done": 4, "ready": 1, "pending": 2, "running": 1, "produced": 1, "failed": 2, "unclear": 1, "retired": 5})
    assert state_words(states) == "2 failed, needs a person, 2 running, 3 waiting"


def test_where_there_is_no_task_nothing_is_done() -> None:
    assert state_words(Counter()) == "–"
    assert state_words(Counter({"odd": 2, "done": 1})) == "2 odd", "a state of a newer version is not taken for done"
