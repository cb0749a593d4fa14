"""Search, not nagging: how the next candidate is asked for. Pure.

An agent that can look for itself is told what is wrong with its last answer. A model behind a chat endpoint mostly repeats itself when it is told so:
it is asked in another way each time, at a higher temperature, and the first candidate that passes every gate is taken.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Literal

from orchestrator.model import Example, Task, Way

WAYS: dict[Way, str] = {
    "whole": "the whole task",
    "findings": "the whole task, and what was wrong with the last answer",
    "explain": "first say what each rule means and work out what went wrong, then write",
    "failure": "the last answer, and only the rules that it breaks",
    "one function": "one function after the other, each with its own rules",
    "fresh": "the whole task anew, in another way, without a word of what went wrong",
}
"""Every way, in the words of reports."""

TOLD: tuple[Way, ...] = ("whole", "findings")
"""For an agent that looks for itself; the last one goes on."""

SEARCHED: tuple[Way, ...] = ("whole", "findings", "explain", "one function", "failure", "fresh")
"""For a model that is asked; after these, all but the first again."""

SMALL: tuple[Way, ...] = ("one function", "findings", "whole", "fresh", "findings", "whole", "explain", "fresh", "failure")
"""For a small model: it does one function well and a whole module badly, explains until its tokens are used up, and gives an answer that it is
shown again. What helps it most is to be asked once more."""

SMALL_BILLIONS = 4.0


def told(asked: int) -> Way:
    """The way for an agent that looks for itself; `asked`: how often it was asked for this task before."""
    return TOLD[min(asked, len(TOLD) - 1)]


def searched(asked: int, units: int, small: bool) -> Way:
    """The way for a model that is asked. `units`: functions and classes of the task; with one, there is nothing to take apart."""
    order = SMALL if small else SEARCHED
    way = order[asked] if asked < len(order) else order[1:][(asked - 1) % (len(order) - 1)]
    return ("whole" if asked == 0 else "fresh") if way == "one function" and units < 2 else way


def is_new(way: Way, before: tuple[Way | Literal[""], ...]) -> bool:
    """Whether an answer that is asked for in this way may be another one: of an agent that looks for itself once, of a model that is sampled
    three times."""
    sampled = any(each and each not in TOLD for each in (way, *before))
    return before.count(way) < (3 if sampled else 1)


def known(word: str) -> Way:
    """The way of that name; a recording may have been edited by hand."""
    return next((way for way in WAYS if way == word), "whole")


def is_small(model: str) -> bool:
    """By the number of parameters in its name, `qwen2.5-coder-1.5b-instruct`; a name that has none is not small."""
    sizes = re.findall(r"(?<![\d.a-z])(\d{1,4}(?:\.\d+)?)b(?![a-z0-9])", model.lower())
    return bool(sizes) and max(map(float, sizes)) <= SMALL_BILLIONS


@dataclass(frozen=True)
class Unit:
    """A function or a class that a task is to provide, with the criteria that are about it."""

    name: str
    criteria: tuple[str, ...]
    """Ids."""


def units(task: Task, shown: tuple[Example, ...]) -> tuple[Unit, ...]:
    """In the order in which the examples come to them. A criterion that uses several belongs to the last: by then the others are written."""
    files = {path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in task.files if path.endswith(".py")}
    files |= {name.removeprefix("src.") for name in files}
    names: list[str] = []
    used: dict[str, list[str]] = {}
    by_id = {example.id: example for example in shown}
    for criterion in task.criteria:
        found: list[str] = []
        for example in (by_id[item.id] for item in criterion.examples if item.id in by_id):
            found += [name for name in _used(example, files) if name not in found]
        names += [name for name in found if name not in names]
        used[criterion.id] = found
    homes = {identity: max(found, key=names.index) for identity, found in used.items() if found}
    return tuple(Unit(name, tuple(identity for identity, home in homes.items() if home == name)) for name in names if name in homes.values())


def _used(example: Example, modules: set[str]) -> list[str]:
    """Names that an example imports from the task's own modules and uses, in order."""
    if example.compare == "console":
        return []
    nodes = [node for text in (*example.setup, example.call) for node in ast.walk(_parsed(text))]
    imported = {
        alias.asname or alias.name: alias.name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module in modules
        for alias in node.names
    }
    return list(dict.fromkeys(imported[node.id] for node in nodes if isinstance(node, ast.Name) and node.id in imported))


def _parsed(text: str) -> ast.AST:
    try:
        return ast.parse(text.strip())
    except (SyntaxError, ValueError):
        return ast.Module([], [])


_MEDIUM = frozenset({"medium", "moderate", "normal", "m"})
_HIGH = frozenset({"high", "large", "complex", "hard", "difficult", "l", "xl"})


def first_rung(complexity: str, rungs: int) -> int:
    """Where a ladder of so many agents is entered: a low one at the bottom, a high one at the top, any other word at the bottom."""
    word = complexity.strip().lower()
    return rungs - 1 if word in _HIGH else (rungs - 1) // 2 if word in _MEDIUM else 0


def kept(before: str, after: str) -> tuple[str, tuple[str, ...]]:
    """(the later text of a module with what it left out of the earlier one, the names that were put back): a model that is asked for one more
    function often answers with that one alone. What is written anew stays as it is written anew; a text that is no Python is left alone."""
    try:
        old, new = ast.parse(before), ast.parse(after)
    except (SyntaxError, ValueError, RecursionError):
        return after, ()
    there = {name for node in new.body for name in _defined(node)}
    lost = [node for node in old.body if (names := _defined(node)) and not there & {*names}]
    put_back = tuple(name for node in lost if not isinstance(node, ast.Import | ast.ImportFrom) for name in _defined(node))
    if not put_back:
        return after, ()
    lines = before.splitlines(keepends=True)
    imports = [_source(lines, node) for node in lost if isinstance(node, ast.Import | ast.ImportFrom)]
    others = [_source(lines, node) for node in lost if not isinstance(node, ast.Import | ast.ImportFrom)]
    head, tail = _split(after, new)
    return head + "".join(imports) + "\n\n".join(["", *others, tail.lstrip("\n")]), put_back


def _defined(node: ast.stmt) -> tuple[str, ...]:
    """Names that a statement of a module makes."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return (node.name,)
    if isinstance(node, ast.Import | ast.ImportFrom):
        return tuple(alias.asname or alias.name for alias in node.names)
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return tuple(part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name))


def _source(lines: list[str], node: ast.stmt) -> str:
    """Its whole lines, decorators too."""
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    text = "".join(lines[first - 1 : node.end_lineno])
    return text if text.endswith("\n") else text + "\n"


def _split(text: str, module: ast.Module) -> tuple[str, str]:
    """A module's text up to the end of its docstring and first imports, and the rest."""
    end = 0
    for number, node in enumerate(module.body):
        is_docstring = number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        if not is_docstring and not isinstance(node, ast.Import | ast.ImportFrom):
            break
        end = node.end_lineno or 0
    lines = text.splitlines(keepends=True)
    head = "".join(lines[:end])
    return head if not head or head.endswith("\n") else head + "\n", "".join(lines[end:])
