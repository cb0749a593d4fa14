"""Mutants as the mutation-testing-elements JSON, schema version 2, which viewers of several languages' tools read. Pure."""

from __future__ import annotations

from typing import Any

from orchestrator.model import Mutant, MutantStatus, Mutation

STATUS: dict[MutantStatus, str] = {
    "killed": "Killed",
    "survived": "Survived",
    "timeout": "Timeout",
    "no coverage": "NoCoverage",
    "error": "CompileError",
}


def report(mutation: Mutation, sources: dict[str, str], tests: dict[str, str], threshold: int | None = None) -> dict[str, Any]:
    """The document. `sources` and `tests`: path → text; every file with a mutant needs its source (KeyError)."""
    paths = dict.fromkeys(mutant.path for mutant in mutation.mutants)
    named = dict.fromkeys(test for mutant in mutation.mutants for test in mutant.killed_by)
    return {
        "schemaVersion": "2",
        "thresholds": {"high": 80 if threshold is None else max(threshold, 80), "low": 60 if threshold is None else threshold},
        "files": {
            path: {
                "language": "python",
                "source": sources[path],
                "mutants": [_mutant(mutant) for mutant in mutation.mutants if mutant.path == path],
            }
            for path in paths
        },
        "testFiles": {
            path: {"source": text, "tests": [{"id": test, "name": test.partition("::")[2]} for test in named if test.startswith(f"{path}::")]}
            for path, text in tests.items()
        },
    }


def _mutant(mutant: Mutant) -> dict[str, Any]:
    entry = {
        "id": mutant.id,
        "mutatorName": mutant.operator,
        "replacement": mutant.replacement,
        "description": f"in {mutant.function}",
        "location": {
            "start": {"line": mutant.line, "column": mutant.column + 1},
            "end": {"line": mutant.end_line, "column": mutant.end_column + 1},
        },
        "status": STATUS[mutant.status],
    }
    return entry | ({"killedBy": list(mutant.killed_by)} if mutant.killed_by else {})
