"""Where each page lives in the site, as paths from its root, and the links between them.

index.html  inbox.html  trends.html  limits.html  flaky.html  agents.html  schedule.html  api.html  guide/…
limits.json  schemas/<name>.json  feed.xml  badges/<project>-proved.svg …  api/v1/… (api.py)
projects/<project>/index.html  trends.html  compare.html  runs.js  project.json  feed.xml
projects/<project>/<run>/index.html  <task>.html  compare.html  facts.js  report.json  junit.xml  log.jsonl
projects/<project>/requirements/<requirement>.html
projects/<project>/texts/<name>.txt
projects-1.html  needs-1.html  inbox-1.html  projects/<project>/runs-1.html  tasks-1.html  requirements-1.html … of long lists
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_RESERVED = frozenset({"index", "texts", "report", "junit", "requirements", "compare"})
_DEVICE = re.compile(r"(?i:con|prn|aux|nul|com\d|lpt\d)(\..*)?")
"""Names that Windows keeps for itself, whatever follows their dot."""

_PLAIN = re.compile(r"[A-Za-z0-9._/-]*")
_SHEET = re.compile(r"(runs|tasks|requirements)-\d+", re.IGNORECASE)
"""Names that sheets of long lists have."""

PROJECTS = "projects"
OVERVIEW = "index.html"
INBOX = "inbox.html"
AGENTS = "agents.html"
SCHEDULE = "schedule.html"
TRENDS = "trends.html"
LIMITS = "limits.html"
FLAKY = "flaky.html"
GUIDE = "guide/index.html"
DATA = "api.html"

TABS = {
    OVERVIEW: "Overview",
    INBOX: "Inbox",
    TRENDS: "Trends",
    LIMITS: "Limits",
    FLAKY: "Flaky tests",
    AGENTS: "Agents",
    SCHEDULE: "Schedule",
    GUIDE: "Guide",
    DATA: "Data",
}
"""The tabs from left to right: page → title. Shells, the navigation and the titles of these pages come from here."""


@lru_cache(maxsize=1024)
def slug(text: str) -> str:
    """A name that is safe as a file and in a URL: the text itself when it is, else its safe part and a short hash of the whole."""
    return text if _safe(text) else f"{_plain(text)}-{_short(text)}"


def slugs(names: Iterable[str]) -> dict[str, str]:
    """A readable slug for each name (`loans#R1` → `loans-R1`), unique among them also on file systems that ignore case."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        candidate = name if _safe(name) else _plain(name)
        if candidate.lower() in taken or candidate in _RESERVED or _DEVICE.fullmatch(candidate):
            candidate = f"{candidate}-{_short(name)}"
        taken.add(candidate.lower())
        found[name] = candidate
    return found


def folder(name: str) -> str:
    """Of a project: everything of it is in there."""
    return f"{PROJECTS}/{slug(name)}"


def areas(name: str) -> tuple[str, ...]:
    """Folders in which there is nothing but a project's own."""
    return f"{folder(name)}/", f"api/v1/projects/{slug(name)}/"


def project(name: str) -> str:
    return f"projects/{slug(name)}/{OVERVIEW}"


def trends(name: str) -> str:
    return f"projects/{slug(name)}/trends.html"


def compare(name: str, run_id: str = "") -> str:
    """A run beside the one before it; without a run, the page that compares any two."""
    return f"projects/{slug(name)}/{f'{slug(run_id)}/' if run_id else ''}compare.html"


def facts(name: str, run_id: str) -> str:
    """What is compared of a run, as a script."""
    return f"projects/{slug(name)}/{slug(run_id)}/facts.js"


def sheet(kind: str, number: int, project: str = "", run_id: str = "") -> str:
    """One of the pages that hold a long list: of the site, of a project, or of a run."""
    place = f"{folder(project)}/" if project else ""
    return f"{place}{f'{slug(run_id)}/' if run_id else ''}{kind}-{number}.html"


def run(name: str, run_id: str) -> str:
    return f"projects/{slug(name)}/{slug(run_id)}/{OVERVIEW}"


def task(name: str, run_id: str, task_slug: str) -> str:
    return f"projects/{slug(name)}/{slug(run_id)}/{task_slug}.html"


def mutants(task_page: str) -> str:
    """Where the mutants of a task can be looked through, beside its page."""
    return task_page.removesuffix(".html") + ".mutants.html"


def requirements(name: str, ids: Iterable[str]) -> dict[str, str]:
    """Requirement → its page, of all requirements of a project."""
    return {requirement: f"projects/{slug(name)}/requirements/{found}.html" for requirement, found in slugs(dict.fromkeys(ids)).items()}


def text(name: str, artifact: str) -> str:
    """Where the whole of an artifact stands, as plain text."""
    return f"projects/{slug(name)}/texts/{slug(posixpath.basename(artifact).removesuffix('.txt'))}.txt"


def anchor(text_: str) -> str:
    """An element id that no report can choose to collide with the theme's own."""
    return "x-" + _plain(text_)


def shell(page: str) -> str:
    """The name of the shell that a page is filled into: its tab's own, which marks the tab, or that of its folder's depth."""
    return page.removesuffix(".html") if page in TABS else str(page.count("/"))


@lru_cache(maxsize=1024)
def relative(page: str, to: str) -> str:
    """The link from one page to another (which may carry a `#fragment`), quoted for an attribute."""
    path, hash_, fragment = to.partition("#")
    here, there = page.split("/")[:-1], path.split("/")
    shared = 0
    for one, other in zip(here, there, strict=False):
        if one != other:
            break
        shared += 1
    way = "/".join([".."] * (len(here) - shared) + there[shared:]) or "."
    return _quoted(way, "/._-") + hash_ + _quoted(fragment, "._-")


def _quoted(text: str, safe: str) -> str:
    return text if _PLAIN.fullmatch(text) else quote(text, safe=safe)


def _safe(text: str) -> bool:
    taken = text in _RESERVED or _DEVICE.fullmatch(text) or _SHEET.fullmatch(text)
    return bool(_SAFE.fullmatch(text)) and not text.endswith((".", ".html")) and not taken


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-_")[:60] or "x"


def _short(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()[:8]
