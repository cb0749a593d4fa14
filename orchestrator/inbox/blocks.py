"""Markdown → a tree of blocks, each with its lines. Inline markup is left as written; nothing is rendered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

Kind = Literal["heading", "paragraph", "list", "item", "fence", "code", "table", "quote", "other"]

_KINDS: dict[str, Kind] = {
    "heading_open": "heading",
    "paragraph_open": "paragraph",
    "bullet_list_open": "list",
    "ordered_list_open": "list",
    "list_item_open": "item",
    "blockquote_open": "quote",
    "table_open": "table",
    "fence": "fence",
    "code_block": "code",
    "html_block": "other",
    "hr": "other",
}


@dataclass(frozen=True)
class Block:
    kind: Kind
    start: int
    """1-based first line."""
    end: int
    """1-based last line, the closing fence included; trailing blank lines of a container may be."""
    text: str = ""
    """Inline source of a heading or paragraph (one line per source line); content of a fence or code block; lines of a table."""
    info: str = ""
    """What stands after the opening fence."""
    level: int = 0
    """1 to 6 for headings."""
    closed: bool = True
    """False for a fence that never ends."""
    children: tuple[Block, ...] = ()

    @property
    def first_content_line(self) -> int:
        """The line of the file that `text` begins on."""
        return self.start + 1 if self.kind == "fence" else self.start


def walk(blocks: Sequence[Block]) -> Iterator[Block]:
    """Every block, depth first, in the order of the text."""
    for block in blocks:
        yield block
        yield from walk(block.children)


def read(text: str) -> tuple[Block, ...]:
    """The blocks of a Markdown text whose lines end in `\\n`."""
    tokens = _parser().parse(text)
    blocks, position = _siblings(tokens, 0, text.split("\n"))
    assert position == len(tokens), "unbalanced tokens"
    return blocks


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").enable("table")
    # Only the block structure is wanted: inline parsing costs most of the time and would lose the source.
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


def _siblings(tokens: Sequence[Token], position: int, lines: Sequence[str]) -> tuple[tuple[Block, ...], int]:
    found: list[Block] = []
    while position < len(tokens) and tokens[position].nesting >= 0:
        token = tokens[position]
        kind = _KINDS.get(token.type, "other")
        start, end = token.map or (0, 1)
        block = Block(kind, start + 1, end, token.content, token.info.strip(), int(token.tag[1]) if kind == "heading" else 0)
        position += 1
        if token.nesting == 0:
            found.append(_fence(block, token.markup, lines) if kind == "fence" else block)
            continue
        if kind in ("heading", "paragraph", "table"):
            end_position = _closing(tokens, position)
            inline = next((each.content for each in tokens[position:end_position] if each.type == "inline"), "")
            text = "\n".join(lines[start:end]) if kind == "table" else inline
            found.append(Block(kind, block.start, block.end, text, level=block.level))
            position = end_position + 1
        else:
            children, position = _siblings(tokens, position, lines)
            found.append(Block(kind, block.start, block.end, children=children))
            position += 1
    return tuple(found), position


def _closing(tokens: Sequence[Token], position: int) -> int:
    depth = 1
    while depth:
        depth += tokens[position].nesting
        position += 1
    return position - 1


def _fence(block: Block, markup: str, lines: Sequence[str]) -> Block:
    last = lines[block.end - 1] if block.end <= len(lines) else ""
    closer = re.search(rf"{re.escape(markup[0])}{{{len(markup)},}}[ \t]*$", last)
    closed = block.end > block.start and closer is not None and not last[: closer.start()].strip(" \t>")
    return Block("fence", block.start, block.end, block.text, block.info, closed=closed)
