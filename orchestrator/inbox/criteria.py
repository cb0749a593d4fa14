"""The blocks of one requirement → its attribute lines, its criteria, and the blocks that hold examples and input files."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from orchestrator.inbox import console, doctests, gherkin, tables
from orchestrator.inbox.blocks import Block, walk
from orchestrator.inbox.doctests import Remark
from orchestrator.inbox.identifiers import ATTRIBUTE, parted
from orchestrator.inbox.names import did_you_mean
from orchestrator.inbox.outline import ACCEPTANCE, Section

ATTRIBUTES = ("Depends on", "Module", "Priority", "Complexity", "Type", "Phase")

_LIKE = re.compile(r"[*_]*(?P<name>[A-Z][a-z]+(?: [a-z]+)?)[*_]*:[*_]*\s+\S+\s*")
_LATE = re.compile(r"[*_]*(?:depends[ _-]*on[*_]*\s*:.*\d|module[*_]*\s*:.*\.py)", re.IGNORECASE)
_KEY = r"[*_`\[(]*(?P<key>AC[- ]?\d+(?:\.\d+)*)[*_`\])]*"
_ITEM_KEY = re.compile(_KEY + r"(?:\s*[:)][*_]*|\.(?!\d)[*_]*|\s+[-–—](?=\s)|(?=\s)|$)\s*", re.IGNORECASE)
_LINE_KEY = re.compile(_KEY + r"(?:\s*[:)][*_]*|\.(?=\s|$)[*_]*|\s+[-–—](?=\s))\s*", re.IGNORECASE)
_PART = re.compile(r"[*_`\[(]*(?P<key>[A-Za-z][\w-]{0,60}?\d(?:\.\d+)+)[*_`\])]*(?:\s*[:)][*_]*|\.(?!\d)[*_]*|\s+[-–—](?=\s)|(?=\s)|$)[*_]*\s*")
_SCENARIO = re.compile(r"[*_]*(?:acceptance )?(?:scenario|example)(?: outline)?(?:\s+\d+(?:\.\d+)*)?\s*[*_]*(?::|[-–—](?=\s))[*_]*\s*", re.IGNORECASE)
_SAID = re.compile(r"[*_]*acceptance (?:criteria|criterion|test)s?[*_]*\s*:[*_]*\s+(?=\S)", re.IGNORECASE)
"""Acceptance criteria on the very line that says so."""
_NUMBERED = re.compile(r"\d+(?:\.\d+)+[.)]?\s+")
_LABEL = re.compile(r"[*_]{2,3}[^*_\n:]{2,60}(?::[*_]{2,3}|[*_]{2,3}:)")
_TASK = re.compile(r"\[[ xX]?\](?:\s+|$)")
_GIVEN = re.compile(r"[*_]*given\b", re.IGNORECASE)
_GOES_ON = re.compile(r"[*_]*(?:when|then|and|but)\b", re.IGNORECASE)
_SENTENCE = re.compile(r"[*_]*(?:given\b.*\bthen\b|(?:when|while|where|if)\b.*\bshall\b)", re.IGNORECASE | re.DOTALL)
_ITEM_SENTENCE = re.compile(r"[*_]*(?:when\b.*\bthen\b|(?:the|a|an|each|every|all)\b.*\bshall\b)", re.IGNORECASE | re.DOTALL)
_FILE = re.compile(r"[^\s={}\"']+\.[^\s={}\"']+")

Role = Literal["doctest", "console", "table", "file", ""]


@dataclass
class Draft:
    """A criterion before its examples are read."""

    key: str
    """'' when it has none of its own."""
    line: int
    text: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    inferred: bool = False
    implicit: bool = False
    """It stands for an example outside any criterion."""


@dataclass
class Body:
    """What a requirement is made of."""

    attributes: list[tuple[str, str, int]] = field(default_factory=list)
    """(name in lower case with `_`, value, line)"""
    text: str = ""
    drafts: list[Draft] = field(default_factory=list)
    files: list[Block] = field(default_factory=list)
    """Input files of all examples."""
    remarks: list[Remark] = field(default_factory=list)


def role(block: Block, lines: Sequence[str]) -> Role:
    """What a fence, an indented code block or a table is for."""
    words = block.info.split()
    if block.kind == "fence" and len(words) > 1 and _FILE.fullmatch(words[1]):
        return "file"
    language = words[0].lower() if words else ""
    if block.kind == "fence" and language in console.LANGUAGES and console.has_command(block.text):
        return "console"
    python = block.kind == "code" or (block.kind == "fence" and language in ("", "none", "python", "python3", "py", "pycon", "doctest"))
    if python and doctests.has_prompt(block.text):
        return "doctest"
    if block.kind == "table" and tables.head(lines[block.start - 1 : block.end], block.start):
        return "table"
    return ""


def read(section: Section, lines: Sequence[str], known: Collection[str] = ()) -> Body:
    """`known`: the keys of all requirements of the file: an item that begins with another one is no criterion."""
    reader = _Reader(lines, section, known)
    reader.blocks(section.body)
    return reader.finish()


class _Reader:
    """Walks the blocks once; remembers which criterion is open and which lines are no prose."""

    def __init__(self, lines: Sequence[str], section: Section, known: Collection[str]) -> None:
        self.known = known
        self.lines = lines
        self.section = section
        self.body = Body()
        self.taken: set[int] = set()
        self.bare: list[Block] = []
        self.open: Draft | None = None
        self.open_level = 0
        self.whole = False
        """What is open is a scenario under a heading: everything down to the next one belongs to it."""
        self.acceptance = section.acceptance
        self.leading = True

    def blocks(self, blocks: Sequence[Block], nested: bool = False) -> None:
        for block in blocks:
            if block.kind == "heading":
                self.heading(block)
            elif block.kind == "paragraph":
                self.paragraph(block)
            elif block.kind == "list":
                self.list(block, nested)
            elif block.kind == "quote":
                self.leading = False
                self.quote(block)
            else:
                self.leading = False
                self.block(block)

    def heading(self, block: Block) -> None:
        self.leading = False
        key = _LINE_KEY.match(block.text) or _ITEM_KEY.match(block.text)
        scenario = _SCENARIO.match(block.text)
        if key:
            self.start(block, key["key"], [block.text[key.end() :]], level=block.level)
        elif scenario:
            self.start(block, "", [block.text[scenario.end() :]], level=block.level)
            self.whole = True
        elif self.open and self.open_level and block.level > self.open_level:
            self.say(block, [block.text])
        else:
            self.open = None
            self.acceptance = self.section.acceptance or ACCEPTANCE.fullmatch(block.text.strip()) is not None
            if self.acceptance:
                self.take(block)

    def paragraph(self, block: Block) -> None:
        texts = block.text.split("\n")
        if self.leading and (count := self.attributes(texts, block.start)):
            texts = texts[count:]
            self.taken.update(range(block.start, block.start + count))
            if not texts:
                return
            block = Block("paragraph", block.start + count, block.end, "\n".join(texts))
        self.leading = False
        if ACCEPTANCE.fullmatch(block.text.strip()):
            self.acceptance, self.open = True, None
            self.take(block)
            return
        if (said := _SAID.match(block.text)) and "\n" not in block.text.strip() and not (self.open and self.open.key):
            self.start(block, "", [block.text[said.end() :]], level=7)
            return
        if self.acceptance and all(_NUMBERED.match(text) for text in texts):
            for number, text in enumerate(texts, block.start):
                self.start(Block("paragraph", number, number), "", [_NUMBERED.sub("", text, count=1)], level=7)
            return
        if _LABEL.fullmatch(block.text.strip()) and not self.whole:
            self.acceptance = self.section.acceptance
        starts = [number for number, text in enumerate(texts) if _LINE_KEY.match(text)]
        for place, number in enumerate(starts):
            key = _LINE_KEY.match(texts[number])
            assert key
            following = texts[number + 1 : starts[place + 1] if place + 1 < len(starts) else None]
            part = Block("paragraph", block.start + number, block.start + number + len(following))
            self.start(part, key["key"], [texts[number][key.end() :], *following], level=7)
        if starts:
            return
        below = self.open is not None and self.open_level < 7 and (self.whole or bool(self.open.key))
        if _SENTENCE.match(block.text) and not below:
            self.start(block, "", texts, level=7)
        elif self.open and (self.open.key or self.whole):
            self.say(block, texts)
        else:
            self.open = None
            self.late(texts, block.start)

    def late(self, texts: Sequence[str], line: int) -> None:
        for number, text in enumerate(texts, line):
            if _LATE.match(text):
                hint = "attribute lines stand right under the heading of their requirement"
                self.remark(number, "attribute-not-read", f"`{text.strip()[:60]}` is read as prose here", hint)

    def attributes(self, texts: Sequence[str], line: int) -> int:
        """Reads attribute lines; how many there were."""
        count = 0
        for number, text in enumerate(texts, line):
            match = ATTRIBUTE.fullmatch(text.strip())
            if not match:
                like = _LIKE.fullmatch(text)
                if like and (guess := did_you_mean(like["name"], ATTRIBUTES)):
                    self.remark(number, "unknown-attribute", f"`{like['name']}:` is no attribute{guess}", "it was read as prose")
                break
            said = (match["name"] or match["also"]).lower()
            name = "depends_on" if said.startswith("depend") else said.replace(" ", "_")
            value = match["keys"] if match["also"] else match["value"]
            self.body.attributes.append((name, value.strip().strip("`*_").strip(), number))
            count += 1
        return count

    def list(self, block: Block, nested: bool) -> None:
        first_texts = [_first(item) for item in block.children]
        if self.leading and not nested and first_texts and all(ATTRIBUTE.fullmatch(text.strip()) for text in first_texts):
            for item, text in zip(block.children, first_texts, strict=True):
                self.attributes([text], item.start)
            self.take(block)
            return
        self.leading = False
        outer = self.open
        if outer and not nested and not self.whole and not (outer.key and self.open_level):
            outer = self.open = None
        given: Draft | None = None
        for item, text in zip(block.children, first_texts, strict=True):
            key, rest = self.key(text, self.acceptance and not outer)
            if key is not None and not (self.whole and outer and not key):
                self.item(item, key, rest)
                given = self.body.drafts[-1] if _GIVEN.match(rest) and not _SENTENCE.match(rest) else None
            elif given and _GOES_ON.match(text):
                self.into(given, item, item.children)
            elif outer:
                self.into(outer, item)
            elif _GIVEN.match(text) and not nested:
                self.item(item, "", text)
                given = self.body.drafts[-1]
            else:
                if not nested:
                    self.bare.append(item)
                self.blocks(item.children, nested=True)
        self.open = outer

    def key(self, text: str, acceptance: bool) -> tuple[str | None, str]:
        """As `_item`; a part of the requirement is a criterion too."""
        part = _PART.match(text)
        if part and part["key"].startswith(f"{self.section.key}."):  # `FR-1.2` of `FR-1`
            return part["key"], text[part.end() :]
        other = parted(_TASK.sub("", text, count=1))
        return other if other and other[0] not in self.known else _item(text, acceptance)

    def item(self, item: Block, key: str, rest: str) -> None:
        """A list item that is a criterion."""
        first = item.children[0] if item.children and item.children[0].kind == "paragraph" else None
        draft = Draft(_key(key), item.start, [_line(rest)])
        self.body.drafts.append(draft)
        self.into(draft, item, item.children[1:] if first else item.children)

    def into(self, draft: Draft, item: Block, children: Sequence[Block] | None = None) -> None:
        """Everything in a list item belongs to the draft, except nested items with an identifier of their own."""
        self.taken.update(range(item.start, item.end + 1))
        for block in item.children if children is None else children:
            if block.kind in ("paragraph", "heading"):
                draft.text.append(_line(block.text) if children is not None else f"- {_line(block.text)}")
            elif block.kind == "list":
                for inner in block.children:
                    key, rest = self.key(_first(inner), False)
                    if key:
                        self.item(inner, key, rest)
                    else:
                        self.into(draft, inner)
            elif block.kind == "quote":
                self.into(draft, block, block.children)
            else:
                self.attach(draft, block)

    def quote(self, block: Block) -> None:
        if self.lines[block.start - 1].lstrip().startswith(">>>"):
            hint = "put it between lines of ```python and ```"
            self.remark(block.start, "unfenced-example", "these lines look like an example, but Markdown reads them as a quotation", hint)
        self.blocks(block.children, nested=True)

    def block(self, block: Block) -> None:
        """A fence, an indented block or a table at the level of the requirement."""
        what = role(block, self.lines)
        if self.open and self.open_level:
            self.take(block)
            self.attach(self.open, block)
        elif _is_gherkin(block):
            self.take(block)
            for scenario in self.scenarios(block):
                self.body.drafts.append(Draft(_key(scenario.key), scenario.line, [scenario.text]))
        elif what == "file":
            self.take(block)
            self.body.files.append(block)
        elif what:
            self.take(block)
            self.body.drafts.append(Draft("", block.start, [f"example at line {block.start}"], [block], inferred=True, implicit=True))
        else:
            self.unread(block)

    def attach(self, draft: Draft, block: Block) -> None:
        if role(block, self.lines):
            draft.blocks.append(block)
        elif _is_gherkin(block):
            draft.text += [scenario.text for scenario in self.scenarios(block)]
        else:
            self.unread(block)

    def scenarios(self, block: Block) -> Sequence[gherkin.Scenario]:
        found, remarks = gherkin.read(block.text, block.first_content_line)
        self.body.remarks += remarks
        return found

    def unread(self, block: Block) -> None:
        """Says so when a block that gives no examples was probably meant to."""
        language = block.info.split()[0].lower() if block.info else ""
        if block.kind == "fence" and language in ("bash", "sh", "shell") and console.has_command(block.text):
            self.remark(block.start, "fence-not-read", f"a `{language}` fence is not read for examples", "call it `console`")
        elif block.kind == "table" and tables.looks_like_one(self.lines[block.start - 1 : block.end]):
            hint = "head its other column `=>`, or head columns with the names of the parameters"
            self.remark(block.start, "table-not-read", "this table has a call in its header but no column of answers", hint)

    def start(self, block: Block, key: str, texts: Sequence[str], level: int) -> None:
        """Opens a criterion that goes on until something closes it."""
        self.take(block)
        self.whole = False
        self.open = Draft(_key(key), block.start, [_line("\n".join(texts))])
        self.open_level = level
        self.body.drafts.append(self.open)

    def say(self, block: Block, texts: Sequence[str]) -> None:
        assert self.open
        self.take(block)
        self.open.text.append(_line("\n".join(texts)))

    def take(self, block: Block) -> None:
        self.taken.update(range(block.start, block.end + 1))

    def remark(self, line: int, code: str, message: str, hint: str = "") -> None:
        self.body.remarks.append(Remark(line, code, message, hint, error=False))

    def finish(self) -> Body:
        body = self.body
        hint = "begin each with `AC1:`, `AC2:`, …"
        if not body.drafts and self.bare:
            for item in self.bare:
                self.item(item, "", _first(item))
                body.drafts[-1].inferred = True
            body.drafts[:] = [draft for draft in body.drafts if "".join(draft.text).strip()]
            count = len(body.drafts)
            message = f"{count} list item{'s were' if count > 1 else ' was'} taken for criteria, as nothing is marked as one"
            self.remark(self.section.line, "inferred-criteria", message, hint)
        if not body.drafts and self.section.prose:
            self.prose(hint)
        pieces = []
        for block in self.section.body:
            kept = [self.lines[number - 1] for number in range(block.start, block.end + 1) if number not in self.taken]
            pieces.append("\n".join(kept).strip("\n"))
        body.text = "\n\n".join(piece for piece in pieces if piece.strip())
        return body

    def prose(self, hint: str) -> None:
        """Where nothing is a criterion and nothing a list item: paragraphs, else rows of tables, else subheadings, else the title itself."""
        section, drafts = self.section, self.body.drafts
        said = [block for block in section.body if block.kind == "paragraph" and not ATTRIBUTE.fullmatch(block.text.strip())]
        said = [block for block in said if section.listed or block.start not in self.taken]
        found = [Draft("", block.start, [_line(block.text)], inferred=True) for block in said]
        for block in said:
            self.take(block)
        rows = [row for block in section.body if block.kind == "table" for row in tables.sentences(block.text, block.start)] if not found else []
        found += [Draft("", line, [text], inferred=True) for text, line in rows]
        below = [block for block in section.body if block.kind == "heading"] if not found else []
        found += [Draft("", block.start, [_line(block.text)], inferred=True) for block in below]
        if not found and not section.inferred:
            found = [Draft("", section.line, [section.title], inferred=True)]
        drafts += found
        if found and not section.listed:
            self.remark(section.line, "inferred-criteria", "its prose was taken for its criteria, as nothing is marked as one", hint)


def keys(drafts: Iterable[Draft]) -> list[str]:
    """A key for each draft: its own, else `AC1`, `AC2`, … (`E1`, … for implicit ones), never one that is taken."""
    drafts = list(drafts)
    taken = {_same(draft.key) for draft in drafts if draft.key}
    counts = {"AC": 0, "E": 0}
    found = []
    for draft in drafts:
        key, prefix = draft.key, "E" if draft.implicit else "AC"
        while not key:
            counts[prefix] += 1
            candidate = f"{prefix}{counts[prefix]}"
            key = "" if candidate in taken else candidate
        found.append(key)
    return found


def duplicates(drafts: Iterable[Draft]) -> list[tuple[Draft, Draft]]:
    """(first, repeated) for each key that is written twice; `AC-1` and `AC1` are the same."""
    first: dict[str, Draft] = {}
    return [(first[_same(draft.key)], draft) for draft in drafts if draft.key and first.setdefault(_same(draft.key), draft) is not draft]


def fences(blocks: Sequence[Block]) -> list[Block]:
    return [block for block in walk(blocks) if block.kind == "fence"]


def _is_gherkin(block: Block) -> bool:
    words = block.info.split()
    return block.kind == "fence" and len(words) == 1 and words[0].lower() in gherkin.LANGUAGES


def _same(key: str) -> str:
    return key.replace("-", "").upper()


def _key(key: str) -> str:
    return key.replace(" ", "").upper()


def _line(text: str) -> str:
    return " ".join(text.split())


def _first(item: Block) -> str:
    return item.children[0].text if item.children and item.children[0].kind == "paragraph" else ""


def _item(text: str, acceptance: bool) -> tuple[str | None, str]:
    """(key, rest) of a list item: the key is '' for a criterion without one, None for an item that is no criterion."""
    task = _TASK.match(text)
    rest = text[task.end() :] if task else text
    key = _ITEM_KEY.match(rest)
    if key:
        return key["key"], rest[key.end() :]
    if task or acceptance or _SENTENCE.match(text) or _ITEM_SENTENCE.match(text):
        return "", rest
    return None, text
