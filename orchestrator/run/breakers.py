"""Circuit breakers of a step, an agent and the whole system: pure decisions over recorded events. docs/breakers.md draws them.

No breaker is stored. The events are, in the order in which they were recorded, and every breaker is folded from them, once through. Times are seconds
since the epoch, and `now` is an argument.

What counts as a failure:

- for a step breaker every `failed` of its task and step: the step could not be carried out (the agent gave no answer, the sandbox broke, tests could
  not be started). A candidate that was refused is an answer: `ok`. Attempts bound those.
- for the agent and system breakers only `failed` with `infrastructure`. Another failure neither counts nor closes.

An open breaker lets nothing through until its pause is over; then it is half-open, and the next `started` is its one probe. A turn is known by its
agent, task and step, so the next end of the same three is the probe's end. It alone closes or reopens: what else ends meanwhile changes nothing. A
probe without an end is given up as failed after `probe_seconds`, so that a killed process never blocks for good.

The clock may go back. Times are compared with the opening and with the probe's begin, never with each other: a time more than CLOCK_BACK before the
opening ends the pause, one more than CLOCK_BACK before the probe's begin forgets the probe. So a breaker waits at most CLOCK_BACK longer than its
pause, whatever the clock does.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from orchestrator.config import BreakerRules

Scope = Literal["step", "agent", "system"]
State = Literal["closed", "open", "half-open"]
Health = Literal["healthy", "degraded", "unhealthy"]

CLOCK_BACK = 60.0
"""Seconds. Two processes may read the clock in another order than their events are recorded, and clocks are trimmed. A larger step back is a clock
that was set, and then nobody knows how much of a pause is over."""
SNAPSHOT_EVENTS = 20
"""So many events stand in a snapshot."""
_LONGEST_ERROR = 200
_DOUBLINGS = 16


@dataclass(frozen=True)
class Event:
    """A turn that began or ended, or a manual reset."""

    at: float
    """Seconds since the epoch."""
    kind: Literal["started", "ok", "failed", "reset"]
    agent: str
    """'' when no agent took part. Of a reset: the agent whose breaker is reset."""
    task: str
    """Its name among all that is recorded together. Of a reset: whose step breakers are reset, '' for those of every task when a step is named."""
    step: str
    """Of a reset: the step, '' for every step of the task. All three '': everything, the system too."""
    error: str = ""
    infrastructure: bool = False
    """The failure was one of the world around (an agent out of reach, a full disk), not of what was asked."""


@dataclass(frozen=True)
class Breaker:
    scope: Scope
    name: str
    """The agent; task and step with a space between; or `system`."""
    state: State = "closed"
    failures: int = 0
    """Failures in a row, probes that failed too; of the system: agents that are failing, or were when it opened."""
    opened_at: float | None = None
    """When it opened last, a probe that failed counted too; None when it is closed."""
    until: float | None = None
    """Open: when the pause ends, None when only a reset ends it. Half-open: when the probe under way is given up, None when none is under way."""
    extensions: int = 0
    """Pauses since it opened that followed on a probe that failed."""
    reason: str = ""
    """One sentence; '' when it is closed and nothing is to be said."""
    flapping: bool = False
    """It opened so often of late that its pause was made longer."""

    @property
    def stops(self) -> bool:
        """The next turn has to wait: it is open, or its one probe is under way."""
        return self.state == "open" or (self.state == "half-open" and self.until is not None)


# --- the decisions -------------------------------------------------------------------------------------------------------


def step(events: Iterable[Event], task: str, step: str, now: float, rules: BreakerRules) -> Breaker:
    """The breaker of one step of one task."""
    return _folded(_Step(task, step, rules), events, now)


def agent(events: Iterable[Event], name: str, now: float, rules: BreakerRules) -> Breaker:
    """The breaker of one agent."""
    return _folded(_Agent(name, rules), events, now)


def system(events: Iterable[Event], agents: Iterable[str], now: float, rules: BreakerRules) -> Breaker:
    """The breaker of everything. `agents`: all that may be asked now; events of others do not count."""
    return _folded(_System(agents, rules), events, now)


def all_of(events: Iterable[Event], agents: Iterable[str], now: float, rules: BreakerRules) -> tuple[Breaker, ...]:
    """The system's, then one for each of `agents`, then one for each step that a turn was for, in the order of first appearance."""
    whole = _System(agents, rules)
    named = {name: _Agent(name, rules) for name in whole.agents}
    steps: dict[tuple[str, str], _Step] = {}
    for event in events:
        if event.kind == "reset":
            for course in (whole, *named.values(), *steps.values()):
                if course.concerns(event):
                    course.take(event)
            continue
        if event.agent in named:
            whole.take(event)
            named[event.agent].take(event)
        if event.task or event.step:
            place = (event.task, event.step)
            if place not in steps:
                steps[place] = _Step(*place, rules)
            steps[place].take(event)
    return tuple(course.breaker(now) for course in (whole, *named.values(), *steps.values()))


def refuses(events: Sequence[Event], agent: str, task: str, step: str, agents: Iterable[str], now: float, rules: BreakerRules) -> Breaker | None:
    """The breaker that stops the next turn: the system's before the agent's before the step's. None: record `started` at `now`, and take it.

    Of several who ask while a breaker is half-open, the first to record `started` has the probe: asking and recording belong in one transaction.
    `agents` holds `agent`; without an agent ('') only the system's open breaker and the step's stop it.
    """
    courses = (_System(agents, rules), *([_Agent(agent, rules)] if agent else []), _Step(task, step, rules))
    return next((found for course in courses if (found := _folded(course, events, now)).stops), None)


def work_until(breaker: Breaker, rules: BreakerRules) -> float | None:
    """When turns that are under way are ended because the system's breaker is open; None: they may go on."""
    if breaker.scope != "system" or breaker.state != "open" or breaker.opened_at is None:
        return None
    return breaker.opened_at + rules.system.drain_seconds


def health(breakers: Iterable[Breaker]) -> Health:
    """unhealthy: no turn can be taken, since the system's breaker is open or every agent's is. degraded: any other that is not closed, or flaps."""
    breakers = tuple(breakers)
    agents = [breaker for breaker in breakers if breaker.scope == "agent"]
    if any(breaker.scope == "system" and breaker.state == "open" for breaker in breakers) or (
        agents and all(breaker.state == "open" for breaker in agents)
    ):
        return "unhealthy"
    return "degraded" if any(breaker.state != "closed" or breaker.flapping for breaker in breakers) else "healthy"


def reset(breaker: Breaker, at: float) -> Event:
    """The event that resets it. The system's is reset with everything."""
    if breaker.scope == "system":
        return Event(at, "reset", "", "", "")
    if breaker.scope == "agent":
        return Event(at, "reset", breaker.name, "", "")
    return Event(at, "reset", "", *_task_and_step(breaker))


def snapshot(events: Iterable[Event], breaker: Breaker, now: float) -> dict[str, Any]:
    """Why it tripped, as plain data: the breaker's own fields, `at` (now), and of what was recorded last about it

    - `events`: the last SNAPSHOT_EVENTS, oldest first: ends and resets; for the system's the infrastructure failures and resets of everything,
    - `agents`, `errors`: how many of those are failures that count, by agent and by the first line of the error.

    Ask when it has just opened: later events push the earlier ones out.
    """
    last = deque((event for event in events if event.kind != "started" and _about(event, breaker)), SNAPSHOT_EVENTS)
    counted = [event for event in last if event.kind == "failed" and (event.infrastructure or breaker.scope == "step")]
    return {
        **asdict(breaker),
        "at": now,
        "events": [asdict(event) | {"error": _first_line(event.error)} for event in last],
        "agents": dict(Counter(event.agent for event in counted)),
        "errors": dict(Counter(_first_line(event.error) for event in counted)),
    }


# --- what concerns which breaker -----------------------------------------------------------------------------------------


def _resets_all(event: Event) -> bool:
    return event.kind == "reset" and not (event.agent or event.task or event.step)


def _concerns_agent(event: Event, name: str) -> bool:
    return event.agent == name or _resets_all(event)


def _concerns_step(event: Event, task: str, step: str) -> bool:
    if event.kind != "reset":
        return event.task == task and event.step == step
    named = bool(event.task or event.step) and event.task in ("", task) and event.step in ("", step)
    return named or _resets_all(event)


def _about(event: Event, breaker: Breaker) -> bool:
    """Whether it is of interest to somebody who asks why that breaker tripped."""
    match breaker.scope:
        case "system":
            return _resets_all(event) or (event.kind == "failed" and event.infrastructure)
        case "agent":
            return _concerns_agent(event, breaker.name)
        case "step":
            return _concerns_step(event, *_task_and_step(breaker))


def _task_and_step(breaker: Breaker) -> tuple[str, str]:
    task, _, step = breaker.name.rpartition(" ")
    return task, step


def _first_line(error: str) -> str:
    line = next(iter(error.strip().splitlines()), "") or "no error was given"
    return line if len(line) <= _LONGEST_ERROR else line[: _LONGEST_ERROR - 1] + "…"


# --- the course of one breaker -------------------------------------------------------------------------------------------


class _Course:
    """Where one breaker stands after the events so far. What opens it from closed is each kind's own; the rest is here, once."""

    def __init__(self, scope: Scope, name: str, limit: int, pause: float, extensions: int | None, rules: BreakerRules) -> None:
        self.scope = scope
        self.name = name
        self.limit = limit
        """What opens it; 0: nothing does."""
        self.usual_pause = pause
        self.most = extensions
        """After so many it stays open until it is reset; None: never."""
        self.rules = rules
        self.forget()

    def forget(self) -> None:
        """As if nothing had ever been recorded."""
        self.openings: deque[float] = deque(maxlen=self.rules.flapping.opens + _DOUBLINGS)
        """When it opened from closed, the last ones."""
        self.flapped = False
        self.close()

    def close(self) -> None:
        self.state: State = "closed"
        self.failures = 0
        self.reason = ""
        self.opened_at = 0.0
        self.until: float | None = None
        self.pause = self.usual_pause
        self.extensions = 0
        self.probe: tuple[str, str, str] | None = None
        self.probe_at = 0.0

    def concerns(self, event: Event) -> bool:
        raise NotImplementedError

    def opens(self, event: Event) -> bool:
        """Whether an end opens it although it was closed. Keeps count of failures, and their reason."""
        raise NotImplementedError

    def counts(self, event: Event) -> bool:
        return event.kind == "failed" and event.infrastructure

    def take(self, event: Event) -> None:
        """The next event, in recorded order; it must concern this breaker."""
        if event.kind == "reset":
            self.forget()
            return
        self.look(event.at)
        turn = (event.agent, event.task, event.step)
        if event.kind == "started":
            if self.state == "half-open" and self.probe is None:
                self.probe, self.probe_at = turn, event.at
        elif self.state == "closed":
            if self.opens(event):
                self.trip(event.at)
        elif self.probe == turn:
            self.probe = None
            if event.kind == "ok":
                self.close()
            elif self.counts(event):
                self.extend(event.at, _first_line(event.error))

    def look(self, at: float) -> None:
        """What time alone changes."""
        if self.probe is not None:
            given_up = self.probe_at + self.rules.probe_seconds
            if at >= given_up:
                self.probe = None
                self.extend(given_up, f"it had no end within {self.rules.probe_seconds:g} s")
            elif at < self.probe_at - CLOCK_BACK:
                self.probe = None
        if self.state == "open" and self.until is not None and not self.opened_at - CLOCK_BACK <= at < self.until:
            self.state = "half-open"

    def trip(self, at: float) -> None:
        """From closed. Each opening beyond those that are allowed within the time doubles the pause once more."""
        flapping = self.rules.flapping
        self.openings.append(at)
        lately = sum(abs(at - opening) <= flapping.seconds for opening in self.openings)
        doublings = max(lately - flapping.opens, 0) if flapping.opens else 0
        self.pause = max(self.usual_pause, min(self.usual_pause * 2**doublings, flapping.longest_pause_seconds))
        self.flapped = doublings > 0
        if self.flapped:
            self.reason += f"; flapping: opened {lately} times within {flapping.seconds:g} s, so the pause is {self.pause:g} s"
        self.state, self.opened_at, self.until = "open", at, at + self.pause

    def extend(self, at: float, why: str) -> None:
        """Its probe failed."""
        self.state, self.opened_at = "open", at
        if self.most is not None and self.extensions >= self.most:
            self.until = None
            self.reason = f"the probe after {self.most} extensions failed too, so only a reset closes it: {why}"
        else:
            self.extensions += 1
            self.until = at + self.pause
            self.reason = f"the probe failed (extension {self.extensions}{'' if self.most is None else f' of {self.most}'}): {why}"

    def breaker(self, now: float) -> Breaker:
        """What it is at that time, after everything it took."""
        self.look(now)
        closed = self.state == "closed"
        until = self.until if self.state == "open" else None
        if self.probe is not None:
            until = self.probe_at + self.rules.probe_seconds
        return Breaker(
            self.scope,
            self.name,
            self.state,
            self.failures,
            opened_at=None if closed else self.opened_at,
            until=until,
            extensions=self.extensions,
            reason=self.reason if self.limit else "it is switched off",
            flapping=self.flapped and (not closed or abs(now - self.openings[-1]) <= self.rules.flapping.seconds),
        )


class _Row(_Course):
    """Opened by so many failures in a row."""

    def opens(self, event: Event) -> bool:
        if event.kind == "ok":
            self.failures, self.reason = 0, ""
        elif self.counts(event):
            self.failures += 1
            self.reason = f"{self.failures} failure{'s' * (self.failures > 1)} in a row, the last: {_first_line(event.error)}"
            return 0 < self.limit <= self.failures
        return False


class _Step(_Row):
    def __init__(self, task: str, step: str, rules: BreakerRules) -> None:
        mine = rules.step
        super().__init__("step", f"{task} {step}", mine.failures if mine.enabled else 0, mine.pause_seconds, None, rules)
        self.task, self.step = task, step

    def concerns(self, event: Event) -> bool:
        return _concerns_step(event, self.task, self.step)

    def counts(self, event: Event) -> bool:
        return event.kind == "failed"


class _Agent(_Row):
    def __init__(self, name: str, rules: BreakerRules) -> None:
        mine = rules.agent
        super().__init__("agent", name, mine.failures if mine.enabled else 0, mine.pause_seconds, mine.extensions, rules)

    def concerns(self, event: Event) -> bool:
        return _concerns_agent(event, self.name)


class _System(_Course):
    """Opened by so many agents failing at once. An agent is failing from an infrastructure failure on, until it answers or the failure is old."""

    def __init__(self, agents: Iterable[str], rules: BreakerRules) -> None:
        mine = rules.system
        self.agents = tuple(dict.fromkeys(name for name in agents if name))
        self.members = frozenset(self.agents)
        super().__init__("system", "system", mine.least if mine.enabled else 0, mine.pause_seconds, None, rules)

    def concerns(self, event: Event) -> bool:
        return event.agent in self.members or _resets_all(event)

    def close(self) -> None:
        super().close()
        self.last_failure: dict[str, float] = {}

    def take(self, event: Event) -> None:
        if event.kind == "reset" and event.agent:
            self.last_failure.pop(event.agent, None)
        else:
            super().take(event)

    def opens(self, event: Event) -> bool:
        if event.kind == "ok":
            self.last_failure.pop(event.agent, None)
        elif self.counts(event):
            self.last_failure[event.agent] = event.at
            failing = self.count(event.at)
            return 0 < self.limit <= failing and failing / len(self.agents) >= self.rules.system.share
        return False

    def count(self, at: float) -> int:
        """How many agents are failing at that time; says who."""
        window = self.rules.system.window_seconds
        names = sorted(name for name, failed in self.last_failure.items() if abs(at - failed) <= window)
        self.failures = len(names)
        self.reason = f"{len(names)} of {len(self.agents)} agents failed within {window:g} s: {', '.join(names)}" if names else ""
        return self.failures

    def breaker(self, now: float) -> Breaker:
        if self.state == "closed":
            self.count(now)
        return super().breaker(now)


def _folded(course: _Course, events: Iterable[Event], now: float) -> Breaker:
    for event in events:
        if course.concerns(event):
            course.take(event)
    return course.breaker(now)
