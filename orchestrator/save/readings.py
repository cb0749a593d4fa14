"""What was read from each PRD file and planned from it, kept so that a file that is the same needs not be read again: `runs/readings/`.

    <hash of the path>.json    three lines: what it was made from, the Reading, the Plan

It follows from the files alone and may be deleted at any time. A record counts only for the same bytes, read by the same code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple
from functools import cache
from pathlib import Path, PurePosixPath

from orchestrator import inbox, model, plan
from orchestrator.config import Config
from orchestrator.errors import DamagedError
from orchestrator.inbox.folder import fresh
from orchestrator.inbox.markdown import Reading
from orchestrator.model import Plan, Prd
from orchestrator.plan import outline, saved
from orchestrator.plan.rules import Atomic, atomic_of
from orchestrator.plan.saved import PlanFile, PlannedRequirement
from orchestrator.save import plans
from orchestrator.save.files import write_atomically
from orchestrator.save.values import from_json, to_json

FOLDER = "readings"
REMEMBERED = 400
"""So many readings stay in memory, the newest."""


class Readings:
    """Of one scan of the inbox. Looking is free of side effects; `keep` writes."""

    def __init__(self, runs: Path) -> None:
        self.folder = runs / FOLDER
        self._made: dict[str, tuple[Reading, str]] = {}
        """Path → what was read now, and what it was made from."""
        self._plans: dict[str, tuple[Plan, str]] = {}
        """Path → what was planned now, and what beside the PRD it was made from."""

    def read(self, text: str, path: str, name: str, fingerprint: str) -> Reading:
        """As `folder.fresh`, from the record where there is one of these very bytes."""
        key = json.dumps([_code(), path, name or PurePosixPath(path).stem, fingerprint])
        first, reading, _ = self._record(path)
        known = _read.get(key)
        if first and json.loads(first)["key"] == key:  # only then is the recorded plan that of these bytes
            try:
                return known or _remember(key, from_json(Reading, reading))
            except DamagedError:
                pass
        made = known or _remember(key, fresh(text, path, name, fingerprint))
        self._made[path] = made, key
        return made

    def planned(self, prd: Prd, config: Config) -> tuple[Prd, Plan, PlanFile]:
        """(the PRD with what was added to it, its plan, its plan file). Raises PlanError."""
        file = plans.load(self.folder.parent, prd)
        entries = outline.valid(prd, file.requirements)
        return saved.applied(prd, entries), self.plan(prd, config.gates.held_out, entries, atomic_of(config.planning)), file

    def plan(self, prd: Prd, held_out: float, entries: Mapping[str, PlannedRequirement] | None = None, atomic: Atomic = outline.DEFAULT) -> Plan:
        """As `outline.plan_of`."""
        entries = entries or {}
        beside = json.dumps([held_out, astuple(atomic), {key: entry.model_dump(mode="json") for key, entry in entries.items()}])
        beside = hashlib.sha256(beside.encode()).hexdigest()
        if prd.path not in self._made:
            first, _, text = self._record(prd.path)
            if first and json.loads(first)["beside"] == beside:
                try:
                    return from_json(Plan, text)
                except DamagedError:
                    pass
        planned = outline.plan_of(prd, held_out, entries, atomic)
        self._plans[prd.path] = planned, beside
        return planned

    def keep(self, paths: Iterable[str]) -> None:
        """Write the records of what was read or planned anew. `paths`: of all PRD files that there are; records of others are deleted."""
        for path, (planned, beside) in self._plans.items():
            first, reading, _ = self._record(path)
            made, key = self._made.get(path, (None, json.loads(first)["key"] if first else ""))
            said = to_json(made) if made else reading
            if key and (made is None or from_json(Reading, said) == made):
                write_atomically(self._place(path), "\n".join([json.dumps({"key": key, "beside": beside}), said, to_json(planned), ""]))
        wanted = {self._place(path) for path in paths}
        for place in self.folder.glob("*.json") if self.folder.is_dir() else ():
            if place not in wanted:
                place.unlink()

    def _place(self, path: str) -> Path:
        return self.folder / f"{hashlib.sha256(path.encode('utf-8', 'surrogatepass')).hexdigest()[:40]}.json"

    def _record(self, path: str) -> tuple[str, str, str]:
        """(what it was made from, reading, plan), as JSON; empty where there is none."""
        try:
            first, reading, planned, _ = self._place(path).read_text(encoding="utf-8").split("\n")
            if not {"key", "beside"} <= json.loads(first).keys():
                raise ValueError
        except (OSError, ValueError, AttributeError):
            return "", "", ""
        return first, reading, planned


_read: dict[str, Reading] = {}
"""What this process has read, by what it was made from: `watch` looks at the same files again and again."""


def _remember(key: str, reading: Reading) -> Reading:
    _read[key] = reading
    while len(_read) > REMEMBERED:
        _read.pop(next(iter(_read)), None)
    return reading


@cache
def _code() -> str:
    """A hash of the code that reads and plans."""
    digest = hashlib.sha256()
    for package in (inbox, plan):
        for path in sorted(Path(package.__path__[0]).glob("*.py")):
            digest.update(path.read_bytes() + b"\0")
    digest.update(Path(model.__file__).read_bytes())
    return digest.hexdigest()
