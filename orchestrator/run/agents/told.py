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
        "- Everything else is put back afterwards, other tests and configuration too. Do not commit, push, or install anything.",
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


class Told:
    """A text that grows piece by piece, of which only the beginning and the end are kept."""

    def __init__(self, room: int = TEXT_CHARACTERS) -> None:
        self.room = room
        self.head = ""
        self.pieces: list[str] = []
        self.size = 0
        """Characters of the pieces."""
        self.gone = 0

    def add(self, piece: str) -> None:
        if (free := self.room // 2 - len(self.head)) > 0:
            self.head += piece[:free]
            piece = piece[free:]
        self.pieces.append(piece)
        self.size += len(piece)
        if self.size > 2 * self.room:  # seldom, since it costs as much as all that is kept
            self._forget()

    def _forget(self) -> None:
        tail = "".join(self.pieces)
        kept = tail[-(self.room // 2) :]
        self.gone += len(tail) - len(kept)
        self.pieces, self.size = [kept], len(kept)

    def __str__(self) -> str:
        if len(self.head) + self.size > self.room:
            self._forget()
        between = f"\n[… {self.gone:,} characters left out …]\n" if self.gone else ""
        return self.head + between + "".join(self.pieces)
