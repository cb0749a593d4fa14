"""When the tasks of a run were worked on: a lane for each slot, and below them how many tasks waited for a worker. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from orchestrator.show import words
from orchestrator.show.pictures.svg import cut, frame
from orchestrator.show.text import clean

MOST = 400
"""Tasks in the picture, the first of a run."""

_LABELS, _WIDTH, _ROW = 84, 816, 30
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400)


class Span(NamedTuple):
    """A task while it was worked on; times in seconds from the run's start."""

    id: str
    title: str
    verdict: str
    href: str
    start: float
    seconds: float
    worker: str = ""
    """'' where nobody noted it."""
    ready: float | None = None
    """When it could have begun."""


class _Scale(NamedTuple):
    left: float
    end: float

    def x(self, moment: float) -> float:
        return self.left + _WIDTH * moment / self.end


def lanes(spans: Sequence[Span]) -> list[tuple[str, list[Span]]]:
    """(name, spans in order) of each lane. Where the worker is not known, what overlaps stands in lanes of its own, without a name."""
    named: dict[str, list[Span]] = {}
    loose: list[list[Span]] = []
    for span in sorted(spans, key=lambda span: (span.start, span.id)):
        if span.worker:
            named.setdefault(span.worker, []).append(span)
            continue
        free = next((lane for lane in loose if lane[-1].start + lane[-1].seconds <= span.start + 0.001), None)
        if free is None:
            loose.append([span])
        else:
            free.append(span)
    order = sorted(named, key=lambda name: (name.startswith("judge"), len(name), name))
    return [(name, named[name]) for name in order] + [("", lane) for lane in loose]


def waiting(spans: Sequence[Span]) -> list[tuple[float, int]]:
    """(moment, tasks that wait for a worker from then on), in order; begins at 0."""
    changes: dict[float, int] = {0.0: 0}
    for span in spans:
        if span.ready is not None and span.start - max(0.0, span.ready) > 0.05:
            changes[max(0.0, span.ready)] = changes.get(max(0.0, span.ready), 0) + 1
            changes[span.start] = changes.get(span.start, 0) - 1
    found, now = [], 0
    for moment in sorted(changes):
        now += changes[moment]
        found.append((moment, now))
    return found


def timeline(spans: Sequence[Span]) -> Markup:
    """The picture; '' where no task took any time."""
    shown = sorted((span for span in spans if span.seconds > 0), key=lambda span: span.start)[:MOST]
    end = max((span.start + span.seconds for span in shown), default=0.0)
    if end <= 0:
        return Markup("")
    rows = lanes(shown)
    queue = waiting(shown)
    most = max(count for _, count in queue)
    bottom = len(rows) * _ROW
    height = bottom + (_ROW if most else 0) + 22
    scale = _Scale(_LABELS if most or any(name for name, _ in rows) else 2, end)
    parts = [_ticks(scale, bottom + (_ROW if most else 0))]
    for number, (name, lane) in enumerate(rows):
        y = number * _ROW
        if name:
            parts.append(Markup('<text class="lane" x="{}" y="{}" text-anchor="end">{}</text>').format(scale.left - 8, y + 19, cut(name, 11)))
        parts += [_span(span, y, scale) for span in lane]
    if most:
        parts.append(_queue(queue, most, bottom, scale))
    side = f"{len(rows)} lanes" if len(rows) > 1 else "one after the other"
    said = f"{len(shown)} tasks in {end:.0f} seconds, {side}" + (f"; at most {most} waited for a worker" if most else "")
    return frame("timeline", scale.left + _WIDTH + 20, height, "When each task was worked on, by slot", said, parts)


def _span(span: Span, y: float, scale: _Scale) -> Markup:
    word = words.word("verdict", span.verdict)
    x, width = scale.x(span.start), max(4.0, _WIDTH * span.seconds / scale.end)
    short = span.id.rpartition("#")[2] or span.id
    room = int((width - 8) / 7)
    label = cut(f"{word.symbol} {short}", room) if room >= 2 else ""
    waited = f", waited {span.start - max(0.0, span.ready):.1f} s" if span.ready is not None and span.start - max(0.0, span.ready) > 0.05 else ""
    said = f"{span.id}: {span.title} ({span.verdict}), {span.seconds:.1f} s{waited}{f', {span.worker}' if span.worker else ''}"
    body = (
        f'<title>{escape(clean(said))}</title><rect class="box tone-{word.tone}" x="{x:.1f}" y="{y + 4}" width="{width:.1f}" height="22" rx="3"/>'
        f'<text class="name" x="{x + 5:.1f}" y="{y + 19}">{escape(label)}</text>'
    )
    return Markup(f'<a href="{escape(span.href)}">{body}</a>' if span.href else f"<g>{body}</g>")


def _ticks(scale: _Scale, height: float) -> Markup:
    end = scale.end
    step = next((step for step in _STEPS if end / step <= 8), end)
    found, moment = [], 0.0
    while moment <= end:
        said = f"{moment:g} s" if end < 120 else f"{moment / 60:g} min" if end < 7200 else f"{moment / 3600:g} h"
        x = scale.x(moment)
        found.append(f'<path class="tick" d="M{x:.1f} 0V{height + 4}"/><text class="tick" x="{x + 3:.1f}" y="{height + 16}">{said}</text>')
        moment = round(moment + step, 6)
    return Markup("".join(found))


def _queue(queue: Sequence[tuple[float, int]], most: int, top: float, scale: _Scale) -> Markup:
    """Steps as high as the number of tasks that wait."""
    base = top + _ROW - 3
    path = f"M{scale.left} {base}"
    for (moment, count), (until, _) in zip(queue, [*queue[1:], (scale.end, 0)], strict=True):
        y = base - count * (_ROW - 10) / most
        path += f"L{scale.x(moment):.1f} {y:.1f}L{scale.x(until):.1f} {y:.1f}"
    text = Markup('<text class="lane" x="{}" y="{}" text-anchor="end">waiting</text>').format(scale.left - 8, base - 3)
    return text + Markup('<path class="queue" d="{}L{} {}Z"><title>At most {} waited for a worker at once</title></path>').format(
        path, scale.left + _WIDTH, base, most
    )
