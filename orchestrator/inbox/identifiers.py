"""Text that begins with an identifier of a requirement: `R1: …`, `**FR-1.2** …`, `Requirement 3 - …`, `User Story 2 - …`, `Requirement: …`. Pure."""

from __future__ import annotations

import re

from orchestrator.inbox.names import slug

_PREFIXES = "R|FR|NFR|REQ|RQ|US|N|NF|F|FEAT|UC|BR|SR|TR|IR|UR|DR|QR|PR|SYS|ST|STORY"
"""Letters that make an identifier anywhere; under a requirements section any capitals followed by a colon do."""

_NUMBER = r"(?:-[A-Z]{1,8}(?=-?\d))?-?\d+(?:\.\d+)*[a-z]?"
_KNOWN = re.compile(rf"[*_`\[(]*(?P<key>(?:{_PREFIXES}){_NUMBER})(?P<rest>(?![\w-]).*)", re.DOTALL)
_ANY = re.compile(rf"[*_`\[(]*(?P<key>(?!AC|TC|P\d)[A-Z]{{1,8}}{_NUMBER})(?P<rest>[*_`\])]*:.*)", re.DOTALL)
NAMES = re.compile(rf"\b[A-Z]{{1,8}}{_NUMBER}\b")
"""Identifiers anywhere in a text."""

_WORDS = re.compile(
    r"[*_]*(?P<word>Requirement|User Story|Story|Use Case|Functional Requirement|Non-Functional Requirement)\s+#?(?P<number>\d+(?:\.\d+)*)"
    r"(?P<rest>(?![\w.]).*)",
    re.DOTALL | re.IGNORECASE,
)
_MADE = {"requirement": "R", "user story": "US", "story": "US", "use case": "UC", "functional requirement": "FR", "non-functional requirement": "NFR"}
_CALLED = re.compile(r"[*_]*Requirement\s*:[*_]*\s*(?P<title>\S.*)", re.DOTALL)
_SEPARATOR = re.compile(r"^[*_`\])]*\s*(?:[:.)]|[-–—](?=\s))?[*_`\])]*\s*")
_PARTED = re.compile(r"[*_`\])]*\s*(?:[:)]|\.(?=\s)|[-–—](?=\s))|[*_]{2,3}\s+\S|\]\s+\S")

LONG = 2000
"""Characters from which on a line is taken as it is: no heading is that long."""

ATTRIBUTE = re.compile(
    r"[*_]*(?:(?P<name>depends[ _-]*on|module(?:[ _]hint)?|priority|complexity|type|phase)[*_]*\s*:[*_]*\s*(?P<value>.*)"
    r"|(?P<also>dependenc(?:y|ies))[*_]*\s*:[*_]*\s*(?P<keys>(?:[A-Z]{1,8}-?\d+(?:\.\d+)*(?:\s*(?:,|;|\band\b|&)\s*)?)+|none\.?|nothing|n/a|[-–—]))",
    re.IGNORECASE,
)
"""An attribute line. `Dependencies:` only with identifiers of requirements: people list packages and teams there too."""


def identifier(text: str, in_section: bool = False) -> tuple[str, str] | None:
    """(identifier, title) of a heading that begins with one."""
    match = _KNOWN.match(text) or (_ANY.match(text) if in_section else None)
    if match:
        return match["key"], plain(_SEPARATOR.sub("", match["rest"], count=1)) or match["key"]
    if numbered := _WORDS.match(text):
        key = f"{_MADE[' '.join(numbered['word'].lower().split())]}{numbered['number']}"
        return key, plain(_SEPARATOR.sub("", numbered["rest"], count=1)) or key
    if called := _CALLED.match(text):
        title = plain(called["title"])
        return slug(title, "requirement"), title
    return None


def parted(text: str, in_section: bool = False) -> tuple[str, str] | None:
    """(identifier, rest) of an item or a line that begins with one, parted from the rest by a colon or the like, or in bold."""
    match = _KNOWN.match(text) or (_ANY.match(text) if in_section else None)
    if not match or not _PARTED.match(match["rest"]):
        return None
    rest = _SEPARATOR.sub("", match["rest"], count=1)
    return match["key"], rest


def plain(text: str) -> str:
    """Heading text on one line, without emphasis around it."""
    text = " ".join(text.split())
    if len(text) > LONG:
        return text
    return re.sub(r"^[*_]+\s*(?=\S)|(?<=\S)\s*[*]+$", "", text).strip()
