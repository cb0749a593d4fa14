"""Untrusted text: what is stripped, escaped, kept."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.show import addresses, colours
from orchestrator.show.text import clean, code, diff, ends, inline, prose, words


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]8;;https://evil.example\x07link\x1b]8;;\x07", "link"),
        ("\x1b]0;title\x1b\\after", "after"),
        ("a\x00b\x07c\x08d\x7f", "abcd"),
        ("50%\r100%", "50%\n100%"),
        ("one\r\ntwo\tthree", "one\ntwo\tthree"),
        ("ab\u202edc", "ab[U+202E]dc"),
        ("\u2066x\u2069", "[U+2066]x[U+2069]"),
        ("\ud800", "\ufffd"),
        ("\ufeffÄ – 漢", "Ä – 漢"),
    ],
)
def test_clean_keeps_what_a_reader_needs(raw: str, shown: str) -> None:
    assert clean(raw) == shown


@given(st.text())
def test_clean_leaves_no_control_or_direction_character(text: str) -> None:
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", clean(text))
    assert clean(clean(text)) == clean(text)


@given(st.text(alphabet="abc<>&\"'`\n+-@ \\#=:0123456789,\u202e\x1b[m"))
def test_code_and_diffs_hold_only_spans_of_ours(text: str) -> None:
    for made in (code(text, "x.py"), diff(text), diff(f"--- a/x.py\n+++ b/x.py\n@@ -1,9 +1,9 @@\n{text}"), inline(text)):
        left = re.sub(r'</?(?:div|pre|code|span)(?: (?:class|data-n)="[a-z0-9 -]*")*>', "", re.sub(r' data-n="\d+"', "", made))
        assert not re.search(r"[<>]", left)


@given(st.text(alphabet="ab <>&\n"), st.text(alphabet="ab <>&\n"))
def test_what_a_text_became_holds_both_texts_and_tags_of_ours_only(before: str, after: str) -> None:
    made = str(words(before, after))
    assert html.unescape(re.sub(r"<span class=\"mark\">[^<]*</span>|</?del>|<ins>.*?</ins>", "", made, flags=re.DOTALL)) == clean(before)
    assert html.unescape(re.sub(r"<span class=\"mark\">[^<]*</span>|</?ins>|<del>.*?</del>", "", made, flags=re.DOTALL)) == clean(after)
    assert not re.search(r"[<>]", re.sub(r'</?(?:ins|del|span)(?: class="mark")?>', "", made))


def test_words_that_changed_are_marked_by_more_than_colour() -> None:
    made = re.sub(r"<[^>]+>", "", str(words("every full ten metres", "every whole ten metres")))
    assert made == "every [-full-]{+whole+} ten metres"


def test_a_diff_keeps_every_line_in_order_and_marks_it() -> None:
    text = '--- a/x.py\n+++ b/x.py\n@@ -1,3 +1,3 @@\n def f():\n-    return "<old>"\n+    return "<new>"\n \n\\ No newline at end of file\n'
    made = str(diff(text))
    assert re.findall(r'class="(d-[a-z]+)"', made) == ["d-file", "d-file", "d-hunk", "d-same", "d-del", "d-add", "d-same", "d-none"]
    words = re.sub(r"<[^>]+>", "", made)
    assert words == text.replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;")
    assert '<span class="k">return</span>' in made


def test_a_removed_line_that_looks_like_a_header_stays_in_its_hunk() -> None:
    made = str(diff("--- a/x.sql\n+++ b/x.sql\n@@ -1,2 +1,1 @@\n--- a comment\n kept\n"))
    assert re.findall(r'class="(d-[a-z]+)"', made) == ["d-file", "d-file", "d-hunk", "d-del", "d-same"]


@pytest.mark.parametrize(
    ("markdown", "never"),
    [
        ("<script>alert(1)</script>", "<script"),
        ('<img src=x onerror="alert(1)">', "<img"),
        ("![x](https://evil.example/x.png)", "<img"),
        ("[x](javascript:alert(1))", "href"),
        ("[x](data:text/html,<script>)", "href"),
        ("[x](//evil.example)", "<script"),
        ('<a href="https://e" onclick="x()">', "<a href"),
        ("```mermaid\ngraph LR\n```", 'class="'),
        ("<style>*{}</style>", "<style"),
    ],
)
def test_prose_lets_nothing_active_through(markdown: str, never: str) -> None:
    assert never not in prose(markdown)


def test_prose_keeps_simple_formatting() -> None:
    made = prose("# Goals\n\n- *one* `code`\n\n[docs](https://example.org/a)\n\n| a |\n|---|\n| 1 |\n")
    assert "<h3>Goals</h3>" in made
    assert "<li><em>one</em> <code>code</code></li>" in made
    assert 'href="https://example.org/a"' in made
    assert 'rel="noopener noreferrer nofollow"' in made
    assert "<td>1</td>" in made


def test_a_long_text_shows_both_ends_and_counts_the_rest() -> None:
    assert ends("x" * 10, 5) == ("x" * 10, "", 0)
    assert ends("a" * 6 + "b" * 5, 5) == ("a" * 5, "b" * 5, 1)


@given(st.text())
def test_a_slug_is_safe_as_a_file_and_in_a_link(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", addresses.slug(name))
    assert addresses.slug(name) not in ("index", "texts")


@given(st.lists(st.text(max_size=5), unique=True))
def test_slugs_never_collide_even_where_case_is_ignored(names: list[str]) -> None:
    found = addresses.slugs(names)
    assert len({slug.lower() for slug in found.values()}) == len(names)


def test_links_are_relative_so_that_any_folder_can_hold_the_site() -> None:
    page = addresses.run("library", "r1")
    assert addresses.relative(page, "index.html") == "../../../index.html"
    assert addresses.relative(page, addresses.project("library") + "#x-R1") == "../index.html#x-R1"
    assert addresses.relative("index.html", page) == "projects/library/r1/index.html"


@pytest.mark.parametrize(
    "source",
    [
        "",
        "\n\n",
        'def f(x):\n    """a\n    <b> & \'c\'"""\n    return rb"\\"x" if x else 0x1F  # done\n',
        "it's not closed\n@dec.x(1)\nclass A: pass",
        '"""never ended\n\\',
    ],
)
def test_colours_of_python_lose_no_character_and_open_no_tag(source: str) -> None:
    lines = colours.python(source)
    assert len(lines) == source.count("\n") + 1
    plain = [re.sub(r'<span class="\w+">|</span>', "", line) for line in lines]
    assert html.unescape("\n".join(plain)) == source
    assert "<" not in "".join(plain)


def test_colours_tell_keywords_names_strings_and_comments_apart() -> None:
    (line,) = colours.python("def fine(days): return 'x' # why")
    for part in ('class="k">def', 'class="nf">fine', 'class="k">return', 'class="s">&#39;x&#39;', 'class="c1"># why'):
        assert part in line
    assert "days" in line and ">days" not in line
