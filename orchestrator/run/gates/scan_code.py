"""The scan of code: every detector over every changed Python file, one finding per file and detector. Pure."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from orchestrator.model import Change, Example, Finding
from orchestrator.plan.outline import imported
from orchestrator.run.gates import scan_literals
from orchestrator.run.gates.detectors import DETECTORS, Facts, Hit
from orchestrator.run.gates.scan_reach import REACH, constant_code
from orchestrator.run.gates.scan_shapes import SHAPES
from orchestrator.run.gates.scan_time import TIME
from orchestrator.run.gates.source import Source, Unreadable, is_main_guard

GATE = "scan"
_NESTED = 3
"""How deep constant text that is run as code is followed."""


def code(changes: tuple[Change, ...], examples: tuple[Example, ...], before: Mapping[str, str] = MappingProxyType({})) -> tuple[Finding, ...]:
    """What the detectors see in the changed Python files. `examples`: the visible ones; what they speak of is at most a notice.

    `before`: path → text at the base: what stood there already is nobody's to answer for. A file that is no Python is left to the gate `syntax`.
    """
    said = _said(examples)
    found: list[Finding] = []
    sources: list[Source] = []
    for change in changes:
        if change.text is None or not is_python(change):
            continue
        try:
            source = Source(change.path, change.text)
            seen = tuple(hits(source, Facts(is_program(source, examples))))
            sources.append(source)
            if change.path in before:
                seen = _new(seen, before[change.path], change.path, examples)
        except Unreadable as error:
            if len(change.text) > 1_000_000:
                seen = (Hit("unreadable", 0, str(error)),)
            else:
                continue
        except RecursionError:
            seen = (Hit("unreadable", 0, "it is nested too deeply"),)
        found += _findings(change.path, seen, said)
    return (*found, *scan_literals.findings(tuple(sources), examples))


def _new(seen: tuple[Hit, ...], text: str, path: str, examples: tuple[Example, ...]) -> tuple[Hit, ...]:
    """Those of the hits that the text before did not have; as many as it had are old."""
    try:
        source = Source(path, text)
        old = Counter((each.detector, each.what) for each in hits(source, Facts(is_program(source, examples))))
    except (Unreadable, RecursionError):
        return seen
    found = []
    for each in seen:
        if old[each.detector, each.what]:
            old[each.detector, each.what] -= 1
        else:
            found.append(each)
    return tuple(found)


def hits(source: Source, facts: Facts, depth: int = _NESTED) -> Iterator[Hit]:
    """Everything the detectors see in a file, and in constant text that it runs as code."""
    for detect in (*REACH, *SHAPES, *TIME):
        yield from detect(source, facts)
    if depth:
        for line, text in constant_code(source):
            try:
                inner = Source(source.path, text.strip())
            except Unreadable:
                continue
            for each in hits(inner, facts, depth - 1):
                yield Hit(each.detector, line, each.what)


def is_python(change: Change) -> bool:
    """By its name, or by its first line."""
    return change.path.endswith((".py", ".pyw", ".pyi")) or (
        (change.text or "")[:200].partition("\n")[0].startswith("#!") and "python" in (change.text or "")[:200]
    )


def is_program(source: Source, examples: tuple[Example, ...]) -> bool:
    """It has a main part or parses arguments, or a console example runs it."""
    import ast

    if source.path.endswith("__main__.py") or any(is_main_guard(node) for node in source.all(ast.If)):
        return True
    modules = {name for node in source.all(ast.Name) for name in source.names(node)}
    if modules & {"argparse", "optparse", "click", "typer", "fire", "getopt", "docopt.docopt"}:
        return True
    own = source.path.removeprefix("src/").replace("/__init__.py", ".py")
    return any(path.removeprefix("src/") == own for example in examples if example.compare == "console" for path, _ in imported(example))


def _said(examples: tuple[Example, ...]) -> str:
    return "\n".join(
        text for example in examples for text in (*example.setup, example.call, example.expected, example.stdin, *(f.text for f in example.files))
    )


def _is_spoken_of(what: str, said: str) -> bool:
    """The examples name it themselves: `signal.raise_signal`, or `import signal` and `raise_signal`."""
    if not said:
        return False
    name = what.removesuffix("()")
    if name in said:
        return True
    if not re.fullmatch(r"[\w.]+", name) or "." not in name:
        return False
    return all(re.search(rf"\b{re.escape(part)}\b", said) for part in (name.partition(".")[0], name.rpartition(".")[2]))


def _findings(path: str, seen: tuple[Hit, ...], said: str) -> Iterator[Finding]:
    groups: dict[str, dict[tuple[int, str], None]] = defaultdict(dict)
    for each in seen:
        groups[each.detector][each.line, each.what.removesuffix("()")] = None
    for detector, (severity, sentence) in DETECTORS.items():
        places = sorted(groups.get(detector, {}))
        if not places:
            continue
        if severity == "error" and all(_is_spoken_of(what, said) for _, what in places):
            severity = "notice"
        lines: dict[int, list[str]] = defaultdict(list)
        for line, what in places:
            lines[line].append(what)
        shown = [f"`{max(whats, key=len)}`" + (f" (line {line})" if line else "") for line, whats in lines.items()]
        more = f" and {len(shown) - 5} more" if len(shown) > 5 else ""
        yield Finding(GATE, f"{detector}: {path} {sentence}: {', '.join(shown[:5])}{more}", severity, where=f"{path}:{places[0][0]}")
