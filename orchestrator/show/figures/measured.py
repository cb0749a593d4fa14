"""What trends need of runs: few figures of each, added up by day, project and site. Pure; all of it is JSON values.

A figure that nobody knows is None and stays None: it is never added up as if it were 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.save.reports import AttemptReport, RunReport

REPLAYED = ("recorded", "scripted")
"""Kinds of agents whose answers cost nothing now."""
NOTICED = ("killed", "timeout")
DAYS = 90
"""Days that a project tells the pages of the whole site."""
POINTS = 24
"""Runs in a picture of the size of a word."""

STAGES: dict[str, tuple[str, str]] = {
    "plan": ("Plan", "turns of the planning agent"),
    "prepare": ("Prepare", "the base is laid out in a throwaway folder"),
    "baseline": ("Baseline", "the project's own suite, before anything is changed"),
    "write_tests": ("Write tests", "turns of the tests agent"),
    "check_red": ("RED", "the tests against the base and against stubs"),
    "queue": ("Queue", "waiting for a worker, before a turn"),
    "write_code": ("Write code", "turns of the code agent"),
    "check_green": ("GREEN", "every gate over each candidate"),
    "tidy": ("Refactor", "the turn that may tidy up what passed"),
    "check_still_green": ("GREEN again", "every gate over what was tidied"),
    "mutants": ("Mutants", "whether the tests notice small changes"),
}
"""Step of a report → (its name here, what its time goes to), in order."""


@dataclass(frozen=True)
class Moment:
    """A run, or all runs of a day."""

    at: str
    """When it began, ISO 8601; of a day its date."""
    run: str = ""
    """Its id, '' for a day."""
    runs: int = 1
    requirements: int | None = None
    """Of the project at the end of it; None where nobody noted it."""
    requirements_proved: int | None = None
    criteria: int | None = None
    proved: int | None = None
    mutation: float | None = None
    """Percent of the mutants of all that was done then that were noticed."""
    noticed: int = 0
    judged: int = 0
    """Mutants of the tasks that it worked on."""
    turns: int = 0
    live: int = 0
    """Turns of agents that were asked, not replayed."""
    usd: float | None = 0.0
    """What the live turns cost, as far as agents say; None where none of them says."""
    unknown: int = 0
    """Live turns whose price nobody says."""
    tokens: int | None = 0
    seconds: float = 0.0
    tasks: int = 0
    """Tasks that were worked on."""
    passed: int = 0
    refused: int = 0
    """Candidates of the code agent."""
    tests_passed: int = 0
    tests_refused: int = 0
    """Answers of the tests agent."""
    tidied: int = 0
    untidied: int = 0
    """Proposals to tidy up that were kept, and dropped."""
    stages: Mapping[str, float] = field(default_factory=dict)
    """Step → seconds, over all its tasks."""
    gates: Mapping[str, int] = field(default_factory=dict)
    """Stage and gate (`GREEN/oracle`) → answers that it refused; an answer may be refused by several."""


_DEFAULTS = asdict(Moment(""))


def of_run(report: RunReport) -> dict[str, Any]:
    """What trends need of a run; what is as usual (zero, nothing) is left out."""
    attempts = [item for task in report.tasks for item in (*task.written, *task.attempts)]
    answered = [item for item in attempts if item.role == "code" and item.turns]  # what is judged again on a moved branch is no new candidate
    last = {task.id: task for task in report.tasks}.values()
    statuses = [mutant.status for task in last if task.mutation for mutant in task.mutation.mutants]
    standing = report.standing.model_dump() if report.standing else {}
    moment = Moment(
        at=report.started_at,
        run=report.id,
        requirements=standing.get("requirements"),
        requirements_proved=standing.get("requirements_proved"),
        criteria=standing.get("criteria"),
        proved=standing.get("proved"),
        mutation=standing.get("mutation"),
        noticed=sum(status in NOTICED for status in statuses),
        judged=sum(status != "error" for status in statuses),
        tasks=sum(bool(task.attempts or task.red or task.stages) for task in last),
        passed=sum(item.verdict == "passed" for item in answered),
        refused=sum(item.verdict == "refused" for item in answered),
        tests_passed=sum(item.role == "tests" and item.verdict == "passed" for item in attempts),
        tests_refused=sum(item.role == "tests" and item.verdict == "refused" for item in attempts),
        tidied=sum(task.tidying is not None and task.tidying.kept for task in report.tasks),
        untidied=sum(task.tidying is not None and not task.tidying.kept for task in report.tasks),
        stages=_stages(report),
        gates=dict(Counter(gate for item in attempts if item.verdict == "refused" for gate in _gates(item))),
        **spent(report),
    )
    return compact(moment)


def _gates(attempt: AttemptReport) -> list[str]:
    stage = "RED" if attempt.role == "tests" else "GREEN"
    found = dict.fromkeys(finding.gate for finding in attempt.findings if finding.severity == "error")
    return [f"{stage}/{gate}" for gate in found or ("unknown",)]


def _stages(report: RunReport) -> dict[str, float]:
    found: Counter[str] = Counter()
    for task in report.tasks:
        for stage in task.stages:
            found[stage.step] += stage.seconds  # type: ignore[assignment]
    if planned := sum(asked.turn.seconds for asked in report.planning):
        found["plan"] = planned  # type: ignore[assignment]
    return {step: round(seconds, 2) for step, seconds in found.items()}


def spent(report: RunReport) -> dict[str, Any]:
    """`turns`, `live`, `usd`, `unknown`, `tokens` of a Moment, of live turns only: what replaying shows was paid when the answers were given."""
    if report.turns and not report.agents:  # an older version wrote it
        asked = 0 if report.replayed or report.scripted else report.turns
        said = [value for value in (report.input_tokens, report.output_tokens) if value is not None]
        known = {"usd": report.usd, "tokens": sum(said) if said else None} if asked else {}
        return {"turns": report.turns, "live": asked, "unknown": asked if report.usd is None else 0, **known}
    live = [agent for agent in report.agents if agent.kind not in REPLAYED]
    prices = [agent.usd for agent in live if agent.usd is not None]
    tokens = [value for agent in live for value in (agent.input_tokens, agent.output_tokens) if value is not None]
    return {
        "turns": report.turns,
        "live": sum(agent.turns for agent in live),
        "usd": round(sum(prices), 6) if prices or not live else None,
        "unknown": sum(agent.unknown_usd for agent in live),
        "tokens": sum(tokens) if tokens or not live else None,
    }


def compact(moment: Moment) -> dict[str, Any]:
    found = {name: getattr(moment, name) for name in _DEFAULTS}
    return {name: value for name, value in found.items() if value != _DEFAULTS[name] or name == "at"}


def moment(value: Mapping[str, Any]) -> Moment:
    """And back; what a newer version added is left out."""
    known = {item.name for item in fields(Moment)}
    return Moment(**{name: part for name, part in value.items() if name in known})


def of_project(digests: Mapping[str, Mapping[str, Any]]) -> list[Moment]:
    """The runs of a project that can be read, oldest first."""
    return [
        replace(moment(known["trend"]), run=run, seconds=known.get("seconds") or 0.0) for run, known in sorted(digests.items()) if known.get("trend")
    ]


def by_day(moments: Iterable[Moment]) -> list[Moment]:
    """A moment for each day that has any, oldest first."""
    days: dict[str, list[Moment]] = {}
    for each in moments:
        days.setdefault(each.at[:10], []).append(each)
    return [added(day, items) for day, items in sorted(days.items())]


def added(at: str, items: Sequence[Moment]) -> Moment:
    """Several moments of one project as one: figures are added up, and where the project stands is what the last that says so says."""
    stands = next((item for item in reversed(items) if item.requirements is not None), Moment(""))
    return Moment(
        at=at,
        runs=sum(item.runs for item in items),
        requirements=stands.requirements,
        requirements_proved=stands.requirements_proved,
        criteria=stands.criteria,
        proved=stands.proved,
        mutation=stands.mutation,
        **_sums(items),
    )


def _sums(items: Sequence[Moment]) -> dict[str, Any]:
    stages: Counter[str] = Counter()
    gates: Counter[str] = Counter()
    for item in items:
        stages.update(item.stages)
        gates.update(item.gates)
    names = ("noticed", "judged", "turns", "live", "unknown", "seconds", "tasks", "passed", "refused")
    answers = ("tests_passed", "tests_refused", "tidied", "untidied")
    found: dict[str, Any] = {name: sum(getattr(item, name) for item in items) for name in (*names, *answers)}
    for name in ("usd", "tokens"):
        values = [getattr(item, name) for item in items if item.live]
        known = [value for value in values if value is not None]
        found[name] = sum(known) if known or not values else None
    return {**found, "stages": {step: round(seconds, 2) for step, seconds in stages.items()}, "gates": dict(gates)}


def together(projects: Iterable[Sequence[Moment]]) -> list[Moment]:
    """Days of several projects as one line of days: where a project had no run, it stands as it stood."""
    each = [list(days) for days in projects]
    places, found = [0] * len(each), []
    stood: list[Moment | None] = [None] * len(each)
    for at in sorted({day.at for days in each for day in days}):
        today = []
        for index, days in enumerate(each):
            if places[index] < len(days) and days[places[index]].at == at:
                day = days[places[index]]
                places[index] += 1
                today.append(day)
                stood[index] = day if day.requirements is not None else stood[index]
        stands = [day for day in stood if day is not None]
        figures: dict[str, Any] = {
            name: sum(getattr(day, name) for day in stands) if stands else None
            for name in ("requirements", "requirements_proved", "criteria", "proved")
        }
        found.append(Moment(at=at, runs=sum(day.runs for day in today), **figures, **_sums(today)))
    return found


def summary(digests: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What pages of the whole site are told of a project's runs, as JSON: its days, and its last runs in two figures each."""
    runs = of_project(digests)
    stood = [[each.requirements_proved, each.requirements, each.at] for each in runs if each.requirements is not None]
    return {"days": [compact(day) for day in by_day(runs)[-DAYS:]], "stood": stood[-POINTS:]}
