"""Terminal output → Markup with its colours as classes of site.css. Everything else that a terminal would obey is dropped. Pure.

What stays: bold, italic, underlined, struck, inverse, and colours (16, 256 and 24 bit) as the nearest of eight names that can be read in both
schemes. What is hidden, or blinks, is shown as plain text: on a page that is evidence nothing may hide.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from orchestrator.show.text import SEQUENCE, without_controls

MOST = 2000
"""Coloured pieces of one text; the rest is plain, so that no output can blow up a page."""
LONG = 40
"""Lines from which the middle is folded away."""
FIRST, LAST = 6, 20
"""Lines that stand before and after what is folded."""

_LONGEST = 200
"""Characters of a sequence; what is longer ends in no letter then, and changes nothing."""
_PARAMETERS = 32
_NAMES = ("", "red", "green", "yellow", "blue", "magenta", "cyan", "")
"""Colours 0 to 7. Black and white are one or the other's background: whatever the scheme has for text is right."""
_LEVELS = (0, 95, 135, 175, 215, 255)
_SWITCHES: dict[int, dict[str, Any]] = {
    1: {"bold": True},
    2: {"faint": True},
    3: {"italic": True},
    4: {"under": True},
    7: {"inverse": True},
    9: {"struck": True},
    22: {"bold": False, "faint": False},
    23: {"italic": False},
    24: {"under": False},
    27: {"inverse": False},
    29: {"struck": False},
}


class Style(NamedTuple):
    text: str = ""
    ground: str = ""
    bold: bool = False
    faint: bool = False
    italic: bool = False
    under: bool = False
    struck: bool = False
    inverse: bool = False

    @lru_cache(1024)  # noqa: B019
    def classes(self) -> str:
        """A coloured ground takes the scheme's own text colour: of two colours that a program chose, nobody knows whether they can be read."""
        chosen = self.text or "grey" * self.faint
        text, ground = (self.ground, chosen or "plain") if self.inverse else (chosen, self.ground)
        found = [f"b-{ground}" if ground else f"f-{text}" if text else ""]
        found += [f"a-{name}" for name in ("bold", "italic", "under", "struck") if getattr(self, name)]
        return " ".join(name for name in found if name)


def lines(text: str) -> list[Markup]:
    """Each line by itself, its spans closed. Without tags it says what `clean` makes of the text."""
    return [Markup(row) for row in _rows(text)]


def _rows(text: str) -> list[str]:
    """The same as strings, which are finished HTML: of many lines it costs less to make one Markup of all."""
    if text.replace("\n", "").isprintable():
        return str(escape(text)).split("\n")
    found: list[list[str]] = [[]]
    spans = 0
    for style, piece in _pieces(text):
        names = style.classes() if spans < MOST else ""
        first, *others = str(escape(piece)).split("\n")
        if names:
            spans += sum(map(bool, (first, *others)))
            first, *others = (part and f'<span class="{names}">{part}</span>' for part in (first, *others))
        found[-1].append(first)
        found += [[part] for part in others]
    return ["".join(parts) for parts in found]


def terminal(head: str, tail: str = "", left_out: int = 0) -> Markup:
    """A text, or its two ends with `left_out` characters between them. Of many lines the middle is folded."""
    rows = _rows(head.removesuffix("\n"))
    if left_out:
        rows += ["", f"… {left_out:,} characters left out …", "", *_rows(tail.removesuffix("\n"))]
    if len(rows) < LONG:
        return _pre(rows)
    folded = rows[FIRST:-LAST]
    inside = f'<details class="lines"><summary>… {len(folded):,} lines</summary>{_pre(folded)}</details>'
    return Markup(f'<div class="folded">{_pre(rows[:FIRST])}{inside}{_pre(rows[-LAST:])}</div>')


def _pre(rows: Sequence[str]) -> Markup:
    body = "\n".join(rows)
    return Markup(f'<pre class="terminal"><code>{body}</code></pre>')


def _pieces(text: str) -> Iterator[tuple[Style, str]]:
    """Cleaned pieces of text and how each looks, in order."""
    style, at = Style(), 0
    waiting = ""  # a carriage return whose newline may stand behind an escape sequence
    for match in SEQUENCE.finditer(text):
        piece = waiting + text[at : match.start()]
        waiting = "\r" if piece.endswith("\r") else ""
        if piece := piece.removesuffix("\r"):
            yield style, without_controls(piece)
        style, at = _after(style, match.group()[:_LONGEST]), match.end()
    if piece := waiting + text[at:]:
        yield style, without_controls(piece)


@lru_cache(1024)
def _after(style: Style, sequence: str) -> Style:
    body = sequence.removeprefix("\x1b[").removeprefix("\x9b")
    if len(body) == len(sequence) or not body.endswith("m"):
        return style
    parts = body[:-1].replace(":", ";").split(";", _PARAMETERS)[:_PARAMETERS]
    if not all(part == "" or (part.isascii() and part.isdigit() and len(part) <= 3) for part in parts):
        return style
    codes = iter([int(part or 0) for part in parts])
    for code in codes:
        if code == 0:
            style = Style()
        elif code in _SWITCHES:
            style = style._replace(**_SWITCHES[code])
        elif code in (38, 48):
            style = style._replace(text=_chosen(codes)) if code == 38 else style._replace(ground=_chosen(codes))
        elif code in (39, 49):
            style = style._replace(text="") if code == 39 else style._replace(ground="")
        elif 30 <= code <= 37 or 90 <= code <= 97:
            style = style._replace(text=_indexed(code - 30 if code < 40 else code - 82))
        elif 40 <= code <= 47 or 100 <= code <= 107:
            style = style._replace(ground=_indexed(code - 40 if code < 50 else code - 92))
    return style


def _chosen(codes: Iterator[int]) -> str:
    """What follows 38 or 48: `5;n` or `2;r;g;b`."""
    kind = next(codes, -1)
    if kind == 5:
        return _indexed(next(codes, 0))
    if kind == 2:
        return _nearest(next(codes, 0), next(codes, 0), next(codes, 0))
    return ""


def _indexed(number: int) -> str:
    """A colour of the 256."""
    if number < 16:
        return "grey" if number == 8 else _NAMES[number % 8]
    if number < 232:
        red, rest = divmod(number - 16, 36)
        return _nearest(*(_LEVELS[part] for part in (red, *divmod(rest, 6))))
    return "grey" if 236 <= number < 250 else ""


def _nearest(red: int, green: int, blue: int) -> str:
    """By hue; what has hardly any is grey, and what is nearly black or white is plain."""
    high, low = min(255, max(red, green, blue)), min(red, green, blue)
    if high - low < 40:
        return "grey" if 64 <= high <= 200 else ""
    span = high - low
    if high == min(255, red):
        hue = 60 * ((green - blue) / span % 6)
    elif high == min(255, green):
        hue = 60 * ((blue - red) / span + 2)
    else:
        hue = 60 * ((red - green) / span + 4)
    for end, name in ((20, "red"), (70, "yellow"), (165, "green"), (200, "cyan"), (262, "blue"), (340, "magenta")):
        if hue < end:
            return name
    return "red"
