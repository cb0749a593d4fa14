"""Each outcome word arises from a real pytest run; nothing that a suite could forge crashes the reading of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.model import Observation
from orchestrator.run import evidence, suites
from tests.run.values import LIMITS, project

SHOP = "class Box:\n    pass\ndef fail():\n    raise KeyError('x')\ndef one():\n    return 1\ndef slow():\n    import time; time.sleep(60)\n"
WORDS = {
    "passed": "def test_a():\n    from shop import one\n    assert one() == 1",
    "missing name": "def test_a():\n    from shop import two",
    "missing attribute": "def test_a():\n    from shop import Box\n    Box().size",
    "wrong value": "def test_a():\n    from shop import one\n    assert one() == 2",
    "missing raise": "import pytest\ndef test_a():\n    from shop import one\n    with pytest.raises(ValueError):\n        one()",
    "raised": "def test_a():\n    from shop import fail\n    fail()",
    "wrong signature": "def test_a():\n    from shop import one\n    one(1)",
    "broken test": "def test_a():\n    1 / 0",
    "failed set-up": "import pytest\n@pytest.fixture\ndef f():\n    1 / 0\ndef test_a(f):\n    pass",
    "skipped": "import pytest\ndef test_a():\n    pytest.skip()",
    "expected failure": "import pytest\n@pytest.mark.xfail\ndef test_a():\n    assert 0",
    "not run": "import os\ndef test_a():\n    os._exit(0)",
    "timeout": "def test_a():\n    from shop import slow\n    slow()",
    "syntax error": "def test_a(:",
    "collection error": "import nothing_of_that_name",
}
MORE = {
    "skipped": "import pytest\n@pytest.mark.skip\ndef test_a():\n    pass",
    "expected failure": "import pytest\n@pytest.mark.xfail\ndef test_a():\n    pass",
    "failed set-up": "import pytest\n@pytest.fixture\ndef f():\n    yield\n    1 / 0\ndef test_a(f):\n    pass",
    "not run": "import os, signal\ndef test_a():\n    os.kill(os.getpid(), signal.SIGSEGV)",
    "raised": "def test_a():\n    raise SystemExit(0) if __import__('shop').fail() else 0",
    "broken test": "def test_a(f):\n    pass",
}


def observe(folder: Path, python: Path, *tests: str, tracebacks: bool = True, seconds: float = 1.5) -> tuple[Observation, ...]:
    variants = []
    for number, text in enumerate(tests):
        root = project(folder / str(number), shop=SHOP, tests__test_a=text)
        variants.append(suites.Variant(str(number), root, ("tests/test_a.py",), tracebacks=tracebacks))
    return suites.run("check_red", tuple(variants), python=python, limits=LIMITS.model_copy(update={"test_seconds": seconds}))


def test_every_word_arises_from_a_real_run(tmp_path: Path, python: Path) -> None:
    seen = observe(tmp_path, python, *WORDS.values())
    assert {word: [item.outcome for item in each.outcomes] for word, each in zip(WORDS, seen, strict=True)} == {word: [word] for word in WORDS}
    wanted = ("tests/test_a.py::test_a",)
    assert [word for word, each in zip(WORDS, seen, strict=True) if not evidence.passed_exactly(each, wanted)] == ["passed"]


def test_without_tracebacks_the_words_are_the_same_and_a_line_says_what_was_raised(tmp_path: Path, python: Path) -> None:
    asked = {word: text for word, text in WORDS.items() if word != "timeout"}
    whole, short = (observe(tmp_path / str(wanted), python, *asked.values(), tracebacks=wanted, seconds=20) for wanted in (True, False))
    assert [[(item.id, item.outcome, item.kind, item.where) for item in each.outcomes] for each in short] == [
        [(item.id, item.outcome, item.kind, item.where) for item in each.outcomes] for each in whole
    ]
    long, line = (seen[list(asked).index("raised")].output for seen in (whole, short))
    assert "raise KeyError('x')" in long and "1 failed" in long
    assert "shop.py:4: KeyError: 'x'" in line and "1 failed" in line
    assert "raise KeyError('x')" not in line


def test_the_same_word_for_another_way_to_get_there(tmp_path: Path, python: Path) -> None:
    seen = observe(tmp_path, python, *MORE.values())
    found = {word: [item.outcome for item in each.outcomes] for word, each in zip(MORE, seen, strict=True)}
    assert found == {word: [word] for word in MORE} | {"broken test": ["failed set-up"]}


def test_an_empty_file_and_a_missing_file_prove_nothing(tmp_path: Path, python: Path) -> None:
    (empty,) = observe(tmp_path, python, "")
    root = project(tmp_path / "none", shop=SHOP)
    (gone,) = suites.run("check_red", (suites.Variant("v", root, ("tests/test_a.py",)),), python=python, limits=LIMITS)
    assert (empty.outcomes, evidence.exit_meaning(empty.exit_code)) == ((), "no test was collected")
    assert (gone.outcomes, evidence.exit_meaning(gone.exit_code)) == ((), "pytest was called wrongly, or a test file is missing")
    assert evidence.passed_exactly(empty, ("a",)) == (f"a: {evidence.REFUSED['missing']}",)


def test_a_variant_that_forks_and_daemonises_leaves_the_next_alone(tmp_path: Path, python: Path) -> None:
    forks = "import os, time\ndef test_a():\n    for _ in range(500):\n        if os.fork() == 0:\n            os.setsid(); time.sleep(30); os._exit(0)\n    time.sleep(30)"
    count = "import os\ndef test_a():\n    assert len([n for n in os.listdir('/proc') if n.isdigit()]) == 3"
    bad, good = observe(tmp_path, python, forks, count)
    assert evidence.passed_exactly(bad, ("tests/test_a.py::test_a",))
    assert good.exit_code == 0, good.output


def test_a_second_answer_for_a_variant_is_a_forgery(tmp_path: Path, python: Path) -> None:
    line = {"name": "0", "exit": 0, "seconds": 0, "output": "", "events": ""}
    forge = f"import os\ndef test_a():\n    for n in os.listdir('/proc/%d/fd' % os.getppid()):\n        try:\n            with open('/proc/%d/fd/%s' % (os.getppid(), n), 'w') as f: f.write({json.dumps(line)!r} + chr(10))\n        except OSError: pass\n    assert 0"
    (seen,) = observe(tmp_path, python, forge)
    assert evidence.passed_exactly(seen, ("tests/test_a.py::test_a",))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=6
)
EVENTS = st.lists(
    st.fixed_dictionaries({"event": st.sampled_from(["collect", "collected", "raised", "test", "end"]) | JSON}, optional={
        "id": st.sampled_from(["a", "b"]) | JSON, "ids": st.lists(st.sampled_from(["a", "b"])) | JSON, "when": st.sampled_from(["setup", "call", "teardown"]) | JSON,
        "outcome": st.sampled_from(["passed", "failed", "skipped"]) | JSON, "xfail": JSON, "kind": JSON, "message": JSON, "frames": JSON,
    }) | JSON,
)  # fmt: skip


@given(EVENTS, st.sampled_from([0, 1, None, -9]))
def test_no_events_crash_the_reading(events: list[object], code: int | None) -> None:
    found = evidence.outcomes("\n".join(json.dumps(event) for event in events) + "\n[" + "[" * 50, code, frozenset({"a"}))
    assert {item.outcome for item in found} <= {evidence.HOLDS, *evidence.RED, *evidence.REFUSED}
    assert len({item.id for item in found if item.outcome == "passed"}) == sum(item.outcome == "passed" for item in found)


def test_deeply_nested_events_are_ignored() -> None:
    assert evidence.outcomes("[" * 200_000, 0, frozenset()) == ()


@pytest.mark.parametrize("doubled", ["collected", "call"])
def test_a_test_reported_twice_did_not_pass(doubled: str) -> None:
    collected = {"event": "collected", "ids": ["t"]}
    phases = [{"event": "test", "id": "t", "when": when, "outcome": "passed"} for when in ("setup", "call", "teardown")]
    events = [collected, *phases] + ([collected] if doubled == "collected" else [phases[1]])
    found = evidence.outcomes("\n".join(map(json.dumps, events)), 0, frozenset())
    assert [item.outcome for item in found] == ["twice"]
