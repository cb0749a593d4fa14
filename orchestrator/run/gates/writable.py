"""Writable roots and locked tests: what of an agent's changes is judged, and what is restored."""

from __future__ import annotations

import re
import sys
from pathlib import PurePosixPath

from orchestrator.model import Change, Finding

OURS = ("prds/", "runs/", "recordings/", "site/", "orchestrator.yaml", ".github/", ".gitlab-ci.yml", ".circleci/", ".ci/", "Jenkinsfile")
"""Never in the agent's workspace, never in what it may write."""

_SETTINGS = re.compile(
    r"(^|/)(pyproject\.toml|setup\.(py|cfg)|tox\.ini|\.?pytest\.ini|pytest\.toml|noxfile\.py|requirements[^/]*\.txt|[^/]*\.lock|Pipfile|mypy\.ini|ruff\.toml"
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


def sort(changes: tuple[Change, ...], locked: frozenset[str]) -> tuple[tuple[Change, ...], tuple[Finding, ...]]:
    """(changes that are judged, findings about the others). `locked`: paths of the locked tests."""
    allowed, findings = [], []
    for change in changes:
        refused = _refusal(change, locked)
        if refused is None:
            allowed.append(change)
        else:
            findings.append(refused)
    return tuple(allowed), tuple(findings)


def _refusal(change: Change, locked: frozenset[str]) -> Finding | None:
    path = change.path
    deed = "deleted" if change.text is None else "written"
    if path in locked:
        return Finding("locked tests", f"{path} was {deed}: it is locked; restored", "notice", where=path)
    if is_test(path):
        return Finding("locked tests", f"{path} was {deed}: tests are the orchestrator's; restored", "notice", where=path)
    if is_ours(path) or _SETTINGS.search(path):
        return Finding("writable roots", f"{path} was {deed}: configuration is not the agent's to change; restored", "notice", where=path)
    if _STARTUP.search(path):
        return Finding("writable roots", f"{path} was {deed}: it would run or be loaded unasked; removed", "notice", where=path)
    top = PurePosixPath(path.removeprefix("src/")).parts[0].removesuffix(".py")
    if path.endswith(".py") and (top in sys.stdlib_module_names or top in _RUNNER):
        return Finding("writable roots", f"{path} was {deed}: it would shadow the module `{top}`; removed", "notice", where=path)
    return None
