"""`## Answers`: what a person answered to questions, part of the requirement or criterion that each answer names.

    - R3: the desk pays
    - R3.AC2: only on working days
    - Q: Which module should provide R4? A: `library/fees.py`

An answer becomes part of that text, so that only its task is worded otherwise. To a requirement without criteria it is the criterion; the path of a
module where none is known is its module. An answer to nothing known is noted, with its line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestrator.inbox import modules
from orchestrator.inbox.blocks import Block, walk
from orchestrator.inbox.doctests import Remark
from orchestrator.model import Answer, Criterion, Requirement

KEY = "A1"
"""Of the criterion that an answer is to a requirement without any."""
_HEADING = re.compile(r"[*_]*answers?(?: to (?:the )?(?:open )?questions)?[*_]*:?", re.IGNORECASE)
_BULLET = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+")
_ASKED = re.compile(r"[*_]*Q[*_]*:[*_]*\s*(?P<question>.+?)\s*[*_]*\bA[*_]*:[*_]*\s*(?P<answer>.+)", re.DOTALL)
_NAMED = re.compile(r"[*_`]*(?P<name>[\w.-]+(?:#[\w.-]+)?)[*_`]*\s*:[*_]*\s*(?P<answer>.+)", re.DOTALL)
_MODULE = re.compile(r"(?:Module:\s*)?`?(?P<path>[\w./-]+\.py)`?\.?", re.IGNORECASE)
_HINT = "begin it with what it answers: `- R3: …`, `- R3.AC2: …`, or `- Q: … A: …` with the identifier in the question"


@dataclass(frozen=True)
class Said:
    """One item of the section, before it is known what it answers."""

    name: str
    question: str
    text: str
    line: int


def take(tree: Sequence[Block], lines: list[str], remarks: list[Remark]) -> tuple[list[str], tuple[Said, ...]]:
    """(the lines with those of the section empty, what it says). The same lines where there is no such section."""
    found: list[Said] = []
    left = list(lines)
    level = 0
    for block in tree:
        if block.kind == "heading" and (not level or block.level <= level):
            level = block.level if _HEADING.fullmatch(block.text.strip()) else 0
        if not level:
            continue
        for number in range(block.start, block.end + 1):
            left[number - 1] = ""
        if block.kind == "list":
            found += _items(block, lines, remarks)
        elif block.kind not in ("heading", "other"):
            remarks.append(Remark(block.start, "answer-not-read", "this stands under answers and is no item of a list", _HINT, error=False))
    return (left, tuple(found)) if left != lines else (lines, ())


def _items(block: Block, lines: list[str], remarks: list[Remark]) -> list[Said]:
    found = []
    for item in block.children:
        if item.kind != "item":
            continue
        end = max((each.end for each in walk((item,)) if each.kind != "item"), default=item.end)
        text = "\n".join(line.strip() for line in (_BULLET.sub("", lines[item.start - 1], count=1), *lines[item.start : end])).strip()
        if asked := _ASKED.fullmatch(text):
            found.append(Said("", " ".join(asked["question"].split()), _plain(asked["answer"]), item.start))
        elif named := _NAMED.fullmatch(text):
            found.append(Said(named["name"], "", _plain(named["answer"]), item.start))
        else:
            remarks.append(Remark(item.start, "answer-not-read", "this answer does not say what it answers", _HINT, error=False))
    return found


def _plain(text: str) -> str:
    return " ".join(text.split())


def put(requirements: tuple[Requirement, ...], said: tuple[Said, ...], remarks: list[Remark]) -> tuple[Requirement, ...]:
    """The requirements with the answers in them."""
    found = {requirement.key: requirement for requirement in requirements}
    for each in said:
        key, criterion = _about(each, found)
        if not key:
            what = f"`{each.name}`" if each.name else "a question that names no requirement"
            message = f"this answers {what}, and there is no such requirement or criterion here"
            remarks.append(Remark(each.line, "answer-to-nothing", message, f"requirements: {', '.join(found)}", error=False))
            continue
        found[key] = _answered(found[key], criterion, each, remarks)
    known = {requirement.line for requirement in found.values() if requirement.criteria}
    remarks[:] = [each for each in remarks if each.code != "requirement-without-criteria" or each.line not in known]
    modular = {requirement.line for requirement in found.values() if requirement.module}
    remarks[:] = [each for each in remarks if each.code != "no-module" or each.line not in modular]
    return tuple(found[requirement.key] for requirement in requirements)


def _about(said: Said, found: dict[str, Requirement]) -> tuple[str, str]:
    """(key of the requirement, key of its criterion or ''); ('', '') when it answers nothing that is known."""
    if said.name:
        return _named(said.name.partition("#")[2] or said.name, found)
    for word in re.findall(r"[\w-]+(?:[.#][\w-]+)*", said.question):
        if (about := _named(word.partition("#")[2] or word, found))[0]:
            return about
    titled = [key for key, requirement in found.items() if requirement.title.casefold() in said.question.casefold()]
    return (titled[0], "") if len(titled) == 1 else ("", "")


def _named(name: str, found: dict[str, Requirement]) -> tuple[str, str]:
    by_name = {key.casefold(): key for key in found}
    if name.casefold() in by_name:
        return by_name[name.casefold()], ""
    for place in (place for place, letter in enumerate(name) if letter == "."):
        key = by_name.get(name[:place].casefold())
        criterion = next((item.key for item in found[key].criteria if item.key.casefold() == name[place + 1 :].casefold()), "") if key else ""
        if key and criterion:
            return key, criterion
    return "", ""


def _answered(requirement: Requirement, criterion: str, said: Said, remarks: list[Remark]) -> Requirement:
    told = replace(requirement, answers=(*requirement.answers, Answer(said.text, said.line, criterion, said.question)))
    module = _MODULE.fullmatch(said.text)
    if module and not criterion and not requirement.module:
        if wrong := modules.wrong_path(module["path"]):
            remarks.append(Remark(said.line, *wrong, "name a file such as `library/loans.py`"))
            return requirement
        return replace(told, module=module["path"])
    words = f"Answer to “{said.question}”: {said.text}" if said.question else f"Answer: {said.text}"
    if criterion:
        criteria = tuple(replace(item, text=f"{item.text} ({words})") if item.key == criterion else item for item in requirement.criteria)
        return replace(told, criteria=criteria)
    if not requirement.criteria:
        return replace(told, criteria=(Criterion(f"{requirement.id}.{KEY}", KEY, said.text, said.line, inferred=True),))
    return replace(told, text=f"{requirement.text}\n\n{words}".strip())
