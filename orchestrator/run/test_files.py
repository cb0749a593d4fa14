"""Which test files the orchestrator makes for a task, and which tests of an earlier wording nothing asks for any more. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from orchestrator.model import RetiredTest, Task


def prose_file(task: Task) -> str:
    """Where an agent's tests for prose criteria stand."""
    return f"{task.test_file.removesuffix('.py')}_prose.py"


def made_by_us(touched: frozenset[str], tasks: Iterable[Task]) -> frozenset[str]:
    """Files that are no person's: those that commits of the orchestrator touched, and the test files of tasks, whoever has committed them since."""
    return touched | {path for task in tasks for path in files_of(task)}


def files_of(task: Task) -> tuple[str, ...]:
    """Every test file that the orchestrator makes for a task."""
    return task.test_file, prose_file(task)


def retired(before: Mapping[str, str], after: Mapping[str, str], kept: str) -> tuple[RetiredTest, ...]:
    """The tests of files of an earlier wording that ask what nothing asks for now. `before`, `after`: path → text, of the base and of the locked
    tests; `kept`: a file of every example, for those that are hidden now and will be kept."""
    asked = {body for text in (*after.values(), kept) for body in _bodies(text).values()}
    found = []
    for path, text in before.items():
        names = {*_bodies(after.get(path, ""))} | ({*_bodies(kept)} if path in after else set())
        found += [
            RetiredTest(f"{path}::{name}", "replaced" if name in names else "removed") for name, body in _bodies(text).items() if body not in asked
        ]
    return tuple(found)


def _bodies(text: str) -> dict[str, str]:
    """Test → what it does, without what it says of itself; nothing for a file that is not Python."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return {}
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test"):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            found[node.name] = "\n".join((ast.unparse(node.args), *(ast.unparse(item) for item in node.decorator_list), *map(ast.unparse, body)))
    return found
