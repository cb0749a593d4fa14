"""What a run shares with runs on other machines: nothing with `state: disk`; with `state: branch` all it needs to go on where another one ended.

    pull      before anything is read: what the branch has and this working folder has not
    claim     before the first turn and the first move of a project: whoever comes second finds it locked
    push      after each turn that was paid, and after each task
    release   when the project's part of a run is over
    end       the receipts of the inbox

Called from several threads at once; one lock keeps the pushes apart.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.config import Config
from orchestrator.errors import LockedError, OrchestratorError, SetupError, StoreError
from orchestrator.outcome import Outcome
from orchestrator.run import clone
from orchestrator.save import carried, claims, ledger_lines, receipts, state_pull
from orchestrator.save.claims import Claim
from orchestrator.save.clock import stamp
from orchestrator.save.files import write_atomically
from orchestrator.save.ledger import Ledger, ledger_of
from orchestrator.save.reports import Receipt
from orchestrator.save.state_branch import Branch, Change
from orchestrator.telling import Tell, Told

SHOWN = 10
"""Projects that are named when they were brought."""
AGAIN = 2
"""So often a project is taken up again that another run has worked on since it was pulled."""


class Share:
    """Nothing is shared."""

    on = False

    def pull(self) -> None:
        """Bring what other runs have done. Raises SetupError, StoreError."""

    def attempts(self, project: str, outcome: Outcome) -> Iterator[None]:
        """Once; and again where it turns out that another run has worked on the project meanwhile."""
        yield

    def claim(self, project: str) -> None:
        """From now on no other run works on it. Raises LockedError where one does."""

    def push(self, project: str) -> None:
        """What was done so far, if the project is claimed. Raises LockedError where the claim was lost, SetupError where it cannot be pushed."""

    def release(self, project: str) -> None:
        """What was done, and the claim taken back."""

    def end(self) -> None:
        """The run is over."""


@dataclass
class Shared(Share):
    """What is shared on a branch."""

    root: Path
    branch: Branch
    ledger: Ledger
    tell: Tell
    on = True
    broken: dict[str, OrchestratorError] = field(default_factory=dict)
    """Projects that could not be brought, and why: nothing is done in them."""
    held: dict[str, Claim] = field(default_factory=dict)
    moved: set[str] = field(default_factory=set)
    """Projects that are another's since they were pulled."""
    receipts: dict[str, Receipt] = field(default_factory=dict)
    """Path → its receipt, as it was pulled."""
    failing: set[str] = field(default_factory=set)
    """Projects of which something could not be pushed: it is tried once more when the project's part of the run is over."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _renewing: threading.Thread | None = None

    def pull(self) -> None:
        with self.branch.alone():
            self.branch.fetch()
            found = self.branch.projects()
            stale = tuple(project for project, tree in found.items() if state_pull.mark(self._folder(project)) != tree)
            self.branch.bring_code(stale)
            for project in stale:
                self._take(project)
            if stale:
                named = ", ".join(stale[:SHOWN]) + (f" and {len(stale) - SHOWN} more" if len(stale) > SHOWN else "")
                self.tell(Told(f"from {self.branch.settings.branch} of {self.branch.remote.name}: {named}"))
            self.receipts = receipts.parsed(self.branch.text(receipts.FILE))
            if self.receipts:
                write_atomically(self.branch.folder / receipts.FILE, receipts.text(self.receipts.values()))

    def _take(self, project: str) -> None:
        self.moved.discard(project)
        if not self.branch.tree(project):
            return  # claimed by another that has done nothing yet
        try:
            lines = state_pull.take(self.branch, self.root, self._folder(project), self.ledger)
        except OrchestratorError as error:
            self.broken[project] = error
            lines = (str(error),)
        for line in lines:
            self.tell(Told(f"{project}: {line}", project=project))

    def attempts(self, project: str, outcome: Outcome) -> Iterator[None]:
        yield
        for _ in range(AGAIN):
            if project not in self.moved:
                return
            self.tell(Told(f"{project}: another run has worked on it meanwhile; it goes on from there", project=project))
            outcome.locked[:] = [name for name in outcome.locked if name != project]
            with self.branch.alone():
                self.branch.fetch()
                self.branch.bring_code((project,))
                self._take(project)
            yield

    def claim(self, project: str) -> None:
        if project in self.broken:
            raise self.broken[project]
        if project in self.held:
            return
        with self.branch.alone():
            self.branch.fetch()
            mine = claims.made(self.branch.settings.claim_minutes)

            def change() -> Change:
                self._require_free(project)
                files = {f"claims/{project}.json": self.branch.blob_of(mine.text())}
                return Change(f"{project}: claimed by {mine.who}", files)

            try:
                self.branch.write(change)
            except StoreError as error:
                self.broken[project] = error
                raise
            self.held[project] = mine
        if self._renewing is None:
            self._renewing = threading.Thread(target=self._renew, name="claims", daemon=True)
            self._renewing.start()

    def _require_free(self, project: str) -> None:
        """Raises LockedError where another run works on it, or has worked on it since it was pulled."""
        if other := self.branch.claim(project):
            raise LockedError(
                f"project {project} is being worked on by {other.who}",
                hint=f"wait for it; its claim ends at {stamp(other.until)} unless it is renewed",
            )
        if (tree := self.branch.tree(project)) and tree != state_pull.mark(self._folder(project)):
            self.moved.add(project)
            raise LockedError(f"project {project} was worked on by another run meanwhile", hint="the next run goes on from there")

    def _require_mine(self, project: str) -> Claim:
        """The claim, renewed. Raises LockedError where another run has taken the project over."""
        mine = self.held[project]
        there = self.branch.claims().get(project)
        if there is None or there.token != mine.token:
            del self.held[project]
            self.moved.add(project)
            who = there.who if there else "somebody"
            raise LockedError(
                f"project {project} was taken over by {who}: the claim of this run had ended",
                hint="raise `state.claim_minutes` if runs may stand still for longer; the next run goes on from there",
            )
        return mine.renewed(self.branch.settings.claim_minutes)

    def push(self, project: str) -> None:
        with self.branch.alone():
            if project not in self.held or project in self.failing:
                return
            try:
                self._write(project, lambda: {f"claims/{project}.json": self.branch.blob_of(self._require_mine(project).text())}, "worked on")
            except SetupError:
                self.failing.add(project)
                raise

    def release(self, project: str) -> None:
        if project in self.broken or project in self.moved:
            return
        with self.branch.alone():
            if project in self.held:
                self._write(project, lambda: {f"claims/{project}.json": None} if self._require_mine(project) else {}, "worked on, and released")
                self.held.pop(project, None)
                return
            if not (self._folder(project) / "reports").is_dir() or not self._differs(project):
                return

            def free() -> dict[str, str | None]:
                self._require_free(project)
                return {}

            try:
                self.branch.fetch()
                self._write(project, free, "looked at")
            except LockedError:
                self.moved.discard(project)  # the other run says how it stands

    def _differs(self, project: str) -> bool:
        files, code, _ = self._travels(project)
        return bool(files or code)

    def _write(self, project: str, claim: Callable[[], dict[str, str | None]], what: str) -> None:
        """Push all that travels of a project, with what `claim` says of its claim."""

        def change() -> Change:
            said = claim()
            files, code, objects = self._travels(project)
            return Change(f"{project}: {what}", {**files, **said}, code, objects)

        self.branch.write(change)
        state_pull.put_mark(self._folder(project), self.branch.tree(project))

    def _travels(self, project: str) -> tuple[dict[str, str | None], dict[str, str], tuple[Path, ...]]:
        """(path on the branch → blob, name of a ref → commit, folders of objects): what is not there yet."""
        folder, branch = self._folder(project), self.branch
        wanted = {name: branch.blob(path) for name, path in carried.files(folder, 1024 * branch.settings.largest_kb)}
        refs, known = carried.refs(folder / "repo.git"), branch.refs(project)
        wanted[carried.REFS] = branch.blob_of(carried.refs_text(refs))
        if lines := ledger_lines.written(self.ledger, project):
            wanted[carried.LEDGER] = branch.blob_of(lines)
        code = {f"{project}/{carried.called(ref)}": commit for ref, commit in refs.items() if known.get(ref) != commit}
        return branch.folder_change(f"projects/{project}", wanted), code, (folder / "repo.git" / "objects",) if code else ()

    def _renew(self) -> None:
        """While turns take long, claims are renewed; what goes wrong here is said by the next push."""
        while not self._stop.wait(60 * self.branch.settings.claim_minutes / 3):
            for project in tuple(self.held):
                try:
                    with self.branch.alone():
                        if project in self.held:
                            self.branch.write(lambda name=project: self._renewed(name))  # type: ignore[misc]
                except OrchestratorError:
                    continue

    def _renewed(self, project: str) -> Change:
        text = self._require_mine(project).text()
        return Change(f"{project}: still claimed", {f"claims/{project}.json": self.branch.blob_of(text)})

    def end(self) -> None:
        """What goes wrong here is said, and changes nothing of what the run did: claims end by themselves, receipts follow from the PRD files."""
        self._stop.set()
        try:
            for project in tuple(self.held):
                self.release(project)
            self._push_receipts()
        except OrchestratorError as error:
            self.tell(Told(str(error), "waiting"))

    def _push_receipts(self) -> None:
        mine = {each.path: each for each in receipts.read(self.branch.folder).receipts if self.receipts.get(each.path) != each}

        def change() -> Change:
            there = receipts.parsed(self.branch.text(receipts.FILE))
            merged = {**there, **mine}
            return Change("inbox", {receipts.FILE: self.branch.blob_of(receipts.text(merged.values()))} if merged != there else {})

        if mine and self.branch.head and not self.broken:
            self.branch.write(change)

    def _folder(self, project: str) -> Path:
        return self.branch.folder / project


def of(root: Path, config: Config, tell: Tell = lambda told: None) -> Share:
    """What the configuration says. Raises ConfigError where there is no remote to share with."""
    if config.state.keep == "disk":
        return Share()
    return shared(root, config, tell)


def shared(root: Path, config: Config, tell: Tell) -> Shared:
    return Shared(root, branch_of(root, config), ledger_of(root, config), tell)


def branch_of(root: Path, config: Config) -> Branch:
    return Branch(config.folder(root, "runs"), clone.of(root, config.state.remote), config.state)
