"""The page of a task's mutants: a table for everybody, and the component's data without anything active."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import Config
from orchestrator.save.reports import MutantReport, MutationReport
from orchestrator.show import site
from orchestrator.show.build.soundness import faults
from orchestrator.show.mutants import script

from .reports_fixture import project_report, save
from .run_fixture import lend_task, run_report
from .test_site import RUN, visible

SOURCE = "def fine(days):\n    return max(0, days) * 0.25\n"


def document(source: str = SOURCE, replacement: str = "None", **more: Any) -> dict[str, Any]:
    place = {"start": {"line": 2, "column": 12}, "end": {"line": 2, "column": 31}}
    mutants = [
        {"id": "a1", "mutatorName": "arithmetic", "replacement": "max(0, days) / 0.25", "location": place, "status": "Killed", "killedBy": ["t::a"]},
        {"id": "a2", "mutatorName": "return", "replacement": replacement, "location": place, "status": "Survived"},
    ]
    files = {"library/fines.py": {"language": "python", "source": source, "mutants": mutants}}
    tests = {"t": {"source": "def a(): ...\n", "tests": [{"id": "t::a", "name": "a"}]}}
    return {"schemaVersion": "2", "thresholds": {"high": 80, "low": 60}, "files": files, "testFiles": tests, **more}


def mutant(name: str, status: Any, operator: str, replacement: str) -> MutantReport:
    killed = ["tests/test_loans.py::test_fine"] if status == "killed" else []
    place = {"path": "library/fines.py", "function": "fine", "line": 2, "column": 11, "end_line": 2, "end_column": 30}
    return MutantReport(id=name, operator=operator, original="max(0, days) * 0.25", replacement=replacement, status=status, killed_by=killed, **place)


def mutated(folder: Path, found: dict[str, Any] | None) -> Path:
    """A site whose task was mutated; `found` is its document, None where that is gone."""
    home = folder / "runs" / "library"
    path = home / "artifacts" / "mutation" / "loans_r2.json"
    if found is not None:
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(found))
    mutants = [mutant("a1", "killed", "arithmetic", "max(0, days) / 0.25"), mutant("a2", "survived", "return", "None")]
    report = MutationReport(score=50.0, left_out=0, seconds=1.5, mutants=mutants, elements="artifacts/mutation/loans_r2.json")
    task = lend_task(home).model_copy(update={"mutation": report})
    save(folder / "runs", "library", project_report(), [run_report(home, tasks=[task])])
    return site.build(folder, Config()).parent


def test_a_task_with_mutants_has_a_page_for_them_that_reads_without_javascript(folder: Path) -> None:
    built = mutated(folder, document())
    place = built / "projects" / "library" / RUN
    assert 'href="loans-R2.mutants.html"' in (place / "loans-R2.html").read_text()
    words = visible(place / "loans-R2.mutants.html")
    assert "The tests notice 50 % of 2 small changes" in words
    assert "! survived return library/fines.py:2 fine max(0, days) * 0.25 None ✓ killed arithmetic" in words
    html = (place / "loans-R2.mutants.html").read_text()
    assert html.count("mutation-test-elements.js") == 1
    assert sum("mutation-test-elements.js" in path.read_text() for path in built.rglob("*.html")) == 1, "no other page loads the component"
    assert [fault for fault in faults(built) if "mutants" in fault.page] == []


def test_without_its_document_the_table_stands_alone(folder: Path) -> None:
    html = (mutated(folder, None) / "projects" / "library" / RUN / "loans-R2.mutants.html").read_text()
    assert "mutation-test-report-app" not in html
    assert "'unsafe" not in html
    assert "survived" in html


def test_the_data_is_a_script_that_only_sets_a_value() -> None:
    evil = "</script><script>alert(1)</script>\u2028\u202e\x1b[31mx"
    made = script(json.dumps(document(evil, extra={"__proto__": 1})).encode())
    assert made.startswith("window.orchestratorMutants={") and made.endswith("};\n")
    assert "<" not in made and ">" not in made and made.isascii()
    value = json.loads(made.removeprefix("window.orchestratorMutants=").removesuffix(";\n"))
    assert set(value) == {"schemaVersion", "thresholds", "files", "testFiles"}
    (file,) = value["files"].values()
    assert file["source"] == "</script><script>alert(1)</script>\ufffd\ufffd\ufffd[31mx", "as many columns as before"


@pytest.mark.parametrize(
    "broken", [b"", b"[]", b"{}", b"null", b'{"files": 1}', b"[" * 100_000, b'{"thresholds":{"high":1,"low":1},"files":{"a":[]}}']
)
def test_what_is_no_such_document_is_left_out(broken: bytes) -> None:
    assert script(broken) == ""
