"""Lines → the files of a module structure: an indented list, an ASCII tree, or bullets, with what each is for. Pure.

src/library/                 ├── loans.py    # lends          - `src/library/loans.py`: lends
  loans.py   # lends
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.structure import Module

_LEAD = re.compile(r"(?:[\s│├└─┬┼┃┣┗━║╠╚═|]|`(?=-)|[+\\](?=[-–])|[-–](?=[-–\s])|[*•+](?=\s)|\d{1,3}[.)](?=\s))*")
_ENTRY = re.compile(
    r"[*`]*(?P<name>\.{1,2}/|/|(?:[\w.@~{}+-]+/)*[\w.@~{}+-]+/?)[*`]*"
    r"(?P<rest>$|[ \t]*(?:#|//|<-|←|→|->|:|[-–—]+[ \t]|\()[ \t]*.*|[ \t]{2,}.*|\t.*)"
)
_TEXT = re.compile(r"^[ \t]*(?:#|//|<-|←|→|->|:|[-–—]+(?=[ \t])|\()?[ \t]*")
_FILE = re.compile(r"(?:.*/)?[\w.@~{}+-]*\.[A-Za-z]\w{0,7}|(?:.*/)?(?:Dockerfile|Makefile|LICENSE|Justfile|Procfile)")
_ROOT = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "README.md", "src/", "tests/")

DEPTH = 40
"""Folders within folders; what is deeper is left out."""


@dataclass(frozen=True)
class _Entry:
    column: int
    name: str
    text: str
    line: int
    folder: bool


def read(lines: Sequence[str], first: int, last: int) -> list[Module]:
    """The files that lines `first` to `last` (from 1) name, in order."""
    entries = _entries(lines, first, last)
    found: list[Module] = []
    stack: list[_Entry] = []
    paths: list[str] = [""]
    tops: list[_Entry] = []
    for entry in entries:
        while stack and stack[-1].column >= entry.column:
            stack.pop()
            paths.pop()
        path = paths[-1] + entry.name.removeprefix("./").lstrip("/")
        if not stack and entry.folder:
            tops.append(entry)
        if entry.folder:
            if len(stack) < DEPTH:
                stack.append(entry)
                paths.append("" if entry.name in ("./", "/", ".") else path.rstrip("/") + "/")
        elif ".." not in path.split("/") and len(path) <= 300:
            found.append(Module(path, entry.line, text=entry.text or (stack[-1].text if stack else "")))
    return _unwrapped(found, tops, entries)


def _entries(lines: Sequence[str], first: int, last: int) -> list[_Entry]:
    plain: list[tuple[int, str, str, int]] = []
    for number in range(first, last + 1):
        line = lines[number - 1].expandtabs(4).rstrip()
        if line.lstrip().startswith(("```", "~~~")):
            continue
        lead = _LEAD.match(line)
        column = lead.end() if lead else 0
        match = _ENTRY.fullmatch(line, column) if column < len(line) <= 1000 else None
        if match and not (match["rest"] == "" and re.fullmatch(r"[-=~`.]+", match["name"])):
            text = _TEXT.sub("", match["rest"], count=1).strip().strip("`")
            text = text.removesuffix(")") if text.count(")") > text.count("(") else text
            plain.append((column, match["name"], text, number))
    found = []
    for place, (column, name, text, number) in enumerate(plain):
        deeper = place + 1 < len(plain) and plain[place + 1][0] > column
        file = _FILE.fullmatch(name) is not None and not name.endswith("/")
        if file or name.endswith("/") or deeper:
            found.append(_Entry(column, name, text, number, not file))
    return found


def _unwrapped(found: list[Module], tops: list[_Entry], entries: list[_Entry]) -> list[Module]:
    """Without the folder that stands for the repository itself: the only one at the top, with what a repository has right below it."""
    if len(tops) != 1 or not found or not entries or entries[0] is not tops[0]:
        return found
    root = tops[0].name.removeprefix("./").rstrip("/") + "/"
    below = min((entry.column for entry in entries[1:]), default=0)
    names = {entry.name.removesuffix("/") + ("/" if entry.folder else "") for entry in entries[1:] if entry.column == below}
    if "/" in root[:-1] or not names & set(_ROOT) or root in ("src/", "tests/") or not all(module.path.startswith(root) for module in found):
        return found
    return [Module(module.path.removeprefix(root), module.line, text=module.text) for module in found]
