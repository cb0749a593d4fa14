"""Lines → what the files of a module API specification export. Pure.

src/library/loans.py:
  exports:
    - Desk (class): lends books
    - fine(days) -> float: what a late one costs
  test_import: from library.loans import Desk
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from orchestrator.structure import Export, Module

_MARK = r"[ \t]*(?:#{1,6}[ \t]+|[-*+•][ \t]+|\d{1,3}[.)][ \t]+)?"
_PATH = re.compile(
    rf"{_MARK}[*`]*(?:(?:path|file|module)[*_`]*[ \t]*:[ \t]*[*`]*)?(?P<path>[\w./-]*[\w-]\.py)[`*_]*[ \t]*:?[*_`]*[ \t]*(?P<text>(?:[-–—(#].*)?)$"
)
_DOTTED = re.compile(
    rf"{_MARK}[*_`]*(?P<label>(?:module|package)[*_`]*[ \t]*:[ \t]*[*_`]*)?(?P<name>[a-z_]\w*(?:\.[a-z_]\w*)+)[`*_]*[ \t]*(?P<colon>:?)[*_`]*[ \t]*$"
)
_KEY = re.compile(r"[ \t]*(?:[-*+•][ \t]+)?[*_`]*(?P<name>[A-Za-z][A-Za-z_ -]{1,30})[*_`]*[ \t]*:[*_`]*[ \t]*(?P<value>.*)$")
_LISTS = {
    **dict.fromkeys(("exports", "export", "public", "public api", "public_api", "public interface", "api", "interface", "provides", "symbols"), ""),
    **{f"{word}{end}": word for word in ("function", "constant", "method", "exception", "dataclass", "enum") for end in ("s", "")},
    "class": "class",
    "classes": "class",
    "types": "type",
    "models": "class",
}  # fmt: skip
_OTHER = ("import pattern", "test import", "imports", "dependencies", "depends on", "tests", "notes")
_TEXTS = ("description", "purpose", "summary", "responsibility", "about")
_KINDS = (
    r"(?:async |abstract |frozen |public |pydantic |pure |context )*(?:function|class|dataclass|method|constant|const|enum|exception|error|protocol"
    r"|type|type alias|variable|decorator|fixture|coroutine|property|instance|object|model|namedtuple|typeddict|generator|router|manager|command"
    r"|module)s?"
)
_ITEM = re.compile(
    r"(?P<indent>[ \t]*)(?:[-*+•]|\d{1,3}[.)])[ \t]+[*_`]*(?P<word>(?:async[ \t]+def|def|class)[ \t]+)?(?P<name>[A-Za-z_][\w.]*)[*_`]*(?P<rest>.*)$"
)
_TYPED = re.compile(rf"(?P<indent>[ \t]+)[`*_]*(?P<name>[A-Za-z_]\w*)[`*_]*[ \t]*:[ \t]*(?P<kind>{_KINDS})[ \t]*$", re.IGNORECASE)


def read(lines: Sequence[str], first: int, last: int) -> list[Module]:
    """The modules that lines `first` to `last` (from 1) describe, in order."""
    found: list[Module] = []
    exports: list[Export] = []
    mode: str | None = None
    """The kind of what is listed; None outside any list."""
    for number in range(first, last + 1):
        line = lines[number - 1].rstrip()
        if not line.strip() or len(line) > 2000:
            continue
        path = _path(line, mode is not None and bool(exports))
        if path:
            if found:
                found[-1] = replace(found[-1], exports=tuple(exports))
            found.append(Module(path[0], number, text=path[1]))
            exports, mode = [], ""
            continue
        if not found:
            continue
        key = _KEY.match(line)
        name = key["name"].strip().lower() if key else ""
        if key and name in _LISTS:
            mode = _LISTS[name]
            exports += [_export(f"- {each.strip()}", number, mode) for each in _split(key["value"]) if re.match(r"[`*]*[A-Za-z_]", each.strip())]
        elif key and name in _TEXTS:
            found[-1] = replace(found[-1], text=key["value"].strip())
            mode = None
        elif key and ("_" in name or name in _OTHER):
            mode = None
        elif mode is not None and (typed := _TYPED.fullmatch(line)):
            exports.append(Export(typed["name"], typed["kind"], line=number))
        elif mode is not None and _ITEM.match(line):
            exports.append(_export(line, number, mode))
        elif exports and mode is not None and line[:1] in " \t":
            exports[-1] = replace(exports[-1], text=f"{exports[-1].text} {line.strip()}".strip())
    if found:
        found[-1] = replace(found[-1], exports=tuple(exports))
    return [module for module in found if ".." not in module.path.split("/") and not module.path.startswith("/")]


def _path(line: str, listing: bool) -> tuple[str, str] | None:
    if match := _PATH.match(line):
        return match["path"].removeprefix("./"), re.sub(r"^[-–—(#]+[ \t]*", "", match["text"]).removesuffix(")").strip()
    dotted = _DOTTED.match(line)
    if dotted and (dotted["label"] or (dotted["colon"] and not listing)):
        return dotted["name"].replace(".", "/") + ".py", ""
    return None


def _split(value: str) -> list[str]:
    """`[A, B]` or `A, B (class)`; commas in brackets part nothing."""
    value = value.strip()
    value = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    return [each for each in re.split(r",(?![^()\[\]]*[)\]])", value) if each.strip()]


def _export(line: str, number: int, kind: str) -> Export:
    match = _ITEM.match(line)
    assert match
    rest = match["rest"].strip()
    word = " ".join((match["word"] or "").split())
    kind = {"def": "function", "async def": "async function", "class": "class"}.get(word, kind)
    given = re.match(r"\((?P<kind>[^()]{1,40})\)[`*_]*[ \t]*(?P<rest>.*)$", rest)
    if given and (match["rest"][:1] in (" ", "\t") or re.fullmatch(_KINDS, given["kind"].strip(), re.IGNORECASE)):
        kind, rest = given["kind"].strip(), given["rest"]
    elif rest.startswith("("):
        kind = kind or "function"
        closing = rest.find(")")
        signature, rest = rest[: closing + 1], rest[closing + 1 :]
        text = re.sub(r"`[ \t]*(?:[:–—-]+[ \t]*)?", ": " if "`" in rest and not rest.startswith("`") else " ", rest, count=1).strip()
        return Export(match["name"], kind, f"{signature} {text}".strip().strip("`"), number)
    return Export(match["name"], kind, re.sub(r"^[`*_]*[ \t]*(?:[:–—-]+(?!>)[ \t]*)?", "", rest).strip(), number)
