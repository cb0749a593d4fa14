"""What runs of a library project did, built through the report models: passed after a refusal, gave up, a question."""

from __future__ import annotations

import hashlib
from pathlib import Path

from orchestrator.save import reports as r

from .wholes_fixture import FORECAST, GATE, VALIDATION

MODEL = "local (qwen2.5-coder-1.5b)"

DIFF = '''\
diff --git a/library/loans.py b/library/loans.py
--- /dev/null
+++ b/library/loans.py
@@ -0,0 +1,14 @@
+"""Loans of a small library."""
+
+
+class Shelf:
+    def __init__(self, books):
+        self.books = set(books)
+        self.loans = {}
+
+    def lend(self, book, to):
+        if book in self.loans:
+            raise LookupError(f"{book} is on loan")
+        if book not in self.books:
+            raise LookupError(f"no such book: {book}")
+        self.loans[book] = to
diff --git a/library/fines.py b/library/fines.py
--- a/library/fines.py
+++ b/library/fines.py
@@ -1,5 +1,5 @@ def fine(days):
 """Fines."""
{blank}
{blank}
 def fine(days):
-    return days * 0.5  # too dear
+    return max(0, days) * 0.25
'''.replace("{blank}", " ")

TESTS = '''\
"""Tests of loans#R2. Written before the code; locked."""

from library.loans import Shelf
import pytest


def test_r2_ac1_on_loan_to_that_member():
    shelf = Shelf(["Emma"])
    shelf.lend("Emma", to="ann")
    assert shelf.loans == {"Emma": "ann"}


def test_r2_ac2_a_book_on_loan_cannot_be_lent_again():
    shelf = Shelf(["Emma"])
    shelf.lend("Emma", to="ann")
    with pytest.raises(LookupError, match="Emma is on loan"):
        shelf.lend("Emma", to="bob")
'''

OUTPUT = """\
\x1b[1m============================= test session starts ==============================\x1b[0m
collected 4 items

tests/test_loans.py \x1b[31mF\x1b[0m\x1b[31mF\x1b[0m\x1b[32m.\x1b[0m\x1b[31mF\x1b[0m                                                [100%]

E       ModuleNotFoundError: No module named 'library.loans'
\x1b[31m========================= \x1b[1m3 failed\x1b[0m, 1 passed in 0.04s =========================\x1b[0m
"""


def text(value: str = "") -> r.Text:
    return r.Text(inline=value, size=len(value.encode()))


def stored(folder: Path, value: str) -> r.Text:
    """A Text whose whole stands in the project's artifacts."""
    data = value.encode()
    name = hashlib.sha256(data).hexdigest()
    path = folder / "artifacts" / name[:2] / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return r.Text(inline=value[:4096], artifact=path.relative_to(folder).as_posix(), size=len(data))


def outcome(name: str, value: str, kind: str = "", message: str = "") -> r.OutcomeReport:
    return r.OutcomeReport(id=name, outcome=value, kind=kind, message=message, where="library/loans.py:9" if message else "")


TEST_NAMES = [
    "test_r2_ac1_on_loan_to_that_member",
    "test_r2_ac2_a_book_on_loan_cannot_be_lent_again",
    "test_r2_ac3_fine[0-0.0]",
    "test_r2_ac3_fine[10-2.5]",
]


def seen(step: str, what: str, values: list[str], output: str = OUTPUT) -> r.ObservationReport:
    missing = ("ModuleNotFoundError", "No module named 'library.loans'")
    detail = {
        "passed": ("", ""),
        "missing name": missing,
        "wrong value": ("AssertionError", "assert None == 2.5"),
        "raised": ("Stub", "stubbed"),
    }
    return r.ObservationReport(
        step=step,
        what=what,
        command="python -m pytest -p no:cacheprovider --import-mode=importlib tests/test_loans.py",
        exit_code=0 if set(values) == {"passed"} else 1,
        outcomes=[outcome(f"tests/test_loans.py::{name}", value, *detail[value]) for name, value in zip(TEST_NAMES, values, strict=True)],
        output=text(output),
        seconds=0.41,
        sandbox="bubblewrap, no network",
    )


def red() -> list[r.ObservationReport]:
    return [
        seen("check_red", "base", ["missing name"] * 4),
        seen("check_red", "stub None", ["wrong value"] * 4),
        seen("check_red", "stub 0.0", ["wrong value", "wrong value", "passed", "wrong value"]),
        seen("check_red", "stub raises", ["raised"] * 4),
    ]


def turn(kind: str = "recorded", said: str = "Here is `library/loans.py`.") -> r.TurnReport:
    return r.TurnReport(
        role="code",
        agent="recorded" if kind == "recorded" else "local",
        kind=kind,
        model="qwen2.5-coder-1.5b",
        recorded_from=MODEL if kind == "recorded" else "",
        stop="stop",
        seconds=21.4,
        input_tokens=1834,
        output_tokens=412,
        usd=0.0,
        notes=["the brief was cut to fit 8,192 tokens"],
        transcript=text(f"## Brief\n\nMake these tests pass: …\n\n## Answer\n\n{said}\n"),
    )


def oracle(values: dict[str, str]) -> r.ObservationReport:
    return r.ObservationReport(
        step="check_green",
        what="oracle",
        command="python -m orchestrator.run.oracle_child",
        exit_code=0,
        outcomes=[outcome(name, value, "", "" if value == "passed" else "expected 2.5, got 5.0") for name, value in values.items()],
        output=text(),
        seconds=0.2,
        sandbox="bubblewrap, no network",
    )


def lend_task(folder: Path, kind: str = "recorded") -> r.TaskRunReport:
    """Refused once, then passed."""
    refused = r.AttemptReport(
        number=1,
        verdict="refused",
        turns=[turn(kind)],
        findings=[
            r.FindingReport(
                gate="oracle",
                message="fine(10) answered 5.0, expected 2.5",
                severity="error",
                criterion="loans#R2.AC3",
                where="prds/loans.md:48",
            ),
            r.FindingReport(
                gate="writable roots",
                message="tests/test_loans.py was changed; restored",
                severity="notice",
                criterion="",
                where="tests/test_loans.py",
            ),
        ],
        observations=[
            seen("check_green", "candidate", ["passed", "passed", "passed", "wrong value"]),
            oracle({"loans#R2.AC3/2": "wrong value"}),
        ],
        diff=text(DIFF.replace("0.25", "0.5")),
    )
    passed = r.AttemptReport(
        number=2,
        verdict="passed",
        turns=[turn(kind)],
        findings=[],
        observations=[
            seen("check_green", "candidate", ["passed"] * 4, "4 passed in 0.03s\n"),
            oracle({"loans#R2.AC2/1": "passed", "loans#R2.AC3/1": "passed", "loans#R2.AC3/2": "passed", "loans#R2.AC3/3": "passed"}),
            seen("check_green", "whole suite", ["passed"] * 4, "31 passed in 0.3s\n"),
        ],
        diff=stored(folder, DIFF + "\n" * 5000),
    )
    return r.TaskRunReport(
        id="loans#R2",
        prd="loans",
        title="Lend a book",
        state="done",
        verdict="passed",
        reason="Attempt 2 passed 4 locked tests, 4 examples at the oracle (1 never seen) and the whole suite.",
        requirements=["loans#R2"],
        fingerprint="8f14e45fceea167a5a36dedd4bea2543",
        base_tree="4b825dc642cb6eb9a060e54bf8d69288fbee4904",
        red_tree="5f2b0a1",
        green_tree="9c1185a5c5e9fc54612808977ee8f548b2258d31",
        red=red(),
        red_findings=[],
        tests=text(TESTS),
        test_file="tests/test_loans.py",
        attempts=[refused, passed],
        proofs=[
            r.ProofReport(
                criterion="loans#R2.AC1",
                level="agent test",
                tests=[f"tests/test_loans.py::{TEST_NAMES[0]}"],
                examples=0,
                held_out=0,
                revealed=0,
            ),
            r.ProofReport(
                criterion="loans#R2.AC2",
                level="oracle",
                tests=[f"tests/test_loans.py::{TEST_NAMES[1]}"],
                examples=1,
                held_out=0,
                revealed=0,
            ),
            r.ProofReport(
                criterion="loans#R2.AC3",
                level="held-out",
                tests=[f"tests/test_loans.py::{name}" for name in TEST_NAMES[2:]],
                examples=2,
                held_out=1,
                revealed=0,
            ),
        ],
        commits=[
            r.CommitReport(id="aa218f56b14c9653891f9e74264a383fa43fefbd", kind="test", subject="test(loans): lend a book", branch="prd/loans"),
            r.CommitReport(id="c3d1e0ab77f29c0de1fba6a1b0b6ff3fb9ec0b66", kind="feat", subject="feat(loans): lend a book", branch="prd/loans"),
        ],
        question=None,
        started_at="2026-11-22T20:32:55Z",
        seconds=48.2,
    )


QUESTION = r.QuestionReport(
    text="fine(30) is 7.5 in one example and 5.0 in another. Which of the two is meant?", path="prds/loans.md", lines=[61, 74]
)


def task_run(name: str, title: str, verdict: str, state: str, reason: str, question: r.QuestionReport | None = None, at: int = 0) -> r.TaskRunReport:
    return r.TaskRunReport(
        id=name,
        prd=name.partition("#")[0],
        title=title,
        state=state,
        verdict=verdict,
        reason=reason,
        requirements=[name],
        fingerprint=hashlib.sha256(name.encode()).hexdigest(),
        base_tree="",
        red_tree="",
        green_tree="",
        red=[],
        red_findings=[],
        tests=text(),
        test_file="",
        attempts=[],
        proofs=[],
        commits=[],
        question=question,
        started_at=f"2026-11-22T20:{33 + at // 60:02d}:{at % 60:02d}Z",
        seconds=8.0,
    )


def run_report(
    folder: Path, run_id: str = "20261122T203251Z-1a2b", project: str = "library", tasks: list[r.TaskRunReport] | None = None
) -> r.RunReport:
    found = (
        tasks
        if tasks is not None
        else [
            lend_task(folder),
            task_run("loans#R1", "Keep a shelf", "already satisfied", "done", "The base did this already; every gate agreed.", at=43),
            task_run("loans#R3", "Cap the fine", "needs a person", "unclear", "Two examples contradict each other.", QUESTION, at=51),
            task_run(
                "loans#R5",
                "Remind by letter",
                "gave up",
                "failed",
                "4 attempts were refused; the last: oracle, letter(…) raised KeyError.",
                at=59,
            ),
        ]
    )
    turns = [one for task in found for attempt in task.attempts for one in attempt.turns]
    return r.RunReport(
        id=run_id,
        project=project,
        prds=sorted({task.prd for task in found}),
        started_at="2026-11-22T20:32:51Z",
        ended_at="2026-11-22T20:34:20Z",
        outcome="needs a person" if found else "done",
        continued=False,
        sandbox="full: bubblewrap with user, mount, pid and network namespaces",
        sandbox_reasons=["no cgroup limits: not running under systemd"],
        tools={"orchestrator": "0.1.0", "python": "3.11.7", "pytest": "9.2.0", "git": "2.39.5", "bwrap": "0.11.0", "sqlite": "3.40.1"},
        environment="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        tasks=found,
        turns=len(turns),
        input_tokens=sum(one.input_tokens or 0 for one in turns) if turns else None,
        output_tokens=sum(one.output_tokens or 0 for one in turns) if turns else None,
        usd=0.0 if turns else None,
        replayed=any(one.kind == "recorded" for one in turns),
        scripted=any(one.kind == "scripted" for one in turns),
        forecasts=[FORECAST] if found else [],
        gates=[GATE] if found else [],
        gates_skipped=not found,
        validations=[VALIDATION] if found else [],
    )
