"""What models forget or add again and again in whole files, put right without asking once more. Pure.

Only where there is nothing to decide: a module of the standard library that is used and not imported, assertions of a module about itself, an
import of itself. Each is said in a note, the transcript keeps the answer as it was given, and the gates judge what comes out.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace

from orchestrator.model import Change

_HOMES = {
    "collections": "ChainMap Counter OrderedDict defaultdict deque namedtuple",
    "dataclasses": "dataclass",
    "decimal": "Decimal",
    "enum": "Enum IntEnum",
    "fractions": "Fraction",
    "functools": "cached_property lru_cache partial reduce total_ordering wraps",
    "itertools": "accumulate combinations groupby permutations zip_longest",
    "pathlib": "Path",
    "typing": "Any Callable Dict Generator Iterable Iterator List Mapping NamedTuple Optional Sequence Set Tuple Union",
}
HOME = {name: module for module, names in _HOMES.items() for name in names.split()}
"""Names that everybody imports from one module."""

UNCLEAR = ("datetime",)
"""Modules of the standard library that hold something of the same name."""


def all_of(changes: Iterable[Change], before: Iterable[Change] = ()) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """(the changes with their texts put right, notes). `before`: the files as they were shown."""
    known = {file.path: file.text or "" for file in before}
    found: list[Change] = []
    notes: list[str] = []
    for change in changes:
        text, said = mended(change.text, change.path, known.get(change.path, "")) if change.text is not None else (None, ())
        found.append(replace(change, text=text))
        notes += said
    return tuple(found), tuple(notes)


def mended(text: str, path: str, before: str = "") -> tuple[str, tuple[str, ...]]:
    """(the text of a file, what was changed in it, in words). What is no Python, needs nothing, or stood there `before` comes back as it is."""
    if not path.endswith(".py"):
        return text, ()
    module = _parsed(text)
    if module is None:
        return text, ()
    notes = []
    if out := _not_asked_for(module, path, _parsed(before)):
        text = _without(text, out.values())
        notes.append(f"{path}: left out {', '.join(dict.fromkeys(out))}")
        module = ast.parse(text)
    if imports := tuple(_missing(module)):
        text = _with(text, module, imports)
        notes.append(f"{path}: put in what is used and was not imported: {', '.join(imports)}")
    return text, tuple(notes)


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _not_asked_for(module: ast.Module, path: str, before: ast.Module | None) -> dict[str, ast.stmt]:
    """What it is, in words → the statement: of those that are new and stand alone on their lines, in a module that defines something."""
    dotted = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".").removeprefix("src.")
    own = {node.name for node in module.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    if not own:
        return {}
    stood = {ast.dump(node) for node in before.body} if before else set()
    found: dict[str, ast.stmt] = {}
    for last, node, following in zip([None, *module.body], module.body, [*module.body[1:], None], strict=False):
        shared = (last is not None and last.end_lineno == node.lineno) or (following is not None and following.lineno == node.end_lineno)
        if shared or ast.dump(node) in stood:
            continue
        if isinstance(node, ast.Assert) and any(isinstance(part, ast.Name) and part.id in own for part in ast.walk(node.test)):
            found[f"the assertion in line {node.lineno}"] = node
        elif _is_of_itself(node, dotted):
            found[f"the import of itself in line {node.lineno}"] = node
    return found


def _is_of_itself(node: ast.stmt, dotted: str) -> bool:
    return isinstance(node, ast.ImportFrom) and (node.level, node.module) == (0, dotted) and all(alias.asname is None for alias in node.names)


def _without(text: str, nodes: Iterable[ast.stmt]) -> str:
    gone = {line for node in nodes for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
    return "".join(line for number, line in enumerate(text.splitlines(keepends=True), 1) if number not in gone)


def _missing(module: ast.Module) -> Iterator[str]:
    """Import statements for names that are used, that nothing in the file binds, and that can mean one thing only."""
    nodes = list(ast.walk(module))
    bound = {*dir(builtins), "__file__", "__name__", *(name for node in nodes for name in _bound(node))}
    loose = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)} - bound
    opened = {node.value.id for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)}
    starred = any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in nodes)
    yield from (f"import {name}" for name in sorted(loose & opened) if name in sys.stdlib_module_names - {*HOME, *UNCLEAR})
    if not starred:
        homes: dict[str, list[str]] = {}
        for name in sorted(loose & HOME.keys()):
            homes.setdefault(HOME[name], []).append(name)
        yield from (f"from {home} import {', '.join(names)}" for home, names in sorted(homes.items()))


def _bound(node: ast.AST) -> tuple[str, ...]:
    """Names that a node binds, in whatever scope: one that is bound anywhere is not called missing."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            return (name,)
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return (name,)
        case ast.arg(arg=name):
            return (name,)
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return tuple((alias.asname or alias.name).partition(".")[0] for alias in names)
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            return (name,)
        case ast.Global(names=listed) | ast.Nonlocal(names=listed):
            return tuple(listed)
    return ()


def _with(text: str, module: ast.Module, imports: tuple[str, ...]) -> str:
    """Behind the docstring and what comes from `__future__`, which must stand first."""
    lines, first = text.splitlines(keepends=True), 0
    for number, node in enumerate(module.body):
        docstring = number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        if not docstring and not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            break
        first = node.end_lineno or 0
    if not first:
        while first < len(lines) and lines[first].startswith("#"):
            first += 1
    head = "".join(lines[:first])
    if head and not head.endswith("\n"):
        head += "\n"
    rest = "".join(lines[first:])
    gap = "" if rest.startswith(("import ", "from ", "\n")) else "\n\n"
    return head + "".join(f"{line}\n" for line in imports) + gap + rest
