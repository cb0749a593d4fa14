"""Sites built once."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import Config
from orchestrator.show import site

from .hostile_fixture import hostile_folder
from .reports_fixture import library


@pytest.fixture(scope="session")
def chrome_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chrome that MkDocs built once for all tests."""
    root = tmp_path_factory.mktemp("chrome")
    site.build(root, Config())
    return root / "runs" / ".chrome"


@pytest.fixture
def folder(tmp_path: Path, chrome_cache: Path) -> Path:
    """An empty working folder whose site is quick to build."""
    shutil.copytree(chrome_cache, tmp_path / "runs" / ".chrome")
    return tmp_path


@pytest.fixture(scope="session")
def library_site(tmp_path_factory: pytest.TempPathFactory, chrome_cache: Path) -> Path:
    return _built(tmp_path_factory.mktemp("library"), chrome_cache, library)


@pytest.fixture(scope="session")
def hostile_site(tmp_path_factory: pytest.TempPathFactory, chrome_cache: Path) -> Path:
    return _built(tmp_path_factory.mktemp("hostile"), chrome_cache, hostile_folder)


def _built(root: Path, chrome_cache: Path, fill: Any) -> Path:
    shutil.copytree(chrome_cache, root / "runs" / ".chrome")
    return site.build(fill(root), Config()).parent
