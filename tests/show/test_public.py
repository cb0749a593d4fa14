"""What a public site may show: every field of every report is decided, and what is private is nowhere in what is left."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import orchestrator.save
from orchestrator.save import reports as r
from orchestrator.save.report import Report
from orchestrator.show import public

from .hostile_fixture import filled

for module in pkgutil.iter_modules(orchestrator.save.__path__):
    importlib.import_module(f"orchestrator.save.{module.name}")


def models(above: type[Report] = Report) -> Iterator[type[Report]]:
    for model in above.__subclasses__():
        yield model
        yield from models(model)


MODELS = sorted((model for model in models() if model.__module__.startswith("orchestrator.save.")), key=lambda model: model.__name__)


def test_model_names_are_unique() -> None:
    assert len({model.__name__ for model in MODELS}) == len(MODELS) > 40


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_somebody_has_decided_about_every_field(model: type[Report]) -> None:
    shown, kept = (words.split() for words in public.FIELDS[model.__name__])
    assert sorted([*shown, *kept]) == sorted(model.model_fields), "public or private? (orchestrator/show/public.py)"


def test_no_model_is_listed_that_is_not_there() -> None:
    assert {*public.FIELDS} == {model.__name__ for model in MODELS}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_private_text_is_nowhere_in_what_is_left(model: type[Report]) -> None:
    canaries: dict[str, str] = {}

    def said(path: str) -> str:
        canaries[path] = f"canary{len(canaries):05d}x"
        return canaries[path]

    whole = filled(model, said)
    left = public.report(whole).model_dump_json()
    for path, canary in canaries.items():
        names = path.split(".")
        assert (canary in left) == is_public(model, names), path


def is_public(model: type[Report], names: list[str]) -> bool:
    """Whether each step of the way to a text is public."""
    kind: object = model
    for name in names:
        if not (isinstance(kind, type) and issubclass(kind, Report)):
            return True
        if name not in public.PUBLIC[kind.__name__]:
            return False
        kind = _inner(kind.model_fields[name].annotation)
    return True


def _inner(annotation: object) -> object:
    from typing import get_args

    if isinstance(annotation, type) and issubclass(annotation, Report):
        return annotation
    return next((found for each in get_args(annotation) if (found := _inner(each)) is not None), None)


def test_a_field_that_nobody_listed_is_left_out() -> None:
    class Later(r.FindingReport):
        secret: str = ""

    later = Later(gate="red", message="m", severity="error", criterion="c", where="w", secret="s")
    assert public.report(later).secret == public.LEFT_OUT
    assert public.report(later).gate == public.LEFT_OUT


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("ask ann.lee+x@example.co.uk now", "ask [e-mail left out of the public site] now"),
        ("/home/ann/library/loans.py:3 failed", "[path left out of the public site]:3 failed"),
        ("see (/tmp/x/y) and C:\\Users\\ann\\x", "see ([path left out of the public site]) and [path left out of the public site]"),
        ("`GET /books/7`, and/or tests/test_x.py", "`GET /books/7`, and/or tests/test_x.py"),
        ("tests/test_x.py::test_fine[10-2.5]", "tests/test_x.py::test_fine[…]"),
        ("loans#R2.AC1/3", "loans#R2.AC1/3"),
    ],
)
def test_what_a_public_text_loses(text: str, left: str) -> None:
    assert public.scrubbed(text) == left


def test_prose_keeps_its_words_and_loses_its_code() -> None:
    text = "A rule with `code`.\n\n```python\nsecret()\n```\n\nMore.\n\n>>> secret(1)\n\n    secret(2)\n\nEnd.\n\n~~~\nsecret(3)\n"
    left = public.words_only(text)
    assert "secret" not in left
    assert all(word in left for word in ("A rule with `code`.", "More.", "End."))
    assert left.count("*code left out of the public site*") == 4


def test_a_reason_says_what_the_verdict_means() -> None:
    task = r.TaskReport(
        id="loans#R3", prd="loans", title="Cap", state="failed", reason="fine(10) gave 3", depends_on=[], requirements=[], attempts=4, last_run="", question=None
    )  # fmt: skip
    assert public.report(task).reason.startswith("gave up: no candidate passed the gates")
    assert "fine(10)" not in public.report(task).reason


def test_the_parts_of_a_site_read_reports_in_one_way() -> None:
    """`Builder.read` knows whether the site is a public one; whoever reads past it would show everything."""
    folder = Path(public.__file__).parent
    assert [path.name for path in sorted(folder.rglob("*.py")) if "gather.read(" in path.read_text("utf-8")] == ["builder.py"]
