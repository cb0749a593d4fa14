"""Blocks → the requirements that are no headings: list items, lines and rows of a table that begin with an identifier. Pure.

- **FR-001**: The desk MUST lend books          | ID   | Requirement |
  - Priority: high                              | FR-2 | it lends    |
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from orchestrator.inbox.blocks import Block
from orchestrator.inbox.identifiers import ATTRIBUTE, parted, plain

TITLE = 100
"""Characters of a text that stands for a title."""

_TASK = re.compile(r"^\[[ xX]?\]\s+")
_CELL = re.compile(r"(?:[^|\\]|\\.)+")
_SUCCESS = re.compile(r"[*_`\[(]*(?P<key>SC-?\d+)(?=[*_`\])]*\s*[:.–—-])")


@dataclass(frozen=True)
class Item:
    """A requirement as it was listed."""

    key: str
    title: str
    line: int
    body: tuple[Block, ...]


@dataclass
class Taken:
    items: list[Item] = field(default_factory=list)
    rest: list[Block] = field(default_factory=list)


def take(blocks: Sequence[Block], known: Collection[str], in_section: bool) -> Taken:
    """What the blocks list, and what is left of them. `known`: keys that are requirements already; `in_section`: any capitals with a number
    make an identifier."""
    taken = Taken()
    seen = set(known)
    for block in blocks:
        if block.kind == "list":
            _list(block, seen, in_section, taken)
        elif block.kind == "paragraph":
            _paragraph(block, seen, in_section, taken)
        elif block.kind == "table":
            _table(block, seen, in_section, taken)
        else:
            taken.rest.append(block)
    return taken


def _key(text: str, seen: Collection[str], in_section: bool) -> tuple[str, str] | None:
    text = _TASK.sub("", text, count=1)
    found = parted(text, in_section)
    if found is None and in_section and (match := _SUCCESS.match(text)):
        found = match["key"], re.sub(r"^[*_`\])]*\s*[:.–—-]+[*_`\])]*\s*", "", text[match.end() :])
    return found if found and found[0] not in seen and re.search(r"\w", found[1]) else None


def _list(block: Block, seen: set[str], in_section: bool, taken: Taken) -> None:
    left: list[Block] = []
    for item in block.children:
        first = item.children[0] if item.children and item.children[0].kind == "paragraph" else None
        found = _key(first.text, seen, in_section) if first else None
        if first is None or found is None:
            left.append(item)
            continue
        seen.add(found[0])
        attributes, children = _lifted(item.children[1:])
        text = replace(first, start=item.start, text=found[1])
        taken.items.append(Item(found[0], title(found[1]), item.start, (*attributes, text, *children)))
    if len(left) == len(block.children):
        taken.rest.append(block)
        return
    for run in _runs(left, block.children):
        taken.rest.append(Block("list", run[0].start, run[-1].end, children=tuple(run)))


def _runs(left: Sequence[Block], items: Sequence[Block]) -> list[list[Block]]:
    """The items that are left, those that stand together in one list."""
    place = {id(item): number for number, item in enumerate(items)}
    runs: list[list[Block]] = []
    for item in left:
        if runs and place[id(runs[-1][-1])] + 1 == place[id(item)]:
            runs[-1].append(item)
        else:
            runs.append([item])
    return runs


def _lifted(children: Sequence[Block]) -> tuple[list[Block], list[Block]]:
    """Attribute lines out of nested lists: they are read at the beginning of a requirement."""
    attributes: list[Block] = []
    rest: list[Block] = []
    for child in children:
        if child.kind != "list":
            rest.append(child)
            continue
        kept = []
        for item in child.children:
            first = item.children[0] if item.children and item.children[0].kind == "paragraph" else None
            if first and len(item.children) == 1 and ATTRIBUTE.fullmatch(first.text.strip()):
                attributes.append(replace(first, start=item.start))
            else:
                kept.append(item)
        if kept:
            rest.append(replace(child, children=tuple(kept)))
    return attributes, rest


def _paragraph(block: Block, seen: set[str], in_section: bool, taken: Taken) -> None:
    lines = block.text.split("\n")
    starts = [number for number, line in enumerate(lines) if _key(line, seen, in_section)]
    if not starts or starts[0] != 0:
        taken.rest.append(block)
        return
    for place, number in enumerate(starts):
        stop = starts[place + 1] if place + 1 < len(starts) else len(lines)
        found = _key(lines[number], seen, in_section)
        if found is None:  # given twice in this very paragraph
            taken.rest.append(Block("paragraph", block.start + number, block.start + stop - 1, "\n".join(lines[number:stop])))
            continue
        seen.add(found[0])
        text = "\n".join([found[1], *lines[number + 1 : stop]])
        body = Block("paragraph", block.start + number, block.start + stop - 1, text)
        taken.items.append(Item(found[0], title(found[1]), block.start + number, (body,)))


def _table(block: Block, seen: set[str], in_section: bool, taken: Taken) -> None:
    rows = [[cell.strip() for cell in _CELL.findall(row.strip().strip("|"))] for row in block.text.split("\n")]
    header = [re.sub(r"[*_`]", "", cell).lower() for cell in rows[0]] if rows else []
    found = False
    for number, row in enumerate(rows[2:], 2):
        key = _key(f"{row[0]}: x", seen, in_section) if row and len(row) > 1 else None
        if key is None or key[1] != "x":
            continue
        said = {name: cell for name, cell in zip(header[1:], row[1:], strict=False) if cell}
        main = next((said[name] for name in said if re.search(r"requirement|description|statement|feature|story", name)), "") or max(row[1:], key=len)
        seen.add(key[0])
        line = block.start + number
        text = "; ".join([main, *(f"{name}: {cell}" for name, cell in said.items() if cell != main and not re.search("priority|complexity", name))])
        attributes = [
            Block("paragraph", line, line, f"{name}: {cell}") for name, cell in said.items() if name in ("priority", "complexity", "depends on")
        ]
        taken.items.append(Item(key[0], title(main), line, (*attributes, Block("paragraph", line, line, text))))
        found = True
    if not found:
        taken.rest.append(block)


def title(text: str) -> str:
    """A text as a title: on one line, its first sentence, not too long."""
    line = plain(text)
    line = re.split(r"(?<=[a-z)])\.\s", line, maxsplit=1)[0] if len(line) > TITLE else line
    return line if len(line) <= TITLE else f"{line[: TITLE - 1].rsplit(' ', 1)[0]}…"
