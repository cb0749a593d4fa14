"""A report whose strings are no longer than a page can bear. What our own writers make is far below; the whole stays in the report's file. Pure."""

from __future__ import annotations

import re
from typing import Any, TypeVar

LONGEST = 20_000
"""Characters of one string."""
LARGE = 1_000_000
"""Bytes of a report that is looked through in any case."""

_LONG = re.compile(rb'(?:\A|")[^"]{%d}' % (LONGEST + 1))

T = TypeVar("T")


def suspicious(data: bytes) -> bool:
    """Whether a report may hold a longer string: quick, since nearly none does."""
    return len(data) > LARGE or _LONG.search(data) is not None


def bounded(value: T) -> T:
    """The same with long strings cut, each with a word about it."""
    return _bounded(value)  # type: ignore[no-any-return]


def _bounded(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= LONGEST else f"{value[:LONGEST]} … ({len(value) - LONGEST:,} characters more are in the report)"
    if isinstance(value, (list, tuple)):
        return type(value)(_bounded(item) for item in value)
    if isinstance(value, dict):
        return {_bounded(key): _bounded(item) for key, item in value.items()}
    fields = getattr(type(value), "model_fields", None)
    if fields is None or type(value).__name__ == "Text":  # what it shows is cut where it is shown
        return value
    return value.model_copy(update={name: _bounded(getattr(value, name)) for name in fields})
