"""The YAML between the first two `---` of a PRD → checked values, and the line of every key.

PRDs are untrusted: aliases are refused (a few lines of them unfold into gigabytes), only plain YAML values are made, and every value is
checked for type and range here. What needs the configuration (targets, agents) is checked in `folder`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator import cron
from orchestrator.inbox.doctests import Remark
from orchestrator.inbox.names import did_you_mean, unsafe

_REQUIREMENT = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\s*(?:\[[A-Za-z0-9._,\s-]*\])?"
    r"\s*(?:(?:===|==|~=|!=|<=|>=|<|>)\s*[A-Za-z0-9.*+!_-]+\s*,?\s*)*(?:;[^\n]*)?"
)
_BRANCH = re.compile(r"(?![-./])(?!.*(?:\.\.|//|@\{|\.lock(?:/|$)|/\.))[A-Za-z0-9._/@+#-]{1,200}(?<![./])")

Check = Callable[[Any], str]
"""What is wrong with a value ('' when nothing is): `expected …` for a type, `must …` for a range, else a whole sentence."""


@dataclass(frozen=True)
class FrontMatter:
    values: Mapping[str, Any] = field(default_factory=dict)
    """By dotted key, for example `budget.minutes`; only those that are given and right."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """1-based, by dotted key."""
    end: int = 0
    """The line of the closing `---`, 0 when there is no front matter."""


def _text(value: Any) -> str:
    return "" if isinstance(value, str) else "expected text; put it in quotes"


def _name(value: Any) -> str:
    return _text(value) or ((reason := unsafe(value)) and f"unsafe-name: `{value}` cannot be a folder's name: {reason}")


def _flag(value: Any) -> str:
    return "" if isinstance(value, bool) else "expected true or false"


def _whole(low: int | None = None, high: int | None = None) -> Check:
    def check(value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, int):
            return "expected a whole number"
        return _range(value, low, high)

    return check


def _number(low: float, high: float | None = None, above: bool = False) -> Check:
    def check(value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            return "expected a number"
        return "must be more than 0" if above and value <= low else _range(value, low, high)

    return check


def _range(value: float, low: float | None, high: float | None) -> str:
    if low is not None and high is not None and not low <= value <= high:
        return f"must be from {low} to {high}"
    return f"must be at least {low}" if low is not None and value < low else ""


def _list(each: Check) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, list):
            return "expected a list"
        return next((wrong for item in value if (wrong := each(item))), "")

    return check


def _dependency(value: Any) -> str:
    if wrong := _text(value):
        return wrong
    found = _REQUIREMENT.fullmatch(value)
    return "" if found else f"bad-dependency: `{value}` is no package requirement such as `requests>=2.31` (no options, paths or URLs)"


def is_dependency(text: str) -> bool:
    """Whether a text is a package requirement such as `requests>=2.31`: no options, paths or URLs."""
    return _REQUIREMENT.fullmatch(text) is not None


def _branch(value: Any) -> str:
    return _text(value) or ("" if _BRANCH.fullmatch(value) else f"bad-branch: `{value}` is not a git branch name")


def _one_of(*words: str) -> Check:
    expected = " or ".join(f"`{word}`" for word in words)
    return lambda value: _text(value) or ("" if value in words else f"must be {expected}")


def _cron(value: Any) -> str:
    if wrong := _text(value):
        return wrong
    try:
        cron.cron(value)
    except ValueError as error:
        return f"bad-schedule: {error}"
    return ""


def _start(value: Any) -> str:
    if not isinstance(value, str):
        return "expected `now`, `schedule`, or a date such as `2026-12-01 08:00 Europe/Berlin`"
    try:
        if value not in ("now", "schedule"):
            cron.moment(value)
    except ValueError as error:
        return f"bad-start: {error}"
    return ""


def _ladder(value: Any) -> str:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        return "expected an agent's name, or a list of names"
    return ""


KEYS: dict[str, Check | dict[str, Check]] = {
    "title": _text,
    "id": _name,
    "project": _name,
    "draft": _flag,
    "target": {"repo": _text, "branch": _branch, "language": _one_of("python")},
    "dependencies": _list(_dependency),
    "depends_on": _list(_text),
    "deliver": _one_of("none", "branch", "pull-request", "merge"),
    "start": _start,
    "schedule": _cron,
    "priority": _whole(),
    "budget": {"minutes": _number(0, above=True), "tokens": _whole(1), "usd": _number(0), "turns": _whole(1), "attempts": _whole(1)},
    "agents": {"plan": _ladder, "tests": _ladder, "code": _ladder},
    "gates": {"mutation": _whole(0, 100), "coverage": _whole(0, 100), "held_out": _number(0, 0.5)},
}


def read(lines: list[str]) -> tuple[FrontMatter, list[Remark]]:
    """The front matter of a file's lines; an empty one when the file does not begin with `---`."""
    if not lines or lines[0].rstrip() != "---":
        return FrontMatter(), []
    end = next((number for number, line in enumerate(lines[1:], 2) if line.rstrip() in ("---", "...")), 0)
    if not end:
        if len(lines) > 1 and re.match(r"[\w-]+:", lines[1]):
            return FrontMatter(), [Remark(1, "bad-front-matter", "the front matter never ends", "close it with a line `---`")]
        return FrontMatter(), []
    remarks: list[Remark] = []
    values: dict[str, Any] = {}
    places: dict[str, int] = {}
    mapping = _load("\n".join(lines[1 : end - 1]), remarks)
    for key, (value, line) in mapping.items():
        _take(key, value, line, values, places, remarks)
    return FrontMatter(values, places, end), remarks


@dataclass(frozen=True)
class _Nested:
    entries: dict[str, tuple[Any, int]]


def _take(key: str, value: Any, line: int, values: dict[str, Any], places: dict[str, int], remarks: list[Remark]) -> None:
    check = KEYS.get(key)
    if check is None:
        known = ", ".join(KEYS)
        remarks.append(Remark(line, "unknown-key", f"unknown key `{key}`{did_you_mean(key, KEYS)}", f"known keys: {known}"))
        return
    places[key] = line
    if not isinstance(check, dict):
        _judge(key, value, line, check, values, remarks)
        return
    if value is None:
        return
    if not isinstance(value, _Nested):
        remarks.append(Remark(line, "wrong-type", f"`{key}` is {_shown(value)}, expected keys: {', '.join(check)}"))
        return
    for name, (inner, inner_line) in value.entries.items():
        dotted = f"{key}.{name}"
        if name not in check:
            message = f"unknown key `{dotted}`{did_you_mean(name, check)}"
            remarks.append(Remark(inner_line, "unknown-key", message, f"known keys of `{key}`: {', '.join(check)}"))
            continue
        places[dotted] = inner_line
        _judge(dotted, inner, inner_line, check[name], values, remarks)


def _judge(key: str, value: Any, line: int, check: Check, values: dict[str, Any], remarks: list[Remark]) -> None:
    if value is None:
        return
    wrong = check(value) if not isinstance(value, _Nested) else "expected one value, not keys"
    if not wrong:
        values[key] = value
    elif wrong.startswith("expected "):
        expected, _, hint = wrong.partition("; ")
        remarks.append(Remark(line, "wrong-type", f"`{key}` is {_shown(value)}, {expected}", hint))
    elif wrong.startswith("must "):
        remarks.append(Remark(line, "out-of-range", f"`{key}` is {_shown(value)}: it {wrong}"))
    else:
        code, _, message = wrong.partition(": ")
        remarks.append(Remark(line, code, f"`{key}`: {message}"))


def _shown(value: Any) -> str:
    if isinstance(value, _Nested):
        return "a group of keys"
    text = repr(value) if isinstance(value, str | bool | int | float) else str(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _load(text: str, remarks: list[Remark]) -> dict[str, tuple[Any, int]]:
    """Keys → (value, line); nested mappings are `_Nested`. Line 1 of `text` is line 2 of the file."""
    import yaml

    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                line = event.start_mark.line + 2 if event.start_mark else 1
                message = f"the alias `*{event.anchor}` is refused: aliases can unfold into more than any memory holds"
                remarks.append(Remark(line, "yaml-bomb", message, "write the value out"))
                return {}
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            return {} if node is None else _mapping(loader, node, remarks)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        before = text[: getattr(error, "position", None) or 0].count("\n")
        line = min(mark.line if mark else before, text.count("\n")) + 2
        said = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
        hint = "text with `:` or `#` in it wants quotes; indent with blanks"
        remarks.append(Remark(line, "bad-front-matter", f"not valid YAML: {said}", hint))
    except (RecursionError, ValueError, OverflowError, TypeError, AttributeError, KeyError) as error:
        remarks.append(Remark(1, "bad-front-matter", f"not valid YAML: {type(error).__name__}: {str(error)[:80]}"))
    return {}


def _mapping(loader: Any, node: Any, remarks: list[Remark], top: bool = True) -> dict[str, tuple[Any, int]]:
    import yaml

    if not isinstance(node, yaml.MappingNode):
        remarks.append(Remark(node.start_mark.line + 2, "bad-front-matter", "expected lines such as `title: Library loans`"))
        return {}
    found: dict[str, tuple[Any, int]] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 2
        key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
        if key in found:
            remarks.append(Remark(line, "duplicate-key", f"`{key}` is given twice, first on line {found[key][1]}", "keep one of them"))
        elif top and isinstance(value_node, yaml.MappingNode):
            found[key] = (_Nested(_mapping(loader, value_node, remarks, top=False)), line)
        else:
            found[key] = (scalar(loader, value_node), line)
    return found


def scalar(loader: Any, node: Any) -> Any:
    """The value of a node. Dates stay text: whoever asks for one says what is wrong with it."""
    return node.value if node.tag == "tag:yaml.org,2002:timestamp" else loader.construct_object(node, deep=True)
