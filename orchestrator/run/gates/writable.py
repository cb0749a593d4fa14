"""Writable roots and locked tests: what of an agent's changes is judged, and what is restored."""

from __future__ import annotations

import re
import sys
from pathlib import PurePosixPath

from orchestrator.model import Change, Finding
from orchestrator.run.layout import Layout

OURS = ("prds/", "runs/", "recordings/", "site/", "orchestrator.yaml", ".github/", ".gitlab-ci.yml", ".circleci/", ".ci/", "Jenkinsfile")
"""Never in the agent's workspace, never in what it may write."""

_SETTINGS = re.compile(
    r"(^|/)(pyproject\.toml|setup\.(py|cfg)|tox\.ini|\.?pytest\.(ini|toml)|(hatch|uv|pylock|ruff)\.toml|noxfile\.py|requirements/[^/]*"
    r"|[^/]*requirements[^/]*\.(txt|in)|[^/]*\.lock|Pipfile|mypy\.ini"
    r"|\.coveragerc|\.pre-commit-config\.yaml|Makefile|\.git[^/]*|conda[^/]*|environment\.ya?ml)$"
)
_STARTUP = re.compile(
    r"(^|/)((site|user)customize\.py|[^/]*\.pth|[^/]*\.py[cod]|[^/]*\.so|__pycache__/.*|[^/]*\.(dist|egg)-info/.*|(?i:\.git|git~1)(/.*)?)$"
)
_TESTS = re.compile(r"(^|/)(tests?/.*|test_[^/]*\.py|[^/]*_test\.py|conftest\.py)$")
_RUNNER = frozenset({"pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "exceptiongroup", "tomli", "hypothesis", "unittest"})


def is_test(path: str) -> bool:
    return _TESTS.search(path) is not None


def is_ours(path: str) -> bool:
    return path.startswith(OURS)


def sort(
    changes: tuple[Change, ...], locked: frozenset[str], own: Layout | None = None, modules: frozenset[str] = frozenset()
) -> tuple[tuple[Change, ...], tuple[Finding, ...]]:
    """(changes that are judged, findings about the others). `locked`: paths of the locked tests; `own`: how the repository is laid out, where it
    had files before; `modules`: top-level import names of the project's environment."""
    allowed, findings = [], []
    for change in changes:
        refused = _refusal(change, locked, own, modules)
        if refused is None:
            allowed.append(change)
        else:
            findings.append(refused)
    plugins = [change.path for change in allowed if own and change.path in own.plugins]
    findings += [
        Finding("locked tests", f"{path} was written: it is source and a pytest plugin at once, and steers its own tests", "notice", where=path)
        for path in plugins
    ]
    return tuple(allowed), tuple(findings)


def _refusal(change: Change, locked: frozenset[str], own: Layout | None, modules: frozenset[str]) -> Finding | None:
    path = change.path
    deed = "deleted" if change.text is None else "written"
    if path in locked:
        return Finding("locked tests", f"{path} was {deed}: it is locked; restored", "notice", where=path)
    if is_test(path) or (own is not None and own.is_test(path)):
        return Finding("locked tests", f"{path} was {deed}: tests are the orchestrator's; restored", "notice", where=path)
    if own is not None and path in {*own.locked, *(generated.path for generated in own.generated)}:
        return Finding("locked tests", f"{path} was {deed}: it steers how the project is tested; restored", "notice", where=path)
    if is_ours(path) or _SETTINGS.search(path):
        return Finding("writable roots", f"{path} was {deed}: configuration is not the agent's to change; restored", "notice", where=path)
    if _STARTUP.search(path):
        return Finding("writable roots", f"{path} was {deed}: it would run or be loaded unasked; removed", "notice", where=path)
    top = _top(path, own)
    known = own.packages if own is not None else ()
    if path.endswith(".py") and top not in known and (top in sys.stdlib_module_names or top in _RUNNER or top in modules):
        return Finding("writable roots", f"{path} was {deed}: it would shadow the module `{top}`; removed", "notice", where=path)
    return None


def _top(path: str, own: Layout | None) -> str:
    """The top-level name that a file is imported by."""
    roots = sorted(own.roots if own is not None else (), key=len, reverse=True)
    root = next((f"{root}/" for root in (*roots, "src") if root and path.startswith(f"{root}/")), "")
    return PurePosixPath(path.removeprefix(root)).parts[0].removesuffix(".py")
