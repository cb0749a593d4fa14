"""The static scan: what code and tests show without being run. Pure.

`DETECTORS` (of code) and `TEST_DETECTORS` (of tests) list every detector with its severity and a sentence.
"""

from __future__ import annotations

from orchestrator.model import Change, Example
from orchestrator.run.gates.detectors import DETECTORS
from orchestrator.run.gates.scan_code import code, is_python
from orchestrator.run.gates.scan_literals import covered
from orchestrator.run.gates.scan_tests import TEST_DETECTORS, named, tests
from orchestrator.run.gates.source import Source, Unreadable

__all__ = ["DETECTORS", "TEST_DETECTORS", "code", "named", "special_cases", "tests"]


def special_cases(changes: tuple[Change, ...], visible_examples: tuple[Example, ...]) -> tuple[str, ...]:
    """Ids of the visible examples whose input and answer stand together in the code."""
    sources = []
    for change in changes:
        if change.text is not None and is_python(change):
            try:
                sources.append(Source(change.path, change.text))
            except Unreadable:
                continue
    return tuple(held.example for held in covered(sources, visible_examples))
