"""What a run tells while it works, as values. Whoever listens prints lines, draws progress, keeps a log or sends messages; the run knows
none of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal[
    "note",
    "run began",
    "project began",
    "task began",
    "step",
    "turn began",
    "turn ended",
    "task ended",
    "needs a person",
    "parked",
    "waiting",
    "budget",
    "breaker",
    "conflict",
    "gate",
    "validated",
    "edited",
    "delivered",
    "project ended",
    "run ended",
]
"""What happened. `note` is everything that has no kind of its own."""


@dataclass(frozen=True)
class Told:
    """One thing that a run tells."""

    text: str = ""
    """What a person reads, one or more lines; '' for what only progress shows."""
    kind: Kind = "note"
    project: str = ""
    prd: str = ""
    task: str = ""
    at: float = field(default_factory=time.time)
    """Seconds since the epoch."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else belongs to it, as JSON has it; by kind, see below."""


FACTS: dict[str, str] = {
    "run began": "`run` id, `workers`",
    "project began": "`run` id of the project's part, `tasks`: state → how many",
    "task began": "`goal`, `tasks`: state → how many of the project",
    "step": "`step` (`queue`: it waits for a worker), `attempt`",
    "turn began": "`role`, `step`, `attempt`, `turn`, `agent`, `kind`",
    "turn ended": "as when it began, and `seconds`, `input_tokens`, `output_tokens`, `usd` (null: not known), `error`: '' or why there is no answer",
    "task ended": "`state` the task is in now, `verdict`, `seconds`, `tasks`: state → how many of the project",
    "needs a person": "`question`, `path`, `lines`",
    "parked": "`until` (seconds since the epoch or null), `cause`: `budget`, `breaker` or ''",
    "waiting": "`until` (seconds since the epoch or null)",
    "budget": "nothing: the text says which budget comes to its end",
    "breaker": "`scope`, `name`, `state`",
    "conflict": "`why`",
    "gate": "`phase`, `passed`; when it is begun only `phase`",
    "validated": "`passed`",
    "delivered": "`how`, `ok`",
    "project ended": "`run` id of the project's part, `outcome`",
    "run ended": "`exit_code`, `turns`, `done`, `failed`, `needs_person`, `parked`, `seconds`",
}
"""Kind → the keys of `facts`."""

Tell = Callable[[Told], None]
"""Called from several threads at once; whoever listens takes care of that, and never raises."""
