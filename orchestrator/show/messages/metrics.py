"""The metrics of a working folder in the text format of Prometheus. Pure: figures in, text out.

`METRICS` says every name once, with its kind, labels and sentence; docs/metrics.md is held to it by a test. Names follow Prometheus' conventions:
base units (seconds, not minutes) in the name, `_total` for what only grows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from orchestrator import __version__
from orchestrator.run.lifecycle import STATES
from orchestrator.save.figures import Figures
from orchestrator.save.overview import Account

LEVELS = ("held-out", "oracle", "human test", "agent test")
"""Proof levels, strongest first."""
INBOX = ("accepted", "waiting", "draft", "set aside", "gone")
OUTCOMES = {"settled": "answered", "failed": "failed", "lost": "lost"}
"""State of a turn that has ended → the label `outcome`."""
BREAKERS = ("closed", "half-open", "open")


@dataclass(frozen=True)
class Metric:
    name: str
    kind: Literal["gauge", "counter"]
    labels: tuple[str, ...]
    text: str


_BY_AGENT = ("project", "agent", "kind", "outcome")

METRICS = (
    Metric("orchestrator_info", "gauge", ("version",), "Always 1; which version wrote this."),
    Metric("orchestrator_written_timestamp_seconds", "gauge", (), "When this was written."),
    Metric("orchestrator_project_readable", "gauge", ("project",), "0 when the project's database is damaged; its other metrics are missing then."),
    Metric("orchestrator_project_running", "gauge", ("project",), "1 while a process works on the project."),
    Metric("orchestrator_tasks", "gauge", ("project", "state"), "Tasks by their state now."),
    Metric("orchestrator_criteria", "gauge", ("project",), "Criteria of all tasks that are not retired."),
    Metric("orchestrator_criteria_proved", "gauge", ("project", "level"), "Criteria that are proved now, by the level of their proof."),
    Metric("orchestrator_validations", "gauge", ("project", "result"), "PRDs whose branch was validated as a whole, by what was found last."),
    Metric("orchestrator_phase_gates", "gauge", ("project", "result"), "Phases of PRDs whose gate was looked at, by what was found last."),
    Metric("orchestrator_attempts_total", "counter", ("project", "role", "agent", "verdict"), "Candidate answers that were judged."),
    Metric("orchestrator_turns_total", "counter", _BY_AGENT, "Turns of agents that have ended."),
    Metric("orchestrator_turn_seconds_total", "counter", _BY_AGENT, "Seconds of those turns; a lost turn counts as booked."),
    Metric("orchestrator_turn_tokens_total", "counter", _BY_AGENT, "Tokens of those turns; what an agent does not say counts as booked."),
    Metric("orchestrator_turn_usd_total", "counter", _BY_AGENT, "US dollars of those turns; what is unknown counts as booked."),
    Metric("orchestrator_input_tokens_total", "counter", ("project", "agent", "kind"), "Tokens of prompts, as agents said."),
    Metric("orchestrator_output_tokens_total", "counter", ("project", "agent", "kind"), "Tokens of answers, as agents said."),
    Metric("orchestrator_turns_under_way", "gauge", ("project", "agent", "kind"), "Turns that were booked and have not ended."),
    Metric("orchestrator_breaker_state", "gauge", ("scope", "name", "state"), "1 for the state a breaker is in, 0 for the others."),
    Metric("orchestrator_breaker_openings_total", "counter", ("scope",), "How often breakers opened."),
    *(
        Metric(f"orchestrator_budget_{what}_{unit}", "gauge", ("scope", "prd"), f"{said} {unit.replace('usd', 'US dollars')}.")
        for unit in ("seconds", "tokens", "usd", "turns")
        for what, said in (("spent", "What stands against a budget, in"), ("limit", "The budget, in"))
    ),
    Metric("orchestrator_kept_runs", "gauge", ("project", "outcome"), "Runs by their outcome; `prune` takes old ones away."),
    Metric("orchestrator_last_run_outcome", "gauge", ("project", "outcome"), "1 for the outcome of the last run that has ended."),
    Metric("orchestrator_last_run_start_timestamp_seconds", "gauge", ("project",), "When the last run that has ended began."),
    Metric("orchestrator_last_run_end_timestamp_seconds", "gauge", ("project",), "When it ended."),
    Metric("orchestrator_last_run_duration_seconds", "gauge", ("project",), "How long it took."),
    Metric("orchestrator_inbox_files", "gauge", ("state",), "PRD files as they were last read, by what became of them."),
    Metric("orchestrator_inbox_waiting", "gauge", ("reason",), "PRDs that wait, by the code of the reason."),
)

Samples = Iterator[tuple[str, tuple[str, ...], float]]
"""(name of a metric, values of its labels, value)."""


def text(figures: Figures) -> str:
    """What a `.prom` file holds: UTF-8 once it is encoded, a line each, HELP and TYPE before every metric that has a value."""
    registry = CollectorRegistry()
    registry.register(_Collector(figures))
    return generate_latest(registry).decode("utf-8")


class _Collector(Collector):
    def __init__(self, figures: Figures) -> None:
        self.figures = figures

    def collect(self) -> Iterator[Family]:
        families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {}
        for metric in METRICS:
            kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            families[metric.name] = kind(metric.name, metric.text, labels=metric.labels)
        for name, labels, value in _samples(self.figures):
            families[name].add_metric([label.encode("utf-8", "replace").decode("utf-8") for label in labels], value)
        yield from (family for family in families.values() if family.samples)


def _samples(figures: Figures) -> Samples:
    overview = figures.overview
    yield "orchestrator_info", (__version__,), 1
    yield "orchestrator_written_timestamp_seconds", (), overview.at
    for state in sorted({*INBOX, *figures.inbox}):
        yield "orchestrator_inbox_files", (state,), figures.inbox.get(state, 0)
    for reason, count in sorted(figures.waiting.items()):
        yield "orchestrator_inbox_waiting", (reason,), count
    for standing in overview.projects:
        project = standing.project
        yield "orchestrator_project_readable", (project,), not standing.damage
        yield "orchestrator_project_running", (project,), standing.pid is not None
        if not standing.damage:
            for state in STATES:
                yield "orchestrator_tasks", (project, state), standing.states.get(state, 0)
            yield "orchestrator_criteria", (project,), standing.criteria
            for level in LEVELS:
                yield "orchestrator_criteria_proved", (project, level), standing.levels.get(level, 0)
    for breaker in overview.breakers:
        for state in BREAKERS:
            yield "orchestrator_breaker_state", (breaker.scope, breaker.name, state), breaker.state == state
    for scope in ("agent", "step", "system"):
        yield "orchestrator_breaker_openings_total", (scope,), figures.trips.get(scope, 0)
    for account in overview.accounts:
        yield from _budget(account)
    yield from _projects(figures)
    yield from _turns(figures)


def _projects(figures: Figures) -> Samples:
    for found in figures.projects:
        name = found.project
        for what, metric in (("validation", "orchestrator_validations"), ("gate", "orchestrator_phase_gates")):
            for said in ("passed", "not passed"):
                yield metric, (name, said), found.checked.get((what, said), 0)
        for (role, agent, verdict), count in sorted(found.attempts.items()):
            yield "orchestrator_attempts_total", (name, role, agent, verdict or "not judged"), count
        for outcome, count in sorted(found.runs.items()):
            yield "orchestrator_kept_runs", (name, outcome), count
        if found.last:
            yield "orchestrator_last_run_outcome", (name, found.last.outcome), 1
            yield "orchestrator_last_run_start_timestamp_seconds", (name,), found.last.started
            yield "orchestrator_last_run_end_timestamp_seconds", (name,), found.last.ended
            yield "orchestrator_last_run_duration_seconds", (name,), max(0.0, found.last.ended - found.last.started)


def _turns(figures: Figures) -> Samples:
    for tally in figures.turns:
        who = (tally.project, tally.agent, tally.kind)
        if tally.state not in OUTCOMES:
            yield "orchestrator_turns_under_way", who, tally.spent.turns
            continue
        labels = (*who, OUTCOMES[tally.state])
        yield "orchestrator_turns_total", labels, tally.spent.turns
        yield "orchestrator_turn_seconds_total", labels, tally.spent.seconds
        yield "orchestrator_turn_tokens_total", labels, tally.spent.tokens
        yield "orchestrator_turn_usd_total", labels, tally.spent.usd
        if tally.state == "settled":
            yield "orchestrator_input_tokens_total", who, tally.input_tokens
            yield "orchestrator_output_tokens_total", who, tally.output_tokens


def _budget(account: Account) -> Samples:
    """Day and run without their name, which changes: the series goes on."""
    if account.scope == "all":
        return
    labels = (account.scope, account.name if account.scope == "prd" else "")
    spent = account.spent
    for unit, value in (("seconds", spent.seconds), ("tokens", spent.tokens), ("usd", spent.usd), ("turns", spent.turns)):
        yield f"orchestrator_budget_spent_{unit}", labels, value
    for measure in account.measures:
        unit, factor = ("seconds", 60.0) if measure.name == "minutes" else (measure.name, 1.0)
        yield f"orchestrator_budget_limit_{unit}", labels, measure.limit * factor
