"""Reports that are damaged: set aside, said, and written anew from the database by the next run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Workplace
from tests.end_to_end.test_pipeline import LANTERN
from tests.recovery.conftest import Standing, aside, folder, project_file, run_file, standing

DAMAGE: dict[str, bytes] = {
    "torn": b'{"version": 2, "project": "lante',
    "empty": b"",
    "other JSON": b'["a list"]',
    "binary": bytes(range(256)) * 20,
}


def newer(path: Path) -> bytes:
    return json.dumps(json.loads(path.read_text()) | {"version": 99}).encode()


@pytest.mark.parametrize("kind", [*DAMAGE, "newer"])
def test_damaged_reports_are_set_aside_and_written_anew_by_the_next_run(done: Workplace, undisturbed: Standing, kind: str) -> None:
    paths = (project_file(done), run_file(done))
    before = [path.read_bytes() for path in paths]
    wrong = [DAMAGE[kind] if kind in DAMAGE else newer(path) for path in paths]
    for path, data in zip(paths, wrong, strict=True):
        path.write_bytes(data)
    ran = done.run()
    assert (ran.returncode, "Traceback" in ran.stdout + ran.stderr) == (0, False), ran.stdout + ran.stderr
    assert all(f"reports/{path.name}: " in ran.stdout for path in paths) and "written anew from the database" in ran.stdout
    assert [path.read_bytes() for path in paths] == before
    assert aside(done) == sorted([f"reports/{path.name}" for path in paths] + [f"reports/{run_file(done).stem}.xml"])
    assert standing(done) == undisturbed


def test_reports_that_are_gone_are_written_anew(done: Workplace, undisturbed: Standing) -> None:
    paths = (project_file(done), run_file(done), run_file(done).with_suffix(".xml"))
    before = [path.read_bytes() for path in paths]
    for path in paths:
        path.unlink()
    assert done.run().returncode == 0
    assert [path.read_bytes() for path in paths] == before
    assert standing(done) == undisturbed


def test_a_prd_that_depends_on_a_project_whose_report_is_damaged_still_knows_that_it_is_complete(done: Workplace) -> None:
    project_file(done).write_bytes(b"{")
    done.prd(
        "others", LANTERN.replace("title: Lanterns", "title: Others\ndepends_on: [lanterns]\nproject: aside").replace("lanterns.py", "others.py")
    )
    ran = done.run("--agent", "script")
    assert "waits" not in ran.stdout and "others#R1: Count" in ran.stdout


def test_damaged_receipts_are_set_aside_and_ids_of_renamed_prds_stand(done: Workplace) -> None:
    path = done.root / "runs" / "inbox.json"
    path.write_bytes(b"\x00\x01")
    (done.root / "prds" / "lanterns.md").rename(done.root / "prds" / "lamps.md")
    ran = done.run()
    assert (ran.returncode, "inbox.json: it cannot be read" in ran.stdout) == (0, True), ran.stdout
    assert [kept.read_bytes() for kept in (done.root / "runs" / "damaged").rglob("inbox.json")] == [b"\x00\x01"]
    assert done.inbox()["prds/lamps.md"]["prd"] == "lanterns"
    assert done.states("lanterns") == {"lanterns#R1": "done", "lanterns#R2": "done"}


def test_the_site_names_a_damaged_report_meanwhile(done: Workplace) -> None:
    run_file(done).write_bytes(b"{")
    name = run_file(done).stem
    built = done.command("site", "build")
    assert built.returncode == 0, built.stderr
    pages = [page.read_text() for page in (done.root / "site").rglob("*.html") if name in page.as_posix()]
    assert any("EOF while parsing" in page for page in pages)


def test_the_record_is_written_again_where_it_is_gone(done: Workplace) -> None:
    record = folder(done) / "reports" / "record"
    before = {path.name: path.read_bytes() for path in record.rglob("*.json")}
    for path in record.rglob("*.json"):
        path.unlink()
    assert done.run().returncode == 0
    assert {path.name: path.read_bytes() for path in record.rglob("*.json")} == before
