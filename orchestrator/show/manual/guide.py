"""docs/ → the guide of the site: which pages it has, and how their links and pictures read there. Pure.

The same files are read on a code host, where they lie in `docs/` and `docs/guide/`; in the site all of them are pages of the one folder `guide/`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from urllib.parse import urlsplit

from markupsafe import Markup

from orchestrator.run.lifecycle import MOVES
from orchestrator.show.pictures import moves

FOR_DEVELOPERS = frozenset({"design.md", "decisions.md"})
"""Pages of docs/ that are about the product's own code."""

SECTIONS: dict[str, tuple[str, ...]] = {
    "": ("index", "prd"),
    "Reading": ("verdicts", "proof", "gates", "mutation", "coverage", "states", "data"),
    "Writing": ("prd-format", "planning", "phases", "existing-repositories"),
    "Running": (
        "commands",
        "configuration",
        "running",
        "watching",
        "side-by-side",
        "ci",
        "delivery",
        "notifications",
        "metrics",
        "retention",
        "recovery",
        "site",
        "api",
    ),
    "Agents": ("agents", "clients", "limits", "breakers"),
    "Trust": ("trust", "sandbox", "evidence"),
}
"""The order of the guide's pages in the navigation, each by its own heading. Pages that are not named here stand at the end."""

PICTURES = {"<!-- the picture of these moves is on the site -->": lambda: moves.picture(MOVES)}
"""A line of a page → the picture that stands there in the site."""

_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
_LINK = re.compile(r"(`+)(?:(?!\1).)*\1|\[(?P<text>(?:[^\[\]`]|`[^`]*`)*)\]\((?P<to>[^()\s]+)\)")


def names(files: Collection[str]) -> dict[str, str]:
    """Files below docs/ (`limits.md`, `guide/proof.md`) → names below guide/."""
    return {path: posixpath.basename(path) for path in files if path.endswith(".md") and path not in FOR_DEVELOPERS}


def nav(found: Iterable[str]) -> list[str | dict[str, list[str]]]:
    """What stands in the navigation for the pages that there are (`proof.md`)."""
    left = {*found}
    entries: list[str | dict[str, list[str]]] = []
    for title, stems in SECTIONS.items():
        pages = [f"guide/{stem}.md" for stem in stems if f"{stem}.md" in left]
        left -= {f"{stem}.md" for stem in stems}
        entries += ([{title: pages}] if pages else []) if title else pages
    return [*entries, *(f"guide/{name}" for name in sorted(left))]


def page(path: str, text: str, pages: Collection[str]) -> str:
    """A file below docs/ as MkDocs is to read it; `pages`: all of them.

    Links to other pages of the guide lead there, links to anything else of the repository are their text, links to other sites stay.
    """
    known = names(pages)

    def link(found: re.Match[str]) -> str:
        to = found["to"]
        if to is None or to.startswith("#") or urlsplit(to).scheme:
            return found[0]
        target, _, fragment = to.partition("#")
        name = known.get(posixpath.normpath(posixpath.join(posixpath.dirname(path), target)))
        if name is None:
            return found["text"]
        return f"[{found['text']}]({name}{'#' * bool(fragment)}{fragment})"

    return "".join(_lines(text, link))


def _lines(text: str, link: Callable[[re.Match[str]], str]) -> Iterator[str]:
    """The lines of a page, those of a fence as they are."""
    fence = ""
    for line in text.splitlines(keepends=True):
        mark = _FENCE.match(line)
        if fence:
            fence = "" if mark and mark[1].startswith(fence) and not line.strip().strip(fence[0]) else fence
            yield line
        elif mark:
            fence = mark[1]
            yield line
        elif picture := PICTURES.get(line.strip()):
            yield Markup('<figure class="wide" data-search-exclude>{}</figure>\n').format(picture())
        else:
            yield _LINK.sub(link, line)
