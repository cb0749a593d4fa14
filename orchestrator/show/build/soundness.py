"""`orchestrator site check`: is a built site whole and safe? Every page is parsed; what is wrong is said with the page it stands in.

links      each address of the site leads to a file of it, and to a place in it that is there; links to elsewhere name no opener
content    a content security policy comes first, allows no script that is not a file of the site or named by its hash, and every inline script is
           one of these; no handler and no style stands in an attribute; nothing is loaded from elsewhere
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

LOADED = frozenset({"src", "srcset", "poster", "data", "action", "formaction", "background", "xlink:href"})
"""Attributes whose address is fetched, or sent to, without anybody asking; `href` is, on anything but an `<a>`."""
OUTSIDE = frozenset({"http", "https", "mailto"})
"""Schemes that a link may have."""


class Fault(NamedTuple):
    page: str
    """Path from the site's root."""
    what: str


class Page(HTMLParser):
    """What a page links, loads, allows and executes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        """(address, rel) of every `<a>`."""
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.policy = ""
        self.wrong: list[str] = []
        self._script: list[str] | None = None
        self._scripts: list[str] = []
        self._seen_in_head: list[str] = []
        self.feed(html)
        self.close()
        if not self.policy or self._seen_in_head[:1] != ["meta http-equiv=content-security-policy"]:
            self.wrong.append("no content security policy at the beginning of its head")
        if _weak(self.policy):
            self.wrong.append(f"its content security policy is too weak: {self.policy}")
        self.wrong += ["an inline script that its policy does not name" for body in self._scripts if _hash(body) not in self.policy]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        if tag not in ("html", "head"):
            self._seen_in_head.append(f"{tag} http-equiv={known['http-equiv'].lower()}" if "http-equiv" in known else tag)
        if tag == "meta" and known.get("http-equiv", "").lower() == "content-security-policy":
            self.policy = known.get("content", "")
        for name, value in known.items():
            if name.startswith("on") or name == "style":
                self.wrong.append(f"the attribute {name} of <{tag}>")
            elif name == "href" and tag == "a":
                self.links.append((value, known.get("rel", "")))
            elif name in LOADED or (name == "href" and tag not in ("a", "base")):
                self.loads.append(value)
            elif name in ("id", "name") and value:
                self.ids.add(value)
        if tag == "script" and "src" not in known and known.get("type", "text/javascript") in ("text/javascript", "module"):
            self._script = []

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self._script.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "script" and self._script is not None:
            self._scripts.append("".join(self._script))
            self._script = None


def faults(site: Path) -> Iterator[Fault]:
    """Everything that is wrong with a site, page by page."""
    known: dict[str, frozenset[str]] = {}
    pending: list[tuple[str, str, str, str]] = []
    for path in sorted(path for path in site.rglob("*.html") if path.is_file()):
        name = path.relative_to(site).as_posix()
        page = Page(path.read_text(encoding="utf-8"))
        known[name] = frozenset(page.ids)
        yield from (Fault(name, what) for what in page.wrong)
        for address, rel in page.links:
            yield from _outside(name, address, rel)
        yield from (
            Fault(name, f"it loads {address}") for address in page.loads if urlsplit(address).scheme not in ("", "data") or address[:2] == "//"
        )
        for address in {*page.loads, *(address for address, _ in page.links)}:
            if not urlsplit(address).scheme and not address.startswith("//"):
                target, _, fragment = address.partition("#")
                pending.append((name, address, unquote(target), unquote(fragment)))
    whole = site.resolve()
    for name, address, target, fragment in pending:
        file = (whole / name).parent / target if target else whole / name
        resolved = file.resolve()
        resolved = resolved / "index.html" if resolved.is_dir() else resolved
        if not resolved.is_relative_to(whole) or not resolved.is_file():
            yield Fault(name, f"{address} leads to nothing")
        elif fragment and not _may_be_gone(target, fragment) and fragment not in known.get(resolved.relative_to(whole).as_posix(), {fragment}):
            yield Fault(name, f"{address} leads to a place that is not in that page")


def _may_be_gone(target: str, fragment: str) -> bool:
    """The theme's own places, and a requirement or task on another page: it may have left its PRD since."""
    return fragment.startswith("__") or (fragment.startswith("x-") and bool(target))


def _outside(name: str, address: str, rel: str) -> Iterator[Fault]:
    scheme = urlsplit(address).scheme.lower()
    if address.startswith("//") or (scheme and scheme not in OUTSIDE):
        yield Fault(name, f"a link to {address[:200]}")
    elif scheme in ("http", "https") and "noopener" not in rel.split():
        yield Fault(name, f"a link to {address[:200]} that names its opener")


def _weak(policy: str) -> bool:
    """A style attribute may be named by its hash, which is what `'unsafe-hashes'` means; nothing else that is called unsafe is allowed."""
    styles = [part for part in policy.split(";") if part.split()[:1] == ["style-src"]]
    others = [part for part in policy.split(";") if part not in styles]
    unsafe = any("'unsafe-" in part for part in (*others, *(part.replace("'unsafe-hashes'", "") for part in styles)))
    return unsafe or not policy.startswith("default-src 'none'")


def _hash(body: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(body.encode()).digest()).decode()}'"
