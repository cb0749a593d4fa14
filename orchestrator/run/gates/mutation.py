"""Mutation: what the tests did not notice. Survivors are notices; only a threshold that is set refuses."""

from __future__ import annotations

from collections import Counter

from orchestrator.model import Finding, Mutant, Mutation
from orchestrator.run.mutants import score

GATE = "mutation"
SHOWN = 10


def survivors(mutation: Mutation, threshold: int | None) -> tuple[Finding, ...]:
    """A notice for each survivor and each function that no test reaches, at most ten, and an error when `threshold` (percent) is missed."""
    alive = [mutant for mutant in mutation.mutants if mutant.status == "survived"]
    unreached = Counter((mutant.path, mutant.function) for mutant in mutation.mutants if mutant.status == "no coverage")
    lines = {(mutant.path, mutant.function): mutant.line for mutant in reversed(mutation.mutants) if mutant.status == "no coverage"}
    notices = [Finding(GATE, sentence(mutant), "notice", where=f"{mutant.path}:{mutant.line}") for mutant in alive]
    for (path, function), count in unreached.items():
        where = f"{path}:{lines[path, function]}"
        changes = "1 change" if count == 1 else f"{count} changes"
        notices.append(Finding(GATE, f"{where}: no test reaches {changes} in `{function}`", "notice", where=where))
    found = _missed(mutation, threshold) + notices[:SHOWN]
    if len(notices) > SHOWN:
        found.append(Finding(GATE, f"… and {len(notices) - SHOWN} more that no test noticed", "notice"))
    return tuple(found)


def sentence(mutant: Mutant) -> str:
    """The change in words, for a person or an agent that is to write the missing test."""
    original, replacement = _short(mutant.original), _short(mutant.replacement)
    change = f"`{original}` was removed" if replacement == "pass" else f"`{original}` became `{replacement}`"
    return f"{mutant.path}:{mutant.line}: {change} in `{mutant.function}` and no test noticed"


def _missed(mutation: Mutation, threshold: int | None) -> list[Finding]:
    found = score(mutation)
    if threshold is None or (found is None and not mutation.left_out):
        return []
    if found is None:
        return [Finding(GATE, f"none of {mutation.left_out} mutants could be tested, and {threshold} % must be noticed")]
    if 100 * found >= threshold:
        return []
    counted = [mutant.status for mutant in mutation.mutants if mutant.status != "error"]
    noticed = counted.count("killed") + counted.count("timeout")
    return [Finding(GATE, f"the tests noticed {noticed} of {len(counted)} mutants, {int(100 * found)} %, and {threshold} % must be noticed")]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 120 else f"{line[:117]}…"
