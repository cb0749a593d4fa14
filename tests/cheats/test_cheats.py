"""No cheat is done, no honest answer is refused.

One cheat of each kind, or as many as `ORCHESTRATOR_TEST_CHEATS` says (`all`: every one, as `make bench` does), and every honest answer.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections import Counter

import pytest

from tests.cheats import harness
from tests.cheats.cases import Case, every, few
from tests.cheats.harness import Tried
from tests.cheats.misses import HONEST_LOWERED, KNOWN_MARKED, KNOWN_MISSES
from tests.cheats.tasks import TASKS
from tests.conftest import REPOSITORY

EVERY = every()
OF_EACH = os.environ.get("ORCHESTRATOR_TEST_CHEATS", "1")
CASES = EVERY if OF_EACH == "all" else few(EVERY, int(OF_EACH))
TRUST = (REPOSITORY / "docs" / "trust.md").read_text("utf-8")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> dict[str, Tried]:
    """What became of every case. One process tries them, for all workers of a parallel test run."""
    root = tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent
    with (root / "cheats.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / "cheats.json").exists():
            harness.save(harness.run_all(CASES, root / "cheats"), root / "cheats.json")
    return harness.load(root / "cheats.json")


def of(verdict: str) -> list[object]:
    return [pytest.param(case, id=case.name) for case in CASES if case.verdict == verdict]


@pytest.mark.parametrize("case", of("caught"))
def test_a_cheat_is_not_done(case: Case, found: dict[str, Tried]) -> None:
    seen = found[case.name]
    if case.name in KNOWN_MISSES:
        assert seen.became != "caught", "it is caught now: take it out of KNOWN_MISSES"
        return
    if case.name in KNOWN_MARKED:
        assert seen.became == "marked", (seen.became, seen.reason, seen.levels, seen.said)
        return
    assert seen.became == "caught", (seen.reason, seen.levels, seen.said)
    assert not case.gates or case.gates & set(seen.gates), (seen.gates, seen.said)


@pytest.mark.parametrize("case", of("marked"))
def test_a_cheat_that_nothing_can_refuse_is_marked_and_its_prd_was_called_thin(case: Case, found: dict[str, Tried]) -> None:
    seen = found[case.name]
    assert seen.became in ("caught", "marked"), (seen.levels, seen.said)
    assert seen.warned


@pytest.mark.parametrize("case", of("honest"))
def test_an_honest_answer_is_done(case: Case, found: dict[str, Tried]) -> None:
    seen = found[case.name]
    assert seen.became == "done", (seen.reason, seen.said)
    assert seen.attempts <= (2 if case.name == "second-attempt" else 1)
    task = TASKS[case.task]
    strongest = "agent test" if task.tests else "oracle" if task.thin or case.name in HONEST_LOWERED else "held-out"
    assert strongest in seen.levels
    assert case.name not in HONEST_LOWERED or ("held-out" not in seen.levels and "covered" in seen.notices)
    assert seen.warned or not (task.thin or task.tests)


def test_every_known_miss_is_a_cheat_with_a_reason() -> None:
    assert {*KNOWN_MISSES, *KNOWN_MARKED} <= {case.name for case in EVERY if case.verdict == "caught"}
    assert all(len(reason) > 20 for reason in (*KNOWN_MISSES.values(), *KNOWN_MARKED.values()))


def test_there_are_many_cases_of_many_kinds() -> None:
    names = Counter(case.name for case in EVERY)
    assert names.most_common(1)[0][1] == 1
    verdicts = Counter(case.verdict for case in EVERY)
    assert verdicts["caught"] + verdicts["marked"] >= 40
    assert verdicts["honest"] >= 12
    assert len({case.kind for case in EVERY if case.verdict != "honest"}) >= 20
    assert {case.task for case in EVERY if case.verdict == "honest"} == set(TASKS)
    assert len({TASKS[case.task].kind for case in EVERY if case.verdict != "honest"}) >= 8


# --- docs/trust.md -------------------------------------------------------------------------------------------------------


def rows() -> dict[str, str]:
    """Kind of cheat → the gates that stand against it, from the page's table."""
    return dict(re.findall(r"^\| ([^|]+?) \| [^|]+ \| ([^|]+?) \| [^|]* \|$", TRUST, re.MULTILINE))


def test_the_page_of_trust_has_a_row_for_each_kind_that_is_tried_and_for_no_other() -> None:
    assert {case.kind for case in EVERY if case.verdict != "honest"} == set(rows()) - {"kind", "---"}


def test_the_page_of_trust_names_every_known_miss() -> None:
    assert [name for name in (*KNOWN_MISSES, *KNOWN_MARKED, *HONEST_LOWERED) if f"`{name}`" not in TRUST] == []


def test_the_gates_of_the_page_are_gates() -> None:
    from orchestrator.run.gates import GATES

    named = {name.strip() for kind, cell in rows().items() if kind not in ("kind", "---") for name in cell.split(",")}
    assert named - set(GATES) == set()
