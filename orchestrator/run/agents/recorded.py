"""Replays recorded turns. The answer is judged like any other; only who gave it, and when, is different."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from orchestrator.model import AgentTurn, Brief, Role, Task, Usage, Way
from orchestrator.run import search
from orchestrator.run.agents import NoRecording, StaleRecording, workspace
from orchestrator.run.agents.recording import RecordedTurn, brief_hash, difference, load, task_folder, turn_path


@dataclass(frozen=True)
class RecordedReplay:
    name: str
    folder: Path
    notes: tuple[str, ...] = ()
    kind: str = "recorded"

    def most(self, brief: Brief) -> Usage:
        return Usage(0, 0, 0.0)

    def way(self, task: Task, attempt: int, asked: int, units: int) -> Way:
        """As it was asked then: the answers belong to it."""
        first = task_folder(self.folder, task.prd, task.id) / f"code-{attempt}.1.md"
        try:
            recorded = read(first)
        except NoRecording:
            recorded = None
        return search.known(recorded.way) if recorded and recorded.way else search.told(asked)

    def turn(self, brief: Brief, folder: Path, seconds: float | None = None) -> AgentTurn:
        """Raises NoRecording when there is none for this turn, StaleRecording when the requirement has changed since."""
        started = time.monotonic()
        path = turn_path(self.folder, brief)
        recorded = read(path)
        if recorded is None:
            raise NoRecording(
                f"{brief.task}: no recorded answer for {brief.role}, attempt {brief.attempt}, turn {brief.turn} ({path})",
                hint="record one with `orchestrator run --record` and another agent, or choose another agent",
            )
        if recorded.fingerprint != brief.fingerprint or (recorded.prd, recorded.task) != (brief.prd, brief.task):
            raise StaleRecording(
                f"{path}: recorded for another wording of {brief.task}: "
                f"the recording's fingerprint is {recorded.fingerprint}, the task's is {brief.fingerprint}"
                + (f"; in what is asked, {difference(recorded.asked, brief.text)}" if recorded.asked else ""),
                hint="record again with `orchestrator run --record` and another agent, or choose another agent",
            )
        notes = [*self.notes, *recorded.notes]
        if recorded.brief != brief_hash(brief):
            said = f": {difference(recorded.asked, brief.text)}" if recorded.asked else ""
            notes.append(f"the brief is worded differently from the one that was answered on {recorded.recorded_at}{said}")
        notes += workspace.apply(folder, recorded.changes)
        return AgentTurn(
            text=recorded.text,
            usage=recorded.usage,
            stop=recorded.stop,
            agent=self.name,
            kind=self.kind,
            model=recorded.model,
            seconds=time.monotonic() - started,
            transcript=f"{brief.text}\n\n--- recorded answer ---\n\n{recorded.text}",
            recorded_from=f"{recorded.agent} ({recorded.model})" if recorded.model else recorded.agent,
            notes=tuple(notes),
        )

    def close(self) -> None:
        pass


def read(path: Path) -> RecordedTurn | None:
    """The recording at `path`, None when there is no such file. Raises NoRecording when it cannot be read."""
    try:
        return load(path.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise NoRecording(f"{path}: not a recording: {error}", hint="remove or restore the file, or record it again") from None


def has_recordings(folder: Path, task: Task, role: Role | None = None) -> bool:
    """Whether a recorded turn belongs to the task as it is worded now (in that role)."""
    return any(recorded.fingerprint == task.fingerprint for _, recorded in recordings(folder, task, role))


def recordings(folder: Path, task: Task, role: Role | None = None) -> list[tuple[Path, RecordedTurn]]:
    """All that can be read, of whatever wording."""
    found = []
    for path in sorted(task_folder(folder, task.prd, task.id).glob(f"{role or '*'}-*.md")):
        try:
            recorded = read(path)
        except NoRecording:
            continue
        if recorded is not None:
            found.append((path, recorded))
    return found
