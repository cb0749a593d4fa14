"""Every arm of every PRD for every seed, in an order in which what is finished early can be compared; each is stored as it ends.

One shot comes first for all PRDs. Then, seed by seed and PRD by PRD, the other arms. What asked for nothing random is the same for every seed and is
measured once. What stands in the result already is not measured again. With several jobs as many PRDs are measured side by side, each by one of them.
"""

from __future__ import annotations

import hashlib
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.agents import exercises, naive, orchestrated, proxy
from benchmarks.agents.exercises import Exercise
from benchmarks.agents.naive import Claim
from benchmarks.measure import REPOSITORY
from orchestrator.config import AgentConfig, ChatAgent, Config
from orchestrator.errors import SetupError
from orchestrator.run import environment, limits
from orchestrator.run.agents import Agent, Unavailable, choose_ladder
from orchestrator.run.dependencies import Requirement

ARMS = ("one-shot", "plain-retry", "pipeline", "ablation")
NAME = "measured"
"""Of the agent in the configuration that the product gets."""


@dataclass(frozen=True)
class Wanted:
    """What is to be measured, and with what."""

    exercises: tuple[Exercise, ...]
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    agent: AgentConfig
    cache: Path
    """Answers and environments are kept there."""
    jobs: int = 1
    """PRDs that are measured side by side, and questions that are asked at once."""

    @property
    def agent_url(self) -> str:
        """The model's, '' of an agent that is not asked through the proxy."""
        return self.agent.url if isinstance(self.agent, ChatAgent) else ""


def order(wanted: Wanted) -> Iterator[tuple[Exercise, str, int]]:
    if "one-shot" in wanted.arms:
        yield from ((exercise, "one-shot", seed) for seed in wanted.seeds[:1] for exercise in wanted.exercises)
    for seed in wanted.seeds:
        for exercise in wanted.exercises:
            yield from ((exercise, arm, seed) for arm in ARMS if arm in wanted.arms and (arm != "one-shot" or seed != wanted.seeds[0]))


def measure(wanted: Wanted, units: list[dict[str, Any]], deadline: float | None, keep: Callable[[], None], say: Callable[[str], None]) -> str:
    """Add to `units` what is missing, and call `keep` after each. Returns why it stopped early, or ''. `deadline`: on the monotonic clock."""
    stopped: list[str] = []
    waiting, at_work, free = list(order(wanted)), set[str](), threading.Condition()

    def next_one() -> tuple[Exercise, str, int] | None:
        """The first that is missing, of a PRD that no other job is at; None at the end."""
        while True:
            waiting[:] = [each for each in waiting if not _known(units, *each)]
            if not waiting or stopped:
                return None
            if between.over:
                stopped.append("the time is over")
                return None
            if found := next((each for each in waiting if each[0].name not in at_work), None):
                waiting.remove(found)
                return found
            free.wait()

    def work() -> None:
        while True:
            with free:
                if (asked := next_one()) is None:
                    return
                at_work.add(asked[0].name)
            unit: dict[str, Any] = {"stopped": "interrupted"}
            try:
                unit = _unit(wanted, *asked, between)
            finally:
                with free:
                    at_work.discard(asked[0].name)
                    if "stopped" in unit:
                        stopped.append(str(unit["stopped"]))
                    else:
                        units.append({**unit, "of": asked[0].fingerprint})
                        keep()
                        say(_line(unit))
                    free.notify_all()

    with proxy.serve(wanted.agent_url, wanted.cache / "answers", Config().limits.turn_seconds, deadline, wanted.jobs) as between:
        if wanted.jobs == 1:
            work()
        else:
            _side_by_side(work, wanted.jobs, between)
    return stopped[0] if stopped else ""


def _side_by_side(work: Callable[[], None], jobs: int, between: proxy.Proxy) -> None:
    """As many threads of it. What goes wrong in one is raised here, and an interrupt ends the others as soon as they ask the model something."""
    with ThreadPoolExecutor(jobs) as pool:
        under_way = [pool.submit(work) for _ in range(jobs)]
        try:
            for each in as_completed(under_way):
                each.result()
        except BaseException:
            between.deadline = time.monotonic()
            raise


def _known(units: list[dict[str, Any]], exercise: Exercise, arm: str, seed: int) -> bool:
    known = [unit for unit in units if (unit["prd"], unit["arm"]) == (exercise.name, arm)]
    return any(unit["seed"] == seed or not unit["sampled"] for unit in known)


def _line(unit: dict[str, Any]) -> str:
    verdict = "FALSE DONE" if unit["false_done"] else "solved" if unit["solved"] else "not solved"
    named = f"{unit['prd']}, {unit['arm']}, seed {unit['seed']}"
    return f"{named}: {verdict}; {unit['turns']} turns, {unit['seconds']:.0f} s of the agent; {unit['reason'][:150]}"


def _unit(wanted: Wanted, exercise: Exercise, arm: str, seed: int, between: proxy.Proxy) -> dict[str, Any]:
    """One arm of one PRD for one seed, or {"stopped": why}: then it says nothing about the agent."""
    environments = wanted.cache / "environments"
    python = _python(exercise, environments)
    run = f"{exercise.name}-{arm}-{seed}"
    settings = wanted.agent
    if isinstance(settings, ChatAgent):
        settings = settings.model_copy(update={"url": between.url(run, seed)})
    started = time.monotonic()
    if arm in ("pipeline", "ablation"):
        claim = orchestrated.run(exercise, settings.model_dump(mode="json", exclude_none=True), environments, oracle=arm == "pipeline")
    else:
        agent = _agent(exercise, settings)
        claim = naive.one_shot(exercise, agent) if arm == "one-shot" else naive.plain_retry(exercise, agent, python, most_turns(exercise))
    wall = time.monotonic() - started
    account = between.accounts.get(run)
    if account and account.failed:
        return {"stopped": account.failed}
    judged = exercises.judge(exercise, claim.files, python)
    false = claim.done and not judged.solved
    return {
        "prd": exercise.name,
        "arm": arm,
        "seed": seed,
        "done": claim.done,
        "solved": judged.solved,
        "false_done": false,
        "cases": len(exercise.cases),
        "wrong": len(judged.wrong),
        "hidden_wrong": judged.hidden_wrong,
        "right_refused": sum(exercises.judge(exercise, files, python).solved for files in claim.refused),
        **_spent(claim, account),
        "wall_seconds": round(wall, 1),
        "reason": claim.reason,
        "attempts": list(claim.attempts),
        **({"code": {change.path: change.text for change in claim.files}, "wrong_cases": list(judged.wrong)} if false else {}),
    }


def most_turns(exercise: Exercise) -> int:
    """As many as the pipeline may take for its code: attempts as they are by default, for each of its tasks."""
    return limits.attempts(Config(), exercise.prd.budget) * len(exercise.tasks)


def _spent(claim: Claim, account: proxy.Account | None) -> dict[str, Any]:
    """Turns, tokens and seconds of the agent: as the proxy measured them first, else as the agent says."""
    if account is not None:
        told = [(answer.input_tokens, answer.output_tokens, answer.seconds) for answer in account.answers]
    else:
        told = [(turn.usage.input_tokens, turn.usage.output_tokens, turn.seconds) for turn in claim.turns]
    return {
        "sampled": any(answer.sampled for answer in account.answers) if account is not None else True,
        "turns": len(told),
        "input_tokens": _sum([each[0] for each in told]),
        "output_tokens": _sum([each[1] for each in told]),
        "seconds": round(sum(each[2] for each in told), 2),
        "model": account.answers[-1].model if account and account.answers else claim.turns[-1].model if claim.turns else "",
    }


def _sum(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _agent(exercise: Exercise, settings: AgentConfig) -> Agent:
    config = Config(agent=NAME, agents={NAME: settings})
    found = choose_ladder(exercise.tasks[0], "code", exercise.prd, config, Path.cwd())
    if isinstance(found, Unavailable):
        raise SetupError(str(found))
    return found[0]


def _python(exercise: Exercise, environments: Path) -> Path:
    """The interpreter that the pipeline would prepare for this PRD."""
    asked = tuple(Requirement(text, exercise.prd.path) for text in exercise.prd.dependencies)
    return environment.prepare(environments, asked).python


def product_hash() -> str:
    """Of the source of the product and of what asks it here: figures of another one are not put together with these."""
    files = [path for path in (REPOSITORY / "orchestrator").rglob("*") if path.suffix in (".py", ".j2")]
    files += [Path(__file__).with_name(f"{name}.py") for name in ("ablation", "exercises", "naive", "orchestrated")]
    seen = hashlib.sha256()
    for path in sorted(files):
        seen.update(path.relative_to(REPOSITORY).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return seen.hexdigest()[:16]


def product_commit() -> str:
    """The last commit that changed the product, '' without git."""
    argv = ["git", "-C", str(REPOSITORY), "log", "-1", "--format=%h %cs", "--", "orchestrator"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.stdout.strip()
