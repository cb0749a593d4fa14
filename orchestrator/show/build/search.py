"""The search index: title and one line per page, instead of the words of every page (0.7 MB for 5,000 runs instead of 44 MB).

Material's search puts titles and texts into the page as HTML, so both are escaped here, once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from typing import NamedTuple

from orchestrator.show.text import clean


class Entry(NamedTuple):
    location: str
    """Page path from the site's root."""
    title: str
    text: str


def index(chrome: str, entries: Iterable[Entry], drop: frozenset[str]) -> dict[str, str]:
    """The two files of the index: JSON for a server, a script for file://.

    `chrome` is the index MkDocs wrote for the guide (trusted); its configuration is kept, and its pages except those in `drop`.
    """
    value = json.loads(chrome)
    docs = [doc for doc in value["docs"] if doc["location"].partition("#")[0] not in drop]
    docs += [{"location": entry.location, "title": _plain(entry.title), "text": _plain(entry.text)} for entry in entries]
    text = json.dumps({"config": value["config"], "docs": docs}, sort_keys=True, separators=(",", ":"))
    script = "var __index = " + text.replace("<", "\\u003c")
    return {"search/search_index.json": text, "search/search_index.js": script}


def _plain(text: str) -> str:
    return escape(" ".join(clean(text).split()), quote=True)
