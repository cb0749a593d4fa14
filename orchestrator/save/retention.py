"""What may go, and why: decided over what there is. Pure; prune.py gathers it and removes what is decided here.

What is needed stays, whatever its age and size: runs that hold a result of a task as it is worded now, that evidence or the project's report
names, or that have not ended; and every text that a run which stays, or evidence, refers to. Of the rest, the newest runs of each project stay, and
what is young.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from orchestrator.config import Retention

KINDS: dict[str, str] = {
    "results": "results of tasks as they are no longer worded, with the transcripts of their turns: rows of the database",
    "run": "rows of a run",
    "report": "reports of a run, JSON and XML",
    "artifact": "texts and mutation reports that nothing refers to",
    "journal": "journals of cycles whose result is saved",
    "damaged": "what was set aside as damaged",
    "half-written": "files that a killed process had not finished",
    "environment": "environments that nothing uses",
    "scratch": "throw-away folders of killed processes",
}
"""What may go, in the order in which it goes."""
DAY = 86_400.0
GB = 1_000_000_000


@dataclass(frozen=True)
class File:
    """A file, or a folder with all that is in it."""

    path: str
    """Relative to the folder of runs; absolute where it lies elsewhere."""
    bytes: int
    used: float
    """Seconds since the epoch."""


@dataclass(frozen=True)
class Run:
    """A run of one project: its rows, its reports, or what is left of them."""

    id: str
    began: float
    needed: bool
    """It stays, whatever its age."""
    rows: int | None = None
    """Bytes of its row; None when the database does not know it."""
    results: int = 0
    """Bytes of the results it holds."""
    files: tuple[File, ...] = ()
    """Its reports: JSON first, then XML."""
    refers: frozenset[str] = frozenset()
    """Names of the artifacts that its report refers to."""


@dataclass(frozen=True)
class Holding:
    """All that a project has of what may go."""

    project: str
    runs: tuple[Run, ...] = ()
    artifacts: tuple[tuple[str, File], ...] = ()
    """(name as it is referred to, file)."""
    referred: frozenset[str] = frozenset()
    """Names of artifacts that anything else than a run's report refers to."""
    journals: tuple[File, ...] = ()
    """Of cycles whose result is saved."""
    damaged: tuple[File, ...] = ()
    halves: tuple[File, ...] = ()


@dataclass(frozen=True)
class Item:
    """Something that may go."""

    kind: str
    """A key of KINDS."""
    project: str
    """'' for what belongs to none."""
    place: str
    """A path as in `File`; for rows the run's id."""
    bytes: int
    days: float
    """How old, or how long not used."""
    why: str


@dataclass(frozen=True)
class Plan:
    items: tuple[Item, ...]
    total: int
    """Bytes of all that `runs` holds before."""
    over: int
    """Bytes that stay above the ceiling although all went that may."""


@dataclass(frozen=True)
class Pruned:
    """What was removed, or would be."""

    items: tuple[Item, ...]
    total: int
    """Bytes of all that `runs` held before."""
    over: int
    """Bytes above the ceiling that had to stay."""
    passed_over: dict[str, str]
    """Project → why nothing of it was touched."""
    locked: frozenset[str]
    """Those of them that are being worked on."""
    failed: dict[str, str]
    """Place → why it could not be removed."""

    @property
    def freed(self) -> int:
        return sum(item.bytes for item in self.items)


def plan(
    holdings: Sequence[Holding],
    rules: Retention,
    now: float,
    *,
    total: int = 0,
    environments: Sequence[File] = (),
    idle: bool = True,
    loose: Sequence[tuple[str, File]] = (),
) -> Plan:
    """Everything that may go. `total`: bytes below `runs`; `environments`: those there are, of which one that was used within a day always stays,
    since it may be in use; `idle`: no project is being worked on; `loose`: (kind, file) of what may go at once and belongs to no project."""
    state = _State(now)
    for kind, file in loose:
        state.take(Item(kind, "", file.path, file.bytes, state.age(file.used), "its process is gone"))
    ledgers = [_Texts(holding) for holding in holdings]
    for texts in ledgers:
        _by_age(texts, rules, state)
    idle_for_a_day = [file for file in environments if now - file.used > DAY]
    unused = [file for file in idle_for_a_day if _older(file.used, rules.days, now)]
    for file in unused:
        state.take(Item("environment", "", file.path, file.bytes, state.age(file.used), f"not used for {_days(rules.days)}"))
    over = 0
    if rules.gb is not None:
        ceiling = int(rules.gb * GB)
        left = [file for file in idle_for_a_day if file not in unused and idle]
        _by_size(ledgers, left, rules, state, total, ceiling)
        over = max(0, total - state.freed - ceiling)
    order = list(KINDS)
    items = sorted(state.items, key=lambda item: (item.project, order.index(item.kind), item.place))
    return Plan(tuple(items), total, over)


@dataclass
class _State:
    """What has been decided so far."""

    now: float
    items: list[Item] = field(default_factory=list)
    freed: int = 0
    """Of that, bytes below `runs`."""

    def age(self, moment: float) -> float:
        return max(0.0, (self.now - moment) / DAY)

    def take(self, item: Item) -> None:
        self.items.append(item)
        self.freed += 0 if item.place.startswith("/") else item.bytes


class _Texts:
    """The runs of a project that are left, and how many of them refer to each of its artifacts."""

    def __init__(self, holding: Holding) -> None:
        self.holding = holding
        self.runs = {run.id: run for run in holding.runs}
        self.files = dict(holding.artifacts)
        self.referring = Counter(name for run in holding.runs for name in run.refers)

    def drop(self, run: Run) -> tuple[str, ...]:
        """A run goes: names of artifacts that nothing refers to any more."""
        del self.runs[run.id]
        self.referring.subtract(run.refers)
        return tuple(name for name in sorted(run.refers) if name in self.files and not self.referring[name] and name not in self.holding.referred)

    def loose(self) -> tuple[str, ...]:
        return tuple(name for name in self.files if not self.referring[name] and name not in self.holding.referred)


def removable(runs: Iterable[Run], keep: int | None) -> tuple[Run, ...]:
    """Runs that nothing needs and that are not among the newest, oldest first. The newest of all always stays."""
    ordered = sorted(runs, key=lambda run: run.id)
    return tuple(run for run in ordered[: -(keep or 1)] if not run.needed)


def _by_age(texts: _Texts, rules: Retention, state: _State) -> None:
    name, old = texts.holding.project, f"older than {_days(rules.days)}"
    for file in texts.holding.halves:
        state.take(Item("half-written", name, file.path, file.bytes, state.age(file.used), "its process is gone"))
    for artifact in texts.loose():
        _artifact(texts, artifact, "nothing refers to it", state)
    for run in removable(texts.runs.values(), rules.runs):
        if _older(run.began, rules.days, state.now):
            _run(texts, run, old, state)
    for kind, files in (("journal", texts.holding.journals), ("damaged", texts.holding.damaged)):
        for file in files:
            if _older(file.used, rules.days, state.now):
                state.take(Item(kind, name, file.path, file.bytes, state.age(file.used), old))


def _by_size(texts: Sequence[_Texts], environments: Sequence[File], rules: Retention, state: _State, total: int, ceiling: int) -> None:
    """What is left and may go, oldest first, until all of `runs` is below the ceiling."""
    why = f"`runs` is over its {rules.gb:g} GB"
    taken = {item.place for item in state.items}
    candidates: list[tuple[float, str, _Texts | None, Run | File]] = [(file.used, "environment", None, file) for file in environments]
    for each in texts:
        candidates += [(run.began, "run", each, run) for run in removable(each.runs.values(), rules.runs)]
        for kind, files in (("journal", each.holding.journals), ("damaged", each.holding.damaged)):
            candidates += [(file.used, kind, each, file) for file in files if file.path not in taken]
    for used, kind, of, what in sorted(candidates, key=lambda candidate: candidate[:2]):
        if total - state.freed <= ceiling:
            return
        if isinstance(what, Run):
            assert of is not None
            _run(of, what, why, state)
        elif not what.path.startswith("/"):
            state.take(Item(kind, of.holding.project if of else "", what.path, what.bytes, state.age(used), why))


def _run(texts: _Texts, run: Run, why: str, state: _State) -> None:
    """All of a run: its rows, its reports, and the texts that only they referred to."""
    name, age = texts.holding.project, state.age(run.began)
    if run.results:
        state.take(Item("results", name, run.id, run.results, age, why))
    if run.rows is not None:
        state.take(Item("run", name, run.id, run.rows, age, why))
    for file in run.files:
        state.take(Item("report", name, file.path, file.bytes, age, why))
    for artifact in texts.drop(run):
        _artifact(texts, artifact, f"only the run {run.id} referred to it", state)


def _artifact(texts: _Texts, name: str, why: str, state: _State) -> None:
    file = texts.files.pop(name)
    state.take(Item("artifact", texts.holding.project, file.path, file.bytes, state.age(file.used), why))


def _older(moment: float, days: float | None, now: float) -> bool:
    return days is not None and now - moment > days * DAY


def _days(days: float | None) -> str:
    return "" if days is None else f"{days:g} day{'s' * (days != 1)}"
