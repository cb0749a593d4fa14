"""Sites built once."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import Config
from orchestrator.show import site
from tests.once import once

from .hostile_fixture import hostile_folder
from .reports_fixture import library


@pytest.fixture(scope="session")
def chrome_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chrome that MkDocs built once for all tests."""
    return once(tmp_path_factory, "chrome", lambda root: site.build(root, Config())) / "runs" / ".chrome"


@pytest.fixture
def folder(tmp_path: Path, chrome_cache: Path) -> Path:
    """An empty working folder whose site is quick to build."""
    shutil.copytree(chrome_cache, tmp_path / "runs" / ".chrome")
    return tmp_path


@pytest.fixture(scope="session")
def library_site(tmp_path_factory: pytest.TempPathFactory, chrome_cache: Path) -> Path:
    return once(tmp_path_factory, "library", lambda root: built(root, chrome_cache, library)) / "site"


@pytest.fixture(scope="session")
def hostile_site(tmp_path_factory: pytest.TempPathFactory, chrome_cache: Path) -> Path:
    return once(tmp_path_factory, "hostile", lambda root: built(root, chrome_cache, hostile_folder)) / "site"


def built(root: Path, chrome_cache: Path, fill: Any) -> None:
    """The site of what `fill` puts there."""
    shutil.copytree(chrome_cache, root / "runs" / ".chrome")
    site.build(fill(root), Config())
