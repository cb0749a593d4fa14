"""Python source → lines with the class names of Pygments, by one regular expression. Pure.

Nearly all code on the pages is Python, often in pieces that do not parse. This takes a tenth of the time that Pygments takes, and marks only
what a reader tells apart by colour, so that a page is smaller too. Other languages go through Pygments.
"""

from __future__ import annotations

import builtins
import keyword
import re
from functools import lru_cache

from markupsafe import escape

_TOKEN = re.compile(
    r"""(\#[^\n]*
    |(?i:\b(?:[bfu]|r[bf]?|[bf]r))?(?:'''(?s:\\.|[^\\])*?(?:'''|\Z)|\"\"\"(?s:\\.|[^\\])*?(?:\"\"\"|\Z)|'(?:\\.|[^'\\\n])*'?|"(?:\\.|[^"\\\n])*"?)
    |^[ \t]*@[\w.]+
    |[^\W\d]\w*
    |\d[\w.]*
    |[-+*/%=<>!&|^~@]+)""",
    re.VERBOSE | re.MULTILINE,
)
"""A comment, a string, a decorator, a word, a number, operators. What lies between them is nothing that HTML would take for its own."""
_KINDS = (
    dict.fromkeys((name for name in dir(builtins) if name.islower()), "nb")
    | dict.fromkeys([*keyword.kwlist, "match", "case"], "k")
    | dict.fromkeys(("True", "False", "None"), "kc")
    | dict.fromkeys(("and", "or", "not", "in", "is"), "ow")
    | dict.fromkeys(("self", "cls"), "bp")
)
_NAMED = {"def": "nf", "class": "nc"}
"""A keyword → the class of the name after it."""
SHORT = 100
"""Characters of a token that is remembered."""


def python(source: str) -> list[str]:
    """The lines of a source text as HTML; joined and without tags they are the source."""
    parts = _TOKEN.split(source)
    named = ""
    for at in range(1, len(parts), 2):
        token = parts[at]
        if named and _word(token):
            parts[at] = f'<span class="{named}">{token}</span>'
        else:
            parts[at] = _spanned(token) if len(token) <= SHORT else _span(token)
        named = _NAMED.get(token, "")
    return "".join(parts).split("\n")


def _word(token: str) -> bool:
    """Whether a token is a name or a keyword."""
    first = token[0]
    return (first == "_" or (first.isalnum() and not first.isdecimal())) and "'" not in token and '"' not in token


def _span(token: str) -> str:
    if _word(token):
        kind = _KINDS.get(token, "")
        return f'<span class="{kind}">{token}</span>' if kind else token
    if token[0] == "#":
        kind = "c1"
    elif "'" in token or '"' in token:
        kind = "s"
    elif token[0].isdecimal():
        kind = "mi"
    else:
        kind = "nd" if token[-1] in "._" or token[-1].isalnum() else "o"
    said = str(escape(token))
    if "\n" in token:
        return "\n".join(f'<span class="{kind}">{line}</span>' if line else "" for line in said.split("\n"))
    return f'<span class="{kind}">{said}</span>'


_spanned = lru_cache(maxsize=4096)(_span)
