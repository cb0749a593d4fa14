"""Lines → the headings among them, however they are written, and the stretches that follow them. Pure; for Markdown and for plain text alike.

## Module structure          a number of `#`
MODULE STRUCTURE             underlined by one of = - ~ ^ * _ +
----------------
MODULE STRUCTURE:            alone between empty lines, when its words name a section that is known here
**Phase 1: The shelf**       in bold, or bare, when it begins with `Phase 1` or `TDD Cycle 1`
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from orchestrator.inbox.identifiers import identifier

Kind = Literal["", "phase", "cycle", "phases", "modules", "api", "dependencies", "packages", "constraints", "known", "requirement"]
"""`packages`: a section whose items may be packages or anything else. `known`: another section that people's specifications have."""

STRUCTURE: tuple[Kind, ...] = ("phase", "cycle", "phases", "modules", "api", "dependencies", "constraints")

BARE = 6
"""The level of a heading that is neither underlined nor marked with `#`."""

_ATX = re.compile(r" {0,3}(?P<marks>#{1,6})(?:[ \t]+(?P<text>.*?))?(?:[ \t]+#+)?[ \t]*$")
_RULE = re.compile(r"[ \t]*(?P<mark>[=~^*_+-])(?P=mark){2,}[ \t]*$")
_FENCE = re.compile(r"[ \t]*(?:[-*+][ \t]+)?(?P<marks>`{3,}|~{3,})(?P<info>[^`]*)$")
_BULLET = re.compile(r"[ \t]*(?:[-*+•][ \t]|\d+[.)][ \t])")
_ITEM = re.compile(r"[ \t]*(?:[-*+•]|\d+[.)])[ \t]+(?:\[[ xX]?\][ \t]+)?(?P<text>[*_]{2}\S.*)$")
"""A list item in bold: a cycle may be one."""
_NUMBERING = re.compile(r"^(?:(?:section[ \t]+)?\d+(?:\.\d+)*[.):]?|[IVX]+[.)]|[A-Z][.)])[ \t]+", re.IGNORECASE)

_PHASE = re.compile(
    r"[*_]*(?:(?:implementation|development|delivery|project|build)[ \t]+)?phase[ \t]*#?[ \t]*(?P<number>\d+|[IVX]{1,5})\b(?![.]\d)(?P<rest>.*)",
    re.IGNORECASE,
)
_CYCLE = re.compile(r"[*_]*(?:tdd[ \t-]*)?cycle[ \t]*#?[ \t]*(?P<number>\d+(?:\.\d+)*[a-z]?)\b(?P<rest>.*)", re.IGNORECASE)
_SEPARATED = re.compile(r"[*_\])]*[ \t]*(?:[:.–—)]|--?(?=[ \t])|$|\()")

_SECTIONS: dict[Kind, str] = {
    "phases": r"(?:implementation |development |delivery |project |build )?(?:phases|plan|roadmap|phases and cycles)|tdd (?:cycles|plan)",
    "modules": r"(?:(?:proposed|target|planned|expected|python) )?(?:module|file|project|directory|folder|package|code|source)s? "
    r"(?:structure|layout|organi[sz]ation|tree)",
    "api": r"modules? (?:public )?(?:apis?|interfaces?|exports)(?: specifications?)?|api specifications?|public api",
    "dependencies": r"(?:package |python )?dependency (?:changes|updates|additions)|(?:new|added|package|python|pip) dependencies",
    "packages": r"(?:third[- ]party |external |project )?dependencies|(?:python )?(?:packages|libraries)",
    "constraints": r"(?:design |technical )?constraints",
    "known": r"(?:(?:basic|core|non-?|system|product|functional|technical) ?)*requirements(?: document)?|overview|background|introduction"
    r"|acceptance (?:criteria|tests?)|user stories|(?:key |core )?features|(?:non-?)?goals|scope|out of scope|assumptions|risks"
    r"|glossary|architecture|testing(?: strategy)?|open questions|success (?:criteria|metrics)|notes|references|appendix",
}
_NAMES = tuple((kind, re.compile(words, re.IGNORECASE)) for kind, words in _SECTIONS.items())


@dataclass(frozen=True)
class Heading:
    line: int
    """1-based."""
    level: int
    """1 to 6: of `#`; 1 underlined by `=`, 2 otherwise; BARE."""
    text: str
    """Without marks and emphasis, numbering included."""
    first: int
    """The first line after it."""
    kind: Kind
    mark: str = ""
    """What it is marked or underlined by."""
    end: int = 0
    """The last line before what ends its stretch."""


def fenced(lines: Sequence[str]) -> list[bool]:
    """For each line whether it is part of a fence, its marks included. A fence that never ends goes on to the end."""
    found = [False] * len(lines)
    marks = ""
    for number, line in enumerate(lines):
        match = _FENCE.match(line) if "```" in line or "~~~" in line else None
        if marks:
            found[number] = True
            if match and match["marks"].startswith(marks) and not match["info"].strip():
                marks = ""
        elif match and not (match["marks"][0] == "~" and underlines(lines, number - 1)):
            marks, found[number] = match["marks"], True
    return found


def underlines(lines: Sequence[str], number: int) -> str:
    """The mark that the line of this index (from 0) is underlined by; '' when the next line is no underline of it."""
    if not 0 <= number < len(lines) - 1:
        return ""
    match = _RULE.match(lines[number + 1])
    text = lines[number]
    if not match or not text.strip() or text[:4].strip() == "" or len(text) > 120 or _RULE.match(text) or _BULLET.match(text):
        return ""
    before = lines[number - 1] if number else ""
    starts = not before.strip() or _RULE.match(before) is not None
    return match["mark"] if starts and re.search(r"\w", text) and not text.lstrip().startswith(("|", ">", "#", "```")) else ""


def kind_of(text: str) -> Kind:
    """What a heading announces."""
    if len(text) > 400:
        return ""
    plain = words(text)
    if identifier(plain):
        return "requirement"
    if (phase := _PHASE.match(plain)) and _SEPARATED.match(phase["rest"]):
        return "phase"
    if (cycle := _CYCLE.match(plain)) and _SEPARATED.match(cycle["rest"]):
        return "cycle"
    name = re.sub(r"[ \t]*[(\[*].*$|[:*_.]+$", "", plain).strip()
    return next((kind for kind, pattern in _NAMES if pattern.fullmatch(name)), "")


def words(text: str) -> str:
    """The heading without its numbering and emphasis, nor what makes it a list item."""
    item = _ITEM.match(text)
    text = item["text"] if item else text
    return _NUMBERING.sub("", re.sub(r"^[*_`]+|[*_`]+$", "", text.strip()), count=1).strip()


def numbered(text: str) -> tuple[str, str] | None:
    """(number, title) of a heading `Phase 2 - X` or `TDD Cycle 3: X`."""
    plain = words(text)
    match = _PHASE.match(plain) or _CYCLE.match(plain)
    if not match:
        return None
    rest = re.sub(r"^[*_\])]*[ \t]*(?:[:.–—)]|--?(?=[ \t]))*[ \t]*", "", match["rest"][:400])
    return match["number"], re.sub(r"^[*_]+|[*_]+[^\w*)]*$", "", rest).strip()


def read(lines: Sequence[str], inside: Sequence[bool] | None = None) -> list[Heading]:
    """Every heading with its stretch, in order. `inside`: what `fenced` says."""
    inside = fenced(lines) if inside is None else inside
    found: list[Heading] = []
    for number, line in enumerate(lines):
        if inside[number] or not line.strip() or len(line) > 400:
            continue
        if (match := _ATX.match(line)) and match["text"]:
            found.append(Heading(number + 1, len(match["marks"]), match["text"].strip(), number + 2, kind_of(match["text"]), "#"))
        elif mark := underlines(lines, number):
            found.append(Heading(number + 1, 1 if mark == "=" else 2, line.strip(), number + 3, kind_of(line), mark))
        elif _may_begin(lines, number) and (kind := _bare(line, lines[number + 1] if number + 1 < len(lines) else "")):
            found.append(Heading(number + 1, BARE, line.strip(), number + 2, kind))
    return _ended(found, len(lines))


def _may_begin(lines: Sequence[str], number: int) -> bool:
    """Whether an unmarked heading may stand here: after an empty line; that of a cycle anywhere."""
    before = lines[number - 1] if number else ""
    item = _ITEM.match(lines[number])
    return not before.strip() or _RULE.match(before) is not None or _CYCLE.match(item["text"] if item else lines[number]) is not None


def _bare(line: str, following: str) -> Kind:
    """What a line announces that is marked by nothing."""
    if (item := _ITEM.match(line)) and _CYCLE.match(item["text"]):
        return kind_of(item["text"])
    if line[:4].strip() == "" or _BULLET.match(line):
        return ""
    text = line.strip()
    kind = kind_of(text)
    bold = text.startswith(("**", "__"))
    if kind in ("phase", "cycle"):
        short = len(text) <= 120 and not (text.endswith((".", ",", ";")) and not bold)
        return kind if short and (bold or re.match(r"[^:–—-]{1,40}[:–—-]", words(text))) else ""
    if kind in ("", "requirement") or line[:1] in (" ", "\t"):
        return ""
    alone = not following.strip() and (text.endswith(":") or bold or len(text.split()) > 1)
    return kind if text.upper() == text or alone else ""


def _ended(found: list[Heading], count: int) -> list[Heading]:
    """Each with the end of its stretch: the next heading as high, or that begins a section of another kind. A phase goes on over its cycles."""
    open_: list[Heading] = []
    ends: dict[int, int] = {}
    for heading in found:
        while open_ and _closes(heading, open_[-1]):
            ends[open_.pop().line] = heading.line - 1
        open_.append(heading)
    return [replace(heading, end=max(ends.get(heading.line, count), heading.line)) for heading in found]


def _closes(heading: Heading, other: Heading) -> bool:
    if other.kind == "phase" and heading.kind in ("cycle", "requirement"):
        return heading.kind == "requirement" and heading.level < other.level
    if other.kind == "requirement" and heading.kind == "cycle":
        return heading.level <= other.level
    if other.kind == "phases" and heading.kind in ("phase", "cycle"):
        return False
    return heading.level <= other.level or heading.kind in STRUCTURE
