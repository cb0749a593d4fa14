"""What a run tells, as plain lines while it works."""

from __future__ import annotations

from orchestrator.show.terminal import safe
from orchestrator.telling import Told


def tell(told: Told) -> None:
    """Print what a person reads; what only progress shows has no text."""
    if told.text:
        print(safe(told.text), flush=True)
