"""Requirements, and what the PRD says elsewhere about them: acceptance criteria that name one, phases, cycles and files. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from orchestrator.inbox import criteria, statements
from orchestrator.inbox.criteria import Body, Draft
from orchestrator.inbox.doctests import Found, Remark
from orchestrator.inbox.matching import Asked
from orchestrator.inbox.outline import ACCEPTANCE_KEY, Section
from orchestrator.inbox.statements import Statements
from orchestrator.model import InputFile
from orchestrator.structure import PlannedCycle

_NAMED = re.compile(r"[(\[](?:for |covers |requirements? )?(?P<keys>[A-Z]{1,8}-?\d+(?:\.\d+)*)(?:[^)\]]*)[)\]]\s*(?:[:–—-]\s*)?", re.IGNORECASE)


@dataclass
class Part:
    """A requirement on its way."""

    section: Section
    body: Body
    keys: list[str]
    found: list[list[Found]]
    """Per draft, without those of tables."""
    files: tuple[InputFile, ...] = ()
    own_files: list[tuple[InputFile, ...]] = field(default_factory=list)
    candidates: list[str] = field(default_factory=list)
    module: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    depends_on: tuple[str, ...] = ()
    phase: int | None = None

    @property
    def type(self) -> str:
        kind = self.attributes.get("type", self.section.type).lower().replace("_", "-").replace(" ", "-")
        return kind if kind in ("functional", "non-functional") else self.section.type

    @property
    def functional(self) -> bool:
        return self.type != "non-functional"

    @property
    def text(self) -> str:
        """All its words."""
        return "\n".join((self.body.text, *(piece for draft in self.body.drafts for piece in draft.text)))

    @property
    def gathered(self) -> bool:
        """It stands for the acceptance criteria of the whole PRD."""
        return self.section.key == ACCEPTANCE_KEY and self.section.inferred


def give(parts: list[Part]) -> None:
    """Acceptance criteria of the whole PRD that name a requirement, `AC-3 (FR-2): …` or `AC-2.1`, become its criteria."""
    by_key = {part.section.key: part for part in parts}
    by_number: dict[str, Part] = {}
    for part in parts:
        number = re.fullmatch(r"(?:R|FR|REQ|US|F)-?0*(\d+)", part.section.key)
        if number:
            by_number.setdefault(number[1], part)
    for part in [each for each in parts if each.gathered]:
        kept: list[int] = []
        for place, draft in enumerate(part.body.drafts):
            to, text = _meant(draft, by_key, by_number)
            if to is None or to is part or any(_same(draft.key, other.key) for other in to.body.drafts):
                kept.append(place)
                continue
            draft.text[0] = text
            to.body.drafts.append(draft)
            to.found.append(part.found[place])
            to.own_files.append(part.own_files[place])
            to.keys = criteria.keys(to.body.drafts)
        part.body.drafts = [part.body.drafts[place] for place in kept]
        part.found, part.own_files = [part.found[place] for place in kept], [part.own_files[place] for place in kept]
        part.keys = criteria.keys(part.body.drafts)
        if not kept:
            parts.remove(part)


def _meant(draft: Draft, by_key: dict[str, Part], by_number: dict[str, Part]) -> tuple[Part | None, str]:
    """The requirement that an acceptance criterion names, and its text without that name."""
    text = draft.text[0] if draft.text else ""
    if (match := _NAMED.match(text)) and match["keys"] in by_key:
        return by_key[match["keys"]], text[match.end() :]
    part = re.fullmatch(r"AC-?0*(\d+)\.\d+", draft.key)
    return (by_number.get(part[1]) if part else None), text


def _same(first: str, second: str) -> bool:
    return bool(first) and first.replace("-", "") == second.replace("-", "")


def take_over(parts: list[Part], stated: Statements, remarks: list[Remark]) -> tuple[PlannedCycle, ...]:
    """Gives each part the phase, the file and the dependencies that phases, cycles and module structure tell; a cycle that covers none is one."""
    if stated == Statements() and not any(part.gathered for part in parts):
        return ()
    known = [
        statements.Known(
            Asked(part.section.key, part.section.title, part.text),
            part.section.line,
            part.module or part.attributes.get("module", ""),
            part.attributes.get("module_hint", ""),
            part.depends_on,
            stated.phase(part.section.key, part.section.line),
            part.functional,
        )
        for part in parts
    ]
    told, cycles, said = statements.matched(stated, known)
    remarks += said
    _fill(parts, cycles, stated)
    for part in parts:
        one = told.get(part.section.key, statements.Told())
        part.module = part.module or one.module
        part.phase = one.phase
        part.depends_on = tuple(dict.fromkeys((*part.depends_on, *one.depends_on)))
    everything = tuple(dict.fromkeys(part.section.key for part in parts if part.functional and not part.gathered))
    for part in parts:
        if part.gathered:
            part.depends_on = everything
            part.phase = max((each.phase for each in parts if each.phase is not None), default=None)
    parts.sort(key=lambda part: part.section.line)
    return cycles


def _fill(parts: list[Part], cycles: Sequence[PlannedCycle], stated: Statements) -> None:
    """The components of a cycle are the criteria of the requirement that it becomes, or of the only one it covers, when that has none."""
    by_key = {part.section.key: part for part in parts}
    for place, cycle in enumerate(cycles):
        drafts = [Draft("", line, [text], inferred=True) for text, line in zip(cycle.components, stated.stated.places[place], strict=True)]
        key = cycle.requirements[0]
        part = by_key.get(key)
        if part is None:
            part = by_key[key] = Part(Section(key, cycle.title, cycle.line, (), inferred=True), Body(), [], [])
            parts.append(part)
        if len(cycle.requirements) == 1 and not part.body.drafts:
            part.body.drafts, part.keys = drafts, criteria.keys(drafts)
            part.found, part.own_files = [[] for _ in drafts], [() for _ in drafts]
