"""`orchestrator verify`: prove once more, from a clean copy of the history and without any agent, what is said to be done.

For each task: its bundle and the chain, reports and database against the bundle, commits and tests against git, and RED and GREEN once more.
What does not hold is a flaw with a code of `run/reprove.py`; nothing is written where it was found.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from orchestrator import __version__
from orchestrator.config import Config
from orchestrator.errors import SetupError, StoreError, UsageError
from orchestrator.model import Change, Prd, Target, Task
from orchestrator.run import environment, examples, git, reprove, sandboxes, scratch, test_files
from orchestrator.run.git import GitError, Repository
from orchestrator.run.reprove import Claim, Flaw, Seen
from orchestrator.save import audit, chain, evidence
from orchestrator.save.audit import Link, Reports, Row
from orchestrator.save.evidence import Committed, KeptEvidence, TaskEvidence, locked, path_of
from orchestrator.show.console.verdicts import ProjectVerdict, TaskVerdict

_REF = re.compile(rf"refs/heads/main|refs/heads/prd/[A-Za-z0-9][A-Za-z0-9._-]*|{chain.REF}")


def verify(root: Path, config: Config, names: tuple[str, ...] = (), *, bundle: Path | None = None, quick: bool = False) -> Iterator[ProjectVerdict]:
    """One verdict per project that has something to verify. `names`: PRDs, projects, tasks or runs; none means everything that is done.

    `bundle`: a git bundle, to be verified instead of what is in `runs`. `quick`: hashes and git only. Raises UsageError for a name that nothing has,
    SetupError when there is no sandbox to prove anything in.
    """
    if bundle is not None and not bundle.is_file():
        raise UsageError(f"{bundle}: there is no such file", hint="a run writes runs/<project>/artifacts/<project>.bundle")
    if not quick:
        sandboxes.required_level(config.sandbox.require)
    unknown = set(names)
    folders = [None] if bundle else sorted(path for path in config.folder(root, "runs").glob("*") if _is_project(path))
    planned = _planned(root, config)
    for folder in folders:
        source = bundle or (folder / "repo.git" if folder else Path())
        with scratch.folder("verify") as place:
            try:
                project = _open(folder, source, place / "copy.git", root, config, quick, planned)
                tasks = tuple(_chosen(project, names))
            except Exception as error:  # files may have been made to hold anything: what cannot be read proves nothing
                flaw = Flaw("unreadable", f"what lies there cannot be worked with: {type(error).__name__}: {str(error)[:300]}", str(source))
                yield ProjectVerdict(folder.name if folder else source.stem, str(source), 0, "", (), (flaw,))
                continue
            unknown -= project.known
            if tasks or (project.flaws and (not names or project.name in names)):
                yield ProjectVerdict(project.name, str(source), len(project.links), project.head, tasks, tuple(project.flaws))
    if unknown:
        raise UsageError(f"no task, PRD, project or run is called {', '.join(sorted(unknown))}", hint="`orchestrator status --json` names them")


def _is_project(path: Path) -> bool:
    return path.is_dir() and any((path / name).exists() for name in ("project.sqlite", "repo.git", "reports", "evidence"))


def _planned(root: Path, config: Config) -> dict[str, str] | None:
    """Task → its fingerprint as the PRDs are worded now; None where there are no PRDs."""
    from orchestrator import pipeline

    if not config.folder(root, "prds").is_dir():
        return None
    found, readings = pipeline.inbox(root, config)
    return {task.id: task.fingerprint for prd in found.prds for task in readings.planned(prd, config)[1].tasks}


# --- one project -----------------------------------------------------------------------------------------------------------


@dataclass
class _Project:
    """A project while it is verified."""

    name: str
    folder: Path | None
    """None when only a git bundle is there."""
    repository: Repository
    """A clean copy."""
    heads: dict[str, str]
    links: tuple[Link, ...]
    reports: Reports | None
    rows: dict[str, Row]
    root: Path
    config: Config
    quick: bool
    planned: dict[str, str] | None
    flaws: list[Flaw] = field(default_factory=list)

    @property
    def head(self) -> str:
        return self.links[-1].bundle.hash if self.links else ""

    @property
    def known(self) -> set[str]:
        """All names that mean something here, whether it is done or not."""
        tasks = {*self.rows, *self.last, *(task.id for task in (self.reports.project.tasks if self.reports and self.reports.project else ()))}
        runs = {*(self.reports.runs if self.reports else ()), *(link.bundle.run for link in self.links if isinstance(link.bundle, TaskEvidence))}
        return {self.name, *tasks, *(task.partition("#")[0] for task in tasks), *runs}

    @cached_property
    def last(self) -> dict[str, Link]:
        """Task → its last bundle."""
        return {link.bundle.task.id: link for link in self.links if isinstance(link.bundle, TaskEvidence)}

    @cached_property
    def commits(self) -> dict[str, str]:
        """Every commit that the chain names → the PRD it belongs to."""
        return {commit.id: link.bundle.prd for link in self.links for commit in link.bundle.commits}

    @cached_property
    def tests(self) -> dict[tuple[str, str], Link]:
        """(PRD, path) → the last bundle that locks or keeps that test."""
        return {(link.bundle.prd, test.path): link for link in self.links for test in _tests(link.bundle)}

    def branch(self, prd: str) -> str:
        """The commit at the head of a PRD's branch, '' when it is gone."""
        return self.heads.get(f"refs/heads/prd/{prd}", "")

    def foreign(self, prd: str) -> tuple[str, ...]:
        """Commits of a PRD's branch that no bundle names, since its first task."""
        first = next((link.bundle.commits[0].parent for link in self.links if link.bundle.prd == prd and link.bundle.commits), "")
        head = self.branch(prd)
        if not head or not self.repository.resolve(f"{first}^{{commit}}"):
            return ()
        return tuple(commit for commit in self.repository.log(head, f"^{first}") if commit not in self.commits)


def _tests(bundle: TaskEvidence | KeptEvidence) -> Iterable[Any]:
    return bundle.judged.tests if isinstance(bundle, TaskEvidence) else bundle.tests


def _open(
    folder: Path | None, source: Path, copy: Path, root: Path, config: Config, quick: bool, planned: dict[str, str] | None
) -> _Project:  # fmt: skip
    """The clean copy, the chain, reports and database of a project, with all that is wrong with them as a whole."""
    flaws: list[Flaw] = []
    try:
        told = git.advertised(source)
    except GitError as error:
        told = {}
        flaws.append(Flaw("missing-object" if folder else "changed-bundle", f"no history can be read: {_of_git(error)}", source.name))
    heads = {ref: commit for ref, commit in told.items() if _REF.fullmatch(ref)}
    repository, problems = git.copy(source, copy, tuple(heads))
    flaws += [Flaw("missing-object", f"{ref} cannot be read: {problem[:300]}", ref) for ref, problem in problems.items()]
    flaws += [Flaw("replaced-object", f"git shows another object in place of {ref.rpartition('/')[2]}", ref) for ref in told if "/replace/" in ref]
    flaws += [
        Flaw("replaced-object", "this file makes git show another history than there is; it was passed over", f"{source.name}/{name}")
        for name in ("info/grafts", "shallow")
        if (source / name).exists()
    ]
    heads = {ref: commit for ref, commit in heads.items() if ref not in problems}
    links: tuple[Link, ...] = ()
    if chain.REF in heads:
        links, found = audit.links(repository)
        flaws += found
    elif folder and (links := audit.without_git(folder)):
        flaws.append(Flaw("broken-chain", "the chain is gone from the repository; its bundles are taken from their files", chain.REF))
    elif folder is None and not flaws:
        flaws.append(Flaw("missing-evidence", "the git bundle holds no evidence", chain.REF))
    name = folder.name if folder else next((link.bundle.project for link in links), source.stem)
    project = _Project(name, folder, repository, heads, links, None, {}, root, config, quick, planned, flaws)
    if folder:
        _beside(project, folder)
        if not source.exists() and not (folder / evidence.FOLDER).exists() and not any(row.state == "done" for row in project.rows.values()):
            project.flaws = [flaw for flaw in project.flaws if flaw.where != source.name]  # nothing was ever worked on: there is no history yet
    for link in links:
        if link.bundle.project != name:
            flaws.append(Flaw("unknown-evidence", "the bundle belongs to another project", link.name, name, link.bundle.project))
        elif isinstance(link.bundle, TaskEvidence) and project.rows and link.bundle.task.id not in project.rows:
            flaws.append(Flaw("unknown-evidence", f"the database knows no task {link.bundle.task.id}", link.name))
    return project


def _of_git(error: GitError) -> str:
    return error.message.partition(": ")[2][:300]


def _beside(project: _Project, folder: Path) -> None:
    """What lies beside the repository: files of the chain, reports, the database, the git bundle."""
    flaws, links = project.flaws, project.links
    if chain.REF in project.heads:
        flaws += audit.files(folder, links)
    project.reports = audit.reports(folder) if links or (folder / "reports").is_dir() else None
    flaws += project.reports.flaws if project.reports else ()
    project.rows, found = audit.database(folder)
    flaws += found
    proved = {(link.bundle.task.id, link.bundle.judged.fingerprint) for link in links if isinstance(link.bundle, TaskEvidence)}
    for task, fingerprint, run in audit.told_by_runs(project.reports) if project.reports else ():
        if (task, fingerprint) not in proved:
            flaws.append(Flaw("missing-evidence", f"the run's report says that {task} is done, and no bundle proves it", f"reports/{run}.json"))
    flaws += audit.told_proved(project.reports, project.last) if project.reports else ()
    for prd in project.reports.project.prds if project.reports and project.reports.project else ():
        head = project.branch(prd.id)
        if prd.head and (not head or prd.head not in project.repository.log(head)):
            flaws.append(
                Flaw("moved-branch", f"prd/{prd.id} does not hold the commit that the last run left there", f"prd/{prd.id}"[:200], prd.head, head)
            )
    path = chain.bundle_path(folder)
    if path.exists() or path.is_symlink():
        told: dict[str, str] | str
        try:
            audit.plain(path)
            told = git.advertised(path)
            refs = tuple(ref for ref in told if _REF.fullmatch(ref))
            told = next(iter(git.copy(path, project.repository.path.with_name("bundle.git"), refs)[1].values()), told)
        except GitError as error:
            told = _of_git(error)
        except StoreError as error:
            told = error.message
        flaws += audit.packed(path, project.heads, project.repository, told)
    elif links:
        flaws.append(Flaw("outdated-bundle", "there is no git bundle; the next run makes one", f"artifacts/{path.name}", severity="notice"))


# --- which tasks -----------------------------------------------------------------------------------------------------------


def _chosen(project: _Project, names: tuple[str, ...]) -> Iterator[TaskVerdict]:
    """A verdict for each task that is said to be done and that the names mean."""
    done = audit.told_done(project.reports) if project.reports else {}
    done |= {task: "project.sqlite" for task, row in project.rows.items() if row.state == "done" and task not in done}
    if project.folder is None or not (done or project.rows or (project.reports and project.reports.project)):
        done = {task: link.name for task, link in project.last.items()}
    chosen: dict[tuple[str, int], tuple[str, Link | None, str]] = {}
    for task, where in done.items():
        link = project.last.get(task)
        if not names or {project.name, task, task.partition("#")[0]} & {*names}:
            chosen[task, len(project.links)] = (task, link, where)
    for number, link in enumerate(project.links):
        if isinstance(link.bundle, TaskEvidence) and link.bundle.run in names:
            current = project.last[link.bundle.task.id] is link and link.bundle.task.id in done
            chosen[link.bundle.task.id, len(project.links) if current else number] = (link.bundle.task.id, link, link.name)
    heads: dict[str, tuple[str, ...]] = {}
    for (task, position), (_, link, where) in chosen.items():
        current = position == len(project.links)
        row = project.rows.get(task)
        bundle = link.bundle if link else None
        wrong = (
            current and row is not None and row.state == "done" and isinstance(bundle, TaskEvidence) and row.fingerprint != bundle.judged.fingerprint
        )
        if not isinstance(bundle, TaskEvidence) or wrong:
            message = f"{where} says that {task} is done as it is worded now, and no bundle proves it"
            yield TaskVerdict(task, task.partition("#")[0], "", "", None, None, "", "", (Flaw("missing-evidence", message, where),))
            continue
        prd = bundle.prd
        if prd not in heads:
            heads[prd] = project.foreign(prd)
            _say_foreign(project, prd, heads[prd])
        yield _task(project, bundle, row, current, bool(heads[prd]))


def _say_foreign(project: _Project, prd: str, foreign: tuple[str, ...]) -> None:
    if foreign:
        listed = ", ".join(f"{commit[:10]} {project.repository.subject(commit)[:60]}" for commit in foreign[-3:])
        how = "not judged again (--quick)" if project.quick else "judged again at the head of the branch"
        many = f"{len(foreign)} commit{'s' * (len(foreign) != 1)}"
        project.flaws.append(Flaw("foreign-commits", f"{many} of others on prd/{prd}, {how}: {listed}", f"prd/{prd}", severity="notice"))


# --- one task --------------------------------------------------------------------------------------------------------------


def _task(project: _Project, bundle: TaskEvidence, row: Row | None, current: bool, foreign: bool) -> TaskVerdict:
    flaws: list[Flaw] = []
    seen: Seen | None = None
    try:
        flaws += _beside_agrees(project, bundle, row, current)
        flaws += _history(project, bundle, current)
        flaws += _wording(project, bundle, current)
        trees = {bundle.judged.base_tree, bundle.judged.red_tree, bundle.judged.green_tree, bundle.judged.tidied_tree}
        gone = sorted(tree for tree in trees if not project.repository.tree(tree))
        flaws += [Flaw("missing-object", "a tree that was judged is in no branch any more: it cannot be judged again", tree) for tree in gone]
        if not gone and not project.quick:
            seen, found = _again(project, bundle, current and foreign)
            flaws += found
    except (SetupError, UsageError) as error:
        flaws.append(Flaw("not-reproved", error.message, bundle.task.id))
    except Exception as error:  # the evidence may hold anything: what cannot be worked with proves nothing
        flaws.append(Flaw("not-reproved", f"the evidence cannot be worked with: {type(error).__name__}: {str(error)[:300]}", bundle.task.id))
    return TaskVerdict(
        task=bundle.task.id,
        prd=bundle.prd,
        run=bundle.run,
        evidence=path_of(bundle.task.id, bundle.judged.fingerprint, bundle.cycle),
        red=seen.red if seen else None,
        green=seen.green if seen else None,
        sandbox_then=bundle.sandbox,
        sandbox_now=seen.sandbox if seen else "",
        flaws=tuple(flaws),
    )


def _beside_agrees(project: _Project, bundle: TaskEvidence, row: Row | None, current: bool) -> Iterator[Flaw]:
    if project.reports:
        yield from audit.task_agrees(project.reports, bundle)
        if current and (row is None or row.state == "done"):
            known = frozenset(commit for commit, prd in project.commits.items() if prd == bundle.prd)
            yield from audit.project_agrees(project.reports, bundle, known)
    if project.folder and row is not None and current and row.state == "done":
        yield from audit.database_agrees(project.folder, bundle, row)
    elif project.folder and row is not None and current:
        where = "project.sqlite: tasks.state"
        yield Flaw("changed-database", f"a report says that {bundle.task.id} is done, the database does not", where, "done", row.state)


def _history(project: _Project, bundle: TaskEvidence, current: bool) -> Iterator[Flaw]:
    """The commits of a task are on its branch, with the judged trees, and the tests are as they were locked."""
    repository, head, judged = project.repository, project.branch(bundle.prd), bundle.judged
    branch = f"prd/{bundle.prd}"
    if not head:
        yield Flaw("moved-branch", f"{branch} is gone", branch)
    if missing := {*bundle.finished} - {link.name for link in project.links}:
        yield Flaw(
            "missing-evidence", f"of the tasks that were done before it, these have no bundle: {', '.join(sorted(missing))[:300]}", bundle.task.id
        )
    trees = (judged.base_tree, judged.red_tree, judged.green_tree, judged.tidied_tree)
    wanted = [after for before, after in pairwise(trees) if after != before]
    if [commit.tree for commit in bundle.commits] != wanted:
        yield Flaw("rewritten-commit", "the commits of the evidence are not the trees that were judged", bundle.task.id)
    before = ""
    for commit in bundle.commits:
        where = f"{commit.id[:12]} {commit.kind}"
        if not repository.resolve(f"{commit.id}^{{commit}}"):
            instead = [other for other in repository.commits_with(head, f"Attempt: {bundle.attempt}") if other not in project.commits] if head else []
            yield Flaw(
                "rewritten-commit", f"{commit.subject!r} is not in the history: amended, dropped or moved", where, commit.id, ", ".join(instead)
            )
        else:
            yield from _commit(repository, bundle, commit, before, head, where)
        before = commit.id
    for test in judged.tests:
        yield from _test(repository, trees[1:], test.path, test.sha256, test.text)
        if current and head:
            yield from _at_head(project, bundle, test.path, head)


def _commit(repository: Repository, bundle: TaskEvidence, commit: Committed, before: str, head: str, where: str) -> Iterator[Flaw]:
    real = chain.committed(repository, commit.id)
    for item in audit.differences(commit.model_dump(), real.model_dump()):
        yield Flaw("rewritten-commit", f"{item.where} of the commit is not what the evidence says", where, item.recorded, item.found)
    if len(repository.parents(commit.id)) != 1 or (before and real.parent != before):
        yield Flaw("rewritten-commit", "it does not follow the commit before it", where, before, real.parent)
    if not before and repository.tree(real.parent) != bundle.judged.base_tree:
        yield Flaw("rewritten-commit", "its parent is not the base that was judged", where, bundle.judged.base_tree, repository.tree(real.parent))
    if f"Attempt: {bundle.attempt}" not in repository.message(commit.id).splitlines():
        yield Flaw("rewritten-commit", "its message does not name the attempt", where, bundle.attempt)
    if head and repository.log(commit.id, f"^{head}"):
        yield Flaw("rewritten-commit", f"it is not on prd/{bundle.prd}", where, commit.id, head)


def _test(repository: Repository, trees: tuple[str, ...], path: str, sha256: str, text: str) -> Iterator[Flaw]:
    if locked(path, text).sha256 != sha256:
        yield Flaw("swapped-test", f"the text of {path} in the evidence has another hash", path, sha256)
    for tree in dict.fromkeys(tree for tree in trees if repository.tree(tree)):
        found = repository.read(tree, path)
        if found != text:
            yield Flaw("swapped-test", f"{path} in the judged tree {tree[:12]} is not the locked test", path, sha256, _sha256(found))


def _at_head(project: _Project, bundle: TaskEvidence, path: str, head: str) -> Iterator[Flaw]:
    """The test at the head of the branch is the one that was last locked, or kept with the held-out examples."""
    link = project.tests[bundle.prd, path]
    expected = next(test for test in _tests(link.bundle) if test.path == path)
    found = project.repository.read(f"{head}^{{tree}}", path)
    if found != expected.text:
        message = f"{path} at the head of prd/{bundle.prd} is not the test of {link.name}" if found is not None else f"{path} is gone from the branch"
        yield Flaw("swapped-test", message, path, expected.sha256, _sha256(found))
    if isinstance(link.bundle, KeptEvidence) and path == bundle.task.test_file and bundle.tools.get("orchestrator") == __version__:
        made = examples.test_file(bundle.task, bundle.prd_path, bundle.task.examples, fresh=bundle.fresh)
        if _statements(made) != _statements(expected.text):
            yield Flaw("swapped-test", f"{path} as it is kept is not what the examples give", path, expected.sha256)


def _sha256(text: str | None) -> str:
    return locked("", text).sha256 if text is not None else "no such file"


def _statements(text: str) -> str:
    """A test file without its first words, which name the PRD's path."""
    return ast.dump(ast.Module(ast.parse(text).body[1:], []))


def _wording(project: _Project, bundle: TaskEvidence, current: bool) -> Iterator[Flaw]:
    """The task is what its fingerprint says, and the PRD says the same now."""
    from orchestrator.plan import outline

    version = bundle.tools.get("orchestrator", "")
    made = outline.fingerprint(bundle.task.requirements)
    if not made == bundle.judged.fingerprint == bundle.task.fingerprint:
        message = f"the requirements and examples of {bundle.task.id} have another fingerprint"
        severity: Any = "error" if version == __version__ else "notice"
        yield Flaw("wrong-fingerprint", message, bundle.task.id, bundle.judged.fingerprint, made, severity)
    if version != __version__:
        yield Flaw("other-version", "made by another version of the orchestrator", "tools.orchestrator", version, __version__, "notice")
    if current and project.planned is not None and (now := project.planned.get(bundle.task.id)) != bundle.judged.fingerprint:
        message = f"{bundle.prd_path} words {bundle.task.id} otherwise now" if now else f"{bundle.task.id} stands in no PRD now"
        yield Flaw("outdated", f"{message}; what was proved is what it said then", bundle.prd_path, bundle.judged.fingerprint, now or "", "notice")


def _again(project: _Project, bundle: TaskEvidence, foreign: bool) -> tuple[Seen, list[Flaw]]:
    """RED and GREEN once more; and the head of the branch where commits of others are on it."""

    bundles = {link.name: link.bundle for link in project.links if isinstance(link.bundle, TaskEvidence)}
    touched = project.repository.made(project.branch(bundle.prd)) if bundle.target else frozenset()
    ours = test_files.made_by_us(touched, (item.task for item in bundles.values()))
    claim = _claim(bundle, tuple(item.task for name, item in bundles.items() if name in bundle.finished), ours)
    environments = project.config.folder(project.root, "environments")
    made = environment.of_tree(project.repository, claim.base, claim.prd, environments)
    seen = reprove.again(claim, project.repository, made.python, project.config)
    flaws = [*seen.flaws]
    packages = {f"{name}=={version}" for name, version in made.packages.items()}
    if bundle.packages and (other := sorted(packages ^ {*bundle.packages})):
        names = ", ".join(dict.fromkeys(entry.partition("==")[0] for entry in other))
        flaws.append(Flaw("other-version", f"other versions in the environment: {names[:300]}", "packages", severity="notice"))
    if foreign:
        tree = project.repository.tree(project.branch(bundle.prd))
        at_head = environment.of_tree(project.repository, tree, claim.prd, environments)
        for finding in reprove.at_head(claim, project.repository, at_head.python, project.config, tree):
            message = f"with the commits of others: {finding.gate}: {finding.message}"
            flaws.append(Flaw("not-green", message, f"the head of prd/{bundle.prd}"))
    return replace(seen, flaws=()), flaws


def _claim(bundle: TaskEvidence, done: tuple[Task, ...], ours: frozenset[str]) -> Claim:
    judged = bundle.judged
    target = Target(repo=bundle.target)
    return Claim(
        task=bundle.task,
        prd=Prd(bundle.prd, "", bundle.project, bundle.prd_path, bundle.prd_fingerprint, (), target=target, dependencies=tuple(bundle.dependencies)),
        base=judged.base_tree,
        red=judged.red_tree,
        green=judged.green_tree,
        tidied=judged.tidied_tree,
        tests=tuple(Change(test.path, test.text) for test in judged.tests),
        red_tests=reprove.red_tests(tuple((item.what, {outcome.id: outcome.outcome for outcome in item.outcomes}) for item in judged.red)),
        fresh=bundle.fresh,
        proofs=tuple((proof.criterion, proof.level, tuple(proof.tests)) for proof in judged.proofs),
        done=done,
        revealed=frozenset(bundle.revealed),
        quarantined=bundle.quarantined,
        limits=bundle.limits,
        same_version=bundle.tools.get("orchestrator") == __version__,
        ours=ours,
        gone=tuple(judged.gone),
        outdated=frozenset(judged.outdated),
    )
