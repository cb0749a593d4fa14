"""A turn from a script: for tests, hand-written cheats and dry runs.

YAML is applied directly: the first entry that fits the turn says which files to write. Python is a function `turn(brief, folder)` that
runs in a child process in the agent sandbox, never in the orchestrator's own.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator.model import AgentTurn, Brief, Change, Task, Usage, Way
from orchestrator.run import search, stopping
from orchestrator.run.agents import ScriptFailed, TimedOut, workspace

if TYPE_CHECKING:
    from orchestrator.run.sandboxes import Box

OUTPUT_BYTES = 1_000_000
RUNNER = Path(__file__).with_name("scripted_runner.py")


class ScriptedUsage(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
    input_tokens: int | None = None
    output_tokens: int | None = None
    usd: float | None = None


class Answer(BaseModel):
    """What a script answers. It may leave out everything."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
    text: str = ""
    usage: ScriptedUsage = ScriptedUsage()


class Entry(Answer):
    """One entry under `turns:`. What is left out fits every turn."""

    task: str = "*"
    """A glob over task ids, for example `leap#R1` or `leap#*`."""
    role: Literal["plan", "tests", "code"] | None = None
    attempt: int | None = None
    turn: int | None = None
    files: dict[str, str] = {}
    """Whole new texts by path."""
    delete: list[str] = []
    seconds: float = Field(0.0, ge=0)
    """How long the turn takes."""

    def fits(self, brief: Brief) -> bool:
        wanted = ((self.role, brief.role), (self.attempt, brief.attempt), (self.turn, brief.turn))
        return fnmatchcase(brief.task, self.task) and all(want is None or want == have for want, have in wanted)


class Script(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
    turns: list[Entry]


@dataclass(frozen=True)
class ScriptedTurns:
    name: str
    script: Path
    turn_seconds: float
    notes: tuple[str, ...] = ()
    kind: str = "scripted"

    def most(self, brief: Brief) -> Usage:
        return Usage(0, 0, 0.0)

    def way(self, task: Task, attempt: int, asked: int, units: int) -> Way:
        return search.told(asked)

    def turn(self, brief: Brief, folder: Path, seconds: float | None = None) -> AgentTurn:
        """Raises ScriptFailed when the script cannot be read or raises, TimedOut at the time limit."""
        started = time.monotonic()
        limit = min(self.turn_seconds, seconds or self.turn_seconds)
        if not self.script.is_file():
            raise ScriptFailed(f"{self.script}: no such script", hint=f"set `agents.{self.name}.script` to a .yaml or .py file")
        if self.script.suffix == ".py":
            answer, notes = _run(self.script, brief, folder, limit)
        else:
            answer, notes = _apply(self.script, brief, folder, limit)
        return AgentTurn(
            text=answer.text,
            usage=Usage(**answer.usage.model_dump()),
            stop="end",
            agent=self.name,
            kind=self.kind,
            model=self.script.name,
            seconds=time.monotonic() - started,
            transcript=f"{brief.text}\n\n--- answer of {self.script.name} ---\n\n{answer.text}",
            notes=(*self.notes, *notes),
        )

    def close(self) -> None:
        pass


def _apply(script: Path, brief: Brief, folder: Path, limit: float) -> tuple[Answer, tuple[str, ...]]:
    entry = next((entry for entry in _load(script).turns if entry.fits(brief)), None)
    if entry is None:
        turn = f"{brief.task}, {brief.role}, attempt {brief.attempt}, turn {brief.turn}"
        return Answer(text=f"{script.name} has no entry for {turn}; nothing was changed"), ()
    time.sleep(min(entry.seconds, limit))
    if entry.seconds > limit:
        raise _too_long(script, limit)
    changes = [*(Change(path, text) for path, text in entry.files.items()), *(Change(path, None) for path in entry.delete)]
    return entry, workspace.apply(folder, changes)


def _load(script: Path) -> Script:
    import yaml

    try:
        return Script.model_validate(yaml.safe_load(script.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ScriptFailed(f"{script}: not valid YAML: {error}") from None
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, problem['loc'])) or 'file'}: {problem['msg'].lower()}" for problem in error.errors())
        raise ScriptFailed(f"{script}: {problems}", hint="the form of a script is described in docs/agents.md") from None


def _run(script: Path, brief: Brief, folder: Path, limit: float) -> tuple[Answer, tuple[str, ...]]:
    """Call `turn` in the agent sandbox: brief as JSON on standard input, answer as JSON on standard output, prints on standard error."""
    from orchestrator.run import sandboxes

    script = script.resolve()
    command = [sys.executable, "-I", "-B", str(RUNNER), str(script)]
    with sandboxes.agent(folder.resolve(), (Path(sys.base_prefix), Path(sys.prefix), RUNNER, script)) as box:
        output, errors = _communicate(box, command, json.dumps(asdict(brief)).encode(), script, limit)
    try:
        reply: dict[str, Any] = json.loads(output)
        failed, said = reply.get("error"), reply.get("answer")
    except (ValueError, AttributeError):
        tail = errors.decode("utf-8", "replace").strip()[-500:]
        raise ScriptFailed(f"{script}: the script ended without an answer" + (f": {tail}" if tail else "")) from None
    if failed is not None:
        raise ScriptFailed(str(failed), hint="mend the script; the orchestrator went no further with this task")
    try:
        answer = Answer.model_validate({"text": said or ""} if said is None or isinstance(said, str) else said)
    except ValidationError:
        raise ScriptFailed(
            f"{script}: `turn` returned {repr(said)[:200]}", hint='return None, a string, or {"text": …, "usage": {"input_tokens": …}}'
        ) from None
    printed = errors.decode("utf-8", "replace").strip()
    return answer, (f"printed: {printed[:2000]}",) if printed else ()


def _communicate(box: Box, command: list[str], data: bytes, script: Path, limit: float) -> tuple[bytes, bytes]:
    """Run, feed, collect at most OUTPUT_BYTES of each stream, and leave nothing of it behind."""
    child = box.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdin and child.stdout and child.stderr
    streams: list[bytearray] = [bytearray(), bytearray()]
    threads = [
        threading.Thread(target=_feed, args=(child.stdin, data), daemon=True),
        threading.Thread(target=_collect, args=(child.stdout, streams[0]), daemon=True),
        threading.Thread(target=_collect, args=(child.stderr, streams[1]), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        stopping.wait_for(child, limit)
    except subprocess.TimeoutExpired:
        raise _too_long(script, limit) from None
    finally:
        box.end(child)
        for thread in threads:
            thread.join(5)
    return bytes(streams[0]), bytes(streams[1])


def _feed(pipe: IO[bytes], data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), pipe:
        pipe.write(data)


def _collect(pipe: IO[bytes], into: bytearray) -> None:
    with pipe:
        while chunk := pipe.read1(65536):  # type: ignore[attr-defined]
            into += chunk[: OUTPUT_BYTES - len(into)]


def _too_long(script: Path, limit: float) -> TimedOut:
    return TimedOut(f"{script}: no answer within {limit:g} s", hint="raise `limits.turn_seconds`, or mend the script")
