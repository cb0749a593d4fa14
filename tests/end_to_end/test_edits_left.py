"""What an edit leaves behind: tests of earlier wordings, orphans, outdated proofs, answers. The real command, scripted agents."""

from __future__ import annotations

import re
import subprocess

from tests.conftest import Workplace
from tests.end_to_end.test_edits import AGENT, CHEAPER, PRD, R2, R3, worked
from tests.end_to_end.test_tests_agent import CODE, GOOD
from tests.end_to_end.test_tests_agent import PRD as BELL

PROSE = "- AC2: negative minutes raise ValueError with a message that names the number\n"


def bell(place: Workplace) -> None:
    """The scripted agent answers as each role is asked."""
    place.agent(
        f"GOOD, CODE = {GOOD!r}, {CODE!r}\n"
        "def turn(brief, folder):\n"
        "    if brief.role == 'tests':\n"
        "        (folder / brief.writable[0]).write_text(GOOD)\n"
        "    else:\n"
        "        (folder / 'bell.py').write_text(CODE)\n"
    )


def test_tests_for_prose_that_says_the_same_are_carried_over_and_those_of_prose_that_is_gone_are_taken_away(place: Workplace) -> None:
    bell(place)
    place.prd("bell", BELL)
    assert worked(place, "bell") == (3, ["bell#R1"]), "tests, code, and tests once more for what survived"
    place.prd("bell", BELL.replace("strokes(75)", "strokes(74)"))
    assert worked(place, "bell") == (0, ["bell#R1"]), "another example asks no agent for the tests of the prose again"
    place.prd("bell", BELL.replace("strokes(75)", "strokes(74)").replace("### R1", "### R4"))
    assert worked(place, "bell") == (0, ["bell#R4"]), "nor does another identifier"
    assert place.git("bell", "ls-tree", "--name-only", "prd/bell", "tests/").split() == ["tests/test_bell_r4.py", "tests/test_bell_r4_prose.py"]
    assert place.project("bell")["orphans"] == []
    place.prd("bell", BELL.replace("strokes(75)", "strokes(74)").replace("### R1", "### R4").replace(PROSE, ""))
    assert worked(place, "bell") == (0, ["bell#R4"])
    assert place.git("bell", "ls-tree", "--name-only", "prd/bell", "tests/").split() == ["tests/test_bell_r4.py"]
    task = place.task("bell", "bell#R4")
    gone = "tests/test_bell_r4_prose.py"
    assert (task["gone"], task["retired"]) == ([gone], [{"test": f"{gone}::test_negative", "how": "removed"}])
    assert f"- {gone}::test_negative (removed)" in place.git("bell", "log", "--format=%b", "prd/bell")
    verified = place.command("verify")
    assert verified.returncode == 0, verified.stdout


def test_tests_of_a_wording_that_is_changed_too_refuse_no_candidate(place: Workplace) -> None:
    """R1 is worked on first; the tests of R2 as it was would fail, and R2 as it is wants that."""
    place.agent(
        "import re\n"
        "def turn(brief, folder):\n"
        "    every = re.search('full ([0-9]+) metres', brief.text)[1]\n"
        "    code = f'def count(metres):\\n    return metres // {every}\\n'\n"
        "    if 'price(' in brief.text:\n"
        "        code += '\\n\\ndef price(metres):\\n    return count(metres) * 30\\n'\n"
        "    (folder / 'lanterns.py').write_text(code)\n"
    )
    first = (
        PRD[:R3]
        .replace("every full ten metres", "full 10 metres")
        .replace("a lantern costs 30", "count for full 10 metres, `price(metres)` is 30 each")
    )
    rows = {"| 9 | 0 |": "| 9 | 1 |", "| 10 | 1 |": "| 10 | 2 |", "| 25 | 2 |": "| 25 | 5 |", "| 99 | 9 |": "| 99 | 19 |"}
    rows |= {"| 5 | 0 |": "| 5 | 30 |", "| 20 | 60 |": "| 20 | 120 |", "| 35 | 90 |": "| 35 | 210 |", "| 101 | 300 |": "| 101 | 600 |"}
    second = first.replace("full 10 metres", "full 5 metres")
    for before, after in rows.items():
        second = second.replace(before, after)
    place.prd("lanterns", first.replace("one for every", "`count(metres)`, one for"))
    assert worked(place)[0] == 2
    place.prd("lanterns", second.replace("one for every", "`count(metres)`, one for"))
    assert worked(place)[1] == ["lanterns#R1", "lanterns#R2"]
    task = next(task for task in place.runs("lanterns")[-1]["tasks"] if task["id"] == "lanterns#R1")
    assert task["attempts"][-1]["verdict"] == "passed" and len(task["attempts"]) == 1
    assert any(finding["gate"] == "outdated test" for finding in task["attempts"][0]["findings"]), task["attempts"][0]["findings"]
    assert "tests/test_lanterns_r2.py" in task["outdated"]
    verified = place.command("verify")
    assert verified.returncode == 0, verified.stdout


def test_what_stays_done_is_judged_with_the_code_of_what_changed_and_what_is_gone_binds_nobody(place: Workplace) -> None:
    place.agent(AGENT)
    place.prd("lanterns", PRD[:R3])
    assert worked(place)[0] == 2
    place.agent(
        "def turn(brief, folder):\n"
        "    code = 'def count(metres):\\n    return max(0, metres) // 10\\n'\n"
        "    if brief.attempt == 2:\n"
        "        code += '\\n\\ndef price(metres):\\n    return count(metres) * 30\\n'\n"
        "    (folder / 'lanterns.py').write_text(code)\n"
    )
    place.prd("lanterns", PRD[:R3].replace("| 9 | 0 |", "| -9 | 0 |"))
    assert worked(place) == (2, ["lanterns#R1"])
    first, second = place.task("lanterns", "lanterns#R1")["attempts"]
    assert (first["verdict"], second["verdict"]) == ("refused", "passed")
    assert any("lanterns#R2.AC1 is finished" in finding["message"] for finding in first["findings"]), first["findings"]

    place.agent("def turn(brief, folder):\n    (folder / 'lanterns.py').write_text('def count(metres):\\n    return max(1, metres // 10)\\n')\n")
    place.prd("lanterns", PRD[:R2].replace("| 9 | 0 |", "| 9 | 1 |"))
    assert worked(place) == (1, ["lanterns#R1"])
    (attempt,) = place.task("lanterns", "lanterns#R1")["attempts"]
    assert {finding["gate"] for finding in attempt["findings"]} >= {"outdated test"}
    (orphan,) = place.project("lanterns")["orphans"]
    assert (orphan["task"], orphan["files"], orphan["shared"]) == ("lanterns#R2", ["lanterns.py"], ["lanterns.py"])


def test_a_requirement_that_is_gone_leaves_orphans_until_it_is_back_or_a_person_took_them_away(place: Workplace) -> None:
    place.agent(AGENT)
    place.prd("lanterns", PRD)
    assert worked(place)[0] == 3
    place.prd("lanterns", PRD[:R3])
    assert worked(place) == (0, [])
    (orphan,) = place.project("lanterns")["orphans"]
    assert (orphan["task"], orphan["files"], orphan["shared"], orphan["tests"]) == ("lanterns#R3", ["posts.py"], [], ["tests/test_lanterns_r3.py"])
    assert [commit["kind"] for commit in orphan["commits"]] == ["test", "feat"]
    status = place.command("status").stdout
    assert "lanterns#R3 is orphaned" in status and "posts.py" in status and "put the requirement back" in status
    assert place.command("site", "build").returncode == 0
    page = (place.root / "site/projects/lanterns/index.html").read_text()
    assert 'id="orphaned"' in page and "posts.py" in page
    place.prd("lanterns", PRD)
    assert worked(place) == (0, ["lanterns#R3"])
    assert place.project("lanterns")["orphans"] == []

    place.prd("lanterns", PRD[:R3])
    assert worked(place) == (0, [])
    clone = place.root / "clone"
    for arguments in (
        ("clone", "-q", "-b", "prd/lanterns", str(place.root / "runs/lanterns/repo.git"), str(clone)),
        ("-C", str(clone), "rm", "-q", "posts.py", "tests/test_lanterns_r3.py"),
        ("-C", str(clone), "-c", "user.name=ann", "-c", "user.email=ann@example.org", "commit", "-q", "-m", "no posts"),
        ("-C", str(clone), "push", "-q"),
    ):
        subprocess.run(["git", *arguments], check=True, capture_output=True)
    assert "orphaned" not in place.command("status").stdout
    assert worked(place) == (0, [])
    assert place.project("lanterns")["orphans"] == []


def test_what_an_edit_made_outdated_is_told_word_by_word_until_it_is_proved_again(place: Workplace) -> None:
    place.agent(AGENT)
    place.prd("lanterns", PRD)
    assert worked(place)[0] == 3
    place.prd("lanterns", CHEAPER.replace("a lantern costs 20", "a <b>lantern</b> costs 20"))
    plan = place.command("plan").stdout
    line = CHEAPER.splitlines().index("- AC1: a lantern costs 20") + 1
    assert f"[changed: AC1, line {line}; would run]" in plan, plan
    place.agent("def turn(brief, folder):\n    (folder / 'lanterns.py').write_text('def count(metres):\\n    return metres // 10\\n')\n")
    assert place.run().returncode == 1
    report = place.project("lanterns")["prds"][0]
    (criterion,) = report["requirements"][1]["criteria"]
    assert criterion["outdated"] == "proved for the earlier wording" and criterion["proved_at"]
    (edit,) = report["edits"]
    kinds = {change["requirement"]: change["kind"] for change in edit["changes"]}
    assert kinds == {"lanterns#R1": "unchanged", "lanterns#R2": "changed", "lanterns#R3": "unchanged"}
    (change,) = (change for change in edit["changes"] if change["kind"] == "changed")
    assert change["outdated"] == ["lanterns#R2.AC1"]
    assert place.command("site", "build").returncode == 0
    page = (place.root / "site/projects/lanterns/index.html").read_text()
    assert re.search(r"<del><span[^>]*>\[-</span>lantern<span", page) and "{+</span>&lt;b&gt;lantern&lt;/b&gt;<span" in page
    assert "<b>lantern</b>" not in page
    assert "Proved for the earlier wording" in page

    place.agent(AGENT)
    assert place.command("retry").returncode == 0
    assert worked(place) == (1, ["lanterns#R2"])
    report = place.project("lanterns")["prds"][0]
    assert [criterion["outdated"] for requirement in report["requirements"] for criterion in requirement["criteria"]] == ["", "", "", ""]
    assert report["edits"][0]["changes"][1]["outdated"] == []


def test_an_answer_closes_the_question_and_only_its_task_runs(place: Workplace) -> None:
    bell(place)
    asked = BELL.replace(PROSE, "") + "\n### R2: Silence\n"
    place.prd("bell", asked)
    assert place.run().returncode == 3
    question = next(task for task in place.project("bell")["tasks"] if task["id"] == "bell#R2")["question"]
    assert "no acceptance criterion" in question["text"]
    said = "\n## Answers\n\n- R2: Module: bell.py\n- Q: How would one see that R2 is done? A: negative minutes raise ValueError with the number\n"
    place.agent(
        f"GOOD = {GOOD.replace('AC2', 'A1')!r}\nCODE = {CODE!r}\n"
        "def turn(brief, folder):\n"
        "    assert brief.task == 'bell#R2', brief.task\n"
        "    assert 'negative minutes raise ValueError with the number' in brief.text\n"
        "    (folder / brief.writable[0]).write_text(GOOD if brief.role == 'tests' else CODE)\n"
    )
    place.prd("bell", asked + said)
    assert worked(place, "bell")[1] == ["bell#R2"]
    assert place.project("bell")["tasks"][1]["question"] is None
    answers = place.task("bell", "bell#R2")["answers"]
    assert [answer["text"] for answer in answers] == ["Module: bell.py", "negative minutes raise ValueError with the number"]
    assert all((asked + said).splitlines()[answer["line"] - 1].startswith("- ") for answer in answers)
    assert place.command("site", "build").returncode == 0
    (page,) = (place.root / "site/projects/bell").glob(f"{place.runs('bell')[-1]['id']}/bell-R2.html")
    assert "Answered by a person" in page.read_text()


BILL = """\
---
title: Bill
id: bill
project: lanterns
depends_on: [lanterns]
---

# Bill

## Requirements

### R1: Flat fee
Module: bill.py

- AC1: the fee

  | `fee(metres)` | => |
  |---|---|
  | 20 | 5 |
  | 5 | 5 |
  | 300 | 6 |
  | 400 | 6 |

### R2: Total
Module: bill.py

- AC1: the price is at least the fee

  | `total(metres)` | => |
  |---|---|
  | 5 | True |
  | 20 | True |
  | 35 | True |
  | -50 | False |
"""


def test_an_edit_of_a_prd_makes_those_that_depend_on_it_wait_and_be_judged_again_without_a_turn(place: Workplace) -> None:
    place.agent(
        AGENT.replace(
            "def turn(brief, folder):\n",
            "def turn(brief, folder):\n    if brief.prd == 'bill':\n"
            "        code = 'from lanterns import price\\n\\n\\ndef fee(metres):\\n    return 5 if metres < 100 else 6\\n'\n"
            "        if 'total(' in brief.text:\n"
            "            code += '\\n\\ndef total(metres):\\n    return price(metres) + fee(metres) >= 5\\n'\n"
            "        (folder / 'bill.py').write_text(code)\n        return 'x'\n",
        )
    )
    place.prd("lanterns", PRD[:R3])
    place.prd("bill", BILL)
    assert worked(place)[1] == ["lanterns#R1", "lanterns#R2", "bill#R1", "bill#R2"]
    assert "* 30" in place.git("lanterns", "show", "prd/bill:lanterns.py")
    kept = place.git("lanterns", "show", "prd/bill:tests/test_bill_r1.py")

    place.prd("lanterns", CHEAPER[:R3])
    assert worked(place) == (1, ["lanterns#R2", "bill#R1", "bill#R2"]), "one turn, for the PRD that was edited"
    assert "* 20" in place.git("lanterns", "show", "prd/bill:lanterns.py"), "it is merged in"
    assert set(place.states("lanterns").values()) == {"done"}
    assert place.git("lanterns", "show", "prd/bill:tests/test_bill_r1.py") == kept, "held-out examples are kept as before"
    assert place.task("lanterns", "bill#R1")["verdict"] == "already satisfied"
    assert place.run().stdout.rstrip().endswith("nothing new")
    verified = place.command("verify")
    assert verified.returncode == 0, verified.stdout

    place.agent("def turn(brief, folder):\n    (folder / 'lanterns.py').write_text('def count(metres):\\n    return metres // 10\\n')\n")
    place.prd("lanterns", PRD[:R3])
    place.prd("bill", BILL.replace("| 400 | 6 |", "| 401 | 6 |"))
    assert place.run().returncode == 1
    assert place.states("lanterns")["bill#R1"] == "ready", "it waits for the PRD it depends on"
    assert place.inbox()["prds/bill.md"]["state"] == "waiting"
