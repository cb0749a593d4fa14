"""What makes a task small enough, and how one that is not is taken apart. Pure.

A task is atomic with at most `Atomic.tests` tests, `lines` lines, `components` components and `criteria` criteria. One that is larger is taken
apart into two or three parts, again and again, at most `depth` times, by what makes it too large:

    component    criteria of different functions and classes part company
    tests        so that each part has about as many tests
    size         so that each part has about as much text
    balanced     so that each part has about as many criteria

Parts keep the order of the criteria. Nothing is ever lost: every criterion is in exactly one part.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator.config import Planning
from orchestrator.model import Criterion, Prd, Requirement, Task

LEAST_TESTS = 5
"""Fewer tests than this, and the task is small: said, and never put together with another."""


@dataclass(frozen=True)
class Atomic:
    """The most that one task should be."""

    tests: int = 20
    lines: int = 100
    components: int = 3
    criteria: int = 5
    depth: int = 3


def atomic_of(planning: Planning) -> Atomic:
    """As it is configured."""
    return Atomic(planning.tests, planning.lines, planning.components, planning.criteria, planning.depth)


@dataclass(frozen=True)
class Piece:
    """A criterion as something that can be moved from part to part."""

    key: str
    tests: int
    components: frozenset[str]
    size: int
    """Characters of its text and examples."""


@dataclass(frozen=True)
class Bunch:
    """Pieces that would be one task, and how many lines somebody expects for them."""

    pieces: tuple[Piece, ...]
    lines: int | None = None
    components: int = 0
    """Where somebody said how many; the pieces' own count when that is larger."""

    @property
    def tests(self) -> int:
        return sum(piece.tests for piece in self.pieces)

    @property
    def named(self) -> int:
        return max(self.components, len(frozenset().union(*(piece.components for piece in self.pieces))))


def too_large(bunch: Bunch, atomic: Atomic) -> tuple[tuple[str, str], ...]:
    """(strategy, sentence) for each limit that it exceeds, the most telling first."""
    found = []
    if bunch.named > atomic.components:
        found.append(("component", f"{bunch.named} components, at most {atomic.components}"))
    if bunch.tests > atomic.tests:
        found.append(("tests", f"{bunch.tests} tests, at most {atomic.tests}"))
    if bunch.lines is not None and bunch.lines > atomic.lines:
        found.append(("size", f"{bunch.lines} lines, at most {atomic.lines}"))
    if len(bunch.pieces) > atomic.criteria:
        found.append(("balanced", f"{len(bunch.pieces)} criteria, at most {atomic.criteria}"))
    return tuple(found)


def split(bunch: Bunch, atomic: Atomic, strategies: frozenset[str] = frozenset({"component", "tests", "size", "balanced"})) -> tuple[Bunch, ...]:
    """The parts of a bunch: itself where it is small enough, or where none of these strategies takes it apart."""
    return _split(bunch, atomic, strategies, atomic.depth)


def _split(bunch: Bunch, atomic: Atomic, strategies: frozenset[str], depth: int) -> tuple[Bunch, ...]:
    if depth == 0 or len(bunch.pieces) < 2:
        return (bunch,)
    for strategy, _ in too_large(bunch, atomic):
        if strategy in strategies and len(parts := _STRATEGIES[strategy](bunch, atomic)) > 1:
            return tuple(small for part in parts for small in _split(part, atomic, strategies, depth - 1))
    return (bunch,)


def _by_component(bunch: Bunch, atomic: Atomic) -> tuple[Bunch, ...]:
    """Pieces that share a component stay together; one that names none goes with the piece before it."""
    groups: list[tuple[set[str], list[int]]] = []
    for number, piece in enumerate(bunch.pieces):
        if not piece.components:
            (groups[-1] if groups else _begun(groups))[1].append(number)
            continue
        names, members = set(piece.components), [number]
        for group in [group for group in groups if group[0] & names]:
            names |= group[0]
            members += group[1]
            groups.remove(group)
        groups.append((names, sorted(members)))
    groups.sort(key=lambda group: group[1][0])
    weights = [sum(bunch.pieces[number].tests for number in members) for _, members in groups]
    wanted = _ceiling(len(frozenset().union(*(names for names, _ in groups))), atomic.components)
    return _bunches(bunch, [sorted(n for place in cut for n in groups[place][1]) for cut in _cuts(weights, wanted)])


def _begun(groups: list[tuple[set[str], list[int]]]) -> tuple[set[str], list[int]]:
    groups.append((set(), []))
    return groups[-1]


def _by_tests(bunch: Bunch, atomic: Atomic) -> tuple[Bunch, ...]:
    return _bunches(bunch, _cuts([piece.tests for piece in bunch.pieces], _ceiling(bunch.tests, atomic.tests)))


def _by_size(bunch: Bunch, atomic: Atomic) -> tuple[Bunch, ...]:
    return _bunches(bunch, _cuts([piece.size for piece in bunch.pieces], _ceiling(bunch.lines or 0, atomic.lines)))


def _balanced(bunch: Bunch, atomic: Atomic) -> tuple[Bunch, ...]:
    return _bunches(bunch, _cuts([1] * len(bunch.pieces), _ceiling(len(bunch.pieces), atomic.criteria)))


_STRATEGIES: dict[str, Callable[[Bunch, Atomic], tuple[Bunch, ...]]] = {
    "component": _by_component,
    "tests": _by_tests,
    "size": _by_size,
    "balanced": _balanced,
}


def _ceiling(whole: int, most: int) -> int:
    """Two or three parts at a time."""
    return max(2, min(3, -(-whole // max(1, most))))


def _cuts(weights: Sequence[int], wanted: int) -> list[list[int]]:
    """Positions in at most `wanted` stretches of about the same weight, none empty."""
    wanted, rest = min(wanted, len(weights)), sum(weights)
    found: list[list[int]] = []
    here: list[int] = []
    got = 0
    for place, weight in enumerate(weights):
        left = len(weights) - place
        needed = wanted - len(found)
        if here and needed > 1 and (left == needed - 1 or got + weight / 2 > rest / needed):
            found.append(here)
            rest -= got
            here, got = [], 0
        here.append(place)
        got += weight
    return [*found, here] if here else found


def _bunches(bunch: Bunch, cuts: Iterable[Sequence[int]]) -> tuple[Bunch, ...]:
    whole, cuts = sum(piece.size for piece in bunch.pieces) or 1, [cut for cut in cuts if cut]
    found = []
    for cut in cuts:
        pieces = tuple(bunch.pieces[number] for number in cut)
        share = sum(piece.size for piece in pieces) / whole
        lines = None if bunch.lines is None else round(bunch.lines * share)
        found.append(Bunch(pieces, lines, -(-bunch.components * len(pieces) // len(bunch.pieces)) if len(cuts) > 1 else bunch.components))
    return tuple(found)


def piece(criterion: Criterion, components: Iterable[str]) -> Piece:
    """One test for each example, one for prose."""
    texts = [criterion.text, *(text for example in criterion.examples for text in (*example.setup, example.call, example.expected))]
    return Piece(criterion.key, max(1, len(criterion.examples)), frozenset(components), sum(map(len, texts)))


def used(criterion: Criterion) -> frozenset[str]:
    """Names that the examples of a criterion take from modules."""
    found: set[str] = set()
    for example in criterion.examples:
        for source in (*example.setup, example.call):
            if "import" not in source:
                continue
            try:
                tree = ast.parse(source.strip())
            except (SyntaxError, ValueError):
                continue
            found |= {f"{node.module}.{alias.name}" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    return frozenset(found)


def apart(requirement: Requirement, atomic: Atomic) -> tuple[tuple[str, ...], ...]:
    """Keys of the criteria of each part of a requirement that the PRD states exactly: only criteria of different components part company, and only
    where there are too many of them. One part: it stays whole."""
    bunch = Bunch(tuple(piece(criterion, used(criterion)) for criterion in requirement.criteria))
    if bunch.named <= atomic.components:
        return (tuple(each.key for each in requirement.criteria),)
    return tuple(tuple(each.key for each in part.pieces) for part in split(bunch, atomic, frozenset({"component"})))


# --- what a whole plan must not be -----------------------------------------------------------------------------------------


def remarks(prd: Prd, tasks: Sequence[Task], exports: Mapping[str, tuple[str, ...]], atomic: Atomic) -> tuple[tuple[str, str, str], ...]:
    """(task id, code, sentence) of what a person should know about a plan. `exports`: task id → names that somebody said it makes."""
    found = []
    structure = {module.path for module in prd.modules}
    for task in tasks:
        bunch = Bunch(tuple(piece(criterion, used(criterion)) for criterion in task.criteria))
        exact = all(criterion.examples for criterion in task.criteria)  # as the PRD wants it
        for _, sentence in () if exact else too_large(bunch, atomic):
            found.append((task.id, "large", f"larger than a task should be: {sentence}"))
        if len(task.files) > 1 and not exact:
            said = f"it spans {', '.join(task.files)}, and not every criterion has an example that shows how they work together"
            found.append((task.id, "boundary", said))
        if structure and (outside := [path for path in task.files if path not in structure]):
            found.append((task.id, "outside-structure", f"{', '.join(outside)} is not in the module structure of the PRD"))
    first: dict[tuple[str, str], str] = {}
    for task in tasks:
        for path in task.files:
            found += [
                (task.id, "overlap", f"`{name}` of {path} is made by {other} too")
                for name in exports.get(task.id, ())
                if (other := first.setdefault((path, name), task.id)) != task.id
            ]
    return tuple(found)


def verify_only(tasks: Sequence[Task], exports: Mapping[str, tuple[str, ...]]) -> tuple[Task, ...]:
    """The tasks, those marked whose every export is made by one before: they come after it, and are checked before anybody is asked."""
    first: dict[tuple[str, str], str] = {}
    found = []
    for task in tasks:
        made = [(path, name) for path in task.files for name in exports.get(task.id, ())]
        owners = dict.fromkeys(first[each] for each in made if each in first)
        for each in made:
            first.setdefault(each, task.id)
        if made and len({each for each in made if first[each] != task.id}) == len(made):
            found.append(replace(task, verify_only=True, depends_on=tuple(dict.fromkeys([*task.depends_on, *owners]))))
        else:
            found.append(task)
    return tuple(found)
