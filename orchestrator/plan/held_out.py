"""Which examples the agent never sees. Pure and stable: chosen by hash, so the same PRD always holds out the same ones.

A share of the examples (default a quarter) where at least three share a call form; never the only one of an outcome kind, so that what stays
visible still shows every kind of answer; never one whose call a visible example runs first as its set-up, unless the session only asks a function
question after question: then what is shown leaves the question out (`shown`).
"""

from __future__ import annotations

import ast
import hashlib
from collections import defaultdict
from dataclasses import replace

from orchestrator.model import Example


def choose(examples: tuple[Example, ...], share: float) -> frozenset[str]:
    """Ids of the examples to hold out."""
    if share <= 0:
        return frozenset()
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        groups[call_form(example)].append(example)
    apart = _only_questions(examples)
    chosen: set[str] = set()
    for _, group in sorted(groups.items()):
        if len(group) < 3:
            continue
        wanted = max(1, min(round(share * len(group)), len(group) // 2))
        left: dict[str, int] = defaultdict(int)
        for example in group:
            left[outcome_kind(example)] += 1
        waiting = sorted(group, key=_rank)
        while wanted:
            example_or_none = next(
                (item for item in waiting if left[outcome_kind(item)] > 1 and not _shown_elsewhere(item, examples, chosen, apart)), None
            )
            if example_or_none is None:
                break
            waiting.remove(example_or_none)
            chosen.add(example_or_none.id)
            left[outcome_kind(example_or_none)] -= 1
            wanted -= 1
    return frozenset(chosen)


def call_form(example: Example) -> str:
    """The call with its constants taken out: `leap_year(2015)` and `leap_year(1996)` share `leap_year(?)`."""
    if example.compare == "console":
        words = example.call.split()
        return "$ " + " ".join(words[:3] if words[:2] in (["python", "-m"], ["python3", "-m"]) else words[:1])
    try:
        tree = ast.parse(example.call.strip(), mode="eval")
    except SyntaxError:
        return example.call
    return ast.unparse(_Blank().visit(tree))


class _Blank(ast.NodeTransformer):
    """Every literal, however nested, becomes `?`."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, (ast.Constant, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.JoinedStr)) or (
            isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant)
        ):
            return ast.copy_location(ast.Name("_", ast.Load()), node)
        return super().generic_visit(node)


def outcome_kind(example: Example) -> str:
    """`raises <type>`, `exit <code>`, `True`, `False`, `None`, `empty`, or `value`."""
    if example.compare == "raises":
        return f"raises {example.raises}"
    if example.compare == "console":
        return f"exit {example.exit_code}"
    if example.compare == "value":
        value = ast.literal_eval(example.expected.strip())
        if value is None or isinstance(value, bool):
            return str(value)
        if not value:
            return "empty"
    return "value"


def shown(example: Example, hidden: tuple[Example, ...]) -> Example:
    """The example without the questions of hidden ones that its session asks on its way: wherever they stand, where it only asks questions."""
    apart = _only_questions((example,))
    kept = tuple(
        statement
        for position, statement in enumerate(example.setup)
        if not any(other.call == statement and (apart or other.setup == example.setup[:position]) for other in hidden)
    )
    return replace(example, setup=kept)


def _only_questions(examples: tuple[Example, ...]) -> bool:
    """Every session imports functions and calls them with literals, each statement by itself: nothing is made, kept or named."""
    statements = {statement for example in examples if example.compare != "console" for statement in example.setup}
    return all(statement.startswith(("from ", "import ")) or _is_question(statement) for statement in statements)


def _is_question(statement: str) -> bool:
    try:
        call = ast.parse(statement.strip(), mode="eval").body
    except SyntaxError:
        return False
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or not call.func.id[:1].islower():
        return False
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    return bool(values) and all(_is_literal(value) for value in values)


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return False
    return True


def _shown_elsewhere(example: Example, examples: tuple[Example, ...], chosen: set[str], apart: bool) -> bool:
    """A visible example asks the same question, or asks it on its way: holding this one out would hide nothing."""
    return any(
        (other.call, other.stdin) == (example.call, example.stdin)
        if apart
        else (other.setup, other.call, other.stdin) == (example.setup, example.call, example.stdin)
        or (example.call in other.setup[len(example.setup) :] and other.setup[: len(example.setup)] == example.setup)
        for other in examples
        if other.id != example.id and other.id not in chosen
    )


def _rank(example: Example) -> str:
    return hashlib.sha256("\0".join((example.id.partition("/")[0], *example.setup, example.call)).encode()).hexdigest()
