"""Released packages as targets, each of another set-up: a small feature is added by a scripted agent, and one that breaks a test of theirs is refused.

Opt-in, since it needs the package index: ORCHESTRATOR_TEST_PACKAGES=1. Each source distribution is pinned by its hash.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import tarfile
import urllib.request
from dataclasses import dataclass

import pytest
from pip._internal.models.index import PyPI

from tests.conftest import Workplace
from tests.end_to_end.test_targets import git

pytestmark = pytest.mark.packages

INDEX = os.environ.get("ORCHESTRATOR_TEST_INDEX") or PyPI.simple_url.rstrip("/")
"""pip's own default, or another one."""


@dataclass(frozen=True)
class Package:
    """A released package, a feature for it, and a change that breaks it."""

    name: str
    version: str
    sha256: str
    file: str
    """Where the feature belongs."""
    call: str
    rows: tuple[tuple[str, str], ...]
    """Arguments and answer."""
    code: str
    broken: tuple[str, str, str]
    """File, what stands there, and what a careless agent makes of it."""
    regression: str
    """A test of the project's own that then fails."""
    held: int
    """So many of the project's own tests hold at the base, at least."""

    def __str__(self) -> str:
        return f"{self.name}-{self.version}"

    @property
    def prd(self) -> str:
        cells = "\n".join(f"  | {arguments} | {answer} |" for arguments, answer in self.rows)
        return f"""\
---
title: A feature for {self.name}
target: {{repo: ../package}}
---

# A feature for {self.name}

## Requirements

### R1: {self.call}
Module: {self.file}

- AC1: it answers

  | `{self.call}` | => |
  |---|---|
{cells}
"""

    def agent(self, *, careful: bool = True) -> str:
        path, old, new = self.broken
        careless = f"    other = folder / {path!r}\n    other.write_text(other.read_text().replace({old!r}, {new!r}))\n"
        return (
            f"CODE = {self.code!r}\n\n\ndef turn(brief, folder):\n    path = folder / {self.file!r}\n"
            "    path.write_text(path.read_text() + '\\n\\n' + CODE)\n" + ("" if careful else careless)
        )


PACKAGES = (
    Package(
        "itsdangerous", "2.2.0", "e0050c0b7da1eea53ffaf149c0cfbb5c6e2e2b69c4bef22c81fa6eb73e5f6173",
        "src/itsdangerous/encoding.py", "encoded_length(count)", (("0", "0"), ("1", "2"), ("2", "3"), ("3", "4"), ("10", "14"), ("100", "134")),
        'def encoded_length(count: int) -> int:\n    """Length of that many bytes in base64 without padding."""\n    return -(-count * 4 // 3)\n',
        ("src/itsdangerous/encoding.py", '.rstrip(b"=")', ""), "tests/test_itsdangerous/test_serializer.py::TestSerializer", 290,
    ),  # src layout, pinned test requirements, a plugin, warnings are errors
    Package(
        "jinja2", "3.1.4", "4a3aee7acbbe7303aede8e9648d13b8bf88a429282aa6122a993f0ac800cb369",
        "src/jinja2/utils.py", "shorten_path(path)",
        (("'a/b/c.html'", "'.../c.html'"), ("'c.html'", "'c.html'"), ("''", "''"), ("'x/y'", "'.../y'"), ("'a/b/c/d'", "'.../d'")),
        'def shorten_path(path: str) -> str:\n    """The last part of a template\'s path."""\n'
        '    head, slash, tail = path.rpartition("/")\n    return f".../{tail}" if slash else path\n',
        ("src/jinja2/filters.py", "return soft_str(s).upper()", "return soft_str(s)"), "test_upper", 800,
    ),  # a conftest of fixtures that many test files share, a dependency with compiled parts
    Package(
        "blinker", "1.8.2", "8f77b09d3bf7c795e969e9486f39c2c5e9c39d4ee07424be2bc594ece9642d83",
        "src/blinker/_utilities.py", "plural(count, word)",
        (("1, 'signal'", "'1 signal'"), ("2, 'signal'", "'2 signals'"), ("0, 'signal'", "'0 signals'"), ("3, 'sender'", "'3 senders'")),
        'def plural(count: int, word: str) -> str:\n    """The count with its word."""\n    return f"{count} {word}" + ("" if count == 1 else "s")\n',
        ("src/blinker/base.py", "self.is_muted = True", "self.is_muted = False"), "tests/test_signals.py::", 20,
    ),  # tests that need a plugin and its settings: pytest-asyncio
    Package(
        "more-itertools", "10.3.0", "e5d93ef411224fbcef366a6e8ddc4c5781bc6359d43412a65dd5964e46111463",
        "more_itertools/recipes.py", "alternate_sum(values)", (("[1, 2, 3]", "2"), ("[]", "0"), ("[5]", "5"), ("[5, 7]", "-2"), ("[1, 1, 1, 4]", "-3")),
        'def alternate_sum(values):\n    """First, less the second, plus the third, and so on."""\n'
        "    return sum(-value if place % 2 else value for place, value in enumerate(values))\n",
        ("more_itertools/recipes.py", "return sum(map(pred, iterable))", "return sum(map(pred, iterable)) + 1"), "QuantifyTests", 600,
    ),  # unittest, flat layout, no pytest settings
    Package(
        "boltons", "24.0.0", "7153feccaea1ff2e1472f68d4b57fadb796a2ee49d29f638f1c9cd8fb5ebd916",
        "boltons/mathutils.py", "nearest(value, step)", (("7, 5", "5"), ("8, 5", "10"), ("0, 3", "0"), ("14, 4", "16"), ("13, 4", "12")),
        'def nearest(value, step):\n    """The multiple of step that is nearest."""\n    return step * ((2 * value + step) // (2 * step))\n',
        ("boltons/mathutils.py", "return min(max(x, lower), upper)", "return max(x, lower)"), "tests/test_mathutils.py::", 350,
    ),  # pytest.ini, hooks in conftest.py, settings of no build tool at all but setup.py
)  # fmt: skip


def fetched(package: Package) -> bytes:
    """The source distribution, from the index."""
    ask = urllib.request.Request(f"{INDEX}/{package.name}/", headers={"Accept": "application/vnd.pypi.simple.v1+json"})
    with urllib.request.urlopen(ask, timeout=60) as answer:
        files = json.load(answer)["files"]
    url = next(entry["url"] for entry in files if entry["hashes"].get("sha256") == package.sha256)
    with urllib.request.urlopen(url, timeout=60) as answer:
        found: bytes = answer.read()
    assert hashlib.sha256(found).hexdigest() == package.sha256
    return found


@pytest.fixture(params=PACKAGES, ids=str)
def package(request: pytest.FixtureRequest, place: Workplace) -> Package:
    """A package as a repository beside the working folder."""
    chosen: Package = request.param
    parent = place.root.parent
    with tarfile.open(fileobj=io.BytesIO(fetched(chosen))) as archive:
        archive.extractall(parent, filter="data")
    unpacked = next(path for path in parent.iterdir() if re.sub(r"[-_.]+", "-", path.name).lower().startswith(f"{chosen.name}-"))
    unpacked.rename(parent / "package")
    git(parent / "package", "init", "-q", "-b", "main")
    git(parent / "package", "add", "--all")
    git(parent / "package", "commit", "-q", "-m", f"{chosen}")
    place.prd("feature", chosen.prd)
    return chosen


def test_a_feature_is_added(place: Workplace, package: Package) -> None:
    place.agent(package.agent())
    done = place.command("run", "--no-site", timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    task = place.task("feature", "feature#R1")
    assert task["state"] == "done"
    assert [proof["level"] for proof in task["proofs"]] == ["held-out"]
    assert held(place) >= package.held
    assert package.code in place.git("feature", "show", f"prd/feature:{package.file}")
    assert package.call.partition("(")[0] not in (place.root.parent / "package" / package.file).read_text()


def test_breaking_a_test_of_theirs_is_refused_and_the_test_is_named(place: Workplace, package: Package) -> None:
    path, old, _ = package.broken
    assert old in (place.root.parent / "package" / path).read_text(), "the package is as this test knows it"
    place.agent(package.agent(careful=False), limits={"attempts": 1})
    done = place.command("run", "--no-site", timeout=900)
    assert done.returncode == 1, done.stdout + done.stderr
    findings = place.task("feature", "feature#R1")["attempts"][0]["findings"]
    assert any(finding["gate"] == "regression" and package.regression in finding["message"] for finding in findings), findings


def held(place: Workplace) -> int:
    """How many tests of the whole suite passed in the end."""
    observations = place.task("feature", "feature#R1")["attempts"][-1]["observations"]
    whole = next(item for item in observations if item["what"] == "whole suite")
    return sum(outcome["outcome"] == "passed" for outcome in whole["outcomes"])
