"""Words of a PRD where a code host reads them: nobody is called by them, no issue is closed, no link is made, no table is broken. Pure.

Hosts act on `@name`, `#1`, `!1`, `GH-1`, `PROJECT-1` and addresses, in requests and in commit messages alike. An invisible blank (U+200B) behind the
mark keeps the words readable, and the host from seeing more in them.
"""

from __future__ import annotations

import re

GAP = "\u200b"

_MARKS = re.compile(
    r"(?:@(?=[\w-])|[#!$&](?=\d)|[%~](?=[\w\"])|\b(?!UTF|SHA|ISO|RFC|CP)(?:[A-Z][A-Z0-9_]{1,30}|gh)-(?=\d)|\bwww\.(?=\w)|:(?=//)|\bmailto:)"
)
_MARKDOWN = re.compile(r"([\\`*_\[\]|~$^])")


def harmless(text: str) -> str:
    """In one line, without control characters, and with the gaps."""
    return _MARKS.sub(lambda match: match[0] + GAP, line(text))


def words(text: str, most: int = 300) -> str:
    """The same as Markdown that shows these very words: in a table, a list or a sentence."""
    kept = harmless(cut(line(text), most))
    return _MARKDOWN.sub(r"\\\1", kept.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def code(text: str, most: int = 200) -> str:
    """A code span that holds in a table, too: hosts read nothing into code."""
    kept = cut(line(text), most).replace("`", "'").replace("|", "\\|").strip()
    return f"`{kept}`" if kept else ""


def line(text: str) -> str:
    """In one line; what does not print is a blank."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
