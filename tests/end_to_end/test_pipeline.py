"""The whole path through the real command: several PRDs, needs a person, set aside, edits, kills, locks."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time

import pytest

from tests.conftest import Workplace

LANTERN = """\
---
title: Lanterns
---

# Lanterns

## Requirements

### R1: Count the lanterns
Module: lanterns.py

`count(metres)` is how many lanterns a street of that length needs: one for every full ten metres.

- AC1: streets

  | `count(metres)` | => |
  |---|---|
  | 9 | 0 |
  | 10 | 1 |
  | 25 | 2 |
  | 99 | 9 |

### R2: Price them
Depends on: R1
Module: lanterns.py

- AC1: a lantern costs 30

  | `price(metres)` | => |
  |---|---|
  | 5 | 0 |
  | 20 | 60 |
  | 35 | 90 |
  | 101 | 300 |
"""

CODE = "def count(metres):\n    return metres // 10\n"
BOTH = CODE + "\n\ndef price(metres):\n    return count(metres) * 30\n"

STEPWISE = f"""
def turn(brief, folder):
    code = {CODE!r} if brief.task.endswith("R1") else {BOTH!r}
    (folder / "lanterns.py").write_text(code)
    return {{"text": "written", "usage": {{"input_tokens": 100, "output_tokens": 20}}}}
"""


def test_contradicting_examples_need_a_person_and_the_rest_goes_on(place: Workplace) -> None:
    text = LANTERN + "\n- AC2: as the mayor says\n\n  ```python\n  >>> from lanterns import price\n  >>> price(20)\n  75\n  ```\n"
    place.prd("lanterns", text)
    place.agent(STEPWISE)
    done = place.run()
    assert done.returncode == 3, done.stdout + done.stderr
    assert place.states("lanterns") == {"lanterns#R1": "done", "lanterns#R2": "unclear"}
    question = place.project("lanterns")["tasks"][1]["question"]
    lines = [text.splitlines().index("  | 20 | 60 |") + 1, text.splitlines().index("  >>> price(20)") + 1]
    assert question["lines"] == lines
    assert all(f"line {line}" in question["text"] for line in lines)
    again = place.run()
    assert (again.returncode, "nothing new" in again.stdout) == (0, True)

    place.prd("lanterns", text.replace("  75\n", "  60\n"))
    answered = place.run()
    assert answered.returncode == 0, answered.stdout
    assert set(place.states("lanterns").values()) == {"done"}
    assert "lanterns#R1: Count" not in answered.stdout, "what was done ran again"


def test_a_prose_criterion_that_nothing_proves_needs_a_person(place: Workplace) -> None:
    place.prd("lanterns", LANTERN + "\n- AC2: the light is pleasant\n")
    place.agent(STEPWISE)
    assert place.run().returncode == 3
    project = place.project("lanterns")
    criterion = project["prds"][0]["requirements"][1]["criteria"][1]
    assert (criterion["state"], criterion["level"]) == ("needs a person", "none")
    assert "AC2" in project["tasks"][1]["question"]["text"]
    assert not project["prds"][0]["complete"]


def test_examples_that_one_constant_satisfies_need_a_person(place: Workplace) -> None:
    place.prd(
        "thin",
        "# Thin\n\n## Requirements\n\n### R1: Yes\nModule: thin.py\n\n- AC1: says yes\n\n  ```python\n  >>> from thin import yes\n  >>> yes(1)\n  True\n  ```\n",
    )
    place.agent("def turn(brief, folder):\n    (folder / 'thin.py').write_text('def yes(n):\\n    return True\\n')\n")
    done = place.run()
    assert done.returncode == 3, done.stdout
    assert "always answers True" in place.project("thin")["tasks"][0]["question"]["text"]
    assert place.runs("thin")[0]["turns"] == 0


def test_a_bad_prd_is_set_aside_and_the_others_run(place: Workplace) -> None:
    place.prd("lanterns", LANTERN)
    place.prd("bad", "---\nbudgett: {}\n---\n# Bad\n\n## Requirements\n\n### R1: One\n\n### R1: Two\n")
    place.agent(STEPWISE)
    done = place.run()
    assert done.returncode == 4, done.stdout
    assert set(place.states("lanterns").values()) == {"done"}
    receipt = place.inbox()["prds/bad.md"]
    assert receipt["state"] == "set aside"
    codes = {(problem["code"], problem["line"]) for problem in receipt["problems"] if problem["severity"] == "error"}
    assert {("unknown-key", 2), ("duplicate-identifier", 10)} <= codes, codes
    assert "bad.md:2" in done.stdout


def test_an_edit_runs_only_what_it_touches_and_a_removed_requirement_is_retired(place: Workplace) -> None:
    place.prd("lanterns", LANTERN)
    place.agent(STEPWISE)
    assert place.run().returncode == 0
    place.prd("lanterns", LANTERN.replace("| 35 | 90 |", "| 36 | 90 |"))
    done = place.run()
    assert done.returncode == 0, done.stdout
    assert [task["id"] for task in place.runs("lanterns")[-1]["tasks"]] == ["lanterns#R2"]
    place.prd("lanterns", LANTERN[: LANTERN.index("### R2")])
    assert place.run().returncode == 0
    assert place.states("lanterns") == {"lanterns#R1": "done", "lanterns#R2": "retired"}
    assert "price" in place.git("lanterns", "show", "prd/lanterns:lanterns.py")


def test_moving_a_requirement_in_the_text_costs_nothing(place: Workplace) -> None:
    place.prd("lanterns", LANTERN)
    place.agent(STEPWISE)
    assert place.run().returncode == 0
    place.prd("lanterns", LANTERN.replace("# Lanterns\n", "# Lanterns\n\nSome more words.\n\nAnd more.\n"))
    again = place.run()
    assert again.stdout.rstrip().endswith("nothing new"), again.stdout


def test_a_killed_run_is_continued_and_no_turn_that_returned_is_taken_again(place: Workplace) -> None:
    """kill -9 while the second task's turn is under way: the first task stays done, the turn in flight is taken again, once."""
    slow = STEPWISE.replace(
        "def turn(brief, folder):", "import time\ndef turn(brief, folder):\n    time.sleep(3 if brief.task.endswith('R2') else 0)"
    )
    place.prd("lanterns", LANTERN)
    place.agent(slow)
    running = place.start("run", "--no-site")
    journal = place.root / "runs" / "lanterns" / "journal"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(journal.glob("lanterns_r2-*")):
        time.sleep(0.05)
    time.sleep(0.3)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert list(journal.glob("lanterns_r2-*")), place.log()
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(place.states("lanterns").values()) == {"done"}
    reports = place.runs("lanterns")
    assert [report["continued"] for report in reports] == [False, True]
    assert reports[0]["outcome"] == "interrupted"
    assert reports[0]["ended_at"] and [task["state"] for task in reports[0]["tasks"]] == ["done"], "what the killed run had done stands in its report"
    entries = [json.loads(line) for path in journal.glob("*.jsonl") for line in path.read_text().splitlines()]
    kinds = [(entry["event"]) for entry in entries]
    assert kinds.count("returned") == 2
    assert kinds.count("reserved") == 3
    subjects = place.git("lanterns", "log", "--format=%s", "prd/lanterns").splitlines()
    assert sum(subject.startswith("feat(") for subject in subjects) == 2


def test_a_returned_turn_is_replayed_when_the_gates_were_interrupted(place: Workplace) -> None:
    """kill -9 after the turn returned, while the candidate is judged: nothing is paid again."""
    place.prd("lanterns", LANTERN[: LANTERN.index("### R2")])
    place.agent(f"def turn(brief, folder):\n    (folder / 'lanterns.py').write_text({CODE!r})\n")
    running = place.start("run", "--no-site")
    journal = place.root / "runs" / "lanterns" / "journal"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not any("returned" in path.read_text() for path in journal.glob("*.jsonl")):
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    assert "feat(" not in place.git("lanterns", "log", "--all", "--format=%s"), "its candidate was not judged yet"
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    text = "".join(path.read_text() for path in journal.glob("*.jsonl"))
    assert (text.count('"reserved"'), text.count('"returned"')) == (1, 1)
    assert place.runs("lanterns")[-1]["turns"] == 1


def test_what_a_killed_run_had_still_to_write_is_made_good(place: Workplace) -> None:
    """As after a kill between the last commit of a task, its report, and the held-out examples: the database knows, the files do not."""
    place.prd("lanterns", LANTERN)
    place.agent(STEPWISE)
    assert place.run().returncode == 0
    before = place.git("lanterns", "rev-parse", "prd/lanterns^{tree}")
    (run,) = [report["id"] for report in place.runs("lanterns")]
    (place.root / "runs" / "lanterns" / "reports" / f"{run}.json").unlink()
    place.git("lanterns", "update-ref", "refs/heads/prd/lanterns", "prd/lanterns~1")
    with sqlite3.connect(place.root / "runs" / "lanterns" / "project.sqlite") as db:
        db.execute("UPDATE runs SET ended_at = '', outcome = 'interrupted'")
        db.execute("UPDATE prds SET kept = ''")
    db.close()
    time.sleep(1.1)  # a commit's time is in seconds: made again within the same one, it would be the same commit
    assert place.run().returncode == 0
    report, validated = place.runs("lanterns")
    assert (report["outcome"], [task["state"] for task in report["tasks"]]) == ("interrupted", ["done", "done"])
    assert (validated["tasks"], validated["turns"]) == ([], 0), "the head is another commit, so the branch is looked at as a whole again"
    assert place.git("lanterns", "rev-parse", "prd/lanterns^{tree}") == before


def test_sigterm_ends_a_run_cleanly_and_the_next_one_goes_on(place: Workplace) -> None:
    place.prd("lanterns", LANTERN)
    place.agent(
        STEPWISE.replace("def turn(brief, folder):", "import time\ndef turn(brief, folder):\n    time.sleep(30 if brief.task.endswith('R2') else 0)")
    )
    running = place.start("run", "--no-site")
    journal = place.root / "runs" / "lanterns" / "journal"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(journal.glob("lanterns_r2-*")):
        time.sleep(0.05)
    running.send_signal(signal.SIGTERM)
    assert running.wait(20) == 130
    assert "continues where this one ended" in place.log()
    assert "Traceback" not in place.log()
    place.agent(STEPWISE)
    assert place.run().returncode == 0
    assert set(place.states("lanterns").values()) == {"done"}


def test_a_second_process_on_the_same_project_is_told_whose_lock_it_is(place: Workplace) -> None:
    place.prd("lanterns", LANTERN)
    place.agent("import time\ndef turn(brief, folder):\n    time.sleep(20)\n")
    running = place.start("run", "--no-site")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list((place.root / "runs" / "lanterns").glob("journal/*")):
        time.sleep(0.05)
    try:
        second = place.run()
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    assert second.returncode == 6
    assert str(running.pid) in second.stdout


def test_a_budget_of_the_prd_stops_before_the_next_turn(place: Workplace) -> None:
    place.prd("lanterns", LANTERN.replace("title: Lanterns", "title: Lanterns\nbudget: {tokens: 150, attempts: 3}"))
    place.agent(
        "def turn(brief, folder):\n    (folder / 'lanterns.py').write_text(f'def count(metres): return {brief.attempt}')\n    return {'text': '', 'usage': {'input_tokens': 100, 'output_tokens': 0}}\n"
    )
    done = place.run()
    assert done.returncode == 5, done.stdout
    assert place.states("lanterns")["lanterns#R1"] == "parked"
    assert place.runs("lanterns")[0]["turns"] == 2
    assert "budget of 150 tokens is used up" in done.stdout


def test_prds_wait_for_the_prds_they_depend_on(place: Workplace) -> None:
    second = (
        "---\ntitle: Bill\nid: bill\nproject: lanterns\ndepends_on: [lanterns]\n---\n# Bill\n\n## Requirements\n\n### R1: Total\nModule: bill.py\n\n"
    )
    second += "- AC1: lanterns and a flat fee of 5\n\n  | `total(metres)` | => |\n  |---|---|\n  | 20 | 65 |\n  | 5 | 5 |\n  | 35 | 95 |\n"
    place.prd("lanterns", LANTERN)
    place.prd("bill", second)
    place.agent(
        STEPWISE.replace(
            "    code =",
            "    if brief.prd == 'bill':\n        (folder / 'bill.py').write_text('from lanterns import price\\ndef total(metres):\\n    return price(metres) + 5\\n')\n        return 'x'\n    code =",
        )
    )
    done = place.run()
    assert done.returncode == 0, done.stdout
    assert place.states("lanterns") == {"bill#R1": "done", "lanterns#R1": "done", "lanterns#R2": "done"}
    assert place.git("lanterns", "ls-tree", "--name-only", "prd/bill").split() == ["bill.py", "lanterns.py", "tests"]


def test_console_examples_with_input_files_are_proved(place: Workplace) -> None:
    place.prd(
        "sums",
        "# Sums\n\n## Requirements\n\n### R1: Sum a column\nModule: sums.py\n\n```csv table.csv\na,1\nb,2\n```\n\n"
        "- AC1: from a file\n\n  ```console\n  $ python -m sums table.csv\n  3\n  ```\n\n- AC2: from standard input\n\n"
        "  ```console\n  $ python -m sums - <<END\n  x,40\n  y,2\n  END\n  42\n  ```\n\n- AC3: no such file\n\n"
        "  ```console\n  $ python -m sums none.csv\n  no such file: none.csv\n  (exit 2)\n  ```\n",
    )
    code = (
        "import sys\n\ndef main(path):\n    try:\n        stream = sys.stdin if path == '-' else open(path)\n    except OSError:\n"
        "        print('no such file:', path, file=sys.stderr)\n        return 2\n"
        "    print(sum(int(line.split(',')[1]) for line in stream))\n    return 0\n\nif __name__ == '__main__':\n    sys.exit(main(sys.argv[1]))\n"
    )
    place.agent(f"def turn(brief, folder):\n    (folder / 'sums.py').write_text({code!r})\n")
    done = place.run()
    assert done.returncode == 0, done.stdout + json.dumps(place.runs("sums"), indent=1)[-3000:]


def test_an_agent_that_cannot_answer_parks_the_task_and_the_next_run_tries_again(place: Workplace) -> None:
    place.prd("lanterns", LANTERN)
    place.configure(agents={"dead": {"type": "chat", "url": "http://127.0.0.1:9/v1", "model": "m"}})
    done = place.run()
    assert done.returncode == 5, done.stdout
    assert place.states("lanterns") == {"lanterns#R1": "parked", "lanterns#R2": "pending"}
    place.agent(STEPWISE)
    assert place.run().returncode == 0


@pytest.mark.parametrize("files", [("lanterns.py",), ("src/lanterns.py",)])
def test_a_module_below_src_is_found(place: Workplace, files: tuple[str, ...]) -> None:
    place.prd("lanterns", LANTERN[: LANTERN.index("### R2")].replace("Module: lanterns.py", f"Module: {files[0]}"))
    place.agent(f"def turn(brief, folder):\n    path = folder / {files[0]!r}\n    path.parent.mkdir(exist_ok=True)\n    path.write_text({CODE!r})\n")
    assert place.run().returncode == 0


def test_a_branch_that_moved_during_the_cycle_is_judged_again_without_a_turn(place: Workplace) -> None:
    place.prd("lanterns", LANTERN[: LANTERN.index("### R2")])
    place.agent(STEPWISE.replace("def turn(brief, folder):", "import time\ndef turn(brief, folder):\n    time.sleep(3)"))
    running = place.start("run", "--no-site")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list((place.root / "runs" / "lanterns").glob("journal/*")):
        time.sleep(0.05)
    empty = place.git("lanterns", "rev-parse", "main^{tree}").strip()
    blob = place.git("lanterns", "hash-object", "-w", str(place.root / "orchestrator.yaml")).strip()
    tree = subprocess.run(
        ["git", "--git-dir", str(place.root / "runs/lanterns/repo.git"), "mktree"],
        input=f"100644 blob {blob}\tNOTES\n",
        capture_output=True,
        text=True,
    ).stdout.strip()
    assert tree and tree != empty
    identity = ["-c", "user.name=S", "-c", "user.email=s@localhost"]
    commit = place.git("lanterns", *identity, "commit-tree", tree, "-p", "prd/lanterns", "-m", "by somebody else").strip()
    place.git("lanterns", "update-ref", "refs/heads/prd/lanterns", commit)
    assert running.wait(60) == 0, place.log()
    assert place.states("lanterns") == {"lanterns#R1": "done"}
    assert place.git("lanterns", "ls-tree", "--name-only", "prd/lanterns").split() == ["NOTES", "lanterns.py", "tests"]
    assert sum(path.read_text().count('"returned"') for path in (place.root / "runs/lanterns/journal").glob("*")) == 1


def test_where_namespaces_are_refused_the_next_level_is_used_unless_full_is_asked_for(place: Workplace) -> None:
    """`bwrap` that refuses, as on a machine without user namespaces: found by effects."""
    fake = place.root / "bin" / "bwrap"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    fake.chmod(0o755)
    path = f"{fake.parent}:{os.environ['PATH']}"
    place.prd("lanterns", LANTERN)
    place.agent(STEPWISE, sandbox={"require": "full"})
    done = place.command("run", "--no-site", PATH=path)
    assert done.returncode == 5, done.stdout + done.stderr
    assert "setting up uid map" in done.stdout
    receipt = place.inbox()["prds/lanterns.md"]
    assert receipt["state"] == "waiting"
    assert "sysctl" in receipt["problems"][0]["hint"]
    place.agent(STEPWISE)
    done = place.command("run", "--no-site", PATH=path)
    assert done.returncode == 0, done.stdout + done.stderr
    report = place.runs("lanterns")[-1]
    assert report["sandbox"] == "landlock"
    assert any("setting up uid map" in reason for reason in report["sandbox_reasons"])


def test_a_damaged_database_stops_its_own_project_only(place: Workplace) -> None:
    place.prd("lanterns", LANTERN)
    place.prd("aaa", LANTERN.replace("Lanterns", "Others"))
    place.agent(STEPWISE)
    (place.root / "runs" / "aaa").mkdir(parents=True)
    (place.root / "runs" / "aaa" / "project.sqlite").write_bytes(b"this is no database" * 1000)
    done = place.run()
    assert done.returncode == 70, done.stdout
    assert "cannot be read" in done.stdout
    assert set(place.states("lanterns").values()) == {"done"}


def test_retry_gives_a_failed_task_its_attempts_again_and_remembers_what_was_refused(place: Workplace) -> None:
    place.prd("lanterns", LANTERN)
    place.agent("def turn(brief, folder):\n    (folder / 'lanterns.py').write_text('def count(metres): return 7\\n')\n", limits={"attempts": 2})
    assert place.run().returncode == 1
    assert place.run().stdout.rstrip().endswith("nothing new"), "a failed task is not tried again unasked"
    assert place.command("retry", "nothing#R1").returncode == 2
    asked = place.command("retry", "lanterns")
    assert (asked.returncode, "lanterns#R1: ready" in asked.stdout) == (0, True)
    assert place.run().returncode == 1
    assert [bool(attempt["observations"]) for attempt in place.task("lanterns", "lanterns#R1")["attempts"]] == [False, False]
    place.command("retry")
    place.agent(STEPWISE, limits={"attempts": 2})
    assert place.run().returncode == 0
    assert set(place.states("lanterns").values()) == {"done"}


def test_a_renamed_prd_keeps_its_id_and_nothing_is_done_again(place: Workplace) -> None:
    path = place.prd("lanterns", LANTERN)
    place.agent(STEPWISE)
    assert place.run().returncode == 0
    path.rename(path.with_name("street-lights.md"))
    again = place.run()
    assert again.stdout.rstrip().endswith("nothing new"), again.stdout
    inbox = place.inbox()
    assert (inbox["prds/street-lights.md"]["prd"], inbox["prds/lanterns.md"]["state"]) == ("lanterns", "gone")
    assert inbox["prds/street-lights.md"]["problems"][0]["code"] == "renamed"
    place.prd("street-lights", LANTERN.replace("| 35 | 90 |", "| 36 | 90 |"))
    edited = place.run()
    assert edited.returncode == 0
    assert [task["id"] for task in place.runs("lanterns")[-1]["tasks"]] == ["lanterns#R2"]


def test_an_example_with_a_name_that_nothing_defines_needs_a_person_before_a_turn_is_spent(place: Workplace) -> None:
    broken = (
        LANTERN[: LANTERN.index("### R2")] + "- AC2: long ones\n\n  ```python\n  >>> from lanterns import count\n  >>> count(lenght)\n  3\n  ```\n"
    )
    place.prd("lanterns", broken)
    place.agent(STEPWISE)
    done = place.run()
    assert done.returncode == 3, done.stdout
    question = place.project("lanterns")["tasks"][0]["question"]
    assert "name 'lenght' is not defined" in question["text"]
    assert question["lines"] == [broken.splitlines().index("- AC2: long ones") + 1]
    assert place.runs("lanterns")[0]["turns"] == 0
