"""Landlock and seccomp, as far as the orchestrator has to know of them: run/inside/confine.py puts them on, in the process they hold."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache

MACHINES = ("x86_64", "aarch64")
"""Whose calls the seccomp filter knows."""


@cache
def version() -> int:
    """Version of the kernel's Landlock interface; 0 when there is none."""
    if sys.platform != "linux":
        return 0
    create, ask_version = 444, 1
    return max(0, int(ctypes.CDLL(None).syscall(create, None, 0, ask_version)))


def has_filter() -> bool:
    return os.uname().machine in MACHINES
