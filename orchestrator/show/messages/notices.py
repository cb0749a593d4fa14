"""What a run tells → messages for people who are elsewhere: which event it is, its title and its text. Pure.

What PRDs, tests and agents say pings nobody where it is read (`run/mentions.py`), and is in a few lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from orchestrator.errors import Exit
from orchestrator.run import mentions
from orchestrator.settings.notify import Event, Notify
from orchestrator.telling import Told

LINES = 20
"""Of a message."""
LENGTH = 300
"""Characters of a line."""
TITLES: dict[Event, str] = {
    "finished": "run finished",
    "failed": "a task failed",
    "person": "a person is needed",
    "breaker": "a breaker holds back turns",
    "budget": "a budget comes to its end",
    "conflict": "a conflict",
    "parked": "a task waits",
    "delivered": "delivery",
}
TYPES: dict[Event, str] = {"failed": "failure", "delivered": "info", "parked": "info"}
"""Event → Apprise's kind of message; a warning where it is not listed."""
_KINDS: dict[str, Event] = {"needs a person": "person", "budget": "budget", "breaker": "breaker", "conflict": "conflict", "delivered": "delivered"}


@dataclass(frozen=True)
class Notice:
    """One message, before it is known whether it is sent."""

    event: Event
    text: str
    type: str
    """`info`, `success`, `warning`, `failure`."""
    project: str = ""
    prd: str = ""
    task: str = ""
    at: float = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict)


def event_of(told: Told) -> Event | None:
    """Which event it is; None for what is none. The end of a run is for `Digest`."""
    if told.kind == "task ended":
        return "failed" if told.facts.get("state") == "failed" else None
    if told.kind == "parked":
        cause = told.facts.get("cause")
        return "breaker" if cause == "breaker" else "budget" if cause == "budget" else "parked"
    return _KINDS.get(told.kind)


def notice(told: Told) -> Notice | None:
    event = event_of(told)
    if event is None:
        return None
    text = told.text or str(told.facts.get("why", "")) or TITLES[event]
    kind = "warning" if event == "delivered" and not told.facts.get("ok") else TYPES.get(event, "warning")
    return Notice(event, _lines(text), kind, told.project, told.prd, told.task, told.at, dict(told.facts))


def stopped(why: str, at: float) -> Notice:
    """The message about a run that an error has ended."""
    return Notice("finished", _lines(f"the run was stopped by an error: {why}"), "failure", at=at)


def _lines(text: str) -> str:
    found = [mentions.cut(mentions.harmless(line), LENGTH) for line in text.splitlines() if line.strip()]
    return "\n".join([*found[:LINES], *([f"… and {len(found) - LINES} more lines"] if len(found) > LINES else [])])


class Digest:
    """All of a run that is worth telling at its end."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.projects: dict[str, str] = {}

    def add(self, told: Told) -> None:
        if told.kind == "project ended" and told.facts.get("run"):
            self.projects[told.project] = str(told.facts.get("outcome", ""))
        if (found := notice(told)) is not None:
            self.notices.append(found)

    def notice(self, ended: Told) -> Notice | None:
        """The message at the end of a run; None when it did nothing. `ended`: what was told at its end."""
        facts, code = ended.facts, Exit(int(ended.facts.get("exit_code", 0)))
        counts = {name: int(facts.get(name, 0)) for name in ("done", "failed", "needs_person", "parked")}
        if not (any(counts.values()) or facts.get("turns") or self.projects or self.notices or code in (Exit.SET_ASIDE, Exit.INTERNAL)):
            return None
        shown = ("done", "failed", "need a person", "parked")
        tasks = ", ".join(f"{number} {word}" for number, word in zip(counts.values(), shown, strict=True) if number) or "no task"
        turns = int(facts.get("turns", 0))
        head = f"{tasks}; {turns} turn{'s' * (turns != 1)} in {float(facts.get('seconds', 0)):.0f} s; exit code {code} ({_MEANING[code]})"
        lines = [f"{project}: {outcome}" for project, outcome in sorted(self.projects.items())]
        counted = Counter(each.event for each in self.notices)
        lines += [
            f"{TITLES[event]}{f' ({number} times)' if number > 1 else ''}" for event, number in counted.items() if event in ("breaker", "budget")
        ]
        lines += [each.text.splitlines()[0] for each in self.notices if each.event in ("failed", "person", "conflict", "delivered")]
        kind = "success" if code == Exit.DONE else "failure" if code in (Exit.TASK_FAILED, Exit.INTERNAL) else "warning"
        return Notice("finished", _lines("\n".join([head, *dict.fromkeys(lines)])), kind, at=ended.at, facts=dict(facts))


_MEANING = {
    Exit.DONE: "done",
    Exit.TASK_FAILED: "a task failed",
    Exit.USAGE: "configuration",
    Exit.NEEDS_PERSON: "needs a person",
    Exit.SET_ASIDE: "a PRD was set aside",
    Exit.PARKED: "parked or waiting",
    Exit.LOCKED: "locked",
    Exit.INTERNAL: "an error",
}


def message(found: Notice, settings: Notify, held: int, since: float, clean: Callable[[str], str]) -> tuple[str, str]:
    """(title, text). `held`: messages of this kind that were held back before, since the last one was sent; `clean` takes out secrets.
    Raises jinja2.TemplateError for a template that cannot be filled."""
    about_it = {"event": found.event, "project": found.project, "prd": found.prd, "task": found.task, "at": _moment(found.at), "facts": found.facts}
    values = {**about_it, "text": found.text, "held": held, "since": _moment(since) if held else ""}
    about = f" ({found.project})" if found.project else ""
    title = _render(settings.title, values) if settings.title else f"TDD orchestrator: {TITLES[found.event]}{about}"
    if own := settings.templates.get(found.event):
        text = _render(own, values)
    else:
        text = found.text + (f"\n{held} more of this kind since {values['since']} were held back" if held else "")
    return clean(mentions.line(title))[:LENGTH], clean(text)


def _render(template: str, values: Mapping[str, Any]) -> str:
    from jinja2 import Environment, StrictUndefined

    return Environment(undefined=StrictUndefined).from_string(template).render(**values)


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M UTC}"
