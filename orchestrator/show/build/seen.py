"""What files held when they were last read, by their stat: a build reads what changed, and looks at the rest.

A file is what it was while its size, its inode and its times are; one that changed less than two seconds before it was looked at is read
again, since a change within one tick of the clock shows in none of these. The cache may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import NamedTuple

_YOUNG = 2_000_000_000
"""Nanoseconds."""


class Entry(NamedTuple):
    """A file of a folder."""

    name: str
    hash: str
    """Of its content."""


class Seen:
    """The files of one folder."""

    def __init__(self, cache: Path, folder: Path) -> None:
        self.folder, self.cache = folder, cache / f"{hashlib.sha256(str(folder).encode('utf-8', 'surrogateescape')).hexdigest()[:16]}.json"

    def entries(self, endings: tuple[str, ...]) -> list[Entry]:
        """Its files with one of these endings, by name; those that cannot be read have the hash ''."""
        known, now = self._known(), time.time_ns()
        found: dict[str, list[object]] = {}
        entries = []
        try:
            with os.scandir(self.folder) as listed:
                files = sorted((entry for entry in listed if entry.name.endswith(endings)), key=lambda entry: entry.name)
        except OSError:
            return []
        for file in files:
            try:
                stat = file.stat()
            except OSError:
                entries.append(Entry(file.name, ""))
                continue
            state = [stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns]
            old = known.get(file.name)
            value = str(old[1]) if old and old[0] == state else _hash(file.path)
            entries.append(Entry(file.name, value))
            if max(stat.st_mtime_ns, stat.st_ctime_ns) < now - _YOUNG and value:
                found[file.name] = [state, value]
        if found != known:
            self._keep(found)
        return entries

    def _known(self) -> dict[str, list[object]]:
        try:
            value = json.loads(self.cache.read_bytes())
        except (OSError, ValueError):
            return {}
        return value if isinstance(value, dict) and all(isinstance(each, list) and len(each) == 2 for each in value.values()) else {}

    def _keep(self, found: dict[str, list[object]]) -> None:
        self.cache.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.cache.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps(found, separators=(",", ":")), encoding="utf-8")
        temporary.replace(self.cache)


def _hash(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""
