"""The moves of a task as a picture and as tables, from the one list of them in `run/lifecycle.py`. Pure.

States stand in columns by the longest way to them; moves forward lead from box to box, and each move back has a lane of its own below, which ends
in the trunk of the state it leads to. A state that is reached from all others by one move is drawn once, from "any state".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from orchestrator.run.lifecycle import MOVES, SETTLED, STATES, Move
from orchestrator.show import words

ANY = "any state"

_WIDE, _HIGH, _GAP, _PITCH, _LANE, _EDGE = 94, 34, 132, 60, 17, 16
_SLOT = 8
"""Between lines that go down side by side, left of a column: one for each row of it, then the trunk."""

INTRODUCTION = """\
# How a task moves

<!-- Generated from orchestrator/run/lifecycle.py by `make docs`; change the table there. -->

A task is always in one of these states, and changes it by one of these moves, or not at all: the database refuses every other. What a state means to
a reader is in [verdicts and states](verdicts.md).

<!-- the picture of these moves is on the site -->
"""


class Edge(NamedTuple):
    source: str
    target: str
    moves: tuple[Move, ...]


def page() -> str:
    """docs/guide/states.md."""
    everywhere = _everywhere(MOVES)
    single = [move for move in MOVES if (move.name, move.target) not in everywhere]
    rows = [f"| {move.source} | {move.name} | {move.target} | {move.sentence} |" for move in single]
    for name, target in everywhere:
        sentence = next(move.sentence for move in MOVES if (move.name, move.target) == (name, target))
        rows.append(f"| any but {target} | {name} | {target} | {sentence} |")
    states = [f"| {state} | {says} | {'a run ends here' if state in SETTLED else ''} |" for state, says in STATES.items()]
    parts = [
        INTRODUCTION,
        "## States",
        "",
        *("| State | | |", "|---|---|---|", *states),
        "",
        "## Moves",
        "",
        *("| From | Move | To | When |", "|---|---|---|---|", *rows),
        "",
        "Being reclaimed, parked or in conflict costs no attempt.",
    ]
    return "\n".join(parts) + "\n"


def edges(moves: Sequence[Move]) -> list[Edge]:
    """The moves, those between the same two states together; what leads from every other state to one leads from ANY."""
    everywhere = _everywhere(moves)
    found: dict[tuple[str, str], list[Move]] = {}
    for move in moves:
        source = ANY if (move.name, move.target) in everywhere else move.source
        if not any(known.name == move.name and source == ANY for known in found.get((source, move.target), ())):
            found.setdefault((source, move.target), []).append(move)
    return [Edge(*pair, tuple(items)) for pair, items in found.items()]


def _everywhere(moves: Sequence[Move]) -> list[tuple[str, str]]:
    """(name, target) of moves that lead to a state from every other one."""
    states = {state for move in moves for state in (move.source, move.target)}
    named: dict[tuple[str, str], set[str]] = {}
    for move in moves:
        named.setdefault((move.name, move.target), set()).add(move.source)
    return [(name, target) for (name, target), sources in named.items() if len(states) > 3 and sources == states - {target}]


def columns(found: Sequence[Edge]) -> dict[str, tuple[int, int]]:
    """State → (column, row). Columns by the longest way along moves that close no circle, in the order in which the moves are listed."""
    following: dict[str, list[str]] = {}
    for edge in found:
        following.setdefault(edge.source, []).append(edge.target)
    order: list[str] = []
    back: set[tuple[str, str]] = set()

    def visit(state: str, above: tuple[str, ...]) -> None:
        for target in following.get(state, ()):
            if target in (*above, state):
                back.add((state, target))
            elif target not in order:
                visit(target, (*above, state))
        order.append(state)

    last = [edge.target for edge in found if edge.source == ANY]
    for edge in found:
        if edge.source not in (ANY, *last, *order):
            visit(edge.source, ())
    order.reverse()
    depth = dict.fromkeys(order, 0)
    for state in order:
        for target in following.get(state, ()):
            if (state, target) not in back:
                depth[target] = max(depth[target], depth[state] + 1)
    deepest = max(depth.values(), default=0)
    for edge in found:
        if edge.source == ANY:
            depth[ANY], depth[edge.target] = max(0, deepest - 1), max(1, deepest)
    rows: dict[int, int] = {}
    spots: dict[str, tuple[int, int]] = {}
    listed = list(STATES)
    for state in sorted(order, key=lambda name: listed.index(name) if name in listed else len(listed)):
        rows[depth[state]] = rows.get(depth[state], -1) + 1
        spots[state] = (depth[state], rows[depth[state]])
    bottom = max(rows.values(), default=-1) + 1
    for number, state in enumerate(last):
        spots[ANY], spots[state] = (depth[ANY], bottom), (depth[state], bottom + number)
    return spots


def picture(moves: Sequence[Move]) -> Markup:
    """The diagram, inline SVG."""
    found = edges(moves)
    spots = columns(found)
    forward = [edge for edge in found if spots[edge.source][0] < spots[edge.target][0]]
    lanes = sorted((edge for edge in found if edge not in forward), key=lambda edge: (spots[edge.source][0], -spots[edge.source][1], edge.target))
    rows = 1 + max(row for _, row in spots.values())
    floor = _EDGE + (rows - 1) * _PITCH + _HIGH + 14
    width = _left(max(column for column, _ in spots.values())) + _WIDE + _EDGE
    height = floor + len(lanes) * _LANE + _EDGE
    parts = [_forward(edge, spots) for edge in forward]
    parts += [_label(state, spots[state], [edge for edge in forward if edge.target == state]) for state in spots]
    parts += [_lane(edge, spots, floor + (number + 1) * _LANE) for number, edge in enumerate(lanes)]
    parts += [_box(state, spots[state]) for state in spots]
    said = f"{len(spots) - (ANY in spots)} states and {len(moves)} moves; the tables below name every one of them."
    return Markup(
        '<svg class="moves" viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="group"><title>States of a task, and the moves between them</title>'
        "<desc>{2}</desc>{3}</svg>"
    ).format(width, height, said, Markup("").join(parts))


def _left(column: int) -> int:
    return _EDGE + column * (_WIDE + _GAP)


def _top(row: int) -> int:
    return _EDGE + row * _PITCH


def _box(state: str, spot: tuple[int, int]) -> Markup:
    x, y = _left(spot[0]), _top(spot[1])
    if state == ANY:
        return Markup('<g><rect class="any" x="{}" y="{}" width="{}" height="{}" rx="6"/><text class="id" x="{}" y="{}">{}</text></g>').format(
            x, y, _WIDE, _HIGH, x + 10, y + 21, ANY
        )
    word = words.word("state", state)
    settled = "; a run ends here" if state in SETTLED else ""
    return Markup(
        '<g><title>{}: {}{}</title><rect class="box tone-{}" x="{}" y="{}" width="{}" height="{}" rx="6"/>'
        '<rect class="bar tone-{}" x="{}" y="{}" width="4" height="{}" rx="2"/><text class="id" x="{}" y="{}">{} {}</text></g>'
    ).format(
        *(state, STATES.get(state, ""), settled),
        *(word.tone, x, y, _WIDE, _HIGH, word.tone, x, y, _HIGH),
        *(x + 11, y + 21, word.symbol, state),
    )


def _forward(edge: Edge, spots: dict[str, tuple[int, int]]) -> Markup:
    """From the right of a box to the left of another, along the target's row, or just above it where other boxes stand in that row."""
    (start, row), (end, to) = spots[edge.source], spots[edge.target]
    x, y = _left(start) + _WIDE, _top(row) + _HIGH // 2
    goal, height = _left(end), _top(to) + _HIGH // 2
    out = x + 12 + _SLOT * row
    way = [(x, y), (out, y)]
    if any(column in range(start + 1, end) and line == to for column, line in spots.values()):
        above = _top(to) - (_PITCH - _HIGH) // 2
        way += [(out, above), (_left(end - 1) + _WIDE + 12, above), (_left(end - 1) + _WIDE + 12, height)]
    else:
        way += [(out, height)]
    return _drawn(edge, [*way, (goal, height)], "edge")


def _label(state: str, spot: tuple[int, int], arriving: Sequence[Edge]) -> Markup:
    """What the moves are called that lead forward to a state."""
    names = ", ".join(dict.fromkeys(move.name for edge in arriving for move in edge.moves))
    x, y = _left(spot[0]) - 7 * _SLOT + 8, _top(spot[1]) + _HIGH // 2 - 4
    return Markup('<text class="move" x="{}" y="{}" text-anchor="end">{}</text>').format(x, y, names) if names else Markup("")


def _lane(edge: Edge, spots: dict[str, tuple[int, int]], y: int) -> Markup:
    """Out at the left of a box, down, along its own lane, and up in the trunk of the state that it leads to."""
    (start, row), (end, to) = spots[edge.source], spots[edge.target]
    x, drop = _left(start), _left(start) - _SLOT * (row + 1)
    port = _top(row) + _HIGH - 7
    clear = not any(column == end and line > to for column, line in spots.values())
    if clear:
        trunk = [(_left(end) + _WIDE // 2, y), (_left(end) + _WIDE // 2, _top(to) + _HIGH)]
    else:
        trunk = [(_left(end) - 5 * _SLOT, y), (_left(end) - 5 * _SLOT, _top(to) + 7), (_left(end), _top(to) + 7)]
    names = ", ".join(move.name for move in edge.moves)
    label = Markup('<text class="move" x="{}" y="{}" text-anchor="end">{}</text>').format(drop - 5, y - 4, names)
    return _drawn(edge, [(x, port), (drop, port), (drop, y), *trunk], "edge back") + label


def _drawn(edge: Edge, way: Sequence[tuple[int, int]], name: str) -> Markup:
    said = "; ".join(f"{move.name}: {move.sentence}" for move in edge.moves)
    return Markup('<g><title>{} → {}. {}</title><path class="{}" d="{}"/><path class="tip" d="{}"/></g>').format(
        edge.source, edge.target, said, name, _path(way), _tip(way)
    )


def _path(way: Sequence[tuple[int, int]]) -> str:
    """A line with rounded corners; points that change nothing are passed over."""
    points = [point for number, point in enumerate(way) if number == 0 or point != way[number - 1]]
    parts = [f"M{points[0][0]} {points[0][1]}"]
    for (x0, y0), (x1, y1), (x2, y2) in zip(points, points[1:], points[2:], strict=False):
        near = min(6, max(abs(x1 - x0), abs(y1 - y0)) / 2, max(abs(x2 - x1), abs(y2 - y1)) / 2)
        before = (x1 - near * _sign(x1 - x0), y1 - near * _sign(y1 - y0))
        after = (x1 + near * _sign(x2 - x1), y1 + near * _sign(y2 - y1))
        parts.append(f"L{before[0]:g} {before[1]:g}Q{x1} {y1} {after[0]:g} {after[1]:g}")
    return "".join([*parts, f"L{points[-1][0]} {points[-1][1]}"])


def _tip(way: Sequence[tuple[int, int]]) -> str:
    (x0, y0), (x, y) = way[-2], way[-1]
    return f"M{x} {y}l-6 -3.5v7z" if y0 == y and x > x0 else f"M{x} {y}l-3.5 6h7z"


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)
