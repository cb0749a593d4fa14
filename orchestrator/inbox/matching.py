"""Which planned cycle covers a requirement, and which file it is about: by the names they have in common. Pure.

A name is an identifier (`TaskResponse`, `get_tasks`), an endpoint (`GET /health`), a path, or a word of a title. A name counts the more, the fewer
cycles or files have it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.structure import Module, PlannedCycle

ENOUGH = 1.0
"""The least score that is a match: one identifier that nothing else has gives 2, a word of a title 1.5."""

COMMON = 64
"""A name that more cycles or files than this have tells nothing."""

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]+")
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_LIKE_CODE = re.compile(r"_\w|[a-z0-9][A-Z]|[A-Z]{2}[a-z]")
_CALLED = re.compile(r"(?<!\w)([A-Za-z_]\w{0,80})\(")
_ENDPOINT = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE|HEAD)\s+(/[\w/{}.:-]*)")
_PLACE = re.compile(r"(?<![\w/.])/[a-z][\w-]*")
_TICKED = re.compile(r"`([A-Za-z_]\w{0,80})[(`]")
_FILE = re.compile(r"(?<![\w./-])[\w./-]*\w\.py\b")
_STOP = frozenset(
    _WORD.findall(
        "the and for with from into that this are all any new add via per use uses using not can must shall should will when then given its "
        "has have cycle phase requirement requirements support supports system user users implementation implement basic core module modules "
        "function functions class classes test tests"
    )
)


@dataclass(frozen=True)
class Asked:
    """A requirement as far as it matters here."""

    key: str
    title: str
    text: str
    """All of it: prose and criteria, one a line."""

    @property
    def heads(self) -> str:
        """Its title, and what stands before the first colon of each line: what it is about, not what it uses."""
        return "\n".join((self.title, *(line.partition(":")[0] for line in self.text.split("\n") if ":" in line[:80])))


@dataclass
class _Index:
    """Name → (place, weight) of what has it."""

    places: dict[str, dict[int, float]] = field(default_factory=dict)

    def add(self, names: Iterable[str], place: int, weight: float) -> None:
        for name in names:
            found = self.places.setdefault(name, {})
            found[place] = max(found.get(place, 0.0), weight)

    def scores(self, names: Iterable[str], twice: Collection[str] = ()) -> dict[int, tuple[float, list[str]]]:
        """Place → (score, the names in common, the most telling first). `twice`: names that count for more."""
        parts: dict[int, list[tuple[float, str]]] = {}
        for name in names:
            found = self.places.get(name, {})
            if len(found) <= COMMON:
                for place, weight in found.items():
                    parts.setdefault(place, []).append((weight / len(found) * (2.5 if name in twice else 1.0), name))
        return {
            place: (sum(each for each, _ in some), [name for _, name in sorted(some, key=lambda part: (-part[0], part[1]))])
            for place, some in parts.items()
        }


def words(title: str) -> set[str]:
    """The words of a title that tell something, without the ends that plurals have."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", title)
    return {f"word {_stem(word.lower())}" for word in _WORD.findall(split) if len(word) > 2 and word.lower() not in _STOP}


def _stem(word: str) -> str:
    for end in ("ies", "ing", "ers", "er", "es", "s"):
        if word.endswith(end) and len(word) - len(end) >= 3:
            return word[: -len(end)] + ("y" if end == "ies" else "")
    return word


def identifiers(text: str) -> set[str]:
    """Identifiers, endpoints and paths that a text names."""
    found = {name.lower() for name in _IDENTIFIER.findall(text) if 2 < len(name) <= 80 and _LIKE_CODE.search(name)}
    found |= {name.lower() for name in (*_CALLED.findall(text), *_TICKED.findall(text)) if len(name) > 2}
    found |= {f"{verb} {path.rstrip('/.:') or '/'}".lower() for verb, path in _ENDPOINT.findall(text)}
    return found | {place.lower() for place in _PLACE.findall(text)}


def cycles(asked: Sequence[Asked], planned: Sequence[PlannedCycle], named: Sequence[Sequence[str]]) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Requirement key → (place of its cycle, the names they have in common). `named`: the identifiers that each cycle names itself."""
    index = _Index()
    stated: dict[str, int] = {}
    for place, cycle in enumerate(planned):
        text = "\n".join((cycle.title, *cycle.components))
        index.add(identifiers(text), place, 2.0)
        index.add(words(cycle.title), place, 1.5)
        for key in named[place]:
            stated.setdefault(key, place)
    found: dict[str, tuple[int, tuple[str, ...]]] = {}
    for each in asked:
        if each.key in stated:
            found[each.key] = stated[each.key], (each.key,)
            continue
        scores = index.scores(identifiers(f"{each.title}\n{each.text}") | words(each.title))
        best = min(scores, key=lambda place: (-scores[place][0], place), default=None)
        if best is not None and scores[best][0] >= ENOUGH:
            found[each.key] = best, tuple(name.removeprefix("word ") for name in scores[best][1][:4])
    return found


class Files:
    """The files of a module structure, to be asked which one a requirement is about."""

    def __init__(self, modules: Sequence[Module]) -> None:
        code = [module for module in modules if module.path.endswith(".py") and not is_test(module.path)]
        self.modules = [module for module in code if not module.path.endswith("__init__.py")] or code
        self.below: dict[str, set[int]] = {}
        """Folder → places of the files in it."""
        self.exports = {export.name for module in self.modules for export in module.exports}
        self.index = _Index()
        for place, module in enumerate(self.modules):
            stem = module.path.rpartition("/")[2].removesuffix(".py")
            self.index.add({export.name.lower() for export in module.exports if len(export.name) > 2}, place, 3.0)
            self.index.add(identifiers("\n".join((module.text, *(export.text for export in module.exports)))), place, 1.5)
            self.index.add(words(stem), place, 2.0)
            self.index.add(words(module.text), place, 1.0)
            parts = module.path.split("/")
            self.index.add({"/".join(parts[size:]).lower() for size in range(len(parts))}, place, 4.0)

    def of(self, each: Asked, hint: str = "") -> tuple[str, str]:
        """(path, why) of the file that a requirement is about; ('', '') when nothing tells. `hint`: a file, or a folder ending in `/`."""
        if hint.endswith(".py"):
            return hint, "the module hint of its cycle"
        if hint not in self.below:
            self.below[hint] = {place for place, module in enumerate(self.modules) if module.path.startswith(hint)}
        inside = self.below[hint]
        if hint and not inside:
            return ("", "") if is_test(hint) else (f"{hint}__init__.py", "the folder that its cycle hints at, as a package")
        text = f"{each.title}\n{each.text}"
        exported = {name.lower() for name in _IDENTIFIER.findall(text) if name in self.exports}
        names = identifiers(text) | exported | words(each.title) | {path.lower().removeprefix("./") for path in _FILE.findall(text)}
        scores = {place: score for place, score in self.index.scores(names, identifiers(each.heads)).items() if place in inside}
        best = min(scores, key=lambda place: (-scores[place][0], place), default=None)
        if best is not None and scores[best][0] >= ENOUGH:
            shown = ", ".join(f"`{name.removeprefix('word ')}`" for name in scores[best][1][:3])
            return self.modules[best].path, f"names in common: {shown}"
        if len(inside) == 1:
            return self.modules[next(iter(inside))].path, "the only file there"
        return "", ""


def is_test(path: str) -> bool:
    return re.search(r"(?:^|/)(?:tests?/|test_|conftest\.py)", path) is not None or path.endswith("_test.py")


def merged(modules: Iterable[Module]) -> tuple[Module, ...]:
    """One value for each path: what the structure says of it, and what the API specification does."""
    found: dict[str, Module] = {}
    for module in modules:
        known = found.get(module.path)
        if known is None:
            found[module.path] = module
        else:
            names = {export.name for export in known.exports}
            exports = (*known.exports, *(export for export in module.exports if export.name not in names))
            found[module.path] = Module(module.path, known.line, exports, known.text or module.text)
    return tuple(found.values())


def inherited(
    cycle_of: Mapping[str, int], depends_on: Sequence[Sequence[int]], stated: Mapping[str, tuple[str, ...]]
) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Requirement → the requirements that it depends on because its cycle depends on theirs, and the keys of those that got none because the
    requirements would wait for each other in a circle. `depends_on`: places of cycles, of each cycle; `stated`: what requirements say themselves."""
    members: dict[int, list[str]] = {}
    for key, place in cycle_of.items():
        members.setdefault(place, []).append(key)
    edges = {key: tuple(stated.get(key, ())) for key in stated}
    wanted = {
        key: tuple(dict.fromkeys(other for before in depends_on[place] for other in members.get(before, ())[:MEMBERS] if other != key))
        for key, place in cycle_of.items()
    }
    both = {key: (*edges.get(key, ()), *wanted.get(key, ())) for key in {**edges, **wanted}}
    order = _order(both)
    kept = {key: tuple(other for other in others if order[other] < order[key]) for key, others in wanted.items()}
    return kept, [key for key, others in wanted.items() if len(kept[key]) < len(others)]


MEMBERS = 100
"""The most requirements of one cycle that those of a later one are made to wait for."""


def _order(edges: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Each key's place in an order that respects the edges; an edge that closes a circle leads forwards."""
    place: dict[str, int] = {}
    open_: set[str] = set()
    for root in edges:
        stack = [(root, iter(edges[root]))] if root not in place else []
        open_.add(root)
        while stack:
            key, rest = stack[-1]
            following = next((each for each in rest if each in edges and each not in place and each not in open_), None)
            if following is None:
                stack.pop()
                place[key] = len(place)
            else:
                open_.add(following)
                stack.append((following, iter(edges[following])))
    return place
