"""The page about the data of the site: what is where, how to ask for it, and every field in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.show import addresses
from orchestrator.show.data_api import api, feed, fields
from orchestrator.show.data_api.api_models import MODELS, ProjectRow
from orchestrator.show.pages import render
from orchestrator.show.pictures import badges

if TYPE_CHECKING:
    from jinja2 import Environment

NAME = "TDD orchestrator"
NAMED = 50
"""Projects whose files the page links."""


def page(env: Environment, rows: Sequence[ProjectRow], url: str) -> str:
    """The page's body. `url`: where the site is published, '' where nobody said."""
    return render(
        env,
        "api.html",
        addresses.DATA,
        url=url or badges.SOMEWHERE,
        known=bool(url),
        index=api.INDEX,
        projects=api.list_place(api.PROJECTS),
        root=api.ROOT,
        schemas=[(name, api.schema_place(name), (model.__doc__ or "").strip()) for name, model in MODELS.items()],
        tables=fields.tables(),
        rows=[(row, feed.place(row.name)) for row in rows[:NAMED]],
        left=max(0, len(rows) - NAMED),
        feed=feed.place(""),
        proved=f"{badges.place('', 'proved')}.svg",
        last=f"{badges.place('', 'last-run')}.svg",
        snippet=badges.snippet("", url),
    )
