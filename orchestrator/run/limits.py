"""Limits: pure decisions over what has been spent, answered and waited for. Moments are seconds since the epoch."""

from __future__ import annotations

import ast
import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from orchestrator.config import Budgets, Ceiling, Config
from orchestrator.model import Attempt, Budget, Change, Finding

SCOPES = ("attempt", "task", "prd", "run", "day")
"""What a budget may speak of, smallest first."""


@dataclass(frozen=True)
class Spent:
    """What turns used, as it is counted: a turn that has not returned, was lost, or does not say, counts what was booked for it."""

    seconds: float = 0.0
    tokens: int = 0
    usd: float = 0.0
    turns: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.seconds + other.seconds, self.tokens + other.tokens, self.usd + other.usd, self.turns + other.turns)


@dataclass(frozen=True)
class Measure:
    """One ceiling and what stands against it, in the unit of its name."""

    name: str
    """`minutes`, `tokens`, `usd` or `turns`."""
    limit: float
    spent: float
    asked: float
    """What the next turn may use at most; 0 for minutes, for a turn is ended when they are used up."""

    @property
    def left(self) -> float:
        return max(0.0, self.limit - self.spent)

    def shown(self, value: float) -> str:
        return f"{value:.2f} USD" if self.name == "usd" else f"{value:.1f} {self.name}" if self.name == "minutes" else f"{value:,.0f} {self.name}"


def attempts(config: Config, budget: Budget) -> int:
    """Candidates per task: the PRD may only lower what is configured."""
    return min(config.limits.attempts, budget.attempts or config.limits.attempts)


def tidy_turn(number: int, attempts: Sequence[Attempt]) -> int:
    """The number of the turn that tidies, within the attempt that passed: after those that made it."""
    return 1 + max(1, *(len(attempt.turns) for attempt in attempts if attempt.number == number))


def ceilings(budgets: Budgets, budget: Budget) -> dict[str, Ceiling]:
    """Scope → ceiling. A PRD's own budget may only tighten that of the scope `prd`."""
    found: dict[str, Ceiling] = {scope: getattr(budgets, scope) for scope in SCOPES}
    own = {name: getattr(budget, name) for name in Ceiling.model_fields}
    both = {name: [value for value in (getattr(budgets.prd, name), own[name]) if value is not None] for name in own}
    found["prd"] = Ceiling(**{name: min(values, default=None) for name, values in both.items()})
    return found


def measures(ceiling: Ceiling, spent: Spent, asked: Spent = Spent()) -> tuple[Measure, ...]:
    """Every ceiling that is set, with what stands against it."""
    rows = (
        ("minutes", ceiling.minutes, spent.seconds / 60, 0.0),
        ("tokens", ceiling.tokens, spent.tokens, asked.tokens),
        ("usd", ceiling.usd, spent.usd, asked.usd),
        ("turns", ceiling.turns, spent.turns, asked.turns),
    )
    return tuple(Measure(name, limit, used, more) for name, limit, used, more in rows if limit is not None)


def exceeded(scope: str, ceiling: Ceiling, spent: Spent, asked: Spent) -> str:
    """The sentence that stops the next turn, or ''. A turn that may exceed what is left is not sent."""
    for measure in measures(ceiling, spent, asked):
        what = f"the {_scope(scope)} budget of {measure.shown(measure.limit)}"
        used = f"{measure.shown(measure.spent)} spent"
        if measure.spent >= measure.limit and not (measure.name == "usd" and not measure.limit and not measure.asked):
            return f"{what} is used up ({used})"
        if measure.spent + measure.asked > measure.limit:
            return f"{what} has {measure.shown(measure.left)} left ({used}), and the next turn may take {measure.shown(measure.asked)}"
    return ""


def warning(scope: str, ceiling: Ceiling, spent: Spent, percent: float) -> str:
    """The sentence that says that a budget comes to its end, or ''. `spent`: with the turn that was just booked."""
    for measure in measures(ceiling, spent):
        if measure.limit and measure.spent * 100 >= measure.limit * percent:
            share = measure.spent * 100 / measure.limit
            return f"{share:.0f} % of the {_scope(scope)} budget of {measure.shown(measure.limit)} is used"
    return ""


def _scope(scope: str) -> str:
    return {"prd": "PRD's", "run": "run's", "day": "day's", "task": "task's", "attempt": "attempt's"}[scope]


def seconds_left(ceilings: Mapping[str, Ceiling], spent: Mapping[str, Spent]) -> float | None:
    """How long the next turn may take before a budget of minutes is used up; None: no such budget."""
    left = [ceiling.minutes * 60 - spent[scope].seconds for scope, ceiling in ceilings.items() if ceiling.minutes is not None]
    return min(left, default=None)


def day_of(moment: float, timezone: str) -> str:
    """The date of a moment in a time zone, `2026-11-25`."""
    return datetime.fromtimestamp(moment, ZoneInfo(timezone)).date().isoformat()


def next_day(moment: float, timezone: str) -> float:
    """When the next day begins there; a day may have 23 or 25 hours."""
    zone = ZoneInfo(timezone)
    tomorrow = datetime.fromtimestamp(moment, zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), zone).timestamp()


def wait(failures: int, first: float, most: float) -> float:
    """Seconds to wait after so many failures in a row: `first`, then twice as long each time, up to `most`."""
    return min(most, first * 2.0 ** min(max(failures, 1) - 1, 30))


def answer_hash(changes: tuple[Change, ...]) -> str:
    """The same for answers that differ only in layout or comments: Python by its syntax tree, other files without trailing space."""
    parts = []
    for change in sorted(changes, key=lambda change: change.path):
        text = change.text
        if text is not None and change.path.endswith(".py"):
            try:
                text = ast.dump(ast.parse(text))
            except (SyntaxError, ValueError, RecursionError):
                text = "\n".join(line.rstrip() for line in text.splitlines())
        parts.append(f"{change.path}\0{'' if text is None else text.rstrip()}\0{text is None}")
    return hashlib.sha256("\0\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def signature(findings: tuple[Finding, ...]) -> str:
    """The same for failures that are the same but for addresses, times and places of temporary files; '' where nothing was refused."""
    errors = (finding for finding in findings if finding.severity == "error" and finding.gate != "no progress")
    parts = {f"{finding.gate}\0{finding.criterion}\0{_settled(finding.message)}" for finding in errors}
    return hashlib.sha256("\0\0".join(sorted(parts)).encode("utf-8", "surrogatepass")).hexdigest() if parts else ""


@dataclass(frozen=True)
class Approach:
    """How the next candidate is asked for."""

    rung: int = 0
    """Of the ladder of agents."""
    fresh: bool = False
    """The brief asks for another way, not for a mended answer."""
    stop: bool = False
    """Every approach met the same failure."""


def approach(signatures: Sequence[str], most: int, rungs: int, first: int = 0) -> Approach:
    """What follows from the failures so far, oldest first ('' where nothing was refused). The same failure `most` times climbs the ladder, or on its
    last rung asks for a fresh start; when a failure that was met so often comes back after that, there is no progress."""
    rung, fresh, last = first, False, False
    counts: Counter[str] = Counter()
    met: set[str] = set()
    for mark in filter(None, signatures):
        counts[mark] += 1
        if last and (mark in met or counts[mark] >= most):
            return Approach(rung, fresh, True)
        if counts[mark] >= most:
            met.add(mark)
            counts.clear()
            fresh = True
            if rung + 1 < rungs:
                rung += 1
            else:
                last = True
    return Approach(rung, fresh)


def _settled(message: str) -> str:
    message = re.sub(r"0x[0-9a-fA-F]+", "0x", message)
    message = re.sub(r"/\S*/(?=[^/\s]*)", "/", message)
    return " ".join(re.sub(r"\b\d+(\.\d+)?\s?(ms|s|seconds)\b", "… s", message).split())
