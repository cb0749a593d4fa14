"""Names that become folders and git branches, identifiers made from headings, and suggestions for misspelt ones."""

from __future__ import annotations

import difflib
import hashlib
import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

RESERVED = frozenset({"environments", "orchestrator.sqlite", "orchestrator.lock", "inbox.json", "state.git", "state.lock"})
"""What the folder of runs holds besides projects."""


def unsafe(name: str) -> str:
    """Why `name` cannot be a folder and a part of a branch name; '' when it can."""
    if name in RESERVED:
        return "the folder of runs uses that name itself"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        return "use letters, digits, `.`, `_` and `-`, at most 64, beginning with a letter or digit"
    if ".." in name or name.endswith((".", ".lock")):
        return "git refuses `..`, and `.` or `.lock` at the end, in a branch name"
    return ""


USUAL = frozenset({"spec", "requirements", "prd", "tasks", "specification", "product-requirements"})
"""Names of files that say nothing, because other tools give them to every one; the folder they lie in tells which it is."""


def of_path(path: str) -> str:
    """The id that a file's path makes: its name without the suffix, or that of its folder when the name is a usual one."""
    place = PurePosixPath(path)
    folder = place.parent.name
    inside = len(place.parts) > 2 and folder.lower() not in USUAL | {"prds", "specs", "docs", ".kiro", ".specify"}
    return folder if inside and place.stem.lower() in USUAL else place.stem


def slug(text: str, fallback: str = "x") -> str:
    """A lower-case ASCII name for a heading, the same wherever the heading stands in the file."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    found = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:48].rstrip("-")
    return found or f"{fallback}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"


FEW = 200
"""Names among which a suggestion is looked for; of more, those that begin like the misspelt one and are as long."""

SHOWN = 30


def listed(known: Iterable[str]) -> str:
    """Names for a hint, not too many."""
    known = list(known)
    return ", ".join(known[:SHOWN]) + (f", and {len(known) - SHOWN} more" if len(known) > SHOWN else "")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`, did you mean …?` or ''."""
    known = list(known)
    if len(known) > FEW:
        known = [each for each in known if each[:1].lower() == name[:1].lower() and abs(len(each) - len(name)) <= 1][:FEW]
    by_lower = {each.lower(): each for each in known}
    guess = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f", did you mean `{by_lower[guess[0]]}`?" if guess else ""


def cycles(edges: dict[str, tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Each cycle once, as the names along it, beginning with the one listed first in `edges`; self-edges are not cycles."""
    found: list[tuple[str, ...]] = []
    done: set[str] = set()
    for root in edges:
        path: list[str] = []
        place: dict[str, int] = {}
        stack = [(root, iter(edges[root]))] if root not in done else []
        if stack:
            path.append(root)
            place[root] = 0
        while stack:
            name, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                stack.pop()
                path.pop()
                del place[name]
                done.add(name)
            elif following in place and following != name:
                found.append(tuple(path[place[following] :]))
            elif following in edges and following not in done and following not in place:
                place[following] = len(path)
                path.append(following)
                stack.append((following, iter(edges[following])))
    return found
