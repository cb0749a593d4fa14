"""The parts of a site that programs read: `api/v1/`, badges and feeds, and the page for people that says what is where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orchestrator.show import addresses, gather
from orchestrator.show.build.builder import Builder, Part, Rendered

if TYPE_CHECKING:
    from orchestrator.save.reports import ProjectReport

Digests = Mapping[str, Mapping[str, Any]]
Summaries = Mapping[str, Mapping[str, Any]]

EVERYTHING = "All projects"


def project(builder: Builder, files: gather.ProjectFiles, digests: Digests) -> Part:
    """The data of a project, its badges and its feed."""

    def made() -> Rendered:
        from orchestrator.save.reports import ProjectReport
        from orchestrator.show.data_api import api, feed
        from orchestrator.show.pictures import badges

        report = builder.read(files.report, ProjectReport, files.folder.parent)
        row = api.project_row(files.name, files.source, report, digests)
        found = api.project(files.name, files.source, report, digests, full=bool(builder.copy("", files.report, report)))
        found |= badges.files(addresses.slug(files.name), files.name, row.totals, row.last_run)
        found[feed.place(files.name)] = feed.feed(feed.entries(files.name, digests), files.name, f"{files.name}: runs", builder.settings.url)
        return Rendered(dict(found))

    return Part([files.key, digests], made)


def known(files: gather.ProjectFiles, report: ProjectReport | gather.Unreadable, digests: Digests) -> dict[str, Any]:
    """What a summary keeps for the data of the whole site: its row in the list of projects, and entries of the feed."""
    from orchestrator.show.data_api import api, feed

    row = api.project_row(files.name, files.source, report, digests)
    return {"row": row.model_dump(mode="json", by_alias=True), "feed": feed.kept(feed.entries(files.name, digests))}


def whole(builder: Builder, summaries: Summaries) -> Part:
    """The index, the list of projects, the schemas, badges and the feed of the whole site, and the page about all of it."""
    from orchestrator import __version__

    def made() -> Rendered:
        from orchestrator.show.data_api import api, data_page, feed
        from orchestrator.show.data_api.api_models import ProjectRow
        from orchestrator.show.data_api.schemas import schema
        from orchestrator.show.pictures import badges

        rows = [ProjectRow.model_validate(summary["row"]) for summary in summaries.values()]
        totals, last = api.whole(rows)
        files = api.index(rows, name=data_page.NAME, generator=f"tdd-orchestrator {__version__}", url=builder.settings.url, reports=schema())
        files |= api.schemas() | badges.files("", EVERYTHING, totals, last)
        entries = feed.latest(entry for name, summary in summaries.items() for entry in feed.given(name, summary["feed"]))
        files[feed.place("")] = feed.feed(entries, "", f"{data_page.NAME}: runs", builder.settings.url)
        title = addresses.TABS[addresses.DATA]
        files[addresses.DATA] = builder.page(addresses.DATA, title, data_page.page(builder.env, rows, builder.settings.url))
        return Rendered(dict(files), {"search": [[addresses.DATA, title, "The JSON files, their schemas, badges and feeds"]]})

    return Part([[summary["row"], summary["feed"]] for summary in summaries.values()] + [__version__], made)
