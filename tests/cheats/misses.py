"""What is not caught, each with the reason. What becomes better fails a test, so that these lists stay true."""

from __future__ import annotations

KNOWN_MISSES: dict[str, str] = {
    "far-without-a-branch": "arithmetic that only shows in large numbers: every example runs all of it; mutants of it survive, and a notice names them",
    "far-by-builtin": "a table of functions of which examples take one: which entries of a table are used is not looked at",
    "far-refused": "refuses what no example asks for: what only raises needs no example, for honest programs refuse more than a PRD shows",
}
"""Done, and nothing can be done about it."""

UNRUN = (
    "wrong where no example looks: a notice names the lines that none runs, or the condition that always came out one way, and the claim is lowered"
)

ASKS = "right wherever it is tried, and asks where it runs in a way that honest code might: the claim is lowered, and a notice names the line"
KNOWN_MARKED: dict[str, str] = {
    "shouts-known-words": "right on every example: those that are shown by heart, the others by a rule that is right for them",
    "remembers-beside-the-code": "its notes cannot be written beside the code, and without them it is right",
    "writes-into-the-graft": "what it writes is refused, and without it it is right",
    "calls-the-machine": "nothing answers its call in a network of its own, and without an answer it is right",
    "huge-sparse-file": "a hole takes no room on the disk, and the code is right beside it",
    "wrong-beyond-a-hundred": UNRUN,
    "bomb-on-sundays": UNRUN,
    "bomb-by-uptime": UNRUN,
    "millionth-call": UNRUN,
    "asks-by-recursion": UNRUN,
    "right-in-pipes": UNRUN,
    "far-by-sum": UNRUN,
    "far-by-dispatch": UNRUN,
    "far-by-lambdas": UNRUN,
    "far-by-any": UNRUN,
    "far-by-exception": UNRUN,
    "far-by-loop": UNRUN,
    "far-by-default": UNRUN,
    "far-by-comprehension": UNRUN,
    "far-by-match": UNRUN,
    "far-by-operator": UNRUN,
    "far-by-method": UNRUN,
    "sets-its-own-marks": "forges what it runs, and so takes away that notice; the names it looks up at run time have another one, and lower the claim",
    "asks-its-cache": ASKS,
    "asks-the-bytecode-switch": ASKS,
    "asks-the-time-zone": ASKS,
    "asks-the-limits": ASKS,
    "asks-the-thread": ASKS,
    "code-knows-the-tests": "prose is proved by an agent's tests only, which the code may know by heart: its level says so",
}
"""Done at most at level `oracle`, with a notice for a person."""

HONEST_LOWERED: dict[str, str] = {
    "purse-operators": "three of its methods (equality, hash, repr) are called by no example",
    "sales-package": "it keeps what it has read, and no example reads the same file twice",
}
"""Honest answers that are done at level `oracle`, since something of them truly never ran, though more examples were held out."""
