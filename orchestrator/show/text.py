"""Untrusted text → what a page may show. Everything that returns Markup has escaped every character it did not write itself.

Reports hold what PRD authors, agents and programs wrote: escape sequences, direction overrides, HTML, links of any scheme.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
from functools import cache
from importlib import import_module
from typing import Any

from markupsafe import Markup, escape

from orchestrator.show.colours import python

SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*(?:[@-~]|\Z)"  # colours, cursor moves; one that is cut off at the end
    r"|\x1b[\]PX^_][^\x07\x1b\r\n]*(?:\x07|\x1b\\)?"  # titles, hyperlinks, device strings; one that nobody ends hides its line at most
    r"|\x1b[ -/]*[0-~]?"
)
"""What a terminal obeys instead of showing it."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]")
_DIRECTION = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def clean(text: str) -> str:
    """Without escape sequences and control characters; direction marks stand as `[U+202E]`, since they are evidence in code."""
    if text.isprintable() or text.replace("\n", "").isprintable():
        return text
    return without_controls(SEQUENCE.sub("", text))


def without_controls(text: str) -> str:
    """What `clean` does to a text that holds no escape sequence."""
    if text.replace("\n", "").isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _SURROGATE.sub("\ufffd", _CONTROL.sub("", text))
    return _DIRECTION.sub(lambda mark: f"[U+{ord(mark.group()):04X}]", text)


def ends(text: str, limit: int) -> tuple[str, str, int]:
    """Head, tail and the number of characters left out between them; the whole as head when it is at most twice the limit."""
    if len(text) <= 2 * limit:
        return text, "", 0
    return text[:limit], text[-limit:], len(text) - 2 * limit


MOST = 1500
"""Characters of what is meant to be a name or a sentence."""


def brief(text: str) -> str:
    """Cleaned, and cut where it is no name and no sentence but a whole book."""
    return clean(text) if len(text) <= MOST else f"{clean(text[:MOST])}… ({len(text) - MOST:,} characters more, in the report)"


def inline(text: str) -> Markup:
    """One sentence, its `backticks` as code."""
    parts = brief(text).split("`")
    if len(parts) % 2 == 0:
        return escape("`".join(parts))
    return Markup("").join(Markup("<code>{}</code>").format(part) if index % 2 else escape(part) for index, part in enumerate(parts))


# --- words ---------------------------------------------------------------------------------------------------------------

_WORDS = re.compile(r"\s+|\S+")
MOST_WORDS = 3000
"""Of both texts together; what is longer stands as a whole."""


def words(before: str, after: str) -> Markup:
    """What one text became, word by word: `[- -]` around what is gone and `{+ +}` around what is new, so that colour is not all that tells."""
    old, new = _WORDS.findall(clean(before)), _WORDS.findall(clean(after))
    if len(old) + len(new) > MOST_WORDS:
        return _gone("".join(old)) + Markup("\n") + _new("".join(new))
    found = Markup("")
    for what, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            found += escape("".join(old[a:b]))
        else:
            found += _gone("".join(old[a:b])) + _new("".join(new[c:d]))
    return found


def _gone(text: str) -> Markup:
    return Markup('<del><span class="mark">[-</span>{}<span class="mark">-]</span></del>').format(text) if text else Markup("")


def _new(text: str) -> Markup:
    return Markup('<ins><span class="mark">{{+</span>{}<span class="mark">+}}</span></ins>').format(text) if text else Markup("")


# --- code and diffs ----------------------------------------------------------------------------------------------------

_LEXERS = {
    ".md": "markup:MarkdownLexer",
    ".toml": "configs:TOMLLexer",
    ".cfg": "configs:IniLexer",
    ".ini": "configs:IniLexer",
    ".yml": "data:YamlLexer",
    ".yaml": "data:YamlLexer",
    ".json": "data:JsonLexer",
    ".js": "javascript:JavascriptLexer",
    ".ts": "javascript:TypeScriptLexer",
    ".html": "html:HtmlLexer",
    ".css": "css:CssLexer",
    ".sh": "shell:BashLexer",
    ".go": "go:GoLexer",
    ".rs": "rust:RustLexer",
}
_LONGEST_LINE = 2000
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")


@cache
def _lexer(path: str) -> Any:
    """The Pygments lexer for a file name, or None. Pygments carries no types."""
    dot = path.rfind(".")
    place = _LEXERS.get(path[dot:].lower() if dot >= 0 else "")
    if place is None:
        return None
    module, name = place.split(":")
    return getattr(import_module(f"pygments.lexers.{module}"), name)(stripnl=False, ensurenl=False)


def _coloured(source: str, path: str) -> list[str]:
    """The lines of a source text as HTML, with Pygments' short class names (Material colours them)."""
    if path.endswith((".py", ".pyi")):
        return python(source)
    lines = source.split("\n")
    lexer = _lexer(path)
    if lexer is None or any(len(line) > _LONGEST_LINE for line in lines):
        return [str(escape(line)) for line in lines]
    names: dict[Any, str] = import_module("pygments.token").STANDARD_TYPES
    found: list[list[str]] = [[]]
    for kind, value in lexer.get_tokens(source):
        name = names.get(kind, "")
        for number, part in enumerate(value.split("\n")):
            if number:
                found.append([])
            if part:
                found[-1].append(f'<span class="{name}">{escape(part)}</span>' if name else str(escape(part)))
    joined = ["".join(parts) for parts in found]
    return joined if len(joined) == len(lines) else [str(escape(line)) for line in lines]


def code(source: str, path: str) -> Markup:
    """A source file with line numbers that are not selected with the text."""
    lines = _coloured(clean(source).removesuffix("\n"), path)
    rows = "".join([f'<span class="line" data-n="{n}">{line}\n</span>' for n, line in enumerate(lines, 1)])
    return Markup(f'<div class="highlight"><pre class="numbered"><code>{rows}</code></pre></div>')


def diff(text: str) -> Markup:
    """A unified diff, its lines marked as added, removed or kept and coloured in the language of each file."""
    rows: list[str] = []
    for path, block in _blocks(clean(text).removesuffix("\n").split("\n")):
        if path is None:
            rows += [_line("d-file", "", str(escape(line))) for line in block if line]
            continue
        rows.append(_line("d-hunk", "", str(escape(block[0]))))
        rows += _hunk(block[1:], path)
    return Markup(f'<div class="highlight"><pre class="diff"><code>{"".join(rows)}</code></pre></div>')


def _line(name: str, mark: str, html: str) -> str:
    """One line as a block; its newline stands inside, so that the text can be copied and read without styles."""
    return f'<span class="{name}">{mark}{html}\n</span>'


def _blocks(lines: list[str]) -> Iterator[tuple[str | None, list[str]]]:
    """(None, header lines) and (path, hunk lines with the `@@` line first), in order. Hunks end where their counts say."""
    path, at = "", 0
    header: list[str] = []
    while at < len(lines):
        match = _HUNK.match(lines[at])
        if match is None:
            if lines[at].startswith(("+++ ", "--- ")) and not lines[at].endswith("/dev/null"):
                path = lines[at][4:].split("\t")[0]
            header.append(lines[at])
            at += 1
            continue
        if header:
            yield None, header
            header = []
        old, new = (int(count) if count is not None else 1 for count in match.groups())
        end = at + 1
        while end < len(lines) and (old > 0 or new > 0 or lines[end].startswith("\\")):
            mark = lines[end][:1]
            old -= mark not in ("+", "\\")
            new -= mark not in ("-", "\\")
            end += 1
        yield path, lines[at:end]
        at = end
    if header:
        yield None, header


def _hunk(lines: list[str], path: str) -> Iterator[str]:
    marks = {line[:1] for line in lines}
    sides = {}
    for side, others in (("-", "+\\"), ("+", "-\\")):
        kept = [line[1:] for line in lines if line[:1] not in others or not line] if side == "+" or "-" in marks else []
        sides[side] = iter(_coloured("\n".join(kept), path) if kept else [])
    for line in lines:
        mark = line[:1]
        if mark == "\\":
            yield _line("d-none", "", str(escape(line)))
        elif mark == "-":
            yield _line("d-del", "-", next(sides["-"], ""))
        elif mark == "+":
            yield _line("d-add", "+", next(sides["+"], ""))
        else:
            next(sides["-"], None)
            yield _line("d-same", " ", next(sides["+"], ""))


# --- prose -------------------------------------------------------------------------------------------------------------

_TAGS = {
    *("p", "br", "hr", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code", "em", "strong", "s", "a"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}


_ABSOLUTE = re.compile(r"(?i:https?://|mailto:)[^/]")


def prose(text: str) -> Markup:
    """Markdown of a PRD as formatted text: no HTML of its author, no image, links only to whole addresses of http, https and mailto.

    Two nets: markdown-it-py with `html=False` writes only tags of its own, and nh3 keeps only those of an allow-list.
    """
    import nh3

    html = nh3.clean(
        _markdown()(clean(text)),
        tags=_TAGS,
        clean_content_tags={"script", "style"},
        attributes={"a": {"href"}, "ol": {"start"}},
        attribute_filter=lambda _, name, value: value if name != "href" or _ABSOLUTE.match(value) else None,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
        strip_comments=True,
    )
    return Markup(html)


@cache
def _markdown() -> Callable[[str], str]:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "linkify": False, "typographer": False}).enable("table").disable("image")

    def render(text: str) -> str:
        tokens = parser.parse(text)
        for token in tokens:
            if token.type in ("heading_open", "heading_close"):  # the page has its own first two levels
                token.tag = f"h{min(6, int(token.tag[1]) + 2)}"
        options: Any = parser.options
        rendered: str = parser.renderer.render(tokens, options, {})
        return rendered

    return render
