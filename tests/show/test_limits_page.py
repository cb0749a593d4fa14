"""The page of limits and breakers: what is left, what holds back turns, what to do, and what waits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.config import Config
from orchestrator.save.limits_report import AccountReport, BreakerReport, CeilingReport, CountReport, LimitsReport, MeasureReport, TripReport
from orchestrator.show import site
from tests.show.reports_fixture import library, project_report, save
from tests.show.test_site import visible


def measures(spent: float, booked: float, **set_: float) -> list[MeasureReport]:
    return [MeasureReport(of=of, limit=set_.get(of), spent=spent, booked=booked) for of in ("turns", "tokens", "usd", "minutes")]  # type: ignore[arg-type]


def account(scope: Any, name: str, project: str, found: list[MeasureReport], until: str = "") -> AccountReport:
    return AccountReport(scope=scope, name=name, project=project, until=until, measures=found)


def breaker(scope: Any, name: str, state: Any = "closed", until: str = "", why: str = "", flapping: bool = False) -> BreakerReport:
    at = "" if state == "closed" else "2026-11-22T20:30:00.000Z"
    return BreakerReport(scope=scope, name=name, state=state, failures=3, opened_at=at, until=until, reason=why, flapping=flapping)


REPORT = LimitsReport(
    at="2026-11-22T20:34:00.000Z",
    health="degraded",
    timezone="Europe/Berlin",
    accounts=[
        account("day", "2026-11-22", "", measures(1.5, 0.25, usd=2.0), "2026-11-22T23:00:00.000Z"),
        account("run", "20261122T203251Z-9f00", "", measures(4, 0)),
        account("prd", "loans", "library", measures(9, 2, turns=10)),
        account("task", "loans#R5", "library", measures(3, 0, turns=4)),
    ],
    attempt=[CeilingReport(of="minutes", limit=5.0)],
    unknown_tokens=0,
    unknown_usd=3,
    lost=1,
    breakers=[
        breaker("system", "system"),
        breaker("agent", "my coder", "open", "2026-11-22T20:35:00.000Z", "3 failures in a row, the last: refused <b>", True),
        breaker("agent", "other", "open", "", "the probe after 3 extensions failed too, so only a reset closes it: refused"),
        breaker("step", "loans#R5 write_code/coder", "half-open", "", "3 failures in a row"),
    ],
    trips=[
        TripReport(at="2026-11-22T20:30:00.000Z", scope="agent", name="my coder", reason="3 failures in a row",
                   agents=[CountReport(what="my coder", count=3)], errors=[CountReport(what="AgentError: refused <b>", count=3)])
    ],
)  # fmt: skip


def built(folder: Path, report: LimitsReport | None) -> Path:
    library(folder)
    parked = project_report("library", [])
    waits = {"state": "parked", "reason": "the day's budget of 2.00 USD is used up", "parked_until": "2026-11-22T23:00:00.000Z"}
    tasks = [task.model_copy(update=waits) if task.id == "loans#R4" else task for task in parked.tasks]
    save(folder / "runs", "library", parked.model_copy(update={"tasks": tasks}), [])
    if report:
        (folder / "runs" / "limits.json").write_text(report.model_dump_json(indent=1))
    return site.build(folder, Config()).parent / "limits.html"


def test_each_budget_says_what_is_spent_booked_and_left(folder: Path) -> None:
    words = visible(built(folder, REPORT))
    assert "$1.50 $0.25 $0.25 $2.00" in words
    assert "88 %" in words
    assert "9 2 0 10" in words
    assert "110 %, used up" in words
    assert "until 2026-11-22 23:00 UTC" in words
    assert "Each attempt may use 5.0 minutes" in words
    assert "3 not their price" in words
    html = (folder / "site" / "limits.html").read_text(encoding="utf-8")
    assert html.count('<svg class="gauge') == 3
    assert (folder / "site" / "limits.json").read_bytes() == (folder / "runs" / "limits.json").read_bytes()


def test_what_holds_back_turns_says_since_when_why_and_the_very_command_that_ends_it(folder: Path) -> None:
    words = visible(built(folder, REPORT)).replace("&#39;", "'")
    assert "open Agent my coder flapping" in words
    assert "Tried again 2026-11-22 20:35 UTC" in words
    assert "orchestrator breakers reset 'my coder'" in words
    assert "only after a reset" in words
    assert "orchestrator breakers reset other" in words
    assert "orchestrator breakers reset 'loans#R5'" in words
    assert "1 breaker closed" in words
    assert "refused &lt;b&gt; ×3" in words
    assert words.index("Agent my coder") < words.index("Step loans#R5")


def test_tasks_that_wait_say_until_when_and_for_what(folder: Path) -> None:
    page = built(folder, REPORT)
    assert "Ask from a terminal 2026-11-22 23:00 UTC the day's budget of 2.00 USD is used up" in visible(page).replace("&#39;", "'")
    assert 'href="projects/library/index.html#x-loans-R4"' in page.read_text(encoding="utf-8")


def test_with_nothing_set_and_nothing_asked_it_says_so(folder: Path) -> None:
    words = visible(site.build(folder, Config()).parent / "limits.html")
    assert "No agent has been asked for anything yet, and no budget is set" in words
    assert "No task waits" in words
    calm = REPORT.model_copy(update={"health": "healthy", "breakers": [breaker("system", "system")], "trips": [], "attempt": [], "accounts": []})
    (folder / "runs" / "limits.json").write_text(calm.model_dump_json())
    words = visible(site.build(folder, Config()).parent / "limits.html")
    assert "No budget is set" in words
    assert "None holds back turns" in words


def test_a_report_that_cannot_be_read_is_named(folder: Path) -> None:
    (folder / "runs" / "limits.json").write_text("{torn")
    assert "limits.json cannot be read" in visible(site.build(folder, Config()).parent / "limits.html")
    (folder / "runs" / "limits.json").write_text('{"version": 9}')
    assert "newer orchestrator" in visible(site.build(folder, Config()).parent / "limits.html")
