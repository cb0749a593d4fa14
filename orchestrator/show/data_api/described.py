"""The sentences under the fields of models, for pages and schemas.

They are read from the source when somebody asks: pydantic's own `use_attribute_docstrings` reads it whenever a program begins, and that takes
longer than all else about the models.
"""

from __future__ import annotations

import ast
import inspect
import sys
import typing
from functools import cache
from itertools import pairwise
from typing import Any

from pydantic import BaseModel


@cache
def described(model: type[BaseModel]) -> type[BaseModel]:
    """The same model; its fields, and those of all models in them, know their sentences from then on (`description`), and so do its schemas."""
    for part in _parts(model):
        sentences: dict[str, str] = {}
        for each in reversed(part.__mro__):
            sentences |= _sentences(each)
        for name, field in part.model_fields.items():
            field.description = field.description or sentences.get(name)
        part.model_rebuild(force=True)
    return model


def models_of(annotation: Any) -> list[type[BaseModel]]:
    """The models that stand in an annotation, in its order."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in typing.get_args(annotation) for model in models_of(inner)]


def _parts(model: type[BaseModel]) -> list[type[BaseModel]]:
    """The model and those in its fields, however deep; each after those that it holds, for a schema is made of theirs."""
    found: dict[type[BaseModel], None] = {}
    begun: set[type[BaseModel]] = set()

    def visit(each: type[BaseModel]) -> None:
        if each in begun:
            return
        begun.add(each)
        for field in each.model_fields.values():
            for inner in models_of(field.annotation):
                visit(inner)
        found[each] = None

    visit(model)
    return list(found)


def _sentences(model: type) -> dict[str, str]:
    return _of_module(model.__module__).get(model.__qualname__, {})


@cache
def _of_module(name: str) -> dict[str, dict[str, str]]:
    """Class → field → the string below it."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[name]))
    except (OSError, TypeError):  # a module without source: builtins
        return {}
    return {each.name: _below(each.body) for each in tree.body if isinstance(each, ast.ClassDef)}


def _below(body: list[ast.stmt]) -> dict[str, str]:
    found = {}
    for field, text in pairwise(body):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(said))):
                found[name] = inspect.cleandoc(said)
    return found
