"""What a site is made from: the working folder's own runs, other folders of runs, and published sites."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.show import gather

if TYPE_CHECKING:
    from orchestrator.config import Config
    from orchestrator.show.federation.sources import Source

CACHE = ".sources"
"""Under the folder of runs: what published sites said last."""


class Found(NamedTuple):
    projects: list[gather.ProjectFiles]
    """The site's own first, then those of other folders, `team-b/fares`."""
    sources: list[Source]
    """Everything that `site.from` names, in that order."""


def found(root: Path, config: Config) -> Found:
    """Reads folders and asks published sites; what cannot be had is a source with a problem, never an error."""
    runs = config.folder(root, "runs")
    own = gather.projects(runs, runs / gather.SEEN)
    if not config.site.from_:
        return Found(own, [])
    from orchestrator.show.federation import published, sources

    named = {where: name for where, name in sources.labels(config.site.from_).items() if not _same(root / where, runs)}
    asked = {where: name for where, name in named.items() if sources.is_address(where)}
    answers = dict(zip(asked, published.read(asked, runs / CACHE, config.site.source_seconds), strict=True))
    projects, told = own, []
    for where, name in named.items():
        if where in answers:
            told.append(answers[where])
            continue
        folder = _runs(root / where)
        problem = _problem(folder)
        theirs = [] if problem else gather.projects(folder, runs / gather.SEEN, name)
        projects = [*projects, *theirs]
        told.append(sources.Source(name, where, problem or ("" if theirs else "nothing has run there yet"), None))
    return Found(projects, told)


def is_away(project: str, sources: Sequence[Source]) -> bool:
    """Whether a project is of a folder that cannot be read now: its pages stay as they are."""
    source, slash, _ = project.partition("/")
    return bool(slash) and any(each.label == source and each.problem and not each.published for each in sources)


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other) or (one / "runs").samefile(other)
    except (OSError, ValueError):
        return False


def _runs(folder: Path) -> Path:
    """A working folder stands for its `runs`."""
    return folder / "runs" if (folder / "runs").is_dir() and not any(folder.glob("*/reports")) else folder


def _problem(folder: Path) -> str:
    """Why a folder of runs cannot be read; '' where it can."""
    try:
        for reports in folder.iterdir():
            (reports / "reports").is_dir()
    except FileNotFoundError:
        return "there is no such folder"
    except (OSError, ValueError) as error:
        return f"it cannot be read: {getattr(error, 'strerror', None) or error}"
    return ""
