"""Pictures of what changes over time, as inline SVG: pure functions from values to Markup, like svg.py.

Every picture reads without colour: lines differ in their dashes and carry their names at their ends, what is not used stays hollow, and each mark
says in words what it is. Every page with one has the same figures as a table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from orchestrator.show.text import clean

WIDTH, HEIGHT = 640, 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 108, 14, 26


def plain(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


class Line(NamedTuple):
    """A line of a picture; None: nobody knows, and the line has a gap."""

    name: str
    style: str
    """A class of over-time.css: `total`, `proved`, `mutation`, `spent`."""
    values: Sequence[float | None]
    area: bool = False


class Spot(NamedTuple):
    """A place on the x axis: all that happened there, in words, and the page about it."""

    label: str
    """What stands below the axis."""
    says: str
    href: str = ""


def lines(
    title: str, said: str, spots: Sequence[Spot], drawn: Sequence[Line], most: float | None = None, shown: Callable[[float], str] = plain
) -> Markup:
    """Lines over the same spots, the newest on the right; '' where nothing is known."""
    known = [value for line in drawn for value in line.values if value is not None]
    if not known or not spots:
        return Markup("")
    top = nice(most if most is not None else max(known))
    parts = [_grid(top, shown), _axis(spots)]
    parts += [_area(line, len(spots), top) for line in drawn if line.area]
    parts += [_line(line, len(spots), top) for line in drawn]
    parts += _names([(line, _last(line.values)) for line in drawn], top, shown)
    parts += _hits(spots)
    return _frame("lines", title, said, parts)


def columns(
    title: str,
    said: str,
    spots: Sequence[Spot],
    values: Sequence[float | None],
    shown: Callable[[float], str] = plain,
    limit: float | None = None,
) -> Markup:
    """A column for each spot, `?` where nobody knows; `limit`: a line across, with its name."""
    known = [value for value in values if value is not None]
    if not spots or not known:
        return Markup("")
    top = nice(max(*known, limit or 0.0, 0.0))
    room = (WIDTH - _LEFT - _RIGHT) / max(1, len(spots))
    wide = max(1.5, min(26.0, room * 0.7))
    parts = [_grid(top, shown), _axis(spots)]
    for index, value in enumerate(values):
        x, y = _x(index, len(spots)), _y(value or 0.0, top)
        if value is None:
            parts.append(Markup('<text class="unknown" x="{:.1f}" y="{}" text-anchor="middle">?</text>').format(x, HEIGHT - _BOTTOM - 4))
        elif value:
            parts.append(
                Markup('<rect class="column" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="1"/>').format(
                    x - wide / 2, y, wide, HEIGHT - _BOTTOM - y
                )
            )
    if limit is not None:
        y = _y(limit, top)
        parts.append(
            Markup('<line class="limit" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/><text class="name" x="{}" y="{:.1f}">limit {}</text>').format(
                _LEFT, WIDTH - _RIGHT, y, y, WIDTH - _RIGHT + 6, y + 4, shown(limit)
            )
        )
    parts += _hits(spots)
    return _frame("columns-over-time", title, said, parts)


def stood(name: str, found: Sequence[Sequence[Any]]) -> Markup:
    """What was proved of a project, in the size of a word. `found`: (proved, in all, when), oldest first, as a summary has them."""
    if not found:
        return Markup("")
    (first, of, at), (proved, total, _) = found[0], found[-1]
    said = f"{proved} of {total} now; {first} of {of} at {at[:10]}"
    return spark([(one, all_) for one, all_, _ in found], f"Requirements of {name} that are proved, over time", said)


def spark(values: Sequence[tuple[float | None, float | None]], title: str, said: str) -> Markup:
    """(proved, total) over time in the size of a word: the total hollow, what is proved filled."""
    points = [(proved, total) for proved, total in values if proved is not None and total is not None]
    highest = max((total or 0.0 for _, total in points), default=0.0)
    if not highest:
        return Markup("")
    if len(points) == 1:
        points *= 2
    step = 116 / (len(points) - 1)

    def way(index: int) -> str:
        return " ".join(f"{2 + number * step:.1f},{26 - 23 * (point[index] or 0.0) / highest:.1f}" for number, point in enumerate(points))

    return Markup(
        '<svg class="spark" viewBox="0 0 120 28" width="120" height="28" role="img"><title>{}</title><desc>{}</desc>'
        '<polygon class="area" points="2,26 {} 118,26"/><polyline class="total" points="{}"/><polyline class="proved" points="{}"/></svg>'
    ).format(clean(title), clean(said), way(0), way(1), way(0))


def trend(values: Sequence[float], title: str, said: str) -> Markup:
    """Small columns, in the size of a word, the newest on the right."""
    highest = max(values, default=0.0)
    if highest <= 0:
        return Markup("")
    shown = list(values)[-40:]
    parts = [
        Markup('<rect class="column" x="{}" y="{:.1f}" width="2.2" height="{:.1f}"/>').format(
            3 * index, 18 - 17 * value / highest, 17 * value / highest
        )
        for index, value in enumerate(shown)
        if value > 0
    ]
    return Markup('<svg class="trend" viewBox="0 0 120 18" width="120" height="18" role="img"><title>{}</title><desc>{}</desc>{}</svg>').format(
        clean(title), clean(said), Markup("").join(parts)
    )


def gauge(spent: float, booked: float, limit: float | None, said: str) -> Markup:
    """A budget: what is spent (filled) and booked (hatched by lines) of its limit; without one, an empty frame would say nothing: ''."""
    if limit is None:
        return Markup("")
    whole = max(limit, spent + booked) or 1.0
    used, kept = 100 * spent / whole, 100 * booked / whole
    ticks = [
        Markup('<line class="hatch" x1="{:.2f}" x2="{:.2f}" y1="0" y2="10"/>').format(x, x)
        for x in (used + 1.0 + 2.0 * step for step in range(50))
        if x < used + kept
    ]
    over = Markup("")
    if spent + booked > limit:
        over = Markup('<line class="end" x1="{0:.2f}" x2="{0:.2f}" y1="0" y2="10"/>').format(100 * limit / whole)
    tone = "bad" if spent + booked >= limit else "wait" if spent + booked >= 0.8 * limit else "good"
    return Markup(
        '<svg class="gauge tone-{}" viewBox="0 0 100 10" preserveAspectRatio="none" role="img"><title>{}</title>'
        '<rect class="used" x="0" y="0" width="{:.2f}" height="10"/><rect class="booked" x="{:.2f}" y="0" width="{:.2f}" height="10"/>{}{}</svg>'
    ).format(tone, clean(said), used, used, kept, Markup("").join(ticks), over)


def share(part: float, whole: float, said: str) -> Markup:
    """A bar of a table's row."""
    if whole <= 0:
        return Markup("")
    return Markup(
        '<svg class="share" viewBox="0 0 100 10" preserveAspectRatio="none" role="img"><title>{}</title>'
        '<rect class="column" x="0" y="1" width="{:.2f}" height="8"/></svg>'
    ).format(clean(said), 100 * part / whole)


# --- parts of a picture ---------------------------------------------------------------------------------------------------


def nice(value: float) -> float:
    """The least round number that is not below: 1, 2, 4, 5, 6, 8 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** (len(f"{int(value)}") - 1) if value >= 1 else 1.0
    while power > value:
        power /= 10
    return next((step * power for step in (1, 2, 4, 5, 6, 8) if step * power >= value * (1 - 1e-9)), 10 * power)


def _x(index: int, count: int) -> float:
    room = (WIDTH - _LEFT - _RIGHT) / count
    return _LEFT + room * (index + 0.5)


def _y(value: float, top: float) -> float:
    return _TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - value / top)


def _grid(top: float, shown: Callable[[float], str]) -> Markup:
    parts = []
    for part in (0.0, 0.5, 1.0):
        y = _y(top * part, top)
        parts.append(
            Markup(
                '<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/><text class="tick" x="{}" y="{:.1f}" text-anchor="end">{}</text>'
            ).format(_LEFT, WIDTH - _RIGHT, y, y, _LEFT - 6, y + 4, shown(top * part))
        )
    return Markup("").join(parts)


def _axis(spots: Sequence[Spot]) -> Markup:
    """Names of the first, the last, and of some between them."""
    count = len(spots)
    most = 6 if count > 6 else count
    chosen = sorted({round(index * (count - 1) / max(1, most - 1)) for index in range(most)})
    parts, before = [], ""
    for index in chosen:
        if spots[index].label != before:
            parts.append(
                Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
                    _x(index, count), HEIGHT - 8, clean(spots[index].label)
                )
            )
        before = spots[index].label
    return Markup("").join(parts)


def _pieces(values: Sequence[float | None], count: int, top: float) -> list[list[tuple[float, float]]]:
    found: list[list[tuple[float, float]]] = [[]]
    for index, value in enumerate(values):
        if value is None:
            found.append([])
        else:
            found[-1].append((_x(index, count), _y(value, top)))
    return [piece for piece in found if piece]


def _line(line: Line, count: int, top: float) -> Markup:
    parts = []
    for piece in _pieces(line.values, count, top):
        if len(piece) > 1:
            way = " ".join(f"{x:.1f},{y:.1f}" for x, y in piece)
            parts.append(Markup('<polyline class="line {}" points="{}"/>').format(line.style, way))
        if len(piece) == 1 or count <= 30:
            parts += [Markup('<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="2.6"/>').format(line.style, x, y) for x, y in piece]
    return Markup("").join(parts)


def _area(line: Line, count: int, top: float) -> Markup:
    floor = HEIGHT - _BOTTOM
    return Markup("").join(
        Markup('<polygon class="area {}" points="{:.1f},{} {} {:.1f},{}"/>').format(
            line.style, piece[0][0], floor, " ".join(f"{x:.1f},{y:.1f}" for x, y in piece), piece[-1][0], floor
        )
        for piece in _pieces(line.values, count, top)
        if len(piece) > 1
    )


def _names(ends: Sequence[tuple[Line, float | None]], top: float, shown: Callable[[float], str]) -> list[Markup]:
    """The names of lines at their ends, moved apart where they would meet."""
    placed: list[tuple[float, Line, float]] = []
    for line, value in sorted(((line, value) for line, value in ends if value is not None), key=lambda each: -each[1]):
        y = _y(value, top) + 4
        if placed and y - placed[-1][0] < 14:
            y = placed[-1][0] + 14
        placed.append((y, line, value))
    return [
        Markup('<text class="name {}" x="{}" y="{:.1f}">{} {}</text>').format(line.style, WIDTH - _RIGHT + 6, y, shown(value), line.name)
        for y, line, value in placed
    ]


def _last(values: Sequence[float | None]) -> float | None:
    return next((value for value in reversed(values) if value is not None), None)


def _hits(spots: Sequence[Spot]) -> list[Markup]:
    """What can be pointed at, and followed: the whole height of each spot. Keys find the same links in the table."""
    room = (WIDTH - _LEFT - _RIGHT) / max(1, len(spots))
    made = []
    for index, spot in enumerate(spots):
        hit = Markup('<title>{}</title><rect class="hit" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>').format(
            clean(spot.says), _LEFT + room * index, _TOP, room, HEIGHT - _TOP - _BOTTOM
        )
        made.append(Markup('<a href="{}" tabindex="-1">{}</a>').format(spot.href, hit) if spot.href else Markup("<g>{}</g>").format(hit))
    return made


def _frame(name: str, title: str, said: str, parts: Sequence[Markup]) -> Markup:
    return Markup('<svg class="chart {}" viewBox="0 0 {} {}" role="group" aria-label="{}"><title>{}</title><desc>{}</desc>{}</svg>').format(
        name, WIDTH, HEIGHT, clean(title), clean(title), clean(said), Markup("").join(parts)
    )
