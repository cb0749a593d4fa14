"""build(): runs/ in, a static site out. The same inputs give the same bytes, and what did not change is left alone.

What the site is made of stands in parts.py: a new page is a module of its own, a template, its address, and a part there.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.show import addresses, gather, installations, parts
from orchestrator.show.builder import Builder
from orchestrator.show.shell import chrome

if TYPE_CHECKING:
    from orchestrator.config import Config


def build(root: Path, config: Config) -> Path:
    """Bring the site of a working folder up to date; returns its index.html.

    Raises UsageError when the site's folder holds an index.html that this function did not write, SetupError when MkDocs cannot run.
    """
    runs = config.folder(root, "runs")
    found = installations.found(root, config)
    builder = Builder(runs, config.folder(root, "site"), chrome(root / "mkdocs.yml", runs / ".chrome"), config.site.url, found.sources)
    summaries = {project.name: _project(builder, project) for project in found.projects}
    for name, site_part in parts.SITE.items():
        builder.part(name, site_part(builder, summaries))
    builder.part("search", parts.search(builder))
    builder.finish()
    return builder.site / addresses.OVERVIEW


def _project(builder: Builder, project: gather.ProjectFiles) -> dict[str, Any]:
    """All parts of a project: run → digest, digests → summary."""
    digests = {run.id: builder.part(f"run {project.name}/{run.id}", parts.run(builder, project, run))["digest"] for run in project.runs}
    found: dict[str, Any] = {}
    for name, project_part in parts.PROJECT.items():
        found |= builder.part(f"{name} {project.name}", project_part(builder, project, digests))
    summary: dict[str, Any] = found["summary"]
    return summary
