"""Units and crontab lines: read by systemd's and cron's own rules, and executed as they would be."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from apscheduler.triggers.cron import CronTrigger

from orchestrator import units
from orchestrator.errors import UsageError
from tests.conftest import Workplace, clean_environment
from tests.end_to_end.test_pipeline import STEPWISE
from tests.end_to_end.test_prune import ONE

NAMES = ["plain", "with space", "100 %h of $HOME", "quo\"ted \\ it's", "ünïcode #hash;"]
"""Names of working folders that every rule of quoting meets."""


def written(place: Workplace, name: str, *flags: str) -> tuple[Workplace, subprocess.CompletedProcess[str]]:
    """A working folder of that name, with what the flags write."""
    root = place.root / name
    shutil.copytree(place.root / "prds", root / "prds")
    for path in place.root.glob("*.*"):
        shutil.copy(path, root / path.name)
    folder = Workplace(root)
    return folder, folder.command("init", *flags)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Workplace]:
    """Of each name one with a PRD, an agent, and all that is written for it."""
    root = tmp_path_factory.mktemp("units") / "work"
    (root / "prds").mkdir(parents=True)
    place = Workplace(root)
    place.prd("lanterns", ONE)
    place.agent(STEPWISE)
    found = {name: written(place, name, "--systemd", "--cron") for name in NAMES}
    assert [done.stderr for _, done in found.values() if done.returncode] == []
    return {name: folder for name, (folder, _) in found.items()}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="not run: systemd-analyze is not installed (`apt-get install systemd`)")
@pytest.mark.parametrize("name", NAMES)
def test_systemd_finds_nothing_wrong_with_the_units(folders: dict[str, Workplace], name: str) -> None:
    folder = folders[name]
    for whose in ("user", "system"):
        paths = sorted((folder.root / "systemd" / whose).iterdir())
        assert [path.name for path in paths] == ["orchestrator-run.service", "orchestrator-run.timer", "orchestrator-watch.service"]
        checked = subprocess.run(
            ["systemd-analyze", f"--{whose}", "verify", *map(str, paths)],
            capture_output=True,
            text=True,
            env=os.environ | {"XDG_RUNTIME_DIR": str(folder.root), "SYSTEMD_LOG_LEVEL": "warning"},
        )
        ours = [line for line in checked.stderr.splitlines() if "orchestrator" in line]
        assert (checked.returncode, ours) == (0, []), checked.stderr


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="not run: systemd-analyze is not installed (`apt-get install systemd`)")
def test_the_check_above_is_able_to_fail(folders: dict[str, Workplace], tmp_path: Path) -> None:
    path = tmp_path / "orchestrator-watch.service"
    path.write_text((folders["plain"].root / "systemd" / "system" / path.name).read_text().replace("ExecStart=:", "ExecStart=:/nowhere"))
    assert subprocess.run(["systemd-analyze", "verify", str(path)], capture_output=True).returncode != 0


def words(text: str) -> list[str]:
    """A command line of a unit as systemd reads it: C-like escapes in double quotes, `%%` is one `%`."""
    assert re.search(r"(?<!%)(%%)*%(?!%)", text) is None, "a specifier"
    return [re.sub(r"\\(.)", r"\1", word).replace("%%", "%") for word in re.findall(r'"((?:[^"\\]|\\.)*)"', text)]


@pytest.mark.parametrize("name", NAMES)
def test_what_a_unit_starts_is_this_installation_in_this_folder(folders: dict[str, Workplace], name: str) -> None:
    folder = folders[name]
    unit = (folder.root / "systemd" / "user" / "orchestrator-run.service").read_text()
    (start,) = re.findall(r"^ExecStart=:(.*)$", unit, re.MULTILINE)
    argv = words(start)
    assert argv[:5] == [sys.executable, "-m", "orchestrator", "-C", str(folder.root)]
    environment = dict(words(line)[0].split("=", 1) for line in re.findall(r"^Environment=(.*)$", unit, re.MULTILINE))
    assert re.findall(r"^WorkingDirectory=(.*)$", unit, re.MULTILINE) == [str(folder.root).replace("%", "%%")]
    if name == NAMES[2]:  # one of them works, in nothing but the environment that the unit gives
        done = subprocess.run(argv, cwd="/", env=environment | {"HOME": str(folder.root.parent)}, capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, done.stdout + done.stderr
        assert folder.states("lanterns") == {"lanterns#R1": "done"}


def as_cron_reads(path: Path) -> tuple[str, str]:
    """(the five fields, what is given to /bin/sh) of the one line of a crontab."""
    (line,) = (line for line in path.read_text().splitlines() if not line.startswith("#"))
    assert len(line.encode()) < 1000
    fields, command = " ".join(line.split(" ", 5)[:5]), line.split(" ", 5)[5]
    assert re.search(r"(?<!\\)%", command) is None, "the rest would be standard input"
    return fields, command.replace(r"\%", "%")


@pytest.mark.parametrize("name", NAMES)
def test_the_crontab_line_works_in_an_empty_environment(folders: dict[str, Workplace], name: str) -> None:
    folder = folders[name]
    fields, command = as_cron_reads(folder.root / "crontab")
    CronTrigger.from_crontab(fields)
    (folder.root / "orchestrator.env").write_text("ORCHESTRATOR_METRICS__FILE='told at the end.prom'\n")
    if name != NAMES[3]:
        assert subprocess.run(["/bin/sh", "-n", "-c", command], capture_output=True).returncode == 0
        return
    ran = subprocess.run(["env", "-i", f"HOME={folder.root.parent}", "/bin/sh", "-c", command], cwd="/", capture_output=True, text=True, timeout=200)
    log = (folder.root / "runs" / "cron.log").read_text()
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", ""), log
    assert "this run: 1 turn, 1 task done" in log
    assert folder.states("lanterns") == {"lanterns#R1": "done"}
    assert (folder.root / "told at the end.prom").exists(), "orchestrator.env is read"


def test_a_second_run_beside_a_long_one_leaves_it_to_that_one(place: Workplace) -> None:
    place.prd("lanterns", ONE)
    place.agent("import time\n\ndef turn(brief, folder):\n    time.sleep(20)\n")
    folder, _ = written(place, "two at once", "--cron")
    _, command = as_cron_reads(folder.root / "crontab")
    first = subprocess.Popen(["env", "-i", "/bin/sh", "-c", f"exec {shlex.join(['sh', '-c', command])}"], start_new_session=True)
    log = folder.root / "runs" / "cron.log"
    try:
        for _ in range(300):
            if log.exists() and "Count the lanterns" in log.read_text():
                break
            assert first.poll() is None
            subprocess.run(["sleep", "0.1"], check=True)
        second = subprocess.run(["env", "-i", "/bin/sh", "-c", command], timeout=60)
        assert second.returncode == 0, log.read_text()
        assert "nothing to do here: process" in log.read_text()
    finally:
        os.killpg(first.pid, 15)
        first.wait(30)


@pytest.mark.skipif(not shutil.which("crontab"), reason="not run: crontab is not installed (`apt-get install cron`)")
@pytest.mark.parametrize("name", NAMES)
def test_cron_takes_the_line(folders: dict[str, Workplace], tmp_path: Path, name: str) -> None:
    bad = tmp_path / "bad"
    bad.write_text("*/5 * * * cd\n")

    def taken(path: Path) -> bool:
        """By `crontab -n` (Debian's) or `-T` (cronie's), which only look."""
        done = [subprocess.run(["crontab", flag, str(path)], capture_output=True, text=True) for flag in ("-n", "-T")]
        return any(each.returncode == 0 for each in done)

    assert taken(folders[name].root / "crontab")
    assert not taken(bad)


def test_in_a_new_folder_the_rest_is_made_too_and_nothing_is_written_over(place: Workplace) -> None:
    done = place.command("init", "fresh", "--systemd", "--cron")
    assert done.returncode == 0, done.stderr
    fresh = place.root / "fresh"
    assert (fresh / "orchestrator.yaml").exists() and (fresh / "crontab").exists()
    assert "/orchestrator.env" in (fresh / ".gitignore").read_text().splitlines()
    assert "systemctl --user enable --now orchestrator-watch.service" in done.stdout
    (fresh / "crontab").write_text("# mine\n")
    again = place.command("init", "fresh", "--systemd", "--cron")
    assert (fresh / "crontab").read_text() == "# mine\n"
    assert "crontab: not what would be written now; --force writes it anew" in again.stdout
    assert not (place.root / "prds" / "temperatures.md").exists(), "a folder that is one already gets no first PRD"
    assert place.command("init", "fresh", "--cron", "--force").returncode == 0
    assert (fresh / "crontab").read_text() != "# mine\n"


def test_a_folder_that_no_unit_can_name_is_refused(place: Workplace) -> None:
    folder, done = written(place, "two\nlines", "--systemd")
    assert (done.returncode, "can stand in no unit" in done.stderr) == (2, True)
    assert not (folder.root / "systemd").exists()


def test_a_line_that_cron_would_cut_is_never_written(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 200) / ("y" * 200)
    found = units.Installation(("/usr/bin/orchestrator",), long, long / "runs", "me", (("PATH", "/usr/bin"),))
    with pytest.raises(UsageError, match="cron cuts at 1000"):
        units.crontab(found)
    short = units.Installation(
        ("/usr/bin/orchestrator",), tmp_path, tmp_path / "runs", "me", (("PATH", ":".join(f"/opt/{n}/bin" for n in range(200))),)
    )
    line = units.crontab(short).splitlines()[1]
    assert len(line.encode()) <= units.LONGEST
    assert "/usr/bin" in line


@pytest.mark.skipif(not shutil.which("setpriv"), reason="not run: setpriv is not installed (util-linux)")
def test_what_the_units_take_away_leaves_the_sandbox_as_strong(place: Workplace) -> None:
    import json

    argv = place.argv("doctor", "--json")
    plain, shut = (
        subprocess.run([*before, *argv], cwd=place.root, capture_output=True, text=True, env=clean_environment(), timeout=120)
        for before in ((), ("setpriv", "--no-new-privs"))
    )
    levels = [{key: value for key, value in json.loads(done.stdout).items() if "level" in key or "sandbox" in key} for done in (plain, shut)]
    assert levels[0] and levels[0] == levels[1]
