"""What an edit of a PRD costs: the real command, a scripted agent, counted turns."""

from __future__ import annotations

import sqlite3
import subprocess
import time

import pytest

from tests.conftest import Workplace

PRD = """\
---
title: Lanterns
---

# Lanterns

A street at night.

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

### R3: Posts
Module: posts.py

- AC1: a post is three metres higher than the house

  | `post(house)` | => |
  |---|---|
  | 0 | 3 |
  | 4 | 7 |
  | 10 | 13 |

- AC2: no post for a hole

  ```python
  >>> from posts import post
  >>> post(-1)
  Traceback (most recent call last):
  ValueError: a hole
  ```
"""
R1, R2, R3 = (PRD.index(f"### {key}") for key in ("R1", "R2", "R3"))
CHEAPER = (
    PRD.replace("costs 30", "costs 20").replace("| 20 | 60 |", "| 20 | 40 |").replace("| 35 | 90 |", "| 35 | 60 |").replace("| 300 |", "| 200 |")
)

AGENT = """
import re

COUNT = "def count(metres):\\n    return metres // 10\\n"
PRICE = "\\n\\ndef price(metres):\\n    return count(metres) * %d\\n"
POST = "def post(house):\\n    if house < 0:\\n        raise ValueError('a hole')\\n    return house + %d\\n"


def turn(brief, folder):
    if "posts.py" in brief.writable:
        higher = 4 if "four metres" in brief.text else 3
        (folder / "posts.py").write_text(POST % higher)
    else:
        costs = re.search("costs ([0-9]+)", brief.text)
        (folder / "lanterns.py").write_text(COUNT + (PRICE % int(costs[1]) if costs else ""))
    return {"text": "written", "usage": {"input_tokens": 100, "output_tokens": 20}}
"""


def worked(place: Workplace, project: str = "lanterns") -> tuple[int, list[str]]:
    """(turns, tasks with a cycle) of one more run."""
    reports = len(place.runs(project)) if (place.root / "runs" / project).exists() else 0
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    new = place.runs(project)[reports:]
    return sum(report["turns"] for report in new), [task["id"] for report in new for task in report["tasks"] if task["verdict"] != "retired"]


def test_every_kind_of_edit_costs_what_it_touches_and_no_more(place: Workplace) -> None:
    place.agent(AGENT, workers=1, gates={"mutants": 0}, tidy={"enabled": False})
    place.prd("lanterns", PRD)
    assert worked(place) == (3, ["lanterns#R1", "lanterns#R2", "lanterns#R3"])
    more = "\n- AC3: high houses\n\n  | `post(house)` | => |\n  |---|---|\n  | 100 | 103 |\n"
    two = ["lanterns#R2", "lanterns#R3"]
    moved = PRD[:R1] + PRD[R3:] + "\n\n\n" + PRD[R1:R3]
    table: list[tuple[str, str, int, list[str]]] = [
        ("requirements moved around, other lines", moved, 0, []),
        ("title, context, priority", PRD.replace("title: Lanterns", "title: Lamps\npriority: 7").replace("at night", "in fog"), 0, []),
        ("priority of a requirement", PRD.replace("### R3: Posts\n", "### R3: Posts\nPriority: high\n"), 0, []),
        ("as it was", PRD, 0, []),
        ("another identifier", PRD.replace("### R2:", "### R7:"), 0, ["lanterns#R7"]),
        ("the old one again", PRD, 0, ["lanterns#R2"]),
        ("one word of prose", PRD.replace("every full ten", "every whole ten"), 0, ["lanterns#R1"]),
        ("as it was", PRD, 0, ["lanterns#R1"]),
        ("one digit of an example, which the code meets", PRD.replace("| 35 | 90 |", "| 38 | 90 |"), 0, ["lanterns#R2"]),
        ("another rule", CHEAPER, 1, ["lanterns#R2"]),
        ("a criterion more", CHEAPER + more, 0, ["lanterns#R3"]),
        ("a criterion less", CHEAPER[: CHEAPER.index("\n- AC2: no post")], 0, ["lanterns#R3"]),
        ("a requirement less", CHEAPER[: CHEAPER.index("### R3")], 0, []),
        ("half of the file", CHEAPER[: CHEAPER.index("### R2")], 0, []),
        ("everything as it was", PRD, 1, two),
    ]
    for what, text, turns, tasks in table:
        place.prd("lanterns", text)
        assert worked(place) == (turns, tasks), what
        lines = {item["key"]: item["line"] for item in place.project("lanterns")["prds"][0]["requirements"]}
        told = {line.split()[1].rstrip(":"): number for number, line in enumerate(text.splitlines(), 1) if line.startswith("### ")}
        assert lines == told, what
    (place.root / "prds" / "lanterns.md").rename(place.root / "prds" / "lamps.md")
    assert worked(place) == (0, [])
    assert {state for task, state in place.states("lanterns").items() if task != "lanterns#R7"} == {"done"}
    assert place.command("verify").returncode == 0, "what was proved under every wording is proved again from the evidence"


# --- edits while a run is under way ---------------------------------------------------------------------------------------

SLOW = AGENT.replace("def turn(brief, folder):", "import time\n\n\ndef turn(brief, folder):\n    time.sleep(1.5 if brief.task.endswith('R2') else 0)")


def begin(place: Workplace, agent: str = SLOW) -> subprocess.Popen[str]:
    """A run whose agent is just being asked for R2."""
    place.agent(agent, inbox={"quiet_seconds": 0.1}, workers=1)
    place.prd("lanterns", PRD)
    running = place.start("run", "--no-site")
    journal, until = place.root / "runs" / "lanterns" / "journal", time.monotonic() + 90
    while time.monotonic() < until and not any('"reserved"' in path.read_text() for path in journal.glob("lanterns_r2-*")):
        time.sleep(0.05)
    assert list(journal.glob("lanterns_r2-*")), place.log()
    return running


def ended(place: Workplace, running: subprocess.Popen[str], code: int = 0) -> None:
    assert running.wait(180) == code, place.log()


def moves(place: Workplace, task: str) -> list[str]:
    with sqlite3.connect(place.root / "runs" / "lanterns" / "project.sqlite") as db:
        return [name for (name,) in db.execute("SELECT move FROM events WHERE task = ? ORDER BY id", (task,))]


@pytest.mark.parametrize("answer", ["right", "wrong"])
def test_an_edit_during_a_run_stops_the_task_it_touches_and_no_other(place: Workplace, answer: str) -> None:
    """A right answer to the earlier wording is not integrated, a wrong one is not followed by another turn."""
    running = begin(place, SLOW if answer == "right" else SLOW.replace("PRICE % int(costs[1])", "PRICE % (int(costs[1]) % 30)"))
    place.prd("lanterns", CHEAPER)
    ended(place, running)
    assert moves(place, "lanterns#R2") == ["ready", "started", "reclaimed", "changed", "ready", "started", "produced", "integrated"]
    assert moves(place, "lanterns#R1") == moves(place, "lanterns#R3") == ["ready", "started", "produced", "integrated"]
    (run,) = place.runs("lanterns")
    assert run["turns"] == 4, "what was paid for the earlier wording stays booked"
    assert "* 20" in place.git("lanterns", "show", "prd/lanterns:lanterns.py")
    assert "* 30" not in place.git("lanterns", "log", "-p", "--all", "--", "lanterns.py"), "nothing of the earlier wording was integrated"
    assert next(task for task in place.project("lanterns")["tasks"] if task["id"] == "lanterns#R2")["attempts"] == 1
    told = [(task["verdict"], task["reason"]) for task in run["tasks"] if task["id"] == "lanterns#R2"]
    assert told[0][0] == "changed" and "AC1, line" in told[0][1]
    assert told[1][0] == "passed"
    assert place.run().stdout.rstrip().endswith("nothing new")


def test_an_edit_during_a_run_that_touches_another_task_disturbs_nothing(place: Workplace) -> None:
    running = begin(place)
    place.prd("lanterns", PRD.replace("A street", "A long street").replace("three metres higher", "four metres higher").replace("| 7 |", "| 8 |").replace("| 0 | 3 |", "| 0 | 4 |").replace("| 13 |", "| 14 |"))  # fmt: skip
    ended(place, running)
    assert moves(place, "lanterns#R2") == ["ready", "started", "produced", "integrated"]
    assert moves(place, "lanterns#R3") == ["ready", "changed", "ready", "started", "produced", "integrated"]
    assert "+ 4" in place.git("lanterns", "show", "prd/lanterns:posts.py")
    assert place.runs("lanterns")[0]["turns"] == 3


def test_a_file_that_is_broken_during_a_run_changes_nothing_until_it_is_whole(place: Workplace) -> None:
    running = begin(place)
    place.prd("lanterns", "---\ntitle: [\n" + CHEAPER)
    ended(place, running, 4)
    assert set(place.states("lanterns").values()) == {"done"}
    assert "* 30" in place.git("lanterns", "show", "prd/lanterns:lanterns.py")
    assert "cannot be taken as it is" in place.log()
    assert place.inbox()["prds/lanterns.md"]["state"] == "set aside"
    place.prd("lanterns", CHEAPER)
    assert worked(place) == (1, ["lanterns#R2"])


def test_a_requirement_that_is_removed_during_its_turn_is_not_integrated(place: Workplace) -> None:
    running = begin(place)
    place.prd("lanterns", PRD[:R2] + PRD[R3:])
    ended(place, running)
    assert place.states("lanterns") == {"lanterns#R1": "done", "lanterns#R2": "retired", "lanterns#R3": "done"}
    assert "price" not in place.git("lanterns", "show", "prd/lanterns:lanterns.py")
    assert place.project("lanterns")["orphans"] == [], "it left nothing"
