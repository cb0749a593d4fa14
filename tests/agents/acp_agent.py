"""A coding agent that speaks the Agent Client Protocol and does what a JSON script says: `acp_agent.py SCRIPT`.

    {"start": [step, …],       before it speaks at all
     "session": [step, …],     when a session is asked for
     "modes": [name, …],
     "methods": [id, …],       ways to log in
     "turns": [[step, …], …]}  of the process; the last one repeats

A step is an object with one key, the name of a function below. Standard library and the protocol's own library only.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from acp import RequestError, run_agent, schema
from acp.helpers import text_block, update_agent_message

MEGABYTE = b"x" * (1 << 20)


class Scripted:
    def __init__(self, script: dict[str, Any]) -> None:
        self.script = script
        self.turns = 0
        self.sessions = 0
        self.logged_in = False
        self.cancelled = asyncio.Event()

    def on_connect(self, client: Any) -> None:
        self.client = client

    async def initialize(self, protocol_version: int, client_capabilities: Any = None, client_info: Any = None, **_: Any) -> Any:
        self.offered = client_capabilities
        methods = [schema.AuthMethodAgent(id=name, name=name) for name in self.script.get("methods", [])]
        info = schema.Implementation(name="scripted", version="1.0")
        return schema.InitializeResponse(protocol_version=protocol_version, agent_info=info, auth_methods=methods)

    async def authenticate(self, method_id: str, **_: Any) -> Any:
        self.logged_in = True
        return schema.AuthenticateResponse()

    async def new_session(self, cwd: str, **_: Any) -> Any:
        self.sessions += 1
        self.session = f"session {self.sessions}"
        self.place = cwd
        await self.perform(self.script.get("session", []))
        names = self.script.get("modes", [])
        modes = [schema.SessionMode(id=name, name=name) for name in names]
        state = schema.SessionModeState(current_mode_id=names[0], available_modes=modes) if modes else None
        return schema.NewSessionResponse(session_id=self.session, modes=state)

    async def set_session_mode(self, session_id: str, mode_id: str, **_: Any) -> Any:
        self.mode = mode_id
        return schema.SetSessionModeResponse()

    async def cancel(self, session_id: str, **_: Any) -> None:
        self.cancelled.set()

    async def prompt(self, prompt: list[Any], session_id: str, **_: Any) -> Any:
        turns = self.script["turns"]
        self.asked = prompt[0].text
        self.answer: dict[str, Any] = {"stop_reason": "end_turn"}
        steps = turns[min(self.turns, len(turns) - 1)]
        self.turns += 1
        await self.perform(steps)
        return schema.PromptResponse(**self.answer)

    async def perform(self, steps: list[dict[str, Any]]) -> None:
        for step in steps:
            ((name, value),) = step.items()
            done = getattr(self, f"do_{name}")(value)
            if asyncio.iscoroutine(done):
                await done

    async def update(self, update: Any) -> None:
        await self.client.session_update(self.session, update)

    # --- steps -----------------------------------------------------------------------------------------------------------

    async def do_say(self, text: str) -> None:
        """`{turns}`, `{sessions}`, `{mode}`, `{asked}` and `{offered}` stand for what happened so far."""
        values = {"turns": self.turns, "sessions": self.sessions, "mode": getattr(self, "mode", ""), "asked": self.asked, "offered": self.offered}
        for name, value in values.items():
            text = text.replace("{" + name + "}", str(value))
        await self.update(update_agent_message(text_block(text)))

    def do_write(self, files: dict[str, str]) -> None:
        for path, text in files.items():
            try:
                target = Path(self.place) / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text)
            except OSError:
                continue

    async def do_shell(self, command: str) -> None:
        """As real agents do it: their own tool, told while it runs."""
        call = schema.ToolCallStart(session_update="tool_call", tool_call_id="t1", title=command, kind="execute", raw_input={"command": command})
        await self.update(call)
        code = subprocess.run(command, shell=True, cwd=self.place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
        status = "failed" if code else "completed"
        await self.update(schema.ToolCallProgress(session_update="tool_call_update", tool_call_id="t1", status=status))

    async def do_ask(self, asked: dict[str, Any]) -> None:
        """`call`: the tool call; `then`: steps for when it is allowed."""
        call = schema.ToolCallUpdate(tool_call_id="p1", **asked["call"])
        options = [schema.PermissionOption(option_id=kind, name=kind, kind=kind) for kind in ("allow_always", "allow_once", "reject_once")]
        reply = await self.client.request_permission(self.session, call, options)
        outcome = getattr(reply.outcome, "option_id", "cancelled")
        await self.do_say(f"[{outcome}]")
        if outcome.startswith("allow"):
            await self.perform(asked.get("then", []))

    async def do_cost(self, amount: float) -> None:
        cost = schema.Cost(amount=amount, currency="USD")
        await self.update(schema.UsageUpdate(session_update="usage_update", size=1000, used=10, cost=cost))

    def do_usage(self, given: list[int]) -> None:
        self.answer["usage"] = schema.Usage(input_tokens=given[0], output_tokens=given[1], total_tokens=sum(given))

    async def do_step_usage(self, given: list[int]) -> None:
        update = update_agent_message(text_block("."))
        update.field_meta = {"usage": {"inputTokens": given[0], "outputTokens": given[1]}}
        await self.update(update)

    def do_meta(self, meta: dict[str, Any]) -> None:
        self.answer["field_meta"] = meta

    def do_stop(self, reason: str) -> None:
        self.answer["stop_reason"] = reason

    def do_error(self, error: dict[str, Any]) -> None:
        raise RequestError(error.get("code", -32603), error["message"], error.get("data"))

    def do_log_in(self, _: object) -> None:
        if not self.logged_in:
            raise RequestError.auth_required()

    def do_full(self, sessions: int) -> None:
        """The context is full in the first so many sessions."""
        if self.sessions <= sessions:
            raise RequestError(-32603, "Internal error", {"details": "prompt is too long: 210000 tokens > 200000 maximum"})

    def do_exit(self, code: int) -> None:
        os._exit(code)

    def do_complain(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def do_die_later(self, _: object) -> None:
        """Answers, and ends a moment later."""
        asyncio.get_running_loop().call_later(0.3, os._exit, 0)

    async def do_wait(self, seconds: float) -> None:
        """Until it is cancelled."""
        try:
            await asyncio.wait_for(self.cancelled.wait(), seconds)
            self.answer["stop_reason"] = "cancelled"
        except TimeoutError:
            return

    def do_hang(self, seconds: float) -> None:
        """Deaf meanwhile."""
        time.sleep(seconds)

    async def do_stream(self, _: object) -> None:
        while True:
            await self.do_say("and on ")

    def do_flood(self, where: str) -> None:
        """1 GB to `stdout` or `stderr` in lines, or to `stdout` in one `line`."""
        end = b"" if where == "line" else b"\n"
        os.set_blocking(2 if where == "stderr" else 1, True)
        for _ in range(1024):
            os.write(2 if where == "stderr" else 1, MEGABYTE + end)

    def do_fork(self, mark: str) -> None:
        """A process that detaches itself and would live for ten minutes, known by its name."""
        started, closed_by_exec = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                for descriptor in (0, 1, 2):
                    os.close(descriptor)
                os.execvp("sleep", ["sleep", mark])
            os._exit(0)
        os.close(closed_by_exec)
        os.read(started, 1)

    def do_chain(self, leaves: bool) -> None:
        """A process that adds to `clock`, starts the next one and ends, without end. `leaves`: each in a session of its own."""
        if os.fork() == 0:
            for descriptor in (0, 1, 2):
                os.close(descriptor)
            while True:
                with Path(self.place, "clock").open("a") as clock:
                    clock.write(".")
                if os.fork():
                    os._exit(0)
                if leaves:
                    os.setsid()
        time.sleep(0.3)


def main() -> None:
    script = json.loads(Path(sys.argv[1]).read_text())
    agent = Scripted(script)
    for step in script.get("start", []):
        ((name, value),) = step.items()
        getattr(agent, f"do_{name}")(value)
    asyncio.run(run_agent(agent))


if __name__ == "__main__":
    main()
