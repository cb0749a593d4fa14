"""Lines → the phases and the TDD cycles that they state. Pure.

### Phase 2: Lending
**TDD Cycle 3: The desk**
- Desk.lend(title, to) records a loan
Tests: 8-10
Module Hint: library/desk.py
Dependencies: Cycle 1, Cycle 2
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from orchestrator.inbox import headings
from orchestrator.inbox.doctests import Remark
from orchestrator.inbox.headings import Heading
from orchestrator.inbox.identifiers import LONG, NAMES
from orchestrator.structure import Phase, PlannedCycle

ROMAN = {"I": 1, "V": 5, "X": 10}

_KEY = re.compile(r"[ \t]*(?:[-*+•][ \t]+)?[*_]*(?P<name>[A-Za-z][A-Za-z /-]{2,24}?)[*_]*[ \t]*:[*_]*[ \t]*(?P<value>.*)$")
_BULLET = re.compile(r"(?P<indent>[ \t]*)(?:[-*+•]|\d{1,3}[.)])[ \t]+(?:\[[ xX]?\][ \t]+)?(?P<text>\S.*)$")
_CRITERION = re.compile(r"[ \t]*(?:(?:[-*+•]|\d{1,3}[.)])[ \t]+)?(?:\[[ xX]?\][ \t]+)?[*_`(]*AC[- ]?\d", re.IGNORECASE)
"""Ends a cycle: a criterion of what it stands in."""
_RANGE = re.compile(r"(\d+)[ \t]*(?:-|–|—|to|\.\.+)[ \t]*(\d+)", re.IGNORECASE)
_CYCLES = re.compile(r"\d+(?:\.\d+)*[a-z]?\b", re.IGNORECASE)

KEYS = {
    **dict.fromkeys(("tests", "test count", "expected tests", "estimated tests", "test estimate"), "tests"),
    **dict.fromkeys(("module hint", "module", "modules", "module hints", "file", "files", "location"), "module"),
    **dict.fromkeys(("dependencies", "depends on", "dependency", "requires", "blocked by", "prerequisites"), "depends_on"),
    **dict.fromkeys(("requirements", "covers", "implements", "satisfies", "traces to"), "requirements"),
    **dict.fromkeys(("components", "component"), "components"),
}
"""What the keys of a cycle mean, in lower case."""

RANGE = 200
"""The most cycles that one range, `Cycles 1-9`, stands for."""


@dataclass(frozen=True)
class Stated:
    phases: tuple[Phase, ...] = ()
    stretches: tuple[tuple[int, int, int], ...] = ()
    """(first line, last line, number) of each phase."""
    cycles: tuple[PlannedCycle, ...] = ()
    names: tuple[tuple[str, ...], ...] = ()
    """For each cycle, the identifiers of requirements that it names itself."""
    places: tuple[tuple[int, ...], ...] = ()
    """For each cycle, the lines of its components."""
    spans: tuple[tuple[int, int], ...] = ()
    """(first line, last line) of each cycle."""
    remarks: tuple[Remark, ...] = ()
    items: tuple[tuple[int, str], ...] = ()
    """(line, text) of the items of a plain list of phases: (number of the phase is the place + 1)."""


@dataclass
class _Cycle:
    number: str
    cycle: PlannedCycle
    names: list[str] = field(default_factory=list)
    wanted: list[str] = field(default_factory=list)
    """Numbers of the cycles it depends on."""
    line: int = 0
    """Where that is said."""
    places: list[int] = field(default_factory=list)
    end: int = 0


def read(lines: Sequence[str], found: Sequence[Heading], inside: Sequence[bool]) -> Stated:
    """`found`, `inside`: the headings and fences of the lines."""
    phases: dict[int, Phase] = {}
    stretches: list[tuple[int, int, int]] = []
    cycles: list[_Cycle] = []
    phase: tuple[int, int] | None = None
    for heading in found:
        if phase and heading.line > phase[1]:
            phase = None
        named = headings.numbered(heading.text) if heading.kind in ("phase", "cycle") else None
        if named and heading.kind == "phase":
            number = _number(named[0])
            phases.setdefault(number, Phase(number, named[1] or f"Phase {number}", heading.line))
            stretches.append((heading.line, heading.end, number))
            phase = number, heading.end
        elif named:
            cycles.append(_cycle(lines, heading, named, phase[0] if phase else None, inside))
    items = () if phases else _items(lines, found, inside)
    for place, (line, text) in enumerate(items, 1):
        phases[place] = Phase(place, text, line)
    ordered = tuple(phases[number] for number in sorted(phases))
    cycles_, remarks = _linked(cycles)
    return Stated(
        ordered,
        tuple(stretches),
        cycles_,
        tuple(tuple(each.names) for each in cycles),
        tuple(tuple(each.places) for each in cycles),
        tuple((each.cycle.line, each.end) for each in cycles),
        tuple(remarks),
        items,
    )


def _number(text: str) -> int:
    if text.isdigit():
        return int(text[:6])
    values = [ROMAN.get(letter, 0) for letter in text.upper()]
    return sum(-value if value < max(values[place:]) else value for place, value in enumerate(values))


def _items(lines: Sequence[str], found: Sequence[Heading], inside: Sequence[bool]) -> tuple[tuple[int, str], ...]:
    """A section *Phases* that is a numbered list: each item is a phase."""
    for heading in found:
        name = headings.words(heading.text).lower()
        if heading.kind != "phases" or "phases" not in name:
            continue
        items: list[tuple[int, str]] = []
        for number in range(heading.first, heading.end + 1):
            match = re.match(r" {0,3}(\d{1,3})[.)][ \t]+(\S.*)$", lines[number - 1])
            if match and not inside[number - 1] and int(match[1]) == len(items) + 1:
                items.append(
                    (number, re.sub(r"^[*_]*(?:phase[ \t]*\d+[*_]*[ \t]*[:.–—-]+)?[ \t]*|[*_]+$", "", match[2].strip(), flags=re.IGNORECASE))
                )
        if items:
            return tuple(items)
    return ()


def _cycle(lines: Sequence[str], heading: Heading, named: tuple[str, str], phase: int | None, inside: Sequence[bool]) -> _Cycle:
    number, title = named
    cycle = _Cycle(number, PlannedCycle(f"Cycle {number}", title or f"Cycle {number}", heading.line, phase))
    cycle.names += NAMES.findall(title)
    components: list[str] = []
    module, tests, indent = "", None, -1
    cycle.end = heading.end
    for place in range(heading.first, heading.end + 1):
        line = lines[place - 1][:LONG]
        if inside[place - 1] or not line.strip():
            indent = -1 if not line.strip() else indent
            continue
        key = _KEY.match(line)
        what = KEYS.get(key["name"].strip().lower(), "") if key else ""
        if key and what:
            indent = -1
            value = key["value"].strip().strip("`*_ ")
            if what == "tests":
                tests = _tests(value) or tests
            elif what == "module":
                module = module or _path(value)
            elif what == "depends_on":
                cycle.wanted += _wanted(value)
                cycle.line = place
            elif what == "requirements":
                cycle.names += NAMES.findall(value)
            elif value:
                components += [each.strip() for each in re.split(r"[,;](?![^(]*\))", value) if each.strip()]
                cycle.places += [place] * (len(components) - len(cycle.places))
        elif _CRITERION.match(line):
            cycle.end = place - 1
            break
        elif bullet := _BULLET.match(line):
            components.append(bullet["text"].strip() if len(line) < LONG else lines[place - 1].strip())
            cycle.places.append(place)
            indent = len(bullet["indent"].expandtabs(4))
        elif indent >= 0 and len(line) - len(line.lstrip()) > indent:
            components[-1] = f"{components[-1]} {line.strip()}"
        else:
            indent = -1
    cycle.cycle = replace(cycle.cycle, components=tuple(components), module=module, tests=tests)
    return cycle


def _tests(value: str) -> tuple[int, int] | None:
    """`8-10`, `~8`, `8 unit tests`, `8+`; None when there is no number."""
    if match := _RANGE.search(value):
        least, most = int(match[1][:6]), int(match[2][:6])
        return min(least, most), max(least, most)
    numbers = re.findall(r"\d+", value)
    return (int(numbers[0][:6]), int(numbers[0][:6])) if numbers else None


def _path(value: str) -> str:
    """The first path of a hint: a file, or a folder ending in `/`."""
    match = re.search(r"[\w.-]*[\w-](?:/[\w.-]+)*/?", value)
    path = match[0].removeprefix("./") if match else ""
    if not path or path.lower() in ("none", "n", "tbd", "n/a"):
        return ""
    if re.fullmatch(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+", path) and not path.endswith(".py"):
        return path.replace(".", "/") + ".py"
    return path if path.endswith(("/", ".py")) else f"{path}/" if "/" in path or re.fullmatch(r"\w+", path) else path


def _wanted(value: str) -> list[str]:
    if re.match(r"(?:none|nothing|n/?a|-|–|—)\b|^[-–—]?$", value.strip(), re.IGNORECASE):
        return []
    ranges = _RANGE.findall(value)
    numbers = [str(each) for low, high in ranges for each in range(int(low[:6]), min(int(high[:6]), int(low[:6]) + RANGE) + 1)]
    without = re.sub(r"\b(?!TDD\b|Cycle)[A-Z]{1,8}-?\d+(?:\.\d+)*|\bphase[ \t]*\d+", " ", _RANGE.sub(" ", value), flags=re.IGNORECASE)
    return numbers + _CYCLES.findall(without)


def _linked(cycles: Sequence[_Cycle]) -> tuple[tuple[PlannedCycle, ...], list[Remark]]:
    """Dependencies as keys; a number that comes again, because each phase counts anew, gets its phase into its key."""
    remarks: list[Remark] = []
    by_number: dict[str, list[int]] = {}
    for place, each in enumerate(cycles):
        by_number.setdefault(each.number, []).append(place)
    keys: list[str] = []
    taken: set[str] = set()
    for place, each in enumerate(cycles):
        key = each.cycle.key
        if len(by_number[each.number]) > 1 and by_number[each.number][0] != place:
            key = f"{key} of phase {each.cycle.phase}" if each.cycle.phase is not None else key
        again = 2
        while key in taken:
            key, again = f"{each.cycle.key} ({again})", again + 1
        taken.add(key)
        keys.append(key)
    linked = []
    for place, each in enumerate(cycles):
        depends: dict[str, None] = {}
        for number in each.wanted:
            places = by_number.get(number, [])
            same = [other for other in places if cycles[other].cycle.phase == each.cycle.phase and other != place]
            before = [other for other in places if other < place]
            target = (same or before[-1:] or [other for other in places if other != place] or [-1])[-1 if not same else 0]
            if target < 0:
                message = f"`{each.cycle.key}` depends on `Cycle {number}`, which is not here"
                remarks.append(Remark(each.line, "unknown-cycle", message, "name a cycle of this file, or take it out", error=False))
            else:
                depends[keys[target]] = None
        linked.append(replace(each.cycle, key=keys[place], depends_on=tuple(depends)))
    return tuple(linked), remarks
