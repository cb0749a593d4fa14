"""Reports → HTML bodies, through Jinja2 templates with autoescape and StrictUndefined. Pure: everything comes in as values.

Every expression of a template is cleaned of control characters and escaped; what must not be escaped is Markup that
text.py, svg.py or this file built. No template uses `|safe`.
"""

from __future__ import annotations

import functools
import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup

from orchestrator.plan import waves
from orchestrator.plan.forecast import KINDS
from orchestrator.run.search import WAYS
from orchestrator.save.edit_reports import WAYS_OUT
from orchestrator.show import addresses, summary, templates, words
from orchestrator.show.ansi import terminal
from orchestrator.show.forecasts import beside
from orchestrator.show.gather import CUTS, Cut, Shown, Unreadable
from orchestrator.show.history import RunRow, answers, between, run_rows, task_pages, task_spot
from orchestrator.show.pictures import badges, charts, lanes, svg
from orchestrator.show.reasons import why
from orchestrator.show.summary import LATEST, Counts, counts, together
from orchestrator.show.text import brief, clean, code, diff, inline, prose
from orchestrator.show.text import words as worded

if TYPE_CHECKING:
    from jinja2 import Environment

    from orchestrator.save.reports import (
        InboxReport,
        ObservationReport,
        OutcomeReport,
        ProjectReport,
        RunReport,
        TaskRunReport,
        Text,
    )
    from orchestrator.show.federation.sources import Source

MOST = 50
"""Projects of one published site that the overview names; the others are a link away."""
LISTED = 100
"""Rows of a list on a page that is about more than that list."""
CARDS = 24
"""Projects on the overview."""
NEEDS = 10
"""Questions, tasks that gave up, PRDs set aside, and tasks that wait on the overview, of each."""


def environment(sources: Mapping[str, str], url: str = "", own: Mapping[str, templates.Template] | None = None, public: bool = False) -> Environment:
    """The templates by name, with those of the working folder before the shipped ones. `url`: where the site is published, '' where nobody said;
    `public`: something is left out of it."""
    filters: dict[str, Any] = {
        "when": when,
        "took": took,
        "amount": amount,
        "usd": usd,
        "short": short,
        "code": code,
        "diff": diff,
        "prose": prose,
        "inline": inline,
        "terminal": lambda text: terminal(text.head, text.tail, text.left_out),
        "label": label,
        "plural": plural,
        "worded": lambda part: worded(part.before, part.after),
    }
    known: dict[str, Any] = {"chip": chip, "LEVELS": words.LEVELS, "WAYS": WAYS, "anchor": addresses.anchor, "bar": svg.bar, "strip": svg.strip}
    known |= {
        "KINDS": KINDS,
        "beside": beside,
        "why": why,
        "snippet": functools.partial(badges.snippet, url=url),
        "badge": badges.place,
        "public": public,
    }
    made = templates.loaded(sources, own or {}, {"filters": filters, "globals": known, "finalize": _plain})
    made.env.extend(templates=made)
    return made.env


def _plain(value: Any) -> Any:
    return brief(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def render(env: Environment, template: str, page: str, **values: Any) -> str:
    """One page's body. `page` is its path from the site's root; templates link with `link(path)`."""
    made: templates.Templates = vars(env)["templates"]
    fixed = {"page": page, "link": functools.partial(addresses.relative, page), "to": addresses, "cut": CUTS[0], "uncut": CUTS[0]}
    return made.render(template, fixed | values)


# --- words and numbers -------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=4096)
def chip(kind: str, value: str, note: str = "") -> Markup:
    """A state in colour, symbol and word; `note` is added to what hovering says."""
    word = words.word(kind, value)
    return Markup('<span class="chip tone-{}" title="{}"><span aria-hidden="true">{}</span> {}</span>').format(
        word.tone, brief(note or word.says), word.symbol, brief(value)
    )


@functools.lru_cache(maxsize=4096)
def when(value: str) -> Markup:
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return Markup("<span>{}</span>").format(clean(value) or "unknown")
    return Markup(moment.strftime('<time datetime="%Y-%m-%dT%H:%M:%SZ">%Y-%m-%d %H:%M UTC</time>'))


def took(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def amount(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def usd(value: float | None) -> str:
    """Cents, and what is less than them where cents would hide it."""
    if value is None:
        return "unknown"
    if value >= 1 or round(value, 2) == round(value, 4) != 0 or not value:
        return f"${value:,.2f}"
    return f"${value:.4f}" if value >= 0.0001 else "less than $0.0001"


def short(value: str) -> str:
    return value if " " in value else value[:10]


def plural(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def label(node_id: str) -> str:
    """The part of a pytest node id that tells tests apart."""
    return node_id.rpartition("::")[2] or node_id


# --- pages -------------------------------------------------------------------------------------------------------------


class Card(NamedTuple):
    """A project on the overview."""

    name: str
    unreadable: Unreadable | None
    titles: list[str]
    counts: Counts
    rows: list[RunRow]
    answers: list[str]


def card(known: Mapping[str, Any]) -> Card:
    rows = [summary.row(each) for each in known["runs"]]
    unreadable = Unreadable(**known["unreadable"]) if known["unreadable"] else None
    return Card(known["name"], unreadable, known["titles"], Counts(**known["counts"]), rows, known["answers"])


def overview(
    env: Environment, summaries: Sequence[Mapping[str, Any]], inbox: InboxReport | Unreadable | None, note: str, sources: Sequence[Source] = ()
) -> str:
    """`summaries`: of all projects, as summary.py makes them; `sources`: other installations."""
    every = [card(known) for known in summaries]
    latest = sorted(every, key=lambda item: item.rows[0].id if item.rows else "", reverse=True)[:CARDS]
    cards = [item for item in every if item in latest] if len(every) > CARDS else every
    rows = sorted((row for item in every for row in item.rows), key=lambda row: row.id, reverse=True)[:LATEST]
    receipts = [] if inbox is None or isinstance(inbox, Unreadable) else inbox.receipts
    set_aside = [receipt for receipt in receipts if receipt.state == "set aside"]
    stood = {known["name"]: known["stood"] for known in summaries}
    questions = [(known["name"], task) for known in summaries for task in known["questions"]]
    gave_up = [(known["name"], task) for known in summaries for task in known["gave_up"]]
    parked = [(known["name"], task) for known in summaries for task in known["parked"]]
    return render(
        env,
        "overview.html",
        addresses.OVERVIEW,
        cards=[(item, _strip(addresses.OVERVIEW, item.rows), charts.stood(item.name, stood[item.name])) for item in cards],
        projects=len(every),
        counts=together(item.counts for item in every),
        rows=rows,
        more=sum(known["run_count"] for known in summaries) - len(rows),
        needed=len(questions) + len(gave_up) + len(set_aside),
        questions=questions[:NEEDS],
        gave_up=gave_up[:NEEDS],
        set_aside=set_aside[:NEEDS],
        parked=parked[:NEEDS],
        parked_more=max(0, len(parked) - NEEDS),
        waiting=[receipt for receipt in receipts if receipt.state == "waiting"],
        inbox_error=inbox if isinstance(inbox, Unreadable) else None,
        note=note,
        sources=sources,
        most=MOST,
    )


def _strip(page: str, rows: Sequence[RunRow]) -> Markup:
    latest = [row for row in rows if not row.why][:16][::-1]
    return svg.strip([(row.outcome, f"{row.id}: {row.outcome}", addresses.relative(page, row.page) if row.page else "") for row in latest])


def inbox_page(env: Environment, inbox: InboxReport | Unreadable | None, projects: Sequence[str]) -> str:
    receipts = [] if inbox is None or isinstance(inbox, Unreadable) else inbox.receipts
    first = receipts if len(receipts) <= LISTED else sorted(receipts, key=lambda receipt: not receipt.problems)[:LISTED]
    return render(
        env,
        "inbox.html",
        addresses.INBOX,
        receipts=first,
        more=len(receipts) - len(first),
        error=inbox if isinstance(inbox, Unreadable) else None,
        projects=set(projects),
    )


class Head(NamedTuple):
    """What stands at the top of a project's page."""

    name: str
    counts: Counts
    answers: list[str]


def project_page(
    env: Environment, name: str, report: ProjectReport | Unreadable, digests: Mapping[str, Mapping[str, Any]], cut: Cut = CUTS[0]
) -> str:
    page = addresses.project(name)
    rows = run_rows(name, report, digests)
    item = Head(name, counts([] if isinstance(report, Unreadable) else [report]), summary.labels(report, rows))
    if isinstance(report, Unreadable):
        return render(env, "project.html", page, item=item, report=None, error=report, rows=rows[:LISTED], left=len(rows) - LISTED)
    spots = {task.id: task_spot(task, digests) for task in report.tasks}
    nodes = [
        svg.Node(
            task.id,
            task.title,
            task.state,
            tuple(task.depends_on),
            addresses.relative(page, spots[task.id][0]) if spots[task.id][0] else "",
        )
        for task in report.tasks
    ]
    chains = _chains(report)
    repo = shlex.quote(report.repo)
    return render(
        env,
        "project.html",
        page,
        item=item,
        cut=cut,
        report=report,
        error=None,
        rows=rows[:LISTED],
        left=len(rows) - LISTED,
        spots=spots,
        tasks={task.id: task for task in report.tasks},
        graph=svg.graph(nodes, name, chains),
        chains=chains,
        found=addresses.requirements(name, (item.id for prd in report.prds for item in prd.requirements)),
        looks={prd.id: f"git --git-dir {repo} log --stat {shlex.quote(prd.branch)}" for prd in report.prds},
        show=f"git --git-dir {repo} show",
        ways_out=WAYS_OUT,
        by_prd={prd.id: counts([report.model_copy(update={"prds": [prd]})]) for prd in report.prds},
    )


def _chains(report: ProjectReport) -> list[tuple[str, ...]]:
    """Of each PRD the longest chain of what is left to do, or of all its tasks when all are done."""
    found = []
    for prd in report.prds:
        named = {task.id: task for task in report.tasks if task.prd == prd.id and task.state != "retired"}
        planned = list(named.values())
        left = [task for task in planned if task.state != "done"]
        chain = waves.of(left or planned).critical
        if len(chain) > 1:
            found.append(chain)
    return found


def run_page(
    env: Environment,
    name: str,
    run_id: str,
    report: RunReport | Unreadable,
    known: Mapping[str, Any],
    junit: bool,
    log: bool,
    shown: Callable[[Text], Shown],
    cut: Cut = CUTS[0],
) -> str:
    """`known`: the run's digest."""
    page = addresses.run(name, run_id)
    if isinstance(report, Unreadable):
        return render(env, "run.html", page, project=name, run_id=run_id, report=None, error=report, junit=junit, log=log)
    places = task_pages(name, run_id, report)
    spans = [
        lanes.Span(
            task.id,
            task.title,
            task.verdict,
            addresses.relative(page, place),
            max(0.0, start),
            task.seconds,
            task.worker,
            between(report.started_at, task.ready_at),
        )
        for task, place in zip(report.tasks, places, strict=True)
        if (start := between(report.started_at, task.started_at)) is not None
    ]
    tasks = sorted(zip(report.tasks, places, strict=True), key=lambda pair: words.word("verdict", pair[0].verdict).tone == "good")
    return render(
        env,
        "run.html",
        page,
        project=name,
        run_id=run_id,
        report=report,
        error=None,
        junit=junit,
        log=log,
        known=known,
        tasks=[(task, place, *_turns(task)) for task, place in tasks],
        shown=shown,
        cut=cut,
        timeline=lanes.timeline(spans),
    )


def _turns(task: TaskRunReport) -> tuple[int, list[str]]:
    """(how many were taken for it, labels of who took them)."""
    tried = [*task.written, *task.attempts]
    return sum(len(attempt.turns) for attempt in tried), answers(tried)


class Matrix(NamedTuple):
    """Outcomes of the same tests side by side, one column per observation."""

    columns: list[ObservationReport]
    rows: list[tuple[str, list[OutcomeReport | None]]]


def matrix(observations: Sequence[ObservationReport]) -> Matrix:
    columns = [observation for observation in observations if observation.outcomes]
    found = [{outcome.id: outcome for outcome in observation.outcomes} for observation in columns]
    names = list(dict.fromkeys(outcome.id for observation in columns for outcome in observation.outcomes))
    return Matrix(columns, [(name, [outcomes.get(name) for outcomes in found]) for name in names])


def task_page(
    env: Environment,
    name: str,
    run_id: str,
    task: TaskRunReport,
    page: str,
    others: Sequence[str],
    shown: Callable[[Text], Shown],
    cut: Cut = CUTS[0],
) -> str:
    """`others`: all pages of the task in this run, where it was judged more than once."""
    final = next((attempt for attempt in task.attempts if attempt.verdict == "passed"), task.attempts[-1] if task.attempts else None)
    observed = final.observations if final else []
    oracle = [observation for observation in observed if "oracle" in observation.what]
    return render(
        env,
        "task.html",
        page,
        project=name,
        run_id=run_id,
        task=task,
        labels=answers([*task.written, *task.attempts]),
        final=final,
        red=matrix(task.red),
        green=matrix([observation for observation in observed if observation not in oracle]),
        oracle=oracle,
        shown=shown,
        cut=cut,
        others=others,
        mutants=list(Counter(mutant.status for mutant in task.mutation.mutants).items()) if task.mutation else [],
        quoted=shlex.quote,
    )
