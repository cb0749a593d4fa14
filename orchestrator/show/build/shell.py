"""The chrome: MkDocs Material builds header, tabs, search, guide, and one empty shell per folder depth; pages are filled into it.

Building every page through MkDocs costs seconds per hundred pages, and would run page text through Markdown, where hostile text comes
alive. So MkDocs sees only trusted text with two markers, and its result is split on them once. Every page gets a content security
policy with the hashes of the theme's own inline scripts, taken before anything is filled in.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import sys
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import orchestrator
from orchestrator.errors import SetupError
from orchestrator.show import addresses
from orchestrator.show.build import builders
from orchestrator.show.build.own import Own
from orchestrator.show.manual import guide
from orchestrator.show.text import clean

log = logging.getLogger(__name__)

TITLE = "orchestratortitlemarker"
FEED = "feed.xml"
BODY = "<h1>orchestratorbodymarker</h1>"
SCRIPT = "assets/site.js"
_MARKERS = re.compile(f"({re.escape(TITLE)}|{re.escape(BODY)})")

_DEPTHS = range(4)

SHELLS = {addresses.shell(page): page for page in addresses.TABS if page != addresses.GUIDE} | {
    str(depth): "_/" * depth + "_shell.html" for depth in _DEPTHS
}
"""Shell name → the page MkDocs makes for it: of each tab but the guide's, and by folder depth for pages that are no tab."""

_DROPPED = re.compile(r"sitemap\.xml(\.gz)?|404\.html|.*\.map|search/.*|search\.js(on)?|" + "|".join(map(re.escape, SHELLS.values())))
"""Of what MkDocs built: dated or root-relative files, source maps, the shells, the index that search.py writes anew."""

_MATERIAL = 'data-md-component="content"'
"""Stands in every page of Material, whose looks the templates count on."""
_START = re.compile(r"\A(?:[ \t]*(?:#[^\n]*)?\n)*---[^\n]*\n")
"""Of a YAML file that says where its document begins."""
_NAV = re.compile(r"^nav[ \t]*:.*\n(?:(?:[ \t\-\]].*|#.*)?\n)*", re.MULTILINE)
"""Of a YAML file, the key that is given anew: not every builder lets the later one win."""
_SCRIPT = re.compile(r"<script(?P<attributes>[^>]*)>(?P<body>.*?)</script>", re.DOTALL)
_OUTWARD = re.compile(r'<a href="https?://[^">]*"(?=>)')
"""A link of a document to another site, as Markdown makes it."""
_STYLE = re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL)


class Shipped(NamedTuple):
    """What comes with the product, in the wheel or in a checkout."""

    templates: Path
    mkdocs: Path
    docs: Path


def shipped() -> Shipped:
    package = Path(orchestrator.__file__).resolve().parent
    inside = package / "_shipped"
    if inside.is_dir():
        return Shipped(inside / "site_templates", inside / "mkdocs.yml", inside / "docs")
    root = package.parent
    return Shipped(root / "site_templates", root / "mkdocs.yml", root / "docs")


class Chrome(NamedTuple):
    folder: Path
    """`site/`: files to copy as they are; `shells/<name>.html`; `search.json`; `note.txt` when the folder's own mkdocs.yml failed."""
    key: str

    def files(self) -> list[str]:
        site = self.folder / "site"
        return sorted(path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file())

    def note(self) -> str:
        path = self.folder / "note.txt"
        return path.read_text(encoding="utf-8") if path.exists() else ""


def chrome(own: Own, cache: Path, builder: str = "mkdocs") -> Chrome:
    """The chrome, built when configuration, theme or documents are not those of the cached one.

    `own` is what the working folder changes about it; when that does not build, the shipped one is used and a note says why.
    Raises SetupError when `builder` cannot build the shipped one, or is not installed.
    """
    parts = shipped()
    key = _key(parts, own, builder)
    folder = cache / key
    if folder.is_dir():
        return Chrome(folder, key)
    work = cache / f"work-{os.getpid()}"
    shutil.rmtree(work, ignore_errors=True)
    note = ""
    try:
        try:
            _build(parts, own, work, builder)
        except SetupError as error:
            if own.mkdocs is None:
                raise
            note = f"{own.mkdocs.name} of this folder could not be used: {error.message}"
            log.warning("%s; the site uses the one that is shipped", note)
            shutil.rmtree(work, ignore_errors=True)
            _build(parts, own._replace(mkdocs=None, nav=(), theme={}), work, builder)
        if note:
            (work / "note.txt").write_text(note, encoding="utf-8")
        for old in cache.iterdir():
            if old != work and old.is_dir() and not old.name.startswith("work-"):
                shutil.rmtree(old, ignore_errors=True)
        work.replace(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return Chrome(folder, key)


def _key(parts: Shipped, own: Own, builder: str) -> str:
    versions = [builders.version(name) for name in ("mkdocs-material", builder)]
    digest = hashlib.sha256(f"{builder} {versions} {sys.version_info[:2]} {own.key()}".encode())
    for path in [Path(__file__), Path(addresses.__file__), parts.mkdocs, *_assets(parts)]:
        digest.update(f"\0{path.name}\0".encode() + path.read_bytes())
    for name, text in _guide(parts).items():
        digest.update(f"\0{name}\0{text}".encode())
    return digest.hexdigest()[:16]


def _assets(parts: Shipped) -> list[Path]:
    return sorted(path for path in (parts.templates / "assets").iterdir() if path.is_file())


def _guide(parts: Shipped) -> dict[str, str]:
    """Pages of the guide by name, as MkDocs is to read them."""
    texts = {path.relative_to(parts.docs).as_posix(): path for path in sorted(parts.docs.rglob("*.md"))}
    return {name: guide.page(path, texts[path].read_text(encoding="utf-8"), texts) for path, name in guide.names(texts).items()}


def _build(parts: Shipped, own: Own, work: Path, builder: str) -> None:
    """MkDocs in a folder of its own; `work` ends with site/, shells/ and search.json. Raises SetupError."""
    config = own.mkdocs or parts.mkdocs
    docs, built = work / "docs", work / "built"
    (docs / "assets").mkdir(parents=True)
    for path in _assets(parts):
        shutil.copyfile(path, docs / "assets" / path.name)
    (docs / "guide").mkdir()
    for name, text in _guide(parts).items():
        (docs / "guide" / name).write_text(text, encoding="utf-8")
    for name, path in own.docs.items():
        target = docs / name
        if name.startswith("guide/") or (target.exists() and not name.startswith("assets/")):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    for name, path in own.theme.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, work / name)
    for name, page in SHELLS.items():
        target = docs / page.replace(".html", ".md")
        target.parent.mkdir(parents=True, exist_ok=True)
        title = f"title: {TITLE}\n" if name.isdigit() else ""
        target.write_text(f"---\n{title}hide: [navigation, toc]\nsearch: {{exclude: true}}\n---\n\n{BODY}\n", encoding="utf-8")
    inherited = parts.mkdocs
    if own.mkdocs and own.inherits:
        inherited = own.mkdocs
    elif own.mkdocs:
        inherited = work / "own.yml"
        said = _START.sub("", own.mkdocs.read_text(encoding="utf-8-sig", errors="replace"))
        said = _NAV.sub("", f"{said}\n") if own.nav else said
        inherited.write_text(f"INHERIT: {parts.mkdocs.resolve().as_posix()!r}\n{said}\n", encoding="utf-8")
    lines = [f"INHERIT: {inherited.resolve().as_posix()!r}", "docs_dir: docs", "site_dir: built", "use_directory_urls: false", "strict: false"]
    if not own.whole_nav:
        lines.append(f"nav: {json.dumps([*_nav(docs), *own.nav])}")
    (work / "mkdocs.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    builders.build(builder, work / "mkdocs.yml", config)
    _harvest(work, built, config)
    for path in [path for path in work.iterdir() if path.name not in ("site", "shells", "search.json")]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _nav(docs: Path) -> list[dict[str, Any]]:
    """The tabs, and the pages of the guide under theirs."""
    pages: dict[str, Any] = {title: page.replace(".html", ".md") for page, title in addresses.TABS.items()}
    pages[addresses.TABS[addresses.GUIDE]] = guide.nav(path.name for path in (docs / "guide").glob("*.md"))
    return [{title: page} for title, page in pages.items()]


def _harvest(work: Path, built: Path, config: Path) -> None:
    (work / "shells").mkdir()
    for name, page in SHELLS.items():
        path = built / page
        html = path.read_text(encoding="utf-8") if path.exists() else ""
        if html.count(BODY) != 1 or (html.count(TITLE) > 0) != name.isdigit() or "<head>" not in html or _MATERIAL not in html:
            raise SetupError(
                f"{config}: the page {page} has {html.count(BODY)} places for a body and {html.count(TITLE)} for a title",
                hint="the theme must be Material; keep its pages, and compare with the mkdocs.yml of `orchestrator init`",
            )
        (work / "shells" / f"{name}.html").write_text(guarded(scripted(html, page), page), encoding="utf-8")
    index = built / "search" / "search_index.json"
    default = '{"config":{"lang":["en"],"separator":"[\\\\s\\\\-]+","pipeline":["stopWordFilter"]},"docs":[]}'
    (work / "search.json").write_text(index.read_text(encoding="utf-8") if index.exists() else default, encoding="utf-8")
    for path in sorted(built.rglob("*")):
        name = path.relative_to(built).as_posix()
        if not path.is_file() or _DROPPED.fullmatch(name):
            continue
        target = work / "site" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".html":
            html = path.read_text(encoding="utf-8")
            if TITLE in html or BODY in html:
                raise SetupError(f"{config}: a marker of the shell stands in {name}", hint="keep the shell pages out of the navigation")
            target.write_text(guarded(scripted(html, name), name), encoding="utf-8")
        else:
            shutil.copyfile(path, target)


_MENDED = (
    (' data-md-component="search" role="dialog">', ' data-md-component="search" role="dialog" aria-label="Search">'),
    ('<div class="md-content" data-md-component="content">', '<div class="md-content" data-md-component="content" id="x-content" tabindex="-1">'),
)
"""What the theme leaves out for those who do not see the page: the name of a dialog; a place to skip to."""
_SKIP = '<div data-md-component="skip">'


def scripted(html: str, page: str) -> str:
    """A page of the theme that loads site.js, whatever the configuration says, which is a working folder's own and may be older; and that can be
    read with the keyboard and without eyes."""
    for was, becomes in _MENDED:
        html = html.replace(was, becomes)
    if 'class="md-skip"' not in html:
        html = html.replace(_SKIP, f'{_SKIP}<a href="#x-content" class="md-skip">Skip to content</a>')
    before, end, after = html.rpartition("</body>")
    return f'{before}<script src="{addresses.relative(page, SCRIPT)}" defer></script>{end}{after}' if end else html


def guarded(html: str, page: str) -> str:
    """A page of the theme with a content security policy as the first element of its head, then the address of the feed, and links to other sites
    that name no opener. `page`: its place.

    Scripts and styles: files of this site, and exactly the inline ones that stand in the page now. `data:` images are the theme's icons.
    """
    inline = [match["body"] for match in _SCRIPT.finditer(html) if "src=" not in match["attributes"] and "json" not in match["attributes"]]
    scripts = " ".join(["'self'", *dict.fromkeys(_hash(body) for body in inline)])
    styles = " ".join(["'self'", *dict.fromkeys(_hash(body) for body in _STYLE.findall(html))])
    policy = (
        f"default-src 'none'; script-src {scripts}; style-src {styles}; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'"
    )
    # `rel` has two words, since the theme takes a link whose `rel` is `alternate` and nothing else for a translation, and asks for its sitemap.
    found = f'<link rel="alternate feed" type="application/atom+xml" title="Runs" href="{addresses.relative(page, FEED)}">'
    head, rest = _OUTWARD.sub(r'\g<0> rel="noopener noreferrer"', html).split("<head>", 1)
    return f'{head}<head><meta http-equiv="Content-Security-Policy" content="{policy}">{found}{rest}'


def _hash(body: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(body.encode()).digest()).decode()}'"


class Shell:
    """A page with holes for title and body, split once so that no page text is ever searched for markers."""

    def __init__(self, html: str) -> None:
        self.parts = _MARKERS.split(html)
        self.key = hashlib.sha256(html.encode()).hexdigest()

    def fill(self, title: str, body: str, styles: Sequence[str] = ()) -> str:
        """`title` is text; `body` is finished HTML; `styles` are sources of styles that only this page allows."""
        words = " ".join(clean(title[:1000]).split())
        holes = {TITLE: escape(words if len(words) <= 200 else f"{words[:199]}…"), BODY: body}
        first, *rest = self.parts
        if styles:
            first = first.replace("style-src 'self'", " ".join(["style-src 'self'", *styles]), 1)
        return first + "".join(part if index % 2 else holes[part] for index, part in enumerate(rest))
