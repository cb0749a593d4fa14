"""The engine of the site: parts with keys in, files out. What changed is rendered, what is gone is removed, nothing is ever half there.

A part has a key, a hash of everything it is made from; `orchestrator-site.json` in the site's folder keeps keys, files and what other parts
need to know. A part with the same key whose files are still there is left alone, without importing a template engine. Only files named in
that manifest are ever removed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrator.errors import UsageError
from orchestrator.show import addresses, gather
from orchestrator.show.shell import Chrome, Shell, shipped

if TYPE_CHECKING:
    from orchestrator.show.sources import Source

MANIFEST = "orchestrator-site.json"


class Rendered(NamedTuple):
    files: dict[str, str | Path]
    """Path in the site → its text, or the file to copy."""
    data: Mapping[str, Any] = MappingProxyType({})
    """JSON values for other parts; `search` is a list of [page, title, one line]."""


class Part(NamedTuple):
    key: Any
    """JSON values: all that it is made from, beside this product's own code and templates."""
    render: Callable[[], Rendered]


class Builder:
    """One build: where from, where to, the old manifest and the new, and the template engine once a part needs it."""

    def __init__(self, runs: Path, site: Path, theme: Chrome, url: str = "", sources: Sequence[Source] = ()) -> None:
        """`url`: where the site is published, '' where nobody said. `sources`: other installations that it shows."""
        self.runs, self.site, self.theme, self.url, self.sources = runs, site, theme, url, sources
        self.old: Mapping[str, Any] = _manifest(site)
        self.new: dict[str, Any] = {}
        self.templates = {path.name: path.read_text(encoding="utf-8") for path in sorted(shipped().templates.glob("*.html"))}
        self.shells = {path.stem: Shell(path.read_text(encoding="utf-8")) for path in sorted((theme.folder / "shells").glob("*.html"))}
        code = gather.key(*sorted(Path(__file__).parent.glob("*.py")), Path(__file__).parent.parent / "save" / "reports.py")
        self.key = digest(code, self.templates, url, {name: shell.key for name, shell in self.shells.items()})
        self._env: Any = None

    @property
    def env(self) -> Any:
        if self._env is None:
            from orchestrator.show.pages import environment

            self._env = environment(self.templates, self.url)
        return self._env

    def part(self, name: str, part: Part) -> dict[str, Any]:
        """Bring a part up to date; returns its data."""
        key = digest(self.key, part.key)
        known = self.old.get(name)
        if known and known["key"] == key and all((self.site / path).is_file() for path in known["files"]):
            self.new[name] = known
        else:
            rendered = part.render()
            for path, content in rendered.files.items():
                _write(self.site / path, content)
            self.new[name] = {"key": key, "files": sorted(rendered.files), "data": json.loads(json.dumps(dict(rendered.data)))}
        found: dict[str, Any] = self.new[name]["data"]
        return found

    def page(self, path: str, title: str, body: str) -> str:
        """A whole page: the body in the shell of its tab, or in that of its folder's depth."""
        return self.shells[addresses.shell(path)].fill(title, body)

    def search(self) -> list[list[str]]:
        """What all parts up to now would have found."""
        return [entry for part in self.new.values() for entry in part["data"].get("search", ())]

    def finish(self) -> None:
        kept = {path for part in self.new.values() for path in part["files"]}
        for path in sorted({path for part in self.old.values() for path in part["files"]} - kept):
            _remove(self.site, path)
        text = json.dumps({"parts": self.new}, sort_keys=True, indent=1) + "\n"
        manifest = self.site / MANIFEST
        if not manifest.exists() or manifest.read_text(encoding="utf-8") != text:
            _write(manifest, text)


def digest(*values: Any) -> str:
    """A hash of JSON values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _manifest(site: Path) -> dict[str, Any]:
    """The parts of the last build. A new folder is claimed with an empty manifest, so that a build that is killed can be repeated."""
    path = site / MANIFEST
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        parts: dict[str, Any] = value["parts"]
        if all(isinstance(part, dict) and {"key", "files", "data"} <= part.keys() for part in parts.values()):
            return parts
    except FileNotFoundError:
        if (site / addresses.OVERVIEW).exists():
            raise UsageError(
                f"{site} holds an index.html of something else", hint="point `site` in orchestrator.yaml to a folder of its own"
            ) from None
        site.mkdir(parents=True, exist_ok=True)
        _write(path, '{"parts":{}}\n')
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    return {}


def _write(path: Path, content: str | Path) -> None:
    """Whole or not at all: a reader never meets half a page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:80]}.{os.getpid()}.tmp")
    try:
        if isinstance(content, Path):
            shutil.copyfile(content, temporary)
        else:
            temporary.write_bytes(content.encode("utf-8", "replace"))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _remove(site: Path, name: str) -> None:
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts:
        return
    path = site / pure
    path.unlink(missing_ok=True)
    for folder in path.parents:
        if folder == site or not folder.is_dir() or any(folder.iterdir()):
            break
        folder.rmdir()
