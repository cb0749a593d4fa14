"""What a coding agent that works by itself is told, and how its turn is retold. Pure."""

from __future__ import annotations

import re

from orchestrator.model import Brief

TEXT_CHARACTERS = 200_000
"""Of what an agent said, and of its transcript, each."""


def prompt(brief: Brief, *, again: bool = False) -> str:
    """The brief, and the rules of the place. `again`: it has been here before, and its files are no longer as it left them."""
    files = ", ".join(f"`{path}`" for path in brief.writable)
    lines = [
        brief.text.rstrip(),
        "",
        "## How you work here",
        "",
        "- You work alone in the folder you were started in. Nobody answers questions: decide yourself. Change the files, do not only describe it.",
        f"- You may change {files}." if files else "- You may change the code.",
        "- Everything else is put back afterwards: tests, configuration, files outside of the folder. Do not commit, push, or install anything.",
        "- You may run what you write"
        + (": `python` is the project's, and `python -m pytest` runs its tests" if brief.python else "")
        + ". What counts is what is found in the files when you have ended.",
    ]
    if again:
        lines.append("- The files were put back since your last turn, and what you changed may be gone. Read them anew before you change them.")
    return "\n".join(lines) + "\n"


def clean(text: str) -> str:
    """Without what no report can hold: colours and other control sequences of terminals, and half characters."""
    text = re.sub(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07\x1b]*(?:\x07|\x1b\\))", "", text.encode("utf-8", "replace").decode())
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", "", text.replace("\r\n", "\n"))


def shortened(text: str, room: int = TEXT_CHARACTERS) -> str:
    """Beginning and end of a long text, with a line that says how much is left out."""
    if len(text) <= room:
        return text
    return f"{text[: room // 2]}\n[… {len(text) - 2 * (room // 2):,} characters left out …]\n{text[-(room // 2) :]}"


class Told:
    """A text that grows piece by piece, of which only the beginning and the end are kept."""

    def __init__(self, room: int = TEXT_CHARACTERS) -> None:
        self.room = room
        self.head = ""
        self.tail = ""
        self.gone = 0

    def add(self, piece: str) -> None:
        free = self.room // 2 - len(self.head)
        self.head += piece[:free]
        self.tail += piece[free:] if free > 0 else piece
        if len(self.tail) > self.room:
            self.gone += len(self.tail) - self.room // 2
            self.tail = self.tail[-(self.room // 2) :]

    def __str__(self) -> str:
        return shortened(self.head + self.tail, self.room) if not self.gone else f"{self.head}\n[… {self.gone:,} characters left out …]\n{self.tail}"
