"""Which agents there are on this machine, and what each still needs. Nothing is asked that costs: programs are looked for, keys and logins are looked
for by name, endpoints list their models."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from orchestrator.config import AcpAgent, AgentConfig, ChatAgent, CommandAgent, Config, ScriptedAgent
from orchestrator.run.agents import NotInstalled, choosing, presets, programs

SECONDS = 10.0
"""For a program to say its version, and for an endpoint to answer."""
VERSION = re.compile(r"\d+\.\d+(?:\.\d+)?[\w.+-]*")


@dataclass(frozen=True)
class Seen:
    """An agent as far as it can be known without a turn."""

    name: str
    """In the configuration; else that of the preset, `loopback` or `recordings`."""
    kind: str
    configured: bool
    usable: bool | None
    """None: only a turn would show."""
    version: str = ""
    """Of its program, or the model an endpoint has."""
    missing: str = ""
    """What it still needs."""
    way: str = ""
    """The command that brings it."""


def agents(root: Path, config: Config) -> tuple[Seen, ...]:
    """What is configured, in that order; then what else there is or could be."""
    others = [name for name in presets.PRESETS if not any(isinstance(item, AcpAgent) and item.preset == name for item in config.agents.values())]
    looks: list[Callable[[], Seen]] = [_look(name, settings, root, config, configured=True) for name, settings in config.agents.items()]
    looks += [_look(name, AcpAgent(type="acp", preset=name), root, config) for name in others]
    with ThreadPoolExecutor(4) as pool:
        found = [future.result() for future in [pool.submit(look) for look in looks]]
    if served := choosing.loopback_model():
        found.append(Seen("loopback", "chat", False, True, f"{served[1]} on {served[0]}"))
    else:
        found.append(Seen("loopback", "chat", False, False, missing=f"no model answers on 127.0.0.1 (ports {', '.join(map(str, choosing.PORTS))})",
                          way="start an OpenAI-compatible model server there"))  # fmt: skip
    return (*found, _recorded("recordings", config.folder(root, "recordings"), False))


def advice(config: Config, seen: tuple[Seen, ...]) -> str:
    """That tests and code should come from different agents, where there are two and one does both; '' where there is nothing to say."""
    usable = [each.name for each in seen if each.usable and each.kind in ("acp", "chat", "command") and each.name != "loopback"]
    usable += [each.name for each in seen if each.usable is None and each.configured]
    both = [config.agent if config.agent != "auto" else next(iter(config.agents), "")]
    code, tests = ([*config.roles.ladder("code")] or both, [*config.roles.ladder("tests")] or both)
    if len(usable) < 2 or not {*code} & {*tests}:
        return ""
    writer = next((name for name in code if name in usable), usable[0])
    other = next(name for name in usable if name != writer)
    unnamed = [f"`{name}: {{type: acp, preset: {name}}}`" for name in (other, writer) if name not in config.agents]
    first = f"put {' and '.join(unnamed)} under `agents`, and set " if unnamed else "set "
    return f"one agent would write both tests and code, and so judge itself: {first}`roles: {{tests: {other}, code: {writer}}}`"


def _look(name: str, settings: AgentConfig, root: Path, config: Config, *, configured: bool = False) -> Callable[[], Seen]:
    def look() -> Seen:
        if isinstance(settings, AcpAgent):
            return _protocol(name, settings, root, configured)
        if isinstance(settings, CommandAgent):
            return _command(name, settings, root)
        if isinstance(settings, ChatAgent):
            return _endpoint(name, settings)
        if isinstance(settings, ScriptedAgent):
            there = (root / settings.script).is_file()
            return Seen(name, "scripted", True, there, "", "" if there else f"{settings.script} does not exist", "" if there else "write it")
        return _recorded(name, root / settings.folder if settings.folder else config.folder(root, "recordings"), True)

    return look


def _protocol(name: str, settings: AcpAgent, root: Path, configured: bool) -> Seen:
    preset = presets.of(settings)
    try:
        program = programs.find(preset.argv, root, preset.install)
    except NotInstalled as error:
        return Seen(name, "acp", configured, False, "", error.message, preset.install or error.hint)
    version = _version(program, preset.version if settings.preset else ())
    if not preset.keys and not preset.proofs:
        return Seen(name, "acp", configured, None, version)
    home = root / settings.home.expanduser() if settings.home else Path.home()
    logged_in = any(os.environ.get(key) for key in preset.keys) or any((home / proof.removeprefix("~/")).exists() for proof in preset.proofs)
    if logged_in or {*preset.keys} & {*settings.env}:
        return Seen(name, "acp", configured, True, version)
    return Seen(name, "acp", configured, False, version, "nobody is logged in", preset.log_in or f"export {preset.keys[0]}=…")


def _command(name: str, settings: CommandAgent, root: Path) -> Seen:
    try:
        program = programs.find(settings.argv, root)
    except NotInstalled as error:
        return Seen(name, "command", True, False, "", error.message, error.hint)
    unset = [key for key in settings.env_keys if not os.environ.get(key)]
    if unset and len(unset) == len(settings.env_keys):
        return Seen(name, "command", True, False, _version(program, ()), f"the environment variable {unset[0]} is not set", f"export {unset[0]}=…")
    return Seen(name, "command", True, None, _version(program, ()))


def _version(program: programs.Program, arguments: tuple[str, ...]) -> str:
    """What the package around it says, else what it says itself when asked with these arguments; '' when nobody does."""
    real = program.path.resolve()
    for folder in real.parents:
        if folder.name == "node_modules":
            break
        with contextlib.suppress(OSError, ValueError, AttributeError):
            told = json.loads((folder / "package.json").read_text(encoding="utf-8"))
            if told.get("name") and told.get("version"):
                return f"{told['name']} {told['version']}"
    if not arguments:
        return ""
    try:
        done = subprocess.run([str(program.path), *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = VERSION.search(done.stdout.decode("utf-8", "replace"))
    return f"{real.name} {found[0]}" if found else ""


def _endpoint(name: str, settings: ChatAgent) -> Seen:
    import httpx

    from orchestrator.run.agents.prices import is_local

    variable = settings.api_key_env
    key = os.environ.get(variable, "").strip() if variable else ""
    if variable and not key:
        return Seen(name, "chat", True, False, settings.model, f"the environment variable {variable} is not set", f"export {variable}=…")
    url = f"{settings.url.rstrip('/')}/models"
    try:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        reply = httpx.get(url, headers=headers, timeout=SECONDS, trust_env=not is_local(url))
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Seen(name, "chat", True, False, settings.model, f"{settings.url}: {error}", f"start the server, or mend `agents.{name}.url`")
    if reply.status_code in (401, 403):
        return Seen(
            name, "chat", True, False, settings.model, f"{settings.url}: the key is refused", f"check the key in {variable or '`api_key_env`'}"
        )
    listed = ""
    with contextlib.suppress(ValueError, LookupError, TypeError):
        listed = str(reply.json()["data"][0]["id"])
    return Seen(name, "chat", True, True if reply.status_code == 200 else None, settings.model or listed)


def _recorded(name: str, folder: Path, configured: bool) -> Seen:
    turns = sum(1 for _ in folder.glob("*/*/*.md"))
    if turns:
        return Seen(name, "recorded", configured, True, f"{turns} recorded turn{'s' * (turns != 1)}")
    return Seen(name, "recorded", configured, False, "", f"no recorded turn in {folder}", "`orchestrator run --record` with another agent")


def text(seen: tuple[Seen, ...], said: str) -> str:
    """The same for a terminal."""
    width = max(len(each.name) for each in seen)
    lines = ["agents"]
    for each in seen:
        mark = {True: "✓", False: "✗", None: "?"}[each.usable]
        state = {True: "", False: each.missing, None: "only a turn shows whether it works: `orchestrator doctor --live`"}[each.usable]
        words = "; ".join(part for part in (each.version, state, "" if each.configured or not each.usable else "not configured") if part)
        lines.append(f"  {mark} {each.name:<{width}}  {each.kind:<8}  {words}".rstrip())
        if each.way and each.usable is False:
            lines.append(f"    → {each.way}")
    return "\n".join([*lines, *([f"  → {said}"] if said else [])])
