"""The git command line over one bare repository: trees in, trees out, no work tree, no hooks, no system configuration.

Commits are the orchestrator's. History is only ever added to; nothing here deletes a branch or rewrites one.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator import faults
from orchestrator.errors import DamagedError, SetupError, StoreError
from orchestrator.model import Change
from orchestrator.run import clone, scratch

AUTHOR = {
    "GIT_AUTHOR_NAME": "TDD Orchestrator",
    "GIT_AUTHOR_EMAIL": "orchestrator@localhost",
    "GIT_COMMITTER_NAME": "TDD Orchestrator",
    "GIT_COMMITTER_EMAIL": "orchestrator@localhost",
}
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
LOCAL = {"GIT_ALLOW_PROTOCOL": "file"}
LOOSE = 8
"""Objects in one of the 256 folders of loose ones from which on they are packed: some two thousand in all."""


class GitError(StoreError):
    """git refused; the message is git's own."""


class DamagedRepository(GitError, DamagedError):
    """An object or a ref that git cannot read."""


@dataclass(frozen=True)
class Repository:
    """A bare repository. Paths are relative to the tree's root, texts are UTF-8."""

    path: Path

    def git(
        self, *arguments: str, stdin: bytes | None = None, env: dict[str, str] | None = None, ok: tuple[int, ...] = (0,), seconds: float | None = None
    ) -> bytes:
        return run("--git-dir", str(self.path), *arguments, stdin=stdin, env=env, ok=ok, seconds=seconds)

    def resolve(self, name: str) -> str:
        """Object id of a ref, commit or tree expression; '' when it does not exist."""
        return self.git("rev-parse", "--verify", "--quiet", name, ok=(0, 1, 128)).decode().strip()

    def tree(self, name: str) -> str:
        return self.resolve(f"{name}^{{tree}}")

    def paths(self, tree: str) -> tuple[str, ...]:
        return tuple(name for name in self.git("ls-tree", "-r", "-z", "--name-only", tree).decode("utf-8", "surrogateescape").split("\0") if name)

    def read(self, tree: str, path: str) -> str | None:
        """A file's text, or None when it is not there or is not text."""
        try:
            return self.git("cat-file", "blob", f"{tree}:{path}").decode("utf-8")
        except DamagedRepository:
            raise
        except (GitError, UnicodeDecodeError):
            return None

    def materialise(self, tree: str, folder: Path) -> None:
        """The tree's files in an existing folder, without any `.git`."""
        if tree == EMPTY_TREE:
            return
        with self._index() as env:
            self.git("read-tree", tree, env=env)
            run("--git-dir", str(self.path), "--work-tree", str(folder), "checkout-index", "--all", "--force", env=env, cwd=folder)

    def write_tree(self, base: str, changes: tuple[Change, ...]) -> str:
        """Tree id of `base`, a tree's id, with the changes applied."""
        if not changes:
            return base
        lines = []
        for change in changes:
            if change.text is None:
                lines.append(f"0 {'0' * 40}\t{change.path}\0")
            else:
                blob = self.git("hash-object", "-w", "--stdin", stdin=change.text.encode("utf-8")).decode().strip()
                lines.append(f"{'100755' if change.executable else '100644'} {blob}\t{change.path}\0")
        with self._index() as env:
            if base != EMPTY_TREE:
                self.git("read-tree", base, env=env)
            self.git("update-index", "-z", "--index-info", stdin="".join(lines).encode("utf-8"), env=env)
            return self.git("write-tree", env=env).decode().strip()

    def commit(self, tree: str, parents: tuple[str, ...], message: str) -> str:
        arguments = [part for parent in parents for part in ("-p", parent)]
        return self.git("commit-tree", tree, *arguments, "-F", "-", stdin=message.encode("utf-8"), env=AUTHOR).decode().strip()

    def move(self, ref: str, new: str, old: str) -> bool:
        """Compare-and-swap of a ref; '' as old means it must not exist yet."""
        try:
            self.git("update-ref", ref, new, old or "0" * 40)
        except DamagedRepository:
            raise
        except GitError:
            return False
        return True

    def tidy(self) -> None:
        """Put loose objects into a pack once there are thousands: a tree that grows by an entry with each commit is kept as differences then.
        Nothing is dropped, reachable or not. What git cannot pack now stays as it is."""
        place = self.path / "objects" / "17"
        if place.is_dir() and len(list(place.iterdir())) >= LOOSE:
            with suppress(GitError):
                self.git("-c", "pack.threads=1", "-c", "pack.windowMemory=64m", "repack", "-d", "-q", "--geometric=2")

    def diff(self, before: str, after: str) -> str:
        return self.git("diff", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", before, after).decode("utf-8", "replace")

    def disturbed(self, before: str, after: str) -> frozenset[str]:
        """Paths of a tree that another has changed or has not; what it only added is none of them."""
        said = self.git("diff-tree", "-r", "-z", "--no-commit-id", "--no-renames", "--name-only", "--diff-filter=a", before, after)
        return frozenset(said.decode("utf-8", "surrogateescape").split("\0")[:-1])

    def commits_with(self, branch: str, trailer: str) -> tuple[str, ...]:
        """Commits of a branch whose message has that line, oldest first."""
        if not self.resolve(branch):
            return ()
        listed = self.git("log", "--reverse", "--format=%H%x00%B%x01", "--fixed-strings", f"--grep={trailer}", branch).decode("utf-8", "replace")
        entries = [entry.strip("\n").partition("\0") for entry in listed.split("\x01") if entry.strip("\n")]
        return tuple(commit for commit, _, message in entries if trailer in message.splitlines())

    def made(self, commit: str) -> frozenset[str]:
        """Every path that a commit of the orchestrator has touched, in the history of a commit."""
        if not commit:
            return frozenset()
        options = ("--format=", "--name-only", "-z", "--no-renames", "--extended-regexp", "--grep=^Evidence: tree [0-9a-f]{40}")
        return frozenset(name for name in self.git("log", *options, commit, "--").decode("utf-8", "surrogateescape").split("\0") if name)

    def subject(self, commit: str) -> str:
        return self.git("show", "-s", "--format=%s", commit).decode("utf-8", "replace").strip()

    def told(self, commits: tuple[str, ...]) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Commit → (subject, paths that it made or changed), of those that are there."""
        asked = "".join(f"{commit}\n" for commit in commits).encode()
        given = ("log", "--no-walk=unsorted", "--ignore-missing", "-z", "--name-only", "--no-renames", "--format=%x01%H%x02%s%x02")
        said = self.git(*given, "--stdin", stdin=asked).decode("utf-8", "surrogateescape")
        parts = (part.split("\2", 2) for part in said.split("\1")[1:])
        return {commit: (subject, tuple(name for name in files.replace("\n", "").split("\0") if name)) for commit, subject, files in parts}

    def message(self, commit: str) -> str:
        return self.git("show", "-s", "--format=%B", commit).decode("utf-8", "replace").strip("\n")

    def parents(self, commit: str) -> tuple[str, ...]:
        return tuple(self.git("show", "-s", "--format=%P", commit).decode().split())

    def refs(self, *patterns: str) -> dict[str, str]:
        """Ref → object id, for refs that begin with one of the patterns, a `/` behind it or the end."""
        listed = self.git("for-each-ref", "--format=%(objectname) %(refname)", *patterns).decode("utf-8", "replace")
        return {name: found for found, _, name in (line.partition(" ") for line in listed.splitlines())}

    def merge_base(self, one: str, other: str) -> str:
        """The newest commit that both hold, '' when they share none or one of them does not exist."""
        return self.git("merge-base", one, other, ok=(0, 1, 128)).decode().strip()

    def log(self, *revisions: str, first_parent: bool = False) -> tuple[str, ...]:
        """Commits, oldest first, for revisions as `git rev-list` takes them."""
        options = ("--first-parent",) if first_parent else ()
        return tuple(self.git("rev-list", "--reverse", "--topo-order", *options, *revisions, "--").decode().split())

    def changes(self, before: str, after: str) -> tuple[Change, ...]:
        """What turns one tree into the other. Raises GitError for what is no text file: a link, a submodule, bytes that are not UTF-8."""
        fields = self.git("diff-tree", "-r", "-z", "--no-renames", before, after).split(b"\0")[:-1]
        found = []
        for entry, name in zip(fields[::2], fields[1::2], strict=True):
            _, mode, _, blob, _ = entry.decode().split(" ")
            path = name.decode("utf-8", "surrogateescape")
            if mode == "000000":
                found.append(Change(path, None))
                continue
            try:
                if mode not in ("100644", "100755"):
                    raise ValueError
                found.append(Change(path, self.git("cat-file", "blob", blob).decode("utf-8"), mode == "100755"))
            except ValueError:
                raise GitError(f"{path!r} is no text file") from None
        return tuple(found)

    @contextmanager
    def _index(self) -> Iterator[dict[str, str]]:
        with scratch.folder("index") as folder:
            yield {"GIT_INDEX_FILE": str(folder / "index")}


def run(
    *arguments: str,
    stdin: bytes | None = None,
    env: dict[str, str] | None = None,
    ok: tuple[int, ...] = (0,),
    cwd: Path | None = None,
    seconds: float | None = None,
) -> bytes:
    """git's standard output. Raises GitError with what it said, or the RoomError that it met. `seconds`: it is ended after so long."""
    settings = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": os.environ.get("HOME", "/"),
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_GRAFT_FILE": "/dev/null",
    }
    options = ["-c", "core.hooksPath=/dev/null", "-c", "core.autocrlf=false", "-c", "core.quotePath=false", "-c", "gc.auto=0"]
    options += ["-c", "log.showSignature=false", "-c", "diff.noprefix=false", "-c", "diff.mnemonicPrefix=false", "-c", "i18n.commitEncoding=utf-8"]
    options += ["-c", "init.defaultBranch=main", "-c", "commit.gpgSign=false", "-c", "core.attributesFile=/dev/null"]
    options += ["-c", "advice.graftFileDeprecated=false"]
    try:
        done = subprocess.run(
            ["git", *options, *arguments], input=stdin, stdin=subprocess.DEVNULL if stdin is None else None, capture_output=True,
            env=settings | (env or {}), cwd=cwd, check=False, timeout=seconds,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise GitError(f"git {' '.join(arguments[:6])}: it was ended after {seconds:g} seconds") from None
    except FileNotFoundError:
        raise SetupError("git was not found", hint="install git, for example `apt-get install git`") from None
    if done.returncode not in ok:
        said = done.stderr.decode("utf-8", "replace").strip()[:1000]
        kind, error = faults.of_git(said, Path(arguments[1] if arguments[0] == "--git-dir" else arguments[-1]))
        if error and kind != "damaged" and not (kind == faults.CLOSED and "fetch" in arguments):
            raise error
        raise (DamagedRepository if error and kind == "damaged" else GitError)(f"git {' '.join(arguments[:6])}: {said}")
    return done.stdout


UPLOAD = "env GIT_GRAFT_FILE=/dev/null git -c safe.directory=* upload-pack"


def advertised(source: Path) -> dict[str, str]:
    """Ref → object id of a repository or of a bundle file. Raises GitError when it is neither."""
    listed = run("ls-remote", "--quiet", f"--upload-pack={UPLOAD}", str(source.resolve()), env=LOCAL).decode("utf-8", "replace")
    return {name: found for found, _, name in (line.partition("\t") for line in listed.splitlines())}


def copy(source: Path, place: Path, refs: tuple[str, ...]) -> tuple[Repository, dict[str, str]]:
    """(a fresh bare repository with those refs and all they lead to, ref → why it could not be had).

    Every object is transferred and hashed anew: nothing of the source is trusted but that its refs name objects. Its configuration, hooks,
    grafts and replacements play no part.
    """
    run("init", "--quiet", "--bare", str(place))
    repository = Repository(place)
    problems = {}

    def fetch(*names: str) -> None:
        specs = [f"+{name}:{name}" for name in names]
        repository.git("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", f"--upload-pack={UPLOAD}", str(source.resolve()), *specs, env=LOCAL)

    try:
        if refs:
            fetch(*refs)
    except GitError:
        for name in refs:
            try:
                fetch(name)
            except GitError as error:
                problems[name] = error.message.partition(": ")[2]
    return repository, problems


def open_repository(path: Path, target: str, branch: str) -> Repository:
    """The project's own bare repository, made or brought up to date. `target`: '' for a new one, else a path or URL to clone from.

    A new repository begins with one commit of an empty tree on `main`. A target's branches are fetched to `refs/remotes/target/*`; the target
    itself is never written to.
    """
    repository = Repository(path)
    if not (path / "HEAD").exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        run("init", "--quiet", "--bare", str(path))
    if target:
        clone.deepen(path, target, branch)
        try:
            repository.git("fetch", "--quiet", "--no-tags", "--prune", target, "+refs/heads/*:refs/remotes/target/*")
        except GitError as error:
            raise SetupError(f"target.repo {target!r} cannot be fetched: {error.message}", hint="is it a git repository, and readable?") from None
        if not repository.resolve(f"refs/remotes/target/{branch}"):
            raise SetupError(f"target.repo {target!r} has no branch {branch!r}", hint="name an existing branch under `target: {branch: …}`")
    elif not repository.resolve("refs/heads/main"):
        repository.git("hash-object", "-t", "tree", "-w", "--stdin", stdin=b"")
        first = repository.commit(EMPTY_TREE, (), "chore: an empty project\n")
        repository.move("refs/heads/main", first, "")
    return repository


def branch_for(repository: Repository, prd: str, start: str) -> str:
    """The ref `refs/heads/prd/<prd>`, made from `start` if it is new; `start` is merged in when it has moved on and the merge is clean."""
    ref = f"refs/heads/prd/{prd}"
    head, origin = repository.resolve(ref), repository.resolve(start)
    if not origin:
        raise SetupError(f"{start.removeprefix('refs/')} does not exist in {repository.path}", hint="it was there before: has it been deleted?")
    if not head:
        repository.move(ref, origin, "")
        return ref
    if not is_ancestor(repository, origin, head):
        try:
            tree = repository.git("merge-tree", "--write-tree", head, origin).decode().split("\n")[0]
        except DamagedRepository:
            raise
        except GitError:
            raise SetupError(
                f"prd/{prd} and {start.removeprefix('refs/')} have changed the same lines", hint=f"merge them by hand in {repository.path}"
            ) from None
        merged = repository.commit(tree, (head, origin), f"chore: merge {start.removeprefix('refs/heads/').removeprefix('refs/remotes/')}\n")
        repository.move(ref, merged, head)
    return ref


def is_ancestor(repository: Repository, older: str, newer: str) -> bool:
    return repository.git("rev-list", "--count", f"{newer}..{older}").decode().strip() == "0"
