"""A repository after a power cut: stale locks go by themselves, damaged refs and objects are said and made good from what is whole and the git bundle."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Workplace
from tests.end_to_end.test_pipeline import BOTH, LANTERN, STEPWISE
from tests.recovery.conftest import Standing, aside, folder, project_file, standing


def repository(place: Workplace) -> Path:
    return folder(place) / "repo.git"


def object_file(place: Workplace, name: str) -> Path:
    found = place.git("lanterns", "rev-parse", name).strip()
    path = repository(place) / "objects" / found[:2] / found[2:]
    path.chmod(0o644)
    return path


def test_locks_that_a_killed_git_left_stop_nothing(done: Workplace) -> None:
    names = (
        "HEAD.lock",
        "index.lock",
        "packed-refs.lock",
        "shallow.lock",
        "gc.pid",
        "refs/heads/prd/lanterns.lock",
        "refs/orchestrator/evidence.lock",
    )
    for name in names:
        (repository(done) / name).touch()
    done.prd("lanterns", LANTERN.replace("| 35 | 90 |", "| 36 | 90 |"))
    done.agent(STEPWISE)
    ran = done.run()
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert all(f"repo.git/{name}: removed" in ran.stdout for name in names)
    assert not [name for name in names if (repository(done) / name).exists()]
    assert set(done.states("lanterns").values()) == {"done"}


def test_an_empty_ref_is_said_and_restored(done: Workplace, undisturbed: Standing) -> None:
    """git itself passes over such a branch, and the run would begin it anew."""
    report, bundle = project_file(done).read_bytes(), folder(done) / "artifacts" / "lanterns.bundle"
    carried = bundle.read_bytes()
    (repository(done) / "refs" / "heads" / "prd" / "lanterns").write_bytes(b"")
    refused = done.run()
    assert (refused.returncode, "refs/heads/prd/lanterns names no commit" in refused.stdout) == (70, True), refused.stdout
    assert (project_file(done).read_bytes(), bundle.read_bytes()) == (report, carried), "what is left was written over"
    rebuilt = done.command("doctor", "--rebuild")
    assert (rebuilt.returncode, "as lanterns.bundle has it" in rebuilt.stdout) == (0, True), rebuilt.stdout
    assert "repo.git/refs/heads/prd/lanterns" in aside(done)
    assert done.run().stdout.rstrip().endswith("nothing new")
    assert (project_file(done).read_bytes(), standing(done)) == (report, undisturbed)


def test_objects_that_were_cut_short_are_restored(done: Workplace, undisturbed: Standing) -> None:
    for name, size in (("prd/lanterns:lanterns.py", 8), ("prd/lanterns~1^{tree}", 0), ("refs/orchestrator/evidence", 20)):
        path = object_file(done, name)
        path.write_bytes(path.read_bytes()[:size])
    done.prd("lanterns", LANTERN.replace("| 35 | 90 |", "| 36 | 90 |"))
    refused = done.run()
    assert (refused.returncode, "repo.git is damaged" in refused.stdout, "Traceback" in refused.stdout) == (70, True, False), refused.stdout
    done.prd("lanterns", LANTERN)
    assert done.command("doctor", "--rebuild").returncode == 0
    assert done.run().stdout.rstrip().endswith("nothing new")
    assert standing(done) == undisturbed


def test_a_file_that_cannot_be_read_is_noticed_when_it_is_needed(done: Workplace, undisturbed: Standing) -> None:
    """Contents are not read at the start of a run, which would take long in a large repository."""
    path = object_file(done, "prd/lanterns:lanterns.py")
    path.write_bytes(path.read_bytes()[:-4])
    done.prd("lanterns", LANTERN.replace("| 35 | 90 |", "| 36 | 90 |"))
    done.agent(STEPWISE)
    refused = done.run()
    assert (refused.returncode, "Traceback" in refused.stdout, "doctor --rebuild" in refused.stdout) == (70, False, True), refused.stdout
    assert done.command("doctor", "--rebuild").returncode == 0
    ended = done.run()
    assert ended.returncode == 0, ended.stdout
    assert done.git("lanterns", "show", "prd/lanterns:lanterns.py") == BOTH
    assert standing(done).verified == (0, undisturbed.verified[1] + 2)


def test_a_repository_that_is_gone_is_had_again_from_its_bundle(done: Workplace, undisturbed: Standing) -> None:
    repository(done).rename(done.root / "somewhere else")
    refused = done.run()
    assert (refused.returncode, "it is gone" in refused.stdout) == (70, True)
    assert done.command("doctor", "--rebuild").returncode == 0
    assert done.run().stdout.rstrip().endswith("nothing new")
    assert standing(done) == undisturbed


def test_without_a_bundle_what_passed_is_judged_again_and_no_evidence_is_lost(done: Workplace, undisturbed: Standing) -> None:
    repository(done).rename(done.root / "somewhere else")
    (folder(done) / "artifacts" / "lanterns.bundle").unlink()
    rebuilt = done.command("doctor", "--rebuild").stdout
    assert "linked again from 3 bundles" in rebuilt and "lanterns#R1: was done and is done again" in rebuilt
    ended = done.run()
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = standing(done)
    assert (found.states, found.trees, found.returned, found.verified) == (undisturbed.states, undisturbed.trees, undisturbed.returned, (0, 6))
