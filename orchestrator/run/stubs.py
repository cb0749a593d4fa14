"""Stubs of the subject, one for each kind of outcome. Pure: base files in, changes out.

A test that means something fails on them. One that passes on stubs of two different kinds, or a whole suite that passes on one, proves nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.model import Change, Example
from orchestrator.plan.outline import imported, imported_by

KINDS: dict[str, str] = {
    "None": "return None",
    "True": "return True",
    "False": "return False",
    "a constant": 'return "{secret}"',
    "raises": 'raise ValueError("{secret}")',
}
"""Kind → what every stubbed callable does. `secret`: another text in every run, so that no test can know it."""

_MAIN: dict[str, str] = {
    "None": "raise SystemExit(0)",
    "True": 'print("True")',
    "False": 'print("False")',
    "a constant": 'print("{secret}")',
    "raises": 'raise SystemExit("{secret}")',
}

ROOTS = ("", "src")
"""Folders that imports start from, where nothing else is known."""

_OPERATORS = "call getitem contains len iter eq ne lt le gt ge add radd sub rsub mul rmul truediv neg bool int float str repr enter"


@dataclass(frozen=True)
class Subjects:
    """What tests are about: names by module path, and the modules that are run as programs."""

    names: dict[str, frozenset[str]]
    programs: frozenset[str]


def subjects(
    examples: tuple[Example, ...], tests: tuple[str, ...], files: tuple[str, ...], read: Callable[[str], str | None], roots: tuple[str, ...] = ROOTS
) -> Subjects:
    """What examples and the sources of test files import. `read` gives a file's text at the base, or None.

    `files`: where the subject is expected; a module that is neither there nor at the base is somebody else's, and no subject.
    """
    names: dict[str, set[str]] = {}
    programs: set[str] = set()
    uses = [(imported(example), (*example.setup, example.call), example.compare == "console") for example in examples]
    for pairs, sources, is_program in (*uses, *((imported_by((text,)), (text,), False) for text in tests)):
        for path, name in pairs:
            path = locate(path, read, roots)
            if read(path) is None and not _expected(path, files, roots):
                continue
            names.setdefault(path, set()).update({name} if name else set() if is_program else _attributes(sources, _imported_as(path, roots)))
            if is_program:
                programs.add(path)
    return Subjects({path: frozenset(wanted) for path, wanted in names.items()}, frozenset(programs))


def stub(kind: str, about: Subjects, read: Callable[[str], str | None], secret: str = "stub") -> tuple[Change, ...]:
    """The files that replace the subject; a module that is there keeps everything else. `secret`: the constant, letters and digits."""
    changes = []
    for path, wanted in sorted(about.names.items()):
        before = None if path in about.programs else read(path)
        body = _body(KINDS[kind].format(secret=secret), sorted(wanted))
        if path in about.programs:
            body += f"\n\ndef __getattr__(name):\n    return _stub\n\n\nif __name__ == '__main__':\n    {_MAIN[kind].format(secret=secret)}\n"
        changes.append(Change(path, f"{before}\n\n{body}" if before is not None else body))
    return tuple(changes)


def _expected(path: str, files: tuple[str, ...], roots: tuple[str, ...]) -> bool:
    """A file that is yet to be made, by any of the names it may get: below a root, as a package, as a program."""
    plain = {_imported_as(name, roots).removesuffix(".py").removesuffix("/__main__").removesuffix("/__init__") for name in files}
    return _imported_as(path, roots).removesuffix(".py") in plain


def _imported_as(path: str, roots: tuple[str, ...]) -> str:
    """The path as imports see it, without the root it lies below."""
    below = (root for root in sorted({*roots, "src"}, key=len, reverse=True) if root and path.startswith(f"{root}/"))
    return path.removeprefix(f"{next(below, '')}/")


def locate(path: str, read: Callable[[str], str | None], roots: tuple[str, ...] = ROOTS) -> str:
    """Where a module of that path lives at the base: as written, a package, a `__main__`, below one of `roots`; else where its package is."""
    stem = path.removesuffix(".py")
    folders = [f"{root}/" if root else "" for root in roots]
    for candidate in (f"{folder}{name}" for folder in folders for name in (path, f"{stem}/__init__.py", f"{stem}/__main__.py")):
        if read(candidate) is not None:
            return candidate
    top = path.partition("/")[0]
    home = next((folder for folder in folders if "/" in path and read(f"{folder}{top}/__init__.py") is not None), "")
    return f"{home}{path}"


def _attributes(sources: tuple[str, ...], path: str) -> set[str]:
    """Names used as `module.name` after `import module`, or as `other.name` after `import module as other`. `path`: as imports see it."""
    module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    nodes = [node for source in sources for node in ast.walk(ast.parse(source.strip()))]
    imports = [alias for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    called = {module, module.rpartition(".")[2], *(alias.asname for alias in imports if alias.name == module and alias.asname)}
    return {node.attr for node in nodes if isinstance(node, ast.Attribute) and ast.unparse(node.value) in called}


def _body(action: str, names: list[str]) -> str:
    methods = "\n".join(f"    def __{name}__(self, *args, **kwargs):\n        {action}\n" for name in _OPERATORS.split())
    lines = [
        f"def _stub(*args, **kwargs):\n    {action}\n",
        "class _Stub:",
        "    def __init__(self, *args, **kwargs):\n        pass\n",
        "    def __getattr__(self, name):\n        return _stub\n",
        "    def __exit__(self, *args):\n        return False\n",
        "    __hash__ = None\n",
        methods,
    ]
    stubbed = [name for name in names if name.isidentifier()]
    lines += [f"class {name}(_Stub):\n    pass\n" if name[:1].isupper() else f"{name} = _stub" for name in stubbed]
    return "\n".join(lines) + "\n"
