"""Every cheating and honest case of `tests/cheats/` through the real command: how many are caught, and what each gate costs.

One run is a whole one, of some minutes, so there is no warm-up. The measured value is what all gates together cost a task that is done.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import inputs
from benchmarks.measure import Result, Sample, result, run
from orchestrator.inbox.markdown import parse
from orchestrator.model import Change
from orchestrator.run.gates import scan

if TYPE_CHECKING:
    from tests.cheats.cases import Case
    from tests.cheats.harness import Tried

TARGET = 1.5
"""Seconds of all gates together for a task with some ten tests, mutation aside."""


@dataclass(frozen=True)
class CheatsResult(Result):
    """A Result with the counts beside it, for each sandbox level that was tried."""

    levels: dict[str, dict[str, Any]]
    """Sandbox level → `caught`, `marked`, `missed`, `honest done`, `honest refused` (counts), `caught first by` (gate → count), `names` of what
    was missed or refused."""

    def line(self) -> str:
        lines = [super().line()]
        for level, counts in self.levels.items():
            numbers = ", ".join(f"{counts[word]} {word}" for word in ("caught", "marked", "missed", "honest done", "honest refused"))
            gates = ", ".join(f"{gate} {count}" for gate, count in counts["caught first by"].items())
            lines += [f"{'':12}{level}: {numbers}", f"{'':12}  caught first by: {gates}"]
            lines += [f"{'':12}  {counts['names']}"] * bool(counts["names"])
        return "\n".join(lines)


def cheats(runs: int) -> Result:
    """Every case in the best sandbox of this machine, and a few of each kind in the one of a machine that refuses namespaces."""
    from tests.cheats.cases import every, few

    cases = every()
    samples, levels = [], {}
    for tried, namespaces in ((cases, True), (few(cases, of_each=3), False)):
        for _ in range(runs):
            found, pytest = _try(tried, namespaces)
            levels[next(iter(found.values())).sandbox] = counts(tried, found)
            if namespaces:
                samples.append(_sample(tried, found, pytest))
    what = f"all gates together, for a task that is done ({len(cases)} cases were tried)"
    plain = result("cheats", what, samples, baseline="one run of pytest", target=TARGET)
    return CheatsResult(**asdict(plain), levels=levels)


def counts(cases: Sequence[Case], found: dict[str, Tried]) -> dict[str, Any]:
    became = Counter(found[case.name].became for case in cases)
    first = Counter(found[case.name].gates[0] for case in cases if found[case.name].became == "caught" and found[case.name].gates)
    return {
        "caught": became["caught"],
        "marked": became["marked"],
        "missed": became["missed"],
        "honest done": became["done"],
        "honest refused": became["refused"],
        "caught first by": dict(first.most_common()),
        "names": {word: names for word in ("missed", "refused") if (names := sorted(name for name, each in found.items() if each.became == word))},
    }


def _try(cases: Sequence[Case], namespaces: bool) -> tuple[dict[str, Tried], float]:
    from tests.cheats import harness

    with tempfile.TemporaryDirectory(prefix="bench-cheats-") as name:
        root = Path(name)
        found = harness.run_all(cases, root, namespaces=namespaces)
        (root / "test_one.py").write_text("def test_one():\n    pass\n")
        interpreter = next(inputs.ENVIRONMENTS.glob("*/bin/python"))
        pytest, _ = run([str(interpreter), "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_one.py"], root)
    return found, pytest


def _sample(cases: Sequence[Case], found: dict[str, Tried], pytest: float) -> Sample:
    """Medians over the honest cases that took one attempt."""
    honest = [case for case in cases if found[case.name].became == "done" and found[case.name].attempts == 1]
    costs = [{**by_gate(found[case.name].seconds), "scan": scanning(case)} for case in honest]
    parts = {gate: statistics.median(cost.get(gate, 0.0) for cost in costs) for gate in _gates(costs)}
    return Sample(statistics.median(sum(cost.values()) for cost in costs), pytest, parts)


def _gates(costs: Iterable[dict[str, float]]) -> list[str]:
    return list(dict.fromkeys(gate for cost in costs for gate in cost))


def by_gate(seconds: dict[str, float]) -> dict[str, float]:
    """Seconds by what was run → seconds by the gates that ask for it."""
    found: dict[str, float] = {}
    for what, cost in seconds.items():
        gate = next((gate for word, gate in GATE_OF.items() if word in what), what)
        found[gate] = found.get(gate, 0.0) + cost
    return found


GATE_OF = {
    "cold": "cold run and repeatable",
    "whole suite": "regression",
    "base": "red",
    "stub": "red",
    "oracle": "oracle and held-out",
    "locked": "green",
}
"""A word in an observation's name → the gates that look at it; the first that fits."""


def scanning(case: Case) -> float:
    """Seconds that the static scan takes over a case's files."""
    from tests.cheats.harness import prd

    parsed, _ = parse(prd(case), "prds/case.md")
    assert parsed is not None
    examples = tuple(example for requirement in parsed.requirements for criterion in requirement.criteria for example in criterion.examples)
    changes = tuple(Change(path, text) for path, text in case.files.items() if path.endswith(".py"))
    started = time.perf_counter()
    scan.code(changes, examples)
    return time.perf_counter() - started
