"""What must hold before a candidate is believed: each gate a function from facts to findings. Pure.

The gates in the order they are asked, cheapest first:
"""

from __future__ import annotations

GATES: dict[str, str] = {
    "red": "every new test fails for the right reason at the base, or fails once its subject is stubbed; none passes on stubs of two kinds",
    "writable roots": "the agent may write sources; anything else is restored and reported",
    "locked tests": "the tests are the orchestrator's between RED and the end; any change is restored and reported",
    "syntax": "what is to be run is valid Python",
    "no progress": "an answer that was refused before is not tested again",
    "oracle": "every visible example holds in the trusted process",
    "held-out": "examples the agent never saw hold too",
    "green": "each locked test passed exactly once in the graft, and the exit code agrees",
    "regression": "no test that held at the base fails in the graft",
}
