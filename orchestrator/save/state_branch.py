"""The state branch as this machine sees it: fetched into a bare repository of ours (`runs/state.git`), and pushed by compare-and-swap.

A push names the commit that the branch must still be at, so that nobody's commit is ever lost: where another run was quicker, what it pushed is
fetched, the change is made anew on top of it, and it is tried again after a wait. Made code goes in the same push, all of it or nothing.
"""

from __future__ import annotations

import json
import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.errors import OrchestratorError, SetupError, StoreError
from orchestrator.inbox import names
from orchestrator.run import clone, git, scratch
from orchestrator.run.git import Repository
from orchestrator.save import carried, claims
from orchestrator.save.claims import Claim
from orchestrator.settings.state import State

FOLDER = "state.git"
LOCK = "state.lock"
SEEN = "refs/seen/state"
CODE = "refs/seen/code"
WAITS = (0.0, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 30.0)
"""Seconds before each try of a push, give or take half of it."""
LOST = re.compile(
    r"stale info|fetch first|non-fast-forward|failed to update ref|(cannot|failed to) lock|already exists|incorrect old value|but expected|\.lock\b"
)
"""What git says where another push was quicker, or is under way."""
FORBIDDEN = re.compile(
    r"\b40[134]\b|denied|authentication failed|could not read (username|password)|not found|not allowed|unauthori[sz]ed", re.IGNORECASE
)
"""What git says where trying again is of no use."""


@dataclass(frozen=True)
class Change:
    """What is to be written on top of what the branch holds."""

    message: str
    files: Mapping[str, str | None]
    """Path → blob, None removes."""
    code: Mapping[str, str] = field(default_factory=dict)
    """Name beside the state branch → commit."""
    objects: tuple[Path, ...] = ()
    """Folders of objects where these commits are."""


class Branch:
    """One for a process; its lock keeps threads, and other processes of this working folder, apart."""

    def __init__(self, folder: Path, place: clone.Remote, settings: State) -> None:
        """`folder`: that of all runs."""
        self.folder, self.remote, self.settings = folder, place, settings
        self.repository = Repository(folder / FOLDER)
        self.ref = f"refs/heads/{settings.branch}"
        self.code = f"refs/heads/{settings.branch.rpartition('/')[0]}/code"
        self.head = ""
        """The commit that the branch was last seen at, '' where it does not exist."""
        self._blobs: dict[Path, tuple[int, int, str]] = {}
        self._thread = threading.RLock()
        self._depth = 0

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else of this working folder fetches or pushes meanwhile."""
        try:
            import fcntl  # only where something is written: reading works on every platform
        except ImportError:
            raise SetupError("`state: branch` needs Linux", hint="on Windows use WSL2") from None
        with self._thread:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644) if not self._depth else -1
            self._depth += 1
            try:
                if descriptor >= 0:
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield
            finally:
                self._depth -= 1
                if descriptor >= 0:
                    os.close(descriptor)

    # --- reading -------------------------------------------------------------------------------------------------------

    def fetch(self) -> None:
        """See the branch as it is now. Raises SetupError where the remote does not answer, StoreError where the branch is none of ours."""
        with self.alone():
            if not (self.repository.path / "HEAD").exists():
                git.run("init", "--quiet", "--bare", str(self.repository.path))
            said = self._asked(*_FETCH, "--depth=1", clone.NAME, f"+{self.ref}:{SEEN}")
            if said.code and "couldn't find remote ref" in said.error.lower():
                self.head = ""
                self._require_no_code()
                return
            if said.code:
                raise _unreachable(self.remote, said.error)
            self.head = self.repository.resolve(SEEN)
            if why := carried.version(self.repository.read(self.head, carried.STATE)):
                raise StoreError(
                    f"the branch {self.settings.branch} of {self.remote.name} is not what runs have written: {why}",
                    hint=f"nothing was changed; bring back its last good commit (`git push {self.remote.name} +<commit>:{self.ref}`), "
                    "or name another branch under `state: {branch: …}`",
                )

    def _require_no_code(self) -> None:
        """A branch that is gone while its code is there was removed by somebody: beginning anew would collide with that code."""
        said = self._asked("ls-remote", "--quiet", clone.NAME, f"{self.code}/*")
        if said.code:
            raise _unreachable(self.remote, said.error)
        if lines := said.out.splitlines():
            name = lines[0].partition("\t")[2]
            raise StoreError(
                f"the branch {self.settings.branch} of {self.remote.name} is gone, and code that it told of is there ({name})",
                hint=f"bring it back (`git push {self.remote.name} <its last commit>:{self.ref}`), or remove the branches below "
                f"{self.code.removeprefix('refs/heads/')}/ to begin anew",
            )

    def projects(self) -> dict[str, str]:
        """Project → the tree of its files on the branch. Raises StoreError for a name that cannot be a project's."""
        found = self._entries("projects")
        if strange := [name for name in found if names.unsafe(name)]:
            raise StoreError(f"the branch {self.settings.branch} of {self.remote.name} has a project that cannot be: {strange[0]!r}")
        return found

    def tree(self, project: str) -> str:
        """'' where the branch does not know the project."""
        return self.repository.resolve(f"{self.head}:projects/{project}") if self.head else ""

    def claims(self) -> dict[str, Claim]:
        """Project → who says to work on it, also where that is over."""
        return {name.removesuffix(".json"): self._claim(name.removesuffix(".json")) for name in self._entries("claims")}

    def claim(self, project: str) -> Claim | None:
        """Who works on a project now. Raises StoreError for a claim that cannot be read."""
        found = self._claim(project) if self.head and self.repository.resolve(f"{self.head}:claims/{project}.json") else None
        return found if found and found.binds() else None

    def _claim(self, project: str) -> Claim:
        path = f"claims/{project}.json"
        return claims.read(self.text(path) or "", f"{path} on {self.settings.branch} of {self.remote.name}")

    def text(self, path: str) -> str | None:
        return self.repository.read(self.head, path) if self.head else None

    def refs(self, project: str) -> dict[str, str]:
        """Refs of a project's repository → commits, as the branch has them. Raises StoreError."""
        text = self.text(f"projects/{project}/{carried.REFS}")
        return carried.read_refs(text, project) if text is not None else {}

    def bring_code(self, projects: tuple[str, ...]) -> None:
        """Fetch what agents made for these projects, to CODE/<project>/…"""
        if not projects:
            return
        specs = [f"+{self.code}/{project}/*:{CODE}/{project}/*" for project in projects]
        said = self._asked(*_FETCH, clone.NAME, *specs)
        if said.code:
            raise _unreachable(self.remote, said.error)

    def _asked(self, *arguments: str) -> clone.Said:
        """What the remote answers; one that does not is asked again."""
        for wait in (1.0, 4.0, 0.0):
            said = self.remote.git(self.repository.path, *arguments)
            if not said.code or not wait or "couldn't find remote ref" in said.error.lower() or FORBIDDEN.search(said.error):
                break
            time.sleep(wait)
        return said

    def _entries(self, folder: str) -> dict[str, str]:
        if not self.head or not self.repository.resolve(f"{self.head}:{folder}"):
            return {}
        listed = self.repository.git("ls-tree", "-z", f"{self.head}:{folder}").decode("utf-8", "replace").split("\0")
        return {line.partition("\t")[2]: line.partition("\t")[0].split(" ")[2] for line in listed if line}

    # --- writing -------------------------------------------------------------------------------------------------------

    def blob(self, path: Path) -> str:
        """A file as an object; one that is of the same size and time is not read again."""
        status = path.stat()
        known = self._blobs.get(path)
        if known is None or known[:2] != (status.st_size, status.st_mtime_ns):
            found = self.repository.git("hash-object", "-w", "--no-filters", str(path.resolve())).decode().strip()
            known = self._blobs[path] = (status.st_size, status.st_mtime_ns, found)
        return known[2]

    def blob_of(self, text: str) -> str:
        return self.repository.git("hash-object", "-w", "--stdin", stdin=text.encode("utf-8", "replace")).decode().strip()

    def folder_change(self, folder: str, wanted: Mapping[str, str]) -> dict[str, str | None]:
        """What makes a folder of the branch hold exactly these files: path within it → blob."""
        there: dict[str, str] = {}
        if self.head and self.repository.resolve(f"{self.head}:{folder}"):
            listed = self.repository.git("ls-tree", "-r", "-z", f"{self.head}:{folder}").decode("utf-8", "surrogateescape").split("\0")
            there = {line.partition("\t")[2]: line.partition("\t")[0].split(" ")[2] for line in listed if line}
        changed: dict[str, str | None] = {f"{folder}/{path}": blob for path, blob in wanted.items() if there.get(path) != blob}
        return changed | {f"{folder}/{path}": None for path in there.keys() - wanted.keys()}

    def write(self, change: Callable[[], Change | None]) -> None:
        """Push what `change` makes of the branch as it is; it is asked again whenever another run was quicker, and None means that there is nothing
        to write. Raises what it raises, and SetupError where it cannot be pushed."""
        why = ""
        with self.alone():
            for wait in WAITS:
                if wait:
                    time.sleep(wait * random.uniform(0.5, 1.5))
                    self.fetch()
                made = change()
                if made is None:
                    return
                commit = self._commit(made)
                if commit == self.head:
                    return
                why, final = self._push(commit, made)
                if not why:
                    self.repository.git("update-ref", SEEN, commit)
                    self.head = commit
                    self.repository.tidy()
                    return
                if final:
                    before = self.head
                    self.fetch()
                    if self.head == before:  # nobody was quicker
                        break
        raise SetupError(
            f"{self.settings.branch} cannot be pushed to {self.remote.name}: {why[:800]}",
            hint="may this job push branches there? docs/ci.md says which rights it needs",
        )

    def _commit(self, change: Change) -> str:
        """The commit that holds the change; the head where it changes nothing."""
        files = dict(change.files)
        if not self.head:
            files[carried.STATE] = self.blob_of(json.dumps({"version": carried.VERSION}) + "\n")
            files[carried.README] = self.blob_of(carried.ABOUT.format(code=self.code.removeprefix("refs/heads/")))
        lines = (f"0 {'0' * 40}\t{path}\0" if blob is None else f"100644 {blob}\t{path}\0" for path, blob in files.items())
        with scratch.folder("index") as folder:
            env = {"GIT_INDEX_FILE": str(folder / "index")}
            if self.head:
                self.repository.git("read-tree", self.head, env=env)
            self.repository.git("update-index", "-z", "--index-info", stdin="".join(lines).encode("utf-8", "surrogateescape"), env=env)
            tree = self.repository.git("write-tree", env=env).decode().strip()
        if self.head and tree == self.repository.tree(self.head) and not change.code:
            return self.head
        return self.repository.commit(tree, (self.head,) if self.head else (), change.message + "\n")

    def _push(self, commit: str, change: Change) -> tuple[str, bool]:
        """('' when the branch is at the commit now, else what git said; whether that was a refusal which stays one)."""
        specs = [f"{made}:{self.code}/{name}" for name, made in change.code.items()]
        lease = f"--force-with-lease={self.ref}:{self.head}"
        arguments = ("push", "--porcelain", "--atomic", lease, clone.NAME, f"{commit}:{self.ref}", *specs)
        said = self.remote.git(self.repository.path, *arguments, objects=change.objects)
        if not said.code:
            return "", False
        refused = [" ".join(line.split()[1:]) for line in said.out.splitlines() if line.startswith("!")]
        first = [line for line in refused if "(atomic push failed)" not in line] or refused
        why = f"{'; '.join(first)} {' '.join(said.error.split())}".strip() or f"git ended with {said.code}"
        return why, not LOST.search(why) and bool(refused or FORBIDDEN.search(why))


_FETCH = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance")


def _unreachable(place: clone.Remote, said: str) -> OrchestratorError:
    return SetupError(f"{place.name} cannot be read: {said[:500]}", hint="`state: branch` needs the remote at the start of every run")
