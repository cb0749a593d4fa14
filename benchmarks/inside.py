"""`python -m benchmarks.inside COMMAND…`: one command of the orchestrator in this process; what it cost as one JSON line on standard output.

{"seconds": of the command, "sandboxes": of its suites and oracles, "git": of its git processes, "peak": bytes of memory, "exit": code,
"spent": {"cycle", "turn", "red", "oracle", "suites": seconds}}
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main() -> None:
    from orchestrator import cli, cycles
    from orchestrator.run import checks, git, oracle, suites, turns

    sandboxes: list[float] = []
    gits: list[float] = []

    def timed(function: Callable[..., Any], waits: list[float]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            started = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                waits.append(time.perf_counter() - started)

        return call

    suites.run, oracle.ask, git.run = timed(suites.run, sandboxes), timed(oracle.ask, sandboxes), timed(git.run, gits)
    spent: dict[str, list[float]] = {"cycle": [], "turn": [], "red": [], "oracle": [], "suites": []}
    cycles.run_cycle = timed(cycles.run_cycle, spent["cycle"])  # type: ignore[attr-defined]
    turns.take = timed(turns.take, spent["turn"])
    checks.observe_red = timed(checks.observe_red, spent["red"])
    checks._ask_oracle, checks._run_all = timed(checks._ask_oracle, spent["oracle"]), timed(checks._run_all, spent["suites"])
    started = time.perf_counter()
    with contextlib.redirect_stdout(sys.stderr):
        code = cli.main(sys.argv[1:])
    seconds = time.perf_counter() - started
    cost = {"seconds": seconds, "sandboxes": sum(sandboxes), "git": sum(gits), "peak": peak(), "exit": code}
    print(json.dumps(cost | {"spent": {name: sum(waits) for name, waits in spent.items()}}))


def peak() -> int:
    """Most bytes this process, without its children, has had in memory.

    VmHWM belongs to this program alone; `ru_maxrss` would count what the parent had at the time of the fork.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
