"""The site of many projects with long histories: a build after one new run, beside a cold build and one with nothing new.

    python -m benchmarks sites [--projects N]

Each project has a hundred runs. The whole command is measured: seconds on the clock, seconds of the processor in all its processes, and the most
memory that one of them had.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import inputs, portfolio
from benchmarks.measure import Result, Sample, python, result, run, shown

PROJECTS, EACH = 100, 100
TARGETS = {"cold": 60.0, "one new run": 3.0, "nothing new": None}
"""Seconds on the clock, with two processors to itself."""


@dataclass(frozen=True)
class SitesResult(Result):
    """A Result with what else was measured beside it."""

    reports: int
    builds: dict[str, dict[str, float]]
    """Build → `seconds`, `processor`: seconds of it in all processes, `memory`: most bytes that one process had."""
    site: dict[str, int]
    """`pages`, `files`, `bytes`, `largest`: bytes of the largest page, `search`: bytes of the search index."""

    def line(self) -> str:
        lines = [super().line()]
        for name, found in self.builds.items():
            lines.append(f"{'':12}{name}: {found['seconds']:.2f} s, {found['processor']:.2f} s of the processor, {shown(found['memory'], 'bytes')}")
        site = self.site
        lines.append(
            f"{'':12}{site['pages']:,} pages, {site['bytes'] / 1e6:,.0f} MB; the largest {site['largest']:,} bytes, the search {site['search']:,}"
        )
        return "\n".join(lines)


def sites(runs: int, projects: int = PROJECTS) -> Result:
    """One run is a whole one, so there is no warm-up. What stands beside the result is of the last one."""
    samples: list[Sample] = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory(prefix="bench-sites-") as name:
            root = inputs.settings(Path(name))
            portfolio.fill(root / "runs", projects, EACH)
            time.sleep(2)  # what is younger is read again
            cold = _built(root)
            nothing = _built(root)
            portfolio.project(root / "runs", projects // 2, EACH + 1)
            builds = {"cold": cold, "one new run": _built(root), "nothing new": nothing}
            made = _site(root / "site")
        samples.append(Sample(builds["one new run"]["seconds"], cold["seconds"]))
    what = f"`orchestrator site build` of {projects} projects with {projects * EACH:,} runs after one more, the whole command"
    found = result("sites", what, samples, baseline="building it cold", target=TARGETS["one new run"])
    return SitesResult(**asdict(found), reports=projects * EACH, builds=builds, site=made)


MEASURED = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
code = subprocess.run([sys.executable, "-m", "orchestrator", "site", "build"], stdout=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
processor = used.ru_utime + used.ru_stime
print(json.dumps([code, {"seconds": time.perf_counter() - started, "processor": processor, "memory": used.ru_maxrss * 1024}]))
"""
"""In a process of its own that is small: what a process may have had as memory counts the one it was started from."""


def _built(root: Path) -> dict[str, float]:
    code, found = json.loads(run(python("-c", MEASURED), root)[1])
    if code:
        raise RuntimeError(f"orchestrator site build ended with {code}")
    return {name: round(value, 3) for name, value in found.items()}


def _site(site: Path) -> dict[str, Any]:
    files = [path for path in site.rglob("*") if path.is_file()]
    pages = [path.stat().st_size for path in files if path.suffix == ".html"]
    search = (site / "search" / "search_index.json").stat().st_size
    return {"pages": len(pages), "files": len(files), "bytes": sum(path.stat().st_size for path in files), "largest": max(pages), "search": search}
