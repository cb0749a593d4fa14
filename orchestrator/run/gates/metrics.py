"""What asks for tidying up, in figures: sizes, complexity, duplication, lint. Pure."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.config import Tidy
from orchestrator.model import Change

_BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.IfExp, ast.ExceptHandler, ast.Assert, ast.comprehension, ast.match_case)


@dataclass(frozen=True)
class Smell:
    """One figure over its limit."""

    kind: str
    """`file`, `function`, `class`, `complexity`, `duplication`, `lint`."""
    what: str
    """A sentence with the place and the figure."""
    amount: int
    """The figure."""


def smells(changes: tuple[Change, ...], limits: Tidy) -> tuple[Smell, ...]:
    """What is over a limit in the Python files among `changes`. A file that does not parse has none."""
    found: list[Smell] = []
    for change in changes:
        if change.text is None or not change.path.endswith(".py"):
            continue
        try:
            tree = ast.parse(change.text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        found += _sizes(change.path, change.text, tree, limits)
        found += _duplicates(change.path, tree, limits.duplicate_lines)
        found += _lint(change.path, tree)
    return tuple(found)


def added(base: tuple[Smell, ...], now: tuple[Smell, ...]) -> tuple[Smell, ...]:
    """Those of the kinds of which there are more than at the base: what was there already is nobody's to mend now."""
    return tuple(smell for smell in now if _count(now, smell.kind) > _count(base, smell.kind))


def _count(found: tuple[Smell, ...], kind: str) -> int:
    return sum(smell.kind == kind for smell in found)


def better(before: tuple[Smell, ...], after: tuple[Smell, ...]) -> bool:
    """No kind of figure is worse in sum, and one is better."""
    sums = [(_sum(before, kind), _sum(after, kind)) for kind in {smell.kind for smell in (*before, *after)}]
    return all(new <= old for old, new in sums) and any(new < old for old, new in sums)


def _sum(found: tuple[Smell, ...], kind: str) -> int:
    return sum(smell.amount for smell in found if smell.kind == kind)


def _sizes(path: str, text: str, tree: ast.Module, limits: Tidy) -> Iterator[Smell]:
    lines = len(text.splitlines())
    if lines > limits.file_lines:
        yield Smell("file", f"{path} has {lines} lines, more than {limits.file_lines}", lines)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > limits.function_lines:
                yield Smell("function", f"{path}, line {node.lineno}: `{node.name}` has {length} lines, more than {limits.function_lines}", length)
            ways = complexity(node)
            if ways > limits.complexity:
                what = f"{path}, line {node.lineno}: `{node.name}` has {ways} ways through it, more than {limits.complexity}"
                yield Smell("complexity", what, ways)
        elif isinstance(node, ast.ClassDef):
            methods = sum(isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)) for item in node.body)
            if methods > limits.class_methods:
                what = f"{path}, line {node.lineno}: `{node.name}` has {methods} methods, more than {limits.class_methods}"
                yield Smell("class", what, methods)


def complexity(function: ast.AST) -> int:
    """Cyclomatic: one, and one for each branch; functions inside count for themselves."""
    total = 1
    waiting = list(ast.iter_child_nodes(function))
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        total += isinstance(node, _BRANCHES)
        if isinstance(node, ast.BoolOp):
            total += len(node.values) - 1
        waiting += ast.iter_child_nodes(node)
    return total


def _duplicates(path: str, tree: ast.Module, least: int) -> Iterator[Smell]:
    """Runs of the same statements in two places, over at least so many lines; a run inside a longer one does not count again."""
    places: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for body in (body for node in ast.walk(tree) for body in _bodies(node)):
        for start in range(len(body)):
            for end in range(start + 1, min(len(body), start + 20) + 1):
                first, last = body[start].lineno, body[end - 1].end_lineno or body[end - 1].lineno
                if last - first + 1 >= least:
                    places["\0".join(ast.dump(node) for node in body[start:end])].append((first, last))
                    break
    taken: set[int] = set()
    for found in places.values():
        (first, last), *others = found
        fresh = [place for place in others if place[0] > last and not taken & set(range(place[0], place[1] + 1))]
        if fresh and first not in taken:
            taken |= {line for place in (*fresh, (first, last)) for line in range(place[0], place[1] + 1)}
            lines = last - first + 1
            what = f"{path}: lines {first} to {last} stand again at line {', '.join(str(place[0]) for place in fresh)}"
            yield Smell("duplication", what, lines * len(fresh))


def _bodies(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        body = getattr(node, name, None)
        if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
            yield body


def _lint(path: str, tree: ast.Module) -> Iterator[Smell]:
    """What pyflakes says: names that are not used, not defined, defined twice."""
    from pyflakes import checker

    try:
        messages = checker.Checker(tree, filename=path).messages
    except (RecursionError, ValueError):
        return
    for message in sorted(messages, key=lambda message: (message.lineno, message.col)):
        yield Smell("lint", f"{path}, line {message.lineno}: {message.message % message.message_args}", 1)
