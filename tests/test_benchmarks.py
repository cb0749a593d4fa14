"""The benchmarks run and print JSON. Their numbers are for people: a slow machine is not a defect."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import inputs, mutation, pool
from orchestrator.inbox.markdown import parse
from tests.conftest import REPOSITORY, clean_environment


def benchmarks(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, env=clean_environment(), timeout=120)


def test_a_benchmark_prints_json_and_a_line_for_people() -> None:
    done = benchmarks("help", "--runs", "1")
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    assert (result["name"], result["unit"], result["target"], result["runs"]) == ("help", "seconds", 0.3, 1)
    assert result["within_target"] is (result["median"] <= 0.3)
    assert 0 < result["min"] <= result["median"] <= result["max"]
    assert result["baseline"] > 0
    assert done.stderr.startswith("help ")


def test_the_json_can_go_to_a_file(tmp_path: Path) -> None:
    done = benchmarks("help", "--runs", "1", "--json", str(tmp_path / "numbers.json"))
    assert done.stdout == ""
    assert json.loads((tmp_path / "numbers.json").read_text())["machine"]["python"]


def test_the_seconds_of_the_gates_are_the_sum_of_their_parts() -> None:
    """The bench itself looks whether every gate was asked about ten tests."""
    done = benchmarks("gates", "--runs", "1")
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    assert (result["target"], result["baseline_what"]) == (1.5, "one cold run of pytest")
    parts = {name: seconds for name, seconds in result["parts"].items() if not name.startswith("besides")}
    assert list(parts) == ["RED", "GREEN: the oracle", "GREEN: suites and the cold run, side by side", "git and folders"]
    assert all(seconds > 0 for seconds in parts.values())
    assert abs(sum(parts.values()) - result["median"]) < 0.001


def test_what_a_measured_tool_left_running_is_ended(tmp_path: Path) -> None:
    """An endless mutant in a process group of its own, started by a tool that has ended long ago."""
    endless = "import os, time; os.setpgid(0, 0); open('pid', 'w').write(str(os.getpid())); time.sleep(600)"
    script = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {endless!r}])\nimport os\nwhile not os.path.exists('pid') or not open('pid').read(): time.sleep(0.01)"
    seconds, _ = mutation._timed([sys.executable, "-c", script], tmp_path, {})
    assert seconds < 60
    stat = Path(f"/proc/{(tmp_path / 'pid').read_text()}/stat")
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z", "it is gone, or waits for its parent to notice"
    slow = [sys.executable, "-c", "import time; print('began', flush=True); time.sleep(600)"]
    seconds, said = mutation._timed(slow, tmp_path, {}, patience=5.0)
    assert 5.0 <= seconds < 60
    assert said == "began\n"


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    done = benchmarks("helm")
    assert done.returncode == 2
    assert "helm" in done.stderr
    assert "overhead" in done.stderr


def test_the_generated_prds_are_read_whole_and_need_no_mending() -> None:
    for number in (0, 7, 99):
        prd, problems = parse(inputs.kiosk(number), f"prds/kiosk-{number}.md")
        assert prd
        assert problems == ()
        assert sum(len(requirement.criteria) for requirement in prd.requirements) == 7
        assert sum(len(criterion.examples) for requirement in prd.requirements for criterion in requirement.criteria) == 13


def test_volume_takes_every_task_to_its_end_and_times_the_commands() -> None:
    done = benchmarks("volume", "--tasks", "12")
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    assert (result["name"], result["tasks"], result["commands"]["status"]["target"]) == ("volume", 12, 0.5)
    assert all(rate > 0 for rate in result["rates"].values())
    assert all(size > 0 for size in result["growth"].values())
    assert all(command["seconds"] > 0 for command in result["commands"].values())
    assert result["memory"] > 0
    assert "orchestrator run, nothing new" in done.stderr


def test_steady_looks_at_memory_files_and_the_disk() -> None:
    done = benchmarks("steady", "--runs", "4")
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    (look,) = result["looks"]
    assert look["run"] == 4
    assert look["memory"] > 0
    assert look["descriptors"] > 0
    assert result["disk"] == 0, "a run with nothing new writes nothing"


def test_the_pool_is_measured_against_one_worker() -> None:
    """A small one; the bench itself looks whether every task is done."""
    measured = pool.pool(1, tasks=2, workers=2, seconds=0.1)
    assert measured.target == pytest.approx(measured.baseline / 1.8, rel=0.01)
    assert measured.parts == {"at best: the turns alone": 0.1}


def test_watching_is_measured_by_the_real_command() -> None:
    done = benchmarks("watching", "--runs", "5")
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    assert [look["scan"] for look in result["looks"]] == [1, 2, 3, 4, 5]
    assert result["min"] > 0
