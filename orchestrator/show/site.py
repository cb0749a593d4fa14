"""build(): runs/ in, a static site out. The same inputs give the same bytes, and what did not change is neither read nor written.

What the site is made of stands in parts.py: a new page is a module of its own, a template, its address, and a part there. Each project's folder
has a manifest of its own, and that of the site keeps a summary of each, so that a build reads nothing of a project whose reports are the same.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import UsageError
from orchestrator.show import addresses, gather
from orchestrator.show.build import own, parts
from orchestrator.show.build.builder import Builder, Settings
from orchestrator.show.build.manifest import FILE, UNFINISHED, Manifest, announce, finished, listing
from orchestrator.show.build.shell import chrome, shipped
from orchestrator.show.build.workers import Workers
from orchestrator.show.federation import installations
from orchestrator.show.text import clean

if TYPE_CHECKING:
    from orchestrator.config import Config

log = logging.getLogger(__name__)

CACHE = ".site"
"""Folder of `runs/` with what only makes builds quicker."""


def build(root: Path, config: Config) -> Path:
    """Bring the site of a working folder up to date; returns its index.html. A second build at the same time waits for the first.

    Raises UsageError when the site's folder holds an index.html that this function did not write, SetupError when MkDocs cannot run.
    """
    runs, site = config.folder(root, "runs"), config.folder(root, "site")
    cache = runs / CACHE
    with _alone(cache) as lock:
        _claim(site)
        parts_of = shipped()
        ours = own.own(root, parts_of.templates, parts_of.mkdocs)
        with ThreadPoolExecutor(1) as beside:  # MkDocs is a process of its own: reports are looked at meanwhile
            theming = beside.submit(chrome, ours, runs / ".chrome", config.site.builder)
            files, sources = installations.found(root, config)
        theme = theming.result()
        builder = Builder(runs, site, theme, Settings(config.site.url, ours.templates, config.site.public), sources)
        whole = Manifest(site, site)
        before: Mapping[str, Mapping[str, Any]] = whole.rest.get("projects", {})
        projects = [_Project(builder, each, before.get(each.name, {})) for each in files]
        with Workers(builder, lock, sum(len(project.stale) for project in projects)) as workers:
            for project in projects:
                project.begin(workers)
            known = {project.files.name: project.finish(workers) for project in projects}
        if whole.rest.get("key") == builder.key("site"):
            known |= {name: each for name, each in before.items() if installations.is_away(name, sources)}
        _forget(site, {addresses.folder(name) for name in known})
        summaries = {name: each["summary"] for name, each in known.items()}
        for name, site_part in parts.SITE.items():
            part = site_part(builder, summaries)
            whole.part(name, builder.key(part.key), partial(builder.make, part, site))
        found = [*_search(whole.new.values()), *(entry for each in known.values() for entry in each["search"])]
        part = parts.search(builder, found)
        whole.part("search", builder.key(part.key), partial(builder.make, part, site))
        whole.write(builder.key("site"), projects=known)
        for name in known:
            finished(site / addresses.folder(name))
        finished(site)
        for problem in dict.fromkeys([*(each for part in known.values() for each in part["problems"]), *_problems(whole.new.values())]):
            log.warning("%s; its pages are made by the shipped one", problem)
        for source in sources:
            if source.problem:
                log.warning("%s: %s", clean(source.where), clean(source.problem))
    return site / addresses.OVERVIEW


class _Project:
    """The parts of a project, and what pages of the whole site need of it."""

    def __init__(self, builder: Builder, files: gather.ProjectFiles, before: Mapping[str, Any]) -> None:
        self.builder, self.files = builder, files
        self.folder = builder.site / addresses.folder(files.name)
        self.key = builder.key(files.name, files.key, [[run.id, run.key] for run in files.runs])
        self.known = before if before.get("key") == self.key and self._whole(before) else None
        """What is known of it when nothing of it is to be done."""
        self.manifest: Manifest | None = None
        self.stale: list[gather.RunFiles] = []
        if self.known is None:
            self.manifest = Manifest(builder.site, self.folder)
            self.stale = [run for run in files.runs if not self.manifest.keep(f"run {run.id}", builder.key(run.key))]

    def _whole(self, before: Mapping[str, Any]) -> bool:
        """Whether exactly its files are in its folders, and those it has elsewhere are there."""
        site = self.builder.site
        return _listed(listing(site, addresses.areas(self.files.name))) == before["listing"] and all(
            (site / path).is_file() for path in before["elsewhere"]
        )

    def begin(self, workers: Workers) -> None:
        if self.stale:
            announce(self.folder, ())
            workers.give(self.files, self.stale)

    def finish(self, workers: Workers) -> Mapping[str, Any]:
        """{"key", "listing", "elsewhere", "summary", "search", "problems"}."""
        if self.manifest is None:
            assert self.known is not None
            return self.known
        keys = {run.id: self.builder.key(run.key) for run in self.files.runs}
        for run_id, (files, data) in workers.take(self.files, self.stale):
            self.manifest.put(f"run {run_id}", keys[run_id], files, data)
        digests = {run.id: self.manifest.new[f"run {run.id}"]["data"]["digest"] for run in self.files.runs}
        made: dict[str, Any] = {}
        for name, project_part in parts.PROJECT.items():
            part = project_part(self.builder, self.files, digests)
            made |= self.manifest.part(name, self.builder.key(part.key), partial(self.builder.make, part, self.folder))
        for name, part in parts.project_sheets(self.builder, self.files, digests):
            self.manifest.part(name, self.builder.key(part.key), partial(self.builder.make, part, self.folder))
        self.manifest.write(self.key)
        names = sorted({name for part in self.manifest.new.values() for name in part["files"]})
        elsewhere = [name for name in names if not name.startswith(addresses.areas(self.files.name))]
        found = _search(part for name, part in self.manifest.new.items() if name in parts.PROJECT)
        problems = _problems(self.manifest.new.values())
        self.manifest = None
        inside = _listed(sorted(set(names) - set(elsewhere)))
        return {"key": self.key, "listing": inside, "elsewhere": elsewhere, "summary": made["summary"], "search": found, "problems": problems}


def _search(made: Any) -> list[list[str]]:
    return [entry for part in made for entry in part["data"].get("search", ())]


def _problems(made: Any) -> list[str]:
    return list(dict.fromkeys(problem for part in made for problem in part["data"].get("problems", ())))


def _listed(names: list[str]) -> str:
    return hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()


def _claim(site: Path) -> None:
    """Raises UsageError when the folder is somebody else's. A new one is claimed at once, so that a build that is killed can be repeated."""
    if (site / FILE).exists() or (site / UNFINISHED).exists():
        return
    if (site / addresses.OVERVIEW).exists():
        raise UsageError(f"{site} holds an index.html of something else", hint="point `site` in orchestrator.yaml to a folder of its own")
    announce(site, ())


def _forget(site: Path, kept: set[str]) -> None:
    """Remove the pages of projects that are no longer there."""
    for folder in sorted(path for path in (site / addresses.PROJECTS).glob("*") if path.is_dir() and path.relative_to(site).as_posix() not in kept):
        gone = Manifest(site, folder)
        if gone.found or gone.begun is not None:
            gone.write("")
            (folder / FILE).unlink(missing_ok=True)
            finished(folder)
            if not any(folder.iterdir()):
                folder.rmdir()


@contextmanager
def _alone(cache: Path) -> Iterator[int | None]:
    """One build at a time; gives the descriptor that holds the lock, None where the platform has none."""
    try:
        import fcntl
    except ImportError:
        yield None
        return
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()
