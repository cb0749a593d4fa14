"""What a folder of the site was made of at the last build: parts with keys, files and data, in `orchestrator-site.json` in that folder.

    manifest                       {"format", "key", "parts": {name: {"key", "files", "data"}}, …}
    orchestrator-site.unfinished   while a build writes: the names of files that it is about to write, a line each

A build that is killed leaves the second: the next one believes no key of the first then, and removes what the names in it left behind unless it
makes them again. Only files that one of the two names are ever removed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

FORMAT = 2
FILE = "orchestrator-site.json"
UNFINISHED = "orchestrator-site.unfinished"
_WHOLE = "= "
"""Begins the last line of `UNFINISHED` once the manifest of that key stands: what is left to do is not in this folder."""


class Manifest:
    """The parts of one folder, as they were and as they will be. File names are relative to the site."""

    def __init__(self, site: Path, folder: Path) -> None:
        self.site, self.folder = site, folder
        value = _read(folder / FILE)
        self.found = bool(value)
        self.rest: dict[str, Any] = {name: each for name, each in value.items() if name != "parts"}
        """What else it keeps."""
        self.old: Mapping[str, Any] = value.get("parts", {})
        self.new: dict[str, Any] = {}
        self.begun, whole = _begun(folder / UNFINISHED)
        """Files that a build which was killed may have written."""
        self.trusted = whole == self.rest.get("key") if self.begun is not None else True

    def part(self, name: str, key: str, make: Callable[[], tuple[list[str], Mapping[str, Any]]]) -> dict[str, Any]:
        """The data of a part: what is known when its key is the same and its files are there, else what `make` returns with its files."""
        if not self.keep(name, key):
            files, data = make()
            self.put(name, key, files, data)
        found: dict[str, Any] = self.new[name]["data"]
        return found

    def keep(self, name: str, key: str) -> bool:
        """Whether a part can stay as it is; it does then."""
        known = self.old.get(name) if self.trusted else None
        there = os.path.isfile  # a quarter of the time that Path.is_file() takes, for tens of thousands of files
        if not known or known["key"] != key or not all(there(f"{self.site}/{path}") for path in known["files"]):
            return False
        self.new[name] = known
        return True

    def put(self, name: str, key: str, files: Iterable[str], data: Mapping[str, Any]) -> None:
        self.new[name] = {"key": key, "files": sorted(files), "data": json.loads(json.dumps(dict(data)))}

    def write(self, key: str, **rest: Any) -> None:
        """Remove what is gone and keep what is new. Nothing is written when nothing changed."""
        kept = {path for part in self.new.values() for path in part["files"]}
        known = {path for part in self.old.values() for path in part["files"]}
        for path in sorted((known | (self.begun or set())) - kept):
            remove(self.site, path)
        for path in sorted(self.begun or set()):
            for left in (self.site / path).parent.glob(f".{PurePosixPath(path).name[:80]}.*.tmp"):
                left.unlink(missing_ok=True)
        text = json.dumps({**rest, "format": FORMAT, "key": key, "parts": self.new}, sort_keys=True, separators=(",", ":")) + "\n"
        path = self.folder / FILE
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{FILE}.{os.getpid()}.tmp")
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(path)
        if (self.folder / UNFINISHED).exists():
            announce(self.folder, [_WHOLE + key])


def announce(folder: Path, names: Iterable[str]) -> None:
    """Say which files are about to be written, before the first of them is."""
    said = "".join([f"{name}\n" for name in names]).encode("utf-8", "surrogatepass")
    try:
        file = (folder / UNFINISHED).open("ab")
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / UNFINISHED).open("ab")
    with file:
        file.write(said)


def finished(folder: Path) -> None:
    (folder / UNFINISHED).unlink(missing_ok=True)


def listing(site: Path, folders: Iterable[str]) -> list[str]:
    """The files in some folders, without manifests, as names relative to the site, sorted."""
    found, waiting = [], [f"{site}/{folder.rstrip('/')}" for folder in folders]
    cut = len(str(site)) + 1
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif entry.name != FILE:
                        found.append(entry.path[cut:])
        except OSError:
            continue
    return sorted(name.replace(os.sep, "/") for name in found)


def remove(site: Path, name: str) -> None:
    """A file of the site, and the folders that are empty without it."""
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts:
        return
    path = site / pure
    path.unlink(missing_ok=True)
    for folder in path.parents:
        if folder == site or not folder.is_dir() or any(folder.iterdir()):
            break
        folder.rmdir()


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
        if value["format"] == FORMAT and all(isinstance(part, dict) and {"key", "files", "data"} <= part.keys() for part in value["parts"].values()):
            found: dict[str, Any] = value
            return found
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    return {}


def _begun(path: Path) -> tuple[set[str] | None, str]:
    """(names, key of the manifest that was whole already or ''); (None, '') when no build is unfinished."""
    try:
        lines = path.read_bytes().decode("utf-8", "surrogatepass").split("\n")[:-1]  # a line without an end was never acted on
    except (OSError, ValueError):
        return None, ""
    whole = lines[-1].removeprefix(_WHOLE) if lines and lines[-1].startswith(_WHOLE) else ""
    return {line for line in lines if not line.startswith(_WHOLE)}, whole
