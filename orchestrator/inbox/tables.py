"""A table whose header is a call → examples, one per row.

Two forms. With an arrow column, the cell under the call holds its arguments and the cell under `=>` the answer; without one, columns
headed by the call's parameters hold the arguments and the call's own column the answer:

    | `fine(days)` | => |         | days | rate | `fine(days, rate)` |
    |---|---|                     |---|---|---|
    | 10 | 2.5 |                  | 10 | 0.25 | 2.5 |
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.inbox.doctests import Answer, Found, Remark, approximate, compiles, literal, parse

MAX_COLUMNS = 50
ARROWS = ("=>", "⇒", "→")
_BUILTINS = frozenset(dir(builtins))
_RAISES = re.compile(
    r"(?P<word>raises\s+)?(?P<type>(?:[^\W\d]\w*\.)*[^\W\d]\w*)(?:\s*:\s*(?P<message>.*))?",
    re.DOTALL,
)
_EXCEPTION = re.compile(r"(?:.*(?:Error|Exception|Warning|Interrupt|Exit|StopIteration|StopAsyncIteration))")


@dataclass(frozen=True)
class Call:
    """The header of a call table."""

    source: str
    parameters: tuple[str, ...]
    places: tuple[tuple[int, int], ...]
    """Where each parameter stands in `source`, as slices of its UTF-8 bytes."""
    names: tuple[str, ...]
    """What the call needs from the module."""


@dataclass(frozen=True)
class Table:
    line: int
    """Of the header."""
    call: Call
    inputs: tuple[int, ...]
    """Columns of arguments: one, or one per parameter in the parameters' order."""
    answer: int
    width: int
    rows: tuple[tuple[int, str], ...]
    """(line, source) of each row."""


def sentences(text: str, line: int) -> list[tuple[str, int]]:
    """The rows of a table that is no example, each as a sentence with its line: `Add; description: it adds`."""
    rows = [[cell.strip() for cell in re.findall(r"(?:[^|\\]|\\.)+", row.strip().strip("|"))] for row in text.split("\n")]
    found = []
    for number, row in enumerate(rows[2:], 2):
        named = [cell if not place else f"{head}: {cell}" for place, (head, cell) in enumerate(zip(rows[0], row, strict=False)) if cell]
        if named:
            found.append(("; ".join(named), line + number))
    return found


def head(lines: Sequence[str], line: int) -> Table | None:
    """The call table that these source lines are, or None when they are a table of another kind. `line` is the header's."""
    cells = cells_of(lines[0])
    if len(cells) > MAX_COLUMNS:
        return None
    calls = [(column, call) for column, cell in enumerate(cells) if (call := _call(cell))]
    rows = tuple((number, text) for number, text in enumerate(lines[2:], line + 2) if text.strip())
    arrows = [column for column, cell in enumerate(cells) if _bare(cell) in ARROWS]
    for column, call in calls:
        others = {_bare(cell): place for place, cell in enumerate(cells) if place != column}
        if len(arrows) == 1 and len(cells) == 2:
            return Table(line, call, (column,), arrows[0], len(cells), rows)
        if not arrows and call.parameters and set(call.parameters) <= set(others):
            return Table(line, call, tuple(others[name] for name in call.parameters), column, len(cells), rows)
    return None


def looks_like_one(lines: Sequence[str]) -> bool:
    """Whether the header holds a call in backticks, so that its author may have meant examples."""
    return any(cell.startswith("`") and _call(cell) for cell in cells_of(lines[0])[:MAX_COLUMNS])


def read(table: Table, module: str) -> tuple[list[Found], list[Remark]]:
    """The examples of a table; `module` is the dotted name its call is imported from."""
    examples: list[Found] = []
    remarks: list[Remark] = []
    for line, text in table.rows:
        row = cells_of(text)
        found = _row(table, row, module)
        if isinstance(found, str):
            hint = "a `|` inside a cell is written `\\|`" if len(row) > table.width else ""
            remarks.append(Remark(line, "bad-example", found, hint))
        else:
            setup, call, answer = found
            examples.append(Found(setup, call, answer, line))
    if not table.rows:
        remarks.append(Remark(table.line, "example-without-answer", "this call table has no rows", error=False))
    return examples, remarks


def cells_of(line: str) -> list[str]:
    """The cells of one row of source; `\\|` is a `|`, whether in backticks or not."""
    row = re.sub(r"^[\s>]*(?:[-*+]|\d+[.)])?[\s>]*(?=\|)", "", line).strip()
    cells = [cell.replace("\\|", "|").strip() for cell in re.split(r"(?<!\\)\|", row)]
    if len(cells) > 1 and not cells[0]:
        cells = cells[1:]
    if len(cells) > 1 and not cells[-1]:
        cells = cells[:-1]
    return cells


def _bare(cell: str) -> str:
    match = re.fullmatch(r"(`+)[ \t]*([^`](?:.*[^`])?|)[ \t]*\1", cell, re.DOTALL)
    return match[2].strip() if match else cell


def _call(cell: str) -> Call | None:
    source = _bare(cell)
    if source == cell or "(" not in source or compiles(source, "eval"):
        return None
    tree = parse(source, "eval")
    arguments: list[ast.Name] = []
    roots: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            values = [*node.args, *(each.value for each in node.keywords)]
            arguments += [value for value in values if isinstance(value, ast.Name)]
            arguments += [value.value for value in values if isinstance(value, ast.Starred) and isinstance(value.value, ast.Name)]
            root: ast.expr = node.func
            while isinstance(root, ast.Attribute | ast.Call):
                root = root.value if isinstance(root, ast.Attribute) else root.func
            if isinstance(root, ast.Name):
                roots.append(root.id)
    if not roots:
        return None
    arguments.sort(key=lambda name: name.col_offset)
    names = [root for root in roots if root not in _BUILTINS] or roots
    places = tuple((name.col_offset, name.end_col_offset or 0) for name in arguments)
    return Call(source, tuple(name.id for name in arguments), places, tuple(sorted(set(names))))


def _row(table: Table, row: list[str], module: str) -> tuple[tuple[str, ...], str, Answer] | str:
    if len(row) != table.width:
        return f"this row has {len(row)} cells, its header {table.width}"
    answer = _answer(_bare(row[table.answer]))
    if isinstance(answer, str):
        return answer
    arguments: list[str] = []
    names = set(table.call.names)
    cells = [_bare(row[column]) for column in table.inputs]
    one_each = len(cells) == len(table.call.parameters)
    for cell in cells if table.call.parameters else ():
        parsed = _arguments(cell, one_each)
        if isinstance(parsed, str):
            return parsed
        arguments += parsed[0]
        names |= parsed[1]
    if len(arguments) != len(table.call.parameters):
        return f"`{table.call.source}` takes {len(table.call.parameters)} arguments, this row gives {len(arguments)}"
    source = table.call.source.encode()
    for (start, end), argument in reversed(list(zip(table.call.places, arguments, strict=True))):
        source = source[:start] + argument.encode("utf-8", "surrogatepass") + source[end:]
    call = source.decode("utf-8", "surrogatepass")
    if wrong := compiles(call, "eval"):
        return f"`{call}` is not valid Python: {wrong}"
    return (f"from {module} import {', '.join(sorted(names))}",), call, answer


def _arguments(cell: str, one: bool) -> tuple[list[str], set[str]] | str:
    """The arguments of a cell as source, and the names they need from the module; or what is wrong."""
    if not cell:
        return "an argument is missing"
    if "\n" in cell or (wrong := compiles(f"_(\n{cell}\n)", "eval")):
        return f"`{cell}` is not valid Python: {wrong}"
    tree = parse(f"_(\n{cell}\n)", "eval")
    assert isinstance(tree, ast.Expression)
    if not isinstance(tree.body, ast.Call):
        return f"`{cell}` is not valid Python here"
    called = tree.body
    needed: set[str] = set()
    for node in ast.walk(called):
        if isinstance(node, ast.Call | ast.Attribute) and node is not called:
            inner = node.func if isinstance(node, ast.Call) else node.value
            if isinstance(inner, ast.Name) and inner.id not in _BUILTINS:
                needed.add(inner.id)
    stored = {node.id for node in ast.walk(called) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    stored |= {node.arg for node in ast.walk(called) if isinstance(node, ast.arg)}
    for node in ast.walk(called):
        if isinstance(node, ast.Name) and node is not called.func and node.id not in _BUILTINS | needed | stored:
            return f"`{node.id}` is not defined here: put a text in quotes, `'{node.id}'`"
    if called.keywords or any(isinstance(argument, ast.Starred) for argument in called.args):
        return f"`{cell}`: write plain arguments, without `=` or `*`"
    if one:
        return [cell if len(called.args) == 1 and not cell.endswith(",") else f"({cell})"], needed - stored
    segments = [ast.get_source_segment(f"_(\n{cell}\n)", argument) or ast.unparse(argument) for argument in called.args]
    return segments, needed - stored


def _answer(cell: str) -> Answer | str:
    if not cell:
        return "the answer is missing"
    if cell.startswith("≈"):
        return approximate(cell)
    if literal(cell):
        return Answer("value", cell)
    match = _RAISES.fullmatch(cell)
    if match and (match["word"] or _EXCEPTION.fullmatch(match["type"])):
        message = match["message"]
        return Answer("raises", "..." if message is None else message.strip(), match["type"])
    if wrong := compiles(cell, "eval"):
        return f"`{cell}` is not valid Python: {wrong}"
    return f"`{cell}` is not a literal: write a value such as `2.5` or `'text'`, `≈ 3.14`, or `ValueError: message`"
