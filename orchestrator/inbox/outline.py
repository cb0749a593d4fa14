"""Blocks → sections: which headings are requirements, what belongs to each, and what is context.

A requirement is a heading that begins with an identifier, wherever it stands, or any heading directly under a section called
requirements. What is under neither is context.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from orchestrator.inbox import headings, listed
from orchestrator.inbox.blocks import Block, walk
from orchestrator.inbox.doctests import Remark
from orchestrator.inbox.identifiers import LONG, plain
from orchestrator.inbox.identifiers import identifier as identifier
from orchestrator.inbox.names import slug

_NUMBERING = re.compile(r"^\s*(?:\d+(?:\.\d+)*[.)、]?|[IVXLC]+[.)]|[A-Z][.)])\s+")

_REQUIREMENTS = re.compile(
    r"\brequirements?\b|\banforderungen\b|\brequisitos\b|\bexigences\b|\brequisiti\b|требовани|요구\s?사항|需求|要求|要件", re.IGNORECASE
)
_FEATURES = re.compile(
    r"(?:\w+ ){0,2}(?:features?|user stories|functionalit(?:y|ies))(?: list| modules| specifications?)?"
    r"|functional (?:specifications?|modules|design)",
    re.IGNORECASE,
)
_CONTEXT = re.compile(
    r"\b(?:overview|background|summary|introduction|documents?|PRD|glossary|goals|purpose|description)\b"
    r"|^(?:key )?(?:entities|edge cases|assumptions|clarifications|open questions|data model|review|checklists?|out of scope|stakeholders|risks)\b",
    re.IGNORECASE,
)
_MANDATORY = re.compile(r"\s*[*_]*\((?:mandatory|optional|required|include\b[^)]*)\)[*_]*$", re.IGNORECASE)
_EXACT = re.compile(r"(?:(?:non-?)?functional |product |system |added |modified |removed |renamed )?requirements", re.IGNORECASE)
_DOCUMENT = re.compile(r"(?:product |software |system )?requirements? (?:document|specification)(?: \(PRD\))?", re.IGNORECASE)
_SAYS_PRD = re.compile(r"\bPRD\b|\brequirements?\b|\bspecification\b|\bspec\b", re.IGNORECASE)
_PRIORITY = re.compile(r"[(\[](?:priority\s*:?\s*)?(P\d|critical|high|medium|low|must|should|could)[)\]][^\w]*(?:MVP)?[^\w]*$", re.IGNORECASE)
_GONE = re.compile(r"^(?:removed|renamed|deprecated) requirements?", re.IGNORECASE)
_SUCCESS = re.compile(r"\bsuccess criteria\b|\bmeasurable outcomes\b|\bsuccess metrics\b", re.IGNORECASE)
_NO_WORK = re.compile(
    r"\b(?:overview|background|introduction|summary|purpose|goals?|objectives?|vision|scope|stakeholders?|personas?|users?|audience|glossary"
    r"|definitions?|references?|appendix|resources|timeline|milestones?|schedule|roadmap|team|risks?|assumptions?|constraints?|dependenc(?:y|ies)"
    r"|open questions?|future|out of scope|non-?goals|architecture|structure|layout|data flow|diagrams?|tech(?:nology|nical)? stack|technologies"
    r"|deployment|installation|install|set-?up|preparation|initiali[sz]ation steps|running|usage|getting started|metrics|success|deliverables?"
    r"|change ?log|revision|history|document|contents|edge cases|key entities|checklist|notes?|license|contact|examples?)\b",
    re.IGNORECASE,
)
"""Sections whose list items say nothing that is to be built."""

_INTERFACE = re.compile(r"\b(?:interfaces?|command[- ]line|CLI|API|endpoints?|error handling|validation)\b", re.IGNORECASE)
"""Headings that say what is to be built wherever they stand."""

_QUALITY = re.compile(
    r"(?:(?!analysis|module|monitoring)\w+ ){0,2}(?:environment|testing|tests|test coverage|documentation|performance|scalability|reliability"
    r"|availability|usability|maintainability|maintenance|compatibility|portability|code quality|deployment|observability|coding standards?"
    r"|system requirements|hardware)(?: optimi[sz]ation)?(?:(?: and| &) \w+)?"
    r"(?: (?:requirements?|environment|strategy|plan|framework|goals|targets))?",
    re.IGNORECASE,
)
"""Headings of what no single function does."""

_ASIDE = re.compile(
    r"\b(?:out of scope|non[- ]?goals?|future|open questions?|glossary|references?|related|appendix|change ?log|history|traceability|risks?)\b",
    re.IGNORECASE,
)
"""Sections that name requirements without stating them."""

_NON_FUNCTIONAL = re.compile(
    r"\bnon[- ]?functional\b|\bquality (?:requirements|attributes)\b|nicht[- ]?funktional|no funcionales|non fonctionnelles|нефункциональн"
    r"|비기능|非功能|非機能",
    re.IGNORECASE,
)
ACCEPTANCE = re.compile(
    r"[*_]*(?:acceptance (?:criteria|criterion|tests?|scenarios?)|akzeptanzkriterien|criterios de aceptación|critères d.acceptation"
    r"|критерии приёмки|수용 기준|인수 기준|验收标准|验收条件|受け入れ基準|受入基準)[*_]*(?:\s*\([^)\n]*\))?:?[*_]*",
    re.IGNORECASE,
)


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
    priority: str = ""
    listed: bool = False
    """It was an item of a list, a line or a row of a table."""
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
        text = plain(self.text)
        return text if len(text) > LONG else _NUMBERING.sub("", _MANDATORY.sub("", text))


def read(blocks: Sequence[Block]) -> Outline:
    root = _tree(blocks)
    outline = Outline()
    first = next((block for block in blocks if block.kind == "heading"), None)
    titles = [block for block in blocks if block.kind == "heading" and first and block.level <= first.level]
    title = first if len(titles) == 1 else None
    outline.title = _title(root, title)
    given = {known[0] for block in blocks if block.kind == "heading" and (known := identifier(block.text))}
    reader = _Reader(outline, root.identified, title, given)
    reader.take(root, "", in_section=False)
    outline.context.extend(root.blocks)
    for child in root.children:
        reader.outside(child, under_context=False)
    reader.take_loose()
    reader.accept()
    reader.say_listed()
    outline.context = [block for block in outline.context if id(block) not in reader.gone]
    outline.shared = [block for block in outline.shared if id(block) not in reader.gone]
    outline.sections.sort(key=lambda section: section.line)
    outline.context.sort(key=lambda block: block.start)
    return outline


def _title(root: _Node, title: Block | None) -> str:
    """The heading above all others, else a line that stands alone before any heading, else the first heading that names no section."""
    if title and not _EXACT.fullmatch(plain(title.text)) and not _DOCUMENT.fullmatch(plain(title.text)):
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

    def __init__(self, outline: Outline, native: bool, title: Block | None, given: Collection[str]) -> None:
        self.outline = outline
        self.native = native
        """The file has requirements with identifiers, so others are inferred with more restraint."""
        self.title = title
        self.listed: set[str] = set(given)
        """Keys of requirements that are headings, and of those that were listed so far."""
        self.gone: set[int] = set()
        """Blocks (by id) that are no context after all."""
        self.found: list[int] = []
        """Lines of list items that are requirements."""
        self.keys: dict[str, int] = {}
        """How often each key was made, in lower case."""
        self.loose: list[_Node] = []
        """Headings outside any section of requirements that have list items of their own."""
        self.acceptance: list[_Node] = []
        """Sections with the acceptance criteria of the whole PRD."""

    def outside(self, node: _Node, under_context: bool, aside: bool = False) -> None:
        """A heading that is in no requirements section."""
        if identifier(node.text):
            self.requirement(node, "")
        elif _acceptance(node.name) and node.heading is not self.title:
            self.acceptance.append(node)
        elif headings.kind_of(node.text) in headings.STRUCTURE:
            self._context(node)
            for child in node.children:
                self.outside(child, under_context)
        elif _GONE.search(node.name):
            self._context(node, whole=True)
            self._note(node, "not-a-requirement", f"what stands under `{node.name}` is not to be built: read as context", "")
        elif self._is_section(node, under_context):
            self.section(node, _NON_FUNCTIONAL.search(node.name) is not None, _acceptance(node.name))
        else:
            if not _ASIDE.search(node.name):
                self.take(node, "non-functional" if _SUCCESS.search(node.name) else "", in_section=_SUCCESS.search(node.name) is not None)
            aside = node.heading is not self.title and (_NO_WORK.search(node.name) is not None or (aside and not _INTERFACE.search(node.name)))
            if not aside and node.heading and node.heading is not self.title and any(block.kind == "list" for block in node.blocks):
                self.loose.append(node)
            self._context(node)
            for child in node.children:
                self.outside(child, under_context or node.heading is not self.title, aside)

    def take(self, node: _Node, kind: str, *, in_section: bool) -> None:
        """Takes the requirements out of a heading's own blocks that are listed there."""
        taken = listed.take(node.blocks, self.listed, in_section)
        for item in taken.items:
            self.listed.add(item.key)
            own = kind or ("non-functional" if re.match(r"N(?:FR?)?-?\d", item.key) else "")
            title, priority = _priority(item.title)
            self.outline.sections.append(Section(item.key, title, item.line, item.body, type=own, priority=priority, listed=True, prose=True))
            self.found.append(item.line)
        node.blocks = taken.rest

    def say_listed(self) -> None:
        if self.found:
            count = len(self.found)
            message = f"{count} item{'s' if count > 1 else ''} with an identifier became {'requirements' if count > 1 else 'a requirement'}"
            hint = "a heading, `### R1: …`, has room for criteria and examples"
            self.outline.remarks.append(Remark(self.found[0], "listed-requirement", message, hint, error=False))

    def section(self, node: _Node, non_functional: bool, acceptance: bool) -> None:
        before = len(self.outline.sections)
        kind = "non-functional" if non_functional else ""
        self.take(node, kind, in_section=True)
        self.outline.context.extend(node.blocks)
        self.outline.shared.extend(node.blocks)
        for child in node.children:
            last = self.outline.sections[-1] if len(self.outline.sections) > before else None
            if identifier(child.text, in_section=True):
                self.requirement(child, kind)
            elif (what := headings.kind_of(child.text)) in headings.STRUCTURE:
                if what == "phase" and (child.children or _provable(child)):
                    self.section(child, non_functional, acceptance)
                else:
                    self.outside(child, under_context=False)
            elif self._lists(child, kind):
                pass
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
            self.gone |= {id(block) for block in node.blocks}
            self._inferred(node, kind, acceptance, node.blocks)

    def _lists(self, child: _Node, kind: str) -> bool:
        """Whether a heading only groups requirements that are listed under it; they are taken."""
        if _CONTEXT.search(child.name):
            return False
        own = "non-functional" if _NON_FUNCTIONAL.search(child.name) or _SUCCESS.search(child.name) else kind
        before = len(self.outline.sections)
        self.take(child, own, in_section=True)
        if len(self.outline.sections) == before or child.children:
            return False
        if _provable(_Node(None, child.blocks)):
            self._inferred(child, own, False, child.blocks)
        else:
            self._context(child)
        return True

    def take_loose(self) -> None:
        """In a file without identifiers that has requirements, a heading with list items is one too, unless its name says otherwise."""
        if self.native or not (self.outline.sections or (self.title and _SAYS_PRD.search(self.title.text))):
            return
        for node in self.loose:
            self.gone |= {id(block) for block in node.blocks} | {id(node.heading)}
            self._inferred(node, "", False, node.blocks)

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
        title, priority = _priority(title)
        title = _told(body) or title if title == key else title
        self.outline.sections[place] = Section(key, title, node.heading.start, tuple(body), type=kind, priority=priority)

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
        kind = kind or ("non-functional" if _QUALITY.fullmatch(title) and not re.search(r"\bprogramming\b", title, re.IGNORECASE) else "")
        section = Section(key, title, node.heading.start, tuple(body), inferred=True, type=kind, acceptance=acceptance, prose=True)
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


def _priority(title: str) -> tuple[str, str]:
    """A title without the priority at its end, `(Priority: P1)`, and that."""
    start = max(0, len(title) - 60)
    match = _PRIORITY.search(title, start)
    return (title[: match.start()].rstrip(), match[1]) if match and match.start() > start else (title, "")


def _told(body: Sequence[Block]) -> str:
    """What a user story wants, as a title."""
    first = next((block.text for block in body if block.kind == "paragraph"), "")
    match = re.search(r"\bI (?:want|need|would like)(?: to)?\s+(.+?)(?:,?\s+so that\b|[.]\s|[.]?$)", " ".join(first.split()), re.IGNORECASE)
    return listed.title(match[1]) if match else ""


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
