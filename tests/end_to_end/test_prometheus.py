"""Metrics after real runs: parsed by the library's own parser, documented one by one, and counters that only grow."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from orchestrator.run.breakers import Breaker
from orchestrator.run.limits import Measure, Spent
from orchestrator.save.figures import Figures, LastRun, ProjectFigures
from orchestrator.save.ledger import Tally
from orchestrator.save.overview import Account, Overview, ProjectStanding
from orchestrator.show.messages import metrics
from tests.conftest import REPOSITORY, Workplace
from tests.end_to_end.test_pipeline import LANTERN, STEPWISE
from tests.end_to_end.test_prune import ONE, WRONG

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parsed(text: str) -> Samples:
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    samples = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in found}
    assert len(samples) == len(found), "nothing is said twice"
    return samples


def value(samples: Samples, name: str, /, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


def reports(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(folder.rglob("*.json"))}


def test_a_run_leaves_its_metrics_also_one_that_found_nothing_new(place: Workplace) -> None:
    place.prd("lanterns", LANTERN)
    file = place.root / "collector" / "tdd.prom"
    place.agent(STEPWISE, metrics={"file": "collector/tdd.prom"}, budgets={"day": {"minutes": 30, "tokens": 100_000}})
    done = place.command("run", "--no-site", timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    found = parsed(file.read_text("utf-8"))
    assert file.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in file.parent.iterdir()] == ["tdd.prom"]
    assert value(found, "orchestrator_tasks", project="lanterns", state="done") == 2
    assert value(found, "orchestrator_tasks", project="lanterns", state="failed") == 0
    assert value(found, "orchestrator_criteria", project="lanterns") == 2
    assert sum(number for (name, _), number in found.items() if name == "orchestrator_criteria_proved") == 2
    whose = {"project": "lanterns", "agent": "script", "kind": "scripted"}
    assert value(found, "orchestrator_turns_total", **whose, outcome="answered") == 2
    assert value(found, "orchestrator_turn_tokens_total", **whose, outcome="answered") == 240
    assert value(found, "orchestrator_input_tokens_total", **whose) == 200
    assert value(found, "orchestrator_attempts_total", project="lanterns", role="code", agent="script", verdict="passed") == 2
    assert value(found, "orchestrator_budget_limit_seconds", scope="day", prd="") == 1800
    assert value(found, "orchestrator_budget_spent_tokens", scope="day", prd="") == 240
    assert value(found, "orchestrator_last_run_outcome", project="lanterns", outcome="done") == 1
    assert 0 < value(found, "orchestrator_last_run_duration_seconds", project="lanterns") < 200
    assert value(found, "orchestrator_validations", project="lanterns", result="passed") == 1

    before = reports(place.root / "runs")
    again = place.run()
    assert "nothing new" in again.stdout
    assert reports(place.root / "runs") == before, "nothing is written there"
    later = parsed(file.read_text("utf-8"))
    written = ("orchestrator_written_timestamp_seconds", frozenset[tuple[str, str]]())
    assert later.pop(written) > found.pop(written)
    assert later == found
    assert parsed(place.command("metrics").stdout).keys() - {written} == found.keys()


def test_a_file_that_cannot_be_written_is_said_and_changes_no_exit_code(place: Workplace) -> None:
    (place.root / "taken").write_text("a file")
    place.configure(metrics={"file": "taken/tdd.prom"})
    done = place.run()
    assert (done.returncode, "nothing new" in done.stdout) == (0, True)
    assert "the metrics were not written" in done.stderr
    assert "Traceback" not in done.stderr
    refused = place.command("metrics", "--out", "tdd.txt")
    assert (refused.returncode, ".prom" in refused.stderr) == (2, True)


def test_the_file_is_readable_for_the_collector_whatever_the_umask(place: Workplace) -> None:
    before = os.umask(0o077)
    try:
        assert place.command("metrics", "--out", "tdd.prom").returncode == 0
    finally:
        os.umask(before)
    assert (place.root / "tdd.prom").stat().st_mode & 0o777 == 0o644


def test_counters_do_not_go_down_when_runs_are_pruned(place: Workplace) -> None:
    (place.root / "environments").mkdir()  # prune must not reach those that all tests share
    for number in (1, 2):
        place.prd("lanterns", ONE.replace("| 99 | 9 |", f"| {90 + number} | 10 |"))
        place.agent(WRONG, limits={"attempts": 1})
        assert place.run().returncode == 1
    place.agent(WRONG, limits={"attempts": 1}, retention={"days": 0, "runs": 1}, environments="environments")
    before = parsed(place.command("metrics").stdout)
    assert value(before, "orchestrator_kept_runs", project="lanterns", outcome="failed") == 2
    pruned = place.command("prune")
    assert "run" in pruned.stdout, pruned.stdout
    after = parsed(place.command("metrics").stdout)
    counters = {key for key in before if key[0].endswith("_total")}
    assert len(counters) > 5
    assert {key: after[key] for key in counters} == {key: before[key] for key in counters}
    assert value(after, "orchestrator_kept_runs", project="lanterns", outcome="failed") == 1


def everything() -> Figures:
    """Figures in which every metric has a value, with names that the format must escape."""
    spent = Spent(60.0, 500, 0.25, 3)
    name = 'a "quoted\\name"\nof two lines \ud800'
    measures = tuple(Measure(each, 10.0, 1.0, 0.0) for each in ("minutes", "tokens", "usd", "turns"))
    whole = ProjectStanding(name, {"done": 1}, 2, {"oracle": 1}, 3, ("chat",), (), 4711, "r", "done")
    torn = ProjectStanding("torn", {}, 0, {}, 0, (), (), None, "", "", damage="it is torn")
    overview = Overview(1.0, (whole, torn), (Account("prd", name, spent, measures),), 0, 0, {}, (Breaker("agent", name, "open"),))
    project = ProjectFigures(name, {("code", name, "passed"): 2}, {"done": 1}, LastRun("done", 10.0, 12.5), {("gate", "passed"): 1})
    turns = tuple(Tally(name, name, "chat", state, spent, 7, 8) for state in ("reserved", "settled", "failed", "lost"))
    return Figures(overview, (project,), turns, {"agent": 1}, {"waiting": 1}, {"no-agent": 1})


def test_every_metric_is_written_and_every_name_survives_the_format() -> None:
    text = metrics.text(everything())
    samples = parsed(text)
    assert {name for name, _ in samples} == {metric.name for metric in metrics.METRICS}
    name = 'a "quoted\\name"\nof two lines ?'
    assert value(samples, "orchestrator_project_running", project=name) == 1
    assert value(samples, "orchestrator_budget_limit_seconds", scope="prd", prd=name) == 600
    assert value(samples, "orchestrator_breaker_state", scope="agent", name=name, state="open") == 1
    assert value(samples, "orchestrator_project_readable", project="torn") == 0
    assert not any(sample == "orchestrator_tasks" and ("project", "torn") in labels for sample, labels in samples), "unknown is not 0"


def test_every_metric_is_documented_and_nothing_else() -> None:
    page = (REPOSITORY / "docs" / "metrics.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*) \| ([^|]*) \|$", page, re.MULTILINE)
    told = [(name, kind, tuple(re.findall(r"`(\w+)`", labels)), text) for name, kind, labels, text in rows]
    assert told == [(metric.name, metric.kind, metric.labels, metric.text) for metric in metrics.METRICS]
    rules = re.findall(r"orchestrator_\w+", page.partition("## Rules to begin with")[2])
    assert rules and {*rules} <= {metric.name for metric in metrics.METRICS}


@pytest.mark.parametrize("metric", metrics.METRICS, ids=lambda metric: metric.name)
def test_names_follow_the_conventions(metric: metrics.Metric) -> None:
    assert re.fullmatch(r"orchestrator(_[a-z]+)+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert not re.search(r"minutes|hours|_ms|millis", metric.name), "base units"
    assert metric.text.endswith(".")


def test_the_command_works_where_nothing_was_ever_run(place: Workplace) -> None:
    done = place.command("metrics")
    assert done.returncode == 0, done.stderr
    assert "orchestrator_info" in done.stdout
    assert not (place.root / "runs").exists(), "looking writes nothing"
