"""Python source → lines with the class names of Pygments, by one regular expression. Pure.

Nearly all code on the pages is Python, often in pieces that do not parse. This takes a tenth of the time that Pygments takes, and marks only
what a reader tells apart by colour, so that a page is smaller too. Other languages go through Pygments.
"""

from __future__ import annotations

import builtins
import keyword
import re

from markupsafe import Markup, escape

_TOKEN = re.compile(
    r"""(?P<c1>\#[^\n]*)
    |(?P<s>(?i:\b(?:[bfu]|r[bf]?|[bf]r))?(?:'''(?s:\\.|[^\\])*?(?:'''|\Z)|\"\"\"(?s:\\.|[^\\])*?(?:\"\"\"|\Z)|'(?:\\.|[^'\\\n])*'?|"(?:\\.|[^"\\\n])*"?))
    |(?P<nd>^[ \t]*@[\w.]+)
    |(?P<word>[^\W\d]\w*)
    |(?P<mi>\d[\w.]*)
    |(?P<o>[-+*/%=<>!&|^~@]+)""",
    re.VERBOSE | re.MULTILINE,
)
_SPECIAL = re.compile("[&<>\"']")
_KINDS = (
    dict.fromkeys((name for name in dir(builtins) if name.islower()), "nb")
    | dict.fromkeys([*keyword.kwlist, "match", "case"], "k")
    | dict.fromkeys(("True", "False", "None"), "kc")
    | dict.fromkeys(("and", "or", "not", "in", "is"), "ow")
    | dict.fromkeys(("self", "cls"), "bp")
)
_NAMED = {"def": "nf", "class": "nc"}
"""A keyword → the class of the name after it."""


def python(source: str) -> list[Markup]:
    """The lines of a source text; joined and without tags they are the source."""
    parts: list[str] = []
    end, before = 0, ""
    for match in _TOKEN.finditer(source):
        value, kind = match.group(), match.lastgroup or ""
        if kind == "word":
            kind = _NAMED.get(before) or _KINDS.get(value, "")
            before = value
            if not kind:
                continue
        else:
            before = ""
        start = match.start()
        if start > end:
            parts.append(_escaped(source[end:start]))
        end = match.end()
        if "\n" in value:
            parts.append("\n".join(f'<span class="{kind}">{_escaped(line)}</span>' if line else "" for line in value.split("\n")))
        else:
            parts.append(f'<span class="{kind}">{_escaped(value)}</span>')
    parts.append(_escaped(source[end:]))
    return [Markup(line) for line in "".join(parts).split("\n")]


def _escaped(text: str) -> str:
    return str(escape(text)) if _SPECIAL.search(text) else text
