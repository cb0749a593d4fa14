"""A specification in plain text → blocks, as `blocks.read` makes them of Markdown, so that everything after it is the same. Pure.

FUNCTIONAL REQUIREMENTS
=======================

FR-1: Lend a book
  Prose, lists, fences, attribute lines.

  FR-1.1: At the desk              a criterion of FR-1
    lend(title, to) records a loan.

AC-1: A book is lent               a criterion too
  GIVEN a book on the shelf
  WHEN a member borrows it
  THEN it is on loan
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from orchestrator.inbox import headings
from orchestrator.inbox.blocks import Block
from orchestrator.inbox.headings import Heading
from orchestrator.inbox.identifiers import ATTRIBUTE, identifier

_KEY = r"(?P<key>[A-Z]{1,8}(?:-[A-Z]{1,8}(?=-?\d))?[- ]?\d+(?:\.\d+)*[a-z]?)(?![\w-])"
_NAMED = re.compile(
    rf"(?P<indent>[ \t]*)(?P<mark>(?:[-*+•]|#{{1,6}})[ \t]+)?(?P<bold>[*_]{{0,3}}){_KEY}(?P<about>[ \t]*\([^)\n]{{1,40}}\))?[*_]*[ \t]*"
    r"(?P<separator>[:)]|\.(?=[ \t]|$)|[-–—](?=[ \t])|$)[*_]*[ \t]*(?P<rest>.*)$"
)
_UNPARTED = re.compile(rf"(?P<indent>[ \t]*)(?P<mark>)(?P<bold>){_KEY}(?P<about>)[ \t]+(?P<separator>)(?P<rest>[A-Z`\"][^.;]{{0,80}})$")
"""An identifier and a title with nothing between them: only after an empty line, and not when it goes on as a sentence."""

_MARKDOWN = re.compile(r" {0,3}#{1,6}[ \t]+\S")
_BULLET = re.compile(r"(?P<indent>[ \t]*)(?:[-*+•]|\d{1,4}[.)]|\([a-z0-9]\))[ \t]+(?P<text>\S.*)$")
_TITLE, _SECTION, _SUBSECTION, _REQUIREMENT, _CYCLE, _INSIDE = range(1, 7)

DEPTH = 30
"""Lists within lists; deeper ones are read as if they stood there."""


def is_plain(lines: Sequence[str]) -> bool:
    """Whether this is such a specification and no Markdown: a requirement begins a line of its own, and no heading with `#` begins with one."""
    inside = headings.fenced(lines)
    found = False
    for number, line in enumerate(lines):
        if inside[number] or len(line) > 2000:
            continue
        if _MARKDOWN.match(line):
            if identifier(line.strip().lstrip("# ")):
                return False
        elif (match := _named(line)) and not match["mark"] and len(match["indent"].expandtabs(4)) < 4:
            found = found or identifier(match["key"]) is not None
    return found


def has_marked_requirements(lines: Sequence[str]) -> bool:
    """Whether it is Markdown after all: a heading with `#` begins with an identifier, or names a section of requirements."""
    inside = headings.fenced(lines)
    marked = [line.strip().lstrip("# ") for number, line in enumerate(lines) if not inside[number] and len(line) <= 400 and _MARKDOWN.match(line)]
    named = any(identifier(text) for text in marked)
    return named or (not is_plain(lines) and any(headings.kind_of(text) == "known" for text in marked))


def is_specification(lines: Sequence[str]) -> bool:
    """Whether a text says what is to be built: a requirement, a section of requirements or acceptance criteria, a phase or a cycle."""
    if is_plain(lines) or (lines and lines[0].rstrip() == "---"):
        return True
    if any((match := _named(line)) and identifier(match["key"]) and match["rest"] for line in lines):
        return True
    for heading in headings.read(lines):
        name = headings.words(heading.text).lower()
        if heading.kind in ("requirement", "cycle") or (heading.kind == "known" and re.search(r"requirement|acceptance|stories|features", name)):
            return True
    return False


def read(lines: Sequence[str]) -> tuple[tuple[Block, ...], list[str]]:
    """The blocks, and the lines as they are to be shown: without the indentation of the block they stand in."""
    reader = _Reader(lines)
    reader.walk()
    return tuple(reader.blocks), reader.shown


def _named(line: str) -> re.Match[str] | None:
    """A line that begins with an identifier of any kind, alone or parted from what follows."""
    match = _NAMED.match(line) if len(line) <= 2000 else None
    return None if match and match["separator"] == "" and (match["about"] or match["mark"]) else match


_Begin = Callable[[int, int], None]
"""Takes what begins on a line: its index, and that of the first line after it."""


class _Reader:
    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = [line.expandtabs(4) if "\t" in line else line for line in lines]
        self.shown = [line.rstrip() for line in self.lines]
        self.inside = headings.fenced(self.lines)
        self.headings = {heading.line - 1: heading for heading in headings.read(self.lines, self.inside)}
        self.blocks: list[Block] = []
        self.keys: set[str] = set()
        self.sub = False
        self.first_mark = ""

    def walk(self) -> None:
        marks = self._marks()
        places = sorted(marks)
        self._content(0, places[0] if places else len(self.lines), self.blocks)
        for place, number in enumerate(places):
            end = places[place + 1] if place + 1 < len(places) else len(self.lines)
            marks[number](number, end)

    def _marks(self) -> dict[int, _Begin]:
        """The lines that begin a heading, a requirement, a part of one, or an acceptance criterion."""
        found: dict[int, _Begin] = {}
        for number, line in enumerate(self.lines):
            if self.inside[number] or not line.strip():
                continue
            heading = self.headings.get(number)
            if heading and (heading.kind != "requirement" or not _named(line)):
                found[number] = self._heading
            elif match := _named(line) or self._unparted(number):
                key = match["key"].replace(" ", "-")
                if key.upper().startswith("AC"):
                    found[number] = self._criterion
                elif identifier(key) or (heading and identifier(line.strip(" #"), in_section=True)):
                    part = self._parent(key) in self.keys
                    if not part and (match["mark"] or "").strip(" #"):
                        continue
                    if not part and len(match["indent"]) > 8:
                        continue
                    if not part:
                        self.keys.add(key)
                    found[number] = self._criterion if part else self._requirement
        return found

    def _unparted(self, number: int) -> re.Match[str] | None:
        before = self.lines[number - 1].strip() if number else ""
        return _UNPARTED.match(self.lines[number]) if not before or re.fullmatch(r"[=~-]+", before) else None

    def _parent(self, key: str) -> str:
        """The requirement that a key is a part of: `FR-1.2.3` of `FR-1.2` or of `FR-1`, whichever is there."""
        parts = key.split(".")
        wider = [".".join(parts[:size]) for size in range(1, len(parts))]
        return next((each for each in wider if each in self.keys), "")

    # --- what begins ----------------------------------------------------------------------------------------------------

    def _heading(self, number: int, end: int) -> None:
        heading = self.headings[number]
        self._add("heading", number, number + 1, headings.words(heading.text) if heading.kind else heading.text, self._level(heading, number))
        self._content(heading.first - 1, end, self.blocks)

    def _level(self, heading: Heading, number: int) -> int:
        if heading.kind == "cycle":
            return _CYCLE
        if heading.kind == "requirement":
            return _REQUIREMENT
        if heading.kind not in ("", "known"):
            return _SECTION
        if not any(block.kind == "heading" for block in self.blocks) and heading.kind == "":
            return _TITLE
        if heading.kind == "known":
            return _INSIDE if heading.mark == "#" and heading.level > 3 else _SECTION
        self.first_mark = self.first_mark or heading.mark
        if heading.mark == "#":
            return _SECTION if heading.level <= 2 else _SUBSECTION if heading.level == 3 else _INSIDE
        return _SECTION if heading.mark == self.first_mark else _SUBSECTION

    def _requirement(self, number: int, end: int) -> None:
        match = _named(self.lines[number]) or self._unparted(number)
        assert match
        first = self.headings[number].first - 1 if number in self.headings else number + 1
        self._add("heading", number, number + 1, f"{match['key'].replace(' ', '-')}: {_clean(match)}", _REQUIREMENT)
        stated = [place for place in range(first, end) if ATTRIBUTE.fullmatch(self.lines[place].strip()) and not self.inside[place]]
        for place in stated:
            self._add("paragraph", place, place + 1, self.lines[place].strip())
        self._content(first, end, self.blocks, frozenset(stated))

    def _criterion(self, number: int, end: int) -> None:
        """A part of a requirement, or an acceptance criterion: an item of a list, down to where its indentation ends."""
        match = _named(self.lines[number]) or self._unparted(number)
        assert match
        indent = len(match["indent"])
        stop, blank = number + 1, False
        while stop < end:
            line = self.lines[stop]
            if line.strip() and blank and len(line) - len(line.lstrip()) <= indent:
                break
            blank = blank or not line.strip()
            stop += 1
        children: list[Block] = []
        self._content(number + 1, stop, children)
        title, about = _clean(match), (match["about"] or "").strip()
        key = match["key"].replace(" ", "-") if match["key"].startswith("AC ") else match["key"]
        text = f"{key}: {f'{about} ' if about else ''}{title}"
        colon = ":" if title and children and title[-1] not in ".:;!?," else ""
        first = children[0] if children and children[0].kind == "paragraph" and children[0].start == number + 2 else None
        joined = f"{text}{colon}\n{first.text}" if first else f"{text}{colon}"
        head = Block("paragraph", number + 1, first.end if first else number + 1, joined)
        last = self._last(number, stop)
        item = Block("item", number + 1, last, children=(head, *(children[1:] if first else children)))
        before = self.blocks[-1] if self.blocks else None
        if before and before.kind == "list" and before.children and _is_key(before.children[-1]):
            self.blocks[-1] = Block("list", before.start, last, children=(*before.children, item))
        else:
            self.blocks.append(Block("list", number + 1, last, children=(item,)))
        if stop < end:
            self._content(stop, end, self.blocks)

    # --- what they hold -------------------------------------------------------------------------------------------------

    def _content(self, start: int, end: int, into: list[Block], skip: frozenset[int] = frozenset(), depth: int = 0) -> None:
        number = start
        while number < end:
            line = self.lines[number]
            if number in skip or not line.strip():
                number += 1
            elif self.inside[number]:
                number = self._fence(number, end, into)
            elif line.lstrip().startswith(">>>"):
                number = self._run(number, end, skip, into, "code")
            elif line.lstrip().startswith("|"):
                number = self._run(number, end, skip, into, "table")
            elif re.fullmatch(r"[=~^*_+#-]{3,}", line.strip()):
                number += 1
            elif _BULLET.match(line):
                number = self._list(number, end, skip, into, depth)
            else:
                stop = number + 1
                while stop < end and stop not in skip and not self._begins(stop):
                    stop += 1
                self._dedent(number, stop)
                text = "\n".join(each.strip() for each in self.lines[number:stop])
                into.append(Block("paragraph", number + 1, stop, text))
                number = stop

    def _begins(self, number: int) -> bool:
        """Whether a line ends the paragraph before it."""
        line = self.lines[number]
        return not line.strip() or self.inside[number] or _BULLET.match(line) is not None or line.lstrip().startswith((">>>", "|"))

    def _fence(self, number: int, end: int, into: list[Block]) -> int:
        stop = number + 1
        opening = self.lines[number].lstrip()
        marks = re.match(r"(?:[-*+] +)?(`{3,}|~{3,})", opening)
        width = len(self.lines[number]) - len(opening)
        closing = marks[1] if marks else "```"
        closed = False
        while stop < end and self.inside[stop]:
            stop += 1
            if self.lines[stop - 1].strip().startswith(closing) and not self.lines[stop - 1].strip().strip(closing[0]):
                closed = True
                break
        body = [_without(line, width) for line in self.lines[number + 1 : stop - 1 if closed else stop]]
        self._dedent(number, stop)
        info = opening[marks.end() :].strip() if marks else ""
        into.append(Block("fence", number + 1, stop, "".join(f"{line}\n" for line in body), info, closed=closed))
        return stop

    def _run(self, number: int, end: int, skip: frozenset[int], into: list[Block], kind: str) -> int:
        """Lines up to the next empty one: a session, or a table."""
        stop = number + 1
        while (
            stop < end and stop not in skip and self.lines[stop].strip() and not (kind == "table" and not self.lines[stop].lstrip().startswith("|"))
        ):
            stop += 1
        width = len(self.lines[number]) - len(self.lines[number].lstrip())
        self._dedent(number, stop)
        text = "".join(f"{_without(line, width)}\n" for line in self.lines[number:stop])
        into.append(Block("code", number + 1, stop, text) if kind == "code" else Block("table", number + 1, stop, text.rstrip("\n")))
        return stop

    def _list(self, number: int, end: int, skip: frozenset[int], into: list[Block], depth: int) -> int:
        """Items with the same indentation, or less than the first one has; what is indented further belongs to them."""
        items: list[Block] = []
        start = number
        while number < end:
            bullet = _BULLET.match(self.lines[number]) if number not in skip and not self.inside[number] else None
            if not bullet:
                break
            indent = len(bullet["indent"])
            stop, blank = number + 1, False
            while stop < end and stop not in skip:
                line = self.lines[stop]
                further = len(line) - len(line.lstrip()) > indent
                if line.strip() and not further and (blank or _BULLET.match(line) or self.inside[stop]):
                    break
                blank = not line.strip()
                stop += 1
            children: list[Block] = []
            text = number + 1
            while text < stop and not self._begins(text):
                text += 1
            words = [bullet["text"].strip(), *(line.strip() for line in self.lines[number + 1 : text])]
            children.append(Block("paragraph", number + 1, text, "\n".join(words)))
            if depth < DEPTH:
                self._content(text, stop, children, skip, depth + 1)
            else:
                rest = [line.strip() for line in self.lines[text:stop] if line.strip()]
                children += [Block("paragraph", text + 1, stop, "\n".join(rest))] if rest else []
            items.append(Block("item", number + 1, self._last(number, stop), children=tuple(children)))
            number = stop
            while number < end and not self.lines[number].strip():
                number += 1
        last = items[-1].end
        self._dedent(start, last)
        into.append(Block("list", start + 1, last, children=tuple(items)))
        return last

    def _add(self, kind: str, start: int, end: int, text: str, level: int = 0) -> None:
        self.blocks.append(Block("heading" if kind == "heading" else "paragraph", start + 1, end, text, level=level))

    def _last(self, start: int, stop: int) -> int:
        """The last line from `start` (an index) before `stop` that is not empty, from 1."""
        while stop > start + 1 and not self.lines[stop - 1].strip():
            stop -= 1
        return stop

    def _dedent(self, start: int, stop: int) -> None:
        widths = [len(line) - len(line.lstrip()) for line in self.lines[start:stop] if line.strip()]
        width = min(widths, default=0)
        for number in range(start, stop):
            self.shown[number] = _without(self.lines[number], width).rstrip()


def _without(line: str, width: int) -> str:
    """The line without that much indentation, or all that it has."""
    return line[min(width, len(line) - len(line.lstrip())) :]


def _clean(match: re.Match[str]) -> str:
    return re.sub(r"[*_]+$", "", match["rest"].strip()).strip() if match["bold"] else match["rest"].strip()


def _is_key(item: Block) -> bool:
    return bool(item.children) and _NAMED.match(item.children[0].text.split("\n")[0]) is not None
