"""How ready a PRD is, before a turn is paid for: a score, what it is made of, and what would raise it. Pure; said by `orchestrator check` only.

Nothing here stops a PRD. A criterion that nothing can decide costs turns and ends with a question; this says so while it is cheap.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.model import Prd, Problem, Requirement

CRITERIA = 12
"""Of one requirement: with more it is several."""
WORDS = 300
"""In the prose of one requirement."""

WEIGHTS = {"examples": 40, "strength": 20, "interface": 15, "words": 15, "size": 10}
"""Points of each part; together 100."""

_VAGUE = re.compile(
    r"\b(?:appropriate(?:ly)?|as (?:needed|necessary|required|appropriate)|reasonabl[ey]|user[- ]friendly|intuitive(?:ly)?|eas(?:y|ily)|simple to use"
    r"|fast|quick(?:ly)?|slow(?:ly)?|performant|efficient(?:ly)?|scalable|robust(?:ly)?|flexible|seamless(?:ly)?|graceful(?:ly)?|modern|nice(?:ly)?|clean(?:ly)?"
    r"|sufficient(?:ly)?|adequate(?:ly)?|minimal|optimal(?:ly)?|state[- ]of[- ]the[- ]art|best practices?|properly|correctly|timely|near real[- ]time"
    r"|if possible|where possible|and so on|and/or|etc|tbd|tbc|to be (?:decided|determined|defined)|various|some kind of)\b\.?",
    re.IGNORECASE,
)
"""Words that promise something and leave open what."""


@dataclass(frozen=True)
class Part:
    name: str
    good: int
    of: int
    lacks: str
    """What would raise it, one sentence; '' when nothing would."""

    @property
    def points(self) -> float:
        return WEIGHTS[self.name] * (self.good / self.of if self.of else 0.0)


@dataclass(frozen=True)
class Readiness:
    prd: str
    path: str
    parts: tuple[Part, ...]
    problems: tuple[Problem, ...]
    """Notes that the score rests on and nobody else says."""

    @property
    def score(self) -> int:
        """0 to 100; 100 only when nothing is missing."""
        points = sum(part.points for part in self.parts)
        return round(points) if points >= 99.999 else min(99, int(points))


def readiness(prd: Prd, thin: Iterable[Problem]) -> Readiness:
    """`thin`: what plan/thin.py says of it."""
    criteria = [criterion for requirement in prd.requirements for criterion in requirement.criteria]
    bare = [criterion for criterion in criteria if not criterion.examples]
    vague = {criterion.id: found for criterion in bare if (found := _vague(criterion.text))}
    thin_ones = {note.message.split("`")[1] for note in thin} | {item.key for item in prd.requirements if not item.criteria}
    homeless = [item for item in prd.requirements if not item.module and item.type != "non-functional"]
    large = {item.key: why for item in prd.requirements if (why := _large(item))}
    count = len(prd.requirements)
    parts = (
        Part("examples", len(criteria) - len(bare), len(criteria), _some(bare, "criterion has", "criteria have", "no example")),
        Part(
            "strength", count - len(thin_ones), count, _some(thin_ones, "requirement could", "requirements could", "be met without knowing the rule")
        ),
        Part("interface", count - len(homeless), count, _some(homeless, "requirement does", "requirements do", "not say in which file its code is")),
        Part(
            "words", len(criteria) - len(vague), len(criteria), _some(vague, "criterion rests", "criteria rest", "on a word that nothing can measure")
        ),
        Part("size", count - len(large), count, _some(large, "requirement is", "requirements are", "large enough to be several")),
    )
    lines = {criterion.id: criterion.line for criterion in criteria} | {item.key: item.line for item in prd.requirements}
    problems = [
        Problem(prd.path, lines[identity], "vague-words", f"`{identity.partition('#')[2]}` says {_quoted(words)}: nothing can tell when that holds",
                "say how much, or add an example", "note")
        for identity, words in vague.items()
    ]  # fmt: skip
    problems += [
        Problem(prd.path, lines[key], "large-requirement", f"`{key}` {why}", "make it several requirements", "note") for key, why in large.items()
    ]
    return Readiness(prd.id, prd.path, parts, tuple(sorted(problems, key=lambda problem: problem.line)))


def _vague(text: str) -> list[str]:
    """The vague words of a text, each once; what stands in backticks or quotes is a name."""
    plain = re.sub(r"`[^`]*`|\"[^\"]*\"|“[^”]*”", " ", text)
    return list(dict.fromkeys(match[0].strip(".").lower() for match in _VAGUE.finditer(plain)))


def _large(requirement: Requirement) -> str:
    words = len(requirement.text.split())
    if len(requirement.criteria) > CRITERIA:
        return f"has {len(requirement.criteria)} criteria"
    return f"is described in {words:,} words" if words > WORDS else ""


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f"“{word}”" for word in words)


def _some(found: Iterable[object], one: str, many: str, rest: str) -> str:
    number = len(list(found))
    return f"{number} {one if number == 1 else many} {rest}" if number else ""
