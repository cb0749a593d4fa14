"""How much sooner independent tasks are done with several workers: agents that wait, against the same with one worker in the same run."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.measure import Result, Sample, python, result, run

TASKS = 40
WORKERS = 8
SECONDS = 20.0
"""An agent's turn waits for so long."""
ALONE = 4
"""So many of the tasks are done with one worker; each takes the same."""

AGENT = """
import re, time

def turn(brief, folder):
    time.sleep({seconds})
    number = re.search(r"plus(\\d+)", brief.text)[1]
    (folder / f"part{{int(number):02}}.py").write_text(f"def plus{{number}}(number):\\n    return number + {{number}}\\n")
    return "done"
"""


def pool(runs: int, tasks: int = TASKS, workers: int = WORKERS, seconds: float = SECONDS) -> Result:
    """The median is what the tasks take with several workers; the baseline is what they would take with one, by the seconds for each of a few."""

    def sample() -> Sample:
        with tempfile.TemporaryDirectory(prefix="bench-pool-") as name:
            alone = _run(Path(name) / "alone", min(ALONE, tasks), 1, seconds) / min(ALONE, tasks) * tasks
            together = _run(Path(name) / "together", tasks, workers, seconds)
        return Sample(together, alone, {"at best: the turns alone": seconds * tasks / workers})

    what = f"{tasks} independent tasks with {workers} workers and an agent that waits {seconds:g} s"
    made = [sample() for _ in range(runs)]
    return result("pool", what, made, baseline="the same with one worker", target=made[0].baseline / (0.9 * workers))


def _run(root: Path, tasks: int, workers: int, seconds: float) -> float:
    """Seconds of a whole run that leaves every task done. The environment is made before."""
    (root / "prds").mkdir(parents=True)
    (root / "orchestrator.yaml").write_text(
        "agents: {waits: {type: scripted, script: agent.py}}\ninbox: {quiet_seconds: 0}\nenvironments: ../environments\n", encoding="utf-8"
    )
    (root / "agent.py").write_text(AGENT.format(seconds=0), encoding="utf-8")
    (root / "prds" / "warm.md").write_text(text(1), encoding="utf-8")
    run(python("-m", "orchestrator", "-C", str(root), "run", "--no-site"), root)
    (root / "prds" / "warm.md").unlink()
    (root / "agent.py").write_text(AGENT.format(seconds=seconds), encoding="utf-8")
    (root / "prds" / "many.md").write_text(text(tasks), encoding="utf-8")
    began = time.perf_counter()
    _, output = run(python("-m", "orchestrator", "-C", str(root), "run", "--no-site", "--workers", str(workers)), root)
    took = time.perf_counter() - began
    assert f"{tasks} of {tasks}" in output, output
    return took


def text(tasks: int) -> str:
    """A PRD of so many tasks that need nothing of each other."""
    found = "# Many\n\n## Requirements\n\n"
    for number in range(1, tasks + 1):
        rows = "".join(f"  | {given} | {given + number} |\n" for given in (0, 2, -3, 10))
        found += f"### R{number}: Add {number}\nModule: part{number:02}.py\n\n`plus{number}(number)` adds {number}.\n\n- AC1: it adds\n\n"
        found += f"  | `plus{number}(number)` | => |\n  |---|---|\n{rows}\n"
    return found
