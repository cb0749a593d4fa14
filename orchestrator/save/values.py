"""Frozen values as JSON, for columns of the database."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, TypeVar

from orchestrator.errors import DamagedError

T = TypeVar("T")


@cache
def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def to_json(value: object) -> str:
    kind: Any = type(value)
    try:
        return str(_adapter(kind).dump_json(value).decode())
    except ValueError:  # half a surrogate pair somewhere: not to be written as UTF-8
        return json.dumps(_readable(_adapter(kind).dump_python(value)))


def _readable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_readable(key): _readable(item) for key, item in value.items()}
    return [_readable(item) for item in value] if isinstance(value, (list, tuple)) else value


def from_json(kind: type[T], text: str) -> T:
    """Raises DamagedError for a text that is no such value."""
    hashable: Any = kind
    try:
        found: T = _adapter(hashable).validate_json(text)
    except ValueError as error:
        raise DamagedError(f"a row holds no {kind.__name__}: {str(error).splitlines()[-1].strip()[:200]}") from None
    return found
