"""Cycles side by side: what runs at once, what is kept apart, what is integrated in which order, and how a run is stopped. The real pipeline."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from orchestrator import pipeline
from orchestrator.config import load
from orchestrator.outcome import Outcome
from orchestrator.telling import Told
from tests.agents.chat_server import Reply, serve
from tests.conftest import Workplace, clean_environment

AGENT = """
import re, time

def turn(brief, folder):
    time.sleep({seconds})
    for number in re.findall(r"plus(\\d+)", brief.text):
        path = folder / "{module}".format(number=number)
        text = path.read_text() if path.exists() else ""
        if f"def plus{{number}}(" not in text:
            path.write_text(text + f"def plus{{number}}(number):\\n    return number + {{number}}\\n\\n\\n")
    return {{"text": "done", "usage": {{"input_tokens": 10, "output_tokens": 10}}}}
"""


def agent(place: Workplace, seconds: float = 0, module: str = "part{number}.py", **settings: object) -> None:
    place.agent(AGENT.replace('"{module}"', repr(module)).replace("{seconds}", str(seconds)).replace("{{", "{").replace("}}", "}"), **settings)


def prd(place: Workplace, name: str, count: int, module: str = "part{number}.py", needs: dict[int, int] | None = None, front: str = "") -> None:
    text = f"---\nid: {name}\n{front}---\n# {name}\n\n## Requirements\n\n"
    for number in range(1, count + 1):
        on = f"Depends on: R{needs[number]}\n" if needs and number in needs else ""
        rows = "".join(f"  | {given} | {given + number} |\n" for given in (0, 2, -3, 10))
        text += f"### R{number}: Add {number}\nModule: {module.format(number=number)}\n{on}\n`plus{number}(number)` adds {number}.\n\n- AC1: it adds\n\n  | `plus{number}(number)` | => |\n  |---|---|\n{rows}\n"
    place.prd(name, text)


class Heard:
    """What a run tells, and what was under way when."""

    def __init__(self) -> None:
        self.all: list[Told] = []

    def __call__(self, told: Told) -> None:
        self.all.append(told)

    def most(self, began: str, ended: str) -> int:
        now = most = 0
        for told in self.all:
            now += (told.kind == began) - (told.kind == ended)
            most = max(most, now)
        return most

    def of(self, kind: str) -> list[str]:
        return [told.task for told in self.all if told.kind == kind]


def run(place: Workplace, workers: int) -> tuple[Outcome, Heard]:
    heard = Heard()
    config = load(place.root, {}).model_copy(update={"workers": workers})
    return pipeline.run(place.root, config, heard), heard


def journals(place: Workplace, *projects: str) -> int:
    """Turns that were paid."""
    paths = (path for project in projects for path in (place.root / "runs" / project / "journal").glob("*.jsonl"))
    return sum(path.read_text().count('"returned"') for path in paths)


def test_independent_tasks_run_at_once_and_are_integrated_one_after_the_other_on_the_moving_head(place: Workplace) -> None:
    prd(place, "many", 4)
    agent(place, 2)
    outcome, heard = run(place, 4)
    assert (outcome.done, outcome.turns, int(outcome.exit_code)) == (4, 4, 0)
    kinds = [told.kind for told in heard.all if told.kind in ("task began", "turn ended")]
    assert kinds[:4] == ["task began"] * 4 and heard.most("turn began", "turn ended") >= 2, "judging takes turns, agents need not"
    assert len(heard.of("conflict")) == 3, "all four were judged on the first head"
    assert journals(place, "many") == 4, "what is judged again asks nobody"
    log = place.git("many", "log", "--format=%p %s", "prd/many").splitlines()
    assert [len(line.split(" ")[0].split()) for line in log[:-1]] == [1] * (len(log) - 1), "one line of commits"
    assert sorted(line.split(" ", 1)[1].partition(":")[0] for line in log if "feat(" in line) == [f"feat(many#R{n})" for n in range(1, 5)]
    assert place.command("verify").returncode == 0, "RED and GREEN hold on the trees that were committed"
    (report,) = place.runs("many")
    last = [entry for entry in report["tasks"] if entry["id"] == heard.of("task ended")[-1]][-1]
    assert "on the moved branch too" in last["reason"] and last["mutation"], "what was measured before the branch moved on is kept"


def test_no_more_agents_are_asked_than_workers_and_the_next_task_is_red_before_one_is_free(place: Workplace) -> None:
    prd(place, "many", 3)
    agent(place, 15)
    outcome, heard = run(place, 2)
    assert (outcome.done, heard.most("turn began", "turn ended")) == (3, 2)
    moments = [(told.kind, told.task) for told in heard.all if told.kind in ("turn began", "turn ended") or told.facts.get("step") == "queue"]
    kinds, (third,) = [kind for kind, _ in moments], [task for kind, task in moments if kind == "step"]
    assert kinds.index("step") < kinds.index("turn ended") < moments.index(("turn began", third)), "it was RED, and waited for a worker"
    (report,) = place.runs("many")
    waited = [(stage["seconds"], task["id"]) for task in report["tasks"] for stage in task["stages"] if stage["step"] == "queue"]
    assert [task for seconds, task in waited if seconds > 1] == [third]


def test_one_worker_works_on_one_task_at_a_time(place: Workplace) -> None:
    prd(place, "many", 3)
    agent(place)
    outcome, heard = run(place, 1)
    assert (outcome.done, heard.most("task began", "task ended"), heard.of("conflict")) == (3, 1, [])
    assert heard.of("task began") == ["many#R1", "many#R2", "many#R3"]


def test_tasks_that_write_the_same_file_are_kept_apart(place: Workplace) -> None:
    prd(place, "one", 3, module="all.py")
    agent(place, 0.5, module="all.py")
    outcome, heard = run(place, 4)
    assert (outcome.done, heard.most("task began", "task ended"), heard.of("conflict")) == (3, 1, [])


def test_the_longest_chain_is_begun_first(place: Workplace) -> None:
    prd(place, "chain", 5, needs={4: 3, 5: 4})
    agent(place)
    _, heard = run(place, 1)
    assert heard.of("task began")[0] == "chain#R3"


def test_projects_run_side_by_side_and_one_that_waits_for_another_follows_in_the_same_run(place: Workplace) -> None:
    prd(place, "first", 1)
    prd(place, "second", 1, front="depends_on: [first]\n")
    prd(place, "third", 1)
    agent(place, 1)
    outcome, heard = run(place, 4)
    assert (outcome.done, outcome.waiting) == (3, {})
    began = {told.project: told.at for told in heard.all if told.kind == "task began"}
    ended = {told.project: told.at for told in heard.all if told.kind == "task ended"}
    assert began["third"] < ended["first"] < began["second"]


def test_a_higher_priority_is_begun_first(place: Workplace) -> None:
    for name, front in (("a", ""), ("b", "priority: 5\n"), ("c", "")):
        prd(place, name, 2, front=f"project: all\n{front}")
    agent(place)
    _, heard = run(place, 1)
    assert [task[0] for task in heard.of("task began")[:2]] == ["b", "b"]


def test_a_task_that_no_longer_holds_on_the_moved_branch_asks_again_and_holds_nobody_up(place: Workplace) -> None:
    """R1 and R2 write different files and yet disturb each other: the second must not end on a branch where it fails."""
    prd(place, "pair", 2)
    place.agent(
        "import time\n\n\ndef turn(brief, folder):\n"
        "    number = 1 if brief.task.endswith('R1') else 2\n"
        "    time.sleep(number)\n"
        "    other = folder / f'part{3 - number}.py'\n"
        "    broken = number == 2 and not other.exists()\n"
        "    body = 'import os\\n\\n\\ndef plus2(number):\\n    return number + (9 if os.path.exists(os.path.join(os.path.dirname(__file__), \"part1.py\")) else 2)\\n' if broken else f'def plus{number}(number):\\n    return number + {number}\\n'\n"
        "    (folder / f'part{number}.py').write_text(body)\n",
        limits={"attempts": 3},
    )
    outcome, _ = run(place, 2)
    assert outcome.done == 2
    tree = place.git("pair", "show", "prd/pair:part2.py")
    assert "exists" not in tree
    assert place.command("verify").returncode == 0


def test_two_processes_on_one_folder_pay_for_no_task_twice(place: Workplace) -> None:
    names = ("a", "b", "c", "d")
    for name in names:
        prd(place, name, 1)
    agent(place, 1)
    processes = [
        subprocess.Popen(place.argv("run", "--no-site"), cwd=place.root, stdout=subprocess.PIPE, text=True, env=clean_environment()) for _ in range(2)
    ]
    said = [process.communicate(timeout=200)[0] for process in processes]
    assert {process.returncode for process in processes} <= {0, 6}, said
    assert place.run().returncode == 0
    assert all(set(place.states(name).values()) == {"done"} for name in names)
    assert journals(place, *names) == 4


def test_shards_share_the_projects_and_leave_each_others_receipts_alone(place: Workplace) -> None:
    for name in ("a", "b", "c"):
        prd(place, name, 1)
    agent(place)
    assert place.run("--shard", "1/2").returncode == 0
    done = {name for name in ("a", "b", "c") if (place.root / "runs" / name / "reports").exists()}
    assert 1 <= len(done) <= 2
    assert place.run("--shard", "2/2").returncode == 0
    assert all(set(place.states(name).values()) == {"done"} for name in ("a", "b", "c"))
    assert {receipt["state"] for receipt in place.inbox().values()} == {"accepted"}
    assert place.run("--shard", "3/2").returncode == 2


def wait_for(condition: object, seconds: float = 60) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False


def reserved(place: Workplace) -> int:
    path = place.root / "runs" / "orchestrator.sqlite"
    if not path.exists():
        return 0
    with sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True) as db:
        try:
            return int(db.execute("SELECT count(*) FROM turns WHERE state = 'reserved'").fetchone()[0])
        except sqlite3.Error:
            return 0


@pytest.fixture
def interruptible() -> Iterator[None]:
    """What is started in the background would ignore SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_once_finishes_the_turn_and_the_next_run_does_not_pay_for_it_again(place: Workplace, interruptible: None) -> None:
    prd(place, "many", 4)
    agent(place, 4, metrics={"file": "tdd.prom"})
    process = place.start("run", "--no-site", "--workers", "2")
    assert wait_for(lambda: reserved(place) == 2), place.log()
    process.send_signal(signal.SIGINT)
    assert process.wait(40) == 130
    assert "Ctrl-C once more stops now" in place.log() and "Traceback" not in place.log()
    assert journals(place, "many") == 2, "both turns were taken to their end"
    assert Counter(place.states("many").values()) == {"ready": 4}
    assert 'orchestrator_tasks{project="many",state="ready"} 4.0' in (place.root / "tdd.prom").read_text(), "what is left open is told"
    status = json.loads(place.command("status", "--json").stdout)
    assert status["spent"][0]["turns"] == 2
    assert place.run().returncode == 0
    assert journals(place, "many") == 4


def test_ctrl_c_twice_stops_now_and_leaves_nothing_behind(place: Workplace, interruptible: None) -> None:
    prd(place, "many", 2)
    agent(place, 60)
    process = place.start("run", "--no-site", "--workers", "2")
    assert wait_for(lambda: reserved(place) == 2), place.log()
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert wait_for(lambda: "once more" in place.log(), 10)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert time.monotonic() - began < 30
    listed = subprocess.run(["ps", "-eo", "pid,sess,args"], capture_output=True, text=True, check=True).stdout
    assert str(place.root) not in "".join(line for line in listed.splitlines() if "ps -eo" not in line)
    assert Counter(place.states("many").values()) == {"ready": 2}
    agent(place, 0)
    assert place.run().returncode == 0
    assert json.loads(place.command("breakers", "--json").stdout)["trips"] == [], "what was stopped is no failure of the agent"


def test_turns_that_are_under_way_when_the_systems_breaker_opens_are_ended_after_a_while(place: Workplace) -> None:
    prd(place, "slow", 1, front="agents: {code: slow}\n")
    prd(place, "dead", 1, front="agents: {code: dead}\n")
    agent(place, 50)
    (place.root / "slow.py").write_text((place.root / "script.py").read_text())

    def breaks(request: object) -> Reply:
        assert wait_for(lambda: reserved(place) == 2), "the other turn never began"
        raise ConnectionError

    with serve(breaks) as server:
        place.configure(
            agents={"slow": {"type": "scripted", "script": "slow.py"}, "dead": {"type": "chat", "url": server.url, "model": "dead"}},
            breakers={"system": {"least": 1, "drain_seconds": 1}, "agent": {"failures": 1}},
            limits={"wait_in_run": 0},
        )
        outcome, heard = run(place, 2)
    assert (outcome.done, outcome.parked) == (0, 2)
    said = next(told.text for told in heard.all if told.kind == "parked" and told.task == "slow#R1")
    assert "the system's breaker opened, and turns had 1 s to end" in said
    seconds = next(told.facts["seconds"] for told in heard.all if told.kind == "task ended" and told.task == "slow#R1")
    assert seconds < 45, "the agent was not waited for"
    with sqlite3.connect(place.root / "runs" / "orchestrator.sqlite") as db:
        assert db.execute("SELECT state FROM turns WHERE project = 'slow'").fetchall() == [("lost",)]
        assert db.execute("SELECT count(*) FROM events WHERE agent = 'slow' AND kind = 'failed'").fetchone() == (0,)
