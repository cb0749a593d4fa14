"""`python -m benchmarks.agents.ablation COMMAND…`: a command of the orchestrator whose oracle is not asked what holds.

This is done here, in the process of the benchmark, and is no switch of the product. Whatever is put to the oracle counts as right, so that nothing
but tests that the agent can see, run where its code runs too, stands between a candidate and "done". RED, the locked tests, the scan, the whole
suite and the cold run of the tests stay.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from orchestrator import cli
from orchestrator.model import Example, Observation, Step, TestOutcome
from orchestrator.run import oracle, sandboxes


def not_asked(step: Step, what: str, examples: tuple[Example, ...], root: Path, **_: Any) -> Observation:
    """In the place of `oracle.ask`."""
    outcomes = tuple(TestOutcome(example.id, "passed") for example in examples)
    return Observation(step, what, "nothing: the oracle is not asked", 0, outcomes, "", 0.0, sandboxes.level().name)


def main() -> int:
    oracle.ask = not_asked
    return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
