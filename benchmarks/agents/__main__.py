"""The command: read a folder of PRDs, choose the agent, measure what is missing, write JSON and print the table."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import yaml

from benchmarks.__main__ import machine
from benchmarks.agents import exercises, measuring, table
from benchmarks.agents.exercises import Exercise
from orchestrator import __version__
from orchestrator.config import AgentConfig, ChatAgent, Config, ScriptedAgent
from orchestrator.errors import OrchestratorError
from orchestrator.run.agents.prices import is_local

PRDS = Path(__file__).with_name("prds")
CACHE = Path("~/.cache/tdd-bench")
URL = "http://127.0.0.1:8080/v1"


def main() -> int:
    if sys.argv[1:2] == ["table"]:
        return _print_tables(sys.argv[2:])
    options = _options()
    try:
        every = exercises.read(options.folder)
        agent = _agent(options)
    except (ValueError, OrchestratorError) as error:
        print(f"python -m benchmarks.agents: {error}", file=sys.stderr)
        return 2
    if unknown := set(options.only) - {exercise.name for exercise in every}:
        print(f"python -m benchmarks.agents: no such PRD in {options.folder}: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    chosen = tuple(exercise for exercise in every if not options.only or exercise.name in options.only)
    try:
        document = _document(options, every, agent)
    except ValueError as error:
        print(f"python -m benchmarks.agents: {error}", file=sys.stderr)
        return 2
    wanted = measuring.Wanted(chosen, options.arms, options.seeds, agent, options.cache.expanduser(), options.jobs)
    deadline = time.monotonic() + options.budget_minutes * 60 if options.budget_minutes is not None else None

    def keep() -> None:
        document["totals"], document["targets"] = table.totals(document), table.targets(document)
        document["missing"] = table.missing(document)
        part = options.out.with_name(f".{options.out.name}.part")
        part.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        part.replace(options.out)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        document["stopped"] = measuring.measure(wanted, document["units"], deadline, keep, _say)
    except KeyboardInterrupt:
        document["stopped"] = "interrupted"
    keep()
    sys.stdout.write(table.markdown(document))
    return 1 if document["stopped"] and document["stopped"] != "the time is over" else 0


def _say(line: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {line}", file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.agents", description=__doc__)
    parser.add_argument(
        "folder", nargs="?", type=Path, default=PRDS, help="PRDs, with their cases below examples/ (default: those beside this command)"
    )
    parser.add_argument("--url", default=URL, help=f"an OpenAI-compatible endpoint (default: {URL})")
    parser.add_argument("--model", default="", help="default: the first one that the endpoint lists")
    parser.add_argument("--config", type=Path, metavar="FILE", help="an orchestrator.yaml that names the agent, instead of --url")
    parser.add_argument("--agent", default="", metavar="NAME", help="which agent of --config (default: its first)")
    parser.add_argument("--only", type=_words, default=(), metavar="NAME,…", help="these PRDs")
    parser.add_argument("--arms", type=_arms, default=measuring.ARMS, metavar="ARM,…", help=f"default: {','.join(measuring.ARMS)}")
    parser.add_argument("--seeds", type=_seeds, default=(0,), metavar="N,…", help="default: 0")
    parser.add_argument(
        "--out", type=Path, default=Path("agents.json"), metavar="FILE.json", help="what is in it is not measured again (default: agents.json)"
    )
    parser.add_argument("--budget-minutes", type=float, metavar="N", help="ask nothing new after so long, and say what is missing")
    parser.add_argument("--jobs", type=_jobs, default=1, metavar="N", help="PRDs at once, for a model that answers several at once (default: 1)")
    parser.add_argument("--cache", type=Path, default=CACHE, metavar="FOLDER", help=f"where answers and environments are kept (default: {CACHE})")
    return parser.parse_args()


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _arms(text: str) -> tuple[str, ...]:
    words = _words(text)
    if unknown := set(words) - set(measuring.ARMS):
        raise argparse.ArgumentTypeError(f"no such arm: {', '.join(sorted(unknown))}; known: {', '.join(measuring.ARMS)}")
    return tuple(arm for arm in measuring.ARMS if arm in words)


def _seeds(text: str) -> tuple[int, ...]:
    try:
        return tuple(dict.fromkeys(int(word) for word in _words(text))) or (0,)
    except ValueError:
        raise argparse.ArgumentTypeError("whole numbers, for example 0,1,2") from None


def _jobs(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of PRDs: 1 or more")
    return int(text)


def _agent(options: argparse.Namespace) -> AgentConfig:
    """The agent as it is configured, with its model named. Raises ConfigError, ValueError or SetupError."""
    if options.config:
        values = yaml.safe_load(options.config.read_text(encoding="utf-8")) or {}
        known = Config.model_validate({"agents": values.get("agents") or {}}).agents
        name = options.agent or next(iter(known), "")
        if name not in known:
            raise ValueError(f"{options.config} names no agent {name!r}; it names: {', '.join(known) or 'none'}")
        agent = known[name]
    else:
        agent = ChatAgent(type="chat", url=options.url, extra={"repeat_penalty": 1.0} if is_local(options.url) else {})
    if isinstance(agent, ScriptedAgent):
        return agent.model_copy(update={"script": (options.config.parent / agent.script).resolve()})
    if isinstance(agent, ChatAgent):
        return agent.model_copy(update={"model": options.model or agent.model or _first_model(agent)})
    return agent


def _first_model(agent: ChatAgent) -> str:
    """Named once for all arms, so that what was answered is found again when the server is not there."""
    key = os.environ.get(agent.api_key_env, "") if agent.api_key_env else ""
    try:
        with httpx.Client(timeout=30, trust_env=not is_local(agent.url)) as client:
            listed = client.get(agent.url.rstrip("/") + "/models", headers={"Authorization": f"Bearer {key}"} if key else {})
        return str(listed.json()["data"][0]["id"])
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
        raise ValueError(f"{agent.url}: no model is listed ({error}); start the server, or name the model with --model") from None


def _document(options: argparse.Namespace, every: tuple[Exercise, ...], agent: AgentConfig) -> dict[str, Any]:
    """What is at --out already, or a new one. PRDs, arms and seeds that are there stay; what is of another wording of a PRD goes.

    Raises ValueError for figures of another product or agent: they are not put together.
    """
    old = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else {}
    about = agent.model_dump(mode="json", exclude_none=True, exclude={"url", "api_key_env"})
    source = measuring.product_hash()
    if old.get("units") and (old["agent"], old["versions"]["source"]) != (about, source):
        raise ValueError(f"{options.out} holds figures of another agent or of another version of the product; name another --out")
    wordings = {exercise.name: exercise.fingerprint for exercise in every}
    asked = [name for name in wordings if not options.only or name in options.only]
    return {
        "what": "benchmarks.agents",
        "folder": "own" if options.folder.resolve() == PRDS.resolve() else options.folder.resolve().name,
        "agent": about,
        "versions": {
            "orchestrator": __version__,
            "product": measuring.product_commit(),
            "source": source,
            "python": sys.version.split()[0],
        },
        "machine": {**machine(), "measured": datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ")},
        "jobs": max(options.jobs, old.get("jobs", 1)),
        "prds": [name for name in wordings if name in asked or name in old.get("prds", ())],
        "arms": [arm for arm in measuring.ARMS if arm in options.arms or arm in old.get("arms", ())],
        "seeds": sorted({*options.seeds, *old.get("seeds", ())}),
        "stopped": "",
        "totals": {},
        "targets": [],
        "missing": [],
        "units": [unit for unit in old.get("units", []) if wordings.get(unit["prd"]) == unit["of"]],
    }


def _print_tables(names: list[str]) -> int:
    if not names:
        print("usage: python -m benchmarks.agents table FILE.json…", file=sys.stderr)
        return 2
    for name in names:
        sys.stdout.write(table.markdown(json.loads(Path(name).read_text(encoding="utf-8"))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
