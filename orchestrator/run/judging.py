"""Judging takes cores, while agents are waited for: so many judge at once, and the others follow in the order in which they came.

Were all let loose at once, each would take as long as all together, and every agent would be asked late; one after the other the first is done early,
and its next task waits for its agent while the second is judged.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

AT_ONCE = os.cpu_count() or 1

_changed = threading.Condition()
_line: deque[int] = deque()
_free = AT_ONCE


@contextmanager
def judging(*, first: bool = False) -> Iterator[None]:
    """Around what takes cores; not within itself. `first`: before all others that wait, for what others wait for."""
    global _free
    me = threading.get_ident()
    with _changed:
        (_line.appendleft if first else _line.append)(me)
        _changed.wait_for(lambda: _free > 0 and _line[0] == me)
        _line.popleft()
        _free -= 1
        _changed.notify_all()
    try:
        yield
    finally:
        with _changed:
            _free += 1
            _changed.notify_all()


def crowded() -> bool:
    """Others wait to judge, or leave no core that nobody has: one sandbox for what could go to two costs less altogether."""
    return bool(_line) or 2 * (AT_ONCE - _free) > AT_ONCE
