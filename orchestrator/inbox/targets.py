"""Which repositories a PRD may name as its target: what it writes, against the allow-list of the configuration."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

_URL = re.compile(r"[a-z][a-z0-9+.-]*://|[\w.-]+@[\w.-]+:|[\w.-]+::", re.IGNORECASE)


def is_url(repo: str) -> bool:
    return _URL.match(repo) is not None


def allowed(repo: str, root: Path, patterns: Sequence[str]) -> bool:
    """Whether `repo` ('' is a new repository) fits a pattern: URLs whole, paths after resolving links, relative to `root` or absolute."""
    if not repo:
        return True
    if is_url(repo):
        return any(is_url(pattern) and fnmatchcase(repo, pattern) for pattern in patterns)
    if "\0" in repo:
        return False
    real_root = root.resolve()
    path = (real_root / repo).resolve()
    relative = os.path.relpath(path, real_root).replace(os.sep, "/")
    return any(_fits(path.as_posix() if pattern.startswith("/") else relative, pattern) for pattern in patterns if not is_url(pattern))


def _fits(path: str, pattern: str) -> bool:
    """A glob in which `*` stays within one name and never stands for `..`, and `**` is any number of names."""
    return _parts_fit(path.strip("/").split("/"), pattern.removeprefix("./").strip("/").split("/"))


def _parts_fit(parts: Sequence[str], patterns: Sequence[str]) -> bool:
    if not patterns:
        return not parts
    if patterns[0] == "**":
        return any(".." not in parts[:count] and _parts_fit(parts[count:], patterns[1:]) for count in range(len(parts) + 1))
    if not parts or (parts[0] in (".", "..")) != (patterns[0] in (".", "..")):
        return False
    return fnmatchcase(parts[0], patterns[0]) and _parts_fit(parts[1:], patterns[1:])
