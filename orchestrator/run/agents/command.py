"""Any command that takes a brief and changes files, in the agent sandbox. One process for each turn.

Exit codes of such commands say little: some end with 0 although no model answered. So what it changed is judged whatever the code is, and only
when nothing was changed is what it printed asked for a known problem.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from orchestrator.config import CommandAgent
from orchestrator.model import AgentTurn, Brief, Task, Usage, Way
from orchestrator.run import briefing, search, stopping
from orchestrator.run.agents import AgentError, BadAnswer, Broken, TimedOut, complaints, prices, programs, told, workspace

if TYPE_CHECKING:
    from orchestrator.run.sandboxes import Box

KEPT_BYTES = 400_000
"""Of each stream: the beginning and the end."""
TURN_BYTES = 64 << 20
"""Of each stream in one turn."""
TROUBLE = re.compile(r"error|fail|limit|log.?in|logged|auth|overload|quota|denied|refused|too (long|many)|unable|could not|cannot", re.IGNORECASE)
"""Words of a line that may tell of a problem although the command ended well; a number alone does not."""
LAST = 2000
"""Characters at the end of what it printed in which a problem is looked for."""


@dataclass
class Kept:
    """Beginning and end of what a stream brings."""

    head: bytes = b""
    tail: bytes = b""
    taken: int = 0

    def add(self, piece: bytes) -> None:
        self.taken += len(piece)
        free = KEPT_BYTES // 2 - len(self.head)
        self.head += piece[: max(free, 0)]
        self.tail = (self.tail + (piece[free:] if free > 0 else piece))[-KEPT_BYTES // 2 :]

    def __str__(self) -> str:
        gone = self.taken - len(self.head) - len(self.tail)
        between = f"\n[… {gone:,} bytes left out …]\n".encode() if gone else b""
        return told.clean((self.head + between + self.tail).decode("utf-8", "replace"))


@dataclass
class Ran:
    code: int
    output: Kept = field(default_factory=Kept)
    errors: Kept = field(default_factory=Kept)


@dataclass(frozen=True)
class CommandLine:
    name: str
    config: CommandAgent
    root: Path
    """The working folder."""
    turn_seconds: float
    notes: tuple[str, ...] = ()
    kind: str = "command"

    def most(self, brief: Brief) -> Usage:
        return prices.most(self.config.most)

    def way(self, task: Task, attempt: int, asked: int, units: int) -> Way:
        return search.told(asked)

    def turn(self, brief: Brief, folder: Path, seconds: float | None = None) -> AgentTurn:
        """Raises NotInstalled, TimedOut, BadAnswer, Broken, or what it printed names: NotAuthenticated, RateLimited, Overloaded and so on."""
        started = time.monotonic()
        limit = min(self.turn_seconds, seconds or self.turn_seconds)
        config = self.config
        program = programs.find(config.argv, self.root)
        before = workspace.read(folder)
        fitted, cut = briefing.fitted(brief, config.brief_tokens)
        prompt = told.prompt(fitted)
        with programs.room(
            program,
            folder,
            env=config.env,
            keys=config.env_keys,
            readable=[self.root / path.expanduser() for path in config.readable],
            login=config.login or (),
            home=self.root / config.home.expanduser() if config.home else None,
            python=brief.python,
        ) as (box, home):
            file = home / f"brief-{secrets.token_hex(4)}.md"
            file.write_text(prompt, encoding="utf-8")
            places = {"prompt_file": f"{box.places['/home/agent']}/{file.name}", "workspace": box.places["/workspace"]}
            argv = [re.sub(r"\{(prompt_file|workspace)\}", lambda found: places[found[1]], word) for word in program.argv]
            try:
                ran = self._run(box, argv, prompt.encode() if config.stdin else b"", limit)
            finally:
                file.unlink(missing_ok=True)
        changed = workspace.read(folder) != before
        said, wrong = str(ran.output).strip(), str(ran.errors).strip()
        if not changed and (error := self._problem(ran.code, said, wrong)):
            raise error
        notes = [f"it ended with exit code {ran.code}" + (f": {complaints.words(wrong[-LAST:])}" if wrong else "")] if ran.code else []
        return AgentTurn(
            text=said,
            usage=prices.of_program(_usage(config, f"{wrong}\n{said}"), config.price),
            stop=f"exit code {ran.code}",
            agent=self.name,
            kind=self.kind,
            model=program.path.name,
            seconds=time.monotonic() - started,
            transcript=f"{prompt}\n\n--- what {self.name} printed ---\n\n{said}" + (f"\n\n--- standard error ---\n\n{wrong}" if wrong else ""),
            notes=(*self.notes, *cut, *notes),
        )

    def close(self) -> None:
        pass

    def _problem(self, code: int, said: str, wrong: str) -> AgentError | None:
        """Why there is no answer where nothing was changed; None: it has just answered nothing."""
        last = f"{said[-LAST:]}\n{wrong[-LAST:]}".strip()
        trouble = last if code else "\n".join(line for line in last.splitlines() if TROUBLE.search(line))
        if found := complaints.problem(self.name, trouble, time.time()):
            return found
        if code:
            return Broken(
                f"{self.name}: it ended with exit code {code} and had changed nothing"
                + (f": {complaints.words(last[-complaints.SHOWN :])}" if last else ""),
                hint="run the command by hand to see more, or use another agent",
            )
        return None

    def _run(self, box: Box, argv: list[str], data: bytes, limit: float) -> Ran:
        child = box.start(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert child.stdin and child.stdout and child.stderr
        ran = Ran(0)
        threads = [
            threading.Thread(target=_feed, args=(child.stdin, data), daemon=True),
            threading.Thread(target=_collect, args=(child.stdout, ran.output, child), daemon=True),
            threading.Thread(target=_collect, args=(child.stderr, ran.errors, child), daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            ran.code = stopping.wait_for(child, limit)
        except subprocess.TimeoutExpired:
            raise TimedOut(f"{self.name}: no answer within {limit:g} s", hint="raise `limits.turn_seconds`, or use a faster agent") from None
        finally:
            box.end(child)
            for thread in threads:
                thread.join(5)
        for stream, kept in (("standard output", ran.output), ("standard error", ran.errors)):
            if kept.taken > TURN_BYTES:
                raise BadAnswer(f"{self.name}: it wrote more than {TURN_BYTES:,} bytes to {stream}", hint="make the command print less")
        return ran


def _feed(pipe: IO[bytes], data: bytes) -> None:
    with contextlib.suppress(OSError), pipe:
        pipe.write(data)


def _collect(pipe: IO[bytes], into: Kept, child: subprocess.Popen[bytes]) -> None:
    """Until it ends, or brings more than anybody wants to read."""
    with pipe:
        while into.taken <= TURN_BYTES and (piece := pipe.read1(65536)):  # type: ignore[attr-defined]
            into.add(piece)
    if into.taken > TURN_BYTES:
        child.terminate()


def _usage(config: CommandAgent, printed: str) -> Usage:
    """What it says it used; None where it says nothing that the patterns find."""

    def last(pattern: str) -> float | None:
        found = [*re.finditer(pattern, printed)] if pattern else []
        digits = re.sub(r"[,_\s]", "", found[-1][1] or "") if found else ""
        return float(digits) if re.fullmatch(r"\d{1,15}(\.\d+)?", digits) else None

    given, taken = last(config.usage.input_tokens), last(config.usage.output_tokens)
    return Usage(None if given is None else int(given), None if taken is None else int(taken), last(config.usage.usd))
