"""Other installations that a site shows: what is asked for, what a published site answered, and how that is shown. Pure.

A folder of runs is read like the site's own, and its pages are built. A published site is asked for `api/v1/index.json` and its list of projects;
what it answers is somebody else's text, checked against the models of the contract and shown as text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urljoin, urlsplit

from pydantic import ValidationError

from orchestrator.show.data_api.api_models import VERSION, Index, ProjectRow, Projects, Totals, Value

LARGEST = 10**9
"""A greater number in somebody's data is not believed."""


class Refused(ValueError):
    """What a published site answered cannot be used; says why, for people."""


class Newer(Refused):
    """It was written by a newer orchestrator, in a form this one does not know."""


class Answer(Value):
    """What a published site said, with every link made whole and checked; kept for the day when it does not answer."""

    url: str
    """As it was asked for."""
    read_at: str
    """ISO 8601 in UTC."""
    home: str
    """Its first page; '' where that is on another host."""
    generator: str
    totals: Totals
    projects: list[ProjectRow]


class Source(NamedTuple):
    """An installation as the overview shows it."""

    label: str
    where: str
    """The folder or the address, as it was asked for."""
    problem: str
    """Why it could not be read this time; '' where it was."""
    answer: Answer | None
    """Of a published site: what it said this time, or the last time that it did."""

    @property
    def published(self) -> bool:
        return is_address(self.where)

    def values(self) -> list[Any]:
        """As JSON values: what a page that shows it is made from."""
        return [self.label, self.where, self.problem, self.answer.model_dump(mode="json", by_alias=True) if self.answer else None]


# --- what is asked for ---------------------------------------------------------------------------------------------------


def is_address(text: str) -> bool:
    return "://" in text


def shown(text: str) -> str:
    """What is asked for as a page may show it: an address without a name and a password."""
    return re.sub(r"//[^/?#]*@", "//…@", text) if is_address(text) else text


def label(text: str) -> str:
    """A short name for a folder or an address: `../team-b/runs` is `team-b`, `https://host/proofs/` is `host/proofs` without its slash."""
    if is_address(text):
        parts = urlsplit(text)
        path = re.sub(r"(^|/)(index\.html|api/v\d+/index\.json)$", "", parts.path).strip("/")
        return "-".join(each for each in (_plain(parts.netloc.rpartition("@")[2]), _plain(path)) if each) or "site"
    names = [name for name in PurePath(text).parts if name not in ("/", ".", "..")]
    names = names[:-1] if len(names) > 1 and names[-1] == "runs" else names
    return _plain(names[-1]) if names else "other"


def labels(given: Iterable[str]) -> dict[str, str]:
    """What is asked for → its label; the second of the same name is `team-b-2`."""
    found: dict[str, str] = {}
    for text in given:
        name, number = label(text), 2
        while name in found.values():
            name, number = f"{label(text)}-{number}", number + 1
        found.setdefault(text, name)
    return found


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:60]


def index_address(text: str) -> str:
    """Where the index of a published site is. Raises Refused for what is no address of one."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise Refused("it is no address") from None
    if parts.scheme not in ("http", "https"):
        raise Refused(f"only http and https addresses are read, not {parts.scheme}")
    if not host or port == 0 or not text.isprintable() or " " in text:
        raise Refused("it is no address")
    if parts.username is not None or parts.password is not None:
        raise Refused("an address with a name or a password in it is not read: it would stand in pages")
    if parts.path.endswith(".json"):
        return text
    folder = re.sub(r"index\.html$", "", parts.path)
    return parts._replace(path=f"{folder.rstrip('/')}/api/v{VERSION}/index.json", query="", fragment="").geturl()


# --- what was answered ---------------------------------------------------------------------------------------------------


def same_origin(one: str, other: str) -> bool:
    try:
        a, b = urlsplit(one), urlsplit(other)
        return (a.scheme, a.hostname, a.port) == (b.scheme, b.hostname, b.port) and b.username is None
    except ValueError:
        return False


def whole(base: str, link: str) -> str:
    """A link of somebody's data as a whole address; '' where it is none, or leads to another host."""
    try:
        found = urljoin(base, link) if link and link.isprintable() else ""
    except ValueError:
        return ""
    return found if found and same_origin(base, found) else ""


def index(data: bytes) -> Index:
    """Raises Refused, or Newer."""
    return _checked(Index, data)


def projects(data: bytes) -> Projects:
    """Raises Refused, or Newer."""
    return _checked(Projects, data)


class _Versioned(Value):
    version: int


F = TypeVar("F", Index, Projects)


def _checked(model: type[F], data: bytes) -> F:
    try:
        version = _Versioned.model_validate_json(data, strict=True).version
    except (ValidationError, ValueError, RecursionError):
        raise Refused("what it answers is not the data of a site") from None
    if version > VERSION:
        raise Newer(f"it was written by a newer orchestrator (version {min(version, LARGEST)} of the data, this one reads {VERSION})")
    try:
        value = model.model_validate_json(data)
    except (ValidationError, ValueError, RecursionError) as error:
        raise Refused(f"what it answers is not the data of a site: {_first(error)}") from None
    rows: list[ProjectRow] = value.projects if isinstance(value, Projects) else []
    if any(_unbelievable(totals) for totals in [row.totals for row in rows] + ([value.totals] if isinstance(value, Index) else [])):
        raise Refused("what it answers holds numbers that cannot be")
    return value


def _first(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return type(error).__name__
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(str(part)[:40] for part in problem['loc'][:6])}: {problem['msg'][:200]}"


def _unbelievable(totals: Totals) -> bool:
    numbers = [totals.prds, totals.requirements, totals.requirements_proved, totals.criteria, totals.proved, *totals.levels.values()]
    return any(not 0 <= number <= LARGEST for number in [*numbers, *totals.tasks.values()]) or totals.proved > totals.criteria


def answered(url: str, read_at: str, first: tuple[str, Index], lists: Sequence[tuple[str, Projects]]) -> Answer:
    """`first` and `lists`: each file with the address that it came from in the end."""
    at, found = first
    rows = [row.model_copy(update={"html": whole(place, row.html), "href": ""}) for place, each in lists for row in each.projects]
    return Answer(url=url, read_at=read_at, home=whole(at, found.html), generator=found.generator, totals=found.totals, projects=rows)


def kept(data: bytes, url: str) -> Answer | None:
    """What a file of the cache holds; None for what is not of this address, or not in this form."""
    try:
        found = Answer.model_validate_json(data)
    except (ValidationError, ValueError, RecursionError):
        return None
    return found if found.url == url else None


def cache_name(url: str) -> str:
    return f"{hashlib.sha256(url.encode('utf-8', 'replace')).hexdigest()[:24]}.json"
