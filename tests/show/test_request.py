"""The text of a request: what a PRD says stays words, and it fits."""

from __future__ import annotations

import re

import pytest
from jinja2.exceptions import SecurityError
from markdown_it import MarkdownIt

from orchestrator.run import mentions
from orchestrator.run.limits import Spent
from orchestrator.save.reports import CriterionReport, PlanReport, PrdReport, RequirementReport
from orchestrator.show.messages import request
from tests.conftest import REPOSITORY

TEMPLATE = (REPOSITORY / "site_templates" / "request.md").read_text("utf-8")
EVIDENCE = request.Evidence("refs/orchestrator/evidence", "runs/loans/repo.git", "runs/loans/artifacts/loans.bundle", "a" * 40, 3)


def prd(criteria: int = 1, text: str = "a book", title: str = "Loans") -> PrdReport:
    listed = [
        CriterionReport(
            id=f"loans#R1.AC{number}",
            key=f"AC{number}",
            text=text,
            line=3,
            inferred=number == 2,
            examples=1,
            held_out=0,
            state="proved",
            level="oracle",
            tests=[f"tests/test_r1.py::test_{number}[a|b]"],
            commits=["b" * 40],
        )
        for number in range(1, criteria + 1)
    ]
    requirement = RequirementReport(
        id="loans#R1", key="R1", title=text, text="", line=2, inferred=False, module="", depends_on=[], task="loans#R1", criteria=listed
    )
    return PrdReport(
        id="loans", title=title, path="prds/loans.md", fingerprint="", branch="prd/loans", head="c" * 40, complete=True, context="",
        requirements=[requirement], notes=[], plan=PlanReport(decomposer="outline", notes=[], uncovered=["loans#NFR1"]),
    )  # fmt: skip


def body(report: PrdReport) -> str:
    return request.body(TEMPLATE, report, EVIDENCE, Spent(61.0, 12345, 0.5, 2))


def test_it_holds_the_matrix_the_levels_the_evidence_and_what_is_not_proved() -> None:
    text = body(prd(2))
    assert text.startswith("Proved: 2 of 2 criteria of “Loans”.")
    assert "| oracle | 2 | the expected answers were compared in the trusted process, where" in text
    assert "| `R1` a book | `AC1` a book | oracle | `test_1[a\\|b]`  | `bbbbbbbbbb`  |" in text
    assert "- `loans#NFR1`: nothing in the PRD could prove it" in text
    assert "- `loans#R1.AC2` a book\n" in text.partition("## Inferred")[2]
    assert "3 bundles in a chain whose end is `aaaaaaaaaa`" in text and "`orchestrator verify loans`" in text
    assert "2 turns of agents, 12,345 tokens, 0.50 US dollars, 1.0 minutes" in text


NASTY = (
    "@octocat and @acme/owners: fixes #12, closes GH-3, resolves acme/voice#4, ABC-99 !5 $6 &7 %8 ~bug | https://x.example/issues/1 www.x.example\n"
    "/close\n# heading\n<script>alert(1)</script> [a](javascript:b) ![i](j) `code` $x$ *b* \u202egnp.exe\x1b[31m &#64;ghost"
)


def test_what_a_prd_says_pings_nobody_closes_nothing_and_breaks_no_table() -> None:
    text = body(prd(2, NASTY, NASTY))
    assert re.findall(r"@\w", text) == [] and re.findall(r"[#!$](?=\d)(?!64;)", text) == []
    assert re.findall(r"\b(GH|ABC)-\d", text) == [] and re.findall(r"://|www\.\w", text) == []
    assert not any(line.startswith(("/", "# ")) for line in text.splitlines())
    html = MarkdownIt("gfm-like", {"linkify": False}).render(text)
    rows = re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)
    assert {row.count("<td>") for row in rows} == {0, 3, 5}, "every row has the cells of its table"
    assert re.findall(r"<(script|a|img|em|h1)\b", html) == []
    assert "&lt;script&gt;" in html and "\u202e" not in html and "&amp;#" in html


@pytest.mark.parametrize("text", [NASTY, "@a", "#1 @", "a@b.example", "x" * 400])
def test_in_a_commit_message_too(text: str) -> None:
    kept = mentions.harmless(text)
    assert re.findall(r"@\w|#\d|://", kept) == [] and "\n" not in kept
    assert kept.replace(mentions.GAP, "") == mentions.line(text), "and the words stay"


@pytest.mark.parametrize(("criteria", "text"), [(2000, "a book " * 20), (400, "📚" * 200), (3, "a book")])
def test_it_fits_and_says_what_was_left_out(criteria: int, text: str) -> None:
    made = body(prd(criteria, text))
    assert len(made) <= request.LIMIT and len(made.encode()) <= request.BYTES
    shown = made.count("| `R1`")
    left = re.search(rf"(\d+) of {criteria:,} criteria are not listed", made)
    assert (int(left[1]) if left else 0) == criteria - shown
    assert "## Evidence" in made and shown > 0


@pytest.mark.parametrize("template", ["{{ prd.__class__.__mro__ }}", "{{ rows.append(1) }}", "{{ ''.__class__.__base__.__subclasses__() }}"])
def test_a_template_reaches_nothing_but_what_it_is_given(template: str) -> None:
    with pytest.raises(SecurityError):
        request.body(template, prd(), EVIDENCE, Spent())


def test_even_a_template_that_lists_everything_is_cut() -> None:
    made = request.body("{% for row in rows %}{{ row.text }}{% endfor %}", prd(1000, "a book " * 40), EVIDENCE, Spent())
    assert len(made) <= request.LIMIT and made.endswith(request.CUT)
