"""Pictures: where tasks stand, and that text in them stays text."""

from __future__ import annotations

import time
import xml.etree.ElementTree as ET

from orchestrator.show.pictures import svg
from orchestrator.show.pictures.svg import Node


def node(name: str, *after: str, state: str = "ready") -> Node:
    return Node(name, f"title of {name}", state, after, f"{name}.html")


def names(nodes: list[Node]) -> list[list[str]]:
    return [[item.id for item in row] for row in svg.levels(nodes)]


def test_a_task_stands_right_of_everything_it_waits_for() -> None:
    rows = names([node("a"), node("b", "a"), node("c", "a", "b"), node("d")])
    assert [set(row) for row in rows] == [{"a", "d"}, {"b"}, {"c"}]


def test_levels_come_out_whatever_the_order_of_the_plan() -> None:
    chain = [node(str(number), str(number - 1)) for number in range(1, 40)]
    assert names([*reversed(chain), node("0")]) == [[str(number)] for number in range(40)]


def test_arrows_do_not_cross_when_they_need_not() -> None:
    rows = names([node("a"), node("b"), node("x", "b"), node("y", "a")])
    assert [rows[0].index("a"), rows[1].index("y")] in ([0, 0], [1, 1])


def test_the_longest_chain_stands_out_by_more_than_colour() -> None:
    root = ET.fromstring(svg.graph([node("a"), node("b", "a"), node("c", "a", "b"), node("d")], "p", [("a", "b", "c")]))
    assert root.findtext("desc") == "4 tasks in 3 levels: 4 ready; one after the other: a, b, c"
    assert [link.get("href") for link in root.findall("a") if "on the longest chain" in (link.findtext("title") or "")] == [
        "a.html",
        "b.html",
        "c.html",
    ]
    assert [path.get("class") for path in root.findall("path") if "edge" in path.get("class", "")] == ["edge", "edge chain", "edge chain"]


def test_a_cycle_and_a_dependency_on_nothing_still_make_a_picture() -> None:
    made = svg.graph([node("a", "b"), node("b", "a", "b"), node("c", "gone")], "p")
    assert str(made).count("<rect") == 6


def test_a_picture_says_in_words_what_it_shows_and_links_each_task() -> None:
    root = ET.fromstring(svg.graph([node("a", state="done"), node("b", "a")], "library"))
    assert root.findtext("title") == "Tasks of library"
    assert root.findtext("desc") == "2 tasks in 2 levels: 1 done, 1 ready"
    assert [link.get("href") for link in root.findall("a")] == ["a.html", "b.html"]


def test_hostile_names_are_escaped_in_every_picture() -> None:
    evil = '"><script>x</script>\x1b[31m\u202e'
    made = [
        svg.graph([Node(evil, evil, evil, (evil,), "x.html")], evil),
        svg.graph([Node(f"{evil}{number}", evil, evil, (), "") for number in range(svg.LARGEST + 1)], evil),
        svg.strip([(evil, evil, "x.html")]),
        svg.bar({evil: 1, "oracle": 1}, 2),
    ]
    for picture in made:
        assert not [item for item in ET.fromstring(picture).iter() if item.tag == "script"]


def test_the_bar_is_as_long_as_what_is_proved() -> None:
    root = ET.fromstring(svg.bar({"oracle": 1, "held-out": 2, "none": 5}, 8))
    assert [float(rect.get("width", "0")) for rect in root.findall("rect")] == [25.0, 12.5]


def test_thousands_of_tasks_stay_one_small_picture() -> None:
    nodes = [node("0"), *(node(str(number), str(number // 2)) for number in range(1, 3000))]
    start = time.perf_counter()
    made = svg.graph(nodes, "p")
    assert len(made) < 600_000
    assert time.perf_counter() - start < 5
