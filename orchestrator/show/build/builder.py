"""The engine of the site: what a part is, the shells that pages are filled into, and how files are written. manifest.py knows what is there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from orchestrator.save import reports
from orchestrator.show import addresses, gather
from orchestrator.show.build import own
from orchestrator.show.build.manifest import announce
from orchestrator.show.build.shell import Chrome, Shell, shipped

if TYPE_CHECKING:
    from orchestrator.save.report import Report
    from orchestrator.show.federation.sources import Source

R = TypeVar("R", bound="Report")


LARGEST = 300_000
"""Bytes of a page."""


class Rendered(NamedTuple):
    files: dict[str, str | Path]
    """Path in the site → its text, or the file to copy."""
    data: Mapping[str, Any] = MappingProxyType({})
    """JSON values for other parts; `search` is a list of [page, title, one line]."""


class Part(NamedTuple):
    key: Any
    """JSON values: all that it is made from, beside this product's own code and templates."""
    render: Callable[[], Rendered]


class Settings(NamedTuple):
    """What was said about the site as a whole; JSON values."""

    url: str = ""
    """Where it is published, '' where nobody said."""
    templates: str = ""
    """The folder with templates of the working folder's own, '' where there is none. Their texts are part of every key, not where they lie."""
    public: bool = False
    """What is not for everybody is left out (public.py)."""


class Builder:
    """What parts are made with: where from, where to, the chrome, and the template engine once a part needs it."""

    def __init__(self, runs: Path, site: Path, theme: Chrome, settings: Settings, sources: Sequence[Source] = ()) -> None:
        """`sources`: other installations that the site shows."""
        self.runs, self.site, self.theme, self.settings, self.sources = runs, site, theme, settings, sources
        self.templates = {path.name: path.read_text(encoding="utf-8") for path in sorted(shipped().templates.glob("*.html"))}
        self.shells = {path.stem: Shell(path.read_text(encoding="utf-8")) for path in sorted((theme.folder / "shells").glob("*.html"))}
        self.own = {path.name: path.read_text(encoding="utf-8", errors="replace") for path in own.files(settings.templates)}
        code = gather.key(*sorted(Path(gather.__file__).parent.rglob("*.py")), Path(reports.__file__))
        self._key = digest(code, self.templates, self.own, settings._replace(templates=""), {name: shell.key for name, shell in self.shells.items()})
        self._env: Any = None
        self.kept: tuple[Path | None, Any] = None, None
        """A report that was read for another's sake: its file, and what it says."""
        self.facts: tuple[Path | None, Any] = None, None
        """The same of what is compared of it."""

    @property
    def env(self) -> Any:
        if self._env is None:
            from orchestrator.show.pages import environment
            from orchestrator.show.templates import Template

            ours = {name: Template(f"{own.TEMPLATES}/{name}", text) for name, text in self.own.items()}
            self._env = environment(self.templates, self.settings.url, ours, self.settings.public)
        return self._env

    def read(self, path: Path, model: type[R], runs: Path) -> R | gather.Unreadable:
        """The report in a file as this site may show it, or why there is none. Parts read reports in no other way."""
        found = gather.read(path, model, runs)
        if not self.settings.public:
            return found
        from orchestrator.show import public

        return public.unreadable(found) if isinstance(found, gather.Unreadable) else public.report(found)

    def said(self, text: str) -> str:
        """A word of this machine, as this site may show it."""
        from orchestrator.show import public

        return public.scrubbed(text) if self.settings.public and text else text

    def copy(self, place: str, path: Path, report: Report | gather.Unreadable | None) -> dict[str, str | Path]:
        """What stands in the site at `place` for a report's file: the file itself, or what a public site may show of it; {}: nothing."""
        if not self.settings.public:
            return {place: path} if path.is_file() else {}
        return {} if report is None or isinstance(report, gather.Unreadable) else {place: report.model_dump_json(indent=1, warnings=False) + "\n"}

    def key(self, *values: Any) -> str:
        """A hash of JSON values, and of all that every part is made with."""
        return digest(self._key, values)

    def make(self, part: Part, folder: Path) -> tuple[list[str], Mapping[str, Any]]:
        """Render a part and write its files, of which `folder` keeps the manifest; returns their names, and the part's data."""
        rendered = part.render()
        announce(folder, rendered.files)
        for path, content in rendered.files.items():
            write(f"{self.site}/{path}", content)
        problems = self._problems()
        return list(rendered.files), {**rendered.data, "problems": problems} if problems else rendered.data

    def _problems(self) -> list[str]:
        """What was wrong with the working folder's own templates since this was asked last."""
        found: list[str] = [] if self._env is None else [*self._env.templates.problems]
        if found:
            self._env.templates.problems.clear()
        return found

    def page(self, path: str, title: str, body: str, styles: Sequence[str] = ()) -> str:
        """A whole page: the body in the shell of its tab, or in that of its folder's depth. `styles`: what only this page's policy allows."""
        return self.shells[addresses.shell(path)].fill(title, body, styles)

    def tab(self, path: str, body: str, line: str) -> Rendered:
        """The page of a tab, found by its title and `line`."""
        title = addresses.TABS[path]
        return Rendered({path: self.page(path, title, body)}, {"search": [[path, title, line]]})

    def fitted(self, path: str, title: str, draw: Callable[[gather.Cut], str]) -> str:
        """A page of at most `LARGEST` bytes: its body is drawn with shorter texts and lists until it fits. What never fits says so itself."""
        for cut in gather.CUTS:
            whole = self.page(path, title, draw(cut))
            if len(whole) <= LARGEST and len(whole.encode("utf-8", "replace")) <= LARGEST:
                break
        return whole


def digest(*values: Any) -> str:
    """A hash of JSON values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def write(path: str, content: str | Path) -> None:
    """Whole or not at all: a reader never meets half a page. Strings, not paths: a site may have a hundred thousand files."""
    folder, _, name = path.rpartition("/")
    temporary = f"{folder}/.{name[:80]}.{os.getpid()}.tmp"
    try:
        try:
            _fill(temporary, content)
        except FileNotFoundError:
            Path(folder).mkdir(parents=True, exist_ok=True)
            _fill(temporary, content)
        os.replace(temporary, path)  # noqa: PTH105
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _fill(place: str, content: str | Path) -> None:
    if isinstance(content, Path):
        with open(content, "rb", buffering=0) as source, open(place, "wb", buffering=0) as file:  # noqa: PTH123
            shutil.copyfileobj(source, file, LARGEST)
    else:
        with open(place, "wb", buffering=0) as file:  # noqa: PTH123
            file.write(content.encode("utf-8", "replace"))
