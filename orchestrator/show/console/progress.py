"""How far a run is, from what it tells. Pure: what was told and a moment in, rows of words out; live.py draws them."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.telling import Told

STEPS = {
    "write_tests": "writing tests",
    "check_red": "checking RED",
    "queue": "waiting for a worker",
    "write_code": "writing code",
    "check_green": "checking GREEN",
    "tidy": "tidying",
    "check_still_green": "checking still GREEN",
    "mutants": "trying mutants",
    "cover": "looking at coverage",
}
"""Steps in words; others are shown by their names."""
COUNTED = ("write_tests", "check_red", "write_code", "check_green")
"""Steps that belong to one attempt."""
ALARMING = {"failed": "failed", "unclear": "needs a person", "skipped": "skipped", "parked": "parked"}
"""States of tasks that are counted beside the bar → in words."""


@dataclass
class Running:
    task: str
    since: float
    step: str = ""
    attempt: int = 0
    agent: str = ""
    """Of the turn that is under way."""


@dataclass
class Part:
    """A project while it is worked on."""

    name: str
    since: float
    tasks: dict[str, int] = field(default_factory=dict)
    """State → how many."""
    running: dict[str, Running] = field(default_factory=dict)
    looking: dict[str, str] = field(default_factory=dict)
    """PRD → at what of its branch is looked."""
    waits: str = ""
    ended: bool = False

    @property
    def total(self) -> int:
        return sum(self.tasks.values())

    @property
    def done(self) -> int:
        return self.tasks.get("done", 0)


@dataclass(frozen=True)
class Row:
    """One line: a project when `total` is there, else something that goes on in it."""

    name: str
    words: str
    seconds: float
    done: int = 0
    total: int | None = None


class Progress:
    def __init__(self, now: float) -> None:
        self.began = now
        self.parts: dict[str, Part] = {}
        self.turns = 0
        self.under_way = 0
        self.tokens = 0
        self.usd = 0.0
        self.unknown = False
        """A turn did not say what it used."""
        self.notice = ""
        """What a signal made of the run."""

    def take(self, told: Told) -> None:
        """What is told changes how far the run is."""
        if told.kind == "turn began":
            self.under_way += 1
        elif told.kind == "turn ended":
            self._turn(told)
        if not told.project:
            return
        part = self.parts.setdefault(told.project, Part(told.project, told.at))
        if isinstance(counts := told.facts.get("tasks"), dict):
            part.tasks = dict(counts)
        part.waits = ""
        match told.kind:
            case "project began":
                part.ended, part.since = False, told.at
            case "task began":
                part.running[told.task] = Running(told.task, told.at)
            case "step" | "turn began" | "turn ended" if told.task:
                self._step(part.running.setdefault(told.task, Running(told.task, told.at)), told)
            case "task ended" | "parked" | "needs a person" | "conflict":
                part.running.pop(told.task, None)
            case "gate" | "validated" if "passed" not in told.facts:
                part.looking[told.prd] = f"gate of phase {told.facts['phase']}" if "phase" in told.facts else "the branch as a whole"
            case "gate" | "validated":
                part.looking.pop(told.prd, None)
            case "waiting":
                part.looking.pop(told.prd, None)
                part.waits = "waits" if told.facts.get("until") else ""
            case "project ended":
                part.ended, part.running, part.looking = True, {}, {}

    def _turn(self, told: Told) -> None:
        self.under_way = max(0, self.under_way - 1)
        self.turns += 1
        if told.facts.get("kind") == "recorded":  # answers that were paid when they were recorded
            return
        spent = [told.facts.get(name) for name in ("input_tokens", "output_tokens")]
        self.tokens += sum(each for each in spent if isinstance(each, int))
        usd = told.facts.get("usd")
        self.usd += usd if isinstance(usd, (int, float)) else 0.0
        self.unknown = self.unknown or (not told.facts.get("error") and spent == [None, None])

    def _step(self, running: Running, told: Told) -> None:
        if isinstance(step := told.facts.get("step"), str):
            running.step = step
        if isinstance(attempt := told.facts.get("attempt"), int):
            running.attempt = attempt
        running.agent = str(told.facts.get("agent", "")) if told.kind == "turn began" else ""

    # --- what is shown -------------------------------------------------------------------------------------------------

    def rows(self, now: float, most: int) -> list[Row]:
        """At most so many lines: each project that is worked on, and what goes on in it; what has no room is counted on the last one."""
        found: list[Row] = []
        for part in self.parts.values():
            if part.ended or not (part.running or part.looking or part.waits):
                continue
            found.append(Row(part.name, _states(part), now - part.since, part.done, part.total))
            found += [Row(f"  {each.task}", _doing(each), now - each.since) for each in part.running.values()]
            found += [Row(f"  {prd}", f"looking at {what}", now - part.since) for prd, what in part.looking.items()]
        if len(found) > most:
            left = len(found) - most + 1
            found = [*found[: max(0, most - 1)], Row(f"… and {left} more", "", 0.0)]
        return found

    def summary(self, now: float) -> str:
        """The last line: how far all of it is, what was spent, how long it takes."""
        done, total = sum(part.done for part in self.parts.values()), sum(part.total for part in self.parts.values())
        ended = sum(part.ended for part in self.parts.values())
        told = [f"{done}/{total} tasks"]
        if len(self.parts) > 1:
            told.insert(0, f"{ended}/{len(self.parts)} projects")
        told.append(f"{self.turns} turn{'' if self.turns == 1 else 's'}" + (f" + {self.under_way}" if self.under_way else ""))
        if self.tokens or self.unknown:
            told.append(f"{'≥ ' if self.unknown else ''}{short(self.tokens)} tokens")
        if self.usd:
            told.append(f"{self.usd:.2f} USD")
        told.append(clock(now - self.began))
        return " · ".join(told)


def _states(part: Part) -> str:
    return part.waits or ", ".join(f"{part.tasks[state]} {word}" for state, word in ALARMING.items() if part.tasks.get(state))


def _doing(running: Running) -> str:
    step = STEPS.get(running.step, running.step.replace("_", " ")) or "begins"
    attempt = f", attempt {running.attempt}" if running.attempt and running.step in COUNTED else ""
    return step + attempt + (f" ({running.agent})" if running.agent else "")


def clock(seconds: float) -> str:
    """`0:07`, `12:40`, `1:02:03`."""
    whole = max(0, int(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def short(number: int) -> str:
    """`950`, `12.3k`, `4.5M`."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number / size:.1f}{letter}"
    return str(number)
