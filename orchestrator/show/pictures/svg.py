"""Pictures as inline SVG: pure functions from values to Markup. Colours come from site.css by class, so that dark mode follows.

Each picture says in words what it shows (`<title>`, `<desc>`); links work without JavaScript.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from markupsafe import Markup

from orchestrator.show import words
from orchestrator.show.text import clean

LARGEST = 200
"""Tasks in a graph with boxes and arrows; a larger plan is shown as one square per task, by level."""

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y = 196, 46, 56, 16


class Node(NamedTuple):
    id: str
    title: str
    state: str
    depends_on: tuple[str, ...]
    href: str


def levels(nodes: Sequence[Node]) -> list[list[Node]]:
    """Nodes by longest path from a node without dependencies, each level sorted to shorten the arrows (barycentre sweeps).

    Dependencies on nothing are ignored; a cycle, which no plan should hold, ends at the level where it was met.
    """
    known = {node.id: node for node in nodes}
    parents = {node.id: [parent for parent in dict.fromkeys(node.depends_on) if parent in known and parent != node.id] for node in known.values()}
    level = dict.fromkeys(known, 0)
    for _ in range(len(known)):
        moved = False
        for name in known:
            deepest = max((level[parent] + 1 for parent in parents[name]), default=0)
            if deepest > level[name] and deepest < len(known):
                level[name], moved = deepest, True
        if not moved:
            break
    used = {depth: rank for rank, depth in enumerate(sorted(set(level.values())))}
    rows: list[list[Node]] = [[] for _ in used]
    for name, node in known.items():
        rows[used[level[name]]].append(node)
    children: dict[str, list[str]] = {name: [] for name in known}
    for name, above in parents.items():
        for parent in above:
            children[parent].append(name)
    for sweep in range(4):
        near = parents if sweep % 2 == 0 else children
        place = {node.id: index - len(row) / 2 for row in rows for index, node in enumerate(row)}
        for row in rows if sweep % 2 == 0 else reversed(rows):
            row.sort(key=lambda node: _mean([place[other] for other in near[node.id]], place[node.id]))
            place.update({node.id: index - len(row) / 2 for index, node in enumerate(row)})
    return rows


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def graph(nodes: Sequence[Node], name: str, chains: Sequence[Sequence[str]] = ()) -> Markup:
    """The tasks of a plan from left to right, an arrow from each to those that wait for it; `chains`, one after the other, stand out."""
    if not nodes:
        return Markup("")
    rows = levels(nodes)
    if len(nodes) > LARGEST:
        return _squares(rows, name)
    tallest = max(len(row) for row in rows)
    height = tallest * (_HEIGHT + _GAP_Y) - _GAP_Y + 8
    width = len(rows) * (_WIDTH + _GAP_X) - _GAP_X + 8
    spot: dict[str, tuple[float, float]] = {}
    for column, row in enumerate(rows):
        top = 4 + (tallest - len(row)) * (_HEIGHT + _GAP_Y) / 2
        for index, node in enumerate(row):
            spot[node.id] = (4 + column * (_WIDTH + _GAP_X), top + index * (_HEIGHT + _GAP_Y))
    on, steps = {name for chain in chains for name in chain}, {pair for chain in chains for pair in pairwise(chain)}
    pairs = [(parent, node.id) for row in rows for node in row for parent in node.depends_on if parent in spot]
    arrows = [_arrow(spot[parent], spot[child], (parent, child) in steps) for parent, child in sorted(pairs, key=lambda pair: pair in steps)]
    boxes = [_box(node, *spot[node.id], node.id in on) for row in rows for node in row]
    said = _said(rows) + "".join(f"; one after the other: {', '.join(clean(name) for name in chain)}" for chain in chains)
    return frame("graph", width, height, f"Tasks of {name}", said, [*arrows, *boxes])


def _arrow(start: tuple[float, float], end: tuple[float, float], stands_out: bool) -> Markup:
    x1, y1 = start[0] + _WIDTH, start[1] + _HEIGHT / 2
    x2, y2 = end[0], end[1] + _HEIGHT / 2
    bend = max(_GAP_X / 2, (x2 - x1) / 2)
    extra = " chain" if stands_out else ""
    return Markup('<path class="edge{}" d="M{:g} {:g}C{:g} {:g} {:g} {:g} {:g} {:g}"/><path class="tip{}" d="M{:g} {:g}l-6 -3.5v7z"/>').format(
        extra, x1, y1, x1 + bend, y1, x2 - bend, y2, x2 - 5, y2, extra, x2, y2
    )


def _box(node: Node, x: float, y: float, stands_out: bool) -> Markup:
    word = words.word("state", node.state)
    body = Markup(
        '<title>{}: {} ({}{})</title><rect class="box tone-{}{}" x="{:g}" y="{:g}" width="{}" height="{}" rx="6"/>'
        '<rect class="bar tone-{}" x="{:g}" y="{:g}" width="4" height="{}" rx="2"/>'
        '<text class="id" x="{:g}" y="{:g}">{}</text><text class="state tone-{}" x="{:g}" y="{:g}" text-anchor="end">{} {}</text>'
        '<text class="title" x="{:g}" y="{:g}">{}</text>'
    ).format(
        *(clean(node.id), clean(node.title), clean(node.state), ", on the longest chain" if stands_out else ""),
        *(word.tone, " chain" if stands_out else "", x, y, _WIDTH, _HEIGHT, word.tone, x, y, _HEIGHT),
        *(x + 14, y + 19, cut(node.id, 14), word.tone, x + _WIDTH - 10, y + 19, word.symbol, cut(node.state, 10)),
        *(x + 14, y + 36, cut(node.title, 29)),
    )
    return Markup('<a href="{}">{}</a>').format(node.href, body) if node.href else Markup("<g>{}</g>").format(body)


def _squares(rows: Sequence[Sequence[Node]], name: str) -> Markup:
    """One square per task, one line of squares per level (broken after 60)."""
    parts: list[Markup] = []
    y = 4
    for row in rows:
        for index, node in enumerate(row):
            column = index % 60
            if index and column == 0:
                y += 16
            word = words.word("state", node.state)
            square = Markup('<title>{}: {} ({})</title><rect class="square tone-{}" x="{}" y="{}" width="13" height="13" rx="3"/>').format(
                clean(node.id), clean(node.title), clean(node.state), word.tone, 4 + column * 16, y
            )
            parts.append(Markup('<a href="{}">{}</a>').format(node.href, square) if node.href else Markup("<g>{}</g>").format(square))
        y += 26
    return frame("graph", 4 + 60 * 16, y, f"Tasks of {name}, by level", _said(rows), parts)


def _said(rows: Sequence[Sequence[Node]]) -> str:
    count = sum(len(row) for row in rows)
    states: dict[str, int] = {}
    for row in rows:
        for node in row:
            states[node.state] = states.get(node.state, 0) + 1
    return f"{count} tasks in {len(rows)} levels: " + ", ".join(f"{number} {clean(state)}" for state, number in sorted(states.items()))


def bar(counts: Mapping[str, int], total: int) -> Markup:
    """Criteria by proof level, strongest first, as one bar; what is not proved stays empty."""
    parts, x = [], 0.0
    for level, word in words.LEVELS.items():
        count = counts.get(level, 0)
        if level == "none" or not count or not total:
            continue
        share = 100 * count / total
        parts.append(
            Markup('<rect class="{}" x="{:.3f}" y="0" width="{:.3f}" height="10"><title>{}: {} of {}</title></rect>').format(
                word.tone, x, share, level, count, total
            )
        )
        x += share
    said = ", ".join(f"{counts[level]} {level}" for level in words.LEVELS if counts.get(level)) or "none"
    return Markup(
        '<svg class="proof-bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img">'
        "<title>Criteria by proof level</title><desc>{}</desc>{}</svg>"
    ).format(f"{said}; {total} in all", Markup("").join(parts))


def strip(runs: Sequence[tuple[str, str, str]]) -> Markup:
    """(outcome, label, href) of the latest runs, oldest first, one square each."""
    parts = []
    for index, (outcome, label, href) in enumerate(runs):
        word = words.word("outcome", outcome)
        square = Markup('<title>{}</title><rect class="square tone-{}" x="{}" y="1" width="10" height="14" rx="2.5"/>').format(
            clean(label), word.tone, index * 13
        )
        parts.append(Markup('<a href="{}">{}</a>').format(href, square) if href else Markup("<g>{}</g>").format(square))
    said = ", ".join(clean(label) for _, label, _ in runs)
    return frame("strip", max(1, len(runs) * 13 - 3), 16, "Latest runs, oldest first", said, parts)


def columns(runs: Sequence[tuple[int, int, str, str]], name: str) -> Markup:
    """(passed, refused, label, href) of runs, oldest first: a column each, what passed (filled) below what was refused (hollow)."""
    highest = max((passed + refused for passed, refused, _, _ in runs), default=0)
    if not highest:
        return Markup("")
    parts = []
    for index, (passed, refused, label, href) in enumerate(runs):
        good, bad = 30 * passed / highest, 30 * refused / highest
        column = Markup(
            '<title>{}</title><rect class="span tone-good" x="{}" y="{:.1f}" width="6" height="{:.1f}"/>'
            '<rect class="hollow tone-bad" x="{}" y="{:.1f}" width="5" height="{:.1f}"/>'
        ).format(clean(label), index * 8, 32 - good, good, index * 8 + 0.5, 31.5 - good - bad + (0.5 if good else 0), max(0.0, bad - 0.5))
        parts.append(Markup('<a href="{}">{}</a>').format(href, column) if href else Markup("<g>{}</g>").format(column))
    return frame("columns", len(runs) * 8, 32, name, "; ".join(clean(label) for _, _, label, _ in runs), parts)


def frame(name: str, width: float, height: float, title: str, said: str, parts: Sequence[Markup]) -> Markup:
    """A picture that is named and described for those who do not see it; `said` is not escaped twice when it is Markup."""
    return Markup('<svg class="{}" viewBox="0 0 {:g} {:g}" width="{:g}" height="{:g}" role="group"><title>{}</title><desc>{}</desc>{}</svg>').format(
        name, width, height, width, height, clean(title), said, Markup("").join(parts)
    )


def cut(text: str, length: int) -> str:
    """On one line, at most so many characters."""
    text = " ".join(clean(text).split())
    return text if len(text) <= length else text[: length - 1] + "…"
