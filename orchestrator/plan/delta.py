"""Two wordings of a PRD → what an edit changed, requirement by requirement. Pure.

What counts is what a task's fingerprint counts: layout, lines, priority and phase are no change. A requirement whose identifier alone is another is
renamed, where that is unambiguous: exactly one that is gone says what exactly one that is new says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from orchestrator.model import Criterion, Example, Prd, Requirement, Task
from orchestrator.plan import outline

Kind = Literal["unchanged", "changed", "added", "removed", "renamed"]
PART = Literal["changed", "added", "removed"]


@dataclass(frozen=True)
class Part:
    """Something in a requirement that is worded otherwise."""

    name: str
    """`title`, `text`, `Module`, `Depends on`, `Type`, `Complexity`, or the key of a criterion."""
    kind: PART
    before: str
    """What it said, with the examples of a criterion a line each; '' when it was not there."""
    after: str
    before_line: int
    """In the file as it was; 0 when it was not there."""
    line: int
    """In the file as it is; 0 when it is gone."""


@dataclass(frozen=True)
class Edited:
    """What an edit did to one requirement."""

    requirement: str
    """Its id now, or the one it had when it is gone."""
    kind: Kind
    title: str
    was: str = ""
    """The id it had, when it was renamed."""
    before_line: int = 0
    line: int = 0
    parts: tuple[Part, ...] = ()


def compare(before: Prd, after: Prd) -> tuple[Edited, ...]:
    """Every requirement that there was or is: those there are in the order of the file, then those that are gone."""
    old = {requirement.key: requirement for requirement in before.requirements}
    new = {requirement.key: requirement for requirement in after.requirements}
    names = renamed(before.requirements, after.requirements)
    found = []
    for key, requirement in new.items():
        earlier = old.get(key) or old.get(names.get(key, ""))
        if earlier is None:
            parts = _parts(None, requirement)
            found.append(Edited(requirement.id, "added", requirement.title, line=requirement.line, parts=parts))
            continue
        same = outline.fingerprint((earlier,)) == outline.fingerprint((requirement,))
        kind: Kind = "renamed" if key not in old else "unchanged" if same else "changed"
        parts = () if same else _parts(earlier, requirement)
        was = earlier.id if kind == "renamed" else ""
        found.append(Edited(requirement.id, kind, requirement.title, was, earlier.line, requirement.line, parts))
    for key, requirement in old.items():
        if key not in new and key not in names.values():
            found.append(Edited(requirement.id, "removed", requirement.title, before_line=requirement.line, parts=_parts(requirement, None)))
    return tuple(found)


def renamed(before: Iterable[Requirement], after: Iterable[Requirement]) -> dict[str, str]:
    """New key → old key of the requirements whose identifier alone is another."""
    old, new = {item.key: item for item in before}, {item.key: item for item in after}
    gone, come = _by_essence(item for key, item in old.items() if key not in new), _by_essence(item for key, item in new.items() if key not in old)
    return {come[essence][0]: keys[0] for essence, keys in gone.items() if len(keys) == 1 and len(come.get(essence, ())) == 1}


def _by_essence(requirements: Iterable[Requirement]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for requirement in requirements:
        found.setdefault(outline.fingerprint((_nameless(requirement),)), []).append(requirement.key)
    return found


def _nameless(requirement: Requirement) -> Requirement:
    """Without its identifier and those of others; a title that is the identifier goes with it."""
    criteria = tuple(
        replace(item, id="", examples=tuple(replace(example, id=example.id.rpartition("/")[2]) for example in item.examples))
        for item in requirement.criteria
    )
    title = "" if requirement.inferred else requirement.title
    return replace(requirement, id="", key="", title=title, depends_on=(), criteria=criteria)


# --- parts ---------------------------------------------------------------------------------------------------------------


def _parts(before: Requirement | None, after: Requirement | None) -> tuple[Part, ...]:
    lines = (before.line if before else 0, after.line if after else 0)
    old, new = _said(before), _said(after)
    found = [_part(name, old.get(name, ""), new.get(name, ""), *lines) for name in dict.fromkeys((*old, *new))]
    earlier = {item.key: item for item in before.criteria} if before else {}
    later = {item.key: item for item in after.criteria} if after else {}
    for key in dict.fromkeys((*later, *earlier)):
        was, now = earlier.get(key), later.get(key)
        found.append(_part(key, wording(was), wording(now), was.line if was else 0, now.line if now else 0))
    return tuple(part for part in found if part is not None)


def _said(requirement: Requirement | None) -> dict[str, str]:
    if requirement is None:
        return {}
    said = {
        "title": outline.prose(requirement.title),
        "text": outline.prose(requirement.text),
        "Module": requirement.module,
        "Depends on": ", ".join(requirement.depends_on),
        "Type": requirement.type,
        "Complexity": requirement.complexity,
    }
    return {name: text for name, text in said.items() if text}


def _part(name: str, before: str, after: str, before_line: int, line: int) -> Part | None:
    if before == after:
        return None
    kind: PART = "added" if not before else "removed" if not after else "changed"
    return Part(name, kind, before, after, before_line if before else 0, line if after else 0)


def wording(criterion: Criterion | None) -> str:
    """A criterion and its examples as text, a line for each example: two that are equal ask the same."""
    if criterion is None:
        return ""
    text = outline.prose(criterion.text) or f"({criterion.key})"
    return "\n".join([text, *(_example(example) for example in criterion.examples)])


def _example(example: Example) -> str:
    before = "".join(f"{statement.strip()}; " for statement in example.setup)
    match example.compare:
        case "raises":
            said = f"{example.call} raises {example.raises}: {example.expected}"
        case "console":
            given = f" <<< {example.stdin!r}" if example.stdin else ""
            ends = f" (exit {example.exit_code})" if example.exit_code else ""
            said = f"$ {example.call}{given} shows {example.expected!r}{ends}"
        case "text":
            said = f"{example.call} prints {example.expected!r}"
        case _:
            said = f"{example.call} is {example.expected}"
    files = "".join(f" [{file.name}: {file.text!r}]" for file in example.files)
    return f"{before}{said}{files}"


# --- tasks ---------------------------------------------------------------------------------------------------------------


def reasons(before: Task, after: Task) -> tuple[str, ...]:
    """Why a task is another one now, in the words of the PRD: `AC2, line 14`, `R3 is gone`. Empty when nothing is that a reader would see."""
    old = {requirement.key: requirement for requirement in before.requirements}
    found = []
    for requirement in after.requirements:
        prefix = f"{requirement.key} " if len(after.requirements) > 1 else ""
        if requirement.key not in old:
            found.append(f"{requirement.key} is new in it, line {requirement.line}")
            continue
        for part in _parts(old.pop(requirement.key), requirement):
            gone = {"added": " is new", "removed": " is gone"}.get(part.kind, "")
            found.append(f"{prefix}{part.name}{gone}" + (f", line {part.line}" if part.line else ""))
    found += [f"{key} is no longer in it" for key in old]
    return tuple(found)


def changed_criteria(before: Task, after: Task) -> frozenset[str]:
    """Ids of criteria of the task as it is that it had not, or that said something else; all of them where the requirement around them did."""
    old = {requirement.id: requirement for requirement in before.requirements}
    found: set[str] = set()
    for requirement in after.requirements:
        earlier = old.get(requirement.id)
        said = {item.id: wording(item) for item in earlier.criteria} if earlier else {}
        whole = earlier is None or _said(earlier) != _said(requirement)
        found |= {item.id for item in requirement.criteria if whole or said.get(item.id) != wording(item)}
    return frozenset(found)


def same_prose(before: Task, after: Task) -> bool:
    """Whether an agent that writes tests for prose is asked the same for both: title, text, module and criteria without examples."""

    def asked(task: Task) -> list[object]:
        return [
            (item.title, outline.prose(item.text), item.module, [(each.key, outline.prose(each.text)) for each in item.criteria if not each.examples])
            for item in task.requirements
        ]

    return asked(before) == asked(after)


def becomes(retired: Task, tasks: Iterable[Task], names: Mapping[str, str]) -> str:
    """The task that took over a retired one's requirement: under the new id that it has, or together with others; '' where none did. `names`: new key
    → old key."""
    old = {requirement.key for requirement in retired.requirements}
    for task in tasks:
        if any(requirement.key in old or names.get(requirement.key) in old for requirement in task.requirements):
            return task.id
    return ""
