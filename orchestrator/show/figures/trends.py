"""How things went over time: what is proved, what it cost, where time goes, what refused answers. Of a project by run, of the site by day. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup

from orchestrator.run.gates import GATES
from orchestrator.show import addresses
from orchestrator.show.figures import measured
from orchestrator.show.figures.measured import STAGES, Moment
from orchestrator.show.gather import Unreadable
from orchestrator.show.pages import amount, plural, render, took, usd
from orchestrator.show.pictures import charts
from orchestrator.show.pictures.charts import Line, Spot
from orchestrator.show.text import clean

if TYPE_CHECKING:
    from jinja2 import Environment

    from orchestrator.save.limits_report import LimitsReport

RUNS = 60
"""A project with more runs is shown by day."""
MOST = 90
"""Moments in a picture: the latest."""
PROJECTS = 100
"""In the table of the site."""


class Figure(NamedTuple):
    """A picture and the same as a table."""

    id: str
    title: str
    says: str
    """What it shows now, a sentence or two."""
    about: str
    """What is counted how."""
    picture: Markup
    """'' where there is nothing to draw."""
    head: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    folded: bool = True
    """The table is behind a fold; not where the pictures stand in it."""


class Told(NamedTuple):
    """All figures of some moments."""

    figures: list[Figure]
    what: str
    """`run` or `day`."""
    earlier: int
    """Moments before those that are shown."""


def told(page: str, project: str, moments: Sequence[Moment], limit: float | None = None) -> Told:
    """`project`: whose runs are linked, '' for days. `limit`: US dollars that each moment may cost; None where no such budget is set."""
    shown = list(moments)[-MOST:]
    what = "run" if project and shown and shown[0].run else "day"
    spots = [_spot(page, project, each) for each in shown]
    names = [_name(page, project, each) for each in shown]
    made = [
        _burn_up(what, spots, names, shown),
        *_spending(what, spots, names, shown, limit),
        _mutation(what, spots, names, shown, bool(project)),
        _stages(what, shown),
        _refusals(what, shown),
    ]
    return Told(made, what, max(0, len(moments) - MOST))


def of_project(digests: Mapping[str, Mapping[str, Any]]) -> list[Moment]:
    """By run; by day where there are many."""
    runs = [each for each in measured.of_project(digests) if each.tasks or each.turns or each.requirements is not None]
    return runs if len(runs) <= RUNS else measured.by_day(runs)


def project_page(env: Environment, name: str, digests: Mapping[str, Mapping[str, Any]]) -> str:
    page = addresses.trends(name)
    return render(env, "trends.html", page, project=name, told=told(page, name, of_project(digests)), rows=[], left=0)


class Row(NamedTuple):
    """A project in the site's table."""

    name: str
    spark: Markup
    proved: int | None
    total: int | None
    runs: int
    last: str
    usd: float | None
    unknown: int
    live: int
    passed: int
    refused: int
    noticed: int
    judged: int


def page(env: Environment, summaries: Mapping[str, Mapping[str, Any]], limits: LimitsReport | Unreadable | None) -> str:
    """The site's. `summaries`: project → what its part tells."""
    days = {name: days_of(summary) for name, summary in summaries.items()}
    rows = sorted((_row(name, found, summaries[name].get("stood", ())) for name, found in days.items() if found), key=lambda row: row.name)
    rows.sort(key=lambda row: row.last, reverse=True)
    found = told(addresses.TRENDS, "", measured.together(days.values()), day_budget(limits))
    return render(env, "trends.html", addresses.TRENDS, project="", told=found, rows=rows[:PROJECTS], left=max(0, len(rows) - PROJECTS))


def days_of(summary: Mapping[str, Any]) -> list[Moment]:
    return [measured.moment(day) for day in summary.get("days", ())]


def _row(name: str, days: Sequence[Moment], stood: Sequence[Sequence[Any]]) -> Row:
    all_ = measured.added("", days)
    figures = (all_.usd, all_.unknown, all_.live, all_.passed, all_.refused, all_.noticed, all_.judged)
    return Row(name, charts.stood(name, stood), all_.requirements_proved, all_.requirements, all_.runs, days[-1].at, *figures)


# --- figures --------------------------------------------------------------------------------------------------------------


def _burn_up(what: str, spots: Sequence[Spot], names: Sequence[Any], shown: Sequence[Moment]) -> Figure:
    noted = [each for each in shown if each.requirements is not None]
    missing = len(shown) - len(noted)
    says = f"{noted[-1].requirements_proved} of {plural(noted[-1].requirements or 0, 'requirement')} proved" if noted else "No run has noted it yet."
    if noted:
        first = noted[0]
        says += f"; {first.requirements_proved} of {first.requirements} at {first.at[:10]}." if len(noted) > 1 else "."
    picture = charts.lines(
        "Requirements and how many of them are proved",
        says,
        spots,
        [
            Line("in all", "total", [each.requirements for each in shown]),
            Line("proved", "proved", [each.requirements_proved for each in shown], area=True),
        ],
    )
    about = "A requirement is proved when every one of its criteria is, as they are worded then. The upper line rises when PRDs ask for more."
    if missing:
        about += f" {plural(missing, what)} of these did not note where the project stood: they were stopped, or an older version wrote them."
    rows = [
        (name, *(_known(value) for value in (each.requirements, each.requirements_proved, each.criteria, each.proved)))
        for name, each in zip(names, shown, strict=True)
    ]
    return Figure(
        "proved", "What is proved", says, about, picture, (what.capitalize(), "Requirements", "of these proved", "Criteria", "of these proved"), rows
    )


def _spending(what: str, spots: Sequence[Spot], names: Sequence[Any], shown: Sequence[Moment], limit: float | None) -> list[Figure]:
    unit, values, written = _unit(shown)
    whole = measured.added("", shown)
    live, unknown = whole.live, whole.unknown
    if not live:
        says = (
            "No live agent was asked: every answer was replayed, or came from a script, and cost nothing."
            if whole.turns
            else "No turn was taken yet."
        )
    else:
        says = f"{usd(whole.usd)}, {amount(whole.tokens)} tokens, {plural(live, 'turn')} of live agents."
        if unknown:
            says += f" {plural(unknown, 'turn')} did not say a price: {'they are' if unknown > 1 else 'it is'} in no sum."
    limit = limit if unit == "US dollars" else None
    picture = charts.columns(f"{unit} by {what}", says, spots, values, written, limit)
    about = {
        "US dollars": "What live turns cost, as agents or their prices say. Replayed answers cost nothing now.",
        "tokens": "Prompts and answers of live turns. No price is known, or none is asked.",
        "turns": "Turns of agents, replayed ones too.",
    }[unit]
    rows = [
        (
            name,
            amount(each.turns),
            amount(each.live),
            amount(each.tokens) if each.live else "none",
            usd(each.usd) if each.live else "none",
            _some(each.unknown),
        )
        for name, each in zip(names, shown, strict=True)
    ]
    head = (what.capitalize(), "Turns", "of live agents", "Tokens", "Cost", "Turns without a price")
    first = Figure("spent", f"What each {what} took" if unit == "turns" else f"What each {what} cost", says, about, picture, head, rows)
    sums, total = [], 0.0
    for value in values:
        total += value or 0.0
        sums.append(total)
    said = f"{written(total)} {unit if unit != 'US dollars' else ''}".strip() + f" in {plural(len(shown), what)}."
    drawn = charts.lines(f"{unit} in all", said, spots, [Line("in all", "spent", sums, area=True)], shown=written) if total else Markup("")
    added = [(name, written(value)) for name, value in zip(names, sums, strict=True)]
    about = f"The same, added up from the first {what} that is shown."
    return [first, Figure("spent-in-all", "In all", said, about, drawn, (what.capitalize(), unit), added)]


def _unit(shown: Sequence[Moment]) -> tuple[str, list[float | None], Callable[[float], str]]:
    """What spending is drawn in: money where there is any, else tokens, else turns."""
    if any(each.usd for each in shown if each.live):
        return "US dollars", [each.usd if each.live else 0.0 for each in shown], usd
    if any(each.tokens for each in shown if each.live):
        return "tokens", [each.tokens if each.live else 0.0 for each in shown], _large
    return "turns", [float(each.turns) for each in shown], charts.plain


def _large(value: float) -> str:
    return f"{value / 1e6:,.1f} M" if value >= 1e6 else f"{value / 1e3:,.0f} k" if value >= 1e4 else f"{value:,.0f}"


def _mutation(what: str, spots: Sequence[Spot], names: Sequence[Any], shown: Sequence[Moment], of_project: bool) -> Figure:
    fresh = [100 * each.noticed / each.judged if each.judged else None for each in shown]
    values = [each.mutation for each in shown] if of_project and any(each.mutation is not None for each in shown) else fresh
    known = [value for value in values if value is not None]
    says = f"{known[-1]:.0f} % of the mutants were noticed." if known else "No mutant was made yet."
    picture = charts.lines(
        "Mutation score over time", says, spots, [Line("noticed", "mutation", values)], most=100, shown=lambda value: f"{value:.0f} %"
    )
    about = "Of small changes to the code that was made, the share that its tests notice. " + (
        "Of all tasks that were done then." if values is not fresh else f"Of the tasks that were worked on that {what}."
    )
    rows: list[tuple[Any, ...]] = [
        (name, *([_percent(each.mutation)] if of_project else []), _percent(value), _some(each.judged))
        for name, each, value in zip(names, shown, fresh, strict=True)
    ]
    head = ("Of all that was done", f"Of that {what}'s tasks", "Mutants") if of_project else (f"Of that {what}'s tasks", "Mutants")
    return Figure("mutation", "Would the tests notice?", says, about, picture, (what.capitalize(), *head), rows)


def _stages(what: str, shown: Sequence[Moment]) -> Figure:
    whole = measured.added("", shown)
    total, tasks = sum(whole.stages.values()), sum(each.tasks for each in shown if each.stages)
    steps = [*(step for step in STAGES if step in whole.stages), *(step for step in whole.stages if step not in STAGES)]
    rows = []
    for step in steps:
        seconds = whole.stages[step]
        name, note = STAGES.get(step, (step, ""))
        rows.append(
            (
                Markup('<span title="{}">{}</span>').format(clean(note), clean(name)),
                charts.share(seconds, max(whole.stages.values()), f"{name}: {took(seconds)}"),
                took(seconds),
                f"{100 * seconds / total:.0f} %" if total else "",
                took(seconds / tasks) if tasks else "unknown",
                charts.trend([each.stages.get(step, 0.0) for each in shown], f"{name} by {what}", f"seconds, the newest {what} on the right"),
            )
        )
    largest = max(whole.stages, key=lambda step: whole.stages[step], default="")
    says = f"{took(total)} on {plural(tasks, 'task')}; most of it: {STAGES.get(largest, (largest,))[0]}." if total else "No run has noted it yet."
    about = "As the orchestrator's clock had it, over all attempts; tasks that are worked on at once each count whole."
    head = ("Stage", "", "In all", "Share", "For a task", f"By {what}")
    return Figure("stages", "Where time goes", says, about, Markup(""), head, rows, folded=False)


def _refusals(what: str, shown: Sequence[Moment]) -> Figure:
    whole = measured.added("", shown)
    gates: Counter[str] = Counter(whole.gates)
    judged, written, proposed = whole.passed + whole.refused, whole.tests_passed + whole.tests_refused, whole.tidied + whole.untidied
    says = f"{whole.passed} of {plural(judged, 'candidate')} passed." if judged else "No candidate was judged yet."
    if written:
        says += f" {whole.tests_passed} of {plural(written, 'answer')} of the tests agent held at RED."
    if proposed:
        says += f" {whole.tidied} of {plural(proposed, 'proposal')} to tidy up {'was' if whole.tidied == 1 else 'were'} kept."
    top = max(gates.values(), default=0)
    rows = []
    for key, count in sorted(gates.items(), key=lambda item: (-item[1], item[0])):
        stage, _, gate = key.rpartition("/")
        trend = charts.trend([float(each.gates.get(key, 0)) for each in shown], f"{gate} by {what}", f"answers, the newest {what} on the right")
        name = Markup('<span title="{}">{}</span>').format(GATES.get(gate, ""), clean(gate))
        rows.append((name, stage, charts.share(count, top, f"{gate}: {count}"), amount(count), trend))
    about = "Which gate refused answers of agents: of the tests agent at RED, of the code agent at GREEN. Several may refuse the same answer."
    head = ("Gate", "Stage", "", "Answers", f"By {what}")
    return Figure("refused", "What refused answers", says, about, Markup(""), head, rows, folded=False)


# --- words ----------------------------------------------------------------------------------------------------------------


def _spot(page: str, project: str, each: Moment) -> Spot:
    label = each.at[5:10]
    stands = "" if each.requirements is None else f": {each.requirements_proved} of {each.requirements} requirements proved"
    cost = f"; {usd(each.usd)}, {plural(each.live, 'live turn')}" if each.live else ""
    when = each.at[:16].replace("T", " ")
    runs = "" if each.run else f", {plural(each.runs, 'run')}"
    return Spot(label, f"{when}{runs}{stands}{cost}", addresses.relative(page, addresses.run(project, each.run)) if each.run else "")


def _name(page: str, project: str, each: Moment) -> Markup:
    if not each.run:
        return Markup("{}").format(clean(each.at))
    when = each.at[:16].replace("T", " ")
    return Markup('<a href="{}">{}</a>').format(addresses.relative(page, addresses.run(project, each.run)), clean(when))


def _known(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def _some(value: int) -> str:
    return f"{value:,}" if value else "none"


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{value:.0f} %"


def day_budget(report: LimitsReport | Unreadable | None) -> float | None:
    """US dollars that a day may cost; None where that is not set, or not known."""
    accounts = [] if report is None or isinstance(report, Unreadable) else report.accounts
    limits = [measure.limit for account in accounts if account.scope == "day" for measure in account.measures if measure.of == "usd"]
    return limits[0] if limits else None
