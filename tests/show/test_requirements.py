"""The page of a requirement: what was asked, what proves it, why not the rest, and how it came about."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.config import Config
from orchestrator.model import Criterion, Example
from orchestrator.save.compose_examples import cases
from orchestrator.save.edit_reports import EditedReport, EditReport, PartReport
from orchestrator.save.reports import ExampleReport
from orchestrator.show import site
from orchestrator.show.reasons import why

from .reports_fixture import project_report, save
from .run_fixture import lend_task, run_report
from .test_site import RUN, visible


def page(built: Path, name: str) -> Path:
    return built / "projects" / "library" / "requirements" / f"loans-{name}.html"


def test_a_requirement_has_a_page_with_its_words_its_criteria_and_what_depends_on_it(library_site: Path) -> None:
    words = visible(page(library_site, "R2"))
    for part in (
        "R2 Lend a book 3 of 3 criteria proved",
        "Stands in prds/loans.md:33",
        "What lend a book means, in a sentence with code",
        "AC3 Overdue books cost a fine, see fine(days) . ✓ proved 4 held-out Its examples hold, 1 of them never seen by the agent.",
        "Depends on loans#R1",
        "loans#R3 Cap the fine, loans#R4 Ask from a terminal, loans#R5 Remind by letter",
        "test_r2_ac2_a_book_on_loan_cannot_be_lent_again red before , green after",
    ):
        assert part in words, part


def test_evidence_is_one_click_away(library_site: Path) -> None:
    html = page(library_site, "R2").read_text()
    assert f'href="../{RUN}/loans-R2.html#red"' in html
    evidence = (library_site / "projects" / "library" / RUN / "loans-R2.html").read_text()
    assert 'id="red"' in evidence and 'id="green"' in evidence


def test_the_runs_that_worked_on_it_stand_newest_first_with_their_verdict_and_why(library_site: Path) -> None:
    words = visible(page(library_site, "R2"))
    history = words[words.index("Work on it") :]
    assert re.search(
        r"loans#R2 ✓ passed Attempt 2 passed .* ⟲ recorded answers of .* loans#R2 ✓ passed Attempt 2 passed .* ⟲ scripted agent", history
    )


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("R1", "A test that a person wrote holds."),
        ("R2", "A test that an agent wrote holds; it failed before the code was there."),
        ("R3", "A person must answer: "),
        ("R4", "The next run works on it."),
        ("R5", "4 attempts were refused; the last: oracle, letter(…) raised KeyError."),
        ("R6", "It waits for loans#R5, loans#R4: loans#R5 failed."),
    ],
)
def test_every_state_of_a_criterion_says_why_in_a_sentence(key: str, sentence: str) -> None:
    report = project_report()
    requirement = next(item for item in report.prds[0].requirements if item.key == key)
    task = next(task for task in report.tasks if task.id == requirement.task)
    assert why(requirement.criteria[0], task).startswith(sentence)


def test_the_matrix_of_the_project_and_the_search_lead_to_it(library_site: Path) -> None:
    assert 'href="requirements/loans-R5.html"' in (library_site / "projects" / "library" / "index.html").read_text()
    assert '"location":"projects/library/requirements/loans-R5.html"' in "".join(path.read_text() for path in (library_site / "search").glob("*.js*"))


def test_only_its_own_edits_stand_on_it(folder: Path) -> None:
    def edited(name: str, before: str, after: str) -> EditedReport:
        part = PartReport(name="AC1", kind="changed", before=before, after=after, before_line=3, line=4)
        return EditedReport(requirement=name, kind="changed", title=name, was="", before_line=1, line=2, parts=[part])

    report = project_report()
    edit = EditReport(
        at="2026-11-22T00:00:00Z", run=RUN, path="prds/loans.md", changes=[edited("loans#R1", "one book", "two books"), edited("loans#R2", "x", "y")]
    )
    prd = report.prds[0].model_copy(update={"edits": [edit]})
    home = folder / "runs" / "library"
    save(folder / "runs", "library", report.model_copy(update={"prds": [prd]}), [run_report(home, tasks=[lend_task(home)])])
    words = visible(page(site.build(folder, Config()).parent, "R1"))
    assert "[- one -] {+ two +} [- book -] {+ books +}" in words
    assert "[- x -]" not in words


def test_a_page_stays_small_whatever_a_requirement_holds(folder: Path) -> None:
    report = project_report()
    prd, home = report.prds[0], folder / "runs" / "library"
    cases = [ExampleReport(line=number, text="x" * 1000, held_out=False) for number in range(20)]
    names = [f"tests/test_loans.py::test_of_{number:04d}" for number in range(300)]
    one = prd.requirements[1].criteria[0].model_copy(update={"cases": cases, "examples": 400, "tests": names})
    many = [one.model_copy(update={"id": f"loans#R2.AC{number}", "key": f"AC{number}"}) for number in range(300)]
    large = prd.requirements[1].model_copy(update={"criteria": many, "text": "words " * 100_000})
    prds = [prd.model_copy(update={"requirements": [large]})]
    save(folder / "runs", "library", report.model_copy(update={"prds": prds}), [run_report(home, tasks=[lend_task(home)])])
    made = page(site.build(folder, Config()).parent, "R2")
    assert made.stat().st_size < 300_000
    for part in (
        "380 more stand in the PRD.",
        "400 stand in the PRD.",
        "250 more stand on the page of its task.",
        "200 more stand on the page of the project",
    ):
        assert part in visible(made), part


def test_a_held_out_example_never_stands_in_a_report_with_its_words() -> None:
    example = Example("a#R1.AC1/1", ("from a import f",), "f(1)", "value", "42", 7)
    hidden = Example("a#R1.AC1/2", (), "f(2)", "value", "'secret'", 8, held_out=True)
    found = cases(Criterion("a#R1.AC1", "AC1", "says f", 5, (example, hidden)))
    assert [(case.line, case.text, case.held_out) for case in found] == [(7, ">>> from a import f\n>>> f(1)\n42", False), (8, "", True)]
