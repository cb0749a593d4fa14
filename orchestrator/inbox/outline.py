"""Blocks → sections: which headings are requirements, what belongs to each, and what is context.

A requirement is a heading that begins with an identifier, wherever it stands, or any heading directly under a section called
requirements. What is under neither is context.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from orchestrator.inbox import headings
from orchestrator.inbox.blocks import Block, walk
from orchestrator.inbox.doctests import Remark
from orchestrator.inbox.identifiers import identifier as identifier
from orchestrator.inbox.identifiers import plain
from orchestrator.inbox.names import slug

_NUMBERING = re.compile(r"^\s*(?:\d+(?:\.\d+)*[.)、]?|[IVXLC]+[.)]|[A-Z][.)])\s+")

_REQUIREMENTS = re.compile(r"\brequirements?\b", re.IGNORECASE)
_FEATURES = re.compile(
    r"(?:\w+ ){0,2}(?:features?|user stories|functionalit(?:y|ies))(?: list| modules| specifications?)?"
    r"|functional (?:specifications?|modules|design)",
    re.IGNORECASE,
)
_CONTEXT = re.compile(r"\b(?:overview|background|summary|introduction|documents?|PRD|glossary|goals|purpose|description)\b", re.IGNORECASE)
_EXACT = re.compile(r"(?:(?:non-?)?functional |product |system )?requirements", re.IGNORECASE)
_NON_FUNCTIONAL = re.compile(r"\bnon[- ]?functional\b|\bquality (?:requirements|attributes)\b", re.IGNORECASE)
ACCEPTANCE = re.compile(r"[*_]*acceptance (?:criteria|criterion|tests?)[*_]*:?[*_]*", re.IGNORECASE)


ACCEPTANCE_KEY = "ACCEPTANCE"
"""The key of the requirement that the acceptance criteria of the whole PRD make."""


@dataclass(frozen=True)
class Section:
    """One requirement as a stretch of the file."""

    key: str
    title: str
    line: int
    body: tuple[Block, ...]
    inferred: bool = False
    type: str = ""
    acceptance: bool = False
    """Its bare list items are criteria, because its section is called so."""
    prose: bool = False
    """Its prose is its criterion where it has no other."""


@dataclass
class Outline:
    title: str = ""
    sections: list[Section] = field(default_factory=list)
    context: list[Block] = field(default_factory=list)
    shared: list[Block] = field(default_factory=list)
    """What stands in a requirements section before its first requirement; part of `context` too."""
    remarks: list[Remark] = field(default_factory=list)


@dataclass
class _Node:
    heading: Block | None
    blocks: list[Block] = field(default_factory=list)
    children: list[_Node] = field(default_factory=list)
    identified: bool = False
    """A heading at or below it begins with an identifier of the known kinds."""

    @property
    def text(self) -> str:
        return self.heading.text if self.heading else ""

    @property
    def name(self) -> str:
        """The heading without its numbering."""
        return _NUMBERING.sub("", plain(self.text))


def read(blocks: Sequence[Block]) -> Outline:
    root = _tree(blocks)
    outline = Outline()
    first = next((block for block in blocks if block.kind == "heading"), None)
    titles = [block for block in blocks if block.kind == "heading" and first and block.level <= first.level]
    title = first if len(titles) == 1 else None
    outline.title = _title(root, title)
    outline.context.extend(root.blocks)
    reader = _Reader(outline, root.identified, title)
    for child in root.children:
        reader.outside(child, under_context=False)
    reader.accept()
    outline.sections.sort(key=lambda section: section.line)
    outline.context.sort(key=lambda block: block.start)
    return outline


def _title(root: _Node, title: Block | None) -> str:
    """The heading above all others, else a line that stands alone before any heading, else the first heading that names no section."""
    if title and not _EXACT.fullmatch(plain(title.text)):
        known = identifier(title.text)
        return known[1] if known else plain(title.text)
    before = root.blocks[0] if root.blocks else None
    if before and before.kind == "paragraph" and "\n" not in before.text and len(before.text) <= 100:
        return plain(before.text)
    first = root.children[0] if root.children else None
    section = first is None or identifier(first.text) or _REQUIREMENTS.search(first.name) or _CONTEXT.search(first.name)
    return "" if first is None or section else plain(first.text)


def _tree(blocks: Sequence[Block]) -> _Node:
    root = _Node(None)
    path = [root]
    for block in blocks:
        if block.kind != "heading":
            path[-1].blocks.append(block)
            continue
        while len(path) > 1 and path[-1].heading and path[-1].heading.level >= block.level:
            path.pop()
        node = _Node(block)
        if identifier(block.text):
            for each in (*path, node):
                each.identified = True
        path[-1].children.append(node)
        path.append(node)
    return root


class _Reader:
    """Walks the headings once; `outline` grows in the order of the file."""

    def __init__(self, outline: Outline, native: bool, title: Block | None) -> None:
        self.outline = outline
        self.native = native
        """The file has requirements with identifiers, so others are inferred with more restraint."""
        self.title = title
        self.keys: dict[str, int] = {}
        """How often each key was made, in lower case."""
        self.acceptance: list[_Node] = []
        """Sections with the acceptance criteria of the whole PRD."""

    def outside(self, node: _Node, under_context: bool) -> None:
        """A heading that is in no requirements section."""
        if identifier(node.text):
            self.requirement(node, "")
        elif _acceptance(node.name) and node.heading is not self.title:
            self.acceptance.append(node)
        elif headings.kind_of(node.text) in headings.STRUCTURE:
            self._context(node)
            for child in node.children:
                self.outside(child, under_context)
        elif self._is_section(node, under_context):
            self.section(node, _NON_FUNCTIONAL.search(node.name) is not None, _acceptance(node.name))
        else:
            self._context(node)
            for child in node.children:
                self.outside(child, under_context or node.heading is not self.title)

    def section(self, node: _Node, non_functional: bool, acceptance: bool) -> None:
        before = len(self.outline.sections)
        self.outline.context.extend(node.blocks)
        self.outline.shared.extend(node.blocks)
        kind = "non-functional" if non_functional else ""
        for child in node.children:
            last = self.outline.sections[-1] if len(self.outline.sections) > before else None
            if identifier(child.text, in_section=True):
                self.requirement(child, kind)
            elif (what := headings.kind_of(child.text)) in headings.STRUCTURE:
                if what == "phase" and (child.children or _provable(child)):
                    self.section(child, non_functional, acceptance)
                else:
                    self.outside(child, under_context=False)
            elif child.children and _REQUIREMENTS.search(child.name) and not _CONTEXT.search(child.name):
                self.section(child, non_functional or _NON_FUNCTIONAL.search(child.name) is not None, acceptance)
            elif child.identified:
                self.section(child, non_functional, acceptance)
            elif last and ACCEPTANCE.fullmatch(child.name):
                self.outline.sections[-1] = _with(last, _flat(child))
            elif (self.native and not _provable(child)) or _CONTEXT.search(child.name):
                self._context(child, whole=True)
                if _provable(child) or self.native:
                    message = f"`{child.name}` has no identifier and nothing to prove: read as context"
                    self._note(child, "not-a-requirement", message, "begin the heading with one, for example `R1:`")
            else:
                self._inferred(child, kind, acceptance, _flat(child)[1:])
        if len(self.outline.sections) == before and _provable(_Node(node.heading, node.blocks)):
            drop = {id(block) for block in node.blocks}
            self.outline.context = [block for block in self.outline.context if id(block) not in drop]
            self.outline.shared = [block for block in self.outline.shared if id(block) not in drop]
            self._inferred(node, kind, acceptance, node.blocks)

    def accept(self) -> None:
        """The acceptance criteria of the whole PRD: those under the name of a requirement go to it, the others make one of their own."""
        if not self.outline.sections:
            for node in self.acceptance:
                self.section(node, False, True)
            return
        own: list[Block] = []
        places: dict[str, int] = {}
        for at, section in enumerate(self.outline.sections):
            places.setdefault(section.key, at)
            places.setdefault(section.title.lower(), at)
        for node in self.acceptance:
            assert node.heading
            own += [node.heading, *node.blocks]
            for child in node.children:
                known = identifier(child.text)
                place = places.get(known[0] if known else child.name.lower().strip(" :"))
                if place is not None:
                    self.outline.sections[place] = _with(self.outline.sections[place], _acceptance_of(child))
                elif identifier(child.text):
                    self.requirement(child, "")
                else:
                    own += _flat(child)
        if any(block.kind != "heading" for block in own):
            line = own[0].start
            body = tuple(own[1:])
            self.outline.sections.append(Section(ACCEPTANCE_KEY, "Acceptance criteria", line, body, inferred=True, acceptance=True, prose=True))
            message = f"the acceptance criteria of the whole PRD became the requirement `{ACCEPTANCE_KEY}`, which comes after all others"
            self.outline.remarks.append(Remark(line, "acceptance-criteria", message, "`AC-3 (R2): …` gives one to a requirement", error=False))
        else:
            self.outline.context.extend(own)

    def requirement(self, node: _Node, kind: str) -> None:
        found = identifier(node.text, in_section=True)
        assert found and node.heading
        key, title = found
        self.keys.setdefault(key.lower(), 1)
        if not kind and re.match(r"N(?:FR?)?-?\d", key):
            kind = "non-functional"
        place = len(self.outline.sections)
        self.outline.sections.append(Section(key, title, node.heading.start, ()))
        body = list(node.blocks)
        for child in node.children:
            body += self._parts(child, kind)
        self.outline.sections[place] = Section(key, title, node.heading.start, tuple(body), type=kind)

    def _parts(self, node: _Node, kind: str) -> list[Block]:
        """The blocks under a requirement's subheading; identified headings in it become requirements of their own."""
        if identifier(node.text):
            self.requirement(node, kind)
            return []
        found = [*([node.heading] if node.heading else []), *node.blocks]
        for child in node.children:
            found += self._parts(child, kind)
        return found

    def _inferred(self, node: _Node, kind: str, acceptance: bool, body: Sequence[Block]) -> None:
        assert node.heading
        title = node.name or "Requirement"
        base = key = slug(title, "requirement")
        while key in self.keys:
            self.keys[base] += 1
            key = f"{base}-{self.keys[base]}"
        self.keys[key] = 1
        section = Section(key, title, node.heading.start, tuple(body), inferred=True, type=kind, acceptance=acceptance)
        self.outline.sections.append(section)
        message = f"the heading `{title}` was taken for a requirement and named `{key}`"
        self._note(node, "inferred-requirement", message, f"begin it with an identifier: `R{len(self.outline.sections)}: {title}`")

    def _is_section(self, node: _Node, under_context: bool) -> bool:
        name = node.name
        if node.heading is self.title:
            return _EXACT.fullmatch(name) is not None
        if _CONTEXT.search(name):
            return False
        if self.native and not node.identified:
            return not under_context and _REQUIREMENTS.search(name) is not None
        return any((_REQUIREMENTS.search(name), _FEATURES.fullmatch(name)))

    def _context(self, node: _Node, whole: bool = False) -> None:
        blocks = _flat(node) if whole else [*([node.heading] if node.heading else []), *node.blocks]
        self.outline.context.extend(blocks)

    def _note(self, node: _Node, code: str, message: str, hint: str) -> None:
        line = node.heading.start if node.heading else 1
        self.outline.remarks.append(Remark(line, code, message, hint, error=False))


def _acceptance(name: str) -> bool:
    return ACCEPTANCE.fullmatch(name) is not None


def _acceptance_of(node: _Node) -> list[Block]:
    """What stands under a heading, below the words that make its list items criteria."""
    assert node.heading
    return [Block("heading", node.heading.start, node.heading.end, "Acceptance criteria", level=node.heading.level), *_flat(node)[1:]]


def _flat(node: _Node) -> list[Block]:
    found = [*([node.heading] if node.heading else []), *node.blocks]
    for child in node.children:
        found += _flat(child)
    return found


def _with(section: Section, blocks: Sequence[Block]) -> Section:
    body = (*section.body, *blocks)
    return replace(section, body=body)


def _provable(node: _Node) -> bool:
    """Whether something under the heading can be a criterion or an example."""
    return any(block.kind in ("list", "fence", "code", "table") for block in walk(_flat(node)))
