"""What a repository says of itself, read as untrusted text and never executed. Pure: paths and a reader in, tables and notes out.

A file that cannot be read as what it claims to be is as good as absent, and a note says so.
"""

from __future__ import annotations

import ast
import configparser
import re
import shlex
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Read = Callable[[str], str | None]
"""A file's text at the base, or None when it is not there or is not text."""

Ini = dict[str, dict[str, str]]

COMPUTED = "…"
"""Stands for a value that setup.py computes: it is known to be there, not what it is."""


@dataclass(frozen=True)
class Project:
    paths: frozenset[str]
    read: Read
    pyproject: dict[str, Any]
    setup_cfg: Ini
    tox: Ini
    setup: dict[str, Any]
    """Keywords of `setup(…)` in setup.py: literals, or COMPUTED."""
    info: dict[str, tuple[str, ...]]
    """Headers of PKG-INFO, lower case."""
    notes: tuple[str, ...]

    def table(self, *keys: str) -> dict[str, Any]:
        """A table of pyproject.toml; {} when it is not there or is no table."""
        found: Any = self.pyproject
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else {}

    def where(self, path: str, needle: str) -> str:
        """`path:line` of the first line that holds the text; the path alone when none does."""
        lines = (self.read(path) or "").splitlines()
        for pattern in (rf"""["']{re.escape(needle)}["']""", rf"(?<![\w-]){re.escape(needle)}(?![\w-])", re.escape(needle)):
            for number, line in enumerate(lines, 1):
                if re.search(pattern, line):
                    return f"{path}:{number}"
        return path


def parse(paths: Iterable[str], read: Read) -> Project:
    notes: list[str] = []
    known = frozenset(paths)
    pyproject = toml(read("pyproject.toml"), "pyproject.toml", notes)
    setup_cfg, tox = ini(read("setup.cfg"), "setup.cfg", notes), ini(read("tox.ini"), "tox.ini", notes)
    if not tox:
        legacy = pyproject.get("tool", {}).get("tox", {}) if isinstance(pyproject.get("tool"), dict) else {}
        text = legacy.get("legacy_tox_ini") if isinstance(legacy, dict) else None
        tox = ini(text if isinstance(text, str) else None, "pyproject.toml, legacy_tox_ini", notes)
    egg = next((path for path in sorted(known) if re.fullmatch(r"(src/)?[^/]+\.egg-info/PKG-INFO", path)), "")
    info = headers(read("PKG-INFO") or (read(egg) if egg else None))
    return Project(known, read, pyproject, setup_cfg, tox, keywords(read("setup.py"), notes), info, tuple(notes))


def toml(text: str | None, path: str, notes: list[str]) -> dict[str, Any]:
    try:
        return tomllib.loads(text.removeprefix("\ufeff")) if text else {}
    except (ValueError, RecursionError) as error:
        notes.append(f"{path} is not valid TOML and was passed over: {str(error)[:120]}")
        return {}


def ini(text: str | None, path: str, notes: list[str]) -> Ini:
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read_string((text or "").removeprefix("\ufeff"), path)
    except (configparser.Error, ValueError) as error:
        notes.append(f"{path} is not a valid INI file and was passed over: {str(error).splitlines()[0][:120]}")
        return {}
    return {name: {key: value or "" for key, value in parser.items(name)} for name in parser.sections()}


def headers(text: str | None) -> dict[str, tuple[str, ...]]:
    """Name → values, up to the first empty line."""
    found: dict[str, tuple[str, ...]] = {}
    for line in (text or "").partition("\n\n")[0].splitlines():
        name, colon, value = line.partition(":")
        if colon and not line[:1].isspace():
            found[name.lower()] = (*found.get(name.lower(), ()), value.strip())
    return found


def keywords(text: str | None, notes: list[str]) -> dict[str, Any]:
    """What setup.py passes to `setup(…)`, as far as it is literal or a name that is bound once to a literal."""
    try:
        tree = ast.parse((text or "").removeprefix("\ufeff"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        notes.append("setup.py cannot be parsed and was passed over")
        return {}
    nodes = list(ast.walk(tree))
    bound: dict[str, Any] = {}
    for node in nodes:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            bound[name] = COMPUTED if name in bound else literal(node.value, bound)
    calls = [node for node in nodes if isinstance(node, ast.Call) and _called(node) == "setup"]
    found: dict[str, Any] = {}
    for call in calls:
        for keyword in call.keywords:
            value = literal(keyword.value, bound)
            if keyword.arg:
                found[keyword.arg] = value
            elif isinstance(value, dict):
                found |= value
    return found


def literal(node: ast.expr, bound: dict[str, Any]) -> Any:
    """The value of an expression of literals, names in `bound` and `+`; `find_packages(…)` is {"where": …}; else COMPUTED."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return bound.get(name, COMPUTED)
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            return [value for part in parts if (value := literal(part, bound)) != COMPUTED]
        case ast.Dict(keys=names, values=values):
            pairs = zip(names, values, strict=True)
            return {literal(name, bound): literal(value, bound) for name, value in pairs if isinstance(name, ast.Constant)}
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            first, second = literal(left, bound), literal(right, bound)
            return first + second if type(first) is type(second) and isinstance(first, (str, list)) and COMPUTED not in (first, second) else COMPUTED
        case ast.Call() if _called(node) in ("find_packages", "find_namespace_packages"):
            given = {keyword.arg: literal(keyword.value, bound) for keyword in node.keywords}
            where = literal(node.args[0], bound) if node.args else given.get("where", "")
            return {"where": where if where != COMPUTED and isinstance(where, str) else ""}
    return COMPUTED


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""


def strings(value: Any) -> tuple[str, ...]:
    """A list's strings, or a text's lines; () for anything else."""
    if isinstance(value, str):
        return tuple(line.strip() for line in value.splitlines() if line.strip() and line.strip() != COMPUTED)
    return tuple(entry for entry in value if isinstance(entry, str)) if isinstance(value, (list, tuple)) else ()


def normal(name: str) -> str:
    """A distribution's name as indexes compare it: `Foo.Bar_baz` is `foo-bar-baz`."""
    return re.sub(r"[-_.]+", "-", name).strip().lower()


def name_of(project: Project) -> str:
    """The distribution's name, or ''."""
    candidates = (
        project.table("project").get("name"),
        project.table("tool", "poetry").get("name"),
        project.setup_cfg.get("metadata", {}).get("name"),
        project.setup.get("name"),
        project.table("tool", "flit", "metadata").get("module"),
        *project.info.get("name", ()),
    )
    return next((name for name in candidates if isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?", name, re.ASCII)), "")


def pytest_settings(project: Project, notes: list[str] | None = None) -> tuple[str, dict[str, Any], tuple[str, ...]]:
    """(the file pytest would read or '', its settings, `addopts` as options), by pytest's own order of precedence."""
    said: list[str] = [] if notes is None else notes
    for path in ("pytest.toml", ".pytest.toml"):
        if path in project.paths:
            table = toml(project.read(path), path, said).get("pytest")
            return _with_options(path, table if isinstance(table, dict) else {}, said)
    for path in ("pytest.ini", ".pytest.ini"):
        if path in project.paths:
            parsed: Ini = ini(project.read(path), path, said)
            return _with_options(path, parsed.get("pytest", {}), said)
    native = {key: value for key, value in project.table("tool", "pytest").items() if key != "ini_options"}
    options = project.table("tool", "pytest", "ini_options")
    if options or native:
        return _with_options("pyproject.toml", options or native, said)
    if "tox.ini" in project.paths and "pytest" in project.tox:
        return _with_options("tox.ini", project.tox["pytest"], said)
    if "tool:pytest" in project.setup_cfg:
        return _with_options("setup.cfg", project.setup_cfg["tool:pytest"], said)
    return "", {}, ()


def _with_options(path: str, settings: dict[str, Any], notes: list[str]) -> tuple[str, dict[str, Any], tuple[str, ...]]:
    given = settings.get("addopts", "")
    if isinstance(given, list):
        return path, settings, strings(given)
    try:
        return path, settings, tuple(shlex.split(str(given), comments=True))
    except ValueError:
        notes.append(f"{path}: addopts cannot be split into options")
        return path, settings, ()


def poetry_versions(text: str) -> str:
    """Poetry's version constraint in PEP 440: `^1.2` is `>=1.2,<2`, `~1.2` is `>=1.2,<1.3`, `1.2` is `==1.2`, `*` is ''.

    Alternatives (`||`) cannot be said in PEP 440: the bounds of all of them are given, from the lowest to the highest.
    """
    alternatives = [part.strip() for part in re.split(r"\|\|?", text)]
    if len(alternatives) > 1:
        each = [poetry_versions(part).split(",") for part in alternatives]
        return ",".join(clause for clause in (each[0][0], each[-1][-1]) if clause.startswith((">", "<") if len(each[0]) > 1 else ">"))
    parts = re.split(r"\s*,\s*|(?<=[\w*])\s+(?=[\^~<>=!])", text.strip())
    return ",".join(clause for part in parts if (clause := _poetry_clause(part.strip())))


def _poetry_clause(text: str) -> str:
    match = re.fullmatch(r"(\^|~(?!=)|[<>=!~]=?=?)?\s*v?([\w.*+!-]+)", text)
    if match is None or match[2] == "*":
        return ""
    sign, version = match[1] or "==", match[2]
    numbers = [int(part) for part in re.match(r"\d*(?:\.\d+)*", version)[0].split(".") if part]  # type: ignore[index]
    if sign not in ("^", "~") or not numbers:
        return f"{'==' if sign == '=' else sign}{version}"
    fixed = next((place for place, number in enumerate(numbers) if number), len(numbers) - 1) if sign == "^" else min(1, len(numbers) - 1)
    upper = [*numbers[:fixed], numbers[fixed] + 1]
    return f">={version},<{'.'.join(map(str, upper))}"
