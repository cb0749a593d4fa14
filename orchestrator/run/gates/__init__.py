"""What must hold before a candidate is believed: each gate a function from facts to findings. Pure.

The gates in the order they are asked, cheapest first. An `error` refuses the candidate; a `notice` is shown and recorded.
"""

from __future__ import annotations

GATES: dict[str, str] = {
    "red": "every new test fails for the right reason at the base, or fails once its subject is stubbed; none passes on stubs of two kinds",
    "writable roots": "the agent may write sources; anything else is restored and reported",
    "locked tests": "the tests are the orchestrator's between RED and the end; any change is restored and reported",
    "no progress": "an answer that was refused before is not tested again",
    "syntax": "what is to be run is valid Python",
    "scan": "neither the tests nor the code hold what has no honest use there: exits, a look at the runner, assertions that cannot fail, …",
    "sandbox": "the code tried nothing that the sandbox had to stop: a connection, a write outside, more than its share of the machine",
    "oracle": "every visible example holds in the trusted process",
    "held-out": "examples the agent never saw hold too",
    "green": "each locked test passed exactly once in the graft, and the exit code agrees",
    "human test": "each test of the repository that names a criterion passed exactly once, run as the project runs it",
    "regression": "no test that held at the base fails in the graft",
    "outdated test": "a lost test of a requirement that is gone, or worded otherwise and comes later, refuses nothing and is named",
    "flaky": "a test that failed and then held alone and in the suite is put in quarantine, not believed and not blamed",
    "cold run": "all of it holds once more in a fresh interpreter, with another hash seed and the clock ten years ahead",
    "repeatable": "the same question gets the same answer when it is asked again",
    "special casing": "inputs near the examples' are not all answered alike; where they are, the proof level is at most `oracle`",
    "covered": "examples run every branch of the code; what none runs is named, and the proof level is at most `oracle`",
    "mutation": "the tests notice when the code is changed; survivors are named",
}
