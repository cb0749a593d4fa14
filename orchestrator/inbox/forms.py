"""A PRD file in any form that is read → what it says. Pure. Every form becomes Markdown lines first, and every line number is brought back.

.md .markdown       markdown.py, over blocks.py
.txt                the same over plain.py, where it is such a specification; so is a Markdown file whose requirements are no headings
.yaml .yml .json    structured.py: the same model, key by key; foreign.py: files of other tools
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from orchestrator.inbox import foreign, markdown, plain, structured
from orchestrator.inbox.markdown import Reading
from orchestrator.model import Problem

MARKDOWN = frozenset({".md", ".markdown"})
TEXT = frozenset({".txt"})
STRUCTURED = frozenset({".yaml", ".yml", ".json"})
ALL = MARKDOWN | TEXT | STRUCTURED

NO_PRD = "no-prd"
"""The code of the note about a file that is something else."""

_NAMED = re.compile(r"(\bon lines? )(\d+)((?: and )(\d+))?")
"""Lines in the words of a problem."""


def read(text: str, path: str, name: str = "") -> Reading:
    """What the file says, by the form that its name tells. `name`: the id it had, else ''."""
    suffix = PurePosixPath(path).suffix.lower()
    if suffix in TEXT:
        return _text(text, path, name)
    if suffix not in STRUCTURED:
        return markdown.read(text, path, name, is_plain=plain.is_plain(_lines(text)))
    item, remarks = structured.read("\n".join(_lines(text)), is_json=suffix == ".json")
    if item is None and not remarks:
        return markdown.read(text, path, name)  # nothing stands in it
    item = foreign.translated(item) if item is not None else None
    if item is not None and not (isinstance(item.value, dict) and {"requirements", "title", "id"} & item.value.keys()):
        return _no_prd(
            path, item.line, "it has no `requirements`", "a PRD has `title` and `requirements`; other files are better kept elsewhere", name
        )
    out = structured.written(item) if item is not None else structured.Written()
    reading = _brought_back(markdown.read("\n".join(out.lines), path, name), out.source)
    last = len(_lines(text))  # YAML sees an error at the end on a line after it
    found = [
        Problem(path, min(each.line, last), each.code, each.message, each.hint, "error" if each.error else "note")
        for each in (*remarks, *out.remarks)
    ]
    told = reading.problems if item is not None and isinstance(item.value, dict) else ()
    problems = tuple(sorted((*found, *told), key=lambda problem: (problem.line, problem.severity)))
    fingerprint = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return replace(reading, prd=replace(reading.prd, fingerprint=fingerprint), problems=problems)


def _text(text: str, path: str, name: str) -> Reading:
    lines = _lines(text)
    if "".join(lines).strip() and not plain.is_specification(lines):
        hint = "a PRD in plain text has requirements such as `FR-1: …`, or a section `REQUIREMENTS`; other files are better kept elsewhere"
        return _no_prd(path, 1, "nothing in it is marked as a requirement", hint, name)
    return markdown.read(text, path, name, is_plain=not plain.has_marked_requirements(lines))


def _no_prd(path: str, line: int, why: str, hint: str, name: str) -> Reading:
    return Reading(markdown.read("", path, name).prd, (Problem(path, line, NO_PRD, f"this is no PRD, and is left alone: {why}", hint, "note"),), {})


def _lines(text: str) -> list[str]:
    return re.sub(r"\r\n?", "\n", text.removeprefix("\ufeff")).split("\n")


def _brought_back(reading: Reading, source: list[int]) -> Reading:
    def line(number: int) -> int:
        return source[min(number, len(source)) - 1] if number > 0 and source else number

    def words(match: re.Match[str]) -> str:
        again = f" and {line(int(match[4]))}" if match[4] else ""
        return f"{match[1]}{line(int(match[2]))}{again}"

    def back(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(back(each) for each in value)
        if isinstance(value, Mapping):
            return {key: line(number) for key, number in value.items()}
        if not is_dataclass(value) or isinstance(value, type):
            return value
        new = {field.name: back(getattr(value, field.name)) for field in fields(value)}
        if isinstance(new.get("line"), int):
            new["line"] = line(new["line"])
        if isinstance(value, Problem):
            new["message"] = _NAMED.sub(words, value.message)
        return replace(value, **new)

    moved: Reading = back(reading)
    return moved
