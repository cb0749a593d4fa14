"""Graphs of names: strongly connected components and an order that respects dependencies. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class CycleError(ValueError):
    """The names cannot be ordered. `cycle` is one closed walk: first and last are the same."""

    def __init__(self, cycle: tuple[str, ...]) -> None:
        super().__init__(" → ".join(cycle))
        self.cycle = cycle


def dangling(edges: Mapping[str, Sequence[str]]) -> tuple[tuple[str, str], ...]:
    """(name, missing dependency) pairs."""
    return tuple((name, target) for name, targets in edges.items() for target in targets if target not in edges)


def components(edges: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Strongly connected components, members in the mapping's order (Tarjan's algorithm, without recursion)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    on_stack: set[str] = set()
    stack: list[str] = []
    found: list[tuple[str, ...]] = []
    order = {name: position for position, name in enumerate(edges)}
    for root in edges:
        if root in index:
            continue
        work = [(root, iter(edges[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            name, targets = work[-1]
            for target in targets:
                if target not in edges:
                    continue
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    on_stack.add(target)
                    work.append((target, iter(edges[target])))
                    break
                if target in on_stack:
                    low[name] = min(low[name], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == index[name]:
                    members = []
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        members.append(member)
                        if member == name:
                            break
                    found.append(tuple(sorted(members, key=order.__getitem__)))
    return tuple(sorted(found, key=lambda members: order[members[0]]))


def ordered(edges: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Names so that each comes after what it depends on; among those that are free, the mapping's order. Raises CycleError."""
    import heapq

    position = {name: number for number, name in enumerate(edges)}
    waiting = {name: {target for target in targets if target in edges} for name, targets in edges.items()}
    dependants: dict[str, list[str]] = {name: [] for name in edges}
    for name, targets in waiting.items():
        for target in targets:
            dependants[target].append(name)
    free = [position[name] for name, targets in waiting.items() if not targets]
    heapq.heapify(free)
    names = list(edges)
    found: list[str] = []
    while free:
        name = names[heapq.heappop(free)]
        found.append(name)
        for dependant in dependants[name]:
            waiting[dependant].discard(name)
            if not waiting[dependant]:
                heapq.heappush(free, position[dependant])
    if len(found) < len(edges):
        raise CycleError(cycle(edges, next(name for name in edges if name not in set(found))))
    return tuple(found)


def cycle(edges: Mapping[str, Sequence[str]], start: str) -> tuple[str, ...]:
    """One closed walk that is reached from `start`, which must lead into one."""
    leads = {name for members in components(edges) for name in members if len(members) > 1 or name in edges[name]}
    before: dict[str, list[str]] = {}
    for name, targets in edges.items():
        for target in targets:
            before.setdefault(target, []).append(name)
    due = sorted(leads)
    while due:
        more = [name for name in before.get(due.pop(), ()) if name not in leads]
        leads.update(more)
        due += more
    walk = [start]
    while walk[-1] not in walk[:-1]:
        walk.append(next(target for target in edges[walk[-1]] if target in leads))
    return tuple(walk[walk.index(walk[-1]) :])
