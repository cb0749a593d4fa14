"""Without anybody there: `run --due`, `start` and `schedule`, a week in compressed time, two watchers, renames, and what agents cannot touch."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator import cli, config, scheduled
from tests.conftest import Workplace, clean_environment
from tests.end_to_end.test_watch import until

READS_THE_BRIEF = """
import re


def turn(brief, folder):
    coins = re.search(r"a cart pays (\\d+) coins", brief.text)[1]
    module = re.search(r"barge_\\d+", brief.text)[0]
    (folder / f"{module}.py").write_text(f"def fare(carts):\\n    return carts * {coins}\\n")
"""


def barge(number: int, coins: int, front: str = "") -> str:
    rows = "\n".join(f"  | {carts} | {carts * coins} |" for carts in (0, 1, 3, 8))
    return (
        f"{front}# Barge {number}\n\n## Requirements\n\n### R1: Charge a crossing\nModule: barge_{number}.py\n\n"
        f"`fare(carts)` is what a crossing costs: a cart pays {coins} coins.\n\n- AC1: by the cart\n\n  | `fare(carts)` | => |\n  |---|---|\n{rows}\n"
    )


def front(**keys: str) -> str:
    return "---\n" + "".join(f"{key}: {value}\n" for key, value in keys.items()) + "---\n"


def prepare(place: Workplace, **settings: Any) -> None:
    place.agent(READS_THE_BRIEF, **{"gates": {"mutants": 0}, "inbox": {"quiet_seconds": 0.3}, **settings})


def turns(place: Workplace) -> int:
    """Turns that were taken and may have been paid, over all projects."""
    spent = json.loads(place.command("status", "--json").stdout)["spent"]
    return int(next(each["turns"] for each in spent if each["scope"] == "all"))


def test_run_due_does_what_is_new_once_and_then_nothing_until_something_is_due(place: Workplace) -> None:
    prepare(place, schedule={"timezone": "Europe/Berlin", "run": "0 2 * * *"})
    place.prd("barge-1", barge(1, 2))
    first = place.command("run", "--due")
    assert (first.returncode, "barge-1#R1: done" in first.stdout) == (0, True), first.stdout + first.stderr
    again = place.command("run", "--due")
    assert again.stdout.startswith("nothing is due\nnext: ")
    standing = json.loads(place.command("status", "--json").stdout)["schedule"]["jobs"]
    assert [(job["job"], job["timezone"], job["last_at"], bool(job["next_at"])) for job in standing] == [("run", "Europe/Berlin", "", True)]
    assert "run       0 2 * * *" in place.command("status").stdout
    page = (place.root / "site" / "schedule.html").read_text()
    assert "0 2 * * *" in page
    assert "Europe/Berlin" in page


def test_a_prd_waits_for_its_start_and_its_receipt_says_so(place: Workplace) -> None:
    prepare(place)
    place.prd("barge-1", barge(1, 2, front(start="2126-01-01 08:00 Europe/Berlin")))
    place.prd("barge-2", barge(2, 2, front(start="2026-01-01")))
    done = place.run()
    assert done.returncode == 0, done.stdout + done.stderr
    receipts = place.inbox()
    assert (receipts["prds/barge-1.md"]["state"], receipts["prds/barge-1.md"]["taken_at"]) == ("waiting", "")
    assert "2126-01-01 07:00 UTC" in receipts["prds/barge-1.md"]["problems"][0]["message"]
    assert receipts["prds/barge-2.md"]["state"] == "accepted"
    assert not (place.root / "runs" / "barge-1").exists()
    assert place.command("run", "--due").stdout.startswith("nothing is due\nnext: 2126-01-01 07:00 UTC")
    assert "barge-1 waits until 2126-01-01T07:00" in place.command("status").stdout


def test_watch_begins_a_prd_when_its_time_has_come(place: Workplace) -> None:
    prepare(place)
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=10)
    place.prd("barge-1", barge(1, 2, front(start=f"{at:%Y-%m-%d %H:%M:%S}")))
    watching = place.start("watch")
    try:
        assert until(lambda: "barge-1#R1: done" in place.log() and bool(place.runs("barge-1"))), place.log()
        began = place.runs("barge-1")[0]["started_at"]
        assert 0 <= (datetime.fromisoformat(began) - at).total_seconds() < 5
    finally:
        watching.send_signal(signal.SIGTERM)
        assert watching.wait(20) == 0


def test_a_week_of_prds_that_arrive_change_and_break(place: Workplace) -> None:
    """Hour by hour through the real pipeline; in the week's last night, the clock in Berlin shows 02:30 twice."""
    sunday = next(datetime(datetime.now(UTC).year + 1, 10, day, tzinfo=UTC) for day in range(31, 24, -1) if _is_sunday(day))
    monday = sunday - timedelta(days=6)
    prepare(place, schedule={"timezone": "Europe/Berlin", "run": "30 2 * * *", "verify": "0 4 * * 0", "retry": "0 1 * * *", "prune": "0 5 * * 6"})
    settings = config.load(place.root, {})

    def run(root: Path, settings: config.Config, at: datetime) -> Any:
        return cli.run_once(root, settings, build_site=False, at=at)

    begins = monday + timedelta(days=2, hours=8)
    happens = {
        monday + timedelta(hours=9): lambda: place.prd("barge-1", barge(1, 2)),
        monday + timedelta(days=1, hours=9): lambda: place.prd("barge-2", barge(2, 3, front(start=f"{begins:%Y-%m-%d %H:%M}+00:00"))),
        monday + timedelta(days=2, hours=12): lambda: place.prd("barge-1", "# Barge\n\nhalf a file"),
        monday + timedelta(days=3, hours=12): lambda: place.prd("barge-1", barge(1, 5)),
        monday + timedelta(days=4, hours=12): lambda: place.prd("barge-3", barge(3, 4, front(schedule="0 10 * * *"))),
    }
    did: dict[datetime, list[str]] = {}
    for hour in range(24 * 7):
        now = monday + timedelta(hours=hour)
        if now in happens:
            happens[now]()
        done = scheduled.turn(place.root, settings, run, now)
        if done.anything:
            did[now] = [f"{name}: {outcome}" for name, outcome in done.jobs]
    by_job = {name: [now for now, jobs in did.items() for job in jobs if job.startswith(f"{name}:")] for name in ("run", "retry", "verify", "prune")}
    assert len(by_job["run"]) == 7
    assert len(by_job["retry"]) == 6, "01:00 on Sunday is past midnight in UTC, in winter time"
    assert by_job["verify"] == [sunday + timedelta(hours=3)], "04:00 in winter time"
    assert by_job["prune"] == [sunday - timedelta(days=1) + timedelta(hours=3)], "05:00 in summer time"
    assert did[sunday + timedelta(hours=3)] == ["verify: 3 tasks proved again"]
    assert [f"{now - monday}" for now, jobs in did.items() if any(job.startswith("prd barge-3") for job in jobs)] == [
        "5 days, 8:00:00",
        "6 days, 9:00:00",
    ]
    assert begins in did
    assert {name: place.states(name)[f"{name}#R1"] for name in ("barge-1", "barge-2", "barge-3")} == {
        "barge-1": "done",
        "barge-2": "done",
        "barge-3": "done",
    }
    assert turns(place) == 4, "each wording was paid once"
    assert not {now for now in did if not did[now]} - {*happens, begins}, "beside the schedule, only what happened made a run"


def _is_sunday(day: int) -> bool:
    return datetime(datetime.now(UTC).year + 1, 10, day).weekday() == 6


@pytest.mark.parametrize("of_prd", [False, True])
def test_a_task_that_failed_is_tried_again_when_the_schedule_says_so(place: Workplace, of_prd: bool) -> None:
    fails = READS_THE_BRIEF.replace("carts * {coins}", "carts * {coins} + 1")
    place.agent(fails, gates={"mutants": 0}, limits={"attempts": 1}, schedule={} if of_prd else {"retry": "0 6 * * *"})
    place.prd("barge-1", barge(1, 2, front(schedule='"0 6 * * *"') if of_prd else ""))
    settings = config.load(place.root, {})
    monday = datetime(datetime.now(UTC).year + 1, 2, 1, tzinfo=UTC)

    def turn(hours: int) -> list[tuple[str, str]]:
        done = scheduled.turn(
            place.root, settings, lambda *given: cli.run_once(*given[:2], build_site=False, at=given[2]), monday + timedelta(hours=hours)
        )
        return list(done.jobs)

    assert turn(0) == []
    assert place.states("barge-1") == {"barge-1#R1": "failed"}
    (place.root / "script.py").write_text(READS_THE_BRIEF)
    assert turn(5) == []
    assert turn(6) == [("prd barge-1" if of_prd else "retry", "1 task tried again")]
    assert place.states("barge-1") == {"barge-1#R1": "done"}
    assert turn(7) == []


def test_two_watchers_pay_nothing_twice_and_the_second_takes_over(place: Workplace) -> None:
    prepare(place)
    first = place.start("watch")
    second_log = (place.root / "second.txt").open("w")
    second = None
    try:
        assert until(lambda: "watching" in place.log()), place.log()
        second = subprocess.Popen(place.argv("watch"), cwd=place.root, stdout=second_log, stderr=subprocess.STDOUT, env=clean_environment())
        assert until(lambda: "stands by" in (place.root / "second.txt").read_text())
        due = place.command("run", "--due")
        assert (due.returncode, due.stdout) == (0, f"nothing to do here: process {first.pid} does what is due\n")
        for number in (1, 2):
            place.prd(f"barge-{number}", barge(number, 2))
        assert until(lambda: "barge-2#R1: done" in place.log()), place.log()
        assert second.poll() is None
        first.send_signal(signal.SIGTERM)
        assert first.wait(20) == 0
        assert until(lambda: "watching" in (place.root / "second.txt").read_text())
        place.prd("barge-3", barge(3, 2))
        assert until(lambda: "barge-3#R1: done" in (place.root / "second.txt").read_text()), (place.root / "second.txt").read_text()
        assert (place.root / "second.txt").read_text().count("stands by") == 1
    finally:
        for each in (first, second):
            if each and each.poll() is None:
                each.send_signal(signal.SIGINT)
                assert each.wait(20) == 0
        second_log.close()
    assert turns(place) == 3


def test_a_checkout_that_renames_every_prd_does_nothing_again_and_ids_follow(place: Workplace) -> None:
    prepare(place, inbox={"quiet_seconds": 0.3, "take": "committed"})

    def git(*arguments: str) -> None:
        subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@localhost", *arguments], cwd=place.root, check=True, capture_output=True)

    def commit() -> None:
        git("add", "--all", "prds")
        git("commit", "--quiet", "--message", "PRDs")

    git("init", "--quiet", "--initial-branch", "main")
    for number in range(1, 4):
        place.prd(f"barge-{number}", barge(number, 2))
    commit()
    git("switch", "--quiet", "--create", "renamed")
    for number in range(3, 0, -1):
        (place.root / "prds" / f"barge-{number}.md").rename(place.root / "prds" / f"barge-{number + 1}.md")
    commit()
    git("switch", "--quiet", "main")
    watching = place.start("watch")
    try:
        assert until(lambda: "index.html" in place.log()), place.log()
        place.prd("barge-9", barge(9, 2))
        assert until(lambda: place.inbox().get("prds/barge-9.md", {}).get("newer") == ""), "what is not committed waits"
        assert place.inbox()["prds/barge-9.md"]["state"] == "waiting"
        assert place.inbox()["prds/barge-9.md"]["taken_at"] == ""
        (place.root / "prds" / "barge-9.md").unlink()
        git("switch", "--quiet", "renamed")
        assert until(lambda: place.inbox().get("prds/barge-4.md", {}).get("prd") == "barge-3"), place.inbox()
    finally:
        watching.send_signal(signal.SIGTERM)
        assert watching.wait(20) == 0
    receipts = place.inbox()
    assert {path: receipt["prd"] for path, receipt in receipts.items() if receipt["state"] == "accepted"} == {
        f"prds/barge-{number + 1}.md": f"barge-{number}" for number in (1, 2, 3)
    }
    assert (receipts["prds/barge-1.md"]["state"], receipts["prds/barge-1.md"]["became"]) == ("gone", "prds/barge-2.md")
    assert receipts["prds/barge-1.md"]["gone_at"]
    assert turns(place) == 3


TOUCHES = """
import json, sys
from pathlib import Path
root, answers = Path({root!r}), {{}}
for name in ("prds/barge-1.md", "prds/new.md", "orchestrator.yaml", "runs/orchestrator.sqlite", "runs/schedule.json", "runs/inbox.json", "runs/watch.lock"):
    try:
        with open(root / name, "a") as stream:
            stream.write("touched")
        answers[name] = "written"
    except OSError as error:
        answers[name] = type(error).__name__
    try:
        answers[name] += " read" if (root / name).read_bytes() else ""
    except OSError:
        pass
Path("barge_1.py").write_text("def fare(carts):\\n    return carts * 2\\n")
print("TOUCHED", json.dumps(answers))
"""


def test_an_agent_can_touch_neither_prds_nor_the_schedule_nor_state(place: Workplace) -> None:
    program = place.root.parent / "touches.py"
    program.write_text(TOUCHES.format(root=str(place.root)))
    python = shlex.quote(sys.executable)
    agent = {"type": "command", "argv": ["sh", "-c", f"{python} {program} # {{prompt_file}}"], "readable": [str(program)]}
    place.configure(agents={"mine": agent}, gates={"mutants": 0}, schedule={"run": "0 2 * * *"})
    place.prd("barge-1", barge(1, 2))
    files = [place.root / name for name in ("prds/barge-1.md", "orchestrator.yaml")]
    before = [path.read_bytes() for path in files]
    done = place.command("run", "--due")
    assert done.returncode == 0, done.stdout + done.stderr
    transcript = json.dumps(place.task("barge-1", "barge-1#R1"))
    told, _ = json.JSONDecoder().raw_decode(transcript.split("TOUCHED ", 1)[1].replace('\\"', '"'))
    assert len(told) == 7
    assert not [name for name, answer in told.items() if "written" in answer or "read" in answer], told
    assert [path.read_bytes() for path in files] == before
    assert not (place.root / "prds" / "new.md").exists()
    assert "touched" not in (place.root / "runs" / "schedule.json").read_text()


@pytest.mark.parametrize("take", ["saved", "committed"])
def test_receipts_tell_of_files_that_were_deleted(place: Workplace, take: str) -> None:
    prepare(place, inbox={"take": take})
    if take == "committed":
        subprocess.run(["git", "init", "--quiet"], cwd=place.root, check=True)
    path = place.prd("barge-1", barge(1, 2, front(draft="true")))
    place.run()
    assert place.inbox()["prds/barge-1.md"]["taken_at"] == ""
    path.unlink()
    place.run()
    receipt = place.inbox()["prds/barge-1.md"]
    assert (receipt["state"], receipt["became"], bool(receipt["gone_at"])) == ("gone", "", True)
