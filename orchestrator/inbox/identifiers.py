"""Text that begins with an identifier of a requirement: `R1: …`, `**FR-1.2** …`, `Requirement 3 - …`. Pure."""

from __future__ import annotations

import re

_PREFIXES = "R|FR|NFR|REQ|RQ|US|N|NF|F|FEAT|UC|BR|SR|TR|IR|UR|DR|QR|PR|SYS|ST|STORY"
"""Letters that make an identifier anywhere; under a requirements section any capitals followed by a colon do."""

_KNOWN = re.compile(rf"[*_`\[(]*(?P<key>(?:{_PREFIXES})-?\d+(?:\.\d+)*)(?P<rest>(?![\w-]).*)", re.DOTALL)
_ANY = re.compile(r"[*_`\[(]*(?P<key>(?!AC|TC|P\d)[A-Z]{1,8}-?\d+(?:\.\d+)*)(?P<rest>[*_`\])]*:.*)", re.DOTALL)
_NUMBERED = re.compile(r"Requirement\s+(?P<number>\d+(?:\.\d+)*)(?P<rest>(?![\w.]).*)", re.DOTALL)
_SEPARATOR = re.compile(r"^[*_`\])]*\s*(?:[:.)]|[-–—](?=\s))?[*_`\])]*\s*")


def identifier(text: str, in_section: bool = False) -> tuple[str, str] | None:
    """(identifier, title) of a heading that begins with one."""
    match = _KNOWN.match(text) or (_ANY.match(text) if in_section else None)
    if match:
        return match["key"], plain(_SEPARATOR.sub("", match["rest"], count=1)) or match["key"]
    numbered = _NUMBERED.match(text) if in_section else None
    if numbered:
        key = f"R{numbered['number']}"
        return key, plain(_SEPARATOR.sub("", numbered["rest"], count=1)) or key
    return None


def plain(text: str) -> str:
    """Heading text on one line, without emphasis around it."""
    text = " ".join(text.split())
    return re.sub(r"^[*_]+\s*(?=\S)|(?<=\S)\s*[*]+$", "", text).strip()
