"""Any coding agent that speaks the Agent Client Protocol (https://agentclientprotocol.com), in the agent sandbox.

One process and one session for each cycle and role: a later turn is the next prompt of the session. The agent object is plain data; what is alive
is kept in this process, and `close` ends it. Between turns everything of it is stopped. A process that has died, a session that takes no more, and
an answer that repeats an earlier one begin a session anew.

Neither a file system nor a terminal of ours is offered: the agent uses its own, inside.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.config import AcpAgent
from orchestrator.model import AgentTurn, Brief, Task, Usage, Way
from orchestrator.run import briefing, search, stopping
from orchestrator.run.agents import (
    AgentError,
    BadAnswer,
    Broken,
    ContextTooLong,
    NotAuthenticated,
    Refused,
    TimedOut,
    complaints,
    permissions,
    presets,
    prices,
    programs,
    told,
    updates,
)
from orchestrator.run.agents.wire import Wire

if TYPE_CHECKING:
    import subprocess

    from acp.client import ClientSideConnection
    from acp.schema import NewSessionResponse, RequestPermissionResponse


CANCEL_SECONDS = 2.0
"""What an agent has to end a turn that is cancelled."""
LOG_IN_NEEDED = -32000
"""The protocol's code for it."""
NOTES = 20


@dataclass(frozen=True)
class ProtocolAgent:
    name: str
    config: AcpAgent
    root: Path
    """The working folder."""
    turn_seconds: float
    notes: tuple[str, ...] = ()
    kind: str = "acp"

    def most(self, brief: Brief) -> Usage:
        return prices.most(self.config.most)

    def way(self, task: Task, attempt: int, asked: int, units: int) -> Way:
        return search.told(asked)

    def turn(self, brief: Brief, folder: Path, seconds: float | None = None) -> AgentTurn:
        """Raises NotInstalled, NotAuthenticated, NotReachable, Refused, RateLimited, Overloaded, ContextTooLong, TimedOut, Broken or BadAnswer."""
        started = time.monotonic()
        limit = min(self.turn_seconds, seconds or self.turn_seconds)
        live, answer = self._answer(brief, folder, limit)
        return AgentTurn(
            text=str(answer.heard.text).strip(),
            usage=prices.of_program(answer.usage, self.config.price),
            stop=answer.stop,
            agent=self.name,
            kind=self.kind,
            model=live.model,
            seconds=time.monotonic() - started,
            transcript=f"{answer.prompt}\n\n--- what {self.name} did ---\n{answer.heard.lines}",
            notes=(*self.notes, *answer.notes),
        )

    def _answer(self, brief: Brief, folder: Path, limit: float) -> tuple[Live, Answer]:
        """By what is alive of it, or by a new process; also where that has died since its last turn, which may show only now."""
        deadline = time.monotonic() + limit
        key = (*_whose(self.name), brief.role)
        live = _lives.get(key)
        if live is not None and live.serves(folder):
            try:
                return live, live.take(brief, limit, deadline)
            except Broken:
                _lives.pop(key).end()
                if not live.has_died_silently:
                    raise
            except BaseException:
                _lives.pop(key).end()
                raise
        elif live is not None:
            _lives.pop(key).end()
        live = _lives[key] = Live(self, folder)
        try:
            return live, live.take(brief, limit, deadline)
        except BaseException:
            _lives.pop(key).end()
            raise

    def close(self) -> None:
        for key in [key for key in _lives if key[:3] == _whose(self.name)]:
            _lives.pop(key).end()


_lives: dict[tuple[int, int, str, str], Live] = {}
"""(process, thread, agent, role) → what is alive of it."""


def _whose(name: str) -> tuple[int, int, str]:
    return os.getpid(), threading.get_ident(), name


@dataclass
class Answer:
    prompt: str
    stop: str
    usage: Usage
    heard: updates.Heard
    notes: tuple[str, ...]


class Live:
    """A running agent. It is ended with `end`, however it went."""

    def __init__(self, agent: ProtocolAgent, folder: Path) -> None:
        self.agent = agent
        self.preset = presets.of(agent.config)
        self.folder = folder
        self.inode = folder.stat().st_ino
        self.loop: asyncio.AbstractEventLoop | None = None
        self.model = agent.config.model
        self.session = ""
        self.prompts = 0
        """Of the session."""
        self.sent = False
        """The brief of this turn was sent: it may have cost."""
        self.repeats = 0
        self.totals = updates.Totals()
        self.heard = updates.Heard()
        self.judge = _Judge(self, agent)
        self.stack = ExitStack()
        self.child: subprocess.Popen[bytes] | None = None
        self.connection: ClientSideConnection | None = None

    def serves(self, folder: Path) -> bool:
        """It is alive, and that very folder is its workspace."""
        return self.child is not None and self.child.poll() is None and (folder, folder.stat().st_ino) == (self.folder, self.inode)

    @property
    def has_died_silently(self) -> bool:
        """It ended without a word in the turn that was taken last."""
        return self.child is not None and self.child.poll() is not None and not str(self.heard.lines)

    def take(self, brief: Brief, seconds: float, deadline: float) -> Answer:
        """The answer to a brief. `deadline` is where the monotonic clock ends the turn, `seconds` what is said of it."""
        if self.child is None:
            self._start(brief.python)
        else:
            self.box.wake(self.child)
        assert self.loop is not None and self.child is not None
        self.sent = False
        try:
            answer = self.loop.run_until_complete(self._take(brief, seconds, deadline))
        except AgentError as error:
            error.paid = error.paid and self.sent
            raise
        if not self.box.rest(self.child):
            self.end()
        return answer

    def end(self) -> None:
        if self.loop is not None:
            self.stack.close()
            self.loop.run_until_complete(self._close())
            self.loop.close()
            self.loop = None

    def _start(self, python: str) -> None:
        import subprocess

        config = self.agent.config
        program = programs.find(self.preset.argv, self.agent.root, self.preset.install)
        fixed = {**dict(self.preset.env), **({self.preset.model_env: config.model} if config.model and self.preset.model_env else {})}
        self.loop = asyncio.new_event_loop()
        self.box, _ = self.stack.enter_context(
            programs.room(
                program,
                self.folder,
                env=fixed,
                keys=self.preset.env_keys,
                readable=[self.agent.root / path.expanduser() for path in config.readable],
                login=self.preset.login,
                home=self.agent.root / config.home.expanduser() if config.home else None,
                python=python,
            )
        )  # fmt: skip
        child = self.box.start(program.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.child = child
        self.stack.callback(self.box.end, child)

    async def _take(self, brief: Brief, seconds: float, deadline: float) -> Answer:
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                if self.connection is None:
                    await self._open()
                else:
                    self.wire.begin_turn()
                if not self.session or brief.repeats > self.repeats:
                    await self._begin()
                self.repeats = brief.repeats
        except TimeoutError:
            raise self._late(seconds) from None
        except Exception as error:
            raise await self._error(error) from error
        try:
            return await self._prompt(brief, seconds, deadline)
        except ContextTooLong:
            if self.prompts <= 1:
                raise
        try:
            async with asyncio.timeout(max(deadline - time.monotonic(), 0.001)):
                await self._begin()
        except TimeoutError:
            raise self._late(seconds) from None
        except Exception as error:
            raise await self._error(error) from error
        answer = await self._prompt(brief, seconds, deadline)
        answer.notes = ("the session took no more (its context was full): the turn was taken in a new one", *answer.notes)
        return answer

    async def _open(self) -> None:
        from acp import PROTOCOL_VERSION
        from acp.client import ClientSideConnection
        from acp.schema import ClientCapabilities, FileSystemCapabilities, Implementation

        from orchestrator import __version__

        assert self.child is not None
        self.wire = Wire(self.agent.name, self.child, lambda update: self.heard.take(update))
        await self.wire.open()
        self.connection = ClientSideConnection(self.judge, self.wire)  # type: ignore[arg-type]
        self.offered = await self.connection.initialize(
            PROTOCOL_VERSION,
            ClientCapabilities(fs=FileSystemCapabilities(read_text_file=False, write_text_file=False), terminal=False),
            Implementation(name="tdd-orchestrator", version=__version__),
        )
        info = self.offered.agent_info
        self.model = self.model or (f"{info.name} {info.version or ''}".strip() if info else "") or self.agent.config.preset or self.preset.argv[0]

    async def _begin(self) -> None:
        """A new session, logged in and set up."""
        from acp.exceptions import RequestError

        assert self.connection is not None
        where = self.box.places["/workspace"]
        try:
            made = await self.connection.new_session(cwd=where, mcp_servers=[])
        except RequestError as error:
            method = self._method()
            if error.code != LOG_IN_NEEDED or not method:
                raise
            await self.connection.authenticate(method)
            made = await self.connection.new_session(cwd=where, mcp_servers=[])
        self.session, self.prompts, self.totals = made.session_id, 0, updates.Totals()
        await self._choose_mode(made)
        await self._choose_model(made)

    def _method(self) -> str:
        """The way to log in that goes with a key that is set, where the agent offers it."""
        offered = [method.id for method in self.offered.auth_methods or []]
        if self.agent.config.auth:
            return self.agent.config.auth
        return next((method for name, method in self.preset.methods if os.environ.get(name) and method in offered), "")

    async def _choose_mode(self, made: NewSessionResponse) -> None:
        assert self.connection is not None
        wanted = self.preset.mode
        offered = [mode.id for mode in made.modes.available_modes] if made.modes else []
        if wanted and wanted in offered:
            if made.modes and made.modes.current_mode_id != wanted:
                await self.connection.set_session_mode(session_id=self.session, mode_id=wanted)
        elif self.agent.config.mode:
            raise Refused(
                f"{self.agent.name}: it has no mode `{wanted}` (it has: {', '.join(offered) or 'none'})", hint=f"mend `agents.{self.agent.name}.mode`"
            )

    async def _choose_model(self, made: NewSessionResponse) -> None:
        assert self.connection is not None
        options = [option for option in made.config_options or [] if option.category == "model" and option.type == "select"]
        wanted = self.agent.config.model
        if options and wanted and (wanted in _values(options[0]) or not self.preset.model_env):
            await self.connection.set_config_option(options[0].id, self.session, wanted)
        elif options:
            self.model = wanted or str(options[0].current_value)
        elif wanted and not self.preset.model_env and not any(wanted in part for part in self.preset.argv):
            raise Refused(
                f"{self.agent.name}: it cannot be told a model by the protocol", hint=f"name it in `agents.{self.agent.name}.argv` or `env`"
            )

    async def _prompt(self, brief: Brief, seconds: float, deadline: float) -> Answer:
        from acp.helpers import text_block

        assert self.connection is not None
        brief, cut = briefing.fitted(brief, self.agent.config.brief_tokens)
        text = told.prompt(brief, again=self.prompts > 0)
        self.heard = updates.Heard()
        self.judge.begin(brief, self.box.places["/workspace"])
        self.prompts += 1
        self.sent = True
        asked = asyncio.ensure_future(self.connection.prompt(self.session, [text_block(text)]))
        done: set[asyncio.Future[Any]] = set()
        while not done and (left := deadline - time.monotonic()) > 0:
            done, _ = await asyncio.wait({asked}, timeout=min(left, stopping.LOOK_SECONDS))
            try:
                stopping.check_turn()
            except BaseException:
                asked.cancel()
                raise
        if not done:
            late = self._late(seconds)
            await self._cancel(asked)
            raise late
        try:
            answer = asked.result().model_dump(mode="json", by_alias=True, exclude_none=True)
        except Exception as error:
            raise await self._error(error) from error
        if updates.failed(self.preset, answer, self.heard):
            said = f"{self.heard.trouble}\n{self.heard.text}\n{self.wire.tail.decode('utf-8', 'replace')}"
            raise self._named(said) or Broken(f"{self.agent.name}: the turn failed: {complaints.words(said)}", hint="look at what it says")
        usage, self.totals = updates.usage(self.preset, answer, self.heard, self.totals)
        self.model = updates.model(answer) or self.model
        notes = [*cut, *self.judge.notes]
        stop = str(answer.get("stopReason", ""))
        if stop != "end_turn":
            notes.append(f"it ended with `{stop}`")
        return Answer(text, stop, usage, self.heard, tuple(notes))

    async def _cancel(self, asked: asyncio.Future[Any]) -> None:
        assert self.connection is not None
        try:
            async with asyncio.timeout(CANCEL_SECONDS):
                await self.connection.cancel(self.session)
                await asyncio.wait({asked})
        except (TimeoutError, ConnectionError):
            asked.cancel()
        if asked.done() and not asked.cancelled():
            asked.exception()

    async def _close(self) -> None:
        if self.connection is not None:
            await self.connection.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    # --- errors ----------------------------------------------------------------------------------------------------------

    def _late(self, seconds: float) -> AgentError:
        """What it told since its last step may say why: some try again for hours what their model's endpoint refuses."""
        late = f"no answer within {seconds:g} s"
        said = f"{self.heard.trouble}\n{self.wire.recent.decode('utf-8', 'replace')}"
        return self._named(said, f"{late}, and it said: ") or TimedOut(
            f"{self.agent.name}: {late}", hint="raise `limits.turn_seconds`, or use a faster agent"
        )

    def _named(self, said: str, before: str = "") -> AgentError | None:
        found = complaints.problem(self.agent.name, said, time.time(), self.preset.log_in, before)
        if found and self.heard.tools:
            found.paid = True
        return found

    async def _error(self, error: Exception) -> AgentError:
        """What an exception of the protocol library means."""
        from acp.exceptions import RequestError
        from pydantic import ValidationError

        name = self.agent.name
        if isinstance(error, AgentError):
            return error
        if isinstance(error, RequestError):
            status = f" (status {error.code})" if error.code >= 400 else ""  # the protocol's own codes are negative
            said = f"{error}{status} {_details(error.data)}".strip()
            if found := self._named(said):
                return found
            if error.code == LOG_IN_NEEDED:
                return NotAuthenticated(f"{name}: {complaints.words(said)}", hint=f"log in: {self.preset.log_in or 'with the agent itself'}")
            return Broken(f"{name}: it answered with an error: {complaints.words(said)}", hint=self._look())
        if isinstance(error, ConnectionError):
            return await self._gone()
        if isinstance(error, ValidationError):
            return BadAnswer(f"{name}: not the Agent Client Protocol: {complaints.words(str(error))}", hint=f"check `agents.{name}.argv`")
        raise error

    async def _gone(self) -> AgentError:
        """The program has closed its output."""
        assert self.child is not None
        for _ in range(100):
            if self.child.poll() is not None:
                break
            await asyncio.sleep(0.01)
        if self.wire.fault:
            return self.wire.fault
        said = told.clean(self.wire.tail.decode("utf-8", "replace")).strip()
        if found := self._named(said):
            return found
        code = self.child.poll()
        how = "it closed its output" if code is None else f"it ended with exit code {code}"
        return Broken(f"{self.agent.name}: {how} before it had answered" + (f": {said[-500:]}" if said else ""), hint=self._look())

    def _look(self) -> str:
        return f"run `{' '.join(self.preset.argv)}` by hand to see more, or use another agent"


def _details(data: object) -> str:
    return "" if data is None else data if isinstance(data, str) else str(data)


def _values(option: Any) -> set[str]:
    """What can be chosen, whether it stands in groups or not."""
    found = [each for entry in option.options for each in (getattr(entry, "options", None) or [entry])]
    return {str(each.value) for each in found}


@dataclass
class _Judge:
    """Answers what an agent asks of us: whether it may do something."""

    live: Live
    agent: ProtocolAgent
    writable: tuple[str, ...] = ()
    place: str = "/workspace"
    notes: list[str] = field(default_factory=list)

    def begin(self, brief: Brief, place: str) -> None:
        self.writable, self.place, self.notes = brief.writable, place, []

    async def request_permission(self, session_id: str, tool_call: Any, options: list[Any], **_: Any) -> RequestPermissionResponse:
        from acp.schema import AllowedOutcome, DeniedOutcome, RequestPermissionResponse

        asked = tool_call.model_dump(mode="json", by_alias=True, exclude_none=True)
        tool = {**self.live.heard.tools.get(str(asked.get("toolCallId")), {}), **asked}
        reason = permissions.refusal(tool, self.place, self.writable)
        if reason:
            note = f"refused: {updates.tool_line(tool)[:200]}: {reason}"
            if note not in self.notes and len(self.notes) < NOTES:
                self.notes.append(note)
        kinds = ("reject_once", "reject_always") if reason else ("allow_once", "allow_always")
        chosen = next((option.option_id for kind in kinds for option in options if option.kind == kind), None)
        outcome = AllowedOutcome(outcome="selected", option_id=chosen) if chosen is not None else DeniedOutcome(outcome="cancelled")
        return RequestPermissionResponse(outcome=outcome)
