"""Tests that people wrote and that name a criterion: which they are, what they are about, what a run of them says. Pure.

A test names a criterion by the whole id, so that no other PRD can be meant: its docstring begins with `loans#R2.AC2:`, or it (or its class) is marked
`@pytest.mark.criterion("loans#R2.AC2")`. Files that the orchestrator made are no person's, whoever's name stands in them.
"""

from __future__ import annotations

import ast
import posixpath
import re
import textwrap
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace

from orchestrator.model import Change, Finding, Observation, PersonsTest, Prd, Task, TestOutcome
from orchestrator.run import evidence, stubs
from orchestrator.run.gates import writable
from orchestrator.run.gates.assertions import Test, tests_of
from orchestrator.run.gates.source import Source, Unreadable
from orchestrator.run.layout import Layout

LONGEST = 2000
"""Characters of a test whose text still stands in the brief."""

_ID = re.compile(r"\s*([\w.-]+#[\w.-]*\w)")
_MORE = re.compile(r"\s*(,|&|and\b)")


def find(files: Mapping[str, Change], own: Layout, task: Task, ours: Collection[str]) -> tuple[PersonsTest, ...]:
    """The tests that name a criterion of the task, by file and line. `files`: the base; `ours`: paths that the orchestrator made."""
    wanted = {criterion.id for criterion in task.criteria}
    return tuple(
        PersonsTest(name, test.node, f"{path}:{test.function.lineno}", _text(source, test))
        for path, source in _sources(files, own, task.prd, ours)
        for test in tests_of(source)
        for name in names_of(test)
        if name in wanted
    )


def strangers(files: Mapping[str, Change], own: Layout, prd: Prd, task: Task, ours: Collection[str]) -> tuple[Finding, ...]:
    """A notice for each test that names a criterion of the task's requirements which is not there: a slip, or it was renamed."""
    there = {criterion.id for requirement in prd.requirements for criterion in requirement.criteria}
    mine = tuple(f"{requirement.id}." for requirement in task.requirements)
    return tuple(
        Finding("red", f"{test.node} names {name}, and {prd.id} has no such criterion", "notice", where=f"{path}:{test.function.lineno}")
        for path, source in _sources(files, own, task.prd, ours)
        for test in tests_of(source)
        for name in names_of(test)
        if name.startswith(mine) and there and name not in there
    )


def _sources(files: Mapping[str, Change], own: Layout, prd: str, ours: Collection[str]) -> Iterator[tuple[str, Source]]:
    for path, file in sorted(files.items()):
        is_test = own.is_test(path) or (own.tests == (".",) and writable.is_test(path))
        if path.endswith(".py") and is_test and path not in ours and f"{prd}#" in (file.text or ""):
            try:
                yield path, Source(path, file.text or "")
            except Unreadable:
                continue


def names_of(test: Test) -> tuple[str, ...]:
    """Whole criterion ids that a test names, by its docstring (parted by commas or `and`) or by marks of it or of its class."""
    found: list[str] = []
    rest = ast.get_docstring(test.function) or ""
    while match := _ID.match(rest):
        found.append(match[1])
        rest = rest[match.end() :]
        more = _MORE.match(rest)
        if not more:
            break
        rest = rest[more.end() :]
    for decorator in (*test.function.decorator_list, *(test.class_.decorator_list if test.class_ else ())):
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) in ("pytest.mark.criterion", "mark.criterion"):
            found += [part.value for part in decorator.args if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return tuple(dict.fromkeys(found))


def _text(source: Source, test: Test) -> str:
    first = min((decorator.lineno for decorator in test.function.decorator_list), default=test.function.lineno)
    body = "\n".join(source.text.splitlines()[first - 1 : test.function.end_lineno])
    imports = [ast.unparse(node) for node in source.tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    return "\n".join([*imports, *(["", ""] if imports else []), textwrap.dedent(body)]) + "\n"


def files_of(tests: tuple[PersonsTest, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(test.test.partition("::")[0] for test in tests))


def to_be_read(tests: tuple[PersonsTest, ...]) -> tuple[str, ...]:
    """Files that an agent should read with the tests: the conftest files above them, and those of tests too long for the brief."""
    above = (f"{folder}/conftest.py".lstrip("/") for path in files_of(tests) for folder in _folders(path))
    return tuple(dict.fromkeys((*above, *files_of(tuple(test for test in tests if len(test.text) > LONGEST)))))


def label(test: PersonsTest) -> str:
    """The part of its node id that tells tests of a file apart."""
    return test.test.partition("::")[2] or test.test


def nodes_of(tests: tuple[PersonsTest, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(test.test for test in tests))


# --- what they are about -------------------------------------------------------------------------------------------------


def subjects(tests: tuple[PersonsTest, ...], task: Task, own: Layout, read: Callable[[str], str | None], roots: tuple[str, ...]) -> stubs.Subjects:
    """What the tests import of the task's modules, in their files or in a conftest above; where that is nothing, what their files import."""
    files = files_of(tests)
    texts = tuple(read(path) or "" for path in files)
    around = tuple(text for path in to_be_read(tests) if path not in files and (text := read(path)))
    wide = stubs.subjects((), (*texts, *around), task.files, read, roots)
    expected = {stubs.locate(path, read, roots) for path in task.files}
    if chosen := {path: names for path, names in wide.names.items() if path in expected}:
        return stubs.Subjects(chosen, frozenset())
    narrow = stubs.subjects((), texts, task.files, read, roots)
    return stubs.Subjects({path: names for path, names in narrow.names.items() if not own.is_test(path)}, frozenset())


def _folders(path: str) -> Iterator[str]:
    while path:
        path = posixpath.dirname(path)
        yield path


# --- what a run of them says ---------------------------------------------------------------------------------------------


def together(what: str, parts: tuple[Observation, ...], nodes: tuple[str, ...]) -> Observation:
    """One observation of the runs of their files, with one outcome for each test: a parametrised one holds when it holds for all parameters."""
    raw = [outcome for part in parts for outcome in part.outcomes]
    return replace(
        parts[0],
        what=what,
        command="; ".join(part.command for part in parts),
        exit_code=next((part.exit_code for part in parts if part.exit_code != 0), 0),
        outcomes=tuple(_folded(node, raw) for node in nodes),
        output="".join(part.output for part in parts),
        seconds=sum(part.seconds for part in parts),
        incidents=tuple(incident for part in parts for incident in part.incidents),
    )


def _folded(node: str, raw: list[TestOutcome]) -> TestOutcome:
    """The worst that happened to a test: what proves nothing, then what fails."""
    mine = [outcome for outcome in raw if outcome.id.partition("[")[0] == node]
    if not mine:
        path = node.partition("::")[0]
        problem = next((outcome for outcome in raw if outcome.id == path or node.startswith(f"{outcome.id}::")), None)
        return replace(problem, id=node) if problem else TestOutcome(node, "missing")
    worst = min(mine, key=lambda outcome: 2 if evidence.holds(outcome) else evidence.is_red(outcome))
    parameters = worst.id.removeprefix(node)
    return replace(worst, id=node, message=f"{parameters} {worst.message}".strip() if parameters and not evidence.holds(worst) else worst.message)


def without_subject(base: Observation, stubbed: tuple[Observation, ...]) -> Observation:
    """The base, with `missing name` for tests that could not even begin there because an import failed, where stubs of the subject let them.

    People import at the top of a file, or in a fixture; the stub adds nothing but the subject, so the subject was what was missing.
    """
    began = {outcome.id for seen in stubbed for outcome in seen.outcomes if evidence.is_red(outcome) or evidence.holds(outcome)}
    return replace(base, outcomes=tuple(_missing(item) if item.id in began and _is_import(item) else item for item in base.outcomes))


def _is_import(outcome: TestOutcome) -> bool:
    if outcome.outcome == "failed set-up":
        return outcome.kind in ("ImportError", "ModuleNotFoundError")
    return outcome.outcome == "collection error" and re.search(r"\b(ImportError|ModuleNotFoundError)\b", outcome.message) is not None


def _missing(outcome: TestOutcome) -> TestOutcome:
    said = re.findall(r"^E?\s*((?:ImportError|ModuleNotFoundError): .*)$", outcome.message, re.MULTILINE)
    kind, _, message = said[-1].partition(": ") if said else (outcome.kind, "", outcome.message)
    return replace(outcome, outcome="missing name", kind=kind, message=message)
