"""The command: choose benches, run them, print."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

from benchmarks import sites, volume
from benchmarks.benches import BENCHES
from orchestrator import __version__


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the orchestrator; JSON on standard output.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which ones (default: all): {', '.join(BENCHES)}")
    parser.add_argument("--runs", type=int, metavar="N", help="runs of each after a warm-up (default: its usual number)")
    parser.add_argument("--tasks", type=int, metavar="N", help=f"how many tasks `volume` moves (default: {volume.TASKS:,})")
    parser.add_argument("--projects", type=int, metavar="N", help=f"how many projects of a hundred runs `sites` builds (default: {sites.PROJECTS})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the JSON there instead")
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHES):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}; known: {', '.join(BENCHES)}")
    if options.runs is not None and options.runs < 1:
        parser.error("--runs: at least 1")
    if options.tasks is not None and options.tasks < 1:
        parser.error("--tasks: at least 1")
    if options.projects is not None and options.projects < 1:
        parser.error("--projects: at least 1")
    results = []
    for name, (bench, usual) in BENCHES.items():
        if name in (options.names or BENCHES):
            sized = {"tasks": options.tasks} if name == "volume" and options.tasks else {}
            sized |= {"projects": options.projects} if name == "sites" and options.projects else {}
            results.append(bench(options.runs or usual, **sized))
            print(results[-1].line(), file=sys.stderr, flush=True)
    text = json.dumps({"orchestrator": __version__, "machine": machine(), "results": [result.as_json() for result in results]}, indent=2) + "\n"
    if options.json:
        options.json.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


def machine() -> dict[str, Any]:
    """What the numbers depend on."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


if __name__ == "__main__":
    sys.exit(main())
