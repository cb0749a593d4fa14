"""Summaries for CI: what a PRD or an agent says in them stays text."""

from __future__ import annotations

import nh3
import pytest
from markdown_it import MarkdownIt

from orchestrator.model import Problem
from orchestrator.run.limits import Spent
from orchestrator.save.overview import Account, Overview, ProjectStanding, TaskStanding
from orchestrator.save.reports import InboxReport
from orchestrator.show.messages import markdown

HOSTILE = (
    "![pixel](https://evil.example/x.png)",
    "[click](javascript:alert(1))",
    "<img src=x onerror=alert(1)>",
    "@everyone look",
    "`code` | cell | <!-- orchestrator -->",
    "https://evil.example/ and www",
    "# heading\n- item\n\n---",
    "&lt;b&gt; **bold** ~~gone~~ #12",
)


def standing(text: str) -> Overview:
    task = TaskStanding("loans#R1", "loans", "prds/loans.md", "unclear", text, 1, "", "", text, (4, 9))
    project = ProjectStanding("loans", {"done": 2, "unclear": 1, "retired": 1}, 5, {"oracle": 1, "held-out": 2}, 7, ("chat",), (task,), None, "", "")
    return Overview(0.0, (project,), (Account("all", "everything so far", Spent(60.0, 1200, 0.5, 7)),), 0, 0, {}, ())


def test_the_summary_says_where_projects_stand_and_what_needs_a_person() -> None:
    text = markdown.status(standing("which one?"), InboxReport(receipts=[]))
    assert text.startswith("<!-- orchestrator -->\n")
    assert "| `loans` | 2 of 3 | 3 of 5 | 2 | 1 | 7 | live | needs a person |" in text
    assert "- `loans#R1`: which one? (`prds/loans.md:4`, `prds/loans.md:9`)" in text
    assert "7 turns, 1,200 tokens, 0.50 USD" in text


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_that_a_prd_or_an_agent_says_becomes_more_than_text(hostile: str) -> None:
    text = markdown.status(standing(hostile), InboxReport(receipts=[])) + markdown.plan((), {}, [Problem("prds/x.md", 3, "code", hostile, hostile)])
    reader = MarkdownIt("gfm-like", {"html": True, "linkify": False}).enable("table")
    page = reader.render(text)
    allowed = {"h3", "table", "thead", "tbody", "tr", "th", "td", "p", "code", "strong", "ul", "li", "a", "img", "s", "em", "hr", "h1"}
    kept = nh3.clean(page, tags=allowed)
    assert not any(f"<{tag}" in kept for tag in ("a ", "img", "s>", "em", "hr", "h1"))
    assert "onerror" not in page or "&lt;img" in page
    assert page.count("<tr>") == 2, "no row or cell is added"
    assert page.count("<strong>") == 2, "only our own headings are bold"
    assert "@" not in text
    assert "://evil" not in text
    assert text.count(markdown.MARK) == 2
