"""Terminal output: its colours as classes, and nothing else of what a terminal would obey."""

from __future__ import annotations

import html
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.show import ansi
from orchestrator.show.text import clean

_NASTY = st.lists(
    st.one_of(
        st.text(max_size=6),
        st.sampled_from(["\x1b", "\x1b[", "\x9b", "\r", "\n", "\r\n", "m", ";", "<b>", "&", '"', "'", "\u202e", "\ud800", "\x07"]),
        st.builds("\x1b[{}m".format, st.text(alphabet="0123456789;:", max_size=12)),
        st.sampled_from(
            ["\x1b[31m", "\x1b[0m", "\x1b[7m", "\x1b[8m", "\x1b[38;5;196m", "\x1b[48;2;1;2;3m", "\x1b]0;title\x07", "\x1b]8;;x", "\x1b[2J"]
        ),
    )
).map("".join)

_CLASSES = r"(?:f-(?:red|green|yellow|blue|magenta|cyan|grey)|b-(?:red|green|yellow|blue|magenta|cyan|grey|plain)|a-(?:bold|italic|under|struck))"


def words(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", markup))


@given(_NASTY)
def test_any_output_shows_its_text_whole_in_spans_of_ours_each_closed_on_its_line(text: str) -> None:
    rows = ansi.lines(text)
    assert "\n".join(words(row) for row in rows) == clean(text)
    for row in rows:
        left = re.sub(rf'<span class="{_CLASSES}(?: {_CLASSES})*">[^<>]+</span>', "", row)
        assert not re.search(r"[<>\x1b]", left)


@given(_NASTY, _NASTY, st.integers(0, 10**9))
def test_what_is_folded_is_whole_too(head: str, tail: str, left_out: int) -> None:
    made = ansi.terminal(head, tail, left_out)
    for row in clean(head).removesuffix("\n").split("\n"):
        assert row in words(made)
    assert made.count("<pre") == made.count("</pre>") and made.count("<details") == made.count("</details>")


@pytest.mark.parametrize(
    ("codes", "classes"),
    [
        ("31", "f-red"),
        ("1;32", "f-green a-bold"),
        ("93", "f-yellow"),
        ("30", ""),
        ("97", ""),
        ("90", "f-grey"),
        ("2", "f-grey"),
        ("2;22", ""),
        ("44", "b-blue"),
        ("31;47", "f-red"),
        ("31;42", "b-green"),
        ("7", "b-plain"),
        ("7;35", "b-magenta"),
        ("3;4;9", "a-italic a-under a-struck"),
        ("38;5;196", "f-red"),
        ("38;5;46", "f-green"),
        ("38;5;21", "f-blue"),
        ("38;5;244", "f-grey"),
        ("38;5;232", ""),
        ("38;2;0;200;200", "f-cyan"),
        ("48;2;250;230;20", "b-yellow"),
        ("38:2:200:0:200", "f-magenta"),
        ("31;0", ""),
        ("31;39", ""),
        ("1;31;38;5", "a-bold"),
        ("8", ""),
        ("9999999999999999999999", ""),
        ("31;" * 20 + "32", "f-green"),
        ("31;" * 40 + "32", "f-red"),
        ("31;" * 200 + "32", ""),
    ],
)
def test_colours_become_the_nearest_of_a_few_names(codes: str, classes: str) -> None:
    (row,) = ansi.lines(f"\x1b[{codes}mx")
    assert row == (f'<span class="{classes}">x</span>' if classes else "x")


@pytest.mark.parametrize("torn", ["\x1b", "\x1b[", "\x1b[3", "\x1b[31;", "\x9b", "\x9b1;3"])
def test_a_sequence_that_is_cut_off_leaves_nothing(torn: str) -> None:
    assert ansi.lines(f"text{torn}") == ["text"]


def test_a_string_for_the_terminal_that_nobody_ends_hides_its_line_at_most() -> None:
    assert [words(row) for row in ansi.lines("a\x1b]0;title\nFAILED\n")] == ["a", "FAILED", ""]


def test_a_colour_goes_on_over_lines_until_it_is_ended() -> None:
    assert ansi.lines("\x1b[31ma\nb\x1b[mc") == ['<span class="f-red">a</span>', '<span class="f-red">b</span>c']


def test_long_output_stands_with_both_ends_and_says_how_many_lines_are_folded() -> None:
    made = ansi.terminal("".join(f"line {number}\n" for number in range(100)))
    assert "<summary>… 74 lines</summary>" in made
    assert "line 0" in made.partition("<details")[0] and "line 99" in made.rpartition("</details>")[2]
    assert "<details" not in ansi.terminal("line\n" * (ansi.LONG - 1))


def test_output_that_is_all_colour_makes_no_huge_page_and_takes_no_time() -> None:
    start = time.process_time()
    assert len(ansi.terminal("\x1b[31ma\x1b[32mb" * 20_000)) < 300_000
    assert len(ansi.terminal("\x1b[" + "1;" * 500_000 + "m" + "\x1b[" * 100_000)) < 300_000
    assert time.process_time() - start < 3
