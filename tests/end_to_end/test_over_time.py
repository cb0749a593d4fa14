"""What is told of runs over time, from real runs: where time went, where the project stood, what changed, what is spent and left."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.agents.chat_server import Reply, serve
from tests.conftest import Workplace
from tests.end_to_end.test_limits import ONE, RIGHT
from tests.end_to_end.test_pipeline import LANTERN, STEPWISE


def words(path: Path) -> str:
    html = path.read_text(encoding="utf-8")
    return " ".join(re.sub(r"<[^>]+>", " ", html[html.index("<article") : html.rindex("</main>")]).split())


def test_two_runs_tell_where_time_went_where_the_project_stood_and_what_changed_between_them(place: Workplace) -> None:
    place.prd("lanterns", ONE)
    place.agent(STEPWISE)
    assert place.run().returncode == 0
    place.prd("lanterns", LANTERN)
    assert place.run().returncode == 0
    first, second = place.runs("lanterns")
    for report in (first, second):
        for task in report["tasks"]:
            stages = {stage["step"]: stage["seconds"] for stage in task["stages"]}
            assert stages.keys() >= {"prepare", "check_red"}, stages
            assert abs(sum(stages.values()) - task["seconds"]) < 0.1
    assert [stage["step"] for stage in first["tasks"][0]["stages"]][2:4] == ["queue", "write_code"]
    total = len(place.project("lanterns")["prds"][0]["requirements"])
    assert [(run["standing"]["requirements_proved"], run["standing"]["requirements"]) for run in (first, second)] == [(1, 1), (total, total)]
    assert second["standing"]["proved"] == second["standing"]["criteria"]
    assert place.command("site", "build").returncode == 0
    site = place.root / "site"
    assert f"{total} of {total} requirements proved" in words(site / "trends.html")
    assert "No live agent was asked" in words(site / "projects/lanterns/trends.html")
    compared = words(site / f"projects/lanterns/{second['id']}/compare.html")
    assert "lanterns#R2" in compared and "not worked on ✓ passed" in compared
    assert f"requirements proved 1 {total} +{total - 1}" in compared
    assert "Versions, sandbox, environment and agents are the same" in compared
    quiet = place.run()
    assert quiet.returncode == 0 and len(place.runs("lanterns")) == 2


def test_what_is_spent_booked_and_left_is_told_to_the_site_and_a_reset_is_too(place: Workplace) -> None:
    with serve(RIGHT, *[Reply("broken", status=500)] * 3) as server:
        place.prd("lanterns", ONE)
        agents = {"served": {"type": "chat", "url": server.url, "price": {"input": 1000.0, "output": 1000.0}}}
        place.configure(agents=agents, budgets={"day": {"usd": 50.0, "turns": 20}}, limits={"wait_seconds": 0.2})
        assert place.run().returncode == 0
        told = json.loads((place.root / "runs/limits.json").read_text())
        day = {measure["of"]: measure for account in told["accounts"] if account["scope"] == "day" for measure in account["measures"]}
        assert (day["turns"]["limit"], day["turns"]["spent"], day["turns"]["booked"]) == (20, 1, 0)
        assert (day["tokens"]["spent"], day["usd"]["spent"], day["usd"]["limit"]) == (120, 0.12, 50.0)
        before = (place.root / "runs/limits.json").read_bytes()
        assert place.run().returncode == 0
        assert (place.root / "runs/limits.json").read_bytes() == before
        place.prd("second", ONE.replace("lanterns.py", "second.py").replace("title: Lanterns", "title: Second"))
        assert place.run().returncode == 5
    told = json.loads((place.root / "runs/limits.json").read_text())
    opened = {(breaker["scope"], breaker["name"]): breaker for breaker in told["breakers"]}["agent", "served"]
    assert opened["state"] == "open" and opened["opened_at"] < opened["until"]
    assert place.command("site", "build").returncode == 0
    page = words(place.root / "site/limits.html")
    for part in ("open Agent served", "orchestrator breakers reset served", "Tasks that wait 1", "second#R1", "of 50", "0.12"):
        assert part.replace("of 50", "$50.00") in page, part
    assert place.command("breakers", "reset").returncode == 0
    assert {breaker["state"] for breaker in json.loads((place.root / "runs/limits.json").read_text())["breakers"]} == {"closed"}
    assert place.command("site", "build").returncode == 0
    assert "None holds back turns" in words(place.root / "site/limits.html")
