"""A stub takes the subject's place wherever the subject lies and however it is imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.model import Change, Example
from orchestrator.run import evidence, examples, stubs, suites
from orchestrator.run.agents import workspace
from tests.run.values import LIMITS, criterion, example, task

SHOP = "OTHER = 1\ndef price(x):\n    return 5\nclass Box:\n    def size(self):\n        return 5\nif __name__ == '__main__':\n    print(5)\n"
LAYOUTS = {
    "a module": "shop.py", "a package": "shop/__init__.py", "a module below src": "src/shop.py", "a package below src": "src/shop/__init__.py",
    "a module of a package": "shop/core.py",
}  # fmt: skip


def imports(module: str) -> dict[str, Example]:
    return {
        "from": example("price(1)", "5", setup=(f"from {module} import price",)),
        "from as": example("p(1)", "5", setup=(f"from {module} import price as p",)),
        "import": example(f"{module}.price(1)", "5", setup=(f"import {module}",)),
        "import as": example("s.price(1)", "5", setup=(f"import {module} as s",)),
        "star": example("price(1)", "5", setup=(f"from {module} import *",)),
        "class": example("Box().size()", "5", setup=(f"from {module} import Box",)),
        "console": example(f"python -m {module}", "5", compare="console"),
    }


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_holds_at_the_base_fails_on_every_stub(layout: str, tmp_path: Path, python: Path) -> None:
    name = LAYOUTS[layout]
    module = "shop.core" if name == "shop/core.py" else "shop"
    found = imports(module)
    if "__init__" in name:
        del found["console"]  # a package without `__main__` is no program
    of = task(*(criterion(f"AC{number}", kind, item) for number, (kind, item) in enumerate(found.items(), 1)))
    files = {name: SHOP} | ({"shop/__init__.py": ""} if module == "shop.core" else {})
    tests = Change(of.test_file, examples.test_file(of, "prds/p.md", of.examples))
    variants = []
    for number, kind in enumerate(["base", *stubs.KINDS]):
        place = tmp_path / str(number)
        place.mkdir()
        about = stubs.subjects(of.examples, (), (f"{module.replace('.', '/')}.py",), files.get)
        changes = stubs.stub(kind, about, files.get, "4711") if kind != "base" else ()
        workspace.apply(place, (*(Change(path, text) for path, text in files.items()), *changes, tests))
        variants.append(suites.Variant(kind, place, (of.test_file,)))
    base, *others = suites.run("check_red", tuple(variants), python=python, limits=LIMITS)
    assert [item.outcome for item in base.outcomes] == ["passed"] * len(found), base.output
    for seen in others:
        assert {item.id: item.outcome for item in seen.outcomes if not evidence.is_red(item)} == {}, seen.what
        assert len(seen.outcomes) == len(found)
