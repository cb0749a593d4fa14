"""How hard a requirement seems: low, medium or high, from what stands in it. Pure. What the PRD states is kept.

It chooses the first rung of a ladder of agents, and who gets hints. It is a guess, and nothing that is proved depends on it.
"""

from __future__ import annotations

import re

from orchestrator.model import Requirement

HARD = re.compile(
    r"\b(?:concurren\w*|parallel\w*|thread\w*|async\w*|lock\w*|race|transaction\w*|atomic\w*|protocol\w*|stream\w*|encrypt\w*|decrypt\w*|cryptograph\w*"
    r"|pars(?:e|er|es|ing)|grammar\w*|schedul\w*|recurs\w*|dynamic programming|shortest path|graph\w*|backtrack\w*|optimi[sz]\w*|heuristic\w*"
    r"|distributed|consensus|cache\w*|invalidat\w*|migrat\w*|retr(?:y|ies)|rate limit\w*|time ?zone\w*|daylight|unicode|locale\w*"
    r"|regular expression\w*)\b",
    re.IGNORECASE,
)
"""Words of work that is seldom right the first time."""

LEVELS = ("low", "medium", "high")


def of(requirements: tuple[Requirement, ...], components: int) -> str:
    """`components`: names that the task is to provide, 0 where nobody knows."""
    stated = [requirement.complexity.lower() for requirement in requirements if requirement.complexity]
    if stated:
        return max(stated, key=lambda word: LEVELS.index(word) if word in LEVELS else 1)
    return LEVELS[min(score(requirements, components) // 3, 2)]


def score(requirements: tuple[Requirement, ...], components: int) -> int:
    """A point for every second criterion above two, for each component above the first, for each kind of hard work, for each dependency above one."""
    criteria = sum(len(requirement.criteria) for requirement in requirements)
    texts = [requirement.text for requirement in requirements] + [c.text for requirement in requirements for c in requirement.criteria]
    hard = {match.lower()[:6] for text in texts for match in HARD.findall(text)}
    dependencies = sum(len(requirement.depends_on) for requirement in requirements)
    return max(0, criteria - 2) // 2 + max(0, components - 1) + 2 * len(hard) + max(0, dependencies - 1)
