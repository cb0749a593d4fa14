"""Lines → package requirements that a section on dependencies names. Pure.

[project.optional-dependencies]      - httpx>=0.27             httpx = "^0.27"        pip install httpx
api = ["fastapi>=0.115.0"]           - Add `httpx>=0.27` to …
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from orchestrator.inbox.doctests import Remark
from orchestrator.inbox.frontmatter import is_dependency

_QUOTED = re.compile(r"[\"']([^\"'\n]+)[\"']")
_HOW = r"(?:===|==|~=|!=|<=|>=|<|>)[ \t]*[\w.*+!-]+"
_NAME = r"(?P<name>[A-Za-z0-9][\w.-]*(?:\[[\w,. -]*\])?)"
_PINNED = re.compile(rf"{_NAME}[ \t]*(?P<how>{_HOW}(?:[ \t]*,[ \t]*{_HOW})*)")
_TABLE = re.compile(r"[ \t]*\[(?P<name>[\w.\"-]+)\][ \t]*(?:#.*)?$")
_ASSIGNED = re.compile(r"[ \t]*(?P<name>[A-Za-z0-9][\w.-]*)[ \t]*=[ \t]*(?P<value>\S.*)$")
_ITEM = re.compile(r"[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+(?P<text>\S.*)$")
_NAMED = re.compile(
    rf"(?:(?:add|adds|added|new|install|require|requires|use)\b[:\t ]*)?[*_]*`?{_NAME}`?[*_]*(?=$|[ \t]*(?:\(|:|[-–—]|$))", re.IGNORECASE
)
_AWAY = re.compile(r"[ \t]*(?:[-*+•][ \t]+)?[*_`]*(?:remove|drop|delete|uninstall|no longer)\b", re.IGNORECASE)
_NONE = re.compile(
    r"[ \t]*(?:[-*+•][ \t]+)?[*_]*(?:none|nothing|n/?a|no (?:new|changes?|additional)\b.*|standard library.*|stdlib.*|python\b.*)[*_.]*[ \t]*$",
    re.IGNORECASE,
)
_NOT = frozenset({"python", "pip", "none", "name", "version", "requires-python", "new", "add"})


def read(lines: Sequence[str], first: int, last: int, *, loose: bool) -> tuple[list[tuple[str, int]], list[Remark]]:
    """(requirement, line) pairs of lines `first` to `last` (from 1). `loose`: the section is about packages only, so that an item that is
    just a name is one; otherwise a version must tell."""
    found: dict[str, tuple[str, int]] = {}
    remarks: list[Remark] = []
    table, inside = "", False
    for number in range(first, last + 1):
        line = lines[number - 1].strip()
        if not line or line.startswith(("```", "~~~")) or len(line) > 1000:
            continue
        if match := _TABLE.match(line):
            table, inside = match["name"].replace('"', ""), False
            continue
        if _NONE.match(line):
            continue
        if _AWAY.match(line):
            message = f"`{line[:60]}` takes something away: nothing is taken for a dependency"
            remarks.append(Remark(number, "dependency-not-read", message, "remove it from the repository's own file", error=False))
            continue
        wanted, inside = _of(line, table, inside, loose)
        for name in wanted:
            if is_dependency(name):
                found.setdefault(re.split(r"[^\w.-]", name)[0].lower().replace("_", "-"), (name, number))
            else:
                message = f"`{name[:60]}` is no package requirement such as `requests>=2.31`"
                remarks.append(Remark(number, "dependency-not-read", message, "write it under `dependencies:` in front matter", error=False))
    return list(found.values()), remarks


def _of(line: str, table: str, inside: bool, loose: bool) -> tuple[list[str], bool]:
    """The package requirements of one line, and whether an array goes on after it."""
    if inside:
        return _QUOTED.findall(line.partition("#")[0]), "]" not in _QUOTED.sub("", line)
    if (assigned := _ASSIGNED.match(line)) and not line.startswith(("-", "*")) and "==" not in line:
        name, value = assigned["name"], assigned["value"]
        if value.startswith("["):
            return _QUOTED.findall(value), "]" not in _QUOTED.sub("", value)
        version = _QUOTED.search(value)
        if version and name.lower() not in _NOT and ("dependencies" in table or loose):
            return [_pinned(name, version[1])], False
        return [], False
    if installed := re.search(r"\bpip3?\s+install\s+(.+?)`?$", line):
        return [each.strip("`'\"") for each in installed[1].split() if not each.startswith("-") and each != "."], False
    pinned = [f"{match['name']}{re.sub(r'[ 	]+', '', match['how'])}" for match in _PINNED.finditer(line.replace("`", ""))]
    pinned = [name for name in pinned if re.split(r"[^\w.-]", name)[0].lower() not in _NOT]
    if pinned:
        return pinned, False
    item = _ITEM.match(line)
    text = item["text"] if item else line if re.fullmatch(r"[\w.-]+(?:\[[\w,. -]*\])?", line) else ""
    named = _NAMED.match(text) if loose and text else None
    return ([named["name"]] if named and named["name"].lower() not in _NOT else []), False


def _pinned(name: str, version: str) -> str:
    """As pip writes what other tools write: `^1.2` → `>=1.2`, `~1.2` → `~=1.2`, `1.2` → `==1.2`, `*` → any."""
    version = version.strip()
    if version in ("*", ""):
        return name
    if version[0] in "^~" and not version.startswith("~="):
        dotted = version[1:] if "." in version[1:] else f"{version[1:]}.0"
        return f"{name}>={version[1:]}" if version[0] == "^" else f"{name}~={dotted}"
    return f"{name}=={version}" if version[0].isdigit() else f"{name}{version}"
