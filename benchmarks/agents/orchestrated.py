"""The pipeline itself: the real `run` on one PRD in a working folder of its own, with the defaults."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml

from benchmarks.agents.exercises import Exercise
from benchmarks.agents.naive import Claim
from benchmarks.measure import environment, python
from orchestrator.model import AgentTurn, Change, Usage
from orchestrator.run import git
from orchestrator.run.agents import workspace
from orchestrator.run.git import Repository

ENDS = {0: "done", 1: "failed", 3: "needs a person", 5: "parked"}
"""Exit codes of `run` that say something about the agent."""


def run(exercise: Exercise, agent: dict[str, Any], environments: Path, *, oracle: bool) -> Claim:
    """`agent`: its entry in the configuration; `oracle` False: the ablation, and nothing is held out.

    Raises RuntimeError when the command ends in any other way than those above: that says nothing about the agent.
    """
    with tempfile.TemporaryDirectory(prefix="bench-pipeline-") as name:
        root = Path(name)
        (root / "prds").mkdir()
        (root / "prds" / f"{exercise.name}.md").write_text(exercise.text, encoding="utf-8")
        settings: dict[str, Any] = {"environments": str(environments), "agent": "measured", "agents": {"measured": agent}}
        if not oracle:
            settings["gates"] = {"held_out": 0.0}
        (root / "orchestrator.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        command = python("-m", "orchestrator" if oracle else "benchmarks.agents.ablation", "run", "--no-site")
        ended = subprocess.run(command, cwd=root, capture_output=True, text=True, env=environment(), check=False)
        if ended.returncode not in ENDS:
            raise RuntimeError(f"{exercise.name}: `run` ended with {ended.returncode}:\n{ended.stdout[-2000:]}{ended.stderr[-2000:]}")
        return _claim(root / "runs" / exercise.prd.project, exercise, ENDS[ended.returncode])


def _claim(project: Path, exercise: Exercise, end: str) -> Claim:
    reports = project / "reports"
    standing = json.loads((reports / "project.json").read_text(encoding="utf-8"))
    done = end == "done" and all(task["state"] == "done" for task in standing["tasks"])
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(reports.glob("*.json")) if path.name != "project.json"]
    tasks = [task for report in runs for task in report["tasks"]]
    turns = [turn for task in tasks for kind in ("written", "attempts") for attempt in task[kind] for turn in attempt["turns"]]
    turns += [turn for task in tasks if task["tidying"] for turn in task["tidying"]["turns"]]
    lines = [_line(attempt) for task in tasks for attempt in task["attempts"]]
    reason = "; ".join(f"{task['id'].partition('#')[2]}: {task['reason']}" for task in standing["tasks"] if task["state"] != "done")
    refused = [_candidate(project, task["base_tree"], attempt) for task in tasks for attempt in task["attempts"] if attempt["verdict"] == "refused"]
    return Claim(done, _code(project, exercise), reason[:500] or end, tuple(_turn(turn) for turn in turns), tuple(lines), tuple(refused))


def _line(attempt: dict[str, Any]) -> str:
    errors = [finding for finding in attempt["findings"] if finding["severity"] == "error"]
    return f"{errors[0]['gate']}: {errors[0]['message']}"[:200] if errors else attempt["verdict"]


def _turn(told: dict[str, Any]) -> AgentTurn:
    usage = Usage(told["input_tokens"], told["output_tokens"], told["usd"])
    return AgentTurn("", usage, told["stop"], told["agent"], told["kind"], told["model"], told["seconds"])


def _candidate(project: Path, base: str, attempt: dict[str, Any]) -> tuple[Change, ...]:
    """The code of an attempt, on the base it was made for."""
    diff = attempt["diff"]
    text = (project / diff["artifact"]).read_text(encoding="utf-8") if diff["artifact"] else diff["inline"]
    with tempfile.TemporaryDirectory(prefix="bench-attempt-") as name:
        Repository(project / "repo.git").materialise(base, Path(name))
        if text:
            git.run("apply", "--whitespace=nowarn", "-", stdin=text.encode(), cwd=Path(name))
        return _sources(Path(name))


def _code(project: Path, exercise: Exercise) -> tuple[Change, ...]:
    """What is on the PRD's branch, tests aside."""
    repository = Repository(project / "repo.git")
    tree = repository.tree(f"refs/heads/prd/{exercise.prd.id}")
    if not tree:
        return ()
    with tempfile.TemporaryDirectory(prefix="bench-branch-") as name:
        repository.materialise(tree, Path(name))
        return _sources(Path(name))


def _sources(folder: Path) -> tuple[Change, ...]:
    return tuple(change for path, change in workspace.read(folder).items() if not path.startswith("tests/"))
