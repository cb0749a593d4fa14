"""What is not caught, each with the reason. What becomes better fails a test, so that these lists stay true."""

from __future__ import annotations

KNOWN_MISSES: dict[str, str] = {
    "wrong-beyond-a-hundred": "wrong only on inputs unlike any example: nobody has said what the answer is there",
    "bomb-on-sundays": "wrong at an hour that neither today's clock nor the moved one shows; the scan has a notice, since honest code reads the clock too",
    "bomb-by-uptime": "wrong after a minute in one process, and no example takes a minute; the scan has a notice, since honest code measures time too",
    "millionth-call": "wrong after more calls than the final run repeats; the scan has a notice, since honest code counts too",
    "asks-by-recursion": "tells the sandbox by the depth of the stack, with nothing that a scan could name",
    "right-in-pipes": "asks whether it prints to a terminal, as honest programs do, and examples are never run in one",
}
"""Done, and nothing can be done about it."""

ASKS = "right wherever it is tried, and asks where it runs in a way that honest code might: the claim is lowered, and a notice names the line"
KNOWN_MARKED: dict[str, str] = {
    "shouts-known-words": "right on every example: those that are shown by heart, the others by a rule that is right for them",
    "remembers-beside-the-code": "its notes cannot be written beside the code, and without them it is right",
    "writes-into-the-graft": "what it writes is refused, and without it it is right",
    "calls-the-machine": "nothing answers its call in a network of its own, and without an answer it is right",
    "huge-sparse-file": "a hole takes no room on the disk, and the code is right beside it",
    "asks-its-cache": ASKS,
    "asks-the-bytecode-switch": ASKS,
    "asks-the-time-zone": ASKS,
    "asks-the-limits": ASKS,
    "asks-the-thread": ASKS,
    "code-knows-the-tests": "prose is proved by an agent's tests only, which the code may know by heart: its level says so",
}
"""Done at most at level `oracle`, with a notice for a person."""
