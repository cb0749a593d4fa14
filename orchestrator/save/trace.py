"""From any requirement, criterion, task, test, file or commit to all the others.

The reports say what belongs together; git says which files a commit made or changed.
"""

from __future__ import annotations

from pathlib import Path

from orchestrator.config import Config
from orchestrator.errors import StoreError, UsageError
from orchestrator.run.git import Repository
from orchestrator.save.links import Told, Trace, TraceLink, links, matches, near
from orchestrator.save.reports import ProjectReport


def trace(root: Path, config: Config, what: str) -> Trace:
    """Everything that belongs to `what`; all of it when that is ''. Raises UsageError when nothing does."""
    found: list[TraceLink] = []
    for path in sorted(config.folder(root, "runs").glob("*/reports/project.json")):
        try:
            report = ProjectReport.model_validate_json(path.read_bytes())
        except (OSError, ValueError) as error:
            raise StoreError(f"{path}: not a report of this version", hint="the next `orchestrator run` writes it anew") from error
        found += links(report, _told(path.parent.parent / "repo.git", report))
    chosen = [link for link in found if matches(link, what)] if what else found
    if what and not chosen:
        raise UsageError(f"{what}: no requirement, criterion, task, test, file or commit of that name", hint=near(found, what))
    return Trace(what=what, links=chosen)


def _told(path: Path, report: ProjectReport) -> Told:
    commits = dict.fromkeys(commit for prd in report.prds for item in prd.requirements for criterion in item.criteria for commit in criterion.commits)
    return Repository(path).told(tuple(commits)) if commits and (path / "HEAD").exists() else {}
