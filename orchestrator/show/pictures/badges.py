"""Badges: small pictures for a README that say what is proved and what became of the last run. Pure.

Each is an SVG of its own, without a service, and the same as JSON for the endpoint of shields.io (https://shields.io/badges/endpoint-badge).
"""

from __future__ import annotations

import json
from html import escape
from typing import NamedTuple

from orchestrator.show import addresses
from orchestrator.show.data_api.api_models import RunRow, Totals
from orchestrator.show.text import clean

# fmt: off
_WIDTHS = (
    651, 821, 942, 1716, 1303, 1946, 1597, 563, 799, 799, 1024, 1716, 651, 739, 651, 690, 1303, 1303, 1303, 1303, 1303, 1303, 1303, 1303, 1303, 1303,
    690, 690, 1716, 1716, 1716, 1087, 2048, 1401, 1405, 1430, 1577, 1294, 1178, 1587, 1540, 604, 604, 1343, 1141, 1767, 1532, 1612, 1235, 1612, 1423,
    1300, 1251, 1499, 1401, 2025, 1403, 1251, 1403, 799, 690, 799, 1716, 1024, 1024, 1255, 1300, 1126, 1300, 1260, 721, 1300, 1298, 569, 569, 1186,
    569, 1995, 1298, 1253, 1300, 1300, 842, 1067, 803, 1298, 1212, 1675, 1212, 1212, 1075, 1303, 690, 1303, 1716,
)
# fmt: on
"""Of the printable characters of ASCII in DejaVu Sans, in 2048ths of the size of the font; Verdana's are the same to a few percent."""

SIZE = 11
LONGEST = 60
"""Characters of one side; a name may be of any length."""

LEFT = "#555555"
COLOURS = {"good": "#1a7f37", "some": "#8a5a00", "bad": "#c62828", "person": "#6f42c1", "quiet": "#57606a"}
"""White text on each has a contrast of at least 4.5."""

OUTCOMES = {"done": "good", "failed": "bad", "needs a person": "person", "parked": "some", "interrupted": "some"}


class Badge(NamedTuple):
    label: str
    message: str
    colour: str
    """Of the right side, a key of COLOURS."""
    title: str
    """What a screen reader says."""


def place(slug: str, what: str) -> str:
    """Path without its ending. `slug`: of the project; '' for the whole site."""
    return f"badges/{slug}-{what}" if slug else f"badges/{what}"


def proved(name: str, totals: Totals) -> Badge:
    """Criteria proved, of all. `name`: of the project or the site."""
    asked, found = totals.criteria, totals.proved
    said = f"{found:,} of {asked:,} criteria" if asked else "nothing asked for"
    colour = "quiet" if not asked else "good" if found == asked else "some" if found else "bad"
    return Badge("proved", said, colour, f"{name}: {said}{' proved' if asked else ''}")


def last_run(name: str, run: RunRow | None) -> Badge:
    if run is None:
        return Badge("last run", "none yet", "quiet", f"{name}: no run yet")
    said = "cannot be read" if run.error else run.outcome
    day = run.started_at[:10]
    return Badge("last run", f"{said}, {day}" if day else said, OUTCOMES.get(said, "quiet"), f"{name}: last run {said}{f' on {day}' if day else ''}")


def files(slug: str, name: str, totals: Totals, run: RunRow | None) -> dict[str, str]:
    """The four files of a project, or of the whole site."""
    found = {place(slug, "proved"): proved(name, totals), place(slug, "last-run"): last_run(name, run)}
    return {f"{path}.svg": svg(badge) for path, badge in found.items()} | {f"{path}.json": endpoint(badge) for path, badge in found.items()}


SOMEWHERE = "https://your-site.example/"
"""Stands in examples for the site's address where nobody said it."""


def snippet(name: str, url: str) -> str:
    """Markdown of the two badges of a project, or of the whole site where `name` is ''. `url`: where the site is published, or ''."""
    base, slug = url or SOMEWHERE, addresses.slug(name) if name else ""
    to = base + (addresses.project(name) if name else "")
    said = "".join(sign for sign in name if sign.isalnum() or sign in " ._-") or "all projects"
    found = [("proved", f"{said}: proved"), ("last-run", f"{said}: last run")]
    return "\n".join(f"[![{words}]({base}{place(slug, what)}.svg)]({to})" for what, words in found)


def width(text: str) -> float:
    """Pixels of a text at SIZE; what is not ASCII counts as the widest."""
    widest = max(_WIDTHS)
    return sum(_WIDTHS[ord(sign) - 32] if 32 <= ord(sign) < 127 else widest for sign in text) * SIZE / 2048


def endpoint(badge: Badge) -> str:
    values = {"schemaVersion": 1, "label": _plain(badge.label), "message": _plain(badge.message), "color": COLOURS[badge.colour].removeprefix("#")}
    return json.dumps(values, ensure_ascii=False) + "\n"


def svg(badge: Badge) -> str:
    """`textLength` makes any font fill exactly what was measured."""
    left, right = _plain(badge.label), _plain(badge.message)
    first, second = width(left), width(right)
    edge, whole = round(first + 12), round(first + 12) + round(second + 12)
    title = escape(_plain(badge.title, 200))

    def said(text: str, middle: float, length: float) -> str:
        return f'<text x="{middle:g}" y="14" textLength="{length:.1f}" lengthAdjust="spacingAndGlyphs">{escape(text)}</text>'

    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" viewBox="0 0 {whole} 20" role="img" aria-label="{title}">'
        f"<title>{title}</title>"
        f'<clipPath id="r"><rect width="{whole}" height="20" rx="3"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{edge}" height="20" fill="{LEFT}"/>'
        f'<rect x="{edge}" width="{whole - edge}" height="20" fill="{COLOURS[badge.colour]}"/></g>'
        f'<g fill="#ffffff" text-anchor="middle" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="{SIZE}">'
        f"{said(left, edge / 2, first)}{said(right, edge + (whole - edge) / 2, second)}</g></svg>\n"
    )


def _plain(text: str, longest: int = LONGEST) -> str:
    """One line, short, and without what XML cannot hold."""
    line = " ".join(clean(text).replace("\ufffe", "").replace("\uffff", "").split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."
