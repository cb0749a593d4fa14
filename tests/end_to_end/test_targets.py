"""Existing repositories as targets: their suite, configuration and history stay theirs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conftest import Workplace

PRD = """\
---
title: Shout
target: {repo: ../existing}
---

# Shout

## Requirements

### R1: Shout
Module: src/voice/loud.py

- AC1: louder

  ```python
  >>> from voice.loud import shout
  >>> shout("hey")
  'HEY!'
  ```

  ```python
  >>> from voice.loud import shout
  >>> shout("no")
  'NO!'
  ```

  ```python
  >>> from voice.loud import shout
  >>> shout("")
  '!'
  ```
"""

FILES = {
    "pyproject.toml": '[project]\nname = "voice"\nversion = "1"\ndependencies = ["iniconfig"]\n\n'
    '[tool.pytest.ini_options]\ntestpaths = ["tests"]\naddopts = "-q"\npythonpath = ["src"]\n',
    "src/voice/__init__.py": "MARK = '!'\n",
    "src/voice/quiet.py": "def whisper(text):\n    return text.lower()\n",
    "tests/conftest.py": "import pytest\n\n\n@pytest.fixture\ndef word():\n    return 'Hush'\n",
    "tests/test_quiet.py": "import iniconfig\nfrom voice.quiet import whisper\n\n\ndef test_whisper(word):\n    assert whisper(word) == 'hush'\n\n\n"
    "def test_that_fails_already():\n    assert whisper('x') == 'X'\n",
    "prds/own.md": "not to be seen by an agent\n",
}

ADD = "def turn(brief, folder):\n    (folder / 'src/voice/loud.py').write_text('def shout(text):\\n    return text.upper() + \"!\"\\n')\n"


@pytest.fixture
def existing(place: Workplace) -> Path:
    folder = place.root.parent / "existing"
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "the beginning")
    return folder


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Someone", "-c", "user.email=someone@localhost"]
    return subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_a_feature_is_added_on_a_branch_and_the_target_is_untouched(place: Workplace, existing: Path) -> None:
    place.prd("shout", PRD)
    place.agent(ADD)
    (existing / "uncommitted.txt").write_text("mine")
    before = (git(existing, "rev-parse", "HEAD"), git(existing, "status", "--porcelain"), git(existing, "branch", "--list"))
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert (git(existing, "rev-parse", "HEAD"), git(existing, "status", "--porcelain"), git(existing, "branch", "--list")) == before
    assert "the beginning" in place.git("shout", "log", "--format=%s", "prd/shout")
    assert "src/voice/loud.py" in place.git("shout", "ls-tree", "-r", "--name-only", "prd/shout")


def test_failures_that_were_there_before_are_not_the_tasks(place: Workplace, existing: Path) -> None:
    place.prd("shout", PRD)
    place.agent(ADD)
    assert place.run().returncode == 0
    observations = place.task("shout", "shout#R1")["attempts"][0]["observations"]
    whole = {item["what"]: {o["id"].rpartition("::")[2]: o["outcome"] for o in item["outcomes"]} for item in observations}
    assert whole["whole suite"]["test_whisper"] == "passed"
    assert whole["whole suite"]["test_that_fails_already"] != "passed"
    baseline = {outcome["id"].rpartition("::")[2]: outcome["outcome"] for outcome in place.task("shout", "shout#R1")["baseline"]["outcomes"]}
    assert (baseline["test_whisper"], baseline["test_that_fails_already"]) == ("passed", "wrong value")


def test_breaking_what_held_before_is_refused(place: Workplace, existing: Path) -> None:
    place.prd("shout", PRD)
    place.agent(ADD + "    (folder / 'src/voice/quiet.py').write_text('def whisper(text):\\n    return text\\n')\n", limits={"attempts": 1})
    assert place.run().returncode == 1
    findings = place.task("shout", "shout#R1")["attempts"][0]["findings"]
    assert [(finding["gate"], "test_whisper" in finding["message"]) for finding in findings] == [("regression", True)]


def test_the_agent_does_not_see_prds_of_the_target(place: Workplace, existing: Path) -> None:
    place.prd("shout", PRD)
    place.agent(ADD + "    (folder / 'src/voice/seen.py').write_text(f'SEEN = {(folder / \"prds\").exists()}, {(folder / \".git\").exists()}\\n')\n")
    assert place.run().returncode == 0
    assert place.git("shout", "show", "prd/shout:src/voice/seen.py") == "SEEN = False, False\n"
    assert "prds/own.md" in place.git("shout", "ls-tree", "-r", "--name-only", "prd/shout"), "it stays in the branch"


def test_a_target_that_moved_on_is_merged_in_before_the_next_task(place: Workplace, existing: Path) -> None:
    place.prd("shout", PRD)
    place.agent(ADD)
    assert place.run().returncode == 0
    (existing / "README.md").write_text("new\n")
    git(existing, "add", "README.md")
    git(existing, "commit", "-q", "-m", "a readme")
    place.prd("shout", PRD.replace("'NO!'", "'NOO!'").replace('shout("no")', 'shout("noo")'))
    assert place.run().returncode == 0
    assert "README.md" in place.git("shout", "ls-tree", "-r", "--name-only", "prd/shout")


def test_a_target_outside_the_allow_list_is_refused_with_the_way_to_allow_it(place: Workplace) -> None:
    place.prd("shout", PRD.replace("../existing", "/etc"))
    place.agent(ADD)
    done = place.run()
    assert done.returncode == 4
    assert "targets" in done.stdout
    assert place.inbox()["prds/shout.md"]["problems"][0]["code"] == "target-not-allowed"


def test_a_target_that_is_no_repository_waits_with_the_reason(place: Workplace) -> None:
    (place.root.parent / "existing").mkdir()
    place.prd("shout", PRD)
    place.agent(ADD)
    done = place.run()
    assert done.returncode == 5
    assert "cannot be fetched" in done.stdout


def test_a_dependency_that_cannot_be_had_waits_with_its_line(place: Workplace, existing: Path) -> None:
    (existing / "pyproject.toml").write_text(FILES["pyproject.toml"].replace("iniconfig", "zz-no-such-package>=1"))
    git(existing, "commit", "-q", "-a", "-m", "a dependency")
    place.prd("shout", PRD)
    place.agent(ADD)
    done = place.run()
    assert done.returncode == 5
    assert "`zz-no-such-package>=1` (pyproject.toml:4)" in done.stdout


def test_a_project_finds_its_own_metadata_though_it_is_never_built(place: Workplace, existing: Path) -> None:
    (existing / "setup.py").write_text("raise SystemExit('this is never run')\n")
    (existing / "src/voice/__init__.py").write_text("from importlib.metadata import version\n\n__version__ = version('voice')\n")
    (existing / "tests/test_version.py").write_text("import voice\n\n\ndef test_version():\n    assert voice.__version__ == '1'\n")
    git(existing, "add", ".")
    git(existing, "commit", "-q", "-m", "its version")
    place.prd("shout", PRD)
    place.agent(ADD)
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    observations = place.task("shout", "shout#R1")["attempts"][0]["observations"]
    whole = next(item for item in observations if item["what"] == "whole suite")
    assert {o["id"]: o["outcome"] for o in whole["outcomes"]}["tests/test_version.py::test_version"] == "passed"


ROOTS = PRD.replace("src/voice/loud.py", "voice/loud.py") + (
    "\n- AC2: from a terminal\n\n  ```console\n  $ python -m voice.loud hey\n  HEY!\n  $ python voice/loud.py no\n  NO!\n"
    "  $ python lib/voice/loud.py aha\n  AHA!\n  ```\n"
)
LOUD = "import sys\n\n\ndef shout(text):\n    return text.upper() + '!'\n\n\nif __name__ == '__main__':\n    print(shout(sys.argv[1]))\n"


def test_a_package_root_of_another_name_is_where_everything_looks(place: Workplace) -> None:
    folder = place.root.parent / "existing"
    for name, text in {
        "pyproject.toml": '[project]\nname = "voice"\nversion = "1"\n\n[tool.setuptools.packages.find]\nwhere = ["lib"]\n\n'
        '[tool.pytest.ini_options]\npythonpath = ["lib"]\n',
        "lib/voice/__init__.py": "MARK = '!'\n",
        "tests/test_mark.py": "from voice import MARK\n\n\ndef test_mark():\n    assert MARK == '!'\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "the beginning")
    place.prd("shout", ROOTS)
    place.agent(
        f"def turn(brief, folder):\n    assert 'lib/voice/loud.py' in brief.writable\n    (folder / 'lib/voice/loud.py').write_text({LOUD!r})\n"
    )
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    task = place.task("shout", "shout#R1")
    assert [proof["level"] for proof in task["proofs"]] == ["held-out", "oracle"]
    assert task["mutation"]["score"] > 0, "mutants are imported from there too"
    stubbed = next(item for item in task["red"] if item["what"] == "stub None")
    assert "missing name" not in {outcome["outcome"] for outcome in stubbed["outcomes"]}
