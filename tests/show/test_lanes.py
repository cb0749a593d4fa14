"""The timeline of a run: who worked on what when, and what waited."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.show.pictures.lanes import MOST, Span, lanes, timeline, waiting


def span(name: str, start: float, seconds: float, worker: str = "", ready: float | None = None) -> Span:
    return Span(name, f"title of {name}", "passed", f"{name}.html", start, seconds, worker, ready)


def test_each_worker_has_a_lane_and_those_that_only_judge_again_stand_last() -> None:
    found = lanes([span("p#R3", 5, 1, "judge 1"), span("p#R2", 0, 2, "slot 10"), span("p#R1", 0, 5, "slot 2"), span("p#R4", 6, 1, "slot 2")])
    assert [(name, [item.id for item in lane]) for name, lane in found] == [
        ("slot 2", ["p#R1", "p#R4"]),
        ("slot 10", ["p#R2"]),
        ("judge 1", ["p#R3"]),
    ]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), max_size=40))
def test_where_no_worker_is_known_nothing_overlaps_in_a_lane_and_there_are_no_more_than_needed(times: list[tuple[int, int]]) -> None:
    found = lanes([span(str(number), start, seconds) for number, (start, seconds) in enumerate(times)])
    for _, lane in found:
        assert all(one.start + one.seconds <= other.start for one, other in pairwise(lane))
    assert len(found) == max((sum(start <= at < start + seconds for start, seconds in times) for at in range(71)), default=0)
    assert sum(len(lane) for _, lane in found) == len(times)


def test_what_waits_is_counted_from_when_it_could_have_begun() -> None:
    assert waiting([span("a", 3, 1, ready=1), span("b", 5, 1, ready=-4), span("c", 2, 1, ready=2)]) == [(0, 1), (1, 2), (3, 1), (5, 0)]


def test_the_picture_says_in_words_what_it_shows_and_links_each_task() -> None:
    root = ET.fromstring(timeline([span("p#R1", 0, 4, "slot 1", 0), span("p#R2", 4, 2, "slot 1", 0)]))
    assert root.findtext("title") == "When each task was worked on, by slot"
    assert root.findtext("desc") == "2 tasks in 6 seconds, one after the other; at most 1 waited for a worker"
    assert [link.get("href") for link in root.findall("a")] == ["p#R1.html", "p#R2.html"]
    assert [link.findtext("title") for link in root.findall("a")] == [
        "p#R1: title of p#R1 (passed), 4.0 s, slot 1",
        "p#R2: title of p#R2 (passed), 2.0 s, waited 4.0 s, slot 1",
    ]
    assert "✓ R1" in [text.text for text in root.iter("text")]


def test_a_run_in_which_nothing_took_time_has_no_picture() -> None:
    assert timeline([span("a", 0, 0)]) == timeline([]) == ""


def test_hostile_names_are_escaped_and_thousands_of_tasks_stay_one_small_picture() -> None:
    evil = '"><script>x</script>\x1b[31m\u202e'
    root = ET.fromstring(timeline([Span(evil, evil, evil, "", 0.0, 1.0, evil, 0.0), Span(evil, evil, evil, "x.html", 2.0, 1.0, "", 0.0)]))
    assert not [item for item in root.iter() if item.tag == "script"]
    assert len(timeline([span(f"p#R{number}", number, 2, f"worker {number % 4}", 0) for number in range(3000)])) < 500 * MOST
