"""Writing files so that a kill leaves the old one or the new one, and texts by their content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from orchestrator.save.reports import Text

INLINE = 4096
"""Bytes of a text that stand in the report itself."""


def write_atomically(path: Path, data: str | bytes) -> None:
    """Write to a temporary name, fsync, rename. Where that fails, for example on a full disk, nothing is left of it."""
    with writing(path) as stream:
        stream.write(encoded(data) if isinstance(data, str) else data)


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """The same for what is written in pieces; when that fails, the old file stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def encoded(text: str) -> bytes:
    """UTF-8; half a surrogate pair becomes `?`."""
    return text.encode("utf-8", "replace")


def keep(folder: Path, text: str) -> Text:
    """A text for a report; a long one goes to `folder`/artifacts, named by its content."""
    data = text.encode("utf-8", "replace")
    if len(data) <= INLINE:
        return Text(inline=data.decode("utf-8"), size=len(data))
    name = hashlib.sha256(data).hexdigest()
    artifact = f"artifacts/{name[:2]}/{name}.txt"
    if not (folder / artifact).exists():
        write_atomically(folder / artifact, data)
    return Text(inline=data[:INLINE].decode("utf-8", "ignore"), artifact=artifact, size=len(data))
