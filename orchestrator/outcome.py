"""What one call of `run` did, over all projects, and the exit code that says so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from orchestrator.errors import Exit
from orchestrator.model import Prd, Problem


@dataclass
class Outcome:
    """What one call of `run` did, over all projects."""

    turns: int = 0
    done: int = 0
    failed: int = 0
    needs_person: int = 0
    parked: int = 0
    newly_set_aside: int = 0
    waiting: dict[str, list[Problem]] = field(default_factory=dict)
    """PRD id → why nothing can work on it now."""
    runs: list[str] = field(default_factory=list)
    """Ids of the runs that were recorded."""
    locked: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """Projects that an error of ours stopped; the others went on."""

    @property
    def nothing_new(self) -> bool:
        return not (self.runs or self.newly_set_aside or self.waiting or self.locked or self.broken)

    @property
    def exit_code(self) -> Exit:
        """Of this run, not of the standing state; the first that applies."""
        if self.broken:
            return Exit.INTERNAL
        if self.failed:
            return Exit.TASK_FAILED
        if self.needs_person:
            return Exit.NEEDS_PERSON
        if self.newly_set_aside:
            return Exit.SET_ASIDE
        if self.locked:
            return Exit.LOCKED
        if self.parked or self.waiting:
            return Exit.PARKED
        return Exit.DONE

    def add(self, other: Outcome) -> None:
        """What one project's part came to."""
        for name in ("turns", "done", "failed", "needs_person", "parked"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.waiting |= other.waiting
        self.runs += other.runs
        self.locked += other.locked
        self.broken += other.broken

    def facts(self, seconds: float) -> dict[str, Any]:
        """As a run tells them at its end."""
        counted = {name: getattr(self, name) for name in ("turns", "done", "failed", "needs_person", "parked")}
        return {"exit_code": int(self.exit_code), **counted, "seconds": round(seconds, 3)}

    def wait(self, prd: Prd, code: str, message: str, hint: str) -> bool:
        """Note why nothing can work on a PRD now; whether that is news."""
        problem = Problem(prd.path, 0, code, message, hint, "note")
        known = self.waiting.setdefault(prd.id, [])
        if problem in known:
            return False
        known.append(problem)
        return True
