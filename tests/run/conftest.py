"""One real environment for every test here: pytest and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.run import environment
from tests.conftest import ENVIRONMENTS


@pytest.fixture(scope="session")
def python() -> Path:
    return environment.prepare(ENVIRONMENTS, ()).python
