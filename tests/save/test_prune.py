"""What may go goes, what is needed never does: decided over values, then done to real databases and files, kills included."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.config import Retention
from orchestrator.model import Attempt, CycleResult, Plan, Prd
from orchestrator.run.durable import KILL_AT, PRUNING
from orchestrator.save import retention, written
from orchestrator.save.prune import NEEDED
from orchestrator.save.retention import DAY, File, Holding, Item, Run
from orchestrator.save.store import Store
from tests.conftest import Workplace
from tests.save.test_store import TASK, TURN, result


@pytest.fixture(autouse=True)
def nobody_elses_leftovers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests kill processes: what these left in the temporary directory is removed by whoever prunes first."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))


NOW = 1000 * DAY
NAMES = tuple(f"a{number}" for number in range(6))


# --- deciding ------------------------------------------------------------------------------------------------------------

files = st.builds(File, st.text("xyz", min_size=1, max_size=4), st.integers(0, 10**9), st.floats(0, NOW))
bytes_ = st.one_of(st.none(), st.integers(0, 10**9))


@st.composite
def holdings(draw: st.DrawFn) -> Holding:
    project = draw(st.sampled_from(("p", "q")))
    ages = draw(st.lists(st.floats(0, NOW), max_size=8))
    runs = []
    for number, began in enumerate(sorted(ages)):
        reports = (File(f"{project}/r{number}.json", draw(st.integers(0, 10**9)), began),) if draw(st.booleans()) else ()
        refers = draw(st.frozensets(st.sampled_from(NAMES)))
        runs.append(Run(f"{number}", began, draw(st.booleans()), draw(bytes_), draw(st.integers(0, 10**9)), reports, refers))
    artifacts = tuple((name, File(f"{project}/{name}", draw(st.integers(0, 10**9)), draw(st.floats(0, NOW)))) for name in NAMES)
    journals = tuple(replace(file, path=f"{project}/journal/{number}") for number, file in enumerate(draw(st.lists(files, max_size=3))))
    return Holding(project, tuple(runs), artifacts, draw(st.frozensets(st.sampled_from(NAMES))), journals)


rules = st.builds(
    Retention,
    days=st.one_of(st.none(), st.floats(0, 1000)),
    runs=st.one_of(st.none(), st.integers(1, 9)),
    gb=st.one_of(st.none(), st.floats(0, 20)),
)


def total_of(holding: Holding) -> int:
    inside = [file for run in holding.runs for file in run.files]
    inside += [file for _, file in holding.artifacts] + [*holding.journals, *holding.damaged, *holding.halves]
    return sum(file.bytes for file in inside) + sum((run.rows or 0) + run.results for run in holding.runs)


def left_of(holding: Holding, items: tuple[Item, ...]) -> Holding:
    """The holding once these are gone."""
    places = {(item.kind in ("run", "results"), item.place) for item in items if item.project == holding.project}
    kept = tuple(run for run in holding.runs if (True, run.id) not in places and not {(False, file.path) for file in run.files} & places)
    return replace(
        holding,
        runs=kept,
        artifacts=tuple(entry for entry in holding.artifacts if (False, entry[1].path) not in places),
        journals=tuple(file for file in holding.journals if (False, file.path) not in places),
    )


@settings(deadline=None)
@given(st.lists(holdings(), max_size=2, unique_by=lambda holding: holding.project), rules)
def test_nothing_that_is_needed_new_or_referred_to_is_ever_removed(found: list[Holding], rules: Retention) -> None:
    total = sum(map(total_of, found))
    decided = retention.plan(found, rules, NOW, total=total)
    for holding in found:
        left = left_of(holding, decided.items)
        ids = {run.id for run in left.runs}
        newest = sorted(run.id for run in holding.runs)[-(rules.runs or 1) :]
        assert {run.id for run in holding.runs if run.needed} | {*newest} <= ids | {
            run.id for run in holding.runs if run.rows is None and not run.files
        }
        if rules.gb is None:
            young = {run.id for run in holding.runs if rules.days is None or NOW - run.began <= rules.days * DAY}
            assert young <= ids | {run.id for run in holding.runs if run.rows is None and not run.files}
        had, has = dict(holding.artifacts).keys(), dict(left.artifacts).keys()
        named = {name for run in left.runs if run.id in ids for name in run.refers} | holding.referred
        assert named & had <= has, "what stays is whole"
        assert has <= named, "and what nothing names is gone"


@settings(deadline=None)
@given(st.lists(holdings(), max_size=2, unique_by=lambda holding: holding.project), rules)
def test_the_ceiling_is_kept_or_nothing_else_may_go_and_a_second_time_nothing_goes(found: list[Holding], rules: Retention) -> None:
    total = sum(map(total_of, found))
    decided = retention.plan(found, rules, NOW, total=total)
    freed = sum(item.bytes for item in decided.items)
    left = [left_of(holding, decided.items) for holding in found]
    if rules.gb is not None:
        assert decided.over == max(0, total - freed - int(rules.gb * retention.GB))
        if decided.over:
            assert not [run for holding in left for run in retention.removable(holding.runs, rules.runs) if run.rows is not None or run.files]
            assert not [file for holding in left for file in holding.journals]
    assert retention.plan(left, rules, NOW, total=total - freed).items == ()


def run(number: int, days: float, *refers: str, needed: bool = False) -> Run:
    began = NOW - days * DAY
    return Run(f"r{number}", began, needed, 10, 100, (File(f"p/r{number}.json", 1000, began),), frozenset(refers))


def places(found: retention.Plan) -> list[tuple[str, str]]:
    return [(item.kind, item.place) for item in found.items]


OLD = Holding("p", (run(1, 200, "a", "b"), run(2, 100, "b"), run(3, 50, "c"), run(4, 1)), tuple((name, File(name, 1, 0.0)) for name in "abcd"))
FIRST = [("results", "r1"), ("run", "r1"), ("report", "p/r1.json")]
SECOND = [("results", "r1"), ("results", "r2"), ("run", "r1"), ("run", "r2"), ("report", "p/r1.json"), ("report", "p/r2.json")]


@pytest.mark.parametrize(
    ("rules", "gone"),
    [
        (Retention(), [("artifact", "d")]),
        (Retention(runs=3), [*FIRST, ("artifact", "a"), ("artifact", "d")]),
        (Retention(runs=None), [*SECOND, ("artifact", "a"), ("artifact", "b"), ("artifact", "d")]),
        (Retention(days=None, runs=1), [("artifact", "d")]),
        (Retention(days=150, runs=1), [*FIRST, ("artifact", "a"), ("artifact", "d")]),
        (Retention(days=None, runs=2, gb=0.0), [*SECOND, ("artifact", "a"), ("artifact", "b"), ("artifact", "d")]),
        (Retention(days=None, runs=1, gb=3e-6), [*FIRST, ("artifact", "a"), ("artifact", "d")]),
    ],
)
def test_each_rule_by_itself(rules: Retention, gone: list[tuple[str, str]]) -> None:
    assert places(retention.plan([OLD], rules, NOW, total=4444 - 500)) == gone


def test_what_is_needed_stays_with_its_texts() -> None:
    needed = replace(OLD, runs=(run(1, 200, "a", needed=True), *OLD.runs[1:]), referred=frozenset("d"))
    assert places(retention.plan([needed], Retention(runs=None, days=0), NOW)) == [
        *(("results", "r2"), ("results", "r3"), ("run", "r2"), ("run", "r3"), ("report", "p/r2.json"), ("report", "p/r3.json")),
        *(("artifact", "b"), ("artifact", "c")),
    ]


def test_environments_go_when_nothing_used_them_for_long_or_the_ceiling_asks_for_it() -> None:
    unused = [File("environments/old", 100, NOW - 91 * DAY), File("environments/new", 100, NOW - 2 * DAY), File("environments/now", 100, NOW)]
    outside = [File("/shared/old", 100, NOW - 91 * DAY), File("/shared/new", 100, NOW - 2 * DAY)]

    def gone(rules: Retention, *, idle: bool = True) -> list[str]:
        return [item.place for item in retention.plan([], rules, NOW, total=300, environments=[*unused, *outside], idle=idle).items]

    assert gone(Retention()) == ["/shared/old", "environments/old"]
    assert gone(Retention(days=0)) == ["/shared/new", "/shared/old", "environments/new", "environments/old"]
    assert gone(Retention(days=None)) == []
    assert gone(Retention(gb=0.0)) == ["/shared/old", "environments/new", "environments/old"]
    assert gone(Retention(gb=0.0), idle=False) == ["/shared/old", "environments/old"]


# --- real databases and files --------------------------------------------------------------------------------------------


def build(runs: Path, project: str = "p", count: int = 12) -> None:
    """A project with a run every 20 days, the last one now. Each worked on another wording without success but the last two, which share one."""
    folder = runs / project
    prd = Prd(project, "P", project, "prds/p.md", "0" * 64, ())
    with Store(folder) as store:
        for number in range(count):
            began = datetime.now(UTC) - timedelta(days=20 * (count - 1 - number))
            name, at = f"{began:%Y%m%dT%H%M%S}Z-{number:04x}", f"{began:%Y-%m-%dT%H:%M:%S}.000Z"
            task = replace(TASK, fingerprint=f"{min(number, count - 2):x}" * 64)
            store.save_plan(prd, Plan(project, "0" * 64, "outline", (task,)), name)
            store.begin_run(name, False, {})
            if store.states(project)[TASK.id] == "failed":
                store.retry(TASK.id)
            else:
                store.move(TASK.id, "ready", name)
            store.move(TASK.id, "started", name)
            store.save_result(store.task(TASK.id), name, at, failed(task, number), ("1" * 40, "2" * 40, "2" * 40), "gave up")
            journal = folder / "journal" / f"p_r1-{task.fingerprint[:12]}-{1 + (number == count - 1)}.jsonl"
            journal.parent.mkdir(exist_ok=True)
            journal.write_text("{}\n")
            os.utime(journal, (began.timestamp(),) * 2)
            store.end_run(name, "failed", written.summary(store, name, 1.0), at)
            store.db.execute("UPDATE runs SET started_at = ? WHERE id = ?", (at, name))
            store.db.execute("UPDATE events SET at = ? WHERE run = ?", (at, name))
            written.run(store, name)
        written.project(store, runs.parent, {})
    running = folder / "journal" / f"p_r1-{'a' * 12}-3.jsonl"
    running.write_text("{}\n")
    os.utime(running, (0, 0))


def failed(task: Any, number: int) -> CycleResult:
    turn = replace(TURN, transcript=f"said in run {number}\n" * 1000)
    attempt = Attempt(number + 1, (turn,), (), "the same diff\n" * 1000, "refused", (), ())
    return replace(result(task), verdict="gave up", attempts=(attempt,))


def configure(place: Workplace, **retention: float | None) -> None:
    """Environments are its own: those that all tests share are never pruned."""
    place.configure(environments=str(place.root / "environments"), retention=retention)


@pytest.fixture
def old(place: Workplace) -> Workplace:
    configure(place, runs=2)
    build(place.root / "runs")
    return place


def rows(place: Workplace, query: str, project: str = "p") -> list[tuple[Any, ...]]:
    db = sqlite3.connect(place.root / "runs" / project / "project.sqlite")
    try:
        return db.execute(query).fetchall()
    finally:
        db.close()


def prune(place: Workplace, *arguments: str, code: int = 0, **environment: str) -> dict[str, Any]:
    done = place.command("prune", "--json", *arguments, **environment)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


TABLES = ("runs", "results", "pruned", "tasks", "events", "turns")


def kept(place: Workplace, tables: tuple[str, ...] = TABLES) -> dict[str, bytes]:
    """Every file of the project but its database and lock, and what the database holds."""
    found = {
        str(path.relative_to(place.root)): path.read_bytes()
        for path in sorted((place.root / "runs" / "p").rglob("*"))
        if path.is_file() and not path.name.startswith(("project.sqlite", "project.lock"))
    }
    for table in tables:
        found[table] = repr(rows(place, f"SELECT * FROM {table} ORDER BY 1, 2, 3")).encode()
    return found


def consistent(place: Workplace) -> None:
    """Every run that is listed has its rows and reports, and every text that a report names is there."""
    listed = {entry["id"] for entry in place.project("p")["runs"]}
    known = {name for (name,) in rows(place, "SELECT id FROM runs")}
    assert known <= listed
    assert {run for (run,) in rows(place, "SELECT run FROM results")} <= known
    assert {run for (run,) in rows(place, NEEDED)} - {""} <= known
    folder = place.root / "runs" / "p"
    for name in listed:
        text = (folder / "reports" / f"{name}.json").read_text()
        assert (folder / "reports" / f"{name}.xml").is_file()
        for attempt in (attempt for task in json.loads(text)["tasks"] for attempt in task["attempts"]):
            assert (folder / attempt["diff"]["artifact"]).is_file()
            assert all((folder / turn["transcript"]["artifact"]).is_file() for turn in attempt["turns"])


def test_old_runs_of_wordings_that_are_gone_go_with_their_texts_and_nothing_else(old: Workplace) -> None:
    before = kept(old)
    said = prune(old, "--dry-run")
    assert kept(old) == before, "a dry run changes nothing"
    status, done = old.command("status").stdout, prune(old)
    assert [(item["kind"], item["place"], item["bytes"]) for item in done["items"]] == [
        (item["kind"], item["place"], item["bytes"]) for item in said["items"]
    ]
    reports = old.runs("p")
    assert len(reports) == 5, "eleven runs are a multiple of 20 days old, five of them (0 to 80 days) at most 90 days"
    assert [item["kind"] for item in done["items"]].count("run") == 7
    counted = {kind: sum(item["kind"] == kind for item in done["items"]) for kind in ("results", "report", "artifact", "journal")}
    assert counted == {"results": 7, "report": 14, "artifact": 7, "journal": 7}
    after = kept(old)
    for table in ("tasks", "events", "turns"):
        assert after[table] == before[table]
    assert (old.root / "runs" / "p" / "journal" / f"p_r1-{'a' * 12}-3.jsonl").is_file(), "a cycle without a result goes on from its journal"
    consistent(old)
    assert old.command("status").stdout == status
    assert prune(old)["items"] == []
    assert old.project("p")["turns"] == 12


def test_the_result_of_a_task_as_it_is_worded_stays_whatever_its_age(old: Workplace) -> None:
    configure(old, runs=1, days=0)
    prune(old)
    assert len(old.runs("p")) == 2, "the last two runs worked on the wording as it is"
    assert [cycle for (cycle,) in rows(old, "SELECT cycle FROM results ORDER BY cycle")] == [1, 2]


def test_a_wording_that_comes_back_takes_no_number_of_a_cycle_that_was_pruned(old: Workplace) -> None:
    prune(old)
    with Store(old.root / "runs" / "p") as store:
        first = replace(TASK, fingerprint="0" * 64)
        store.save_plan(Prd("p", "P", "p", "prds/p.md", "0" * 64, ()), Plan("p", "0" * 64, "outline", (first,)), "again")
        assert store.task(TASK.id).cycle == 2
        store.move(TASK.id, "ready", "again")
        store.move(TASK.id, "started", "again")
        store.save_result(store.task(TASK.id), "again", "2030-01-01T00:00:00.000Z", failed(first, 0), ("1" * 40,) * 3, "gave up")


@pytest.mark.parametrize("moment", [f"{when} {step}" for step in PRUNING for when in ("before", "after")])
def test_a_kill_at_any_step_leaves_a_whole_project_and_the_next_prune_ends_it(old: Workplace, tmp_path: Path, moment: str) -> None:
    shutil.copytree(old.root, tmp_path / "undisturbed")
    undisturbed = Workplace(tmp_path / "undisturbed")
    prune(undisturbed)
    assert old.command("prune", **{KILL_AT: moment}).returncode == -9
    consistent(old)
    assert prune(old)["failed"] == []
    assert kept(old) == kept(undisturbed)


def test_a_project_that_is_being_worked_on_is_passed_over_and_named(old: Workplace) -> None:
    build(old.root / "runs", "q", 9)
    before = kept(old)
    with Store(old.root / "runs" / "p"):
        for arguments in (("--dry-run",), ()):
            found = prune(old, *arguments, code=6)
            assert [(item["project"], item["locked"]) for item in found["passed_over"]] == [("p", True)]
            assert str(os.getpid()) in found["passed_over"][0]["why"]
            assert {item["project"] for item in found["items"]} == {"q"}
    assert kept(old) == before
    assert "passed over" not in old.command("prune").stdout


@pytest.mark.parametrize("what", ["database", "evidence"])
def test_a_project_that_cannot_be_read_is_left_as_it_is(old: Workplace, what: str) -> None:
    folder = old.root / "runs" / "p"
    (folder / "evidence").mkdir()
    path = folder / "project.sqlite" if what == "database" else folder / "evidence" / "p_r1-0-1.json"
    path.write_bytes(b"nonsense" * 1000)
    before = kept(old, tables=())
    found = prune(old, code=70)
    assert [item["project"] for item in found["passed_over"]] == ["p"]
    assert kept(old, tables=()) == before


def test_what_evidence_names_stays(old: Workplace) -> None:
    oldest = old.runs("p")[0]
    digest = Path(old.runs("p")[1]["tasks"][0]["attempts"][0]["turns"][0]["transcript"]["artifact"]).stem
    folder = old.root / "runs" / "p"
    (folder / "evidence").mkdir()
    (folder / "evidence" / "x-0-1.json").write_text(json.dumps({"run": oldest["id"], "transcript": digest}))
    prune(old)
    assert (folder / "reports" / f"{oldest['id']}.json").is_file()
    assert (folder / "artifacts" / digest[:2] / f"{digest}.txt").is_file()
    consistent(old)


def test_what_killed_processes_left_and_what_was_set_aside_long_ago_goes(old: Workplace) -> None:
    runs = old.root / "runs"
    gone = [runs / "p" / "reports" / ".x.json.1.part", runs / "p" / "damaged" / "20200101T000000Z" / "project.sqlite"]
    gone += [runs / "damaged" / "20200101T000000Z-2" / "inbox.json", runs / ".inbox.json.1.part"]
    stays = [runs / "p" / "damaged" / f"{datetime.now(UTC):%Y%m%dT%H%M%S}Z" / "project.sqlite", runs / "p" / "damaged" / "notes" / "mine"]
    stays += [runs / "p" / "artifacts" / "p.bundle", runs / ".other.json.1.part", runs / "inbox.json", runs / "orchestrator.sqlite"]
    for path in (*gone, *stays):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    os.utime(runs / ".inbox.json.1.part", (time.time() - 100_000,) * 2)
    prune(old)
    assert [path for path in gone if path.exists()] == []
    assert [path for path in stays if not path.exists()] == []
    assert not (runs / "damaged").exists()


def test_an_environment_that_nothing_used_for_long_goes(old: Workplace) -> None:
    folder = old.root / "environments"
    for name, days in (("0" * 16, 100), ("1" * 16, 10), (".2222222222222222.77", 100), ("mine", 100)):
        (folder / name).mkdir(parents=True)
        (folder / name / "ready.json").write_text("{}")
        for path in (folder / name / "ready.json", folder / name):
            os.utime(path, (time.time() - days * DAY,) * 2)
    prune(old)
    assert {path.name for path in folder.iterdir()} == {"1" * 16, "mine"}


@pytest.fixture
def large(place: Workplace) -> Iterator[Workplace]:
    configure(place, runs=1, days=0)
    build(place.root / "runs", count=4)
    with Store(place.root / "runs" / "p") as store:
        store.db.execute("UPDATE results SET result = json_set(result, '$.reason', ?)", ("x" * 3_000_000,))
    yield place


def test_a_database_gets_smaller_when_much_was_deleted(large: Workplace) -> None:
    path = large.root / "runs" / "p" / "project.sqlite"
    before = path.stat().st_size
    found = prune(large)
    assert path.stat().st_size < before - 5_000_000
    results = [item["bytes"] for item in found["items"] if item["kind"] == "results"]
    assert len(results) == 2 and sum(results) > 6_000_000


def test_the_ceiling_takes_younger_runs_too_and_says_what_it_cannot_reach(large: Workplace) -> None:
    configure(large, days=None, runs=1, gb=0.0)
    done = large.command("prune")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "over its ceiling, and nothing else may go" in done.stdout
    assert len(large.runs("p")) == 2
    consistent(large)
