"""A damaged database: recognised before anything is written to it, set aside, and made anew from the record, or from reports, evidence and git."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import Workplace
from tests.end_to_end.test_pipeline import LANTERN, STEPWISE
from tests.recovery.conftest import SLOW, Standing, aside, database, folder, in_second_turn, opened, project_file, run_file, standing, wait_for


def no_database(place: Workplace) -> None:
    database(place).write_bytes(b"this is no database" * 1000)


def zeroed_pages(place: Workplace) -> None:
    with database(place).open("r+b") as stream:
        stream.seek(4096)
        stream.write(bytes(6 * 4096))


def cut_short(place: Workplace) -> None:
    os.truncate(database(place), database(place).stat().st_size // 2)


def emptied(place: Workplace) -> None:
    database(place).write_bytes(b"")


def deleted(place: Workplace) -> None:
    database(place).unlink()


def another_one(place: Workplace) -> None:
    database(place).unlink()
    with opened(place) as db:
        db.execute("CREATE TABLE songs (title TEXT)")


def without_a_table(place: Workplace) -> None:
    with opened(place) as db:
        db.execute("DROP TABLE proofs")


def older_than_its_reports(place: Workplace) -> None:
    """As after a write-ahead log that was lost: whole in itself, and yet not what was recorded."""
    with opened(place) as db:
        db.execute("DELETE FROM events WHERE id > 3")
        db.execute("UPDATE tasks SET state = 'ready', cycle = 1, attempts = 0")
        db.execute("DELETE FROM results")


DAMAGE = (no_database, zeroed_pages, cut_short, emptied, deleted, another_one, without_a_table, older_than_its_reports)


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_it_is_recognised_and_made_anew_as_it_was(done: Workplace, undisturbed: Standing, damage: Callable[[Workplace], None]) -> None:
    report = project_file(done).read_bytes()
    damage(done)
    before = database(done).read_bytes() if database(done).exists() else None
    refused = done.run()
    assert (refused.returncode, "orchestrator doctor --rebuild" in refused.stdout) == (70, True), refused.stdout
    assert str(database(done)) in refused.stdout and "Traceback" not in refused.stdout + refused.stderr
    assert (database(done).read_bytes() if database(done).exists() else None) == before, "a damaged database was written to"

    rebuilt = done.command("doctor", "--rebuild")
    assert (rebuilt.returncode, "2 of 2 tasks done" in rebuilt.stdout) == (0, True), rebuilt.stdout
    assert before is None or "project.sqlite" in aside(done)
    assert project_file(done).read_bytes() == report
    again = done.run()
    assert (again.returncode, again.stdout.rstrip().endswith("nothing new")) == (0, True), again.stdout
    assert project_file(done).read_bytes() == report
    assert standing(done) == undisturbed
    assert done.command("doctor", "--rebuild").stdout == "nothing is damaged\n"


def test_status_retry_plan_and_verify_name_it_and_the_command(done: Workplace) -> None:
    no_database(done)
    for command, code in (("status", 70), ("retry", 70), ("plan", 0), ("verify --quick", 1)):
        ran = done.command(*command.split())
        assert ran.returncode == code, command
        assert "project.sqlite is damaged" in ran.stdout + ran.stderr and "doctor --rebuild" in ran.stdout + ran.stderr, command


def test_a_whole_database_is_made_anew_only_when_its_project_is_named(done: Workplace, undisturbed: Standing) -> None:
    assert done.command("doctor", "--rebuild").stdout == "nothing is damaged\n"
    assert done.command("doctor", "--rebuild", "nobody").returncode == 2
    before, rows = project_file(done).read_bytes(), dump(done)
    assert "was asked for" in done.command("doctor", "--rebuild", "lanterns").stdout
    assert dump(done) == rows, "every row of every table"
    assert (project_file(done).read_bytes(), standing(done)) == (before, undisturbed)


def dump(place: Workplace) -> dict[str, list[tuple[object, ...]]]:
    with opened(place) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return {name: sorted(db.execute(f"SELECT * FROM {name}"), key=repr) for name in tables}


def test_without_the_record_it_is_told_from_reports_evidence_and_git(done: Workplace, undisturbed: Standing) -> None:
    """As in a project of an older version, or where the record was torn too."""
    report = project_file(done).read_bytes()
    (folder(done) / "reports" / "record" / "standing.json").write_bytes(b"{")
    deleted(done)
    rebuilt = done.command("doctor", "--rebuild")
    assert (rebuilt.returncode, "standing.json cannot be read" in rebuilt.stdout) == (0, True), rebuilt.stdout
    again = done.run()
    assert "validated: nothing new is wrong" in again.stdout, (
        "what was found of the branch as a whole stands in no report that is read: it is looked at again"
    )
    assert "this run: 0 turns" in again.stdout
    assert done.run().stdout.rstrip().endswith("nothing new")
    before, after = json.loads(report), done.project("lanterns")
    assert [prd["requirements"] for prd in after["prds"]] == [prd["requirements"] for prd in before["prds"]]
    assert after["tasks"] == before["tasks"]
    assert standing(done) == undisturbed


def test_what_is_not_done_is_as_it_was_too(place: Workplace) -> None:
    """A failed task, one that waits behind it, and a retired one: states, reasons, attempts, and answers that were refused."""
    place.prd("lanterns", LANTERN)
    place.agent(STEPWISE)
    assert place.run().returncode == 0
    place.prd("lanterns", LANTERN[: LANTERN.index("### R2")].replace("| 99 | 9 |", "| 99 | 10 |"))
    place.agent("def turn(brief, folder):\n    (folder / 'lanterns.py').write_text('def count(metres): return 7\\n')\n", limits={"attempts": 2})
    place.run()
    report, turns = project_file(place).read_bytes(), sum(run["turns"] for run in place.runs("lanterns"))
    assert place.states("lanterns") == {"lanterns#R1": "failed", "lanterns#R2": "retired"}
    no_database(place)
    assert place.command("doctor", "--rebuild").returncode == 0
    assert place.run().stdout.rstrip().endswith("nothing new")
    assert project_file(place).read_bytes() == report
    assert "lanterns#R1: ready" in place.command("retry", "lanterns#R1").stdout
    place.run()
    assert [bool(attempt["observations"]) for attempt in place.task("lanterns", "lanterns#R1")["attempts"]] == [False, False], "remembered as refused"
    assert sum(run["turns"] for run in place.runs("lanterns")) == turns + 2


def test_a_killed_run_whose_database_was_torn_ends_as_an_undisturbed_one(place: Workplace, undisturbed: Standing) -> None:
    """kill -9 while the second turn is under way; then the database is gone, as after a power cut. No turn that returned is paid again."""
    place.prd("lanterns", LANTERN)
    place.agent(SLOW)
    running = place.start("run", "--no-site")
    wait_for(lambda: in_second_turn(place), running)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    no_database(place)
    assert place.command("doctor", "--rebuild").returncode == 0
    place.agent(STEPWISE)
    ended = place.run()
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "lanterns#R1: Count" not in ended.stdout, "what was done ran again"
    assert standing(place) == undisturbed


def test_damage_in_the_middle_of_a_run_is_the_same_clear_error(place: Workplace, undisturbed: Standing) -> None:
    place.prd("lanterns", LANTERN)
    place.agent(SLOW.replace("60 if", "8 if"))
    running = place.start("run", "--no-site")
    wait_for(lambda: in_second_turn(place), running)
    for end in ("", "-wal", "-shm"):  # the last is its index in memory: without it, pages are read from the file again
        path = database(place).with_name(f"project.sqlite{end}")
        with path.open("r+b") as stream:
            stream.write(os.urandom(path.stat().st_size))
    assert running.wait(240) == 70
    assert "is damaged" in place.log() and "doctor --rebuild" in place.log() and "Traceback" not in place.log()
    assert place.command("doctor", "--rebuild").returncode == 0
    assert place.run().returncode == 0
    assert standing(place) == undisturbed


def test_a_lost_result_is_told_anew_from_its_report(done: Workplace, undisturbed: Standing) -> None:
    (result,) = (folder(done) / "reports" / "record" / "results").glob("lanterns_r2*.json")
    result.write_text(result.read_text().replace('"passed"', '"refused"', 1))
    deleted(done)
    rebuilt = done.command("doctor", "--rebuild").stdout
    assert "its hash does not fit" in rebuilt and "lanterns#R2: its result was told anew" in rebuilt
    assert done.run().stdout.rstrip().endswith("nothing new")
    assert standing(done) == undisturbed


def test_done_needs_its_evidence(done: Workplace) -> None:
    """The result is lost, and so is the report of its run: the task is done again, which costs no turn where the code is there."""
    for path in ((folder(done) / "reports" / "record" / "results").glob("lanterns_r2*.json"), (folder(done) / "reports").glob("2*")):
        for found in path:
            found.unlink()
    deleted(done)
    rebuilt = done.command("doctor", "--rebuild").stdout
    assert "1 of 2 tasks done" in rebuilt and "lanterns#R2: was done and is done again: its result is lost" in rebuilt
    assert done.states("lanterns") == {"lanterns#R1": "done", "lanterns#R2": "ready"}
    assert done.run().returncode == 0
    assert set(done.states("lanterns").values()) == {"done"}


def test_reports_that_say_more_than_git_holds_are_not_believed(done: Workplace, undisturbed: Standing) -> None:
    """The branch lost its last commits, and so did the git bundle; what had passed is judged again on what is left, without an agent."""
    done.git("lanterns", "update-ref", "refs/heads/prd/lanterns", "prd/lanterns~3")
    done.git("lanterns", "reflog", "expire", "--expire=now", "--all")
    done.git("lanterns", "gc", "--prune=now", "--quiet")
    (folder(done) / "artifacts" / "lanterns.bundle").unlink()
    deleted(done)
    rebuilt = done.command("doctor", "--rebuild").stdout
    assert "lanterns#R2: was done and is done again: git does not hold its commits on prd/lanterns" in rebuilt
    ended = done.run()
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = standing(done)
    assert (found.states, found.trees, found.returned) == (undisturbed.states, undisturbed.trees, undisturbed.returned)
    assert found.verified[0] == 0


def test_where_nothing_is_left_nothing_is_made_up(place: Workplace) -> None:
    (folder(place)).mkdir(parents=True)
    no_database(place)
    before = database(place).read_bytes()
    rebuilt = place.command("doctor", "--rebuild")
    assert (rebuilt.returncode, "nothing is left" in rebuilt.stdout) == (70, True)
    assert database(place).read_bytes() == before


def test_a_rebuild_that_was_killed_is_begun_again(done: Workplace, undisturbed: Standing) -> None:
    """As after a kill between setting the old one aside and putting the new one in its place."""
    rest = folder(done) / "rebuilding"
    rest.mkdir()
    shutil.copy(database(done), rest / "project.sqlite")
    database(done).unlink()
    assert done.command("doctor", "--rebuild").returncode == 0
    assert not rest.exists()
    assert standing(done) == undisturbed


def test_a_record_of_a_newer_version_is_left_to_it(done: Workplace) -> None:
    from orchestrator.save import health, record

    path = folder(done) / health.STANDING
    value = record.read(path)
    path.write_text(record.sealed(value | {"migrations": [*value["migrations"], "m999_later"]}))
    deleted(done)
    rebuilt = done.command("doctor", "--rebuild")
    assert (rebuilt.returncode, "m999_later" in rebuilt.stdout) == (70, True)
    assert not database(done).exists() and run_file(done).exists()


def test_a_damaged_ledger_is_counted_again_from_the_projects_and_their_journals(done: Workplace, undisturbed: Standing) -> None:
    ledger = done.root / "runs" / "orchestrator.sqlite"
    columns = "key, project, prd, task, fingerprint, attempt, agent, kind, model, state, sent, round(seconds, 3), tokens, usd, input_tokens, day"

    def booked() -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(ledger)) as db:
            return db.execute(f"SELECT {columns} FROM turns ORDER BY key").fetchall()

    before = booked()
    assert len(before) == 2
    data = ledger.read_bytes()
    ledger.write_bytes(data[:4096] + os.urandom(len(data) - 4096))
    for command in (("run", "--no-site"), ("status",)):
        refused = done.command(*command)
        said = refused.stdout + refused.stderr
        assert (refused.returncode, str(ledger) in said, "doctor --rebuild" in said, "Traceback" in said) == (70, True, True, False), said
    rebuilt = done.command("doctor", "--rebuild")
    assert (rebuilt.returncode, "made anew from 2 turns" in rebuilt.stdout) == (0, True), rebuilt.stdout
    assert booked() == before
    with opened(done) as db:  # and a turn that only its journal has
        db.execute("DELETE FROM turns WHERE task = 'lanterns#R2'")
    ledger.write_bytes(b"no ledger" * 1000)
    assert done.command("doctor", "--rebuild").returncode == 0
    assert booked() == before
    assert [path.name for path in sorted((done.root / "runs" / "damaged").rglob("*.sqlite"))] == ["orchestrator.sqlite"] * 2
    assert done.run().stdout.rstrip().endswith("nothing new")


def test_budgets_do_not_begin_anew_because_the_ledger_is_gone(done: Workplace) -> None:
    spent = json.loads(done.command("status", "--json").stdout)["spent"][-1]
    (done.root / "runs" / "orchestrator.sqlite").unlink()
    again = done.run()
    assert "orchestrator.sqlite is gone; made anew from 2 turns of the projects" in again.stdout
    after = json.loads(done.command("status", "--json").stdout)["spent"][-1]
    assert (
        {key: after[key] for key in ("turns", "tokens", "usd")}
        == {key: spent[key] for key in ("turns", "tokens", "usd")}
        != {"turns": 0, "tokens": 0, "usd": 0}
    )


def test_the_project_that_is_whole_goes_on(done: Workplace) -> None:
    no_database(done)
    done.prd("others", LANTERN.replace("Lanterns", "Others"))
    done.agent(STEPWISE)
    ran = done.run()
    assert ran.returncode == 70
    assert set(done.states("others").values()) == {"done"}
    receipt = done.inbox()["prds/lanterns.md"]
    assert [problem["code"] for problem in receipt["problems"]] == ["damaged"], "the site names it"


def test_what_is_set_aside_in_the_same_second_does_not_meet(tmp_path: Path) -> None:
    from orchestrator.save import aside as setting

    for text in ("one", "two"):
        (tmp_path / "file").write_text(text)
        setting.move(tmp_path, (tmp_path / "file",))
    assert sorted(path.read_text() for path in tmp_path.rglob("file")) == ["one", "two"]
