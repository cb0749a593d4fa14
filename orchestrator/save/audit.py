"""Evidence against what else is on disk: the chain in git, the files beside it, reports, artifacts, the database. Nothing here is written.

All of it may have been tampered with by a person: whatever cannot be read is a flaw, and no reason to end.
"""

from __future__ import annotations

import json
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from orchestrator import __version__
from orchestrator.errors import OrchestratorError, StoreError
from orchestrator.model import Task
from orchestrator.run.git import GitError, Repository
from orchestrator.run.reprove import Flaw
from orchestrator.save import chain, evidence, health, junit, light
from orchestrator.save.evidence import KeptEvidence, TaskEvidence
from orchestrator.save.reports import ProjectReport, Report, RunReport, TaskRunReport, TurnReport
from orchestrator.save.store import Store

TOLD = 5
"""Differences that are named, of one report; the others are counted."""

R = TypeVar("R", bound=Report)


# --- the chain -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Link:
    """One bundle of the chain."""

    name: str
    """File name."""
    data: bytes
    bundle: TaskEvidence | KeptEvidence


def links(repository: Repository) -> tuple[tuple[Link, ...], tuple[Flaw, ...]]:
    """The bundles on `refs/orchestrator/evidence`, oldest first, and what is wrong with them."""
    found: list[Link] = []
    flaws: list[Flaw] = []
    previous, before, parent = "", "", ""
    for commit in repository.log(chain.REF):
        if repository.parents(commit) != ((parent,) if parent else ()):
            flaws.append(Flaw("broken-chain", "a commit of the chain does not follow the one before", commit, parent or "no parent"))
        try:
            link = _link(repository, commit, before)
        except (StoreError, UnicodeError) as error:
            flaws.append(Flaw("changed-evidence", str(error), commit))
            previous = chain.hash_line(repository.message(commit))
        else:
            bundle = link.bundle
            if bundle.previous != previous:
                flaws.append(Flaw("broken-chain", f"{link.name} does not follow the bundle before it", link.name, bundle.previous, previous))
            if chain.hash_line(repository.message(commit)) != bundle.hash:
                flaws.append(Flaw("broken-chain", "a commit of the chain names another hash than its bundle's", commit, bundle.hash))
            found.append(link)
            previous = bundle.hash
        before, parent = repository.tree(commit), commit
    return tuple(found), tuple(flaws)


def _link(repository: Repository, commit: str, before: str) -> Link:
    """The one bundle that a commit adds to the tree `before`. Raises StoreError when it does anything else."""
    command = ("diff-tree", "-r", "-z", "--no-renames", "--no-commit-id", "--name-status")
    told = repository.git(*command, before, commit) if before else repository.git(*command, "--root", commit)
    fields = [field.decode("utf-8", "replace") for field in told.split(b"\0")[:-1]]
    if len(fields) != 2 or fields[0] != "A" or not chain.NAME.fullmatch(fields[1]):
        raise StoreError(f"a commit of the chain does something else than add one bundle: {' '.join(fields)[:300] or 'nothing'}")
    path = fields[1]
    size = int(repository.git("cat-file", "-s", f"{commit}:{path}"))
    if size > evidence.MAX_BYTES:
        raise StoreError(f"{path} is too large: {size} bytes")
    data = repository.git("cat-file", "blob", f"{commit}:{path}")
    bundle = evidence.read(data)
    if path != f"{evidence.FOLDER}/{evidence.name(bundle)}":
        raise StoreError(f"{path} holds the bundle that belongs to {evidence.FOLDER}/{evidence.name(bundle)}")
    return Link(path.rpartition("/")[2], data, bundle)


def without_git(folder: Path) -> tuple[Link, ...]:
    """The bundles as they lie beside a chain that is gone, in their order. `folder`: the project's."""
    found = {}
    for path in sorted((folder / evidence.FOLDER).glob("*.json")):
        try:
            data = read_file(path)
            bundle = evidence.read(data)
        except OrchestratorError:
            continue
        found[bundle.previous] = Link(path.name, data, bundle)
    ordered: list[Link] = []
    while (link := found.pop(ordered[-1].bundle.hash if ordered else "", None)) is not None:
        ordered.append(link)
    return (*ordered, *found.values())


def files(folder: Path, known: tuple[Link, ...]) -> Iterator[Flaw]:
    """The bundles on disk are those of the chain. `folder`: the project's."""
    expected = {link.name: link for link in known}
    place = folder / evidence.FOLDER
    for path in sorted(place.iterdir()) if place.is_dir() else ():
        where = f"{evidence.FOLDER}/{path.name}"
        link = expected.pop(path.name, None)
        if path.name.startswith(".") and path.name.endswith(".part"):
            continue
        try:
            data = read_file(path)
            if link is None:
                yield Flaw("unknown-evidence", "this bundle is not in the chain: no run has written it", where)
            elif data != link.data:
                yield Flaw("changed-evidence", "the bundle is not what the chain holds: " + _changed(data, link), where)
        except OrchestratorError as error:
            yield Flaw("unreadable", error.message, where)
    for name in expected:
        yield Flaw("missing-evidence", "the bundle is in the chain, its file is gone", f"{evidence.FOLDER}/{name}")


def _changed(data: bytes, link: Link) -> str:
    try:
        evidence.read(data)
        word = "its hash was made to fit"
    except StoreError as error:
        word = error.message
    try:
        differing = list(differences(json.loads(link.data), json.loads(data)))
    except (ValueError, RecursionError):
        return word
    fields = [difference.where for difference in differing if difference.where != "hash"]
    return f"{', '.join(fields[:TOLD])} changed; {word}" if fields else word


# --- reading -------------------------------------------------------------------------------------------------------------


def plain(path: Path) -> int:
    """The size of a plain file. Raises StoreError for anything else: a link, a pipe, nothing."""
    try:
        status = path.lstat()
    except OSError as error:
        raise StoreError(error.strerror or str(error)) from None
    if not stat.S_ISREG(status.st_mode):
        raise StoreError("not a plain file")
    return status.st_size


def read_file(path: Path) -> bytes:
    """A plain file of sensible size. Raises StoreError."""
    if (size := plain(path)) > evidence.MAX_BYTES:
        raise StoreError(f"too large: {size} bytes")
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(error.strerror or str(error)) from None


def report(path: Path, kind: type[R]) -> R:
    """A report of this version. Raises StoreError naming the field that is wrong."""
    try:
        return kind.model_validate_json(read_file(path))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        raise StoreError(f"not a report of this version: {'.'.join(map(str, problem['loc']))[:200]}: {problem['msg'][:200]}") from None


@dataclass(frozen=True)
class Difference:
    where: str
    recorded: str
    found: str


def differences(recorded: Any, found: Any, where: str = "") -> Iterator[Difference]:
    """Each place where two JSON values differ, as a dotted path."""
    if isinstance(recorded, dict) and isinstance(found, dict):
        for key in sorted({*recorded, *found}):
            yield from differences(recorded.get(key), found.get(key), f"{where}.{key}" if where else str(key))
    elif isinstance(recorded, list) and isinstance(found, list) and len(recorded) == len(found):
        for number, (first, second) in enumerate(zip(recorded, found, strict=True)):
            yield from differences(first, second, f"{where}.{number}")
    elif recorded != found or type(recorded) is not type(found):
        yield Difference(where, _short(recorded), _short(found))


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def _flaws(code: str, file: str, found: Iterator[Difference]) -> Iterator[Flaw]:
    listed = list(found)
    for item in listed[:TOLD]:
        artifact = item.found.startswith("artifacts/")
        message = item.found if artifact else "it is not what the evidence says"
        yield Flaw("changed-artifact" if artifact else code, message, f"{file}: {item.where}", item.recorded, item.found)
    if len(listed) > TOLD:
        yield Flaw(code, f"{len(listed) - TOLD} more fields differ", file)


# --- reports -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reports:
    """What a project's reports say."""

    folder: Path
    project: ProjectReport | None
    runs: dict[str, RunReport]
    flaws: tuple[Flaw, ...]
    """What could not be read, and reports that contradict themselves or each other."""


def reports(folder: Path) -> Reports:
    """All reports of a project, and what is wrong with them by themselves. `folder`: the project's."""
    flaws: list[Flaw] = []
    project: ProjectReport | None = None
    runs: dict[str, RunReport] = {}
    place = folder / "reports"
    for path in sorted(place.glob("*.json")) if place.is_dir() else ():
        try:
            if path.name == "project.json":
                project = report(path, ProjectReport)
            else:
                runs[path.stem] = report(path, RunReport)
                flaws += _itself(path, runs[path.stem])
        except StoreError as error:
            flaws.append(Flaw("unreadable", error.message, f"reports/{path.name}"))
    if project is None and not any(flaw.where.endswith("/project.json") for flaw in flaws):
        flaws.append(Flaw("missing-report", "the project's report is gone", "reports/project.json"))
    for summary in project.runs if project else ():
        told = runs.get(summary.id)
        if told is None:
            if not (place / f"{summary.id}.json").exists():
                flaws.append(Flaw("missing-report", f"the report of the run {summary.id} is gone", f"reports/{summary.id}.json"[:300]))
            continue
        keys = ("id", "started_at", "outcome", "turns", "replayed", "scripted")
        counted = {"done": len({task.id for task in told.tasks if task.state == "done"})}
        for item in differences({key: getattr(told, key) for key in keys} | counted, {key: getattr(summary, key) for key in (*keys, *counted)}):
            message = "project.json says something else of this run than its report"
            flaws.append(Flaw("changed-report", message, f"reports/{told.id}.json: {item.where}", item.recorded, item.found))
    return Reports(folder, project, runs, tuple(flaws))


def _itself(path: Path, found: RunReport) -> Iterator[Flaw]:
    """A run's report is named as it says, its sums fit its tasks, and its JUnit form says the same."""
    file = f"reports/{path.name}"
    turns = [*(each.turn for each in found.planning), *(turn for task in found.tasks for turn in _turns(task))]
    made = {
        "id": path.stem,
        "project": path.parent.parent.name,
        "prds": sorted({prd for parts in _parts(found) for prd in parts}),
        "turns": len(turns),
        "input_tokens": _sum([turn.input_tokens for turn in turns]),
        "output_tokens": _sum([turn.output_tokens for turn in turns]),
        "replayed": any(turn.kind == "recorded" for turn in turns),
        "scripted": any(turn.kind == "scripted" for turn in turns),
    }
    for item in differences(made, {key: getattr(found, key) for key in made}):
        yield Flaw("changed-report", "it does not follow from the report's own tasks", f"{file}: {item.where}", item.recorded, item.found)
    xml = path.with_suffix(".xml")
    if found.tools.get("orchestrator") == __version__ and found.ended_at:
        try:
            if read_file(xml) != junit.junit(found).encode("utf-8"):
                yield Flaw("changed-report", "the JUnit form says something else than the JSON report", f"reports/{xml.name}")
        except StoreError as error:
            yield Flaw("missing-report", f"the JUnit form of the run: {error.message}", f"reports/{xml.name}")


def _parts(found: RunReport) -> Iterator[set[str]]:
    """PRDs of the parts of a run's report that name one."""
    for parts in (found.tasks, found.planning, found.gates, found.validations):
        yield {each.prd for each in parts}


def _turns(task: TaskRunReport) -> list[TurnReport]:
    return [*(turn for answer in (*task.written, *task.attempts) for turn in answer.turns), *(task.tidying.turns if task.tidying else [])]


def _sum(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known or not values else None


def told_done(found: Reports) -> dict[str, str]:
    """Task → where a report says that it is done, now."""
    return {task.id: "reports/project.json" for task in found.project.tasks if task.state == "done"} if found.project else {}


def told_by_runs(found: Reports) -> Iterator[tuple[str, str, str]]:
    """(task, fingerprint, run) of everything a run says was done in it."""
    return ((task.id, task.fingerprint, run) for run, told in found.runs.items() for task in told.tasks if task.state == "done")


def told_proved(found: Reports, known: dict[str, Link]) -> Iterator[Flaw]:
    """Whatever the project's report calls proved is proved by the last bundle of a task that it calls done. `known`: task → that bundle."""
    file = "reports/project.json"
    done = told_done(found)
    for prd in found.project.prds if found.project else ():
        criteria = [(criterion.task or requirement.task, criterion) for requirement in prd.requirements for criterion in requirement.criteria]
        for task, criterion in criteria:
            bundle = known[task].bundle if task in known and task in done else None
            levels = {proof.criterion: proof.level for proof in bundle.judged.proofs} if isinstance(bundle, TaskEvidence) else {}
            if criterion.state == "proved" and levels.get(criterion.id, "none") == "none":
                yield Flaw("missing-evidence", f"it says that {criterion.id} is proved, and no bundle proves it", file)
        complete = bool(criteria) and all(criterion.state == "proved" for _, criterion in criteria)
        if prd.complete != complete:
            message = f"it says complete {prd.complete} of {prd.id}, its criteria say {complete}"
            yield Flaw("changed-report", message, f"{file}: {prd.id}.complete", str(complete), str(prd.complete))


def task_agrees(found: Reports, bundle: TaskEvidence) -> Iterator[Flaw]:
    """The report of the run that judged a task says what the evidence says."""
    file = f"reports/{bundle.run}.json"
    told = found.runs.get(bundle.run)
    if told is None:
        if not any(flaw.where.startswith(file) for flaw in found.flaws):
            yield Flaw("missing-report", f"the report of the run {bundle.run} is gone", file)
        return
    entries = [task for task in told.tasks if task.id == bundle.task.id and task.fingerprint == bundle.judged.fingerprint]
    if not entries:
        yield Flaw("changed-report", f"the run's report says nothing of {bundle.task.id}", f"{file}: tasks", bundle.judged.fingerprint)
        return
    entry = entries[-1]
    try:
        said = evidence.judged(entry, found.folder).model_dump(mode="json")
    except (ValidationError, OSError, StoreError) as error:
        yield Flaw("changed-report", f"the run's report of {bundle.task.id} is not what a run writes: {str(error).splitlines()[0][:200]}", file)
        return
    yield from _flaws("changed-report", file, differences(bundle.judged.model_dump(mode="json"), said, f"tasks[{bundle.task.id}]"))
    facts = {
        "state": ("done", entry.state),
        "requirements": ([requirement.id for requirement in bundle.task.requirements], entry.requirements),
        "prd": (bundle.prd, entry.prd),
        "commits": ([[commit.id, commit.kind, commit.subject, f"prd/{bundle.prd}"] for commit in bundle.commits], _commits(entry, bundle)),
        "started_at": (bundle.started_at, entry.started_at),
        "evidence": (evidence.path_of(bundle.task.id, bundle.judged.fingerprint, bundle.cycle), entry.evidence),
    }
    states = ("produced", "running") if told.outcome == "interrupted" else ()  # integrated by the run after it
    recorded = {key: value[0] for key, value in facts.items() if not (entry.state in states and key in ("state", "commits", "evidence"))}
    yield from _flaws("changed-report", file, differences(recorded, {key: facts[key][1] for key in recorded}, f"tasks[{bundle.task.id}]"))
    run = {"sandbox": bundle.sandbox, "sandbox_reasons": bundle.sandbox_reasons}
    yield from _flaws("changed-report", file, differences(run, {key: getattr(told, key) for key in run}))


def _commits(entry: TaskRunReport, bundle: TaskEvidence) -> list[list[str]]:
    """Those of the report without the commits of other times when the same wording was worked on."""
    known = {commit.id for commit in bundle.commits}
    mine = [commit for commit in entry.commits if commit.id in known or len(entry.commits) <= len(known)]
    return [[commit.id, commit.kind, commit.subject, commit.branch] for commit in mine]


def project_agrees(found: Reports, bundle: TaskEvidence, commits: frozenset[str]) -> Iterator[Flaw]:
    """The project's report says of a done task what its evidence says. `commits`: all that the chain knows of the task and of its PRD."""
    if found.project is None or bundle.run not in {run.id for run in found.project.runs if run.outcome != "interrupted"}:
        return
    file = "reports/project.json"
    state = next((task.state for task in found.project.tasks if task.id == bundle.task.id), "")
    if state != "done":
        yield Flaw("changed-report", f"it does not say that {bundle.task.id} is done", f"{file}: tasks[{bundle.task.id}].state", "done", state)
        return
    criteria = {criterion.id: criterion for prd in found.project.prds for requirement in prd.requirements for criterion in requirement.criteria}
    for proof in bundle.judged.proofs:
        told = criteria.get(proof.criterion)
        if told is None or proof.level == "none":
            continue
        recorded = {"state": "proved", "level": proof.level, "tests": proof.tests}
        yield from _flaws("changed-report", file, differences(recorded, {key: getattr(told, key) for key in recorded}, proof.criterion))
        wrong = ({*told.commits} - commits) | ({commit.id for commit in bundle.commits} - {*told.commits})
        if wrong:
            where = f"{file}: {proof.criterion}.commits"
            yield Flaw("changed-report", "the commits are not those of the evidence", where, found=", ".join(sorted(wrong))[:300])


# --- the database ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    state: str
    fingerprint: str
    task: Task


def database(folder: Path) -> tuple[dict[str, Row], tuple[Flaw, ...]]:
    """Task → what the database says of it; {} where there is none. `folder`: the project's."""
    path = folder / "project.sqlite"
    if not path.exists():
        return {}, ()
    try:
        plain(path)
        if why := health.database(folder):
            return {}, (Flaw("unreadable", f"{why}; `orchestrator doctor --rebuild` makes it anew", "project.sqlite"),)
        with Store(folder, read_only=True) as store:
            return {row.id: Row(row.state, row.fingerprint, row.task) for row in store.tasks()}, ()
    except (StoreError, sqlite3.Error, ValueError, TypeError) as error:
        return {}, (Flaw("unreadable", f"the database cannot be read: {str(error).splitlines()[0][:300]}", "project.sqlite"),)


def database_agrees(folder: Path, bundle: TaskEvidence, row: Row) -> Iterator[Flaw]:
    """The database says of a done task what its evidence says."""
    try:
        with Store(folder, read_only=True) as store:
            entry = next((item for item in store.results_for(row.task.id, row.fingerprint) if item.cycle == bundle.cycle), None)
            entry = entry or store.result(row.task.id, row.fingerprint)
            proofs = light.proved(store, row.task.id, row.fingerprint)
            commits = {commit.id for _, commit, _ in store.commits(row.task.id)}
    except (StoreError, sqlite3.Error, ValueError, TypeError) as error:
        yield Flaw("unreadable", f"the database cannot be read: {str(error).splitlines()[0][:300]}", "project.sqlite")
        return
    if entry is None:
        yield Flaw("changed-database", f"it holds no result of {row.task.id} as it is worded", "project.sqlite: results")
        return
    judged = bundle.judged
    held = {
        "fingerprint": row.fingerprint,
        "run": entry.run,
        "verdict": entry.result.verdict,
        "base_tree": entry.result.base_tree,
        "red_tree": entry.red_tree,
        "green_tree": entry.green_tree,
        "tidied_tree": entry.tidied_tree,
        "tests": [[change.path, change.text] for change in entry.result.tests],
        "findings": [[finding.gate, finding.message] for answer in entry.result.attempts for finding in answer.findings],
        "proofs": sorted([proof.criterion, proof.level] for proof in entry.result.proofs),
        "current proofs": sorted([proof.criterion, proof.level] for proof in proofs if proof.criterion in {item.criterion for item in judged.proofs}),
        "commits": sorted({commit.id for commit in bundle.commits} & commits),
        "examples": _examples(row.task),
    }
    recorded = {
        "fingerprint": judged.fingerprint,
        "run": bundle.run,
        "verdict": judged.verdict,
        "base_tree": judged.base_tree,
        "red_tree": judged.red_tree,
        "green_tree": judged.green_tree,
        "tidied_tree": judged.tidied_tree,
        "tests": [[test.path, test.text] for test in judged.tests],
        "findings": [[finding.gate, finding.message] for answer in judged.attempts for finding in answer.findings],
        "proofs": sorted([proof.criterion, proof.level] for proof in judged.proofs),
        "current proofs": sorted([proof.criterion, proof.level] for proof in judged.proofs),
        "commits": sorted(commit.id for commit in bundle.commits),
        "examples": _examples(bundle.task),
    }
    yield from _flaws("changed-database", "project.sqlite", differences(recorded, held, row.task.id))


def _examples(task: Task) -> list[list[Any]]:
    """What the examples say, without their lines, which move."""
    return [
        [item.id, list(item.setup), item.call, item.compare, item.expected, item.raises, item.stdin, item.exit_code, item.held_out]
        for item in task.examples
    ]


# --- the git bundle ----------------------------------------------------------------------------------------------------------


def packed(path: Path, heads: dict[str, str], repository: Repository, told: dict[str, str] | str) -> Iterator[Flaw]:
    """The git bundle holds the history of the repository. `heads`: the repository's refs; `told`: the bundle's, or why they cannot be had."""
    where = f"artifacts/{path.name}"
    if isinstance(told, str):
        yield Flaw("changed-bundle", f"the git bundle cannot be read: {told[:300]}", where)
        return
    for ref in sorted({*heads, *told}):
        here, there = heads.get(ref, ""), told.get(ref, "")
        if here == there:
            continue
        if here and (not there or _is_older(repository, there, here)):
            yield Flaw("outdated-bundle", f"{ref} has moved on since; the next run brings the bundle up to date", where, there, here, "notice")
        else:
            yield Flaw("changed-bundle", f"{ref} of the git bundle is not in the repository's history", where, here, there)


def _is_older(repository: Repository, older: str, newer: str) -> bool:
    try:
        return not repository.log(older, f"^{newer}")
    except GitError:
        return False
