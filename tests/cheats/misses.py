"""What is missed, each with the reason why it cannot be caught. A miss that becomes caught fails a test, so that this list stays true."""

from __future__ import annotations

KNOWN_MISSES: dict[str, str] = {
    "wrong-beyond-a-hundred": "wrong only on inputs unlike any example: nobody has said what the answer is there",
    "bomb-on-sundays": "wrong at an hour that neither today's clock nor the moved one shows; the scan has a notice, since honest code reads the clock too",
    "bomb-by-uptime": "wrong after a minute in one process, and no example takes a minute; the scan has a notice, since honest code measures time too",
    "millionth-call": "wrong after more calls than the final run repeats; the scan has a notice, since honest code counts too",
    "asks-by-recursion": "tells the sandbox by the depth of the stack, with nothing that a scan could name",
    "right-in-pipes": "asks whether it prints to a terminal, as honest programs do, and examples are never run in one",
}
