"""Phases, a validation and a forecast of the library: one of each trouble a page must show."""

from __future__ import annotations

from orchestrator.save import wholes as w

HEAD = "c3d1e0ab77f29c0de1fba6a1b0b6ff3fb9ec0b66"
RUN = "20261122T203251Z-1a2b"
AT = "2026-11-22T20:34:10Z"

GATE = w.GateReport(
    prd="loans", phase=1, at=AT, run=RUN, head=HEAD, tree="9c1185a5c5e9fc54612808977ee8f548b2258d31", passed=False, tasks=2, examples=7, tests=12,
    seconds=3.4, sandbox="full",
    broken=[
        w.BrokenReport(task="loans#R1", what="loans#R1.AC1/1", message="`Shelf([]).titles` gave None, expected []"),
        w.BrokenReport(task="", what="tests/test_own.py::test_of_a_person", message="assert 1 == 2"),
    ],
    notices=["tests/test_old.py::test_slow fails, as it did before our work"],
)  # fmt: skip

PHASES = [
    w.PhaseReport(number=1, title="Lending", line=20, tasks=2, done=2, state="done", reason="", gate=GATE),
    w.PhaseReport(
        number=2, title="Fines & letters", line=50, tasks=3, done=0, state="waits", gate=None,
        reason="waits for phase 1: its gate did not pass: loans#R1.AC1/1: `Shelf([]).titles` gave None, expected [] (and 1 more)",
    ),
]  # fmt: skip

VALIDATION = w.ValidationReport(
    prd="loans", head="aa218f56b14c9653891f9e74264a383fa43fefbd", tree="5f2b0a1", base="4b825dc642cb6eb9a060e54bf8d69288fbee4904", at=AT, run=RUN,
    passed=False, seconds=2.6, sandbox="full",
    checks=[
        w.CheckReport(name="suite", state="holds", detail="12 tests run, none fails that held before", tool="pytest"),
        w.CheckReport(
            name="ruff", state="complaints", detail="1 new complaint; 9 that were there before", tool="ruff 0.17.6, ours", known=9,
            complaints=[w.ComplaintReport(where="library/loans.py:3", code="F401", message="`os` imported but unused")],
        ),
        w.CheckReport(name="mypy", state="not run", detail="not run: mypy is not installed in the project's environment", tool="mypy"),
        w.CheckReport(
            name="criteria", state="noted", detail="8 of 8 criteria proved; 1 requirement is in no task", more=2,
            complaints=[w.ComplaintReport(where="loans#N1", code="", message="non-functional, and no executable example")],
        ),
    ],
)  # fmt: skip

FORECAST = w.ForecastReport(
    prd="loans", kind="live", tasks=3, basis=7, by="median to 80th percentile", turns=w.RangeReport(low=4, high=9),
    tokens=w.RangeReport(low=12000, high=31000.5), usd=None, minutes=w.RangeReport(low=3, high=8.25),
    took=w.TookReport(tasks=2, turns=6, tokens=None, usd=None, minutes=4.2),
)  # fmt: skip
