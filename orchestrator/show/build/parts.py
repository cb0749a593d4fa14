"""What the site is made of: a function for each part, which says what the part is made from (its key) and how it is made.

    RUN       a report → its pages, and a digest: what other pages need to know of the run
    PROJECT   a project's report and the digests of its runs → its pages, and a summary: what pages of the whole site need to know of it
    SITE      the summaries of all projects → pages of the whole site; they never read a report of a project, nor a digest

Digests and summaries are JSON values, and small: they are kept from build to build. Modules that need a template engine or the report
models are imported where a part is made, since most builds make few parts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from orchestrator import save
from orchestrator.show import addresses, gather
from orchestrator.show.build import over_time, sheets
from orchestrator.show.build.builder import Builder, Part, Rendered
from orchestrator.show.data_api import data

Digests = Mapping[str, Mapping[str, Any]]
"""Run id → what `history.digest` made of its report, newest first."""
Summaries = Mapping[str, Mapping[str, Any]]
"""Project → what `summary.summary` made of its report and digests, by name."""

_SAVE = Path(save.__file__).parent


# --- of a run ------------------------------------------------------------------------------------------------------------


def run(builder: Builder, project: gather.ProjectFiles, files: gather.RunFiles) -> Part:
    return Part(files.key, lambda: _run(builder, project, files))


def _run(builder: Builder, project: gather.ProjectFiles, run: gather.RunFiles) -> Rendered:
    from orchestrator.show import history, pages
    from orchestrator.show.data_api import api
    from orchestrator.show.figures import compare

    report = _report(builder, project, run.report)
    page = addresses.run(project.name, run.id)
    junit, log = (None, None) if builder.settings.public else (run.junit, run.log)
    known = history.digest(project.name, run.id, report)
    files: dict[str, str | Path] = {}

    def fitted(place: str, title: str, draw: Callable[[Any, gather.Cut], str]) -> None:
        texts: dict[str, str | Path] = {}

        def drawn(cut: gather.Cut) -> str:
            texts.clear()
            return draw(gather.texts(project.name, project.folder, texts, cut), cut)

        files[place] = builder.fitted(place, title, drawn)
        files.update(texts)

    fitted(
        page,
        f"Run {run.id}, {project.name}",
        partial(pages.run_page, builder.env, project.name, run.id, report, known, bool(junit), bool(log)),
    )
    folder = page.removesuffix(addresses.OVERVIEW)
    copied = builder.copy(folder + "report.json", run.report, report)
    files |= copied
    if junit:
        files[folder + "junit.xml"] = junit
    if log:
        files[folder + "log.jsonl"] = log
    earlier = None if run.before is None else _report(builder, project, run.before)
    facts, before = (_facts(builder, project, path, found) if path else None for path, found in ((run.report, report), (run.before, earlier)))
    if facts is not None:
        files[addresses.facts(project.name, run.id)] = compare.script(facts)
    beside = addresses.compare(project.name, run.id)
    body = compare.run_page(builder.env, project.name, run.id, facts, before, run.before.stem if run.before else "")
    files[beside] = builder.page(beside, f"What changed with run {run.id}, {project.name}", body)
    files |= api.run(project.name, run.id, report, known, full=bool(copied), junit=bool(junit), log=bool(log))
    if not isinstance(report, gather.Unreadable):
        places = history.task_pages(project.name, run.id, report)
        together: dict[str, list[str]] = {}
        for task, place in zip(report.tasks, places, strict=True):
            together.setdefault(task.id, []).append(place)
        for task, place in zip(report.tasks, places, strict=True):
            fitted(place, f"{task.id}: {task.title}", partial(pages.task_page, builder.env, project.name, run.id, task, place, together[task.id]))
            files |= _mutants(builder, project, run.id, task, place)
    return Rendered(files, {"digest": known})


def _mutants(builder: Builder, project: gather.ProjectFiles, run_id: str, task: Any, place: str) -> dict[str, str | Path]:
    """The page of a task's mutants, and what its component shows; nothing where there was no mutant."""
    from orchestrator.show import mutants

    if task.mutation is None or not task.mutation.mutants:
        return {}
    path = gather.artifact(project.folder, task.mutation.elements)
    script = mutants.script(path.read_bytes()) if path and path.stat().st_size <= mutants.LARGEST else ""
    page = addresses.mutants(place)
    body = mutants.page(builder.env, project.name, run_id, task, place, bool(script))
    files: dict[str, str | Path] = {page: builder.page(page, f"Mutants of {task.id}", body, mutants.STYLES if script else ())}
    return files | ({page.removesuffix(".html") + ".js": script} if script else {})


def _report(builder: Builder, project: gather.ProjectFiles, path: Path) -> Any:
    """A run's report, or why it cannot be read. Runs are made newest first, each beside the one before it, which is kept for its own turn."""
    from orchestrator.save.reports import RunReport

    if builder.kept[0] != path:
        builder.kept = path, builder.read(path, RunReport, project.folder.parent)
    return builder.kept[1]


def _facts(builder: Builder, project: gather.ProjectFiles, path: Path, report: Any) -> dict[str, Any] | None:
    """What is compared of a report; of the run before, it is kept with the report."""
    from orchestrator.show.figures import compare

    if builder.facts[0] != path:
        builder.facts = path, compare.readable(project.name, path.stem, report)
    found: dict[str, Any] | None = builder.facts[1]
    return found


# --- of a project --------------------------------------------------------------------------------------------------------


def project(builder: Builder, files: gather.ProjectFiles, digests: Digests) -> Part:
    return Part([files.key, digests], lambda: _project(builder, files, digests))


def _project(builder: Builder, project: gather.ProjectFiles, digests: Digests) -> Rendered:
    from orchestrator.save.reports import ProjectReport
    from orchestrator.show import pages, summary
    from orchestrator.show.build import found

    report = builder.read(project.report, ProjectReport, project.folder.parent)
    page = addresses.project(project.name)
    files: dict[str, str | Path] = {page: builder.fitted(page, project.name, partial(pages.project_page, builder.env, project.name, report, digests))}
    files |= builder.copy(page.replace(addresses.OVERVIEW, "project.json"), project.report, report)
    known = summary.summary(project.name, report, digests) | data.known(project, report, digests)
    return Rendered(files, {"summary": known, "search": found.entries(project.name, report, digests)})


def requirements(builder: Builder, files: gather.ProjectFiles, digests: Digests) -> Part:
    return Part([files.key, digests], lambda: _requirements(builder, files, digests))


def _requirements(builder: Builder, project: gather.ProjectFiles, digests: Digests) -> Rendered:
    from orchestrator.save.reports import ProjectReport
    from orchestrator.show import requirements

    report = builder.read(project.report, ProjectReport, project.folder.parent)
    if isinstance(report, gather.Unreadable):
        return Rendered({})
    found = addresses.requirements(project.name, (item.id for prd in report.prds for item in prd.requirements))
    files: dict[str, str | Path] = {}
    search = []
    for prd in report.prds:
        for item in prd.requirements:
            place = found[item.id]
            body = requirements.page(builder.env, project.name, report, prd, item, digests, found)
            files[place] = builder.page(place, f"{item.id}: {item.title}", body)
            search.append([place, f"{item.key}: {item.title}", f"{project.name}, {prd.title}"])
    return Rendered(files, {"search": search})


PROJECT: dict[str, Callable[[Builder, gather.ProjectFiles, Digests], Part]] = {
    "project": project,
    "requirements": requirements,
    "trends": over_time.project_trends,
    "compare": over_time.project_compare,
    "data": data.project,
}
"""Name → part. What their data says is put together; `summary` must be among it once."""


def project_sheets(builder: Builder, files: gather.ProjectFiles, digests: Digests) -> Iterator[tuple[str, Part]]:
    return sheets.of_project(builder, files, digests)


# --- of the whole site ---------------------------------------------------------------------------------------------------


def chrome(builder: Builder, summaries: Summaries) -> Part:
    theme = builder.theme
    return Part(theme.key, lambda: Rendered({name: theme.folder / "site" / name for name in theme.files()}))


def schemas(builder: Builder, summaries: Summaries) -> Part:
    def made() -> Rendered:
        from orchestrator.show.data_api.schemas import schema

        return Rendered({f"schemas/{name}.json": json.dumps(value, indent=2, sort_keys=True) + "\n" for name, value in schema().items()})

    return Part(gather.key(*sorted(_SAVE.glob("*report*.py")), *(_SAVE / name for name in ("wholes.py", "links.py", "told_line.py"))), made)


def overview(builder: Builder, summaries: Summaries) -> Part:
    note = builder.said(builder.theme.note())

    def made() -> Rendered:
        from orchestrator.show import pages

        body = pages.overview(builder.env, list(summaries.values()), _inbox(builder), note, builder.sources)
        return builder.tab(addresses.OVERVIEW, body, "Projects, what needs a person, recent runs")

    return Part([gather.key(builder.runs / "inbox.json"), summaries, note, [source.values() for source in builder.sources]], made)


def inbox(builder: Builder, summaries: Summaries) -> Part:
    def made() -> Rendered:
        from orchestrator.show import pages

        body = pages.inbox_page(builder.env, _inbox(builder), list(summaries))
        return builder.tab(addresses.INBOX, body, "Every PRD file, what became of it, its problems")

    return Part([gather.key(builder.runs / "inbox.json"), list(summaries)], made)


def _inbox(builder: Builder) -> Any:
    """The report of the inbox, why it cannot be read, or None."""
    from orchestrator.save.reports import InboxReport

    path = builder.runs / "inbox.json"
    return builder.read(path, InboxReport, builder.runs) if path.exists() else None


def agents(builder: Builder, summaries: Summaries) -> Part:
    def made() -> Rendered:
        from orchestrator.show.figures import agents

        body = agents.page(builder.env, summaries)
        return builder.tab(addresses.AGENTS, body, "What each agent solved, what was refused, what it cost")

    return Part({name: summary["agents"] for name, summary in summaries.items()}, made)


def schedule(builder: Builder, summaries: Summaries) -> Part:
    path = builder.runs / "schedule.json"

    def made() -> Rendered:
        from orchestrator.save.schedule_report import ScheduleReport
        from orchestrator.show import schedule

        body = schedule.page(builder.env, builder.read(path, ScheduleReport, builder.runs) if path.exists() else None)
        return builder.tab(addresses.SCHEDULE, body, "What is done when, what came of it last, and which PRDs begin later")

    return Part(gather.key(path), made)


def lists(builder: Builder, summaries: Summaries) -> Part:
    return Part([gather.key(builder.runs / "inbox.json"), summaries], lambda: sheets.of_site(builder, summaries, _inbox(builder)))


SITE: dict[str, Callable[[Builder, Summaries], Part]] = {
    "chrome": chrome,
    "schemas": schemas,
    "overview": overview,
    "inbox": inbox,
    "trends": over_time.trends,
    "limits": over_time.limits,
    "flaky": over_time.flaky,
    "lists": lists,
    "agents": agents,
    "schedule": schedule,
    "data": data.whole,
}
"""Name → part, in the order in which they are made."""


def search(builder: Builder, entries: Sequence[Sequence[str]]) -> Part:
    """The index over what all other parts would have found: the last part."""

    def made() -> Rendered:
        from orchestrator.show.build.search import Entry, index

        guide = (builder.theme.folder / "search.json").read_text(encoding="utf-8")
        return Rendered(dict(index(guide, [Entry(*entry) for entry in entries], frozenset(addresses.TABS))))

    return Part([builder.theme.key, entries], made)
