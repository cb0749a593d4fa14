"""The durable steps of a run, in order: after each of them the next run goes on from there, and before it from the one before.

A kill at any moment falls before or after one of these. `TDD_KILL_AT="after turn returned:2"` makes the process end itself with SIGKILL at that
place (the second time it gets there): the tests of recovery do so at every step, and you can.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

STEPS: dict[str, str] = {
    "run begun": "the ledger knows that this process works, and whose budget it goes on with",
    "planning saved": "the turns of the planning agent, which the journals hold already",
    "plan file written": "what was added to the PRD: it is never asked for again while the requirement is worded so",
    "plan saved": "the PRD, its tasks and what became of their earlier wordings, in one transaction",
    "task started": "the task is running",
    "turn reserved": "the turn is booked in the ledger at the most it may use; nothing is sent yet",
    "turn sent": "the journal says that the turn is about to be sent; from now on it may have been paid",
    "turn failed": "the journal says that the agent could not answer; the ledger takes the booking back where nothing was paid",
    "turn returned": "the journal holds the answer and what it changed: it is never asked for again",
    "turn settled": "the ledger holds what the turn used",
    "result saved": "result, turns, attempts and the move that follows, in one transaction",
    "commits made": "the judged trees are commits on the PRD's branch, by one compare-and-swap",
    "task done": "proofs, commits and the move, in one transaction",
    "evidence written": "the evidence bundle, and its commit on refs/orchestrator/evidence",
    "held-out committed": "the held-out examples of a complete PRD are committed as regression tests",
    "held-out kept": "the database knows of that commit",
    "branch checked": "what was found at a phase gate, or when a complete PRD was validated; tasks that no longer hold were made ready before",
    "run report written": "the run's report and its JUnit XML",
    "project report written": "the project's report",
    "run ended": "the run's outcome and figures",
    "bundle packed": "the git bundle in artifacts/",
    "inbox written": "what became of each PRD file",
    "run closed": "the ledger knows that this process has ended by itself",
}
"""Name → what is on the disk once it is over. What a run repeats (tasks, turns) is listed once."""

DELIVERING: dict[str, str] = {
    "delivered": "the branch, or the merge, is in the repository that it is for; the next run finds it there",
    "request opened": "the host has the request; the next run finds it and brings it up to date",
    "delivery saved": "the database knows where the branch went",
}
"""The same for what is delivered, after \"branch checked\"; in a run that delivers, for each PRD."""

PRUNING: dict[str, str] = {
    "rows pruned": "the database knows the runs no more, nor their results; their reports and texts are files that nothing names",
    "project report pruned": "the project's report no longer lists them",
    "files pruned": "their reports are gone, then the texts that nothing else refers to",
    "database made smaller": "the room of what was deleted is the disk's again",
}
"""The same for `orchestrator prune`, for each project. What a kill leaves is removed by the next one."""

KILL_AT = "TDD_KILL_AT"
_reached: Counter[str] = Counter()


@contextmanager
def durable(step: str) -> Iterator[None]:
    """Around the writing of one step. Raises KeyError for a step that is not listed."""
    assert step in STEPS or step in PRUNING or step in DELIVERING, step
    _passed(f"before {step}")
    yield
    _passed(f"after {step}")


def _passed(place: str) -> None:
    wanted, _, times = os.environ.get(KILL_AT, "").partition(":")
    if wanted == place:
        _reached[place] += 1
        if _reached[place] == int(times or 1):
            os.kill(os.getpid(), signal.SIGKILL)
