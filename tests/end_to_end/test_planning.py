"""A planning agent takes apart what a PRD leaves open; what it says is checked, kept, shown as inferred, agreed to, edited and forgotten."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Workplace

PRD = """\
# Shop

A small shop for books.

## Requirements

### R1: Price of a basket

The price of a basket is the sum of its books. Ten percent are taken off from three books on.

### R2: Greeting
Module: greet.py

`greet(name)` greets.

- AC1: by name
  ```python
  >>> from greet import greet
  >>> greet("Ann")
  'hello Ann'
  ```

### R3: Receipt

A line for each book, then the total.
"""

TASKS: dict[str, Any] = {
    "tasks": [
        {"requirement": "R1", "title": "Sum of a basket", "module": "basket.py", "exports": ["total"], "tests": 4, "lines": 10},
        {"requirement": "R1", "title": "Discount", "module": "basket.py", "exports": ["discounted"], "depends_on": [1]},
        {"requirement": "R3", "title": "Receipt", "module": "receipt.py", "exports": ["receipt"], "depends_on": [1]},
    ]
}
CRITERIA = {
    "R1": {
        "tasks": [
            {"task": 1, "criteria": ["total(prices) is the sum of the prices", "total([]) is 0"]},
            {"task": 2, "criteria": ["discounted(prices) takes a tenth off for three books or more", "discounted of two books is their sum"]},
        ]
    },
    "R3": {"tasks": [{"task": 1, "criteria": ["receipt(prices) has a line for each price", "its last line is the total"]}]},
}
CYCLES = {"cycles": [{"title": "Money", "module": "", "requirements": ["R1", {"key": "R3", "depends_on": ["R1"]}]}]}


def a_test(module: str, key: str, claim: str) -> str:
    return f'def test_{key.lower()}():\n    """{key}"""\n    import {module}\n\n    assert {module}.{claim}\n\n\n'


TESTS = {
    "R1": a_test("basket", "I1", "total([1, 2, 4]) == 7") + a_test("basket", "I2", "total([]) == 0"),
    "R1/2": a_test("basket", "I3", "discounted([10, 10, 10]) == 27") + a_test("basket", "I4", "discounted([10, 10]) == 20"),
    "R3": a_test("receipt", "I1", "receipt([1, 2]).splitlines()[:2] == ['1', '2']")
    + a_test("receipt", "I2", "receipt([1, 2]).splitlines()[-1] == 'total 3'"),
}
CODE = {
    "R1": {"basket.py": "def total(prices):\n    return sum(prices)\n"},
    "R1/2": {
        "basket.py": "def total(prices):\n    return sum(prices)\n\n\n"
        "def discounted(prices):\n    whole = total(prices)\n    return whole - whole / 10 if len(prices) >= 3 else whole\n"
    },
    "R2": {"greet.py": "def greet(name):\n    return f'hello {name}'\n"},
    "R3": {"receipt.py": "def receipt(prices):\n    return '\\n'.join([*map(str, prices), f'total {sum(prices)}'])\n"},
}
AGENT = f"""
import json, os, time
from pathlib import Path
TASKS, CRITERIA, CYCLES, TESTS, CODE = {TASKS!r}, {CRITERIA!r}, {CYCLES!r}, {TESTS!r}, {CODE!r}

def planned(brief):
    kind, key = brief.task.partition("#plan.")[2].split(".")
    return {{"cycles": CYCLES, "tasks": TASKS, "criteria": CRITERIA.get(key), "hints": {{"hints": []}}}}[kind]

def turn(brief, folder):
    key = brief.task.partition("#")[2]
    if brief.role == "plan":
        answer = planned(brief)
        (folder / "plan.json").write_text(answer if isinstance(answer, str) else json.dumps(answer))
        return {{"text": "planned", "usage": {{"input_tokens": 100, "output_tokens": 10, "usd": 0.01}}}}
    if brief.role == "tests":
        (folder / brief.writable[0]).write_text(TESTS[key])
    else:
        for path, text in CODE[key].items():
            (folder / path).write_text(text)
"""


QUICK: dict[str, Any] = {"gates": {"mutants": 0}, "tidy": {"enabled": False}}
"""What comes after a plan is quick, but where all of it is looked at."""


def agent(place: Workplace, more: str = "", **settings: Any) -> None:
    place.agent(AGENT + more, **{"roles": {"plan": "script"}, **QUICK, **settings})


def planning(place: Workplace) -> list[dict[str, Any]]:
    return [entry for report in place.runs("shop") for entry in report["planning"]]


def plan_file(place: Workplace) -> dict[str, Any]:
    return yaml.safe_load((place.root / "runs/shop/plans/shop.yaml").read_text())  # type: ignore[no-any-return]


def test_what_a_prd_leaves_open_is_planned_done_and_marked_as_inferred(place: Workplace) -> None:
    place.prd("shop", PRD)
    agent(place, gates={}, tidy={})
    done = place.run()
    assert done.returncode == 0, done.stdout
    assert place.states("shop") == {"shop#R1": "done", "shop#R1/2": "done", "shop#R2": "done", "shop#R3": "done"}
    asked = [(entry["unit"], entry["number"], entry["verdict"]) for entry in planning(place)]
    assert asked == [
        ("shop#plan.cycles.R1", 1, "passed"),
        ("shop#plan.tasks.R1", 1, "passed"),
        ("shop#plan.criteria.R1", 1, "passed"),
        ("shop#plan.criteria.R3", 1, "passed"),
    ]
    [prd] = place.project("shop")["prds"]
    first, greeting, receipt = prd["requirements"]
    assert first["tasks"] == ["shop#R1", "shop#R1/2"]
    assert first["added"] == ["module", "criteria"]
    assert (greeting["added"], receipt["depends_on"], receipt["added"]) == ([], ["shop#R1"], ["module", "depends_on", "criteria"])
    told = [(criterion["key"], criterion["inferred"], criterion["state"], criterion["level"]) for criterion in first["criteria"]]
    assert told == [(f"I{number}", True, "proved", "agent test") for number in (1, 2, 3, 4)]
    assert [commit for criterion in first["criteria"] for commit in criterion["commits"]], "commits of both tasks are there"
    assert first["criteria"][0]["commits"] != first["criteria"][2]["commits"]
    report = place.runs("shop")[0]
    assert report["turns"] == 4 + 3 + 4
    [plans] = [each for each in report["agents"] if each["role"] == "plan"]
    assert (plans["turns"], plans["input_tokens"]) == (4, 400)
    again = place.run()
    assert "nothing new" in again.stdout
    assert "7 of 7, 6 inferred" in again.stdout
    assert place.command("verify").returncode == 0
    shown = place.command("plan", "shop").stdout
    assert "decomposer outline + script (scripted)" in shown
    entry = json.loads(place.command("trace", "R1.I3", "--json").stdout)
    assert "shop#R1/2" in json.dumps(entry)
    assert place.command("site", "build").returncode == 0
    pages = {path.parent.name: path.read_text() for path in (place.root / "site").rglob("index.html")}
    assert "module, order, criteria inferred by the plan" in pages["shop"]
    assert "Planned by outline + script (scripted). 6 criteria of it were added by the plan" in pages["shop"]
    assert "shop#plan.criteria.R3" in pages[report["id"]]
    assert "Write the file" in pages[report["id"]], "what was asked is there to be read"


def test_an_edit_asks_only_about_the_requirement_that_changed(place: Workplace) -> None:
    place.prd("shop", PRD)
    agent(place)
    assert place.run().returncode == 0
    place.prd("shop", PRD.replace("A line for each book, then the total.", "A line for each book, then the total at the end."))
    again = "\nTASKS = {'tasks': [each | {'depends_on': []} for each in TASKS['tasks'] if each['requirement'] == 'R3']}\n"
    agent(
        place, again + "TESTS['R3'] = TESTS['R3'].replace('[1, 2]', '[1, 3]').replace(\"['1', '2']\", \"['1', '3']\").replace('total 3', 'total 4')\n"
    )
    done = place.run()
    assert done.returncode == 0, done.stdout
    new = place.runs("shop")[-1]
    assert [entry["unit"] for entry in new["planning"]] == ["shop#plan.tasks.R3", "shop#plan.criteria.R3"]
    assert [(task["id"], task["verdict"]) for task in new["tasks"]] == [("shop#R3", "already satisfied")]
    assert "R1: Price of a basket (`basket.py`)" in new["planning"][0]["turn"]["transcript"]["inline"]


NONSENSE = [
    ("half of it", "def planned(brief): return json.dumps(TASKS)[:70]\n", "it ends in the middle"),
    ("no JSON", "def planned(brief): return 'I would rather not.'\n", "it is no JSON"),
    ("another form", "def planned(brief): return {'plan': [1, 2, 3]}\n", "field required"),
    (
        "a requirement is dropped",
        "def planned(brief): return {'tasks': TASKS['tasks'][:2], 'cycles': [{'requirements': ['R1']}]}\n",
        "`R3` is left out",
    ),
]


@pytest.mark.parametrize(("code", "said"), [case[1:] for case in NONSENSE], ids=[case[0] for case in NONSENSE])
def test_nonsense_is_refused_said_and_never_asked_again(place: Workplace, code: str, said: str) -> None:
    place.prd("shop", PRD)
    agent(place, code)
    done = place.run()
    assert done.returncode == 3, done.stdout
    assert {entry["verdict"] for entry in planning(place)} == {"refused"}
    assert any(said in problem for entry in planning(place) for problem in entry["problems"])
    assert max(entry["number"] for entry in planning(place)) == 2, "the same answer twice ends it"
    assert place.states("shop") == {"shop#R1": "unclear", "shop#R2": "done", "shop#R3": "unclear"}
    assert "without a usable answer" in place.command("plan").stdout
    assert "nothing new" in place.run().stdout


def test_what_is_wrong_goes_back_and_a_better_answer_is_taken(place: Workplace) -> None:
    place.prd("shop", PRD)
    better = "good = planned\ndef planned(brief):\n    if brief.attempt == 1 and '.tasks.' in brief.task:\n"
    better += "        return {'tasks': TASKS['tasks'][:2]}\n"
    better += "    assert brief.attempt == 1 or '`R3` is left out' in brief.text, brief.text\n    return good(brief)\n"
    agent(place, better)
    assert place.run().returncode == 0
    tried = [(entry["number"], entry["verdict"]) for entry in planning(place) if entry["kind"] == "tasks"]
    assert tried == [(1, "refused"), (2, "passed")]


def test_units_are_asked_side_by_side_and_never_more_than_the_ceiling(place: Workplace) -> None:
    text = "# Many\n\n## Requirements\n" + "".join(f"\n### R{number}: Thing {number}\n\nIt makes the thing {number}.\n" for number in range(1, 25))
    place.prd("many", text)
    slow = """
import time
def planned(brief):
    began = time.time()
    time.sleep(0.7)
    keys = [line.split(":")[0].removeprefix("## ") for line in brief.text.splitlines() if line.startswith("## R")]
    if ".cycles." in brief.task:
        return {"cycles": [{"requirements": keys}]}
    if ".criteria." in brief.task:
        return {"questions": [f"{began} {time.time()}"]}
    return {"tasks": [{"requirement": key, "title": "the thing", "module": "things.py"} for key in keys]}
"""
    agent(place, slow, planning={"concurrency": 4, "calls": 9})
    done = place.command("plan", "--decompose", "many")
    assert done.returncode == 3, done.stdout + done.stderr
    entries = yaml.safe_load((place.root / "runs/many/plans/many.yaml").read_text())["requirements"]
    assert len(entries) == 24
    times = [tuple(map(float, entry["questions"][0].split())) for entry in entries.values() if "questions" in entry]
    assert len(times) == 4
    assert max(began for began, _ in times) < min(ended for _, ended in times), "all four were under way at the same moment"
    [report] = place.runs("many")
    assert len(report["planning"]) == 1 + 4 + 4
    assert sum("the ceiling of 9 calls" in str(entry.get("notes")) for entry in entries.values()) == 20
    states = {task["id"]: task["state"] for task in place.project("many")["tasks"]}
    assert set(states.values()) == {"unclear"}


@pytest.mark.parametrize("step", ["after turn returned:2", "before planning saved", "before plan file written", "after plan file written"])
def test_a_kill_while_it_is_planned_pays_nothing_twice(place: Workplace, step: str) -> None:
    place.prd("shop", PRD)
    agent(place)
    killed = place.command("run", "--no-site", TDD_KILL_AT=step)
    assert killed.returncode == -9
    done = place.run()
    assert done.returncode == 0, done.stdout
    with sqlite3.connect(place.root / "runs/orchestrator.sqlite") as db:
        turns = db.execute("SELECT task, state, count(*) FROM turns WHERE step LIKE 'plan/%' AND sent GROUP BY task, state").fetchall()
    assert sorted(turns) == [(f"shop#plan.{unit}", "settled", 1) for unit in ("criteria.R1", "criteria.R3", "cycles.R1", "tasks.R1")]
    assert len({entry["unit"] for entry in planning(place)}) == 4 == len(planning(place))
    assert place.command("verify").returncode == 0


def test_a_budget_that_is_used_up_parks_the_prd_and_nothing_is_lost(place: Workplace) -> None:
    place.prd("shop", PRD)
    agent(place, budgets={"prd": {"turns": 2}})
    stopped = place.run()
    assert stopped.returncode == 5, stopped.stdout
    assert "waits: the planning agent" in stopped.stdout
    assert place.project("shop")["tasks"] == []
    assert place.command("verify").stdout == "nothing to verify\n"
    agent(place)
    assert place.run().returncode == 0
    assert len(planning(place)) == 4


def test_answers_are_recorded_and_replayed_without_an_agent(place: Workplace, tmp_path: Path) -> None:
    place.prd("shop", PRD)
    agent(place)
    assert place.run("--record").returncode == 0
    kept = sorted(path.parent.name for path in (place.root / "recordings/shop").glob("plan.*/plan-1.1.md"))
    assert kept == ["plan.criteria.R1", "plan.criteria.R3", "plan.cycles.R1", "plan.tasks.R1"]
    other = Workplace(tmp_path / "other")
    (other.root / "prds").mkdir(parents=True)
    other.configure()
    other.prd("shop", PRD)
    (place.root / "recordings").rename(other.root / "recordings")
    done = other.run()
    assert done.returncode == 0, done.stdout
    assert {entry["turn"]["kind"] for entry in planning(other)} == {"recorded"}
    assert plan_file(other)["requirements"]["R1"]["by"] == "script (script.py), recorded"
    other.prd("shop", PRD.replace("A line for each book", "One line for each book"))
    again = other.run()
    assert "planned without an agent: no recorded answer is for shop#plan.tasks.R3 as it is worded now" in again.stdout
    assert other.states("shop")["shop#R1"] == "done"


def test_a_person_agrees_edits_and_forgets(place: Workplace) -> None:
    place.prd("shop", PRD)
    agent(place, planning={"approve": "person"})
    waits = place.run()
    assert waits.returncode == 5, waits.stdout
    assert "4 of 4 tasks wait for a person who agrees to the plan" in waits.stdout
    assert "`orchestrator plan --approve shop` agrees" in waits.stdout
    (place.root / "edit.sh").write_text("#!/bin/sh\nsed -i 's/title: Discount/title: Rebate/; s/discounted of two/discounted of only two/' $1\n")
    (place.root / "edit.sh").chmod(0o755)
    approved = place.command("plan", "--approve")
    assert "agreed   shop: 4 tasks" in approved.stdout
    edited = place.command("plan", "--edit", "shop", EDITOR=str(place.root / "edit.sh"))
    assert "edited   shop: R1" in edited.stdout, edited.stderr
    assert "Rebate" in edited.stdout
    assert "1 of 4 tasks wait for a person who agrees: shop#R1/2" in edited.stdout
    assert plan_file(place)["requirements"]["R1"]["by"] == "person"
    again = place.run()
    assert place.states("shop") == {"shop#R1": "done", "shop#R1/2": "ready", "shop#R2": "done", "shop#R3": "pending"}
    assert "1 of 4 tasks wait" in again.stdout
    place.command("plan", "--approve", "shop")
    assert place.run().returncode == 0
    assert set(place.states("shop").values()) == {"done"}
    cleared = place.command("plan", "--clear", "shop")
    assert "cleared  shop" in cleared.stdout
    assert "the PRD leaves something open: R1: no module is named, it has no acceptance criterion" in cleared.stdout
    asked = place.command("plan", "--decompose", "shop")
    assert "asks the planning agent about 2 requirements" in asked.stdout
    assert len(planning(place)) == 8
    assert place.command("verify").returncode == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("s/module: basket.py/module: ..\\/basket.py/", "`../basket.py` is no relative path of a Python file"),
        ("s/- I2/- AC9/", "a task names the criterion `AC9`, which R1 does not have"),
        ("s/criteria:/kriteria:/", "`requirements.R1.kriteria` is"),
        ("s/requirements:/requirements: [/", "not valid YAML"),
        ("s/fingerprint: ./fingerprint: /", "its fingerprint is not that of the requirement as it is worded now"),
    ],
)
def test_an_edited_plan_that_is_wrong_is_not_taken_and_not_lost(place: Workplace, change: str, said: str) -> None:
    place.prd("shop", PRD)
    agent(place)
    place.command("plan", "--decompose", "shop")
    before = plan_file(place)
    (place.root / "edit.sh").write_text(f"#!/bin/sh\nsed -i '{change}' $1\n")
    (place.root / "edit.sh").chmod(0o755)
    refused = place.command("plan", "--edit", "shop", EDITOR=str(place.root / "edit.sh"))
    assert refused.returncode == 2
    assert said in refused.stderr
    assert plan_file(place) == before
    assert (place.root / "runs/shop/plans/shop.edited.yaml").exists()
    assert "goes on with it" in refused.stderr or "mend it" in refused.stderr


def test_a_plan_file_that_cannot_be_read_stops_its_prd_and_nothing_else(place: Workplace) -> None:
    place.prd("shop", PRD)
    place.prd(
        "bell",
        "# Bell\n\n## Requirements\n\n### R2: Greeting\nModule: greet.py\n\n```python\n>>> from greet import greet\n>>> greet('x')\n'hello x'\n```\n",
    )
    agent(place)
    place.command("plan", "--decompose", "shop")
    (place.root / "runs/shop/plans/shop.yaml").write_text("prd: shop\nrequirements: {R1: {module: 3}}\n")
    done = place.run()
    assert done.returncode == 5, done.stdout
    assert "runs/shop/plans/shop.yaml: `requirements.R1.fingerprint`" in done.stdout
    assert "`orchestrator plan --clear shop` forgets it" in done.stdout
    assert place.states("bell") == {"bell#R2": "done"}
    assert place.command("plan", "--clear", "shop").returncode == 0
    assert place.run().returncode == 0
