"""Every word of a report that a page shows as a chip: its symbol, its tone (a colour of site.css) and a sentence for the reader.

A word that is not listed here is shown as it stands, in a neutral tone: a newer report must not break an older site.
"""

from __future__ import annotations

from typing import NamedTuple

from orchestrator.run import evidence


class Word(NamedTuple):
    symbol: str
    tone: str
    """`good`, `bad`, `person`, `wait`, `live` or `quiet`."""
    says: str


STATES: dict[str, Word] = {
    "pending": Word("○", "quiet", "waits for the tasks it depends on"),
    "ready": Word("○", "quiet", "can be worked on by the next run"),
    "running": Word("▶", "live", "an attempt is under way"),
    "produced": Word("▶", "live", "passed every gate, not yet committed"),
    "done": Word("✓", "good", "passed every gate and committed"),
    "parked": Word("‖", "wait", "waits for an agent, a tool or a budget; costs no attempt"),
    "failed": Word("✗", "bad", "gave up: no candidate passed the gates within its limits"),
    "unclear": Word("?", "person", "the PRD cannot be satisfied as written: a person must answer"),
    "skipped": Word("–", "quiet", "a task it depends on failed or needs a person"),
    "retired": Word("–", "quiet", "its requirement is gone from the PRD"),
}

VERDICTS: dict[str, Word] = {
    "passed": Word("✓", "good", "a candidate passed every gate"),
    "already satisfied": Word("✓", "good", "the code did this before any turn was taken, and every gate agreed"),
    "gave up": Word("✗", "bad", "no candidate passed the gates within its limits"),
    "needs a person": Word("?", "person", "the PRD cannot be satisfied as written"),
    "parked": Word("‖", "wait", "waits for an agent, a tool or a budget"),
    "changed": Word("↻", "wait", "its requirement was edited while it was worked on: nothing of it is used"),
    "refused": Word("✗", "bad", "a gate refused this candidate"),
}

OUTCOMES: dict[str, Word] = {
    "done": Word("✓", "good", "every task that was worked on passed"),
    "failed": Word("✗", "bad", "at least one task gave up"),
    "needs a person": Word("?", "person", "at least one task has a question only a person can answer"),
    "parked": Word("‖", "wait", "work waits for an agent, a tool or a budget"),
    "interrupted": Word("!", "wait", "the run was stopped before its end; the next one goes on"),
}

CRITERIA: dict[str, Word] = {
    "proved": Word("✓", "good", "its task is done, and the proof belongs to the text as it is now"),
    "unproved": Word("○", "quiet", "no proof yet"),
    "failing": Word("✗", "bad", "its task gave up"),
    "outdated": Word("↻", "wait", "proved for an earlier wording; the PRD changed since"),
    "needs a person": Word("?", "person", "a question about it is open"),
}

EDITS: dict[str, Word] = {
    "unchanged": Word("=", "quiet", "says what it said: nothing is done again"),
    "changed": Word("↻", "wait", "worded otherwise: its task is done again"),
    "added": Word("+", "good", "new in the text"),
    "removed": Word("−", "bad", "no longer in the text: its code and tests stay until a person decides"),
    "renamed": Word("→", "live", "the same under another identifier: proved again without a turn"),
}

RECEIPTS: dict[str, Word] = {
    "accepted": Word("✓", "good", "taken, and its tasks are planned"),
    "draft": Word("○", "quiet", "`draft: true`: checked, never run"),
    "set aside": Word("✗", "bad", "has errors; tried again when the file changes"),
    "waiting": Word("‖", "wait", "fine, but nothing can work on it now"),
    "gone": Word("–", "quiet", "the file is no longer there"),
}

TEST_OUTCOMES: dict[str, Word] = {
    "passed": Word("✓", "good", "the test passed"),
    "agreed": Word("✓", "good", "the answer was the expected one"),
    "failed": Word("✗", "bad", "the test failed"),
    "skipped": Word("–", "quiet", "the test was skipped"),
    "timeout": Word("◷", "wait", "killed at its time limit"),
}

_ENDED_QUIETLY = {"time": "◷", "left behind": "!", "inspection": "!"}
INCIDENTS: dict[str, Word] = {
    kind: Word(_ENDED_QUIETLY.get(kind, "✗"), "wait" if kind in _ENDED_QUIETLY else "bad", sentence) for kind, sentence in evidence.INCIDENTS.items()
}

MUTANTS: dict[str, Word] = {
    "killed": Word("✓", "good", "a test failed"),
    "timeout": Word("✓", "good", "a test did not end"),
    "survived": Word("!", "wait", "every test that reaches it still passed"),
    "no coverage": Word("!", "wait", "no test reaches it"),
    "error": Word("–", "quiet", "the mutant could not be made"),
}

TIDYING: dict[str, Word] = {
    "kept": Word("✓", "good", "every gate still passed and the figures are better"),
    "dropped": Word("–", "quiet", "the code stays as it passed"),
}

PHASES: dict[str, Word] = {
    "done": Word("✓", "good", "all its tasks are done"),
    "open": Word("▶", "live", "its tasks can be worked on"),
    "waits": Word("○", "quiet", "its tasks do not begin yet"),
}

GATES: dict[str, Word] = {
    "passed": Word("✓", "good", "the whole suite and everything finished held at this head"),
    "not passed": Word("✗", "bad", "something did not hold at this head"),
}

VALIDATIONS: dict[str, Word] = {
    "holds": Word("✓", "good", "nothing new is wrong"),
    "complaints": Word("✗", "bad", "something is wrong that was not before our work"),
    "noted": Word("!", "wait", "nothing is wrong; a person should know it"),
    "not run": Word("–", "quiet", "it was not looked at"),
}

DELIVERIES: dict[str, Word] = {
    "delivered": Word("✓", "good", "it is in the repository that it is for"),
    "by hand": Word("!", "wait", "one step is left to a person, and the command for it is known"),
    "blocked": Word("?", "person", "it was not delivered: a person must decide"),
    "failed": Word("‖", "wait", "it could not be delivered; the next run tries again"),
}

LEVELS: dict[str, Word] = {
    "held-out": Word("4", "level-4", "the expected answers were compared in the trusted process, on examples the agent had never seen as well"),
    "oracle": Word("3", "level-3", "the expected answers were compared in the trusted process, where the agent's code cannot reach"),
    "human test": Word("2", "level-2", "a test written by a person passes; it runs in one process with the code it judges"),
    "agent test": Word("1", "level-1", "a test written by an agent passes; it failed before the code was there"),
    "none": Word("0", "level-0", "nothing has been proved"),
}
"""Strongest first; the order of every bar, legend and table."""

ALL: dict[str, dict[str, Word]] = {
    "state": STATES,
    "verdict": VERDICTS,
    "outcome": OUTCOMES,
    "criterion": CRITERIA,
    "edit": EDITS,
    "receipt": RECEIPTS,
    "test": TEST_OUTCOMES,
    "level": LEVELS,
    "incident": INCIDENTS,
    "mutant": MUTANTS,
    "tidying": TIDYING,
    "phase": PHASES,
    "gate": GATES,
    "validation": VALIDATIONS,
    "delivery": DELIVERIES,
}


def word(kind: str, value: str) -> Word:
    """The Word for a value; a test outcome that is not listed is one of the many ways to fail."""
    unknown = Word("✗", "bad", value) if kind == "test" else Word("·", "quiet", value)
    if kind == "verdict":  # of a task that a run only moved, its state
        unknown = STATES.get(value, unknown)
    return ALL[kind].get(value, unknown)
