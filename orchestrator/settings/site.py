"""The settings of the static site, a part of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from orchestrator.settings.agents import Section


class Site(Section):
    """The static site ([making it yours](site.md)). `site: public` is short for `{folder: public}`."""

    folder: Path = Path("site")
    """Where it is built."""
    url: str = ""
    """Where it is published, for example `https://team.example.org/proofs/`: feeds, badges and the data name whole addresses then."""
    public: bool = False
    """Leave out what is not for everybody: transcripts, code, output, held-out values, paths ([a public site](site.md#a-public-site))."""
    builder: Literal["mkdocs", "properdocs", "zensical"] = "mkdocs"
    """What builds header, navigation and guide from `mkdocs.yml` ([builders](site.md#builders)); the last two are installed apart."""
    from_: tuple[str, ...] = Field((), alias="from")
    """Other installations that it shows, too: folders of runs, and addresses of published sites ([many roots](site.md#several-installations))."""
    source_seconds: float = Field(20.0, gt=0)
    """A published site is given so long to answer; after that what it said last is shown, as old."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"folder": value} if isinstance(value, (str, Path)) else value

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        if not value:
            return ""
        try:
            parts = urlsplit(value)
            fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None and not parts.query and not parts.fragment
        except ValueError:
            fits = False
        if not fits or not value.isprintable() or any(sign in value for sign in " \"'<>\\"):
            raise ValueError("an address of the form https://host/path/, without a name, a password, `?` or `#`")
        return value if value.endswith("/") else f"{value}/"
