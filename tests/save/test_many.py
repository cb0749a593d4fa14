"""What must hold so that ten thousand tasks cost no more each than ten: nothing is written twice, moves are grouped, reports are told task by task."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import inputs
from orchestrator.config import Config
from orchestrator.errors import StoreError
from orchestrator.inbox import folder
from orchestrator.job import Job, settle
from orchestrator.model import CycleResult, Plan, Prd, Question
from orchestrator.outcome import Outcome
from orchestrator.plan import outline
from orchestrator.run import lifecycle
from orchestrator.run.integrate import Commit
from orchestrator.save import health, junit, light, mend, record, written
from orchestrator.save.clock import now
from orchestrator.save.evidence import MAX_BYTES
from orchestrator.save.ledger import ledger_of
from orchestrator.save.readings import Readings
from orchestrator.save.reports import ProjectReport, RunReport
from orchestrator.save.store import Store

RUN = "20261122T020000Z-0001"


@contextmanager
def transactions(store: Store) -> Iterator[list[str]]:
    """How transactions that begin inside the block wait for the disk: FULL or NORMAL, one entry for each."""
    found: list[str] = []
    said = ""

    def trace(statement: str) -> None:
        nonlocal said
        if statement.startswith("PRAGMA synchronous"):
            said = statement.rpartition(" ")[2]
        elif statement == "COMMIT":
            found.append(said)

    store.db.set_trace_callback(trace)
    yield found
    store.db.set_trace_callback(None)


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    """One PRD of seven requirements, planned and saved; nothing has moved yet."""
    root = inputs.wards(tmp_path, 7)
    config = Config()
    with Store(root / "runs" / "wards") as store:
        found = Job(root, config, "wards", store, ledger_of(root, config), RUN, {}, Outcome(), lambda line: None, Readings(root / "runs"))
        found.begin()
        prd = the_prd(root)
        found.plans[prd.id] = outline.plan_of(prd, 0.25)
        store.save_plan(prd, found.plans[prd.id], RUN)
        yield found


def the_prd(root: Path) -> Prd:
    (prd,) = folder.scan(root, Config()).prds
    return prd


def finish(job: Job, name: str, result: CycleResult | None = None) -> CycleResult:
    """From ready to done, as a run does it."""
    row = job.store.task(name)
    made = result or inputs.cycle_result(row.task)
    job.store.move(name, "started", RUN)
    job.store.save_result(row, RUN, now(), made, (made.base_tree,) * 3, "produced")
    job.store.integrated(name, RUN, made, (Commit(inputs.digest(name)[:40], "feat", "it"),), "prd/x")
    return made


def test_a_plan_that_is_known_already_is_not_written_again(job: Job) -> None:
    prd = the_prd(job.root)
    with transactions(job.store) as made:
        job.store.save_plan(prd, outline.plan_of(prd, 0.25), RUN)
    assert made == []


def test_of_a_changed_plan_only_the_rows_that_changed_are_written(job: Job) -> None:
    prd, plan = the_prd(job.root), job.plans["ward-0000"]
    changed = replace(plan, tasks=(*plan.tasks[:-1], replace(plan.tasks[-1], goal="another")))
    before = job.store.db.total_changes
    job.store.save_plan(prd, changed, RUN)
    assert job.store.db.total_changes - before == 2, "the PRD and one task"
    assert job.store.tasks("ward-0000")[-1].task.goal == "another"
    moved = replace(changed, tasks=(*changed.tasks[:-2], changed.tasks[-1], changed.tasks[-2]))
    job.store.save_plan(prd, moved, RUN)
    assert [row.task for row in job.store.tasks("ward-0000")] == list(moved.tasks)


def test_moves_that_follow_are_grouped_and_verdicts_wait_for_the_disk(job: Job) -> None:
    prd = the_prd(job.root)
    with transactions(job.store) as made:
        settle(job, prd)
    assert made == ["NORMAL"], "three tasks became ready, all at once"
    assert job.store.in_state("ready") == ("ward-0000#R1", "ward-0000#R3", "ward-0000#R6")
    with transactions(job.store) as made:
        finish(job, "ward-0000#R1")
        settle(job, prd, "ward-0000#R1")
    assert made == ["NORMAL", "FULL", "FULL", "NORMAL"], "started; result saved; integrated; what depends on it is ready"
    with transactions(job.store) as made:
        settle(job, prd)
        settle(job, prd, "ward-0000#R1")
        job.keep_facts()
    assert made == [], "nothing follows any more, and the facts are known"


def test_what_follows_from_one_move_is_found_however_far_it_reaches(job: Job) -> None:
    prd = the_prd(job.root)
    settle(job, prd)
    assert job.plans[prd.id].tasks[3].depends_on == ("ward-0000#R3",)
    job.store.move("ward-0000#R3", "started", RUN)
    job.store.move("ward-0000#R3", "gave up", RUN)
    settle(job, prd, "ward-0000#R3")
    assert job.store.in_state("skipped") == ("ward-0000#R4", "ward-0000#R5"), "R5 builds on R4, which builds on R3"


NAMES = "abcdef"


@given(
    st.fixed_dictionaries({name: st.sampled_from(sorted(lifecycle.STATES)) for name in NAMES}),
    st.fixed_dictionaries({name: st.lists(st.sampled_from(NAMES), max_size=3).map(tuple) for name in NAMES}),
    st.frozensets(st.sampled_from(NAMES)),
    st.lists(st.sampled_from(NAMES), unique=True),
)
def test_moves_among_some_tasks_are_those_of_all_that_concern_them(
    states: dict[str, str], depends_on: dict[str, tuple[str, ...]], asked: frozenset[str], some: list[str]
) -> None:
    known = {name: states[name] for name in {*some, *(each for name in some for each in depends_on[name])}}
    expected = {move for move in lifecycle.next_moves(states, depends_on, asked) if move[0] in some}
    assert set(lifecycle.next_moves(known, depends_on, asked, some)) == expected


def test_a_run_is_told_task_by_task_as_its_whole_report_would_be(job: Job) -> None:
    prd = the_prd(job.root)
    reports = job.store.folder / "reports"
    settle(job, prd)
    written.run(job.store, RUN)
    assert RunReport.model_validate_json((reports / f"{RUN}.json").read_bytes()).tasks == []
    assert (reports / f"{RUN}.xml").read_text() == f'<?xml version="1.0" encoding="utf-8"?>\n<testsuites name="{RUN}" />\n'
    finish(job, "ward-0000#R1")
    hostile = inputs.cycle_result(job.store.task("ward-0000#R3").task)
    finish(job, "ward-0000#R3", replace(hostile, reason='\n "tasks": [],\n and "tasks": [] ü'))
    written.run(job.store, RUN)
    text = (reports / f"{RUN}.json").read_text(encoding="utf-8")
    found = RunReport.model_validate_json(text)
    assert text == found.model_dump_json(indent=1) + "\n"
    assert [task.id for task in found.tasks] == ["ward-0000#R1", "ward-0000#R3"]
    assert (found.turns, found.input_tokens, found.prds) == (4, 4 * 2100, ["ward-0000"])
    assert (reports / f"{RUN}.xml").read_text(encoding="utf-8") == junit.junit(found)


def test_the_projects_report_is_composed_only_when_something_it_tells_has_changed(job: Job) -> None:
    path = job.store.folder / "reports" / "project.json"
    written.project(job.store, job.root, {})
    first, inode = path.read_bytes(), path.stat().st_ino
    written.project(job.store, job.root, {})
    assert path.stat().st_ino == inode
    path.write_text("{}")
    written.project(job.store, job.root, {})
    assert path.read_bytes() == first, "what was changed by hand is made good"
    settle(job, the_prd(job.root))
    written.project(job.store, job.root, {})
    assert "ready" in {task.state for task in ProjectReport.model_validate_json(path.read_bytes()).tasks}


def test_a_runs_end_does_not_stand_in_the_way_of_the_next_runs_report(job: Job) -> None:
    job.store.end_run(RUN, "done", {"seconds": 1.0}, now())
    written.project(job.store, job.root, {})
    job.store.begin_run("20261123T020000Z-0002", False, {})
    written.project(job.store, job.root, {})
    report = ProjectReport.model_validate_json((job.store.folder / "reports" / "project.json").read_bytes())
    assert [run.id for run in report.runs] == ["20261123T020000Z-0002", RUN]


@pytest.mark.parametrize("many", [1, 7])
def test_questions_to_the_database_read_no_more_of_it_than_they_must(job: Job, many: int) -> None:
    prd = the_prd(job.root)
    settle(job, prd)
    plans = {
        "SELECT id, state FROM tasks WHERE prd = 'p' ORDER BY position": "COVERING INDEX tasks_by_prd",
        "SELECT total(criteria) FROM tasks WHERE state != 'retired'": "COVERING INDEX tasks_by_criteria",
        "SELECT state, count(*) FROM tasks WHERE prd = 'p' GROUP BY state": "INDEX tasks_by_prd",
        "SELECT id FROM commits WHERE task = 't' ORDER BY position": "INDEX commits_by_task",
        "SELECT proof FROM proofs WHERE task = 't' AND fingerprint = 'f'": "INDEX proofs_by_task",
        "SELECT kind FROM turns WHERE run = 'r'": "INDEX turns_by_run",
    }
    for query, index in plans.items():
        told = " ".join(row[3] for row in job.store.db.execute(f"EXPLAIN QUERY PLAN {query}"))
        assert index in told, (query, told)
        assert "SCAN tasks" not in told or "COVERING" in told
    assert len(light.states(job.store, [f"ward-0000#R{number}" for number in range(1, many + 1)])) == many


def test_the_record_is_a_line_for_each_row_and_says_when_it_is_not_what_was_written(job: Job) -> None:
    settle(job, the_prd(job.root))
    finish(job, "ward-0000#R1")
    folder = job.store.folder
    record.write(job.store.db, folder)
    path = folder / record.STANDING
    value = record.read(path)
    assert value["moves"] == job.store.db.execute("SELECT max(id) FROM events").fetchone()[0] == len(value["tables"]["events"])
    rows = [json.loads(line.rstrip(",")) for line in path.read_text().splitlines() if line.startswith("   {")]
    assert rows == [row for table in value["tables"].values() for row in table]
    (result,) = (folder / record.RESULTS).iterdir()
    inode = result.stat().st_ino
    record.write(job.store.db, folder)
    assert result.stat().st_ino == inode
    for place in (path, result):
        place.write_text(place.read_text().replace("ward-0000#R1", "ward-0000#R2", 1))
        with pytest.raises(StoreError, match="hash"):
            record.read(place)


def test_a_report_that_could_be_read_is_not_read_again_until_it_looks_otherwise(job: Job) -> None:
    job.store.end_run(RUN, "done", {}, now())
    written.run(job.store, RUN)
    path = job.store.folder / "reports" / f"{RUN}.json"
    assert mend.reports(job.store) == ()
    text, looks = path.read_text(), path.stat()
    path.write_text("x" * len(text))
    os.utime(path, ns=(looks.st_atime_ns, looks.st_mtime_ns))
    assert mend.reports(job.store) == (), "nothing says that it is another: it is not read"
    path.touch()
    (line,) = mend.reports(job.store)
    assert line.startswith(f"reports/{RUN}.json: ")
    assert path.read_text() == text
    assert mend.reports(job.store) == ()


def test_a_report_that_is_too_large_to_be_read_is_not_taken_for_a_damaged_one(job: Job) -> None:
    job.store.end_run(RUN, "done", {}, now())
    written.run(job.store, RUN)
    path = job.store.folder / "reports" / f"{RUN}.json"
    for end, torn in (("}\n", False), ("}", True)):
        with path.open("r+b") as stream:
            stream.truncate(MAX_BYTES)
            stream.seek(0, 2)
            stream.write(end.encode())
        assert [line.partition(": ")[2].partition(";")[0] for line in mend.reports(job.store)] == ["it is torn"] * torn
    assert path.stat().st_size < MAX_BYTES, "written anew"


def test_of_a_large_database_status_looks_at_the_first_pages_and_everything_else_at_all_of_them(tmp_path: Path) -> None:
    with Store(tmp_path / "p") as store:
        store.db.execute("CREATE TABLE filling (text TEXT)")
        for _ in range(3):
            store.db.execute("INSERT INTO filling VALUES (hex(randomblob(8 << 20)))")
    path = tmp_path / "p" / health.FILE
    assert path.stat().st_size > health.LARGE
    assert health.projects(tmp_path, most=health.LARGE) == health.projects(tmp_path) == {}
    with sqlite3.connect(path) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'filling'").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as stream:
        stream.seek((page - 1) * size)
        stream.write(b"\xff" * size)
    assert health.projects(tmp_path, most=health.LARGE) == {}
    assert "p" in health.projects(tmp_path)


# --- what was read is not read again ---------------------------------------------------------------------------------------


PRDS = sorted((Path(__file__).resolve().parents[2] / "prds").rglob("*.md"))


@pytest.mark.parametrize("path", PRDS, ids=lambda path: path.stem)
def test_a_prd_is_recalled_as_it_was_read(tmp_path: Path, path: Path) -> None:
    text, name, mark = path.read_text(), path.stem, "f" * 64
    first = Readings(tmp_path)
    reading = first.read(text, "prds/x.md", name, mark)
    plan = first.plan(reading.prd, 0.25)
    first.keep(["prds/x.md"])
    again = Readings(tmp_path)
    assert again.read("", "prds/x.md", name, mark) == reading == folder.fresh(text, "prds/x.md", name, mark), "these bytes need not be looked at"
    assert again.plan(reading.prd, 0.25) == plan


def test_a_record_of_other_bytes_another_share_or_a_file_that_is_gone_does_not_count(tmp_path: Path) -> None:
    def taken(text: str, mark: str, share: float) -> Plan:
        readings = Readings(tmp_path)
        plan = readings.plan(readings.read(text, "prds/x.md", "", mark).prd, share)
        readings.keep(["prds/x.md"])
        return plan

    text = inputs.kiosk(1)
    first = taken(text, "1" * 64, 0.25)
    assert taken(text.replace("9 |", "8 |"), "2" * 64, 0.25) != first
    assert taken(text, "3" * 64, 0.0) != first
    (record,) = (tmp_path / "readings").iterdir()
    record.write_text("{}\n\n\n")
    assert taken(text, "3" * 64, 0.25) == first
    Readings(tmp_path).keep([])
    assert list((tmp_path / "readings").iterdir()) == []


def test_a_question_is_told_with_the_move_that_asks_it(job: Job) -> None:
    prd, plan = the_prd(job.root), job.plans["ward-0000"]
    asked = replace(plan.tasks[0], question=Question("Which ward?", (7,)))
    job.plans[prd.id] = replace(plan, tasks=(asked, *plan.tasks[1:]))
    job.store.save_plan(prd, job.plans[prd.id], RUN)
    settle(job, prd)
    row = job.store.task(asked.id)
    assert (row.state, row.reason, row.question) == ("unclear", "Which ward?", asked.question)
    assert job.outcome.needs_person == 1
