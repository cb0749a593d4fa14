"""Reads everything a site is made from under `runs/`; what cannot be read is a value that a page can show, never an exception."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from orchestrator.show.build.bounded import bounded, suspicious
from orchestrator.show.build.seen import Seen

if TYPE_CHECKING:
    from orchestrator.save.reports import Report, Text

PROJECT = "project.json"
SEEN = ".site/seen"
"""Under the folder of runs: what files held when they were last read."""
LIMIT = 64 * 1024
"""Characters of a long text shown at each end; the whole is linked."""


class Cut(NamedTuple):
    """How much of what it is about a page shows."""

    characters: int
    """Of a long text, at each end; the whole is linked."""
    rows: int
    """Of a list; what is left out is counted, and in the report."""


CUTS = (Cut(LIMIT, 1000), Cut(8192, 200), Cut(2048, 100), Cut(512, 40), Cut(100, 10))
"""From nearly everything to little: a page takes the first with which it is not too large."""


class Unreadable(NamedTuple):
    path: str
    """Relative to the folder of runs."""
    why: str


class RunFiles(NamedTuple):
    id: str
    """The stem of the report's file: the run's identity for the site."""
    report: Path
    junit: Path | None
    log: Path | None
    """What the run told while it worked."""
    key: str
    """Of all that its pages are made from."""
    before: Path | None = None
    """The report of the run before it; None where it is the first that is kept."""


class ProjectFiles(NamedTuple):
    name: str
    """The folder's name: the project's identity for the site. Of another installation: `<source>/<folder's name>`."""
    folder: Path
    report: Path
    key: str
    runs: tuple[RunFiles, ...]
    """Newest first."""
    source: str = ""
    """The label of the installation that it comes from, '' for the site's own."""


class Shown(NamedTuple):
    """A Text of a report as a page shows it."""

    head: str
    tail: str = ""
    left_out: int = 0
    """Characters between head and tail that are only in the whole."""
    whole: str = ""
    """Artifact name under which the site keeps the whole, '' when `head` is everything."""
    missing: bool = False
    """The artifact is not there any more; `head` is what the report itself holds."""


R = TypeVar("R", bound="Report")


def read(path: Path, model: type[R], runs: Path) -> R | Unreadable:
    """The report in a file, or why there is none."""
    from pydantic import ValidationError

    from orchestrator.save.reports import VERSION

    where = path.relative_to(runs).as_posix()
    try:
        data = path.read_bytes()
    except OSError as error:
        return Unreadable(where, error.strerror or type(error).__name__)
    try:
        report = model.model_validate_json(data)
    except (ValidationError, RecursionError, ValueError) as error:
        newer = _version(data)
        if newer > VERSION:
            return Unreadable(where, f"written by a newer orchestrator (report version {newer}, this one reads up to {VERSION})")
        return Unreadable(where, _reason(error))
    version = getattr(report, "version", VERSION)
    if version > VERSION:
        return Unreadable(where, f"written by a newer orchestrator (report version {version}, this one reads up to {VERSION})")
    return bounded(report) if suspicious(data) else report


def _version(data: bytes) -> int:
    import json

    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return 0
    version = value.get("version") if isinstance(value, dict) else None
    return version if isinstance(version, int) and not isinstance(version, bool) else 0


def _reason(error: Exception) -> str:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return f"{type(error).__name__}: {error}"[:300]
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    first = problems[0]
    place = ".".join(str(part) for part in first["loc"])
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return (f"{place}: " if place else "") + first["msg"] + more


def projects(runs: Path, cache: Path, source: str = "") -> list[ProjectFiles]:
    """Every folder under `runs/` that holds reports, by name. `cache` keeps what files held when they were last read; `source`: the label of another
    installation."""
    if not runs.is_dir():
        return []
    found = []
    for folder in sorted(runs.iterdir(), key=lambda path: path.name):
        reports = folder / "reports"
        if folder.name.startswith(".") or not reports.is_dir():
            continue
        files = {entry.name: entry.hash for entry in Seen(cache, reports).entries((".json", ".xml", ".jsonl"))}
        stems = sorted((name.removesuffix(".json") for name in files if name.endswith(".json") and name != PROJECT), reverse=True)
        name = f"{source}/{folder.name}" if source else folder.name
        runs_ = tuple(_run(reports, stem, before, files) for stem, before in itertools.zip_longest(stems, stems[1:]))
        found.append(ProjectFiles(name, folder, reports / PROJECT, files.get(PROJECT, "-"), runs_, source))
    return found


def _run(reports: Path, stem: str, before: str | None, files: Mapping[str, str]) -> RunFiles:
    names = [*(f"{stem}{ending}" for ending in (".json", ".xml", ".jsonl")), f"{before}.json"]
    key = hashlib.sha256(" ".join([*(files.get(name, "-") for name in names), before or "-"]).encode("utf-8", "surrogateescape")).hexdigest()
    report, junit, log = (reports / name if name in files else None for name in names[:3])
    assert report is not None
    return RunFiles(stem, report, junit, log, key, None if before is None else reports / f"{before}.json")


def key(*paths: Path) -> str:
    """A hash of the contents of files; one that is not there counts as such."""
    digest = hashlib.sha256()
    for path in paths:
        try:
            digest.update(b"+" + hashlib.sha256(path.read_bytes()).digest())
        except OSError:
            digest.update(b"-")
    return digest.hexdigest()


def artifact(folder: Path, name: str) -> Path | None:
    """The file of an artifact, or None when it is not there or the name leads out of the project's artifacts."""
    path = folder / name
    try:
        inside = path.resolve().is_relative_to((folder / "artifacts").resolve())
        return path if name.startswith("artifacts/") and inside and path.is_file() else None
    except (OSError, ValueError):
        return None


def texts(name: str, folder: Path, used: dict[str, str | Path], cut: Cut = CUTS[0]) -> Callable[[Text], Shown]:
    """How pages of a project read a Text. What a page links as a whole is added to `used`: place in the site → its text, or its file."""

    def shown(text: Text) -> Shown:
        from orchestrator.show import addresses
        from orchestrator.show.text import ends

        if not text.artifact:
            found = Shown(*ends(text.inline, cut.characters))
            if not found.left_out:
                return found
            whole = f"{hashlib.sha256(text.inline.encode('utf-8', 'replace')).hexdigest()}.txt"
            used[addresses.text(name, whole)] = text.inline
            return found._replace(whole=whole)
        path = artifact(folder, text.artifact)
        if path is None:
            return Shown(*ends(text.inline, cut.characters), missing=True)
        used[addresses.text(name, text.artifact)] = path
        size = path.stat().st_size
        if size <= 8 * LIMIT:
            return Shown(*ends(path.read_bytes().decode("utf-8", "replace"), cut.characters), whole=text.artifact)
        with path.open("rb") as file:
            head = file.read(cut.characters)
            file.seek(-cut.characters, 2)
            tail = file.read()
        return Shown(head.decode("utf-8", "replace"), tail.decode("utf-8", "replace"), size - 2 * cut.characters, text.artifact)

    return shown
