"""What a working folder changes about its site: templates and assets of its own, its mkdocs.yml, and pages that stand in the navigation.

site_templates/<name>.html      takes the place of the shipped template of that name
site_templates/assets/…         files that the site gets beside the shipped ones, or in their place
mkdocs.yml                      colours, logo, navigation; what it does not say is as it is shipped
docs/<page>.md                  pages that its `nav` names, with the pictures and styles beside them
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

TEMPLATES = "site_templates"
BESIDE = frozenset(
    [".css", ".js", ".svg", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".ico", ".woff", ".woff2", ".pdf", ".txt", ".csv", ".json"]
)
"""Endings of files that are taken along with pages of a folder."""
OVERVIEW = "index.md"
PRODUCT = "orchestrator/show/pages.py"
"""In a checkout of this product, whose templates are those that it ships, also when another copy of it is installed."""


class Own(NamedTuple):
    templates: str
    """The folder with templates that take the place of shipped ones; '' where there is none."""
    docs: dict[str, Path]
    """Place among the documents, POSIX → file: assets, and pages that `nav` names."""
    theme: dict[str, Path]
    """Place beside mkdocs.yml → file: what its `theme.custom_dir` holds."""
    mkdocs: Path | None
    """The folder's own mkdocs.yml."""
    nav: tuple[Any, ...] = ()
    """Entries that are added to the navigation; () where mkdocs.yml names none, or all of it."""
    whole_nav: bool = False
    """Its `nav` names the overview, and so is the whole navigation."""
    inherits: bool = False
    """It says itself what it inherits from."""

    def key(self) -> str:
        digest = hashlib.sha256()
        named = {**self.docs, **{f"theme {name}": path for name, path in self.theme.items()}}
        for name, path in sorted([*named.items(), *([("mkdocs.yml", self.mkdocs)] if self.mkdocs else [])]):
            digest.update(f"\0{name}\0".encode("utf-8", "replace") + path.read_bytes())
        return digest.hexdigest()


def files(folder: str) -> list[Path]:
    """The templates in a folder; none in ''."""
    return sorted(Path(folder).glob("*.html")) if folder else []


def own(root: Path, templates: Path, mkdocs: Path) -> Own:
    """Of a working folder. `templates`, `mkdocs`: the shipped ones, which are nobody's own also where they lie in that folder."""
    if (root / PRODUCT).is_file():
        return Own("", {}, {}, None)
    folder, config = root / TEMPLATES, root / "mkdocs.yml"
    found = ""
    docs: dict[str, Path] = {}
    if folder.is_dir() and not _same(folder, templates):
        found = str(folder.resolve())
        docs = {f"assets/{name}": path for name, path in _files(folder / "assets").items()}
    if not config.is_file() or _same(config, mkdocs):
        return Own(found, docs, {}, None)
    said = _said(config)
    nav = said.get("nav")
    entries = tuple(nav) if isinstance(nav, list) else ()
    pages = [*_pages(entries)]
    whole = OVERVIEW in pages
    docs = _documents(root / _place(said.get("docs_dir"), "docs"), pages, said) | docs
    return Own(found, docs, _custom(root, said), config, () if whole else entries, whole, "INHERIT" in said)


def _same(one: Path, other: Path) -> bool:
    return other.exists() and one.samefile(other)


def _said(config: Path) -> dict[str, Any]:
    """What a mkdocs.yml says, with tags it may hold left as text; {} for what MkDocs will complain about."""
    import yaml

    class Plain(yaml.SafeLoader):
        pass

    Plain.add_multi_constructor("", lambda loader, suffix, node: str(getattr(node, "value", "")))
    try:
        value = yaml.load(config.read_text(encoding="utf-8", errors="replace"), Plain)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _pages(entries: Any) -> Iterator[str]:
    """The documents that a `nav` names, at whatever depth."""
    for entry in entries if isinstance(entries, (list, tuple)) else ():
        if isinstance(entry, str):
            yield entry
        elif isinstance(entry, Mapping):
            for value in entry.values():
                yield from [value] if isinstance(value, str) else _pages(value)


def _documents(folder: Path, pages: list[str], said: Mapping[str, Any]) -> dict[str, Path]:
    """Pages of the folder that `nav` names, with what lies beside them; else only the styles, scripts and pictures that mkdocs.yml names."""
    there = {name: folder / name for name in pages if _inside(name) and name.endswith(".md") and name != OVERVIEW and (folder / name).is_file()}
    if there:
        return there | {name: path for name, path in _files(folder).items() if path.suffix.lower() in BESIDE}
    theme = said.get("theme")
    named = [*_texts(said.get("extra_css")), *_texts(said.get("extra_javascript"))]
    named += [*_texts([theme.get("logo"), theme.get("favicon")])] if isinstance(theme, dict) else []
    return {name: folder / name for name in named if _inside(name) and (folder / name).is_file()}


def _custom(root: Path, said: Mapping[str, Any]) -> dict[str, Path]:
    theme = said.get("theme")
    place = _place(theme.get("custom_dir"), "") if isinstance(theme, dict) else ""
    return {f"{place}/{name}": path for name, path in _files(root / place).items()} if place else {}


def _texts(value: Any) -> Iterator[str]:
    yield from (each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def _place(value: Any, default: str) -> str:
    return PurePosixPath(value).as_posix() if isinstance(value, str) and value and _inside(value) else default


def _inside(name: str) -> bool:
    pure = PurePosixPath(name)
    return not pure.is_absolute() and ".." not in pure.parts and "\0" not in name and "\\" not in name


def _files(folder: Path) -> dict[str, Path]:
    """Every file below a folder but the hidden ones, by its POSIX path."""
    if not folder.is_dir():
        return {}
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: path for name, path in found.items() if not any(part.startswith(".") for part in name.split("/"))}
