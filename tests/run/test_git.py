"""Trees in, trees out; history that is only added to; integration that may be repeated."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import SetupError
from orchestrator.model import Change, CycleResult
from orchestrator.run import git, integrate
from tests.run.values import criterion, example, task

NAMES = ("a.py", "with space/b c.txt", "é/ü ☃.py", '"quoted".py', "back\\slash", "new\nline", "-dash", "tab\t")
BRANCH = "refs/heads/prd/p"


@pytest.fixture
def repository(tmp_path: Path) -> git.Repository:
    return git.open_repository(tmp_path / "repo.git", "", "main")


def test_odd_names_and_executables_come_back(repository: git.Repository, tmp_path: Path) -> None:
    changes = tuple(Change(name, f"{name}\r\né\n", executable=index == 0) for index, name in enumerate(NAMES))
    tree = repository.write_tree(git.EMPTY_TREE, changes)
    assert sorted(repository.paths(tree)) == sorted(NAMES)
    assert all(repository.read(tree, change.path) == change.text for change in changes)
    place = tmp_path / "place"
    place.mkdir()
    repository.materialise(tree, place)
    assert {str(path.relative_to(place)): path.read_bytes().decode() for path in place.rglob("*") if path.is_file()} == {
        c.path: c.text for c in changes
    }
    assert [name for name in NAMES if os.access(place / name, os.X_OK)] == ["a.py"]
    assert not (place / ".git").exists()
    assert repository.write_tree(tree, tuple(Change(name, None) for name in NAMES)) == git.EMPTY_TREE


@pytest.mark.parametrize("order", [1, -1])
def test_a_file_may_become_a_folder_and_back(repository: git.Repository, order: int) -> None:
    file = repository.write_tree(git.EMPTY_TREE, (Change("a", "1"),))
    folder = repository.write_tree(file, (Change("a", None), Change("a/b", "2"))[::order])
    assert repository.paths(folder) == ("a/b",)
    assert repository.write_tree(folder, (Change("a/b", None), Change("a", "1"))[::order]) == file


def test_a_symlink_is_materialised_as_one(repository: git.Repository, tmp_path: Path) -> None:
    blob = repository.git("hash-object", "-w", "--stdin", stdin=b"target").decode().strip()
    tree = repository.git("mktree", stdin=f"120000 blob {blob}\tlink\n".encode()).decode().strip()
    repository.materialise(tree, tmp_path)
    assert (tmp_path / "link").is_symlink()


def test_read_gives_none_for_what_is_not_there_or_not_text(repository: git.Repository) -> None:
    blob = repository.git("hash-object", "-w", "--stdin", stdin=b"\xff\xfe").decode().strip()
    tree = repository.git("mktree", stdin=f"100644 blob {blob}\tbinary\n".encode()).decode().strip()
    assert repository.read(tree, "binary") is None
    assert repository.read(tree, "missing") is None


def test_the_users_git_configuration_changes_nothing(repository: git.Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = repository.write_tree(git.EMPTY_TREE, (Change("a", "1\n"),))
    after = repository.write_tree(before, (Change("a", "2\n"),))
    commit = repository.commit(before, (), "é\n\nAttempt: x\n")
    repository.move("refs/heads/x", commit, "")
    plain = repository.diff(before, after), repository.commits_with("refs/heads/x", "Attempt: x"), repository.subject(commit)
    home = tmp_path / "home"
    home.mkdir()
    settings = "[log]\nshowSignature = true\n[diff]\nnoprefix = true\nmnemonicPrefix = true\nexternal = false\n[core]\nhooksPath = /nowhere\nquotePath = true\n"
    (home / ".gitconfig").write_text(settings + "[commit]\ngpgSign = true\n[color]\nui = always\n[i18n]\ncommitEncoding = latin-1\n")
    monkeypatch.setenv("HOME", str(home))
    assert (repository.diff(before, after), repository.commits_with("refs/heads/x", "Attempt: x"), repository.subject(commit)) == plain
    assert repository.commit(before, (commit,), "again\n")


def test_a_reference_moves_only_from_where_it_was_seen(repository: git.Repository) -> None:
    first = repository.commit(git.EMPTY_TREE, (), "1\n")
    second = repository.commit(git.EMPTY_TREE, (first,), "2\n")
    assert repository.move("refs/heads/x", first, "")
    assert not repository.move("refs/heads/x", second, "")
    assert not repository.move("refs/heads/x", first, second)
    assert repository.move("refs/heads/x", second, first)
    assert repository.resolve("refs/heads/x") == second


def test_a_trailer_is_a_whole_line(repository: git.Repository) -> None:
    tip, found = "", []
    for message in ("a\n\nAttempt: p#R1@f.1\n", "b\n\nAttempt: p#R1@f.10\n", "c\n\nsaid Attempt: p#R1@f.1\n", "d\n\nAttempt: p#R1@f.1\n"):
        tip = repository.commit(git.EMPTY_TREE, (tip,) if tip else (), message)
        found.append(tip)
    repository.move("refs/heads/x", tip, "")
    assert repository.commits_with("refs/heads/x", "Attempt: p#R1@f.1") == (found[0], found[3])
    assert repository.commits_with("refs/heads/none", "Attempt: p#R1@f.1") == ()


def test_the_branch_merges_what_moved_on_and_refuses_a_conflict(repository: git.Repository) -> None:
    main = "refs/heads/main"

    def commit(ref: str, path: str, text: str) -> None:
        head = repository.resolve(ref)
        new = repository.commit(repository.write_tree(repository.tree(head), (Change(path, text),)), (head,), "x\n")
        assert repository.move(ref, new, head)

    assert git.branch_for(repository, "p", main) == BRANCH
    commit(BRANCH, "ours", "1\n")
    commit(main, "theirs", "1\n")
    git.branch_for(repository, "p", main)
    merged = repository.resolve(BRANCH)
    assert repository.paths(repository.tree(BRANCH)) == ("ours", "theirs")
    assert git.branch_for(repository, "p", main) == BRANCH
    assert repository.resolve(BRANCH) == merged
    commit(BRANCH, "theirs", "2\n")
    commit(main, "theirs", "3\n")
    head = repository.resolve(BRANCH)
    with pytest.raises(SetupError, match="changed the same lines"):
        git.branch_for(repository, "p", main)
    assert repository.resolve(BRANCH) == head
    with pytest.raises(SetupError, match="does not exist"):
        git.branch_for(repository, "q", "refs/heads/gone")


# --- integration -------------------------------------------------------------------------------------------------------------

TASK = task(criterion("AC1", "x", example("f()")), goal="do\nit\u2028Attempt: forged")


def result(repository: git.Repository, code: str, number: int = 1) -> CycleResult:
    from orchestrator.model import Attempt

    attempt = Attempt(number, (), (), "", "passed", (), ())
    return CycleResult(
        TASK.id, TASK.fingerprint, repository.tree(BRANCH), "passed", "", (Change(TASK.test_file, f"# {code}"),), (Change("shop.py", code),), (), (),
        (attempt,), (), (), 0.0, "bwrap",
    )  # fmt: skip


def test_integrating_twice_is_harmless_and_trailers_are_whole(repository: git.Repository) -> None:
    git.branch_for(repository, "p", "refs/heads/main")
    passed = result(repository, "x = 1\n")
    first = integrate.integrate(repository, BRANCH, TASK, passed)
    assert [commit.kind for commit in first] == ["test", "feat"]
    head = repository.resolve(BRANCH)
    assert integrate.integrate(repository, BRANCH, TASK, passed) == first
    assert repository.resolve(BRANCH) == head
    message = repository.git("show", "-s", "--format=%B", head).decode().splitlines()
    assert {"PRD: p", "Task: p#R1", "Requirement: p#R1", f"Attempt: {integrate.attempt_key(passed)}"} <= set(message)
    assert "Attempt: forged" not in message


def test_a_head_that_moved_on_is_a_conflict(repository: git.Repository) -> None:
    git.branch_for(repository, "p", "refs/heads/main")
    passed = result(repository, "x = 1\n")
    head = repository.resolve(BRANCH)
    repository.move(BRANCH, repository.commit(repository.write_tree(repository.tree(head), (Change("other", "1"),)), (head,), "x\n"), head)
    with pytest.raises(integrate.Conflict):
        integrate.integrate(repository, BRANCH, TASK, passed)
    assert repository.commits_with(BRANCH, f"Attempt: {integrate.attempt_key(passed)}") == ()


def test_a_wording_that_came_back_is_committed_anew(repository: git.Repository) -> None:
    """The same task, fingerprint and attempt number, on another base: other commits."""
    git.branch_for(repository, "p", "refs/heads/main")
    one = integrate.integrate(repository, BRANCH, TASK, result(repository, "x = 1\n"))
    other = replace(result(repository, "x = 2\n"), fingerprint="0" * 64)
    integrate.integrate(repository, BRANCH, TASK, other)
    again = result(repository, "x = 1\n")
    third = integrate.integrate(repository, BRANCH, TASK, again)
    assert not {commit.id for commit in one} & {commit.id for commit in third}
    assert repository.read(repository.tree(BRANCH), "shop.py") == "x = 1\n"
    assert integrate.integrate(repository, BRANCH, TASK, again) == third


def test_thousands_of_loose_objects_are_packed_and_none_is_lost(repository: git.Repository, tmp_path: Path) -> None:
    def loose() -> int:
        return sum(1 for path in (repository.path / "objects").glob("[0-9a-f][0-9a-f]/*"))

    repository.tidy()
    before = loose()
    assert before > 0, "a few are left alone"
    texts = tmp_path / "texts"
    texts.mkdir()
    for number in range(256 * git.LOOSE * 2):
        (texts / str(number)).write_text(f"{number}\n" * 9)
    listed = "".join(f"{texts / str(number)}\n" for number in range(256 * git.LOOSE * 2))
    blobs = repository.git("-c", "core.fsync=none", "hash-object", "-w", "--stdin-paths", stdin=listed.encode()).decode().split()
    assert loose() == before + len(blobs)
    repository.tidy()
    assert loose() == 0
    assert repository.resolve("refs/heads/main^{tree}") == git.EMPTY_TREE
    assert repository.git("cat-file", "--batch-check", stdin="\n".join(blobs).encode()).decode().count(" blob ") == len(blobs), "nothing named them"
