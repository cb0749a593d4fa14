"""What is dear to make is made once, by whichever process of a parallel test run needs it first; the others wait for it and read it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """The folder that `make` has filled. Nobody changes what is in it: a test that goes on from it takes a copy."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"once-{name}"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        finished = folder / ".made"
        if not finished.exists():
            folder.mkdir()  # fails where it was begun and not finished: the first error is the one to read
            make(folder)
            finished.touch()
    return folder
