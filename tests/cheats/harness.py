"""Many cases in a few `orchestrator run`s, each in a working folder of its own, and what the reports say about every case."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from tests.cheats.cases import Case
from tests.cheats.tasks import EXISTING, TASKS
from tests.conftest import Workplace

Became = Literal["caught", "marked", "missed", "done", "refused"]
"""What a case became. A cheat: `caught` (not done), `marked` (done at most at level `oracle`, with a notice for a person), `missed` (done).
An honest answer: `done` or `refused`."""

MARKS = frozenset({"special casing", "scan", "mutation", "covered"})
"""Gates whose notice marks a task for a person."""

LIMITS: dict[str, float] = {"example_seconds": 2, "test_seconds": 20, "turn_seconds": 20}
"""Of cheats, of which some never end. Honest answers get the usual limits."""


@dataclass(frozen=True)
class Tried:
    """What the reports say about one case."""

    name: str
    became: Became
    state: str
    """Of its task."""
    levels: tuple[str, ...]
    """Proof levels of its criteria."""
    gates: tuple[str, ...]
    """Gates that refused it, the first first."""
    notices: tuple[str, ...]
    """Gates that had a notice."""
    reason: str
    attempts: int
    warned: bool
    """`orchestrator check` called a criterion thin."""
    seconds: dict[str, float] = field(default_factory=dict)
    """What was run → how long it took, by the names of the observations."""
    sandbox: str = ""
    """Its level."""
    said: tuple[str, ...] = ()
    """Errors and notices, with their gates."""


class WithoutNamespaces(Workplace):
    """The same on a machine without bubblewrap."""

    def argv(self, *arguments: str) -> list[str]:
        return [sys.executable, "-c", WITHOUT_NAMESPACES, *arguments]


WITHOUT_NAMESPACES = """
import sys
from orchestrator.run.sandboxes import bubblewrap
bubblewrap.program = lambda: None
from orchestrator.cli import main
sys.exit(main(sys.argv[1:]))
"""


def prd(case: Case) -> str:
    """The PRD of a case's task, with the case's name as its id."""
    task = TASKS[case.task]
    head = [f"id: {case.name}", f"budget: {{attempts: {case.attempts}}}"] + (["target: {repo: ../existing}"] if task.target else [])
    return "\n".join(["---", *head, "---", "", task.prd])


def script(cases: Iterable[Case]) -> str:
    """The scripted agent that plays these cases."""
    plays = {}
    for case in cases:
        task = TASKS[case.task]
        plays[case.name] = {
            "last": task.last,
            "earlier": task.earlier,
            "files": case.files,
            "script": case.script,
            "tests": case.tests or task.tests,
        }
    return f"PLAYS = {plays!r}\n\n\n{Path(__file__).with_name('agent.py').read_text('utf-8')}"


def run(cases: Sequence[Case], root: Path, limits: dict[str, float], *, namespaces: bool = True) -> list[Tried]:
    """One working folder at `root / work`, one `orchestrator run` over all of the cases."""
    place = (Workplace if namespaces else WithoutNamespaces)(root / "work")
    place.root.mkdir(parents=True)
    _existing(root / "existing")
    for case in cases:
        place.prd(case.name, prd(case))
    held = {scope: {"enabled": False} for scope in ("step", "agent", "system")}  # some cheats never end, and one script is everybody's agent
    place.agent(script(cases), limits=limits, breakers=held)
    checked = place.command("check").stdout
    done = place.command("run", "--no-site", timeout=900)
    if done.returncode not in (0, 1, 3, 5) or "Traceback" in done.stderr:
        raise RuntimeError(f"the run ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return [tried(place, case, checked) for case in cases]


def run_all(cases: Sequence[Case], root: Path, *, namespaces: bool = True) -> dict[str, Tried]:
    """Cheats with short limits and honest answers with the usual ones, spread over as many runs at once as the machine has processors.

    `namespaces`: False tries the sandbox of a machine that refuses them.
    """
    workers = os.cpu_count() or 1
    cheats = [case for case in cases if case.verdict != "honest"]
    honest = [case for case in cases if case.verdict == "honest"]
    shares = [(group[number::workers], limits) for group, limits in ((cheats, LIMITS), (honest, {})) for number in range(workers)]
    with ThreadPoolExecutor(workers) as pool:
        jobs = [pool.submit(run, share, root / str(number), limits, namespaces=namespaces) for number, (share, limits) in enumerate(shares) if share]
        return {found.name: found for job in jobs for found in job.result()}


def tried(place: Workplace, case: Case, checked: str) -> Tried:
    """What became of a case, from the reports of its project."""
    identity = f"{case.name}#{TASKS[case.task].last}"
    project = place.project(case.name)
    states = {task["id"]: task for task in project["tasks"]}
    state, reason = states[identity]["state"], states[identity]["reason"]
    criteria = [
        item
        for entry in project["prds"]
        for requirement in entry["requirements"]
        for item in requirement["criteria"]
        if requirement["task"] == identity
    ]
    levels = tuple(item["level"] for item in criteria)
    done = state == "done" and all(task["state"] == "done" for task in project["tasks"])
    entries = [entry for report in place.runs(case.name) for entry in report["tasks"] if entry["id"] == identity]
    answers = [answer for entry in entries for answer in (*entry.get("written", ()), *entry["attempts"])]
    findings = [finding for each in (*entries, *answers) for finding in each.get("red_findings", each.get("findings", ()))]
    errors = [finding["gate"] for finding in findings if finding["severity"] == "error"]
    notices = [finding["gate"] for finding in findings if finding["severity"] == "notice"]
    if state == "parked":
        errors.append("parked")
    seconds: dict[str, float] = {}
    for each in (*entries, *answers):
        for seen in each.get("red", each.get("observations", ())):
            seconds[seen["what"]] = seconds.get(seen["what"], 0.0) + seen["seconds"]
    seconds["covered"] = sum(entry["coverage"]["seconds"] for entry in entries if entry["coverage"])
    return Tried(
        case.name,
        _became(case, done, levels, notices),
        state,
        levels,
        tuple(dict.fromkeys(errors)),
        tuple(dict.fromkeys(notices)),
        reason,
        sum(len(entry["attempts"]) for entry in entries),
        any(f"{case.name}.md" in line and "[thin-criterion]" in line for line in checked.splitlines()),
        seconds,
        project["sandbox"],
        tuple(f"{finding['severity']} of {finding['gate']}: {finding['message']}" for finding in findings),
    )


def _became(case: Case, done: bool, levels: tuple[str, ...], notices: list[str]) -> Became:
    if case.verdict == "honest":
        return "done" if done else "refused"
    if not done:
        return "caught"
    return "marked" if "held-out" not in levels and MARKS & set(notices) else "missed"


def _existing(folder: Path) -> None:
    """The repository that cases of kind `existing repository` work in."""
    for name, text in EXISTING.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    identity = ["-c", "user.name=Someone", "-c", "user.email=someone@localhost"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "the beginning"]):
        subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def save(found: dict[str, Tried], path: Path) -> None:
    path.write_text(json.dumps([asdict(item) for item in found.values()]), encoding="utf-8")


def load(path: Path) -> dict[str, Tried]:
    values = json.loads(path.read_text(encoding="utf-8"))
    return {item["name"]: Tried(**{key: tuple(value) if isinstance(value, list) else value for key, value in item.items()}) for item in values}
