"""Trends: figures of runs added up by day and over projects, and pages that show them."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config import Config
from orchestrator.show import history, site
from orchestrator.show.figures import measured, trends
from orchestrator.show.figures.measured import Moment
from tests.show.months_fixture import agent, month
from tests.show.reports_fixture import project_report, save
from tests.show.run_fixture import run_report
from tests.show.test_site import visible


def test_a_run_tells_what_trends_need_in_a_few_hundred_bytes(tmp_path: Path) -> None:
    report = month(tmp_path, 4)[3]
    found = measured.moment(measured.of_run(report))
    assert (found.requirements, found.requirements_proved, found.mutation) == (6, 2, 62.4)
    assert (found.turns, found.live, found.usd, found.tokens) == (5, 5, 0.155, 11000)
    assert (found.tasks, found.passed, found.refused) == (1, 1, 1)
    assert found.stages["write_code"] == 23.0
    assert found.gates == {"GREEN/oracle": 1}
    assert len(str(measured.of_run(report))) < 600


def test_replayed_answers_cost_nothing_and_unknown_prices_stay_unknown(tmp_path: Path) -> None:
    report = run_report(tmp_path)

    def of(*agents: object) -> Moment:
        return measured.moment(measured.of_run(report.model_copy(update={"agents": list(agents), "turns": 4})))

    replayed = of(agent(4, 9.0, "recorded"))
    assert (replayed.live, replayed.usd, replayed.tokens) == (0, 0.0, 0)
    unknown = of(agent(4, None))
    assert (unknown.live, unknown.usd, unknown.unknown) == (4, None, 4)
    assert measured.added("", [unknown]).usd is None
    both = measured.added("", [unknown, of(agent(2, 0.5))])
    assert (both.usd, both.unknown, both.live) == (0.5, 4, 6)
    assert measured.added("", [replayed, unknown]).usd is None


def test_a_report_of_an_older_version_says_what_it_can(tmp_path: Path) -> None:
    report = run_report(tmp_path).model_copy(
        update={"agents": [], "turns": 3, "usd": None, "replayed": False, "input_tokens": 10, "output_tokens": None}
    )
    found = measured.moment(measured.of_run(report))
    assert (found.live, found.usd, found.unknown, found.tokens, found.requirements) == (3, None, 3, 10, None)


def day(at: str, proved: int | None, total: int | None, **more: object) -> Moment:
    return Moment(at, requirements=total, requirements_proved=proved, criteria=total, proved=proved, **more)  # type: ignore[arg-type]


def test_a_project_that_rests_stands_as_it_stood_among_all_projects() -> None:
    first = [day("2026-11-01", 1, 4, turns=2), day("2026-11-03", 4, 4, turns=1)]
    second = [day("2026-11-02", 2, 3, turns=5)]
    found = measured.together([first, second])
    assert [(each.at, each.requirements_proved, each.requirements, each.turns) for each in found] == [
        ("2026-11-01", 1, 4, 2),
        ("2026-11-02", 3, 7, 5),
        ("2026-11-03", 6, 7, 1),
    ]
    assert measured.together([[day("2026-11-01", None, None)]])[0].requirements is None
    assert measured.together([]) == []


def test_runs_of_a_day_are_one_moment_and_the_last_that_says_so_says_where_it_stands() -> None:
    (found,) = measured.by_day(
        [day("2026-11-01T01:00:00Z", 1, 4, turns=2), day("2026-11-01T09:00:00Z", 3, 4, turns=1), day("2026-11-01T10:00:00Z", None, None)]
    )
    assert (found.at, found.runs, found.requirements_proved, found.turns) == ("2026-11-01", 3, 3, 3)


def test_what_is_kept_of_a_moment_comes_back_and_what_a_newer_version_added_is_left_out() -> None:
    moment = day(
        "2026-11-01", 3, 4, turns=1, live=1, usd=None, unknown=1, stages={"check_red": 1.5}, gates={"RED/scan": 2}, tests_refused=2, tidied=1
    )
    assert measured.moment(measured.compact(moment) | {"news": 1}) == moment
    assert measured.compact(Moment("2026-11-01")) == {"at": "2026-11-01"}


def test_a_project_is_shown_by_run_and_by_day_when_there_are_many(tmp_path: Path) -> None:
    def digests(count: int) -> dict[str, dict[str, object]]:
        return {report.id: history.digest("library", report.id, report) for report in month(tmp_path, count)}

    assert {bool(each.run) for each in trends.of_project(digests(10))} == {True}
    many = trends.of_project(digests(trends.RUNS + 10))
    assert {bool(each.run) for each in many} == {False}
    assert sum(each.runs for each in many) == trends.RUNS + 10


@pytest.fixture
def built(folder: Path) -> Path:
    save(folder / "runs", "harbour", project_report("harbour", []), month(folder / "runs" / "harbour", 12, "harbour"))
    return site.build(folder, Config()).parent


def test_the_pages_say_what_was_proved_what_it_cost_and_what_refused(built: Path) -> None:
    for path in (built / "trends.html", built / "projects" / "harbour" / "trends.html"):
        words = visible(path)
        for part in (
            "4 of 8 requirements proved",
            "did not say a price",
            "Where time goes",
            "GREEN",
            "oracle",
            "12 of 24 candidates passed",
            "unknown",
        ):
            assert part in words, (path.name, part)
        html = path.read_text(encoding="utf-8")
        assert len(html) < 300_000
        assert html.count('<svg class="chart') >= 3
        assert html.count("<summary>The figures</summary>") == 4
    assert 'class="spark"' in (built / "index.html").read_text(encoding="utf-8")
    assert 'href="projects/harbour/trends.html"' in (built / "index.html").read_text(encoding="utf-8")


def test_a_long_history_of_many_projects_stays_one_small_page(tmp_path: Path) -> None:
    from orchestrator.show.build.shell import shipped
    from orchestrator.show.pages import environment

    env = environment({path.name: path.read_text(encoding="utf-8") for path in shipped().templates.glob("*.html")})
    digests = {report.id: history.digest("p", report.id, report) for report in month(tmp_path, 400)}
    summary = measured.summary(digests)
    assert len(str(summary)) < 40_000
    html = trends.page(env, {f"project {number}": summary for number in range(200)}, None)
    assert len(html) < 280_000
    assert "100 more with older runs" in html


def test_without_a_run_the_page_says_what_it_will_show(folder: Path) -> None:
    assert "Nothing has run yet" in visible(site.build(folder, Config()).parent / "trends.html")
