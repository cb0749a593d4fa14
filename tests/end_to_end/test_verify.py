"""`orchestrator verify` through the real command: what holds holds, from the git bundle too and without any agent; every tampering is named."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.run.reprove import FLAWS
from orchestrator.save import evidence
from tests.conftest import ENVIRONMENTS, REPOSITORY, Workplace
from tests.end_to_end.test_pipeline import BOTH, LANTERN, STEPWISE
from tests.once import once

LOUD = "def turn(brief, folder):\n    raise SystemExit('an agent was asked')\n"
WORDY = STEPWISE.replace('"written"', '"written " * 1000')
"""Its transcript is too long for the report itself and becomes an artifact."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder where everything is done, and whose agent fails loudly when it is asked again."""

    def make(folder: Path) -> None:
        place = Workplace(folder / "work")
        place.prd("lanterns", LANTERN)
        place.agent(WORDY)
        done = place.run()
        assert done.returncode == 0, done.stdout + done.stderr
        place.agent(LOUD)

    return once(tmp_path_factory, "finished", make) / "work"


@pytest.fixture
def done(finished: Path, tmp_path: Path) -> Workplace:
    """A copy of it, to be tampered with."""
    shutil.copytree(finished, tmp_path / "work", symlinks=True)
    return Workplace(tmp_path / "work")


def verify(place: Workplace, *arguments: str) -> tuple[int, dict[str, Any]]:
    """(exit code, what `--json` says)."""
    ran = place.command("verify", "--json", *arguments)
    assert "Traceback" not in ran.stderr, ran.stderr
    assert ran.stdout, ran.stderr
    return ran.returncode, json.loads(ran.stdout)


def flaws(found: dict[str, Any], severity: str = "error") -> list[dict[str, Any]]:
    every = [flaw for project in found["projects"] for part in (project, *project["tasks"]) for flaw in part["flaws"]]
    assert {flaw["code"] for flaw in every} <= {*FLAWS}
    return [flaw for flaw in every if flaw["severity"] == severity]


def named(place: Workplace, *arguments: str) -> dict[str, str]:
    """Code of every error → all that is said with it; what holds has none, and the exit code says the same."""
    code, found = verify(place, *arguments)
    errors = flaws(found)
    assert (code, found["holds"]) == ((1, False) if errors else (0, True)), found
    told: dict[str, str] = {}
    for flaw in errors:
        told[flaw["code"]] = told.get(flaw["code"], "") + " ".join(map(str, flaw.values())) + "\n"
    return told


def project(place: Workplace) -> Path:
    return place.root / "runs" / "lanterns"


def bundles(place: Workplace) -> dict[str, Path]:
    """`r1`, `r2`, `held-out` → the file of the bundle."""
    files = sorted((project(place) / "evidence").glob("*.json"))
    return {next(key for key in ("held-out", "_r1", "_r2") if key in path.name).strip("_"): path for path in files}


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value, indent=1) + "\n")


def run_report(place: Workplace) -> Path:
    return next(path for path in (project(place) / "reports").glob("*.json") if path.name != "project.json")


def git(place: Workplace, *arguments: str, text: str = "") -> str:
    identity = ["-c", "user.name=Somebody", "-c", "user.email=s@localhost", "-c", "advice.graftFileDeprecated=false"]
    argv = ["git", *identity, "--git-dir", str(project(place) / "repo.git"), *arguments]
    return subprocess.run(argv, input=text, capture_output=True, text=True, check=True).stdout.strip()


def commit_on_top(place: Workplace, path: str, text: str, *, onto: str = "prd/lanterns") -> str:
    """One more commit on the branch that writes a file."""
    blob = git(place, "hash-object", "-w", "--stdin", text=text)
    index = {**os.environ, "GIT_INDEX_FILE": str(place.root / "index")}
    base = ["git", "--git-dir", str(project(place) / "repo.git")]
    subprocess.run([*base, "read-tree", onto], env=index, check=True)
    subprocess.run([*base, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}"], env=index, check=True)
    tree = subprocess.run([*base, "write-tree"], env=index, check=True, capture_output=True, text=True).stdout.strip()
    commit = git(place, "commit-tree", tree, "-p", onto, "-m", "a small fix")
    git(place, "update-ref", "refs/heads/prd/lanterns", commit)
    return commit


def forge(place: Workplace, change: Callable[[dict[str, Any]], None], *, key: str = "r2") -> None:
    """Change a bundle as somebody does who has read the documentation: hashes, chain, files and ref are all made anew."""
    names = git(place, "log", "--reverse", "--format=%H", "refs/orchestrator/evidence").split()
    wanted = bundles(place)[key].name
    previous, parent, entries = "", "", []
    for commit in names:
        message = git(place, "show", "-s", "--format=%B", commit)
        name = next(line.rpartition("/")[2] for line in message.splitlines() if line.startswith("Bundle: "))
        value = json.loads(git(place, "cat-file", "blob", f"{commit}:evidence/{name}"))
        if name == wanted:
            change(value)
        value["previous"] = previous
        data = evidence.sealed(value)
        previous = evidence.hash_of(value)
        blob = git(place, "hash-object", "-w", "--stdin", text=data.decode())
        entries.append(f"100644 blob {blob}\t{name}")
        inner = git(place, "mktree", text="\n".join(sorted(entries, key=lambda line: line.partition("\t")[2])) + "\n")
        tree = git(place, "mktree", text=f"040000 tree {inner}\tevidence\n")
        kept = [f"Hash: {previous}" if line.startswith("Hash: ") else line for line in message.splitlines()]
        parent = git(place, "commit-tree", tree, *(["-p", parent] if parent else []), text="\n".join(kept) + "\n")
        (project(place) / "evidence" / name).write_bytes(data)
    git(place, "update-ref", "refs/orchestrator/evidence", parent)


# --- what holds --------------------------------------------------------------------------------------------------------------


def test_what_was_done_holds_and_no_agent_is_asked(done: Workplace) -> None:
    ran = done.command("verify")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[0].startswith("lanterns#R1  holds  RED 3 of 3 red · GREEN 7 of 7 · chain ok · sandbox ")
    assert lines[1].startswith("lanterns#R2  holds  RED 3 of 3 red · GREEN 7 of 7 · chain ok · sandbox ")
    head = json.loads(bundles(done)["held-out"].read_text())["hash"]
    assert lines[2] == f"2 of 2 tasks hold; 0 wrong, 0 noticed; chain: lanterns {head[:16]} (3 bundles)"


def test_everything_is_found_in_a_git_bundle_in_an_empty_folder(done: Workplace, tmp_path: Path) -> None:
    empty = Workplace(tmp_path / "far away")
    empty.root.mkdir()
    shutil.copy(project(done) / "artifacts" / "lanterns.bundle", empty.root / "carried.bundle")
    shutil.rmtree(done.root)
    ran = empty.command("verify", "--bundle", "carried.bundle", ORCHESTRATOR_ENVIRONMENTS=str(ENVIRONMENTS))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "lanterns#R2  holds  RED 3 of 3 red · GREEN 7 of 7" in ran.stdout
    assert [path.name for path in empty.root.iterdir()] == ["carried.bundle"]


def test_names_choose_what_is_verified(done: Workplace) -> None:
    def tasks(*names: str) -> list[str]:
        code, found = verify(done, "--quick", *names)
        assert code == 0
        return [task["task"] for item in found["projects"] for task in item["tasks"]]

    assert tasks("lanterns#R2") == ["lanterns#R2"]
    assert tasks("lanterns") == tasks() == tasks(run_report(done).stem) == ["lanterns#R1", "lanterns#R2"]
    wrong = done.command("verify", "--quick", "lanterns#R9")
    assert (wrong.returncode, "lanterns#R9" in wrong.stderr) == (2, True)
    assert done.command("verify", "--bundle", "none.bundle").returncode == 2


def test_where_nothing_is_done_there_is_nothing_to_verify(place: Workplace) -> None:
    ran = place.command("verify")
    assert (ran.returncode, ran.stdout) == (0, "nothing to verify\n")


def test_a_reworded_prd_is_said_and_is_no_error(done: Workplace) -> None:
    done.prd("lanterns", LANTERN.replace("| 35 | 90 |", "| 36 | 90 |"))
    code, found = verify(done, "--quick")
    assert (code, [flaw["code"] for flaw in flaws(found, "notice")]) == (0, ["outdated"])


def test_a_changed_and_a_retired_task_leave_their_bundles_in_the_chain(done: Workplace) -> None:
    done.agent(STEPWISE)
    done.prd("lanterns", LANTERN.replace("| 35 | 90 |", "| 36 | 90 |"))
    assert done.run().returncode == 0
    assert named(done) == {}
    done.prd("lanterns", LANTERN[: LANTERN.index("### R2")])
    assert done.run().returncode == 0
    code, found = verify(done, "--quick")
    assert (code, [task["task"] for task in found["projects"][0]["tasks"]]) == (0, ["lanterns#R1"])
    assert found["projects"][0]["bundles"] == 5


def test_a_run_that_changes_nothing_leaves_the_git_bundle_alone(done: Workplace) -> None:
    path = project(done) / "artifacts" / "lanterns.bundle"
    before = path.stat().st_mtime_ns
    assert done.run().returncode == 0
    assert path.stat().st_mtime_ns == before


def test_what_a_killed_run_had_not_bundled_is_made_good_byte_for_byte(done: Workplace) -> None:
    before = {path.name: path.read_bytes() for path in bundles(done).values()}
    shutil.rmtree(project(done) / "evidence")
    git(done, "update-ref", "-d", "refs/orchestrator/evidence")
    assert {"missing-evidence"} <= {*named(done, "--quick")}
    assert done.run().returncode == 0
    assert {path.name: path.read_bytes() for path in bundles(done).values()} == before
    assert named(done, "--quick") == {}


# --- reports -----------------------------------------------------------------------------------------------------------------


def _task(value: dict[str, Any]) -> dict[str, Any]:
    return value["tasks"][1]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("verdict", lambda value: _task(value).update(verdict="already satisfied")),
        ("state", lambda value: _task(value).update(state="failed")),
        ("tidied_tree", lambda value: _task(value).update(tidied_tree=_task(value)["red_tree"])),
        ("tests.0.text", lambda value: _task(value)["tests"].update(inline="def test_nothing(): pass\n")),
        ("proofs.0.level", lambda value: _task(value)["proofs"][0].update(level="human test")),
        ("commits", lambda value: _task(value)["commits"].pop()),
        ("red.0.outcomes.0.outcome", lambda value: _task(value)["red"][0]["outcomes"][0].update(outcome="passed")),
        ("attempts.0.turns.0.kind", lambda value: _task(value)["attempts"][0]["turns"][0].update(kind="chat")),
        ("attempts.0.findings", lambda value: _task(value)["attempts"][0]["findings"].append({"gate": "red", "message": "", "severity": "notice", "criterion": "", "where": ""})),
        ("scripted", lambda value: value.update(scripted=False)),
        ("turns", lambda value: value.update(turns=1)),
        ("sandbox", lambda value: value.update(sandbox="better than full")),
    ],
)  # fmt: skip
def test_a_changed_report_is_named_with_the_field(done: Workplace, field: str, change: Callable[[dict[str, Any]], None]) -> None:
    edit(run_report(done), change)
    found = named(done, "--quick")
    assert {*found} == {"changed-report"}
    assert field in found["changed-report"] and run_report(done).name in found["changed-report"]


def test_the_place_of_a_changed_field_is_said_once(done: Workplace) -> None:
    edit(run_report(done), lambda value: (_task(value).update(verdict="already satisfied"), value.update(turns=1)))
    said = [line for line in done.command("verify", "--quick").stdout.splitlines() if "[changed-report]" in line]
    assert [line.count(place) for place in ("tasks[lanterns#R2].verdict", ".json: turns") for line in said if place in line] == [1, 1, 1]
    assert all(line.count(run_report(done).name) == 1 for line in said)


def test_a_changed_project_report_is_named(done: Workplace) -> None:
    def change(value: dict[str, Any]) -> None:
        value["prds"][0]["requirements"][0]["criteria"][0]["level"] = "human test"

    edit(project(done) / "reports" / "project.json", change)
    assert "lanterns#R1.AC1.level" in named(done, "--quick")["changed-report"]


def test_a_task_that_a_report_makes_up_has_no_evidence(done: Workplace) -> None:
    edit(project(done) / "reports" / "project.json", lambda value: value["tasks"].append(value["tasks"][0] | {"id": "lanterns#R3"}))
    assert "lanterns#R3" in named(done, "--quick")["missing-evidence"]


def test_a_criterion_that_a_report_calls_proved_has_evidence_or_is_named(place: Workplace) -> None:
    place.prd("lanterns", LANTERN)
    place.agent(STEPWISE.replace('brief.task.endswith("R1")', "True"), limits={"attempts": 1})
    assert place.run().returncode == 1
    assert named(place, "--quick") == {}

    def change(value: dict[str, Any]) -> None:
        value["prds"][0]["complete"] = True
        value["prds"][0]["requirements"][1]["criteria"][0].update(state="proved", level="held-out")

    edit(project(place) / "reports" / "project.json", change)
    assert "lanterns#R2.AC1" in named(place, "--quick")["missing-evidence"]


def test_deleted_reports_are_named(done: Workplace) -> None:
    run_report(done).unlink()
    assert {*named(done, "--quick")} == {"missing-report"}


@pytest.mark.parametrize("change", ["delete", "write"])
def test_an_artifact_that_is_gone_or_another_is_named(done: Workplace, change: str) -> None:
    texts = sorted((project(done) / "artifacts").glob("*/*.txt"))
    assert texts, "a long transcript is an artifact"
    for path in texts:
        path.unlink() if change == "delete" else path.write_text(path.read_text() + "and more\n")
    assert {*named(done, "--quick")} == {"changed-artifact" if change == "delete" else "changed-report"}


# --- bundles and the chain -----------------------------------------------------------------------------------------------------


def test_an_edited_bundle_is_named_with_its_field_even_with_a_hash_made_to_fit(done: Workplace) -> None:
    path = bundles(done)["r1"]
    value = json.loads(path.read_text())
    value["judged"]["verdict"] = "already satisfied"
    path.write_bytes(evidence.canonical(value))
    told = named(done, "--quick")["changed-evidence"]
    assert "judged.verdict" in told and "does not fit" in told
    path.write_bytes(evidence.sealed(value))
    told = named(done, "--quick")["changed-evidence"]
    assert "judged.verdict" in told and "made to fit" in told


def test_bundles_that_are_gone_or_of_a_task_never_run_are_named(done: Workplace) -> None:
    value = json.loads(bundles(done)["r2"].read_text())
    bundles(done)["r1"].unlink()
    value["task"]["id"] = "lanterns#R7"
    (project(done) / "evidence" / "lanterns_r7-0123456789ab-1.json").write_bytes(evidence.sealed(value))
    found = named(done, "--quick")
    assert {*found} == {"missing-evidence", "unknown-evidence"}
    assert "lanterns_r7" in found["unknown-evidence"]


def test_a_chain_that_was_cut_is_named(done: Workplace) -> None:
    git(done, "update-ref", "refs/orchestrator/evidence", "refs/orchestrator/evidence~1")
    assert {"unknown-evidence", "changed-bundle"} <= {*named(done, "--quick")}


def test_a_chain_without_its_beginning_is_broken(done: Workplace) -> None:
    tip = git(done, "commit-tree", "refs/orchestrator/evidence^{tree}", "-m", git(done, "show", "-s", "--format=%B", "refs/orchestrator/evidence"))
    git(done, "update-ref", "refs/orchestrator/evidence", tip)
    assert {"changed-evidence", "missing-evidence"} <= {*named(done, "--quick")}


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("changed-report", lambda value: value["judged"]["proofs"][0].update(level="human test")),
        ("changed-database", lambda value: value["judged"].update(verdict="already satisfied")),
        ("wrong-fingerprint", lambda value: value["task"]["requirements"][0]["criteria"][0]["examples"][0].update(expected="1")),
        ("swapped-test", lambda value: value["judged"]["tests"][0].update(text="def test_nothing():\n    pass\n")),
        ("rewritten-commit", lambda value: value["commits"].pop()),
        ("missing-object", lambda value: value["judged"].update(green_tree="0" * 40)),
    ],
)
def test_a_chain_written_anew_by_an_expert_still_does_not_fit(done: Workplace, code: str, change: Callable[[dict[str, Any]], None]) -> None:
    forge(done, change)
    assert code in named(done, "--quick")


def test_a_forged_red_and_a_forged_level_are_found_by_proving_again(done: Workplace, tmp_path: Path) -> None:
    """Even where nothing else is left to compare with: only the git bundle, with everything in it made to fit."""

    def change(value: dict[str, Any]) -> None:
        value["judged"]["red"][0]["outcomes"][0]["outcome"] = "passed"
        value["judged"]["proofs"][0]["level"] = "held-out"
        value["task"]["requirements"][0]["criteria"][0]["examples"][0]["held_out"] = False

    forge(done, change)
    carried = tmp_path / "forged.bundle"
    git(done, "bundle", "create", str(carried), "--all")
    found = named(done, "--bundle", str(carried))
    assert found, "nothing was noticed"
    assert {*found} & {"not-red", "swapped-test", "overstated-proof"}


# --- history -------------------------------------------------------------------------------------------------------------------


def test_an_amended_commit_is_named_with_what_stands_in_its_place(done: Workplace) -> None:
    message = git(done, "show", "-s", "--format=%B", "prd/lanterns~1")
    other = git(done, "commit-tree", "prd/lanterns~1^{tree}", "-p", "prd/lanterns~2", "-m", message)
    git(done, "update-ref", "refs/heads/prd/lanterns", other)
    found = named(done, "--quick")
    assert "feat(lanterns#R2)" in found["rewritten-commit"] and other in found["rewritten-commit"]


def test_a_branch_that_was_moved_back_or_deleted_is_named(done: Workplace) -> None:
    git(done, "update-ref", "refs/heads/prd/lanterns", "prd/lanterns~3")
    found = named(done, "--quick")
    assert {"moved-branch", "rewritten-commit", "missing-object"} <= {*found}
    git(done, "update-ref", "-d", "refs/heads/prd/lanterns")
    assert "gone" in named(done, "--quick")["moved-branch"]


def test_replacements_and_grafts_deceive_nobody(done: Workplace) -> None:
    git(done, "replace", "prd/lanterns~1", "prd/lanterns~3")
    (project(done) / "repo.git" / "info").mkdir(exist_ok=True)
    (project(done) / "repo.git" / "info" / "grafts").write_text(git(done, "rev-parse", "prd/lanterns") + "\n")
    found = named(done)
    assert {*found} == {"replaced-object"}
    assert "refs/replace/" in found["replaced-object"] and "info/grafts" in found["replaced-object"]


def test_a_loose_object_with_another_content_is_named(done: Workplace) -> None:
    blob = git(done, "rev-parse", "prd/lanterns:lanterns.py")
    path = project(done) / "repo.git" / "objects" / blob[:2] / blob[2:]
    path.chmod(0o644)
    other = git(done, "hash-object", "-w", "--stdin", text="def count(metres):\n    return 7\n")
    path.write_bytes((project(done) / "repo.git" / "objects" / other[:2] / other[2:]).read_bytes())
    assert "missing-object" in named(done, "--quick")


def test_a_test_weakened_by_a_later_commit_is_named(done: Workplace) -> None:
    commit_on_top(done, "tests/test_lanterns_r2.py", "def test_nothing():\n    pass\n")
    found = named(done, "--quick")
    assert {*found} == {"swapped-test"}
    assert "tests/test_lanterns_r2.py" in found["swapped-test"]


@pytest.mark.parametrize("good", [True, False])
def test_code_changed_by_others_is_named_and_judged_again(done: Workplace, good: bool) -> None:
    commit_on_top(done, "lanterns.py", BOTH + "\n\ndef more():\n    return 1\n" if good else BOTH.replace("* 30", "* 31"))
    code, found = verify(done)
    (notice,) = [flaw for flaw in flaws(found, "notice") if flaw["code"] == "foreign-commits"]
    assert "1 commit of others" in notice["message"] and "a small fix" in notice["message"]
    assert (code, {flaw["code"] for flaw in flaws(found)}) == ((0, set()) if good else (1, {"not-green"}))


def test_a_swapped_or_damaged_git_bundle_is_named(done: Workplace) -> None:
    path = project(done) / "artifacts" / "lanterns.bundle"
    whole = path.read_bytes()
    path.write_bytes(whole[:-2000])
    assert {*named(done, "--quick")} == {"changed-bundle"}
    path.write_bytes(b"\0" * 1000)
    assert {*named(done, "--quick")} == {"changed-bundle"}
    assert {*named(done, "--quick", "--bundle", str(path))} == {"changed-bundle"}
    tip = git(done, "rev-parse", "prd/lanterns")
    commit_on_top(done, "lanterns.py", "def count(metres):\n    return 1\n")
    path.unlink()
    git(done, "bundle", "create", "--quiet", str(path), "prd/lanterns", "main", "refs/orchestrator/evidence")
    git(done, "update-ref", "refs/heads/prd/lanterns", tip)
    assert {*named(done, "--quick")} == {"changed-bundle"}


def test_a_repository_that_is_gone_is_named(done: Workplace) -> None:
    shutil.rmtree(project(done) / "repo.git")
    assert {"missing-object", "broken-chain"} <= {*named(done, "--quick")}


# --- the database --------------------------------------------------------------------------------------------------------------


def test_a_task_that_the_database_makes_done_has_no_evidence(place: Workplace) -> None:
    place.prd("lanterns", LANTERN)
    place.agent("def turn(brief, folder):\n    (folder / 'lanterns.py').write_text('def count(metres): return 7\\n')\n", limits={"attempts": 1})
    assert place.run().returncode == 1
    with sqlite3.connect(project(place) / "project.sqlite") as db:
        db.execute("UPDATE tasks SET state = 'done'")
    db.close()
    assert "lanterns#R1" in named(place, "--quick")["missing-evidence"]
    place.run()
    assert "lanterns#R1" in named(place, "--quick")["missing-evidence"], "a run does not make evidence of it"


def test_a_changed_database_is_named(done: Workplace) -> None:
    with sqlite3.connect(project(done) / "project.sqlite") as db:
        db.execute("UPDATE proofs SET proof = replace(proof, 'held-out', 'human test')")
        db.execute("UPDATE results SET green_tree = red_tree WHERE task = 'lanterns#R2'")
    db.close()
    told = named(done, "--quick")["changed-database"]
    assert "current proofs" in told and "lanterns#R2.green_tree" in told


# --- hostile files ---------------------------------------------------------------------------------------------------------------

HOSTILE: dict[str, bytes] = {
    "nul": b"\0" * 100,
    "no json": b"not json",
    "a list": b"[]",
    "null": b"null",
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "numbers": b'{"version": 1' + b"0" * 10_000 + b"}",
    "nan": b'{"version": NaN}',
    "half a surrogate": b'{"version": 1, "kind": "\\ud800"}',
    "not utf-8": b'{"kind": "\xff"}',
    "wrong types": b'{"version": 1, "kind": "task", "task": 7, "judged": [], "commits": {"id": "../../../etc"}}',
    "newer": b'{"version": 99, "kind": "task"}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_named_and_end_nothing(done: Workplace, name: str) -> None:
    bundles(done)["r1"].write_bytes(HOSTILE[name])
    run_report(done).write_bytes(HOSTILE[name])
    (project(done) / "evidence" / "..x.json").write_bytes(HOSTILE[name])
    found = named(done, "--quick")
    assert {"changed-evidence", "unreadable", "unknown-evidence"} <= {*found}
    assert run_report(done).name in found["unreadable"]
    (project(done) / "reports" / "project.json").write_bytes(HOSTILE[name])
    (project(done) / "project.sqlite").write_bytes(HOSTILE[name] * 100)
    assert {"project.json", "project.sqlite"} <= {word for word in ("project.json", "project.sqlite") if word in named(done, "--quick")["unreadable"]}


def test_files_that_are_no_files_are_not_waited_for(done: Workplace) -> None:
    for path in (bundles(done)["r1"], run_report(done)):
        path.unlink()
        os.mkfifo(path)
    bundles(done)["r2"].unlink()
    (project(done) / "evidence" / "linked.json").symlink_to("/dev/zero")
    for path in (project(done) / "project.sqlite", project(done) / "artifacts" / "lanterns.bundle"):
        path.unlink()
        os.mkfifo(path)
    assert {"unreadable", "missing-evidence"} <= {*named(done, "--quick")}


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value["judged"]["tests"][0].update(path="../../escaped.py"),
        lambda value: value["judged"]["tests"][0].update(path="a\0b"),
        lambda value: value["task"].update(test_file="/etc/escaped.py"),
        lambda value: value["task"].update(id="x\0\x1b[31m"),
        lambda value: value["task"]["requirements"][0]["criteria"][0]["examples"][0].update(expected="(" * 5000, call="import os"),
        lambda value: value["task"].update(requirements=[]),
        lambda value: value.update(prd="../../up"),
        lambda value: value.update(run="../../../etc/passwd"),
        lambda value: value.update(attempt="--all"),
        lambda value: value.update(dependencies=["--index-url=http://127.0.0.1:9/", "no such thing at all !"]),
        lambda value: value["commits"][0].update(id="--output=x"),
        lambda value: value.update(commits=[]),
    ],
)
def test_hostile_values_in_a_forged_chain_are_named_and_end_nothing(
    done: Workplace, tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    forge(done, change)
    carried = tmp_path / "forged.bundle"
    git(done, "bundle", "create", str(carried), "--all")
    code, found = verify(done, "--bundle", str(carried))
    assert code == 1, found
    assert not list(tmp_path.rglob("escaped.py")) and not Path("/etc/escaped.py").exists()
    assert "\x1b" not in done.command("verify", "--quick", "--bundle", str(carried)).stdout


# --- existing repositories -----------------------------------------------------------------------------------------------------


def test_a_task_in_an_existing_repository_is_proved_again_from_the_git_bundle(place: Workplace, tmp_path: Path) -> None:
    from tests.end_to_end.test_targets import ADD, FILES, PRD

    folder = place.root.parent / "existing"
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for arguments in (("init", "-q", "-b", "main"), ("add", "-A"), ("-c", "user.name=A", "-c", "user.email=a@localhost", "commit", "-qm", "first")):
        subprocess.run(["git", "-C", str(folder), *arguments], check=True)
    place.prd("shout", PRD)
    place.agent(ADD)
    ran = place.run()
    assert ran.returncode == 0, ran.stdout + ran.stderr
    carried = shutil.copy(place.root / "runs" / "shout" / "artifacts" / "shout.bundle", tmp_path / "carried.bundle")
    place.agent(LOUD)
    assert named(place) == {}
    shutil.rmtree(folder)
    empty = Workplace(tmp_path / "empty")
    empty.root.mkdir()
    again = empty.command("verify", "--bundle", str(carried), ORCHESTRATOR_ENVIRONMENTS=str(ENVIRONMENTS))
    assert again.returncode == 0, again.stdout + again.stderr


PROSE = """
TEST = '''
import pytest

@pytest.mark.parametrize("metres", [0, 7, 35, 60])
def test_longer(metres):
    "AC2: a street twice as long never costs less"
    from lanterns import price
    assert price(2 * metres + 100) >= price(metres) + 30
'''
def turn(brief, folder):
    if brief.role == "tests":
        (folder / brief.writable[0]).write_text(TEST)
        return "tests"
"""


def test_tests_that_an_agent_wrote_are_locked_and_proved_again(place: Workplace) -> None:
    place.prd("lanterns", LANTERN + "\n- AC2: a street twice as long never costs less\n")
    place.agent(PROSE + STEPWISE.strip().partition("\n")[2])
    ran = place.run()
    assert ran.returncode == 0, ran.stdout + ran.stderr
    place.agent(LOUD)
    ran = place.command("verify", "lanterns#R2")
    assert (ran.returncode, "RED 7 of 7 red · GREEN 11 of 11" in ran.stdout) == (0, True), ran.stdout
    commit_on_top(place, "tests/test_lanterns_r2_prose.py", "def test_longer():\n    pass\n")
    assert "test_lanterns_r2_prose.py" in named(place, "--quick")["swapped-test"]


def test_every_code_is_documented() -> None:
    page = (REPOSITORY / "docs" / "evidence.md").read_text("utf-8")
    assert [code for code in FLAWS if f"`{code}`" not in page] == []
