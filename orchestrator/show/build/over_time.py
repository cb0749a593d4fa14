"""The parts of a site about what changes over time: trends, limits, flaky tests, and two runs compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.show import addresses, gather
from orchestrator.show.build.builder import Builder, Part, Rendered

Digests = Mapping[str, Mapping[str, Any]]
Summaries = Mapping[str, Mapping[str, Any]]


def project_trends(builder: Builder, files: gather.ProjectFiles, digests: Digests) -> Part:
    def made() -> Rendered:
        from orchestrator.show.figures import trends

        page = addresses.trends(files.name)
        body = trends.project_page(builder.env, files.name, digests)
        return Rendered({page: builder.page(page, f"Trends of {files.name}", body)})

    return Part({run: known.get("trend") for run, known in digests.items()}, made)


def project_compare(builder: Builder, files: gather.ProjectFiles, digests: Digests) -> Part:
    def made() -> Rendered:
        from orchestrator.show.figures import compare

        page = addresses.compare(files.name)
        whole = builder.page(page, f"Compare two runs of {files.name}", compare.choose_page(builder.env, files.name))
        return Rendered({page: whole, page.replace("compare.html", "runs.js"): compare.runs(digests)})

    return Part([[run, known["why"], known.get("started_at"), known.get("outcome")] for run, known in digests.items()], made)


def trends(builder: Builder, summaries: Summaries) -> Part:
    def made() -> Rendered:
        from orchestrator.show.figures import trends

        body = trends.page(builder.env, summaries, _limits(builder))
        return builder.tab(addresses.TRENDS, body, "What is proved, what it cost, where time goes, by day")

    told = {name: [summary["days"], summary["stood"]] for name, summary in summaries.items()}
    return Part([gather.key(builder.runs / "limits.json"), told], made)


def limits(builder: Builder, summaries: Summaries) -> Part:
    path = builder.runs / "limits.json"

    def made() -> Rendered:
        from orchestrator.show.figures import limits

        report = _limits(builder)
        body = limits.page(builder.env, report, summaries)
        rendered = builder.tab(addresses.LIMITS, body, "What is spent, booked and left of each budget, breakers, parked tasks")
        return rendered._replace(files={**rendered.files, **builder.copy("limits.json", path, report)})

    return Part([gather.key(path), {name: summary["parked"] for name, summary in summaries.items()}], made)


def _limits(builder: Builder) -> Any:
    """The report of limits, why it cannot be read, or None."""
    from orchestrator.save.limits_report import LimitsReport

    path = builder.runs / "limits.json"
    return builder.read(path, LimitsReport, builder.runs) if path.exists() else None


def flaky(builder: Builder, summaries: Summaries) -> Part:
    def made() -> Rendered:
        from orchestrator.show.figures import flaky

        body = flaky.page(builder.env, summaries)
        return builder.tab(addresses.FLAKY, body, "Tests that gave different results on the same code, and what became of them")

    return Part({name: summary["flaky"] for name, summary in summaries.items()}, made)
