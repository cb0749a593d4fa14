"""The parts of a site that are sheets of long lists, each a part of its own: a new run makes one of them anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from orchestrator.show import addresses, gather
from orchestrator.show.build.builder import Builder, Part, Rendered

Digests = Mapping[str, Mapping[str, Any]]
Summaries = Mapping[str, Mapping[str, Any]]


def of_project(builder: Builder, files: gather.ProjectFiles, digests: Digests) -> Iterator[tuple[str, Part]]:
    """Name → part: the runs, tasks and requirements of a project that has more of them than its page names."""
    from orchestrator.save.reports import ProjectReport
    from orchestrator.show import history
    from orchestrator.show.pages import LISTED

    report = builder.read(files.report, ProjectReport, files.folder.parent)
    runs = history.run_rows(files.name, report, digests)[::-1]
    if len(runs) > LISTED:
        yield from _sheets(builder, "runs", runs, files.name, lambda rows: rows[::-1])
    if isinstance(report, gather.Unreadable):
        return
    states = {task.id: task for task in report.tasks}
    least = min(cut.rows for cut in gather.CUTS)
    if len(report.tasks) > least:
        yield from _sheets(builder, "tasks", [(task, history.task_spot(task, digests)[0]) for task in report.tasks], files.name)
    found = [item for prd in report.prds for item in prd.requirements]
    if len(found) > least:
        rows = [
            (
                item,
                sum(each.state == "proved" for each in item.criteria),
                history.task_spot(states[item.task], digests)[0] if item.task in states else "",
                states.get(item.task),
            )
            for item in found
        ]
        yield from _sheets(builder, "requirements", rows, files.name)


def of_site(builder: Builder, summaries: Summaries, inbox: Any) -> Rendered:
    """Projects, what needs a person, and receipts, where the overview and the inbox do not name them all."""
    from orchestrator.show.build import lists
    from orchestrator.show.pages import CARDS, LISTED, NEEDS, card

    receipts = [] if inbox is None or isinstance(inbox, gather.Unreadable) else inbox.receipts
    set_aside = [receipt for receipt in receipts if receipt.state == "set aside"]
    needs = lists.needs(list(summaries.values()), set_aside)
    files: dict[str, str | Path] = {}
    if len(summaries) > CARDS:
        files |= _all(builder, "projects", [card(known) for known in summaries.values()])
    if max(len(set_aside), *(sum(len(known[what]) for known in summaries.values()) for what in ("questions", "gave_up"))) > NEEDS:
        files |= _all(builder, "needs", needs)
    if len(receipts) > LISTED:
        files |= _all(builder, "inbox", receipts, projects=set(summaries))
    return Rendered(files)


def _all(builder: Builder, kind: str, rows: Sequence[Any], **more: Any) -> dict[str, str | Path]:
    from orchestrator.show.build import lists

    chunks = lists.cut(rows)
    files: dict[str, str | Path] = {}
    for number, chunk in enumerate(chunks, 1):
        files |= _sheet(builder, kind, number, len(chunks), chunk, "", more).files
    return files


def _sheets(builder: Builder, kind: str, rows: Sequence[Any], project: str, shown: Any = list) -> Iterator[tuple[str, Part]]:
    from orchestrator.show.build import lists

    chunks = lists.cut(rows)
    for number, chunk in enumerate(chunks, 1):
        key = [len(chunks), [_value(row) for row in chunk]]
        yield f"{kind} {number}", Part(key, partial(_sheet, builder, kind, number, len(chunks), shown(chunk), project, {}))


def _sheet(builder: Builder, kind: str, number: int, of: int, rows: Sequence[Any], project: str, more: Mapping[str, Any]) -> Rendered:
    from orchestrator.show.build import lists

    place = addresses.sheet(kind, number, project)
    title = f"{lists.KINDS[kind].title}{f' of {project}' if project else ''}, sheet {number}"
    return Rendered({place: builder.page(place, title, lists.page(builder.env, kind, number, of, rows, project, **more))})


def _value(row: Any) -> Any:
    """A row as JSON values."""
    if hasattr(row, "model_dump"):
        return row.model_dump(mode="json")
    if isinstance(row, Mapping):
        return {name: _value(each) for name, each in row.items()}
    return [_value(each) for each in row] if isinstance(row, tuple) else row
