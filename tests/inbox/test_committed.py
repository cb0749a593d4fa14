"""`inbox.take: committed`: PRDs count as they stand in HEAD; what is not committed waits, and says so. Real git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from orchestrator.config import Config
from orchestrator.errors import ConfigError
from orchestrator.inbox.folder import Scan, scan
from tests.inbox.prds import LOANS, ONE

COMMITTED = Config.model_validate({"inbox": {"take": "committed"}})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A working folder below the top of its repository, as a monorepo has it."""
    folder = tmp_path / "product" / "tdd"
    (folder / "prds").mkdir(parents=True)
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    return folder


def git(place: Path, *arguments: str) -> None:
    identity = {f"GIT_{who}_{what}": f"{what.lower()}@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    subprocess.run(["git", *arguments], cwd=place, check=True, env={**os.environ, **identity}, capture_output=True)


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "PRDs")


def put(root: Path, name: str, text: str) -> None:
    path = root / "prds" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def found(root: Path) -> tuple[dict[str, str], dict[str, str]]:
    """(path → state, PRD id → title)."""
    seen: Scan = scan(root, COMMITTED)
    return {file.path: file.state for file in seen.files}, {prd.id: prd.title for prd in seen.prds}


def test_what_was_never_committed_waits_and_is_taken_once_it_is(root: Path) -> None:
    put(root, "library.md", LOANS)
    assert found(root) == ({"prds/library.md": "waiting"}, {})
    (problem,) = scan(root, COMMITTED).problems
    assert (problem.code, problem.severity) == ("not-committed", "note")
    commit(root)
    assert found(root) == ({"prds/library.md": "accepted"}, {"loans": "Library loans"})
    put(root, "nested/one.md", ONE)
    git(root, "add", "--all")
    assert found(root)[0] == {"prds/library.md": "accepted", "prds/nested/one.md": "waiting"}, "staged is not committed"


def test_a_modified_file_waits_and_what_head_has_counts_meanwhile(root: Path) -> None:
    put(root, "library.md", LOANS)
    commit(root)
    before = scan(root, COMMITTED).files[0].fingerprint
    put(root, "library.md", LOANS.replace("title: Library loans", "title: Something else"))
    assert found(root) == ({"prds/library.md": "waiting"}, {"loans": "Library loans"})
    assert scan(root, COMMITTED).files[0].fingerprint == before
    commit(root)
    assert found(root) == ({"prds/library.md": "accepted"}, {"loans": "Something else"})


def test_a_file_that_was_deleted_and_not_committed_still_counts(root: Path) -> None:
    put(root, "library.md", LOANS)
    commit(root)
    (root / "prds" / "library.md").unlink()
    assert found(root) == ({"prds/library.md": "waiting"}, {"loans": "Library loans"})
    commit(root)
    assert found(root) == ({}, {})


def test_a_branch_that_is_checked_out_is_what_head_has(root: Path) -> None:
    put(root, "library.md", LOANS)
    commit(root)
    git(root, "switch", "--quiet", "--create", "other")
    put(root, "one.md", ONE)
    commit(root)
    assert {*found(root)[1]} == {"loans", "one"}
    git(root, "switch", "--quiet", "main")
    assert {*found(root)[1]} == {"loans"}


def test_a_folder_in_no_repository_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "prds").mkdir()
    with pytest.raises(ConfigError, match="not a git repository"):
        scan(tmp_path, COMMITTED)
