"""The page of agents: what each solved, in each role, over all projects and runs."""

from __future__ import annotations

from pathlib import Path

from orchestrator.config import Config
from orchestrator.save.reports import AgentReport
from orchestrator.show import site
from orchestrator.show.figures import agents, totals
from tests.show.reports_fixture import project_report, save
from tests.show.run_fixture import run_report
from tests.show.test_site import visible


def did(agent: str, passed: int, refused: int, role: str = "code", usd: float | None = 0.5, kind: str = "chat") -> AgentReport:
    count = passed + refused
    return AgentReport(
        role=role, agent=agent, kind=kind, model=f"{agent}-7b", turns=count, candidates=count, passed=passed, refused=refused, solved=passed,
        seconds=60.0, input_tokens=1000, output_tokens=100, usd=usd, unknown_tokens=0, unknown_usd=0 if usd is not None else count,
    )  # fmt: skip


def runs(*found: list[AgentReport]) -> dict[str, dict[str, object]]:
    """The summary of a project with these runs."""
    digests = {f"2026112{number}T000000Z-aaaa": {"agents": [item.model_dump() for item in each]} for number, each in enumerate(found)}
    return {"till": {"agents": totals.totals(digests)}}


def test_what_an_agent_did_is_added_up_over_runs() -> None:
    (row,) = agents.rows(runs([did("small", 1, 3)], [did("small", 2, 0)]))
    assert (row.turns, row.candidates, row.passed, row.refused, row.solved) == (6, 6, 3, 3, 3)
    assert (row.share, row.usd, row.price, row.input_tokens, row.seconds) == (0.5, 1.0, 1.0 / 3, 2000, 120.0)
    assert str(row.trend).count("<a ") == 2


def test_what_is_unknown_makes_no_price_and_is_never_zero() -> None:
    (row,) = agents.rows(runs([did("small", 1, 0, usd=None)], [did("small", 1, 0)]))
    assert (row.usd, row.price, row.unknown_usd) == (0.5, None, 1)
    (row,) = agents.rows(runs([did("small", 1, 0, usd=None)]))
    assert row.usd is None


def test_roles_and_kinds_stand_apart_and_code_comes_first() -> None:
    found = agents.rows(runs([did("b", 1, 0, "tests"), did("a", 1, 0), did("a", 5, 0, kind="recorded")]))
    assert [(row.role, row.agent, row.kind) for row in found] == [("code", "a", "recorded"), ("code", "a", "chat"), ("tests", "b", "chat")]


def test_the_page_says_who_solved_what_and_who_only_replayed(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "library"
    report = run_report(folder).model_copy(update={"agents": [did("small", 1, 3), did("again", 2, 0, kind="recorded"), did("judge", 1, 1, "tests")]})
    save(tmp_path / "runs", "library", project_report(), [report])
    built = site.build(tmp_path, Config()).parent
    words = visible(built / "agents.html")
    for part in (
        "Who writes the code",
        "Who writes the tests",
        "small",
        "small-7b",
        "1 passed",
        "3 refused",
        "25 % passed",
        "again",
        "recorded",
        "$0.50",
    ):
        assert part in words, part
    assert words.index("Who writes the code") < words.index("Who writes the tests")
    assert 'href="projects/library/' in (built / "agents.html").read_text(encoding="utf-8")


def test_without_a_turn_the_page_says_so(tmp_path: Path) -> None:
    assert "No agent has taken a turn yet" in visible(site.build(tmp_path, Config()).parent / "agents.html")
