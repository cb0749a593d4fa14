"""The folder of PRDs → what can be run, what was set aside, and why. Reads what is there now; waiting is the watcher's."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from orchestrator.config import Config
from orchestrator.inbox import committed, contradictions, forms, targets
from orchestrator.inbox.markdown import Reading
from orchestrator.inbox.names import cycles, did_you_mean
from orchestrator.model import Prd, Problem
from orchestrator.settings.deliver import HOWS, chosen


@dataclass(frozen=True)
class File:
    """One PRD file, whether it could be read or not."""

    path: str
    """Relative to the working folder, with `/`."""
    fingerprint: str
    """SHA-256 of its bytes, '' when they could not be read."""
    state: Literal["accepted", "draft", "set aside", "waiting"]
    """`waiting`: it is not committed, or not as it stands there (`inbox.take: committed`)."""
    prd_id: str = ""
    """'' when nothing could be read, as are the project and the title."""
    project: str = ""
    title: str = ""
    requirements: int = 0
    criteria: int = 0
    examples: int = 0


@dataclass(frozen=True)
class Scan:
    prds: tuple[Prd, ...]
    """Those without errors, drafts too, in the order of their paths."""
    problems: tuple[Problem, ...]
    """By path, then line."""
    files: tuple[File, ...]


def fresh(text: str, path: str, name: str, fingerprint: str) -> Reading:
    """What a file of these bytes says, examples that contradict each other among its problems. `name`: the id it had, else ''."""
    reading = forms.read(text, path, name)
    hint = "change one of them; until then its requirement needs a person"
    found = [Problem(path, each.second.line, "contradiction", _asks_the_same(*each.lines), hint, "note") for each in contradictions.find(reading.prd)]
    return replace(reading, problems=(*reading.problems, *found))


def _asks_the_same(first: int, second: int) -> str:
    return f"the examples on lines {first} and {second} ask the same and expect different answers"


@dataclass(frozen=True)
class Known:
    """What earlier runs know of the files. An id that came from a file's name outlives a rename of the file."""

    by_path: Mapping[str, str]
    """Path → PRD id."""
    by_fingerprint: Mapping[str, tuple[str, str]]
    """Fingerprint → (path, PRD id)."""
    read: Callable[[str, str, str, str], Reading] = fresh
    """`fresh`, or what gives the same more quickly: (text, path, id it had, fingerprint) → Reading."""

    def name(self, path: str, present: Mapping[str, str]) -> tuple[str, str]:
        """(id the file had, its old path when it was renamed); '' where nothing is known. `present`: path → fingerprint of the files as they are now.

        Files that have changed places are renamed, each: a file was another's when it has the bytes that the other had, and the other is gone, or
        was renamed itself. One that was edited keeps its path, and so its id.
        """
        old, name = self._was(path, present)
        if old == path or (path in self.by_path and not self._moved(path, present)):
            return self.by_path.get(path, name), ""
        return ("", "") if old in present and not self._moved(path, present) else (name, old)

    def _was(self, path: str, present: Mapping[str, str]) -> tuple[str, str]:
        return self.by_fingerprint.get(present.get(path, ""), ("", ""))

    def _moved(self, path: str, present: Mapping[str, str]) -> bool:
        looked: set[str] = set()
        while path in present and path not in looked:
            looked.add(path)
            old, _ = self._was(path, present)
            if not old or old == path:
                return False
            path = old
        return True


NOTHING_KNOWN = Known({}, {})


@dataclass
class _Entry:
    path: str
    fingerprint: str = ""
    reading: Reading | None = None
    problems: list[Problem] | None = None
    waits: bool = False
    """There is something that is not committed."""

    def say(self, code: str, message: str, hint: str = "", line: int = 0, error: bool = True) -> None:
        self.problems = [*(self.problems or ()), Problem(self.path, line, code, message, hint, "error" if error else "note")]

    @property
    def ok(self) -> bool:
        return self.reading is not None and not any(problem.severity == "error" for problem in self.problems or ())

    def line_of(self, key: str) -> int:
        return self.reading.lines.get(key, 0) if self.reading else 0


def scan(root: Path, config: Config, known: Known = NOTHING_KNOWN) -> Scan:
    """Reads every PRD under `config.prds`. `root` is the working folder; nothing is written, moved or followed out of the folder."""
    folder = config.folder(root, "prds")
    entries: list[_Entry] = []
    notes: list[Problem] = []
    if not folder.is_dir():
        hint = "make it, or name another under `prds` in orchestrator.yaml; `orchestrator init` makes a working folder"
        return Scan((), (Problem(_shown(folder, root), 0, "no-folder", "there is no folder of PRDs here", hint, "note"),), ())
    paths, head = list(_found(folder)), None
    if config.inbox.take == "committed":
        head = committed.read(folder, config.inbox.max_bytes)
        paths = sorted({*paths, *(folder / name for name in {*head.files, *head.links} if _counts(name))})
    read: list[tuple[_Entry, bytes | None]] = []
    for path in paths:
        shown = _shown(path, root)
        if _stays_inside(path, folder):
            message = "a symbolic link within the folder is not followed: what it leads to is read where it is"
            notes.append(Problem(shown, 0, "symlink-inside", message, severity="note"))
            continue
        entry = _Entry(shown)
        limit = config.inbox.max_bytes
        read.append(
            (entry, _bytes(path, limit, entry) if head is None else _committed(path, path.relative_to(folder).as_posix(), head, entry, limit))
        )
    present = {entry.path: entry.fingerprint for entry, data in read if data is not None}
    for entry, data in read:
        if data is not None:
            _read(data, entry, known, present)
        if other := [problem for problem in entry.problems or () if problem.code == forms.NO_PRD]:
            notes += other
            continue
        if entry.reading:
            _check_configured(entry, entry.reading.prd, root, config)
        entries.append(entry)
    _check_each_other(entries)
    problems = [*notes, *(problem for entry in entries for problem in entry.problems or ())]
    problems.sort(key=lambda problem: (problem.path, problem.line, problem.severity, problem.code))
    prds = tuple(entry.reading.prd for entry in entries if entry.ok and entry.reading)
    return Scan(prds, tuple(problems), tuple(_file(entry) for entry in entries))


def _file(entry: _Entry) -> File:
    if entry.reading is None:
        return File(entry.path, entry.fingerprint, "waiting" if entry.waits else "set aside")
    prd = entry.reading.prd
    criteria = [criterion for requirement in prd.requirements for criterion in requirement.criteria]
    return File(
        path=entry.path,
        fingerprint=entry.fingerprint,
        state="waiting" if entry.waits else "set aside" if not entry.ok else "draft" if prd.draft else "accepted",
        prd_id=prd.id,
        project=prd.project,
        title=prd.title,
        requirements=len(prd.requirements),
        criteria=len(criteria),
        examples=sum(len(criterion.examples) for criterion in criteria),
    )


def _shown(path: Path, root: Path) -> str:
    shown = path.relative_to(root) if path.is_relative_to(root) else path
    return shown.as_posix().encode("utf-8", "replace").decode("utf-8")


def takes(name: str) -> bool:
    """Whether a file of this name may be a PRD: no README, nothing hidden, nothing an editor leaves behind."""
    stem, suffix = os.path.splitext(name)  # noqa: PTH122  a name, not a path
    return suffix.lower() in forms.ALL and not name.startswith((".", "~", "#")) and stem.lower() != "readme"


def _found(folder: Path) -> Iterator[Path]:
    """Candidates below the folder in the order of their paths. Folders that are links are yielded, not entered."""
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        here = Path(place)
        found += [here / name for name in files if takes(name)]
        found += [here / name for name in folders if (here / name).is_symlink()]
    yield from sorted(found)


def _stays_inside(path: Path, folder: Path) -> bool:
    """Whether the path is a link to something that is found in the folder anyway."""
    try:
        return path.is_symlink() and path.resolve(strict=True).is_relative_to(folder.resolve())
    except (OSError, RuntimeError):
        return False


def _counts(name: str) -> bool:
    """Whether a path of a commit may be a PRD: as `_found` has it."""
    *folders, last = name.split("/")
    return takes(last) and not any(each.startswith(".") for each in folders)


def _bytes(path: Path, limit: int, entry: _Entry) -> bytes | None:
    """What lies on the disk; None when the entry says why that cannot be had."""
    try:
        if path.is_symlink() and not path.exists():
            entry.say("unreadable", "a symbolic link to nothing")
            return None
        if path.is_symlink():
            entry.say("symlink-outside", "a symbolic link that leads out of the folder is not followed", "put the file itself here")
            return None
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            entry.say("not-a-file", "this is not a plain file")
            return None
        if status.st_size > limit:
            _say_too_large(entry, status.st_size, limit)
            return None
        data = path.read_bytes()
    except OSError as error:
        entry.say("unreadable", f"cannot be read: {error.strerror or error}")
        return None
    entry.fingerprint = hashlib.sha256(data).hexdigest()
    return data


def _committed(path: Path, name: str, head: committed.Head, entry: _Entry, limit: int) -> bytes | None:
    """What HEAD has under that name; None when it has nothing there that could be read, and the entry says so."""
    if name in head.links:
        entry.say("symlink-outside", "a symbolic link is not followed", "put the file itself here")
        return None
    if name not in head.files:
        _bytes(path, limit, entry)
        entry.waits, entry.problems = True, []
        entry.say("not-committed", "it waits until it is committed (`inbox.take: committed`)", "commit it", error=False)
        return None
    if name in head.modified:
        entry.waits = True
        gone = "it is gone from the folder" if not path.exists() else "it was changed since"
        entry.say("not-committed", f"{gone}, and that waits until it is committed: what HEAD has counts until then", "commit it", error=False)
    data = head.files[name]
    if isinstance(data, int):
        _say_too_large(entry, data, limit)
        return None
    entry.fingerprint = hashlib.sha256(data).hexdigest()
    return data


def _say_too_large(entry: _Entry, size: int, limit: int) -> None:
    entry.say("too-large", f"{size:,} bytes are more than the limit of {limit:,}", "split the PRD, or raise `inbox.max_bytes` in orchestrator.yaml")


def _read(data: bytes, entry: _Entry, known: Known, present: Mapping[str, str]) -> None:
    if (at := data.find(b"\0")) >= 0:
        message = f"this is a binary file: a zero byte at offset {at}"
        entry.say("binary-file", message, "a PRD is text in UTF-8", line=data.count(b"\n", 0, at) + 1)
        return
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}, line {line}"
        entry.say("not-utf-8", message, "save the file as UTF-8", line=line)
        return
    name, old = known.name(entry.path, present)
    entry.reading = known.read(text, entry.path, name, entry.fingerprint)
    entry.problems = [*(entry.problems or ()), *entry.reading.problems]
    if old and entry.reading.prd.id == name:
        entry.say("renamed", f"it was `{old}`; it stays the PRD `{name}`", "nothing is done again", error=False)


def _check_configured(entry: _Entry, prd: Prd, root: Path, config: Config) -> None:
    """What a front matter may say depends on the configuration: it may choose and tighten, never widen."""
    if not targets.allowed(prd.target.repo, root, config.targets):
        message = f"`target.repo` is `{prd.target.repo}`, which no pattern under `targets` in orchestrator.yaml allows"
        entry.say("target-not-allowed", message, f"allowed: {', '.join(config.targets) or 'none'}", entry.line_of("target.repo"))
    for role, ladder in prd.agents:
        for name in ladder:
            if name != "auto" and name not in config.agents:
                message = f"`agents.{role}` names `{name}`, which is not configured{did_you_mean(name, [*config.agents, 'auto'])}"
                known = ", ".join(["auto", *config.agents])
                entry.say("unknown-agent", message, f"known agents: {known}", entry.line_of(f"agents.{role}"))
    attempts, held_out = prd.budget.attempts, prd.gates.held_out
    if attempts is not None and attempts > config.limits.attempts:
        message = f"`budget.attempts` may only tighten: the configured {config.limits.attempts} stays"
        entry.say("not-tighter", message, line=entry.line_of("budget.attempts"), error=False)
    if held_out is not None and held_out < config.gates.held_out:
        message = f"`gates.held_out` may only be raised: the configured {config.gates.held_out} stays"
        entry.say("not-tighter", message, line=entry.line_of("gates.held_out"), error=False)
    for key, asked, set_to in (("coverage", prd.gates.coverage, config.gates.coverage), ("mutation", prd.gates.mutation, config.gates.mutation)):
        if asked is not None and set_to is not None and asked < set_to:
            message = f"`gates.{key}` may only be raised: the configured {set_to} stays"
            entry.say("not-tighter", message, line=entry.line_of(f"gates.{key}"), error=False)
    if prd.deliver and chosen(config.deliver.how, prd.deliver) != prd.deliver:
        message = f"`deliver` may only tighten: the configured `{config.deliver.how}` stays"
        hint = f"from the tightest to the widest: {', '.join(HOWS)}; `deliver` in orchestrator.yaml says what is allowed"
        entry.say("not-tighter", message, hint, entry.line_of("deliver"), error=False)
    if prd.start == "schedule" and not (prd.schedule or config.schedule.run):
        message = "`start` is `schedule`, and nothing is scheduled: it never begins"
        hint = "give it a `schedule:`, or set `schedule.run` in orchestrator.yaml"
        entry.say("never-begins", message, hint, entry.line_of("start"), error=False)


def _check_each_other(entries: list[_Entry]) -> None:
    texts: dict[str, _Entry] = {}
    ids: dict[str, _Entry] = {}
    for entry in entries:
        if not entry.reading:
            continue
        prd = entry.reading.prd
        if entry.ok and (same := texts.setdefault(entry.fingerprint, entry)) is not entry:
            entry.say("same-text", f"the same text as `{same.path}`, byte for byte", "keep one of the two")
        elif (other := ids.setdefault(prd.id, entry)) is not entry:
            message = f"the PRD `{prd.id}` is also in `{other.path}`, which is the one that is read"
            entry.say("duplicate-prd", message, "give this one another `id:`", entry.line_of("id"))
    targeted: dict[str, _Entry] = {}
    for entry in entries:
        if entry.reading and entry.ok:
            prd = entry.reading.prd
            first = targeted.setdefault(prd.project, entry)
            theirs = first.reading.prd.target.repo if first.reading else ""
            if prd.target.repo != theirs:
                message = (
                    f"project `{prd.project}` has the target `{theirs or 'a new repository'}` by `{first.path}`, here `{prd.target.repo or 'none'}`"
                )
                entry.say("different-target", message, "PRDs of one project share one repository", entry.line_of("target.repo"))
    for entry in entries:
        if entry.reading:
            _check_dependencies(entry, entry.reading, ids)
    edges = {name: entry.reading.prd.depends_on for name, entry in ids.items() if entry.reading}
    for cycle in cycles(edges):
        for place, name in enumerate(cycle):
            around = " → ".join((*cycle[place:], *cycle[:place], name))
            entry = ids[name]
            message = f"PRDs depend on each other in a circle: {around}"
            entry.say("dependency-cycle", message, "take one of them out of `depends_on`", entry.line_of("depends_on"))


def _check_dependencies(entry: _Entry, reading: Reading, ids: dict[str, _Entry]) -> None:
    line = entry.line_of("depends_on")
    for name in reading.prd.depends_on:
        if name == reading.prd.id:
            entry.say("self-dependency", f"`{name}` depends on itself", "take it out of `depends_on`", line)
        elif name not in ids:
            message = f"`depends_on` names `{name}`, which is no PRD in this folder{did_you_mean(name, ids)}"
            entry.say("unknown-dependency", message, f"known PRDs: {', '.join(sorted(ids))}", line)
