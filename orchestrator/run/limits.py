"""Limits: pure decisions over what has been spent and answered."""

from __future__ import annotations

import ast
import hashlib
from dataclasses import dataclass

from orchestrator.config import Config
from orchestrator.model import Budget, Change

TIDY_TURN = 2
"""The number of the turn that tidies, within the attempt that passed."""


@dataclass(frozen=True)
class Spent:
    """What a PRD has spent so far. A turn with unknown usage counts its minutes and no tokens; it is shown as unknown."""

    seconds: float = 0.0
    tokens: int = 0
    usd: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.seconds + other.seconds, self.tokens + other.tokens, self.usd + other.usd)


def attempts(config: Config, budget: Budget) -> int:
    """Candidates per task: the PRD may only lower what is configured."""
    return min(config.limits.attempts, budget.attempts or config.limits.attempts)


def exceeded(budget: Budget, spent: Spent) -> str:
    """The sentence that stops the next turn, or ''."""
    if budget.minutes is not None and spent.seconds >= budget.minutes * 60:
        return f"the PRD's budget of {budget.minutes:g} minutes is used up ({spent.seconds / 60:.1f} spent)"
    if budget.tokens is not None and spent.tokens >= budget.tokens:
        return f"the PRD's budget of {budget.tokens} tokens is used up ({spent.tokens} spent)"
    if budget.usd is not None and spent.usd >= budget.usd:
        return f"the PRD's budget of {budget.usd:g} USD is used up ({spent.usd:.2f} spent)"
    return ""


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
