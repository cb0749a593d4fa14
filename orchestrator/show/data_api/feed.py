"""Atom feeds (RFC 4287): an entry for each run that ended, of one project or of the whole site. Pure.

What an entry says was said when its run ended and does not change, so neither does its id: a tag URI (RFC 4151) of the host that publishes the site,
the day of the run, its project and its own id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

from orchestrator.show import addresses
from orchestrator.show.text import clean

if TYPE_CHECKING:
    from orchestrator.save.reports import RunReport

LATEST = 50
NAMED = 5
"""Tasks of each kind that an entry names."""
LONGEST = 120
NOBODY = "tdd-orchestrator.invalid"
"""The host in ids where nobody said what the site's address is."""

KINDS = {"done": ("passed", "already satisfied"), "failed": ("gave up",), "for a person": ("needs a person",)}
"""What became of a task → the verdicts that say so."""


class Entry(NamedTuple):
    project: str
    run: str
    page: str
    outcome: str
    ended_at: str
    """ISO 8601 in UTC, with seconds and `Z`."""
    told: dict[str, list[Any]]
    """A key of KINDS → how many, then the first of them by name."""


def place(name: str) -> str:
    """`name`: of a project; '' for the whole site."""
    return addresses.project(name).replace(addresses.OVERVIEW, "feed.xml") if name else "feed.xml"


def told(report: RunReport) -> dict[str, list[Any]]:
    """What a run's entry will name, small enough for its digest."""
    found: dict[str, list[Any]] = {}
    for kind, verdicts in KINDS.items():
        tasks = {task.id: task.title for task in report.tasks if task.verdict in verdicts}
        if tasks:
            found[kind] = [len(tasks), *(_line(f"{name}: {title}") for name, title in list(tasks.items())[:NAMED])]
    return found


def entries(name: str, digests: Mapping[str, Mapping[str, Any]]) -> list[Entry]:
    """The latest runs of a project that ended and can be read, the newest first; a summary keeps them."""
    found = []
    for run_id, known in digests.items():
        ended = _moment(known.get("ended_at", ""))
        if ended and not known["why"]:
            found.append(Entry(name, run_id, addresses.run(name, run_id), known["outcome"], ended, known["told"]))
    return latest(found)


def kept(found: Iterable[Entry]) -> list[list[Any]]:
    """Entries of one project as JSON values, without what follows from its name."""
    return [[entry.run, entry.outcome, entry.ended_at, entry.told] for entry in found]


def given(name: str, values: Iterable[list[Any]]) -> Iterator[Entry]:
    """The entries again."""
    for run, outcome, ended_at, told in values:
        yield Entry(name, run, addresses.run(name, run), outcome, ended_at, told)


def latest(found: Iterable[Entry]) -> list[Entry]:
    return sorted(found, key=lambda entry: (entry.ended_at, entry.run, entry.project), reverse=True)[:LATEST]


def feed(found: Sequence[Entry], name: str, title: str, url: str) -> str:
    """The feed of a project, or of the whole site where `name` is ''. `url`: where the site is published, '' where nobody said."""
    here = place(name)
    page = addresses.project(name) if name else addresses.OVERVIEW
    host = (urlsplit(url).hostname or NOBODY) if url else NOBODY
    base = url or addresses.relative(here, "x").removesuffix("x") or "./"

    def to(path: str) -> str:
        return _attribute(url + quote(path, safe="/._-"))

    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f'<feed xmlns="http://www.w3.org/2005/Atom" xml:base="{_attribute(base)}" xml:lang="en">',
        f"<id>tag:{host},2026:{'project/' + quote(name, safe='') if name else 'site'}</id>",
        f"<title>{_text(title)}</title>",
        f"<updated>{found[0].ended_at if found else '1970-01-01T00:00:00Z'}</updated>",
        "<author><name>TDD orchestrator</name></author>",
        f'<link rel="self" type="application/atom+xml" href="{to(here)}"/>',
        f'<link rel="alternate" type="text/html" href="{to(page)}"/>',
    ]
    for entry in found:
        lines += [
            "<entry>",
            f"<id>tag:{host},{entry.ended_at[:10]}:run/{quote(entry.project, safe='')}/{quote(entry.run, safe='')}</id>",
            f"<title>{_text(f'{entry.project}: {entry.outcome}')}</title>",
            f"<updated>{entry.ended_at}</updated>",
            f'<link rel="alternate" type="text/html" href="{to(entry.page)}"/>',
            f'<category term="{_attribute(entry.outcome)}"/>',
            f'<summary type="text">{_text(_said(entry))}</summary>',
            f'<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">{"".join(_content(entry))}</div></content>',
            "</entry>",
        ]
    return "\n".join([*lines, "</feed>"]) + "\n"


def _said(entry: Entry) -> str:
    return ", ".join(f"{rest[0]} {kind}" for kind, rest in entry.told.items()) or "no task was worked on"


def _content(entry: Entry) -> Iterable[str]:
    yield f"<p>{_text(f'Run {entry.run} of {entry.project}: {entry.outcome}; {_said(entry)}.')}</p>"
    for kind, (number, *names) in entry.told.items():
        more = f"<li>and {number - len(names)} more</li>" if number > len(names) else ""
        yield f"<p>{kind.capitalize()}:</p><ul>{''.join(f'<li>{_text(each)}</li>' for each in names)}{more}</ul>"


def _moment(value: str) -> str:
    """As RFC 3339 wants it; '' for what is no moment."""
    try:
        moment = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        return ""
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if 1970 <= moment.year <= 9999 else ""


def _line(text: str) -> str:
    line = " ".join(clean(text).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _text(text: str) -> str:
    """Without what XML cannot hold, escaped."""
    return escape(clean(text).replace("\ufffe", "").replace("\uffff", ""), quote=False)


def _attribute(text: str) -> str:
    return escape(" ".join(clean(text).replace("\ufffe", "").replace("\uffff", "").split()), quote=True)
