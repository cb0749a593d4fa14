"""One PRD of many requirements, read and planned in a process of its own: seconds, and the most memory it had."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from benchmarks.inside import peak
from benchmarks.measure import Result, Sample, python, repeated, result, run

REQUIREMENTS = 1000

FORMS = ("prd.md", "prd.txt", "prd.yaml")


def planning(runs: int) -> Result:
    def sample() -> Sample:
        with tempfile.TemporaryDirectory(prefix="bench-planning-") as name:
            for form in FORMS:
                (Path(name) / form).write_text(text(form, REQUIREMENTS), encoding="utf-8")
            baseline, _ = run(python("-c", "from orchestrator.plan import outline; from orchestrator.inbox import forms"), Path(name))
            parts: dict[str, float] = {}
            for form in FORMS:
                seconds, output = run(python("-m", "benchmarks.planning", form), Path(name))
                said = json.loads(output)
                assert said["tasks"] == REQUIREMENTS, said
                assert said["peak"] <= 200e6, said
                parts[f"as {form}"] = seconds
        return Sample(max(parts.values()), baseline, parts)

    what = f"a PRD of {REQUIREMENTS:,} requirements read and planned, the whole process, the slowest of {len(FORMS)} forms, each in at most 200 MB"
    return result("planning", what, repeated(runs, sample), baseline="starting and importing", target=3.0)


def text(form: str, count: int) -> str:
    """A PRD of that many requirements, each with a file, a criterion in words, and (but in plain text) an example."""
    numbers = range(1, count + 1)
    if form.endswith(".txt"):
        asked = "".join(f"FR-{n}: Toll {n}\n  toll_{n}(axles) is what it costs.\n\n  FR-{n}.1: Coins\n    It is paid in coins.\n\n" for n in numbers)
        cycles = "".join(f"**TDD Cycle {n}: Toll {n}**\n- toll_{n}(axles)\nTests: 5-8\nModule Hint: tolls/gate_{n % 40}.py\n\n" for n in numbers)
        return f"TOLLS\n=====\n\nFUNCTIONAL REQUIREMENTS\n-----------------------\n\n{asked}### Phase 1: All of it\n\n{cycles}"
    if form.endswith(".yaml"):
        one = "  - id: R{n}\n    title: Toll {n}\n    module: tolls/gate_{m}.py\n    criteria:\n      - it is paid in coins\n"
        one += "      - {{text: it costs, examples: [{{call: toll_{n}(2), gives: {n}}}]}}\n"
        return "title: Tolls\nrequirements:\n" + "".join(one.format(n=n, m=n % 40) for n in numbers)
    one = "### R{n}: Toll {n}\nModule: tolls/gate_{m}.py\n\nWhat it costs.\n\n- AC1: it is paid in coins\n- AC2: it costs\n\n"
    one += "  ```python\n  >>> from tolls.gate_{m} import toll_{n}\n  >>> toll_{n}(2)\n  {n}\n  ```\n\n"
    return "# Tolls\n\n## Requirements\n\n" + "".join(one.format(n=n, m=n % 40) for n in numbers)


def main() -> None:
    from orchestrator.inbox import folder
    from orchestrator.plan import outline

    path = Path(sys.argv[1])
    reading = folder.fresh(path.read_text(encoding="utf-8"), path.name, "tolls", "")
    print(json.dumps({"tasks": len(outline.plan_of(reading.prd, 0.25).tasks), "peak": peak()}))


if __name__ == "__main__":
    main()
