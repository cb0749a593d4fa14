"""The mutation-testing-elements document: its required keys, statuses, 1-based places. (The published schema was checked by hand: version 2.)"""

from __future__ import annotations

import json

import pytest

from orchestrator.model import Mutant, MutantStatus, Mutation
from orchestrator.run import mutants
from orchestrator.save.mutation_report import report

SOURCE = "def f(a):\n    return 'é' + (a + 1)\n"
STATUSES: dict[MutantStatus, str] = {
    "killed": "Killed", "survived": "Survived", "timeout": "Timeout", "no coverage": "NoCoverage", "error": "CompileError",
}  # fmt: skip


def mutant(status: MutantStatus, killed_by: tuple[str, ...] = ()) -> Mutant:
    return Mutant(f"id-{status}", "shop.py", "f", 2, 18, 2, 23, "arithmetic", "a + 1", "a - 1", status, killed_by)


def test_the_document() -> None:
    mutation = Mutation(tuple(mutant(status, ("tests/test_a.py::test_f[1]",) if status == "killed" else ()) for status in STATUSES), 3, 1.0)
    found = json.loads(json.dumps(report(mutation, {"shop.py": SOURCE}, {"tests/test_a.py": "…"}, 90)))
    assert found.keys() == {"schemaVersion", "thresholds", "files", "testFiles"}
    assert (found["schemaVersion"], found["thresholds"]) == ("2", {"high": 90, "low": 90})
    (file,) = found["files"].values()
    assert (file["language"], file["source"]) == ("python", SOURCE)
    assert [entry["status"] for entry in file["mutants"]] == [*STATUSES.values()]
    first = file["mutants"][0]
    assert {"id", "mutatorName", "location", "status", "replacement"} <= first.keys()
    assert first["location"] == {"start": {"line": 2, "column": 19}, "end": {"line": 2, "column": 24}}
    assert SOURCE.splitlines()[1][18:23] == "a + 1"
    assert first["killedBy"] == ["tests/test_a.py::test_f[1]"]
    assert found["testFiles"] == {"tests/test_a.py": {"source": "…", "tests": [{"id": "tests/test_a.py::test_f[1]", "name": "test_f[1]"}]}}


def test_places_cut_out_what_was_replaced() -> None:
    found = mutants.generate({}, {"shop.py": SOURCE})
    document = report(Mutation(found, 0, 1.0), {"shop.py": SOURCE}, {})
    lines = SOURCE.splitlines()
    for entry, item in zip(document["files"]["shop.py"]["mutants"], found, strict=True):
        start, end = entry["location"]["start"], entry["location"]["end"]
        assert lines[start["line"] - 1][start["column"] - 1 : end["column"] - 1] == item.original


def test_every_file_with_a_mutant_needs_its_source() -> None:
    with pytest.raises(KeyError):
        report(Mutation((mutant("killed"),), 0, 1.0), {}, {})
