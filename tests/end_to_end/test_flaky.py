"""A test of the project's own suite that fails by chance is put in quarantine and refuses nothing; one that was broken refuses."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import Workplace
from tests.end_to_end.test_targets import FILES, PRD, git

SETTLES = '''\
import time


def test_settles():
    """Waits too little: it fails while the code is young. Nothing else of a run lasts to the next one, so time has to be what passes."""
    try:
        from voice.loud import SETTLED
    except ImportError:
        return
    early = SETTLED - time.time()
    time.sleep(max(0.0, early))
    assert early <= 0, "too early"
'''
ORDER = """\
from voice.quiet import whisper


def test_a_hears():
    assert whisper("A") == "a"


def test_b_hears():
    assert whisper("B") == "b"
"""
AGENT = """\
import subprocess, sys, time

def turn(brief, folder):
    began = time.time()
    subprocess.run([sys.executable, "-c", "pass"])
    settled = time.time() + max(6.0, 60 * (time.time() - began))  # a slow machine needs longer until it runs the suite
    (folder / "src/voice/loud.py").write_text(f"SETTLED = {settled}\\n\\n\\ndef shout(text):\\n    return text.upper() + '!'\\n")
"""


@pytest.fixture
def voice(place: Workplace) -> Path:
    folder = place.root.parent / "existing"
    files = {name: text for name, text in FILES.items() if not name.startswith("prds/")} | {
        "tests/test_settles.py": SETTLES,
        "tests/test_order.py": ORDER,
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "the beginning")
    return folder


def seen(attempt: dict[str, object], test: str) -> dict[str, str]:
    """What each run of the suite said of a test."""
    return {item["what"]: outcome["outcome"] for item in attempt["observations"] for outcome in item["outcomes"] if outcome["id"] == test}  # type: ignore[attr-defined]


def test_a_test_that_fails_by_chance_is_put_in_quarantine(place: Workplace, voice: Path) -> None:
    place.prd("shout", PRD)
    place.agent(AGENT)
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    task = place.task("shout", "shout#R1")
    (attempt,) = task["attempts"]
    name = "tests/test_settles.py::test_settles"
    assert seen(attempt, name) == {"whole suite": "wrong value", f"alone: {name}": "passed", "whole suite, again": "passed"}
    assert [(finding["gate"], finding["severity"], finding["where"]) for finding in attempt["findings"] if finding["gate"] != "scan"] == [
        ("flaky", "notice", name)
    ]
    assert [flaky["test"] for flaky in task["flaky"]] == [name]
    assert "too early" in task["flaky"][0]["detail"]
    (kept,) = place.project("shout")["quarantine"]
    since, until = (datetime.fromisoformat(kept[key]) for key in ("since", "until"))
    assert (kept["test"], kept["task"]) == (name, "shout#R1")
    assert abs(until - since - timedelta(days=14)) < timedelta(minutes=1)
    assert place.command("verify").returncode == 0
    assert place.command("site", "build").returncode == 0
    site = place.root / "site/projects/shout"
    page = (site / "index.html").read_text()
    assert "Quarantine ends" in page
    assert f'title="{name}"' in page
    (task_page,) = site.glob("2*/shout-R1.html")
    assert "Flaky tests" in task_page.read_text()
    told = (place.root / "site/flaky.html").read_text()
    assert "test_settles" in told
    assert "<b>1 of 3</b> times on the same files" in told
    assert f'href="{task_page.relative_to(place.root / "site").as_posix()}"' in told


REMEMBERS = """\
FIRST = []


def whisper(text):
    FIRST.append(text)
    return FIRST[0].lower()
"""


@pytest.mark.parametrize(
    ("quiet", "test", "alone"),
    [
        pytest.param("def whisper(text):\n    return text\n", "tests/test_order.py::test_a_hears", "wrong value", id="always"),
        pytest.param(REMEMBERS, "tests/test_order.py::test_b_hears", "passed", id="only after others"),
    ],
)
def test_a_test_that_was_broken_refuses(place: Workplace, voice: Path, quiet: str, test: str, alone: str) -> None:
    (voice / "tests/test_quiet.py").unlink()
    git(voice, "commit", "-q", "-a", "-m", "fewer tests")
    place.prd("shout", PRD)
    place.agent(
        f"def turn(brief, folder):\n    (folder / 'src/voice/quiet.py').write_text({quiet!r})\n"
        "    (folder / 'src/voice/loud.py').write_text('SETTLED = 0\\n\\n\\ndef shout(text):\\n    return text.upper() + \"!\"\\n')\n",
        limits={"attempts": 1},
    )
    assert place.run().returncode == 1
    task = place.task("shout", "shout#R1")
    (attempt,) = task["attempts"]
    assert seen(attempt, test) == {"whole suite": "wrong value", f"alone: {test}": alone, "whole suite, again": "wrong value"}
    assert [finding["gate"] for finding in attempt["findings"] if test in finding["message"]] == ["regression"]
    assert task["flaky"] == []
    assert place.project("shout")["quarantine"] == []
