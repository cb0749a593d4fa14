"""Pictures over time: what is drawn is what is known, and text in them stays text."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET

import pytest
from markupsafe import Markup

from orchestrator.show.pictures import charts
from orchestrator.show.pictures.charts import Line, Spot


def spots(count: int, href: str = "x.html") -> list[Spot]:
    return [Spot(f"11-{number + 1:02d}", f"day {number}", href) for number in range(count)]


def drawn(picture: Markup, kind: str) -> list[ET.Element]:
    return list(ET.fromstring(picture).iter(kind))


def points(picture: Markup, style: str) -> list[list[tuple[float, float]]]:
    lines = [item for item in drawn(picture, "polyline") if item.get("class") == f"line {style}"]
    return [[(float(x), float(y)) for x, _, y in (pair.partition(",") for pair in (item.get("points") or "").split())] for item in lines]


def test_a_line_goes_up_with_its_values_and_keeps_below_its_total() -> None:
    picture = charts.lines("t", "s", spots(4), [Line("in all", "total", [4, 4, 8, 8]), Line("proved", "proved", [1, 2, 4, 8])])
    (total,), (proved,) = points(picture, "total"), points(picture, "proved")
    assert [y for _, y in proved] == sorted((y for _, y in proved), reverse=True)
    assert all(lower[1] >= upper[1] for lower, upper in zip(proved, total, strict=True))
    assert proved[-1] == total[-1]


def test_what_nobody_knows_is_a_gap_and_never_a_zero() -> None:
    picture = charts.lines("t", "s", spots(5), [Line("noticed", "mutation", [50, 60, None, 70, 80])])
    assert [len(piece) for piece in points(picture, "mutation")] == [2, 2]
    columns = charts.columns("t", "s", spots(3), [1.0, None, 0.0])
    assert len([item for item in drawn(columns, "rect") if item.get("class") == "column"]) == 1
    assert [item.text for item in drawn(columns, "text") if item.get("class") == "unknown"] == ["?"]
    assert charts.lines("t", "s", spots(2), [Line("a", "total", [None, None])]) == ""
    assert charts.columns("t", "s", [], []) == ""


def test_the_names_at_the_ends_of_lines_do_not_meet() -> None:
    picture = charts.lines("t", "s", spots(2), [Line(name, "total", [10, 10]) for name in ("a", "b", "c")])
    ends = sorted(float(item.get("y", "0")) for item in drawn(picture, "text") if (item.get("class") or "").startswith("name"))
    assert all(second - first >= 14 for first, second in itertools.pairwise(ends))


def test_a_limit_stands_across_at_its_height_with_its_name() -> None:
    picture = charts.columns("t", "s", spots(2), [1.0, 4.0], limit=2.0)
    (line,) = [item for item in drawn(picture, "line") if item.get("class") == "limit"]
    tops = [float(item.get("y", "0")) for item in drawn(picture, "rect") if item.get("class") == "column"]
    assert tops[1] < float(line.get("y1", "0")) < tops[0]
    assert "limit 2" in str(picture)


def test_every_place_says_what_happened_there_and_leads_to_it() -> None:
    root = ET.fromstring(charts.lines("Title", "In words", spots(3), [Line("a", "total", [1, 2, 3])]))
    assert (root.findtext("title"), root.findtext("desc")) == ("Title", "In words")
    assert [(link.get("href"), link.findtext("title")) for link in root.findall("a")] == [("x.html", f"day {number}") for number in range(3)]


@pytest.mark.parametrize(
    ("spent", "booked", "limit", "tone"),
    [(1.0, 0.0, 10.0, "good"), (7.0, 1.0, 10.0, "wait"), (9.0, 1.0, 10.0, "bad"), (20.0, 0.0, 10.0, "bad"), (0.0, 0.0, 0.0, "bad")],
)
def test_a_gauge_is_as_full_as_what_is_spent_and_booked(spent: float, booked: float, limit: float, tone: str) -> None:
    picture = charts.gauge(spent, booked, limit, "said")
    used, kept = (float(item.get("width", "0")) for item in drawn(picture, "rect"))
    whole = max(limit, spent + booked) or 1.0
    assert (used, kept) == (pytest.approx(100 * spent / whole), pytest.approx(100 * booked / whole))
    assert f"tone-{tone}" in str(picture)


def test_without_a_limit_there_is_no_gauge() -> None:
    assert charts.gauge(3.0, 1.0, None, "said") == ""


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1.0), (0.03, 0.04), (1, 1.0), (3, 4.0), (21, 40.0), (70, 80.0), (100, 100.0), (101, 200.0), (870, 1000.0)]
)
def test_an_axis_ends_at_the_next_round_number(value: float, top: float) -> None:
    assert charts.nice(value) == pytest.approx(top)


def test_hostile_text_stays_text_in_every_picture() -> None:
    evil = '"><script>x</script>\x1b[31m\u202e'
    spot = [Spot(evil, evil, "x.html"), Spot(evil, evil)]
    made = [
        charts.lines(evil, evil, spot, [Line("a", "total", [1, 2], area=True)]),
        charts.columns(evil, evil, spot, [1.0, None]),
        charts.spark([(1, 2), (2, 2)], evil, evil),
        charts.stood(evil, [(1, 2, evil)]),
        charts.trend([1.0, 2.0], evil, evil),
        charts.gauge(1.0, 1.0, 4.0, evil),
        charts.share(1.0, 2.0, evil),
    ]
    for picture in made:
        assert not [item for item in ET.fromstring(picture).iter() if item.tag == "script"]


def test_a_picture_of_the_size_of_a_word_is_small() -> None:
    assert len(charts.spark([(number, 40.0) for number in range(40)], "t", "s")) < 1800
