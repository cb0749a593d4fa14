"""What a PRD states about structure beside its requirements, and what that means for each requirement: its phase, its file, what comes before. Pure.

Phases, TDD cycles, module structure, module API and dependencies are read from the lines, in Markdown as in plain text. Everything that is inferred
from them is said in a note.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from orchestrator.inbox import exports, headings, matching, packages, phases, tree
from orchestrator.inbox.blocks import Block
from orchestrator.inbox.doctests import Remark
from orchestrator.inbox.headings import Heading
from orchestrator.inbox.identifiers import NAMES, identifier
from orchestrator.inbox.matching import Asked
from orchestrator.inbox.modules import wrong_path
from orchestrator.inbox.outline import ACCEPTANCE_KEY
from orchestrator.inbox.phases import Stated
from orchestrator.structure import Module, PlannedCycle


@dataclass(frozen=True)
class Statements:
    stated: Stated = field(default_factory=Stated)
    modules: tuple[Module, ...] = ()
    dependencies: tuple[str, ...] = ()
    named: Mapping[str, int] = field(default_factory=dict)
    """Identifier → the phase whose lines name it first."""
    around: tuple[tuple[str, ...], ...] = ()
    """For each cycle, the requirement it stands in, when it is the only cycle there."""
    remarks: tuple[Remark, ...] = ()

    def phase(self, key: str, line: int) -> int | None:
        """The phase of a requirement: the one it stands under, else the one that names it."""
        return next((number for first, last, number in self.stated.stretches if first <= line <= last), self.named.get(key))

    def without_cycles(self, blocks: Sequence[Block]) -> tuple[Block, ...]:
        """The blocks of a requirement without the cycles that stand in it: what they plan is no criterion."""
        if not self.stated.spans:
            return tuple(blocks)
        starts = [first for first, _ in self.stated.spans]
        kept = []
        for block in blocks:
            place = bisect.bisect_right(starts, block.start) - 1
            if place < 0 or block.start > self.stated.spans[place][1]:
                kept.append(block)
        return tuple(kept)


@dataclass(frozen=True)
class Known:
    """A requirement before it takes over anything."""

    asked: Asked
    line: int
    module: str
    module_hint: str
    depends_on: tuple[str, ...]
    phase: int | None
    functional: bool


@dataclass
class Told:
    """What a requirement takes over."""

    module: str = ""
    depends_on: tuple[str, ...] = ()
    phase: int | None = None
    cycle: int | None = None
    """Place of its cycle."""


def read(lines: Sequence[str]) -> Statements:
    inside = headings.fenced(lines)
    found = headings.read(lines, inside)
    if not any(heading.kind in headings.STRUCTURE or heading.kind == "packages" for heading in found):
        return Statements()
    stated = phases.read(lines, found, inside)
    listed: list[Module] = []
    described: list[Module] = []
    wanted: list[tuple[str, int]] = []
    remarks = list(stated.remarks)
    for heading in found:
        if heading.kind == "modules":
            listed += tree.read(lines, heading.first, heading.end)
        if heading.kind in ("modules", "api"):
            paths = {module.path for module in listed}
            some_files = exports.read(lines, heading.first, heading.end)
            described += [module for module in some_files if heading.kind == "api" or (module.exports and module.path in paths)]
        if heading.kind in ("dependencies", "packages"):
            some, said = packages.read(lines, heading.first, heading.end, loose=heading.kind == "dependencies")
            remarks += said if heading.kind == "dependencies" else []
            wanted += some
            if some:
                shown = ", ".join(f"`{name}`" for name, _ in some)
                message = f"taken for dependencies of the project: {shown}"
                remarks.append(Remark(heading.line, "dependencies-taken", message, "`dependencies:` in front matter says it exactly", error=False))
    named: dict[str, int] = {}
    for first, last, number in stated.stretches:
        for line in lines[first - 1 : last]:
            for name in NAMES.findall(line):
                named.setdefault(name, number)
    for place, (_, text) in enumerate(stated.items, 1):
        for name in NAMES.findall(text):
            named.setdefault(name, place)
    return Statements(
        stated,
        matching.merged([*listed, *described]),
        tuple(dict.fromkeys(name for name, _ in wanted)),
        named,
        _around(stated, found),
        tuple(remarks),
    )


def _around(stated: Stated, found: Sequence[Heading]) -> tuple[tuple[str, ...], ...]:
    firsts = [first for first, _ in stated.spans]
    within: dict[int, str] = {}
    for heading in found if firsts else ():
        known = identifier(headings.words(heading.text)) if heading.kind == "requirement" else None
        inside = firsts[bisect.bisect_right(firsts, heading.line) : bisect.bisect_right(firsts, heading.end)] if known else []
        if known and len(inside) == 1:
            within[inside[0]] = known[0]
    return tuple((within[first],) if first in within else () for first in firsts)


def matched(statements: Statements, known: Sequence[Known]) -> tuple[dict[str, Told], tuple[PlannedCycle, ...], list[Remark]]:
    """What each requirement takes over, by key; the cycles with the requirements they were matched with; and what was inferred.

    A cycle without any becomes a requirement of its own: the caller makes it, with the key of `key_of`.
    """
    planned = statements.stated.cycles
    work = [each for each in known if each.functional and each.asked.key != ACCEPTANCE_KEY]
    names = [(*given, *inside) for given, inside in zip(statements.stated.names, statements.around, strict=True)]
    found = matching.cycles([each.asked for each in work], planned, names)
    remarks: list[Remark] = []
    covered: dict[int, list[Known]] = {}
    for each in work:
        if each.asked.key in found:
            covered.setdefault(found[each.asked.key][0], []).append(each)
    place_of = {key: place for key, (place, _) in found.items()} | {key_of(cycle): at for at, cycle in enumerate(planned) if at not in covered}
    places = {cycle.key: place for place, cycle in enumerate(planned)}
    before = [[places[name] for name in cycle.depends_on] for cycle in planned]
    depends, circles = matching.inherited(place_of, before, {each.asked.key: each.depends_on for each in work})
    told = {key: Told(depends_on=depends.get(key, ()), phase=planned[place].phase, cycle=place) for key, place in place_of.items()}
    for each in known:
        one = told.setdefault(each.asked.key, Told())
        one.phase = each.phase if each.phase is not None else one.phase
    remarks += _said(planned, covered, {key: common for key, (_, common) in found.items()}, depends)
    if circles:
        message = (
            f"{', '.join(f'`{key}`' for key in circles[:8])} would wait for what waits for them: not everything was taken over from their cycles"
        )
        remarks.append(
            Remark(_line(planned, place_of, circles), "inferred-dependency", message, "say it under the heading: `Depends on: …`", error=False)
        )
    own = [_of_cycle(planned[place], place, statements) for place in range(len(planned)) if place not in covered]
    _files(statements, [*known, *own], told, remarks)
    cycles = tuple(
        replace(cycle, requirements=tuple(each.asked.key for each in covered[place]) if place in covered else (key_of(cycle),))
        for place, cycle in enumerate(planned)
    )
    return told, cycles, remarks


def key_of(cycle: PlannedCycle) -> str:
    """The key of the requirement that a cycle becomes when none covers it."""
    return re.sub(r"[^A-Z0-9.]+", "-", cycle.key.upper()).strip("-")


def _of_cycle(cycle: PlannedCycle, place: int, statements: Statements) -> Known:
    asked = Asked(key_of(cycle), cycle.title, "\n".join(cycle.components))
    return Known(asked, cycle.line, "", cycle.module, (), cycle.phase, functional=True)


def _line(planned: Sequence[PlannedCycle], place_of: Mapping[str, int], keys: Sequence[str]) -> int:
    return planned[place_of[keys[0]]].line


def _said(
    planned: Sequence[PlannedCycle], covered: Mapping[int, Sequence[Known]], common: Mapping[str, Sequence[str]], depends: Mapping[str, Sequence[str]]
) -> list[Remark]:
    """A note for each cycle: which requirements it was matched with, and by what."""
    remarks = []
    for place, cycle in enumerate(planned):
        if place not in covered:
            key = key_of(cycle)
            message = f"`{cycle.key}` has no name in common with a requirement: it became the requirement `{key}`"
            hint = "name what it covers: a line `Requirements: R1, R2` in it"
            remarks.append(Remark(cycle.line, "inferred-requirement", message, hint, error=False))
            continue
        names = "; ".join(f"`{each.asked.key}` by {', '.join(common[each.asked.key][:3])}" for each in covered[place][:8])
        more = f" and {len(covered[place]) - 8} more" if len(covered[place]) > 8 else ""
        wait = list(dict.fromkeys(name for each in covered[place] for name in depends.get(each.asked.key, ())))
        after = f", after {', '.join(wait[:8])}{' …' if len(wait) > 8 else ''}" if wait else ""
        phase = f" in phase {cycle.phase}" if cycle.phase is not None else ""
        message = f"`{cycle.key}` was matched with {names}{more}: built{phase}{after}"
        remarks.append(Remark(cycle.line, "cycle-matched", message, "a line `Requirements: R1, R2` in the cycle says it exactly", error=False))
    return remarks


def _with(asked: Asked, cycle: PlannedCycle | None) -> Asked:
    """Together with what its cycle plans, when it says little itself."""
    return asked if cycle is None or len(asked.text) > 200 else replace(asked, text="\n".join((asked.text, *cycle.components)))


def _files(statements: Statements, known: Sequence[Known], told: dict[str, Told], remarks: list[Remark]) -> None:
    """The file of each requirement that names none, where the module structure or its cycle tells."""
    if not statements.modules and not any(cycle.module for cycle in statements.stated.cycles):
        return
    files = matching.Files(statements.modules)
    whole: tuple[int, str] = (-1, "")
    """(how many requirements come before the one that builds on most, its file)"""
    for each in sorted(known, key=lambda one: one.asked.key == ACCEPTANCE_KEY or matching.is_test(one.module_hint)):
        one = told.setdefault(each.asked.key, Told())
        cycle = statements.stated.cycles[one.cycle] if one.cycle is not None else None
        hint = each.module_hint or (cycle.module if cycle else "")
        path = each.module
        if not path and each.functional:
            overall = each.asked.key == ACCEPTANCE_KEY or matching.is_test(hint)
            path, why = (whole[1], "the file of what builds on most others") if overall else files.of(_with(each.asked, cycle), hint)
            if path and wrong_path(path) is None:
                one.module = path
                message = f"`{each.asked.key}` is taken to be about `{path}`: {why}"
                remarks.append(Remark(each.line, "inferred-module", message, f"say it under the heading: `Module: {path}`", error=False))
        count = len(each.depends_on) + len(one.depends_on)
        if path and each.functional and count > whole[0]:
            whole = count, path
