"""Sites built once, and a real browser to open them in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import Config
from orchestrator.show import site

from .hostile_fixture import hostile_folder
from .reports_fixture import library

FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"


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


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need `pip install tdd-orchestrator[dev]`")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("the browser tests need Chromium on PATH")
    with playwright.sync_playwright() as running:
        launched = running.chromium.launch(executable_path=chromium, args=FLAGS.split())
        yield launched
        launched.close()
