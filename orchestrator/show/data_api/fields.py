"""Every field of the site's data in words, from the models themselves: for the page about the data, and for docs/api.md. Pure."""

from __future__ import annotations

import types
import typing
from typing import Any, NamedTuple

from pydantic import BaseModel

from orchestrator.show.data_api.api_models import MODELS
from orchestrator.show.data_api.described import described, models_of

WORDS: dict[object, str] = {str: "text", int: "whole number", float: "number", bool: "true or false", types.NoneType: "null"}


class Field(NamedTuple):
    name: str
    kind: str
    says: str


class Table(NamedTuple):
    """The fields of a kind of file, or of a value that stands in files."""

    name: str
    file: str
    """Its name among the schemas; '' for a value."""
    says: str
    fields: list[Field]


def tables() -> list[Table]:
    """Files first, in the order of MODELS; then the values that they hold."""
    found: dict[type[BaseModel], str] = {model: name for name, model in MODELS.items()}
    queue = list(found)
    for model in queue:
        for field in model.model_fields.values():
            inner = [each for each in models_of(field.annotation) if each not in found]
            found |= dict.fromkeys(inner, "")
            queue += inner
    return [_table(model, name) for model, name in found.items()]


def _table(model: type[BaseModel], name: str) -> Table:
    fields = [
        Field(field.alias or key, _kind(field.annotation, field.metadata), field.description or "")
        for key, field in described(model).model_fields.items()
    ]
    return Table(model.__name__, name, " ".join((model.__doc__ or "").split()), fields)


def _kind(annotation: Any, metadata: Any = ()) -> str:
    if metadata and annotation is str:
        return "link"
    inner = typing.get_args(annotation)
    match typing.get_origin(annotation):
        case typing.Annotated:
            return _kind(inner[0], inner[1:])
        case typing.Union | types.UnionType:
            return " or ".join(_kind(each) for each in inner)
        case origin if origin is list:
            return f"list of {_kind(inner[0])}"
        case origin if origin is dict:
            return f"name → {_kind(inner[1])}"
    return WORDS.get(annotation) or annotation.__name__


def markdown() -> str:
    """The tables, for docs/api.md."""
    lines = []
    for table in tables():
        title = f"`{table.file}`" if table.file else table.name
        lines += [f"### {title}", "", table.says, "", "| field | kind | |", "|---|---|---|"]
        lines += [f"| `{field.name}` | {field.kind} | {' '.join(field.says.split())} |" for field in table.fields]
        lines.append("")
    return "\n".join(lines)
