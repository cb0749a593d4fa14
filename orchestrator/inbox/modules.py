"""Which file a requirement is about: what `Module:` may say, and what the imports of its examples tell."""

from __future__ import annotations

import ast
import keyword
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from orchestrator.inbox.doctests import Found, parse

SHADOWS = frozenset(sys.stdlib_module_names) | {"pytest", "_pytest", "conftest", "tests"}
"""Names a project must not take: its own tests, or Python itself, would import them instead of the real ones."""


def dotted(path: str) -> str:
    """`src/library/loans.py` → `library.loans`, as an import names it."""
    parts = list(PurePosixPath(path.removeprefix("src/")).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1:] == ["__init__"] and len(parts) > 1 else parts)


def wrong_path(path: str) -> tuple[str, str] | None:
    """(code, message) when `Module:` names no file that can be made and imported; else None."""
    if path.startswith(("/", "~")) or re.match(r"[A-Za-z]:", path) or "\\" in path:
        return "bad-module", f"`{path}` must be relative to the repository, with `/`"
    if ".." in path.split("/"):
        return "bad-module", f"`{path}` must not leave the repository"
    if not path.endswith(".py"):
        return "bad-module", f"`{path}` does not end in `.py`"
    parts = dotted(path).split(".")
    normal = str(PurePosixPath(path)) == path and bool(parts[0])
    bad = [part for part in parts if not part.isidentifier() or keyword.iskeyword(part)]
    if not normal or bad:
        return "bad-module", f"`{path}` cannot be imported" + (f": `{bad[0]}` is no Python name" if bad else "")
    if parts[0] in SHADOWS:
        return "shadowing-module", f"`{path}` would hide Python's or the tests' own `{parts[0]}`"
    return None


def imported(sources: Iterable[str], outside: Iterable[str] = ()) -> list[str]:
    """Dotted modules that the statements import, in order, without the standard library and the names in `outside`."""
    skip = SHADOWS | {re.split(r"[^\w.-]", name)[0].replace("-", "_").lower() for name in outside}
    found: list[str] = []
    for source in sources:
        tree = parse(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [f"{node.module} {alias.name}" for alias in node.names]
            else:
                continue
            found.extend(name for name in names if not {(first := re.split(r"[. ]", name)[0]), first.lower()} & skip)
    return list(dict.fromkeys(found))


def commanded(commands: Iterable[str]) -> list[str]:
    """Dotted modules that console commands run with `python -m`, or as a script."""
    found: list[str] = []
    for command in commands:
        for match in re.finditer(r"(?:^|[\s|;&(])python[\d.]*\s+(?:-m\s+([\w.]+)|((?:[\w.-]+/)*[\w.-]+\.py))", command):
            name = match[1] or dotted(match[2])
            if name and name.split(".")[0] not in SHADOWS:
                found.append(name)
    return list(dict.fromkeys(found))


def of(examples: Sequence[Found], console: Sequence[Found], outside: Iterable[str]) -> list[str]:
    """Candidates for the module of some examples as import names; `package name` when `name` may be a module or not."""
    sources = [source for example in examples for source in (*example.setup, example.call)]
    commands = [command for example in console for command in (*example.setup, example.call)]
    return imported(dict.fromkeys(sources), outside) + commanded(commands)


def path_of(name: str, stated: Iterable[str], used: Iterable[str]) -> str:
    """The file of an import name. `stated` are paths that `Module:` lines name: one that fits wins; `used` are all import names of the PRD:
    a name with others below it is a package."""
    module, _, attribute = name.partition(" ")
    by_name = {dotted(path): path for path in stated}
    for candidate in (f"{module}.{attribute}", module):
        if candidate in by_name:
            return by_name[candidate]
    modules = {each.partition(" ")[0] for each in used} | set(by_name)
    if attribute and f"{module}.{attribute}" in modules:
        module = f"{module}.{attribute}"
    path = module.replace(".", "/")
    return f"{path}/__init__.py" if any(each.startswith(f"{module}.") for each in modules) else f"{path}.py"
