"""A project as the state branch has it, made anew in a working folder: files, repository, database, ledger. What lay there is set aside.

`reports/state.key` says which tree of the branch the files are; it is written last, so that a pull that was killed is done again.
"""

from __future__ import annotations

from pathlib import Path

from orchestrator import faults
from orchestrator.errors import StoreError
from orchestrator.run import git
from orchestrator.run.git import Repository
from orchestrator.save import aside, carried, ledger_lines, lock, rebuild
from orchestrator.save.files import write_atomically
from orchestrator.save.ledger import Ledger
from orchestrator.save.state_branch import CODE, Branch

MARK = "reports/state.key"


def mark(folder: Path) -> str:
    """The tree that the files of a project are, as far as is known; '' where they never were on the branch."""
    try:
        return (folder / MARK).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def put_mark(folder: Path, tree: str) -> None:
    if mark(folder) != tree:
        write_atomically(folder / MARK, tree + "\n")


def take(branch: Branch, root: Path, folder: Path, ledger: Ledger) -> tuple[str, ...]:
    """Let a project's folder be what the branch has of it; its code has been brought. Returns what could not be had, a line each.

    Raises LockedError where a process here works on it, StoreError where nothing can be made of what the branch has."""
    project = folder.name
    tree, refs = branch.tree(project), branch.refs(project)
    with faults.recognised(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with lock.held(folder):
            old = aside.move(folder, [path for path in folder.iterdir() if path.name not in (lock.FILE, aside.FOLDER)])
            _files(branch, project, tree, folder)
            if old:
                _remember(old / "journal", folder / "journal")
            if refs:
                _code(branch, project, refs, folder / "repo.git")
            ledger_lines.take(ledger, project, branch.text(f"projects/{project}/{carried.LEDGER}") or "")
        lines = rebuild.rebuild(folder, root)
        put_mark(folder, tree)
    return tuple(line for line in lines if not line.startswith("project.sqlite "))


def _files(branch: Branch, project: str, tree: str, folder: Path) -> None:
    """Plain files below the folders that travel, and nothing else."""
    listed = branch.repository.git("ls-tree", "-r", "-z", tree).decode("utf-8", "surrogateescape").split("\0")
    for line in filter(None, listed):
        kind, _, path = line.partition("\t")
        top = path.partition("/")[0]
        if not kind.startswith("100644 ") or (top not in carried.FOLDERS and path not in (carried.LEDGER, carried.REFS)):
            raise StoreError(f"projects/{project}/{path} on {branch.settings.branch} is not what a run has written")
    branch.repository.materialise(tree, folder)
    for name in (carried.LEDGER, carried.REFS):
        (folder / name).unlink(missing_ok=True)


def _remember(old: Path, new: Path) -> None:
    """Turns that this machine has paid and never pushed are replayed too."""
    for path in sorted(old.glob("*.jsonl")) if old.is_dir() else ():
        there = (new / path.name).read_bytes() if (new / path.name).exists() else b""
        known = {*there.split(b"\n")}
        lines = [line for line in path.read_bytes().split(b"\n") if line not in known]
        if lines:
            write_atomically(new / path.name, b"".join(line + b"\n" for line in (*there.split(b"\n"), *lines) if line))


def _code(branch: Branch, project: str, refs: dict[str, str], place: Path) -> None:
    """The project's repository, its refs where the state says; what was pushed since then is of a later state."""
    git.run("init", "--quiet", "--bare", str(place))
    repository = Repository(place)
    source = str(branch.repository.path.resolve())
    repository.git("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", source, f"+{CODE}/{project}/*:refs/brought/*", env=git.LOCAL)
    for ref, commit in refs.items():
        if not repository.resolve(f"{commit}^{{commit}}"):
            where = f"{branch.code.removeprefix('refs/heads/')}/{project}/{carried.called(ref)}"
            raise StoreError(
                f"the state of {project} tells of commit {commit[:12]}, and the branch {where} of {branch.remote.name} does not hold it",
                hint="bring that branch back to a commit that does; nothing was changed",
            )
        repository.move(ref, commit, "")
    for ref in repository.refs("refs/brought"):
        repository.git("update-ref", "-d", ref)
