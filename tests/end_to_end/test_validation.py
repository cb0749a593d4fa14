"""A complete PRD's branch as a whole: what is new beside what was proved, compared with the target as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Workplace
from tests.end_to_end.test_phases import on_branch
from tests.end_to_end.test_targets import PRD, git
from tests.end_to_end.test_targets import existing as existing

UNTIDY = "import os\n\ndef shout(text):\n    return text.upper() + '!'\n"
AGENT = f"def turn(brief, folder):\n    (folder / 'src/voice/loud.py').write_text({UNTIDY!r})\n"
LETTERS = "\n### NFR1: Be quick\nType: non-functional\n\n- AC1: nobody has to wait\n"


@pytest.fixture
def linted(place: Workplace, existing: Path) -> Path:
    """A target that configures ruff and mypy, and has two complaints of its own."""
    with (existing / "pyproject.toml").open("a") as file:
        file.write('\n[tool.ruff]\nline-length = 120\n\n[tool.ruff.lint]\nselect = ["F"]\n\n[tool.mypy]\nfiles = ["src"]\n')
    (existing / "src/voice/old.py").write_text("import sys\n")
    git(existing, "add", ".")
    git(existing, "commit", "-q", "-m", "linted")
    place.prd("shout", PRD + LETTERS)
    place.agent(AGENT, gates={"mutants": 0}, tidy={"enabled": False})
    return existing


def checks(validation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in validation["checks"]}


def test_only_what_is_new_since_the_target_counts_and_is_found_once(place: Workplace, linted: Path) -> None:
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "shout: validated, with complaints: ruff: 1 new complaint; 2 that were there before" in done.stdout
    assert place.states("shout") == {"shout#R1": "done"}, "nothing that is proved is un-proved"
    (run,) = place.runs("shout")
    (told,) = run["validations"]
    assert told == place.project("shout")["prds"][0]["validation"]
    assert (told["passed"], told["run"]) == (False, run["id"])
    assert told["head"] == place.git("shout", "rev-parse", "prd/shout").strip()
    assert told["base"] == git(linted, "rev-parse", "HEAD").strip()
    found = checks(told)
    assert {name: check["state"] for name, check in found.items()} == {
        "suite": "holds", "ruff": "complaints", "mypy": "not run", "commits": "holds", "orphans": "holds", "criteria": "noted",
        "dependencies": "holds",
    }  # fmt: skip
    assert [(each["where"], each["code"]) for each in found["ruff"]["complaints"]] == [("src/voice/loud.py:1", "F401")]
    assert found["ruff"]["tool"].startswith("ruff 0.") and found["ruff"]["tool"].endswith(", ours")
    assert found["mypy"]["detail"] == "not run: mypy is not installed in the project's environment"
    assert found["suite"]["known"] == 1, "the test that failed before"
    assert [each["where"] for each in found["criteria"]["complaints"]] == ["shout#NFR1"]

    assert place.command("status", "--fail-on", "failed").returncode == 0
    status = place.command("status", "--fail-on", "validation")
    assert (status.returncode, "`orchestrator validate shout` says which" in status.stdout) == (1, True)
    again = place.run()
    assert (again.returncode, "nothing new" in again.stdout, len(place.runs("shout"))) == (0, True, 1), again.stdout

    on_branch(place, "shout", "src/voice/loud.py", UNTIDY.removeprefix("import os\n\n"))
    done = place.run()
    assert "shout: validated: nothing new is wrong (suite, ruff, commits, orphans, dependencies)" in done.stdout, "another head is looked at once"
    assert place.command("status", "--fail-on", "validation").returncode == 0


def test_it_is_done_when_a_person_asks(place: Workplace, linted: Path) -> None:
    assert place.command("validate").stdout == "nothing to validate: no PRD has been worked on\n"
    assert place.run().returncode == 0
    (run,) = place.runs("shout")
    on_branch(place, "shout", "tests/test_new.py", "def test_of_a_person():\n    assert 1 == 2\n")
    asked = place.command("validate", run["id"], "--json")
    assert asked.returncode == 1, asked.stdout + asked.stderr
    (answer,) = json.loads(asked.stdout)
    assert [each["where"] for each in checks(answer["validation"])["suite"]["complaints"]] == ["tests/test_new.py::test_of_a_person"]
    assert place.project("shout")["prds"][0]["validation"] == answer["validation"]
    said = place.command("validate", "shout").stdout
    assert "suite        WRONG  1 test fails of" in said
    assert "src/voice/loud.py:1: F401:" in said
    refused = place.command("validate", "other")
    assert (refused.returncode, "no PRD, project or run is called other" in refused.stderr) == (2, True)
    only = place.command("validate", "--dependencies")
    assert (only.returncode, "0 dependencies between 1 task, in 1 wave" in only.stdout) == (0, True)


def test_a_finished_task_whose_requirement_is_gone_is_noted(place: Workplace) -> None:
    from tests.end_to_end.test_pipeline import LANTERN, STEPWISE

    place.prd("lanterns", LANTERN)
    place.agent(STEPWISE, gates={"mutants": 0})
    assert place.run().returncode == 0
    place.prd("lanterns", LANTERN.partition("### R2")[0])
    done = place.run()
    assert done.returncode == 0, done.stdout
    found = checks(place.project("lanterns")["prds"][0]["validation"])["orphans"]
    assert (found["state"], [each["where"] for each in found["complaints"]]) == ("noted", ["lanterns#R2"])


@pytest.mark.packages
def test_mypy_of_the_projects_environment_is_run(place: Workplace, linted: Path) -> None:
    (linted / "pyproject.toml").write_text(
        (linted / "pyproject.toml").read_text().replace('dependencies = ["iniconfig"]', 'dependencies = ["iniconfig", "mypy"]') + "strict = true\n"
    )
    git(linted, "commit", "-q", "-am", "mypy")
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    found = checks(place.project("shout")["prds"][0]["validation"])["mypy"]
    assert found["tool"].startswith("mypy "), found
    assert {each["where"] for each in found["complaints"]} == {"src/voice/loud.py:3"}
    assert found["known"] == 1, "what `whisper` lacked before"
